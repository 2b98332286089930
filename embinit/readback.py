"""Readback: the bytes of buffers that a device or a dump gave, and notes about them."""

from collections.abc import Mapping, Sequence


class Readback(dict[str, bytes]):
    """The bytes of buffers, and of what is kept besides codes, by name; notes, which `verify` adds to its verdict."""

    def __init__(self, buffers: Mapping[str, bytes], notes: Sequence[str] = ()) -> None:
        super().__init__(buffers)
        self.notes = tuple(notes)
