"""logf and related functions as three classes of C libraries compute them, and the fused multiply-add, on arrays."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embinit._kernels import libm as kernels
from embinit._kernels.fma_arrays import fma32_array, fma64_array
from embinit._kernels.trigonometry import LIMIT, sine_array
from embinit.expressions import double_libm

Array = NDArray[Any]
_CLASSES = {"double": kernels.DOUBLE, "fdlibm": kernels.FDLIBM, "fdlibm-fused": kernels.FDLIBM_FUSED}
_NORMAL = np.float32(2.0**-126)


def _dense(x: Array, shape: tuple[int, ...]) -> Array:
    """Return x broadcast to a shape, writable and contiguous, as the kernels need it."""
    if x.shape == shape and x.flags.c_contiguous and x.flags.writeable:
        return x
    return np.full(shape, x[0]) if x.size == 1 else np.array(np.broadcast_to(x, shape))


def fma(single: bool, a: Array, b: Array, c: Array) -> Array:
    """Return a * b + c rounded once, to float if single, else to double."""
    shape = np.broadcast_shapes(a.shape, b.shape, c.shape)
    out = np.empty(shape, np.float32 if single else np.float64)
    (fma32_array if single else fma64_array)(_dense(a, shape), _dense(b, shape), _dense(c, shape), out)
    return out


def fmaf(libm_class: str, a: Array, b: Array, c: Array) -> Array:
    """Return the fmaf of a class: newlib without an FPU adds in double, and so rounds twice."""
    if libm_class == "fdlibm":
        return (a.astype(np.float64) * b + c).astype(np.float32)
    return fma(True, a, b, c)


def evaluate(name: str, libm_class: str, x: Array) -> Array:
    """Return what a function of a libm class makes of x, element by element; outside the domain that `check` states,
    the result is arbitrary.
    """
    if name == "log":
        return (double_libm.log_fused if libm_class == "double" else double_libm.log_fdlibm)(x)
    if name in ("sin", "cos"):
        return double_libm.sine(x, int(name == "cos"))
    x = _dense(x, x.shape)
    out = np.empty_like(x)
    kind = _CLASSES[libm_class]
    if name == "logf":
        kernels.log_array(kind, x, out)
        return _log_of_specials(x, out)
    sine_array(kind, int(name == "cosf"), libm_class == "fdlibm-fused", x, out)
    return out


def _log_of_specials(x: Array, out: Array) -> Array:
    out[~(x > 0)] = np.nan
    out[x == 0] = -np.inf
    out[x == np.inf] = np.inf
    return out


def check(name: str) -> tuple[Callable[..., Array], str] | None:
    """Return a test for arguments outside a function's domain, and the rule that they break; None if all are inside."""
    if name == "logf":
        return lambda x: (x > 0) & (x < _NORMAL), "logf of a subnormal number is not known"
    if name in ("sinf", "cosf", "sin", "cos"):
        return lambda x: ~(np.abs(x) < LIMIT), f"{name} is known for angles below {LIMIT:g}"
    return None
