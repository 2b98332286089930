"""The kernels and what they are measured beside: one Row each, filled by whoever stands in it."""

import ctypes
import importlib.util
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from embinit import MT19937, Generator, Pcg32, Xorshift32, encode, load_dialect
from embinit.clib import C_DIRECTORY, SOURCES

LOW, HIGH = -0.25, 0.5
STDDEV = 0.125
COMPILE = "gcc -O3 -march=native -ffp-contract=off -fno-math-errno -flto -shared -fPIC".split()
NUMPY = {"PCG64": np.random.PCG64, "SFC64": np.random.SFC64, "MT19937": np.random.MT19937}
TORCH, RANDOMGEN = (importlib.util.find_spec(name) is not None for name in ("torch", "randomgen"))
#: MKL's library of the mkl package, which is beside Python's own; its generator SFMT19937, and Box-Muller for pairs.
MKL = sorted(Path(sys.prefix, "lib").glob("libmkl_rt.so*"))
SFMT19937, BOX_MULLER_PAIRS = 13 << 20, 1

#: Fills a float32 array, or encodes it.
Work = Callable[[NDArray[np.float32]], object]


@dataclass(frozen=True)
class Row:
    """One kernel, the peers that do what it does, and whether serial C must leave the same bits."""

    name: str
    ours: Work
    serial: Work
    peers: dict[str, Work] = field(default_factory=dict)
    reads: bool = False


def library() -> ctypes.CDLL:
    """Compile the serial C on this machine."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "serial.so"
        sources = [Path(__file__).with_name("serial.c"), *SOURCES]
        subprocess.run([*COMPILE, f"-I{C_DIRECTORY}", *sources, "-o", path, "-lm"], check=True)
        return ctypes.CDLL(str(path))


def rows() -> list[Row]:
    """Return the rows of the table."""
    c = library()
    pcg, mt = Pcg32(42), MT19937(42)

    def drawn(name: str, state: NDArray[np.uint32], a: float, b: float) -> Work:
        words, function = state.copy(), getattr(c, name)
        first, second = ctypes.c_float(a), ctypes.c_float(b)
        return lambda out: function(_pointer(words), first, second, _pointer(out), ctypes.c_size_t(out.size))

    def encoded(name: str, dtype: type) -> Work:
        function, room = getattr(c, name), {}

        def work(values: NDArray[np.float32]) -> object:
            codes = room.setdefault(values.size, np.empty(values.size, dtype))
            function(_pointer(values), _pointer(codes), ctypes.c_size_t(values.size))
            return codes

        return work

    def uniform(bitgen: Xorshift32 | Pcg32 | MT19937, dialect: str) -> Work:
        generator = Generator(bitgen, dialect)
        return lambda out: generator.uniform(LOW, HIGH, out)

    def normal(bitgen: Xorshift32 | Pcg32, dialect: str) -> Work:
        generator = Generator(bitgen, dialect)
        return lambda out: generator.normal(0.0, STDDEV, out)

    def declared() -> Work:
        generator = Generator.seeded(42, load_dialect(Path(__file__).with_name("declared.toml")))
        return lambda out: generator.uniform(LOW, HIGH, out)

    width = HIGH - LOW
    return [
        Row("xorshift32 uniform", uniform(Xorshift32(42), "odt"),
            drawn("xorshift32_uniform", np.array([42], np.uint32), LOW, width), numpy_uniform() | randomgen()
            | mkl("vsRngUniform", 0, LOW, HIGH) | torch("uniform_")),
        Row("dialect file uniform", declared(), drawn("declared_uniform", np.array([42], np.uint32), LOW, width),
            numpy_uniform()),
        Row("PCG32 uniform", uniform(pcg.copy(), "odt"), drawn("pcg32_uniform", pcg.words, LOW, width),
            numpy_uniform()),
        Row("MT19937 torch uniform_", uniform(mt.copy(), "torch"), drawn("mt19937_uniform", mt.words, LOW, width),
            numpy_uniform() | torch("uniform_")),
        Row("xorshift32 normal, double", normal(Xorshift32(42), "odt"),
            drawn("xorshift32_normal", np.array([42], np.uint32), 0.0, STDDEV), numpy_normal()
            | mkl("vsRngGaussian", BOX_MULLER_PAIRS, 0.0, STDDEV) | torch("normal_")),
        Row("portable normal", normal(pcg.copy(), "portable"), drawn("portable_normal", pcg.words, 0.0, STDDEV),
            numpy_normal() | torch("normal_")),
        Row("encode sym8", lambda x: encode(x, "sym8").data.view(np.int8), encoded("sym8", np.int8),
            {"NumPy": numpy_sym8}, True),
        Row("encode q1.15", lambda x: encode(x, "q1.15").data, encoded("q15", np.int16), {"NumPy": numpy_q15}, True),
    ]  # fmt: skip


def _pointer(array: NDArray[np.generic]) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def numpy_uniform() -> dict[str, Work]:
    """NumPy's generators: float32 from 0 to 1, which is less work than any bounds are."""

    def work(generator: np.random.Generator) -> Work:
        return lambda out: generator.random(out=out, dtype=np.float32)

    return {name: work(np.random.Generator(kind(1))) for name, kind in NUMPY.items()}


def numpy_normal() -> dict[str, Work]:
    """NumPy's generators: standard normal float32."""

    def work(generator: np.random.Generator) -> Work:
        return lambda out: generator.standard_normal(out=out, dtype=np.float32)

    return {name: work(np.random.Generator(kind(1))) for name, kind in NUMPY.items()}


def randomgen() -> dict[str, Work]:
    """SFMT of randomgen under NumPy's distributions: uniform float32 from 0 to 1."""
    if not RANDOMGEN:
        return {}
    from randomgen import SFMT

    generator = np.random.Generator(SFMT(1))
    return {"randomgen": lambda out: generator.random(out=out, dtype=np.float32)}


def mkl(function: str, method: int, a: float, b: float) -> dict[str, Work]:
    """The vector statistics of Intel's MKL, on one thread: vsRngUniform or vsRngGaussian."""
    if not MKL:
        return {}
    os.environ.setdefault("MKL_THREADING_LAYER", "SEQUENTIAL")
    library, stream = ctypes.CDLL(str(MKL[0])), ctypes.c_void_p()
    if library.vslNewStream(ctypes.byref(stream), SFMT19937, 1):
        raise RuntimeError("MKL makes no stream of SFMT19937")
    draw, first, second = getattr(library, function), ctypes.c_float(a), ctypes.c_float(b)
    return {"MKL": lambda out: draw(method, stream, out.size, _pointer(out), first, second)}


def torch(method: str) -> dict[str, Work]:
    """PyTorch in place, on one thread as its generator is."""
    if not TORCH:
        return {}
    from torch import from_numpy, set_num_threads

    set_num_threads(1)
    return {"torch": lambda out: getattr(from_numpy(out), method)()}


def half_away(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Round as C's roundf does."""
    return np.trunc(x + np.copysign(np.float32(0.49999997), x))


def numpy_sym8(x: NDArray[np.float32]) -> object:
    """Return the codes of sym8 as one would write it."""
    scale = np.abs(x).max() / np.float32(127)
    return np.clip(half_away(x / scale), -128, 127).astype(np.int8)


def numpy_q15(x: NDArray[np.float32]) -> object:
    """Return the codes of q1.15 as one would write it."""
    return np.clip(half_away(x * np.float32(32768)), -32768, 32767).astype(np.int16)
