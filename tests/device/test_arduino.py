"""Arduino's own builder with the library and the sketches of the documentation, and what they print in simavr."""

import re
import shutil
import subprocess
from pathlib import Path
from threading import Timer

import pytest

from embinit.targets import simavr

from support import cli
from support.pages import DOCS, steps

HARDWARE, BUILDER = Path("/usr/share/arduino/hardware"), Path("/usr/share/arduino-builder")
pytestmark = pytest.mark.skipif(
    not (shutil.which("arduino-builder") and (HARDWARE / "arduino" / "avr").is_dir() and simavr.is_installed()),
    reason="needs arduino-builder, arduino-core-avr, avr-gcc and simavr",
)
PAGE = steps((DOCS / "how-to" / "use-your-build-system.md").read_text())
SHOWN = {step.title: step.text for step in PAGE if step.words is None}


def printed(sketch, folder, board, mcu, *preferences):
    """Return what a sketch prints, built for a board with the libraries of a folder; the library gets no warning."""
    build = folder / "build"
    build.mkdir()
    command = [
        "arduino-builder", "-compile", "-hardware", HARDWARE, "-hardware", BUILDER, "-tools", "/usr/bin",
        "-libraries", folder / "libraries", "-fqbn", board, "-build-path", build, "-warnings", "all",
        "-prefs=runtime.tools.avr-gcc.path=/usr",
        "-prefs=compiler.cpp.extra_flags=-DDECIMAL_DIG=9",  # the core takes it from C++ 11, which avr-gcc 5 lacks
        *preferences, sketch,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert not re.search(r"(libraries|sketch)/.*warning:", done.stderr), done.stderr
    command = ["simavr", "-m", mcu, "-f", "16000000", build / f"{sketch.name}.elf"]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    limit = Timer(60, running.kill)
    limit.start()
    lines = []
    for line in running.stdout:
        lines.append(re.sub(r"\x1b\[\d*m", "", line).strip().rstrip("."))
        if re.match(r"PASS|FAIL", lines[-1]):
            break
    limit.cancel()
    running.kill()
    running.wait()
    running.stdout.close()
    return lines


@pytest.fixture
def sketchbook(tmp_path):
    (tmp_path / "libraries").mkdir()
    cli.run("c", "-o", "libraries/embinit", cwd=tmp_path)
    return tmp_path


def test_the_known_answers(sketchbook):
    sketch = sketchbook / "libraries" / "embinit" / "examples" / "KnownAnswers" / "KnownAnswers.ino"
    lines = printed(sketch, sketchbook, "arduino:avr:mega:cpu=atmega2560", "atmega2560")
    assert lines[-1] == "PASS"
    assert sum(line.startswith("ok ") for line in lines) > 10


@pytest.mark.parametrize("flags", ["", "-DEMBINIT_GOLDEN_PROGMEM"])
def test_a_model_beside_its_sketch(flags, sketchbook):
    (sketchbook / "tiny.toml").write_text(SHOWN["tiny.toml"])
    words = ("--target", "avr", "--format", "c,h-source,plain", "-o", "tiny")
    assert cli.run("export", "tiny.toml", *words, cwd=sketchbook).returncode == 0
    (sketchbook / "tiny" / "tiny.ino").write_text(SHOWN["tiny.ino"])
    more = f"-prefs=compiler.c.extra_flags={flags}"
    lines = printed(sketchbook / "tiny" / "tiny.ino", sketchbook, "arduino:avr:uno", "atmega328p", more)
    assert lines[-1] == "PASS tiny: 2 buffers"
