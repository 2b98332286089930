"""Prints how fast a sweep goes in this process and on Dask clusters of one, two, ... worker processes.

python bench/cluster.py [--workers 2]
"""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

from dask.distributed import Client, LocalCluster

import embinit
from embinit.many import init_many

EXAMPLES = Path(__file__).parent.parent / "examples"
#: Seeds of a small model that are drawn, and of one with a hundred times its weights.
SEEDS = {"har_classifier": 200_000, "a layer of 1000 x 1000": 2_000}


def models() -> Iterator[tuple[str, embinit.Model]]:
    """Return the models whose sweeps are timed."""
    har, large = SEEDS
    yield har, embinit.load(EXAMPLES / f"{har}.toml")
    layer = embinit.Linear(name="fc", in_features=1000, out_features=1000)
    yield large, embinit.Model("large", [layer], seed=0, dialect="odt", target="cortex-m4f")


def rate(model: embinit.Model, seeds: int, **where: object) -> float:
    """Return how many seeds per second come back with statistics of their buffers."""
    for _ in init_many(model, range(8), statistics=True, **where):  # type: ignore[call-overload]
        pass
    start = time.perf_counter()
    for _ in init_many(model, range(seeds), statistics=True, **where):  # type: ignore[call-overload]
        pass
    return seeds / (time.perf_counter() - start)


def main() -> None:
    """Time every model in this process, then on clusters of more and more workers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=2, help="the largest number of worker processes (default 2)")
    most = parser.parse_args().workers
    print("| model | where | seeds per second | times one process |\n|---|---|---|---|")
    for name, model in models():
        alone = rate(model, SEEDS[name])
        print(f"| {name} | one process | {alone:.0f} | 1.00 |", flush=True)
        for workers in range(1, most + 1):
            cluster = LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None)
            with cluster, Client(cluster) as client:
                there = rate(model, SEEDS[name], client=client)
            print(f"| {name} | {workers} workers | {there:.0f} | {there / alone:.2f} |", flush=True)


if __name__ == "__main__":
    main()
