"""Generated tests as parts of one image: two bundles, each framework, each form of golden vectors; and Rust."""

import importlib.util
import itertools
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from embinit import Linear, Model
from embinit.clib import C_DIRECTORY
from embinit.errors import EmbinitError
from embinit.export import DEFAULT, FILES, export, names, render

from support import cli

HARNESS = Path(__file__).parents[1] / "support" / "c"
STRICT = ["-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Wmissing-prototypes", "-Wstrict-prototypes", "-Werror"]
TESTS = ["unity", "ztest", "gtest", "cpputest", "plain"]
FORMS = ["h", "h-source", "h-incbin"]
NAMES = ("one", "two")

#: What a user writes for two bundles: buffers that hold the golden vectors, and of the second one that do not if
#: WRONG is defined.
UNDER_TEST = """
#include <stdint.h>
#include <string.h>
#include "expected_one.h"
#include "expected_two.h"
#include "test_one.h"
#include "test_two.h"
static float first[24];
static int8_t second[24];
static float scale[4];
const one_buffers *one_under_test(void)
{
    static const one_buffers all = {first};
    memcpy(first, expected_one_fc_weight, sizeof first);
    return &all;
}
const two_buffers *two_under_test(void)
{
    static const two_buffers all = {second, scale};
    memcpy(second, expected_two_fc_weight, sizeof second);
    memcpy(scale, expected_two_fc_weight_scale, sizeof scale);
#ifdef WRONG
    second[7] ^= 1;
#endif
    return &all;
}
"""
MAIN = """
#include <stdio.h>
#include <string.h>
#include "test_one.h"
#include "test_two.h"
#include "unity.h"
uint32_t unity_runs, unity_failures;
void unity_assert(int equal) { unity_failures += !equal; }
void unity_run(void (*test)(void), const char *name) { unity_runs++; printf("%s\\n", name); test(); }
int unity_equal(const void *a, const void *b, uint32_t bytes) { return memcmp(a, b, bytes) == 0; }
int main(void)
{
    UNITY_BEGIN();
    one_run_tests();
    two_run_tests();
    printf("%u tests, %u failures\\n", unity_runs, unity_failures);
    return one_compare(one_under_test(), putchar) + two_compare(two_under_test(), putchar) + UNITY_END();
}
"""
ZTEST = """
#include <stddef.h>
#include <stdio.h>
#define ZTEST(suite, test)                                                       \\
    static void suite##_##test(void);                                            \\
    __attribute__((constructor)) static void suite##_##test##_run(void)          \\
    {                                                                            \\
        puts(#suite "." #test);                                                  \\
        suite##_##test();                                                        \\
    }                                                                            \\
    static void suite##_##test(void)
#define ZTEST_SUITE(suite, predicate, setup, before, after, teardown) extern int suite##_is_a_suite
#define zassert_equal(a, b, ...) ((a) == (b) ? 0 : (printf(__VA_ARGS__), putchar(10)))
"""


def plan_of(name):
    layer = Linear(
        name="fc", in_features=6, out_features=4, bias=False, weight_format="int8" if name == "two" else "float32"
    )
    return Model(name, [layer], seed=7).plan()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with both bundles in each form of golden vectors, and what a user writes."""
    folder = tmp_path_factory.mktemp("image")
    for form, name in itertools.product([*FORMS, "h-embed"], NAMES):
        export(plan_of(name), folder / form / name, [form, "c", *TESTS, "rs"])
    (folder / "under_test.c").write_text(UNDER_TEST)
    (folder / "main.c").write_text(MAIN)
    (folder / "zephyr").mkdir()
    (folder / "zephyr" / "ztest.h").write_text(ZTEST)
    return folder


def include(folder, form):
    return [f"-I{each}" for each in (folder, HARNESS, C_DIRECTORY, *(folder / form / name for name in NAMES))]


def sources(folder, form, *endings):
    found = [folder / "under_test.c"]
    for name in NAMES:
        bundle = folder / form / name
        found += [*sorted(bundle.glob("expected_*.[cS]")), *(bundle / f"test_{name}_{ending}" for ending in endings)]
    return found


def built_and_run(command, folder):
    program = folder / "program"
    done = subprocess.run([*command, "-o", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return subprocess.run([program], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("form", FORMS)
def test_two_bundles_link_into_one_image(form, folder, tmp_path):
    parts = [*sources(folder, form, "unity.c", "plain.c"), folder / "main.c"]
    strict = [flag for flag in STRICT if form == "h" or flag != "-Wconversion"]
    for wrong in ([], ["-DWRONG"]):
        done = built_and_run(["gcc", *strict, *wrong, *include(folder, form), *parts], tmp_path)
        lines = done.stdout.splitlines()
        assert lines[:3] == ["test_one_fc_weight", "test_two_fc_weight", "test_two_fc_weight_scale"]
        assert lines[3] == f"3 tests, {len(wrong)} failures"
        assert (done.returncode, "PASS two: 2 buffers" in lines) == (2 * len(wrong), not wrong)
        assert ("FAIL two: fc_weight[7]" in done.stdout) == bool(wrong)


def test_zephyr_runs_a_suite_of_each_model(folder, tmp_path):
    (tmp_path / "main.c").write_text("int main(void)\n{\n    return 0;\n}\n")
    parts = [*sources(folder, "h", "ztest.c"), tmp_path / "main.c"]
    done = built_and_run(["gcc", *STRICT, "-DWRONG", *include(folder, "h"), *parts], tmp_path)
    assert sorted(done.stdout.splitlines()) == sorted([
        "one.test_fc_weight", "two.test_fc_weight", "two.test_fc_weight_scale",
        "fc.weight: the first mismatch is in element 7",
    ])  # fmt: skip


def has_header(name):
    return any((Path(place) / name).is_file() for place in ("/usr/include", "/usr/local/include"))


@pytest.mark.parametrize(
    ("framework", "header", "libraries", "main"),
    [
        ("gtest", "gtest/gtest.h", ["-lgtest", "-lgtest_main", "-lpthread"], ""),
        (
            "cpputest",
            "CppUTest/CommandLineTestRunner.h",
            ["-lCppUTest"],
            "int main(int n, char **words) { return CommandLineTestRunner::RunAllTests(n, words); }",
        ),
    ],
    ids=["gtest", "cpputest"],
)
def test_cpp_frameworks(framework, header, libraries, main, folder, tmp_path):
    if not has_header(header):
        pytest.skip(f"needs {header}")
    first, *parts = sources(folder, "h-incbin", f"{framework}.cpp")
    if main:  # gtest has one in a library
        (tmp_path / "main.cpp").write_text(f"#include <{header}>\n{main}\n")
        parts.append(tmp_path / "main.cpp")
    subprocess.run(["gcc", "-DWRONG", *include(folder, "h-incbin"), "-c", first, "-o", tmp_path / "u.o"], check=True)
    command = ["g++", "-O0", *include(folder, "h-incbin"), *parts, tmp_path / "u.o", *libraries]
    done = built_and_run(command, tmp_path)
    assert done.returncode == 1
    told = {
        "gtest": ["[  PASSED  ] 2 tests.", "fc.weight, element 7"],
        "cpputest": ["TEST(two, fc_weight)", "3 ran"],
    }
    assert all(text in done.stdout for text in told[framework])


def section_of(path, symbol):
    with path.open("rb") as file:
        elf = ELFFile(file)
        (found,) = elf.get_section_by_name(".symtab").get_symbol_by_name(symbol)
        section = elf.get_section(found["st_shndx"])
        return section.name, section["sh_addralign"], section.data()[found["st_value"] :][: found["st_size"]]


def test_a_macro_places_the_arrays(folder, tmp_path):
    golden = render(plan_of("one"), ["bin"])["one.bin"]
    place = '__attribute__((section(".golden"), aligned(64)))'
    for form, flags in (
        ("h-source", [f"-DEMBINIT_GOLDEN={place}"]),
        ("h-incbin", ["-DEMBINIT_GOLDEN_SECTION=.golden", "-DEMBINIT_GOLDEN_ALIGN=64"]),
    ):
        (source,) = (folder / form / "one").glob("expected_one.[cS]")
        subprocess.run(["gcc", *flags, *include(folder, form), "-c", source, "-o", tmp_path / "o"], check=True)
        assert section_of(tmp_path / "o", "expected_one_fc_weight") == (".golden", 64, golden)


@pytest.mark.device
@pytest.mark.skipif(not shutil.which("avr-gcc"), reason="needs avr-gcc")
def test_avr_keeps_them_in_flash(folder, tmp_path):
    flags = ["-mmcu=atmega2560", "-Os", "-DEMBINIT_GOLDEN_PROGMEM", *STRICT, *include(folder, "h-source")]
    one = folder / "h-source" / "one"
    subprocess.run(["avr-gcc", *flags, "-c", one / "expected_one.c", "-o", tmp_path / "o"], check=True)
    assert section_of(tmp_path / "o", "expected_one_fc_weight")[0].startswith(".progmem")
    subprocess.run(["avr-gcc", *flags, "-S", one / "test_one_plain.c", "-o", tmp_path / "s"], check=True)
    assert "lpm" in (tmp_path / "s").read_text()


@pytest.mark.skipif(importlib.util.find_spec("ziglang") is None, reason="needs zig")
def test_embed_has_the_same_bytes(folder, tmp_path):
    source = folder / "h-embed" / "one" / "expected_one.c"
    command = [sys.executable, "-m", "ziglang", "cc", "-target", "x86_64-linux-gnu", "-c", source, "-o", tmp_path / "o"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert section_of(tmp_path / "o", "golden_one_fc_weight")[2] == render(plan_of("one"), ["bin"])["one.bin"]


RUST_MAIN = """
#[path = "expected_two.rs"]
mod expected_two;
use expected_two::{compare, crc32, expected, Buffers, Mismatch};
fn main() {
    let mut weight: Vec<i8> = expected::fc_weight.iter().map(|x| *x as i8).collect();
    let scale: Vec<f32> = expected::fc_weight_scale.iter().map(|x| f32::from_bits(*x)).collect();
    assert_eq!(compare(&Buffers { fc_weight: &weight, fc_weight_scale: &scale }), Ok(()));
    assert_eq!(crc32::fc_weight, @crc32@);
    let expected = u64::from(expected::fc_weight[7]);
    weight[7] ^= 1;
    let mismatch = Mismatch { buffer: "fc.weight", index: 7, expected, actual: expected ^ 1 };
    assert_eq!(compare(&Buffers { fc_weight: &weight, fc_weight_scale: &scale }), Err(mismatch));
    let mismatch = Mismatch { buffer: "fc.weight", index: 5, expected: 24, actual: 5 };
    assert_eq!(compare(&Buffers { fc_weight: &weight[..5], fc_weight_scale: &scale }), Err(mismatch));
}
"""


@pytest.mark.skipif(not shutil.which("rustc"), reason="needs rustc")
def test_rust_compares_with_core_alone(folder, tmp_path):
    for name in NAMES:
        shutil.copy(folder / "h" / name / f"expected_{name}.rs", tmp_path)
    (tmp_path / "lib.rs").write_text("#![no_std]\npub mod expected_one;\npub mod expected_two;\n")
    (tmp_path / "main.rs").write_text(RUST_MAIN.replace("@crc32@", f"{crc32_of('two'):#x}"))
    rustc = ["rustc", "--edition", "2021", "-D", "warnings", "--out-dir", tmp_path]
    subprocess.run([*rustc, "--crate-type", "lib", "--emit", "metadata", tmp_path / "lib.rs"], check=True)
    subprocess.run([*rustc, "-A", "dead_code", tmp_path / "main.rs"], check=True)

    assert subprocess.run([tmp_path / "main"], check=False).returncode == 0


def crc32_of(name):
    import zlib

    return zlib.crc32(render(plan_of(name), ["bin"])[f"{name}.bin"])


def test_list_prints_the_files_that_export_writes(tmp_path):
    layer = '[[layer]]\nname = "fc"\ntype = "Linear"\nin_features = 2\nout_features = 2\n'
    (tmp_path / "m.toml").write_text(f'[model]\nname = "m"\ndialect = "portable"\nseed = 1\n\n{layer}')
    for options in ([], ["--format", "h-incbin,unity,plain,rs"], ["--format", "npz"]):
        listed = cli.run("export", "m.toml", "--list", "-o", "out", *options, cwd=tmp_path).stdout.splitlines()
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
        cli.run("export", "m.toml", "-o", "out", *options, cwd=tmp_path)
        assert sorted(listed) == sorted(f"out/{path.name}" for path in (tmp_path / "out").iterdir())
    cli.assert_refused(cli.run("export", "m.toml", cwd=tmp_path), "export needs -o DIR")


def test_one_form_of_golden_vectors_only(folder, tmp_path):
    with pytest.raises(EmbinitError, match="formats must have one of h, h-source, h-incbin, h-embed"):
        export(plan_of("one"), tmp_path, ["h", "h-incbin"])
    assert set(DEFAULT) < set(FILES)
    assert names(plan_of("one"))[0] == "one.npz"
