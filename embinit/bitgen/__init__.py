"""Bit generators: streams of words with one protocol, bit for bit those of the C library.

A new one is a file here that says what it is, one of _kernels that draws its words, and one of c; its name in __all__
makes it public (docs/extending.md, which also says how to bring one from outside).
"""

from typing import TYPE_CHECKING

from embinit.lazy import attach

if TYPE_CHECKING:
    from embinit.bitgen.base import BitGenerator, Called, CGenerator, Native, Stream
    from embinit.bitgen.counters import Philox4x32, Threefry2x32
    from embinit.bitgen.glibc import GlibcRand
    from embinit.bitgen.kaun import KaunAlpha3Scope, KaunScope
    from embinit.bitgen.lcg import Lcg
    from embinit.bitgen.minstd import Minstd
    from embinit.bitgen.mt19937 import MT19937
    from embinit.bitgen.outside import Outside
    from embinit.bitgen.pcg32 import Pcg32
    from embinit.bitgen.pcg64 import Pcg64, Pcg64Dxsm
    from embinit.bitgen.rand import RANDS, AvrRand, AvrRandom, MsvcRand, MuslRand, NewlibRand
    from embinit.bitgen.xoroshiro128plus import Xoroshiro128Plus
    from embinit.bitgen.xorshift import Xorshift
    from embinit.bitgen.xorshift32 import Xorshift32
else:
    __getattr__, __dir__ = attach(
        __name__,
        {
            "base": "BitGenerator CGenerator Called Native Stream",
            "counters": "Philox4x32 Threefry2x32",
            "glibc": "GlibcRand",
            "kaun": "KaunAlpha3Scope KaunScope",
            "lcg": "Lcg",
            "minstd": "Minstd",
            "mt19937": "MT19937",
            "outside": "Outside",
            "pcg32": "Pcg32",
            "pcg64": "Pcg64 Pcg64Dxsm",
            "rand": "AvrRand AvrRandom MsvcRand MuslRand NewlibRand RANDS",
            "xoroshiro128plus": "Xoroshiro128Plus",
            "xorshift": "Xorshift",
            "xorshift32": "Xorshift32",
        },
    )

__all__ = [
    "MT19937",
    "RANDS",
    "AvrRand",
    "AvrRandom",
    "BitGenerator",
    "CGenerator",
    "Called",
    "GlibcRand",
    "KaunAlpha3Scope",
    "KaunScope",
    "Lcg",
    "Minstd",
    "MsvcRand",
    "MuslRand",
    "Native",
    "NewlibRand",
    "Outside",
    "Pcg32",
    "Pcg64",
    "Pcg64Dxsm",
    "Philox4x32",
    "Stream",
    "Threefry2x32",
    "Xoroshiro128Plus",
    "Xorshift",
    "Xorshift32",
]
