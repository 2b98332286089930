"""Under gcc's fusing, expressions whose blocks gcc rearranges are refused by name; the others have gcc's bits."""

import shutil
from random import Random

import pytest

from embinit.errors import EmbinitError
from embinit.expressions import FLOAT, TYPES, Input, Program, define

from support.builds import BOARDS, FUSED_X86, PLAIN, SEPARATE, WRITTEN
from support.compiled import ARGUMENTS, PARAMETERS, assert_equal, columns, evaluated, program, run
from support.random_expressions import INPUTS, any_sum, literal, text_of

#: What gcc 12 -O2 -march=x86-64-v3 computes otherwise than its blocks say.
MOVED = [
    "(c > 0.1f ? 1.1f * a : -4.0f) - 4.0f",  # the constant arm is subtracted in the arm
    "1.1f - (b > 0.1f ? 0.0f : b * c)",
    "(0.5f - 2.0f) * (a < c ? a : 1.1f) - (d * b - 0.5f)",
    "d * b * (b > 0.1f ? 1.0f : a) + a",  # the product is known in one arm
    "(b < d ? c * a : d - c) + (a * c + b * 2.0f)",  # a product of an arm is computed again
    "a + a * c - (b > 0.1f ? a : d) * (c + d < a + d ? c : b)",
    "((b > 0.1f ? a : b) + a * a) * (b > 0.1f ? a : d)",  # two conditions are one
    "((a > 0.1f ? 1.1f : 0.0f) > 3.0f ? a * b : c) + d * c",  # a condition is decided by an arm
    "-b * a * c + (d - b * a)",  # a product and its negative
    "(u <= 0xffffffff ? a * b : c) + d",  # every unsigned integer is
    "(u >= 0u ? a * b : c) + d",
    "((u & 7u) <= 7u ? a * b : c) + d",
    "u > 5u ? (u > 3u ? a * b : c) + d : c",  # what is above 5 is above 3
    "u > 5u ? c : (u < 9u ? a * b : c) + d",
    "(u == 5u ? a : c) * (u < 3u ? a * b : c) + d",
    "(3u < u ? a : c) * (u > 2u ? a * b : c) + d",
    "(u < 5u ? a : c) * d + (u < 3u ? b : c)",  # where the first does not hold, nor does the second
    "(u >= u ? a * b : c) + d",  # what is compared with itself
    "(((int32_t)u & 7) << (v & 3u) >= ~(int32_t)(u & 1u) ? a * b : c) + d",
    "a * b + (float)(c < d)",  # 0 or 1
]
KEPT = [
    "(a > 0.0f ? b : c) * d + a",
    "a * b + (c > 0.0f ? d : a)",
    "a > 0.0f ? a * b + c : c - a * d",
    "(u > 5u ? 2.0f * a : 1.0f) - 1.0f",  # a product by 2 is exact
    "-(a < b ? c : d) + a * b",
    "(a < -1.0f ? -1.0f : a > 1.0f ? 1.0f : a) + b * c",  # neither condition decides the other
    "((u & 7u) <= (v & 7u) ? b : c) * d + a",  # ranges that overlap decide nothing
    "u > 5u ? (u > 7u ? b : c) * d + a : c",
    "(a * b + c) / -d",  # the minus goes to the numerator
    "sqrtf(-(d - 3.0f * c))",  # the root tests d - 3 c, which is then used twice
    "(a > a ? b : a * b) + d",  # false
    "(d > a && b > b ? c : a * b) + d",
    "(b + 0.1f) * c - (float)(0 >> (v & 7u)) + c * d",  # a shifted 0 is a constant
    "-(c * d) + -(b < d ? d : 1.1f)",
]


def made(text):
    return Program([define("x", text, "key")], {name: Input(TYPES[c]) for name, c in INPUTS.items()}, {"x": FLOAT})


@pytest.mark.parametrize("text", MOVED)
def test_what_gcc_rearranges_is_refused_where_it_fuses(text):
    with pytest.raises(EmbinitError, match=r"^key, column \d+: what gcc fuses here .*: compile with -ffp-contract=off"):
        made(text).compile(FUSED_X86)
    made(text).compile(SEPARATE)
    made(text).compile(WRITTEN)


@pytest.mark.parametrize("text", ["a * b + fabsf(-1.0f)", "fmaf(a, b, c) * d - a", "fminf(a, b) * c + d"])
def test_what_picolibc_hides_from_gcc_is_refused_where_it_fuses(text):
    with pytest.raises(EmbinitError, match=r"^key, column \d+: picolibc's f\w+ is an instruction .*-ffp-contract=off"):
        made(text).compile(BOARDS["riscv32imafc"])
    made(text).compile(FUSED_X86)


def random_sum(random):
    """Return a random sum around a ?:."""
    arms = [any_sum(random, 2, ["a", "b", "c", "d"]) for _ in range(2)]
    test = random.choice([("<", ("input", "a"), ("input", "b")), ("==", ("input", "u"), literal("1u", "uint32_t"))])
    branch = ("?:", test, *arms)
    rest = any_sum(random, 2, ["a", "b", "c", "d"])
    return (random.choice("+-*"), *random.sample([branch, rest], 2))


def check(texts, folder):
    """Compare what is not refused with gcc; return how many those are."""
    found = []
    for text in texts:
        try:
            each = made(text)
            if each.compile(FUSED_X86).outputs["x"].op != "const":
                found.append((text, each))
        except EmbinitError:
            continue
    pairs = [evaluated(each, FUSED_X86, columns(i)) for i, (_, each) in enumerate(found)]
    functions = [
        (f"__attribute__((noinline)) static float f{i}({PARAMETERS}) {{ return {text}; }}",
         f"out = f{i}({ARGUMENTS});", "float")
        for i, (text, _) in enumerate(found)
    ]  # fmt: skip
    got = run(program(functions), PLAIN["gcc-fma"][0], folder, [table for table, _ in pairs])
    assert_equal(found, [table for table, _ in pairs], [wanted for _, wanted in pairs], got)
    return len(found)


def test_what_is_not_refused_has_the_bits_of_gcc(tmp_path):
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed")
    random = Random(5)

    assert check(KEPT, tmp_path) == len(KEPT)
    assert check([text_of(random_sum(random)) for _ in range(150)], tmp_path) > 100


def test_a_model_with_such_an_expression_is_refused_when_it_is_built():
    import embinit
    from embinit.dialects.declared import dialect_of_tables

    tables = {
        "generator": {"kind": "xorshift", "shifts": [13, -17, 5]},
        "initializers": {"default": {"value": "((word & 1u) == 0u ? 1.1f * (float)word : -4.0f) - 4.0f"}},
        "layers": {"Linear": {"weight": ["out", "in"], "fan_in": "in", "fan_out": "out"}},
    }
    layer = embinit.Linear(name="fc", in_features=2, out_features=2)
    dialect = dialect_of_tables(tables, "acme.toml", "acme")

    embinit.Model("m", [layer], dialect=dialect, seed=3)
    with pytest.raises(
        embinit.EmbinitError, match=r"layer 'fc': weight: acme.toml: .*default.value, column \d+: what gcc"
    ):
        embinit.Model("m", [layer], dialect=dialect, seed=3, target="cortex-m4f")
