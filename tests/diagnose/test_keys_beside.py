"""Lines that name another initializer say which keys beside the old one must go; pasted so, the file is the device."""

import json
import tomllib

import pytest

import embinit
from embinit.bundle import gather
from embinit.diagnose import diagnose

HEAD = '[model]\nname = "m"\ndialect = "{}"\nseed = 42\n'
LAYER = '[[layer]]\nname = "{}"\ntype = "Linear"\nin_features = 5\nout_features = 8\n{}\n'
#: A dialect, how its model file says the initializer, and what the device has instead.
CASES = [
    ("odt", 'weight_init = "kaiming_uniform"\ngain = 1.5', "xavier_uniform"),
    ("odt", 'weight_init = "uniform"\nlow = -0.1\nhigh = 0.2', "xavier_uniform"),
    ("odt", 'weight_init = "normal"\nmean = 0.1\nstddev = 0.5', "xavier_uniform"),
    ("portable", 'weight_init = "uniform"\nhigh = 0.2\nlow = -0.1', "kaiming_uniform"),
    ("kaun", 'weight_init = "uniform"\nscale = 0.3', "glorot_uniform"),
    ("cranium", 'weight_init = "uniform"\nlow = -0.1\nhigh = 0.2', "default"),
]


def plan(text):
    from embinit.api import from_tables

    return from_tables(tomllib.loads(text), {}).plan()


def edited(text, said):
    """The text of a model file with one layer, after a person has deleted and replaced what a diagnosis says."""
    ((table, lines),) = said["model_file"].items()
    gone = {*said["replaces"][table], *(line.split(" = ")[0] for line in lines.splitlines())}
    kept = [line for line in text.splitlines() if line.split(" = ")[0] not in gone]
    return "\n".join([*kept, lines]) + "\n"


@pytest.mark.parametrize(("dialect", "beside", "device"), CASES)
def test_the_file_without_the_keys_and_with_the_lines_is_the_device(dialect, beside, device, tmp_path):
    text = HEAD.format(dialect) + LAYER.format("fc", beside)
    left = gather(plan(HEAD.format(dialect) + LAYER.format("fc", f'weight_init = "{device}"')))
    dump = {array.name: array.payload for array in left.arrays}
    diagnosis = diagnose(gather(plan(text)), dump, "dump")

    said = json.loads(json.dumps(diagnosis.as_json()))["explanations"][0]
    assert said["exact"]
    assert (
        next(line for line in beside.splitlines()[1:]).split(" = ")[0]
        in said["replaces"][next(iter(said["model_file"]))]
    )
    path = tmp_path / "m.toml"
    path.write_text(edited(text, said))
    again = gather(embinit.load(path).plan())
    assert {array.name: array.payload for array in again.arrays} == dump


def test_the_text_names_the_keys():
    dialect, beside, device = CASES[1]
    left = gather(plan(HEAD.format(dialect) + LAYER.format("fc", f'weight_init = "{device}"')))
    text = HEAD.format(dialect) + LAYER.format("fc", beside)
    lines = str(diagnose(gather(plan(text)), {a.name: a.payload for a in left.arrays}, "dump")).splitlines()

    assert '    [[layer]] weight_init = "xavier_uniform"  # and delete low, high, if there' in lines


def test_a_layer_without_an_initializer_has_nothing_to_delete():
    left = gather(plan(HEAD.format("odt") + LAYER.format("fc", 'weight_init = "xavier_uniform"')))
    diagnosis = diagnose(
        gather(plan(HEAD.format("odt") + LAYER.format("fc", ""))), {a.name: a.payload for a in left.arrays}, "dump"
    )

    assert diagnosis.explained
    assert "replaces" not in diagnosis.as_json()["explanations"][0]


def test_a_table_with_parameters_beside_it_is_refused():
    keys = 'weight_init = { name = "uniform", low = -0.1, high = 0.1 }\nmean = 0.5'
    with pytest.raises(embinit.EmbinitError, match=r"layer 'fc': weight_init as a table .* remove mean beside it"):
        plan(HEAD.format("odt") + LAYER.format("fc", keys))


OF_WEIGHT = 'weight_format = "int8"\nbias_format = "int32"\ninput_scale = 0.0078125'
GROUPS = 'weight_format = "sym8"\ngroup_size = 8'
FORMATS = [
    (OF_WEIGHT, 'weight_format = "int8"\nbias_format = "float32"', ["input_scale"]),
    (OF_WEIGHT, 'weight_format = "int8"\nbias_format = "q31"', ["input_scale"]),
    (OF_WEIGHT, 'weight_format = "int8"\nbias_format = "q2.30"', ["input_scale"]),
    (GROUPS, 'weight_format = "q7"', ["group_size"]),
    ('weight_format = "int8"\nchannel_axis = "in"', 'weight_format = "q7"', ["channel_axis"]),
]


@pytest.mark.parametrize(("ours", "device", "gone"), FORMATS)
def test_keys_that_only_the_formats_before_take_are_named(ours, device, gone, tmp_path):
    text = HEAD.format("odt") + LAYER.format("fc", ours)
    left = gather(plan(HEAD.format("odt") + LAYER.format("fc", device)))
    held = {array.name: array.payload for array in left.arrays}
    bundle = gather(plan(text))
    dump = {array.name: held[array.name] for array in bundle.arrays if array.name in held}

    said = diagnose(bundle, dump, "dump").as_json()["explanations"][0]
    assert said["exact"]
    assert list(said["replaces"].values()) == [gone]
    path = tmp_path / "m.toml"
    path.write_text(edited(text, said))
    assert {array.name: array.payload for array in gather(embinit.load(path).plan()).arrays} == held


def test_the_page_names_the_keys():
    from embinit.pages.diagnose import page
    from embinit.readback import Readback

    dialect, beside, device = CASES[1]
    left = gather(plan(HEAD.format(dialect) + LAYER.format("fc", f'weight_init = "{device}"')))
    bundle = gather(plan(HEAD.format(dialect) + LAYER.format("fc", beside)))
    dump = Readback({array.name: array.payload for array in left.arrays})
    shown = page(bundle, dump, diagnose(bundle, dump, "dump"))

    assert "In [[layer]], delete low, high, if there." in shown.decode()
