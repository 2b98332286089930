"""Bit-exact simulation of microcontroller weight initialization.

A model file says which layers, which framework's conventions (dialect), which device arithmetic (target) and which
seed; embinit computes, bit for bit, what that device's code leaves in every weight buffer.
"""

__version__ = "0.1.0"

from embinit import initializers
from embinit.bitgen import MT19937, Pcg32, Xorshift32
from embinit.errors import EmbinitError
from embinit.generator import Generator
from embinit.layers import Conv1d, ConvTranspose1d, GroupNorm, LayerNorm, Linear
from embinit.model import Model, load
from embinit.store import Buffer, encode

__all__ = [
    "MT19937",
    "Buffer",
    "Conv1d",
    "ConvTranspose1d",
    "EmbinitError",
    "Generator",
    "GroupNorm",
    "LayerNorm",
    "Linear",
    "Model",
    "Pcg32",
    "Xorshift32",
    "encode",
    "initializers",
    "load",
]
