"""Parameters and states that a bit generator does not have are refused, and not read as others."""

import numpy as np
import pytest

from embinit import EmbinitError, Lcg, Pcg64, Xoroshiro128Plus, Xorshift
from embinit.bitgen.steps import Steps


def _steps():
    return Steps(np.array([5, 7], np.uint32), lambda state, out: None, word_bits=32)


def _set(generator, state):
    generator.state = state


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Xorshift(1, (True, -7, 17)), "shifts of Xorshift must be one to three integers"),
        (lambda: Xoroshiro128Plus(1, (True, 16, 37)), "rotations of Xoroshiro128Plus must be three integers"),
        (lambda: Lcg(1, bits=32.0), r"bits of Lcg must be 32 or 64, got 32\.0"),
        (lambda: _set(Pcg64(1), (1, 3, 5, 7)), "the state of Pcg64 must have 2 or 3 numbers, got 4"),
        (lambda: _set(_steps(), (1,)), "the state of Steps must have 2 words, got 1"),
        (lambda: _set(_steps(), (1, 2**32)), "a word of Steps must be an integer from 0 to 4294967295"),
    ],
)
def test_it_is_refused_by_name(build, message):
    with pytest.raises(EmbinitError, match=message):
        build()


def test_integers_of_numpy_are_integers():
    shifts, rotations = np.array([13, -7, 17]), np.array([24, 16, 37])

    assert Xorshift(1, shifts).random_raw(3).tolist() == Xorshift(1).random_raw(3).tolist()
    assert Xoroshiro128Plus(1, rotations) == Xoroshiro128Plus(1, (24, 16, 37))
    assert Xoroshiro128Plus(1, rotations).jumped(5) == Xoroshiro128Plus(1, (24, 16, 37)).jumped(5)


def test_a_state_of_steps_can_be_set():
    steps = _steps()
    steps.state = (1, 2)

    assert steps.state == (1, 2)
