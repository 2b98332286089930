"""Codes with zero points that a device rounds as planned and keeps in another way."""

import numpy as np
import pytest

import embinit
from embinit.bundle import gather
from embinit.diagnose import diagnose

F32 = np.float32


def half_away(x):
    return np.copysign(np.floor(np.abs(x) + 0.5), x)


def planned(weight_format):
    weight_init = embinit.initializers.uniform(-0.7, 0.2)
    fc = embinit.Linear(
        name="fc", in_features=20, out_features=7, bias=False, weight_init=weight_init, weight_format=weight_format
    )
    return embinit.Model("m", [fc], seed=5)


@pytest.mark.parametrize("weight_format", ["affine5", "asym5"])
def test_unsigned_codes_that_are_kept_as_signed_ones(weight_format):
    v = planned("float32").init()["fc.weight"].reshape(-1)
    scale = F32(F32(v.max() - v.min()) / F32(31))
    if weight_format == "affine5":
        codes = half_away(v / scale) + half_away(-v.min() / scale)
    else:
        codes = half_away(v / scale - half_away(v.min() / scale).astype(F32))
    kept = codes.clip(0, 31).astype(int) - 16 & 31
    bits = (kept[:, None] >> np.arange(5) & 1).astype(np.uint8)
    dump = {"fc.weight": np.packbits(bits.reshape(-1), bitorder="little").tobytes()}

    found = diagnose(gather(planned(weight_format).plan()), dump, "dump").explanations[0]

    assert found.exact
    assert found.lines == {"[[layer]]": "weight_quantizer = { offset = -16 }"}
