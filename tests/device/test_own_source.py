"""The real compiler and newlib on emulated boards: init code of the user's own."""

import os

import pytest

import embinit
from embinit import device
from embinit.__main__ import main
from embinit.bundle import gather
from embinit.targets.gcc_qemu import BOARDS
from embinit.verify import verify

from support.boards import EXAMPLES, agrees, har_classifier, needs_tools
from support.cores import EVERY_BOARD, with_libcs

#: As a framework writes it: no care for contraction, the limit computed again for each element.
UNIFORM = """
#include "har_classifier_init.h"
float sqrtf(float x); /* of whatever libm there is */

static uint32_t state = 1;

static float next_float(void)
{
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return (float)(state >> 8) * (1.0f / 16777216.0f);
}

static float uniform(float low, float high)
{
    return low + next_float() * (high - low);
}

static void fill(float *out, int n, int fan_in)
{
    for (int i = 0; i < n; i++) {
        float limit = 0.57735026919f * sqrtf(3.0f / (float)fan_in);
        out[i] = uniform(-limit, limit);
    }
}

void their_init(const har_classifier_buffers *to, uint32_t seed)
{
    state = seed;
    fill(to->conv1_weight, 16 * 9 * 7, 63);
    fill(to->conv1_bias, 16, 63);
    fill(to->conv2_weight, 32 * 16 * 5, 80);
    fill(to->conv2_bias, 32, 80);
    fill(to->conv3_weight, 64 * 32 * 3, 96);
    fill(to->conv3_bias, 64, 96);
    fill(to->fc_weight, 6 * 64, 64);
    fill(to->fc_bias, 6, 64);
}
"""


@pytest.fixture
def uniform_init(tmp_path):
    path = tmp_path / "their_init.c"
    path.write_text(UNIFORM)
    return path


BUILDS = [  # core, flags, what they make of a multiply-add
    ("cortex-m4f", "", "fused"),
    ("cortex-m4f", "-Os", "fused"),
    ("cortex-m4f", "-flto", "fused"),
    ("cortex-m4f", "-O1", "separate"),
    ("cortex-m4f", "-std=c11", "separate"),
    ("cortex-m4f", "-ffp-contract=off", "separate"),
    ("cortex-m7", "", "fused"),
    ("cortex-m7", "-O0", "separate"),
    ("cortex-m33", "", "fused"),
    ("cortex-m33", "-Og", "separate"),
    ("cortex-m0", "", "separate"),
    ("cortex-m3", "-O3", "separate"),
]


@needs_tools
@pytest.mark.parametrize(("core", "cflags", "multiply_add"), BUILDS)
def test_the_compiler_decides_the_multiply_add_of_plain_c(core, cflags, multiply_add, uniform_init):
    found = device.run(har_classifier(core), "gcc", [uniform_init], "their_init", cflags.split())

    for kind in ("fused", "separate"):
        report = verify(har_classifier(core, multiply_add=kind), found, core)
        assert report.agrees == (kind == multiply_add), report


@pytest.mark.parametrize(("core", "multiply_add"), [("cortex-m0", "separate"), ("cortex-m7", "fused")])
def test_the_wheels_take_source_files_too(core, multiply_add, uniform_init):
    """clang fuses on a Cortex-M7, though not on a Cortex-M4."""
    bundle = har_classifier(core, multiply_add=multiply_add)

    assert agrees(bundle, "zig", [uniform_init], "their_init")


NORMAL = """
#include <math.h>
#include "embinit.h"
#include "normal_init.h"

static embinit_xorshift32 generator;

static float next_float(void)
{
    return (float)(embinit_xorshift32_next(&generator) >> 8) * 0x1p-24f;
}

static float normal(float mean, float stddev)
{
    float u1 = next_float();
    float u2 = next_float();
    while (u1 <= 1e-7f) {
        u1 = next_float();
    }
    return mean + stddev * sqrtf(-2.0f * logf(u1)) * cosf(6.2831855f * u2);
}

void normals(const normal_buffers *to, uint32_t seed)
{
    generator.state = seed;
    for (int i = 0; i < 64 * 64; i++) {
        to->fc_weight[i] = normal(0.5f, 0.02f);
    }
}
"""


@needs_tools
@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m3", "cortex-m4f", "cortex-m7", "cortex-m33"])
def test_normals_by_newlib_have_the_libm_class_of_the_target(core, tmp_path):
    (tmp_path / "normals.c").write_text(NORMAL)
    weight_init = embinit.initializers.normal(0.5, 0.02)
    fc = embinit.Linear(name="fc", in_features=64, out_features=64, bias=False, weight_init=weight_init)
    bundles = {core: gather(embinit.Model("normal", [fc], 42, target=core).plan()) for core in BOARDS}
    found = device.run(bundles[core], "gcc", [tmp_path / "normals.c"], "normals")

    expected = [each for each in BOARDS if bundles[each].payload == bundles[core].payload]
    assert [each for each in BOARDS if verify(bundles[each], found, each).agrees] == expected
    assert core in expected
    assert len(expected) < len(BOARDS)


LIBC = """
#include <math.h>
#include <stdlib.h>
#include "libc_init.h"
void libc(const libc_buffers *buffers, uint32_t seed);
void libc(const libc_buffers *buffers, uint32_t seed)
{
    srand(seed);
    for (int i = 0; i < 512; i++) {
        buffers->fc_weight[i] = logf((float)(rand() % 1000 + 1) * 0.001f) * 0.5f + 0.25f;
    }
    for (int i = 0; i < 32; i++) {
        buffers->fc_bias[i] = cosf((float)rand() / 2147483648.0f) * 0.75f + 0.125f;
    }
}
"""
DIALECT = """
[dialect]
name = "own"
[dialect.generator]
kind = "rand"
seed = "seed"
[dialect.values]
unit = "(float)word / 2147483648.0f"
[dialect.initializers.default]
value = "logf((float)((int32_t)word % 1000 + 1) * 0.001f) * 0.5f + 0.25f"
[dialect.initializers.cosine]
value = "cosf((float)word / 2147483648.0f) * 0.75f + 0.125f"
"""


def of_libc(folder, core, **overrides):
    """Own init code that calls rand, logf and cosf and lets the compiler fuse; its dialect file; and what it leaves."""
    (folder / "libc.c").write_text(LIBC)
    (folder / "libc.toml").write_text(
        '[model]\nname = "libc"\nseed = 3\n' + DIALECT
        + '[dialect.bias]\ninitializer = "cosine"\n[dialect.layers.Linear]\nweight = ["out", "in"]\nfan_in = "in"\n'
        'fan_out = "out"\n[[layer]]\ntype = "Linear"\nname = "fc"\nin_features = 16\nout_features = 32\n'
    )  # fmt: skip
    bundle = gather(embinit.load(folder / "libc.toml", target=core, **overrides).plan())
    return bundle, device.run(bundle, "gcc", [folder / "libc.c"], "libc")


@pytest.mark.parametrize("core", EVERY_BOARD)
def test_init_code_that_calls_the_c_library_has_the_bits_of_the_target(core, tmp_path):
    bundle, found = of_libc(tmp_path, core)

    assert verify(bundle, found, core).agrees


@pytest.mark.parametrize(("core", "libc"), with_libcs("cortex-m4f", "cortex-m7"))
def test_another_c_library_has_the_bits_that_the_model_file_says(core, libc, tmp_path):
    bundle, found = of_libc(tmp_path, core, libc=libc)

    assert verify(bundle, found, core).agrees
    newlib = gather(embinit.load(tmp_path / "libc.toml", target=core).plan())
    assert (newlib.payload == bundle.payload) == (libc == "newlib-nano")


SIGNATURE = "void {}(const har_classifier_buffers *buffers, uint32_t seed)"
WRONG = {  # what is wrong -> source, entry, parts of the message
    "no such function": (UNIFORM, "her_init", ["her_init", SIGNATURE.format("her_init")]),
    "another signature": (
        UNIFORM.replace("static void fill", "void fill"),
        "fill",
        ["their_init.c:", "conflicting types", SIGNATURE.format("fill")],
    ),
    "a static function": (
        UNIFORM.replace("void their", "static void their"),
        "their_init",
        ["static declaration of", SIGNATURE.format("their_init")],
    ),
    "a syntax error": (UNIFORM.replace("state = seed;", "state = ;"), "their_init", ["their_init.c:30:", "error"]),
    "a missing function": (UNIFORM.replace("sqrtf", "root"), "their_init", ["root"]),
    "no identifier": (UNIFORM, "their-init", ["entry must be a C identifier", "their-init"]),
    "a header of the C library": ("#include <signal.h>\n", "their_init", ["zig", "signal.h", "toolchain gcc"]),
}
REFUSED = [("zig", what) for what in WRONG] + [
    pytest.param("gcc", what, marks=needs_tools) for what in WRONG if what != "a header of the C library"
]


@pytest.mark.parametrize(("toolchain", "what"), REFUSED)
def test_source_that_cannot_be_built_is_refused(toolchain, what, tmp_path):
    text, entry, parts = WRONG[what]
    (tmp_path / "their_init.c").write_text(text)

    with pytest.raises(embinit.EmbinitError) as refused:
        device.run(har_classifier("cortex-m3"), toolchain, [tmp_path / "their_init.c"], entry)

    message = str(refused.value)
    assert len(message.splitlines()) == 1
    for part in parts:
        assert part in message


def test_source_and_entry_go_together(tmp_path):
    bundle = har_classifier("cortex-m3")
    for source, entry in (([__file__], None), ([], "their_init")):
        with pytest.raises(embinit.EmbinitError, match="source and entry need one another"):
            device.run(bundle, "zig", source, entry)
    with pytest.raises(embinit.EmbinitError, match=r"absent.c: is not a file"):
        device.run(bundle, "zig", [tmp_path / "absent.c"], "their_init")


# ---- The command line ----


@pytest.fixture
def cli(capsys):
    """Return a function that runs `embinit verify` of the example: exit status, standard output, standard error."""

    def run(*words):
        status = main(["verify", str(EXAMPLES / "har_classifier.toml"), *map(str, words)])
        return status, *capsys.readouterr()

    return run


@needs_tools
@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        ([], 0, "built by gcc, on the emulated cortex-m4f (multiply-add fused) agrees"),
        (["--cflags", "-O1"], 1, "built by gcc -O1, on the emulated cortex-m4f (multiply-add fused) differs"),
        (["--device", "cortex-m0", "--toolchain", "zig"], 0, "built by zig, on the emulated cortex-m0"),
    ],
)
def test_verify_a_source_file(words, status, said, cli, uniform_init):
    found, out, err = cli("--source", uniform_init, "--entry", "their_init", *words)

    assert (found, err) == (status, "")
    assert f"their_init, {said}" in out


@needs_tools
def test_verify_generated_code_by_gcc(cli):
    status, out, _ = cli("--device", "--toolchain", "gcc")

    assert status == 0
    assert "har_classifier_init, built by gcc, on the emulated cortex-m4f" in out


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--source", __file__], "source and entry"),
        (["--device", "--entry", "their_init"], "source and entry"),
        (["--entry", "their_init"], "--device or --source, or a dump"),
        (["--device", "--dump", "x.bin"], "--device or --source, or a dump"),
        (["--source", __file__, "--entry", "x", "--dump", "x.bin"], "--device or --source, or a dump"),
        (["--dump", "x.bin", "--toolchain", "gcc"], "--toolchain"),
        (["--dump", "x.bin", "--cflags", "-O1"], "--cflags"),
        (["--device", "--toolchain", "icc"], "zig, gcc"),
        (["--device", "--cflags", "'"], "--cflags must be flags as in a shell"),
        (["--source", "absent.c", "--entry", "their_init"], "absent.c: is not a file"),
    ],
)
def test_a_bad_command_line_is_refused(words, part, cli):
    status, out, err = cli(*words)

    assert (status, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert part in err


def test_zig_is_the_toolchain_where_gcc_is_not(monkeypatch):
    assert device.default_toolchain() == "zig"
    monkeypatch.setenv("PATH", os.devnull)
    assert device.default_toolchain(["their_init.c"]) == "zig"
