"""Prints what embinit costs beside its peers, every line measured in one run, its contenders taking turns.

python bench/table.py [--large] [--quick], or --history for the line of this version in history.csv (history.py)
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numba  # noqa: F401 (so that NumPy runs no kernel)
import numpy as np
from peers import NUMPY, Row, Work, rows

import embinit
from embinit.many import sweep

EXAMPLES = Path(__file__).parent.parent / "examples"
SIZES = [10**3, 10**4, 10**5, 10**6, 16 * 10**6]
LARGE = 3 * 10**8
HEADS = ["2 threads", "C", *NUMPY, "randomgen", "MKL", "torch", "NumPy", "fill"]
#: Seconds that one timing takes at least, and that all rounds of a line take together at most.
TICK, LINE = 1e-3, 3.0
ROUNDS = 15


def turns(contenders: Mapping[str, Callable[[], object]]) -> dict[str, list[float]]:
    """Time contenders in turn, several rounds; return the seconds of each call, round by round."""
    calls = {}
    for name, work in contenders.items():
        work()
        start = time.perf_counter()
        work()
        calls[name] = max(1, int(TICK / (time.perf_counter() - start)))
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    end = time.perf_counter() + LINE
    while not seconds[next(iter(seconds))] or (
        len(seconds[next(iter(seconds))]) < ROUNDS and time.perf_counter() < end
    ):
        for name, work in contenders.items():
            start = time.perf_counter()
            for _ in range(calls[name]):
                work()
            seconds[name].append((time.perf_counter() - start) / calls[name])
    return seconds


def ratio(above: list[float], below: list[float]) -> float:
    """Return the median of the ratios of two contenders, round by round: what slows a round down slows both."""
    return statistics.median(a / b for a, b in zip(above, below, strict=True))


def same_bits(row: Row, n: int) -> bool:
    """Whether serial C gives the bits of our kernel, both at the start of their stream."""
    values = np.linspace(-1.5, 1.5, n, dtype=np.float32)
    if row.reads:
        return bool(np.array_equal(row.ours(values), row.serial(values)))
    others = values.copy()
    row.ours(values)
    row.serial(others)
    return bool(np.array_equal(values.view(np.uint32), others.view(np.uint32)))


def kernels(measured: list[Row], sizes: list[int]) -> None:
    """Print a line for each kernel and size."""
    print("\nTimes as multiples of ours on one thread; the last column is ours in nanoseconds per element.\n")
    print(f"| kernel | elements | {' | '.join(HEADS)} | ns |")
    print("|---" * (len(HEADS) + 3) + "|")
    for row in measured:
        if not same_bits(row, 10**5):
            print(f"{row.name}: the bits of serial C are others", file=sys.stderr)
        for n in sizes:
            line(row, np.linspace(-0.9, 0.9, n, dtype=np.float32))


def line(row: Row, values: np.ndarray) -> None:
    """Print one line: each contender's time as a multiple of ours, and ours in nanoseconds."""
    other = values.copy()
    works = {"ours": on_threads(1, row.ours), "2 threads": on_threads(2, row.ours), "C": row.serial, **row.peers}
    if row.reads or values.size < embinit.drawing.PARALLEL:
        del works["2 threads"]
    found = turns({
        **{name: lambda work=work: work(values) for name, work in works.items()},
        "fill": lambda: other.fill(1.0),
    })  # fmt: skip
    cells = [f"{ratio(found[head], found['ours']):.2f}" if head in found else "" for head in HEADS]
    nanoseconds = statistics.median(found["ours"]) / values.size * 1e9
    print(f"| {row.name} | {values.size:.1e} | {' | '.join(cells)} | {nanoseconds:.3f} |", flush=True)


def on_threads(count: int, work: Work) -> Work:
    """Return the same work on a number of threads."""

    def counted(out: np.ndarray) -> object:
        os.environ["EMBINIT_THREADS"] = str(count)
        return work(out)

    return counted


def growth(measured: list[Row], sizes: list[int]) -> None:
    """Print what an element costs as arrays grow, the sizes taking turns."""
    out = np.ones(max(sizes), np.float32)
    print(f"\nNanoseconds per element on one thread.\n\n| elements | {' | '.join(f'{n:.1e}' for n in sizes)} |")
    print("|---" * (len(sizes) + 1) + "|")
    works = {row.name: on_threads(1, row.ours) for row in measured if not row.reads}
    for name, work in {**works, "fill": lambda out: out.fill(1.0)}.items():
        found = turns({str(n): lambda n=n, work=work: work(out[:n]) for n in sizes})
        each = [statistics.median(found[str(n)]) / n * 1e9 for n in sizes]
        print(f"| {name} | {' | '.join(f'{cost:.3f}' for cost in each)} |", flush=True)


def models() -> None:
    """Print what the initialization of each example takes, warm, and of many seeds beside a loop."""
    heads = "model", "elements", "init(out), us", "init(), us", "init_many, seeds/s", "times a loop", "sweep, us a seed"
    print(f"\n| {' | '.join(heads)} |")
    print("|---" * len(heads) + "|")
    os.environ["EMBINIT_THREADS"] = "2"
    for path in sorted(EXAMPLES.glob("*.toml")):
        model_line(path.stem, embinit.load(path))


def model_line(name: str, model: embinit.Model) -> None:
    """Print one line of the models."""
    out = model.init()
    elements = sum(array.size for array in out.values())
    seeds, swept = range(1, 101), range(1, 1 + max(100, 10**7 // elements))
    found = turns({
        "out": lambda: model.init(out=out),
        "new": lambda: model.init(),
        "loop": lambda: [replace(model, seed=seed).init() for seed in seeds],
        "many": lambda: list(model.init_many(seeds)),
        "sweep": lambda: sweep(model, swept),
    })  # fmt: skip
    into, new = (statistics.median(found[name]) * 1e6 for name in ("out", "new"))
    many = len(seeds) / statistics.median(found["many"])
    loops, each = ratio(found["loop"], found["many"]), statistics.median(found["sweep"]) / len(swept) * 1e6
    print(f"| {name} | {elements} | {into:.0f} | {new:.0f} | {many:.0f} | {loops:.1f} | {each:.1f} |")


def processes() -> None:
    """Print what whole processes take, warm and with an empty cache of kernels, beside `import numba`."""
    print("\n| process | seconds | times `import numba` |\n|---|---|---|")
    example = str(EXAMPLES / "har_classifier.toml")
    with tempfile.TemporaryDirectory() as folder:
        export = ["-m", "embinit", "export", example, "-o", f"{folder}/bundle"]

        def process(*words: str, cold: bool = False) -> None:
            with tempfile.TemporaryDirectory() as empty:
                cache = {"EMBINIT_CACHE_DIR": empty} if cold else {}
                command = [sys.executable, *words]
                subprocess.run(command, check=True, env={**os.environ, **cache}, stdout=subprocess.DEVNULL)

        found = turns({
            "import numba": lambda: process("-c", "import numba"),
            "import embinit": lambda: process("-c", "import embinit"),
            "embinit --help": lambda: process("-m", "embinit", "--help"),
            "embinit plan": lambda: process("-m", "embinit", "plan", example),
            "embinit export, warm": lambda: process(*export),
            "embinit export, cold": lambda: process(*export, cold=True),
        })  # fmt: skip
    for name, seconds in found.items():
        print(f"| {name} | {statistics.median(seconds):.2f} | {ratio(seconds, found['import numba']):.2f} |")


PEAK = """
import resource, sys
import numpy as np
from embinit import Generator, Xorshift32
out = np.ones(int(sys.argv[1]), np.float32)
generator = Generator(Xorshift32(1))
generator.uniform(-1, 1, out[:10**6])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
generator.uniform(-1, 1, out)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def memory(n: int) -> None:
    """Print how much the peak of memory grows where a large array is filled."""
    done = subprocess.run([sys.executable, "-c", PEAK, str(n)], check=True, capture_output=True, text=True)
    print(f"\nPeak of memory beyond an array of {n} float32 ({4 * n >> 20} MiB): {int(done.stdout) / 1024:.1f} MiB")


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--large", action="store_true", help="growth up to 3e8 elements: 1.2 GB")
    parser.add_argument("--quick", action="store_true", help="only 1e6 elements of each kernel")
    parser.add_argument("--history", action="store_true", help="put the line of this version into history.csv instead")
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, NumPy {np.__version__}")
    print(f"load average {os.getloadavg()[0]:.2f}: above 0.5 or so, measure again")
    if options.history:
        import history

        history.main()
        return
    measured = rows()
    kernels(measured, [10**6] if options.quick else SIZES)
    if not options.quick:
        growth(measured, SIZES + [LARGE] * options.large)
        models()
        processes()
        memory(16 * 10**6)


if __name__ == "__main__":
    main()
