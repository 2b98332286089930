"""Inputs that were once taken for something else without a word."""

import numpy as np
import pytest

import embinit
from embinit import EmbinitError, Generator, Xorshift32
from embinit.export import export
from embinit.growth import Weights, factors, grow_layers, spread
from embinit.many import parse_seeds

from support.cli import assert_refused, run
from support.model_files import GOOD


def _model():
    return embinit.Model("tiny", [embinit.Linear(name="fc", in_features=2, out_features=1)], seed=42)


def test_formats_may_be_an_iterator(tmp_path):
    """The check for room must not use it up: then nothing but a manifest was written."""
    assert set(_model().export(tmp_path / "one", iter(["bin", "npz"]))) == {"tiny.bin", "tiny.npz", "manifest.json"}
    assert set(export(_model(), tmp_path / "two", iter(["bin"]))) == {"tiny.bin", "manifest.json"}


@pytest.mark.parametrize("p", [True, "0.5", None, -0.1, 1.5, float("nan")])
def test_a_probability_is_a_number_from_0_to_1(p):
    with pytest.raises(EmbinitError, match="p must be a probability from 0 to 1"):
        Generator(Xorshift32(42)).bernoulli(p, 4)


def test_seeds_of_several_ranges_are_a_sequence():
    seeds = parse_seeds("3,7-9,0-1")
    every = [3, 7, 8, 9, 0, 1]

    assert [seeds[i] for i in range(-6, 6)] == every + every
    assert seeds[1:4] == every[1:4]
    assert list(reversed(seeds)) == every[::-1]
    with pytest.raises(IndexError):
        seeds[6]
    with pytest.raises(EmbinitError, match="seeds must be a text such as 0-999,4294967295, got 5"):
        parse_seeds(5)


@pytest.mark.parametrize("option", [["--device"], ["--base", "0"], ["--cflags", "-O3"]])
def test_checksums_take_no_option_that_says_nothing_with_them(option, tmp_path):
    (tmp_path / "m.toml").write_text(GOOD)
    done = run("verify", tmp_path / "m.toml", "--crc", "fc.weight=0x12345678", *option)

    assert_refused(done, f"it goes with no {option[0]}")


@pytest.mark.parametrize("values", [[1 + 2j], ["1.0"], [], [True]])
def test_doubles_are_real_numbers_as_floats_are(values):
    with pytest.raises(EmbinitError, match="array must hold at least one real number, best as float64"):
        embinit.encode(np.array(values), "float64")


def test_growth_takes_sizes_that_can_be():
    ones, hollow = Weights(np.ones((2, 2), np.float32)), Weights(np.zeros((2, 0), np.float32))
    for extension in (-5, -2, 0, True):
        with pytest.raises(EmbinitError, match="extension must be an integer from 1"):
            factors(ones, ones, extension, "default_vt")
    with pytest.raises(EmbinitError, match="fan_in must be an integer from 1"):
        spread("kaiming", None, 0)
    with pytest.raises(EmbinitError, match="fan_in must be an integer from 1"):
        grow_layers(hollow, ones, 2, Generator(Xorshift32(1)))
