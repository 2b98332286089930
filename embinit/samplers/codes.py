"""Codes of fixed-point buffers drawn in integers alone, as on devices without an FPU: one word each."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from embinit.bitgen import Stream
from embinit.distributions import Distribution
from embinit.errors import EmbinitError
from embinit.samplers.base import Source
from embinit.samplers.scaled_integer import ScaledInteger


class CCode(NamedTuple):
    """The C of a row of embinit_integer.h: its function, or 0 where every code is a, three integers, and its header.

    header: a name for one of the C library, a path for one of your own.
    """

    function: str
    a: int
    b: int = 0
    shift: int = 0
    header: str | Path = "embinit_integer.h"


class Codes(ABC):
    """How the codes of one buffer are drawn; a code that its format cannot hold saturates when it is stored."""

    @abstractmethod
    def draw(self, generator: Stream, n: int) -> NDArray[np.int64]:
        """Draw n codes."""

    @property
    @abstractmethod
    def c_code(self) -> CCode:
        """The C that draws the same codes."""


@dataclass(frozen=True)
class ConstantCode(Codes):
    """The same code for every element; nothing is drawn."""

    code: int

    def __str__(self) -> str:
        return f"code {self.code}"

    def draw(self, generator: Stream, n: int) -> NDArray[np.int64]:  # noqa: ARG002
        """Return n times the code."""
        return np.full(n, self.code, np.int64)

    @property
    def c_code(self) -> CCode:
        """The code as an int32_t, in which 2^31 saturates."""
        return CCode("0", min(self.code, 2**31 - 1))


@dataclass(frozen=True)
class UniformCodes(Codes):
    """From -bound to bound: ((word >> 16) * (2 bound + 1) >> 16) - bound or, if wide, from all 32 bits of a word."""

    bound: int
    wide: bool

    def __str__(self) -> str:
        return f"uniform codes(-{self.bound}, {self.bound})"

    def draw(self, generator: Stream, n: int) -> NDArray[np.int64]:
        """Draw n codes, one word each."""
        from embinit._kernels import formats

        out = np.empty(n, np.int32)
        formats.uniform_codes(*generator.bitgen.stream, 32, self.bound, self.wide, 32, out.view(np.uint8))
        generator.drawn += n
        return out.astype(np.int64)

    @property
    def c_code(self) -> CCode:
        """embinit_uniform_code16 or embinit_uniform_code32."""
        return CCode(f"embinit_uniform_code{32 if self.wide else 16}", self.bound)


@dataclass(frozen=True)
class NormalCodes(Codes):
    """mean + z * multiplier * 2^-shift, the product rounded half away from zero; z in units of 2^-24."""

    mean: int
    multiplier: int
    shift: int
    truncated: bool

    def __str__(self) -> str:
        kind = "truncated normal" if self.truncated else "normal"
        return f"{kind} codes({self.mean}, {self.multiplier * 2.0 ** (24 - self.shift):.9g})"

    def draw(self, generator: Stream, n: int) -> NDArray[np.int64]:
        """Draw n codes, one word each."""
        from embinit._kernels import integer

        out = np.empty(n, np.int64)
        parameters = np.int64(self.mean), np.int64(self.multiplier), np.int64(self.shift)
        integer.normal_codes(*generator.bitgen.stream, self.truncated, *parameters, out)
        generator.drawn += n
        return out

    @property
    def c_code(self) -> CCode:
        """embinit_scaled_normal_code or embinit_scaled_truncated_normal_code."""
        kind = "truncated_normal" if self.truncated else "normal"
        return CCode(f"embinit_scaled_{kind}_code", self.mean, self.multiplier, self.shift)


class InCodes(ScaledInteger):
    """The words of ScaledInteger, read as codes of a buffer's format: there are no float32 values."""

    def check(self, distribution: Distribution) -> None:
        """Accept everything: the codes of a buffer, which depend on its format, are checked with it."""

    def fill(self, source: Source, distribution: Distribution, out: NDArray[np.float32]) -> int:  # noqa: ARG002
        """Raise EmbinitError."""
        raise EmbinitError(
            f"dialect portable-int draws codes for the buffers of a model, not float32 values, got {distribution}; "
            "use dialect portable"
        )
