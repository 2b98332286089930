"""Layers: their sizes, and the tensors they own."""

from typing import TYPE_CHECKING

from embinit.lazy import attach

if TYPE_CHECKING:
    from embinit.layers.base import (
        IN_MEMORY,
        Layer,
        Norm,
        Order,
        Parameter,
        Stored,
        check_count,
        check_names,
        check_size,
    )
    from embinit.layers.convolutions import Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
    from embinit.layers.draw_free import DRAW_FREE, DrawFree
    from embinit.layers.embeddings import Embedding, EmbeddingBag
    from embinit.layers.norms import (
        BatchNorm1d,
        BatchNorm2d,
        BatchNorm3d,
        ChannelNorm,
        GroupNorm,
        InstanceNorm1d,
        InstanceNorm2d,
        InstanceNorm3d,
        LayerNorm,
        RMSNorm,
        SyncBatchNorm,
    )
    from embinit.layers.recurrent import GRU, LSTM, RNN, Cell, GRUCell, LSTMCell, Recurrent, RNNCell
    from embinit.layers.types import WITH_PARAMETERS, layer_class, register
    from embinit.layers.weighted import Convolution, Linear, Weighted
else:
    __getattr__, __dir__ = attach(
        __name__,
        {
            "base": "IN_MEMORY Layer Norm Order Parameter Stored check_count check_names check_size",
            "convolutions": "Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d",
            "draw_free": "DRAW_FREE DrawFree",
            "embeddings": "Embedding EmbeddingBag",
            "norms": (
                "BatchNorm1d BatchNorm2d BatchNorm3d ChannelNorm GroupNorm InstanceNorm1d InstanceNorm2d "
                "InstanceNorm3d LayerNorm RMSNorm SyncBatchNorm"
            ),
            "recurrent": "Cell GRU GRUCell LSTM LSTMCell RNN RNNCell Recurrent",
            "types": "WITH_PARAMETERS layer_class register",
            "weighted": "Convolution Linear Weighted",
        },
    )

__all__ = [
    "DRAW_FREE",
    "GRU",
    "IN_MEMORY",
    "LSTM",
    "RNN",
    "WITH_PARAMETERS",
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "Cell",
    "ChannelNorm",
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
    "Convolution",
    "DrawFree",
    "Embedding",
    "EmbeddingBag",
    "GRUCell",
    "GroupNorm",
    "InstanceNorm1d",
    "InstanceNorm2d",
    "InstanceNorm3d",
    "LSTMCell",
    "Layer",
    "LayerNorm",
    "Linear",
    "Norm",
    "Order",
    "Parameter",
    "RMSNorm",
    "RNNCell",
    "Recurrent",
    "Stored",
    "SyncBatchNorm",
    "Weighted",
    "check_count",
    "check_names",
    "check_size",
    "layer_class",
    "register",
]
