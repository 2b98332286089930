"""PyTorch itself, which only its bridge needs."""

from typing import Any

from embinit.errors import EmbinitError


def torch_package() -> Any:
    """Return PyTorch, or raise EmbinitError if it is missing."""
    try:
        import torch
    except ImportError:
        raise EmbinitError("embinit.torch needs PyTorch: pip install 'embinit[torch]'") from None
    return torch
