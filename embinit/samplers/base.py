"""What a sampler does: count words, fill arrays, and name its C twin."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from embinit.bitgen import BitGenerator
from embinit.distributions import Distribution, Shaped
from embinit.errors import EmbinitError, listed, shown
from embinit.targets import Build


class Source(Protocol):
    """What a sampler reads from: a stream of words, with the arithmetic of a device.

    pending: a normal value that a sampler has computed and not used yet, before mean and deviation are applied; else
    NaN. spare: the same in the type in which a dialect file computes it; else None.
    """

    pending: float
    spare: Any

    @property
    def build(self) -> Build:
        """What decides bits in the device's build."""

    @property
    def bitgen(self) -> BitGenerator:
        """The generator, which every draw moves."""


#: Made once: a function that is defined for each draw evaluates its annotations.
Float32s = NDArray[np.float32]
#: Fills a one-dimensional array from a source and returns the number of words drawn.
Fill = Callable[[Source, NDArray[Any]], int]


#: The most elements of which none can be drawn without the others, where C takes them one by one.
TOGETHER = 16


@dataclass(frozen=True)
class CDraw:
    """The C of a distribution: its function, two parameters as words, rule (kind and initializer) and header.

    header: a name for one of the C library, a path for one of your own. elementwise: whether drawing elements one by
    one, each with n = 1, gives the same values. around: what runs before the first element and after the last,
    if the generator must be told where a tensor begins or ends; both fill nothing. together: how many elements come
    out of one draw, which a buffer of codes then takes one by one; 0 if there is no such number.
    """

    function: str
    a: int = 0
    b: int = 0
    rule: tuple[str, str] | None = None
    header: str | Path = "embinit.h"
    elementwise: bool = True
    around: tuple["CDraw | None", "CDraw | None"] = (None, None)
    together: int = 0


def bits_of(value: float | np.float32) -> int:
    """Return the bits of a float32.

    >>> hex(bits_of(1.0))
    '0x3f800000'
    """
    return int(np.float32(value).view(np.uint32))


def broadcast_draw(base: Any) -> CDraw:
    """Return embinit_broadcast of an array's elements, again and again."""
    values = np.asarray(base, np.float32).ravel()
    words = ", ".join(f"0x{word:08x}u" for word in values.view(np.uint32))
    rule = ("embinit_broadcast_rule", f"(const uint32_t[]){{{words}}}")
    together = values.size if values.size <= TOGETHER else 0
    return CDraw("embinit_broadcast", b=values.size, rule=rule, elementwise=False, together=together)


class Sampler(ABC):
    """Turns the words of a generator into values, by one framework's rules."""

    #: The width of the words that it reads; None if it takes any.
    word_bits: ClassVar[int | None] = 32
    #: The kinds of multiply-add that it can compute.
    multiply_adds: ClassVar[tuple[str, ...]] = ("separate", "fused")
    #: Whether it computes what C does with an int of 32 bits and a double of 64.
    in_c: ClassVar[bool] = False
    #: How many elements at most are drawn at once into memory that is not contiguous, if that matters.
    strided_run: ClassVar[int | None] = None
    #: Whether values depend on how many the tensor has, so that no tensor is part of a longer one.
    whole: ClassVar[bool] = False
    #: Whether a word is a key, from which a whole tensor is drawn.
    keyed: ClassVar[bool] = False

    def bound(self, distribution: Distribution, build: Build) -> Distribution:  # noqa: ARG002 (for those that look)
        """Return a distribution with what a build computes for its tensor; unchanged, if builds do not matter."""
        return distribution

    def check_words(self, bitgen: BitGenerator) -> None:
        """Raise EmbinitError if a generator's words are not as wide as this sampler needs."""
        if self.word_bits not in (None, bitgen.word_bits):
            raise EmbinitError(
                f"the generator must give words of {self.word_bits} bits, which are what its values are made of, got "
                f"{bitgen.word_bits} bits of {bitgen.label}: a sampler with this word_bits makes values of others"
            )

    def check_multiply_add(self, multiply_add: str) -> None:
        """Raise EmbinitError if this sampler cannot compute a build's kind of multiply-add."""
        if multiply_add not in self.multiply_adds:
            raise EmbinitError(
                f"multiply_add must be one of {listed(self.multiply_adds)}, got {shown(multiply_add)}: only a dialect "
                'whose values are declared as C expressions tells it from "fused", which is what gcc does'
            )

    @abstractmethod
    def check(self, distribution: Distribution) -> None:
        """Raise EmbinitError if the sampler cannot fill an array with the distribution."""

    @abstractmethod
    def draws(self, distribution: Distribution, n: int) -> int | None:
        """Return how many words n elements take, or None if that depends on the words."""

    def stride(self, distribution: Distribution, n: int) -> int:
        """Return how many words each of n elements takes, not counting rejected ones; 0 if an array cannot be drawn in
        parts.
        """
        return int(not isinstance(distribution, Shaped) and self.draws(distribution, n) == n)

    @abstractmethod
    def fill(self, source: Source, distribution: Distribution, out: NDArray[np.float32]) -> int:
        """Fill a one-dimensional array and return the number of words drawn."""

    def filling(self, distribution: Distribution, build: Build) -> Fill:  # noqa: ARG002 (for those that look)
        """Return the function that fills arrays from a distribution on a build, prepared once for many arrays."""
        return lambda source, out: self.fill(source, distribution, out)

    def side_by_side(self, distribution: Distribution, build: Build) -> Fill | None:  # noqa: ARG002 (for those that can)
        """Return the function that fills arrays of one length, which follow one another in one array, each from a
        generator of its own, if elements take one word each; None if there is none. The source's generator holds the
        states of all of them, one after the other in its `words`, and is moved by as many words as one array has.
        """
        return None

    @abstractmethod
    def c_draw(self, distribution: Distribution, n: int, build: Build) -> CDraw:
        """Return the C that fills n elements with the same bits on a build of that multiply-add and libm class."""

    def c_skip(self, words: int) -> CDraw:
        """Return the C that drops words."""
        return CDraw("embinit_skip", words)

    def bernoulli(self, source: Source, p: float, out: NDArray[np.bool_]) -> int:
        """Fill out with booleans that are true with probability p and return the number of words drawn."""
        from embinit._kernels import uniform

        uniform.bernoulli(*source.bitgen.stream, np.uint32(8), np.float32(p), out)
        return out.size

    def shuffle(self, source: Source, order: NDArray[np.int64]) -> int:
        """Permute order in place and return the number of words drawn."""
        from embinit._kernels import shuffle

        return shuffle.fisher_yates(*source.bitgen.stream, order)
