"""Weights and biases as TensorFlow's converter, TFLite Micro and the AI Edge Quantizer make codes of them."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import embinit
from embinit.formats.quantizer import Quantizer
from embinit.plan import plan
from embinit.store import buffer_of

VECTORS = Path(__file__).parents[1] / "vectors" / "tflite"
CASES = json.loads((VECTORS / "weights_and_biases.json").read_text())["cases"]
DIVIDES = {"quotient": "divide"}
#: How each program rounds, and what it says of biases, where that is not the way of the format.
WAYS = {
    "TensorFlow converter": ("half_away", None),
    "TFLite Micro": ("half_away", DIVIDES),
    "AI Edge Quantizer": ("half_even", DIVIDES),
}


@pytest.fixture(scope="module")
def recorded():
    with np.load(VECTORS / "weights_and_biases.npz") as archive:
        held = dict(archive)
    return [
        {name.split(".")[1]: array for name, array in held.items() if name.startswith(f"{i}.")}
        for i in range(len(CASES))
    ]


def numbered(key):
    found = [i for i, case in enumerate(CASES) if key in case]
    return pytest.mark.parametrize("i", found, ids=[f"{i} {CASES[i]['program']}" for i in found])


def linear(case, quantizer, **keys):
    return embinit.Linear(
        name="fc", in_features=24, out_features=40, weight_format=case["weight"], bias_format=case["bias"],
        input_scale=float.fromhex(case["input_scale"]), per_channel=case["per_channel"],
        bias_quantizer=quantizer, **keys,
    )  # fmt: skip


def stored(layer, weight, bias):
    """The buffers of a layer whose values are given."""
    generator, buffers = embinit.Generator(embinit.Xorshift32(1)), {}
    for row, values in zip(plan(embinit.Model("m", [layer], seed=1)).rows, (weight, bias), strict=True):
        buffers[row.name] = buffer_of(row, values, generator, buffers)
    return buffers["fc.weight"], buffers["fc.bias"]


@numbered("bias")
def test_weights_and_biases(i, recorded):
    case, held = CASES[i], recorded[i]
    rounding, quantizer = WAYS[case["program"]]
    layer = linear(case, quantizer, rounding=rounding)

    weight, bias = stored(layer, held["weight"], held["bias"])

    assert np.array_equal(weight.scale.reshape(-1), held["weight_scales"])
    if case["weight"] != "int4":  # packed
        assert weight.data.tolist() == held["weight_codes"].tolist()
    assert np.array_equal(weight.decode(), held["weight_codes"] * weight.scale.reshape(-1, 1))
    assert np.array_equal(bias.scale, held["bias_scales"])
    assert bias.data.dtype == case["bias"] == held["bias_codes"].dtype
    assert bias.data.tolist() == held["bias_codes"].tolist()


def test_the_two_ways_to_a_quotient_differ(recorded):
    """Else the vectors above would not tell them apart."""
    differing = 0
    for i, case in enumerate(CASES):
        if "bias" in case:
            layer = linear(case, None)
            ways = [replace(layer, bias_quantizer=each) for each in (None, DIVIDES)]
            one, other = (stored(each, recorded[i]["weight"], recorded[i]["bias"])[1].data for each in ways)
            differing += np.count_nonzero(one != other)
    assert differing > 20


@numbered("affine")
def test_asymmetric_codes(i, recorded):
    case, held = CASES[i], recorded[i]
    buffer = embinit.encode(held["values"], case["affine"], WAYS[case["program"]][0])

    assert float(buffer.scale[0]).hex() == case["scale"]
    assert buffer.zero_point.tolist() == [case["zero_point"]]
    assert buffer.data.tolist() == held["codes"].tolist()


@numbered("symmetric")
def test_codes_of_hybrid_kernels(i, recorded):
    case, held = CASES[i], recorded[i]
    layer = embinit.Linear(name="fc", in_features=20, out_features=15, bias=False, weight_format=case["symmetric"],
                           per_channel=False, weight_quantizer=Quantizer(quotient="multiply"))  # fmt: skip
    (row,) = plan(embinit.Model("m", [layer], seed=1)).rows
    buffer = buffer_of(row, held["values"].reshape(row.shape), embinit.Generator(embinit.Xorshift32(1)), {})

    assert float(buffer.scale[0]).hex() == case["scale"]
    assert buffer.data.reshape(-1).tolist() == held["codes"].tolist()
