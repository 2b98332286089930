"""A model can be sent to another process, also after its conventions have been looked up."""

import pickle

import pytest

import embinit


@pytest.mark.parametrize("dialect", ["odt", "torch", "tinn", "flax-nnx"])
def test_a_model_that_was_planned_survives_a_pickle(dialect: str) -> None:
    layers = [embinit.Linear(name="fc", in_features=3, out_features=2)]
    model = embinit.Model("m", layers, seed=7, dialect=dialect)
    model.plan()
    again = pickle.loads(pickle.dumps(model))

    assert again == model
    assert again.conventions is model.conventions
    assert [values.tobytes() for values in again.init().values()] == [
        values.tobytes() for values in model.init().values()
    ]
