"""The oracle's arithmetic and generators against published words, recorded bits and the host's own float32 unit."""

import random
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from support import reference as ref
from support.recorded import bits, cases, same
from support.scripted import Scripted, float_bits


def each(*groups: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases(*groups), ids=lambda case: case["id"])


def nan_as_one(pattern: int) -> int:
    return ref.NAN if ref.is_nan(pattern) else pattern


# binary32


def patterns(n: int) -> list[int]:
    """Corners, near neighbours of powers of two, and random words."""
    corners = [0, 1, 2, 0x7FFFFF, 0x800000, 0x800001, 0x3EFFFFFF, 0x3F000000, 0x3F800000, 0x3F800001, 0x4B000001]
    corners += [0x4F000000, 0x7F7FFFFF, ref.INF, ref.NAN]
    chosen = random.Random(32)
    near_one = [0x3F000000 + chosen.getrandbits(24) for _ in range(n)]
    return [x | s for x in corners for s in (0, ref.SIGN)] + near_one + [chosen.getrandbits(32) for _ in range(n)]


def as_float32(xs: list[int]) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.array(xs, np.uint32).view(np.float32)


@pytest.mark.parametrize("name", ["add", "sub", "mul", "div"])
def test_arithmetic_is_the_hosts(name: str) -> None:
    xs = patterns(300)
    pairs = [(x, y) for x in xs[:30] for y in xs[:30]] + list(zip(xs, reversed(xs), strict=True))
    a, b = as_float32([x for x, _ in pairs]), as_float32([y for _, y in pairs])
    with np.errstate(all="ignore"):
        host = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide}[name](a, b)

    assert [getattr(ref, name)(x, y) for x, y in pairs] == [nan_as_one(z) for z in host.view(np.uint32).tolist()]


def test_sqrt_is_the_hosts() -> None:
    xs = patterns(1000)
    with np.errstate(all="ignore"):
        host = np.sqrt(as_float32(xs))

    assert [nan_as_one(ref.sqrt(x)) for x in xs] == [nan_as_one(z) for z in host.view(np.uint32).tolist()]


def test_fma_rounds_once() -> None:
    tiny, one = float_bits(2.0**-80), float_bits(1.0)
    x = float_bits(1 + 2.0**-12)

    assert ref.fma(x, x, tiny) == 0x3F801001  # rounding the double sum first gives 0x3f801000
    assert ref.fma(x, x, ref.f32(Fraction(-1) - Fraction(1, 2**11))) == float_bits(2.0**-24)
    assert ref.fma(float_bits(2.0**100), float_bits(2.0**100), ref.SIGN | ref.INF) == ref.SIGN | ref.INF
    assert ref.fma(one, ref.SIGN, ref.SIGN) == ref.SIGN
    assert ref.fma(one, one, float_bits(-1.0)) == 0
    assert ref.fma(one, one, ref.NAN | 5) == ref.NAN


def test_fma_is_add_and_mul_where_one_of_them_is_exact() -> None:
    xs = patterns(300)
    for x, y in zip(xs, reversed(xs), strict=True):
        assert ref.fma(x, float_bits(1.0), y) == ref.add(x, y)
        assert ref.fma(x, y, (x ^ y) & ref.SIGN) == ref.mul(x, y)


def test_round_f32_inverts_value_and_rounds_ties_to_even() -> None:
    for x in patterns(1000):
        if ref.is_finite(x):
            assert ref.round_f32(ref.value(x), x & ref.SIGN) == x
    for x in (0, 1, 0x7FFFFE, 0x7FFFFF, 0x800000, 0x3F7FFFFF, 0x3F800000, 0x7F7FFFFE):
        tie = (ref.value(x) + ref.value(x + 1)) / 2
        even = x + (x & 1)
        assert ref.round_f32(tie) == even
        assert ref.round_f32(tie - Fraction(1, 2**400)) == x
        assert ref.round_f32(tie + Fraction(1, 2**400)) == x + 1
        assert ref.round_f32(-tie) == even | ref.SIGN
    assert ref.round_f32(2**128 - 2**103) == ref.INF
    assert ref.round_f32(2**128 - 2**103 - 1) == 0x7F7FFFFF


def test_integers_times_powers_of_two_round_as_fractions() -> None:
    chosen = random.Random(7)
    for _ in range(2000):
        n, exponent = chosen.choice((1, -1)) * chosen.getrandbits(chosen.randint(1, 60)), chosen.randint(-200, 130)
        assert ref.round_dyadic(n, exponent, ref.SIGN) == ref.round_f32(n * Fraction(2) ** exponent, ref.SIGN)


def test_order_sorts_as_the_host() -> None:
    xs = [x for x in patterns(300) if not ref.is_nan(x)]
    for x, y in zip(xs, reversed(xs), strict=True):
        a, b = as_float32([x, y])
        assert (ref.order(x) < ref.order(y), ref.order(x) == ref.order(y)) == (a < b, a == b)


# Bit generators


@pytest.mark.parametrize("n", [0, 1, 2, 31, 1000, -1, -777])
def test_jumps_are_that_many_draws(n: int) -> None:
    for generator in (ref.Xorshift32(0xDEADBEEF), ref.Pcg32(42, 54)):
        start = generator.state
        generator.jump(n)
        for _ in range(-n):
            generator.draw()
        reached, generator.state = generator.state, start
        for _ in range(n):
            generator.draw()
        assert reached == generator.state


def test_jumps_add_up_and_close() -> None:
    """The period of xorshift32 is 2^32 - 1 and no proper divisor of it; that of PCG32 is 2^64."""
    xorshift, pcg = ref.Xorshift32(7), ref.Pcg32(7, 1)
    for generator, period in ((xorshift, 2**32 - 1), (pcg, 2**64)):
        start = generator.state
        generator.jump(period)
        assert generator.state == start
        generator.jump(2**64 - 12345)
        generator.jump(12345 - 2**64)
        assert generator.state == start
    for prime in (3, 5, 17, 257, 65537):
        xorshift.jump((2**32 - 1) // prime)
        assert xorshift.state != 7
        xorshift.state = 7
    start = pcg.state
    pcg.jump(2**63)
    assert pcg.state != start


def test_pcg32_is_the_published_demo() -> None:
    pcg = ref.Pcg32(42, 54)

    assert [pcg.draw() for _ in range(6)] == [
        0xA15C02B7,
        0x7B47F409,
        0xBA1D3330,
        0x83D2F293,
        0xBFA4784B,
        0xCBED606E,
    ]


def test_mt19937_is_the_one_of_the_cpp_standard() -> None:
    twister = ref.MT19937(5489)
    drawn = [twister.draw() for _ in range(10000)]

    assert (drawn[0], drawn[-1]) == (3499211612, 4123659995)


@each("rng")
def test_rng(case: dict[str, Any]) -> None:
    inputs = case["inputs"]
    generator = ref.odt_seeded(inputs.get("seed"))
    if "n_floats" not in inputs:
        assert same(case, "state", "x86", [generator.state])
        return
    assert same(case, "state_after_seed", "x86", [generator.state])
    floats, states = [], []
    for _ in range(inputs["n_floats"]):
        floats.append(ref.odt_float(generator))
        states.append(generator.state)
    assert same(case, "floats", "x86", floats)
    assert same(case, "states", "x86", states[: inputs["n_states"]])
    assert same(case, "state_after", "x86", [generator.state])


def test_seed_zero_in_each_dialect() -> None:
    assert [ref.odt_seeded(0, d).state for d in ("odt", "odt-2026-06", "odt-2026-04")] == [0xFFFFFFFF, 0xFFFFFFFF, 1]


@each("shuffle")
def test_shuffle(case: dict[str, Any]) -> None:
    generator, indices = ref.odt_seeded(case["inputs"]["seed"]), list(range(case["inputs"]["n"]))
    for k in range(case["inputs"]["rounds"]):
        ref.odt_shuffle(indices, generator)
        assert same(case, f"perm{k}", "x86", indices)
        assert same(case, f"state_after{k}", "x86", [generator.state])


def test_shuffle_rejects_the_top_draws_even_for_powers_of_two() -> None:
    """0xFFFFFFFF mod 2 is 1, so two elements accept x < 0xFFFFFFFE; of three, the limit is 0xFFFFFFFF itself."""
    generator, pair = Scripted(0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFC), [0, 1]
    ref.odt_shuffle(pair, generator)
    assert (pair, generator.left) == ([1, 0], [])
    generator, triple = Scripted(0xFFFFFFFF, 0xFFFFFFFE, 0), [0, 1, 2]
    ref.odt_shuffle(triple, generator)
    assert (triple, generator.left) == ([1, 0, 2], [])


@each("bernoulli")
def test_bernoulli(case: dict[str, Any]) -> None:
    inputs, generator = case["inputs"], ref.odt_seeded(case["inputs"]["seed"])
    chosen = ref.odt_bernoulli(bits(inputs["prob_true"]), inputs["n"], generator)
    buffer = bytes([inputs["fill_byte"]]) * ((inputs["n"] + 7) // 8)
    assert same(case, "mask", "x86", list(ref.odt_mask(buffer, chosen)))
    assert same(case, "state_after", "x86", [generator.state])


def test_bernoulli_at_its_bounds() -> None:
    assert ref.odt_bernoulli(0, 2, Scripted(0, 0xFFFFFFFF)) == [False, False]
    assert ref.odt_bernoulli(float_bits(1.0), 2, Scripted(0, 0xFFFFFFFF)) == [True, True]
    assert ref.odt_bernoulli(float_bits(0.5), 2, Scripted(0x7FFFFFFF, 0x80000000)) == [True, False]
