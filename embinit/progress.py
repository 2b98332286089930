"""Progress: a line on a terminal that says what a command is doing, once it takes longer than a moment."""

import os
import sys
from collections.abc import Callable, Mapping
from threading import Event, Lock, Thread
from time import monotonic
from types import TracebackType
from typing import Self

#: What is being done: a text, or a function that returns one each time that the line is written.
Step = str | Callable[[], str]

#: After how many seconds the line appears, and after how many it is written again.
PATIENCE, PERIOD = 1.0, 0.2

_shown: "Progress | None" = None


class Progress:
    """A line on stderr that says what is being done, and for how long. There is none if stderr is no terminal, or
    within another Progress, whose line then says it.

    >>> with Progress("embinit plan"):
    ...     say("drawing fc.weight")
    """

    def __init__(self, what: str) -> None:
        self._what, self._since = what, monotonic()
        self._step: Step = ""
        self._lock, self._ended, self._there = Lock(), Event(), False
        self._thread: Thread | None = None

    def __enter__(self) -> Self:
        global _shown
        if _shown is None and sys.stderr.isatty():
            _shown = self
            self._thread = Thread(target=self._show, name="embinit progress", daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        global _shown
        if self._thread is not None:
            _shown = None
            self._ended.set()
            self._thread.join()

    def step(self, what: Step) -> None:
        """Say what is being done from now on."""
        self._step = what

    def remove(self) -> None:
        """Remove the line until it is written again."""
        with self._lock:
            self._write("")

    def _show(self) -> None:
        wait = PATIENCE
        while not self._ended.wait(wait):
            wait = PERIOD
            given = self._step
            step = given if isinstance(given, str) else given()
            with self._lock:
                self._write(f"{self._what}{step and f': {step}'} ({monotonic() - self._since:.0f} s)")
        self.remove()

    def _write(self, line: str) -> None:
        if line or self._there:
            try:
                width = os.get_terminal_size(sys.stderr.fileno()).columns or 80
                print(f"\r\x1b[K{line[: width - 1]}", end="", file=sys.stderr, flush=True)
            except (OSError, ValueError):  # nobody is looking any more
                self._ended.set()
        self._there = bool(line)


def say(step: Step) -> None:
    """Say what is being done from now on, if a line is shown. If it is a function, the thread that shows the line calls
    it each time.
    """
    if _shown is not None:
        _shown.step(step)


def counted(what: str, works: Mapping[str, int]) -> Callable[[str], None]:
    """Return a function to be called with the name of each part before it is worked on: it shows the part, and how much
    of all work has been done. works: the work of each part, in any unit.

    >>> told = counted("drawing", {"fc.weight": 90, "fc.bias": 10})
    >>> told("fc.bias")  # shows "drawing fc.bias, 1 of 2, 0 % done"
    """
    if _shown is None:
        return lambda _: None
    seen, done, total = set[str](), 0, max(1, sum(works.values()))

    def told(name: str) -> None:
        nonlocal done
        if name not in seen:
            seen.add(name)
            say(f"{what} {name}, {len(seen)} of {len(works)}, {100 * done // total} % done")
            done += works[name]

    return told


def written(name: str, descriptor: int) -> None:
    """Say that a file is being written, and its size so far, which is read from its descriptor."""

    def so_far() -> str:
        try:
            size = os.fstat(descriptor).st_size
        except OSError:
            return f"writing {name}"
        return f"writing {name}, {size / 1e6:.1f} MB" if size else f"writing {name}"

    say(so_far)


def make_room() -> None:
    """Remove the line, if one is shown, so that something else can be printed."""
    if _shown is not None:
        _shown.remove()
