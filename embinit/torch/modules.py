"""What a torch.nn.Module holds: its layers in the order of their draws, and what prevents embinit from filling them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, replace
from hashlib import sha256
from types import FunctionType
from typing import TYPE_CHECKING, Any

from embinit.comparison import Problem, check_order
from embinit.dialects.pytorch import TORCH
from embinit.dialects.pytorch.transformers import Transformer, TransformerEncoder
from embinit.distributions import Constant
from embinit.errors import EmbinitError, listed
from embinit.identifiers import identifier_of
from embinit.layers import WITH_PARAMETERS, Parameter, Stored, Weighted

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module


@dataclass(frozen=True)
class Found:
    """A layer of a module: where it is, what it is in embinit, and its parts as PyTorch's tensors."""

    path: str
    module: "Module"
    layer: Stored
    parts: Mapping[str, "Tensor"]

    def named(self, part: str) -> str:
        """Return the name of a part in the whole module."""
        return f"{self.path}.{part}".lstrip(".")


# ---- Layers ----


def found(module: "Module", order: Sequence[str] = ()) -> tuple[list[Found], list[Problem]]:
    """Return the layers of a module in the order of their draws, and the problems that it has whatever fills it. order:
    the paths of layers that draw after all others, in this order, such as layers that were lazy.
    """
    layers: list[Found] = []
    problems: list[Problem] = []
    for each in _walk("", module, set()):
        if isinstance(each, Found):
            layers.append(each)
        else:
            problems.append(each)
    paths = {each.path: each for each in layers}
    check_order(order, paths, "module")
    layers = [each for each in layers if each.path not in order] + [paths[path] for path in order]
    copies, unclear = _with_copies(_with_names(layers))
    return copies, problems + unclear


def _walk(path: str, module: "Module", seen: set[int]) -> Iterator[Found | Problem]:
    """Yield a module's layers, and problems for what is no layer, once each, in the order of registration."""
    if id(module) in seen:
        return
    seen.add(id(module))
    label = path or type(module).__name__
    if wrapped := _wrapped(module):
        yield Problem(path, "reparametrized", f"layer {label!r}: {wrapped}")
        return
    own = dict(module.named_parameters(recurse=False))
    if any(_is_lazy(parameter) for parameter in own.values()):
        yield Problem(
            path, "lazy",
            f"layer {label!r}: {type(module).__name__} is uninitialized and has no shape before a first forward pass: "
            "make a dry run, then name the layers that were lazy, in the order of that pass, as order",
        )  # fmt: skip
        return
    kind = _kind(module)
    if kind is not None:
        seen.update(id(each) for each in module.modules())
        yield from _layer(path, module, kind)
        return
    for name, parameter in own.items():
        yield _unknown(path, name, parameter, module)
    for name, child in module.named_children():
        yield from _walk(f"{path}.{name}".lstrip("."), child, seen)


def _layer(path: str, module: "Module", kind: str) -> Iterator[Found | Problem]:
    label = path or type(module).__name__
    base = _torch_class(kind)
    if base is not None:
        for method in ("reset_parameters", "_reset_parameters"):
            if getattr(type(module), method, None) is not getattr(base, method, None):
                yield Problem(
                    path, "unknown",
                    f"layer {label!r}: {type(module).__name__} has a {method} of its own, not that of {kind}: register "
                    "it with embinit.torch.register_layer",
                )  # fmt: skip
                return
    for name, child in module.named_modules():
        if wrapped := _wrapped(child):
            yield Problem(path, "reparametrized", f"layer {label!r}: in {name!r}, {wrapped}")
            return
        if name and not is_pytorchs(type(child)) and any(True for _ in child.parameters()) and base is not None:
            sentence = f"layer {label!r}: {name!r} is a {type(child).__name__}, which is no layer of PyTorch"
            yield Problem(path, "unknown", f"{sentence}: register {type(module).__name__} under a name of its own")
            return
    parts = {**dict(module.named_parameters(remove_duplicate=False)), **_statistics(module)}
    if not parts:
        return
    try:
        layer = WITH_PARAMETERS[kind](**_keys(module, kind))
        expected = {each.part: list(each.shape) for each in TORCH.parameters(layer)}
    except EmbinitError as error:
        yield Problem(path, "unknown", f"layer {label!r}: {str(error).removeprefix(f'layer {kind!r}: ')}")
        return
    except AttributeError as error:
        yield Problem(path, "unknown", f"layer {label!r}: it is not as the constructor of {kind} leaves it: {error}")
        return
    got = {part: list(tensor.shape) for part, tensor in parts.items()}
    if expected != got:
        wanted, held = (listed(f"{part} {shape}" for part, shape in each.items()) for each in (expected, got))
        yield Problem(path, "unknown", f"layer {label!r}: the parameters of a {kind} must be {wanted}, got {held}")
        return
    yield Found(path, module, layer, parts)


def _unknown(path: str, name: str, parameter: "Tensor", module: "Module") -> Problem:
    kind, full = type(module).__name__, f"{path}.{name}".lstrip(".")
    if type(module) is _torch_class(kind) and kind not in ("ParameterList", "ParameterDict"):
        known = listed(WITH_PARAMETERS)
        sentence = f"layer {path or kind!r}: its type must be one of {known}, or registered, got {kind}"
        return Problem(full, "unknown", sentence)
    return Problem(
        full, "unknown",
        f"parameter {full!r} of shape {list(parameter.shape)} belongs to {kind} itself, whose code fills it, and not "
        f"to a layer that embinit knows: register {kind} with embinit.torch.register_layer, or move it to a layer",
    )  # fmt: skip


def _statistics(module: "Module") -> "dict[str, Tensor]":
    """Return the running statistics of a module."""
    buffers = module.named_buffers(recurse=False)
    return {name: buffer for name, buffer in buffers if name in ("running_mean", "running_var")}


def _torch_class(kind: str) -> type | None:
    """Return PyTorch's class of a layer's name; a registered layer may have none."""
    from torch import nn

    return getattr(nn, kind, None)


def _kind(module: "Module") -> str | None:
    """Return the type of layer that a module is: an instance of a registered class, of PyTorch's class, or of a
    subclass.
    """
    if type(module).__name__ in WITH_PARAMETERS and _torch_class(type(module).__name__) is None:
        return type(module).__name__
    for cls in type(module).__mro__:
        if cls.__name__ in WITH_PARAMETERS and _torch_class(cls.__name__) is cls:
            return cls.__name__ if _is_standard(module, cls.__name__) else None
    return None


def _is_standard(module: Any, kind: str) -> bool:
    """Whether a stack of transformer layers holds PyTorch's own layers, so that embinit can treat it as one layer."""
    from torch import nn

    layer = {"TransformerEncoder": nn.TransformerEncoderLayer, "TransformerDecoder": nn.TransformerDecoderLayer}.get(
        kind
    )
    if layer is None:
        return True
    norm = module.norm is None or (type(module.norm) is nn.LayerNorm and module.norm.bias is not None)
    return norm and len(module.layers) > 0 and all(type(each) is layer for each in module.layers)


def is_pytorchs(code: type | FunctionType) -> bool:
    """Whether a class or a function is PyTorch's own."""
    return str(code.__module__).partition(".")[0] == "torch"


def _is_lazy(parameter: "Tensor") -> bool:
    from torch.nn.parameter import is_lazy

    return bool(is_lazy(parameter))


#: What users call PyTorch's hooks and parametrizations.
_WRAPPERS = {
    "_WeightNorm": "weight_norm", "WeightNorm": "weight_norm", "_SpectralNorm": "spectral_norm",
    "SpectralNorm": "spectral_norm", "_Orthogonal": "orthogonal",
}  # fmt: skip


def _wrapped(module: Any) -> str | None:
    """Return a sentence on what computes a module's weight from other parameters; None if nothing does."""
    import torch

    if isinstance(module, torch.jit.ScriptModule):
        return "it is compiled by torch.jit: fill the module before that is done"
    names = [
        _WRAPPERS.get(type(hook).__name__, f"pruning ({type(hook).__name__})")
        for hook in module._forward_pre_hooks.values()
        if type(hook).__module__.startswith("torch.nn.utils")
    ]
    for name, applied in getattr(module, "parametrizations", {}).items():
        kinds = [type(each).__name__ for each in applied]
        names += [_WRAPPERS.get(kind, f"the parametrization {kind} of {name}") for kind in kinds]
    if not names:
        return None
    return (
        f"{listed(names)} stands between its parameters and its weight, and only PyTorch computes that: fill the "
        "module first, and apply it afterwards"
    )


# ---- A layer's keys ----


def _keys(module: Any, kind: str) -> dict[str, Any]:
    """Return a layer's keys from a module: attributes of the same names, unless there is a reader for a key."""
    if kind in _READERS:
        return _READERS[kind](module)
    formats = {field.name for field in (*fields(Stored), *fields(Weighted))} - {"bias"}
    without = {"weight"} | ({"bias"} if getattr(module, "weight", module) is None else set())
    known = {field.name: field for field in fields(WITH_PARAMETERS[kind]) if field.name not in formats | without}
    keys = {
        key: getattr(module, key)
        for key, field in known.items()
        if hasattr(module, key) or field.default is MISSING or key == "bias"
    }
    if "bias" in keys:
        keys["bias"] = keys["bias"] is not None and keys["bias"] is not False
    return keys


def _attention(module: Any) -> dict[str, Any]:
    given = {"bias": module.in_proj_bias is not None, "add_bias_kv": module.bias_k is not None}
    return {key: getattr(module, key) for key in ("embed_dim", "num_heads", "kdim", "vdim")} | given


def _transformer_layer(module: Any) -> dict[str, Any]:
    heads = {"d_model": module.self_attn.embed_dim, "nhead": module.self_attn.num_heads}
    return {**heads, "dim_feedforward": module.linear1.out_features, "bias": module.linear1.bias is not None}


def _stack(module: Any) -> dict[str, Any]:
    more = {"num_layers": len(module.layers), "norm": module.norm is not None}
    return _transformer_layer(module.layers[0]) | more


def _transformer(module: Any) -> dict[str, Any]:
    stacks = {"num_encoder_layers": len(module.encoder.layers), "num_decoder_layers": len(module.decoder.layers)}
    return _transformer_layer(module.encoder.layers[0]) | stacks


def _slopes(module: Any) -> dict[str, Any]:
    return {"num_parameters": module.num_parameters, "init": module.init}


#: Readers of the keys that layers do not keep as attributes of the same names.
_READERS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "MultiheadAttention": _attention,
    "TransformerEncoderLayer": _transformer_layer,
    "TransformerDecoderLayer": _transformer_layer,
    "TransformerEncoder": _stack,
    "TransformerDecoder": _stack,
    "Transformer": _transformer,
    "PReLU": _slopes,
}


def _with_names(layers: list[Found]) -> list[Found]:
    """Give each layer its own name in C, made from its path."""
    taken: set[str] = set()
    return [
        replace(each, layer=replace(each.layer, name=identifier_of(each.path, each.layer.type.lower(), taken)))
        for each in layers
    ]


# ---- What the tensors show ----


def writes(tensor: "Tensor") -> int:
    """Return how often a tensor was written to in place, not counting embinit: 0 for a copy, 1 if it was drawn once."""
    return 1 if tensor.is_inference() else int(tensor._version) - getattr(tensor, "_embinit_writes", 0)


def count_write(tensor: Any) -> None:
    """Count a write that embinit made."""
    tensor._embinit_writes = getattr(tensor, "_embinit_writes", 0) + 1


def _with_copies(layers: list[Found]) -> tuple[list[Found], list[Problem]]:
    """Mark layers that are deep copies of earlier ones: they hold the same values, and one of them was never drawn."""
    if not any(map(_untouched, layers)):
        return layers, []
    seen: dict[bytes, Found] = {}
    result, problems = [], []
    for each in layers:
        drawn = _drawn(each)
        untouched = any(writes(tensor) == 0 for tensor in drawn)
        if untouched and any(tensor.is_meta for tensor in drawn) and not isinstance(each.layer, _STACKS):
            sentence = f"layer {each.path!r} is a deep copy on device meta, where no values tell of which layer"
            problems.append(Problem(each.path, "copy", f"{sentence}: build the module on device cpu"))
        prints = [digest for tensor in drawn if (digest := _digest(tensor)) is not None]
        others = {id(other): other for digest in prints if (other := seen.get(digest)) is not None}
        others = {key: other for key, other in others.items() if untouched or _untouched(other)}
        for other in others.values():
            if any(tensor is mine for tensor in other.parts.values() for mine in each.parts.values()):
                continue
            if replace(each.layer, name="") == replace(other.layer, name="", same_as=None) and len(others) == 1:
                each = replace(each, layer=replace(each.layer, same_as=other.layer.same_as or other.layer.name))
            else:
                sentence = f"layer {each.path!r} holds a deep copy of parts of {other.path!r}, a layer of another kind"
                problems.append(Problem(each.path, "copy", f"{sentence}: which of them was drawn cannot be known"))
        seen |= dict.fromkeys(prints, each)
        result.append(each)
    return result, problems


_STACKS = (TransformerEncoder, Transformer)


def _untouched(each: Found) -> bool:
    return any(writes(tensor) == 0 for tensor in _drawn(each))


def _drawn(each: Found) -> "list[Tensor]":
    """Return the parts of a layer that are drawn."""
    parameters = TORCH.parameters(each.layer)
    return [each.parts[parameter.part] for parameter in parameters if is_drawn(parameter)]


def is_drawn(parameter: Parameter) -> bool:
    """Whether a constructor draws a part."""
    return parameter.same_as is None and not isinstance(parameter.initializer, Constant)


def _digest(tensor: "Tensor") -> bytes | None:
    """Return a key that tensors with the same values share; None if values show nothing: on meta, a zero, or
    several that are all the same.
    """
    if tensor.is_meta or bool((tensor == (tensor.flatten()[:1] if tensor.numel() > 1 else 0)).all()):
        return None
    import torch

    values = tensor.detach().cpu().contiguous().flatten().view(torch.uint8)
    return sha256(repr(tuple(tensor.shape)).encode() + values.numpy().tobytes()).digest()
