"""The only place that calls Numba: one decorator, one cache, no fast math."""

import hashlib
import pickle
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import llvmlite
import llvmlite.binding
import numba
import numpy as np
from numba.core.caching import _Cache as NumbaCache
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps

from embinit.cache import directory
from embinit.errors import EmbinitError
from embinit.files import write_file

if getattr(numba.config, "DISABLE_JIT", 0):  # in plain Python a kernel would have other bits
    raise EmbinitError("NUMBA_DISABLE_JIT is set, and embinit needs its kernels compiled: unset it")

Function = TypeVar("Function", bound=Callable[..., Any])

#: What of Numba's settings (NUMBA_OPT and so on) changes machine code.
_SETTINGS = ("OPT", "BOUNDSCHECK", "DEBUGINFO_DEFAULT", "ENABLE_AVX", "LOOP_VECTORIZE", "SLP_VECTORIZE")


@cache
def content_hash() -> str:
    """Return a hash of what machine code depends on: this folder's sources, the compiler, and the CPU.

    A changed kernel therefore never meets the machine code of an older one, also when the change lies in a function
    that it calls; nor do two machines that share a home directory meet.
    """
    sources = sorted(Path(__file__).parent.glob("*.py"))
    content = hashlib.sha256(b"\0".join(source.read_bytes() for source in sources))
    cpu = llvmlite.binding.get_host_cpu_name(), llvmlite.binding.get_host_cpu_features().flatten()
    settings = (str(getattr(numba.config, name, None)) for name in _SETTINGS)
    for part in (sys.version, np.__version__, llvmlite.__version__, numba.__version__, *cpu, *settings):
        content.update(b"\0" + part.encode())
    return content.hexdigest()[:16]


@cache
def cache_directory() -> Path | None:
    """Return the directory of compiled kernels; None where there is none, and each process compiles its own."""
    return directory(content_hash())


class _Cache(NumbaCache):
    """Machine code of one function on disk, a file for each signature.

    Each file begins with the SHA-256 of its name and content. One that does not match, as it was cut or changed, or is
    another function's, is as good as none: the function is compiled again, and the file replaced.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._name = f"{function.__module__.rpartition('.')[2]}.{function.__qualname__}"

    @property
    def cache_path(self) -> str:
        return str(cache_directory())

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the compiled function of a signature, or None where it must be compiled."""
        target_context.refresh()
        path = self._path(sig, target_context.codegen())
        if path is None:
            return None
        try:
            content = path.read_bytes()
        except OSError:
            return None
        seal, code = content[:32], content[32:]
        if seal != _seal(path, code):
            return None
        return CompileResult._rebuild(target_context, *pickle.loads(code))

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep a compiled function; where that fails, the next process takes the time again."""
        path = self._path(sig, data.codegen)
        if path is not None and not data.library.has_dynamic_globals:
            code = dumps(data._reduce())
            with suppress(EmbinitError):
                write_file(path, _seal(path, code) + code)

    def enable(self) -> None:
        """Do nothing: the cache is always on."""

    def disable(self) -> None:
        """Do nothing: the cache is always on."""

    def flush(self) -> None:
        """Do nothing: what is compiled again replaces its file."""

    def _path(self, sig: Any, codegen: Any) -> Path | None:
        key = hashlib.sha256(repr((sig, codegen.magic_tuple())).encode()).hexdigest()[:16]
        folder = cache_directory()
        return None if folder is None else folder / f"{self._name}-{key}.nbc"


def _seal(path: Path, code: bytes) -> bytes:
    """Return what the file of machine code begins with: no other file's seal, and no other content's."""
    return hashlib.sha256(f"{content_hash()}/{path.name}\0".encode() + code).digest()


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
