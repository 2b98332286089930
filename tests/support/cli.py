"""The command line, as its user runs it, but in this process; tests/unit/test_process.py has what a process adds."""

import contextlib
import io
import subprocess
from pathlib import Path

from embinit.__main__ import main


def run(*words, cwd=None):
    """Return what a command prints and its exit status; an exception that it lets through fails the test."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    with contextlib.chdir(cwd or Path.cwd()), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = main([*map(str, words)])
        except SystemExit as ended:  # argparse's
            status = ended.code or 0
    said = (stream.buffer.getvalue().decode() for stream in (out, err))
    return subprocess.CompletedProcess(words, status, *said)


def assert_refused(done, *parts):
    """Exit 2, nothing on standard output, and one line on standard error that has all parts."""
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "Traceback" not in done.stderr
    for part in parts:
        assert part in done.stderr
