"""The command line as a process: signals, closed streams, encodings; one line, and the right exit status."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from embinit import __main__
from embinit.commands import plan

from support import cli

EXAMPLE = Path(__file__).parents[2] / "examples" / "har_classifier.toml"
COMMAND = [sys.executable, "-m", "embinit"]


def run(*words, shell=None, **variables):
    """Run the command line, or a shell in which $EMBINIT is it; return status, stdout and stderr."""
    environment = {**os.environ, "EMBINIT": " ".join(COMMAND), "MODEL": str(EXAMPLE), **variables}
    command = [*COMMAND, *map(str, words)] if shell is None else ["bash", "-c", f"set -o pipefail; {shell}"]
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    return done.returncode, done.stdout, done.stderr.decode(errors="backslashreplace")


@pytest.fixture(autouse=True)
def _signals_are_heard():
    """A process inherits that a signal is ignored, as after nohup."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def at_import(module, does, folder):
    """Return the path of modules with which a command does something as it begins to import a module."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(
        "import os, pathlib, sys\n"
        "class Finder:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == {module!r} and 'embinit.process' in sys.modules:\n"
        f"            {does}\n"
        "sys.meta_path.insert(0, Finder())\n"
    )
    return os.pathsep.join([str(folder), str(Path(__main__.__file__).parent.parent)])


@pytest.mark.parametrize(
    ("number", "module"),
    [
        (signal.SIGTERM, "numpy"),
        *((signal.SIGINT, name) for name in ("numpy", "embinit.layers", "numba", "embinit.bundle")),
    ],
)
def test_a_signal_during_imports_is_one_line(number, module, tmp_path):
    """The signal arrives when a module begins to be imported."""
    path = at_import(module, f"os.kill(os.getpid(), {number:d})", tmp_path / "site")
    command = ("seeds", "--seeds", "0-9") if module == "numba" else ("export", "-o", tmp_path / "out")
    status, out, err = run(*command, EXAMPLE, PYTHONPATH=path)
    assert (status, out, err) == (128 + number, b"", "embinit: interrupted\n")
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif("coverage" in sys.modules, reason="while coverage starts, embinit has no handler yet")
def test_a_signal_at_any_time_is_one_line_and_leaves_nothing(tmp_path):
    """From the first import on: before, Python itself has no handler of embinit's."""
    begun, folder = tmp_path / "begun", tmp_path / "written"
    folder.mkdir()
    path = at_import("numpy", f"pathlib.Path({str(begun)!r}).touch()", tmp_path / "site")
    run("export", EXAMPLE, "-o", folder / "out", PYTHONPATH=path)
    duration = time.time() - begun.stat().st_mtime
    for i, number in enumerate([signal.SIGINT, signal.SIGTERM, signal.SIGINT, signal.SIGTERM]):
        begun.unlink()
        process = subprocess.Popen(
            [*COMMAND, "export", EXAMPLE, "-o", folder / "out"], env=os.environ | {"PYTHONPATH": path},
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        while not begun.exists():
            assert process.poll() is None
            time.sleep(0.001)
        time.sleep(duration * 0.25 * i)
        process.send_signal(number)
        _, err = process.communicate()
        assert (process.returncode, err) in ((128 + number, "embinit: interrupted\n"), (0, ""))
    assert [path.name for path in folder.iterdir()] == ["out"]


@pytest.mark.parametrize("swallows", ["raise ImportError", "pass"])
def test_an_interrupt_that_a_library_swallows_counts(swallows):
    """NumPy turns one during its import into an ImportError; Python ignores one in a destructor."""
    script = (
        "import os, signal, sys\n"
        "from embinit import __main__, process\nfrom embinit.commands import targets\n"
        "def work(options):\n"
        "    try:\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "    except KeyboardInterrupt:\n"
        f"        {swallows}\n"
        "    return 0\n"
        "targets.run = work\n"
        "sys.argv = ['embinit', 'targets']\n"
        "process.run(__main__.main)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "embinit: interrupted\n")


def test_an_interrupt_in_a_destructor_counts():
    script = (
        "import os, signal, sys\n"
        "from embinit import __main__, process\nfrom embinit.commands import targets\n"
        "class Late:\n"
        "    def __del__(self):\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "def work(options):\n"
        "    Late()\n"
        "    return 0\n"
        "targets.run = work\n"
        "sys.argv = ['embinit', 'targets']\n"
        "process.run(__main__.main)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "embinit: interrupted\n")


def test_a_program_that_imports_embinit_keeps_its_signals():
    script = "import signal, embinit; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout == b"True\n"


def test_a_signal_that_is_ignored_stays_ignored():
    """As Ctrl-C is for what a shell runs in the background, and for what nohup and the like protect."""
    status, _, err = run(
        shell="trap '' INT TERM; $EMBINIT seeds $MODEL --seeds 0-999 & sleep 0.2; kill -INT $!; wait $!"
    )
    assert (status, err) == (0, "")


@pytest.mark.parametrize(
    "variables", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}]
)
def test_what_an_encoding_cannot_print_is_escaped(variables, tmp_path):
    folder = tmp_path / "Gerät"
    status, out, err = run("export", EXAMPLE, "-o", folder, **variables)
    assert (status, err) == (0, "")
    assert b"Ger\\xe4t" in out or b"Ger\\udcc3\\udca4t" in out
    assert len(list(folder.iterdir())) == 8

    status, _, err = run("plan", tmp_path / "Gerät.toml", **variables)
    assert status == 2
    assert err.count("\n") == 1
    assert "cannot be read" in err


@pytest.mark.parametrize("words", [["plan", "a\nb\x1b[31m.toml"], ["plan", "x.toml", "--a\nb"], ["pl\r\nan"]])
def test_what_a_user_types_does_not_break_the_line(words):
    status, _, err = run(*words)
    assert status == 2
    assert err.count("\n") == 1
    assert "\x1b" not in err
    assert "\r" not in err


def test_names_that_are_no_utf8_are_names(tmp_path):
    odd = os.fsdecode(b"o\xff")
    model = tmp_path / f"{odd}.toml"
    model.write_bytes(EXAMPLE.read_bytes())
    assert run("plan", model)[0] == 0
    assert run("export", model, "-o", tmp_path / odd)[0] == 0
    dump = tmp_path / odd / "har_classifier.bin"
    dump.rename(tmp_path / f"{odd}.bin")
    status, out, err = run("verify", model, "--dump", tmp_path / f"{odd}.bin", "--report", tmp_path / f"{odd}.html")
    assert (status, err) == (0, "")
    assert rb"o\udcff.bin" in out
    assert "agrees" in (tmp_path / f"{odd}.html").read_text(encoding="utf-8")


def test_a_reader_that_goes_away_changes_no_status(tmp_path):
    (tmp_path / "d.bin").write_bytes(bytes(40856))
    assert cli.run("verify", EXAMPLE, "--dump", tmp_path / "d.bin").returncode == 1
    status, _, err = run(shell=f"cd {tmp_path}; $EMBINIT verify $MODEL --dump d.bin | true")
    assert (status, err) == (1, "")
    for words in ("plan $MODEL --json", "--help", "--version"):
        assert run(shell=f"$EMBINIT {words} | true")[::2] == (0, "")


def test_a_reader_of_errors_that_goes_away_changes_no_status(tmp_path):
    text = EXAMPLE.read_text().replace(
        "kernel_size = 7", 'kernel_size = 7\nweight_format = "q1.7"\nweight_init = "ones"'
    )
    (tmp_path / "notes.toml").write_text(text)
    for words, expected in (("plan absent.toml", 2), ("plan --seed x $MODEL", 2), ("export notes.toml -o out", 0)):
        assert run(shell=f"cd {tmp_path}; $EMBINIT {words} 2>&1 | true")[0] == expected
    assert len(list((tmp_path / "out").iterdir())) == 8


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_error_and_no_file_takes_their_place(closed, tmp_path):
    status, _, err = run(shell=f"$EMBINIT export $MODEL -o {tmp_path / 'out'} {closed}")
    assert (status, err) == (0, "")
    assert cli.run("export", EXAMPLE, "-o", tmp_path / "out", "--check").returncode == 0
    status, out, err = run(shell=f"$EMBINIT plan {tmp_path / 'absent.toml'} {closed}")
    assert (status, out) == (2, b"")
    assert err.count("\n") == ("2>" not in closed)


def test_a_full_device_is_one_line(tmp_path):
    for words in ("plan $MODEL", "plan $MODEL --json", "c --sources"):
        status, _, err = run(shell=f"$EMBINIT {words} > /dev/full")
        assert (status, err.count("\n")) == (2, 1)
        assert "No space left on device" in err


@pytest.mark.parametrize(
    ("error", "part"),
    [
        (MemoryError("Unable to allocate 9 GiB"), "take a smaller model (Unable to allocate 9 GiB)"),
        (MemoryError(), "take a smaller model\n"),
        (OSError(11, "Resource temporarily unavailable"), "Resource temporarily unavailable"),
    ],
)
def test_what_the_system_refuses_is_one_line(error, part, monkeypatch, capsys):
    def refused(options):
        raise error

    monkeypatch.setattr(plan, "run", refused)
    assert __main__.main(["plan", str(EXAMPLE)]) == 2
    err = capsys.readouterr().err
    assert part in err
    assert err.count("\n") == 1


def test_a_report_goes_to_a_pipe_and_not_into_a_directory(tmp_path):
    cli.run("export", EXAMPLE, "-o", tmp_path / "out")
    dump = tmp_path / "out" / "har_classifier.bin"
    cli.assert_refused(cli.run("verify", EXAMPLE, "--dump", dump, "--report", tmp_path), "Is a directory")
    status, out, _ = run(shell=f"$EMBINIT verify $MODEL --dump {dump} --report /dev/stderr 2>&1 >/dev/null")
    assert status == 0
    assert out.startswith(b"<!DOCTYPE html>")
