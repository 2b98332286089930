"""Init code of a user's own by either toolchain: C and C++, the C library's functions, what it never wrote."""

import json
from pathlib import Path

import numpy as np
import pytest

import embinit
from embinit import device
from embinit.__main__ import main
from embinit.bundle import gather
from embinit.targets import gcc_qemu
from embinit.targets.device_error import DeviceError
from embinit.verify import verify

GCC = pytest.param("gcc", marks=pytest.mark.skipif(not gcc_qemu.is_installed(), reason="no gcc for Arm"))
TOOLCHAINS = ["zig", GCC]

MODEL = """
[model]
name = "net"
dialect = "odt"
target = "cortex-m4f"
seed = 42

[[layer]]
name = "fc"
type = "Linear"
in_features = 16
out_features = 4
weight_init = "kaiming_uniform"
"""
#: What ODT does, by hand. @END@ is what the code does at its end.
RIGHT = """
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "net_init.h"

static uint32_t state;

static float uniform(float low, float high)
{
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    float unit = (float)(state >> 8) * (1.0f / 16777216.0f);
    return low + unit * (high - low);
}

void their_init(const net_buffers *to, uint32_t seed)
{
    state = seed ? seed : 0xffffffffu;
    float limit = 1.41421356237f * sqrtf(3.0f / 16.0f);
    memset(to->fc_weight, 0, 64 * sizeof(float));
    for (int i = 0; i < 64; i++) to->fc_weight[i] = uniform(-limit, limit);
    limit = 0.57735026919f * sqrtf(3.0f / 16.0f);
    for (int i = 0; i < 4; i++) to->fc_bias[i] = uniform(-limit, limit);
    printf("%d done\\n", 68);
    @END@
}
"""


def code(folder, end="", name="their_init.c"):
    (folder / name).write_text(RIGHT.replace("@END@", end))
    return folder / name


@pytest.fixture
def cli(tmp_path, capsys):
    (tmp_path / "m.toml").write_text(MODEL)

    def run(command, *words):
        try:
            status = main([command, str(tmp_path / "m.toml"), "--entry", "their_init", *map(str, words)])
        except SystemExit as stopped:
            status = stopped.code
        return status, *capsys.readouterr()

    return run


@pytest.mark.parametrize("core", ["cortex-m3", "cortex-m4f", "cortex-m7", "cortex-m33"])
@pytest.mark.parametrize("toolchain", TOOLCHAINS)
def test_right_code_is_called_right_by_either_compiler(toolchain, core, cli, tmp_path):
    status, out, err = cli("verify", "--device", core, "--toolchain", toolchain, "--source", code(tmp_path))

    assert (status, err) == (0, "")
    assert "68 of 68 elements are equal" in out
    assert ("zig's compiler does not fuse" in out) == (toolchain == "zig" and core in ("cortex-m4f", "cortex-m33"))


def test_wrong_code_by_a_compiler_that_does_not_fuse_is_held_against_what_it_does(cli, tmp_path):
    source = code(tmp_path, "to->fc_bias[2] = 0.5f;")
    status, out, _ = cli("verify", "--device", "--toolchain", "zig", "--source", source)

    assert status == 1
    assert "67 of 68 elements are equal; compared with multiply_add = separate, since zig's compiler" in out
    assert "the code is right" not in out
    assert "embinit diagnose" in out


@pytest.mark.parametrize("toolchain", [GCC])
def test_a_build_that_does_not_fuse_as_the_device_would_differs(toolchain, cli, tmp_path):
    words = ("--device", "--toolchain", toolchain, "--source", code(tmp_path), "--cflags", "-ffp-contract=off")
    status, out, _ = cli("verify", *words)

    assert status == 1
    assert "the code is right, but this build does not fuse multiply-adds" in out
    assert 'multiply_add = "separate"' in out
    assert "the code is right" in json.loads(cli("verify", *words, "--json")[1])["notes"][0]


@pytest.mark.parametrize("toolchain", TOOLCHAINS)
def test_a_buffer_that_was_never_written_is_called_that(toolchain, cli, tmp_path):
    source = code(tmp_path)
    text = source.read_text()
    words = ("verify", "--device", "--toolchain", toolchain, "--source", source)

    source.write_text(text.replace("to->fc_bias[i] =", "(void)"))
    status, out, _ = cli(*words)
    assert status == 1
    assert "the code never wrote fc.bias" in out

    source.write_text(text.replace("i < 4", "i < 3"))
    assert "the code never wrote 1 of the 4 elements of fc.bias" in cli(*words)[1]


@pytest.mark.parametrize("fill", device.FILLS)
def test_code_that_writes_the_very_fill_has_written(fill, cli, tmp_path):
    source = code(tmp_path, f"memset(to->fc_bias, {fill}, 16);")
    status, out, _ = cli("verify", "--device", "--toolchain", "zig", "--source", source)

    assert status == 1
    assert f"got 0x{4 * f'{fill:02x}'}" in out
    assert "never wrote" not in out


def test_a_once_only_guard_is_no_reason_to_call_a_buffer_unwritten(cli, tmp_path):
    source = code(tmp_path, "memset(to->fc_bias, 0xa5, 16);")
    text = source.read_text().replace(
        "    state = seed", "    static int done;\n    if (done++) return;\n    state = seed"
    )
    source.write_text(text)

    assert "never wrote" not in cli("verify", "--device", "--toolchain", "zig", "--source", source)[1]


CPP = """
namespace {
struct Count {
    int n;
    Count() : n(static_cast<int>(three())) {}
    static float three() { volatile float x = 3.0f; return x; }
};
Count count;
template <class T> T same(T x) { return count.n == 3 ? x : T(0); }
}
"""


@pytest.mark.parametrize("suffix", [".cpp", ".cc", ".cxx"])
@pytest.mark.parametrize("toolchain", TOOLCHAINS)
def test_cpp_is_compiled_as_cpp_and_static_objects_are_constructed(toolchain, suffix, cli, tmp_path):
    source = code(tmp_path, name=f"theirs{suffix}")
    text = source.read_text().replace("static float uniform", f"{CPP}static float uniform")
    source.write_text(text.replace("return low + unit * (high - low)", "return same(low + unit * (high - low))"))
    status, out, err = cli("verify", "--device", "cortex-m3", "--toolchain", toolchain, "--source", source)

    assert (status, err) == (0, "")
    assert "68 of 68" in out


def test_cpp_headers_of_zig(cli, tmp_path):
    source = code(tmp_path, name="theirs.cpp")
    text = source.read_text().replace("<math.h>", "<cmath>\n#include <cassert>\n#include <cstddef>")
    for name in ("stdint", "stdio", "stdlib", "string"):
        text = text.replace(f"<{name}.h>", f"<c{name}>")
    source.write_text(text.replace("sqrtf(3.0f", "std::sqrt(3.0f").replace("memset(", "std::memset("))

    assert cli("verify", "--device", "cortex-m3", "--toolchain", "zig", "--source", source)[0] == 0


PROBE = """
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "probe_init.h"
void probes(const probe_buffers *to, uint32_t seed)
{
    uint32_t x = seed;
    for (int i = 0; i < 512; i++) {
        x ^= x << 13; x ^= x >> 17; x ^= x << 5;
        uint32_t bits = x & 0x7fffffffu;
        float value;
        memcpy(&value, &bits, sizeof value);
        to->root_weight[i] = sqrtf(value);
        float unit = ((float)(x >> 8) + 1.0f) * 0x1p-24f;
        to->log_weight[i] = logf(unit);
        to->cos_weight[i] = cosf(6.2831853f * (float)(x >> 8) * 0x1p-24f);
        if (i == 200) srand(seed);
        to->rand_weight[i] = (float)(rand() & 0xffffff);
    }
    char text[8];
    strcpy(text, "ab");
    float *heap = malloc(4 * sizeof(float));
    assert(heap && strlen(text) == 2 && strcmp(text, "ac") < 0 && strncmp(text, "ac", 1) == 0 && abs(-3) == 3);
    to->rest_weight[0] = fabsf(-1.5f);
    to->rest_weight[1] = floorf(-1.5f) + ceilf(1.5f) + truncf(-1.5f) + roundf(2.5f);
    to->rest_weight[2] = fmaf(1.0f + 0x1p-12f, 1.0f + 0x1p-12f, -1.0f);
    to->rest_weight[3] = fmodf(7.5f, 2.0f) + (float)lroundf(-2.5f) + copysignf(1.0f, -0.0f) + fmaxf(1.0f, 2.0f);
    free(heap);
}
"""


def probed(toolchain, core, folder):
    layers = [
        embinit.Linear(name=name, in_features=n, out_features=1, bias=False)
        for name, n in (("root", 512), ("log", 512), ("cos", 512), ("rand", 512), ("rest", 4))
    ]
    bundle = gather(embinit.Model("probe", layers, seed=12345, target=core).plan())
    (folder / "probes.c").write_text(PROBE)
    return device.run(bundle, toolchain, [folder / "probes.c"], "probes")


@pytest.mark.skipif(not gcc_qemu.is_installed(), reason="no gcc for Arm")
@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m4f", "cortex-m7"])
def test_zig_s_c_library_has_the_bits_of_newlib(core, tmp_path):
    """logf and cosf of each class of libm, rand and the exact functions."""
    assert probed("zig", core, tmp_path) == probed("gcc", core, tmp_path)


def test_zig_s_square_root_is_correctly_rounded(tmp_path):
    words, x = [], 12345
    for _ in range(512):
        for shift in (13, -17, 5):
            x ^= (x << shift if shift > 0 else x >> -shift) & 0xFFFFFFFF
        words.append(x & 0x7FFFFFFF)
    with np.errstate(invalid="ignore"):
        expected = np.sqrt(np.array(words, np.uint32).view(np.float32))
    for core in ("cortex-m0", "cortex-m4f"):
        found = np.frombuffer(probed("zig", core, tmp_path)["root.weight"], np.float32)
        number = ~np.isnan(expected)
        assert number.sum() > 500
        assert (found[number].view(np.uint32) == expected[number].view(np.uint32)).all()


@pytest.mark.parametrize(
    ("statement", "parts"),
    [
        ("to->fc_bias[0] = logf((float)seed);", ["fault", "logf_takes_0_to_1"]),
        ("to->fc_bias[0] = cosf(-(float)seed);", ["cosf_takes_0_to_2_pi"]),
        ("to->fc_bias[0] = expf((float)seed);", ["expf", "toolchain gcc"]),
        ("abort();", ["abort"]),
    ],
)
def test_what_zig_s_c_library_cannot_do_is_refused(statement, parts, cli, tmp_path):
    words = ("verify", "--device", "--toolchain", "zig", "--source", code(tmp_path, statement))
    status, out, err = cli(*words)

    assert (status, out, len(err.splitlines())) == (2, "", 1)
    for part in parts[1:]:
        assert part in err


@pytest.mark.parametrize("name", ['a"b.c', "a\nb.c", "a\\b.c", 'x"\n#error reached\n.c'])
def test_a_path_that_c_cannot_include_is_refused(name, cli, tmp_path):
    status, out, err = cli("verify", "--device", "--toolchain", "zig", "--source", code(tmp_path, name=name))

    assert (status, out, len(err.splitlines())) == (2, "", 1)
    assert "no quote, backslash or line break" in err


def test_a_path_that_is_no_utf8(cli, tmp_path):
    source = Path(str(tmp_path / "caf\udce9.c"))
    code(tmp_path).rename(source)

    assert cli("verify", "--device", "cortex-m3", "--toolchain", "zig", "--source", source)[0] == 0


def test_diagnose_takes_source_and_device(cli, tmp_path):
    source = code(tmp_path)
    source.write_text(source.read_text().replace("state = seed ? seed :", "state = seed + 1 ? seed + 1 :"))
    status, out, _ = cli("diagnose", "--device", "cortex-m3", "--toolchain", "zig", "--source", source)

    assert status == 1
    assert "seed = 43" in out


def test_diagnose_of_a_device_that_agrees(tmp_path, capsys):
    (tmp_path / "m.toml").write_text(MODEL)

    assert main(["diagnose", str(tmp_path / "m.toml"), "--device"]) == 0
    assert "agrees" in capsys.readouterr().out
    assert main(["diagnose", str(tmp_path / "m.toml")]) == 2
    assert "diagnose needs either a device" in capsys.readouterr().err


def test_generated_code_is_never_unwritten():
    bundle = gather(
        embinit.Model(
            "m", [embinit.Linear(name="fc", in_features=3, out_features=2)], seed=1, target="cortex-m3"
        ).plan()
    )
    found = device.run(bundle)

    assert found.notes == ()
    assert verify(bundle, found, "device").verdict.endswith("8 of 8 elements are equal")


def test_the_error_of_a_device_is_one_of_devices(tmp_path):
    bundle = gather(
        embinit.Model(
            "net", [embinit.Linear(name="fc", in_features=16, out_features=4)], seed=1, target="cortex-m3"
        ).plan()
    )
    with pytest.raises(DeviceError, match="abort"):
        device.run(bundle, "zig", [code(tmp_path, "abort();")], "their_init")
