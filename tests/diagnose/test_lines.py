"""Whatever diagnose names, a model file can say: each mistake's lines, pasted, give the device's bytes."""

import tomllib

import pytest

from embinit.api import from_tables
from embinit.bundle import gather
from embinit.diagnose import diagnose
from embinit.diagnose.account import Account
from embinit.diagnose.hypotheses import ordinary
from embinit.diagnose.pasting import replaced
from embinit.errors import EmbinitError
from embinit.verify import verify

FLOATS = """
[model]
name = "m"
dialect = "{dialect}"
target = "cortex-m4f"
seed = 42
[[layer]]
name = "conv"
type = "Conv1d"
in_channels = 4
out_channels = 6
groups = 2
kernel_size = 3
[[layer]]
name = "fc"
type = "Linear"
in_features = 9
out_features = 5
[[layer]]
name = "last"
type = "Linear"
in_features = 5
out_features = 7
"""
CODES = FLOATS.replace("kernel_size = 3\n", 'kernel_size = 3\nweight_format = "int4"\n').replace(
    "in_features = 9\n", 'in_features = 9\nweight_format = "sym5"\ngroup_size = 15\n'
)
HE = 'kernel_size = 3\nweight_init = "kaiming_normal"\n'
MODELS = {
    "odt": FLOATS.format(dialect="odt"),
    "torch": FLOATS.format(dialect="torch"),
    "codes": CODES.format(dialect="odt"),
    "normal": FLOATS.format(dialect="odt").replace("kernel_size = 3\n", HE),
}
TWO_LAYERS = """
[model]
name = "m"
dialect = "{dialect}"
target = "cortex-m4f"
seed = 42
[[layer]]
name = "fc1"
type = "Linear"
in_features = 9
out_features = 6
{first}
[[layer]]
name = "fc2"
type = "Linear"
in_features = 6
out_features = 5
{second}
"""
NORMAL = 'weight_init = { name = "normal", mean = 0.0, stddev = 0.1 }'
OTHER_DIALECTS = ["darknet", "fann", "genann", "tinn", "gomlx", "kaun", "flax-nnx", "keras-torch"]
OTHERS = {dialect: TWO_LAYERS.format(dialect=dialect, first="", second="") for dialect in OTHER_DIALECTS}
OTHERS["llmc"] = TWO_LAYERS.format(dialect="llmc", first=NORMAL, second=NORMAL)
OTHERS["codes"] = TWO_LAYERS.format(dialect="odt", first='weight_format = "affine8"', second='weight_format = "asym6"')
OTHERS["channels"] = TWO_LAYERS.format(dialect="odt", first='weight_format = "sym8"', second='weight_format = "q7"')
#: Where lines are not enough: groups that another format would keep, and packed codes whose scales move with them.
NOT_ALWAYS = {("codes", "format"), ("codes", "layout")}


def pasted(text, lines, model):
    """Return the tables of a model file after lines were pasted in place of what they replace."""
    tables, gone = tomllib.loads(text), replaced(model, lines)
    tables["model"] |= tomllib.loads(lines.get("[model]", ""))
    for layer in tables["layer"]:
        for head in ("[[layer]]", f"[[layer]] {layer['name']}"):
            for key in gone.get(head, ()):
                layer.pop(key, None)
            layer |= tomllib.loads(lines.get(head, ""))
    return tables


def mistaken(text):
    """Yield each ordinary mistake that changes a model's bytes, and what a device leaves that makes it."""
    model = from_tables(tomllib.loads(text), {})
    planned = Account.of(model).run()
    for hypothesis in ordinary(model, normals=True):
        try:
            run = hypothesis.change(Account.of(model)).run()
        except EmbinitError:
            continue
        if (run.image, run.beside) != (planned.image, planned.beside):
            yield model, hypothesis, {**run.image, **run.beside}


@pytest.mark.parametrize("name", MODELS)
def test_the_lines_of_each_mistake_give_its_bytes(name):
    seen = set()
    for model, hypothesis, memory in mistaken(MODELS[name]):
        if (name, hypothesis.name) in NOT_ALWAYS:
            continue
        seen.add(hypothesis.name)
        bundle = gather(from_tables(pasted(MODELS[name], hypothesis.lines(model), model), {}).plan())

        assert {array.name: array.payload for array in bundle.arrays} == memory, hypothesis.sentence
    assert {"fan", "bias", "draw order", "seeded per layer", "seeded per buffer", "byte order"} <= seen
    assert ({"bit order", "channel axis", "group size"} if name == "codes" else {"layout"}) <= seen


@pytest.mark.parametrize("name", OTHERS)
def test_the_lines_of_each_mistake_in_other_dialects_give_its_bytes(name):
    seen = 0
    for model, hypothesis, memory in mistaken(OTHERS[name]):
        if hypothesis.declares is not None:
            continue
        lines = hypothesis.lines(model)
        assert lines, hypothesis.sentence
        bundle = gather(from_tables(pasted(OTHERS[name], lines, model), {}).plan())
        assert {array.name: array.payload for array in bundle.arrays} == memory, hypothesis.sentence
        seen += 1
    assert seen > 20


@pytest.mark.parametrize("name", ["odt", "codes"])
@pytest.mark.parametrize(
    "kind", ["draw order", "seeded per buffer", "layout", "byte order", "bit order", "channel axis", "bias", "fan"]
)
def test_a_device_is_diagnosed_and_then_accepted(name, kind):
    cases = [case for case in mistaken(MODELS[name]) if case[1].name == kind]
    for model, _, everything in cases[-1:]:
        bundle = gather(model.plan())
        memory = {a.name: everything[a.name] for a in bundle.arrays if len(everything[a.name]) == len(a.payload)}
        explanations = diagnose(bundle, memory, "device").explanations
        first = next(explanation for explanation in explanations if explanation.exact)
        bundle = gather(from_tables(pasted(MODELS[name], first.lines, model), {}).plan())

        assert first.lines
        assert verify(bundle, memory, "device").agrees
