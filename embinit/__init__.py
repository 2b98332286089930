"""Bit-exact simulation of microcontroller weight initialization.

A model file says which layers, which framework's conventions (dialect), which device arithmetic (target) and which
seed; embinit computes, bit for bit, what that device's code leaves in every weight buffer.
"""

__version__ = "0.1.0"

from embinit import initializers
from embinit.bitgen import MT19937, Pcg32, Xorshift32
from embinit.dialects.torch_layers import (
    Bilinear,
    MultiheadAttention,
    PReLU,
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
from embinit.model import Model, load
from embinit.store import Buffer, encode

__all__ = [
    "GRU",
    "LSTM",
    "MT19937",
    "RNN",
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
    "GroupNorm",
    "InstanceNorm1d",
    "InstanceNorm2d",
    "InstanceNorm3d",
    "LSTMCell",
    "LayerNorm",
    "Linear",
    "Model",
    "MultiheadAttention",
    "PReLU",
    "Pcg32",
    "RMSNorm",
    "RNNCell",
    "SyncBatchNorm",
    "Transformer",
    "TransformerDecoder",
    "TransformerDecoderLayer",
    "TransformerEncoder",
    "TransformerEncoderLayer",
    "Xorshift32",
    "encode",
    "initializers",
    "load",
]
