"""Formats from outside whose elements are no codes in steps: diagnose looks for seeds in what they hold."""

from dataclasses import replace

import numpy as np
import pytest

import embinit
from embinit import formats
from embinit.bundle import gather
from embinit.diagnose import diagnose
from embinit.formats.base import Encoded, largest

LEVELS = np.array([-1, -0.5, -0.25, -0.125, 0, 0.0625, 0.25, 1], np.float32)


class Bytes(formats.Format):
    """One byte for each element."""

    dtype = np.dtype("u1")


class Minifloat(Bytes):
    """Four bits of exponent, three of fraction, as fp8 has them: values differ by up to a sixteenth."""

    table = np.array(
        [sign * (m * 2.0**-9 if e == 0 else (8 + m) * 2.0 ** (e - 10)) for sign in (1, -1) for e in range(16)
         for m in range(8)], np.float32,
    )  # fmt: skip

    def encoded(self, values, groups, rounding):
        order = np.argsort(self.table, kind="stable")
        middles = (self.table[order][1:] + self.table[order][:-1]) / 2
        codes = order[np.searchsorted(middles, values)].astype(np.uint8)
        return Encoded(codes, formats.QuantizationParameters(), 0)

    def decode(self, data, groups, parameters, out):
        out[:] = self.table[data.reshape(-1)]


class Codebook(Bytes):
    """Levels that are not in steps, times a scale for each group."""

    grouping = "groups"

    def encoded(self, values, groups, rounding):
        scale = largest(self.name, values, groups)
        quotients = values / scale[groups.of(values.size)]
        codes = np.abs(quotients[:, None] - LEVELS).argmin(axis=1).astype(np.uint8)
        return Encoded(codes, formats.QuantizationParameters(scale=scale), 0)

    def decode(self, data, groups, parameters, out):
        out[:] = LEVELS[data.reshape(-1)] * parameters.scale[groups.of(out.size)]


class Blocks(Bytes):
    """A float16 and 32 bytes for every 32 elements."""

    packed = True

    def nbytes(self, n):
        return n // 32 * 34

    def encoded(self, values, groups, rounding):
        if values.size % 32:
            raise embinit.EmbinitError(f"{self.name} takes blocks of 32, got {values.size}")
        blocks = values.reshape(-1, 32)
        scale = (np.abs(blocks).max(axis=1, keepdims=True) / np.float32(127)).astype("<f2")
        codes = np.rint(blocks / scale.astype(np.float32)).clip(-127, 127).astype(np.int8)
        data = np.concatenate([scale.view(np.uint8), codes.view(np.uint8)], axis=1)
        return Encoded(data.reshape(-1), formats.QuantizationParameters(), 0)

    def decode(self, data, groups, parameters, out):
        blocks = np.ascontiguousarray(data.reshape(-1, 34))
        scale = np.ascontiguousarray(blocks[:, :2]).view("<f2").astype(np.float32)
        out[:] = (blocks[:, 2:].astype(np.int8) * scale).reshape(-1)


@pytest.mark.parametrize(
    ("kind", "key", "value"),
    [(Minifloat, "seed", 777), (Minifloat, "skip_words", 5), (Codebook, "seed", 777), (Blocks, "skip_words", 5)],
)
def test_a_seed_or_a_position(restored, kind, key, value):
    name = kind.__name__.lower()
    family = replace(formats.FORMATS["float32"], name=name)
    formats.register({family: (name, lambda name: kind(name, 8))})
    layers = [embinit.Linear(name="fc", in_features=32, out_features=8, weight_format=name, bias=False)]
    model = embinit.Model("m", layers, 42, "portable")
    dump = {entry.name: entry.payload for entry in gather(replace(model, **{key: value}).plan()).entries}

    found = diagnose(gather(model.plan()), dump, "dump").explanations[0]
    assert found.exact
    assert found.lines == {"[model]": f"{key} = {value}"}


class Nearest(Codebook):
    """A codebook that has one rounding."""

    default_rounding = "half_even"
    roundings = ("half_even",)


@pytest.mark.parametrize("rounding", ["floor", "stochastic"])
def test_a_rounding_that_a_format_has_not(restored, rounding):
    family = replace(formats.FORMATS["float32"], name="nearest")
    formats.register({family: ("nearest", lambda name: Nearest(name, 8))})
    fc = embinit.Linear(name="fc", in_features=4, out_features=2, weight_format="nearest", bias=False)

    assert embinit.Model("m", [fc], 42, "portable").stored()["fc.weight"].data.size == 8
    says = f"rounding of nearest must be one of half_even, got '{rounding}'"
    with pytest.raises(embinit.EmbinitError, match=f"layer 'fc': weight: {says}"):
        embinit.Model("m", [replace(fc, rounding=rounding)], 42, "portable")
    with pytest.raises(embinit.EmbinitError, match=says):
        embinit.encode(np.ones(8, np.float32), "nearest", rounding, embinit.Generator(embinit.Xorshift32(1)))


def test_a_format_that_draws_other_words_than_it_says(restored):
    family = replace(formats.FORMATS["float32"], name="undrawn")
    formats.register({family: ("undrawn", lambda name: Codebook(name, 8))})
    fc = embinit.Linear(name="fc", in_features=4, out_features=2, weight_format="undrawn", rounding="stochastic")

    with pytest.raises(embinit.EmbinitError, match=r"undrawn must draw the 8 words that its draws\(\) says, got 0"):
        embinit.Model("m", [fc], 42, "portable").stored()
