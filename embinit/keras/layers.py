"""What a built Keras model holds: its layers in the order in which they take seeds, and what prevents embinit from
filling them.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from embinit.comparison import Problem, check_order
from embinit.dialects.keras import KERAS_TORCH
from embinit.errors import EmbinitError, check_known, listed, shown
from embinit.identifiers import identifier_of
from embinit.initializers import Initializer
from embinit.layers import (
    BatchNorm1d,
    Conv1d,
    Conv2d,
    Conv3d,
    Convolution,
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
    DrawFree,
    Embedding,
    Layer,
    LayerNorm,
    Linear,
    Norm,
)

if TYPE_CHECKING:
    import keras

CONVOLUTIONS: dict[str, type[Convolution]] = {
    "Conv1D": Conv1d,
    "Conv2D": Conv2d,
    "Conv3D": Conv3d,
    "Conv1DTranspose": ConvTranspose1d,
    "Conv2DTranspose": ConvTranspose2d,
    "Conv3DTranspose": ConvTranspose3d,
}
DEPTHWISE: dict[str, type[Convolution]] = {"DepthwiseConv1D": Conv1d, "DepthwiseConv2D": Conv2d}
#: Layers whose seed, if they have one, is all that they take when they are made.
DROPPING = (
    "Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "AlphaDropout", "GaussianDropout",
    "GaussianNoise",
)  # fmt: skip
#: Keras' names of initializers, as its configs write their classes, and the dialect's.
INITIALIZERS = {"".join(part.capitalize() for part in name.split("_")): name for name in KERAS_TORCH.named}


@dataclass(frozen=True)
class Made:
    """One initializer of a layer: Keras' object, the part that it fills ("" if none), and what it is in embinit."""

    part: str
    theirs: Any
    ours: Initializer


@dataclass(frozen=True)
class Found:
    """A layer of a Keras model: its path, what it is in embinit, its parts as Keras' variables, their initializers, and
    the seeds that it took from the list of keras.utils.set_random_seed.
    """

    path: str
    layer: Layer
    parts: Mapping[str, "keras.Variable"]
    made: tuple[Made, ...] = ()
    taken: tuple[int, ...] = ()


def found(model: "keras.Model", order: Sequence[str] = ()) -> tuple[list[Found], list[Problem]]:
    """Return the layers of a model in the order in which they are made, and the problems that it has whatever fills it.
    order: the paths of layers that are made after all others, in this order.
    """
    layers: list[Found] = []
    problems: list[Problem] = []
    taken: set[str] = set()
    for each in _walk("", model, set()):
        if isinstance(each, Problem):
            problems.append(each)
        else:
            name = identifier_of(each.path, each.layer.type.lower(), taken)
            layers.append(replace(each, layer=replace(each.layer, name=name)))
    paths = {each.path: each for each in layers}
    check_order(order, paths, "model")
    layers = [each for each in layers if each.path not in order] + [paths[path] for path in order]
    return layers, problems + list(_shared(layers))


def name_of(variable: "keras.Variable") -> str:
    """Return the name of a weight in its model, without the model's own."""
    return str(variable.path).partition("/")[2] or str(variable.path)


def _walk(path: str, model: Any, seen: set[int]) -> Iterator[Found | Problem]:
    """Yield a model's layers, those of models in it too, and problems for what embinit does not know."""
    for layer in model.layers:
        if id(layer) in seen:
            continue
        seen.add(id(layer))
        inside = f"{path}/{layer.name}".lstrip("/")
        if is_graph(layer):
            yield from _walk(inside, layer, seen)
        else:
            try:
                yield from _layer(inside, layer)
            except EmbinitError as error:
                sentence = re.sub(r"^layer '\w+': ", "", str(error))
                yield Problem(inside, "unknown", f"layer {inside!r}: {sentence}")


def paths_of(model: Any, path: str = "") -> dict[int, str]:
    """Return the path of the layer that holds each weight, by the weight's id."""
    found: dict[int, str] = {}
    for layer in model.layers:
        inside = f"{path}/{layer.name}".lstrip("/")
        more = paths_of(layer, inside) if is_graph(layer) else {id(each): inside for each in layer.weights}
        found = more | found
    return found


def is_graph(model: object) -> bool:
    """Whether a model is a Sequential or a functional one, whose layers are its own."""
    import keras

    return isinstance(model, keras.Sequential) or (isinstance(model, keras.Model) and isinstance(model, keras.Function))


def _layer(path: str, layer: Any) -> Iterator[Found | Problem]:
    kind = type(layer).__name__
    if not layer.weights:
        yield from _without_weights(path, layer, kind)
        return
    reader = _READERS.get(kind)
    if reader is None or not type(layer).__module__.startswith("keras."):
        raise EmbinitError(f"its type must be one of {listed(_READERS)}, or have no weights, got {kind}")
    ours, parts, keys = reader(layer)
    made = tuple(Made(part, getattr(layer, key), _initializer(key, getattr(layer, key))) for part, key in keys)
    given = {each.part: each.ours for each in made}
    if isinstance(ours, Norm | Embedding):
        ours = replace(ours, init={part: given[part] for part in parts})
    else:
        ours = replace(ours, weight_init=given["weight"], bias_init=given["bias"])
    expected = {each.part: list(each.shape) for each in KERAS_TORCH.parameters(ours)}
    got = {part: list(variable.shape) for part, variable in parts.items()}
    if expected != got or len(parts) != len(layer.weights):
        wanted, held = (listed(f"{part} {shape}" for part, shape in each.items()) for each in (expected, got))
        names = listed(each.name for each in layer.weights)
        raise EmbinitError(f"the weights of a {kind} must be {wanted}, got {held} in {names}")
    for variable in parts.values():
        if str(variable.dtype) != "float32":
            yield Problem(
                path, "dtype",
                f"layer {path!r}: its weights must be float32, got dtype {variable.dtype}: Keras draws other values "
                "for that dtype; build the model in float32, fill it, and convert it afterwards",
            )  # fmt: skip
            return
    yield Found(path, ours, parts, made, tuple(each.theirs.seed for each in made if KERAS_TORCH.takes_seed(each.ours)))


def _without_weights(path: str, layer: Any, kind: str) -> Iterator[Found]:
    """Yield a layer that takes a seed from the list though it has no weights."""
    from keras import ops

    generators = getattr(layer, "_seed_generators", [])
    if kind not in DROPPING and (generators or getattr(layer, "generator", None) or _layers_in(layer)):
        what = "holds layers" if _layers_in(layer) else "takes seeds"
        raise EmbinitError(f"a {kind} {what}, and embinit does not know how: leave it out of the model")
    taken = [int(ops.convert_to_numpy(each.state)[0]) for each in generators if each.get_config()["seed"] is None]
    if taken:
        yield Found(path, DrawFree(kind="Dropout"), {}, taken=tuple(taken))


def _layers_in(layer: Any) -> list[Any]:
    return list(getattr(layer, "_layers", []))


# ---- Initializers ----


def _initializer(key: str, theirs: Any) -> Initializer:
    """Return what an initializer of a layer is in dialects keras."""
    import keras

    name = type(theirs).__name__
    if not isinstance(theirs, keras.initializers.Initializer):
        raise EmbinitError(f"{key} must be an initializer of Keras, got {shown(getattr(theirs, '__name__', name))}")
    if not type(theirs).__module__.startswith("keras."):
        raise EmbinitError(f"{key} must be an initializer of Keras, got {name}: its own code draws")
    keys = {part: value for part, value in theirs.get_config().items() if value is not None}
    if isinstance(keys.get("seed"), Mapping):
        raise EmbinitError(f"{key} must have an integer seed or none, got a SeedGenerator, whose state moves")
    try:
        return KERAS_TORCH.initializer({"name": INITIALIZERS.get(name, name.lower()), **keys})
    except EmbinitError as error:
        raise EmbinitError(f"{key}: {error}") from None


def _shared(layers: Sequence[Found]) -> Iterator[Problem]:
    """Yield initializers without a seed that fill several weights: they take one seed of the list for all of them."""
    owners: dict[int, str] = {}
    for each in layers:
        for made in each.made:
            if not KERAS_TORCH.takes_seed(made.ours):
                continue
            if id(made.theirs) in owners:
                yield Problem(
                    each.path, "shared",
                    f"layer {each.path!r}: its {made.part} shares a {type(made.theirs).__name__} with "
                    f"{owners[id(made.theirs)]}, and it takes one seed for both: make one for each, or give it a seed",
                )  # fmt: skip
            owners.setdefault(id(made.theirs), f"the {made.part} of {each.path!r}")


# ---- A layer's keys, its parts, and the attributes with the initializers that it makes, in order ----

Read = tuple[Any, dict[str, Any], tuple[tuple[str, str], ...]]
_KERNEL = (("weight", "kernel_initializer"), ("bias", "bias_initializer"))


def _weights(kernel: Any, layer: Any) -> dict[str, Any]:
    return {"weight": kernel} | ({"bias": layer.bias} if layer.use_bias else {})


def _dense(layer: Any) -> Read:
    inputs, outputs = layer.kernel.shape
    return (
        Linear(in_features=inputs, out_features=outputs, bias=layer.use_bias),
        _weights(layer.kernel, layer),
        _KERNEL,
    )


def _convolution(layer: Any) -> Read:
    cls, groups = CONVOLUTIONS[type(layer).__name__], getattr(layer, "groups", 1)
    *kernel, second, last = layer.kernel.shape
    inputs, outputs = (last, second) if cls.transposed else (second * groups, last)
    if groups > 1 and groups == inputs == outputs:
        raise EmbinitError(
            f"groups must not be the number of all channels, got {groups}: embinit takes such a layer for Keras' "
            "DepthwiseConv, whose fans are other ones"
        )
    sizes = {"in_channels": inputs, "out_channels": outputs, "kernel_size": kernel, "groups": groups}
    return cls(**sizes, bias=layer.use_bias), _weights(layer.kernel, layer), _KERNEL


def _depthwise(layer: Any) -> Read:
    *kernel, channels, multiplier = layer.kernel.shape
    if multiplier != 1:
        raise EmbinitError(f"depth_multiplier must be 1, got {multiplier}")
    sizes = {"in_channels": channels, "out_channels": channels, "kernel_size": kernel, "groups": channels}
    ours = DEPTHWISE[type(layer).__name__](**sizes, bias=layer.use_bias)
    initializers = (("weight", "depthwise_initializer"), ("bias", "bias_initializer"))
    return ours, _weights(layer.kernel, layer), initializers


def _embedding(layer: Any) -> Read:
    ours = Embedding(num_embeddings=layer.input_dim, embedding_dim=layer.output_dim)
    return ours, {"weight": layer.embeddings}, (("weight", "embeddings_initializer"),)


def _batch_norm(layer: Any) -> Read:
    size = layer.moving_mean.shape[0]
    affine = {"affine": layer.scale or layer.center, **_held(layer)}
    ours = BatchNorm1d(num_features=size, track_running_stats=True, **affine)
    parts = _affine(layer)
    parts |= {"running_mean": layer.moving_mean, "running_var": layer.moving_variance}
    statistics = (("running_mean", "moving_mean_initializer"), ("running_var", "moving_variance_initializer"))
    return ours, parts, (*_norm_initializers(layer), *statistics)


def _layer_norm(layer: Any) -> Read:
    parts = _affine(layer)
    shape = tuple(next(iter(parts.values())).shape)
    return LayerNorm(normalized_shape=shape, **_held(layer)), parts, _norm_initializers(layer)


def _held(layer: Any) -> dict[str, Any]:
    """Return which of weight and bias a normalization has; nothing if it has neither."""
    return {"weight": layer.scale, "bias": layer.center} if layer.scale or layer.center else {}


def _affine(layer: Any) -> dict[str, Any]:
    """Return the weight and the bias of a normalization as Keras holds them."""
    return ({"weight": layer.gamma} if layer.scale else {}) | ({"bias": layer.beta} if layer.center else {})


def _norm_initializers(layer: Any) -> tuple[tuple[str, str], ...]:
    keys = ("gamma_initializer", "beta_initializer", "moving_mean_initializer", "moving_variance_initializer")
    for key in keys:
        given = getattr(layer, key, None)
        if given is not None:
            check_known(key, type(given).__name__, ("Zeros", "Ones", "Constant"))
    return ("weight", "gamma_initializer"), ("bias", "beta_initializer")


_READERS: dict[str, Callable[[Any], Read]] = {
    "Dense": _dense,
    **dict.fromkeys(CONVOLUTIONS, _convolution),
    **dict.fromkeys(DEPTHWISE, _depthwise),
    "Embedding": _embedding,
    "LayerNormalization": _layer_norm,
    "BatchNormalization": _batch_norm,
}
