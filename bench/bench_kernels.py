"""Each kernel at one size of the cache and one of memory, for pytest-benchmark: python -m pytest bench."""

import numpy as np
import pytest
from peers import rows

ROWS = {row.name: row for row in rows()}


@pytest.mark.parametrize("n", [10**4, 10**6])
@pytest.mark.parametrize("who", ["ours", "serial"])
@pytest.mark.parametrize("name", ROWS)
def bench_kernel(benchmark, name, who, n):
    benchmark.group = f"{name}, {n}"
    benchmark(getattr(ROWS[name], who), np.linspace(-0.9, 0.9, n, dtype=np.float32))
