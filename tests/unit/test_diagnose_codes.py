"""Diagnose: dumps of codes from a hand-written quantizer that makes ordinary mistakes."""

import io
import math
import tomllib
from dataclasses import replace
from itertools import cycle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import embinit
from embinit.__main__ import main
from embinit.api import from_tables
from embinit.bundle import gather
from embinit.diagnose import diagnose
from embinit.export import npz
from embinit.formats import ROUNDINGS
from embinit.formats.quantizer import AS_FORMAT
from embinit.store import encoded

from support import reference
from support.coding_devices import (
    F32,
    Quantizer,
    by_axis,
    by_run,
    dump_of,
    half_away,
    true_scale,
)
from support.mistaken import (
    CASES,
    EXAMPLES,
    HE,
    MODELS,
    SEED,
    TARGETS,
    diagnosed,
    drawn_layers,
    first,
    made,
    names,
    tables,
    words,
)


def planned(model, target, weight_format, **keys):
    """The bundle of a model whose weights are held in a format."""
    file = tables(model)
    for layer in file["layer"]:
        if layer["type"] in reference.DRAWN_LAYERS:
            layer |= {"weight_format": weight_format} | keys
    return gather(from_tables(file, {"target": target, "seed": SEED}).plan())


RIGHT = {
    "int8": (Quantizer("int", 8, by_axis(0)), {}),
    "int4": (Quantizer("int", 4, by_axis(0)), {}),
    "sym5": (Quantizer("sym", 5), {}),
    "sym8": (Quantizer("sym", 8, by_run(2)), {"group_size": 2}),
    "asym6": (Quantizer("asym", 6), {}),
    "affine8": (Quantizer("affine", 8), {}),
}
#: Models without a transposed convolution, whose channels lie along its second axis.
PLAIN = [("starter", "cortex-m0"), ("starter", "cortex-m4f"), ("mnist_cnn", "cortex-m4f")]


@pytest.mark.parametrize("weight_format", RIGHT)
@pytest.mark.parametrize(("model", "target"), PLAIN)
def test_the_quantizer_of_these_tests_is_right_without_a_mistake(model, target, weight_format):
    quantizer, keys = RIGHT[weight_format]

    diagnosis = diagnose(planned(model, target, weight_format, **keys), dump_of(model, target, quantizer, True), "dump")

    assert diagnosis.report.agrees, str(diagnosis.report)


def reciprocal(values, scale):
    return values * (F32(1) / F32(scale))


def wide_scale(span, steps):
    return np.float64(span) / steps


def wide_quotient(values, scale):
    return np.float64(values) / np.float64(scale)


def power_of_two(span, steps):
    exponent = math.ceil(math.log2(float(F32(span) / F32(steps))))
    return F32(2.0**exponent)


def towards(rounded):
    return lambda values: [rounded(float(v)) for v in values]


#: name, a part of the sentence, a line or None, the planned format with its keys, and the device's quantizer.
MISTAKES = {
    "nibbles swapped": (
        "nibble order", "high nibble", None, "int4", {}, Quantizer("int", 4, by_axis(0), high_first=True),
    ),
    "bits from the top": ("bit order", "high bits down", None, "sym5", {}, Quantizer("sym", 5, high_first=True)),
    "floor": ("rounding", "floor", 'rounding = "floor"', "sym8", {}, Quantizer("sym", 8, rounded=towards(math.floor))),
    "truncate": (
        "rounding", "truncate", 'rounding = "truncate"', "int8", {},
        Quantizer("int", 8, by_axis(0), rounded=towards(math.trunc)),
    ),
    "half away": (
        "rounding", "half_away", 'rounding = "half_away"', "affine8", {"rounding": "floor"}, Quantizer("affine", 8),
    ),
    "double": (
        "scale precision", "Scales and quotients are computed in double", None, "sym23", {},
        Quantizer("sym", 23, scale=wide_scale, quotient=wide_quotient),
    ),
    "division in double": (
        "scale precision", "divided by them in double", None, "sym23", {}, Quantizer("sym", 23, quotient=wide_quotient),
    ),
    "reciprocal": (
        "scale precision", "reciprocal", None, "asym20", {}, Quantizer("asym", 20, quotient=reciprocal),
    ),
    "float16 scale": (
        "scale precision", "float16", None, "int8", {},
        Quantizer("int", 8, by_axis(0), scale=lambda span, steps: F32(np.float16(true_scale(span, steps)))),
    ),
    "128 for 127": (
        "codes", "absmax / 128, not absmax / 127", None, "int8", {},
        Quantizer("int", 8, by_axis(0), scale=lambda span, steps: F32(span) / F32(steps + 1)),
    ),
    "power of two": (
        "scale precision", "power of two", None, "int8", {}, Quantizer("int", 8, by_axis(0), scale=power_of_two),
    ),
    "asym zero point added": ("zero-point sign", "added where", None, "asym6", {}, Quantizer("asym", 6, added=True)),
    "affine zero point subtracted": (
        "zero-point sign", "added where", None, "affine8", {}, Quantizer("affine", 8, added=True),
    ),
    "one scale": ("channel axis", "One scale", "per_channel = false", "int8", {}, Quantizer("int", 8)),
    "a scale a channel": (
        "channel axis", "axis out", "per_channel = true", "int4", {"per_channel": False},
        Quantizer("int", 4, by_axis(0)),
    ),
    "channels of inputs": ("channel axis", "axis in", None, "int8", {}, Quantizer("int", 8, by_axis(1))),
    "no groups": ("group size", "whole weight", None, "sym8", {"group_size": 2}, Quantizer("sym", 8)),
    "a group a channel": ("group size", "first axis", None, "sym8", {}, Quantizer("sym", 8, by_axis(0))),
}  # fmt: skip


@pytest.mark.parametrize(
    ("mistake", "model", "target"),
    [(mistake, *PLAIN[(i + j) % len(PLAIN)]) for i, mistake in enumerate(MISTAKES) for j in range(2)],
)
def test_one_mistake(model, target, mistake):
    name, words, line, weight_format, keys, quantizer = MISTAKES[mistake]
    bundle = planned(model, target, weight_format, **keys)

    found = first(bundle, dump_of(model, target, quantizer))

    assert names(found) == [name]
    assert words in found.causes[0].hypothesis.sentence
    assert found.causes[0].hypothesis.line == line
    if line is not None:
        changed = planned(model, target, weight_format, **keys | tomllib.loads(line))
        assert {entry.name: entry.payload for entry in changed.entries} == found.image


@pytest.mark.parametrize(
    ("stored", "added", "words"), [(-1, False, "stored with"), (-1, True, "in codes and in memory")]
)
@pytest.mark.parametrize(("weight_format", "bits"), [("asym6", 6), ("affine8", 8)])
def test_the_sign_of_a_stored_zero_point(stored, added, words, weight_format, bits):
    kind = weight_format.rstrip("0123456789")
    dump = dump_of("starter", "cortex-m4f", Quantizer(kind, bits, added=added, stored=stored), beside=True)

    found = first(planned("starter", "cortex-m4f", weight_format), dump)

    assert names(found) == ["zero-point sign"]
    assert words in found.causes[0].hypothesis.sentence


@pytest.mark.parametrize("order", [(1, 0, 2), (2, 1, 0), (0, 2, 1)])
@pytest.mark.parametrize(("model", "target"), PLAIN)
def test_codes_stored_in_another_layout(model, target, order):
    """The scales are those of the right channels: only codes moved."""
    dump = dump_of(model, target, Quantizer("int", 8, by_axis(0)), beside=True)
    for layer in drawn_layers(model):
        shape, name = reference.weight_shape(layer), f"{layer['name']}.weight"
        axes = [axis for axis in order if axis < len(shape)]
        dump[name] = np.frombuffer(dump[name], "i1").reshape(shape).transpose(axes).tobytes()

    found = first(planned(model, target, "int8"), dump)

    assert names(found) == ["layout"]
    assert "stored transposed" in found.causes[0].hypothesis.sentence


@CASES
def test_codes_rounded_at_random_by_mistake(model, target):
    """One word an element, when all is drawn."""
    total = sum(len(held) for held in made(model, target).values()) // 4
    stream = iter((words(SEED, 24000)[total:] >> np.uint32(8)).astype(F32) * F32(2**-24))

    def stochastic(values):
        return half_away([(v + next(stream)) - F32(0.5) for v in values])

    found = first(planned(model, target, "sym6"), dump_of(model, target, Quantizer("sym", 6, rounded=stochastic)))

    assert names(found) == ["rounding"]
    assert found.causes[0].hypothesis.line == 'rounding = "stochastic"'


# Fixed point


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

    diagnosis = diagnose(planned("starter", target, "q15"), dump, "dump")

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

    found = diagnose(planned("starter", target, "q15"), dump, "dump").explanations[0]

    assert found.exact
    assert names(found) == ["format"]
    assert 'weight_format = "q2.14"' in found.lines["[[layer]]"]


# Two mistakes


TWO = {
    "nibbles swapped, unseeded": (
        {"nibble order", "unseeded start"}, "int4", Quantizer("int", 4, by_axis(0), high_first=True), {"state": 1},
    ),
    "floor, one scale": (
        {"rounding", "channel axis"}, "int8", Quantizer("int", 8, rounded=towards(math.floor)), {},
    ),
    "reciprocal, He": ({"scale precision", "He"}, "sym23", Quantizer("sym", 23, quotient=reciprocal), {"weight": HE}),
    "zero point added, bias first": (
        {"zero-point sign", "draw order"}, "affine8", Quantizer("affine", 8, added=True), {"order": "bw"},
    ),
    "nibbles swapped, some seed": (
        {"nibble order", "seed"}, "int4", Quantizer("int", 4, by_axis(0), high_first=True), {"state": 0x9ABCDEF1},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("mistakes", "target"), [*zip(TWO, cycle(TARGETS))])
def test_two_mistakes(target, mistakes):
    causes, weight_format, quantizer, makes = TWO[mistakes]

    found = first(planned("starter", target, weight_format), dump_of("starter", target, quantizer, **makes))

    assert set(names(found)) == causes


@pytest.mark.parametrize("model", MODELS)
def test_nothing_explains_random_codes(model):
    bundle, random = planned(model, "cortex-m4f", "int4"), np.random.default_rng(5)
    dump = {entry.name: random.bytes(len(entry.payload)) for entry in bundle.entries}

    diagnosis = diagnosed(bundle, dump)

    assert not diagnosis.explained


def test_the_command_reads_zero_points_from_an_archive(tmp_path, capsys):
    bundle = planned("starter", "cortex-m4f", "asym6")
    path = tmp_path / "dump.npz"
    path.write_bytes(npz(bundle))
    archive = dict(np.load(path))
    for name in [name for name in archive if name.endswith(".zero_point")]:
        archive[name] = -archive[name]
    held = io.BytesIO()
    np.savez(held, **archive)
    path.write_bytes(held.getvalue())
    text = (EXAMPLES / "starter.toml").read_text()
    for size in ("kernel_size", "out_features"):
        text = text.replace(f"\n{size}", f'\nweight_format = "asym6"\n{size}')
    model = tmp_path / "model.toml"
    model.write_text(text)

    assert main(["diagnose", str(model), "--dump", str(path), "--target", "cortex-m4f", "--seed", str(SEED)]) == 1
    assert "zero-point sign: Zero points are stored with the other sign." in capsys.readouterr().out


# Quantizers: without a mistake they are the format's own way


@settings(max_examples=60)
@given(
    st.sampled_from(
        [
            "int8",
            "int4",
            "sym3",
            "sym16",
            "sym_int32/20",
            "asym1",
            "asym7",
            "affine5",
            "affine16",
            "q15",
            "bfp4e5",
            "q8/auto",
            "affine_int8",
            "int8/127.5",
            "q3.9",
        ]
    ),
    st.sampled_from(ROUNDINGS),
    st.integers(1, 12),
    st.integers(1, 12),
    st.integers(1, 2**32 - 1),
)
def test_a_quantizer_that_changes_nothing_is_the_format(weight_format, rounding, rows, columns, seed):
    layer = embinit.Linear(
        name="fc", in_features=columns, out_features=rows, weight_format=weight_format, rounding=rounding, bias=False
    )
    model = embinit.Model("m", [layer], seed=seed)
    (row,), values = model.plan().rows, model.init()["fc.weight"]
    held = [
        encoded(values, replace(row.storage, quantizer=quantizer), embinit.Generator(embinit.Xorshift32(seed)))
        for quantizer in (None, AS_FORMAT)
    ]

    for what in ("data", "scale", "zero_point", "exponents"):
        own, other = (getattr(buffer, what) for buffer in held)
        assert (own is None and other is None) or own.tobytes() == other.tobytes()
