"""Plan: what will be drawn, in which order, and with which parameters; executing it takes no decisions."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum, auto
from itertools import groupby
from typing import Any, TypeVar, assert_never

import numpy as np

from embinit.distributions import Declared, Distribution
from embinit.markup import notebook
from embinit.model import Description, Tensor
from embinit.text import table

UNKNOWN = "?: known when it is drawn"


@dataclass(frozen=True, kw_only=True)
class Row(Tensor):
    """A buffer and its place in the stream.

    first_draw counts the words before its values, draws the words of its values, store_first_draw the words before it
    is rounded. They are None if rejection makes them depend on the data. key: the words of the key that its values are
    drawn from, if the dialect has one for each buffer, and it is known.
    """

    first_draw: int | None
    draws: int | None
    store_first_draw: int | None
    key: tuple[int, ...] | None = None


class Action(Enum):
    """What a device does with one buffer.

    RESTART: seed the stream again for it. SKIP: drop words before it. REHEARSE: draw its values and drop them. LOSE:
    draw what is overwritten later. DRAW: draw its values. TURN: draw one turn of them, if it takes turns with other
    buffers of its layer. COPY: copy another buffer. ROUND: round its values to its format.
    """

    LOSE = auto()
    DRAW = auto()
    COPY = auto()
    TURN = auto()
    ROUND = auto()
    REHEARSE = auto()
    RESTART = auto()
    SKIP = auto()


T = TypeVar("T", bound=Tensor)
#: What a device does, in order.
Events = Iterator[tuple[Action, T]]


def events(drawn: Sequence[T], rounded: Sequence[T] | None = None) -> Events[T]:
    """Yield everything that a device does with its buffers, in order. All code that draws words follows this list.

    All values are drawn first and then rounded, except that a buffer that is `rounded_at_once` is rounded as soon as it
    is drawn. rounded: the buffers in the order in which they are rounded, if that is not the order of their draws.
    """
    for tensor in drawn:
        if tensor.order.rehearsed:
            yield from _restarted(tensor)
            yield Action.REHEARSE, tensor
    for together in _together(drawn):
        yield from _restarted(together[0])
        if together[0].order.skip:
            yield Action.SKIP, together[0]
        if together[0].order.turns == 1:
            yield from _alone(together[0])
        else:
            yield from ((Action.TURN, tensor) for _ in range(together[0].order.turns) for tensor in together)
        for tensor in together:
            if tensor.rounded_at_once:
                yield Action.ROUND, tensor
    for tensor in drawn if rounded is None else rounded:
        if not tensor.rounded_at_once:
            yield Action.ROUND, tensor


def in_draw_order(tensors: Sequence[T]) -> list[T]:
    """Return buffers, which are in the order of memory, in the order of their draws."""
    return sorted(tensors, key=lambda tensor: tensor.order.rank)


def _alone(tensor: T) -> Events[T]:
    if tensor.lost:
        yield Action.LOSE, tensor
    yield Action.COPY if tensor.same_as else Action.DRAW, tensor


def _restarted(tensor: T) -> Events[T]:
    if tensor.order.restart is not None:
        yield Action.RESTART, tensor


def _together(tensors: Sequence[T]) -> Iterator[list[T]]:
    """Yield the tensors that are drawn together: those of a layer if they take turns, any other alone."""
    for (turns, _), group in groupby(tensors, lambda tensor: (tensor.order.turns, tensor.layer.name)):
        together = list(group)
        yield from [together] if turns > 1 else ([tensor] for tensor in together)


@dataclass(frozen=True)
class Plan:
    """One row per buffer, in the order in which memory holds them."""

    model: Description
    rows: tuple[Row, ...]

    @property
    def events(self) -> Events[Row]:
        """What the device does, in order."""
        return events(in_draw_order(self.rows), self.rows)

    def __str__(self) -> str:
        return "\n".join([self._head, *table(self._fill_cells()), *table(self._store_cells()), *self._closing])

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the first buffers."""
        return notebook(self._head, self._fill_cells(), self._closing)

    @property
    def _head(self) -> str:
        model = self.model
        build = model.build.multiply_add
        build += f", rand {model.build.rand}" if model.conventions.rand else ""
        return f"{model.name}: dialect {model.dialect}, target {model.target} ({build}), seed {model.seed}"

    @property
    def _closing(self) -> list[str]:
        unknown = [UNKNOWN] if any(None in (row.first_draw, row.draws) for row in self.rows) else []
        return [*unknown, f"{len(self.rows)} buffers, {sum(row.bytes for row in self.rows)} bytes"]

    def as_json(self) -> dict[str, Any]:
        """Return the plan as plain values, with float32 parameters also as bits in hexadecimal."""
        return {"model": self.model.as_json(), "buffers": [row_as_json(row) for row in self.rows]}

    def _fill_cells(self) -> list[tuple[str, ...]]:
        seeds = self.model.conventions.keys is None
        keyed = any(row.key for row in self.rows) or not seeds
        stream = ("key", "first draw") if keyed else ("first draw",)
        columns = ("buffer", "shape", "fan_in", "fan_out", "distribution", *stream, "draws", "format", "bytes")
        cells: list[tuple[str, ...]] = [columns]
        for row in self.rows:
            shape = "[" + ", ".join(f"{axis} {size}" for axis, size in zip(row.axes, row.shape, strict=True)) + "]"
            fans, draws = (str(row.fan_in), str(row.fan_out)), (_count(row.first_draw), _count(row.draws))
            held = f"same as {row.same_as}" if row.same_as else str(row.codes or row.distribution)
            unknown = "-" if row.draws == 0 or row.same_as else "?"
            words = map(str if seeds else "{:08x}".format, row.key or ())
            key = ("".join(words) or unknown,) if keyed else ()
            cells.append((row.name, shape, *fans, held, *key, *draws, row.format, str(row.bytes)))
        return cells

    def _store_cells(self) -> list[tuple[str, ...]]:
        """Return the draws of stochastic rounding; an empty list if there are none."""
        rows = [row for row in self.rows if row.store_draws]
        cells = [(row.name, str(row.storage), _count(row.store_first_draw), str(row.store_draws)) for row in rows]
        return [("rounded", "format", "first draw", "draws"), *cells] if rows else []


def _count(value: int | None) -> str:
    return "?" if value is None else str(value)


def plan(model: Description) -> Plan:
    """Return the plan of a model.

    >>> import embinit
    >>> fc = embinit.Linear(name="fc", in_features=3, out_features=2)
    >>> print(embinit.Model("tiny", [fc], seed=1).plan())
    tiny: dialect odt, target host (separate), seed 1
    buffer     shape          fan_in  fan_out  distribution                        first draw  draws  format   bytes
    fc.weight  [out 2, in 3]       3        2  uniform(-0.577350259, 0.577350259)           0      6  float32     24
    fc.bias    [out 2]             3        2  uniform(-0.577350259, 0.577350259)           6      2  float32      8
    2 buffers, 32 bytes
    """
    dialect = model.conventions
    sampler, start = dialect.sampler, model.start
    block, keys = start.block, dict[str, tuple[int, ...] | None]()
    places: dict[tuple[Action, str], tuple[int | None, int | None]] = {}
    skipped = block if sampler.whole else 1
    position: int | None = _in_blocks(model.skip_words, skipped)
    for action, tensor in events(in_draw_order(model.tensors), model.tensors):
        count: int | None = 0
        match action:
            case Action.RESTART:
                position = 0
                if (dialect.keys_each or dialect.keys is not None) and model.state is None:
                    start = dialect.restarted(model.seed, model.build.rand, *tensor.order.restart or (0, 0))
                    keys[tensor.name] = start.array_key if dialect.keys_each else None
            case Action.SKIP:
                count = _in_blocks(tensor.order.skip, skipped)
            case Action.LOSE:
                counts = [sampler.draws(distribution, size) for distribution, size in tensor.lost]
                count = None if None in counts else sum(_in_blocks(each, block) for each in counts if each)
            case Action.ROUND:
                count = tensor.store_draws
            case Action.DRAW | Action.TURN | Action.REHEARSE:
                turns = tensor.order.turns if action is Action.TURN else 1
                count = sampler.draws(tensor.distribution, tensor.size // turns)
            case Action.COPY:
                pass  # draws nothing
            case _:
                assert_never(action)
        place = Action.DRAW if action in (Action.TURN, Action.COPY) else action, tensor.name
        if place[0] is Action.DRAW and count != 0 and position is not None and dialect.keys and not dialect.keys_each:
            keys[tensor.name] = start.jumped(position).array_key
        first, drawn = places.get(place, (position, 0)) if action is Action.TURN else (position, 0)
        places[place] = first, None if drawn is None or count is None else drawn + count
        position = None if position is None or count is None else position + count
        if action in (Action.DRAW, Action.TURN, Action.REHEARSE) and position is not None:
            position = _in_blocks(position, block)
    return Plan(model, tuple(_row(tensor, places, keys.get(tensor.name)) for tensor in model.tensors))


def _in_blocks(words: int, block: int) -> int:
    """Return a number of words rounded up to whole blocks, since the rest of the last one is dropped."""
    return words + -words % block


def _row(
    tensor: Tensor, places: Mapping[tuple[Action, str], tuple[int | None, int | None]], key: tuple[int, ...] | None
) -> Row:
    first_draw, draws = places[Action.DRAW, tensor.name]
    store_first_draw, _ = places[Action.ROUND, tensor.name]
    return row_with(tensor, first_draw=first_draw, draws=draws, store_first_draw=store_first_draw, key=key)


def row_with(tensor: Tensor, **changes: Any) -> Row:
    """Return the row of a buffer, or a row with other fields, as `replace` does, which takes twenty times as long for
    so many fields. Its layer and its part stay: the name that it has computed of them is kept.
    """
    row = object.__new__(Row)
    vars(row).update(vars(tensor) | changes)
    return row


def row_as_json(row: Row) -> dict[str, Any]:
    """Return a row as plain values."""
    return {
        "name": row.name,
        "axes": list(row.axes),
        "shape": list(row.shape),
        "initializer": str(row.initializer),
        "fan_in": row.fan_in,
        "fan_out": row.fan_out,
        "distribution": _distribution(row.distribution),
        "first_draw": row.first_draw,
        "draws": row.draws,
        "format": row.format,
        "rounding": row.storage.rounding,
        "group_size": row.storage.group_size,
        "channel_axis": row.storage.channel_axis,
        **({"channel_groups": row.storage.channel_groups} if row.storage.channel_groups > 1 else {}),
        "store_first_draw": row.store_first_draw,
        "store_draws": row.store_draws,
        "bytes": row.bytes,
        **({"codes": {"kind": type(row.codes).__name__.lower(), **vars(row.codes)}} if row.codes else {}),
        **({"lost": [{**_distribution(lost), "size": size} for lost, size in row.lost]} if row.lost else {}),
        **({"same_as": row.same_as} if row.same_as else {}),
        **({"key": [f"0x{word:08x}" for word in row.key]} if row.key else {}),
        **_departures(row),
    }


def _departures(row: Row) -> dict[str, Any]:
    """Return how a row is drawn and held, where that differs from the usual."""
    order, arrangement = row.order, row.storage.arrangement
    told = {
        "draw_axes": order.axes and [row.axes[axis] for axis in order.axes],
        "rank": order.rank,
        "restart": order.restart is not None,
        "skip_words": order.skip,
        "literals": row.storage.literals,
        "quantizer": row.storage.quantizer and row.storage.quantizer.told,
        "slices": [{"start": start, "stop": stop, "value": value} for start, stop, value in row.slices],
        **({field.name: getattr(arrangement, field.name) for field in fields(arrangement)}),
        "element_order": arrangement.element_order and arrangement.element_order.told,
    }
    usual = {"byte_order": "little", "nibble_order": "low"}
    return {key: value for key, value in told.items() if value and value != usual.get(key)}


def _distribution(distribution: Distribution) -> dict[str, Any]:
    """Return a distribution's kind and parameters: numbers with their float32 bits, sizes alone."""
    if isinstance(distribution, Declared):
        return distribution.as_json()
    bits = np.vectorize("0x{:08x}".format)
    assert is_dataclass(distribution)
    return {"kind": type(distribution).__name__.lower()} | {
        field.name: value
        if field.type in (int, tuple[int, ...] | None)
        else {"value": value, "bits": bits(np.float32(value).view(np.uint32)).tolist()}
        for field in fields(distribution)
        for value in [getattr(distribution, field.name)]
    }
