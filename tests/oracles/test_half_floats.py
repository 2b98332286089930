"""float16 and bfloat16 beside NumPy, ml_dtypes and exact fractions, and the C twin beside the package."""

import math
import random
from fractions import Fraction

import numpy as np
import pytest

import embinit
from embinit import EmbinitError, Linear, device
from embinit.bundle import gather
from embinit.formats import ROUNDINGS
from embinit.verify import verify

from support.answers import on_core, on_host
from support.compilers import HOST_COMPILERS
from support.requests.formats import UNITS

ml_dtypes = pytest.importorskip("ml_dtypes")

WITNESSES = {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16}
FRACTION_BITS = {"float16": 10, "bfloat16": 7}


def floats(n=20_000):
    """Floats of every kind: all magnitudes, about each half float and the middle between two, NaN and infinities."""
    chance = np.random.default_rng(8)
    halves = chance.integers(0, 2**16, n, dtype=np.uint16).view(np.float16).astype(np.float32).view(np.uint32)
    near = [halves + chance.integers(0, 3, n).astype(np.uint32) - np.uint32(1) + at for at in np.uint32([0, 0x1000])]
    brains = chance.integers(0, 2**16, n, dtype=np.uint32) << np.uint32(16)
    near += [brains + chance.integers(0, 3, n).astype(np.uint32) + at for at in np.uint32([0, 0x7FFF])]
    edges = np.float32(
        [65504, 65519.996, 65520, 65536, 3.3895314e38, 3.3961775e38, 2**-24, 2**-25, 2**-26, 0.0, np.inf]
    )
    given = np.concatenate([chance.integers(0, 2**32, n, dtype=np.uint32), *near]).view(np.float32)
    return np.concatenate([given, edges, -edges])


@pytest.mark.parametrize("name", WITNESSES)
def test_to_nearest_even_is_the_default(name):
    values = floats()
    with np.errstate(over="ignore", invalid="ignore"):
        expected = values.astype(WITNESSES[name])
    buffer = embinit.encode(values, name)
    nan = np.isnan(values)

    assert np.array_equal(buffer.data.view(np.uint16)[~nan], expected.view(np.uint16)[~nan])
    assert np.isnan(buffer.decode()[nan]).all()
    assert np.array_equal(np.signbit(buffer.decode()[nan]), np.signbit(values[nan]))
    assert np.array_equal(buffer.decode()[~nan], expected.astype(np.float32)[~nan])
    assert buffer.clipped == np.count_nonzero(np.isinf(expected) & np.isfinite(values))


def test_truncation_to_bfloat16_is_the_upper_half():
    values = floats()
    values = values[np.isfinite(values)]

    assert np.array_equal(embinit.encode(values, "bfloat16", "truncate").data, values.view(np.uint32) >> 16)


def rounded(value, name, rounding, unit):
    """The exact rule, in fractions: None for what is too large, or a fraction."""
    bits, least = FRACTION_BITS[name], -14 if name == "float16" else -126
    exact = Fraction(float(value))
    exponent = max(least, math.frexp(float(value))[1] - 1)
    step = Fraction(2) ** (exponent - bits)
    count = exact / step
    if rounding == "stochastic":  # two float32 sums, then half away
        shifted = np.float32(np.float32(float(count)) + np.float32(unit))
        count = Fraction(float(np.float32(shifted - np.float32(0.5))))
    whole = {
        "half_even": round,
        "truncate": int,
        "floor": lambda x: x.numerator // x.denominator,
    }.get(rounding, lambda x: int(x + Fraction(1 if x >= 0 else -1, 2)))(count)
    found = whole * step
    limit = Fraction(2) ** (16 if name == "float16" else 128)
    if abs(found) < limit:
        return found
    inward = rounding == "truncate" or (rounding == "floor" and found > 0)
    largest = limit - Fraction(2) ** ((15 if name == "float16" else 127) - bits)
    return (largest if inward else None) if found > 0 else (-largest if inward else None)


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("name", WITNESSES)
def test_every_rounding_beside_fractions(name, rounding):
    values = floats(120)
    values = values[np.isfinite(values)]
    generator = embinit.Generator(embinit.Xorshift32(99))
    words = generator.bitgen.copy().random_raw(values.size) if rounding == "stochastic" else [0] * values.size
    found = embinit.encode(values, name, rounding, generator).decode()

    for value, got, word in zip(values, found, words, strict=True):
        expected = rounded(value, name, rounding, (int(word) >> 8) * 2.0**-24)
        if expected is None:
            assert np.isinf(got)
            assert (got > 0) == (value > 0)
        else:
            assert Fraction(float(got)) == expected, (value, got)
    assert generator.drawn == (values.size if rounding == "stochastic" else 0)


# ---- The twin in C ----


@pytest.fixture(scope="module")
def requests():
    """Requests and what the package answers, for both formats and every rounding."""
    chance, asked = random.Random(3), []
    for name, fraction_bits in FRACTION_BITS.items():
        for rounding in ROUNDINGS:
            values = np.float32(chance.sample(floats(100).tolist(), 150))
            generator = embinit.Generator(embinit.Xorshift32(5))
            words = generator.bitgen.copy().random_raw(values.size)
            buffer = embinit.encode(values, name, rounding, generator)
            question = [fraction_bits, ROUNDINGS.index(rounding), values.size, *values.view(np.uint32), *words]
            asked.append(([*map(int, question)], [*buffer.data.view(np.uint16).tolist(), buffer.clipped]))
    return asked


@pytest.mark.parametrize("flags", [["-O0"], ["-O3", "-march=native", "-ffp-contract=fast"]], ids=["O0", "O3"])
@pytest.mark.parametrize("compiler", HOST_COMPILERS)
def test_the_twin_on_the_host(compiler, flags, requests, tmp_path):
    answers = on_host("half_floats", UNITS, requests, compiler, flags, tmp_path)

    assert [answer for _, answer in requests] == answers


@pytest.mark.device
@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m4f"])
def test_the_twin_on_emulated_cores(core, requests, tmp_path):
    assert on_core("half_floats", UNITS, requests, core, tmp_path) == [answer for _, answer in requests]


# ---- Models ----


@pytest.mark.device
@pytest.mark.parametrize("rounding", [None, "truncate", "stochastic"])
@pytest.mark.parametrize("target", ["cortex-m0", "cortex-m4f"])
def test_models_agree_with_their_c(target, rounding):
    layers = [
        Linear(in_features=9, out_features=5, weight_format="float16", bias_format="bfloat16", rounding=rounding),
        Linear(in_features=9, out_features=5, weight_format="bfloat16", bias_format="q15", rounding=rounding),
    ]
    bundle = gather(embinit.Model("m", layers, seed=3, target=target).plan())

    assert verify(bundle, device.run(bundle), target).agrees


def test_a_default_that_is_the_formats_own():
    keys = {"in_features": 4, "out_features": 3}
    model = embinit.Model("m", [Linear(name="a", **keys, weight_format="float16", bias_format="q7")], seed=1)

    assert [row.storage.rounding for row in model.plan().rows] == ["half_even", "half_away"]
    with pytest.raises(EmbinitError, match="float16 takes no group_size"):
        embinit.Model("m", [Linear(name="a", **keys, weight_format="float16", group_size=2)], seed=1)
