"""What decides a fused product on boards: the hoisting of ?:, a minus, and roots that set errno or do not."""

import numpy as np
import pytest

from embinit.dialects.declared.sampler import arithmetic
from embinit.expressions import FLOAT, Input, Program, define
from embinit.targets import build_of
from embinit.targets.boards import BOARDS

from support import builds
from support.compiled import bits_of, columns, results_of, run_on_board
from support.cores import left_out

TEXTS = (
    "a > 0.5f ? floorf(a * b + c) : ceilf(a * b - d)",
    "a * c + b * sqrtf(d * d)",
    "-(a * b + c)",
    "-(a * a - b * b)",
    "a * b + c * d",
    "(a - b) * (c + d) - a * c",
)
PARAMETERS = "float a, float b, float c, float d"


@pytest.mark.parametrize("target", builds.BOARDS)
def test_the_arithmetic_of_a_target_is_what_its_expressions_are_tested_with(target):
    assert arithmetic(build_of(target)) == builds.BOARDS[target] or build_of(target).multiply_add == "separate"


@pytest.mark.device
@pytest.mark.parametrize("target", [pytest.param(name, marks=left_out(BOARDS[name])) for name in builds.BOARDS])
def test_a_board_fuses_what_the_rules_say(target, tmp_path):
    table = columns(7, 200)
    functions = [
        (
            f"__attribute__((noipa)) static float f{i}({PARAMETERS}) {{ return {text}; }}",
            f"out = f{i}(a, b, c, d);",
            "float",
        )
        for i, text in enumerate(TEXTS)
    ]
    got = run_on_board(functions, target, tmp_path, [table] * len(TEXTS))

    for text, words in zip(TEXTS, got, strict=True):
        made = Program([define("x", text, "x")], {name: Input(FLOAT) for name in "abcd"}, {"x": FLOAT})
        bound = made.compile(builds.BOARDS[target]).bind()
        want = bound.evaluate(**{name: table[name] for name in "abcd"})["x"]
        assert np.array_equal(bits_of(want), results_of(words, want.dtype)), text
