"""Fans of kernels with several axes: read off all of them, or an error."""

import math
from dataclasses import replace

import pytest

from embinit import Conv1d, Conv2d, Conv3d, ConvTranspose2d, ConvTranspose3d, EmbinitError, Linear
from embinit.dialects import DIALECTS
from embinit.dialects.declared.dialect import DeclaredDialect
from embinit.initializers import xavier_uniform

SIZES = {"in_channels": 4, "out_channels": 6}
LAYERS = [
    Conv2d(kernel_size=[3, 5], **SIZES),
    Conv2d(kernel_size=[1, 7], groups=2, **SIZES),
    Conv3d(kernel_size=[3, 5, 2], **SIZES),
    ConvTranspose2d(kernel_size=[3, 5], **SIZES),
    ConvTranspose3d(kernel_size=2, **SIZES),
]
#: The fans of kaun read every axis.
ONE_AXIS = [name for name, dialect in DIALECTS.items() if dialect.fans is not None and name != "kaun"]
#: Dialects of files read no fans off shapes: their formulas say what they read.
OFF_SHAPES = [
    name
    for name, each in DIALECTS.items()
    if not isinstance(each, DeclaredDialect) and each.fans is None and each.has("Linear")
    if name not in ("numpy", "numpy-legacy", "tinygrad", "mlx")  # which have none, and fans of their own
]


def with_layouts(name, **changed):
    """A dialect as its user may make it: with the layouts of kernels with several axes."""
    dialect = DIALECTS[name]
    return replace(dialect, layouts={**dialect.layouts, **DIALECTS["torch"].layouts}, **changed)


@pytest.mark.parametrize("name", ONE_AXIS)
@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.type)
def test_a_dialect_whose_fans_read_one_axis_has_no_fans_for_several(name, layer):
    with pytest.raises(EmbinitError, match=rf"fans of dialect {name} .*axis kernel, and a {layer.type} has .*height"):
        with_layouts(name).parameters(layer)


@pytest.mark.parametrize(
    "read",
    [
        lambda sizes: sizes["kernel"],
        lambda sizes: sizes.get("kernel", 1),
        lambda sizes: 1 if "kernel" not in sizes else 3,
    ],
)
def test_fans_of_ones_own_that_read_one_axis_are_an_error_too(read):
    dialect = with_layouts("portable", fans=lambda _, sizes: (sizes["in"] * read(sizes), sizes["out"]))

    weight, _ = dialect.parameters(Conv1d(kernel_size=3, **SIZES))
    assert (weight.fan_in, weight.fan_out) == (12, 6)
    for layer in LAYERS:
        with pytest.raises(EmbinitError, match="give the dialect fans for it"):
            dialect.parameters(layer)


def test_fans_that_read_all_axes_or_none_are_right():
    def all_axes(_, sizes):
        kernel = math.prod(sizes.get(axis, 1) for axis in sizes if axis not in ("in", "out", "groups"))
        return sizes["in"] * kernel, sizes["out"] * kernel

    weight, bias = with_layouts("portable", fans=all_axes).parameters(LAYERS[0])
    assert (weight.fan_in, weight.fan_out) == (bias.fan_in, bias.fan_out) == (60, 90)
    weight, _ = with_layouts("odt", fans=lambda _, sizes: (sizes["in"], sizes["out"])).parameters(LAYERS[2])
    assert (weight.fan_in, weight.fan_out) == (4, 6)


@pytest.mark.parametrize("name", OFF_SHAPES)
def test_fans_read_off_shapes_count_every_kernel_axis(name):
    dialect = with_layouts(name, weight=xavier_uniform())
    weight, _ = dialect.parameters(LAYERS[0])
    last = {"fan_in": 3 * 6 * 4, "fan_out": 5 * 6 * 4}  # of the last two axes, as gomlx reads any shape
    torch = {"fan_in": 4 * 15, "fan_out": 6 * 15}
    expected = torch if name.startswith(("torch", "kaun")) else last
    assert {"fan_in": weight.fan_in, "fan_out": weight.fan_out} == expected
    assert dialect.parameters(Linear(in_features=2, out_features=3))
