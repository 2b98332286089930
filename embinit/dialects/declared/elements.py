"""Elements of a dialect file: arrays that a program of each element's words fills, by NumPy or by a compiled loop."""

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embinit.dialects.declared.recipe import Drawn
from embinit.expressions import Arithmetic, Bound, Program
from embinit.expressions.loops import Loop, loop_of
from embinit.samplers.base import Source

Array = NDArray[Any]

#: How many words are drawn together and then evaluated: they stay in the cache.
CHUNK = 1 << 15
#: After how many elements a loop is compiled for a program; a call counts CALL more.
LOOPED, CALL = 1 << 18, 1 << 9


def bound(program: Program, rounding: Arithmetic, **given: Any) -> Bound:
    """Return a program with the values that are known before any word is drawn."""
    routine = program.compile(rounding)
    return routine.bind(**{name: value for name, value in given.items() if name in routine.inputs})


def chunks(out: Array) -> Iterator[Array]:
    """Yield parts of an array, of an even size, so that spare values stay within them."""
    for start in range(0, out.size, CHUNK):
        yield out[start : start + CHUNK]


class Elements:
    """Fills arrays by a program of each element's words, with what is known before any is drawn."""

    def __init__(self, element: Drawn, rounding: Arithmetic, given: Mapping[str, Any]) -> None:
        self._words, self._width = element.words, len(element.words)
        self._bound, self._loops = bound(element.program, rounding, **given), _loops(element.program, rounding)
        self._run: Callable[[Mapping[str, Array], Array], bool] | None = None

    def fill(self, source: Source, out: Array) -> int:
        """Fill out and return the number of words drawn."""
        if not self._width:
            out.fill(self._bound.scalar("element"))
            return 0
        run, bitgen = self._run or self._looped(out.size), source.bitgen
        for part in [out] if out.size <= CHUNK else chunks(out):
            words: Array = np.empty(part.size * self._width, np.uint32 if bitgen.word_bits <= 32 else np.uint64)
            bitgen.draw(words)
            arrays = {name: words[i :: self._width] for name, (_, i) in self._words.items()}
            if run is None or not run(arrays, part):
                part[...] = self._bound.evaluate(**arrays)["element"]
        return out.size * self._width

    def _looped(self, n: int) -> Callable[[Mapping[str, Array], Array], bool] | None:
        """Return the function that fills an array by a compiled loop, unless C leaves results undefined; None if
        operations need more than one loop, or too few elements were evaluated yet.
        """
        loop = self._loops.after(n)
        fixed = None if loop is None else self._bound.fixed(loop.fixed)
        if loop is None or fixed is None:
            return None
        from embinit._kernels.jit import as_kernel

        kernel, names = as_kernel(loop.run), loop.inputs
        if names and self._width == 1:  # words are contiguous
            self._run = lambda arrays, out: kernel.direct(*(arrays[name] for name in names), *fixed, out)
        else:
            self._run = lambda arrays, out: kernel.direct(
                *(np.ascontiguousarray(arrays[name]) for name in names), *fixed, out
            )
        return self._run


class _Loops:
    """The loop of a program, once so many elements were evaluated that it is worth compiling."""

    def __init__(self, program: Program, rounding: Arithmetic) -> None:
        self._program, self._rounding = program, rounding
        self._left = LOOPED
        self._loop: Loop | None = None

    def after(self, n: int) -> Loop | None:
        """Return the loop if it is to evaluate the next n elements."""
        if self._left > 0:
            self._left -= CALL + n
            if self._left <= 0:
                self._loop = loop_of(self._program.compile(self._rounding))
        return self._loop


_loops = lru_cache(maxsize=1024)(_Loops)
