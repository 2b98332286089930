"""Layers: their sizes, and the tensors they own."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, ClassVar

from embinit.distributions import MAX_SIZE, Distribution, frozen
from embinit.errors import EmbinitError, check_known, shown
from embinit.formats import ROUNDINGS, format_named
from embinit.identifiers import check_identifier
from embinit.initializers import Initializer, constant

#: NumPy before 2.0 has no array of more.
MAX_AXES = 32


@dataclass(frozen=True)
class Order:
    """How the draws of a buffer go: along which axes, slowest first; in how many turns; and where the stream begins.

    axes: None where draws follow memory. turns: buffers of one layer with more than one turn take turns, as where each
    neuron draws its bias and then its row. restart: the numbers of the layer and of the tensor, where the stream starts
    again for this one. rehearsed: whether it is drawn once before all others, in vain.
    """

    axes: tuple[int, ...] | None = None
    turns: int = 1
    restart: tuple[int, int] | None = None
    rehearsed: bool = False


#: Draws that follow memory and go on from those before.
IN_MEMORY = Order()


@dataclass(frozen=True)
class Parameter:
    """What a layer holds in one buffer: which part of it, such as "weight" or "bias_ih_l0", axes, shape, initializer.

    fan_in and fan_out are those of the weight; 1 where no initializer looks at them. lost: what is drawn just before
    and overwritten later, distributions with their numbers of values. same_as: the part of which this one is a copy,
    without a draw.
    """

    part: str
    axes: tuple[str, ...]
    shape: tuple[int, ...]
    initializer: Initializer
    fan_in: int = 1
    fan_out: int = 1
    lost: tuple[tuple[Distribution, int], ...] = ()
    same_as: str | None = None
    order: Order = IN_MEMORY


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
        for field in fields(self):
            object.__setattr__(self, field.name, frozen(getattr(self, field.name)))
        try:
            if self.name != "":
                check_identifier("name", self.name)
            self._check()
        except EmbinitError as error:
            raise EmbinitError(f"layer {shown(self.name or self.type)}: {error}") from None

    def _check(self) -> None:
        for field in fields(self):
            if field.type in (int, "int") and field.default != 0:
                check_size(field.name, getattr(self, field.name))


@dataclass(frozen=True, kw_only=True)
class Stored(Layer):
    """A layer with buffers, and how they are held.

    same_as: the earlier layer of which this one is a deep copy: it holds the same values and draws nothing.
    """

    weight_format: str = "float32"
    bias_format: str = "float32"
    rounding: str = "half_away"
    same_as: str | None = None

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

    bias_init: the initializer of the bias, where it is not the one that the dialect gives it.
    group_size: consecutive elements of the weight that share a scale. per_channel: whether each output channel of the
    weight has its own scale, in the formats int8 and int4.
    """

    bias: bool = True
    weight_init: Initializer | None = None
    bias_init: Initializer | None = None
    group_size: int | None = None
    per_channel: bool = True

    def _check(self) -> None:
        super()._check()
        if self.group_size is not None:
            check_size("group_size", self.group_size)
        check_bool("per_channel", self.per_channel)
        check_bool("bias", self.bias)
        for what in ("weight_init", "bias_init"):
            given = getattr(self, what)
            if given is not None and not isinstance(given, Initializer):
                raise EmbinitError(f"{what} must be an initializer, got {shown(given)}")

    @property
    def sizes(self) -> Mapping[str, int]:
        """The size of each named axis of the weight, and groups."""
        raise AssertionError(self)

    @property
    def outputs(self) -> int:
        """The number of outputs, and of elements of the bias."""
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

    @property
    def outputs(self) -> int:
        """The number of outputs."""
        return self.out_features


@dataclass(frozen=True, kw_only=True)
class Convolution(Weighted):
    """What all convolutions share; kernel_size is one number for all axes of the kernel, or one for each."""

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
        """The weight's axes: out and in, one of them per group; then the kernel's; and groups."""
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


@dataclass(frozen=True, kw_only=True)
class Conv1d(Convolution):
    """A one-dimensional convolution; each group of outputs sees in_channels / groups inputs.

    >>> Conv1d(in_channels=8, out_channels=16, kernel_size=5, groups=2).sizes
    {'out': 16, 'in': 4, 'kernel': 5, 'groups': 2}
    """

    kernel_axes = ("kernel",)


@dataclass(frozen=True, kw_only=True)
class Conv2d(Convolution):
    """A two-dimensional convolution.

    >>> Conv2d(in_channels=8, out_channels=16, kernel_size=[5, 3]).sizes
    {'out': 16, 'in': 8, 'height': 5, 'width': 3, 'groups': 1}
    """

    kernel_axes = ("height", "width")


@dataclass(frozen=True, kw_only=True)
class Conv3d(Convolution):
    """A three-dimensional convolution.

    >>> Conv3d(in_channels=8, out_channels=16, kernel_size=3).sizes
    {'out': 16, 'in': 8, 'depth': 3, 'height': 3, 'width': 3, 'groups': 1}
    """

    kernel_axes = ("depth", "height", "width")


@dataclass(frozen=True, kw_only=True)
class ConvTranspose1d(Convolution):
    """A transposed one-dimensional convolution; each group of inputs reaches out_channels / groups outputs.

    >>> ConvTranspose1d(in_channels=8, out_channels=16, kernel_size=5, groups=2).sizes
    {'out': 8, 'in': 8, 'kernel': 5, 'groups': 2}
    """

    kernel_axes = Conv1d.kernel_axes
    transposed = True


@dataclass(frozen=True, kw_only=True)
class ConvTranspose2d(Convolution):
    """A transposed two-dimensional convolution."""

    kernel_axes = Conv2d.kernel_axes
    transposed = True


@dataclass(frozen=True, kw_only=True)
class ConvTranspose3d(Convolution):
    """A transposed three-dimensional convolution."""

    kernel_axes = Conv3d.kernel_axes
    transposed = True


@dataclass(frozen=True, kw_only=True)
class Embedding(Stored):
    """A table of vectors, one a row; that of padding_idx, which may count from the end, is 0."""

    without_effect = frozenset({"max_norm", "norm_type", "scale_grad_by_freq", "sparse"})
    num_embeddings: int
    embedding_dim: int
    padding_idx: int | None = None

    def _check(self) -> None:
        super()._check()
        row, rows = self.padding_idx, self.num_embeddings
        if row is not None and (isinstance(row, bool) or not isinstance(row, int) or not -rows <= row < rows):
            raise EmbinitError(f"padding_idx must be an integer from {-rows} to {rows - 1}, got {shown(row)}")


@dataclass(frozen=True, kw_only=True)
class EmbeddingBag(Embedding):
    """A table of vectors that are summed up or averaged."""

    without_effect = Embedding.without_effect | {"mode", "include_last_offset"}


@dataclass(frozen=True, kw_only=True)
class Cell(Stored):
    """What recurrent cells share; gates is the number of their weights' blocks of hidden_size rows."""

    without_effect = frozenset({"nonlinearity"})
    gates: ClassVar[int]
    input_size: int
    hidden_size: int
    bias: bool = True

    def _check(self) -> None:
        super()._check()
        check_bool("bias", self.bias)


@dataclass(frozen=True, kw_only=True)
class RNNCell(Cell):
    """A step of a plain recurrent layer."""

    gates = 1


@dataclass(frozen=True, kw_only=True)
class GRUCell(Cell):
    """A step of a gated recurrent unit."""

    gates = 3


@dataclass(frozen=True, kw_only=True)
class LSTMCell(Cell):
    """A step of a long short-term memory."""

    gates = 4


@dataclass(frozen=True, kw_only=True)
class Recurrent(Cell):
    """What recurrent layers share: num_layers cells one after the other, twice as many if bidirectional."""

    without_effect = frozenset({"nonlinearity", "batch_first", "dropout"})
    num_layers: int = 1
    bidirectional: bool = False

    def _check(self) -> None:
        super()._check()
        check_bool("bidirectional", self.bidirectional)


@dataclass(frozen=True, kw_only=True)
class RNN(Recurrent):
    """A plain recurrent layer."""

    gates = 1


@dataclass(frozen=True, kw_only=True)
class GRU(Recurrent):
    """Gated recurrent units."""

    gates = 3


@dataclass(frozen=True, kw_only=True)
class LSTM(Recurrent):
    """Long short-term memory; proj_size, unless 0, is the size to which its state is projected."""

    gates = 4
    proj_size: int = 0

    def _check(self) -> None:
        super()._check()
        size = self.proj_size
        if isinstance(size, bool) or not isinstance(size, int) or not 0 <= size < self.hidden_size:
            raise EmbinitError(f"proj_size must be an integer from 0 to {self.hidden_size - 1}, got {shown(size)}")


@dataclass(frozen=True, kw_only=True)
class Norm(Stored):
    """A normalization layer: its weight (gamma) is 1 and its bias (beta) is 0, without a draw."""

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Weight and bias, which no dialect sees otherwise, and running statistics."""
        axes = tuple(f"axis{i}" for i in range(len(self.shape)))
        return tuple(Parameter(part, axes, self.shape, constant(value)) for part, value in self.parts.items())

    @property
    def parts(self) -> Mapping[str, float]:
        """The parts of the layer, and the value of each."""
        raise AssertionError(self)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of each part."""
        raise AssertionError(self)


@dataclass(frozen=True, kw_only=True)
class RMSNorm(Norm):
    """Normalization by the root mean square over the last axes, with a weight unless elementwise_affine is False.

    >>> RMSNorm(normalized_shape=16).parts
    {'weight': 1.0}
    """

    without_effect = frozenset({"eps"})
    normalized_shape: int | list[int] | tuple[int, ...]
    elementwise_affine: bool = True

    def _check(self) -> None:
        super()._check()
        check_bool("elementwise_affine", self.elementwise_affine)
        if not 1 <= len(self.shape) <= MAX_AXES:
            raise EmbinitError(f"normalized_shape must have 1 to {MAX_AXES} sizes, got {len(self.shape)}")
        for size in self.shape:
            check_size("normalized_shape", size)

    @property
    def parts(self) -> Mapping[str, float]:
        """The weight."""
        return {"weight": 1.0} if self.elementwise_affine else {}

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of each part."""
        sizes = self.normalized_shape
        return tuple(sizes) if isinstance(sizes, list | tuple) else (sizes,)


@dataclass(frozen=True, kw_only=True)
class LayerNorm(RMSNorm):
    """Layer normalization over the last axes; without a bias if bias is False, with neither if not elementwise_affine.

    >>> LayerNorm(normalized_shape=[16, 1000]).shape
    (16, 1000)
    """

    bias: bool = True

    def _check(self) -> None:
        super()._check()
        check_bool("bias", self.bias)

    @property
    def parts(self) -> Mapping[str, float]:
        """Weight and bias."""
        return {**super().parts, **({"bias": 0.0} if self.elementwise_affine and self.bias else {})}


@dataclass(frozen=True, kw_only=True)
class ChannelNorm(Norm):
    """A normalization by channels; without weight and bias if affine is False."""

    affine: bool = True

    def _check(self) -> None:
        super()._check()
        check_bool("affine", self.affine)

    @property
    def parts(self) -> Mapping[str, float]:
        """Weight and bias."""
        return {"weight": 1.0, "bias": 0.0} if self.affine else {}


@dataclass(frozen=True, kw_only=True)
class GroupNorm(ChannelNorm):
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
class BatchNorm1d(ChannelNorm):
    """Batch normalization; its statistics are buffers of the device if track_running_stats says so, in float32.

    >>> BatchNorm1d(num_features=16, track_running_stats=True).parts
    {'weight': 1.0, 'bias': 0.0, 'running_mean': 0.0, 'running_var': 1.0}
    """

    without_effect = frozenset({"eps", "momentum"})
    num_features: int
    track_running_stats: bool = False

    def _check(self) -> None:
        super()._check()
        check_bool("track_running_stats", self.track_running_stats)

    @property
    def parts(self) -> Mapping[str, float]:
        """Weight and bias, running_mean and running_var."""
        return {**super().parts, **({"running_mean": 0.0, "running_var": 1.0} if self.track_running_stats else {})}

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of each part."""
        return (self.num_features,)


@dataclass(frozen=True, kw_only=True)
class BatchNorm2d(BatchNorm1d):
    """Batch normalization of images."""


@dataclass(frozen=True, kw_only=True)
class BatchNorm3d(BatchNorm1d):
    """Batch normalization of volumes."""


@dataclass(frozen=True, kw_only=True)
class SyncBatchNorm(BatchNorm1d):
    """Batch normalization over the processes that train a model."""

    without_effect = BatchNorm1d.without_effect | {"process_group"}


@dataclass(frozen=True, kw_only=True)
class InstanceNorm1d(BatchNorm1d):
    """Normalization of each instance; it has a weight and a bias only if affine is True.

    >>> InstanceNorm1d(num_features=16).parts
    {}
    """

    affine: bool = False


@dataclass(frozen=True, kw_only=True)
class InstanceNorm2d(InstanceNorm1d):
    """Normalization of each image."""


@dataclass(frozen=True, kw_only=True)
class InstanceNorm3d(InstanceNorm1d):
    """Normalization of each volume."""


@dataclass(frozen=True, kw_only=True)
class DrawFree(Layer):
    """A layer without parameters: it stands in the model and draws nothing.

    >>> DrawFree(kind="ReLU").type
    'ReLU'
    """

    without_effect = frozenset(
        {"kernel_size", "stride", "padding", "dilation", "output_size", "dim", "start_dim", "end_dim", "p",
         "negative_slope", "alpha", "inplace", "scale_factor", "size", "beta", "k", "eps", "value", "approximate",
         "lower", "upper", "min_val", "max_val", "lambd", "threshold", "mode", "align_corners", "unflattened_size",
         "ceil_mode", "count_include_pad", "norm_type", "groups", "upscale_factor", "downscale_factor", "output_ratio",
         "return_indices", "keepdim"}
    )  # fmt: skip
    kind: str

    def _check(self) -> None:
        check_known("type", self.kind, DRAW_FREE)

    @property
    def type(self) -> str:
        """The layer's type, as a model file writes it."""
        return self.kind


WITH_PARAMETERS: dict[str, type[Stored]] = {
    cls.__name__: cls
    for cls in (
        Linear, Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d, Embedding, EmbeddingBag,
        RNN, GRU, LSTM, RNNCell, GRUCell, LSTMCell, BatchNorm1d, BatchNorm2d, BatchNorm3d, SyncBatchNorm,
        InstanceNorm1d, InstanceNorm2d, InstanceNorm3d, LayerNorm, GroupNorm, RMSNorm,
    )
}  # fmt: skip
_DIMENSIONS = {
    (1, 2, 3): ("MaxPool", "AvgPool", "AdaptiveMaxPool", "AdaptiveAvgPool", "LPPool", "MaxUnpool", "ZeroPad",
                "ConstantPad", "ReflectionPad", "ReplicationPad", "CircularPad", "Dropout"),
    (2, 3): ("FractionalMaxPool",),
}  # fmt: skip
DRAW_FREE = (
    "ReLU", "ReLU6", "RReLU", "LeakyReLU", "ELU", "CELU", "GELU", "SELU", "SiLU", "Mish", "GLU", "Hardswish",
    "Hardsigmoid", "Hardtanh", "Hardshrink", "Softshrink", "Tanhshrink", "Softsign", "Softplus", "Threshold", "Sigmoid",
    "LogSigmoid", "Tanh", "Softmax", "Softmax2d", "LogSoftmax", "Softmin", "Flatten", "Unflatten", "Fold", "Unfold",
    "Dropout", "AlphaDropout", "FeatureAlphaDropout", "Upsample", "UpsamplingNearest2d", "UpsamplingBilinear2d",
    "PixelShuffle", "PixelUnshuffle", "ChannelShuffle", "LocalResponseNorm", "CrossMapLRN2d", "CosineSimilarity",
    "PairwiseDistance", "Identity",
    *(f"{kind}{n}d" for sizes, kinds in _DIMENSIONS.items() for kind in kinds for n in sizes),
)  # fmt: skip


def check_size(what: str, value: Any) -> None:
    """Raise EmbinitError unless value is an integer from 1 to MAX_SIZE."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_SIZE:
        raise EmbinitError(f"{what} must be an integer from 1 to {MAX_SIZE}, got {shown(value)}")


def check_bool(what: str, value: Any) -> None:
    """Raise EmbinitError unless value is True or False."""
    if not isinstance(value, bool):
        raise EmbinitError(f"{what} must be true or false, got {shown(value)}")


def register(layer: type[Stored]) -> type[Stored]:
    """Return a layer, now known to model files by the name of its class; a name that is taken is an error."""
    name = layer.__name__ if isinstance(layer, type) else repr(layer)
    if not (isinstance(layer, type) and issubclass(layer, Stored) and is_dataclass(layer)):
        raise EmbinitError(f"a layer must be a dataclass of embinit.layers.Stored to be registered, got {name}")
    known = WITH_PARAMETERS.get(name)
    if name in DRAW_FREE or (known is not None and _path(known) != _path(layer)):
        raise EmbinitError(f"a layer of type {name} is known already: give yours another name")
    WITH_PARAMETERS[name] = layer
    return layer


def _path(layer: type) -> str:
    return f"{layer.__module__}.{layer.__qualname__}"


def layer_class(layer_type: str) -> type[Layer]:
    """Return the class of a layer type; an unknown one is an error that lists the known ones.

    >>> layer_class("Linear").__name__
    'Linear'
    """
    check_known("type", layer_type, (*WITH_PARAMETERS, *DRAW_FREE))
    return WITH_PARAMETERS.get(layer_type, DrawFree)
