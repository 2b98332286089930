"""Layers without parameters."""

from dataclasses import dataclass

from embinit.errors import check_known
from embinit.layers.base import Layer

_DIMENSIONS = {
    (1, 2, 3): ("MaxPool", "AvgPool", "AdaptiveMaxPool", "AdaptiveAvgPool", "LPPool", "MaxUnpool", "ZeroPad",
                "ConstantPad", "ReflectionPad", "ReplicationPad", "CircularPad", "Dropout"),
    (2, 3): ("FractionalMaxPool",),
}  # fmt: skip
DRAW_FREE = (
    "ReLU", "ReLU6", "RReLU", "LeakyReLU", "ELU", "CELU", "GELU", "SELU", "SiLU", "Mish", "GLU", "Hardswish",
    "Hardsigmoid", "Hardtanh", "Hardshrink", "Softshrink", "Tanhshrink", "Softsign", "Softplus", "Threshold", "Sigmoid",
    "LogSigmoid", "Tanh", "Softmax", "Softmax2d", "LogSoftmax", "Softmin", "Flatten", "Unflatten", "Fold", "Unfold",
    "Dropout", "AlphaDropout", "FeatureAlphaDropout", "Upsample", "UpsamplingNearest2d", "UpsamplingBilinear2d",
    "PixelShuffle", "PixelUnshuffle", "ChannelShuffle", "LocalResponseNorm", "CrossMapLRN2d", "CosineSimilarity",
    "PairwiseDistance", "Identity",
    *(f"{kind}{n}d" for sizes, kinds in _DIMENSIONS.items() for kind in kinds for n in sizes),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class DrawFree(Layer):
    """A layer without parameters: it has a place in the model and draws nothing.

    >>> DrawFree(kind="ReLU").type
    'ReLU'
    """

    without_effect = frozenset(
        {"kernel_size", "stride", "padding", "dilation", "output_size", "dim", "start_dim", "end_dim", "p",
         "negative_slope", "alpha", "inplace", "scale_factor", "size", "beta", "k", "eps", "value", "approximate",
         "lower", "upper", "min_val", "max_val", "lambd", "threshold", "mode", "align_corners", "unflattened_size",
         "ceil_mode", "count_include_pad", "norm_type", "groups", "upscale_factor", "downscale_factor", "output_ratio",
         "return_indices", "keepdim"}
    )  # fmt: skip
    kind: str

    def _check(self) -> None:
        check_known("type", self.kind, DRAW_FREE)

    @property
    def type(self) -> str:
        """The layer's type, as a model file writes it."""
        return self.kind
