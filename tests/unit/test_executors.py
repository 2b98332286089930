"""NumPy and Numba run the same kernels: the same bits, whatever is drawn and held, and no Numba for small work."""

import math
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import embinit
from embinit import Generator
from embinit._kernels import jit
from embinit._kernels.fma import fma32, fma64
from embinit._kernels.fma_arrays import fma32_array, fma64_array
from embinit.dialects import DIALECTS
from embinit.errors import EmbinitError
from embinit.export import render

from support.executors import by_numba, by_numpy
from support.random_models import models

EXAMPLES = Path(__file__).parents[2] / "examples"
#: Sizes at which a kernel goes over to another loop, and their neighbours.
SIZES = [1, 15, 17, 129, 227, 513, 683, 3263, 8193]


def drawn(dialect, words, size, kind, fused):
    """Return the bits of an array and the state after it, or the error."""
    arithmetic = "fused" if fused else "separate"
    try:
        source = Generator(words, dialect, multiply_add=arithmetic)
        out = np.empty(size, source.dialect.element)
        if kind == "uniform":
            source.uniform(-0.3, 0.7, out)
        elif kind == "normal":
            source.normal(0.1, 0.7, out)
        else:
            source.fill(kind, out, 30, 20)
        return out.tobytes(), source.drawn, source.state
    except EmbinitError as error:
        return str(error)


@pytest.mark.parametrize("generator", [embinit.Xorshift32, embinit.Pcg32, embinit.MT19937, embinit.Minstd])
def test_values_are_the_same_at_every_size(generator):
    for dialect in ("odt", "odt-2026-06", "portable", "torch", "torch-nofma"):
        for size in SIZES:
            for kind in ("uniform", "normal"):
                with by_numpy():
                    one = drawn(dialect, generator(size), size, kind, dialect == "odt")
                with by_numba():
                    other = drawn(dialect, generator(size), size, kind, dialect == "odt")
                assert one == other, (dialect, size, kind)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_draws_the_same(dialect):
    for kind in ("uniform", "normal"):
        with by_numpy():
            one = drawn(dialect, DIALECTS[dialect].start(7, "newlib"), 1001, kind, False)
        with by_numba():
            other = drawn(dialect, DIALECTS[dialect].start(7, "newlib"), 1001, kind, False)
        assert one == other


@pytest.mark.parametrize("example", [path.stem for path in EXAMPLES.glob("*.toml")])
def test_every_example_is_the_same_in_all_its_files(example):
    plan = embinit.load(EXAMPLES / f"{example}.toml").plan()
    with by_numpy():
        one = render(plan)
    with by_numba():
        other = render(plan)
    assert one == other


FORMATS = [
    "q7",
    "q15",
    "q3.5",
    "int8",
    "int4",
    "sym4",
    "sym5",
    "sym8",
    "sym11",
    "asym8",
    "affine4",
    "affine8",
    "bfp8e5",
]


@pytest.mark.parametrize("name", [*FORMATS, "float16", "bfloat16", "sym_int32/8"])
def test_buffers_hold_the_same(name):
    values = np.random.default_rng(3).normal(0, 0.4, 3001).astype(np.float32)
    values[::97] = 0
    for size in (1, 65, 1025, 3001):
        for rounding in ("half_away", "half_even", "truncate", "floor", "stochastic"):
            for group_size in (None, 7):
                held = []
                for executor in (by_numpy, by_numba):
                    with executor():
                        try:
                            source = Generator(embinit.Xorshift32(5))
                            buffer = embinit.encode(values[:size], name, rounding, source, group_size)
                        except EmbinitError as error:
                            held.append(str(error))
                            continue
                        kept = [None if each is None else each.tobytes() for each in (buffer.scale, buffer.zero_point)]
                        held.append(
                            (buffer.data.tobytes(), kept, buffer.clipped, source.state, buffer.decode().tobytes())
                        )
                assert held[0] == held[1], (size, rounding, group_size)


@settings(max_examples=60)
@given(models())
def test_random_models_are_the_same(model):
    if isinstance(model, EmbinitError):
        return
    found = []
    for executor in (by_numpy, by_numba):
        with executor():
            try:
                found.append({name: (each.data.tobytes(), each.clipped) for name, each in model.stored().items()})
            except EmbinitError as error:
                found.append(str(error))
    assert found[0] == found[1]


#: Subnormals, the least normal numbers, powers of two, neighbours of ties, the largest numbers, infinity and NaN.
EDGES = np.array(
    [
        0x00000000, 0x00000001, 0x00000002, 0x00000003, 0x00400001, 0x007FFFFF, 0x00800000, 0x00800001, 0x0C000000,
        0x1A000001, 0x20000000, 0x26800000, 0x2B800001, 0x33000000, 0x33800001, 0x3E800000, 0x3EFFFFFF, 0x3F000001,
        0x3F7FFFFF, 0x3F800000, 0x3F800001, 0x3F800003, 0x3FFFFFFF, 0x40000000, 0x4B000001, 0x4B800001, 0x5F000001,
        0x5F7FFFFF, 0x7E800001, 0x7F000000, 0x7F7FFFFE, 0x7F7FFFFF, 0x7F800000, 0x7FC00000,
    ],
    np.uint32,
)  # fmt: skip


def of_all(bits):
    """Return all triples of some float32 and their negatives."""
    signed = np.concatenate([bits, bits | np.uint32(1 << 31)]).view(np.float32)
    return (np.ascontiguousarray(each).reshape(-1) for each in np.meshgrid(signed, signed, signed))


def fused(a, b, c):
    """Return what NumPy and what LLVM make of a * b + c, as bits without the sign of NaN."""
    compiled = np.empty_like(a)
    kernel, primitive = (fma32_array, fma32) if a.dtype == np.float32 else (fma64_array, fma64)
    with by_numba():
        kernel(a, b, c, compiled)
    with np.errstate(all="ignore"):
        computed = primitive(a, b, c)
    assert computed.dtype == a.dtype
    bits = np.uint32 if a.dtype == np.float32 else np.uint64
    return np.where(np.isnan(computed), 0, computed.view(bits)), np.where(np.isnan(compiled), 0, compiled.view(bits))


def test_a_fused_multiply_add_is_one_rounding_at_every_edge():
    one, other = fused(*of_all(EDGES))
    assert np.array_equal(one, other)


@pytest.mark.parametrize("near", [0, 1, 24, 48, 149, 200])
def test_a_fused_multiply_add_is_one_rounding_of_random_bits(near):
    """With a third operand that is `near` powers of two below the product, so that they meet in the last bits."""
    rng = np.random.default_rng(near)
    a, b = (rng.integers(0, 2**32, 200_000, np.uint64).astype(np.uint32).view(np.float32) for _ in range(2))
    with np.errstate(all="ignore"):
        exact = np.float64(a) * np.float64(b)
        noise = 1 + rng.integers(-(2**23), 2**23, a.size) * 2.0**-23
        c = np.float32(-exact * noise * 2.0**-near)
    one, other = fused(a, b, c)
    assert np.array_equal(one, other)


@given(*[st.floats(width=32, allow_nan=False, allow_infinity=False)] * 3)
def test_a_fused_multiply_add_is_the_exact_result_rounded(a, b, c):
    exact = Fraction(a) * Fraction(b) + Fraction(c)
    with np.errstate(all="ignore"):
        got = float(fma32(*map(np.float32, (a, b, c))))
    if exact == 0:
        assert got == 0
    elif math.isinf(got):
        assert abs(exact) >= Fraction(2) ** 128 - Fraction(2) ** 103
    else:
        with np.errstate(over="ignore"):
            below, above = (float(np.nextafter(np.float32(got), np.float32(way))) for way in (-np.inf, np.inf))
        off = abs(exact - Fraction(got))
        assert all(math.isinf(each) or off <= abs(exact - Fraction(each)) for each in (below, above))


def test_a_fused_multiply_add_of_doubles_is_one_rounding():
    rng = np.random.default_rng(5)
    a, b = rng.normal(size=3000), rng.normal(size=3000) * 2.0 ** rng.integers(-600, 600, 3000)
    c = -(a * b) * (1 + rng.integers(-2, 3, 3000) * 2.0**-52)
    special = np.array([0.0, -0.0, 1.0, -1.5, 5e-324, 2.0**-1022, 1.7e308, -1.7e308, np.inf, -np.inf, np.nan])
    x, y, z = (np.ascontiguousarray(each).reshape(-1) for each in np.meshgrid(special, special, special))
    one, other = fused(*(np.concatenate(pair) for pair in ((a, x), (b, y), (c, z))))
    assert np.array_equal(one, other)


SCRIPT = """
import sys
from embinit.__main__ import main
for model in sys.argv[1:]:
    status = main(["export", model, "-o", model.rpartition("/")[2]])
    print(model, status, "numba" in sys.modules, file=sys.stderr)
"""


def test_small_models_are_exported_without_numba(tmp_path):
    models = [str(EXAMPLES / f"{name}.toml") for name in ("quantized", "torch_layers", "kaun_conv")]
    done = subprocess.run([sys.executable, "-c", SCRIPT, *models], cwd=tmp_path, capture_output=True, text=True)
    for model in models:
        assert f"{model} 0 False" in done.stderr.splitlines()


def test_large_work_is_compiled(monkeypatch):
    ran = []
    monkeypatch.setattr(jit.Kernel, "left", 1000)
    monkeypatch.setattr(jit, "sys", type("System", (), {"modules": {}}))
    monkeypatch.setattr(jit.Kernel, "of_arrays", property(lambda self: lambda *_: ran.append("NumPy")))
    monkeypatch.setattr(jit.Kernel, "compiled", property(lambda self: lambda *_: ran.append("Numba")))
    few = jit.either_way(lambda values: None)

    few(np.empty(400))
    few(np.empty(400))
    few(np.empty(1))
    jit.kernel(lambda values: None)(np.empty(1))
    assert ran == ["NumPy", "Numba", "Numba", "Numba"]


#: A kernel names these without their module.
independent, at_a_time, total = jit.independent, jit.at_a_time, jit.total


def recurring(x):
    for i in independent(at_a_time(x.size - 3, 2)):
        x[i + 3] = x[i] + (x[i + 1] if x[i] > 5 else 1)


def counted(x, out):
    found = 0
    for i in independent(x.size):
        if x[i] > 2 and x[i] != 4:
            out[2 * i] = x[i]
        found += total(int(x[i] > 2 or x[i] == 0))
    return found


def test_the_source_of_a_kernel_is_run_on_arrays():
    one, other = np.arange(1, 20), np.arange(1, 20)
    jit.kernel(recurring)(one)
    jit.either_way(recurring).of_arrays(other)
    assert np.array_equal(one, other)
    assert other.tolist()[:8] == [1, 2, 3, 2, 3, 4, 3, 4]

    one, other = np.zeros(14, np.int64), np.zeros(14, np.int64)
    assert jit.kernel(counted)(np.arange(7), one) == jit.either_way(counted).of_arrays(np.arange(7), other) == 5
    assert one.tolist() == other.tolist() == [0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 5, 0, 6, 0]
