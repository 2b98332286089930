"""Reader: how distribution kernels draw from a generator that they do not know."""

import ctypes
from typing import Any

import numpy as np

from embinit.kinds import CALLED

_FILL = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_uint64, ctypes.c_uint64, ctypes.c_int64)


class Reader:
    """Gives kernels the words of a generator from any position on. A kernel draws from `stream`, which counts the words
    drawn.

    failure: the exception that the generator raised instead of giving a word, which ended the kernel; None if none.
    """

    def __init__(self, start: Any) -> None:
        self._start, self._current, self._position = start, start.copy(), 0
        self.failure: BaseException | None = None
        self._function = _FILL(self._fill)
        address = ctypes.cast(self._function, ctypes.c_void_p).value or 0
        self.stream = CALLED, np.array([address & 0xFFFFFFFF, address >> 32, 0, 0], np.uint32)

    def moved(self) -> Any:
        """Return the generator after all that kernels have drawn."""
        low, high = self.stream[1][2:].tolist()
        return self._at(high << 32 | low)

    def _at(self, position: int) -> Any:
        if position != self._position:
            self._current, self._position = self._start.copy(), position
            self._current.advance(position)
        return self._current

    def _fill(self, position: int, pointer: int, count: int) -> int:
        try:
            words = np.ctypeslib.as_array((ctypes.c_uint32 * count).from_address(pointer))
            self._at(position).draw(words)
            self._position += count
        except BaseException as error:
            self.failure = error
            return 1
        return 0
