"""Growth of a model, with the buffers that its device holds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from embinit.errors import EmbinitError, check_known, shown
from embinit.fill import fill
from embinit.generator import Generator
from embinit.growth.extension import HowDrawn
from embinit.growth.hidden import STATISTICS, Hidden
from embinit.growth.step import grow_layers
from embinit.growth.weights import Floats
from embinit.layers import check_size
from embinit.model import Description
from embinit.plan import plan


@dataclass(frozen=True, eq=False)
class Growth:
    """What `grow` returns: the wider model and its buffers, and how they came about.

    Attributes
    ----------
    model
        The description of the wider model.
    values
        Its buffers by name, as `Model.init` returns them.
    alpha, beta
        The factors by which the two layers were rescaled.
    extensions
        What was drawn, by the name of the buffer that it extends.
    generator
        The generator after the last draw: give it to the next step.

    Examples
    --------
    >>> import embinit
    >>> layers = [embinit.Linear(name=name, in_features=2, out_features=2) for name in ("fc1", "fc2")]
    >>> model = embinit.Model("net", layers, seed=1)
    >>> grown = grow(model, model.init(), "fc1", 1)
    >>> grown.model.layers[0].out_features, grown.state_after
    (3, 891394312)
    """

    model: Description
    values: dict[str, Floats]
    alpha: np.float32
    beta: np.float32
    extensions: dict[str, Floats]
    generator: Generator

    @property
    def state_after(self) -> Any:
        """The generator's state after the last draw."""
        return self.generator.state


def grow(
    model: Description,
    values: Mapping[str, Floats],
    layer: str,
    extension: int,
    strategy: str | None = "default_vt",
    initializer: HowDrawn | tuple[HowDrawn, HowDrawn] = "copy_uniform",
    pairing: str | None = None,
    noise_ratio: float = 0.001,
    gain: float = 1.0,
    generator: Generator | None = None,
) -> Growth:
    """Return a model that has more neurons in one layer, and as many more inputs in the next layer that has weights.

    Use it to know what a device holds after it has grown its network, whatever it had learned before.

    Parameters
    ----------
    model
        The model before it grows.
    values
        The device's buffers by name, as they are when it grows: float32, in the shapes of the model's plan. They may
        include `<norm>.running_mean` and `<norm>.running_var` of a batch norm, one float32 per channel.
    layer
        The name of the layer whose outputs are the hidden neurons.
    extension
        How many neurons to add.
    strategy
        How existing weights are rescaled: "default_vt", "vt_constraint_old_shape" or "vt_constraint_new_shape"; None
        leaves them as they are.
    initializer
        What new weights are drawn from: a name of INITIALIZERS or of the dialect, or an initializer, which gets the
        fans of the grown layer. Two of them are for second's inputs and for first's outputs.
    pairing
        "vv_z_negz" makes new neurons cancel in pairs, apart from the noise; None draws all of them.
    noise_ratio
        The standard deviation of the noise on second's new weights, as a fraction of theirs.
    gain
        The vt_constraint strategies aim at variance gain^2 / fan_in; 1 for all others.
    generator
        The stream to draw from, as an earlier step left it; by default the model's own after its init code.

    Raises
    ------
    EmbinitError
        If model, values or parameters do not allow this; the message names layer, rule and value.

    Examples
    --------
    >>> import embinit
    >>> fc1 = embinit.Linear(name="fc1", in_features=3, out_features=2)
    >>> fc2 = embinit.Linear(name="fc2", in_features=2, out_features=1)
    >>> model = embinit.Model("net", [fc1, fc2], seed=1)
    >>> grown = grow(model, model.init(), "fc1", 2, pairing="vv_z_negz", noise_ratio=0)
    >>> {name: values.shape for name, values in grown.values.items()}
    {'fc1.weight': (4, 3), 'fc1.bias': (4,), 'fc2.weight': (1, 4), 'fc2.bias': (1,)}
    >>> grown.extensions["fc2.weight"].tolist()
    [[-0.07890172302722931, 0.07890172302722931]]
    """
    check_size("extension", extension)
    hidden = Hidden.of(model, layer)
    arrays = _checked(model, values)
    if generator is not None and generator.dialect != model.conventions:
        raise EmbinitError(f"generator must be of the model's dialect {model.dialect}, got {generator.dialect.name}")
    wider = hidden.widened(extension)
    first, second = hidden.weights(arrays)
    generator = generator or behind_init(model)
    step = grow_layers(first, second, extension, generator, strategy, initializer, pairing, noise_ratio, gain)
    extensions = {f"{hidden.second.name}.weight": step.input_weight, f"{hidden.first.name}.weight": step.output_weight}
    if step.output_bias is not None:
        extensions[f"{hidden.first.name}.bias"] = step.output_bias
    return Growth(wider, hidden.grown(arrays, step, wider), step.alpha, step.beta, extensions, generator)


def behind_init(model: Description) -> Generator:
    """Return the generator of a model's device after its init code, from which a first step of growth draws.

    Parameters
    ----------
    model
        The model.

    Examples
    --------
    >>> import embinit
    >>> fc = embinit.Linear(name="fc", in_features=3, out_features=2)
    >>> behind_init(embinit.Model("tiny", [fc], seed=1)).drawn
    8
    """
    return fill(plan(model)).generator


def _checked(model: Description, values: Mapping[str, Floats]) -> dict[str, Floats]:
    """Return a model's buffers in its order, then the statistics, after checking type and shape of each."""
    shapes = {tensor.name: tensor.shape for tensor in model.tensors}
    allowed = [f"{layer.name}.{what}" for layer in model.layers for what in STATISTICS]
    for name in values:
        check_known("the name of a buffer", name, [*shapes, *allowed])
    arrays = {}
    for name in [*shapes, *(name for name in allowed if name in values)]:
        array: Any = values.get(name)
        shape = shapes.get(name, np.shape(array))
        if not isinstance(array, np.ndarray) or array.dtype != np.float32 or array.shape != shape:
            got = f"{array.dtype} {list(array.shape)}" if isinstance(array, np.ndarray) else shown(array)
            raise EmbinitError(f"values of {name} must be a float32 array of shape {list(shape)}, got {got}")
        arrays[name] = array.copy()
    return arrays
