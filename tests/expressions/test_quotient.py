"""C's division of integers outside of compiled loops, against Python's exact integers."""

from itertools import product

import numpy as np
import pytest

from embinit._kernels.division import quotient

EVERY = {kind: np.arange(np.iinfo(kind).min, np.iinfo(kind).max + 1).astype(kind) for kind in (np.int8, np.uint8)}
EDGES = {
    kind: np.array(
        [
            info.min,
            info.min + 1,
            info.max // 2,
            info.max - 1,
            info.max,
            0,
            1,
            2,
            3,
            7,
            *([-1, -2, -7] if info.min else []),
        ],
        kind,
    )
    for kind in (np.int32, np.uint32, np.int64, np.uint64)
    for info in [np.iinfo(kind)]
}


def exact(a, b, kind):
    """The quotient towards 0, in Python's integers; what C leaves open is a by 0, and the lowest value by -1."""
    if b == 0 or (b == -1 and a == np.iinfo(kind).min):
        return a
    return abs(a) // abs(b) * (-1 if (a < 0) != (b < 0) else 1)


@pytest.mark.parametrize("kind", [*EVERY, *EDGES], ids=lambda kind: kind.__name__)
def test_it_rounds_towards_0(kind):
    values = (EVERY | EDGES)[kind]
    pairs = np.array(list(product(values, repeat=2)), kind).T
    found = quotient(*pairs)

    assert found.dtype == kind
    assert found.tolist() == [exact(a, b, kind) for a, b in pairs.T.tolist()]
