"""Requests to C code and its answers, words in and words out: on the host under sanitizers, and on emulated cores."""

import subprocess
from pathlib import Path

import numpy as np

from embinit.clib import C_DIRECTORY
from embinit.targets.zig_unicorn import EMULATIONS, Machine, build

from support.compilers import HOST_COMPILERS, compile_program

HARNESSES = Path(__file__).parent / "c"


def sources(harness, units):
    return [HARNESSES / f"{harness}.c", HARNESSES / "respond.c", *(C_DIRECTORY / f"{unit}.c" for unit in units)]


def on_host(harness, units, requests, compiler, flags, folder):
    """The answers to requests, pairs of words to ask and the words expected, of which only the number counts here."""
    options = [*flags, *HOST_COMPILERS[compiler], "-DON_HOST"]
    program = compile_program(compiler, sources(harness, units), folder / harness, *options)
    asked = b"".join(np.array([len(q), len(a), *q], np.uint32).tobytes() for q, a in requests)
    done = subprocess.run([program], input=asked, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    words, ends = np.frombuffer(done.stdout, np.uint32), np.cumsum([len(a) for _, a in requests])
    assert words.size == ends[-1]
    return [part.tolist() for part in np.split(words, ends[:-1])]


def on_core(harness, units, requests, core, folder):
    """The same on an emulated core; an answer that is too long fails."""
    emulation = EMULATIONS[core]
    elf = build(sources(harness, units), emulation, folder / f"{harness}.elf", include=[C_DIRECTORY])
    machine, answers = Machine(elf, emulation), []
    places = [machine.symbol(name)[0] for name in ("request_words", "answer_words")]
    for asked, expected in requests:
        machine.write("request_words", np.array(asked, np.uint32).tobytes())
        machine.write("answer_words", b"\xa5" * 4 * (len(expected) + 1))
        assert machine.call("respond", *places) == len(expected)
        got = np.frombuffer(machine.read("answer_words", 4 * (len(expected) + 1)), np.uint32).tolist()
        assert got.pop() == 0xA5A5A5A5, "wrote beyond the answer"
        answers.append(got)
    return answers


def assert_equal(requests, answers):
    for (asked, expected), got in zip(requests, answers, strict=True):
        assert got == expected, f"request {[hex(word) for word in asked[:26]]}"
