"""Whatever a model says and whatever a dump holds, its pages can be drawn, parsed and bounded."""

import warnings

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from embinit.bundle import gather
from embinit.errors import EmbinitError
from embinit.pages import export as of_export
from embinit.pages import plan as of_plan
from embinit.pages import verify as of_verify
from embinit.verify import verify

from support.html_page import Page
from support.random_models import models


def looked_at(content):
    page = Page(content)
    assert len(content) < 200_000
    drawings = [value for key, value in page.attributes if key in ("d", "x", "y", "width", "height", "style")]
    assert not [drawing for drawing in drawings if "nan" in drawing or "inf" in drawing]
    return page


@given(models(), st.integers(0, 2**32))
def test_any_model_has_its_pages(model, number):
    if isinstance(model, EmbinitError):
        return
    plan = model.plan()
    try:
        bundle = gather(plan)
    except EmbinitError:  # which depends on the values that are drawn
        return
    random = np.random.default_rng(number)
    device = {array.name: random.bytes(len(array.payload)) for array in bundle.arrays}
    for name in list(device)[:: max(1, number % 3)]:  # some are right, some all ones
        array = next(each for each in bundle.arrays if each.name == name)
        device[name] = array.payload if number % 2 else b"\xff" * len(array.payload)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        looked_at(of_plan.page(plan))
        looked_at(of_export.page(bundle, "out", {"m.npz": 1}))
        if not device:
            return
        report = verify(bundle, device, "d.bin")
        page = looked_at(of_verify.page(bundle, device, report))
    assert all(max(map(max, image.levels)) > 0 or min(map(min, image.levels)) < 0 for image in page.images)
