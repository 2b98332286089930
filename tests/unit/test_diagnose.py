"""Diagnose: dumps of a hand-written device that makes one ordinary mistake, and the name that comes first for it."""

import math
import tomllib

import numpy as np
import pytest

from embinit._kernels.libm import DOUBLE, FDLIBM, FDLIBM_FUSED, cos_array, log_array
from embinit.api import from_tables
from embinit.bundle import gather
from embinit.diagnose import diagnose

from support import reference
from support.mistaken import (
    CASES,
    HE,
    SEED,
    TARGETS,
    Device,
    assert_reproduces,
    bfloat,
    bundle,
    covering,
    drawn_layers,
    f32,
    fan_out,
    first,
    fixed,
    half,
    kaiming,
    later,
    made,
    memory,
    names,
    shortest,
    swapped,
    tables,
    transposed,
    uniform,
    words,
)

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
    "last layer first": ("draw order", "draw", None, {"layers": lambda names: [names[-1], *names[:-1]]}),
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


@pytest.mark.parametrize(("mistake", "model", "target"), covering(ONE))
def test_one_mistake(model, target, mistake):
    name, words, line, makes = ONE[mistake]

    found = first(bundle(model, target), made(model, target, **makes))

    assert names(found) == [name]
    assert words in found.causes[0].hypothesis.sentence
    assert found.causes[0].buffers in ((), found.causes[0].hypothesis.buffers)
    if line is not None:
        assert line in "\n".join(found.lines.values())
        assert_reproduces(model, target, found)


@CASES
def test_the_other_multiply_add(model, target):
    fused = not TARGETS[target]

    found = first(bundle(model, target), made(model, target, fused=fused))

    assert names(found) == ["multiply-add"]
    assert found.lines == {"[model]": f'multiply_add = "{"fused" if fused else "separate"}"'}
    assert_reproduces(model, target, found)


@CASES
@pytest.mark.parametrize("state", [1, 0], ids=["becomes 1", "stays 0"])
def test_the_seed_0_rule(model, target, state):
    dump = made(model, target, state=state)

    assert names(first(bundle(model, target, 0), dump)) == ["seed 0 rule"]


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


@pytest.mark.parametrize(("content", "model", "target"), covering(STALE))
def test_a_stale_buffer(model, target, content):
    words, fill = STALE[content]
    dump, name = stale(model, target, fill)

    found = first(bundle(model, target), dump)

    assert names(found) == ["stale buffer"]
    assert found.causes[0].buffers == (name,)
    assert words in found.causes[0].hypothesis.sentence


@CASES
def test_a_buffer_of_another_seed(model, target):
    dump = made(model, target)
    name = later(model)
    dump[name] = made(model, target, state=7)[name]

    found = first(bundle(model, target), dump)

    assert names(found) == ["seed"]
    assert found.causes[0].buffers == (name,)
    assert found.causes[0].hypothesis.line == "seed = 7"
    assert found.lines == {}  # no model file seeds one buffer


@CASES
def test_one_tensor_everywhere(model, target):
    dump = made(model, target)
    values = next(iter(dump.values()))
    dump = {name: (values * (len(held) // len(values) + 1))[: len(held)] for name, held in dump.items()}

    assert names(first(bundle(model, target), dump)) == ["stale buffer"]


@CASES
def test_a_buffer_written_in_part(model, target):
    dump = made(model, target)
    name = later(model)
    quarter = len(dump[name]) // 16 * 4
    dump[name] = dump[name][:quarter] + bytes(len(dump[name]) - quarter)

    found = first(bundle(model, target), dump)

    assert names(found) == ["written short"]
    assert f"only to byte {quarter}" in found.causes[0].hypothesis.sentence


@CASES
def test_a_mistake_in_one_layer(model, target):
    dump = made(model, target)
    name = later(model)
    dump[name] = made(model, target, weight=HE)[name]

    found = first(bundle(model, target), dump)

    assert names(found) == ["He"]
    assert found.causes[0].buffers == (name,)


@CASES
def test_draws_between_two_layers(model, target):
    dump, shifted, name = made(model, target), made(model, target, skip=100), later(model)
    order = list(dump)
    dump |= {n: shifted[n] for n in order[order.index(name) :]}

    found = first(bundle(model, target), dump)

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
