"""int8 and int4 of transposed convolutions with groups: one scale for each output channel of the layer.

So CMSIS-NN and XNNPACK hold them: group g's inputs meet its own out / groups channels, and channel o of all of them is
channel o % (out / groups) of group o // (out / groups).
"""

import subprocess
from fractions import Fraction

import numpy as np
import pytest

import embinit
from embinit import ConvTranspose1d, EmbinitError, codegen
from embinit.bundle import gather
from embinit.clib import SOURCES
from embinit.formats import Groups
from embinit.store import encode
from embinit.verify import verify

from support.compilers import HOST_COMPILERS, compile_program
from support.firmware import firmware

SIZES = [(4, 6, 3, 2), (6, 6, 2, 6), (6, 4, 1, 2), (9, 3, 5, 3), (8, 12, 2, 4)]
DIALECTS = ("odt", "portable", "torch")


def model(sizes, weight_format, dialect="odt", rounding="half_away", target="cortex-m4f"):
    inputs, outputs, kernel, groups = sizes
    layers = [
        ConvTranspose1d(
            name=name, in_channels=inputs, out_channels=outputs, kernel_size=kernel, groups=groups,
            weight_format=weight_format, bias_format="q7", rounding=rounding,
        )
        for name in "ab"
    ]  # fmt: skip
    return embinit.Model("m", layers, seed=5, dialect=dialect, target=target)


def scales(values, axes, groups, qmax):
    """The scale of each output channel, from its elements one by one."""
    outputs, inputs = (values.shape[axes.index(axis)] for axis in ("out", "in"))
    largest = [Fraction(0)] * (outputs * groups)
    for index, value in np.ndenumerate(values):
        group = index[axes.index("in")] // (inputs // groups)
        channel = group * outputs + index[axes.index("out")]
        largest[channel] = max(largest[channel], abs(Fraction(float(value))))
    return [np.float32(np.float32(float(each)) / np.float32(qmax)) for each in largest]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(("name", "qmax"), [("int8", 127), ("int4", 7)])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_a_scale_for_each_output_channel_of_the_layer(sizes, name, qmax, dialect):
    plan = model(sizes, name, dialect).plan()
    bundle, values = gather(plan), model(sizes, "float32", dialect).init()
    for entry in (entry for entry in bundle.entries if entry.name.endswith("weight")):
        expected = scales(values[entry.name], entry.row.axes, sizes[3], qmax)

        assert entry.parameters["scale"].tolist() == expected
        assert len(expected) == sizes[1]
        error = np.abs(entry.buffer.decode() - values[entry.name])
        assert error.max() <= max(expected) * 0.51


def test_the_output_channels_are_those_of_pytorch():
    """The weights that an output channel depends on, as PyTorch differentiates, are those that share its scale."""
    torch = pytest.importorskip("torch")
    inputs, outputs, kernel, groups = 6, 8, 3, 2
    values = model((inputs, outputs, kernel, groups), "float32", "torch").init()["a.weight"]
    scale = encode(values, "int8", channel_axis=1, channel_groups=groups).scale
    weight = torch.from_numpy(values).requires_grad_()
    out = torch.nn.functional.conv_transpose1d(torch.ones(1, inputs, 1), weight, groups=groups)
    assert scale.size == out.shape[1] == outputs
    for channel in range(outputs):
        (gradient,) = torch.autograd.grad(out[0, channel].sum(), weight, retain_graph=True)
        assert scale[channel] == np.abs(values[gradient.numpy() != 0]).max() / np.float32(127)


@pytest.mark.device
@pytest.mark.parametrize(
    ("dialect", "name", "rounding", "core"),
    [("odt", "int4", "stochastic", "cortex-m0"), ("portable", "int8", "half_away", "cortex-m4f")],
)
def test_the_generated_c_on_a_core(dialect, name, rounding, core, tmp_path):
    bundle = gather(model((6, 9, 3, 3), name, dialect, rounding, core).plan())
    machine = firmware(bundle, tmp_path)

    assert machine.call("firmware_main", bundle.plan.model.seed) == 1
    found = {array.name: machine.read(f"device_{array.identifier}") for array in bundle.arrays}
    assert verify(bundle, found, core).agrees
    assert len(found["a.weight.scale"]) == 4 * 9


def test_plan_and_header_say_how_channels_are_grouped():
    plan = model((4, 6, 3, 2), "int8").plan()
    weight = plan.as_json()["buffers"][0]

    assert (weight["channel_axis"], weight["channel_groups"]) == (1, 2)
    (line,) = (line for line in codegen.init_header(gather(plan)).splitlines() if "a_weight_scale" in line)
    assert "6" in line
    assert str(plan.rows[0].storage) == "int8, half_away, channel_axis 1, channel_groups 2"


def test_other_convolutions_have_no_groups_of_channels():
    conv = embinit.Conv1d(name="c", in_channels=4, out_channels=6, kernel_size=3, groups=2, weight_format="int8")
    (row, _) = embinit.Model("m", [conv], seed=1).plan().rows

    assert row.storage.groups(row.shape) == Groups(6, 2 * 3)


@pytest.mark.parametrize(
    ("groups", "words"), [(3, ["channel_groups", "4", "3"]), (0, ["channel_groups", "0"]), (True, ["channel_groups"])]
)
def test_groups_that_do_not_fit_are_refused(groups, words):
    with pytest.raises(EmbinitError) as error:
        encode(np.ones((4, 3), np.float32), "int8", channel_axis=1, channel_groups=groups)
    for word in words:
        assert word in str(error.value)


# ---- Rows by hand ----

ROWS = """
#include <stdio.h>
#include "embinit_store.h"

static void copy_state(void *to, const void *from)
{
    *(embinit_xorshift32 *)to = *(const embinit_xorshift32 *)from;
}

static size_t stored(const embinit_family *family, uint32_t count, uint32_t groups, uint32_t run, uint32_t *state)
{
    static int8_t codes[24];
    static float scale[24];
    static const embinit_uniform_rule rule = {8, EMBINIT_SEPARATE};
    const embinit_stored_row rows[2] = {
        {{embinit_uniform, &rule, 2, 0xbf800000u, 0x40000000u, 0}, {&embinit_family_q, 8, 8, 7, 0, 0, 1, 2}},
        {{embinit_uniform, &rule, count, 0xbf800000u, 0x40000000u, 0}, {family, 8, 8, 0, 0, 0, groups, run}},
    };
    const embinit_buffer buffers[2] = {{codes, 0, 0, 0}, {codes, scale, 0, 0}};
    embinit_xorshift32 states[3] = {{1}, {0}, {0}};
    const embinit_stream stream = {embinit_xorshift32_source, copy_state, &states[0], &states[1], &states[2]};
    size_t result = embinit_store(rows, 2, &stream, buffers);
    *state = states[0].state;
    return result;
}

int main(void)
{
    static const embinit_family by_twos = EMBINIT_FAMILY_INT_IN_TURNS(2, 3);
    static const embinit_family never = EMBINIT_FAMILY_INT_IN_TURNS(0, 3);
    const struct {
        const embinit_family *family;
        uint32_t count;
        uint32_t groups;
        uint32_t run;
        int right;
    } rows[] = {
        {&embinit_family_sym, 12, 3, 4, 1}, {&embinit_family_sym, 12, 0, 4, 0}, {&embinit_family_sym, 12, 3, 0, 0},
        {&embinit_family_sym, 12, 0, 0, 0}, {&embinit_family_sym, 12, 3, 3, 0}, {&embinit_family_sym, 12, 6, 4, 0},
        {&embinit_family_sym, 12, 0x80000000u, 2, 0}, {&embinit_family_sym, 12, 0x40000003u, 4, 0},
        {&embinit_family_int, 12, 3, 2, 1}, {&embinit_family_int, 12, 5, 2, 0}, {&embinit_family_int, 12, 3, 0, 0},
        {&embinit_family_int, 0, 1, 1, 0}, {&embinit_family_sym, 0, 1, 0, 0}, {&embinit_family_q, 12, 1, 12, 1},
        {&by_twos, 24, 4, 2, 1}, {&by_twos, 12, 4, 1, 1}, {&by_twos, 12, 3, 1, 0}, {&by_twos, 12, 4, 2, 0},
        {&by_twos, 12, 0xfffffffeu, 1, 0}, {&never, 12, 4, 1, 1}, {0, 2, 0, 0, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint32_t state;
        size_t result = stored(rows[i].family, rows[i].count, rows[i].groups, rows[i].run, &state);
        if (result != (rows[i].right ? 2u : 1u) || (state == 1u) == rows[i].right) {
            (void)printf("row %u: %u\\n", (unsigned)i, (unsigned)result);
        }
    }
    return 0;
}
"""


@pytest.mark.parametrize("compiler", HOST_COMPILERS)
def test_rows_whose_groups_do_not_make_up_their_elements_are_refused(compiler, tmp_path):
    """Under sanitizers, and before anything is drawn."""
    (tmp_path / "main.c").write_text(ROWS)
    program = compile_program(compiler, [tmp_path / "main.c", *SOURCES], tmp_path / "rows", *HOST_COMPILERS[compiler])
    done = subprocess.run([program], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
