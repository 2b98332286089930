"""Progress: what a command is at, in a line on a terminal, once that takes longer than a moment."""

import sys
from threading import Event, Lock, Thread
from time import monotonic
from types import TracebackType
from typing import Self

#: After how many seconds the line appears, and how often it is written again.
PATIENCE, PERIOD = 1.0, 0.2

_shown: "Progress | None" = None


class Progress:
    """A line on stderr that says what is being done, and for how long; none if stderr is no terminal.

    It is removed for a while by `out_of_the_way`, so that what a command prints stands alone.
    """

    def __init__(self, what: str) -> None:
        self._what, self._since, self._lock, self._ended = what, monotonic(), Lock(), Event()
        self._there = False
        self._thread = Thread(target=self._show, daemon=True) if sys.stderr.isatty() else None

    def __enter__(self) -> Self:
        global _shown
        self._outer, _shown = _shown, self
        if self._thread is not None:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        global _shown
        _shown = self._outer
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def say(self, what: str) -> None:
        """Say what is being done from now on."""
        self._what = what

    def remove(self) -> None:
        """Remove the line until it is written again."""
        with self._lock:
            self._write("")

    def _show(self) -> None:
        wait = PATIENCE
        while not self._ended.wait(wait):
            wait = PERIOD
            with self._lock:
                self._write(f"{self._what} ({monotonic() - self._since:.0f} s)")
        self.remove()

    def _write(self, line: str) -> None:
        if line or self._there:
            try:
                print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)
            except (OSError, ValueError):  # nobody looks
                self._ended.set()
        self._there = bool(line)


def say(what: str) -> None:
    """Say what is being done from now on, to who looks at the command's line, if there is one."""
    if _shown is not None:
        _shown.say(what)


def out_of_the_way() -> None:
    """Remove the command's line, if there is one, before something is printed."""
    if _shown is not None:
        _shown.remove()
