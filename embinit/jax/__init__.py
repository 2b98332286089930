"""Flax modules and models: start a run of JAX from the chip's weights (extra `jax`)."""

from collections.abc import Mapping, Sequence
from typing import Any

from embinit.comparison import Compared, Comparison, refuse
from embinit.dialects.flax import LAYOUTS, path_of
from embinit.errors import EmbinitError, listed
from embinit.fill import fill
from embinit.jax.compare import compare, is_linen, of_nnx_module
from embinit.jax.modules import Path, nested, of_linen, of_nnx
from embinit.jax.package import check_installed
from embinit.layers import Embedding, Norm
from embinit.model import Description, Tensor
from embinit.plan import plan

__all__ = ["Compared", "Comparison", "arrays", "compare", "model_of"]


def model_of(
    module: Any,
    seed: int,
    *inputs: Any,
    name: str = "module",
    order: Sequence[str] = (),
    init: Mapping[str, Any] | None = None,
    **keys: Any,
) -> Description:
    """Return the description of a Flax module: one layer for each submodule with parameters, named after its path.

    Use it to see the plan of a module, to export it for a device, or to compare a device's dump with it. The layers of
    an nnx module are taken in the order in which its constructor sets them, and its values must be those that they
    draw from the seed, bit for bit: nothing else shows that order and the initializers.

    Parameters
    ----------
    module
        A linen module; or for nnx, a function that returns the module that it makes with the rngs it is given, or the
        module that nnx.Rngs(seed) made.
    seed
        What the device seeds its generator with.
    *inputs
        What a linen module is initialized with besides the key: arrays, or jax.ShapeDtypeStruct for their shapes.
    name
        The model's name.
    order, init
        As in `compare`.
    **keys
        Other parameters of `embinit.Model`, such as dialect, target and jit.

    Raises
    ------
    EmbinitError
        If JAX or Flax is missing, or the module has parameters that embinit cannot draw as Flax does; the message names
        them.

    Examples
    --------
    >>> import embinit.jax
    >>> from flax import nnx
    >>> model = embinit.jax.model_of(lambda rngs: nnx.Sequential(nnx.Linear(2, 3, rngs=rngs), nnx.relu), seed=42)
    >>> [(layer.name, layer.type) for layer in model.layers]
    [('layers_0', 'Linear')]
    """
    check_installed()
    if is_linen(module):
        contents = of_linen(module, inputs)
        refuse(contents.problems)
        layers, kind = contents.layers, "linen"
    else:
        layers, comparison = of_nnx_module(module, seed, bool(keys.get("jit")), order, init or {})
        known = ("unknown", "dtype")
        for each in sorted(comparison.differing, key=lambda each: each.why not in known):
            raise EmbinitError(each.sentence if each.why in known else f"parameter {each.name!r}: {each.sentence}")
        kind = "nnx"
    if not any(each.places for each in layers):
        raise EmbinitError("the module must have a layer with parameters, got none")
    return Description(name, [each.layer for each in layers], seed, **{"dialect": f"flax-{kind}", **keys})


def arrays(model: Description, module: Any = None) -> dict[Any, Any]:
    """Return a model's initial values as nested dicts of JAX's arrays, in Flax's layouts.

    Parameters
    ----------
    model
        The model, such as `model_of` or `embinit.Model.from_flax` returned.
    module
        An nnx module with the model's layers; the result is then what nnx.update(module, ...) takes. Without it, the
        result is what a linen module's apply takes: "params" and "batch_stats" by the paths of the layers.

    Raises
    ------
    EmbinitError
        If JAX or Flax is missing, or the module does not have the model's layers.

    Examples
    --------
    >>> import embinit.jax
    >>> from flax import nnx
    >>> net = nnx.Sequential(nnx.Linear(2, 3, rngs=nnx.Rngs(42)), nnx.relu)
    >>> model = embinit.Model.from_flax(net, seed=42)
    >>> nnx.update(net, embinit.jax.arrays(model, net))
    """
    check_installed()
    import jax.numpy as jnp

    values = fill(plan(model)).arrays
    places = _of_linen(model) if module is None else _of_nnx(model, module)
    return nested({places[each.name]: jnp.asarray(values[each.name].transpose(_order(each))) for each in model.tensors})


def _of_linen(model: Description) -> dict[str, Path]:
    """Return where linen holds each buffer, by the paths of the layers."""
    if str(model.dialect).startswith("flax-nnx"):
        raise EmbinitError("module must be given for a model of dialect flax-nnx: its layers do not tell their paths")
    places: dict[str, Path] = {}
    for tensor in model.tensors:
        tree = "batch_stats" if tensor.part.startswith("running_") else "params"
        scopes = [scope for scope in path_of(tensor.layer).split("/") if scope]
        places[tensor.name] = (tree, *scopes, _leaf(tensor))
    return places


def _of_nnx(model: Description, module: Any) -> dict[str, Path]:
    """Return where an nnx module holds each buffer, after checking that it has the model's layers."""
    from flax import nnx

    if not isinstance(module, nnx.Module):
        raise EmbinitError("module must be an nnx module; for a linen module, leave it out")
    contents = of_nnx(module)
    refuse(contents.problems)
    ours = {tensor.layer.name: tensor.layer for tensor in model.tensors}
    theirs = {each.layer.name: each for each in contents.layers if each.places}
    if set(ours) != set(theirs):
        if len(ours) != len(theirs):
            raise EmbinitError(f"the module must have the model's {len(ours)} layers, got {len(theirs)}")
        theirs = dict(zip(ours, theirs.values(), strict=True))
    places: dict[str, Path] = {}
    for name, each in theirs.items():
        tensors = [tensor for tensor in model.tensors if tensor.layer.name == name]
        needed = {tensor.part: [tensor.shape[axis] for axis in _order(tensor)] for tensor in tensors}
        got = {part: list(contents.leaves[place].shape) for part, place in each.places.items()}
        if needed != {part: shape for part, shape in got.items() if part in needed or not part.startswith("running_")}:
            wanted, held = (listed(f"{part} {shape}" for part, shape in parts.items()) for parts in (needed, got))
            raise EmbinitError(f"layer {name!r}: its parameters must be {wanted}, got {held}")
        places |= {tensor.name: each.places[tensor.part] for tensor in tensors}
    return places


def _leaf(tensor: Tensor) -> str:
    """Return Flax's name of a part."""
    match tensor.layer:
        case Embedding():
            names = {"weight": "embedding"}
        case Norm():
            names = {"weight": "scale", "running_mean": "mean", "running_var": "var"}
        case _:
            names = {"weight": "kernel"}
    return names.get(tensor.part, tensor.part)


def _order(tensor: Tensor) -> list[int]:
    """Return Flax's order of a buffer's axes."""
    layout = LAYOUTS.get(tensor.layer.type) if tensor.part == "weight" else None
    return [tensor.axes.index(axis) for axis in layout or tensor.axes]
