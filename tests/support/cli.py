"""The command line, run as its user runs it."""

import subprocess
import sys


def run(*words, **options):
    command = [sys.executable, "-m", "embinit", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def assert_refused(done, *parts):
    """Exit 2, nothing on standard output, and one line on standard error that has all parts."""
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "Traceback" not in done.stderr
    for part in parts:
        assert part in done.stderr
