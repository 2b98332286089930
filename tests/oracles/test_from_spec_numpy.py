"""The numpy dialects against reference_from_spec.numpy_streams, which was written from SPEC.md alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import embinit
from embinit.samplers.ziggurat_tables import tables

from support.models_from_tables import bits_of_model, layers_of, model_text
from support.reference_from_spec import bits
from support.reference_from_spec.numpy_streams import Numpy, NumpyLegacy, init_numpy, ziggurat
from support.sweeps import examples

MODELS = {"numpy": ["random", "standard_normal"], "numpy-legacy": ["rand", "random", "randn", "standard_normal"]}
numbers, spreads = st.floats(-2, 2), st.floats(0.01, 2)
SEEDS = {"numpy": st.integers(0, 2**200), "numpy-legacy": st.integers(0, 2**32 - 1)}
OF_SEED = {"numpy": Numpy, "numpy-legacy": NumpyLegacy}


def initializers_of(dialect):
    return st.one_of(
        st.builds(lambda low, width: {"name": "uniform", "low": low, "high": low + width}, numbers, spreads),
        st.builds(lambda mean, stddev: {"name": "normal", "mean": mean, "stddev": stddev}, numbers, spreads),
        st.sampled_from([{"name": name} for name in ("uniform", "normal", *MODELS[dialect])]),
    )


@pytest.mark.parametrize("dialect", MODELS)
@given(data=st.data())
@settings(max_examples=examples(40))
def test_models(dialect, data):
    seed = data.draw(SEEDS[dialect])
    made = initializers_of(dialect)
    layers = data.draw(st.lists(layers_of(["Linear", "Conv1d"], made, st.none() | made), min_size=1, max_size=4))
    text = model_text({"dialect": dialect, "seed": seed}, layers)
    assert bits_of_model(text) == init_numpy(dialect, seed, layers)


@pytest.mark.parametrize("dialect", MODELS)
@given(data=st.data(), p=st.floats(0, 1), n=st.integers(0, 40))
@settings(max_examples=examples(30))
def test_bits_and_orders(dialect, data, p, n):
    seed = data.draw(SEEDS[dialect])
    package, reference = embinit.Generator.seeded(seed, dialect), OF_SEED[dialect](seed)
    for _ in range(2):
        orders = list(range(n)), list(range(n))
        package.shuffle(orders[0])
        reference.shuffle(orders[1])
        assert orders[0] == orders[1]
        assert package.bernoulli(p, n).tolist() == reference.bernoulli(p, n)


@given(seed=SEEDS["numpy"], first=st.integers(1, 3), second=st.integers(1, 3))
@settings(max_examples=examples(30))
def test_children(seed, first, second):
    parent = embinit.Generator.seeded(seed, "numpy")
    parent.spawn(first)
    child = parent.spawn(1)[0].spawn(second)[-1]
    out = np.empty(3, np.float32)
    child.uniform(0, 1, out)
    reference = Numpy(seed, (first, second - 1)).fill({"name": "uniform"}, 3)
    assert out.view(np.uint32).tolist() == [bits(value) for value in reference]


@pytest.mark.parametrize("name", ["normal", "standard_normal"])
def test_every_strip_of_the_ziggurat(name):
    """Among so many values are ones of each strip, of its wedge, and of the tail."""
    out = np.empty(20000, np.float32)
    embinit.Generator.seeded(7, "numpy").fill({"name": name}, out)
    assert out.view(np.uint32).tolist() == [bits(value) for value in Numpy(7).fill({"name": name}, out.size)]
    assert np.abs(out).max() > 3.6541529


@pytest.mark.parametrize("b", [52, 23])
def test_tables_of_the_ziggurat(b):
    limit, width, height = tables(b)
    x, f, k = ziggurat(b)
    assert limit.tolist() == k
    assert width.astype(np.float32 if b == 23 else np.float64).tolist() == [float(each) for each in x]
    assert height.astype(np.float32 if b == 23 else np.float64).tolist() == [float(each) for each in f]
