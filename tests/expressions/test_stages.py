"""Names and stages: what gcc fuses across the names of an initializer, in a loop over the elements of a tensor.

The sample is fixed: of a thousand random initializers gcc moves a sign in two or three, which then round differently.
"""

import shutil
from random import Random

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from embinit.errors import EmbinitError
from embinit.expressions import FLOAT, TYPES, Input, Program, define

from support.builds import BOARDS, PLAIN, tools_of
from support.compiled import bits_of, columns, program, results_of, run, run_on_board
from support.random_expressions import any_sum, text_of


def initializers(seed, count=60):
    """Return limit and range, once per tensor from a and b; unit, from a word x; and value, from all of them."""
    random = Random(seed)
    return [
        tuple(any_sum(random, depth, names, casts=["float"], functions=["floorf"]) for depth, names in (
            (2, ["a", "b"]), (2, ["a", "limit"]), (2, ["x"]), (3, ["unit", "unit", "limit", "range", "a"])))
        for _ in range(count)
    ]  # fmt: skip


def text_with_calls(tree):
    """Return the C of a value, in which a unit is what an inlined function returns."""
    return text_of(tree).replace("unit", "unit_of(u)")


def check(cases, seed, build, folder):
    arithmetic = BOARDS[build] if build in BOARDS else PLAIN[build][1]
    functions, wanted, tables = [], [], []
    for limit, range_, unit, value in cases:
        unit_text = text_of(unit).replace("x", "((float)(int32_t)u * 0x1p-30f)")
        texts = {"limit": text_of(limit), "range": text_of(range_), "unit": unit_text, "value": text_of(value)}
        inputs = {"a": Input(FLOAT, "tensor"), "b": Input(FLOAT, "tensor"), "u": Input(TYPES["uint32_t"])}
        try:
            made = Program([define(name, text, name) for name, text in texts.items()], inputs, {"value": FLOAT})
            routine = made.compile(arithmetic)
        except EmbinitError:
            continue
        if made.stages["value"] < 2:
            continue
        table = columns(seed + len(tables), 24, special=False)
        triples = zip(table["a"], table["b"], table["u"], strict=True)
        rows = [routine.bind(a=a, b=b).evaluate(u=np.array([u]))["value"] for a, b, u in triples]
        i = len(functions)
        head = f"static inline float unit{i}(uint32_t u) {{ return {unit_text}; }}\n"
        body = (
            f"{head}__attribute__((noipa))\n"
            f"static void f{i}(float *w, const uint32_t *words, int n, float a, float b)\n"
            f"{{ float limit = {texts['limit']}; float range = {texts['range']};\n"
            f"for (int j = 0; j < n; j++) {{ uint32_t u = words[j];\n"
            f"w[j] = {text_with_calls(value).replace('unit_of', f'unit{i}')}; }} }}"
        )
        functions.append((body, f"f{i}(&out, &u, 1 + (int)(function > 100000u), a, b);", "float"))
        wanted.append(np.concatenate(rows))
        tables.append(table)
    if not functions:
        return []
    if build in BOARDS:
        got = run_on_board(functions, build, folder, tables)
    else:
        got = run(program(functions), PLAIN[build][0], folder, tables)
    found = []
    for (text, _, _), want, have in zip(functions, wanted, got, strict=True):
        different = int((bits_of(want) != results_of(have, np.float32)).sum())
        if different:
            found.append(f"{different} of {want.size}: {text}")
    return found


@pytest.mark.parametrize("build", ["gcc", "gcc-fma", pytest.param("cortex-m4f", marks=pytest.mark.device)])
@given(seed=st.integers(0, 2**32))
@settings(deadline=None, database=None, max_examples=1, phases=[Phase.generate], derandomize=True)
def test_gcc_fuses_across_names_and_not_across_stages(build, tmp_path_factory, seed):
    for needed in tools_of(build) if build in BOARDS else PLAIN[build][0][:1]:
        if shutil.which(needed) is None:
            pytest.skip(f"{needed} is not installed")
    assert check(initializers(seed), seed, build, tmp_path_factory.mktemp("c")) == []
