"""The file in which a sweep keeps what it has found, so that it can be interrupted and go on."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from time import monotonic
from typing import Any

from embinit import __version__
from embinit.errors import EmbinitError
from embinit.files import write_file
from embinit.many.findings import Findings
from embinit.many.seeds import Seeds
from embinit.model import Description
from embinit.modelwriter import text_of
from embinit.plan import Plan
from embinit.spec import SPEC_VERSION

#: How many seconds pass between two writings at least, and how many times as long as a writing took.
PERIOD, SHARE = 10.0, 20


class Kept:
    """A file of what a sweep has found: which seeds are done, and their report so far."""

    def __init__(self, path: Path, plan: Plan, seeds: Sequence[int]) -> None:
        self._path, self._plan = path, plan
        self._head = {
            "embinit": __version__,
            "spec": SPEC_VERSION,
            "model": plan.model.name,
            "sha256": sha256(text_of(_without_seed(plan.model, seeds)).encode()).hexdigest(),
            "seeds": list(map(list, _ranges(seeds))),
        }
        self._next = monotonic() + PERIOD

    def read(self) -> Findings:
        """Return what the file holds, or empty findings if there is no file; raise EmbinitError if it is another
        sweep's.
        """
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return Findings(self._plan)
        except OSError as error:
            raise EmbinitError(f"{self._path}: cannot be read: {error.strerror}") from None
        try:
            before = json.loads(content)
            self._check(before["sweep"])
            return Findings.of(self._plan, before["found"])
        except EmbinitError:
            raise
        except (ValueError, KeyError, TypeError, AttributeError):
            raise self._refusal("it does not hold what a sweep has found") from None

    def _check(self, head: dict[str, Any]) -> None:
        """Raise EmbinitError if another sweep has written the file."""
        own = self._head
        for what, name in (("embinit", "version of embinit"), ("spec", "version of the specification")):
            if head[what] != own[what]:
                raise self._refusal(f"it was begun with {name} {head[what]}, and this is {own[what]}")
        if head["model"] != own["model"]:
            raise self._refusal(f"it is of model {head['model']}, and this is {own['model']}")
        if head["sha256"] != own["sha256"]:
            raise self._refusal(f"model {own['model']} has changed since it was begun")
        if head["seeds"] != own["seeds"]:
            raise self._refusal(f"it is of seeds {_said(head['seeds'])}, and these are {_said(own['seeds'])}")

    def write(self, found: Findings) -> None:
        """Write what has been found, whole or not at all."""
        start = monotonic()
        content = json.dumps({"sweep": self._head, "found": found.as_json()}, separators=(",", ":"))
        write_file(self._path, content.encode())
        self._next = monotonic() + max(PERIOD, SHARE * (monotonic() - start))

    def write_now_and_then(self, found: Findings) -> None:
        """Write what has been found if the last writing was long ago."""
        if monotonic() >= self._next:
            self.write(found)

    def _refusal(self, why: str) -> EmbinitError:
        return EmbinitError(f"{self._path}: {why}; remove the file to start again, or name another one")


def _without_seed(model: Description, seeds: Sequence[int]) -> Description:
    """Return a model with the first of the seeds in place of its own, which is not used."""
    return replace(model, seed=seeds[0])


def _ranges(seeds: Sequence[int]) -> list[tuple[int, int]]:
    """Return the first and the last seed of each run of seeds that follow each other."""
    if isinstance(seeds, Seeds):
        return [pair for part in seeds.parts for pair in _ranges(part)]
    if isinstance(seeds, range) and seeds.step == 1:
        return [(seeds[0], seeds[-1])] if seeds else []
    place: Callable[[tuple[int, int]], int] = lambda pair: pair[1] - pair[0]  # noqa: E731
    runs = [[seed for _, seed in run] for _, run in groupby(enumerate(seeds), place)]
    return [(run[0], run[-1]) for run in runs]


def _said(ranges: Any) -> str:
    """Return ranges of seeds as --seeds takes them, the first few of many."""
    parts = [str(first) if first == last else f"{first}-{last}" for first, last in ranges[:4]]
    return ",".join(parts) + (",..." if len(ranges) > 4 else "")
