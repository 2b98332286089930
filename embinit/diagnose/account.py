"""Account: one way in which a device may have produced its bytes, and the bytes that follow from it."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from embinit.bitgen import BitGenerator
from embinit.distributions import Declared, Normal, TruncatedNormal, Uniform
from embinit.errors import EmbinitError, NoWordsError
from embinit.fill import draw, draw_turn, drop, generator_of, going_on, lose, restart, skip
from embinit.formats import FLOATS, Groups, QuantizationParameters, Quantized, Rounding, format_named
from embinit.formats.arrangement import IN_ORDER, Arrangement
from embinit.formats.literals import through
from embinit.formats.quantizer import AS_FORMAT, payload
from embinit.generator import Generator
from embinit.initializers import Initializer
from embinit.model import Description, reseeded
from embinit.plan import Action, Row, events, in_draw_order, plan, row_with
from embinit.store import Buffer, buffer_of

F32 = NDArray[np.float32]
#: The bytes of each buffer, by its name.
Image = Mapping[str, bytes]
#: Formats that change values by a larger part of them show too little of what was drawn.
COARSEST = 0.25
#: So many values or more that rise and fall with those of a stream are from that stream, and not by chance.
TELLING, ALIKE = 32, 0.9
#: How many values are compared with those of a stream.
COMPARED = 4096


@dataclass(frozen=True)
class Transform:
    """What happens to a buffer's values between draw and memory, and how to undo it, as far as that is possible.

    moves: whether elements change places after they are in memory, so that codes move and their scales do not.
    """

    do: Callable[[Row, NDArray[Any]], NDArray[Any]]
    undo: Callable[[Row, NDArray[Any]], NDArray[Any]] = lambda _row, values: values
    moves: bool = False


@dataclass(frozen=True)
class Account:
    """What a device is assumed to have done.

    rows: the buffers in the order in which they are drawn. start: the generator before the first draw. restarts: the
    generators with which it continues at some buffers. transforms: what then happens to the values. content: what
    happens to the bytes in memory.
    """

    model: Description
    rows: tuple[Row, ...]
    start: BitGenerator
    restarts: Mapping[str, BitGenerator] = field(default_factory=dict)
    transforms: tuple[Transform, ...] = ()
    content: Callable[[Image], Image] = dict

    @classmethod
    def of(cls, model: Description) -> Self:
        """Return the account of a device that does what the simulation of a model does."""
        return cls(model, tuple(in_draw_order(plan(model).rows)), generator_of(model, model.seed).bitgen)

    def with_model(self, **changes: Any) -> "Account":
        """Return the account of the model with some of its fields replaced. It has none of the other changes, which
        must be made afterwards.
        """
        model = self.model if "seed" not in changes else seeding(self.model, changes.pop("seed"))
        return Account.of(replace(model, **changes) if changes else model)

    def with_rows(self, changed: Callable[[Row], Row]) -> Self:
        """Return an account in which the buffers are drawn or stored in another way."""
        codes, rows = self.model.conventions.codes, tuple(changed(row) for row in self.rows)
        if codes is not None:
            rows = tuple(row_with(row, codes=codes(row.distribution, row.storage)) for row in rows)
        return replace(self, rows=rows)

    def with_initializers(self, changed: Callable[[Row], Initializer | None]) -> Self:
        """Return an account in which some buffers have other initializers; None leaves a buffer as it is."""
        dialect = self.model.conventions

        def initialized(row: Row) -> Row:
            initializer = changed(row)
            if initializer is None:
                return row
            fans = row.fan_in, row.fan_out
            initializer, *_ = dialect.meaning(initializer, row.shape, fans)
            drawn = dialect.distribution_on(self.model.build, initializer, *fans)
            return row_with(row, initializer=initializer, distribution=drawn)

        return self.with_rows(initialized)

    def generator(self, bitgen: BitGenerator) -> Generator:
        """Return a generator of the device's arithmetic that draws from a copy of bitgen."""
        return going_on(self.model, bitgen.copy())

    def drawn(self, bitgen: BitGenerator, row: Row, n: int) -> F32:
        """Return the first n values that a buffer draws from a copy of bitgen, or the values of its codes."""
        values = self._drawn(self.generator(bitgen), row, (n,))
        return values if row.codes is None else (values * resolution(row)).astype(np.float32)

    def drawn_from(self, bitgens: Iterable[BitGenerator], row: Row, n: int) -> Iterator[F32]:
        """Yield what `drawn` returns for each of some bit generators, in less time: drawing is prepared once."""
        if row.codes is not None or row.slices or row.order.axes is not None:
            yield from (self.drawn(bitgen, row, n) for bitgen in bitgens)
            return
        generator: Generator | None = None
        for bitgen in bitgens:
            if generator is None:
                generator = self.generator(bitgen)
                fill = generator.dialect.sampler.filling(row.distribution, generator.build)
            else:
                generator.bitgen, generator.spare, generator.pending = bitgen.copy(), None, math.nan
            _check_normal(row, generator.bitgen)
            values: F32 = np.empty(n, generator.dialect.element)
            try:
                fill(generator, values)
            except NoWordsError as error:
                raise generator.bitgen.failure or error from None
            yield values

    def head(self, name: str, most: int) -> bytes:
        """Return at least the first `most` elements of a buffer, as bytes: what `run` gives, in less time."""
        return self.heads(most, name)[name]

    def heads(self, most: int, until: str | None = None) -> Image:
        """Return at least the first `most` elements of each buffer, as bytes, up to the buffer `until`, if given."""
        biases = any(row.storage.input_scale is not None for row in self.rows)
        return self.run(*(() if biases or self.content is not dict else (most, until))).image

    def run(self, most: int | None = None, until: str | None = None) -> "Run":
        """Return the outcome of the account, or raise EmbinitError if it is impossible.

        most: how many elements of each buffer are wanted, None for all; it may give more, and does if these depend on
        others. until: the buffer after which it may stop, None for the last.
        """
        generator, origin = self.generator(self.start), self.start
        arrays: dict[str, F32] = {}
        drawn: dict[str, F32] = {}
        buffers: dict[str, Buffer] = {}
        places: dict[str, Place] = {}
        image, beside = {}, {}
        encoded: dict[str, F32] = {}

        def keep(row: Row, values: F32) -> None:
            encoded[row.name] = values
            head = None if most is None or (self.transforms and _movable(row)) else _head(row, values, most)
            if head is not None:
                image[row.name], parameters = head
                if parameters.scale is not None:
                    beside[f"{row.name}.scale"] = parameters.scale.tobytes()
                return
            if row.format == "float32" and row.storage.literals is None:
                buffer = Buffer("", values, row.shape)
            else:
                buffer = buffers.get(row.same_as or "") or buffer_of(row, values, generator, buffers)
            buffers[row.name] = buffer
            data = buffer.data
            for transform in self.transforms:
                data = transform.do(row, data) if transform.moves and _movable(row) else data
            arrangement = row.storage.arrangement
            packed = row.storage.kind.packed
            image[row.name] = data.tobytes() if packed else arrangement.memory(data, row.shape).tobytes()
            for what in ("scale", "zero_point", "exponents"):
                if (kept := getattr(buffer, what)) is not None:
                    bytes_alone = _in_order(arrangement.byte_order)
                    beside[f"{row.name}.{what}"] = bytes_alone.memory(kept, kept.shape).tobytes()

        def finish(row: Row) -> None:
            values = arrays.pop(row.name)
            for transform in self.transforms:
                values = values if transform.moves and _movable(row) else transform.do(row, values)
            keep(row, values)

        rows = {row.name: row for row in self.rows}
        turns = dict.fromkeys(rows, 0)
        names = [tensor.name for tensor in self.model.tensors]  # memory keeps the order of the plan
        for action, row in events(self.rows, [rows[name] for name in names]):
            if action is Action.ROUND:
                finish(row)
                continue
            if action is Action.RESTART:
                restart(generator, self.model, row)
                origin = generator.bitgen.copy()
                continue
            if action is Action.SKIP:
                skip(generator, row.order.skip)
                continue
            if row.name in self.restarts and row.name not in places and (action is Action.LOSE or not row.lost):
                origin = self.restarts[row.name]
                generator = self.generator(origin)
            if action is Action.LOSE:
                lose(generator, row)
                continue
            before = generator.drawn
            if action is Action.TURN:
                values = arrays.setdefault(row.name, np.empty(row.shape, generator.dialect.element))
                draw_turn(generator, row, values, turns[row.name])
                turns[row.name] += 1
                before = places[row.name].words if row.name in places else before
            elif action is not Action.COPY:
                values = self._drawn(generator, row, row.shape)
            elif row.same_as in drawn:
                values = drawn[row.same_as].copy()
            else:
                raise EmbinitError(f"{row.name} is a copy of {row.same_as}, which is not drawn yet")
            if action is not Action.REHEARSE:
                places[row.name] = Place(origin, before, generator.drawn - before)
                drawn[row.name] = arrays[row.name] = values
            if row.name == until and action is Action.DRAW and row.storage.rounding != "stochastic":
                finish(row)
                return Run(self, image, beside, places, encoded)
        return Run(self, self.content({name: image[name] for name in names}), beside, places, encoded)

    def _drawn(self, generator: Generator, row: Row, shape: tuple[int, ...]) -> NDArray[Any]:
        if row.codes is not None:
            codes = np.empty(shape, np.int64)
            if shape == row.shape:
                draw(generator, row, codes)
            else:
                codes[...] = row.codes.draw(generator, math.prod(shape)).reshape(shape)
            return codes
        _check_normal(row, generator.bitgen)
        out = np.empty(shape, generator.dialect.element)
        if shape == row.shape:
            draw(generator, row, out)
        else:
            generator.draw(row.distribution, out)
        return out

    def observed(self, row: Row, payload: bytes, *, shifted: bool = False) -> F32 | None:
        """Return the values that a payload holds, in the order of their draws; if the buffer takes turns with others,
        those of the first turn.

        Codes are decoded with scale 1. None if that does not show their signs, or if the payload has another size.
        shifted: whether codes do that lie about a zero point which is not known; they are decoded with 0.
        """
        format_ = format_named(row.format)
        if len(payload) != row.bytes:
            return None
        arrangement = row.storage.arrangement
        if format_.packed:
            payload = arrangement.unpacked(payload, format_, row.shape)
            arrangement = arrangement.of_payload
        data = arrangement.data(payload, row.shape, format_.dtype)
        about_zero_point = isinstance(format_, Quantized) and format_.scaling == "range"
        if not tells_signs(row) and not (shifted and about_zero_point):
            return None
        if not isinstance(format_, Quantized):
            if row.format not in FLOATS:
                data = Buffer(row.format, data, row.shape).decode()
        else:
            ones, quantizer = np.ones(1, np.float32), row.storage.quantizer
            zeros = np.zeros(1, np.int32) if about_zero_point else None
            data = Buffer(row.format, data, row.shape, ones, zeros, quantizer=quantizer).decode()
        values: F32 = data.reshape(row.shape)
        for transform in reversed(self.transforms):
            values = transform.undo(row, values)
        if row.order.axes is not None:
            values = values.transpose(row.order.axes)
        return values.reshape(-1)[: run_of(row)]


@dataclass(frozen=True)
class Place:
    """Where in the stream a buffer is drawn: how many words after which generator, and how many words it takes."""

    origin: BitGenerator
    words: int
    taken: int

    def bitgen(self) -> BitGenerator:
        """Return the generator before the buffer's first draw."""
        return self.origin.jumped(self.words)


@dataclass(frozen=True)
class Run:
    """What an account leads to: the bytes of buffers, those kept besides codes, each buffer's place in the stream, and
    its values before they are encoded.
    """

    account: Account
    image: Image
    beside: Image
    places: Mapping[str, Place]
    values: Mapping[str, F32]

    def drew(self, row: Row, payload: bytes, some: slice = slice(COMPARED)) -> bool:
        """Return whether a payload holds what this run draws for a buffer, however it was then scaled and rounded. No
        other seed and no other place in the stream need be tried for it. some: the elements to look at, by default the
        first that are drawn.
        """
        if not draws(row):
            return False
        planned, held = (self.account.observed(row, each, shifted=True) for each in (self.image[row.name], payload))
        if planned is None or held is None:
            return False
        free = ~set_later(row)[some]
        planned, held = planned[some][free], held[some][free]
        with np.errstate(all="ignore"):
            return held.size >= TELLING and bool(np.corrcoef(planned, held)[0, 1] > ALIKE)


@cache
def _in_order(byte_order: str) -> Arrangement:
    """Return the arrangement that moves no element, with a byte order."""
    return replace(IN_ORDER, byte_order=byte_order)


def _head(row: Row, values: NDArray[Any], most: int) -> tuple[bytes, QuantizationParameters] | None:
    """Return the bytes of the first elements of a buffer, and its parameters; None if they depend on all elements."""
    storage, format_ = row.storage, row.storage.kind
    if row.same_as is not None or row.codes is not None or storage.arrangement != IN_ORDER:
        return None
    flat = values.reshape(-1)
    if row.format == "float32":
        head = flat[:most]
        head = head if storage.literals is None else through(storage.literals, head)
        return head.tobytes(), QuantizationParameters()
    quantizer = storage.quantizer or AS_FORMAT
    if not isinstance(format_, Quantized) or storage.rounding == "stochastic" or quantizer.tail is not None:
        return None
    rounding, some = Rounding(storage.rounding, None), np.arange(min(most, flat.size))
    quotients, parameters, zero = quantizer.quotients(format_, flat, storage.groups(row.shape), rounding, some)
    codes, _ = quantizer.limited(format_, quantizer.rounded(quotients, rounding, 1) + zero)
    return payload(format_, codes).tobytes(), parameters


def _check_normal(row: Row, bitgen: BitGenerator) -> None:
    """Raise EmbinitError if a buffer of normal values would be drawn forever."""
    drawn = row.distribution
    normal = drawn.kind == "normal" if isinstance(drawn, Declared) else isinstance(drawn, Normal)
    if normal and stuck(bitgen):
        raise EmbinitError("a generator that stays at 0 never draws a normal value")


def _movable(row: Row) -> bool:
    """Return whether a buffer holds one code per element, each in bytes of its own."""
    format_ = format_named(row.format)
    return isinstance(format_, Quantized) and not format_.packed


def resolution(row: Row) -> float:
    """Return the step between two codes of a fixed-point format; 0 for any other."""
    format_ = format_named(row.format)
    return format_.step if isinstance(format_, Quantized) else 0.0


def tells_signs(row: Row) -> bool:
    """Return whether the elements of a buffer are values, or codes with their signs."""
    format_ = row.storage.kind
    return format_.symmetric if isinstance(format_, Quantized) else precision(row.format) is not None


def tells_values(row: Row) -> bool:
    """Return whether the elements of a buffer are values, or codes in steps that the format's name says."""
    return resolution(row) > 0 if isinstance(row.storage.kind, Quantized) else precision(row.format) is not None


@cache
def precision(name: str) -> float | None:
    """Return the part of itself by which a value may differ from what a format holds of it, besides the step between
    two codes; None of a format from outside that does not show values: it has a scale beside them, or is too coarse.
    """
    format_ = format_named(name)
    if isinstance(format_, Quantized) or name in FLOATS:
        return 0.0
    values = np.linspace(1, 2, 4097, dtype=np.float32)[1:]
    groups, held = Groups(1, values.size), np.empty_like(values)
    try:
        data, parameters, _ = format_.encoded(values, groups, Rounding(format_.default_rounding, None))
    except EmbinitError:
        return None
    if any(kept is not None for kept in parameters):
        return None
    format_.decode(data, groups, parameters, held)
    part = 2 * float(np.abs(held / values - 1).max())
    return part if part <= COARSEST else None


def run_of(row: Row) -> int:
    """Return how many values of a buffer are drawn one after the other: all, or those of one turn."""
    return row.size // max(1, row.order.turns)


def set_later(row: Row) -> NDArray[np.bool_]:
    """Return which values of a buffer, in the order of their draws, are then set to others: those of its slices."""
    later = np.zeros(row.shape, np.bool_)
    for start, stop, _ in row.slices:
        later[start:stop] = True
    return (later if row.order.axes is None else later.transpose(row.order.axes)).reshape(-1)[: run_of(row)]


def until_set(row: Row) -> int:
    """Return how many values of a buffer, from the first that is drawn on, no slice sets."""
    later = np.flatnonzero(set_later(row))
    return int(later[0]) if later.size else run_of(row)


def draws(row: Row) -> bool:
    """Return whether a buffer's values are drawn."""
    drawn = row.distribution
    if isinstance(drawn, Declared):
        return row.same_as is None and drawn.kind != "constant"
    return row.same_as is None and isinstance(drawn, Uniform | Normal | TruncatedNormal)


def stuck(bitgen: BitGenerator) -> bool:
    """Return whether a generator stays at 0, as a xorshift in that state does."""
    return bitgen.stays_at_zero and not bitgen.words.any()


def started(model: Description, seed: int) -> BitGenerator:
    """Return the generator of a model's device if it seeds with a seed: before its first draw, after the words that it
    skips.
    """
    bitgen = fresh(model, seed)
    drop(model.conventions, bitgen, model.skip_words)
    return bitgen


def seeding(model: Description, seed: int) -> Description:
    """Return the model of a device that seeds with another seed; if the model gives a state, the device ignores it."""
    return reseeded(model if model.state is None else replace(model, state=None), seed)


def fresh(model: Description, seed: int) -> BitGenerator:
    """Return the generator of a model's device right after it seeds."""
    return model.conventions.start(seed, model.build.rand)
