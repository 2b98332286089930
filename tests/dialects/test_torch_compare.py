"""What embinit.torch.compare says of constructors: which parameters differ from PyTorch's, and why."""

import doctest
import importlib.util
import json
import re
from pathlib import Path

import pytest

from embinit import EmbinitError

if importlib.util.find_spec("torch") is None:
    pytest.skip("PyTorch is not installed", allow_module_level=True)

import torch
from torch import nn

from embinit.torch import compare


def whys(build, seed=5, **keys):
    return {each.name: each.why for each in compare(build, seed, **keys).differing}


class Swapped(nn.Module):
    def __init__(self):
        super().__init__()
        second = nn.Linear(4, 3)
        self.first = nn.Linear(3, 2)
        self.second = second
        self.third = nn.Embedding(4, 5)


def test_an_order_other_than_that_of_registration():
    assert whys(Swapped) == dict.fromkeys(("first.weight", "first.bias", "second.weight", "second.bias"), "order")
    assert compare(Swapped, 5, order=["second", "first", "third"])
    sentence = compare(Swapped, 5).differing[0].sentence
    assert sentence == "it is drawn at word 15, not 0: another layer draws first"


class Noisy(nn.Module):
    def __init__(self, shape=(5,)):
        super().__init__()
        self.first = nn.Linear(4, 3)
        self.register_buffer("noise", torch.rand(shape))
        self.second = nn.Embedding(5, 7)
        self.third = nn.Linear(2, 2)


def test_draws_that_no_layer_makes():
    assert whys(Noisy) == dict.fromkeys(("second.weight", "third.weight", "third.bias"), "drawn before")
    found = compare(Noisy, 5)
    assert found.differing[0].sentence == "5 words that no layer draws are drawn before it"
    assert "constructor of Noisy calls torch.rand," in found.notes[0]


@pytest.mark.parametrize("size", [2, 15, 16, 17, 31, 33, 100])
def test_normal_values_are_found_wherever_they_are_drawn(size):
    """Where they are few they come of double-precision uniforms; a last block that is not whole is drawn anew."""

    def build():
        torch.rand(7011)
        return nn.Embedding(size, 1)

    found = compare(build, 5)
    assert [each.sentence for each in found.differing] == ["7011 words that no layer draws are drawn before it"]


def test_what_is_drawn_again():
    def build():
        net = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2))
        net[0].reset_parameters()
        nn.init.zeros_(net[1].bias)
        net[1].weight.data.normal_()
        return net

    assert whys(build) == dict.fromkeys(("0.weight", "0.bias", "1.weight", "1.bias"), "drawn again")


def test_types_devices_and_layers():
    build = lambda: nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2).double())  # noqa: E731
    assert whys(build) == {"1.weight": "dtype", "1.bias": "dtype"}
    build = lambda: nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2, device="meta"))  # noqa: E731
    assert whys(build) == {"1.weight": "meta", "1.bias": "meta"}
    build = lambda: nn.Sequential(nn.LazyLinear(3), nn.Linear(3, 2))  # noqa: E731
    assert whys(build) == {"0.weight": "lazy", "0.bias": "lazy"}
    build = lambda: nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(4, 3)))  # noqa: E731
    assert set(whys(build).values()) == {"reparametrized"}
    build = lambda: nn.Sequential(nn.Linear(4, 3), nn.ParameterList([torch.ones(2)]))  # noqa: E731
    assert whys(build) == {"1.0": "unknown"}

    def tied():
        net = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
        net[0].weight = net[1].weight
        return net

    assert whys(tied) == {"0.weight": "shared"}


def test_pytorchs_own_generator_stays_where_it_was():
    torch.manual_seed(7)
    torch.randn(3)
    before = torch.get_rng_state()
    compare(Swapped, 5)
    assert torch.equal(torch.get_rng_state(), before)


def test_what_a_comparison_looks_like():
    good, bad = compare(lambda: nn.Linear(3, 2), 5), compare(Swapped, 5)
    assert good
    assert not bad
    assert repr(good) == "<Comparison: all 2 parameters have PyTorch's bits; seed 5, dialect torch>"
    assert str(good) == "all 2 parameters have PyTorch's bits; seed 5, dialect torch"
    lines = str(bad).splitlines()
    assert lines[0] == "4 of 5 parameters differ from PyTorch's; seed 5, dialect torch"
    assert lines[2].split() == "first.weight order it is drawn at word 15, not 0: another layer draws first".split()
    document = json.loads(json.dumps(bad.as_json()))
    assert (document["equal"], document["seed"], document["dialect"]) == (False, 5, "torch")
    assert document["parameters"][4] == {"name": "third.weight", "equal": True, "why": "", "sentence": ""}


def test_another_build_of_pytorch_is_named():
    large = lambda: nn.Sequential(nn.Linear(40, 3), nn.Linear(3, 2, dtype=torch.float16))  # noqa: E731
    found = compare(large, 5, dialect="torch-nofma")
    assert {each.why for each in found.differing} == {"build", "dtype"}
    assert found.differing[0].sentence == "this PyTorch computes as dialect torch"


def test_the_readme_shows_what_compare_says():
    text = (Path(__file__).parents[2] / "README.md").read_text()
    (block,) = re.findall(r"^```pycon\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    test = doctest.DocTestParser().get_doctest(block, {}, "README.md", None, 0)
    told = []
    assert doctest.DocTestRunner().run(test, out=told.append).failed == 0, "".join(told)
    assert block.count("<Comparison") == 2


def test_what_compare_refuses():
    with pytest.raises(EmbinitError, match="dialect must be one of torch, torch-nofma, got 'odt'"):
        compare(lambda: nn.Linear(3, 2), 5, dialect="odt")
    with pytest.raises(EmbinitError, match=r"build must return a torch\.nn\.Module, got 3"):
        compare(lambda: 3, 5)
