"""MT19937 against the slow oracle, NumPy and the C++ standard; far jumps against drawing, and against NumPy's."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embinit import EmbinitError
from embinit._kernels import mt19937 as kernels
from embinit._kernels import stream
from embinit.bitgen import mt19937
from embinit.bitgen.mt19937 import MT19937

from support import reference

N = 624
seeds = st.one_of(st.sampled_from([0, 1, 42, 5489, 2**32 - 1]), st.integers(0, 2**32 - 1))
sizes = st.one_of(st.integers(0, 40), st.sampled_from([227, 623, 624, 625, 1248, 8191, 8192, 8193, 20000]))
far = st.integers(2**40, 2**64 - 1)


def test_it_is_the_one_of_the_cpp_standard():
    assert MT19937(5489).random_raw(10000)[-1] == 4123659995


@given(seeds, sizes)
def test_words_and_state_are_those_of_the_oracle(seed, n):
    generator, slow = MT19937(seed), reference.MT19937(seed)

    assert generator.random_raw(n).tolist() == [slow.draw() for _ in range(n)]
    assert generator.state == (tuple(slow.words), slow.position)


@given(seeds, sizes)
def test_words_and_state_are_those_of_numpy(seed, n):
    generator, other = MT19937(seed), np.random.RandomState(seed)

    assert np.array_equal(generator.random_raw(n), other.randint(0, 2**32, n, np.uint32))
    _, words, position, *_ = other.get_state()
    assert generator.state == (tuple(words.tolist()), position)


@given(seeds, st.lists(sizes, max_size=4))
def test_chunks_are_the_whole(seed, parts):
    whole = MT19937(seed).random_raw(sum(parts))
    generator = MT19937(seed)
    chunks = [generator.random_raw(n) for n in parts]

    assert np.array_equal(whole, np.concatenate([np.empty(0, np.uint32), *chunks]))


def test_single_words_are_those_of_blocks_and_both_mix():
    generator, single = MT19937(42), MT19937(42)
    words = [int(stream.next_word(MT19937.kind, single.words)) for _ in range(1300)]
    words += single.random_raw(600).tolist()
    words.append(int(stream.next_word(MT19937.kind, single.words)))

    assert words == generator.random_raw(1901).tolist()
    assert np.array_equal(generator.words, single.words)


# ---- Jumps ----


@given(seeds, st.integers(0, 1300), st.one_of(st.integers(0, 700), st.sampled_from([1247, 1248, 1249, 10**6])))
def test_advance_is_as_many_draws_and_returns(seed, before, n):
    generator = MT19937(seed)
    generator.random_raw(before)
    drawn, advanced = generator.copy(), generator.copy()
    drawn.random_raw(n)
    advanced.advance(n)

    assert np.array_equal(drawn.words, advanced.words)
    assert generator == advanced.jumped(-n)


@pytest.mark.parametrize("blocks", [1, 2, 3, 1000, 2**28 // N])
def test_polynomials_move_the_block_as_drawing_does(blocks):
    drawn, jumped = MT19937(7), MT19937(7)
    kernels.skip_blocks(drawn.words, blocks)
    kernels.jump(jumped.words, mt19937.coefficients(mt19937.power_of_z(blocks * N - 1)))

    assert np.array_equal(drawn.words, jumped.words)


def test_the_step_obeys_the_characteristic_polynomial():
    """It annihilates any bit of the words that are drawn; without its first term it does not."""
    sequence = MT19937(3).random_raw(2 * mt19937.DEGREE) & 1
    parity = np.zeros(mt19937.DEGREE, np.uint32)
    for power in range(mt19937.DEGREE + 1):
        if mt19937.CHARACTERISTIC >> power & 1:
            parity ^= sequence[power : power + mt19937.DEGREE]

    assert not parity.any()
    assert (parity ^ sequence[: mt19937.DEGREE]).any()


def test_a_jump_of_2_to_the_128_is_numpys():
    """NumPy's jump puts the block where it belongs, then gives its words, which are drawn already, once more."""
    generator, other = MT19937(1), np.random.MT19937()
    other.state = {"bit_generator": "MT19937", "state": {"key": generator.words[:N].copy(), "pos": N}}
    jumped = other.jumped()
    start = jumped.state["state"]["pos"]
    words = jumped.random_raw(N - start).astype(np.uint32)

    assert words.size > 20
    assert np.array_equal(words[1:], generator.jumped(2**128 - N + 1).random_raw(words.size - 1))


@settings(max_examples=2)
@given(seeds, far, far)
def test_far_advances_add_up_and_return(seed, one, other):
    generator = MT19937(seed)
    moved = generator.jumped(one)

    assert moved != generator
    assert moved.jumped(other) == generator.jumped(one + other)
    assert moved.jumped(-one) == generator
    assert generator.jumped(-other).jumped(other + 5) == generator.jumped(5)


def test_a_distance_is_an_integer():
    with pytest.raises(TypeError):
        MT19937(1).advance(1.5)


# ---- State ----


@given(seeds, st.integers(0, 1300))
def test_state_copy_and_pickle_carry_the_stream(seed, n):
    generator, assigned = MT19937(seed), MT19937(0)
    generator.random_raw(n)
    pickled, copied = pickle.loads(pickle.dumps(generator)), generator.copy()
    assigned.state = generator.state
    words = generator.random_raw(700)

    for other in (pickled, copied, assigned):
        assert np.array_equal(words, other.random_raw(700))


def test_equality_is_that_of_the_words_to_come():
    """The low bits of a block's first word, once it is drawn, move nothing; and a block may begin anywhere."""
    generator, other = MT19937(1), MT19937(1)
    other.words[0] ^= 1
    window = generator.copy()
    window.random_raw(100)
    following = window.copy()
    window.state = (tuple(reference_window(1, 100)), N)

    assert generator == other
    assert following == window
    assert following != generator
    assert generator != 1
    other.words[0] ^= 1 << 31
    assert generator != other


def reference_window(seed, drawn):
    """The 624 words of the recurrence before the one that is drawn next."""
    slow = reference.MT19937(seed)
    words = list(slow.words)
    for _ in range(drawn):
        slow.draw()
    return (words + slow.words)[drawn : drawn + N]


def test_a_block_of_which_nothing_is_drawn():
    generator, fresh = MT19937(9), MT19937(0)
    generator.random_raw(N)
    fresh.state = (generator.state[0], 0)
    words = fresh.random_raw(2 * N)

    assert np.array_equal(words, MT19937(9).random_raw(2 * N))
    assert fresh.jumped(-2 * N) == MT19937(9)
    again = MT19937(0)
    again.state = (generator.state[0], 0)
    assert again.jumped(0) == MT19937(9) == again.jumped(5).jumped(-5)
    assert again.random_raw(0).size == 0


@pytest.mark.parametrize(
    "make",
    [
        lambda: MT19937(-1),
        lambda: MT19937(2**32),
        lambda: MT19937(1.0),
        lambda: MT19937(True),
        lambda: setattr(MT19937(1), "state", ((1,) * 623, 0)),
        lambda: setattr(MT19937(1), "state", ((1,) * 624, 625)),
        lambda: setattr(MT19937(1), "state", ((1,) * 624, -1)),
        lambda: setattr(MT19937(1), "state", ((2**32,) * 624, 0)),
        lambda: setattr(MT19937(1), "state", ((2**31 - 1,) + (0,) * 623, 0)),
        lambda: MT19937(1).random_raw(-1),
    ],
)
def test_seeds_and_states_out_of_range_are_errors(make):
    with pytest.raises(EmbinitError, match="must"):
        make()


def test_the_repr_is_short():
    assert repr(MT19937(1)) == f"<MT19937 state=((1, 1812433254, ..., {MT19937(1).words[623]}), 624)>"
