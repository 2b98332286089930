"""PyTorch's fills: every recorded call, the slow oracle, and real PyTorch where it is installed."""

import json
import math
import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from embinit import EmbinitError, initializers
from embinit._kernels import pytorch as kernels
from embinit.bitgen.mt19937 import MT19937
from embinit.dialects.pytorch import TORCH, rules
from embinit.distributions import Dirac, Eye, Normal, TruncNormal, Uniform
from embinit.initializers import VarianceScaling

from support import reference
from support.recorded import torch_cases, torch_words
from support.torch_calls import (
    N,
    Stream,
    compare_with_torch,
    standing_before,
)

CAPABILITIES = {"avx2": True, "default": False}  # fused or not


# ---- Recorded calls ----


def check(case, stream, tensors):
    capability = "avx2" if stream.fused else "default"
    assert [entry["name"] for entry in case["arrays"]] == list(tensors)
    for entry in case["arrays"]:
        tensor = tensors[entry["name"]]
        assert list(tensor.shape) == entry["shape"]
        words = np.ascontiguousarray(tensor).reshape(-1).view(np.uint32)
        assert torch_words(case, entry["name"], capability).tolist() == words.tolist(), (case, entry["name"])
    assert stream.random_int32(1)[0] == case["next_random_int32"]
    stream.check_position()


def recorded(*kinds):
    cases = torch_cases(*kinds)
    assert cases
    return cases


@pytest.mark.parametrize("fused", CAPABILITIES.values(), ids=CAPABILITIES)
class TestRecorded:
    @pytest.mark.parametrize("name", ["random_int32", "random_int64", "randperm"])
    def test_integers(self, name, fused):
        for case in recorded(name):
            stream = Stream(case["seed"], fused)
            check(case, stream, {"": getattr(stream, name)(case["n"])})

    def test_uniform(self, fused):
        for case in recorded("uniform_"):
            stream = Stream(case["seed"], fused)
            check(case, stream, {"": stream.uniform_(case["n"], case["a"], case["b"])})

    def test_normal(self, fused):
        for case in recorded("normal_"):
            stream = Stream(case["seed"], fused)
            check(case, stream, {"": stream.normal_(case["n"], case["mean"], case["std"])})

    def test_init(self, fused):
        for case in recorded("init"):
            stream = Stream(case["seed"], fused)
            check(case, stream, {"": stream.init(case["fn"], case["shape"], **case["kwargs"])})

    def test_layers(self, fused):
        for case in recorded("layer"):
            stream = Stream(case["seed"], fused)
            check(case, stream, stream.layer(case["fn"], *case["args"], **case["kwargs"]))

    def test_models(self, fused):
        for case in recorded("model"):
            stream, tensors = Stream(case["seed"], fused), {}
            for i, (layer_type, args, kwargs) in enumerate(case["layers"]):
                for name, tensor in stream.layer(layer_type, *args, **kwargs).items():
                    tensors[f"{i}.{name}"] = tensor
            check(case, stream, tensors)

    def test_one_stream_of_all_fills(self, fused):
        for case in recorded("stream"):
            stream = Stream(case["seed"], fused)
            tensors = {f"{i}:{name}": getattr(stream, name)(*args) for i, (name, *args) in enumerate(case["ops"])}
            check(case, stream, tensors)


def test_every_recorded_case_is_checked():
    kinds = "random_int32 random_int64 randperm uniform_ normal_ init layer model stream"

    assert len(recorded(*kinds.split())) == 792


# ---- The slow oracle ----


def test_a_generator_can_stand_before_any_words():
    words = np.random.RandomState(1).randint(0, 2**32, N, np.uint32)

    assert standing_before(words).random_raw(N).tolist() == words.tolist()


def single(hexadecimal):
    return int(hexadecimal, 16)


L = [single(x) for x in "3d9021bb bdebd1b8 3def251a bdfe5d4f 3e11e9bf be2aae50 3e4cceac be7ffffc 3eaaaaaa".split()]
D = [single(x) for x in "bf490000 b97da000 b3222169".split()]
C = [single(x) for x in "37ccf5ce bab6061a 3d2aaaa5".split()]
S = [single(x) for x in "b94ca1f9 3c08839e be2aaaa3".split()]
HALF, ONE, TWO_PI = single("3f000000"), single("3f800000"), single("40c90fdb")


def slow_log(x):
    """LOG of the specification, by frexp."""
    m, e = math.frexp(float(reference.value(x)))
    if m < reference.value(single("3f3504f3")):
        e, m = e - 1, 2 * m
    e, t = reference.f32(e), reference.f32(m - 1)
    z, y = reference.mul(t, t), L[0]
    for coefficient in L[1:]:
        y = reference.fma(y, t, coefficient)
    y = reference.fma(reference.mul(y, t), z, reference.mul(e, single("b95e8083")))
    y = reference.fma(z ^ reference.SIGN, HALF, y)
    return reference.fma(e, single("3f318000"), reference.add(t, y))


def slow_sincos(x):
    """SINCOS of the specification."""
    j = (int(reference.value(reference.mul(x, single("3fa2f983")))) + 1) & ~1
    y, r = reference.f32(j), x
    for part in D:
        r = reference.fma(y, part, r)
    z = reference.mul(r, r)
    p = reference.mul(reference.fma(reference.fma(C[0], z, C[1]), z, C[2]), z)
    pc = reference.add(reference.fma(z, p, reference.mul(HALF, z) ^ reference.SIGN), ONE)
    p = reference.mul(reference.fma(reference.fma(S[0], z, S[1]), z, S[2]), z)
    ps = reference.fma(r, p, r)
    sine, cosine = (reference.add(v, 0) for v in ((pc, ps) if j & 2 else (ps, pc)))
    return sine ^ (reference.SIGN if j & 4 else 0), cosine ^ (0 if (j - 2) & 4 else reference.SIGN)


def slow_pair(k1, k2, mean, std):
    u1, u2 = (reference.round_f32(reference.Fraction(k, 2**24)) for k in (k1, k2))
    square = reference.mul(reference.f32(-2), slow_log(reference.sub(ONE, u1)))
    sine, cosine = slow_sincos(reference.mul(TWO_PI, u2))
    return [reference.fma(reference.mul(reference.sqrt(square), part), std, mean) for part in (cosine, sine)]


@pytest.mark.parametrize(("mean", "std"), [(0.0, 1.0), (-0.0, 1.0), (0.1, 0.3), (-1e-3, 1e-30), (1e6, 2.0)])
def test_large_normals_are_those_of_the_oracle(mean, std):
    """At the ends of their range, where a branch begins, at multiples of pi/4, and anywhere."""
    chance = random.Random(1)
    edges = [0, 1, 2, 3, 2**24 - 1, 2**24 - 2, 2**23, 2**23 + 1, 2**23 - 1]
    u1 = edges + [int((1 - math.sqrt(0.5) / 2**e) * 2**24) + d for e in range(4) for d in (-1, 0, 1)]
    u2 = edges + [i * 2**21 + d for i in range(8) for d in (-1, 0, 1) if i or d >= 0]
    pairs = [(k1, k2) for k1 in u1[:4] for k2 in u2[:4]] + list(zip(u1, u2, strict=False))
    pairs += [(chance.getrandbits(24), chance.getrandbits(24)) for _ in range(100)]
    pairs = pairs[: len(pairs) // 8 * 8]
    high = [chance.getrandbits(8) << 24 for _ in range(2 * len(pairs))]  # which must not count
    words = np.array(pairs).reshape(-1, 8, 2).transpose(0, 2, 1).reshape(-1) | high
    generator, out = standing_before(words), np.empty(words.size, np.float32)
    kernels.normal(generator.kind, generator.words, True, True, mean, std, math.nan, out)

    drawn = out.view(np.uint32).reshape(-1, 2, 8).transpose(0, 2, 1).reshape(-1, 2).tolist()
    assert drawn == [slow_pair(*pair, reference.f32(mean), reference.f32(std)) for pair in pairs]


BOUNDS = [
    (0.0, 1.0),
    (-0.1, 0.3),
    (-0.577, 0.577),
    (2.0**24, 2.0**24 + 2),
    (-0.0, 0.0),
    (5.0, 5.0),
    (-1e38, 1e38),
    (0, 1e-44),
]


@pytest.mark.parametrize("bounds", BOUNDS)
@pytest.mark.parametrize("fused", [True, False])
def test_uniforms_are_those_of_the_oracle(bounds, fused):
    """The largest draw among them, which may round to the upper bound and then gives the lower one."""
    words = np.array([0, 1, 0xFFFFFFFF, 0xFFFFFF, 0x800000, 0xFF800001, *range(2**23, 2**31, 2**22 + 12345)], np.uint32)
    generator, out, slow = standing_before(words), np.empty(words.size, np.float32), standing_before(words)
    kernels.uniform(generator.kind, generator.words, fused, *map(np.float32, bounds), out)

    class Words:
        draw = staticmethod(iter(slow.random_raw(words.size).tolist()).__next__)

    expected = [reference.torch_uniform(*bounds, Words(), fused) for _ in words]
    assert expected == out.view(np.uint32).tolist()


def test_no_symmetric_uniform_needs_more_than_one_rounding():
    """w = (k - 2^23) * (h * 2^-23), the form for devices without a multiply-add."""
    words = np.random.RandomState(5).randint(0, 2**32, N, np.uint32)
    for bound in [*np.random.RandomState(6).uniform(0, 2, 200), 2.0**-103, 2.0**126]:
        h = np.float32(bound)
        generator, out = standing_before(words), np.empty(N, np.float32)
        kernels.uniform(generator.kind, generator.words, True, -h, h, out)
        integers = (words & 0xFFFFFF).astype(np.int32) - 2**23

        assert np.array_equal(out, integers.astype(np.float32) * (h * np.float32(2.0**-23)))


@pytest.mark.parametrize("n", [16, 17, 31, 8192, 8193, 8207, 8208, 20000])
@pytest.mark.parametrize("fused", [True, False])
def test_the_last_block_is_drawn_anew(n, fused):
    """A fill is that of its whole blocks; the last 16 elements are those of a fill of 16 that follows n words."""
    whole, stream, tail = Stream(3, fused), Stream(3, fused), Stream(3, fused)
    values = whole.normal_(n, 0.5, 2.0)
    blocks = stream.normal_(n - n % 16, 0.5, 2.0)
    tail.generator.advance(n)
    expected = np.concatenate([blocks, np.empty(n % 16, np.float32)])
    if n % 16:
        expected[-16:] = tail.normal_(16, 0.5, 2.0)

    assert np.array_equal(expected, values)
    whole.check_position()


def test_a_pending_value_waits_for_a_small_fill():
    """It survives other fills, and is scaled by the fill that takes it."""
    one, other = Stream(1, True), Stream(1, True)
    four, scaled = one.normal_(4), Stream(1, True).normal_(4, 10.0, 2.0)
    three = other.normal_(3)
    assert not math.isnan(other.pending)
    other.uniform_(100)
    other.normal_(37)
    last = other.normal_(1, 10.0, 2.0)

    assert np.array_equal(four[:3], three)
    assert last[0] == scaled[3]
    assert math.isnan(other.pending)
    assert other.drawn == 8 + 100 + 37 + 16


def test_nothing_is_drawn_for_no_elements():
    stream = Stream(1, True)
    for fill in (stream.uniform_, stream.normal_, stream.trunc_normal_, stream.randperm, stream.random_int64):
        assert fill(0).size == 0
    assert stream.bernoulli_(0, 0.5).size == 0

    assert stream.generator == stream.start
    stream.trunc_normal_(0, a=2.0, b=3.0)
    assert stream.generator == stream.start


# ---- Rules ----


def test_the_documented_demo():
    """manual_seed(1); Linear(3, 4); Linear(4, 2)."""
    stream = Stream(1, True)
    first, second = stream.layer("Linear", 3, 4), stream.layer("Linear", 4, 2)

    assert [f"{x:.4f}" for x in first["weight"][0]] == ["0.2975", "-0.2548", "-0.1119"]
    assert [f"{x:08x}" for x in second["bias"].view(np.uint32)] == ["be2411d4", "3cc41f80"]


def test_only_the_low_32_bits_of_a_seed_count():
    assert rules.seeded(0) == rules.seeded(2**32) == rules.seeded(2**63) == rules.seeded(-(2**63))
    assert rules.seeded(-1) == MT19937(2**32 - 1)
    assert rules.seeded(5) != rules.seeded(6)


@pytest.mark.parametrize("fan", [274349613])
def test_bias_bounds_do_not_go_by_way_of_a_gain(fan):
    """The two doubles round to one float for every fan below this one."""
    bias, weight = (
        rules.distribution(initializer, fan, 1) for initializer in (rules.DEFAULT_BIAS, rules.DEFAULT_WEIGHT)
    )

    assert bias.high == 1 / math.sqrt(fan)
    assert np.float32(bias.high) != np.float32(weight.high)
    below = [rules.distribution(x, fan - 1, 1) for x in (rules.DEFAULT_BIAS, rules.DEFAULT_WEIGHT)]
    assert len({np.float32(x.high) for x in below}) == 1


@pytest.mark.parametrize(
    "make",
    [
        lambda: rules.seeded(2**64),
        lambda: rules.seeded(-(2**63) - 1),
        lambda: rules.seeded(1.5),
        lambda: rules.calculate_gain("gelu"),
        lambda: rules.fans((3,)),
        lambda: rules.distribution(Uniform(1.0, 0.5), 1, 1),
        lambda: rules.distribution(Uniform(-3e38, 3e38), 1, 1),
        lambda: rules.distribution(Normal(0.0, -1.0), 1, 1),
        lambda: rules.distribution(initializers.xavier_uniform(-1.0), 3, 4),
        lambda: rules.distribution(initializers.xavier_normal(-1.0), 3, 4),
        lambda: rules.distribution(initializers.he_normal(), 3, 4),
        lambda: TORCH.meaning(Eye(), (2, 2, 2), None),
        lambda: TORCH.meaning(Dirac(), (2, 2), None),
        lambda: TORCH.meaning(Dirac(groups=2), (3, 2, 2), None),
        lambda: rules.distribution(TruncNormal(0.0, 1.0, 3.0, 1e6), 1, 1),
    ],
)
def test_what_pytorch_refuses_is_an_error(make):
    with pytest.raises(EmbinitError):
        make()


def test_every_scheme_of_variance_scaling():
    """The relatives that other frameworks name differently share their bounds."""
    for fan_in, fan_out in ((3, 5), (64, 10)):
        he, kaiming = (
            rules.distribution(x, fan_in, fan_out) for x in (initializers.he_uniform(), initializers.kaiming_uniform())
        )
        assert he == kaiming
        out_mode = rules.distribution(VarianceScaling(1.0, "fan_out", "normal"), fan_in, fan_out)
        assert out_mode == Normal(0.0, 1 / math.sqrt(fan_out))


# ---- Real PyTorch ----


def test_random_calls_against_pytorch():
    pytest.importorskip("torch", minversion="2.12")

    assert compare_with_torch(0, 300)["elements"] > 10000


def test_random_calls_against_pytorch_without_vectors():
    """In a process of its own, where PyTorch is told which of its kernels to take before it starts."""
    pytest.importorskip("torch", minversion="2.12")
    script = "import json, support.torch_calls as t; print(json.dumps(t.compare_with_torch(7, 300)))"
    environment = os.environ | {"ATEN_CPU_CAPABILITY": "default"}
    command = [sys.executable, "-c", script]
    done = subprocess.run(
        command, cwd=Path(__file__).parents[1], env=environment, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout.splitlines()[-1])
    assert summary["elements"] > 10000
    assert not summary["fused"]
