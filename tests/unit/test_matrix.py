"""The matrix: init programs with known faults, each named by its cause, and code of embinit's own that has none."""

import json
import re

import pytest

import embinit
from embinit import Linear, Model
from embinit.errors import EmbinitError
from embinit.export import render
from embinit.matrix import builds, matrix
from embinit.matrix.builds import Build
from embinit.matrix.changes import CAUSES, causes
from embinit.matrix.widths import INTEGERS, of_one_width, of_widths
from embinit.pages.matrix import page
from embinit.targets.device_error import DeviceError
from embinit.targets.gcc_qemu import is_installed
from embinit.targets.host_gcc import has_fma

from support import cli

DRAW = """
static uint32_t state;
static float unit(void)
{
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return ((float)(state >> 8) + 1.0f) * (1.0f / 16777216.0f);
}
"""
#: Faults of init code: what stands before the function, its body, and the sets of flags that show the fault on a PC.
FAULTS = {
    "contraction": (DRAW, "state = seed; for (; i < 24; i++) w[i] = -0.3f + unit() * 0.7f;", ["-O2 -march=x86-64-v3"]),
    "fast math": (DRAW, "state = seed; for (; i < 24; i++) w[i] = unit() / 3.7f + 1e8f - 1e8f;", ["-O2 -ffast-math"]),
    "uninitialized variable": (
        "",
        "volatile float x[2]; if (seed == 0) x[1] = 1; for (; i < 24; i++) w[i] = x[1];",
        ["-O0 -ftrivial-auto-var-init=pattern"],
    ),
    "signed overflow": ("", "int x = (int)seed; for (; i < 24; i++) w[i] = x + 2147483600 + i > x;", ["-O2"]),
    "aliasing": (
        "__attribute__((noinline)) static float both(uint32_t *bits, float *x)\n"
        "{ *x = 1; *bits = 0x40490fdb; return *x; }",
        "for (; i < 24; i++) w[i] = both((uint32_t *)(void *)&w[i], &w[i]);",
        ["-O2"],
    ),
    "char": ("", "char c = (char)seed; for (; i < 24; i++) w[i] = c;", ["-O0 -funsigned-char"]),
}
#: Faults that only another C library or another width of long shows.
ON_CORES = {
    "libm": (f"#include <math.h>\n{DRAW}", "state = seed; for (; i < 24; i++) w[i] = logf(unit());"),
    "rand": ("#include <stdlib.h>", "srand(seed); for (; i < 24; i++) w[i] = (float)rand() / (float)RAND_MAX;"),
    "int width": (
        "",
        "unsigned long x = seed; for (; i < 24; i++) { x ^= x << 13; x ^= x >> 17; w[i] = (float)(x & 255); }",
    ),
}


@pytest.fixture
def plan():
    return Model("m", [Linear(name="fc", in_features=6, out_features=4, bias=False)], seed=200).plan()


def written(folder, head, body, entry="go"):
    source = folder / "init.c"
    function = f"void {entry}(const m_buffers *buffers, uint32_t seed)"
    start = "float *w = buffers->fc_weight; int i = 0;"
    source.write_text(f'#include "m_init.h"\n{head}\n{function}\n{{\n    {start}\n    {body}\n}}\n')
    return source


@pytest.mark.parametrize("fault", FAULTS)
def test_names_the_fault(fault, plan, tmp_path):
    head, body, flags = FAULTS[fault]
    if fault == "contraction" and not has_fma():
        pytest.skip("this machine has no FMA")
    chosen = builds(["host"], ["gcc"], ["-O0", *flags])
    found = matrix(plan, [written(tmp_path, head, body)], "go", chosen)
    assert [group.builds for group in found.groups] == [(each,) for each in chosen]
    assert found.groups[1].difference.why == fault
    assert not found.agrees


@pytest.mark.device
@pytest.mark.skipif(not is_installed(), reason="needs arm-none-eabi-gcc and QEMU")
@pytest.mark.parametrize("fault", ON_CORES)
def test_names_the_fault_of_a_core(fault, plan, tmp_path):
    found = matrix(plan, [written(tmp_path, *ON_CORES[fault])], "go", builds(["host", "cortex-m3"], ["gcc"], ["-O1"]))
    assert found.groups[1].difference.why == fault


def test_what_agrees_is_one_row_of_green(plan, tmp_path):
    source = written(tmp_path, DRAW, "state = seed; for (; i < 24; i++) w[i] = unit();")
    done = cli.run(
        "matrix", source, "--entry", "go", "m.toml", *OPTIONS, "--report", "page.html", cwd=model_in(tmp_path)
    )
    assert done.returncode == 0
    assert done.stdout.splitlines()[1].split() == ["host", "gcc", "A", "A"]
    assert done.stdout.splitlines()[-1] == "go: all 2 builds leave the same bits"
    assert (tmp_path / "page.html").read_text().count('<b class="same">A</b>') == 2


OPTIONS = ["--targets", "host", "--compilers", "gcc", "--flags", "-O1", "--flags", "-O2"]


def test_a_model_file_needs_no_dialect(tmp_path):
    source = written(tmp_path, DRAW, "state = seed; for (; i < 24; i++) w[i] = unit();")
    text = (model_in(tmp_path) / "m.toml").read_text()
    (tmp_path / "m.toml").write_text(text.replace('dialect = "odt"\n', ""))
    assert cli.run("matrix", source, "--entry", "go", "m.toml", *OPTIONS, cwd=tmp_path).returncode == 0


def model_in(folder, dialect="odt"):
    layer = '[[layer]]\nname = "fc"\ntype = "Linear"\nin_features = 6\nout_features = 4\nbias = false\n'
    (folder / "m.toml").write_text(f'[model]\nname = "m"\ndialect = "{dialect}"\nseed = 200\n\n{layer}')
    return folder


@pytest.mark.skipif(not has_fma(), reason="this machine has no FMA")
def test_the_portable_dialect_is_one_row_of_green(tmp_path):
    model = embinit.load(model_in(tmp_path, "portable") / "m.toml")
    for name, content in render(model.plan(), ["c"]).items():
        (tmp_path / name).write_bytes(content)
    chosen = builds(["host"], ["gcc"], ["-O1", "-O1 -ffast-math -march=x86-64-v3"])
    found = matrix(model.plan(), [tmp_path / "m_init.c"], "m_init", chosen)
    assert found.rows[1:] == [("host", "gcc", "A", "A")]


@pytest.mark.device
def test_the_library_on_a_core_has_the_bits_of_the_host(tmp_path):
    model = embinit.load(model_in(tmp_path, "portable") / "m.toml")
    for name, content in render(model.plan(), ["c"]).items():
        (tmp_path / name).write_bytes(content)
    chosen = [Build("host", "gcc", ("-O1",)), Build("cortex-m4f", "zig", ("-Os",))]
    found = matrix(model.plan(), [tmp_path / "m_init.c"], "m_init", chosen)
    assert found.agrees, str(found)
    (group,) = found.groups
    assert group.builds == tuple(chosen)


def test_a_build_that_leaves_nothing_says_why(plan, tmp_path):
    body = "#ifdef __OPTIMIZE__\n*(volatile int *)4 = 1;\n#endif\nw[i] = 1;"
    found = matrix(plan, [written(tmp_path, "", f"\n{body}")], "go", builds(["host"], ["gcc"], ["-O0", "-O1"]))
    assert [(str(build), why) for build, why in found.failed] == [("host gcc -O1", "was ended by SIGSEGV")]
    assert not found.agrees
    assert found.as_json()["failed"][0]["why"] == "was ended by SIGSEGV"
    assert 'class="failed"' in page(found).decode()
    assert found.verdict == "go: 1 of 2 builds leave none"


def test_a_write_outside_of_a_buffer_names_it(plan, tmp_path):
    source = written(tmp_path, "", "for (; i < 24; i++) w[i] = 1; w[24] = 1;")
    with pytest.raises(DeviceError, match=r"writes outside of fc\.weight, which has 96 bytes, at byte 96"):
        matrix(plan, [source], "go", builds(["host"], ["gcc"], ["-O1"]))


def test_several_files_and_flags(plan, tmp_path):
    (tmp_path / "include").mkdir()
    (tmp_path / "include" / "value.h").write_text("float value(void);\n")
    (tmp_path / "value.c").write_text('#include "value.h"\nfloat value(void)\n{\n    return VALUE;\n}\n')
    source = written(tmp_path, '#include "value.h"', "for (; i < 24; i++) w[i] = value();")
    done = cli.run(
        "matrix", source, "--entry", "go", "m.toml", *OPTIONS, "--source", tmp_path / "value.c", "--json",
        "--cflags", f"-I{tmp_path}/include -DVALUE=2.5f", cwd=model_in(tmp_path),
    )  # fmt: skip
    found = json.loads(done.stdout)
    assert found["agrees"]
    assert [b["flags"] for b in found["groups"][0]["builds"]] == [["-O1"], ["-O2"]]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--targets", "cortex-m99"], "target"),
        (["--compilers", "tcc"], "compiler"),
        (["--flags", "'-O2"], "--flags must be flags as in a shell"),
        (["--entry", "no-name"], "--entry must be a C identifier"),
    ],
)
def test_refused(options, said, tmp_path):
    source = written(tmp_path, "", "w[i] = 1;")
    done = cli.run("matrix", source, "--entry", "go", "m.toml", *OPTIONS, *options, cwd=model_in(tmp_path))
    cli.assert_refused(done, said)


def test_another_signature_is_refused(plan, tmp_path):
    (tmp_path / "init.c").write_text("void go(float *weight)\n{\n    weight[0] = 1;\n}\n")
    with pytest.raises(DeviceError, match="the entry must be: void go"):
        matrix(plan, [tmp_path / "init.c"], "go", builds(["host"], ["gcc"], ["-O1"]))
    for name in ("init.cpp", "none.c"):
        with pytest.raises(EmbinitError, match=re.escape(name)):
            matrix(plan, [tmp_path / name], "go")


def test_two_faults_are_both_named():
    needed = {"contraction", "char", "aliasing"}
    one, other = Build("host", "gcc", ("-O0",)), Build("host", "gcc", ("-O2", "-funsigned-char"))
    tried = []

    def equal(change):
        tried.append(change)
        flags = {flag for cause in CAUSES if cause.name in needed for flag in cause.change.flags}
        return flags <= set(change.flags)

    assert {cause.name for cause in causes(one, other, equal)} == needed
    assert causes(one, other, lambda change: False) == ()
    assert causes(one, other, lambda change: None) == ()

    def unknown_to_one(change):
        return None if "-ftrivial-auto-var-init=zero" in change.flags else equal(change)

    assert {cause.name for cause in causes(one, other, unknown_to_one)} == needed
    assert not any("integers" in change.widths for change in tried)  # both run here, where long has 64 bits


@pytest.mark.parametrize(
    ("target", "compiler", "flags", "may"),
    [
        ("host", "gcc", ["-O2", "-march=x86-64-v3"], False),
        ("host", "gcc", ["-O0", "-fno-short-enums"], True),
        ("host", "gcc", ["-O0", "-m96bit-long-double"], True),
        ("host", "clang", ["-O0"], True),
        ("cortex-m3", "gcc", ["-O0"], True),
    ],
)
def test_types_are_made_the_same_where_they_may_differ(target, compiler, flags, may):
    tried = []
    causes(Build("host", "gcc", ("-O0",)), Build(target, compiler, tuple(flags)), tried.append)
    assert any("-fsigned-char" in change.flags for change in tried) == may
    assert any("-fno-short-enums" in change.flags for change in tried) == may
    assert any("long doubles" in change.widths for change in tried) == may


@pytest.mark.parametrize(
    ("text", "narrow"),
    [
        ("unsigned long int x;", "unsigned int x;"),
        ("long x, *y;", "int x, *y;"),
        ("long unsigned x;", "unsigned int x;"),
        ("unsigned long long x; long long y; long double z;", "unsigned long long x; long long y; long double z;"),
        ("x = 1ul + 0xfful + 2l + 3LU + 4ull + 5u;", "x = 1u + 0xffu + 2 + 3U + 4ull + 5u;"),
        ("y = 1.0L + 1e3L + a1L;", "y = 1.0L + 1e3L + a1L;"),
        (
            "s = \"long\"; /* long */ c = 'l'; // long\nuint_fast16_t n;",
            "s = \"long\"; /* long */ c = 'l'; // long\nunsigned int n;",
        ),
        ("sizeof(size_t) + my_size_t", "sizeof(unsigned int) + my_size_t"),
    ],
)
def test_integers_of_32_bits(text, narrow):
    assert of_one_width(text, [INTEGERS]) == narrow


def test_own_headers_are_narrowed_too(tmp_path):
    (tmp_path / "own.h").write_text('#pragma once\n#include "own.h"\nlong x;\n')
    (tmp_path / "a.c").write_text('#include "own.h"\n#include <stdint.h>\n#include "m_init.h"\nlong y;\n')
    (tmp_path / "out").mkdir()
    copy = of_widths(tmp_path / "a.c", tmp_path / "out", [INTEGERS]).read_text()
    assert copy == f'#include "{tmp_path}/out/narrow1.h"\n#include <stdint.h>\n#include "m_init.h"\nint y;\n'
    assert "int x;" in (tmp_path / "out" / "narrow1.h").read_text()
