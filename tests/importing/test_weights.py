"""Tensors of files: which axis has the scales after their axes were changed."""

import pytest

from embinit.importing.found import Quantized, Weight


@pytest.mark.parametrize(
    ("shape", "axis", "to", "found"),
    [
        ((1, 1, 3, 3), 3, (1, 3, 3), 2),
        ((1, 1, 3, 3), 2, (1, 3, 3), 1),
        ((3, 1, 3, 5), 0, (3, 3, 5), 0),
        ((4, 4, 1), 1, (4, 4), 1),
        ((2, 3, 4), 2, (6, 4), 1),
        ((2, 3, 4), 1, (6, 4), None),
        ((4, 2, 2), 0, (4, 4), 0),
    ],
)
def test_scales_stay_with_their_axis_though_another_has_as_many_elements(shape, axis, to, found):
    held = Weight("w", shape, quantized=Quantized("int8", axis)).reshaped(to).quantized

    assert held is not None
    assert held.axis == found


def test_scales_follow_their_axis_when_axes_change_places():
    held = Weight("w", (2, 3, 4), quantized=Quantized("int8", 0)).transposed((2, 0, 1)).quantized

    assert held == Quantized("int8", 1)
