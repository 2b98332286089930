"""A generator whose draws are given, and the bits of a float."""

import struct


def float_bits(x: float) -> int:
    return int.from_bytes(struct.pack("<f", x), "little")


class Scripted:
    """A generator whose draws are given."""

    def __init__(self, *draws: int) -> None:
        self.left = list(draws)

    def draw(self) -> int:
        return self.left.pop(0)
