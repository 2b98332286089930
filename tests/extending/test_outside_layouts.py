"""Layouts of dialects from outside: any order of a layer's axes, and nothing else."""

from dataclasses import replace

import pytest

import embinit
from embinit.bundle import gather
from embinit.device import run
from embinit.dialects import dialect_named
from embinit.verify import verify

CONV = embinit.Conv2d(name="conv", in_channels=4, out_channels=6, kernel_size=(2, 3), groups=2)


def model(*axes, fans=None):
    portable = dialect_named("portable")
    dialect = replace(portable, name="laid", layouts={**portable.layouts, "Conv2d": axes}, fans=fans or portable.fans)
    return embinit.Model("m", [CONV], 42, dialect, "cortex-m0")


@pytest.mark.device
def test_a_convolution_with_its_channels_last():
    laid = model("out", "height", "width", "in", fans=lambda kind, sizes: (sizes["in"] * sizes["height"], sizes["out"]))
    bundle = gather(laid.plan())

    assert laid.init()["conv.weight"].shape == (6, 2, 3, 2)
    assert (laid.plan().rows[0].fan_in, laid.plan().rows[0].fan_out) == (4, 6)
    assert verify(bundle, run(bundle), "the core").agrees


@pytest.mark.parametrize(
    "axes",
    [
        ("out", "in"),
        ("out", "in", "kernel_height", "kernel_width"),
        ("out", "in", "height", "width", "width"),
        ("groups", "out", "in", "height", "width"),
    ],
)
def test_what_is_no_order_of_axes(axes):
    says = (
        "layer 'conv': dialect laid: the layout of Conv2d must be an order of out, in, height, width, got (out|groups)"
    )
    with pytest.raises(embinit.EmbinitError, match=says):
        model(*axes)
