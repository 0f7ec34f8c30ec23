"""Every Python process of the test suite, notebook kernels included, imports this at start-up (see tests/conftest.py).

A connection or a name look-up to anything but this machine is refused, and written to a file, so that a test fails even
where a library swallows the error. An audit hook sees every way into the socket module and cannot be taken off again.
"""

import os
import sys

LOCAL = ("127.", "localhost", "::1", "0.0.0.0")


def _refuse(event: str, arguments: tuple) -> None:
    if event not in ("socket.connect", "socket.getaddrinfo"):
        return
    target = arguments[1] if event == "socket.connect" else arguments[0]
    if isinstance(target, tuple):
        target = target[0]
    if isinstance(target, bytes):
        target = target.decode(errors="replace")
    if not target or not isinstance(target, str) or target.startswith(("/", "\0", *LOCAL)) or event_is_unix(arguments):
        return
    log = os.environ.get("COURSE_NETWORK_LOG")
    if log:
        with open(log, "a", encoding="utf8") as file:
            file.write(f"{event} {target}\n")
    raise OSError(f"the tests of the course refuse the network: {event} {target}")


def event_is_unix(arguments: tuple) -> bool:
    """Sockets between processes of this machine that have a path instead of an address."""
    return getattr(getattr(arguments[0], "family", None), "name", "") == "AF_UNIX"


sys.addaudithook(_refuse)
