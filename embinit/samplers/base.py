"""What a sampler does: count, fill, and name its C twin."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from embinit.bitgen import BitGenerator
from embinit.initializers import Distribution


class Source(Protocol):
    """Where a sampler reads: a stream of words, and the arithmetic of the device that would."""

    bitgen: BitGenerator
    multiply_add: str
    libm: str


@dataclass(frozen=True)
class CDraw:
    """The C of a distribution: its function, two parameters as words, rule (kind and initializer) and header."""

    function: str
    a: int = 0
    b: int = 0
    rule: tuple[str, str] | None = None
    header: str = "embinit.h"


def bits_of(value: float) -> int:
    """Return the bits of a float32.

    >>> hex(bits_of(1.0))
    '0x3f800000'
    """
    return int(np.float32(value).view(np.uint32))


class Sampler(ABC):
    """Turns the words of a generator into values, by one framework's rules."""

    @abstractmethod
    def draws(self, distribution: Distribution, n: int) -> int | None:
        """Return how many words n elements take, or None where that depends on the words."""

    @abstractmethod
    def fill(self, source: Source, distribution: Distribution, out: NDArray[np.float32]) -> int:
        """Fill a one-dimensional array and return the number of words drawn."""

    @abstractmethod
    def c_draw(self, distribution: Distribution, multiply_add: str, libm: str) -> CDraw:
        """Return the C that fills a buffer with the same bits on a build of that multiply-add and libm class."""

    def bernoulli(self, source: Source, p: float, out: NDArray[np.bool_]) -> int:
        """Fill out with booleans that are true with probability p and return the number of words drawn."""
        from embinit._kernels import uniform

        uniform.bernoulli(source.bitgen.kind, source.bitgen.words, np.uint32(8), np.float32(p), out)
        return out.size

    def shuffle(self, source: Source, order: NDArray[np.int64]) -> int:
        """Permute order in place and return the number of words drawn."""
        from embinit._kernels import shuffle

        return shuffle.fisher_yates(source.bitgen.kind, source.bitgen.words, order)
