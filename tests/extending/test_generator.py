"""The generator of docs/extending.md reads as embinit's own do: split anywhere, moved, jumped by threads."""

import numpy as np
import pytest

import embinit


def words(state, n):
    """The definition, in Python's integers."""
    for _ in range(n):
        state = (state + 0x9E3779B9) % 2**32
        z = (state ^ state >> 16) * 0x85EBCA6B % 2**32
        z = (z ^ z >> 13) * 0xC2B2AE35 % 2**32
        yield z ^ z >> 16


@pytest.fixture
def kind(outside):
    from acme.splitmix32 import SplitMix32

    return SplitMix32


def test_words_are_those_of_the_definition(kind):
    generator = kind(5)

    assert [*generator.random_raw(3).tolist(), *generator.random_raw(7).tolist()] == list(words(5, 10))
    generator.advance(-4)
    assert generator.random_raw(4).tolist() == list(words(5, 10))[6:]


@pytest.mark.parametrize("dialect", ["portable", "odt", "torch"])
def test_kernels_draw_the_same_from_it_in_pieces_and_on_threads(kind, dialect):
    n = 2**21 + 64
    whole, pieces = np.empty(n, np.float32), np.empty(n, np.float32)
    generators = [embinit.Generator(kind(5), dialect) for _ in range(2)]
    generators[0].uniform(-1, 1, out=whole)
    for piece in np.split(pieces, [16, 4096, 2**20]):
        generators[1].uniform(-1, 1, out=piece)

    assert (whole.view("u4") == pieces.view("u4")).all()
    assert generators[0].bitgen == generators[1].bitgen
