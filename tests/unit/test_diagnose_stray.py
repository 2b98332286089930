"""When a diagnosis says that a stray write may have hit: few elements of one buffer, close together."""

import numpy as np
import pytest

import embinit
from embinit.bundle import gather
from embinit.diagnose.diagnosis import _differing
from embinit.verify import verify

BUNDLE = gather(
    embinit.Model("m", [embinit.Linear(name="fc", in_features=40, out_features=5)], seed=3, target="host").plan()
)


def said(weights=(), bias=()):
    found = {}
    for entry, places in zip(BUNDLE.entries, (weights, bias), strict=True):
        bits = np.frombuffer(entry.payload, np.uint32).copy()
        bits[list(places)] ^= np.uint32(0x5A5A5A5A)
        found[entry.name] = bits.tobytes()
    return _differing(verify(BUNDLE, found, "d.bin"))


@pytest.mark.parametrize(
    ("places", "text"),
    [((7,), "1 of fc.weight, element 7"), ((7, 8, 11), "3 of fc.weight, elements 7 to 11"), ((199,), "element 199")],
)
def test_few_and_close_together(places, text):
    (line,) = said(places)

    assert line.startswith("few elements differ, which a stray write may have hit: ")
    assert text in line


@pytest.mark.parametrize(
    ("weights", "bias"),
    [
        (range(200), ()),  # all
        (range(0, 200, 8), ()),  # a share, but all over the buffer
        ((3, 150), ()),  # few, but far apart
        ((), range(3)),  # most of a small buffer
        ((7,), (1,)),  # two buffers
        (range(26), ()),  # an eighth of the buffer in a row
    ],
)
def test_no_stray_write_does_that(weights, bias):
    assert said(weights, bias) == []
