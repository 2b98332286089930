"""module:Name: what the command says of constructors whose weights are not those that the model file draws."""

import sys

import pytest

from support.cli import run

pytest.importorskip("torch")

SOURCE = """
from torch import nn

class Plain(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Linear(3, 4), nn.Linear(4, 5))

class Filled(Plain):
    def __init__(self):
        super().__init__()
        for each in self.parameters():
            nn.init.normal_(each)

class LastFilled(Plain):
    def __init__(self):
        super().__init__()
        nn.init.zeros_(self[1].weight)

class Backwards(nn.Module):
    def __init__(self):
        super().__init__()
        last, first = nn.Linear(4, 6), nn.Linear(3, 4)
        self.first, self.last = first, last
"""


@pytest.fixture
def said(tmp_path):
    (tmp_path / "constructors_for_import.py").write_text(SOURCE)

    def of(name, *more):
        done = run("import", f"constructors_for_import:{name}", "-o", "m.toml", "--seed", 7, *more, cwd=tmp_path)
        assert done.returncode == 0
        return done

    yield of
    sys.modules.pop("constructors_for_import", None)


def test_the_defaults_are_named(said):
    done = said("Plain")
    assert done.stdout.endswith("the weights are what dialect torch draws with seed 7: all 4 tensors, bit for bit\n")
    assert done.stderr == ""


def test_weights_that_differ_are_named_once(said):
    done = said("LastFilled")
    assert done.stdout.endswith("with seed 7; 1 of 4 tensors differs: linear_1.weight\n")
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("name", "differing"),
    [
        ("Filled", "4 of 4 tensors differ: linear_0.weight, linear_0.bias, linear_1.weight, linear_1.bias"),
        ("Backwards", "4 of 4 tensors differ: first.weight, first.bias, last.weight, last.bias"),
    ],
)
def test_a_constructor_with_ways_of_its_own_is_said_to_leave_others(name, differing, said):
    done = said(name)
    assert "the weights are what" not in done.stdout
    assert "leaves other weights than dialect torch draws with seed 7" in done.stderr
    assert done.stderr.endswith(f"; {differing}\n")


def test_another_dialect_is_not_expected_to_draw_the_same(said):
    assert said("Filled", "--dialect", "odt").stderr == ""
