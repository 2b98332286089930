"""One of the two ways to run kernels, whatever is to be done."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from embinit._kernels.jit import Kernel


def _of_arrays(self: Kernel, *arguments: Any) -> Any:
    return self.machine(*arguments) if self.work is None else self.of_arrays(*arguments)


@contextmanager
def by_numpy() -> Iterator[None]:
    """Have NumPy run all kernels that it can run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Kernel, "__call__", _of_arrays)
        patch.setattr(Kernel, "direct", property(lambda self: self))
        yield


@contextmanager
def by_numba() -> Iterator[None]:
    """Have Numba compile all kernels."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Kernel, "__call__", Kernel.machine)
        yield
