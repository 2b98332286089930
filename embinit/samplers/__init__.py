"""Samplers: how words of a stream become values, with one class for each way that frameworks do it."""

from typing import TYPE_CHECKING

from embinit.lazy import attach

if TYPE_CHECKING:
    from embinit.samplers.base import CDraw, Sampler
    from embinit.samplers.codes import CCode, Codes
    from embinit.samplers.gomlx import GoMlx
    from embinit.samplers.jax import Jax
    from embinit.samplers.kaun import Kaun
    from embinit.samplers.keras import KerasJax, KerasTensorFlow, KerasTorch
    from embinit.samplers.key_streams import Mlx, Tinygrad
    from embinit.samplers.multiply_add import MultiplyAdd
    from embinit.samplers.numpy_random import LegacyNumPy, NumPy
    from embinit.samplers.pytorch import Torch
    from embinit.samplers.scaled_integer import ScaledInteger
else:
    __getattr__, __dir__ = attach(
        __name__,
        {
            "base": "CDraw Sampler",
            "codes": "CCode Codes",
            "gomlx": "GoMlx",
            "jax": "Jax",
            "kaun": "Kaun",
            "keras": "KerasJax KerasTensorFlow KerasTorch",
            "key_streams": "Mlx Tinygrad",
            "multiply_add": "MultiplyAdd",
            "numpy_random": "LegacyNumPy NumPy",
            "pytorch": "Torch",
            "scaled_integer": "ScaledInteger",
        },
    )

__all__ = [
    "CCode",
    "CDraw",
    "Codes",
    "GoMlx",
    "Jax",
    "Kaun",
    "KerasJax",
    "KerasTensorFlow",
    "KerasTorch",
    "LegacyNumPy",
    "Mlx",
    "MultiplyAdd",
    "NumPy",
    "Sampler",
    "ScaledInteger",
    "Tinygrad",
    "Torch",
]
