"""Codes that deployed libraries recorded: the QUANTIZE operator of LiteRT, and the conversions of CMSIS-DSP."""

import json
from pathlib import Path

import numpy as np
import pytest

import embinit

VECTORS = Path(__file__).parents[1] / "vectors" / "tflite"
CASES = json.loads((VECTORS / "quantize.json").read_text())["cases"]
FORMATS = {
    ("int/127", "i1"): "int8",
    ("int/half", "i1"): "int8/127.5",
    ("affine", "i1"): "affine_int8",
    ("ties", "i1"): "q5.3",
    ("int/32767", "i2"): "int16",
    ("int/half", "i2"): "int16/32767.5",
}


@pytest.fixture(scope="module")
def recorded():
    with np.load(VECTORS / "quantize.npz") as archive:
        return dict(archive)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['case']} {case['rule']} {case['type']}")
def test_codes_of_the_quantize_operator(case, recorded):
    values, codes = (recorded[f"{case['case']}.{what}"] for what in ("values", "codes"))

    buffer = embinit.encode(values, FORMATS[case["rule"], case["type"]])

    if buffer.scale is not None:
        assert float(buffer.scale[0]).hex() == case["scale"]
    if buffer.zero_point is not None:
        assert int(buffer.zero_point[0]) == case["zero_point"]
    assert buffer.data.dtype == codes.dtype
    assert buffer.data.tolist() == codes.tolist()


@pytest.mark.parametrize("name", ["q7", "q15", "q31"])
def test_codes_of_cmsis_dsp(name):
    with np.load(VECTORS.parent / "cmsis" / "float_to_q.npz") as archive:
        values, codes = archive["values"], archive[name]

    assert embinit.encode(values, name, "truncate").data.tolist() == codes.tolist()
    assert embinit.encode(values, name).data.tolist() != codes.tolist()
