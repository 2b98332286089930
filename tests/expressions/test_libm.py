"""logf, sinf, cosf, log, sin and cos against the C libraries of this machine and of emulated boards."""

import math
import shutil

import numpy as np
import pytest

from embinit.expressions import libm
from embinit.expressions.double_libm import log_fused

from support.compiled import ARGUMENTS, PARAMETERS, UNITS, columns, program, run, run_on_board

CALLS = [("float", "sinf(a)"), ("float", "cosf(a)"), ("float", "logf(b)"), ("double", "log(p)"), ("double", "sin(q)"),
         ("double", "cos(q)"), ("float", "fmaf(a, b, c)")]  # fmt: skip
CLASSES = {"cortex-m0": "fdlibm", "cortex-m4f": "fdlibm-fused", "cortex-m7": "double"}


def table(count=2000):
    random = np.random.default_rng(5)
    found = columns(5, count)
    found["q"] = random.uniform(-119, 119, count)
    found["p"] = np.where(np.arange(count) % 2, random.uniform(0, 4, count), np.exp(random.uniform(-700, 700, count)))
    found["a"] = np.where(np.arange(count) % 2, found["q"], random.uniform(-7, 7, count)).astype(np.float32)
    found["b"] = np.exp(random.uniform(-80, 80, count)).astype(np.float32)
    found["b"][::3] = random.uniform(0, 1.2, count)[::3]
    near = np.arange(1, 76) * (np.pi / 2)
    found["a"][: 5 * near.size] = (near.astype(np.float32).view(np.uint32)[:, None] + np.arange(-2, 3)).ravel().astype(
        np.uint32).view(np.float32)  # fmt: skip
    return found


def functions(calls, suffix=""):
    return [
        (f"__attribute__((noinline)) static {ctype} f{i}({PARAMETERS}) {{ return {suffix}{call}; }}",
         f"out = f{i}({ARGUMENTS});", ctype)
        for i, (ctype, call) in enumerate(calls)
    ]  # fmt: skip


def ours(call, libm_class, rows):
    name, names = call.removesuffix(")").split("(")
    arrays = [rows[each] for each in names.split(", ")]
    with np.errstate(all="ignore"):
        return libm.fmaf(libm_class, *arrays) if name == "fmaf" else libm.evaluate(name, libm_class, *arrays)


def different(ctype, call, libm_class, rows, words):
    got = words.astype(np.uint32).view(np.float32) if ctype == "float" else words.view(np.float64)
    want = ours(call, libm_class, rows)
    return int(((got != want) & ~(np.isnan(got) & np.isnan(want))).sum())


@pytest.mark.device
@pytest.mark.parametrize("target", CLASSES)
def test_newlib(target, tmp_path):
    for needed in ("arm-none-eabi-gcc", "qemu-system-arm"):
        if shutil.which(needed) is None:
            pytest.skip(f"{needed} is not installed")
    rows = table()
    words = run_on_board(functions(CALLS), target, tmp_path, [rows] * len(CALLS))

    for (ctype, call), each in zip(CALLS, words, strict=True):
        found = different(ctype, call, CLASSES[target], rows, each)
        fused_by_its_compiler = target == "cortex-m7" and call in ("sin(q)", "cos(q)")
        assert found <= (20 if fused_by_its_compiler else 0), call


@pytest.mark.parametrize("libm_class", CLASSES.values())
@pytest.mark.parametrize("flags", [["-O0"], ["-O3", "-march=x86-64-v3"]])
def test_twins(libm_class, flags, tmp_path):
    suffix = "_" + libm_class.replace("-", "_")
    calls = [(ctype, call.replace("(", f"{suffix}(", 1)) for ctype, call in CALLS if ctype == "float"]
    rows = table()
    rows["c"] = np.where(np.isfinite(rows["c"]), rows["c"], np.float32(1))
    command = [next(name for name in ("gcc", "clang") if shutil.which(name)), *flags]
    source = program(functions(calls, "embinit_c_"), head='#include "embinit_expression.h"\n')
    words = run(source, command, tmp_path, [rows] * len(calls), UNITS)

    plain = [(ctype, call) for ctype, call in CALLS if ctype == "float"]
    for (ctype, call), each in zip(plain, words, strict=True):
        assert different(ctype, call, libm_class, rows, each) == 0, call


def test_log_of_double_is_within_its_bound_of_the_true_one():
    import mpmath

    x = table(400)["p"]
    with mpmath.workprec(200):
        true = [mpmath.log(mpmath.mpf(float(each))) for each in x]
        with np.errstate(all="ignore"):
            errors = [
                abs(mpmath.mpf(float(y)) - t) / math.ulp(float(t)) for y, t in zip(log_fused(x), true, strict=True)
            ]
    assert max(errors) < 0.52


@pytest.mark.parametrize("name", ["logf", "log"])
def test_log_outside_its_domain(name):
    x = np.array([0.0, -0.0, -1.0, np.inf, np.nan], np.float32 if name == "logf" else np.float64)
    for libm_class in CLASSES.values():
        with np.errstate(all="ignore"):
            y = libm.evaluate(name, libm_class, x)
        assert y[:2].tolist() == [-math.inf, -math.inf]
        assert np.isnan(y[[2, 4]]).all()
        assert y[3] == math.inf
