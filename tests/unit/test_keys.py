"""Keys of a dialect with JAX's rules for them, and the refusals of dialects without."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

import embinit
from embinit.bitgen.counters import threefry2x32
from embinit.dialects.keys import Key, Keys
from embinit.dialects.portable import PORTABLE
from embinit.dialects.seeds import Integers


def hashed(key: Key, x: int, y: int) -> Key:
    words = threefry2x32((key[0], key[1]), np.array([x], np.uint32), np.array([y], np.uint32))
    return int(words[0][0]), int(words[1][0])


def split(key: Key, n: int) -> Iterator[Key]:
    return (hashed(key, 0, i) for i in range(n))


KEYED = replace(
    PORTABLE,
    name="keyed",
    seeds=Integers(),
    seeded=embinit.Threefry2x32,
    keys=Keys(
        lambda key: embinit.Threefry2x32.keyed((key[0], key[1])), split, lambda key, data: hashed(key, 0, data % 2**32)
    ),
)


def test_keys_are_those_of_jax() -> None:
    # JAX: jax.random.split(jax.random.key(42)), jax.random.fold_in(jax.random.key(42), 1)
    g = embinit.Generator.seeded(42, KEYED)
    assert g.key == (0, 42)
    assert [each.key for each in g.split(2)] == [(1832780943, 270669613), (64467757, 2916123636)]
    assert g.fold_in(1).key == g.split(2)[1].key
    assert embinit.Generator.seeded(-1, KEYED).key == (0, 0xFFFFFFFF)


def test_a_generator_stays_where_it_is_and_its_keys_draw_from_their_start() -> None:
    g = embinit.Generator.seeded(7, KEYED, target="cortex-m4f")
    first, again = np.empty(3, np.float32), np.empty(3, np.float32)
    g.split(1)[0].uniform(-1, 1, first)
    g.uniform(-1, 1, again)
    g.split(1)[0].uniform(-1, 1, again)
    assert first.tobytes() == again.tobytes()
    assert (g.drawn, g.fold_in(3).drawn, g.fold_in(3).build) == (3, 0, g.build)


@pytest.mark.parametrize("what", ["key", "split", "fold_in"])
@pytest.mark.parametrize("dialect", ["odt", "torch", "portable", "tinn"])
def test_dialects_without_keys_say_so(dialect: str, what: str) -> None:
    g = embinit.Generator.seeded(1, dialect)
    with pytest.raises(
        embinit.EmbinitError, match=f"dialect {dialect} has no keys, and so no {what}: .* call Generator.seeded"
    ):
        getattr(g, what) if what == "key" else getattr(g, what)(1)


def test_what_is_no_key_number_or_data_is_refused() -> None:
    g = embinit.Generator.seeded(1, KEYED)
    for n in (-1, 1.5, True, 2**40):
        with pytest.raises(embinit.EmbinitError, match="n must be an integer from 0 to"):
            g.split(n)  # type: ignore[arg-type]
    for data in (1.5, True, "a"):
        with pytest.raises(embinit.EmbinitError, match="data must be an integer, got"):
            g.fold_in(data)  # type: ignore[arg-type]
    with pytest.raises(embinit.EmbinitError, match="Pcg32 has no key, and so no split: use"):
        embinit.Generator(embinit.Pcg32(1), KEYED).split(2)
    without = replace(KEYED, keys=replace(KEYED.keys, fold_in=None)) if KEYED.keys else KEYED
    with pytest.raises(embinit.EmbinitError, match="has keys, but no fold_in: use split"):
        embinit.Generator.seeded(1, without).fold_in(1)
