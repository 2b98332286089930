"""Functions of <math.h> where their rules meet, and what gcc makes of a minus before a float that becomes a double."""

import math
import shutil

import numpy as np
import pytest

from embinit.errors import EmbinitError
from embinit.expressions import DOUBLE, FLOAT, TYPES, Arithmetic, Input, Program, define

from support.builds import FUSED_X86, PLAIN, SEPARATE
from support.compiled import ARGUMENTS, PARAMETERS, assert_equal, columns, evaluated, program, run
from support.random_expressions import INPUTS

INPUTS_OF_ONE = {"x": Input(DOUBLE), "y": Input(DOUBLE)}


def value(text, x=0.0, y=0.0):
    made = Program([define("z", text, "key")], INPUTS_OF_ONE, {"z": None})
    return made.compile(Arithmetic()).bind().evaluate(x=np.array([x]), y=np.array([y]))["z"][0].item()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("round(x)", -3.0),  # x is -2.5
        ("roundf((float)x + 3.0f)", 1.0),
        ("floor(x)", -3.0),
        ("ceil(x)", -2.0),
        ("trunc(x)", -2.0),
        ("fmod(x, 2.0)", -0.5),
        ("fmod(5.5, x)", 0.5),
        ("fmodf(-7.0f, 3.0f)", -1.0),
        ("fmin(x, 1.0)", -2.5),
        ("fmax(x, 1.0)", 1.0),
        ("ldexp(x, -32)", -2.5 * 2.0**-32),
        ("ldexpf(3.0f, 130 - 4)", math.ldexp(3.0, 126)),
        ("round(0.49999999999999994 + 0 * x)", 0.0),
        ("roundf(8388609.0f + (float)(0 * x))", 8388609.0),
        ("fmod(1e300 + 0 * x, 3.0)", math.fmod(1e300, 3.0)),
    ],
)
def test_values(text, expected):
    assert value(text, -2.5) == expected


def test_zeros_keep_their_sign():
    for text in ("round(x)", "roundf((float)x)", "trunc(x)", "ceil(x)"):
        assert math.copysign(1, value(text, -0.25)) == -1, text
    assert math.copysign(1, value("fmod(x, 2.0)", -4.0)) == -1
    assert value("fmod(x, y)", 1.5, math.inf) == 1.5


@pytest.mark.parametrize(
    ("text", "x", "part"),
    [
        ("ldexp(x, -1022)", 0.75, "ldexp is known for powers below 5000 and results that are not subnormal"),
        ("ldexp(x, (int32_t)y + 5000)", 1.0, "below 5000"),
        ("fmin(x, -x)", 0.0, "0.0 and -0.0"),
        ("ldexpf(x)", 1.0, "ldexpf takes 2 arguments, got 1"),
    ],
)
def test_what_is_not_known_is_refused(text, x, part):
    with pytest.raises(EmbinitError, match=part.replace("(", r"\(")):
        value(text, x)


NEGATED = [
    "- ((p - 1.1f) * floorf(d)) - - (4.0f - b) * (b * b - 0.1f * p)",
    "fmaf(- c - b - (c - a), - (double)fmaf(a, p, p), - (0.1f / q / (a + p)))",
    "(float)-(double)fmaf(a, b, c) * d",
    "ceilf(q * (a * 1e-7f)) - 1.0 * 1e-7f / - d / - fmaf(c, 3.0f, p)",
    "-(a * b + c) * (double)-d",
    "p - (double)-(a * b + c) * q",
    "(p * q + 1.0) / -(double)(a * b - c)",
    "(float)(floor((double)a) * (double)b) + c",
    "d - (float)(trunc((double)a) * (round((double)b) * (double)c))",
    "fmod(p, q) * a + fmod(p, q)",
    "ldexpf((float)u, -32) * a + ldexp(v, -31) * p",
]


@pytest.mark.parametrize("build", ["gcc", "gcc-fma"])
def test_a_minus_moves_through_a_conversion_to_double(build, tmp_path):
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed")
    arithmetic = FUSED_X86 if build == "gcc-fma" else SEPARATE
    inputs = {name: Input(TYPES[ctype]) for name, ctype in INPUTS.items()}
    found = [(text, Program([define("x", text, "key")], inputs, {"x": None})) for text in NEGATED]
    pairs = [evaluated(made, arithmetic, columns(12176 + i)) for i, (_, made) in enumerate(found)]
    functions = [
        (f"__attribute__((noinline)) static {made.types['x']} f{i}({PARAMETERS}) {{ return {text}; }}",
         f"out = f{i}({ARGUMENTS});", str(made.types["x"]))
        for i, (text, made) in enumerate(found)
    ]  # fmt: skip
    got = run(program(functions), PLAIN[build][0], tmp_path, [pair[0] for pair in pairs])
    assert_equal(found, [pair[0] for pair in pairs], [pair[1] for pair in pairs], got)


def test_a_converted_float_rounds_as_a_float():
    """gcc makes floor of a converted float floorf, so that the product is one of floats."""
    made = Program([define("z", "(float)(floor((double)a) * (double)b)", "key")],
                   {"a": Input(FLOAT), "b": Input(FLOAT)}, {"z": None})  # fmt: skip
    assert {node.ctype for node in made.compile(Arithmetic()).order} == {FLOAT}


@pytest.mark.parametrize("name", ["floor", "ceil"])
def test_what_picolibc_gets_wrong_is_refused(name):
    """Its ceil(5086743.56) is 5086740 on RISC-V."""
    made = Program([define("z", f"{name}(x)", "key")], INPUTS_OF_ONE, {"z": None})
    with pytest.raises(EmbinitError, match=f"picolibc's {name} of a double loses bits"):
        made.compile(Arithmetic("separate", roots_branch=False))
    Program([define("z", f"{name}(a)", "key")], {"a": Input(FLOAT)}, {"z": None}).compile(
        Arithmetic("separate", roots_branch=False)
    )
