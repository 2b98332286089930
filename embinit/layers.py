"""Layers: their sizes, and the tensors they own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, ClassVar

import numpy as np

from embinit.distributions import MAX_SIZE, Distribution, frozen
from embinit.errors import EmbinitError, check_known, shown
from embinit.formats import ROUNDINGS, format_named
from embinit.formats.arrangement import BYTE_ORDERS, NIBBLE_ORDERS
from embinit.identifiers import check_identifier
from embinit.initializers import Initializer, Sliced, constant

#: Arrays of NumPy before 2.0 cannot have more.
MAX_AXES = 32
#: The most words that a device may be said to drop at a place.
MAX_WORDS = 2**32 - 1


@dataclass(frozen=True)
class Order:
    """How a buffer is drawn: along which axes, in how many turns, and where its stream begins.

    axes: the axes along which it is drawn, the slowest first; None if draws follow memory. turns: buffers of one layer
    with more than one turn take turns, as when each neuron draws its bias and then its row. restart: the numbers of the
    layer and of the tensor if the stream starts again for this buffer; seed: from which seed, if not the model's.
    rehearsed: whether it is drawn once before all others, and those values are dropped. skip: how many words are
    dropped before it. rank: buffers are drawn in the order of their ranks; those of equal rank, in the order in which
    memory holds them.
    """

    axes: tuple[int, ...] | None = None
    turns: int = 1
    restart: tuple[int, int] | None = None
    seed: int | None = None
    rehearsed: bool = False
    skip: int = 0
    rank: int = 0


#: Draws that follow memory and continue after the buffer before.
IN_MEMORY = Order()


@dataclass(frozen=True)
class Parameter:
    """What a layer holds in one buffer: the part, such as "weight" or "bias_ih_l0", its axes, shape and initializer.

    fan_in and fan_out are those of the weight; 1 if no initializer looks at them. lost: what is drawn just before and
    overwritten later, as distributions with their numbers of values. same_as: the part of which this one is a copy,
    without a draw. slices: what is then set, as first index, index after the last, and value along the first axis.
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
    slices: tuple[tuple[int, int, float], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Layer:
    """What all layers have.

    Parameters
    ----------
    name
        A C identifier, unique in the model; "" stands for the type and the position, such as linear0.

    Raises
    ------
    EmbinitError
        If a size is not an integer from 1 up, or another parameter is of a wrong type or unknown; the message names the
        layer.
    """

    #: Keys that a model file may have because a framework does, and that change no bit.
    without_effect: ClassVar[frozenset[str]] = frozenset()
    name: str = ""

    @property
    def type(self) -> str:
        """The layer's type, as a model file writes it."""
        return type(self).__name__

    def __post_init__(self) -> None:
        for field in fields(self):
            given = getattr(self, field.name)
            if isinstance(given, list | tuple | np.ndarray):
                object.__setattr__(self, field.name, frozen(given))
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
    """A layer with buffers, and the formats that hold them.

    The other parameters are those of `Layer`.

    Parameters
    ----------
    weight_format, bias_format
        The names of the formats, "float32" by default (`embinit formats` lists them).
    rounding
        "half_away", "half_even", "truncate", "floor" or "stochastic"; None for the format's own.
    same_as
        The name of an earlier layer of which this one is a deep copy: it holds the same values and draws nothing.
    skip_words
        How many words the device drops before the layer.
    restart
        Whether the device seeds again before the layer; or a seed, with which it does; or a table with one of these for
        each part before which it seeds.
    order
        The layer's parts in the order in which they are drawn; None for the dialect's.
    init
        What some parts hold, by their names, instead of what the dialect gives them: an initializer, or `Sliced`.
        "bias_hh" stands for bias_hh_l0 and its like.
    reinitialize
        Whether the whole model is first drawn as the dialect does by default, and then the parts again to which the
        layer gives an initializer (all, if to none), as apply(init) does in PyTorch.
    byte_order
        "little" or "big": the order of the bytes of each element in memory.
    nibble_order
        "low" or "high": which half of a byte holds the first of two codes of 4 bits; other widths fill bytes from
        that end.
    row_stride
        How many elements of memory lie between the beginnings of two rows, which the first axis counts; None if there
        is nothing between rows.
    path
        The scopes of the module in the parameter tree of Flax linen, such as "Block_0/Conv_0"; "" if it is itself the
        module that is initialized, and by default its name.

    Raises
    ------
    EmbinitError
        If a size is not an integer from 1 up, or another parameter is of a wrong type or unknown; the message names the
        layer.
    """

    weight_format: str = "float32"
    bias_format: str = "float32"
    rounding: str | None = None
    same_as: str | None = None
    skip_words: int = 0
    restart: Any = False
    order: Sequence[str] | None = None
    init: Any = None
    reinitialize: bool = False
    byte_order: str = "little"
    nibble_order: str = "low"
    row_stride: int | None = None
    path: str | None = None

    def _check(self) -> None:
        super()._check()
        if isinstance(self.init, Mapping):
            object.__setattr__(self, "init", tuple(self.init.items()))
        for part, given in self.told.items():
            if not isinstance(part, str) or not isinstance(given, Initializer | Sliced):
                raise EmbinitError(f"init must give initializers to parts, got {shown(given)} for {shown(part)}")
        check_count("skip_words", self.skip_words)
        check_bool("reinitialize", self.reinitialize)
        if isinstance(self.restart, Mapping):
            object.__setattr__(self, "restart", tuple(self.restart.items()))
        for value in dict(self.restart).values() if isinstance(self.restart, tuple) else [self.restart]:
            if not isinstance(value, int):
                raise EmbinitError(f"restart must be true, a seed, or a table of these by part, got {shown(value)}")
        if self.reinitialize and (self.restart or self.skip_words):
            raise EmbinitError("reinitialize draws the layer at two places: it takes neither restart nor skip_words")
        if self.order is not None:
            check_names("order", self.order)
        check_known("byte_order", self.byte_order, BYTE_ORDERS)
        check_known("nibble_order", self.nibble_order, NIBBLE_ORDERS)
        if self.row_stride is not None:
            check_size("row_stride", self.row_stride)
        if self.path is not None and (not isinstance(self.path, str) or (self.path and "" in self.path.split("/"))):
            raise EmbinitError(f"path must be names with / between them, got {shown(self.path)}")
        for what in ("weight_format", "bias_format"):
            try:
                format_named(getattr(self, what))
            except EmbinitError as error:
                raise EmbinitError(f"{what}: {error}") from None
        if self.rounding is not None:
            check_known("rounding", self.rounding, ROUNDINGS)

    @property
    def told(self) -> dict[str, "Initializer | Sliced"]:
        """The initializers of `init`, by part."""
        return dict(self.init) if isinstance(self.init, tuple) else {}


@dataclass(frozen=True, kw_only=True)
class Weighted(Stored):
    """A layer with a weight and, unless bias is False, a bias.

    The other parameters are those of `Stored`.

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
        "fan_in" or "fan_out": which fan stands for both in the layer's initializers; None if each is what it says.
    weight_layout
        The weight's axes in memory, the slowest first, if they are not in the dialect's order. The draws keep the
        dialect's order.
    draws
        The weight's axes in the order of its draws, the slowest first, if that is not the dialect's.

    Raises
    ------
    EmbinitError
        If a size is not an integer from 1 up, or another parameter is of a wrong type or unknown; the message names the
        layer.
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
            if isinstance(scale, bool) or not isinstance(scale, int | float) or not 2.0**-126 <= scale < 2.0**126:
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

    The other parameters are those of `Weighted`.

    Parameters
    ----------
    in_features, out_features
        The numbers of inputs and outputs.

    Raises
    ------
    EmbinitError
        If a size is not an integer from 1 up, or another parameter is of a wrong type or unknown; the message names the
        layer.

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

    The other parameters are those of `Weighted`.

    Parameters
    ----------
    in_channels, out_channels
        The numbers of channels.
    kernel_size
        One number for all axes of the kernel, or one for each.
    groups
        The number of groups, which divides both numbers of channels.

    Raises
    ------
    EmbinitError
        If a size is not an integer from 1 up, or another parameter is of a wrong type or unknown; the message names the
        layer.
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


@dataclass(frozen=True, kw_only=True)
class Conv1d(Convolution):
    """A one-dimensional convolution; each group of outputs sees in_channels / groups inputs.

    Its parameters are those of `Convolution`.

    Raises
    ------
    EmbinitError
        If a size is not an integer from 1 up, or another parameter is of a wrong type or unknown; the message names the
        layer.

    Examples
    --------
    >>> import embinit
    >>> layer = embinit.Conv1d(name="layer", in_channels=1, out_channels=1, kernel_size=2)
    >>> embinit.Model("m", [layer], seed=42).init()["layer.weight"].tolist()
    [[[-0.7033677697181702, 0.2267153263092041]]]
    """

    kernel_axes = ("kernel",)


@dataclass(frozen=True, kw_only=True)
class Conv2d(Convolution):
    """A two-dimensional convolution.

    Its parameters are those of `Convolution`.

    Raises
    ------
    EmbinitError
        If a size is not an integer from 1 up, or another parameter is of a wrong type or unknown; the message names the
        layer.

    Examples
    --------
    >>> import embinit
    >>> layer = embinit.Conv2d(name="layer", in_channels=1, out_channels=1, kernel_size=[1, 2])
    >>> embinit.Model("m", [layer], seed=42, dialect="torch").init()["layer.weight"].tolist()
    [[[[0.5406103730201721, 0.5869042277336121]]]]
    """

    kernel_axes = ("height", "width")


@dataclass(frozen=True, kw_only=True)
class Conv3d(Convolution):
    """A three-dimensional convolution.

    Its parameters are those of `Convolution`.

    Raises
    ------
    EmbinitError
        If a size is not an integer from 1 up, or another parameter is of a wrong type or unknown; the message names the
        layer.

    Examples
    --------
    >>> import embinit
    >>> layer = embinit.Conv3d(name="layer", in_channels=1, out_channels=1, kernel_size=[1, 1, 2])
    >>> embinit.Model("m", [layer], seed=42, dialect="torch").init()["layer.weight"].tolist()
    [[[[[0.5406103730201721, 0.5869042277336121]]]]]
    """

    kernel_axes = ("depth", "height", "width")


@dataclass(frozen=True, kw_only=True)
class ConvTranspose1d(Convolution):
    """A transposed one-dimensional convolution; each group of inputs reaches out_channels / groups outputs.

    Its parameters are those of `Convolution`.

    Raises
    ------
    EmbinitError
        If a size is not an integer from 1 up, or another parameter is of a wrong type or unknown; the message names the
        layer.

    Examples
    --------
    >>> import embinit
    >>> layer = embinit.ConvTranspose1d(name="layer", in_channels=1, out_channels=1, kernel_size=2)
    >>> embinit.Model("m", [layer], seed=42).init()["layer.weight"].tolist()
    [[[-0.7033677697181702, 0.2267153263092041]]]
    """

    kernel_axes = Conv1d.kernel_axes
    transposed = True


@dataclass(frozen=True, kw_only=True)
class ConvTranspose2d(Convolution):
    """A transposed two-dimensional convolution.

    Its parameters are those of `Convolution`.

    Raises
    ------
    EmbinitError
        If a size is not an integer from 1 up, or another parameter is of a wrong type or unknown; the message names the
        layer.

    Examples
    --------
    >>> import embinit
    >>> layer = embinit.ConvTranspose2d(name="layer", in_channels=1, out_channels=1, kernel_size=[1, 2])
    >>> embinit.Model("m", [layer], seed=42, dialect="torch").init()["layer.weight"].tolist()
    [[[[0.5406103730201721, 0.5869042277336121]]]]
    """

    kernel_axes = Conv2d.kernel_axes
    transposed = True


@dataclass(frozen=True, kw_only=True)
class ConvTranspose3d(Convolution):
    """A transposed three-dimensional convolution.

    Its parameters are those of `Convolution`.

    Raises
    ------
    EmbinitError
        If a size is not an integer from 1 up, or another parameter is of a wrong type or unknown; the message names the
        layer.

    Examples
    --------
    >>> import embinit
    >>> layer = embinit.ConvTranspose3d(name="layer", in_channels=1, out_channels=1, kernel_size=[1, 1, 2])
    >>> embinit.Model("m", [layer], seed=42, dialect="torch").init()["layer.weight"].tolist()
    [[[[[0.5406103730201721, 0.5869042277336121]]]]]
    """

    kernel_axes = Conv3d.kernel_axes
    transposed = True


@dataclass(frozen=True, kw_only=True)
class Embedding(Stored):
    """A table of vectors, one per row.

    The other parameters are those of `Stored`.

    Parameters
    ----------
    num_embeddings, embedding_dim
        The numbers of rows and columns.
    padding_idx
        The row that is 0, which may count from the end; None if there is no such row.

    Raises
    ------
    EmbinitError
        If a size is not an integer from 1 up, or another parameter is of a wrong type or unknown; the message names the
        layer.

    Examples
    --------
    >>> import embinit
    >>> layer = embinit.Embedding(name="layer", num_embeddings=2, embedding_dim=1, padding_idx=0)
    >>> embinit.Model("m", [layer], seed=42, dialect="torch").init()["layer.weight"].tolist()
    [[0.0], [0.12880940735340118]]
    """

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
    """A table of vectors of which sums or averages are taken.

    Its parameters are those of `Embedding`.

    Raises
    ------
    EmbinitError
        If a size is not an integer from 1 up, or another parameter is of a wrong type or unknown; the message names the
        layer.

    Examples
    --------
    >>> import embinit
    >>> layer = embinit.EmbeddingBag(name="layer", num_embeddings=2, embedding_dim=1)
    >>> embinit.Model("m", [layer], seed=42, dialect="torch").init()["layer.weight"].tolist()
    [[0.33669036626815796], [0.12880940735340118]]
    """

    without_effect = Embedding.without_effect | {"mode", "include_last_offset"}


@dataclass(frozen=True, kw_only=True)
class Cell(Stored):
    """What recurrent cells have in common; `gates` is the number of blocks of hidden_size rows in their weights.

    The other parameters are those of `Stored`.

    Parameters
    ----------
    input_size, hidden_size
        The numbers of inputs and of hidden values.
    bias
        Whether there are biases.

    Raises
    ------
    EmbinitError
        If a size is not an integer from 1 up, or another parameter is of a wrong type or unknown; the message names the
        layer.
    """

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
    """One step of a plain recurrent layer.

    Its parameters are those of `Cell`.

    Raises
    ------
    EmbinitError
        If a size is not an integer from 1 up, or another parameter is of a wrong type or unknown; the message names the
        layer.

    Examples
    --------
    >>> import embinit
    >>> layer = embinit.RNNCell(name="layer", input_size=1, hidden_size=1)
    >>> embinit.Model("m", [layer], seed=42, dialect="torch").init()["layer.weight_ih"].tolist()
    [[0.7645385265350342]]
    """

    gates = 1


@dataclass(frozen=True, kw_only=True)
class GRUCell(Cell):
    """One step of a gated recurrent unit.

    Its parameters are those of `Cell`.

    Raises
    ------
    EmbinitError
        If a size is not an integer from 1 up, or another parameter is of a wrong type or unknown; the message names the
        layer.

    Examples
    --------
    >>> import embinit
    >>> layer = embinit.GRUCell(name="layer", input_size=1, hidden_size=1)
    >>> embinit.Model("m", [layer], seed=42, dialect="torch").init()["layer.weight_ih"].tolist()
    [[0.7645385265350342], [0.8300079107284546], [-0.23427248001098633]]
    """

    gates = 3


@dataclass(frozen=True, kw_only=True)
class LSTMCell(Cell):
    """One step of a long short-term memory.

    Its parameters are those of `Cell`.

    Raises
    ------
    EmbinitError
        If a size is not an integer from 1 up, or another parameter is of a wrong type or unknown; the message names the
        layer.

    Examples
    --------
    >>> import embinit
    >>> layer = embinit.LSTMCell(name="layer", input_size=1, hidden_size=1)
    >>> embinit.Model("m", [layer], seed=42, dialect="torch").init()["layer.weight_ih"].tolist()
    [[0.7645385265350342], [0.8300079107284546], [-0.23427248001098633], [0.9186112880706787]]
    """

    gates = 4


@dataclass(frozen=True, kw_only=True)
class Recurrent(Cell):
    """What recurrent layers have in common: num_layers cells one after another, twice as many if bidirectional.

    The other parameters are those of `Cell`.

    Parameters
    ----------
    num_layers
        The number of layers.
    bidirectional
        Whether each layer also has a cell that runs backwards.

    Raises
    ------
    EmbinitError
        If a size is not an integer from 1 up, or another parameter is of a wrong type or unknown; the message names the
        layer.
    """

    without_effect = frozenset({"nonlinearity", "batch_first", "dropout"})
    num_layers: int = 1
    bidirectional: bool = False

    def _check(self) -> None:
        super()._check()
        check_bool("bidirectional", self.bidirectional)


@dataclass(frozen=True, kw_only=True)
class RNN(Recurrent):
    """A plain recurrent layer.

    Its parameters are those of `Recurrent`.

    Raises
    ------
    EmbinitError
        If a size is not an integer from 1 up, or another parameter is of a wrong type or unknown; the message names the
        layer.

    Examples
    --------
    >>> import embinit
    >>> layer = embinit.RNN(name="layer", input_size=1, hidden_size=1)
    >>> embinit.Model("m", [layer], seed=42, dialect="torch").init()["layer.weight_ih_l0"].tolist()
    [[0.7645385265350342]]
    """

    gates = 1


@dataclass(frozen=True, kw_only=True)
class GRU(Recurrent):
    """A layer of gated recurrent units.

    Its parameters are those of `Recurrent`.

    Raises
    ------
    EmbinitError
        If a size is not an integer from 1 up, or another parameter is of a wrong type or unknown; the message names the
        layer.

    Examples
    --------
    >>> import embinit
    >>> layer = embinit.GRU(name="layer", input_size=1, hidden_size=1)
    >>> embinit.Model("m", [layer], seed=42, dialect="torch").init()["layer.weight_ih_l0"].tolist()
    [[0.7645385265350342], [0.8300079107284546], [-0.23427248001098633]]
    """

    gates = 3


@dataclass(frozen=True, kw_only=True)
class LSTM(Recurrent):
    """A layer of long short-term memory.

    The other parameters are those of `Recurrent`.

    Parameters
    ----------
    proj_size
        The size to which the state is projected; 0 for no projection.

    Raises
    ------
    EmbinitError
        If a size is not an integer from 1 up, or another parameter is of a wrong type or unknown; the message names the
        layer.

    Examples
    --------
    >>> import embinit
    >>> layer = embinit.LSTM(name="layer", input_size=1, hidden_size=1)
    >>> embinit.Model("m", [layer], seed=42, dialect="torch").init()["layer.weight_ih_l0"].tolist()
    [[0.7645385265350342], [0.8300079107284546], [-0.23427248001098633], [0.9186112880706787]]
    """

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
        """The weight, the bias and running statistics: no dialect has other rules for them."""
        axes = tuple(f"axis{i}" for i in range(len(self.shape)))
        return tuple(Parameter(part, axes, self.shape, constant(value)) for part, value in self.parts.items())

    @property
    def parts(self) -> Mapping[str, float]:
        """The parts of the layer, and the value that fills each."""
        raise AssertionError(self)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of each part."""
        raise AssertionError(self)


@dataclass(frozen=True, kw_only=True)
class RMSNorm(Norm):
    """Normalization by the root mean square over the last axes.

    The other parameters are those of `Stored`.

    Parameters
    ----------
    normalized_shape
        The sizes of those axes: one number, or a list.
    elementwise_affine
        Whether there is a weight.

    Raises
    ------
    EmbinitError
        If a size is not an integer from 1 up, or another parameter is of a wrong type or unknown; the message names the
        layer.

    Examples
    --------
    >>> import embinit
    >>> layer = embinit.RMSNorm(name="layer", normalized_shape=2)
    >>> embinit.Model("m", [layer], seed=42).init()["layer.weight"].tolist()
    [1.0, 1.0]
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
    """Layer normalization over the last axes.

    The other parameters are those of `RMSNorm`.

    Parameters
    ----------
    bias
        Whether there is a bias besides the weight.

    Raises
    ------
    EmbinitError
        If a size is not an integer from 1 up, or another parameter is of a wrong type or unknown; the message names the
        layer.

    Examples
    --------
    >>> import embinit
    >>> layer = embinit.LayerNorm(name="layer", normalized_shape=2)
    >>> embinit.Model("m", [layer], seed=42).init()["layer.weight"].tolist()
    [1.0, 1.0]
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
    """A normalization by channels.

    The other parameters are those of `Stored`.

    Parameters
    ----------
    affine
        Whether there are a weight and a bias.

    Raises
    ------
    EmbinitError
        If a size is not an integer from 1 up, or another parameter is of a wrong type or unknown; the message names the
        layer.
    """

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

    The other parameters are those of `ChannelNorm`.

    Parameters
    ----------
    num_groups, num_channels
        The number of groups, and that of channels, which it divides.

    Raises
    ------
    EmbinitError
        If a size is not an integer from 1 up, or another parameter is of a wrong type or unknown; the message names the
        layer.

    Examples
    --------
    >>> import embinit
    >>> layer = embinit.GroupNorm(name="layer", num_groups=1, num_channels=2)
    >>> embinit.Model("m", [layer], seed=42).init()["layer.weight"].tolist()
    [1.0, 1.0]
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
    """Batch normalization.

    The other parameters are those of `ChannelNorm`.

    Parameters
    ----------
    num_features
        The number of channels.
    track_running_stats
        Whether the device has buffers for running statistics, which are float32.

    Raises
    ------
    EmbinitError
        If a size is not an integer from 1 up, or another parameter is of a wrong type or unknown; the message names the
        layer.

    Examples
    --------
    >>> import embinit
    >>> layer = embinit.BatchNorm1d(name="layer", num_features=2, track_running_stats=True)
    >>> embinit.Model("m", [layer], seed=42).init()["layer.running_var"].tolist()
    [1.0, 1.0]
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
    """Batch normalization of images.

    Its parameters are those of `BatchNorm1d`.

    Raises
    ------
    EmbinitError
        If a size is not an integer from 1 up, or another parameter is of a wrong type or unknown; the message names the
        layer.

    Examples
    --------
    >>> import embinit
    >>> layer = embinit.BatchNorm2d(name="layer", num_features=2)
    >>> embinit.Model("m", [layer], seed=42).init()["layer.weight"].tolist()
    [1.0, 1.0]
    """


@dataclass(frozen=True, kw_only=True)
class BatchNorm3d(BatchNorm1d):
    """Batch normalization of volumes.

    Its parameters are those of `BatchNorm1d`.

    Raises
    ------
    EmbinitError
        If a size is not an integer from 1 up, or another parameter is of a wrong type or unknown; the message names the
        layer.

    Examples
    --------
    >>> import embinit
    >>> layer = embinit.BatchNorm3d(name="layer", num_features=2)
    >>> embinit.Model("m", [layer], seed=42).init()["layer.weight"].tolist()
    [1.0, 1.0]
    """


@dataclass(frozen=True, kw_only=True)
class SyncBatchNorm(BatchNorm1d):
    """Batch normalization over all processes that train a model.

    Its parameters are those of `BatchNorm1d`.

    Raises
    ------
    EmbinitError
        If a size is not an integer from 1 up, or another parameter is of a wrong type or unknown; the message names the
        layer.

    Examples
    --------
    >>> import embinit
    >>> layer = embinit.SyncBatchNorm(name="layer", num_features=2)
    >>> embinit.Model("m", [layer], seed=42).init()["layer.weight"].tolist()
    [1.0, 1.0]
    """

    without_effect = BatchNorm1d.without_effect | {"process_group"}


@dataclass(frozen=True, kw_only=True)
class InstanceNorm1d(BatchNorm1d):
    """Normalization of each instance.

    The other parameters are those of `BatchNorm1d`.

    Parameters
    ----------
    affine
        Whether there are a weight and a bias; by default there are none.

    Raises
    ------
    EmbinitError
        If a size is not an integer from 1 up, or another parameter is of a wrong type or unknown; the message names the
        layer.

    Examples
    --------
    >>> import embinit
    >>> layer = embinit.InstanceNorm1d(name="layer", num_features=2, affine=True)
    >>> embinit.Model("m", [layer], seed=42).init()["layer.weight"].tolist()
    [1.0, 1.0]
    """

    affine: bool = False


@dataclass(frozen=True, kw_only=True)
class InstanceNorm2d(InstanceNorm1d):
    """Normalization of each image.

    Its parameters are those of `InstanceNorm1d`.

    Raises
    ------
    EmbinitError
        If a size is not an integer from 1 up, or another parameter is of a wrong type or unknown; the message names the
        layer.

    Examples
    --------
    >>> import embinit
    >>> layer = embinit.InstanceNorm2d(name="layer", num_features=2, affine=True)
    >>> embinit.Model("m", [layer], seed=42).init()["layer.weight"].tolist()
    [1.0, 1.0]
    """


@dataclass(frozen=True, kw_only=True)
class InstanceNorm3d(InstanceNorm1d):
    """Normalization of each volume.

    Its parameters are those of `InstanceNorm1d`.

    Raises
    ------
    EmbinitError
        If a size is not an integer from 1 up, or another parameter is of a wrong type or unknown; the message names the
        layer.

    Examples
    --------
    >>> import embinit
    >>> layer = embinit.InstanceNorm3d(name="layer", num_features=2, affine=True)
    >>> embinit.Model("m", [layer], seed=42).init()["layer.weight"].tolist()
    [1.0, 1.0]
    """


@dataclass(frozen=True, kw_only=True)
class DrawFree(Layer):
    """A layer without parameters: it has a place in the model and draws nothing.

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


def check_count(what: str, value: Any) -> None:
    """Raise EmbinitError unless value is an integer from 0 to MAX_WORDS."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_WORDS:
        raise EmbinitError(f"{what} must be an integer from 0 to {MAX_WORDS}, got {shown(value)}")


def check_names(what: str, value: Any) -> None:
    """Raise EmbinitError unless value is a tuple of different names."""
    if not isinstance(value, tuple) or not value or not all(isinstance(name, str) for name in value):
        raise EmbinitError(f"{what} must be a list of names, got {shown(value)}")
    if len(set(value)) < len(value):
        raise EmbinitError(f"{what} must name each once, got {shown(value)}")


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
    """Return the class of a layer type, or raise EmbinitError with the known types.

    >>> layer_class("Linear").__name__
    'Linear'
    """
    check_known("type", layer_type, (*WITH_PARAMETERS, *DRAW_FREE))
    return WITH_PARAMETERS.get(layer_type, DrawFree)
