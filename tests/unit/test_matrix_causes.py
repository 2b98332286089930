"""Faults that no flag makes equal: what a sanitizer sees, what does not repeat, and what buffers held before."""

import json
import shutil

import pytest

from embinit import Linear, Model
from embinit.matrix import builds, matrix
from embinit.matrix.widths import DOUBLES, INTEGERS, LONG_DOUBLES, of_one_width
from embinit.pages.matrix import page
from embinit.targets import simavr
from embinit.targets.boards import BOARDS

from support import cli
from support.cores import left_out

pytestmark = pytest.mark.skipif(not shutil.which("gcc"), reason="needs gcc")
#: Faults, and the flags of two builds on this machine that show them.
FAULTS = {
    "undefined behaviour": ("uint32_t places = 32; w[i] = (float)(seed >> places);", ["-O0", "-O2"]),
    "not repeatable": ("w[i] = (float)((uintptr_t)w >> 4 & 0xffffff);", ["-O0", "-O1"]),
    "uninitialized heap": (
        "char *p = malloc(256); memset(p, PATTERN, 256); free(p); w[i] = ((float *)malloc(256))[i + 20];",
        ["-O0 -DPATTERN=1", "-O0 -DPATTERN=2"],
    ),
    "enum size": ("enum small { ONE, TWO }; w[i] = (float)sizeof(enum small);", ["-O0", "-O0 -fshort-enums"]),
    "long double": (
        "long double x = 1.0L + (long double)i; w[i] = (float)(x / 3.0L * 7.0L - 2.3333333333333333L * x);",
        ["-O0", "-O0 -mlong-double-64"],
    ),
    "time of building": (
        "w[i] = (float)__TIME__[7];",
        [f"-O0 -Wno-builtin-macro-redefined -D__TIME__='\"11:59:0{second}\"'" for second in (1, 2)],
    ),
    "unknown": ("w[i] = WHAT;", ["-O0 -DWHAT=1", "-O0 -DWHAT=2"]),
}

TOLD = {
    "undefined behaviour": "init.c:10: shift exponent 32 is too large for 32-bit type",
    "unknown": "the order in which operands and arguments are evaluated is the compiler's choice",
}


@pytest.fixture
def plan():
    return Model("m", [Linear(name="fc", in_features=6, out_features=4, bias=False)], seed=200).plan()


def written(folder, body, head=""):
    """Write init code with a loop over all weights, and return its path."""
    source = folder / "init.c"
    source.write_text(
        f'#include "m_init.h"\n#include <stdlib.h>\n#include <string.h>\n{head}\n'
        "void go(const m_buffers *buffers, uint32_t seed)\n"
        "{\n    float *w = buffers->fc_weight;\n    (void)seed;\n"
        f"    for (int i = 0; i < 24; i++) {{\n{body}\n    }}\n}}\n"
    )
    return source


@pytest.mark.parametrize("fault", FAULTS)
def test_names_the_fault(fault, plan, tmp_path):
    body, flags = FAULTS[fault]
    found = matrix(plan, [written(tmp_path, body)], "go", builds(["host"], ["gcc"], flags))
    assert len(found.groups) == 2
    assert found.groups[1].difference.why == fault
    assert TOLD.get(fault, "") in str(found)


@pytest.mark.skipif(not shutil.which("clang"), reason="needs clang")
def test_clang_of_any_version_writes_to_a_variable_that_was_not(plan, tmp_path):
    source = written(tmp_path, "volatile float x[2]; if (i < 0) x[1] = 1; w[i] = x[1];")
    found = matrix(plan, [source], "go", builds(["host"], ["clang"], ["-O0", "-O0 -ftrivial-auto-var-init=pattern"]))
    assert found.groups[1].difference.why == "uninitialized variable"


def test_what_does_not_repeat_is_a_note(plan, tmp_path):
    body, _ = FAULTS["not repeatable"]
    found = matrix(plan, [written(tmp_path, body)], "go", builds(["host"], ["gcc"], ["-O0"]))
    assert found.notes == (
        "host gcc -O0: the same build leaves other bits when it runs again: they depend on an address, the time, or "
        "memory never written",
    )


@pytest.mark.parametrize(("seed", "noted"), [("__DATE__", True), ("__TIMESTAMP__", True), ('"__TIME__"', False)])
def test_what_depends_on_the_time_of_building_is_a_note(seed, noted, plan, tmp_path):
    source = written(tmp_path, f"w[i] = (float){seed}[i % 8];")
    found = matrix(plan, [source], "go", builds(["host"], ["gcc"], ["-O0"]))
    assert [note[:40] for note in found.notes] == noted * ["host gcc -O0: __TIME__, __DATE__ or __TI"]


@pytest.mark.parametrize(("body", "noted"), [("w[i] += 1.0f;", True), ("w[i] = 1.0f;", False)])
def test_what_buffers_held_before_makes_no_difference(body, noted, plan, tmp_path):
    found = matrix(plan, [written(tmp_path, body)], "go", builds(["host"], ["gcc"], ["-O0", "-O2"]))
    assert found.agrees
    assert [note.partition("; ")[0] for note in found.notes] == noted * [
        "host gcc -O0: what it leaves depends on what the buffers held before: write each element before it is read"
    ]
    assert (b"what the buffers held before" in page(found)) == noted
    assert found.as_json()["notes"] == list(found.notes)


def test_the_command_prints_notes(tmp_path):
    layer = '[[layer]]\nname = "fc"\ntype = "Linear"\nin_features = 6\nout_features = 4\nbias = false\n'
    (tmp_path / "m.toml").write_text(f'[model]\nname = "m"\nseed = 200\n\n{layer}')
    source = written(tmp_path, "w[i] += 1.0f;")
    words = ("--targets", "host", "--compilers", "gcc", "--flags", "-O0")
    done = cli.run("matrix", source, "--entry", "go", "m.toml", *words, cwd=tmp_path)
    assert done.returncode == 0
    assert "\nhost gcc -O0: what it leaves depends on what the buffers held before" in done.stdout
    done = cli.run("matrix", source, "--entry", "go", "m.toml", *words, "--json", cwd=tmp_path)
    assert len(json.loads(done.stdout)["notes"]) == 1


COMPARE = """
static int compare(const void *a, const void *b)
{
    return (int)(*(const uint32_t *)a & 3) - (int)(*(const uint32_t *)b & 3);
}
"""
SORT = """
        uint32_t keys[24];
        for (uint32_t k = 0; k < 24; k++) keys[k] = k * 2654435761u;
        qsort(keys, 24, sizeof keys[0], compare);
        w[i] = (float)(keys[i] >> 8);
"""


@pytest.mark.device
@pytest.mark.parametrize("core", [pytest.param("cortex-m3", marks=left_out(BOARDS["cortex-m3"]))])
def test_the_order_of_equal_elements(core, plan, tmp_path):
    found = matrix(plan, [written(tmp_path, SORT, COMPARE)], "go", builds(["host", core], ["gcc"], ["-O1"]))
    assert found.groups[1].difference.why == "sort"


def test_long_doubles_become_doubles():
    text = "long double x = 1.5L + 2e3L * .5L; long y = 1L; double long z; float f = 1.0f; /* long double */"
    as_doubles = "double x = 1.5 + 2e3 * .5; long y = 1L; double z; float f = 1.0f; /* long double */"
    as_floats = "float x = 1.5f + 2e3f * .5f; long y = 1L; float z; float f = 1.0f; /* long double */"
    assert of_one_width(text, [LONG_DOUBLES]) == as_doubles
    assert of_one_width(text, [DOUBLES]) == as_floats
    assert of_one_width("long x = 1L; long double y = 1.5L;", [INTEGERS]) == "int x = 1; long double y = 1.5L;"


def test_an_int_of_16_bits_becomes_one_of_32():
    text = (
        "int x = 1 << 20; unsigned y = 0xffu; short z; size_t n[24]; long q = 1L; long long r; float f = 1.0f + 1e3f;"
    )
    wide = (
        "long x = 1L << 20L; unsigned long y = 0xffuL; short z; unsigned long n[24L]; long q = 1L; long long r; "
        "float f = 1.0f + 1e3f;"
    )
    assert of_one_width(text, [INTEGERS], int_bits=16) == wide


ON_AVR = {
    "int width": "int x = (int)seed + i; x = x * 1021; w[i] = (float)(x & 0xffff) + (float)(x >> 16);",
    "double size": "double x = 1.0 + 0.1 * (double)i; w[i] = (float)(x * x - 1.21);",
}


@pytest.mark.device
@pytest.mark.skipif(not simavr.is_installed(), reason="needs avr-gcc and simavr")
@pytest.mark.parametrize("fault", ON_AVR)
def test_the_types_of_an_avr(fault, plan, tmp_path):
    found = matrix(plan, [written(tmp_path, ON_AVR[fault])], "go", builds(["host", "avr"], ["gcc"], ["-O1"]))
    assert found.groups[1].difference.why == fault
