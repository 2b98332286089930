"""What all layers have, and what they own: parameters, each of which is one buffer."""

from collections.abc import Mapping, Sequence
from dataclasses import Field, dataclass, fields
from functools import cache
from typing import Any, ClassVar

import numpy as np

from embinit.distributions import MAX_SIZE, Distribution, frozen
from embinit.errors import EmbinitError, check_bool, check_known, is_int, shown
from embinit.formats import MODES, format_named
from embinit.formats.arrangement import BYTE_ORDERS, NIBBLE_ORDERS
from embinit.formats.element_order import ElementOrder
from embinit.formats.literals import printed
from embinit.formats.quantizer import Quantizer
from embinit.identifiers import check_identifier
from embinit.initializers import Initializer, Sliced, constant

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
        If a size is not an integer from 1 up, sizes do not fit each other, or a parameter is of a wrong type or
        unknown; the message names the layer.
    """

    #: Keys that a model file may have because a framework does, and that change no bit.
    without_effect: ClassVar[frozenset[str]] = frozenset()
    name: str = ""

    @property
    def type(self) -> str:
        """The layer's type, as a model file writes it."""
        return type(self).__name__

    def __post_init__(self) -> None:
        kind: Any = type(self)
        for field in _fields(kind):
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
        kind: Any = type(self)
        for field in _fields(kind):
            if field.type in (int, "int") and field.default != 0:
                check_size(field.name, getattr(self, field.name))


@cache
def _fields(kind: type[Any]) -> tuple[Field[Any], ...]:
    """Return the fields of a type of layers, of which a model may have thousands."""
    return fields(kind)


@dataclass(frozen=True, kw_only=True)
class Stored(Layer):
    """A layer with buffers, and the formats that hold them.

    The other parameters and the errors are those of `Layer`.

    Parameters
    ----------
    weight_format, bias_format
        The names of the formats, "float32" by default (`embinit formats` lists them).
    rounding
        "half_away", "half_even", "truncate", "floor", "stochastic", "ceil", or, with half a step added in the precision
        of the quotient, "half_up", "half_down" and "add_half"; None for the format's own.
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
    element_order
        Which elements of some parts stand one after the other in memory, by their names; "bias_hh" stands for
        bias_hh_l0 and its like. See `ElementOrder` in embinit.formats.element_order.
    weight_quantizer, bias_quantizer
        How the device gets from values to codes, if that is not the format's own way: a table with some of steps,
        factor, scale, quotient, qmin, qmax, saturate, offset, zero_point_sign, zero_point_rounding, tail, lanes and
        tail_of. See `Quantizer` in embinit.formats.quantizer.
    literals
        The form in which the float32 values were written before they came to the device: one of printf, such as
        "%.6f", or "float16", "bfloat16" or "bfloat16_truncated"; None if they kept all their bits.
    path
        The scopes of the module in the parameter tree of Flax linen, such as "Block_0/Conv_0"; "" if it is itself the
        module that is initialized, and by default its name.
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
    element_order: Any = None
    weight_quantizer: Any = None
    bias_quantizer: Any = None
    literals: str | None = None
    path: str | None = None

    def _check(self) -> None:
        super()._check()
        if type(self).init is None and self.init is not None:  # PReLU's is its slope
            object.__setattr__(self, "init", _table("init", self.init, "a table of initializers by part"))
        for part, given in self.told.items():
            if not isinstance(given, Initializer | Sliced):
                raise EmbinitError(f"init must give initializers to parts, got {shown(given)} for {shown(part)}")
        check_count("skip_words", self.skip_words)
        check_bool("reinitialize", self.reinitialize)
        restart, allowed = self.restart, "true, a seed, or a table of these by part"
        if isinstance(restart, Mapping | tuple):
            object.__setattr__(self, "restart", _table("restart", restart, allowed))
        for value in dict(self.restart).values() if isinstance(self.restart, tuple) else [restart]:
            if not isinstance(value, int):
                raise EmbinitError(f"restart must be {allowed}, got {shown(value)}")
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
            check_known("rounding", self.rounding, MODES)
        for what in ("weight_quantizer", "bias_quantizer"):
            if getattr(self, what) is not None:
                object.__setattr__(self, what, Quantizer.of(what, getattr(self, what)))
        self._check_element_order()
        if self.literals is not None:
            printed(self.literals)

    def _check_element_order(self) -> None:
        if self.element_order is None:
            return
        given = _table("element_order", self.element_order, "a table with an order for some parts")
        orders = tuple((part, ElementOrder.of(f"element_order of {part}", order)) for part, order in given)
        object.__setattr__(self, "element_order", orders)

    @property
    def element_orders(self) -> dict[str, ElementOrder]:
        """The orders of elements that parts have, by part."""
        return dict(self.element_order or ())

    @property
    def told(self) -> dict[str, "Initializer | Sliced"]:
        """The initializers of `init`, by part."""
        return dict(self.init) if isinstance(self.init, tuple) else {}


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


def _table(what: str, given: Any, allowed: str) -> tuple[tuple[str, Any], ...]:
    """Return the entries of a table of a model file, or those of a layer that was made of one."""
    entries = tuple(given.items()) if isinstance(given, Mapping) else given
    pairs = isinstance(entries, tuple) and all(isinstance(each, tuple) and len(each) == 2 for each in entries)
    if not pairs or not all(isinstance(key, str) for key, _ in entries):
        raise EmbinitError(f"{what} must be {allowed}, got {shown(given)}")
    return entries


def check_size(what: str, value: Any) -> None:
    """Raise EmbinitError unless value is an integer from 1 to MAX_SIZE."""
    if not is_int(value) or not 1 <= value <= MAX_SIZE:
        raise EmbinitError(f"{what} must be an integer from 1 to {MAX_SIZE}, got {shown(value)}")


def check_count(what: str, value: Any) -> None:
    """Raise EmbinitError unless value is an integer from 0 to MAX_WORDS."""
    if not is_int(value) or not 0 <= value <= MAX_WORDS:
        raise EmbinitError(f"{what} must be an integer from 0 to {MAX_WORDS}, got {shown(value)}")


def check_names(what: str, value: Any) -> None:
    """Raise EmbinitError unless value is a tuple of different names."""
    if not isinstance(value, tuple) or not value or not all(isinstance(name, str) for name in value):
        raise EmbinitError(f"{what} must be a list of names, got {shown(value)}")
    if len(set(value)) < len(value):
        raise EmbinitError(f"{what} must name each once, got {shown(value)}")
