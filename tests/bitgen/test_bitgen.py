"""Bit generators against the slow oracle, recorded words and O'Neill's published PCG32 vector."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embinit import EmbinitError, Pcg32, Xorshift32

from support import recorded, reference, strategies


def oracle(generator):
    """Return the reference generator in the same state."""
    if isinstance(generator, Xorshift32):
        return reference.Xorshift32(generator.state)
    other = reference.Pcg32(0, 0)
    other.state, other.increment = generator.state
    return other


def test_pcg32_begins_with_the_words_of_its_demo_program():
    words = [f"{word:08x}" for word in Pcg32(42, 54).random_raw(6)]

    assert words == ["a15c02b7", "7b47f409", "ba1d3330", "83d2f293", "bfa4784b", "cbed606e"]


@pytest.mark.parametrize("case", [c for c in recorded.cases("rng") if c["inputs"]], ids=lambda case: case["id"])
def test_xorshift32_gives_the_recorded_states(case):
    start = int(recorded.words(case, "state_after_seed", "m0")[0])
    generator = Xorshift32(start)

    assert recorded.same(case, "states", "m0", generator.random_raw(case["inputs"]["n_states"]))
    rest = generator.random_raw(case["inputs"]["n_floats"] - case["inputs"]["n_states"])
    assert recorded.words(case, "state_after", "m0")[0] == rest[-1] == generator.state


@given(strategies.bit_generators, strategies.sizes)
def test_words_are_those_of_the_oracle(generator, n):
    slow = oracle(generator)

    assert generator.random_raw(n).tolist() == [slow.draw() for _ in range(n)]


@given(strategies.bit_generators, st.lists(strategies.sizes, max_size=4))
def test_chunks_are_the_whole(generator, parts):
    whole = generator.copy().random_raw(sum(parts))
    chunks = [generator.random_raw(n) for n in parts]

    assert np.array_equal(whole, np.concatenate([np.empty(0, np.uint32), *chunks]))


@given(strategies.bit_generators, st.integers(0, 3000))
def test_advance_is_as_many_draws(generator, n):
    drawn, advanced = generator.copy(), generator.copy()
    drawn.random_raw(n)
    advanced.advance(n)

    assert drawn == advanced == generator.jumped(n)


@given(strategies.bit_generators, strategies.distances, strategies.distances)
def test_far_advances_are_those_of_the_oracle_and_add_up_and_return(generator, near, far):
    slow = oracle(generator)
    slow.jump(far)
    moved = generator.jumped(far)

    assert oracle(moved).__dict__ == slow.__dict__
    assert moved.jumped(near) == generator.jumped(near + far)
    assert moved.jumped(-far) == generator


def test_advancing_by_the_period_is_standing_still():
    assert Xorshift32(42).jumped(2**32 - 1) == Xorshift32(42)
    assert Pcg32(42, 54).jumped(2**64) == Pcg32(42, 54)
    assert Xorshift32(42).jumped(2**31) != Xorshift32(42)


@given(strategies.bit_generators, st.integers(0, 100))
def test_state_and_pickle_carry_the_stream(generator, n):
    generator.random_raw(n)
    pickled = pickle.loads(pickle.dumps(generator))
    assigned = Xorshift32(1) if isinstance(generator, Xorshift32) else Pcg32(0)
    assigned.state = generator.state
    words = generator.random_raw(50)

    assert np.array_equal(words, pickled.random_raw(50))
    assert np.array_equal(words, assigned.random_raw(50))


def test_generators_of_two_kinds_differ():
    assert Xorshift32(1) != Pcg32(1)
    assert Pcg32(1, 0) != Pcg32(1, 1)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Xorshift32(0),
        lambda: Xorshift32(-1),
        lambda: Xorshift32(2**32),
        lambda: Xorshift32(1.5),
        lambda: Xorshift32(True),
        lambda: Pcg32(2**64),
        lambda: Pcg32(0, 2**63),
        lambda: setattr(Pcg32(0), "state", (1, 2)),
        lambda: Xorshift32(1).random_raw(-1),
    ],
)
def test_states_out_of_range_are_errors(make):
    with pytest.raises(EmbinitError, match="must"):
        make()
