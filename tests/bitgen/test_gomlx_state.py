"""GoMLX's random state: Go's seeding with its table derived, the words of calls, and what a call must do."""

import pickle
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embinit import EmbinitError
from embinit.bitgen import gomlx
from embinit.bitgen.gomlx import GoMlxPcg, GoMlxPhilox, random_state

from support import gomlx as oracle
from support.sweeps import examples

int64 = st.one_of(
    st.sampled_from([0, 1, -1, 2**31 - 1, 2**31, -(2**31) + 1, 3 * (2**31 - 1), 2**63 - 1, -(2**63)]),
    st.integers(-(2**63), 2**63 - 1),
)
sizes = st.one_of(st.integers(0, 9), st.sampled_from([255, 256, 257, 511, 512, 513, 1000, 2048, 2051]))
KINDS = {GoMlxPcg: oracle.go_call, GoMlxPhilox: oracle.xla_call}
kinds = pytest.mark.parametrize("kind", KINDS)


def test_the_cooked_words_are_those_of_gos_table():
    """Go made its table by 7.8e12 draws, which is a power of x."""
    assert {i: oracle.cooked()[i] for i in gomlx._COOKED} == gomlx._COOKED


@settings(max_examples=examples(60), deadline=None)
@given(int64)
def test_the_state_of_a_seed_is_gos_math_rand(seed):
    assert list(random_state(seed)) == oracle.state_of(seed)


def test_recorded_states():
    cases = [(case, words) for case, words in oracle.recorded() if case["kind"] == "state_from_seed"]

    assert len(cases) == 10
    for case, words in cases:
        assert random_state(case["seed"]) == tuple(words.view(np.uint64).tolist())


def test_zero_is_a_multiple_of_the_modulus():
    assert random_state(0) == random_state(89482311) == random_state(-5 * (2**31 - 1))
    assert random_state(-1) == random_state(2**31 - 2)


@pytest.mark.parametrize("seed", [2**63, -(2**63) - 1, True, 1.0, None, "1"])
def test_a_seed_is_an_int64(seed):
    for kind in (GoMlxPcg, GoMlxPhilox):
        with pytest.raises(EmbinitError, match="int64"):
            kind(seed)


@kinds
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_calls_of_any_sizes(kind, data):
    seed, calls = data.draw(int64), data.draw(st.lists(sizes, max_size=4))
    generator, state = kind(seed), oracle.state_of(seed)
    for n in calls:
        expected, state = KINDS[kind](state, n)
        chunks = data.draw(st.lists(st.integers(0, n), max_size=3).map(sorted))
        edges = [0, *chunks, n]
        words = [generator.random_raw(b - a) for a, b in pairwise(edges)]

        assert np.concatenate(words).tolist() == expected
        assert generator.align() == -n % generator.block
        assert generator.align() == 0
        if kind is GoMlxPcg:
            assert generator.state == (tuple(state), 0)
        else:
            assert generator.state == (state[0], state[1] | state[2] << 64, 0)


@kinds
@settings(max_examples=25, deadline=None)
@given(int64, sizes, sizes)
def test_a_call_can_be_entered_anywhere(kind, seed, before, n):
    generator = kind(seed)
    words = generator.copy().random_raw(before + n)[before:]
    jumped = generator.jumped(before)

    assert jumped.copy().random_raw(n).tolist() == words.tolist()
    assert pickle.loads(pickle.dumps(jumped)).random_raw(n).tolist() == words.tolist()
    assert jumped.jumped(n).jumped(-n) == jumped
    again = kind(1)
    again.state = jumped.state
    assert again == jumped
    assert again.random_raw(n).tolist() == words.tolist()


def test_a_call_does_not_go_back_behind_its_start():
    generator = GoMlxPcg(1)
    generator.random_raw(3)
    generator.align()
    with pytest.raises(EmbinitError, match="cannot go back by 1 words: 0 have been drawn"):
        generator.advance(-1)


@pytest.mark.parametrize("state", [((2**64, 0, 0), 0), ((0, 0, -1), 0), ((0, 0, 0), -1), ((1.5, 0, 0), 0)])
def test_states_are_checked(state):
    with pytest.raises(EmbinitError, match="must be an integer from 0"):
        GoMlxPcg(1).state = state


def test_the_counter_carries_into_the_third_word():
    generator = GoMlxPhilox(1)
    generator.state = 5, 2**64 - 1, 0
    words, state = oracle.xla_call([5, 2**64 - 1, 0], 9)

    assert generator.random_raw(9).tolist() == words
    generator.align()
    assert generator.state == (5, state[1] | state[2] << 64, 0) == (5, 2**64 + 2, 0)
