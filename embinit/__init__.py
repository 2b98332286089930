"""Bit-exact simulation of microcontroller weight initialization.

A model file says which layers, which framework's conventions (dialect), which device arithmetic (target) and which
seed; embinit computes, bit for bit, what that device's code leaves in every weight buffer.
"""

__version__ = "0.1.0"

import embinit.process  # isort: skip # noqa: F401 (first: from here on an interrupt is one line)

from typing import TYPE_CHECKING

from embinit.lazy import attach

if TYPE_CHECKING:
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
    from embinit.dialects.pytorch.layers import Bilinear, MultiheadAttention, PReLU
    from embinit.dialects.pytorch.transformers import (
        Transformer,
        TransformerDecoder,
        TransformerDecoderLayer,
        TransformerEncoder,
        TransformerEncoderLayer,
    )
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
        EmbeddingBag,
        GroupNorm,
        GRUCell,
        InstanceNorm1d,
        InstanceNorm2d,
        InstanceNorm3d,
        LayerNorm,
        Linear,
        LSTMCell,
        RMSNorm,
        RNNCell,
        SyncBatchNorm,
    )
    from embinit.store import Buffer, encode
else:
    __getattr__, __dir__ = attach(
        __name__,
        {
            "api": "Model load",
            "bitgen": (
                "AvrRand AvrRandom GlibcRand Lcg MT19937 Minstd MsvcRand MuslRand NewlibRand Pcg32 Pcg64 Pcg64Dxsm "
                "Philox4x32 Threefry2x32 Xoroshiro128Plus Xorshift Xorshift32"
            ),
            "dialects": "load_dialect register_dialect",
            "dialects.pytorch.layers": "Bilinear MultiheadAttention PReLU",
            "dialects.pytorch.transformers": (
                "Transformer TransformerDecoder TransformerDecoderLayer TransformerEncoder TransformerEncoderLayer"
            ),
            "errors": "EmbinitError",
            "generator": "Generator",
            "layers": (
                "BatchNorm1d BatchNorm2d BatchNorm3d Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d "
                "ConvTranspose3d Embedding EmbeddingBag GRU GRUCell GroupNorm InstanceNorm1d InstanceNorm2d "
                "InstanceNorm3d LSTM LSTMCell LayerNorm Linear RMSNorm RNN RNNCell SyncBatchNorm"
            ),
            "store": "Buffer encode",
        },
    )

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
    "Bilinear",
    "Buffer",
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
    "Embedding",
    "EmbeddingBag",
    "EmbinitError",
    "GRUCell",
    "Generator",
    "GlibcRand",
    "GroupNorm",
    "InstanceNorm1d",
    "InstanceNorm2d",
    "InstanceNorm3d",
    "LSTMCell",
    "LayerNorm",
    "Lcg",
    "Linear",
    "Minstd",
    "Model",
    "MsvcRand",
    "MultiheadAttention",
    "MuslRand",
    "NewlibRand",
    "PReLU",
    "Pcg32",
    "Pcg64",
    "Pcg64Dxsm",
    "Philox4x32",
    "RMSNorm",
    "RNNCell",
    "SyncBatchNorm",
    "Threefry2x32",
    "Transformer",
    "TransformerDecoder",
    "TransformerDecoderLayer",
    "TransformerEncoder",
    "TransformerEncoderLayer",
    "Xoroshiro128Plus",
    "Xorshift",
    "Xorshift32",
    "encode",
    "initializers",
    "load",
    "load_dialect",
    "register_dialect",
]
