"""Bundle: everything that an export writes about a model, gathered once."""

import hashlib
import zlib
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embinit import __version__
from embinit.checksums import stm32
from embinit.errors import EmbinitError
from embinit.fill import fill
from embinit.formats import Quantized, Rounding
from embinit.formats.arrangement import IN_ORDER, Arrangement
from embinit.formats.base import Groups
from embinit.model import Description
from embinit.modelfile import MODEL_FILE
from embinit.modelwriter import tables_of
from embinit.plan import Plan, Row, row_as_json
from embinit.progress import counted
from embinit.spec import SPEC_VERSION
from embinit.store import Buffer, store
from embinit.targets import target_named


class Array(ABC):
    """An array in the device's memory: a buffer, or what the device keeps besides its codes."""

    @property
    @abstractmethod
    def name(self) -> str:
        """`<layer>.<part>`, or `<layer>.<part>.scale` and the like for what is kept besides codes."""

    @property
    @abstractmethod
    def data(self) -> NDArray[Any]:
        """The elements, or the packed payload as uint8."""

    @property
    @abstractmethod
    def format(self) -> str:
        """How elements are stored."""

    @property
    @abstractmethod
    def arrangement(self) -> Arrangement:
        """How the elements lie in memory."""

    @property
    @abstractmethod
    def comment(self) -> str:
        """The shape, axis by axis."""

    @property
    def identifier(self) -> str:
        """The array's name in C."""
        return self.name.replace(".", "_")

    @property
    def count(self) -> int:
        """The number of elements of `data`."""
        return int(self.data.size)

    @property
    def ctype(self) -> str:
        """The C type of an element of `data`."""
        floats = {"float16": "uint16_t", "float32": "float", "float64": "double"}
        return floats.get(self.data.dtype.name, f"{self.data.dtype.name}_t")

    @property
    def memory(self) -> NDArray[Any]:
        """The array as it lies in the device's memory, flat and with the gaps between rows, in elements, or in bytes if
        the elements are big endian.
        """
        return self.arrangement.memory(self.data, self.data.shape)

    def held(self, memory: bytes) -> NDArray[Any]:
        """Return the elements that memory of this arrangement holds, in the order and of the type of `data`."""
        return self.arrangement.data(memory, self.data.shape, self.data.dtype)

    @property
    def room(self) -> int:
        """How many elements the array takes in the device's memory, with the gaps between rows."""
        return len(self.view) // self.data.itemsize

    @property
    def view(self) -> memoryview:
        """The bytes in the device's memory, without copying them."""
        return self.memory.data.cast("B")

    @property
    def payload(self) -> bytes:
        """The bytes in the device's memory."""
        return self.view.tobytes()

    @property
    def crc32(self) -> int:
        """The CRC-32 of the payload."""
        return zlib.crc32(self.view)


@dataclass(frozen=True, eq=False)
class QuantizationArray(Array):
    """What a buffer's format keeps besides the codes: scale, zero_point or exponents, one per group."""

    entry: "Entry"
    what: str
    values: NDArray[Any]

    @property
    def name(self) -> str:
        """`<layer>.<part>.<what>`."""
        return f"{self.entry.name}.{self.what}"

    @property
    def data(self) -> NDArray[Any]:
        """The values."""
        return self.values

    @property
    def arrangement(self) -> Arrangement:
        """The byte order of the buffer; the rest of its arrangement is about its elements alone."""
        return replace(IN_ORDER, byte_order=self.entry.arrangement.byte_order)

    @property
    def format(self) -> str:
        """The type of a value."""
        return self.values.dtype.name

    @property
    def comment(self) -> str:
        """The number of groups."""
        return f"[group {self.values.size}]"


@dataclass(frozen=True)
class Entry(Array):
    """One buffer of a bundle: its plan row, its bytes, and where they are in <name>.bin."""

    row: Row
    buffer: Buffer
    offset: int
    first_draw: int
    draws: int
    store_first_draw: int

    @property
    def name(self) -> str:
        """`<layer>.<part>`."""
        return self.row.name

    @property
    def data(self) -> NDArray[Any]:
        """The elements, or the packed payload as uint8."""
        return self.buffer.data

    @property
    def arrangement(self) -> Arrangement:
        """How the elements of `data` lie in memory."""
        arrangement = self.row.storage.arrangement
        return arrangement.of_payload if self.row.storage.kind.packed else arrangement

    @property
    def format(self) -> str:
        """The name of the buffer's format."""
        return self.buffer.format

    @property
    def comment(self) -> str:
        """The shape, axis by axis."""
        return " ".join(f"[{axis} {size}]" for axis, size in zip(self.row.axes, self.row.shape, strict=True))

    @property
    def parameters(self) -> dict[str, NDArray[Any]]:
        """What the device keeps besides the codes, by name: scale, zero_point and exponents, if the format has them."""
        found = {name: getattr(self.buffer, name) for name in ("scale", "zero_point", "exponents")}
        return {name: values for name, values in found.items() if values is not None}

    @property
    def arrays(self) -> tuple[Array, ...]:
        """The buffer, and what the device keeps besides its codes."""
        return (self, *(QuantizationArray(self, what, values) for what, values in self.parameters.items()))

    def as_json(self) -> dict[str, Any]:
        """Return the entry of the manifest."""
        return {
            **row_as_json(self.row),
            "first_draw": self.first_draw,
            "draws": self.draws,
            "store_first_draw": self.store_first_draw,
            "clipped": self.buffer.clipped,
            **{name: values.tolist() for name, values in self.parameters.items()},
            "dtype": self.data.dtype.name,
            "offset": self.offset,
            "bytes": len(self.view),
            "crc32": f"0x{self.crc32:08x}",
            "crc32_stm32": f"0x{stm32(self.payload):08x}",
            "sha256": hashlib.sha256(self.view).hexdigest(),
        }


@dataclass(frozen=True)
class Bundle:
    """The buffers of a model, with the plan that they come from and the generator's state after them."""

    plan: Plan
    entries: tuple[Entry, ...]
    state_after: Any
    package_version: str = __version__

    @property
    def arrays(self) -> tuple[Array, ...]:
        """All arrays in the device's memory: each buffer, and then what is kept besides its codes."""
        return tuple(array for entry in self.entries for array in entry.arrays)

    @property
    def payload(self) -> bytes:
        """All buffers, one after the other: <name>.bin."""
        return b"".join(entry.payload for entry in self.entries)

    def manifest(self) -> dict[str, Any]:
        """Return what manifest.json holds, apart from its list of files."""
        model = self.plan.model
        dialect, target = model.conventions, target_named(model.target)
        before = model.start
        description = getattr(dialect, "description", None)
        return {
            "embinit": self.package_version,
            "spec_version": SPEC_VERSION,
            "model": model.as_json(),
            **_model_file(model),
            "target": {
                "name": target.name,
                "build": target.build_with(model.libc),
                "multiply_add": model.build.multiply_add,
                "libm": model.build.libm,
            },
            "bit_generator": type(before).__name__,
            **({} if description is None else {"dialect": description.tables}),
            "rng_state_before": before.state,
            "rng_state_after": self.state_after,
            "byte_order": "little",
            "buffers": [entry.as_json() for entry in self.entries],
        }


def _model_file(model: Description) -> dict[str, Any]:
    """Return the key of the manifest that holds the tables of the model's file; none if no file can say the model."""
    try:
        return {MODEL_FILE: tables_of(model)}
    except EmbinitError:
        return {}


def undrawn(plan: Plan) -> Bundle:
    """Return the bundle of a plan with zeros for all values, which takes no memory: to ask what can be generated
    before anything is drawn.
    """
    entries = []
    for row in plan.rows:
        held, shape = row.storage, row.shape
        data = np.broadcast_to(np.zeros((), held.kind.dtype), held.nbytes(shape) if held.kind.packed else shape)
        kept: dict[str, Any] = {} if row.codes is not None else _undrawn_parameters(row)
        buffer = replace(Buffer(row.format, data, shape), **kept)
        entries.append(_Undrawn(row, buffer, 0, 0, row.size if row.draws is None else row.draws, 0))
    return Bundle(plan, tuple(entries), None)


def _undrawn_parameters(row: Row) -> dict[str, NDArray[Any]]:
    """Return what a buffer keeps besides its codes, all 0."""
    held = row.storage
    if not isinstance(held.kind, Quantized):
        return {}
    count = held.groups(row.shape).count
    if held.kind.of_weight:
        return {"scale": np.zeros(count, np.float32)}
    one = held.kind.parameters(np.zeros(1, np.float32), Groups(1, 1), Rounding("half_away", None))
    found = {name: values for name, values in one._asdict().items() if values is not None}
    return {name: np.zeros(count, values.dtype) for name, values in found.items()}


class _Undrawn(Entry):
    """A buffer before anything is drawn."""

    @property
    def view(self) -> memoryview:
        """No bytes."""
        return memoryview(b"")


def gather(plan: Plan) -> Bundle:
    """Return the bundle of a plan, whose values are drawn and stored here."""
    elements = {row.name: row.size for row in plan.rows}
    values = fill(plan, told=counted("drawing", elements))
    stored = store(values, told=counted("storing", elements))
    entries, offset = [], 0
    for row in plan.rows:
        name = row.name
        positions = values.first_draw[name], values.draws[name], values.store_first_draw[name]
        entry = Entry(row, stored[name], offset, *positions)
        entries.append(entry)
        offset += len(entry.view)
    return Bundle(plan, tuple(entries), values.state_after)
