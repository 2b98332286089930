"""What stands at places rather than being drawn, in Python and in C: ones, repeated values, the zero row of a table."""

import itertools
import json
import subprocess

import numpy as np
import pytest

import embinit
from embinit import Embedding, Model, Pcg32, Xorshift32, codegen, initializers
from embinit.bitgen.base import checked_uint
from embinit.bundle import gather
from embinit.clib import C_DIRECTORY
from embinit.formats import format_named
from embinit.generator import Generator
from embinit.samplers.pytorch import Ones, fill_ones, ones_of

from support.compilers import CORE, HOST_COMPILERS, compile_program

compilers = pytest.mark.parametrize("compiler", HOST_COMPILERS)

# ---- Ones ----

#: per_group, inputs, receptive, middle: more, as many, fewer outputs in a group than inputs; no kernel, and one.
RULES = [(*rule, middle) for rule in itertools.product((1, 2, 3, 5), (1, 2, 4), (1, 3)) for middle in {0, rule[2] // 2}]

ONES = """
#include <stdio.h>
#include <stdlib.h>
#include "embinit.h"

/* By fives: per_group, inputs, receptive, middle, n; write n floats, from memory of their size. */
int main(int argc, char **argv)
{
    for (int i = 1; i + 4 < argc; i += 5) {
        uint32_t numbers[5];
        for (int j = 0; j < 5; j++) {
            numbers[j] = (uint32_t)strtoul(argv[i + j], NULL, 10);
        }
        const embinit_ones_rule rule = {numbers[0], numbers[1], numbers[2], numbers[3]};
        float *out = malloc(numbers[4] * sizeof *out);
        embinit_ones(0, &rule, 0, 0, out, numbers[4]);
        if (fwrite(out, sizeof *out, numbers[4], stdout) != numbers[4]) {
            return 1;
        }
        free(out);
    }
    return 0;
}
"""


def ones(per_group, inputs, receptive, middle, outputs):
    """By the definition: output i of each group passes input i on, if there is one."""
    places = itertools.product(range(outputs), range(inputs), range(receptive))
    return [float(output % per_group == i and place == middle) for output, i, place in places]


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_ones_in_python(rule):
    outputs = 2 * rule[0]
    out = np.empty(outputs * rule[1] * rule[2], np.float32)
    fill_ones(Ones(*rule), out)

    assert out.tolist() == ones(*rule, outputs)


@compilers
def test_ones_in_c(compiler, tmp_path):
    """Also where n ends within a block, and with sizes of 0, under sanitizers."""
    (tmp_path / "main.c").write_text(ONES)
    program = compile_program(compiler, [tmp_path / "main.c", *UNITS], tmp_path / "ones", *HOST_COMPILERS[compiler])
    asked, expected = [], []
    for rule in [*RULES, (0, 0, 0, 0), (3, 0, 2, 1), (2, 3, 0, 0)]:
        per_group, inputs, receptive, _ = (max(number, 1) for number in rule)
        whole = ones(per_group, inputs, receptive, rule[3], 3 * per_group)
        for n in (1, len(whole) // 2 + 1, len(whole)):
            asked += [*rule, n]
            expected += whole[:n]
    done = subprocess.run([program, *map(str, asked)], capture_output=True, check=False)

    assert done.returncode == 0, done.stderr
    assert np.frombuffer(done.stdout, np.float32).tolist() == expected


@pytest.mark.parametrize(("shape", "groups"), [((6, 2, 3), 2), ((4, 3, 5), 2), ((9, 1, 2, 2), 3), ((2, 3, 4), 1)])
def test_dirac_has_one_input_for_each_output_of_a_group(shape, groups):
    outputs, inputs, *kernel = shape
    out = np.empty(shape, np.float32)
    Generator.seeded(1, "torch").fill(initializers.dirac(groups), out)
    expected = np.zeros(shape, np.float32)
    for group, output in itertools.product(range(groups), range(min(outputs // groups, inputs))):
        expected[(group * (outputs // groups) + output, output, *(size // 2 for size in kernel))] = 1

    assert np.array_equal(out, expected)
    assert ones_of(initializers.Dirac(groups, shape=shape)).per_group == outputs // groups


# ---- The zero row of a table ----

FILL = """
#include <stdio.h>
extern int firmware_main(unsigned seed);
extern float device_table0_weight[35];
extern float device_table2_weight[35];
extern float device_table4_weight[35];
int main(void)
{
    int right = firmware_main(%uu);
    size_t written = fwrite(device_table0_weight, sizeof(float), 35, stdout);
    written += fwrite(device_table2_weight, sizeof(float), 35, stdout);
    written += fwrite(device_table4_weight, sizeof(float), 35, stdout);
    return !right || written != 105;
}
"""
#: What the library needs besides for the fills of PyTorch.
ROOMS = ("libm", "mt19937", "normal", "pytorch")
UNITS = [C_DIRECTORY / f"{unit}.c" for unit in (*CORE, *(f"embinit_{room}" for room in ROOMS))]


def tables(*rows):
    """A model of tables of 5 by 7, each with a row of zeros, or None."""
    sizes = {"num_embeddings": 5, "embedding_dim": 7}
    layers = [Embedding(name=f"table{i}", padding_idx=row, **sizes) for i, row in zip((0, 2, 4), rows, strict=True)]
    return Model("m", layers, seed=3, dialect="torch")


@compilers
def test_the_zero_rows_of_embeddings(compiler, tmp_path):
    """The first, one within and the last; the rows beside them are as without."""
    bundle = gather(tables(0, 2, 4).plan())
    texts = {
        "m_init.h": codegen.init_header(bundle),
        "m_init.c": codegen.init_source(bundle),
        "firmware.c": codegen.firmware(bundle),
        "main.c": FILL % bundle.plan.model.seed,
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    sources = [*UNITS, *(tmp_path / name for name in texts if name.endswith(".c"))]
    program = compile_program(compiler, sources, tmp_path / "fill", f"-I{tmp_path}", *HOST_COMPILERS[compiler])
    done = subprocess.run([program], capture_output=True, check=False)
    expected = [array.copy() for array in tables(None, None, None).init().values()]
    for row, array in zip((0, 2, 4), expected, strict=True):
        assert array.all()
        array[row] = 0

    assert done.returncode == 0, done.stderr
    assert done.stdout == b"".join(array.tobytes() for array in expected)


# ---- Numbers ----


def test_an_element_of_float32_has_32_bits():
    layout = format_named("float32")
    (row, bias) = Model("m", [embinit.Linear(in_features=3, out_features=5)], seed=1).plan().rows

    assert (layout.bits, layout.nbytes(7), layout.ctype, layout.dtype.itemsize) == (32, 28, "float", 4)
    assert (row.bytes, bias.bytes) == (4 * 15, 4 * 5)


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int32, np.uint32, np.int64, np.uint64])
def test_integers_of_numpy_become_those_of_python(kind):
    """Those of NumPy have a width, beyond which they wrap around, and json does not know them."""
    most = int(np.iinfo(kind).max)
    value = checked_uint("seed", kind(most), 64)
    generator = Pcg32(kind(most))

    assert (value, type(value)) == (most, int)
    assert generator == Pcg32(most)
    assert json.loads(json.dumps(generator.state)) == list(Pcg32(most).state)
    assert Xorshift32(kind(100)).jumped(kind(100)).state == Xorshift32(100).jumped(100).state
