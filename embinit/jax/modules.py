"""What a module of Flax holds: its layers in the order of their draws, and what prevents embinit from drawing them."""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from embinit.comparison import Problem, check_order
from embinit.dialects.flax import LINEN, NNX
from embinit.distributions import Constant
from embinit.errors import EmbinitError, listed
from embinit.identifiers import identifier_of
from embinit.initializers import Initializer, VarianceScaling
from embinit.layers import WITH_PARAMETERS, DrawFree, Layer, Stored, Weighted

#: A place in a tree of modules or arrays.
Path = tuple[str | int, ...]
PARTS = {
    "kernel": "weight", "scale": "weight", "embedding": "weight", "bias": "bias", "mean": "running_mean",
    "var": "running_var",
}  # fmt: skip
#: What Flax's layers hold if nobody says otherwise, by the names of their leaves.
DEFAULTS = {
    "kernel": NNX.weight,
    "embedding": VarianceScaling(1.0, "fan_in", "normal", axes=(-2, 0)),
    "scale": Constant(1.0),
    "bias": Constant(0.0),
}
KINDS = (
    "Linear", "Dense", "Conv", "ConvTranspose", "Embed", "LayerNorm", "RMSNorm", "GroupNorm", "BatchNorm", "Dropout",
)  # fmt: skip


@dataclass(frozen=True)
class Found:
    """A layer of a module: where it is, what it is in embinit, and where its parts are in the tree of arrays."""

    path: Path
    layer: Layer
    places: Mapping[str, Path]


@dataclass(frozen=True)
class Contents:
    """A module's layers in the order of their draws, its arrays by place, and the problems that it has."""

    layers: Sequence[Found]
    leaves: Mapping[Path, Any]
    problems: Sequence[Problem]


def dotted(path: Path) -> str:
    """Return a path as people write it.

    >>> dotted(("layers", 0, "kernel"))
    'layers.0.kernel'
    """
    return ".".join(map(str, path))


def flat(tree: Mapping[Any, Any], path: Path = ()) -> dict[Path, Any]:
    """Return the leaves of nested dicts by their places.

    >>> flat({"a": {0: 1.5}})
    {('a', 0): 1.5}
    """
    leaves: dict[Path, Any] = {}
    for key, value in tree.items():
        leaves |= flat(value, (*path, key)) if isinstance(value, Mapping) else {(*path, key): value}
    return leaves


def nested(leaves: Mapping[Path, Any]) -> dict[Any, Any]:
    """Return leaves as nested dicts.

    >>> nested({("a", 0): 1.5, ("b",): 2.0})
    {'a': {0: 1.5}, 'b': 2.0}
    """
    tree: dict[Any, Any] = {}
    for (*scopes, last), value in leaves.items():
        inner = tree
        for scope in scopes:
            inner = inner.setdefault(scope, {})
        inner[last] = value
    return tree


# ---- nnx ----


def of_nnx(module: Any, order: Sequence[str] = ()) -> Contents:
    """Return what an nnx module holds. order: the paths of layers that draw after all others, in this order."""
    from flax import nnx

    leaves = flat(nnx.to_pure_dict(nnx.state(module, nnx.Not(nnx.RngState))))
    paths: dict[int, Path] = {id(each): tuple(path) for path, each in nnx.iter_modules(module)}
    held = [(paths[id(each)], each) for each in _modules(module, set()) if id(each) in paths]
    modules = {dotted(path): (path, each) for path, each in held}
    known = [path for path, (_, each) in modules.items() if _kind(each, nnx)]
    check_order(order, known, "module")
    every = [modules[path] for path in (*(path for path in modules if path not in order), *order)]
    return _contents([(path, each, _kind(each, nnx)) for path, each in every], leaves, lambda path: [path])


def _modules(value: Any, seen: set[int]) -> Iterator[Any]:
    """Yield the modules in a module, once each, in the order in which their constructors set them."""
    from flax import nnx

    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, nnx.Module):
        yield value
    for child in _children(value):
        yield from _modules(child, seen)


def _children(value: Any) -> list[Any]:
    """Return the children of a module or a container that may be modules, or hold some."""
    from flax import nnx

    held: list[Any] = []
    if isinstance(value, nnx.Module):
        held = [child for name, child in vars(value).items() if not name.startswith("_pytree__")]
    elif isinstance(value, Mapping):
        held = list(value.values())
    elif isinstance(value, list | tuple):
        held = list(value)
    return [child for child in held if isinstance(child, nnx.Module | Mapping | list | tuple)]


# ---- linen ----


def of_linen(module: Any, inputs: Sequence[Any]) -> Contents:
    """Return what a linen module holds when it is initialized with inputs: shapes, without a draw."""
    import jax
    from flax import linen
    from flax.core import unfreeze

    held: dict[Path, Any] = {}

    def watch(method: Callable[..., Any], args: Any, keys: Any, context: Any) -> Any:
        path = tuple(context.module.path)
        if path not in held or (_kind(context.module, linen) and not _kind(held[path], linen)):
            held[path] = context.module
        return method(*args, **keys)

    with linen.intercept_methods(watch):
        leaves = flat(unfreeze(jax.eval_shape(initializing(module, inputs), jax.random.key(0))))
    trees = ("params", "batch_stats")
    modules = [(path, each, _kind(each, linen)) for path, each in held.items()]
    contents = _contents(modules, leaves, lambda path: [(tree, *path) for tree in trees])
    layers = [
        replace(each, layer=replace(each.layer, path="/".join(map(str, each.path))))
        for each in contents.layers
        if isinstance(each.layer, Stored)
    ]
    return replace(contents, layers=layers)


def initializing(module: Any, inputs: Sequence[Any]) -> Callable[[Any], Any]:
    """Return the function that initializes a linen module from a key; inputs that are shapes alone become zeros."""
    import jax
    import jax.numpy as jnp

    given = [jnp.zeros(each.shape, each.dtype) if isinstance(each, jax.ShapeDtypeStruct) else each for each in inputs]
    return lambda key: module.init(key, *given)


# ---- Layers ----


def _kind(module: Any, flax: Any) -> str | None:
    """Return the name of the layer of Flax that a module is, or None."""
    name = type(module).__name__
    return name if name in KINDS and getattr(flax, name, None) is type(module) else None


def _contents(
    modules: Sequence[tuple[Path, Any, str | None]],
    leaves: Mapping[Path, Any],
    trees: Callable[[Path], Sequence[Path]],
) -> Contents:
    """Return the layers among modules, and a problem for each array that belongs to none. trees: where the arrays of
    the module at a path are.
    """
    layers: list[Found] = []
    problems: dict[Path, Problem] = {}
    owners: dict[Path, str] = {}
    taken: set[str] = set()
    for path, module, kind in modules:
        places = {place[-1]: place for place in leaves if place[:-1] in trees(path)}
        owners |= dict.fromkeys(places.values(), type(module).__name__)
        if kind is None or not (places or kind == "Dropout"):
            continue
        try:
            layer = _layer(kind, module, {str(leaf): tuple(leaves[place].shape) for leaf, place in places.items()})
        except EmbinitError as error:
            sentence = f"layer {dotted(path) or kind!r}: {error}"
            problems |= {place: Problem(dotted(place), "unknown", sentence) for place in places.values()}
            continue
        if layer is not None:
            named = replace(layer, name=identifier_of(dotted(path), layer.type.lower(), taken))
            layers.append(Found(path, named, {PARTS[str(leaf)]: place for leaf, place in places.items()}))
    known = {place for each in layers for place in each.places.values()}
    for place, leaf in leaves.items():
        if place in known and str(leaf.dtype) != "float32":
            sentence = f"parameter {dotted(place)!r} must be float32, got {leaf.dtype}: leave param_dtype out"
            problems[place] = Problem(dotted(place), "dtype", sentence)
        elif place not in known and place not in problems:
            owner = owners.get(place)
            what = f"belongs to {owner}" if owner else "belongs to no module that runs"
            sentence = f"parameter {dotted(place)!r} {what}, and embinit knows only {listed(KINDS)}"
            problems[place] = Problem(dotted(place), "unknown", sentence)
    return Contents(layers, leaves, list(problems.values()))


def _layer(kind: str, module: Any, shapes: Mapping[str, tuple[int, ...]]) -> Layer | None:
    """Return the layer that a module of Flax is; None for a Dropout that takes no key."""
    if kind == "Dropout":
        forked = getattr(module, "rngs", None)
        return DrawFree(kind="Dropout") if getattr(forked, "tag", None) == "default" else None
    _check_shapes(kind, module, shapes)
    name, keys = _keys(kind, module, shapes)
    layer = initialized(WITH_PARAMETERS[name](**keys), _told(module, shapes))
    expected = {each.part: list(each.shape) for each in LINEN.parameters(layer)}
    got = {PARTS.get(leaf, leaf): list(shape) for leaf, shape in shapes.items()}
    if expected != got:
        wanted, held = (listed(f"{part} {shape}" for part, shape in each.items()) for each in (expected, got))
        raise EmbinitError(f"the parameters of a {kind} must be {wanted}, got {held}")
    return layer


def _check_shapes(kind: str, module: Any, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Raise EmbinitError for parameters that are not as a constructor makes them: shared, or stacked by vmap."""
    kernel = getattr(module, "kernel_size", ())
    axes = 1 if isinstance(kernel, int) else len(kernel)
    if axes > 3:
        raise EmbinitError(f"kernel_size must have 1 to 3 axes, got {axes}")
    own = {"Embed": "embedding", "BatchNorm": "mean"}.get(kind, "scale" if kind.endswith("Norm") else "kernel")
    used = {"bias": getattr(module, "use_bias", False), own: own != "scale" or module.use_scale}
    for leaf in (leaf for leaf, uses in used.items() if uses and leaf not in shapes):
        raise EmbinitError(f"its {leaf} must be its own, and another layer shares it")
    for leaf, needed in (("kernel", axes + 2), ("embedding", 2), ("mean", 1)):
        if leaf in shapes and len(shapes[leaf]) != needed:
            raise EmbinitError(f"the {leaf} of a {kind} must have {needed} axes, got shape {list(shapes[leaf])}")


def _keys(kind: str, module: Any, shapes: Mapping[str, tuple[int, ...]]) -> tuple[str, dict[str, Any]]:
    """Return the type of a layer, and its keys."""
    bias = {"bias": "bias" in shapes}
    match kind:
        case "Linear" | "Dense":
            inputs, outputs = shapes["kernel"]
            return "Linear", {"in_features": inputs, "out_features": outputs, **bias}
        case "Conv" | "ConvTranspose":
            *kernel, inputs, outputs = shapes["kernel"]
            if getattr(module, "transpose_kernel", False):
                raise EmbinitError("transpose_kernel must be False: its kernel has another layout")
            groups = getattr(module, "feature_group_count", 1)
            sizes = {"in_channels": inputs * groups, "out_channels": outputs}
            return f"{kind}{len(kernel)}d", {**sizes, "kernel_size": tuple(kernel), "groups": groups, **bias}
        case "Embed":
            rows, columns = shapes["embedding"]
            return "Embedding", {"num_embeddings": rows, "embedding_dim": columns}
    if kind == "RMSNorm":
        return kind, {"normalized_shape": shapes["scale"]}
    parts = {"weight": "scale" in shapes, **bias} if "scale" in shapes or "bias" in shapes else {}
    if kind == "BatchNorm":
        affine = {**parts, "affine": bool(parts)}
        return "BatchNorm1d", {"num_features": shapes["mean"][0], "track_running_stats": True, **affine}
    shape = shapes.get("scale") or shapes["bias"]
    if kind == "GroupNorm":
        groups = module.num_groups or shape[0] // module.group_size
        return kind, {"num_groups": groups, "num_channels": shape[0], **parts}
    return kind, {"normalized_shape": shape, **parts}


# ---- Initializers ----


def initialized(layer: Stored, told: Mapping[str, Initializer]) -> Stored:
    """Return a layer with initializers of its own for some parts."""
    if isinstance(layer, Weighted):
        named: dict[str, Any] = {f"{part}_init": initializer for part, initializer in told.items()}
        return replace(layer, **named)
    return replace(layer, init={**layer.told, **told}) if told else layer


def _told(module: Any, leaves: Mapping[str, Any]) -> dict[str, Initializer]:
    """Return the initializers that a module of linen has in place of Flax's defaults; nnx modules do not keep them."""
    told = {}
    for leaf in leaves:
        function = getattr(module, f"{leaf}_init", None)
        if function is not None and (found := _initializer(f"{leaf}_init", function)) != DEFAULTS[leaf]:
            told[PARTS[leaf]] = found
    return told


def _initializer(what: str, function: Any) -> Initializer:
    """Return what a function of jax.nn.initializers, or one that it returned, is here: its closure tells."""
    name, *inner = getattr(function, "__qualname__", repr(function)).split(".")
    jaxs = "jax" in str(getattr(function, "__module__", "")).split(".") and name in LINEN.named
    if not jaxs or not (inner == ["<locals>", "init"] or name in ("zeros", "ones")):
        raise EmbinitError(f"{what} must be one of jax.nn.initializers that embinit knows, got {name}")
    keys = dict(inspect.getclosurevars(function).nonlocals) if inner else {}
    if keys.pop("batch_axis", ()) != ():
        raise EmbinitError(f"{what} must have no batch_axis")
    return LINEN.initializer({"name": name, **{key: _plain(value) for key, value in keys.items()}})


def _plain(value: Any) -> Any:
    """Return a number as Python has it."""
    return value.item() if hasattr(value, "item") else value
