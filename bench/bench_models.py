"""The initialization of each example, for pytest-benchmark: python -m pytest bench."""

from pathlib import Path

import pytest

import embinit

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("*.toml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def bench_init(benchmark, path):
    model = embinit.load(path)
    benchmark(model.init, out=model.init())


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def bench_plan(benchmark, path):
    benchmark(lambda: embinit.load(path).plan())
