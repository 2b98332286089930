"""The package against reference_from_spec, a second implementation, which was written from SPEC.md alone without a
look at any source of embinit: what they agree on, SPEC.md says.
"""

import math
import re
from functools import cache
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import embinit
from embinit import initializers

from support import reference_from_spec as spec
from support.sweeps import examples, swept

TEXT = (Path(__file__).parents[2] / "SPEC.md").read_text(encoding="utf-8")
TARGETS = sorted(spec.TARGETS)
DIALECTS = ["odt", "odt-2026-06", "odt-2026-04", "portable", "torch", "torch-nofma"]
BIT_GENERATORS = {
    "odt": (embinit.Xorshift32, spec.Xorshift32),
    "odt-2026-06": (embinit.Xorshift32, spec.Xorshift32),
    "portable": (embinit.Pcg32, spec.Pcg32),
    "torch": (embinit.MT19937, spec.Mt19937),
}
gains = st.one_of(st.sampled_from([math.sqrt(2), 1.0, 5 / 3]), st.floats(0.01, 4), st.floats(-4, -0.01))
seeds = st.one_of(st.sampled_from([0, 1, 2**31, 2**32 - 1]), st.integers(0, 2**32 - 1))
states = st.integers(1, 2**32 - 1)
numbers = st.floats(-2, 2)
spreads = st.floats(0.02, 2)  # portable refuses a spread that is small beside its place


def bits_of(values):
    return [spec.bits(value) for value in values]


OTHER_GENERATORS = {
    "newlib": (embinit.NewlibRand, spec.newlib_rand),
    "musl": (embinit.MuslRand, spec.musl_rand),
    "glibc": (embinit.GlibcRand, spec.glibc_rand),
    "avr": (embinit.AvrRand, spec.avr_rand),
    "avr-random": (embinit.AvrRandom, spec.avr_random),
    "msvc": (embinit.MsvcRand, spec.msvc_rand),
    "minstd": (embinit.Minstd, spec.minstd),
    "xoroshiro128+": (embinit.Xoroshiro128Plus, spec.xoroshiro128plus),
    "xoroshiro128+ of 2018": (
        lambda seed: embinit.Xoroshiro128Plus(seed, (24, 16, 37)),
        lambda seed: spec.xoroshiro128plus(seed, (24, 16, 37)),
    ),
    "pcg64": (lambda seed: embinit.Pcg64(seed**6), lambda seed: spec.pcg64(seed**6)),
    "pcg64-dxsm": (embinit.Pcg64Dxsm, lambda seed: spec.pcg64(seed, dxsm=True)),
    "philox4x32": (lambda seed: embinit.Philox4x32(seed << 32 | 5), lambda seed: spec.philox4x32(seed << 32 | 5)),
    "threefry2x32": (embinit.Threefry2x32, spec.threefry2x32),
}


@st.composite
def initializers_of(draw, dialect):
    """Draw an initializer of the package with the same one of the reference."""
    if dialect == "odt-2026-04":
        return None
    kinds = ["uniform", "normal"] + ["truncated_normal"] * (dialect == "portable")
    gain = draw(st.one_of(gains, st.sampled_from([0.0, -0.0])) if dialect.startswith("odt") else gains.map(abs))
    kind = draw(st.sampled_from(kinds))
    match draw(st.sampled_from(["default", "constant", "uniform", kind, "kaiming", "xavier", "variance_scaling"])):
        case "default":
            return None
        case "constant":
            value = draw(numbers)
            return initializers.Constant(value), ("constant", value)
        case "uniform":
            low, width = draw(numbers), draw(spreads)
            return initializers.Uniform(low, low + width), ("uniform", low, low + width)
        case "normal":
            mean, stddev = draw(numbers), draw(spreads)
            return initializers.Normal(mean, stddev), ("normal", mean, stddev)
        case "truncated_normal":
            mean, stddev = draw(numbers), draw(spreads)
            return initializers.TruncatedNormal(mean, stddev), ("truncated_normal", mean, stddev)
        case "variance_scaling":
            scale = draw(st.one_of(st.sampled_from([1 / 3, 1.0, 2.0]), st.floats(0.01, 5)))
            mode = draw(st.sampled_from(["fan_in", "fan_out", "fan_avg"]))
            made = initializers.variance_scaling(scale, mode, kind, gain)
            return made, ("variance_scaling", scale, mode, kind, gain)
        case name:
            kind = "normal" if kind == "truncated_normal" else kind
            return getattr(initializers, f"{name}_{kind}")(gain), (name, kind, gain)


@st.composite
def layers_of(draw, dialect):
    """Draw a layer of the package with the same one of the reference."""
    few = st.integers(1, 4)
    kind = draw(st.sampled_from(["Linear", "Conv1d", "ConvTranspose1d", "LayerNorm", "GroupNorm"]))
    if kind == "LayerNorm":
        sizes = {"normalized_shape": draw(st.lists(few, min_size=1, max_size=2))}
    elif kind == "GroupNorm":
        sizes = {"num_groups": 2, "num_channels": 2 * draw(few)}
    elif kind == "Linear":
        sizes = {"in_features": draw(st.integers(1, 12)), "out_features": draw(few)}
    else:
        groups = draw(st.integers(1, 3))
        sizes = {"in_channels": groups * draw(few), "out_channels": groups * draw(few), "kernel_size": draw(few)}
        sizes["groups"] = groups
    if kind.endswith("Norm"):
        return getattr(embinit, kind)(**sizes), (kind, sizes, True, None)
    bias = draw(st.booleans())
    made, described = draw(initializers_of(dialect)) or (None, None)
    return getattr(embinit, kind)(**sizes, bias=bias, weight_init=made), (kind, sizes, bias, described)


def test_known_answers():
    for opening, generator in (("Seed 42, stream 54", spec.Pcg32(42, 54)), ("Seed 5489", spec.Mt19937(5489))):
        words = re.search(rf"{opening} begins((?:\s[0-9a-f]{{8}}){{6}})", TEXT)[1].split()
        assert words == [f"{generator.word():08x}" for _ in words]


@pytest.mark.parametrize("dialect", ["odt", "portable", "torch"])
@given(seed=states)
@settings(max_examples=20)
def test_words(dialect, seed):
    package, reference = BIT_GENERATORS[dialect]
    generator = reference(seed)
    assert package(seed).random_raw(1300).tolist() == [generator.word() for _ in range(1300)]


@pytest.mark.parametrize("name", OTHER_GENERATORS)
@given(seed=seeds)
@settings(max_examples=10)
def test_words_of_other_generators(name, seed):
    package, reference = OTHER_GENERATORS[name]
    assert package(seed).random_raw(50).tolist() == list(islice(reference(seed), 50))


@given(
    seed=st.integers(1, 2**16 - 1),
    shifts=st.lists(st.integers(-15, 15).filter(bool), min_size=1, max_size=3),
    width=st.sampled_from([16, 32, 64]),
    is_signed=st.booleans(),
)
def test_words_of_xorshifts(seed, shifts, width, is_signed):
    package = embinit.Xorshift(seed, shifts, f"{'' if is_signed else 'u'}int{width}_t")
    assert package.random_raw(20).tolist() == list(islice(spec.xorshift(seed, shifts, width, is_signed), 20))


def test_first_words_of_rand():
    """Read the table of SPEC.md."""
    table = re.search(r"\n\| newlib \| musl .*\n.*\n((?:\|.*\n){3})", TEXT)[1]
    rows = [[int(cell) for cell in line.strip("|").split("|")] for line in table.splitlines()]
    rand = [spec.newlib_rand, spec.musl_rand, spec.glibc_rand, spec.avr_rand, spec.avr_random, spec.msvc_rand]
    assert [list(column) for column in zip(*rows, strict=True)] == [list(islice(words(42), 3)) for words in rand]


@pytest.mark.parametrize("dialect", DIALECTS)
@given(data=st.data(), seed=seeds, target=st.sampled_from(TARGETS))
@settings(max_examples=examples(60))
def test_models(dialect, data, seed, target):
    layers = data.draw(st.lists(layers_of(dialect), min_size=1, max_size=3))
    model = embinit.Model("model", [made for made, _ in layers], dialect=dialect, target=target, seed=seed)
    buffers = [buffer.view(np.uint32).ravel().tolist() for buffer in model.init().values()]
    assert buffers == spec.init(dialect, target, seed, [described for _, described in layers])


@given(
    seed=seeds,
    m=st.integers(1, 9),
    n=st.integers(1, 23),
    drawn=st.sampled_from(["constant", "uniform", "normal", "truncated_normal"]),
    place=st.floats(-1, 1),
    spread=st.floats(2.0**-20, 0.99),
)
@settings(max_examples=examples(200))
def test_codes_of_portable_int(seed, m, n, drawn, place, spread):
    made, parameters = {
        "constant": (initializers.Constant(place), (place,)),
        "uniform": (initializers.Uniform(-spread, spread), (-spread, spread)),
        "normal": (initializers.Normal(place, spread), (place, spread)),
        "truncated_normal": (initializers.TruncatedNormal(place, spread), (place, spread)),
    }[drawn]
    layer = embinit.Linear(in_features=5, out_features=4, weight_format=f"q{m}.{n}", bias=False, weight_init=made)
    stored = embinit.Model("model", [layer], dialect="portable-int", seed=seed).stored()
    reference = getattr(spec.PortableInt(spec.Pcg32(seed), m, n), drawn)(*map(spec.F, parameters), 20)
    assert stored["linear0.weight"].data.ravel().tolist() == reference


def state_before(word):
    generator = embinit.Xorshift32(word)
    generator.advance(-1)
    return generator.state


def near(*places):
    return {k + i for k in places for i in range(-4, 5) if 0 <= k + i < 2**24}


#: Arguments of logf, in 2^-24, near to where its branches and table rows meet, in each binade: by their mantissas.
MANTISSAS = [0x30A3D0, 0x35C288, 0x3504E0, 0x7FFFF0, *((0x330000 + (i << 19)) % 2**23 for i in range(16))]
LOGARITHMS = near(*(int((1 + m / 2**23) * 2**e) for m in MANTISSAS for e in (0, 1, 10, 22, 23)))
#: Arguments of cosf, in 2^-24 of a turn, near to multiples of an eighth, to where |y|, behind the reduction, crosses a
#: threshold, and to where the reduction takes another step.
ANGLES = [
    quarter * math.pi / 2 + sign * float(spec.from_bits(bits))
    for bits in (0x3F480000, 0x3E99999A, 0x3FC90FD0, 0x3FC90FE0, 0x4096CB00, 0x4096CC00)
    for quarter in range(5)
    for sign in (-1, 1)
]
BEFORE_AN_EIGHTH = [(i << 21) + j for i in range(1, 8, 2) for j in range(-11000, 11001, 1000)]  # |y| > 0.78125
EVERYWHERE = range(12345, 2**24, 2**14)
COSINES = near(*(i << 21 for i in range(9)), *(round(angle / 6.2831855 * 2**24) for angle in ANGLES))


@cache
def starts_of_edges():
    """States before a normal value at an edge; k = 0 and k = 1 are drawn again."""
    everywhere = swept(EVERYWHERE, 8)
    starts = [state_before(k << 8 | 0x5A) for k in sorted(LOGARITHMS.union(everywhere))]
    starts += [state_before(state_before(k << 8 | 0x5A)) for k in sorted(COSINES.union(everywhere, BEFORE_AN_EIGHTH))]
    return starts + [state_before(k << 8 | 7) for k in (0, 1)]


@pytest.mark.parametrize("target", ["host", "cortex-m0", "cortex-m4f", "cortex-m7"])
def test_edges_of_the_normal(target):
    starts = starts_of_edges()
    package = np.empty(len(starts), np.float32)
    reference = []
    for i, start in enumerate(starts):
        embinit.Generator(embinit.Xorshift32(start), "odt", target).normal(0.0, 1.0, out=package[i : i + 1])
        reference += spec.Odt(spec.Xorshift32(start), target).normal(spec.F(0), spec.F(1), 1)
    assert package.view(np.uint32).tolist() == bits_of(reference)


@given(
    fans=st.tuples(st.integers(1, 2**31), st.integers(1, 2**31)),
    gain=gains,
    kind=st.sampled_from(["uniform", "normal"]),
)
def test_large_fans(fans, gain, kind):
    for name in ("kaiming", "xavier"):
        package = np.empty(2, np.float32)
        initializer = getattr(initializers, f"{name}_{kind}")(gain)
        embinit.Generator(embinit.Xorshift32(9)).fill(initializer, package, *fans)
        drawn, *parameters = spec.odt_distribution((name, kind, gain), *fans)
        reference = getattr(spec.Odt(spec.Xorshift32(9), "host"), drawn)(*parameters, 2)
        assert package.view(np.uint32).tolist() == bits_of(reference)


def reference_of(dialect, seed, target="host"):
    generator = BIT_GENERATORS[dialect][1](seed)
    if dialect.startswith("odt"):
        return spec.Odt(generator, target, "first" if dialect == "odt" else "last")
    return spec.Portable(generator) if dialect == "portable" else spec.Torch(generator)


@pytest.mark.parametrize("dialect", BIT_GENERATORS)
@given(seed=states, p=st.one_of(st.floats(0, 1), st.sampled_from([0.25, 0.5])), n=st.integers(0, 30))
def test_bits_and_orders(dialect, seed, p, n):
    package = embinit.Generator(BIT_GENERATORS[dialect][0](seed), dialect)
    reference = reference_of(dialect, seed)
    assert package.bernoulli(p, n).tolist() == reference.bernoulli(p, n)
    orders = list(range(n)), list(range(n))
    package.shuffle(orders[0])
    reference.shuffle(orders[1])
    assert orders[0] == orders[1]


magnitudes = st.builds(math.ldexp, st.floats(-1, 1), st.integers(-140, 124))


@given(seed=states, place=st.one_of(st.just(0.0), magnitudes), spread=magnitudes, target=st.sampled_from(TARGETS))
@settings(max_examples=examples(200))
def test_ranges(seed, place, spread, target):
    """Any float32 of the odt dialects, subnormals with them, and of the portable one what it does not refuse."""
    for dialect in ("odt", "odt-2026-06", "portable"):
        for name, parameters in (("uniform", (place, spread)), ("normal", (place, abs(spread)))):
            out = np.empty(5, np.float32)
            package = embinit.Generator(BIT_GENERATORS[dialect][0](seed), dialect, target)
            try:
                getattr(package, name)(*parameters, out)
            except embinit.EmbinitError:
                assert dialect == "portable"
                continue
            with np.errstate(over="ignore"):
                values = getattr(reference_of(dialect, seed, target), name)(*map(spec.F, parameters), 5)
            assert out.view(np.uint32).tolist() == bits_of(values)


@pytest.mark.parametrize("dialect", ["torch", "torch-nofma"])
@given(
    seed=seeds,
    fills=st.lists(
        st.tuples(st.booleans(), st.integers(1, 40), numbers, st.one_of(spreads, st.just(2.0**-20))),
        min_size=1,
        max_size=5,
    ),
)
@settings(max_examples=examples(40))
def test_fills_of_torch(dialect, seed, fills):
    """Normals of fewer than 16 elements leave a pending value, which other fills do not take; narrow uniforms round to
    their upper end, which becomes the lower one.
    """
    package = embinit.Generator(embinit.MT19937(seed), dialect)
    reference = spec.Torch(spec.Mt19937(seed), dialect == "torch")
    for is_normal, n, place, spread in fills:
        out = np.empty(n, np.float32)
        name, second = ("normal", spread) if is_normal else ("uniform", place + spread)
        getattr(package, name)(place, second, out)
        assert out.view(np.uint32).tolist() == bits_of(getattr(reference, name)(place, second, n))


def test_the_table_of_the_portable_normal_falls():
    codes = [spec.portable_normal_code(word) for word in range(0, 2**31, 2**31 // 4001)]
    assert all(a >= b for a, b in pairwise(codes))
