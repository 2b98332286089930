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


def lines_of(text):
    """Return the lines that a terminal showed, one after the other, without their times."""
    return [line.rpartition(" (")[0] for line in text.split("\r\x1b[K") if line]


class Slow:
    """Wraps a function so that each call waits until the line has been written again."""

    def __init__(self, function):
        self.function = function

    def __call__(self, *arguments, **named):
        enough = self.written + 2  # one may have been under way already
        waiting_for(lambda: self.written >= enough)
        return self.function(*arguments, **named)

    written = 0


@pytest.fixture
def slow(monkeypatch):
    """Return what makes a function of a module wait for the line."""
    write = progress.Progress._write

    def counting(line, text):
        write(line, text)
        Slow.written += bool(text)

    monkeypatch.setattr(progress.Progress, "_write", counting)
    return lambda module, name: monkeypatch.setattr(module, name, Slow(getattr(module, name)))


def model_file(folder, **layer):
    keys = {"name": '"fc"', "type": '"Linear"', "in_features": 30, "out_features": 10} | layer
    text = "\n".join(f"{key} = {value}" for key, value in keys.items())
    path = folder / "m.toml"
    path.write_text(f'[model]\nname = "m"\ndialect = "odt"\ntarget = "cortex-m4f"\nseed = 5\n[[layer]]\n{text}\n')
    return str(path)


def test_an_export_says_which_buffer_and_which_file_it_is_at(terminal, slow, tmp_path):
    from embinit import export, fill, store

    slow(fill, "draw")
    slow(store, "_held")
    slow(export, "_sum")
    assert main(["export", model_file(tmp_path), "-o", str(tmp_path / "out"), "--format", "bin,npz"]) == 0
    lines = lines_of(terminal())

    assert "embinit export: drawing fc.weight, 1 of 2, 0 % done" in lines
    assert "embinit export: drawing fc.bias, 2 of 2, 96 % done" in lines
    assert "embinit export: storing fc.bias, 2 of 2, 96 % done" in lines
    assert "embinit export: writing m.bin" in lines


def test_a_file_says_how_much_of_it_is_written(terminal, tmp_path):
    with progress.Progress("embinit export") as line, (tmp_path / "m.npz").open("wb") as file:
        progress.written("m.npz", file.fileno())
        waiting_for(lambda: line._there)
        file.write(bytes(2_500_000))
        file.flush()
        line.remove()
        waiting_for(lambda: line._there)
    lines = lines_of(terminal())
    assert "embinit export: writing m.npz" in lines
    assert "embinit export: writing m.npz, 2.5 MB" in lines


def test_a_file_that_was_closed_ends_nothing(terminal, tmp_path):
    with progress.Progress("embinit export") as line:
        with (tmp_path / "m.npz").open("wb") as file:
            progress.written("m.npz", file.fileno())
        waiting_for(lambda: line._there)
        progress.say("then")
        line.remove()
        waiting_for(lambda: line._there)
    assert "embinit export: then" in lines_of(terminal())


def test_shares_are_those_of_the_work_and_parts_count_once(terminal):
    with progress.Progress("embinit plan") as line:
        steps = []
        line.step = steps.append
        told = progress.counted("drawing", {"a": 25, "b": 50, "c": 25})
        for name in ("b", "a", "b", "a", "c"):
            told(name)
    assert steps == [
        "drawing b, 1 of 3, 0 % done", "drawing a, 2 of 3, 50 % done", "drawing c, 3 of 3, 75 % done",
    ]  # fmt: skip
    progress.counted("drawing", {"a": 1})("a")


class Collected:
    """A standard error that is a terminal as far as one can ask it."""

    def isatty(self):
        return True


@pytest.mark.device
@pytest.mark.parametrize("toolchain", ["zig", "gcc"])
def test_a_verification_on_a_device_says_its_stages(toolchain, monkeypatch, tmp_path):
    steps = []
    monkeypatch.setenv("EMBINIT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(progress, "sys", SimpleNamespace(stderr=Collected()))
    monkeypatch.setattr(progress, "PATIENCE", 1000.0)
    monkeypatch.setattr(progress.Progress, "step", lambda _, what: steps.append(what))
    monkeypatch.setattr(progress.Progress, "remove", lambda _: None)
    words = ["verify", model_file(tmp_path), "--device", "cortex-m4f", "--toolchain", toolchain]
    assert main(words) == 0

    shown = [step.partition(",")[0] for step in steps]
    stages = [
        "drawing fc.weight", "drawing fc.bias", "storing fc.weight", "storing fc.bias",
        f"building for cortex-m4f with {toolchain}", "loading it into the emulated cortex-m4f",
        "running it on the emulated cortex-m4f", "reading what it left", "comparing the buffers",
    ]  # fmt: skip
    compiled = [step for step in shown if step.startswith("compiling")]
    assert [step for step in shown if step not in compiled] == stages
    expected = "arm-none-eabi-gcc: embinit_fma.c" if toolchain == "gcc" else "zig cc -mcpu="
    assert any(expected in step for step in compiled), compiled
    steps.clear()
    assert main(words) == 0  # what was built before is not built again
    assert not [step for step in steps if step.startswith("compiling")]
