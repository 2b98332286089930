"""Where gcc computes a product decides whether it fuses it: before a loop, before ?:, or in an arm of it."""

import numpy as np
import pytest

from embinit.expressions import FLOAT, Arithmetic, Input, Program, define

ARM = Arithmetic("fused", fuses_double=False, hoists=False)
X86 = Arithmetic("fused", fuses_negation=True)


def single(x):
    return np.float32(x)


def fused(a, b, c):
    """Return a * b + c of floats, rounded once: 53 bits hold the sums of this file."""
    return single(np.float64(a) * np.float64(b) + np.float64(c))


A, C, B = single(0.213), single(0.1), single(0.21528572)


@pytest.mark.parametrize(("build", "expected"), [(X86, single(A * A) + C), (ARM, fused(A, A, C))])
def test_a_product_of_both_arms_is_computed_before_them_on_x86_alone(build, expected):
    text = "a > 0.0f ? a * a + 0.1f : 0.1f - a * a"
    program = Program([define("x", text, "x")], {"a": Input(FLOAT)}, {"x": FLOAT})

    assert single(A * A) + C != fused(A, A, C)
    assert program.compile(build).bind().evaluate(a=np.array([A]))["x"][0] == expected


@pytest.mark.parametrize(
    ("held", "expected"), [(False, fused(A, A, single(B * B))), (True, fused(B, B, single(A * A)))]
)
def test_what_a_loop_leaves_as_it_is_is_computed_before_it(held, expected):
    program = Program(
        [define("x", "a * a + b * b", "x")], {"a": Input(FLOAT, held=held), "b": Input(FLOAT)}, {"x": FLOAT}
    )

    assert fused(A, A, single(B * B)) != fused(B, B, single(A * A))
    assert program.compile(X86).bind().evaluate(a=np.array([A]), b=np.array([B]))["x"][0] == expected
