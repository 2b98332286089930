"""A list where a layer's key is a table, and names that are no text: refused in one line."""

import pytest

import embinit
from embinit.dialects import text_of
from embinit.formats import family_named, format_named

from support.model_files import GOOD

LAYER = GOOD[: GOOD.index("in_features")] + "in_features = 4\nout_features = 2\n"
ALLOWED = {
    "restart": "restart must be true, a seed, or a table of these by part, got",
    "init": "init must be a table of initializers by part, got",
    "element_order": "element_order must be a table with an order for some parts, got",
}


@pytest.mark.parametrize("value", ["[1, 2]", '["a"]', "[[1, 2, 3]]", '[["weight"]]', "[[1, 2]]", "[{ a = 1 }]"])
@pytest.mark.parametrize("key", ALLOWED)
def test_a_list_is_no_table(key, value, tmp_path):
    path = tmp_path / "m.toml"
    path.write_text(f"{LAYER}{key} = {value}\n")
    with pytest.raises(embinit.EmbinitError, match=ALLOWED[key]):
        embinit.load(path)


@pytest.mark.parametrize("value", [(1, 2), [[1]], [1.0], {"weight": 1.0}])
def test_the_slope_of_a_prelu_is_a_number(value):
    with pytest.raises(embinit.EmbinitError, match="init must be a finite float32 number, got"):
        embinit.PReLU(name="slope", init=value)


@pytest.mark.parametrize("key", ALLOWED)
def test_a_table_that_a_layer_holds_makes_another_layer(key):
    value = {"restart": {"weight": 7}, "init": {"bias": embinit.initializers.ones()}}
    value["element_order"] = {"weight": {"reverse": True}}
    layer = embinit.Linear(name="fc", in_features=4, out_features=2, **{key: value[key]})

    assert embinit.Linear(**vars(layer)) == layer


def test_a_table_of_literals_is_refused(tmp_path):
    path = tmp_path / "m.toml"
    path.write_text(f"{LAYER}literals = {{ a = 1 }}\n")
    with pytest.raises(embinit.EmbinitError, match="literals must be a form of printf"):
        embinit.load(path)


@pytest.mark.parametrize("function", [family_named, format_named, text_of, embinit.dialects.dialect_named])
@pytest.mark.parametrize("name", [5, None, [], {}, ("int8",)])
def test_what_is_no_text_is_no_name(function, name):
    with pytest.raises(embinit.EmbinitError, match="must be one of"):
        function(name)
