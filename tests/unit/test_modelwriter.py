"""A model written as a model file is read back as the same model, whatever it says."""

import json
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import embinit
from embinit import EmbinitError, Linear, Model, initializers
from embinit.dialects import DIALECTS, dialect_named
from embinit.dialects.declared import dialect_of_tables, program_tables
from embinit.distributions import BoundedNormal, Constant, Normal, ScaledUniform, Uniform
from embinit.initializers import Sliced, VarianceScaling
from embinit.layers import LSTM, Conv2d, Stored
from embinit.modelfile import fields_of
from embinit.modelwriter import spelled, tables_of
from embinit.toml import toml

from support.cli import run
from support.random_models import models

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.toml"))
FC = Linear(name="fc", in_features=3, out_features=2)


def ran(*words):
    done = run(*words)
    return done.returncode, done.stdout, done.stderr


def read_back(model, folder):
    path = folder / "written.toml"
    path.write_text(model.to_toml(), encoding="utf-8")
    return embinit.load(path)


def assert_same(model, again):
    assert again == model
    assert repr(again.layers) == repr(model.layers)  # to the sign of a zero
    assert again.plan().as_json() == model.plan().as_json()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_is_read_back(path, tmp_path):
    model = embinit.load(path)
    assert_same(model, read_back(model, tmp_path))


@given(model=models())
def test_models_over_all_dialects_are_read_back(model, tmp_path_factory):
    assume(isinstance(model, Model))
    assert_same(model, read_back(model, tmp_path_factory.getbasetemp()))


booleans, seeds = st.booleans(), st.integers(1, 2**32 - 1)
dialects = st.sampled_from(["odt", "torch", "portable", "gomlx", "kaun", "jax", "tinn", "keras-torch"])
numbers = st.one_of(st.floats(-1, 1, width=32), st.sampled_from([-0.0, 1e-30, 0.1]))
#: The keys of a layer, and those of a model, that say what a device does differently; low is a number.
OF_LAYERS = {
    "weight_init": [
        lambda low: None, lambda low: Uniform(low, 1.0), lambda low: Constant(low),
        lambda low: VarianceScaling(3.0, "fan_out", "uniform", 0.7),
    ],
    "bias_init": [None, Uniform(-1.0, 1.5), Constant(-0.0), Constant(0.0)],
    "init": [None, lambda low: {"bias": Sliced(None, ((0, 1, low),))}, {"weight": Normal(0.0, 0.5)}],
    "fan": [None, "fan_in", "fan_out"],
    "byte_order": ["little", "big"],
    "row_stride": [None, 3, 8],
    "order": [None, ["bias", "weight"]],
    "restart": [False, True, 7, {"bias": True}, {"weight": 9}],
    "skip_words": [0, 3],
    "weight_layout": [None, ["in", "out"], ["out", "in"]],
    "draws": [None, ["in", "out"]],
    "weight_format": ["float32", "int8", "q7"],
    "rounding": [None, "half_even"],
}  # fmt: skip
OF_MODELS = {
    "order": [None, ["b"], ["b.weight", "a"]],
    "skip_words": [0, 5],
    "memory_limit": [2**30, 12345],
    "multiply_add": [None, "separate", "fused"],
    "libm": [None, "double"],
    "rand": [None, "musl"],
    "jit": [False, True],
    "state": [None, 0xDEADBEEF],
}
of_layers, of_models = (
    {key: st.sampled_from(values) for key, values in each.items()} for each in (OF_LAYERS, OF_MODELS)
)


@st.composite
def departing_models(draw):
    """A model of which layers and the model itself have any of the keys that say what a device does differently."""
    dialect, low = draw(dialects), draw(numbers)
    given = {key: draw(values) for key, values in of_layers.items() if draw(booleans)}
    given = {key: value(low) if callable(value) else value for key, value in given.items()}
    of_model = {key: draw(values) for key, values in of_models.items() if draw(booleans) and draw(booleans)}
    try:
        first = Linear(name="a", in_features=3, out_features=2, **given)
        second = Linear(name="b", in_features=2, out_features=2, weight_init=Uniform(-0.5, 0.5))
        return Model("m", [first, second], seed=draw(seeds), dialect=dialect, **of_model)
    except EmbinitError:
        return None


@given(model=departing_models())
def test_departures_are_read_back(model, tmp_path_factory):
    assume(model is not None)
    assert_same(model, read_back(model, tmp_path_factory.getbasetemp()))


@pytest.mark.parametrize("name", sorted(DIALECTS))
def test_every_initializer_that_a_dialect_takes_has_words_in_it(name):
    dialect = dialect_named(name)
    for initializer in (
        Constant(-0.0), Constant(0.5), Uniform(-0.0, 1.0), Uniform(-0.25, 0.5), Normal(0.0, 0.3),
        ScaledUniform(-0.5, 0.5),
        BoundedNormal(0.5, -1.0, 2.0), VarianceScaling(2.0, "fan_avg", "normal", 0.5),
        initializers.he_uniform(), initializers.kaiming_uniform(), initializers.dirac(2), initializers.sparse(0.5),
        initializers.trunc_normal(), VarianceScaling(1.0, "fan_in", "uniform", axes=(-2, -1)),
        initializers.Seeded(Uniform(-0.5, 0.5), 7),
        initializers.Seeded(VarianceScaling(1.0, "fan_in", "normal", 2.0), 8),
    ):  # fmt: skip
        again = dialect.initializer(json.loads(json.dumps(spelled(dialect, initializer))))
        assert repr(again) == repr(initializer)


def test_a_group_of_the_layer_is_none_of_its_initializer(tmp_path):
    layer = Conv2d(name="c", in_channels=2, out_channels=2, kernel_size=1, groups=2, weight_init=initializers.dirac())
    model = Model("m", [layer], seed=1, dialect="torch")
    assert read_back(model, tmp_path).layers[0].weight_init.groups == 1


def test_the_dialect_of_a_file_is_written_with_it(tmp_path):
    tables = {**program_tables("tinn"), "name": "mine"}
    mine = dialect_of_tables(tables, "elsewhere.toml", "mine")
    model = Model("m", [FC], seed=1, dialect=mine)
    assert "[dialect.generator]" in model.to_toml()
    assert_same(model, read_back(model, tmp_path))
    of_a_known_name = dialect_of_tables({**tables, "name": "tinn", "summary": "another"}, "x.toml", "tinn")
    other = Model("m", [FC], seed=1, dialect=of_a_known_name)
    assert other != replace(other, dialect="tinn")
    assert_same(other, read_back(other, tmp_path))


def test_a_known_dialect_is_known_by_its_name(tmp_path):
    model = Model("m", [FC], seed=1, dialect=dialect_named("torch"))
    assert model.dialect == "torch"
    assert_same(model, read_back(model, tmp_path))


def test_a_dialect_in_python_must_be_registered():
    model = Model("m", [FC], seed=1, dialect=replace(dialect_named("odt"), name="unregistered"))
    with pytest.raises(EmbinitError, match=r"dialect unregistered .* register it with embinit.register_dialect"):
        model.to_toml()


def test_keys_that_torch_layers_have(tmp_path):
    lstm = LSTM(
        name="l", input_size=2, hidden_size=2, init={"bias_hh": Sliced(Constant(0.0), ((2, 4, 1.0),))}, proj_size=1
    )
    model = Model("m", [lstm, embinit.PReLU(name="p", init=-0.5), embinit.LayerNorm(name="n", normalized_shape=[2, 3])],
                  seed=-5, dialect="torch")  # fmt: skip
    assert 'init = { bias_hh = { name = "zeros", slices = { "2:4" = 1.0 } } }' in model.to_toml()
    assert_same(model, read_back(model, tmp_path))


def test_text_and_numbers_of_any_kind():
    for value in (
        2**70,
        -(2**70),
        10**5000,
        'a"\\\n\x7f\x1bé',
        True,
        -0.0,
        1e-45,
        1e300,
        [[1], ["x"]],
        {"a b": {"c": 1}},
    ):
        again = tomllib.loads(f"x = {toml(value)}")["x"]
        assert again == value
        assert toml(again) == toml(value)
    with pytest.raises(EmbinitError, match="not Unicode"):
        toml("\ud800")
    with pytest.raises(EmbinitError, match="no way to write None"):
        toml(None)


def test_saved_and_exported_from_python(tmp_path):
    model = embinit.load(EXAMPLES[0])
    model.save(tmp_path / "m.toml")
    assert embinit.load(tmp_path / "m.toml") == model
    sizes = model.export(tmp_path / "b", ["npz", "bin"])
    assert {path.name for path in (tmp_path / "b").iterdir()} == set(sizes)
    assert embinit.load(tmp_path / "b") == embinit.load(tmp_path / "b" / "manifest.json") == model


def test_a_model_file_has_a_limit(tmp_path, monkeypatch):
    monkeypatch.setattr("embinit.modelfile.MAX_FILE", 100)
    with pytest.raises(EmbinitError, match=r"m.toml: a model file must have at most 100 bytes, got \d+"):
        Model("m", [FC], seed=1).save(tmp_path / "m.toml")
    assert not list(tmp_path.iterdir())


def test_a_model_is_shown_in_one_line():
    text = repr(Model("m", [replace(FC, name=f"fc{i}") for i in range(1000)], seed=1))
    assert text == "<Model m: 1000 layers, 2000 buffers of 32000 bytes; dialect odt, target host, seed 1>"


# ---- A bundle without its model file ----


@pytest.fixture
def bundle(tmp_path):
    embinit.load(EXAMPLES[0], seed=77).export(tmp_path / "b", ["npz", "h", "c", "test"], amalgamated=True)
    return tmp_path / "b"


def test_a_bundle_is_checked_alone(bundle):
    assert ran("export", bundle, "--check")[0] == 0
    assert ran("export", bundle / "manifest.json", "--check")[0] == 0
    assert ran("plan", bundle)[1] == ran("plan", EXAMPLES[0], "--seed", "77")[1]


def test_a_changed_file_of_a_bundle_is_found_alone(bundle):
    path = next(bundle.glob("*.npz"))
    content = bytearray(path.read_bytes())
    content[-300] ^= 1
    path.write_bytes(content)
    status, out, _ = ran("export", bundle, "--check")
    assert (status, out) == (1, f"{path.name}: differs\n")


def test_a_bundle_cannot_be_exported_onto_itself_by_omission(bundle):
    status, _, err = ran("export", bundle)
    assert status == 2
    assert "export needs -o DIR" in err


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"model_file": 3}', "[" * 100000])
def test_a_manifest_without_a_model_is_refused(text, bundle):
    (bundle / "manifest.json").write_text(text)
    status, _, err = ran("export", bundle, "--check")
    assert status == 2
    assert len(err.splitlines()) == 1
    assert "manifest" in err


def test_a_manifest_of_an_unregistered_dialect_holds_no_model(tmp_path):
    Model("m", [FC], seed=1, dialect=replace(dialect_named("odt"), name="unregistered")).export(tmp_path / "b", ["bin"])
    status, _, err = ran("export", tmp_path / "b", "--check")
    assert status == 2
    assert "give the model file" in err


def test_tables_of_any_layer_are_plain(tmp_path):
    model = embinit.load(EXAMPLES[0])
    assert Model(**fields_of(json.loads(json.dumps(tables_of(model))), {})) == model
    assert all(
        isinstance(layer, Stored) or "name" in table
        for layer, table in zip(model.layers, tables_of(model)["layer"], strict=True)
    )
