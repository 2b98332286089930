"""Two bundles of one model, and how processes write them."""

import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import embinit
from embinit import files
from embinit.export import export, render

LAYERS = [embinit.Linear(name="fc", in_features=30, out_features=20)]
PLANS = {seed: embinit.Model("m", LAYERS, seed=seed).plan() for seed in (1, 2)}
WHOLE = {seed: render(plan) for seed, plan in PLANS.items()}

#: The audit events of what changes a directory.
_CHANGES = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "shutil.copystat", "open")


def exported(seed: int, bundle: Path, exchange: bool) -> None:
    """Export the model with a seed. exchange: whether the system may exchange directories."""
    if not exchange:
        files._exchanged = lambda new, directory: False
    export(PLANS[seed], bundle)


def killed_at(step: int, folder: Path, work: Callable[..., Any], *arguments: Any) -> None:
    """Call a function, and be killed right before a step of it that changes something in a folder; the first is 1."""
    left = step

    def count(event: str, details: tuple[Any, ...]) -> None:
        nonlocal left
        if event in _CHANGES and (event != "open" or str(details[0]).startswith(str(folder))):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    work(*arguments)


def exported_until(enough: Path, bundle: Path, exchange: bool) -> None:
    """Export with one seed and then the other, with pauses of many lengths, until there is a file."""
    pause = random.Random(1)
    while not enough.exists():
        for seed in PLANS:
            exported(seed, bundle, exchange)
            time.sleep(pause.uniform(0, 0.02))


def killed_at_exchange(after: bool, seed: int, bundle: Path) -> None:
    """Export, and be killed right before or right after directories are exchanged."""
    exchanged = files._exchanged

    def killed(new: Path, directory: Path) -> bool:
        if not after or exchanged(new, directory):
            os.kill(os.getpid(), signal.SIGKILL)
        return False

    files._exchanged = killed
    export(PLANS[seed], bundle)


def killed_at_move(after: int, model: Path, bundle: Path) -> None:
    """Export file by file, and be killed after some moves into the bundle and out of it."""
    left, rename = after, Path.rename

    def counted(path: Path, target: Path) -> Path:
        nonlocal left
        left -= "bundle" in str(target) or "old" in str(target)
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return rename(path, target)

    files._exchanged = lambda new, directory: False
    Path.rename = counted
    export(embinit.load(model).plan(), bundle)
