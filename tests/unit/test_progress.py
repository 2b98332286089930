"""A line says what takes long, on a terminal alone, and leaves nothing behind."""

import io
import os
import sys
import threading
import time
from types import SimpleNamespace

import pytest

import embinit
from embinit import progress
from embinit.__main__ import main

pty = pytest.importorskip("pty")


@pytest.fixture
def terminal(monkeypatch):
    """Standard error as a terminal of 60 columns; call it for what it showed."""
    import fcntl
    import struct
    import termios

    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
    stream = io.TextIOWrapper(io.FileIO(slave, "w"), encoding="utf-8")
    monkeypatch.setattr(progress, "sys", SimpleNamespace(stderr=stream))
    monkeypatch.setattr(progress, "PATIENCE", 0.02)
    monkeypatch.setattr(progress, "PERIOD", 0.01)

    def shown():
        stream.write("END")
        stream.flush()
        text = ""
        while not text.endswith("END"):
            text += os.read(master, 4096).decode()
        return text.removesuffix("END")

    yield shown
    stream.close()
    os.close(master)


def waiting_for(condition):
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_what_takes_long_is_said_and_the_line_is_removed(terminal):
    with progress.Progress("embinit plan") as line:
        waiting_for(lambda: line._there)
        progress.say("drawing fc.weight")
        line.remove()
        waiting_for(lambda: line._there)
    text = terminal()

    lines = text.split("\r\x1b[K")
    assert lines[0] == lines[-1] == ""
    assert "embinit plan (0 s)" in lines
    assert "embinit plan: drawing fc.weight (0 s)" in lines
    assert not [thread for thread in threading.enumerate() if thread.name == "embinit progress"]


def test_what_is_quick_says_nothing(terminal, monkeypatch):
    monkeypatch.setattr(progress, "PATIENCE", 30.0)
    started = time.monotonic()
    with progress.Progress("embinit plan"):
        progress.say("drawing fc.weight")
        progress.make_room()
    assert time.monotonic() - started < 10
    assert terminal() == ""


def test_a_line_fits_the_terminal(terminal):
    with progress.Progress("x" * 500) as line:
        waiting_for(lambda: line._there)
    assert max(map(len, terminal().split("\r\x1b[K"))) == 59


def test_within_another_the_outer_one_says_it(terminal):
    with progress.Progress("embinit seeds") as outer, progress.Progress("inner") as inner:
        progress.say("5 seeds")
        waiting_for(lambda: outer._there)
        assert not inner._there
    assert "embinit seeds: 5 seeds (0 s)" in terminal()
    progress.say("nobody listens")


def test_an_error_removes_the_line(terminal):
    with pytest.raises(KeyboardInterrupt), progress.Progress("embinit plan") as line:
        waiting_for(lambda: line._there)
        raise KeyboardInterrupt
    assert terminal().endswith("\r\x1b[K")


def test_what_is_no_terminal_shows_nothing(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(progress, "sys", SimpleNamespace(stderr=stream))
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    with progress.Progress("embinit plan"):
        time.sleep(0.05)
    assert stream.getvalue() == ""


def test_the_command_line_shows_it_and_prints_after_it(terminal, monkeypatch, tmp_path):
    text = '[model]\nname = "m"\ndialect = "odt"\nseed = 5\n[[layer]]\nname = "fc"\ntype = "Linear"\n'
    (tmp_path / "m.toml").write_text(f"{text}in_features = 2\nout_features = 2\n")
    monkeypatch.setattr(sys, "stdout", progress.sys.stderr)
    plan = embinit.Model.plan

    def slow(model):
        waiting_for(lambda: progress._shown is not None and progress._shown._there)
        return plan(model)

    monkeypatch.setattr(embinit.Model, "plan", slow)
    assert main(["plan", str(tmp_path / "m.toml")]) == 0
    before, _, after = terminal().rpartition("\r\x1b[K")
    assert "embinit plan (0 s)" in before
    assert "fc.weight" in before + after
    assert before.index("embinit plan (0 s)") < (before + after).index("m: dialect odt")
