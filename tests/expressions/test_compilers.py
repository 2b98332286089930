"""A person's C, compiled by gcc and clang, against the host's evaluation; and embinit's own C under many flags."""

import shutil

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from embinit.errors import EmbinitError
from embinit.expressions import TYPES, Input, Program, define
from embinit.expressions.emit import emit

from support.builds import BOARDS, FUSED, PLAIN, SEPARATE, WRITTEN, tools_of
from support.compiled import ARGUMENTS, PARAMETERS, UNITS, assert_equal, columns, evaluated, program, run, run_on_board
from support.compilers import WARNINGS
from support.random_expressions import INPUTS, batch, text_of

OWN = [
    ["gcc", "-O0"], ["gcc", "-O1"], ["gcc", "-O2"], ["gcc", "-O3", "-march=x86-64-v3"], ["gcc", "-Ofast"],
    ["clang", "-O0"], ["clang", "-O2", "-march=x86-64-v3"], ["clang", "-O3", "-ffast-math"],
    ["gcc", "-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
    ["clang", "-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
    *(pytest.param(on_board, marks=pytest.mark.device)
      for on_board in (["cortex-m0", "-O2"], ["cortex-m4f", "-O3"], ["cortex-m7", "-O0"])),
]  # fmt: skip
SETTINGS = settings(
    deadline=None, database=None, phases=[Phase.generate], derandomize=True
)  # a failure names its expression


def accepted(trees, arithmetic=SEPARATE):
    """Return the programs of the trees that are not refused, neither everywhere nor under some arithmetic."""
    found = []
    for tree in trees:
        inputs = {name: Input(TYPES[ctype]) for name, ctype in INPUTS.items()}
        try:
            made = Program([define("x", text_of(tree), "x")], inputs, {"x": None})
            routine = made.compile(arithmetic)
        except EmbinitError:
            continue
        if routine.outputs["x"].op != "const":
            found.append((text_of(tree), made))
    return found


def check_plain(trees, seed, build, folder):
    arithmetic = BOARDS[build] if build in BOARDS else PLAIN[build][1]
    found = accepted(trees, arithmetic)
    if build.startswith("riscv"):  # picolibc's truncf there loses bits of what is 2^23 or more
        found = [(text, made) for text, made in found if "trunc" not in text]
    if not found:
        return
    pairs = [evaluated(made, arithmetic, columns(seed + i)) for i, (_, made) in enumerate(found)]
    functions = [
        (f"__attribute__((noinline)) static {made.types['x']} f{i}({PARAMETERS}) {{ return {text}; }}",
         f"out = f{i}({ARGUMENTS});", str(made.types["x"]))
        for i, (text, made) in enumerate(found)
    ]  # fmt: skip
    tables, wanted = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    if build in BOARDS:
        got = run_on_board(functions, build, folder, tables)
    else:
        got = run(program(functions), PLAIN[build][0], folder, tables)
    assert_equal(found, tables, wanted, got)


def check_own(trees, seed, command, folder, arithmetic):
    """Compare embinit's C with the host; flags of fast math leave NaN open, so they meet ordinary numbers only."""
    found = accepted(trees, arithmetic)
    if not found:
        return
    fast = bool({"-Ofast", "-ffast-math"} & set(command))
    pairs = [evaluated(made, arithmetic, columns(seed + i, special=not fast)) for i, (_, made) in enumerate(found)]
    functions = [
        (emit(made.compile(arithmetic), f"e{i}"),
         f"e{i}_fixed fixed; e{i}_fix(&fixed); e{i}(&fixed, {ARGUMENTS}, &out);",
         str(made.types["x"]))
        for i, (_, made) in enumerate(found)
    ]  # fmt: skip
    tables, wanted = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    source = program(functions, head='#include "embinit_expression.h"\n')
    if command[0] in BOARDS:
        head = '#include "embinit_expression.h"\n'
        got = run_on_board(functions, command[0], folder, tables, head, [*command[1:], "-std=c99"], UNITS)
    else:
        got = run(source, command, folder, tables, UNITS, WARNINGS)
    assert_equal(found, tables, wanted, got)


@pytest.mark.parametrize("build", [*PLAIN, *(pytest.param(board, marks=pytest.mark.device) for board in BOARDS)])
@given(seed=st.integers(0, 2**32))
@settings(SETTINGS, max_examples=1)
def test_plain_c_gives_the_bits_of_its_build(build, tmp_path_factory, seed):
    for needed in tools_of(build) if build in BOARDS else PLAIN[build][0][:1]:
        if shutil.which(needed) is None:
            pytest.skip(f"{needed} is not installed")
    check_plain(batch(seed), seed, build, tmp_path_factory.mktemp("c"))


@pytest.mark.parametrize("command", OWN, ids=" ".join)
@given(seed=st.integers(0, 2**32), arithmetic=st.sampled_from([SEPARATE, FUSED, WRITTEN]))
@settings(SETTINGS, max_examples=1)
def test_emitted_c_gives_the_same_bits_under_every_flag(command, tmp_path_factory, seed, arithmetic):
    for needed in tools_of(command[0]) if command[0] in BOARDS else command[:1]:
        if shutil.which(needed) is None:
            pytest.skip(f"{needed} is not installed")
    check_own(batch(seed), seed, command, tmp_path_factory.mktemp("c"), arithmetic)
