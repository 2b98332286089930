"""Drawing: a stream under way, and how arrays are filled from it, on one thread or several."""

import math
from collections.abc import Callable
from copy import copy
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from embinit.bitgen.base import BitGenerator
from embinit.dialects import Dialect, dialect_named
from embinit.distributions import Distribution
from embinit.errors import EmbinitError, NoWordsError, shown
from embinit.initializers import Initializer
from embinit.samplers.base import Fill
from embinit.targets import Build

#: The fewest elements that several threads draw together, and the most that one thread draws before it is known whether
#: they have to be drawn again.
PARALLEL, WAVE = 2**21, 2**20


class Drawing:
    """A stream under way: a bit generator that a dialect's rules read on a build's arithmetic.

    Parameters
    ----------
    bitgen, dialect, build, seed
        As in `Generator.of`.

    Raises
    ------
    EmbinitError
        If the dialect cannot read the words of the bit generator, or has no rules for the build.
    """

    def __init__(self, bitgen: BitGenerator, dialect: str | Dialect, build: Build, seed: int | None = None) -> None:
        if not isinstance(bitgen, BitGenerator):
            from embinit.bitgen.outside import Outside

            bitgen = Outside(bitgen)
        self.bitgen = bitgen
        self.build, self.dialect = build, dialect_named(dialect)
        self.dialect.check_words(self.bitgen)
        self.dialect.check_build(self.build)
        self.drawn = self.dropped = 0
        self.pending = math.nan
        self.spare: Any = None
        self.seed = seed
        self._tensors = 0
        self._dtype = np.dtype(self.dialect.element)

    def restart(self, layer: int, tensor: int) -> None:
        """Start the stream again for a layer and a tensor, as programs do that seed once per layer or tensor.

        Parameters
        ----------
        layer, tensor
            Their numbers, from 0.

        Raises
        ------
        EmbinitError
            If the generator was not made by `seeded`.

        Examples
        --------
        >>> import numpy as np
        >>> from embinit import Generator
        >>> g, out = Generator.seeded(42, "tinn"), np.empty(2, np.float32)
        >>> g.fill("default", out)
        >>> g.restart(0, 0)
        >>> g.drawn
        0
        """
        if self.seed is None:
            raise EmbinitError(
                f"dialect {self.dialect} starts its stream again: make its generator with Generator.seeded"
            )
        self.bitgen, self.drawn = self.dialect.restarted(self.seed, self.build.rand, layer, tensor), 0
        self.pending = math.nan

    def copy(self) -> Self:
        """Return an independent generator in the same state, to look ahead without moving this one.

        Examples
        --------
        >>> from embinit import Generator, Xorshift32
        >>> g = Generator(Xorshift32(42))
        >>> g.copy().bernoulli(0.5, 4).tolist() == g.bernoulli(0.5, 4).tolist()
        True
        """
        other = copy(self)
        other.bitgen = self.bitgen.copy()
        return other

    @property
    def state(self) -> Any:
        """The state of the bit generator: assign it to another generator to continue there.

        If a normal value is pending, as in dialect torch after an odd number of normal values below 16, the state
        includes it: {"bit_generator": state, "pending_normal": value}, the value before mean and deviation are applied.
        The spare normal value that a C program keeps in a static variable is not part of it, and stays as it is; `copy`
        takes it along.
        """
        if math.isnan(self.pending):
            return self.bitgen.state
        return {"bit_generator": self.bitgen.state, "pending_normal": self.pending}

    @state.setter
    def state(self, state: Any) -> None:
        pending = math.nan
        if isinstance(state, dict):
            if set(state) != {"bit_generator", "pending_normal"} or not isinstance(state["pending_normal"], float):
                raise EmbinitError(
                    f"state must have bit_generator and pending_normal, the latter a float, got {shown(state)}"
                )
            state, pending = state["bit_generator"], state["pending_normal"]
        self.bitgen.state, self.pending = state, pending

    def advance(self, n: int) -> None:
        """Move n words forward, so that the next draw continues from there; a pending normal value is dropped.

        Parameters
        ----------
        n
            How many words to skip; a negative number moves back.

        Examples
        --------
        >>> from embinit import Generator, Xorshift32
        >>> g = Generator(Xorshift32(42))
        >>> g.advance(2)
        >>> g.bernoulli(0.5, 2).tolist()
        [True, False]
        """
        self.spend(n)
        self.pending = math.nan

    def spend(self, n: int) -> None:
        """Move past n words that something else uses, such as rounding; a pending normal value stays.

        Parameters
        ----------
        n
            How many words were used.

        Examples
        --------
        >>> from embinit import Generator, Xorshift32
        >>> g = Generator(Xorshift32(42))
        >>> g.spend(2)
        >>> g.drawn
        2
        """
        if n:
            self.bitgen.advance(n)
            self.drawn += n

    def draw(self, distribution: Distribution, out: NDArray[Any]) -> None:
        """Fill out from a distribution with the parameters that a dialect has computed, as a row of a plan has it.

        Parameters
        ----------
        distribution
            What to draw.
        out
            A writable, C-contiguous float32 array of any shape (float64 in dialects that draw doubles).

        Raises
        ------
        EmbinitError
            If out is another kind of array.

        Examples
        --------
        >>> import numpy as np
        >>> from embinit import Generator, Xorshift32
        >>> from embinit.distributions import Uniform
        >>> out = np.empty(2, np.float32)
        >>> Generator(Xorshift32(42)).draw(Uniform(-0.5, 0.5), out)
        >>> out.tolist()
        [-0.497356116771698, 0.16031193733215332]
        """
        self._draw(None, distribution, None, out)

    def _draw(
        self, initializer: Initializer | None, distribution: Distribution, fill: Fill | None, out: NDArray[Any]
    ) -> None:
        """Fill out. An initializer makes it a tensor of its own, for which some dialects start their stream again."""
        if initializer is not None and self.dialect.counts_tensors:
            place, self._tensors = self.dialect.restart_of(initializer, self._tensors)
            if place is not None:
                self.restart(*place)
        values = _flat(out, self._dtype)
        if values.size >= PARALLEL and self.bitgen.jumps:
            stride = self.dialect.sampler.stride(distribution, values.size)
        else:
            stride = 0
        if stride:
            self._draw_in_parts(distribution, values, stride)
        else:
            fill = fill or self.dialect.sampler.filling(distribution, self.build)
            try:
                self.drawn += fill(self, values)
            except NoWordsError as error:
                raise self.bitgen.failure or error from None
        self.dropped = dropped = self.bitgen.align()
        self.drawn += dropped

    def _count(self, draw: Callable[..., int], *arguments: object) -> None:
        """Let a sampler draw, and count its words; an error that the bit generator raised is raised as it was."""
        try:
            self.drawn += draw(self, *arguments)
        except NoWordsError as error:
            raise self.bitgen.failure or error from None

    def _draw_in_parts(self, distribution: Distribution, values: NDArray[np.float32], stride: int) -> None:
        """Fill values, one part per thread. Each part starts where the stream is if no word is rejected before it.

        Everything after a rejected word is drawn again, so a thread draws at most WAVE elements at a time.
        """
        from embinit.threads import each, parts, thread_count

        def fill(part: slice) -> Drawing:
            source = copy(self)
            source.bitgen, source.drawn = self.bitgen.jumped(stride * part.start), 0
            source.drawn = self.dialect.sampler.fill(source, distribution, values[part])
            return source

        while values.size:
            most = values.size if stride == 1 else thread_count() * WAVE
            taken = parts(min(values.size, most))
            for part, source in zip(taken, each(fill, taken), strict=True):
                after, self.drawn = source.bitgen, self.drawn + source.drawn
                if source.drawn != stride * (part.stop - part.start):
                    break
            self.bitgen.move_to(after)
            values = values[part.stop :]


def _flat(out: NDArray[Any], element: np.dtype[Any]) -> NDArray[Any]:
    """Return a one-dimensional view of an array that kernels can write to."""
    flags = out.flags if isinstance(out, np.ndarray) and out.dtype == element else None
    if flags is None or not flags.c_contiguous or not flags.writeable:
        got = f"{out.dtype} array" if isinstance(out, np.ndarray) else shown(out)
        raise EmbinitError(f"out must be a writable, C-contiguous {element} array, got {got}")
    return out if out.ndim == 1 else out.reshape(-1)
