"""What every bit generator must do, on both sides of where its kernel changes its way."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embinit import EmbinitError

from support.bitgen_kinds import KINDS, all_classes

kinds = pytest.mark.parametrize("kind", KINDS)
#: On both sides of the runs, lanes and blocks of the kernels.
sizes = st.one_of(
    st.integers(0, 9), st.sampled_from([127, 255, 257, 511, 513, 2047, 2049, 2176, 8191, 8193, 9217, 12001])
)


def test_every_public_kind_is_here():
    assert {name.split(" ")[0] for name in KINDS} == {cls.__name__ for cls in all_classes()}


@kinds
@settings(max_examples=15)
@given(st.data())
def test_words_have_their_width_and_their_type(kind, data):
    generator = data.draw(KINDS[kind])
    words = generator.random_raw(2000)

    assert words.dtype == (np.uint32 if generator.word_bits <= 32 else np.uint64)
    assert int(words.max()) < 2**generator.word_bits
    assert generator.block == 1 or generator.counter_based


@kinds
@settings(max_examples=15)
@given(st.data())
def test_chunks_are_the_whole(kind, data):
    generator, parts = data.draw(KINDS[kind]), data.draw(st.lists(sizes, max_size=5))
    whole = generator.copy().random_raw(sum(parts))
    chunks = [generator.random_raw(n) for n in parts]

    assert whole.tolist() == [word for chunk in chunks for word in chunk.tolist()]


@kinds
@settings(max_examples=20)
@given(st.data())
def test_advance_is_as_many_draws(kind, data):
    generator, n = data.draw(KINDS[kind]), data.draw(sizes)
    drawn, advanced = generator.copy(), generator.copy()
    drawn.random_raw(n)
    advanced.advance(n)

    assert drawn == advanced == generator.jumped(n)
    assert drawn.random_raw(40).tolist() == advanced.random_raw(40).tolist()


@kinds
@settings(max_examples=10)
@given(st.data())
def test_far_jumps_add_up_and_return(kind, data):
    generator = data.draw(KINDS[kind])
    generator.random_raw(3)
    near, far = data.draw(st.integers(0, 5000)), data.draw(st.integers(0, 2**63))
    moved = generator.jumped(far)

    assert moved.jumped(near) == generator.jumped(near + far)
    assert moved.jumped(-far) == generator
    assert moved.jumped(-far).random_raw(5).tolist() == generator.random_raw(5).tolist()


@kinds
@settings(max_examples=10)
@given(st.data())
def test_state_copy_and_pickle_carry_the_stream(kind, data):
    generator, n = data.draw(KINDS[kind]), data.draw(sizes)
    assigned = generator.copy()
    generator.random_raw(n)
    copied, pickled = generator.copy(), pickle.loads(pickle.dumps(generator))
    assigned.state = generator.state

    words = generator.random_raw(50).tolist()
    for other in (copied, pickled, assigned):
        assert other.random_raw(50).tolist() == words
        assert other == generator


@kinds
@settings(max_examples=10)
@given(st.data())
def test_aligning_drops_what_is_left_of_a_block(kind, data):
    generator, n = data.draw(KINDS[kind]), data.draw(st.integers(0, 40))
    drawn = generator.copy()
    drawn.random_raw(n)
    dropped = drawn.align()

    assert dropped == -n % generator.block
    assert drawn == generator.jumped(n + dropped)
    assert drawn.align() == 0


@pytest.mark.parametrize("cls", sorted(all_classes(), key=lambda cls: cls.__name__), ids=lambda cls: cls.__name__)
@pytest.mark.parametrize("seed", [-1, 1.5, True, "1", 2**64])
def test_seeds_out_of_range_are_errors(cls, seed):
    wide = {"Pcg64": [2**64], "Pcg64Dxsm": [2**64], "Threefry2x32": [-1, 2**64]}
    if type(seed) is int and seed in wide.get(cls.__name__, []):
        assert cls(seed).random_raw(1).size == 1
        return
    with pytest.raises(EmbinitError, match="must"):
        cls(seed)


@kinds
def test_one_long_draw_is_many_short_ones(kind):
    """Vectors, whole blocks and their rests beside the serial way, twenty thousand words of it."""
    chance = np.random.default_rng(3)
    generator = next(iter(_some(KINDS[kind])))
    whole = generator.copy().random_raw(20_003)
    parts, left = [], whole.size
    while left:
        n = min(left, int(chance.integers(1, 100)))
        parts.append(generator.random_raw(n))
        left -= n

    assert np.array_equal(whole, np.concatenate(parts))


def _some(strategy):
    """Draw one generator from a strategy, outside of a property."""
    found = []

    @settings(max_examples=1, database=None)
    @given(strategy)
    def draw(generator):
        found.append(generator)

    draw()
    return found
