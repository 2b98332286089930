"""Layers with a weight and a bias."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from embinit.errors import EmbinitError, check_bool, check_known, is_number, shown
from embinit.initializers import Initializer
from embinit.layers.base import Stored, check_names, check_size


@dataclass(frozen=True, kw_only=True)
class Weighted(Stored):
    """A layer with a weight and, unless bias is False, a bias.

    The other parameters and the errors are those of `Stored`.

    Parameters
    ----------
    bias
        Whether there is a bias.
    weight_init
        The initializer of the weight; None for the dialect's default.
    bias_init
        The initializer of the bias; None for what the dialect gives it.
    group_size
        How many consecutive elements of the weight share a scale; None for all of them.
    per_channel
        Whether each output channel of the weight has its own scale, in the formats int8 and int4.
    channel_axis
        The axis of the weight whose channels have these scales; None for "out".
    input_scale
        The scale of the layer's input, for a bias in the formats int32 and int64, whose scale is input_scale times that
        of the weight.
    fan
        "fan_in" or "fan_out": the fan that the layer's initializers take for both; None if each takes its own.
    weight_layout
        The weight's axes in memory, the slowest first, if they are not in the dialect's order. The draws keep the
        dialect's order.
    draws
        The weight's axes in the order of its draws, the slowest first, if that is not the dialect's.
    """

    bias: bool = True
    weight_init: Initializer | None = None
    bias_init: Initializer | None = None
    group_size: int | None = None
    per_channel: bool = True
    channel_axis: str | None = None
    input_scale: float | None = None
    fan: str | None = None
    weight_layout: Sequence[str] | None = None
    draws: Sequence[str] | None = None

    def _check(self) -> None:
        super()._check()
        if self.fan is not None:
            check_known("fan", self.fan, ("fan_in", "fan_out"))
        for what in ("weight_layout", "draws"):
            if getattr(self, what) is not None:
                check_names(what, getattr(self, what))
        if self.channel_axis is not None:
            check_names("channel_axis", (self.channel_axis,))
            if self.per_channel is False:
                raise EmbinitError(
                    "channel_axis says whose channels have scales, and per_channel = false that none have"
                )
        if self.group_size is not None:
            check_size("group_size", self.group_size)
        if self.input_scale is not None:
            scale = self.input_scale
            if not is_number(scale) or not 2.0**-126 <= scale < 2.0**126:
                raise EmbinitError(f"input_scale must be a number above 0 that float32 holds, got {shown(scale)}")
        check_bool("per_channel", self.per_channel)
        check_bool("bias", self.bias)
        for what in ("weight_init", "bias_init"):
            given = getattr(self, what)
            if given is not None and not isinstance(given, Initializer):
                raise EmbinitError(f"{what} must be an initializer, got {shown(given)}")

    @property
    def sizes(self) -> Mapping[str, int]:
        """The size of each named axis of the weight, and the number of groups."""
        raise AssertionError(self)

    @property
    def outputs(self) -> int:
        """The number of outputs, and of elements of the bias."""
        raise AssertionError(self)


@dataclass(frozen=True, kw_only=True)
class Linear(Weighted):
    """A fully connected layer.

    The other parameters and the errors are those of `Weighted`.

    Parameters
    ----------
    in_features, out_features
        The numbers of inputs and outputs.

    Examples
    --------
    >>> import embinit
    >>> layer = embinit.Linear(name="layer", in_features=2, out_features=1)
    >>> embinit.Model("m", [layer], seed=42).init()["layer.weight"].tolist()
    [[-0.7033677697181702, 0.2267153263092041]]
    """

    in_features: int
    out_features: int

    @property
    def sizes(self) -> Mapping[str, int]:
        """The sizes of the weight's axes, out and in."""
        return {"out": self.out_features, "in": self.in_features}

    @property
    def outputs(self) -> int:
        """The number of outputs."""
        return self.out_features


@dataclass(frozen=True, kw_only=True)
class Convolution(Weighted):
    """What all convolutions have.

    The other parameters and the errors are those of `Weighted`.

    Parameters
    ----------
    in_channels, out_channels
        The numbers of channels.
    kernel_size
        One number for all axes of the kernel, or one for each.
    groups
        The number of groups, which divides both numbers of channels.
    """

    without_effect = frozenset({"stride", "padding", "padding_mode", "output_padding", "dilation"})
    #: The kernel's axes, the outermost first.
    kernel_axes: ClassVar[tuple[str, ...]]
    transposed: ClassVar[bool] = False
    in_channels: int
    out_channels: int
    kernel_size: int | list[int] | tuple[int, ...]
    groups: int = 1

    def _check(self) -> None:
        super()._check()
        axes = len(self.kernel_axes)
        sizes = self.kernel_size if isinstance(self.kernel_size, tuple) else [self.kernel_size] * axes
        for size in sizes:
            check_size("kernel_size", size)
        if len(sizes) != axes:
            raise EmbinitError(f"kernel_size must be a number or {axes} of them, got {shown(self.kernel_size)}")
        for what in ("in_channels", "out_channels"):
            if getattr(self, what) % self.groups:
                raise EmbinitError(f"groups must divide {what} = {getattr(self, what)}, got {self.groups}")

    @property
    def sizes(self) -> Mapping[str, int]:
        """The sizes of the weight's axes, and the number of groups.

        Of out and in, one counts channels per group; then come the kernel's axes.
        """
        outputs, inputs, kernel = self.out_channels, self.in_channels, self.kernel_size
        if self.transposed:
            outputs //= self.groups
        else:
            inputs //= self.groups
        sizes = kernel if isinstance(kernel, list | tuple) else (kernel,) * len(self.kernel_axes)
        return {
            "out": outputs,
            "in": inputs,
            **dict(zip(self.kernel_axes, sizes, strict=True)),
            "groups": self.groups,
        }

    @property
    def outputs(self) -> int:
        """The number of output channels."""
        return self.out_channels
