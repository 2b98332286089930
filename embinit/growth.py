"""Growth: variance transfer and neuron pairing, for devices that widen a layer between two trainings.

Two consecutive layers, `first` and `second`, share the hidden neurons: first's outputs are second's inputs. One step
rescales the existing weights, draws weights for the new neurons and, when pairing, makes them cancel (SPEC.md, section
"growth"; Yuan et al., "Accelerated Training via Incrementally Growing Neural Networks using Variance Transfer and
Learning Rate Adaptation", 2023).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from inspect import signature
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embinit.dialects import Dialect, dialect_named
from embinit.distributions import Constant, Distribution, Normal, Sparse, TruncNormal, Uniform, check_finite
from embinit.errors import EmbinitError, check_known, listed, shown
from embinit.fill import fill
from embinit.generator import Generator
from embinit.initializers import Initializer
from embinit.layers import Layer, Norm, Stored, Weighted, check_size
from embinit.model import Description
from embinit.plan import plan

Floats = NDArray[np.float32]
#: The name of an initializer, or an Initializer.
HowDrawn = str | Initializer

STRATEGIES = ("default_vt", "vt_constraint_old_shape", "vt_constraint_new_shape")
#: Initializers as GroMo names them; any other name is one of the model's dialect.
INITIALIZERS = ("copy_uniform", "copy_normal", "kaiming", "kaiming_normal", "zeros", "lecun_normal")
#: What replaces an initializer that copies a variance if there is no variance to copy.
WITHOUT_VARIANCE = {"copy_uniform": "kaiming", "copy_normal": "kaiming_normal"}
PAIRINGS = ("vv_z_negz",)
#: A batch norm's statistics of the layer before it, in the buffers of a device.
STATISTICS = ("running_mean", "running_var")


@dataclass(frozen=True, eq=False)
class Weights:
    """What a layer holds when it grows: weight and bias, and the statistics of the batch norm after it.

    Parameters
    ----------
    weight
        The weight: float32, of any rank from 2 up.
    bias
        The bias, one float32 per output, or None.
    out_axis, in_axis
        Which axes of the weight count outputs and inputs.
    running_mean, running_var
        What a batch norm after the layer has seen, one float32 per output, or None.

    Examples
    --------
    >>> layer = Weights(np.zeros((2, 3, 5), np.float32))
    >>> layer.outputs, layer.inputs, layer.receptive
    (2, 3, 5)
    """

    weight: Floats
    bias: Floats | None = None
    out_axis: int = 0
    in_axis: int = 1
    running_mean: Floats | None = None
    running_var: Floats | None = None

    @property
    def outputs(self) -> int:
        """The number of outputs."""
        return int(self.weight.shape[self.out_axis])

    @property
    def inputs(self) -> int:
        """The number of inputs."""
        return int(self.weight.shape[self.in_axis])

    @property
    def receptive(self) -> int:
        """The receptive field: the product of the kernel's axes."""
        return math.prod(n for axis, n in enumerate(self.weight.shape) if axis not in (self.out_axis, self.in_axis))

    def rescaled(self, factor: np.float32) -> "Weights":
        """Return the layer with its outputs scaled by a factor, the batch norm's statistics included.

        Parameters
        ----------
        factor
            What every output is multiplied by.

        Examples
        --------
        >>> Weights(np.ones((1, 2), np.float32)).rescaled(np.float32(0.5)).weight.tolist()
        [[0.5, 0.5]]
        """
        return replace(
            self,
            weight=self.weight * factor,
            bias=None if self.bias is None else self.bias * factor,
            running_mean=None if self.running_mean is None else self.running_mean * factor,
            running_var=None if self.running_var is None else self.running_var * (factor * factor),
        )


@dataclass(frozen=True, eq=False)
class Step:
    """What `grow_layers` returns: two layers that have grown, and how.

    Attributes
    ----------
    first, second
        The layers; new neurons are the last of first's outputs and of second's inputs.
    alpha, beta
        The factors by which first and second were rescaled.
    input_weight, output_weight, output_bias
        What was drawn for the new neurons: the inputs of second, the outputs of first and their bias, or None.

    Examples
    --------
    >>> import embinit
    >>> layer = Weights(np.ones((2, 2), np.float32))
    >>> step = grow_layers(layer, layer, 2, embinit.Generator(embinit.Xorshift32(42)), initializer="kaiming")
    >>> step.first.weight.shape, step.beta
    ((4, 2), np.float32(0.70710677))
    """

    first: Weights
    second: Weights
    alpha: np.float32
    beta: np.float32
    input_weight: Floats
    output_weight: Floats
    output_bias: Floats | None


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
        The device's buffers by name, as they are when it grows: float32, in the model's shapes. They may include
        running_mean and running_var of a batch norm.
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
    hidden = _Hidden.of(model, layer)
    arrays = _checked(model, values)
    if generator is not None and generator.dialect.name != model.dialect:
        raise EmbinitError(f"generator must be of the model's dialect {model.dialect}, got {generator.dialect.name}")
    wider = hidden.widened(extension)
    first, second = hidden.weights(arrays)
    generator = generator or behind_init(model)
    step = grow_layers(first, second, extension, generator, strategy, initializer, pairing, noise_ratio, gain)
    extensions = {f"{hidden.second.name}.weight": step.input_weight, f"{hidden.first.name}.weight": step.output_weight}
    if step.output_bias is not None:
        extensions[f"{hidden.first.name}.bias"] = step.output_bias
    return Growth(wider, hidden.grown(arrays, step, wider), step.alpha, step.beta, extensions, generator)


def grow_layers(
    first: Weights,
    second: Weights,
    extension: int,
    generator: Generator,
    strategy: str | None = "default_vt",
    initializer: HowDrawn | tuple[HowDrawn, HowDrawn] = "copy_uniform",
    pairing: str | None = None,
    noise_ratio: float = 0.001,
    gain: float = 1.0,
) -> Step:
    """Return one step of growth on the arrays of two layers of any rank, for networks that are no Model.

    It draws second's extension, first's extension, the extension of first's bias, and then the noise.

    Parameters
    ----------
    first, second
        The layers: first's outputs are second's inputs.
    extension
        How many neurons to add.
    generator
        The stream to draw from.
    strategy, initializer, pairing, noise_ratio, gain
        As in `grow`.

    Raises
    ------
    EmbinitError
        If the layers do not fit each other, or a parameter is unknown or out of range.

    Examples
    --------
    >>> import embinit
    >>> layer = Weights(np.array([[1, -1], [-1, 1]], np.float32))
    >>> grow_layers(layer, layer, 1, embinit.Generator(embinit.Xorshift32(42))).input_weight.tolist()
    [[-1.6243582963943481], [0.5235764980316162]]
    """
    dialect = generator.dialect
    input_init, output_init = _checked_options(dialect, extension, initializer, pairing, noise_ratio)
    if first.outputs != second.inputs:
        raise EmbinitError(f"second must have the {first.outputs} outputs of first as its inputs, got {second.inputs}")
    alpha, beta = factors(first, second, extension, strategy, gain)
    first, second = first.rescaled(alpha), second.rescaled(beta)
    input_fans = (second.inputs + extension) * second.receptive, second.outputs * second.receptive
    output_fans = first.inputs * first.receptive, (first.outputs + extension) * first.receptive

    def planned(reference: Floats, axis: int, init: HowDrawn, fans: tuple[int, int], mirror: float) -> _Extension:
        shape = (*reference.shape[:axis], extension, *reference.shape[axis + 1 :])
        return _Extension.of(dialect, init, reference, shape, axis, fans, mirror if pairing else None)

    inputs = planned(second.weight, second.in_axis, input_init, input_fans, -1.0)
    outputs = planned(first.weight, first.out_axis, output_init, output_fans, 1.0)
    biases = None if first.bias is None else planned(first.bias, 0, output_init, output_fans, 1.0)
    if dialect.construction_draws:
        generator.spend(extension * (output_fans[0] + input_fans[1] + (first.bias is not None)))
    input_weight, output_weight = inputs.drawn(generator), outputs.drawn(generator)
    output_bias = None if biases is None else biases.drawn(generator)
    if pairing and noise_ratio:
        noise = np.empty_like(input_weight)
        generator.normal(0.0, 1.0, noise)
        input_weight += noise * np.float32(math.sqrt(noise_ratio * noise_ratio * variance(input_weight)))
    return Step(
        _extended(first, first.out_axis, output_weight, output_bias),
        _extended(second, second.in_axis, input_weight, None),
        alpha,
        beta,
        input_weight,
        output_weight,
        output_bias,
    )


def factors(
    first: Weights, second: Weights, extension: int, strategy: str | None, gain: float = 1.0
) -> tuple[np.float32, np.float32]:
    """Return alpha and beta, by which a strategy rescales first and second before their hidden neurons grow.

    Parameters
    ----------
    first, second
        The layers before they grow.
    extension
        How many neurons will be added.
    strategy
        As in `grow`; None gives 1 and 1.
    gain
        The vt_constraint strategies aim at variance gain^2 / fan_in.

    Raises
    ------
    EmbinitError
        If the strategy is unknown, the gain is not positive, or a factor is not a finite float32 number.

    Examples
    --------
    >>> w = np.array([[1, -1], [-1, 1]], np.float32)
    >>> factors(Weights(w), Weights(w), 2, "default_vt")
    (np.float32(1.0), np.float32(0.70710677))
    >>> factors(Weights(w), Weights(w), 2, "vt_constraint_new_shape")
    (np.float32(0.61237246), np.float32(0.4330127))
    """
    if strategy is not None:
        check_known("strategy", strategy, STRATEGIES)
    check_finite("gain", gain)
    if gain <= 0 or (gain != 1 and strategy not in STRATEGIES[1:]):
        raise EmbinitError(f"gain must be positive, and 1 for strategy {strategy}, got {shown(gain)}")
    if strategy is None or first.outputs == 0:
        return np.float32(1), np.float32(1)
    old, new = (n * second.receptive for n in (second.inputs, second.inputs + extension))
    if strategy == "default_vt":
        return np.float32(1), np.float32(math.sqrt(old / new))
    fan_in = old if strategy == "vt_constraint_old_shape" else new
    first_fan_in = first.inputs * first.receptive
    return _to_variance(gain, first_fan_in, first.weight), _to_variance(gain, fan_in, second.weight)


def _to_variance(gain: float, fan_in: int, weight: Floats) -> np.float32:
    """Return the factor that brings weights to variance gain^2 / fan_in; 1 if their variance is 0."""
    found = variance(weight)
    factor = math.sqrt(gain * gain / (fan_in * found)) if found else 1.0
    check_finite("a factor of growth", factor)
    return np.float32(factor)


def spread(initializer: str, reference: Floats | None, fan_in: int) -> Distribution:
    """Return the distribution that new weights are drawn from.

    Parameters
    ----------
    initializer
        A name of INITIALIZERS. Those that copy a variance take it from reference.
    reference
        The existing weights (float32), or None. Without any variance in them the fan decides.
    fan_in
        The fan of the grown layer.

    Raises
    ------
    EmbinitError
        If the name is unknown, or the existing weights are not finite.

    Examples
    --------
    >>> spread("kaiming", None, 6)
    Uniform(low=-1.0, high=1.0)
    >>> spread("copy_normal", np.array([1, -1, 1, -1, 1], np.float32), 6)
    Normal(mean=0.0, stddev=1.0954451150103324)
    """
    check_known("initializer", initializer, INITIALIZERS)
    found = 0.0 if reference is None else variance(reference)
    match initializer if found else WITHOUT_VARIANCE.get(initializer, initializer):
        case "copy_uniform":
            return _symmetric(math.sqrt(3.0 * found))
        case "copy_normal":
            return Normal(0.0, math.sqrt(found))
        case "kaiming":
            return _symmetric(math.sqrt(6.0 / fan_in))
        case "kaiming_normal":
            return Normal(0.0, math.sqrt(2.0 / fan_in))
        case "lecun_normal":
            return Normal(0.0, math.sqrt(1.0 / fan_in))
    return Constant(0.0)


def _symmetric(bound: float) -> Uniform:
    return Uniform(-bound, bound)


def variance(values: Floats) -> float:
    """Return the unbiased variance in float64, summed in the order of memory, as a device sums it.

    Parameters
    ----------
    values
        float32 values of any shape; fewer than 2 have variance 0.

    Raises
    ------
    EmbinitError
        If a value is not finite.

    Examples
    --------
    >>> variance(np.array([[1, 2], [3, 4]], np.float32))
    1.6666666666666667
    """
    flat = values.ravel().astype(np.float64)
    if flat.size < 2:
        return 0.0
    deviations = flat - np.add.accumulate(flat)[-1] / flat.size
    found = float(np.add.accumulate(deviations * deviations)[-1] / (flat.size - 1))
    if not math.isfinite(found):
        raise EmbinitError(f"values that grow must be finite, got a variance of {found}")
    return found


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


@dataclass(frozen=True)
class _Extension:
    """How a tensor of new weights is drawn.

    mirror, 1 or -1: only the first half along the axis is drawn, and the second half repeats it with that sign. run:
    how many elements are drawn at a time.
    """

    distribution: Distribution
    shape: tuple[int, ...]
    axis: int
    mirror: float | None
    run: int

    @classmethod
    def of(
        cls,
        dialect: Dialect,
        init: HowDrawn,
        reference: Floats,
        shape: tuple[int, ...],
        axis: int,
        fans: tuple[int, int],
        mirror: float | None,
    ) -> "_Extension":
        """Return the extension of a reference, or raise EmbinitError if the dialect cannot draw it."""
        fresh = shape if mirror is None else (*shape[:axis], shape[axis] // 2, *shape[axis + 1 :])
        given = spread(init, reference, fans[0]) if isinstance(init, str) else init
        distribution, run = dialect.distribution(*dialect.meaning(given, fresh, fans)), math.prod(fresh)
        if fresh != shape and math.prod(shape[:axis]) > 1 and dialect.sampler.strided_run:
            if isinstance(distribution, TruncNormal | Sparse):
                raise EmbinitError(
                    f"initializer {distribution} does not go with pairing in dialect {dialect.name}: "
                    "the half of a tensor that it fills does not lie in one piece; use uniform or normal, or no pairing"
                )
            run = dialect.sampler.strided_run if isinstance(distribution, Normal) else run
        return cls(distribution, shape, axis, mirror, run)

    def drawn(self, generator: Generator) -> Floats:
        """Return the tensor, drawn."""
        out = np.empty(self.shape, np.float32)
        fresh = out if self.mirror is None else np.split(out, 2, self.axis)[0]
        flat = np.empty(fresh.size, np.float32)
        for start in range(0, flat.size, self.run or 1):
            generator.draw(self.distribution, flat[start : start + self.run])
        fresh[...] = flat.reshape(fresh.shape)
        if self.mirror is not None:
            np.split(out, 2, self.axis)[1][...] = fresh * np.float32(self.mirror)
        return out


def _extended(layer: Weights, axis: int, weight: Floats, bias: Floats | None) -> Weights:
    """Return a layer with extensions at the end of its weight, along an axis, and of its bias."""
    longer = layer.bias if layer.bias is None or bias is None else np.concatenate([layer.bias, bias])
    return replace(layer, weight=np.concatenate([layer.weight, weight], axis), bias=longer)


def _checked_options(
    dialect: Dialect,
    extension: int,
    initializer: HowDrawn | tuple[HowDrawn, HowDrawn],
    pairing: str | None,
    noise_ratio: float,
) -> list[HowDrawn]:
    """Return the initializers of the input and of the output extension: names of INITIALIZERS, or Initializers."""
    check_size("extension", extension)
    pair = [*initializer] if isinstance(initializer, tuple | list) else [initializer, initializer]
    if len(pair) != 2:
        raise EmbinitError(f"initializer must be one, or two for inputs and outputs, got {len(pair)}")
    how = [_initializer(dialect, each) for each in pair]
    if pairing is not None:
        check_known("pairing", pairing, PAIRINGS)
        if extension % 2:
            raise EmbinitError(f"extension must be even for pairing {pairing}, got {extension}")
    check_finite("noise_ratio", noise_ratio)
    if noise_ratio < 0:
        raise EmbinitError(f"noise_ratio must not be negative, got {shown(noise_ratio)}")
    return how


def _initializer(dialect: Dialect, given: HowDrawn) -> HowDrawn:
    """Return a name of INITIALIZERS as it is, and for any other name the dialect's initializer."""
    if isinstance(given, Initializer):
        return given
    if not isinstance(given, str):
        raise EmbinitError(
            "initializer must be a name or an Initializer such as embinit.initializers.he_uniform(), "
            f"got a {type(given).__name__}"
        )
    if given in INITIALIZERS:
        return given
    check_known("initializer", given, [*dict.fromkeys([*INITIALIZERS, *dialect.named])])
    factory = dialect.named[given]
    needed = [name for name, parameter in signature(factory).parameters.items() if parameter.default is parameter.empty]
    if needed:
        raise EmbinitError(f"initializer {given} needs its {listed(needed)}: give embinit.initializers.{given}(...)")
    return factory()


@dataclass(frozen=True)
class _Hidden:
    """Where hidden neurons are in a model: the positions of first, of second, and of the layer after it."""

    model: Description
    start: int
    stop: int
    end: int

    @classmethod
    def of(cls, model: Description, layer: str) -> "_Hidden":
        """Find a layer and the next one with weights, or raise EmbinitError if they cannot grow together."""
        names = [each.name for each in model.layers]
        weighted = [i for i, each in enumerate(model.layers) if isinstance(each, Weighted)]
        check_known("layer", layer, [names[i] for i in weighted[:-1]])
        start = names.index(layer)
        stop, *later = weighted[weighted.index(start) + 1 :]
        hidden = cls(model, start, stop, later[0] if later else len(names))
        for each in model.layers[start + 1 : stop]:
            if isinstance(each, Stored) and not isinstance(each, Norm):
                raise EmbinitError(f"layer {each.name!r}: no {each.type} may come between two layers that grow")
        for each in (hidden.first, hidden.second):
            if each.sizes.get("groups", 1) != 1:
                raise EmbinitError(f"layer {each.name!r}: groups must be 1 to grow, got {each.sizes['groups']}")
        outputs, inputs = hidden.first.sizes["out"], hidden.second.sizes["in"]
        if outputs != inputs:
            raise EmbinitError(
                f"layer {hidden.second.name!r}: to grow with layer {layer!r} its inputs must be the {outputs} outputs "
                f"of that layer, got {inputs}"
            )
        return hidden

    @property
    def first(self) -> Weighted:
        """The layer whose outputs are the hidden neurons."""
        return self.model.layers[self.start]  # type: ignore[return-value]

    @property
    def second(self) -> Weighted:
        """The layer whose inputs they are."""
        return self.model.layers[self.stop]  # type: ignore[return-value]

    def widened(self, extension: int) -> Description:
        """Return the model with more hidden neurons."""
        layers = list(self.model.layers)
        neurons = self.first.sizes["out"]
        layers[self.start] = _resized(self.first, ("out_features", "out_channels"), extension)
        for i in range(self.start + 1, self.stop):
            if isinstance(layers[i], Norm):
                layers[i] = _resized_norm(layers[i], neurons, extension)
        layers[self.stop] = _resized(self.second, ("in_features", "in_channels"), extension)
        return replace(self.model, layers=layers)

    def weights(self, arrays: Mapping[str, Floats]) -> tuple[Weights, Weights]:
        """Return what first and second hold, each with the statistics of the batch norm after it."""
        return self._weights(self.start, self.stop, arrays), self._weights(self.stop, self.end, arrays)

    def grown(self, arrays: Mapping[str, Floats], step: Step, wider: Description) -> dict[str, Floats]:
        """Return the buffers of the wider model, in its order, and the statistics."""
        values = dict(arrays)
        for layer, end, weights in ((self.start, self.stop, step.first), (self.stop, self.end, step.second)):
            held = {"weight": weights.weight, "bias": weights.bias}
            values |= {self._name(layer, part): array for part, array in held.items() if array is not None}
            for name in self._statistics(layer, end, arrays):
                values[name] = getattr(weights, name.rpartition(".")[2])
        shapes = {tensor.name: tensor.shape for tensor in wider.tensors}
        shapes |= dict.fromkeys(self._statistics(self.start, self.stop, arrays), (step.first.outputs,))
        fresh = {"weight": 1.0, "bias": 0.0, "running_mean": 0.0, "running_var": 1.0}
        return {
            name: _padded(values[name], shapes.get(name, values[name].shape), fresh.get(name.rpartition(".")[2], 0.0))
            for name in values
        }

    def _weights(self, layer: int, end: int, arrays: Mapping[str, Floats]) -> Weights:
        axes = dialect_named(self.model.dialect).layouts[self.model.layers[layer].type]
        weight, bias = arrays[self._name(layer, "weight")], arrays.get(self._name(layer, "bias"))
        statistics = {name.rpartition(".")[2]: arrays[name] for name in self._statistics(layer, end, arrays)}
        return Weights(weight, bias, axes.index("out"), axes.index("in"), **statistics)

    def _statistics(self, layer: int, end: int, arrays: Mapping[str, Floats]) -> list[str]:
        """Return the names of the statistics of the first batch norm after a layer."""
        names = [[self._name(i, what) for what in STATISTICS] for i in range(layer + 1, end)]
        return next((pair for pair in names if pair[0] in arrays), [])

    def _name(self, layer: int, part: str) -> str:
        return f"{self.model.layers[layer].name}.{part}"


def _resized(layer: Weighted, sizes: tuple[str, str], extension: int) -> Layer:
    """Return a layer whose size, under the one of the two names that it has, is larger."""
    name = next(name for name in sizes if hasattr(layer, name))
    return replace(layer, **{name: getattr(layer, name) + extension})


def _resized_norm(norm: Layer, neurons: int, extension: int) -> Layer:
    """Return a norm of more neurons: of the sizes in its shape, the one that counts them is larger."""
    name = next(name for name in ("num_channels", "num_features", "normalized_shape") if hasattr(norm, name))
    size = getattr(norm, name)
    sizes = list(size) if isinstance(size, list | tuple) else [size]
    if sizes.count(neurons) != 1:
        raise EmbinitError(
            f"layer {norm.name!r}: {name} must have one size of {neurons} to grow with them, got {shown(size)}"
        )
    sizes[sizes.index(neurons)] += extension
    changed: dict[str, Any] = {name: sizes if isinstance(size, list | tuple) else sizes[0]}
    return replace(norm, **changed)


def _padded(array: Floats, shape: tuple[int, ...], value: float) -> Floats:
    """Return an array extended by a value at the end of every axis that is longer in shape."""
    out = np.full(shape, value, np.float32)
    out[tuple(map(slice, array.shape))] = array
    return out


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
            got = f"{array.dtype} {list(array.shape)}" if isinstance(array, np.ndarray) else repr(array)
            raise EmbinitError(f"values of {name} must be a float32 array of shape {list(shape)}, got {got}")
        arrays[name] = array.copy()
    return arrays
