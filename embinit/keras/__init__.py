"""Keras models: start a Keras run from the chip's weights (extra `keras`)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from embinit.comparison import Compared, Comparison, refuse
from embinit.errors import EmbinitError
from embinit.fill import fill
from embinit.keras.compare import compare
from embinit.keras.layers import found
from embinit.keras.package import checked, dialect_of
from embinit.keras.seeds import Seeds
from embinit.model import Description
from embinit.plan import plan

if TYPE_CHECKING:
    import keras

__all__ = ["Compared", "Comparison", "compare", "model_of", "weights"]


def model_of(
    keras_model: "keras.Model", seed: int, name: str = "model", order: Sequence[str] = (), **keys: Any
) -> Description:
    """Return the description of a built Keras model: one layer for each of its layers with weights, named after it.

    Use it to see the plan of a model, to export it for a device, or to compare a device's dump with it. Sizes,
    initializers and their seeds are those of the layers' configs; the dialect is that of Keras' backend.

    Parameters
    ----------
    keras_model
        A Sequential or functional model. Layers without weights are left out, except those that take a seed when they
        are made, such as Dropout.
    seed
        What keras.utils.set_random_seed is called with before the model is made.
    name
        The model's name.
    order
        Names of layers that are made after all others, in this order; in a model within the model, as
        "encoder/dense". All others are made in the order of the model's layers.
    **keys
        Other parameters of `embinit.Model`, such as target, or the dialect of another backend.

    Raises
    ------
    EmbinitError
        If the model is not built, or has weights that embinit cannot draw as Keras does; the message names the layer.
        Also if its initializers show that it was made after that seed, with its layers in another order.

    Examples
    --------
    >>> import keras, embinit.keras
    >>> dense, dropout = keras.layers.Dense(4, name="hidden"), keras.layers.Dropout(0.1, name="drop")
    >>> net = keras.Sequential([keras.Input((3,)), dense, dropout, keras.layers.Dense(2, name="out")])
    >>> [(layer.name, layer.type) for layer in embinit.keras.model_of(net, seed=1).layers]
    [('hidden', 'Linear'), ('drop', 'Dropout'), ('out', 'Linear')]
    """
    layers, problems = found(checked(keras_model), order)
    refuse(problems)
    if not any(each.parts for each in layers):
        raise EmbinitError("the model must have a layer with weights, got none")
    dialect = dialect_of(keys.pop("dialect", None))
    model = Description(name, [each.layer for each in layers], seed=seed, dialect=dialect, **keys)
    seeds = Seeds.of(layers, seed)
    if seeds.order:
        raise EmbinitError(f"the Keras model was made after set_random_seed({seed}), and {seeds.sentence}")
    return model


def weights(model: Description, keras_model: "keras.Model") -> list[NDArray[Any]]:
    """Return a model's initial values as keras_model.set_weights takes them: an array for each weight, in Keras' order.

    Parameters
    ----------
    model
        The model, such as `model_of` or `embinit.Model.from_keras` returned.
    keras_model
        A Keras model with the model's layers.

    Raises
    ------
    EmbinitError
        If the Keras model does not have the model's layers.

    Examples
    --------
    >>> import keras, embinit.keras
    >>> net = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="out")])
    >>> model = embinit.Model.from_keras(net, seed=42)
    >>> net.set_weights(embinit.keras.weights(model, net))
    >>> bool((net.get_weights()[0] == model.init()["out.weight"]).all())
    True
    """
    layers, problems = found(checked(keras_model))
    refuse(problems)
    dialect_of(str(model.dialect))
    held = {tensor.name: list(tensor.shape) for tensor in model.tensors}
    ours = {f"{each.layer.name}.{part}": variable for each in layers for part, variable in each.parts.items()}
    got = {name: list(variable.shape) for name, variable in ours.items()}
    if held != got:
        name = next(name for name in (*held, *got) if held.get(name) != got.get(name))
        raise EmbinitError(
            f"the Keras model must have the model's weights: {name} must be {held.get(name, 'missing')}, "
            f"got {got.get(name, 'none')}"
        )
    values = fill(plan(model)).arrays
    names = {id(variable): name for name, variable in ours.items()}
    return [values[names[id(variable)]] for variable in keras_model.weights]
