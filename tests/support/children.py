"""Processes that start from a small one: a fork of pytest's own copies the page tables of all that tests imported."""

import os
import sys
from collections.abc import Callable
from functools import cache
from multiprocessing import forkserver, get_context
from typing import Any

import pytest


def start(work: Callable[..., Any], *arguments: Any) -> Any:
    """Start a child that calls a function of a module that it can import, and return its process."""
    process = _context().Process(target=work, args=arguments)
    process.start()
    return process


def status(process: Any) -> int:
    """Return a child's exit status once it has ended, negative where a signal ended it."""
    process.join()
    return int(process.exitcode)


@cache
def _context() -> Any:
    """Return what starts children, from a process that has exported once and so loaded what that needs."""
    context = get_context("forkserver")
    context.set_forkserver_preload(["support.exports"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(map(os.path.abspath, sys.path)))
        forkserver.ensure_running()
    return context
