"""Formats: how the elements of a buffer are held on the device."""

from dataclasses import dataclass

from embinit.errors import EmbinitError, listed


@dataclass(frozen=True)
class Format:
    """A buffer format: its name and the bits one element takes."""

    name: str
    bits: int

    def nbytes(self, n: int) -> int:
        """Return the payload bytes of n elements."""
        return -(-n * self.bits // 8)


FORMATS = {"float32": Format("float32", 32)}


def format_named(name: str) -> Format:
    """Return a format; an unknown name is an error that lists the known ones.

    >>> format_named("float32").nbytes(10)
    40
    """
    if name not in FORMATS:
        raise EmbinitError(f"format must be one of {listed(FORMATS)}, got {name!r}")
    return FORMATS[name]
