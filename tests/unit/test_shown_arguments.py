"""Little is shown of what Python passes in place of an array, a class or a list."""

import numpy as np
import pytest

import embinit
from embinit.dialects.pytorch import constructed
from embinit.layers import types

from support.dialect_file import GOOD

LONG = [0.5] * 5000
FC = embinit.Linear(name="fc", in_features=3, out_features=2)
MODEL = embinit.Model("m", [FC, embinit.Linear(name="out", in_features=2, out_features=1)], seed=1)


def wrong_dialect_file(folder):
    path = folder / "acme.toml"
    path.write_text(GOOD.replace('order = ["weight", "bias"]', f'order = "{"w" * 5000}"', 1))
    assert "w" * 5000 in path.read_text()
    return embinit.load_dialect(path)


CALLS = {
    "out of a generator": lambda _: embinit.Generator(embinit.Xorshift32(1)).uniform(0.0, 1.0, out=LONG),
    "out of a model": lambda _: MODEL.init(out=dict.fromkeys(["fc.weight", "fc.bias", "out.weight", "out.bias"], LONG)),
    "values to grow": lambda _: embinit.growth.grow(MODEL, dict.fromkeys(MODEL.init(), LONG), "fc", 2),
    "a layer": lambda _: types.register(LONG),
    "a layer of PyTorch": lambda _: constructed.register(LONG),
    "a list of a dialect file": wrong_dialect_file,
}


@pytest.mark.parametrize("call", CALLS)
def test_little_is_shown_of_an_argument(call, tmp_path):
    with pytest.raises(embinit.EmbinitError, match="got") as caught:
        CALLS[call](tmp_path)

    assert len(str(caught.value).removeprefix(str(tmp_path))) < 200


def test_an_array_of_another_type_is_told_by_its_type():
    with pytest.raises(embinit.EmbinitError, match="got float64 array"):
        embinit.Generator(embinit.Xorshift32(1)).uniform(0.0, 1.0, out=np.zeros(3))
