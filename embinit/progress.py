"""Progress: what a command is at, in a line on a terminal, once it takes longer than a moment."""

import os
import sys
from threading import Event, Lock, Thread
from time import monotonic
from types import TracebackType
from typing import Self

#: After how many seconds the line appears, and after how many it is written again.
PATIENCE, PERIOD = 1.0, 0.2

_shown: "Progress | None" = None


class Progress:
    """A line on stderr that says what is being done, and for how long; none if stderr is no terminal, or within another
    Progress, whose line says it.

    >>> with Progress("embinit plan"):
    ...     say("drawing fc.weight")
    """

    def __init__(self, what: str) -> None:
        self._what, self._step, self._since = what, "", monotonic()
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

    def step(self, what: str) -> None:
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
            step = f": {self._step}" if self._step else ""
            with self._lock:
                self._write(f"{self._what}{step} ({monotonic() - self._since:.0f} s)")
        self.remove()

    def _write(self, line: str) -> None:
        if line or self._there:
            try:
                width = os.get_terminal_size(sys.stderr.fileno()).columns or 80
                print(f"\r\x1b[K{line[: width - 1]}", end="", file=sys.stderr, flush=True)
            except (OSError, ValueError):  # nobody is looking any more
                self._ended.set()
        self._there = bool(line)


def say(step: str) -> None:
    """Say what is being done from now on, where a line is shown."""
    if _shown is not None:
        _shown.step(step)


def make_room() -> None:
    """Remove the line, where one is shown, before something is printed."""
    if _shown is not None:
        _shown.remove()
