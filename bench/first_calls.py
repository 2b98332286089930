"""Prints what a process takes in user time for importing Numba and the first call of a kernel, with none cached.

The last column divides that by the user time up to and with importing Numba, which a busy machine slows down as much.

python bench/first_calls.py [WORD ...]   (only rows whose name has one of the words)
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator

import numpy as np

import embinit
from embinit import Generator
from embinit.dialects import DIALECTS
from embinit.errors import EmbinitError

SIZE = 5000
#: A bit generator of each kind that kernels know, by the names of rows.
KINDS = {"xorshift32": embinit.Xorshift32, "pcg32": embinit.Pcg32, "mt19937": embinit.MT19937}
FORMATS = ["float16", "q7", "sym8", "sym4", "asym8", "affine8", "int8", "bfp8e5"]
ROUNDINGS = ["half_away", "half_even", "truncate", "floor", "stochastic"]


def calls() -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield what users call first, by name; making one draws and stores nothing."""
    values = np.linspace(-0.9, 0.9, SIZE, dtype=np.float32)
    for dialect in DIALECTS:
        out = np.empty(SIZE, DIALECTS[dialect].element)
        for kind, parameters in (("uniform", (-0.5, 0.5)), ("normal", (0.0, 0.5))):
            yield (
                f"{dialect} {kind}",
                lambda d=dialect, k=kind, p=parameters, o=out: getattr(Generator.seeded(5, d), k)(*p, o),
            )
        yield (
            f"{dialect} glorot_normal",
            lambda d=dialect, o=out: Generator.seeded(5, d).fill("glorot_normal", o.reshape(-1, 50), 50, 100),
        )
    for kind, bitgen in KINDS.items():
        for dialect in ("odt", "portable", "torch"):
            for what, parameters in (("uniform", (-0.5, 0.5)), ("normal", (0.0, 0.5))):
                yield (
                    f"{dialect} {what} from {kind}",
                    lambda d=dialect, b=bitgen, w=what, p=parameters: getattr(Generator(b(5), d), w)(*p, values),
                )
        yield f"raw {kind}", lambda b=bitgen: b(5).random_raw(SIZE)
        yield f"bernoulli {kind}", lambda b=bitgen: Generator(b(5)).bernoulli(0.5, SIZE)
        yield f"shuffle {kind}", lambda b=bitgen: Generator(b(5)).shuffle(list(range(100)))
    yield "torch small normal", lambda: Generator(embinit.MT19937(5), "torch").normal(0, 1, values[:9])
    for name in FORMATS:
        for rounding in ROUNDINGS:
            yield (
                f"encode {name} {rounding}",
                lambda n=name, r=rounding: embinit.encode(values, n, r, Generator(embinit.Xorshift32(5))),
            )
    for name, data in (("q7", np.zeros(SIZE, np.int8)), ("q4.7", np.zeros(3 * SIZE // 2, np.uint8))):
        yield f"decode {name}", embinit.Buffer(name, data, (SIZE,)).decode
    for kind, bitgen in KINDS.items():
        yield f"jump of {kind}", lambda b=bitgen: b(5).jumped(2**40)
    layer = embinit.Linear(in_features=50, out_features=100, weight_format="q7", bias_format="q7")
    model = embinit.Model("m", [layer], seed=5, dialect="portable-int")
    yield "codes without floats", model.init
    layer = embinit.Linear(in_features=50, out_features=100)
    yield "statistics", lambda: list(embinit.Model("m", [layer], seed=5).init_many([1, 2], statistics=True))


def alone(name: str) -> None:
    """Print the seconds of user time of this process up to its import of Numba and with one call, and without."""
    import numba  # noqa: F401 (so that NumPy runs no kernel)

    imported, call = os.times().user, dict(calls())[name]
    before = os.times().user
    try:
        call()
    except EmbinitError as error:
        print(f"none: {error}")
        return
    print(imported + os.times().user - before, imported)


def main(words: list[str]) -> None:
    """Print a row for each call, the slowest last."""
    rows = []
    for name, _ in calls():
        if words and not any(word in name for word in words):
            continue
        with tempfile.TemporaryDirectory() as empty:
            environment = {**os.environ, "EMBINIT_CACHE_DIR": empty, "FIRST_CALL": name}
            done = subprocess.run(
                [sys.executable, __file__], env=environment, capture_output=True, text=True, check=True
            )
        if not done.stdout.startswith("none"):
            seconds, imported = map(float, done.stdout.split())
            rows.append((seconds / imported, seconds, name))
    print("| first call | seconds of user time | times `import numba` |\n|---|---|---|")
    for ratio, seconds, name in sorted(rows):
        print(f"| {name} | {seconds:.2f} | {ratio:.1f} |")


if __name__ == "__main__":
    if "FIRST_CALL" in os.environ:
        alone(os.environ["FIRST_CALL"])
    else:
        main(sys.argv[1:])
