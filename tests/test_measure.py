"""``measure`` sees the memory and the time of its block."""

import time

import pytest

from helpers.measure import measure


def test_it_sees_a_big_block_and_a_nap():
    with measure() as cost:
        block = bytearray(b"x") * 200_000_000
        time.sleep(0.05)
        del block
    assert 150 < cost.megabytes < 300
    assert 0.05 <= cost.seconds < 10


def test_it_fills_in_the_cost_of_a_block_that_fails():
    with pytest.raises(KeyError), measure() as cost:
        raise KeyError
    assert cost.seconds > 0
