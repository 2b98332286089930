"""The command line, run as its user runs it: exit status, one line for an error, machine-readable output."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import embinit
from embinit.__main__ import main
from embinit.clib import C_DIRECTORY, SELFTEST
from embinit.plan import Plan

from support.cli import assert_refused, run
from support.model_files import BAD, GOOD

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "m.toml"
    path.write_text(GOOD)
    return path


@pytest.mark.parametrize("what", ["unknown type", "huge", "large seed", "not TOML", "empty", "code in a name"])
@pytest.mark.parametrize("command", ["plan", "export", "verify"])
def test_a_bad_model_is_refused_and_nothing_is_written(what, command, tmp_path):
    text = BAD["overflowing memory" if what == "huge" else what][0]
    (tmp_path / "bad.toml").write_text(text)
    more = {"plan": [], "export": ["-o", tmp_path / "out"], "verify": ["--dump", "/dev/null"]}[command]

    assert_refused(run(command, tmp_path / "bad.toml", *more), "bad.toml")
    assert [path.name for path in tmp_path.iterdir()] == ["bad.toml"]


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        ([], ["COMMAND"]),
        (["exprot"], ["exprot", "export"]),
        (["plan"], ["MODEL"]),
        (["plan", "absent.toml"], ["absent.toml", "cannot be read"]),
        (["plan", EXAMPLES], ["cannot be read"]),
        (["plan", EXAMPLES / "starter.toml", "--seed", "x"], ["--seed", "x"]),
        (["plan", EXAMPLES / "starter.toml", "--seed", "-1"], ["seed", "-1"]),
        (["plan", EXAMPLES / "starter.toml", "--target", "m4"], ["m4", "cortex-m4f"]),
        (["plan", EXAMPLES / "starter.toml", "--memory-limit", "1000"], ["memory_limit = 1000"]),
        (["export", EXAMPLES / "starter.toml"], ["-o"]),
        (["export", EXAMPLES / "starter.toml", "-o", "x", "--format", "npz,elf"], ["elf", "npz, h, bin"]),
        (["export", EXAMPLES / "starter.toml", "-o", "/proc/nowhere/x"], ["/proc/nowhere/x", "cannot be written"]),
        (["verify", EXAMPLES / "starter.toml"], ["--device", "--dump"]),
        (["verify", EXAMPLES / "starter.toml", "--dump", "absent.bin"], ["absent.bin", "cannot be read"]),
        (["verify", EXAMPLES / "starter.toml", "--dump", "/dev/null"], ["1808 bytes", "got 0"]),
        (["verify", EXAMPLES / "starter.toml", "--device", "host"], ["host", "cortex-m0"]),
        (["verify", EXAMPLES / "starter.toml", "--device", "m9"], ["m9", "cortex-m0"]),
        (["c"], ["--includes"]),
        (["c", "-o", "/proc/nowhere/x"], ["cannot be written"]),
    ],
)
def test_a_bad_command_line_is_refused(words, parts, tmp_path):
    assert_refused(run(*words, cwd=tmp_path), *parts)
    assert list(tmp_path.iterdir()) == []


def test_plan_prints_the_plan(model):
    done = run("plan", model)

    assert done.returncode == 0
    assert done.stdout == f"{embinit.load(model).plan()}\n"


def test_plan_as_json(model):
    plan = json.loads(run("plan", model, "--json", "--seed", "9").stdout)

    assert plan["model"]["seed"] == 9
    assert plan["buffers"][0]["shape"] == [3, 7]
    assert plan["buffers"][1]["first_draw"] == 21


def test_export_and_check(model, tmp_path):
    out = tmp_path / "out"
    assert run("export", model, "-o", out).returncode == 0
    assert run("export", model, "-o", out, "--check").returncode == 0
    assert run("export", model, "-o", out, "--check", "--seed", "6").returncode == 1
    blob = bytearray((out / "m.bin").read_bytes())
    blob[3] ^= 1
    (out / "m.bin").write_bytes(blob)

    done = run("export", model, "-o", out, "--check")
    assert (done.returncode, done.stdout) == (1, "m.bin: differs\n")
    done = run("export", model, "-o", out, "--check", "--json")
    assert json.loads(done.stdout)["differences"] == ["m.bin: differs"]
    assert run("export", model, "-o", tmp_path / "absent", "--check").returncode == 1
    assert not (tmp_path / "absent").exists()


def test_export_says_what_it_wrote(model, tmp_path):
    files = json.loads(run("export", model, "-o", tmp_path / "out", "--json").stdout)["files"]

    assert files == {path.name: path.stat().st_size for path in (tmp_path / "out").iterdir()}


def test_verify_a_dump(model, tmp_path):
    out = tmp_path / "out"
    run("export", model, "-o", out)
    done = run("verify", model, "--dump", out / "m.bin")
    assert done.returncode == 0
    assert "bit for bit: 24 of 24" in done.stdout

    words = np.fromfile(out / "m.bin", "<u4")
    words[8] += 1
    (tmp_path / "wrong.bin").write_bytes(words.tobytes())
    done = run("verify", model, "--dump", tmp_path / "wrong.bin")
    assert done.returncode == 1
    assert f"[1][1] expected 0x{words[8] - 1:08x}" in done.stdout
    assert "23 of 24" in done.stdout
    report = json.loads(run("verify", model, "--dump", tmp_path / "wrong.bin", "--json").stdout)
    assert report["buffers"][0]["first_mismatch"] == {
        "index": 8, "coordinates": [1, 1], "expected": f"0x{words[8] - 1:08x}", "actual": f"0x{words[8]:08x}",
    }  # fmt: skip

    (tmp_path / "short.bin").write_bytes(words.tobytes()[:-1])
    assert_refused(run("verify", model, "--dump", tmp_path / "short.bin"), "96 bytes", "got 95")


@pytest.mark.device
def test_verify_on_a_device(model):
    done = run("verify", model, "--device")
    assert done.returncode == 0
    assert "the emulated cortex-m4f (multiply-add fused) agrees" in done.stdout
    assert json.loads(run("verify", model, "--device", "cortex-m0", "--json").stdout)["agrees"] is True


def test_verify_without_the_wheels_says_what_to_install(model):
    hidden = (
        "import sys; sys.modules['ziglang'] = None; from embinit.__main__ import main; sys.exit(main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", hidden, "verify", model, "--device"], capture_output=True, text=True, check=False
    )

    assert_refused(done, "pip install 'embinit[device]'")


def test_c_copies_and_says_how_to_compile(tmp_path):
    assert run("c", "-o", tmp_path / "vendor").returncode == 0
    copied = [path for place in ("", "selftest") for path in (tmp_path / "vendor" / place).glob("*.[ch]")]
    for path in copied:
        assert path.read_bytes() == (C_DIRECTORY / path.name).read_bytes()
    assert {path.name for path in copied} == {path.name for path in C_DIRECTORY.glob("*.[ch]")}
    assert {path.name for path in copied if path.parent.name == "selftest"} == {path.name for path in SELFTEST}
    assert run("c", "--includes").stdout == f"{C_DIRECTORY}\n"
    assert f"{C_DIRECTORY / 'embinit_model.c'}\n" in run("c", "--sources").stdout
    assert f"-I{C_DIRECTORY}" in run("c", "--cflags").stdout


def test_what_is_copied_compiles_as_it_lies(tmp_path):
    """As build systems do that take every file of a folder; without the C library's mathematics."""
    assert run("c", "-o", tmp_path).returncode == 0
    (tmp_path / "main.c").write_text("int main(void) { return 0; }")
    compiler = "gcc" if shutil.which("gcc") else f"{sys.executable} -m ziglang cc"
    subprocess.run([*compiler.split(), *tmp_path.glob("*.c"), "-o", tmp_path / "all"], check=True)


def test_what_cannot_be_printed_is_one_line():
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "embinit", "plan", EXAMPLES / "starter.toml"],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip

    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "cannot be written" in done.stderr


def test_an_interrupt_is_one_line(monkeypatch, capsys):
    def interrupted(plan):
        raise KeyboardInterrupt

    monkeypatch.setattr(Plan, "as_json", interrupted)

    assert main(["plan", str(EXAMPLES / "starter.toml")]) == 130
    assert capsys.readouterr().err == "embinit: interrupted\n"


def test_a_seed_may_be_hexadecimal():
    words = ("plan", EXAMPLES / "starter.toml", "--json", "--seed")
    assert json.loads(run(*words, "0x2B").stdout) == json.loads(run(*words, "43").stdout)


def test_a_format_has_numbers_of_its_own():
    found = json.loads(run("formats", "q3.5", "--json").stdout)
    assert {key: found[key] for key in ("name", "bits", "qmin", "qmax")} == {
        "name": "q3.5", "bits": 8, "qmin": -128, "qmax": 127,
    }  # fmt: skip


def test_another_core_and_another_target_are_refused():
    assert_refused(
        run("verify", EXAMPLES / "starter.toml", "--device", "cortex-m0", "--target", "cortex-m7"), "--target"
    )
    assert_refused(run("verify", EXAMPLES / "starter.toml", "--device", "cortexm4"), "did you mean cortex-m4?")


@pytest.mark.parametrize(("command", "name"), [("targets", "cortex-m4f"), ("dialects", "odt"), ("formats", "float32")])
def test_lists(command, name):
    assert name in run(command).stdout
    assert name in [row["name"] for row in json.loads(run(command, "--json").stdout)]


@pytest.mark.parametrize("words", [["--help"], ["plan", EXAMPLES / "starter.toml"], ["targets"]])
def test_what_draws_nothing_does_not_import_numba(words):
    script = (
        "import sys\nfrom embinit.__main__ import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit:\n    pass\nassert 'numba' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", script, *map(str, words)], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


def test_a_closed_pipe_is_no_error(model):
    done = subprocess.run(
        f"{sys.executable} -m embinit plan {model} | true", shell=True, capture_output=True, text=True, check=False
    )

    assert done.stderr == ""
