"""PyTorch's conventions: its dialects, and the layers whose constructors draw."""

from embinit.dialects.pytorch import layers  # noqa: F401 (it adds its layers to those of the dialects)
from embinit.dialects.pytorch.dialect import TORCH, TORCH_NOFMA

__all__ = ["TORCH", "TORCH_NOFMA"]
