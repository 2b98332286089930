"""`embinit dialects FILE --check`: groups, and layers without a bias, where the C takes them."""

import pytest

import embinit
from embinit.source_check import ON_HOST, _form, _model, check
from embinit.targets import gcc_qemu, host_gcc
from embinit.targets.device_error import DeviceError

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


@pytest.fixture(autouse=True)
def without_cores(request, monkeypatch):
    """Let a check compare on this machine alone, as it does where no cross-compiler is installed."""
    if request.node.get_closest_marker("device") is None:
        monkeypatch.setattr(gcc_qemu, "is_installed", lambda: False)


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

    layers = [_model(dialect, ["Conv1d"], "host", Chosen, i, form).layers[0] for i in range(ON_HOST)]
    assert {layer.groups for layer in layers} == {2}
    assert {layer.bias for layer in layers} == {True, False}
    assert check(dialect, path, "conv").agrees


def test_c_that_forgets_its_groups_is_found(dialect, tmp_path):
    path = tmp_path / "conv.c"
    path.write_text(SOURCE.replace("in / GROUPS", "in / (groups > 2u ? 1u : groups)"), encoding="utf-8")

    difference = check(dialect, path, "conv").difference

    assert difference is not None
    assert difference.model.layers[0].groups > 1


def test_c_that_writes_past_its_buffer_is_found(dialect, tmp_path):
    path = tmp_path / "conv.c"
    path.write_text(SOURCE.replace("in / GROUPS", "in"), encoding="utf-8")

    difference = check(dialect, path, "conv").difference

    count = difference.model.init()["layer.weight"].size
    assert difference.model.layers[0].groups > 1
    assert f"layer.weight, element {count}, of a Conv1d" in str(difference)
    assert f"the C writes outside of the buffer, which has {count} elements" in str(difference)


def test_c_that_writes_before_its_buffer_is_found(dialect, tmp_path):
    path = tmp_path / "conv.c"
    path.write_text(
        SOURCE.replace("GROUPS", "groups").replace("    if (b", "    w[-3] = 0;\n    if (b"), encoding="utf-8"
    )

    assert "layer.weight, element -3, of a Conv1d" in str(check(dialect, path, "conv").difference)


@pytest.mark.parametrize(
    ("line", "limit", "cause"),
    [
        ("*(volatile int *)8 = 1;", 20.0, "was ended by SIGSEGV"),
        ("abort();", 20.0, "was ended by SIGABRT"),
        ("exit(3);", 20.0, "ended the process, with exit status 3"),
        ("exit(0);", 20.0, "ended the process, with exit status 0"),
        ("while (s != 1u) s |= 2u;", 0.25, "has not returned within 0.25 s"),
    ],
)
def test_c_that_does_not_return_is_an_error_of_one_line(line, limit, cause, dialect, tmp_path, monkeypatch):
    monkeypatch.setattr(host_gcc, "LIMIT", limit)
    path = tmp_path / "conv.c"
    text = SOURCE.replace("GROUPS", "groups").replace("    s = seed;", f"    s = seed;\n    {line}")
    path.write_text("#include <stdlib.h>\n" + text, encoding="utf-8")

    with pytest.raises(DeviceError, match=rf"^host: conv of a Conv1d \(.*\) with seed \d+: {cause}$"):
        check(dialect, path, "conv")


@pytest.mark.device
def test_c_may_print_and_have_a_main_and_a_state(dialect, tmp_path):
    text = SOURCE.replace("GROUPS", "groups").replace(
        "    s = seed;", '    s += seed;\n    printf("seeded %u\\n", seed);'
    )
    path = tmp_path / "conv.c"
    path.write_text(f"#include <stdio.h>\n{text}\nint main(void)\n{{\n    return 1;\n}}\n", encoding="utf-8")

    assert check(dialect, path, "conv").agrees


LINEAR = """
[dialect.layers.Linear]
weight = ["out", "in"]
fan_in = "in"
fan_out = "out"
"""


def test_an_entry_is_compared_with_the_layers_that_it_fills(tmp_path):
    (tmp_path / "both.toml").write_text(FILE + LINEAR, encoding="utf-8")
    (tmp_path / "conv.c").write_text(SOURCE.replace("GROUPS", "groups"), encoding="utf-8")
    found = check(embinit.load_dialect(tmp_path / "both.toml"), tmp_path / "conv.c", "conv")

    assert found.agrees
    assert found.left == ("Linear",)
    assert str(found).endswith("the C does; not compared: Linear, which an entry with other parameters fills")


def test_an_entry_that_fills_no_layer_of_the_file(dialect, tmp_path):
    (tmp_path / "dense.c").write_text(
        "void dense(float *w, float *b, unsigned in, unsigned out, unsigned seed) {}", encoding="utf-8"
    )

    says = r"the file \(Conv1d: weight, bias, inputs, outputs, kernel, seed\), got 2 between bias and seed"
    with pytest.raises(embinit.EmbinitError, match=says):
        check(dialect, tmp_path / "dense.c", "dense")
