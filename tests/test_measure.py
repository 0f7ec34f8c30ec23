"""``measure`` sees the memory and the time of its block."""

import subprocess
import sys

import pytest

from helpers.measure import measure

BLOCK = """
import time
from helpers.measure import measure
with measure({arguments}) as cost:
    block = bytearray(b"x") * 200_000_000
    time.sleep(0.1)
    del block
print(cost.megabytes, cost.seconds)
"""


@pytest.mark.parametrize("arguments", ["", "device='cpu'"])
def test_it_sees_a_big_block_and_a_nap(arguments):
    """In a process of its own: what a long-lived one gives back meanwhile would count against the block."""
    done = subprocess.run([sys.executable, "-c", BLOCK.format(arguments=arguments)], capture_output=True, text=True)
    megabytes, seconds = map(float, done.stdout.split())
    assert 180 < megabytes < 260
    assert 0.1 <= seconds < 10


def test_it_fills_in_the_cost_of_a_block_that_fails():
    with pytest.raises(KeyError), measure() as cost:
        raise KeyError
    assert cost.seconds > 0
