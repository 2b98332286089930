"""Dumps of keyed dialects: seeds that Keras' initializers took, schemes by their own names, and what drew before."""

from dataclasses import replace

import numpy as np
import pytest

from embinit import Conv2d, Linear, Model
from embinit._kernels import keras
from embinit.bitgen.keras import TensorFlowPhilox, ThreefryOfKeras, TorchOfKeras, nth_seed
from embinit.diagnose.account import Account
from embinit.diagnose.hypotheses import ordinary
from embinit.diagnose.pasting import pasted
from embinit.diagnose.seed_lists import seed_lists
from embinit.diagnose.streams import starts
from embinit.dialects import dialect_named
from embinit.errors import EmbinitError
from embinit.layers import DrawFree

LAYERS = [
    Conv2d(name="conv", in_channels=2, out_channels=4, kernel_size=3),
    Linear(name="hidden", in_features=9, out_features=5),
    Linear(name="head", in_features=5, out_features=7),
]
KERAS = ["keras-torch", "keras-tensorflow", "keras-jax"]


def model(dialect, layers=LAYERS, seed=42):
    return Model("m", layers, seed, dialect)


def with_init(dialect, given, layers=LAYERS):
    init = dialect_named(dialect).initializer(given)
    return [replace(each, weight_init=init) for each in layers]


def image(of):
    return Account.of(of).run().image


def checked(planned, hypothesis, held):
    """Check that a hypothesis gives every bit, and its lines do if it has some; return it with them."""
    assert hypothesis.change(Account.of(planned)).run().image == held
    lines = hypothesis.lines(planned)
    assert not lines or image(pasted(planned, lines)) == held
    return hypothesis, lines


def found(planned, held, by=seed_lists, **told):
    run = Account.of(planned).run()
    wrong = [row for row in run.account.rows if run.image[row.name] != held[row.name]]
    (hypothesis,) = next(by(run, held, wrong, **told))
    return checked(planned, hypothesis, held)


@pytest.mark.parametrize("dialect", KERAS)
@pytest.mark.parametrize("given", ["glorot_uniform", "he_normal"])
def test_layers_that_were_made_in_another_order(dialect, given):
    layers = with_init(dialect, given)
    hypothesis, lines = found(model(dialect, layers), image(model(dialect, [layers[2], layers[0], layers[1]])))
    assert "conv.weight takes seed 1, hidden.weight takes seed 2, head.weight takes seed 0" in hypothesis.sentence
    assert lines == {"[model]": 'order = ["head", "conv", "hidden"]'}


@pytest.mark.parametrize("dialect", KERAS)
def test_a_dropout_that_takes_a_seed(dialect):
    held = image(model(dialect, [LAYERS[0], DrawFree(name="drop", kind="Dropout"), *LAYERS[1:]]))
    hypothesis, lines = found(model(dialect), held)
    assert "hidden.weight takes seed 2, head.weight takes seed 3" in hypothesis.sentence
    assert not lines


@pytest.mark.parametrize("dialect", KERAS)
@pytest.mark.parametrize("given", [{"name": "glorot_uniform"}, {"name": "random_normal", "stddev": 0.2}])
def test_initializers_with_seeds_of_their_own(dialect, given):
    held = image(model(dialect, with_init(dialect, {**given, "seed": 7})))
    hypothesis, lines = found(model(dialect, with_init(dialect, given)), held)
    assert "that of conv.weight has seed 7" in hypothesis.sentence
    assert len(lines) == 1 and "seed = 7" in lines["[[layer]]"]


@pytest.mark.parametrize(
    ("dialect", "seed"), [("keras-torch", 987_654), ("keras-tensorflow", 20_261_126), ("keras-jax", 3)]
)
def test_a_seed_that_nobody_would_guess(dialect, seed):
    assert found(model(dialect), image(model(dialect, seed=seed)))[1] == {"[model]": f"seed = {seed}"}


def test_kernels_of_seeds():
    for element in (0, 1, 190):
        seeds = np.empty(70, np.uint32)
        keras.listed(2**32 - 60, element, seeds)
        assert seeds.tolist() == [nth_seed((2**32 - 60 + i) % 2**32, element) for i in range(70)]
    for stream in (ThreefryOfKeras, TensorFlowPhilox, TorchOfKeras):
        assert stream.first_words(seeds).tolist() == [int(stream(seed).random_raw(1)[0]) for seed in seeds.tolist()]


def leaves(hypothesis, planned, held):
    """Whether a mistake leaves a memory; one that the dialect does not have leaves none."""
    try:
        return hypothesis.change(Account.of(planned)).run().image == held
    except EmbinitError:
        return False


@pytest.mark.parametrize(
    ("dialect", "name"),
    [("keras-torch", "he_normal"), ("keras-jax", "lecun_normal"), ("mlx", "he_normal"), ("kaun", "lecun_uniform"),
     ("gomlx", "xavier_normal"), ("tinygrad", "kaiming_uniform")],
)  # fmt: skip
def test_schemes_by_the_names_of_the_framework(dialect, name):
    held, given = (
        image(model(dialect, with_init(dialect, name))),
        "uniform" if dialect == "tinygrad" else "glorot_uniform",
    )
    planned = model(dialect, with_init(dialect, given))
    tried = [each for each in ordinary(planned, normals=True) if name in each.sentence]
    right = [each for each in tried if leaves(each, planned, held)]
    _, lines = checked(planned, right[0], held)
    assert name in "".join(lines.values())


@pytest.mark.parametrize(("mode", "says"), [("fan_in", "fan_in"), ("fan_out", "fan_out"), ("fan_avg", "average")])
@pytest.mark.parametrize("dialect", ["keras-jax", "flax-nnx"])
def test_fans(dialect, mode, says):
    def scaled(mode):
        given = {"name": "variance_scaling", "scale": 1.0, "mode": mode, "distribution": "uniform"}
        return model(dialect, with_init(dialect, given))

    planned = scaled("fan_out" if mode == "fan_in" else "fan_in")
    held = image(scaled(mode))
    tried = [each for each in ordinary(planned, normals=False) if each.name == "fan" and says in each.sentence]
    assert any(each.change(Account.of(planned)).run().image == held for each in tried)


@pytest.mark.parametrize(
    ("dialect", "line"),
    [("tinygrad", "skip_words = 63"), ("mlx", "skip_words = 2"), ("kaun", "skip_words = 1"), ("gomlx", None)],
)
def test_a_layer_that_was_drawn_before(dialect, line):
    extra = Linear(name="extra", in_features=8, out_features=7)
    held = {name: each for name, each in image(model(dialect, [extra, *LAYERS[1:]])).items() if "extra" not in name}
    hypothesis, lines = found(model(dialect, LAYERS[1:]), held, by=starts, thorough=True)
    assert hypothesis.name == "stream position"
    assert lines == ({"[model]": line} if line else {})
