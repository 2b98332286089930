"""The only place that calls Numba: one decorator, one cache, no fast math."""

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from numba.core.caching import CompileResultCacheImpl, FunctionCache

Function = TypeVar("Function", bound=Callable[..., Any])


def cache_directory() -> Path:
    """Return the directory of compiled kernels: one for each content of this folder and version of Numba.

    A changed kernel therefore never meets the machine code of an older one, also when the change lies in a function
    that it calls, which Numba's own time stamps do not see.
    """
    sources = sorted(Path(__file__).parent.glob("*.py"))
    content = hashlib.sha256(b"\0".join(source.read_bytes() for source in sources))
    content.update(numba.__version__.encode())
    root = os.environ.get("EMBINIT_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME")
    parent = Path(root) if root else Path.home() / ".cache"
    chosen = parent / "embinit" / content.hexdigest()[:16]
    try:
        chosen.mkdir(parents=True, exist_ok=True)
        if os.access(chosen, os.W_OK):
            return chosen
    except OSError:
        pass
    return Path(tempfile.mkdtemp(prefix="embinit-"))


_CACHE_DIRECTORY = str(cache_directory())


class _Locator:
    """Tells Numba where one function's machine code lies and when it is stale: never within one directory."""

    def __init__(self, function: Any, source: str) -> None:
        self._name = f"{Path(source).stem}.{function.__qualname__}"

    def ensure_cache_path(self) -> None:
        Path(_CACHE_DIRECTORY).mkdir(parents=True, exist_ok=True)

    def get_cache_path(self) -> str:
        return _CACHE_DIRECTORY

    def get_source_stamp(self) -> str:
        return "content-addressed"

    def get_disambiguator(self) -> str:
        return self._name

    @classmethod
    def from_function(cls, function: Any, source: str) -> "_Locator":
        return cls(function, source)


class _CacheImpl(CompileResultCacheImpl):
    _locator_classes = [_Locator]  # noqa: RUF012 (Numba's own attribute)


class _Cache(FunctionCache):
    _impl_class = _CacheImpl


def _compiled(function: Function) -> Any:
    return numba.njit(nogil=True, error_model="numpy", fastmath=False)(function)


def kernel(function: Function) -> Function:
    """Compile a function at its first call, without the GIL and without fast math; keep the machine code on disk."""
    compiled = _compiled(function)
    compiled._cache = _Cache(function)
    return cast("Function", compiled)


def inlined(function: Function) -> Function:
    """Compile a function that only kernels call: it is part of their machine code."""
    return cast("Function", _compiled(function))
