"""`embinit dialects FILE --check`: groups, and layers without a bias, where the C takes them."""

import pytest

import embinit
from embinit.source_check import ON_HOST, _form, _model, check

FILE = """
[dialect]
name = "grouped"
[dialect.generator]
kind = "lcg"
bits = 32
multiplier = 1664525
increment = 1013904223
[dialect.values]
unit = "(float)(word >> 8) * 0x1p-24f"
[dialect.initializers.default]
value = "(unit - 0.5f) / (float)fan_in"
[dialect.layers.Conv1d]
weight = ["out", "in", "kernel"]
fan_in = "in * kernel"
fan_out = "out * kernel"
"""
SOURCE = """
#include <stdint.h>
static uint32_t s;
static float unit(void)
{
    s = s * 1664525u + 1013904223u;
    return (float)(s >> 8) * 0x1p-24f;
}
void conv(float *w, float *b, uint32_t in, uint32_t out, uint32_t kernel, uint32_t groups, uint32_t seed)
{
    uint32_t fan_in = in / GROUPS * kernel;
    s = seed;
    for (uint32_t i = 0; i < out * fan_in; i++) {
        w[i] = (unit() - 0.5f) / (float)fan_in;
    }
    if (b != 0) {
        for (uint32_t i = 0; i < out; i++) {
            b[i] = (unit() - 0.5f) / (float)fan_in;
        }
    }
}
"""


@pytest.fixture
def dialect(tmp_path):
    path = tmp_path / "grouped.toml"
    path.write_text(FILE, encoding="utf-8")
    return embinit.load_dialect(path)


def test_groups_and_layers_without_a_bias_are_tried(dialect, tmp_path):
    path = tmp_path / "conv.c"
    path.write_text(SOURCE.replace("GROUPS", "groups"), encoding="utf-8")
    form = _form(SOURCE, "conv")

    class Chosen:
        randint = choice = randrange = staticmethod(lambda *_: 2)

    layers = [_model(dialect, "host", Chosen, i, form).layers[0] for i in range(ON_HOST)]
    assert {layer.groups for layer in layers} == {2}
    assert {layer.bias for layer in layers} == {True, False}
    assert check(dialect, path, "conv").agrees


def test_c_that_forgets_its_groups_is_found(dialect, tmp_path):
    path = tmp_path / "conv.c"
    path.write_text(SOURCE.replace("in / GROUPS", "in / (groups > 2u ? 1u : groups)"), encoding="utf-8")

    difference = check(dialect, path, "conv").difference

    assert difference is not None
    assert difference.model.layers[0].groups > 1
