"""The C of Kaun: models on the host under any flags and on emulated cores, and the ends of a normal value."""

import ctypes
import shutil
import subprocess

import numpy as np
import pytest

import embinit
from embinit import Conv1d, Conv2d, Embedding, Linear, codegen, device
from embinit.bundle import gather
from embinit.clib import C_DIRECTORY, SOURCES
from embinit.dialects import kaun
from embinit.verify import verify

from support.compilers import HOST_COMPILERS, WARNINGS, compile_program
from support.firmware import example
from support.reference_kaun import cosf, logf, recorded, unit

LAYERS = [
    Conv2d(in_channels=3, out_channels=5, kernel_size=[3, 2]),
    Linear(in_features=29, out_features=31, weight_init=kaun.he_normal(), bias_init=kaun.normal(0.1)),
    embinit.LayerNorm(normalized_shape=7),
    Embedding(num_embeddings=9, embedding_dim=5),
    Linear(in_features=23, out_features=17, weight_init=kaun.lecun_normal(), weight_format="sym8", bias_format="q7"),
    Linear(
        in_features=8, out_features=8, weight_init=kaun.variance_scaling(1.7, "fan_out", "normal"),
        bias_init=kaun.uniform(0.3), weight_format="int8", group_size=None,
    ),
    Linear(in_features=1, out_features=1),
]  # fmt: skip


def bundle_of(dialect, seed, target="host", layers=LAYERS):
    if dialect == "kaun-alpha3":
        layers = [*layers, Conv1d(in_channels=3, out_channels=4, kernel_size=5)]
    return gather(embinit.Model("m", layers, seed, dialect, target).plan())


@pytest.mark.parametrize("dialect", ["kaun", "kaun-alpha3"])
@pytest.mark.parametrize("compiler", HOST_COMPILERS)
@pytest.mark.parametrize("flags", ["-O3 -march=native -ffp-contract=fast", "-O2 -ffast-math -fno-finite-math-only"])
def test_on_the_host_under_any_flags(compiler, flags, dialect, tmp_path):
    bundle = bundle_of(dialect, -(2**61) - 12345, layers=LAYERS[:4])
    seed = bundle.plan.model.seed
    main = f"int main(void) {{ return firmware_main({seed}) + 2 * firmware_main({seed + 1}); }}\n"
    (tmp_path / "m_init.h").write_text(codegen.init_header(bundle))
    (tmp_path / "m.c").write_text(codegen.init_source(bundle) + codegen.firmware(bundle) + main)
    units = [path for path in SOURCES if path.stem.removeprefix("embinit_") in UNITS]
    program = compile_program(compiler, [*units, tmp_path / "m.c"], tmp_path / "m", *flags.split(), f"-I{tmp_path}")

    assert subprocess.run([program], check=False).returncode == 1


UNITS = ("kaun", "normal", "libm", "fma", "distributions", "model")


@pytest.mark.device
@pytest.mark.parametrize(("dialect", "target"), [("kaun", "cortex-m0"), ("kaun-alpha3", "cortex-m4f")])
def test_on_an_emulated_core(dialect, target):
    bundle = bundle_of(dialect, 2**40 + 9, target)

    assert verify(bundle, device.run(bundle), target).agrees


PROGRAM = """
#include "embinit_kaun.h"

static uint32_t words[2];

static void keys(const embinit_kaun *scope, uint32_t attempt, uint32_t keys[2][2])
{
    (void)scope, (void)attempt;
    keys[0][0] = 0;
    keys[1][0] = 1;
}

static void block(const uint32_t key[2], uint32_t element, uint32_t block[2])
{
    (void)element;
    block[0] = words[key[0]];
}

void normal_of(uint32_t angle, uint32_t radius, float *out);
void normal_of(uint32_t angle, uint32_t radius, float *out)
{
    static const embinit_kaun_way way = {0, keys, block, 1};
    static const embinit_kaun_rule rule = {&way, embinit_logf_double, embinit_cosf_double, 1};
    embinit_kaun scope;
    embinit_source source;
    embinit_kaun_seed(&scope, 0);
    source.next = embinit_kaun_source;
    source.state = &scope;
    words[0] = angle;
    words[1] = radius;
    embinit_kaun_normal(&source, &rule, 0, 0x3f800000u, out, 1);
}
"""


@pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")
def test_the_ends_of_a_normal_value(tmp_path):
    """u1 and u2 of 0 and 1 too: the radius of u2 = 0 is -0, that of 1 is the largest."""
    (tmp_path / "ends.c").write_text(PROGRAM)
    units = [str(path) for path in SOURCES if path.stem.removeprefix("embinit_") in UNITS]
    command = ["gcc", *WARNINGS, "-O2", "-shared", "-fPIC", f"-I{C_DIRECTORY}", str(tmp_path / "ends.c"), *units]
    subprocess.run([*command, "-o", str(tmp_path / "ends.so")], check=True)
    call = ctypes.CDLL(str(tmp_path / "ends.so")).normal_of
    words = [0x80000000, 0x80000040, 0x80000041, 0, 1, 0x7FFFFF40, 0x7FFFFF41, 0x7FFFFFFF, 0xC0000000, 0x12345678]
    out = np.empty(1, np.float32)
    for angle in words:
        for radius in words:
            call(ctypes.c_uint32(angle), ctypes.c_uint32(radius), out.ctypes.data_as(ctypes.c_void_p))
            log = logf(np.maximum(np.float32(1) - unit(radius), np.float32(1e-7)))
            expected = cosf(unit(angle) * np.float32(6.2831855)) * np.sqrt(np.float32(-2) * log)
            assert out.view(np.uint32)[0] == np.float32(expected).view(np.uint32), (hex(angle), hex(radius))


# ---- The example ----


@pytest.mark.device
@pytest.mark.parametrize("target", ["cortex-m0", "cortex-m4f"])
def test_the_example_on_an_emulated_core_is_what_kaun_left(target):
    """Recorded from raven, whose logf and cosf are glibc's: the host has all its bits, every core those of uniforms."""
    plan = example("kaun_conv", target=target).plan()
    found = device.run(gather(plan))
    on_host = example("kaun_conv", target="host").init()
    for row, case in (("conv.weight", "conv.w"), ("features.weight", "conv_he.w"), ("fc.weight", "linear.w")):
        words = recorded("kaun", f"model.{case}", plan.model.seed).tobytes()

        assert on_host[row].tobytes() == words
        assert found[row] == words or row == "features.weight"
    assert found["fc.bias"] == bytes(4 * 7)
    assert verify(gather(plan), found, target).agrees
