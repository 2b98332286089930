"""The only place that calls Numba: one way to compile, one cache, no fast math."""

import hashlib
import pickle
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from embinit.cache import directory
from embinit.errors import EmbinitError
from embinit.files import write_file

try:
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "Environment variable", RuntimeWarning)
        import llvmlite
        import llvmlite.binding
        import numba
        from numba._dynfunc import make_function
        from numba.core import types
        from numba.core.caching import _Cache as NumbaCache
        from numba.core.codegen import JITCodeLibrary
        from numba.core.compiler import Compiler, CompileResult
        from numba.core.datamodel.models import OpaqueModel
        from numba.core.datamodel.registry import register_default as register_model
        from numba.core.dispatcher import Dispatcher
        from numba.core.imputils import lower_constant
        from numba.core.registry import cpu_target
        from numba.core.serialize import dumps
except (RuntimeWarning, ValueError) as error:  # a variable NUMBA_... has a value that Numba does not understand
    raise EmbinitError(f"Numba does not start: {str(error).partition(chr(10))[0]}") from None
if getattr(numba.config, "DISABLE_JIT", 0):  # in plain Python, kernels would give other bits
    raise EmbinitError("NUMBA_DISABLE_JIT is set, and embinit needs its kernels compiled: unset it")


def _import_without_scipy() -> None:
    """Import Numba's functions of arrays without SciPy, which they look for and which takes half as long as Numba does.

    No kernel calls BLAS; where a user's function does, Numba imports SciPy then.
    """
    linalg: Any = import_module("numba.np.linalg")
    look = getattr(linalg, "ensure_blas", None)
    if look is None:  # another release of Numba
        return

    def look_later() -> None:
        if find_spec("scipy") is None:
            look()

    linalg.ensure_blas = look_later
    try:
        arraymath: Any = import_module("numba.np.arraymath")
    finally:
        linalg.ensure_blas = look
    if hasattr(arraymath, "ensure_blas"):
        arraymath.ensure_blas = look


if "numba.np.arraymath" not in sys.modules:
    _import_without_scipy()

#: The settings of Numba (NUMBA_OPT and so on) that change machine code.
_SETTINGS = ("OPT", "BOUNDSCHECK", "DEBUGINFO_DEFAULT", "ENABLE_AVX", "LOOP_VECTORIZE", "SLP_VECTORIZE")


@cache
def content_hash() -> str:
    """Return a hash of everything that machine code depends on: this folder's sources, the compiler and the CPU.

    So a changed kernel never uses the machine code of an older one, even if the change is in a function that it calls,
    and two machines that share a home directory do not use each other's.
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
    """Return the directory of compiled kernels; None if there is none, so that each process compiles its own."""
    return directory(content_hash())


class _Cache(NumbaCache):
    """Machine code of one function on disk, with one file per signature.

    Each file begins with the SHA-256 of its name and content. If that does not match, because the file was cut,
    changed, or is another function's, the function is compiled again and the file replaced.
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
        """Keep a compiled function; if that fails, the next process has to compile it again."""
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
        """Do nothing: a function that is compiled again replaces its file."""

    def _path(self, sig: Any, codegen: Any) -> Path | None:
        key = hashlib.sha256(repr((sig, codegen.magic_tuple())).encode()).hexdigest()[:16]
        folder = cache_directory()
        return None if folder is None else folder / f"{self._name}-{key}.nbc"


def _seal(path: Path, code: bytes) -> bytes:
    """Return the bytes at the start of a file of machine code, which fit no other file and no other content."""
    return hashlib.sha256(f"{content_hash()}/{path.name}\0".encode() + code).digest()


#: How all functions are compiled: without the GIL and fast math, and with nothing for callers in C.
_WAY: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": False, "no_cfunc_wrapper": True}


def compiled(function: Callable[..., Any], kept: bool) -> Any:
    """Return a function that Numba compiles when Python first calls it. kept: whether its machine code is kept on
    disk.
    """
    dispatcher: Any = numba.njit(**_WAY)(function)
    if kept:
        dispatcher._cache = _Cache(function)
    return dispatcher


def part(function: Callable[..., Any], forced: bool) -> Any:
    """Return a function that Numba compiles into those that call it. forced: even if LLVM finds it too long for that.

    By itself it is never optimized or made machine code, which takes most of the time that compiling takes.
    """
    way = {**_WAY, "forceinline": forced, "no_cpython_wrapper": True, "pipeline_class": _PartCompiler}
    return numba.njit(**way)(function)


class _PartCode(JITCodeLibrary):
    """The LLVM code of a part, as its callers link it."""

    def _optimize_final_module(self) -> None:
        """Do nothing: it is optimized in each caller."""

    def _finalize_final_module(self) -> None:
        """Make no machine code."""
        self._finalize_dynamic_globals()
        self._finalized = True


class _PartCompiler(Compiler):
    """Numba's compiler, for parts."""

    def compile_extra(self, func: Any) -> Any:
        """Compile a function to LLVM code, with something that Numba can take for its machine code and never calls."""
        context = self.state.targetctx  # a copy for this compilation
        context.get_executable = _named
        self.state.library = _PartCode(context.codegen(), func.__qualname__)
        return super().compile_extra(func)


def _named(library: Any, description: Any, environment: Any) -> Any:
    """Return what Numba makes of a function to be called from Python, without an address."""
    name = description.qualname.rpartition(".")[2]
    return make_function(description.lookup_module(), name, "", 0, environment, (library,))


class _Callee(types.Dispatcher):
    """The type of a function that another one calls. Numba's own has the function's address in this process as its
    value, which keeps callers out of the cache; nobody needs that value, because the type says which function it is.
    """


register_model(_Callee)(OpaqueModel)


@lower_constant(_Callee)  # type: ignore[untyped-decorator]
def _no_value(context: Any, _builder: Any, _type: Any, _function: Any) -> Any:
    return context.get_dummy_value()


def type_of(compiled: Any) -> Any:
    """Return the type that a function of Numba has where another one calls it."""
    if isinstance(compiled, Dispatcher):
        return _Callee(compiled)
    cpu_target.typing_context.refresh()  # an intrinsic may have been made while another function was typed
    cpu_target.target_context.refresh()
    return cpu_target.typing_context.resolve_value_type(compiled)
