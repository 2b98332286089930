"""Bit generators: streams of 32-bit words with one protocol, bit for bit those of the C library."""

from embinit.bitgen.base import BitGenerator, Stream
from embinit.bitgen.mt19937 import MT19937
from embinit.bitgen.pcg32 import Pcg32
from embinit.bitgen.xorshift32 import Xorshift32

__all__ = ["MT19937", "BitGenerator", "Pcg32", "Stream", "Xorshift32"]
