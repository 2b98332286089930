"""PyTorch modules and models: start a PyTorch run from the chip's weights (extra `torch`)."""

from collections.abc import Iterator
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from embinit.dialects.torch import TORCH
from embinit.errors import EmbinitError, listed
from embinit.fill import fill
from embinit.layers import WITH_PARAMETERS, Layer, Stored, Weighted
from embinit.model import Description, Tensor
from embinit.plan import plan

if TYPE_CHECKING:
    import torch
    from torch.nn import Module


def init_(
    module: "Module", seed: int, dialect: str = "odt", target: str = "cortex-m4f", multiply_add: str | None = None
) -> None:
    """Fill a module's parameters in place with what the device holds after its init code, in construction order.

    Raises EmbinitError for a layer with parameters that embinit or the dialect does not know; nothing is filled then.
    kaun and gomlx lay weights out otherwise: they are turned into PyTorch's layouts.

    >>> import torch, embinit.torch
    >>> fc = torch.nn.Linear(2, 1)
    >>> embinit.torch.init_(fc, seed=42)
    >>> fc.weight.detach().numpy().view("uint32").tolist()
    [[3207860201, 1047013391]]
    """
    torch = _torch()
    model = model_of(module, seed, dialect=dialect, target=target, multiply_add=multiply_add)
    values = _by_path(model, module)
    with torch.no_grad():
        for path, parameter in module.named_parameters():
            parameter.copy_(values[path])


def model_of(module: "Module", seed: int, name: str = "module", **keys: Any) -> Description:
    """Return the description of a module: a layer for each submodule with parameters, named after it.

    Other keyword arguments are those of Model, such as dialect="odt" and target="cortex-m4f". Submodules without
    parameters draw nothing and are left out.

    >>> import torch, embinit.torch
    >>> net = torch.nn.Sequential(torch.nn.Conv1d(1, 4, 3), torch.nn.ReLU(), torch.nn.Linear(8, 2))
    >>> [(layer.name, layer.type) for layer in embinit.torch.model_of(net, seed=1).layers]
    [('conv1d_0', 'Conv1d'), ('linear_2', 'Linear')]
    """
    if not isinstance(module, _torch().nn.Module):
        raise EmbinitError(f"module must be a torch.nn.Module, got {module!r}")
    layers = [_layer(path, owner) for path, owner in _owners(module)]
    if not layers:
        raise EmbinitError("the module must have a layer with parameters, got none")
    model = Description(name, layers, seed=seed, **keys)
    _paths(model, module)
    return model


def state_dict(model: Description, module: "Module | None" = None) -> "dict[str, torch.Tensor]":
    """Return a model's initial values as tensors, by buffer name or, for a module like it, by the module's names.

    With a module the result is what module.load_state_dict takes: its own state, such as the statistics of a batch
    norm, with the parameters replaced and in PyTorch's layouts. A shared parameter holds what its first owner does.

    >>> import torch, embinit.torch
    >>> net = torch.nn.Sequential(torch.nn.Linear(2, 1), torch.nn.BatchNorm1d(1))
    >>> model = embinit.Model.from_torch(net, seed=42)
    >>> net.load_state_dict(embinit.torch.state_dict(model, net))
    <All keys matched successfully>
    """
    torch = _torch()
    if module is not None:
        return {**module.state_dict(), **_by_path(model, module)}
    return {name: torch.from_numpy(values) for name, values in fill(plan(model)).arrays.items()}


def _torch() -> Any:
    try:
        import torch
    except ImportError:
        raise EmbinitError("embinit.torch needs PyTorch: pip install 'embinit[torch]'") from None
    return torch


def _by_path(model: Description, module: "Module") -> "dict[str, torch.Tensor]":
    """Return a model's initial values by all names of a module's parameters, and in PyTorch's layouts."""
    torch = _torch()
    paths = _paths(model, module)
    values = fill(plan(model)).arrays
    found = {
        paths[tensor.name]: torch.from_numpy(values[tensor.name].transpose(_order(tensor))) for tensor in model.tensors
    }
    first = {parameter: path for path, parameter in module.named_parameters()}
    named = module.named_parameters(remove_duplicate=False)
    return {path: found[first[parameter]] for path, parameter in named}


def _paths(model: Description, module: "Module") -> dict[str, str]:
    """Return the names of a module's parameters, which must be those of a model's layers, by buffer name."""
    owners = list(_owners(module))
    layers = [layer for layer in model.layers if isinstance(layer, Stored)]
    if len(owners) != len(layers):
        raise EmbinitError(f"the module must have the model's {len(layers)} layers with parameters, got {len(owners)}")
    paths: dict[str, str] = {}
    for (path, owner), layer in zip(owners, layers, strict=True):
        tensors = [tensor for tensor in model.tensors if tensor.layer is layer]
        ours = {tensor.part: [tensor.shape[axis] for axis in _order(tensor)] for tensor in tensors}
        theirs = {part: list(parameter.shape) for part, parameter in owner.named_parameters(recurse=False)}
        if ours != theirs:
            needed, got = (listed(f"{part} {shape}" for part, shape in each.items()) for each in (ours, theirs))
            raise EmbinitError(f"layer {path or layer.type!r}: its parameters must be {needed}, got {got}")
        paths |= {tensor.name: f"{path}.{tensor.part}".lstrip(".") for tensor in tensors}
    return paths


def _order(tensor: Tensor) -> list[int]:
    """Return the order of a buffer's axes that is PyTorch's."""
    layout = TORCH.layouts.get(tensor.layer.type) if tensor.part == "weight" else None
    return [tensor.axes.index(axis) for axis in layout or tensor.axes]


def _owners(module: "Module") -> Iterator[tuple[str, "Module"]]:
    """Yield the submodules that own parameters, in construction order, with their paths."""
    for path, owner in module.named_modules():
        if any(True for _ in owner.parameters(recurse=False)):
            yield path, owner


def _layer(path: str, owner: Any) -> Layer:
    """Return the layer of a submodule, whose attributes have the names of the layer's keys."""
    kind = type(owner).__name__
    if kind not in WITH_PARAMETERS:
        raise EmbinitError(f"layer {path or kind!r}: its type must be one of {listed(WITH_PARAMETERS)}, got {kind}")
    name = path.replace(".", "_")
    name = name if name[:1].isalpha() else f"{kind.lower()}_{name}".rstrip("_")
    known = {field.name for field in fields(WITH_PARAMETERS[kind])}
    keys = {key: getattr(owner, key) for key in known - {field.name for field in fields(Weighted)}}
    if "bias" in known:
        keys["bias"] = owner.bias is not None and owner.bias is not False
    return WITH_PARAMETERS[kind](name=name, **keys)
