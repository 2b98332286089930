"""One line for each release: what embinit costs as a multiple of what its peers cost in the same run.

Such ratios can be compared between machines, as far as anything can. `python bench/table.py --history` measures them
and puts them into history.csv; docs/history.py draws them.
"""

import csv
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numba
import numpy as np

import embinit

if TYPE_CHECKING:
    from peers import Row

HISTORY = Path(__file__).with_name("history.csv")
#: What a line begins with; then comes a column for each ratio.
ABOUT = ["version", "date", "machine"]
#: The peer of a kernel, the first of these that it has.
PEERS = ("NumPy", "PCG64")
ELEMENTS = 10**6
FEW = 16
ROUNDS = 7


def record(path: Path, about: Mapping[str, str], ratios: Mapping[str, float]) -> None:
    """Put the line of a version into a table, in place of the one that it has there, if any; others keep theirs."""
    lines = list[dict[str, str]]()
    if path.exists():
        with path.open(encoding="utf-8", newline="") as file:
            lines = list(csv.DictReader(file))
    line = {**about, **{name: f"{each:.3g}" for name, each in ratios.items()}}
    places = [i for i, each in enumerate(lines) if each["version"] == about["version"]] or [len(lines)]
    lines[places[0] : places[0] + 1] = [line]
    columns = [*ABOUT, *dict.fromkeys(name for each in lines for name in each if name not in ABOUT)]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)


def measured() -> dict[str, float]:
    """Return the ratios of this run: of kernels, of a call with few elements, and of whole processes."""
    from peers import rows
    from table import turns

    os.environ["EMBINIT_THREADS"] = "1"
    found = rows()
    ratios = dict(_kernel(row) for row in found)
    uniform, out = found[0], np.ones(FEW, np.float32)
    few = turns({"ours": lambda: uniform.ours(out), "PCG64": lambda: uniform.peers["PCG64"](out)})
    ratios[f"{uniform.name} of {FEW} / PCG64"] = _ratio(few["ours"], few["PCG64"])
    return ratios | _processes()


def _kernel(row: "Row") -> tuple[str, float]:
    """Return the name of a kernel with its peer, and their ratio for many elements."""
    from table import turns

    peer = next(name for name in PEERS if name in row.peers)
    values = np.linspace(-0.9, 0.9, ELEMENTS, dtype=np.float32)
    found = turns({"ours": lambda: row.ours(values), "peer": lambda: row.peers[peer](values)})
    return f"{row.name} / {peer}", _ratio(found["ours"], found["peer"])


def _processes() -> dict[str, float]:
    """Return what processes take in user and system time, as multiples of importing Numba."""
    example = str(Path(__file__).parents[1] / "examples" / "har_classifier.toml")
    with tempfile.TemporaryDirectory() as folder:
        commands = {
            "import numba": ["-c", "import numba"],
            "embinit --help": ["-m", "embinit", "--help"],
            "embinit plan": ["-m", "embinit", "plan", example],
            "embinit export": ["-m", "embinit", "export", example, "-o", f"{folder}/bundle"],
        }
        found = {name: list[float]() for name in commands}
        for turn in range(ROUNDS + 1):
            for name, words in commands.items():
                seconds = _seconds(partial(_run, words))
                if turn:  # the first one fills caches
                    found[name].append(seconds)
    return {
        f"{name} / import numba": _ratio(seconds, found["import numba"])
        for name, seconds in found.items()
        if name != "import numba"
    }


def _ratio(above: list[float], below: list[float]) -> float:
    """Return the ratio of the least times: what else a machine does makes times longer, and none shorter."""
    return min(above) / min(below)


def _run(words: list[str]) -> None:
    subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _seconds(run: Callable[[], None]) -> float:
    """Return what the processes that a call starts take in user and system time."""
    before = os.times()
    run()
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def machine() -> str:
    """Return what there is to say about the machine and its Python."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    versions = f"Python {platform.python_version()}, NumPy {np.__version__}, Numba {numba.__version__}"
    return f"{names[0] if names else platform.processor() or platform.machine()}, {os.cpu_count()} cores, {versions}"


def main() -> None:
    """Measure, and put the line of this version into the table."""
    about = {"version": embinit.__version__, "date": date.today().isoformat(), "machine": machine()}
    ratios = measured()
    record(HISTORY, about, ratios)
    for name, each in ratios.items():
        print(f"{each:8.3g}  {name}")
