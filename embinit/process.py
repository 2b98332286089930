"""The process of the command line: what signals and broken streams do to it. This module is imported before all others
of the package. A program that only imports embinit keeps its own signals and streams.
"""

import atexit
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from types import FrameType

INTERRUPTED = 130

_STOPS = (signal.SIGINT, signal.SIGTERM)
_received: list[int] = []
_waits = False  # whether a signal has to wait until work that must not be cut short is done


def run(main: Callable[[], int]) -> NoReturn:
    """Run the command line and end the process with its exit status, or with 128 + n if signal n ended it. The process
    ends without Python's own finalization, during which a signal would kill it.
    """
    _open_streams()
    _handle(_raise)
    sys.unraisablehook = _leave_if_ignored
    try:
        status = main()
    except BaseException as error:
        if not _received and not isinstance(error, SystemExit):
            raise
        status = error.code if isinstance(error, SystemExit) and isinstance(error.code, int) else 1
    finally:
        _handle(_leave)
    if _received:
        if status != INTERRUPTED:  # otherwise main has reported it
            print("embinit: interrupted", file=sys.stderr)
        status = 128 + _received[0]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # main has reported it
            stream.flush()
    os._exit(status)


class uninterrupted:  # noqa: N801 (used as a function)
    """Let signals to the command line wait until the block has ended."""

    _wait = True

    def __enter__(self) -> None:
        global _waits
        self._outside, self._before = _waits, len(_received)
        _waits = self._wait

    def __exit__(self, *error: object) -> None:
        global _waits
        _waits = self._outside
        if len(_received) > self._before and not _waits:
            raise KeyboardInterrupt


class interruptible(uninterrupted):  # noqa: N801 (used as a function)
    """Let signals end a block within `uninterrupted`: one that takes long and leaves nothing."""

    _wait = False


def drop_output() -> None:
    """Discard whatever is printed from now on: nobody reads it, or it cannot be written."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)


def _open_streams() -> None:
    """Open all three streams, so that no file opened later takes the place of one, and let printing never fail."""
    for descriptor, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
        if getattr(sys, name) is None:
            setattr(sys, name, open(descriptor, mode, encoding="utf-8", closefd=False))  # noqa: SIM115
        if mode == "w" and hasattr(getattr(sys, name), "reconfigure"):
            getattr(sys, name).reconfigure(errors="backslashreplace")


def _handle(handler: Callable[[int, "FrameType | None"], object]) -> None:
    """Set the handler of the signals that stop a process, except those that its parent made it ignore."""
    for number in _STOPS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, handler)


def _raise(number: int, _frame: "FrameType | None") -> None:
    """Interrupt what is being done, so that it cleans up after itself."""
    _received.append(number)
    if not _waits:
        raise KeyboardInterrupt


def _leave(number: int, _frame: "FrameType | None") -> NoReturn:
    """End the process at once, while there is nothing to clean up."""
    with suppress(OSError):
        os.write(2, b"embinit: interrupted\n")
    os._exit(128 + number)


def _leave_if_ignored(unraisable: "sys.UnraisableHookArgs") -> None:
    """End the process if Python would ignore an interrupt, as in a destructor."""
    if unraisable.exc_type is KeyboardInterrupt:
        _leave(_received[0] if _received else signal.SIGINT, None)
    sys.__unraisablehook__(unraisable)


def _is_command_line() -> bool:
    """Whether this process was started as `embinit` or `python -m embinit`."""
    words = sys.orig_argv
    if "-m" in words[:-1] and words[words.index("-m") + 1] == "embinit":
        return True
    return any(word.rpartition(os.sep)[2] in ("embinit", "embinit.exe") for word in words[:2])


if _is_command_line():
    _handle(_leave)
