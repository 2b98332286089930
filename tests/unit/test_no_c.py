"""A model without C says so before anything is drawn: in its plan, and where C is asked for."""

import json
from pathlib import Path

import pytest
from hypothesis import given

import embinit
from embinit import EmbinitError, codegen
from embinit.api import from_tables
from embinit.bundle import gather
from embinit.commands.plan import _is_usual
from embinit.dialects import DIALECTS

from support.cli import run as command
from support.random_models import models

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.toml"))
WITHOUT = {
    "quantizer": {"weight_format": "affine8", "weight_quantizer": {"scale": "double"}},
    "literals": {"literals": "%.6f"},
    "slices": {"weight_format": "int8", "init": {"weight": {"name": "default", "slices": {"0:2": 1.0}}}},
    "trunc_normal": {"weight_init": "trunc_normal", "dialect": "torch"},
    "stochastic": {"weight_format": "int8", "weight_layout": ["in", "out"], "rounding": "stochastic"},
    "spans": {"weight_format": "int8", "weight_quantizer": {"quotient": "multiply"}, "bias_format": "int32",
              "input_scale": 0.05},
}  # fmt: skip
WITH = {
    "codes": {"weight_format": "affine8", "group_size": 4},
    "channels": {"weight_format": "int8", "bias_format": "int32", "input_scale": 0.05},
    "quantizer": {"weight_format": "q7", "weight_quantizer": {"factor": 127.0}},
    "chosen": {"weight_format": "q8/auto", "bias_format": "bfp8e4"},
    "restart": {"restart": True, "skip_words": 3},
    "order": {"weight_format": "int4", "element_order": {"weight": {"order": [1, 0]}}},
}  # fmt: skip


def model_of(keys):
    """A model with a layer of some keys, as its file says them."""
    told = {"name": "m", "dialect": keys.get("dialect", "odt"), "seed": 3}
    layer = {"type": "Linear", "name": "fc", "in_features": 9, "out_features": 8}
    layer |= {key: value for key, value in keys.items() if key != "dialect"}
    return from_tables({"model": told, "layer": [layer]}, {})


def drawn(plan):
    """Why the model has no C, as the C of its drawn values says it."""
    try:
        codegen.init_source(gather(plan))
    except codegen.NoCodeError as error:
        return str(error)
    except EmbinitError:  # values that a format cannot hold
        return "values"
    return None


def assert_agrees(plan):
    told, known = codegen.no_c(plan), drawn(plan)
    assert known in ("values", told)
    assert told is None or not _is_usual(plan)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples(path):
    assert_agrees(embinit.load(path).plan())


def test_dialects():
    agreed = 0
    for dialect in DIALECTS:
        for keys in ({"dialect": dialect}, {"dialect": dialect, "weight_init": "uniform"}):
            try:
                asked = model_of(keys)
            except EmbinitError:
                continue
            assert_agrees(asked.plan())
            agreed += 1
    assert agreed > 40


@given(models())
def test_random_models(model):
    if not isinstance(model, EmbinitError):
        assert_agrees(model.plan())


@pytest.mark.parametrize("name", WITHOUT)
def test_a_key_without_c(name):
    plan = model_of(WITHOUT[name]).plan()

    assert codegen.no_c(plan) == drawn(plan) is not None
    assert not _is_usual(plan)


@pytest.mark.parametrize("name", WITH)
def test_a_key_with_c(name):
    plan = model_of(WITH[name]).plan()

    assert codegen.no_c(plan) is drawn(plan) is None


@pytest.fixture
def without_c(tmp_path):
    path = tmp_path / "m.toml"
    model_of(WITHOUT["quantizer"]).save(path)
    return path


def test_the_plan_says_it(without_c, tmp_path):
    why = "fc.weight: no C has scale of a quantizer in affine8, which has zero points"

    assert f"\nno init code: {why}" in command("plan", without_c).stdout
    assert json.loads(command("plan", without_c, "--json").stdout)["no_c"].startswith(why)
    page = tmp_path / "plan.html"
    command("plan", without_c, "--report", page)
    assert why in page.read_text()


def test_what_asks_for_c_is_refused_before_anything_is_drawn(without_c, tmp_path, monkeypatch):
    def drawing(_plan):
        raise AssertionError("it draws")

    monkeypatch.setattr("embinit.export.gather", drawing)
    with pytest.raises(EmbinitError, match="no C has scale of a quantizer"):
        embinit.export.export(embinit.load(without_c), tmp_path / "out", ["npz", "c"])
    assert not (tmp_path / "out").exists()
    refused = command("verify", without_c, "--device", "cortex-m0")
    assert refused.returncode == 2
    assert "no C has scale of a quantizer" in refused.stderr


def test_an_export_without_c_says_why(without_c, tmp_path):
    assert "has no init code: fc.weight: no C has" in command("export", without_c, "-o", tmp_path / "out").stderr
