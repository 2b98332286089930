"""Groups and channels of a buffer: what nothing would read is refused, and one scale needs no order of axes."""

import numpy as np
import pytest

import embinit

VALUES = np.linspace(-1, 1, 8, dtype=np.float32).reshape(4, 2)


def test_channel_groups_go_with_an_axis_of_channels():
    with pytest.raises(embinit.EmbinitError, match="channel_groups goes with channel_axis, which is not given, got 2"):
        embinit.encode(VALUES, "int8", channel_groups=2)


@pytest.mark.parametrize("count", [0, "x", None, True, 1.0])
def test_channel_groups_are_counted(count):
    with pytest.raises(embinit.EmbinitError, match="channel_groups must be a positive integer, got"):
        embinit.encode(VALUES, "int8", channel_groups=count)


@pytest.mark.parametrize(("format_", "what"), [("sym8", "channel_axis"), ("int8", "group_size"), ("q7", "group_size")])
def test_a_format_has_groups_or_channels(format_, what):
    with pytest.raises(embinit.EmbinitError, match=what):
        embinit.encode(VALUES, format_, group_size=2, channel_axis=0)


@pytest.mark.parametrize("layout", [("kernel", "out", "in"), ("out", "in", "kernel"), ("in", "out", "kernel")])
def test_groups_of_a_transposed_convolution_that_share_one_scale_are_kept_in_any_order(layout):
    layer = embinit.ConvTranspose1d(
        name="t", in_channels=4, out_channels=6, kernel_size=2, groups=2, weight_format="int8", per_channel=False,
        weight_layout=layout,
    )  # fmt: skip
    stored = embinit.Model("m", [layer], seed=1, dialect="odt").stored()["t.weight"]

    assert stored.scale.size == 1
    assert stored.channel_groups == 1
