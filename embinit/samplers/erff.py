"""erff of glibc up to 2.40, which is fdlibm's: XLA's compiler calls the host's erff for a constant."""

import math
from collections.abc import Sequence

import numpy as np

F32 = np.float32


def _floats(words: str) -> Sequence[np.float32]:
    return list(np.array([int(word, 16) for word in words.split()], np.uint32).view(F32))


ONE, _ERX = F32(1), _floats("3f58560b")[0]
#: Numerators and denominators of the four ranges, from the constant on.
_NEAR = (
    _floats("3e0375d4 bea66beb bce9528f bbbd1489 b7c756b1"),
    _floats("3f800000 3ecbbbce 3d852a63 3ba68116 390aee49 b684e21a"),
)
_ABOUT_ONE = (
    _floats("bb1acdc6 3ed46805 bebe9208 3ea2fe54 bde31cc2 3d1151b3 bb0df9c0"),
    _floats("3f800000 3dd9f331 3f0a5785 3d931ae7 3e013307 3c5f6e13 3c445aa3"),
)
_FAR = (
    _floats("bc21a093 bf31a0b7 c128f022 c2798057 c322658c c3389ae7 c2a2932b c11d077e"),
    _floats("3f800000 419d35ce 4309a863 43d9486f 442158c9 43d6810b 42d9451f 40d23f7c bd777f97"),
)
_FARTHEST = (
    _floats("bc21a092 bf4c9dd4 c18e104b c320a2ea c41f6441 c480230b c3f1c275"),
    _floats("3f800000 41f2b459 43a2e571 44c01759 4547fdbb 451f90ce 43ed43a7 c1b38712"),
)
_LIMITS = _floats("3f580000 3fa00000 4036db6e 40c00000")


def erffs(x: np.float32) -> set[np.float32]:
    """Return erff(x), or two values where it depends on how glibc's expf rounds a number that is nearly a tie.

    >>> [hex(each.view(np.uint32)) for each in erffs(F32(-0.5))]
    ['0xbf053f7b']
    """
    size = abs(x)
    if size < _LIMITS[0]:
        factor = _NEAR[0][0] if size < F32(2.0**-28) else _quotient(_NEAR, F32(x * x))
        return {F32(x + F32(factor * x))}
    if size < _LIMITS[1]:
        return {F32(np.copysign(_ERX + _quotient(_ABOUT_ONE, F32(size - ONE)), x))}
    if size >= _LIMITS[3]:
        return {F32(np.copysign(ONE, x))}
    quotient = _quotient(_FAR if size < _LIMITS[2] else _FARTHEST, F32(ONE / F32(size * size)))
    z = F32(np.uint32(size.view(np.uint32) & np.uint32(0xFFFFF000)).view(F32))
    first = _expfs(F32(F32(-z * z) - F32(0.5625)))
    second = _expfs(F32(F32(F32(z - size) * F32(z + size)) + quotient))
    return {F32(np.copysign(ONE - F32(F32(one * other) / size), x)) for one in first for other in second}


def _quotient(fitted: tuple[Sequence[np.float32], Sequence[np.float32]], x: np.float32) -> np.float32:
    """Return the quotient of two polynomials, by Horner's rule; each operation rounds."""
    above, below = fitted
    return F32(_polynomial(above, x) / _polynomial(below, x))


def _polynomial(coefficients: Sequence[np.float32], x: np.float32) -> np.float32:
    value = coefficients[-1]
    for coefficient in coefficients[-2::-1]:
        value = F32(coefficient + F32(x * value))
    return value


def _expfs(x: np.float32) -> set[np.float32]:
    """Return exp(x) as a float32, or the two next to it if it lies within 1/64 of their distance from the middle
    between them.
    """
    exact = math.exp(x)
    return {F32(exact * (1 - 2.0**-30)), F32(exact * (1 + 2.0**-30))}
