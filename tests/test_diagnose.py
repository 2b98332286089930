"""Diagnose: dumps of a hand-written device that makes ordinary mistakes, and the names that come first for them."""

import json
import math
import time
import tomllib
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import embinit
from embinit.__main__ import main
from embinit._kernels.libm import DOUBLE, FDLIBM, FDLIBM_FUSED, cos_array, log_array
from embinit.bundle import gather
from embinit.diagnose import diagnose
from embinit.dialects import DIALECTS
from embinit.model import from_tables

import reference

EXAMPLES = Path(__file__).parent.parent / "examples"
MODELS = ["starter", "ecg_anomaly_ae", "mnist_cnn"]
TARGETS = {"cortex-m0": False, "cortex-m4f": True}  # whether the build fuses
CASES = pytest.mark.parametrize(("model", "target"), [(m, t) for m in MODELS for t in TARGETS])
SEED = 42


# The device: NumPy, one rounding a line, and nothing of the package but sizes from the model file


def tables(model):
    return tomllib.loads((EXAMPLES / f"{model}.toml").read_text())


def drawn_layers(model):
    return [layer for layer in tables(model)["layer"] if layer["type"] in reference.DRAWN_LAYERS]


def f32(bits):
    return np.array([bits], np.uint32).view(np.float32)[0]


@cache
def words(state, n):
    generator = reference.Xorshift32(state)
    return np.array([generator.draw() for _ in range(n)], np.uint32)


def kaiming(gain):
    """The limit of fan_in with a gain."""
    return lambda fan_in, fan_out: f32(reference.kaiming_uniform_limit(reference.f32(gain), fan_in))


DEFAULT, HE = kaiming("0.57735026919"), kaiming("1.41421356237")


def fan_out(fan_in, fan_out):
    return DEFAULT(fan_out, fan_in)


def uniform(words, limit, fused):
    r = (words >> np.uint32(8)).astype(np.float32) * np.float32(2**-24)
    width = np.float32(limit + limit)
    if fused:  # at most 49 significant bits: float64 holds the sum
        return (r.astype(np.float64) * np.float64(width) - np.float64(limit)).astype(np.float32)
    return (r * width).astype(np.float32) - limit


class Device:
    """Draws for one buffer after the other; every keyword is a mistake to make."""

    def __init__(
        self, model, fused, state=SEED, skip=0, weight=DEFAULT, bias=DEFAULT, order="wb", again=None, change_layout=None
    ):
        self.stream, self.at, self.fused = words(state, 12000), skip, fused
        layers = drawn_layers(model)
        names = [layer["name"] for layer in layers]
        sizes = dict(zip(names, layers, strict=True))
        todo = [(name, part) for name in names for part in order] if order in ("wb", "bw") else None
        if todo is None:  # all weights, then all biases
            todo = [(name, part) for part in "wb" for name in names]
        held, last = {}, None
        for name, part in todo:
            layer = sizes[name]
            if again == "buffer" or (again == "layer" and name != last):
                self.at = skip
            last = name
            if part == "w":
                shape = reference.weight_shape(layer)
                axes = change_layout(len(shape)) if change_layout else range(len(shape))
                values = self.draw(math.prod(shape), weight(*reference.fans(layer)))
                values = values.reshape([shape[axis] for axis in axes])
                held[f"{name}.weight"] = values.transpose(np.argsort(axes)).copy()
            elif bias is None:
                held[f"{name}.bias"] = np.zeros(reference.bias_size(layer), np.float32)
            else:
                held[f"{name}.bias"] = self.draw(reference.bias_size(layer), bias(*reference.fans(layer)))
        self.arrays = {f"{name}.{part}": held[f"{name}.{part}"] for name in names for part in ("weight", "bias")}

    def draw(self, n, limit):
        taken = self.stream[self.at : self.at + n]
        self.at += n
        return uniform(taken, limit, self.fused)


def memory(arrays):
    return {name: values.tobytes() for name, values in arrays.items()}


def made(model, target, change=None, **mistakes):
    """The memory of a device; change: what becomes of each array."""
    fused = mistakes.pop("fused", TARGETS[target])
    arrays = Device(model, fused, **mistakes).arrays
    return memory(arrays if change is None else {name: change(values) for name, values in arrays.items()})


def weights_only(change):
    return lambda values: change(values) if values.ndim > 1 else values


def transposed(order):
    """Weights written in another order of their axes; a matrix follows the order of the first two."""
    axes = lambda ndim: [axis for axis in order if axis < ndim]  # noqa: E731
    return weights_only(lambda values: np.ascontiguousarray(values.transpose(axes(values.ndim))))


def fixed(values):
    return np.array([float(f"{value:.6f}") for value in values.ravel().tolist()], np.float32)


def shortest(values):
    return np.array([float(f"{value:g}") for value in values.ravel().tolist()], np.float32)


def half(values):
    return values.astype(np.float16).astype(np.float32)


def bfloat(values):
    return (values.view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)


def swapped(values):
    return values.byteswap()


@cache
def bundle(model, target, seed=SEED):
    return gather(embinit.load(EXAMPLES / f"{model}.toml", target=target, seed=seed).plan())


@pytest.fixture(scope="module", autouse=True)
def _warm():
    """Compile or load the kernels once, so that times are those of the search."""
    generator = embinit.Generator(embinit.Xorshift32(1))
    generator.shuffle([1, 2])
    generator.normal(0, 1, out=np.empty(2, np.float32))
    diagnose(bundle("starter", "cortex-m0"), made("starter", "cortex-m4f"), "")


def first(model, target, dump, seed=SEED):
    """The first explanation, which must be exact, and come fast."""
    start = time.process_time()
    diagnosis = diagnose(bundle(model, target, seed), dump, "dump")
    assert time.process_time() - start < 10
    found = diagnosis.explanations[0]
    assert diagnosis.explained
    assert found.exact
    assert found.image == dump
    return found


def names(explanation):
    return [cause.hypothesis.name for cause in explanation.causes]


def later(model):
    """A weight of some size that is not the first."""
    return {"starter": "fc.weight", "ecg_anomaly_ae": "deconv1.weight", "mnist_cnn": "conv2.weight"}[model]


# The device without a mistake


@pytest.mark.parametrize("fused", [False, True])
def test_the_device_of_these_tests_is_the_slow_oracle(fused):
    expected, _ = reference.odt_model(drawn_layers("starter"), SEED, fused)

    device = Device("starter", fused)

    assert {name: values.view(np.uint32).ravel().tolist() for name, values in device.arrays.items()} == expected


@CASES
def test_equal_bytes_need_no_explanation(model, target):
    diagnosis = diagnose(bundle(model, target), made(model, target), "dump")

    assert diagnosis.report.agrees
    assert diagnosis.explanations == ()


# One mistake: name, a part of the sentence, a line of the model file or None, and how the device made it

ONE = {
    "draws from state 1": ("unseeded start", "state 1", "seed = 1", {"state": 1}),
    "seed 43": ("seed", "one more", "seed = 43", {"state": 43}),
    "seed 41": ("seed", "one less", "seed = 41", {"state": 41}),
    "seed 999": ("seed", "999", "seed = 999", {"state": 999}),
    "seed 1337": ("seed", "1337", "seed = 1337", {"state": 1337}),
    "seed swapped": ("seed", "bytes swapped", "seed = 704643072", {"state": 0x2A000000}),
    "seed 0xDEADBEEF": ("seed", "3735928559", "seed = 3735928559", {"state": 0xDEADBEEF}),
    "some seed": ("seed", "0x9abcdef1", "seed = 2596069105", {"state": 0x9ABCDEF1}),
    "one word before": ("stream position", "1 word was", None, {"skip": 1}),
    "17 words before": ("stream position", "17 words", None, {"skip": 17}),
    "3000 words before": ("stream position", "3000 words", None, {"skip": 3000}),
    "a shuffle before": ("stream position", "shuffle of 1000", None, {"skip": 999}),
    "bias first": ("draw order", "bias first", None, {"order": "bw"}),
    "weights first": ("draw order", "All weights", None, {"order": "w then b"}),
    "fan_out": ("fan", "The weights are drawn with fan_out", 'mode = "fan_out"', {"weight": fan_out}),
    "fan_out, biases too": ("fan", "and biases", None, {"weight": fan_out, "bias": fan_out}),
    "He": ("He", "The weights", 'weight_init = "kaiming_uniform"', {"weight": HE}),
    "He, biases too": ("He", "and biases", None, {"weight": HE, "bias": HE}),
    "He without biases": ("dialect", "odt-2026-04", 'dialect = "odt-2026-04"', {"weight": HE, "bias": None}),
    "zero biases": ("bias", "are 0", None, {"bias": None}),
    "gain 1": ("gain", "gain 1,", 'weight_init = "lecun_uniform"', {"weight": kaiming(1)}),
    "gain of tanh": ("gain", "tanh", "gain = 1.66666", {"weight": kaiming(5 / 3)}),
    "gain 0.8": ("gain", "gain 0.8", "gain = 0.8", {"weight": kaiming("0.8")}),
    "gain 0.8, biases too": ("gain", "gain 0.8", None, {"weight": kaiming("0.8"), "bias": kaiming("0.8")}),
    "limit 0.05": ("limit", "(-0.05", "high = 0.05", {"weight": lambda *fans: np.float32(0.05)}),
    "Xavier": (
        "Xavier", "The weights", 'weight_init = "xavier_uniform"',
        {"weight": lambda *fans: f32(reference.xavier_uniform_limit(reference.f32(1), *fans))},
    ),
    "in and out swapped": ("layout", "[in, out, kernel], not", None, {"change": transposed((1, 0, 2))}),
    "kernel first": ("layout", "stored transposed", None, {"change": transposed((2, 1, 0))}),
    "channels last": ("layout", "[out, kernel, in]", None, {"change": transposed((0, 2, 1))}),
    "drawn in and out swapped": (
        "layout", "drawn in another layout", None, {"change_layout": lambda ndim: (1, 0, 2)[:ndim]},
    ),
    "drawn kernel first": (
        "layout", "drawn in another layout", None, {"change_layout": lambda ndim: (2, 1, 0)[-ndim:]},
    ),
    "big endian": ("byte order", "big-endian", None, {"change": swapped}),
    "float16": ("literals", "float16", None, {"change": half}),
    "bfloat16": ("literals", "truncated to bfloat16", None, {"change": bfloat}),
    "%.6f": ("literals", '"%.6f"', None, {"change": fixed}),
    "%g": ("literals", '"%.6g"', None, {"change": shortest}),
    "seeded per buffer": ("seeded per buffer", "from its start", None, {"again": "buffer"}),
    "seeded per layer": ("seeded per layer", "from its start", None, {"again": "layer"}),
}  # fmt: skip


@pytest.mark.parametrize("mistake", ONE)
@CASES
def test_one_mistake(model, target, mistake):
    name, words, line, makes = ONE[mistake]

    found = first(model, target, made(model, target, **makes))

    assert names(found) == [name]
    assert words in found.causes[0].hypothesis.sentence
    assert found.causes[0].buffers in ((), found.causes[0].hypothesis.buffers)
    if line is not None:
        assert line in "\n".join(found.lines.values())
        assert_reproduces(model, target, found)


def assert_reproduces(model, target, explanation, seed=SEED):
    """The lines, put in the model file, give the bytes of the explanation."""
    file = tables(model)
    overrides = {"target": target, "seed": seed} | tomllib.loads(explanation.lines.get("[model]", ""))
    for layer in file["layer"]:
        if layer["type"] in reference.DRAWN_LAYERS:
            layer |= tomllib.loads(explanation.lines.get("[[layer]]", ""))
    entries = gather(from_tables(file, overrides).plan()).entries
    assert {entry.row.name: entry.payload for entry in entries} == explanation.image


@CASES
def test_the_other_multiply_add(model, target):
    fused = not TARGETS[target]

    found = first(model, target, made(model, target, fused=fused))

    assert names(found) == ["multiply-add"]
    assert found.lines == {"[model]": f'multiply_add = "{"fused" if fused else "separate"}"'}
    assert_reproduces(model, target, found)


@CASES
@pytest.mark.parametrize("state", [1, 0], ids=["becomes 1", "stays 0"])
def test_the_seed_0_rule(model, target, state):
    dump = made(model, target, state=state)

    assert names(first(model, target, dump, seed=0)) == ["seed 0 rule"]


# Buffers that are stale


def stale(model, target, fill):
    dump = made(model, target)
    name = later(model)
    dump[name] = fill(dump, name)
    return dump, name


def previous(dump, name):
    """What the buffer before holds, and what follows it in memory."""
    memory, order = b"".join(dump.values()), list(dump)
    start = sum(len(dump[n]) for n in order[: order.index(name) - 1])
    return memory[start : start + len(dump[name])]


def repeated_first(dump, name):
    values = next(iter(dump.values()))
    return (values * (len(dump[name]) // len(values) + 1))[: len(dump[name])]


STALE = {
    "zeros": ("0x00 throughout, never written", lambda dump, name: bytes(len(dump[name]))),
    "ones": ("0xff throughout, never written", lambda dump, name: b"\xff" * len(dump[name])),
    "0xA5": ("0xa5 throughout", lambda dump, name: b"\xa5" * len(dump[name])),
    "a word": ("0xdeadbeef throughout", lambda dump, name: b"\xef\xbe\xad\xde" * (len(dump[name]) // 4)),
    "previous": ("holds the values of", previous),
    "first": ("holds the values of", repeated_first),
}


@CASES
@pytest.mark.parametrize("content", STALE)
def test_a_stale_buffer(model, target, content):
    words, fill = STALE[content]
    dump, name = stale(model, target, fill)

    found = first(model, target, dump)

    assert names(found) == ["stale buffer"]
    assert found.causes[0].buffers == (name,)
    assert words in found.causes[0].hypothesis.sentence


@CASES
def test_a_buffer_of_another_seed(model, target):
    dump = made(model, target)
    name = later(model)
    dump[name] = made(model, target, state=7)[name]

    found = first(model, target, dump)

    assert names(found) == ["seed"]
    assert found.causes[0].buffers == (name,)
    assert found.causes[0].hypothesis.line == "seed = 7"
    assert found.lines == {}  # no model file seeds one buffer


@CASES
def test_one_tensor_everywhere(model, target):
    dump = made(model, target)
    values = next(iter(dump.values()))
    dump = {name: (values * (len(held) // len(values) + 1))[: len(held)] for name, held in dump.items()}

    assert names(first(model, target, dump)) == ["stale buffer"]


@CASES
def test_a_buffer_written_in_part(model, target):
    dump = made(model, target)
    name = later(model)
    quarter = len(dump[name]) // 16 * 4
    dump[name] = dump[name][:quarter] + bytes(len(dump[name]) - quarter)

    found = first(model, target, dump)

    assert names(found) == ["written short"]
    assert f"only to byte {quarter}" in found.causes[0].hypothesis.sentence


@CASES
def test_a_mistake_in_one_layer(model, target):
    dump = made(model, target)
    name = later(model)
    dump[name] = made(model, target, weight=HE)[name]

    found = first(model, target, dump)

    assert names(found) == ["He"]
    assert found.causes[0].buffers == (name,)


@CASES
def test_draws_between_two_layers(model, target):
    dump, shifted, name = made(model, target), made(model, target, skip=100), later(model)
    order = list(dump)
    dump |= {n: shifted[n] for n in order[order.index(name) :]}

    found = first(model, target, dump)

    assert names(found) == ["stream position"]
    assert found.causes[0].buffers == tuple(order[order.index(name) :])


# Normal values: the libm class and the dialect


LIBMS = {"double": DOUBLE, "fdlibm": FDLIBM, "fdlibm-fused": FDLIBM_FUSED}


def box_muller(state, n, deviation, libm, deviation_first=True):
    """n normal values with mean 0, where nothing is fused or the sum with 0 hides it."""
    u = (words(state, 12000)[: 2 * n] >> np.uint32(8)).astype(np.float32) * np.float32(2**-24)
    log, cosine = np.empty(n, np.float32), np.empty(n, np.float32)
    log_array(LIBMS[libm], np.ascontiguousarray(u[::2]), log)
    cos_array(LIBMS[libm], np.float32(6.2831855) * u[1::2], cosine)
    radius = np.sqrt(np.float32(-2) * log)
    return deviation * radius * cosine if deviation_first else deviation * (radius * cosine)


def normal_model(model, target, **overrides):
    file = tables(model)
    for layer in file["layer"]:
        if layer["type"] in reference.DRAWN_LAYERS:
            layer |= {"weight_init": "kaiming_normal", "bias": False}
    return gather(from_tables(file, {"target": target, "seed": SEED} | overrides).plan())


def normal_dump(model, libm, deviation_first=True):
    layers = drawn_layers(model)
    sizes = [math.prod(reference.weight_shape(layer)) for layer in layers]
    unit = [reference.kaiming_normal_stddev(reference.RELU_GAIN, reference.fans(layer)[0]) for layer in layers]
    deviations = np.repeat(np.array(unit, np.uint32).view(np.float32), sizes)
    values = box_muller(SEED, sum(sizes), deviations, libm, deviation_first)
    parts = np.split(values, np.cumsum(sizes)[:-1])
    return {f"{layer['name']}.weight": part.tobytes() for layer, part in zip(layers, parts, strict=True)}


@CASES
@pytest.mark.parametrize("libm", LIBMS)
def test_the_libm_class(model, target, libm):
    own = {"cortex-m0": "fdlibm", "cortex-m4f": "fdlibm-fused"}[target]
    diagnosis = diagnose(normal_model(model, target), normal_dump(model, libm), "dump")

    if libm == own:
        assert diagnosis.report.agrees
        return
    found = diagnosis.explanations[0]
    assert found.exact
    assert names(found) == ["libm"]
    assert f"of class {libm}." in found.causes[0].hypothesis.sentence
    entries = normal_model(model, **({"target": target} | tomllib.loads(found.lines["[model]"]))).entries
    assert {entry.row.name: entry.payload for entry in entries} == found.image


@CASES
def test_the_dialect_of_a_normal(model, target):
    own = {"cortex-m0": "fdlibm", "cortex-m4f": "fdlibm-fused"}[target]

    found = diagnose(normal_model(model, target), normal_dump(model, own, deviation_first=False), "dump").explanations[
        0
    ]

    assert found.exact
    assert names(found) == ["dialect"]
    assert found.lines == {"[model]": 'dialect = "odt-2026-06"'}


@CASES
def test_uniform_values_where_normal_ones_should_be(model, target):
    fused = TARGETS[target]
    arrays, at = {}, 0
    for layer in drawn_layers(model):
        n = math.prod(reference.weight_shape(layer))
        arrays[f"{layer['name']}.weight"] = uniform(words(SEED, 12000)[at : at + n], HE(*reference.fans(layer)), fused)
        at += n

    found = diagnose(normal_model(model, target), memory(arrays), "dump").explanations[0]

    assert found.exact
    assert names(found) == ["He"]
    assert found.lines == {"[[layer]]": 'weight_init = "kaiming_uniform"'}


# Formats


def formatted(target, weight_format):
    file = tables("starter")
    for layer in file["layer"]:
        if layer["type"] in reference.DRAWN_LAYERS:
            layer["weight_format"] = weight_format
    return gather(from_tables(file, {"target": target, "seed": SEED}).plan())


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    ("rounded", "name", "words"),
    [
        (np.floor, "rounding", "floor"),
        (np.trunc, "rounding", "truncate"),
        (lambda x: np.copysign(np.floor(np.abs(x) + 0.5), x), None, ""),
    ],
    ids=["floor", "truncate", "half away"],
)
def test_the_rounding_to_codes(target, rounded, name, words):
    dump = made("starter", target)
    for layer in ("conv", "fc"):
        values = np.frombuffer(dump[f"{layer}.weight"], np.float32).astype(np.float64)
        dump[f"{layer}.weight"] = np.clip(rounded(values * 2**15), -(2**15), 2**15 - 1).astype("<i2").tobytes()

    diagnosis = diagnose(formatted(target, "q15"), dump, "dump")

    if name is None:
        assert diagnosis.report.agrees
        return
    assert diagnosis.explanations[0].exact
    assert names(diagnosis.explanations[0]) == [name]
    assert words in diagnosis.explanations[0].causes[0].hypothesis.sentence


@pytest.mark.parametrize("target", TARGETS)
def test_the_format_of_codes(target):
    dump = made("starter", target)
    for layer in ("conv", "fc"):
        values = np.frombuffer(dump[f"{layer}.weight"], np.float32).astype(np.float64)
        dump[f"{layer}.weight"] = np.copysign(np.floor(np.abs(values * 2**14) + 0.5), values).astype("<i2").tobytes()

    found = diagnose(formatted(target, "q15"), dump, "dump").explanations[0]

    assert found.exact
    assert names(found) == ["format"]
    assert 'weight_format = "q2.14"' in found.lines["[[layer]]"]


# Two mistakes


TWO = {
    "unseeded, and a shuffle": ({"unseeded start", "stream position"}, {"state": 1, "skip": 999}),
    "bias first, unseeded": ({"draw order", "unseeded start"}, {"order": "bw", "state": 1}),
    "He in fan_out": ({"He", "fan"}, {"weight": lambda fan_in, fan_out: HE(fan_out, fan_in)}),
    "gain 0.8, seed 7": ({"gain", "seed"}, {"weight": kaiming("0.8"), "state": 7}),
    "gain 0.8, big endian": ({"gain", "byte order"}, {"weight": kaiming("0.8"), "change": swapped}),
    "float16, seed 1000": ({"literals", "seed"}, {"change": half, "state": 1000}),
    "%.6f, 100 words before": ({"literals", "stream position"}, {"change": fixed, "skip": 100}),
    "transposed, seed 43": ({"layout", "seed"}, {"change": transposed((1, 0, 2)), "state": 43}),
    "big endian, unseeded": ({"byte order", "unseeded start"}, {"change": swapped, "state": 1}),
    "seeded per layer, He": ({"seeded per layer", "He"}, {"again": "layer", "weight": HE}),
    "2026-04, unseeded": ({"dialect", "unseeded start"}, {"weight": HE, "bias": None, "state": 1}),
    "He, bias first": ({"He", "draw order"}, {"weight": HE, "order": "bw"}),
}
WITH_MULTIPLY_ADD = {
    "unseeded": ("unseeded start", {"state": 1}),
    "a shuffle": ("stream position", {"skip": 999}),
    "He": ("He", {"weight": HE}),
    "transposed": ("layout", {"change": transposed((2, 1, 0))}),
    "big endian": ("byte order", {"change": swapped}),
    "zero biases": ("bias", {"bias": None}),
}


@pytest.mark.parametrize("mistakes", TWO)
@pytest.mark.parametrize("target", TARGETS)
def test_two_mistakes(target, mistakes):
    causes, makes = TWO[mistakes]

    assert set(names(first("starter", target, made("starter", target, **makes)))) == causes


@pytest.mark.parametrize("mistake", WITH_MULTIPLY_ADD)
@CASES
def test_the_other_multiply_add_and_another_mistake(model, target, mistake):
    name, makes = WITH_MULTIPLY_ADD[mistake]

    found = first(model, target, made(model, target, fused=not TARGETS[target], **makes))

    assert names(found)[0] == "multiply-add"
    assert names(found)[1:] == [name]


@CASES
def test_the_other_multiply_add_and_a_stale_buffer(model, target):
    dump = made(model, target, fused=not TARGETS[target])
    name = later(model)
    dump[name] = bytes(len(dump[name]))

    found = first(model, target, dump)

    assert names(found) == ["multiply-add", "stale buffer"]
    assert found.causes[1].buffers == (name,)


def test_two_stale_buffers():
    dump = made("starter", "cortex-m0")
    dump["fc.weight"], dump["conv.weight"] = bytes(len(dump["fc.weight"])), b"\xff" * len(dump["conv.weight"])

    assert names(first("starter", "cortex-m0", dump)) == ["stale buffer", "stale buffer"]


# Nothing to find


@CASES
@pytest.mark.parametrize("kind", ["bytes", "values"])
def test_nothing_explains_a_random_dump(model, target, kind):
    random = np.random.default_rng(1)
    sizes = {name: len(held) for name, held in made(model, target).items()}
    dump = {name: random.bytes(n) for name, n in sizes.items()}
    if kind == "values":
        dump = {name: random.uniform(-0.1, 0.1, n // 4).astype(np.float32).tobytes() for name, n in sizes.items()}

    start = time.process_time()
    diagnosis = diagnose(bundle(model, target), dump, "dump")

    assert time.process_time() - start < 10
    assert not diagnosis.explained
    assert diagnosis.explanations
    assert not any(explanation.exact for explanation in diagnosis.explanations)
    assert "nothing explains it" in str(diagnosis)


def test_one_wrong_bit_is_not_explained_away():
    dump = made("starter", "cortex-m0", state=7)
    held = bytearray(dump["fc.weight"])
    held[100] ^= 1
    dump["fc.weight"] = bytes(held)

    diagnosis = diagnose(bundle("starter", "cortex-m0"), dump, "dump")

    assert not diagnosis.explained
    nearest = diagnosis.explanations[0]
    assert names(nearest) == ["seed"]
    assert nearest.equal == 451
    assert set(nearest.reproduces) == set(dump) - {"fc.weight"}


# Whatever the dump: an explanation reproduces what it says


@st.composite
def dumps(draw):
    """A dump of the starter model with up to three mistakes, and perhaps bytes that nobody can explain."""
    target = draw(st.sampled_from(sorted(TARGETS)))
    options = {
        "state": st.sampled_from([1, 7, 43, 0xDEADBEEF, 0x13579BDF]),
        "skip": st.integers(1, 5000),
        "weight": st.sampled_from([HE, fan_out, kaiming("0.9"), kaiming(1)]),
        "bias": st.sampled_from([HE, None]),
        "order": st.sampled_from(["bw", "w then b"]),
        "again": st.sampled_from(["buffer", "layer"]),
        "change": st.sampled_from([half, bfloat, fixed, swapped, transposed((1, 0, 2))]),
        "fused": st.just(not TARGETS[target]),
    }
    chosen = draw(st.lists(st.sampled_from(sorted(options)), unique=True, max_size=3))
    dump = made("starter", target, **{key: draw(options[key]) for key in chosen})
    for name in draw(st.lists(st.sampled_from(sorted(dump)), unique=True, max_size=2)):
        n = len(dump[name])
        dump[name] = draw(st.sampled_from([bytes(n), b"\xa5" * n, np.random.default_rng(n).bytes(n)]))
    return target, dump


@settings(max_examples=12)
@given(dumps())
def test_an_exact_explanation_reproduces_every_bit(case):
    target, dump = case

    for explanation in diagnose(bundle("starter", target), dump, "dump").explanations:
        assert explanation.exact == (dict(explanation.image) == dump)
        assert all(explanation.image[name] == dump[name] for name in explanation.reproduces)
        assert all(explanation.image[name] != dump[name] for name in set(dump) - set(explanation.reproduces))
        equal = sum(
            np.count_nonzero(np.frombuffer(explanation.image[name], "<u4") == np.frombuffer(dump[name], "<u4"))
            for name in dump
        )
        assert explanation.equal == equal
        if explanation.lines:
            assert_reproduces("starter", target, explanation)


# Small models, other generators, some buffers only


TINY = embinit.Model("tiny", [embinit.Linear(name="fc", in_features=4, out_features=2)], seed=SEED, target="cortex-m0")


def tiny_dump(state, skip=0):
    values = uniform(words(state, 12000)[skip : skip + 10], DEFAULT(4, 2), fused=False)
    return {"fc.weight": values[:8].tobytes(), "fc.bias": values[8:].tobytes()}


@pytest.mark.parametrize(
    ("made_by", "name"),
    [((1,), "unseeded start"), ((999,), "seed"), ((SEED, 1), "stream position"), ((SEED, 4000), "stream position")],
)
def test_a_model_of_ten_values(made_by, name):
    found = diagnose(gather(TINY.plan()), tiny_dump(*made_by), "dump").explanations[0]

    assert found.exact
    assert names(found) == [name]


def portable(seed, skip=0):
    """PCG32 by the slow oracle: int24 minus 2^23, times the scale."""
    generator = reference.Pcg32(seed, 0)
    for _ in range(skip):
        generator.draw()
    integers = np.array([(generator.draw() >> 8) - 2**23 for _ in range(4 * 16 + 4)], np.float32)
    limit = np.float32(0.25)  # 1 / sqrt(16)
    values = integers * np.float32(np.float32(limit + limit) * np.float32(2**-24))
    return {"fc.weight": values[:64].tobytes(), "fc.bias": values[64:].tobytes()}


@pytest.mark.parametrize(("made_by", "name"), [((7,), "seed"), ((SEED, 999), "stream position"), ((SEED,), None)])
def test_another_generator(made_by, name):
    layers = [embinit.Linear(name="fc", in_features=16, out_features=4)]
    model = embinit.Model("other", layers, seed=SEED, dialect="portable")

    diagnosis = diagnose(gather(model.plan()), portable(*made_by), "dump")

    if name is None:
        assert diagnosis.report.agrees
        return
    assert diagnosis.explanations[0].exact
    assert names(diagnosis.explanations[0]) == [name]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_has_its_seeds_found(dialect):
    file = tables("starter")
    if dialect == "portable-int":
        for layer in file["layer"]:
            if layer["type"] in reference.DRAWN_LAYERS:
                layer |= {"weight_format": "q15", "bias_format": "q15"}
    planned, other = (gather(from_tables(file, {"dialect": dialect, "seed": seed}).plan()) for seed in (SEED, 7))
    dump = {entry.row.name: entry.payload for entry in other.entries}

    found = diagnose(planned, dump, "dump").explanations[0]

    assert found.exact
    assert names(found) == ["seed"]
    assert found.lines == {"[model]": "seed = 7"}


def test_one_buffer_is_enough():
    held = made("starter", "cortex-m0", state=7)["fc.weight"]

    found = diagnose(bundle("starter", "cortex-m0"), {"fc.weight": held}, "dump").explanations[0]

    assert found.exact
    assert names(found) == ["seed"]


@pytest.mark.parametrize("model", ["har_classifier", "kws_raw"])
def test_the_large_examples_take_seconds(model):
    simulated = bundle(model, "cortex-m4f")
    random = np.random.default_rng(2)
    dump = {entry.row.name: random.bytes(len(entry.payload)) for entry in simulated.entries}

    start = time.process_time()
    assert not diagnose(simulated, dump, "dump").explained
    assert time.process_time() - start < 10


# What it prints


def run(tmp_path, dump, *options):
    path = tmp_path / "dump.bin"
    path.write_bytes(b"".join(dump.values()))
    return main(["diagnose", str(EXAMPLES / "starter.toml"), "--dump", str(path), *options])


def test_the_command_names_the_cause_and_its_line(tmp_path, capsys):
    status = run(tmp_path, made("starter", "cortex-m4f", fused=False))

    out = capsys.readouterr().out
    assert status == 1
    assert "first mismatch: conv.weight[0][0][1] expected 0x3da98b0a (0.0827847272), got 0x3da98b0c" in out
    assert "element 1, 2 ULP apart" in out
    assert "explained, every bit:\n  multiply-add:" in out
    assert '\n    [model] multiply_add = "separate"\n' in out
    assert "nearest others" in out
    assert "50.0 %" in out  # of fc.weight


def test_the_command_in_json(tmp_path, capsys):
    status = run(tmp_path, made("starter", "cortex-m0", state=7), "--json", "--target", "cortex-m0")

    found = json.loads(capsys.readouterr().out)
    assert status == 1
    assert found["explained"]
    assert not found["agrees"]
    assert found["first_mismatch"]["buffer"] == "conv.weight"
    assert found["first_mismatch"]["coordinates"] == [0, 0, 0]
    assert found["first_mismatch"]["expected"]["bits"].startswith("0x")
    assert isinstance(found["first_mismatch"]["ulps"], int)
    assert found["buffers"][0].keys() >= {"name", "elements", "equal", "share"}
    assert found["explanations"][0]["exact"]
    assert found["explanations"][0]["share"] == 1
    assert found["explanations"][0]["causes"][0]["line"] == "seed = 7"
    assert found["explanations"][0]["model_file"] == {"[model]": "seed = 7"}


def test_the_command_on_equal_and_on_random_bytes(tmp_path, capsys):
    assert run(tmp_path, made("starter", "cortex-m4f")) == 0
    assert "agrees" in capsys.readouterr().out

    random = {name: np.random.default_rng(3).bytes(len(held)) for name, held in made("starter", "cortex-m4f").items()}
    assert run(tmp_path, random) == 1
    assert "nothing explains it" in capsys.readouterr().out
    assert run(tmp_path, random, "--json") == 1
    assert json.loads(capsys.readouterr().out)["explained"] is False


def test_the_command_refuses_a_dump_of_another_size(tmp_path, capsys):
    assert run(tmp_path, {"short": b"1234"}) == 2
    assert "must have 1808 bytes" in capsys.readouterr().err
