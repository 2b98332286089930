"""Bit-exact simulation of microcontroller weight initialization.

A model file says which layers, which framework's conventions (dialect), which device arithmetic (target) and which
seed; embinit computes, bit for bit, what that device's code leaves in every weight buffer.
"""

__version__ = "0.1.0"

import embinit.process  # isort: skip # noqa: F401 (first: from here on an interrupt is one line)

from embinit import initializers
from embinit.api import Model, load
from embinit.bitgen import (
    MT19937,
    AvrRand,
    AvrRandom,
    GlibcRand,
    Lcg,
    Minstd,
    MsvcRand,
    MuslRand,
    NewlibRand,
    Pcg32,
    Pcg64,
    Pcg64Dxsm,
    Philox4x32,
    Threefry2x32,
    Xoroshiro128Plus,
    Xorshift,
    Xorshift32,
)
from embinit.dialects import load_dialect, register_dialect
from embinit.errors import EmbinitError
from embinit.generator import Generator
from embinit.layers import (
    GRU,
    LSTM,
    RNN,
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    Conv1d,
    Conv2d,
    Conv3d,
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
    Embedding,
    GroupNorm,
    GRUCell,
    LayerNorm,
    Linear,
    LSTMCell,
    RNNCell,
)
from embinit.store import Buffer, encode

__all__ = [
    "GRU",
    "LSTM",
    "MT19937",
    "RNN",
    "AvrRand",
    "AvrRandom",
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "Buffer",
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
    "Embedding",
    "EmbinitError",
    "GRUCell",
    "Generator",
    "GlibcRand",
    "GroupNorm",
    "LSTMCell",
    "LayerNorm",
    "Lcg",
    "Linear",
    "Minstd",
    "Model",
    "MsvcRand",
    "MuslRand",
    "NewlibRand",
    "Pcg32",
    "Pcg64",
    "Pcg64Dxsm",
    "Philox4x32",
    "RNNCell",
    "Threefry2x32",
    "Xoroshiro128Plus",
    "Xorshift",
    "Xorshift32",
    "encode",
    "initializers",
    "load",
    "load_dialect",
    "register_dialect",
]
