"""One step of growth on the arrays of two layers."""

import math
from dataclasses import dataclass, replace

import numpy as np

from embinit.dialects import Dialect
from embinit.distributions import check_finite
from embinit.errors import EmbinitError, check_known, shown
from embinit.generator import Generator
from embinit.growth.extension import Extension, HowDrawn, chosen_initializer
from embinit.growth.factors import factors
from embinit.growth.weights import Floats, Weights, variance
from embinit.layers import check_size

PAIRINGS = ("vv_z_negz",)


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

    def planned(reference: Floats, axis: int, init: HowDrawn, fans: tuple[int, int], mirror: float) -> Extension:
        shape = (*reference.shape[:axis], extension, *reference.shape[axis + 1 :])
        return Extension.of(dialect, init, reference, shape, axis, fans, mirror if pairing else None)

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
    how = [chosen_initializer(dialect, each) for each in pair]
    if pairing is not None:
        check_known("pairing", pairing, PAIRINGS)
        if extension % 2:
            raise EmbinitError(f"extension must be even for pairing {pairing}, got {extension}")
    check_finite("noise_ratio", noise_ratio)
    if noise_ratio < 0:
        raise EmbinitError(f"noise_ratio must not be negative, got {shown(noise_ratio)}")
    return how
