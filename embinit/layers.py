"""Layers: their sizes, and the tensors they own."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from embinit.errors import EmbinitError, check_known
from embinit.formats import ROUNDINGS, format_named
from embinit.identifiers import check_identifier
from embinit.initializers import Initializer

MAX_SIZE = 2**31 - 1


@dataclass(frozen=True, kw_only=True)
class Layer:
    """What all layers have: a name, unique in the model and a C identifier; empty means the type and the position."""

    #: Keys that may stand in a model file because a framework has them, and that move no bit.
    without_effect: ClassVar[frozenset[str]] = frozenset()
    name: str = ""

    @property
    def type(self) -> str:
        """The layer's type, as a model file writes it."""
        return type(self).__name__

    def __post_init__(self) -> None:
        try:
            if self.name != "":
                check_identifier("name", self.name)
            self._check()
        except EmbinitError as error:
            raise EmbinitError(f"layer {self.name or self.type!r}: {error}") from None

    def _check(self) -> None:
        for field in fields(self):
            if field.type in (int, "int"):
                check_size(field.name, getattr(self, field.name))


@dataclass(frozen=True, kw_only=True)
class Stored(Layer):
    """A layer with buffers, and how they are held."""

    weight_format: str = "float32"
    bias_format: str = "float32"
    rounding: str = "half_away"

    def _check(self) -> None:
        super()._check()
        for what in ("weight_format", "bias_format"):
            try:
                format_named(getattr(self, what))
            except EmbinitError as error:
                raise EmbinitError(f"{what}: {error}") from None
        check_known("rounding", self.rounding, ROUNDINGS)


@dataclass(frozen=True, kw_only=True)
class Weighted(Stored):
    """A layer with a weight and, unless bias is False, a bias.

    group_size: consecutive elements of the weight that share a scale. per_channel: whether each output channel of the
    weight has its own scale, in the formats int8 and int4.
    """

    bias: bool = True
    weight_init: Initializer | None = None
    group_size: int | None = None
    per_channel: bool = True

    def _check(self) -> None:
        super()._check()
        if self.group_size is not None:
            check_size("group_size", self.group_size)
        if not isinstance(self.per_channel, bool):
            raise EmbinitError(f"per_channel must be true or false, got {self.per_channel!r}")
        if not isinstance(self.bias, bool):
            raise EmbinitError(f"bias must be true or false, got {self.bias!r}")
        if self.weight_init is not None and not isinstance(self.weight_init, Initializer):
            raise EmbinitError(f"weight_init must be an initializer, got {self.weight_init!r}")

    @property
    def sizes(self) -> Mapping[str, int]:
        """The size of each named axis of the weight, and groups."""
        raise AssertionError(self)


@dataclass(frozen=True, kw_only=True)
class Linear(Weighted):
    """A fully connected layer.

    >>> Linear(in_features=64, out_features=6).sizes
    {'out': 6, 'in': 64}
    """

    in_features: int
    out_features: int

    @property
    def sizes(self) -> Mapping[str, int]:
        """The weight's axes: out and in."""
        return {"out": self.out_features, "in": self.in_features}


@dataclass(frozen=True, kw_only=True)
class Convolution(Weighted):
    """What Conv1d and ConvTranspose1d share."""

    without_effect = frozenset({"stride", "padding", "padding_mode", "output_padding", "dilation"})
    in_channels: int
    out_channels: int
    kernel_size: int
    groups: int = 1

    def _check(self) -> None:
        super()._check()
        for what in ("in_channels", "out_channels"):
            if getattr(self, what) % self.groups:
                raise EmbinitError(f"groups must divide {what} = {getattr(self, what)}, got {self.groups}")


@dataclass(frozen=True, kw_only=True)
class Conv1d(Convolution):
    """A one-dimensional convolution; each group of outputs sees in_channels / groups inputs.

    >>> Conv1d(in_channels=8, out_channels=16, kernel_size=5, groups=2).sizes
    {'out': 16, 'in': 4, 'kernel': 5, 'groups': 2}
    """

    @property
    def sizes(self) -> Mapping[str, int]:
        """The weight's axes: out, in (per group) and kernel; and groups."""
        return {
            "out": self.out_channels,
            "in": self.in_channels // self.groups,
            "kernel": self.kernel_size,
            "groups": self.groups,
        }


@dataclass(frozen=True, kw_only=True)
class ConvTranspose1d(Convolution):
    """A transposed one-dimensional convolution; each group of inputs reaches out_channels / groups outputs.

    >>> ConvTranspose1d(in_channels=8, out_channels=16, kernel_size=5, groups=2).sizes
    {'out': 8, 'in': 8, 'kernel': 5, 'groups': 2}
    """

    @property
    def sizes(self) -> Mapping[str, int]:
        """The weight's axes: in, out (per group) and kernel; and groups."""
        return {
            "out": self.out_channels // self.groups,
            "in": self.in_channels,
            "kernel": self.kernel_size,
            "groups": self.groups,
        }


@dataclass(frozen=True, kw_only=True)
class Norm(Stored):
    """A normalization layer: its weight (gamma) is 1 and its bias (beta) is 0, without a draw."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of weight and bias."""
        raise AssertionError(self)


@dataclass(frozen=True, kw_only=True)
class LayerNorm(Norm):
    """Layer normalization over the last axes.

    >>> LayerNorm(normalized_shape=[16, 1000]).shape
    (16, 1000)
    """

    without_effect = frozenset({"eps"})
    normalized_shape: int | list[int] | tuple[int, ...]

    def _check(self) -> None:
        super()._check()
        if isinstance(self.normalized_shape, list | tuple) and not self.normalized_shape:
            raise EmbinitError("normalized_shape must have at least one size, got []")
        for size in self.shape:
            check_size("normalized_shape", size)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of weight and bias."""
        sizes = self.normalized_shape
        return tuple(sizes) if isinstance(sizes, list | tuple) else (sizes,)


@dataclass(frozen=True, kw_only=True)
class GroupNorm(Norm):
    """Group normalization.

    >>> GroupNorm(num_groups=4, num_channels=16).shape
    (16,)
    """

    without_effect = frozenset({"eps"})
    num_groups: int
    num_channels: int

    def _check(self) -> None:
        super()._check()
        if self.num_channels % self.num_groups:
            raise EmbinitError(f"num_groups must divide num_channels = {self.num_channels}, got {self.num_groups}")

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of weight and bias."""
        return (self.num_channels,)


@dataclass(frozen=True, kw_only=True)
class DrawFree(Layer):
    """A layer without parameters: it stands in the model and draws nothing.

    >>> DrawFree(kind="ReLU").type
    'ReLU'
    """

    without_effect = frozenset(
        {"kernel_size", "stride", "padding", "dilation", "output_size", "dim", "start_dim", "end_dim", "p",
         "negative_slope", "alpha", "inplace", "scale_factor"}
    )  # fmt: skip
    kind: str

    @property
    def type(self) -> str:
        """The layer's type, as a model file writes it."""
        return self.kind


WITH_PARAMETERS: dict[str, type[Layer]] = {
    cls.__name__: cls for cls in (Linear, Conv1d, ConvTranspose1d, LayerNorm, GroupNorm)
}
DRAW_FREE = (
    "ReLU", "LeakyReLU", "ELU", "GELU", "SiLU", "Sigmoid", "Tanh", "Softmax", "LogSoftmax", "MaxPool1d", "AvgPool1d",
    "AdaptiveMaxPool1d", "AdaptiveAvgPool1d", "Flatten", "Dropout", "Upsample", "Identity",
)  # fmt: skip


def check_size(what: str, value: Any) -> None:
    """Raise EmbinitError unless value is an integer from 1 to MAX_SIZE."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_SIZE:
        raise EmbinitError(f"{what} must be an integer from 1 to {MAX_SIZE}, got {value!r}")


def layer_class(layer_type: str) -> type[Layer]:
    """Return the class of a layer type; an unknown one is an error that lists the known ones.

    >>> layer_class("Linear").__name__
    'Linear'
    """
    check_known("type", layer_type, (*WITH_PARAMETERS, *DRAW_FREE))
    return WITH_PARAMETERS.get(layer_type, DrawFree)
