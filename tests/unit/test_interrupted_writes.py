"""A signal at every line of a write: the files are there whole or as they were, and nothing lies beside them."""

import subprocess
import sys

import pytest

WRITE = '''
import os, signal, sys
from pathlib import Path
from embinit import files, process

folder, case = Path(sys.argv[1]), sys.argv[2]
target = folder / "out"


def content(text):
    return lambda: [(name, lambda file: file.write(text)) for name in ("a", "b", "seal")]


def prepare():
    if case == "file":
        target.write_bytes(b"old")
    elif case != "new":
        files.write_files(target, content(b"old"))
    if case == "beside a foreign file":
        (target / "foreign").write_bytes(b"kept")


def write():
    if case == "file":
        files.write_file(target, b"new")
    else:
        files.write_files(target, content(b"new"), seal="seal")


def found():
    if target.is_dir():
        return {path.name: path.read_bytes() for path in target.iterdir()}
    return target.read_bytes() if target.exists() else None


def remove():
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()


def at_line(number):
    """Write with a signal at the line of that number; return whether there was such a line, and so a signal."""
    left = number

    def trace(frame, event, argument):
        nonlocal left
        if "embinit" not in frame.f_code.co_filename and "contextlib" not in frame.f_code.co_filename:
            return None
        left -= event == "line"
        if left == 0 and event == "line":
            os.kill(os.getpid(), signal.SIGINT)
        return trace

    sys.settrace(trace)
    try:
        write()
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(None)
    return left <= 0


signal.signal(signal.SIGINT, process._raise)
prepare()
before = found()
write()
after = found()
outcomes, number = set(), 0
while True:
    remove()
    prepare()
    number += 1
    if not at_line(number):
        break
    assert not process._waits, number
    process._received.clear()
    assert [path.name for path in folder.iterdir() if path != target] == [], number
    assert found() in (before, after), (number, found())
    outcomes.add(found() == after)
print(number, outcomes)
assert number > 20
assert outcomes == {True, False}
'''


@pytest.mark.parametrize("case", ["file", "new", "exchanged", "beside a foreign file"])
def test_a_signal_at_any_line_leaves_all_or_nothing(case, tmp_path):
    command = [sys.executable, "-c", WRITE, str(tmp_path), case]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
