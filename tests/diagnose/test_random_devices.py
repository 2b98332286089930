"""A few of the random devices of support/random_devices.py: what is named reproduces every bit that it explains."""

import pytest

from support import random_devices


@pytest.mark.parametrize("first", range(0, 16, 4))
def test_what_is_named_reproduces_every_bit(first):
    for number in range(first, first + 4):
        random_devices.check(number)
