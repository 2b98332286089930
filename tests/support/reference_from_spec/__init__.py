"""embinit's bits, one operation at a time: written from SPEC.md alone.

Values are numpy.float32 scalars, of which each operation rounds once; words are ints; what SPEC.md calls exact is a
Fraction. Parameters in float64 are Python floats. Nothing here imports embinit or is meant to be fast. `init` draws a
model; the other modules have the numbers of SPEC.md's sections.
"""

from support.reference_from_spec.generators import (
    Mt19937,
    Pcg32,
    Xorshift32,
    avr_rand,
    avr_random,
    glibc_rand,
    minstd,
    msvc_rand,
    musl_rand,
    newlib_rand,
    pcg64,
    philox4x32,
    threefry2x32,
    xoroshiro128plus,
    xorshift,
)
from support.reference_from_spec.libm import TARGETS, cosf_double
from support.reference_from_spec.models import init
from support.reference_from_spec.notation import F, bits, fma, from_bits, separate
from support.reference_from_spec.odt import Odt, odt_distribution
from support.reference_from_spec.portable import Portable, PortableInt, portable_normal_code
from support.reference_from_spec.pytorch import Torch

__all__ = [
    "TARGETS",
    "F",
    "Mt19937",
    "Odt",
    "Pcg32",
    "Portable",
    "PortableInt",
    "Torch",
    "Xorshift32",
    "avr_rand",
    "avr_random",
    "bits",
    "cosf_double",
    "fma",
    "from_bits",
    "glibc_rand",
    "init",
    "minstd",
    "msvc_rand",
    "musl_rand",
    "newlib_rand",
    "odt_distribution",
    "pcg64",
    "philox4x32",
    "portable_normal_code",
    "separate",
    "threefry2x32",
    "xoroshiro128plus",
    "xorshift",
]
