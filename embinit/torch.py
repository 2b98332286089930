"""PyTorch modules and models: start a PyTorch run from the chip's weights (extra `torch`)."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from embinit.errors import EmbinitError, listed
from embinit.layers import Conv1d, ConvTranspose1d, GroupNorm, Layer, LayerNorm, Linear
from embinit.model import Model

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module


def init_(
    module: "Module", seed: int, dialect: str = "odt", target: str = "cortex-m4f", multiply_add: str | None = None
) -> None:
    """Fill a module's parameters in place with what the device holds after its init code, in construction order.

    Raises EmbinitError for a layer with parameters that embinit does not know; nothing is filled then.

    >>> import torch, embinit.torch
    >>> fc = torch.nn.Linear(2, 1)
    >>> embinit.torch.init_(fc, seed=42)
    >>> fc.weight.detach().numpy().view("uint32").tolist()
    [[3207860201, 1047013391]]
    """
    import torch

    model = model_of(module, seed, dialect=dialect, target=target, multiply_add=multiply_add)
    values = model.init()
    with torch.no_grad():
        for (_, owner), layer in zip(_owners(module), model.layers, strict=True):
            for part in ("weight", "bias"):
                name = f"{layer.name}.{part}"
                if name in values:
                    getattr(owner, part).copy_(torch.from_numpy(values[name]))


def model_of(module: "Module", seed: int, name: str = "module", **keys: Any) -> Model:
    """Return the Model of a module: a layer for each submodule with parameters, named after it.

    Other keyword arguments are those of Model, such as dialect="odt" and target="cortex-m4f". Submodules without
    parameters draw nothing and are left out.

    >>> import torch, embinit.torch
    >>> net = torch.nn.Sequential(torch.nn.Conv1d(1, 4, 3), torch.nn.ReLU(), torch.nn.Linear(8, 2))
    >>> [(layer.name, layer.type) for layer in embinit.torch.model_of(net, seed=1).layers]
    [('conv1d_0', 'Conv1d'), ('linear_2', 'Linear')]
    """
    layers = [_layer(path, owner) for path, owner in _owners(module)]
    if not layers:
        raise EmbinitError("the module must have a layer with parameters, got none")
    return Model(name, layers, seed=seed, **keys)


def state_dict(model: Model) -> "dict[str, Tensor]":
    """Return a model's initial values as tensors, by buffer name."""
    import torch

    return {name: torch.from_numpy(values) for name, values in model.init().items()}


def _owners(module: "Module") -> Iterator[tuple[str, "Module"]]:
    """Yield the submodules that own parameters, in construction order, with their paths."""
    for path, owner in module.named_modules():
        if any(True for _ in owner.parameters(recurse=False)):
            yield path, owner


def _layer(path: str, owner: "Module") -> Layer:
    kind = type(owner).__name__
    known = {"Linear": _linear, "Conv1d": _convolution, "ConvTranspose1d": _convolution, "LayerNorm": _layer_norm,
             "GroupNorm": _group_norm}  # fmt: skip
    if kind not in known:
        raise EmbinitError(f"layer {path or kind!r}: its type must be one of {listed(known)}, got {kind}")
    name = path.replace(".", "_")
    return known[kind](name if name[:1].isalpha() else f"{kind.lower()}_{name}".rstrip("_"), owner)


def _linear(name: str, owner: Any) -> Layer:
    sizes = {"in_features": owner.in_features, "out_features": owner.out_features}
    return Linear(name=name, **sizes, bias=owner.bias is not None)


def _convolution(name: str, owner: Any) -> Layer:
    cls = {"Conv1d": Conv1d, "ConvTranspose1d": ConvTranspose1d}[type(owner).__name__]
    return cls(
        name=name, in_channels=owner.in_channels, out_channels=owner.out_channels, kernel_size=owner.kernel_size[0],
        groups=owner.groups, bias=owner.bias is not None,
    )  # fmt: skip


def _layer_norm(name: str, owner: Any) -> Layer:
    if owner.bias is None:
        raise EmbinitError(f"layer {name!r}: LayerNorm must have a bias, got bias=False")
    return LayerNorm(name=name, normalized_shape=list(owner.normalized_shape))


def _group_norm(name: str, owner: Any) -> Layer:
    return GroupNorm(name=name, num_groups=owner.num_groups, num_channels=owner.num_channels)
