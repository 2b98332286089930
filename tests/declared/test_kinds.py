"""Generators by the kinds and keys of dialect files, with outputs and steps of somebody's own."""

import numpy as np
import pytest

import embinit
from embinit import EmbinitError, Generator, Model
from embinit.bitgen.steps import Steps
from embinit.dialects.declared.description import Where
from embinit.dialects.declared.kinds import KINDS, declared

FC = embinit.Linear(name="fc", in_features=3, out_features=2)


def serial(state, step, output, n):
    words = []
    for _ in range(n):
        state = step(state)
        words.append(output(state))
    return words


def shifted(bits, signed, *shifts):
    """x ^= x << a or x ^= x >> -a in a type of C, in Python's integers."""

    def step(x):
        for shift in shifts:
            number = x - 2**bits if signed and x >= 2 ** (bits - 1) else x
            x = (number ^ (number << shift if shift > 0 else number >> -shift)) % 2**bits
        return x

    return step


@pytest.mark.parametrize(
    ("kind", "keys", "step", "output", "width"),
    [
        (
            "lcg", {"multiplier": 1664525, "increment": 1013904223},
            lambda s: (s * 1664525 + 1013904223) % 2**32, None, 32,
        ),
        (
            "lcg", {"multiplier": 1103515245, "increment": 12345, "bits": 32},
            lambda s: (s * 1103515245 + 12345) % 2**32, lambda s: s >> 16 & 0x7FFF, 15,
        ),
        (
            "lcg", {"multiplier": 6364136223846793005, "increment": 1442695040888963407, "bits": 64},
            lambda s: (s * 6364136223846793005 + 1442695040888963407) % 2**64, lambda s: s >> 32, 32,
        ),
        (
            "lcg", {"multiplier": 6364136223846793005, "increment": 1, "bits": 64},
            lambda s: (s * 6364136223846793005 + 1) % 2**64, lambda s: s >> 11, 53,
        ),
        ("xorshift", {"shifts": [13, -17, 5]}, shifted(32, False, 13, -17, 5), None, 32),
        ("xorshift", {"shifts": [13, -17, 5], "state": "int32_t"}, shifted(32, True, 13, -17, 5), None, 32),
        (
            "xorshift", {"shifts": [13, -17, 5], "state": "uint64_t"},
            shifted(64, False, 13, -17, 5), lambda s: s % 2**32, 32,
        ),
        ("xorshift", {"shifts": [-3, 9], "state": "int64_t"}, shifted(64, True, -3, 9), None, 64),
        ("xorshift", {"shifts": [7, -9, 8], "state": "uint16_t"}, shifted(16, False, 7, -9, 8), None, 16),
    ],
)  # fmt: skip
@pytest.mark.parametrize("seed", [1, 42, 0xBEEF])
def test_kinds_with_states_are_their_serial_steps(kind, keys, step, output, width, seed):
    given = {} if output is None else {"output": output, "word_bits": width}
    generator = declared(kind, seed, {**keys, **given})

    expected = serial(seed, step, output or (lambda state: state), 12_000)
    assert generator.word_bits == width
    assert generator.copy().random_raw(12_000).tolist() == expected
    assert generator.jumped(11_000).random_raw(1000).tolist() == expected[11_000:]


@pytest.mark.parametrize("rand", embinit.bitgen.RANDS)
def test_rand_by_the_name_of_a_library(rand):
    assert declared("rand", 42, {"rand": rand}) == embinit.bitgen.RANDS[rand](42)


def test_the_other_kinds_are_those_of_python():
    same = [
        (declared("mt19937", 3, {}), embinit.MT19937(3)),
        (declared("pcg32", 3, {"stream": 2**63 + 5}), embinit.Pcg32(3, 5)),
        (declared("pcg64", 3, {}), embinit.Pcg64(3)),
        (declared("pcg64-dxsm", 3, {}), embinit.Pcg64Dxsm(3)),
        (declared("minstd", 3, {"multiplier": 48271}), embinit.Minstd(3, 48271)),
    ]
    for ours, expected in same:
        assert ours == expected
    seeded = embinit.Xoroshiro128Plus(3, (24, 16, 37))
    assert declared("xoroshiro128+", seeded.state, {"rotations": [24, 16, 37]}) == seeded


@pytest.mark.parametrize(
    ("kind", "seed", "keys", "message"),
    [
        ("lgc", 1, {}, "kind must be one of lcg, .*, got 'lgc'; did you mean lcg"),
        ("lcg", 1, {}, "kind lcg needs the key 'multiplier', which is missing"),
        ("lcg", 1, {"multiplier": 5, "increment": 1, "bit": 32}, "kind lcg has no key 'bit'; .*did you mean bits"),
        ("lcg", 1, {"multiplier": 4, "increment": 1}, "the multiplier of Lcg must be odd, got 4"),
        ("lcg", 1, {"multiplier": 5, "increment": 1, "bits": 48}, "bits of Lcg must be 32 or 64, got 48"),
        ("lcg", 1, {"multiplier": 5, "increment": 1, "word_bits": 33}, "must lie within its state of 32 bits"),
        ("lcg", 2**32, {"multiplier": 5, "increment": 1}, "the state of Lcg must be an integer from 0 to"),
        ("xorshift", 1, {"shifts": []}, "shifts of Xorshift must be one to three"),
        ("xorshift", 1, {"shifts": [32]}, "from 1 to 31"),
        ("xorshift", 1, {"shifts": [1, 0]}, r"got \[1, 0\]"),
        ("xorshift", 0, {"shifts": [13, -17, 5]}, "must not be 0"),
        ("xorshift", 1, {"shifts": [1], "state": "uint128_t"}, "the state of Xorshift must be one of uint16_t"),
        ("xorshift", 1, {"shifts": [1], "word_bits": 31}, "must be its state of 32 bits, got 31 bits"),
        ("minstd", 0, {}, "the state of Minstd must be from 1"),
        ("minstd", 1, {"modulus": 2**31}, "the modulus of minstd must be"),
        ("rand", 1, {"rand": "uclibc"}, "rand must be one of newlib"),
        ("xoroshiro128+", (0, 0), {}, "must not be 0"),
        ("xoroshiro128+", (1, 1), {"rotations": [1, 64, 2]}, "from 1 to 63"),
    ],
)
def test_what_is_wrong_is_named(kind, seed, keys, message):
    with pytest.raises(EmbinitError, match=message):
        declared(kind, seed, keys)


@pytest.mark.parametrize("kind", [kind for kind, each in KINDS.items() if each.make is not None and kind != "rand"])
def test_whoever_makes_a_kind_takes_its_keys(kind):
    """A key that only narrows another one, as `bits` does for an xorshift, is settled before."""
    given = {key: KINDS[kind].defaults.get(key) for key in KINDS[kind].keys}
    given |= {"multiplier": 5, "increment": 1, "bits": 32} if kind == "lcg" else {}
    given |= {"shifts": (13, -17, 5)} if kind == "xorshift" else {}
    KINDS[kind].settle(Where("a file"), given)

    keys = {key: value for key, value in given.items() if key != "output"}
    seed = (1, 2) if kind == "xoroshiro128+" else 1
    assert declared(kind, seed, keys).word_bits == (KINDS[kind].word_bits or 32)


def xorshift128(state, out):
    x, y, z, w = state.tolist()
    for i in range(out.size):
        t = x ^ (x << 11 & 0xFFFFFFFF)
        x, y, z = y, z, w
        w = w ^ w >> 19 ^ t ^ t >> 8
        out[i] = w
    state[:] = x, y, z, w


def test_steps_of_ones_own_are_read_by_every_sampler():
    """Marsaglia's xorshift128, whose first words he gives."""
    state = np.array([123456789, 362436069, 521288629, 88675123], np.uint32)
    generator = Steps(state, xorshift128, 32)

    assert generator.copy().random_raw(3).tolist() == [3701687786, 458299110, 2500872618]
    assert generator.jumped(200_000).random_raw(2).tolist() == generator.copy().random_raw(200_002)[-2:].tolist()
    assert generator.state == tuple(state.tolist())
    out = np.empty(5, np.float32)
    Generator(generator).uniform(0.0, 1.0, out=out)
    assert out.tolist() == ((Steps(state, xorshift128, 32).random_raw(5) >> 8) * np.float32(2**-24)).tolist()
    assert generator == Steps(state, xorshift128, 32).jumped(5) != Steps(state, xorshift128, 31)
    with pytest.raises(EmbinitError, match="cannot go back"):
        generator.advance(-1)


@pytest.mark.parametrize("dialect", ["odt", "torch", "portable", "gomlx"])
def test_fused_expression_is_for_declared_expressions_alone(dialect):
    message = f"dialect {dialect}: multiply_add must be one of separate, fused, got 'fused-expression': only a dialect"
    with pytest.raises(EmbinitError, match=message):
        Model("m", [FC], seed=1, dialect=dialect, multiply_add="fused-expression")
    with pytest.raises(EmbinitError, match=message):
        Generator(embinit.Xorshift32(1), dialect, multiply_add="fused-expression")
