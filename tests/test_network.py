"""The guard itself: what is not this machine is refused, and written down."""

import os
import subprocess
import sys

import pytest

from tests.conftest import NO_NETWORK


def attempt(code, tmp_path):
    log = tmp_path / "network.log"
    env = {**os.environ, "COURSE_NETWORK_LOG": str(log), "PYTHONPATH": str(NO_NETWORK)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=60)
    return done, log.read_text() if log.exists() else ""


@pytest.mark.parametrize(
    ("code", "logged"),
    [
        ("import socket; socket.create_connection(('192.0.2.1', 80), timeout=1)", "192.0.2.1"),
        ("import urllib.request; urllib.request.urlopen('http://example.org', timeout=1)", "example.org"),
    ],
)
def test_the_network_is_refused_and_the_attempt_written_down(code, logged, tmp_path):
    done, log = attempt(code, tmp_path)
    assert "the tests of the course refuse the network" in done.stderr
    assert logged in log


def test_this_machine_may_be_reached(tmp_path):
    code = """
import socket
with socket.create_server(("127.0.0.1", 0)) as server:
    socket.create_connection(server.getsockname()).close()
print("reached")
"""
    done, log = attempt(code, tmp_path)
    assert done.stdout == "reached\n", done.stderr
    assert log == ""
