"""Account: one way in which a device may have come by its bytes, and the bytes that follow from it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from embinit.bitgen import BitGenerator
from embinit.dialects import dialect_named
from embinit.errors import EmbinitError
from embinit.formats import format_named
from embinit.formats.affine import Symmetric
from embinit.formats.qformat import QFormat
from embinit.generator import Generator
from embinit.initializers import Distribution, Initializer, Normal, TruncatedNormal, Uniform
from embinit.model import Model
from embinit.plan import Row
from embinit.store import Buffer, encode

F32 = NDArray[np.float32]
#: The bytes of each buffer, by its name.
Image = Mapping[str, bytes]


@dataclass(frozen=True)
class Step:
    """What becomes of a buffer's values between draw and memory, and the way back where there is one."""

    do: Callable[[Row, F32], F32]
    undo: Callable[[Row, F32], F32] = lambda _row, values: values


@dataclass(frozen=True)
class Account:
    """What a device is supposed to have done.

    rows: the buffers in the order in which they are drawn. start: the generator before the first draw. restarts: the
    generators from which it goes on before some buffers. steps: what then happens to the values. content: what happens
    to the bytes in memory.
    """

    model: Model
    rows: tuple[Row, ...]
    start: BitGenerator
    restarts: Mapping[str, BitGenerator] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    big_endian: bool = False
    content: Callable[[Image], Image] = dict

    @classmethod
    def of(cls, model: Model) -> Self:
        """Return the account that the simulation gives of a model."""
        return cls(model, model.plan().rows, dialect_named(model.dialect).seeded(model.seed))

    def with_model(self, **changes: Any) -> "Account":
        """Return the account of the model with some of its fields replaced: what comes before everything else."""
        return Account.of(replace(self.model, **changes))

    def with_initializers(self, changed: Callable[[Row], Initializer | None]) -> Self:
        """Return an account in which some buffers have other initializers; None leaves a buffer as it is."""
        return replace(self, rows=tuple(self._initialized(row, changed(row)) for row in self.rows))

    def _initialized(self, row: Row, initializer: Initializer | None) -> Row:
        if initializer is None:
            return row
        distribution = dialect_named(self.model.dialect).distribution(initializer, row.fan_in, row.fan_out)
        return replace(row, initializer=initializer, distribution=distribution)

    def generator(self, bitgen: BitGenerator) -> Generator:
        """Return a generator of the device's arithmetic that draws from a copy of bitgen."""
        return Generator(bitgen.copy(), self.model.dialect, self.model.target, self.model.multiply_add)

    def drawn(self, bitgen: BitGenerator, distribution: Distribution, n: int) -> F32:
        """Return the first n values that a distribution draws from a copy of bitgen."""
        out = np.empty(n, np.float32)
        _draw(self.generator(bitgen), distribution, out)
        return out

    def run(self) -> "Run":
        """Do what the account says. Raises EmbinitError where it cannot have been so."""
        generator, origin = self.generator(self.start), self.start
        values, places, image = {}, {}, {}
        for row in self.rows:
            if row.name in self.restarts:
                origin = self.restarts[row.name]
                generator = self.generator(origin)
            out = np.empty(row.shape, np.float32)
            places[row.name] = Place(origin, generator.drawn)
            _draw(generator, row.distribution, out)
            for step in self.steps:
                out = step.do(row, out)
            values[row.name] = out
            if row.stored_at_once:
                image[row.name] = self._encoded(row, out, generator)
        rows = {row.name: row for row in self.rows}
        for name in self.names:
            if name not in image:
                image[name] = self._encoded(rows[name], values[name], generator)
        return Run(self, self.content({name: image[name] for name in self.names}), places)

    @property
    def names(self) -> list[str]:
        """The buffers as they lie in memory, which is the order of the plan whatever the order of draws."""
        return [tensor.name for tensor in self.model.tensors]

    def _encoded(self, row: Row, values: F32, generator: Generator) -> bytes:
        held, data = row.storage, values
        if held.format != "float32":
            data = encode(values, held.format, held.rounding, generator, held.group_size, held.channel_axis).data
        return (data.byteswap() if self.big_endian else data).tobytes()

    def observed(self, row: Row, payload: bytes) -> F32 | None:
        """Return the values of a buffer in the order in which they were drawn, or codes in their place.

        Only the sign of a code means anything, so that 0 becomes NaN. None where the codes have no sign.
        """
        layout = format_named(row.format)
        data = np.frombuffer(payload, layout.dtype)
        data = data.byteswap() if self.big_endian else data
        if row.format != "float32":
            if not isinstance(layout, Symmetric | QFormat):
                return None
            codes = Buffer(row.format, data, row.shape, np.ones(1, np.float32)).decode()
            data = np.where(codes == 0, np.float32(np.nan), codes)
        values: F32 = data.reshape(row.shape)
        for step in reversed(self.steps):
            values = step.undo(row, values)
        return values.reshape(-1)


@dataclass(frozen=True)
class Place:
    """Where in the stream a buffer lies: how many words after which generator."""

    origin: BitGenerator
    words: int

    def bitgen(self) -> BitGenerator:
        """Return the generator before the buffer's first draw."""
        return self.origin.jumped(self.words)


@dataclass(frozen=True)
class Run:
    """What came of an account: the bytes in memory, and each buffer's place in the stream."""

    account: Account
    image: Image
    places: Mapping[str, Place]


def _draw(generator: Generator, distribution: Distribution, out: F32) -> None:
    if isinstance(distribution, Normal) and not generator.bitgen.words.any():
        raise EmbinitError("a generator that stays at 0 never draws a normal value")
    generator.draw(distribution, out)


def draws(row: Row) -> bool:
    """Return whether a buffer's values are drawn."""
    return isinstance(row.distribution, Uniform | Normal | TruncatedNormal)
