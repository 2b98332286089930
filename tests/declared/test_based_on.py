"""What a file that is based on another keeps of it."""

import tomllib

import pytest

import embinit
from embinit.dialects import text_of
from embinit.dialects.declared.reader import merged

BASE = {"generator": {"kind": "mt19937", "scope": "tensor", "warmup": 3}, "initializers": {"a": {"value": "unit"}}}


def test_a_generator_of_another_kind_keeps_the_scope_alone():
    assert merged(BASE, {"generator": {"kind": "minstd"}})["generator"] == {"kind": "minstd", "scope": "tensor"}
    assert merged(BASE, {"generator": {"kind": "minstd", "scope": "model"}})["generator"]["scope"] == "model"


def test_a_generator_of_the_same_kind_keeps_what_is_not_given():
    assert merged(BASE, {"generator": {"warmup": 4}})["generator"] == {**BASE["generator"], "warmup": 4}


def test_another_way_of_computing_elements_replaces_that_of_the_base():
    found = merged(BASE, {"initializers": {"a": {"low": "-1.0f", "high": "1.0f"}}})

    assert found["initializers"]["a"] == {"low": "-1.0f", "high": "1.0f"}


@pytest.mark.parametrize(("scope", "same"), [("", True), ('scope = "model"', False)])
def test_every_tensor_of_a_file_based_on_mnn_starts_the_stream_whatever_its_generator_is(scope, same, tmp_path):
    assert tomllib.loads(text_of("mnn"))["dialect"]["generator"]["scope"] == "tensor"
    path = tmp_path / "own.toml"
    path.write_text(f'[dialect]\nname = "own"\nbased_on = "mnn"\n[dialect.generator]\nkind = "pcg32"\n{scope}\n')
    layers = [embinit.Linear(name=name, in_features=4, out_features=3, bias=False) for name in "ab"]

    found = embinit.Model("m", layers, seed=42, dialect=embinit.load_dialect(path)).init()

    assert (found["a.weight"] == found["b.weight"]).all() == same
