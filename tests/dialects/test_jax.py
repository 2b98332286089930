"""Dialects jax: what JAX 0.10.2 and 0.6.2 returned, JAX's own CRCs over every mantissa, an oracle, and refusals."""

import json
import os
import zlib
from pathlib import Path

import numpy as np
import pytest

from embinit import EmbinitError, Generator, Model, initializers
from embinit.bitgen.base import Called
from embinit.targets import build_of

from support import reference_jax

VECTORS = Path(__file__).parents[1] / "vectors" / "jax"
RECORDED = json.loads((VECTORS / "vectors.json").read_text())["cases"]
EVERY = json.loads((VECTORS / "every_mantissa.json").read_text())
ERAS = {"jax": "0.10.2", "jax-0.6": "0.6.2"}
MANTISSAS = 2**23


def bits(values):
    return np.ascontiguousarray(values).view(np.uint32).ravel().tolist()


def filled(generator, initializer, shape, **fans):
    out = np.empty(shape, np.float32)
    generator.fill(initializer, out, **fans)
    return out


def of_key(g, name):
    """What the recorded array of a key holds, by its name."""
    if name.startswith("split"):
        return [word for each in g.split(int(name[5:])) for word in each.key]
    if name.startswith("fold"):
        g = g.fold_in({"fold0": 0, "fold77": 77, "foldbig": 4000000001}[name])
    return list(g.key)


def of_case(dialect, case, name, shape):
    g, kind = Generator.seeded(case["seed"], dialect, jit=name == "jit"), case["kind"]
    if kind == "bits":
        return g.bitgen.random_raw(int(np.prod(shape)))
    if kind == "uniform":
        out = np.empty(shape, np.float32)
        g.uniform(case["a"], case["b"], out)
        return out
    if kind == "normal":
        out = np.empty(shape, np.float32)
        g.normal(0, 1, out)
        return out
    if kind == "truncated_normal":
        return filled(g, {"name": kind, "stddev": 1.0, "lower": case["a"], "upper": case["b"]}, shape)
    return filled(g, {"name": case["fn"], **case["kwargs"]}, shape)


@pytest.mark.parametrize("dialect", ERAS)
def test_every_recorded_call(dialect):
    words = np.load(VECTORS / f"{ERAS[dialect]}.npz")["words"]
    compared = 0
    for case in RECORDED:
        for array in case["arrays"] if case["kind"] not in ("nnx", "linen") else ():
            expected = words[array["offset"] : array["offset"] + array["words"]].tolist()
            if case["kind"] == "key":
                found = of_key(Generator.seeded(case["seed"], dialect), array["name"])
            else:
                found = bits(of_case(dialect, case, array["name"], array["shape"]))
            assert expected == found, (case, array["name"])
            compared += 1
    assert compared == 178


class EveryMantissa(Called):
    """Words whose upper 23 bits count from 0."""

    def __init__(self):
        self.words = np.zeros(1, np.uint64)

    def draw(self, out):
        start = int(self.words[0])
        out[:] = np.arange(start, start + out.size, dtype=np.uint64).astype(np.uint32) << 9
        self.advance(out.size)

    def advance(self, delta):
        self.words = self.words + np.uint64(delta)

    @property
    def state(self):
        return int(self.words[0])


def over_every_mantissa(dialect, case):
    *names, jit = case.split() if case.endswith("jit") else (*case.split(), "")
    g = Generator.of(EveryMantissa(), dialect, build_of("host", jit=jit == "jit"))
    numbers = [float(each) for each in names if each[-1].isdigit()]
    out = np.empty(MANTISSAS, np.float32)
    if names[0] == "uniform":
        g.uniform(*numbers, out)
    elif names[0] == "normal":
        g.normal(0, 1, out)
    elif names[-3] == "truncated" and names[0] == "truncated":
        g.fill({"name": "truncated_normal", "stddev": 1.0, "lower": numbers[0], "upper": numbers[1]}, out)
    else:
        keys = {"normal": ["stddev"], "uniform": ["scale"], "truncated": ["stddev", "lower", "upper"]}[names[1]]
        name = "truncated_normal" if names[1] == "truncated" else names[1]
        g.fill({"name": name, **dict(zip(keys, numbers, strict=False))}, out)
    return out


@pytest.mark.parametrize(("dialect", "case"), [(dialect, case) for dialect in EVERY for case in EVERY[dialect]])
def test_every_mantissa_as_jax_maps_it(dialect, case):
    assert EVERY[dialect][case] == f"{zlib.crc32(over_every_mantissa(dialect, case)):08x}"


@pytest.mark.parametrize(
    ("dialect", "arithmetic"), [("jax", "fused"), ("jax-nofma", "separate"), ("jax-0.6", "fused-0.6")]
)
def test_the_formulas_of_the_specification(dialect, arithmetic):
    """One in 127 mantissas; all of them if EMBINIT_EXHAUSTIVE is set."""
    values = over_every_mantissa(dialect, "normal")
    chosen = np.arange(0, MANTISSAS, 1 if os.environ.get("EMBINIT_EXHAUSTIVE") else 127, dtype=np.uint32)
    for part in np.array_split(chosen, max(1, chosen.size // 2**18)):
        assert bits(reference_jax.normal(part << 9, arithmetic)) == bits(values[part])


@pytest.mark.parametrize("initializer", ["lecun_normal", "glorot_uniform", {"name": "normal", "stddev": 0.37}])
def test_any_chunks_and_threads_give_the_same_words(initializer):
    g = Generator.seeded(7, "jax")
    whole, parts = np.empty((300, 7), np.float32), np.empty((300, 7), np.float32)
    g.copy().fill(initializer, whole, fan_in=5, fan_out=9)
    for part in np.split(parts, [1, 2, 77, 201]):
        g.fill(initializer, part, fan_in=5, fan_out=9)
    assert bits(whole) == bits(parts)
    ahead = Generator.seeded(7, "jax")
    ahead.advance(7 * 201)
    assert bits(filled(ahead, initializer, (99, 7), fan_in=5, fan_out=9)) == bits(whole[201:])
    large = np.empty(2**21 + 5, np.float32)
    Generator.seeded(7, "jax").normal(0, 1, large)
    tail = Generator.seeded(7, "jax")
    tail.advance(2**21 - 3)
    last = np.empty(8, np.float32)
    tail.normal(0, 1, last)
    assert bits(large[-8:]) == bits(last)


def test_seeds_wrap_at_32_bits():
    for seed in (-1, 2**32, 2**63 - 1, -(2**63)):
        assert Generator.seeded(seed, "jax").key == (0, seed % 2**32)
    for seed in (2**63, -(2**63) - 1, True, 1.0):
        with pytest.raises(EmbinitError, match="seed must be an integer from -9223372036854775808 to"):
            Generator.seeded(seed, "jax")


def test_gains_are_part_of_the_scale():
    assert bits(filled(Generator.seeded(1, "jax"), initializers.variance_scaling(1.0, gain=2.0), (4, 3))) == bits(
        filled(Generator.seeded(1, "jax"), initializers.variance_scaling(4.0), (4, 3))
    )


@pytest.mark.parametrize(
    ("initializer", "shape", "message"),
    [
        ("orthogonal", (3, 3), "orthogonal has no bits of its own"),
        ("delta_orthogonal", (3, 3), "orthogonal has no bits of its own"),
        ("lecun_normal", (5,), "it must be at least 2D"),
        ("lecun_normal", (0, 5), "it must not be 0"),
        ({"name": "lecun_normal", "in_axis": 2}, (4, 5), "in_axis must be from -2 to 1"),
        ({"name": "normal", "mean": 1.0}, (3,), "has no key 'mean'"),
        (initializers.normal(1.0, 2.0), (3,), "with a mean of 0"),
        ({"name": "truncated_normal", "lower": 1.0, "upper": 1.0}, (3,), "lower must be below upper"),
        ({"name": "normal", "stddev": 1e-30}, (3,), "at least 2\\^-78"),
        ({"name": "uniform", "scale": 1e-40}, (3,), "at least 2\\^-78"),
        (initializers.uniform(-3e38, 3e38), (3,), "a finite float32 number"),
        (initializers.trunc_normal(), (3,), "dialect jax has no"),
    ],
)
def test_what_jax_cannot_do_is_refused(initializer, shape, message):
    with pytest.raises(EmbinitError, match=message):
        filled(Generator.seeded(1, "jax"), initializer, shape)


def test_bounds_whose_erf_depends_on_glibc_are_refused_under_jit():
    table = {"name": "truncated_normal", "stddev": 1.0, "lower": -0.2, "upper": 3.5}
    filled(Generator.seeded(1, "jax"), table, (3,))
    with pytest.raises(EmbinitError, match=r"truncated at -0.200000003 are other ones .* initialize without jit"):
        filled(Generator.seeded(1, "jax", jit=True), table, (3,))


@pytest.mark.parametrize(
    ("lower", "upper", "under_jit", "eager"),
    [
        (0.5, 1.3, 0xB15691D6, 0x2E34FC30),
        (-1.0, 3.0, 0x95D819F9, 0x95D819F9),
        (-0.3, 2.2, 0xEA41BB50, 0x5B7FA61D),
        (-2.7, 0.1, 0x36D0B4C8, 0x107F0A41),
        (-3.1, -0.7, 0x15F19C10, 0x315D93D5),
        (1.5, 4.5, 0xCEBE82E4, 0x06254241),
    ],
)
def test_bounds_that_xla_s_compiler_takes_erf_of(lower, upper, under_jit, eager):
    table = {"name": "truncated_normal", "stddev": 0.37, "lower": lower, "upper": upper}
    for jit, crc in ((True, under_jit), (False, eager)):  # of 1000 values of JAX 0.10.2 on glibc 2.36
        assert zlib.crc32(filled(Generator.seeded(7, "jax", jit=jit), table, 1000).tobytes()) == crc


def test_other_dialects_refuse_what_is_jax_s():
    with pytest.raises(EmbinitError, match="fan_geo_avg belongs to jax and flax"):
        filled(Generator.seeded(1, "torch"), initializers.variance_scaling(1.0, "fan_geo_avg", "normal"), (3, 3))
    with pytest.raises(EmbinitError, match="jit must be false in dialect torch"):
        Generator.seeded(1, "torch", jit=True)
    with pytest.raises(EmbinitError, match="jit must be true or false, got 1"):
        Generator.seeded(1, "jax", jit=1)


def test_jax_has_no_layers():
    import embinit

    with pytest.raises(EmbinitError, match=r"dialect jax has no Linear; dialects with one: .*flax-nnx"):
        Model("m", [embinit.Linear(name="fc", in_features=2, out_features=1)], seed=1, dialect="jax")


def test_every_constant_of_the_c_library_is_in_the_specification():
    import re

    root = Path(__file__).parents[2]
    used = re.findall(r"0x([0-9a-f]{8})u", (root / "embinit" / "c" / "embinit_jax.c").read_text(encoding="utf-8"))
    section = (root / "SPEC.md").read_text(encoding="utf-8").partition("## 15. The jax and flax dialects")[2]
    kinds_of_bits = {"7fffffff", "3f000000"}  # masks, and the exponent of numbers in [0.5, 1)
    assert len(set(used) - kinds_of_bits) > 40
    assert not [each for each in set(used) - kinds_of_bits if each not in section]
