"""Dumps of Flax models whose modules took other keys: another order, paths, root key, or a seed that is not likely."""

from dataclasses import replace

import numpy as np
import pytest

from embinit import Conv2d, Embedding, Generator, Linear, Model
from embinit.diagnose.account import Account
from embinit.diagnose.keys import keys
from embinit.diagnose.pasting import pasted
from embinit.diagnose.streams import starts
from embinit.dialects.jax import fold_in, key_of, keyed, split
from embinit.layers import DrawFree

LAYERS = [
    Conv2d(name="Conv_0", in_channels=2, out_channels=4, kernel_size=3),
    Linear(name="Dense_0", in_features=9, out_features=5),
    Embedding(name="Embed_0", num_embeddings=7, embedding_dim=3),
]


def model(dialect, layers=LAYERS, seed=42):
    return Model("m", layers, seed, dialect)


def image(of):
    return Account.of(of).run().image


def found(planned, held):
    """Return the one hypothesis about keys, after a check that it gives every bit, and its lines do if it has some."""
    run = Account.of(planned).run()
    ((hypothesis,),) = keys(run, held, [row for row in run.account.rows if run.image[row.name] != held[row.name]])
    assert hypothesis.change(run.account).run().image == held
    lines = hypothesis.lines(planned)
    assert not lines or image(pasted(planned, lines)) == held
    return hypothesis, lines


def of_root(planned, root):
    """What a device holds that has another root key."""
    held = {}
    for row in planned.plan().rows:
        out = np.zeros(row.shape, np.float32)
        Generator(keyed(fold_in(root, row.order.restart[1])), dialect=planned.dialect).draw(row.distribution, out)
        held[row.name] = out.tobytes()
    return held


@pytest.mark.parametrize("dialect", ["flax-nnx", "flax-linen"])
def test_a_seed_that_nobody_would_guess(dialect):
    assert found(model(dialect), image(model(dialect, seed=1987654)))[1] == {"[model]": "seed = 1987654"}


@pytest.mark.parametrize("dialect", ["flax-nnx", "flax-linen"])
@pytest.mark.parametrize(
    ("root", "what"),
    [
        (split(key_of(42), 2)[1], "split(key(42), n)[1]"),
        (fold_in(key_of(42), 7), "fold_in(key(42), 7)"),
        (split(split(key_of(0), 2)[0], 2)[1], "split(split(key(0))[0])[1]"),
        ((42, 0), "the words (42, 0)"),
    ],
)
def test_another_root_key(dialect, root, what):
    hypothesis, lines = found(model(dialect), of_root(model(dialect), root))
    assert what in hypothesis.sentence
    assert not lines


def test_modules_of_nnx_in_another_order():
    other = model("flax-nnx", [LAYERS[2], LAYERS[0], LAYERS[1]])
    hypothesis, lines = found(model("flax-nnx"), image(other))
    assert (
        "Conv_0.weight that of call 1, Dense_0.weight that of call 3, Embed_0.weight that of call 0"
        in hypothesis.sentence
    )
    assert lines == {"[model]": 'order = ["Embed_0", "Conv_0", "Dense_0"]'}


def test_a_dropout_that_takes_a_call():
    other = model("flax-nnx", [LAYERS[0], DrawFree(name="drop", kind="Dropout"), *LAYERS[1:]])
    hypothesis, lines = found(model("flax-nnx"), image(other))
    assert "Dense_0.weight that of call 3, Embed_0.weight that of call 5" in hypothesis.sentence
    assert not lines


@pytest.mark.parametrize(
    "paths",
    [{"Conv_0": "", "Dense_0": "fc1"}, {"Dense_0": "MLP_0/Dense_0"}, {"Conv_0": "layers_0", "Embed_0": "layers_2"}],
)
def test_other_paths_of_linen(paths):
    other = model("flax-linen", [replace(each, path=paths.get(each.name)) for each in LAYERS])
    assert found(model("flax-linen"), image(other))[1] == {
        f"[[layer]] {name}": f'path = "{path}"' for name, path in paths.items()
    }


def test_diagnose_asks_for_keys():
    planned, held = model("flax-nnx"), image(model("flax-nnx", LAYERS[::-1]))
    run = Account.of(planned).run()
    first = next(starts(run, held, run.account.rows, thorough=True))
    assert [each.name for each in first] == ["calls of rngs.params()"]


@pytest.mark.parametrize("dialect", ["flax-nnx", "keras-jax", "keras-torch"])
def test_the_order_of_a_model_is_that_in_which_layers_are_made(dialect):
    made = Model("m", [LAYERS[1], LAYERS[0]], 3, dialect).init()
    told = Model("m", LAYERS[:2], 3, dialect, order=["Dense_0", "Conv_0"]).init()
    assert told.keys() == made.keys()
    assert all(values.tobytes() == made[name].tobytes() for name, values in told.items())
