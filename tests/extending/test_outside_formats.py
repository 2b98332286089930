"""Formats from outside that derive their scales in a way of their own: quantizers, roundings and diagnose take them."""

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

import numpy as np
import pytest

import embinit
from embinit.bundle import gather
from embinit.diagnose import diagnose
from embinit.formats import Family, Grid, QuantizationParameters, Quantized, register
from embinit.formats.affine import Symmetric
from embinit.formats.base import largest


@dataclass(frozen=True)
class Shifted(Quantized):
    """Unsigned codes in steps of 2^-6, with 100 as the code of 0."""

    def parameters(self, values, groups, rounding):
        return QuantizationParameters(np.full(groups.count, 2.0**-6, np.float32), np.full(groups.count, 100, np.uint16))

    def grid(self, parameters):
        return Grid(parameters.scale, zero=parameters.zero_point.astype(np.int32))

    @property
    def dtype(self):
        return np.dtype("u1")


class Wide(Symmetric):
    """int8 by a scale that is twice as large as the values need."""

    grouping = "groups"

    def parameters(self, values, groups, rounding):
        return QuantizationParameters(largest(self.name, values, groups) * np.float32(2) / np.float32(self.steps))


@pytest.fixture(autouse=True)
def known(restored):
    for name, make in (
        ("shifted", lambda name: Shifted(name, 8, 0, 255)),
        ("wide", lambda name: Wide(name, 8, -127, 127, 127.0)),
    ):
        register({Family(name, "8", "of a test", "in bytes", "of its own"): (name, make)})


def model(weight_format, **keys):
    fc = embinit.Linear(name="fc", in_features=9, out_features=8, weight_format=weight_format, **keys)
    return embinit.Model("m", [fc], seed=3, dialect="odt")


def half_away(x):
    return floor(abs(x) + Fraction(1, 2)) * (1 if x >= 0 else -1)


def codes(weight_format, rounding, low, high):
    values = model("float32").init()["fc.weight"].reshape(-1)
    scale, zero = np.float32(2.0**-6), 100
    if weight_format == "wide":
        scale, zero = np.abs(values).max() * np.float32(2) / np.float32(127), 0
    whole = {"ceil": ceil, "floor": floor, "half_away": half_away}[rounding]
    counted = [whole(Fraction(float(quotient))) + zero for quotient in values / scale]
    return [min(max(code, low), high) & 0xFF for code in counted]


@pytest.mark.parametrize("rounding", ["half_away", "ceil", "floor"])
@pytest.mark.parametrize(("weight_format", "low", "high"), [("shifted", 0, 255), ("wide", -127, 127)])
def test_codes_of_its_own_scales(weight_format, low, high, rounding):
    held = gather(model(weight_format, rounding=rounding).plan()).entries[0]

    assert list(held.payload) == codes(weight_format, rounding, low, high)


@pytest.mark.parametrize(("weight_format", "low", "high"), [("shifted", 90, 110), ("wide", -10, 10)])
def test_a_quantizer_that_clamps_codes(weight_format, low, high):
    held = gather(model(weight_format, weight_quantizer={"qmin": low, "qmax": high}).plan()).entries[0]

    assert list(held.payload) == codes(weight_format, "half_away", low, high)


@pytest.mark.parametrize("key", [{"steps": 100}, {"scale": "double"}, {"quotient": "reciprocal"}])
@pytest.mark.parametrize("weight_format", ["shifted", "wide"])
def test_a_quantizer_that_would_derive_scales_is_refused(weight_format, key):
    with pytest.raises(embinit.EmbinitError, match="is for formats with scales"):
        model(weight_format, weight_quantizer=key)


def test_a_device_that_rounds_and_keeps_codes_in_another_way():
    """Each code is rounded up, and kept 128 more."""
    told = {"weight_quantizer": {"offset": 128}, "rounding": "ceil"}
    dump = {entry.name: entry.payload for entry in gather(model("wide", **told).plan()).entries}
    dump["fc.weight.scale"] = gather(model("wide").plan()).entries[0].parameters["scale"].tobytes()
    found = diagnose(gather(model("wide").plan()), dump, "dump").explanations[0]

    assert found.exact
    assert found.lines == {"[[layer]]": 'rounding = "ceil"\nweight_quantizer = { offset = 128 }'}
    assert dump["fc.weight"] == bytes(code + 128 & 0xFF for code in codes("wide", "ceil", -127, 127))


def test_biases_take_their_scales_from_such_a_weight():
    held = model("wide", bias_format="int32", input_scale=0.5)
    weight, bias = gather(held.plan()).entries

    assert (bias.parameters["scale"] == np.float32(0.5) * weight.parameters["scale"]).all()
    with pytest.raises(embinit.EmbinitError, match="zero point 0"):
        model("shifted", bias_format="int32", input_scale=0.5)
