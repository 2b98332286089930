"""JAX's values by SPEC.md's formulas, in NumPy's double: an oracle that shares no code with the package."""

import numpy as np

F32 = np.float32


def floats(text):
    return [np.uint32(int(each, 16)).view(F32) for each in text.split()]


A = floats("32f16588 34b84b36 b66c7357 b6935ac1 396532db baa45408 bb88e4ef 3e7c8f63 3fc02e2f")
B = floats("b951f09b 38d3b56b 3ab0dc72 bb70bde7 3bbc127b bbf9c5d7 3c1aa57e 3f8036db 40354f7e")
D = floats("3f800000 417101ad 42a6185b 435dc32d 439a8ca3 43586d8a 42707982")
N = [F32(4.527e-05), *floats("3eff40c5 40d284fa 41ef4b9c 4273cc76 426473ad 41a05101")]


def fused(a, b, c):
    """a * b + c, rounded once: the double is made odd if the sum is not exact, so that it ties with no float32."""
    product = np.asarray(a, np.float64) * np.asarray(b, np.float64)
    addend = np.asarray(c, np.float64)
    total = np.atleast_1d(product + addend)
    back = total - product
    error = np.atleast_1d((product - (total - back)) + (addend - back))
    bits = total.view(np.int64)
    inexact = (error != 0) & (bits & 1 == 0)
    bits[inexact] += np.where((error > 0) == (total > 0), 1, -1)[inexact]
    return total.astype(F32)


def separate(a, b, c):
    return (np.asarray(a, F32) * np.asarray(b, F32) + np.asarray(c, F32)).astype(F32)


def horner(coefficients, x, madd):
    value = np.full(x.shape, coefficients[0], F32)
    for each in coefficients[1:]:
        value = madd(value, x, each)
    return value


def log(x, madd):
    m, exponent = np.frexp(x)
    low = m < floats("3f3504f3")[0]
    ef = (exponent - low).astype(F32)
    s = np.where(low, (m - F32(1)) + m, m - F32(1)).astype(F32)
    z = s * s
    s3 = z * s
    a = horner(floats("3d9021bb bdebd1b8 3def251a"), s, madd)
    b = horner(floats("bdfe5d4f 3e11e9bf be2aae50"), s, madd)
    c = horner(floats("3e4cceac be7ffffc 3eaaaaaa"), s, madd)
    y = madd(madd(madd(a, s3, b), s3, c), s3, ef * floats("b95e8083")[0])
    h = madd(F32(-0.5), z, s)
    return madd(ef, floats("3f318000")[0], h + y)


def log1p(t, arithmetic):
    madd = separate if arithmetic == "separate" else fused
    z = t * t
    t3 = t * z
    r = horner(N, t, madd) / horner(D, t, madd)
    older = arithmetic == "fused-0.6"
    rest = madd(t3, r, -(z * F32(0.5))) if older else madd(F32(-0.5), z, t3 * r)
    return np.where(np.abs(t) < floats("3ed413cd")[0], t + rest, log(t + F32(1), madd)).astype(F32)


def erf_inv(x, arithmetic):
    madd = separate if arithmetic == "separate" else fused
    w = -log1p(-(x * x), arithmetic)
    central, tail = horner(A, w - F32(2.5), madd), horner(B, np.sqrt(w) - F32(3), madd)
    return x * np.where(w < 5, central, tail)


def normal(words, arithmetic):
    """Standard normal values of words."""
    u = ((words >> 9) | 0x3F800000).astype(np.uint32).view(F32) - F32(1)
    x = F32(2) * u + floats("bf7fffff")[0]
    return floats("3fb504f3")[0] * erf_inv(x, arithmetic)
