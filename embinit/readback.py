"""Readback: the bytes of buffers that a device or a dump gave, and notes about them."""

from collections.abc import Mapping, Sequence


class Readback(dict[str, bytes]):
    """Bytes by the names of buffers, and of what is kept besides codes; notes go into the verdict of `verify`."""

    def __init__(self, buffers: Mapping[str, bytes], notes: Sequence[str] = ()) -> None:
        super().__init__(buffers)
        self.notes = tuple(notes)
