"""The only place that calls Numba: one decorator, one cache, no fast math."""

import hashlib
import os
import stat
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar, cast

import llvmlite
import llvmlite.binding
import numba
import numpy as np
from numba.core.caching import CompileResultCacheImpl, FunctionCache

Function = TypeVar("Function", bound=Callable[..., Any])


def content_hash() -> str:
    """Return a hash of what machine code depends on: this folder's sources, the compiler, and the CPU.

    A changed kernel therefore never meets the machine code of an older one, also when the change lies in a function
    that it calls, which Numba's own time stamps do not see; nor do two machines that share a home directory meet.
    """
    sources = sorted(Path(__file__).parent.glob("*.py"))
    content = hashlib.sha256(b"\0".join(source.read_bytes() for source in sources))
    cpu = llvmlite.binding.get_host_cpu_name(), llvmlite.binding.get_host_cpu_features().flatten()
    for part in (sys.version, np.__version__, llvmlite.__version__, numba.__version__, *cpu):
        content.update(b"\0" + part.encode())
    return content.hexdigest()[:16]


def cache_directory() -> Path:
    """Return the directory of compiled kernels, which exists and can be written.

    It lies in EMBINIT_CACHE_DIR, XDG_CACHE_HOME or ~/.cache. Where that cannot be written, as in a container without a
    home, it lies in this user's own directory among the temporary files, so that the next process finds it again.
    """
    root = os.environ.get("EMBINIT_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME")
    try:
        parent = Path(root) if root else Path.home() / ".cache"
        return _writable(parent / "embinit" / content_hash())
    except (OSError, RuntimeError):  # home() raises the latter for a user without one
        return _private(Path(tempfile.gettempdir()))


def _writable(directory: Path) -> Path:
    """Return a directory, made where it is missing; OSError where it cannot be written."""
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=directory):
        return directory


def _private(temporary: Path) -> Path:
    """Return a directory among the temporary files that no other user can write: machine code is read from it."""
    user = os.getuid() if hasattr(os, "getuid") else "cache"
    own = temporary / f"embinit-{user}"
    try:
        own.mkdir(mode=0o700, exist_ok=True)
        found = own.lstat()
        if found.st_uid == user and stat.S_ISDIR(found.st_mode) and not stat.S_IMODE(found.st_mode) & 0o077:
            return _writable(own / content_hash())
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

    def save_overload(self, sig: Any, data: Any) -> None:
        with suppress(OSError):  # a full disk costs the next process time, and this one nothing
            super().save_overload(sig, data)


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
