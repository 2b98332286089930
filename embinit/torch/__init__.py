"""PyTorch modules and models: start a PyTorch run from the chip's weights (extra `torch`)."""

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from embinit.comparison import Compared, Comparison, refuse
from embinit.dialects.pytorch import TORCH
from embinit.dialects.pytorch.constructed import Constructed, copied, draw, register, settled, within
from embinit.errors import EmbinitError, listed, shown
from embinit.fill import fill
from embinit.model import Description, Tensor
from embinit.plan import plan
from embinit.torch.compare import compare
from embinit.torch.modules import Found, count_write, found
from embinit.torch.package import torch_package
from embinit.torch.problems import givers, of_constructors, of_devices, of_origin, of_types, rewritten

if TYPE_CHECKING:
    import torch
    from torch.nn import Module

__all__ = [
    "Compared", "Comparison", "Constructed", "compare", "copied", "draw", "init_", "model_of", "register_layer",
    "settled", "state_dict", "within",
]  # fmt: skip


def init_(
    module: "Module",
    seed: int,
    dialect: str = "odt",
    target: str = "cortex-m4f",
    multiply_add: str | None = None,
    order: Sequence[str] = (),
) -> None:
    """Fill a module's parameters in place with what the device holds after its init code.

    Use it to train on the host from exactly the chip's starting point. Running statistics of normalizations are reset
    too. Dialects kaun* and gomlx* have other layouts for weights; they are converted to PyTorch's.

    Parameters
    ----------
    module
        The torch.nn.Module to fill; its parameters must be float32.
    seed
        What the device seeds its generator with.
    dialect
        The framework whose conventions the device follows: a name.
    target
        The device build whose arithmetic is used: a name.
    multiply_add
        What the compiler makes of a * b + c, if not what the target says: "separate", "fused" or "fused-expression".
    order
        Paths of layers that draw after all others, in this order, such as layers that were lazy and drew in the first
        forward pass. All others draw in the order in which the module registers them.

    Raises
    ------
    EmbinitError
        If the module has parameters that embinit or the dialect does not know, or that cannot be filled rightly; the
        message names them and the way out. Nothing is filled then.

    Examples
    --------
    >>> import torch, embinit.torch
    >>> fc = torch.nn.Linear(2, 1)
    >>> embinit.torch.init_(fc, seed=42)
    >>> fc.weight.detach().numpy().view("uint32").tolist()
    [[3207860201, 1047013391]]
    """
    torch = torch_package()
    model = model_of(module, seed, dialect=dialect, target=target, multiply_add=multiply_add, order=order)
    layers, _ = found(module, order)
    refuse(of_devices(layers))
    values = _by_path(model, module)
    state = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    with torch.no_grad():
        for path, tensor in state.items():
            if path in values:
                tensor.copy_(values[path])
                count_write(tensor)


def model_of(module: "Module", seed: int, name: str = "module", order: Sequence[str] = (), **keys: Any) -> Description:
    """Return the description of a module: one layer for each submodule with parameters, named after its path.

    Use it to see the plan of a module, to export it for a device, or to compare a device's dump with it.

    Parameters
    ----------
    module
        The torch.nn.Module. Submodules without parameters draw nothing and are left out.
    seed
        What the device seeds its generator with.
    name
        The model's name.
    order
        Layers that draw after all others, as in `init_`.
    **keys
        Other parameters of `embinit.Model`, such as dialect and target.

    Raises
    ------
    EmbinitError
        If the module has parameters that embinit cannot draw as PyTorch does; the message names them and the way out.

    Examples
    --------
    >>> import torch, embinit.torch
    >>> net = torch.nn.Sequential(torch.nn.Conv1d(1, 4, 3), torch.nn.ReLU(), torch.nn.Linear(8, 2))
    >>> [(layer.name, layer.type) for layer in embinit.torch.model_of(net, seed=1).layers]
    [('conv1d_0', 'Conv1d'), ('linear_2', 'Linear')]
    """
    if not isinstance(module, torch_package().nn.Module):
        raise EmbinitError(f"module must be a torch.nn.Module, got {shown(module)}")
    layers, problems = found(module, order)
    refuse(problems)
    if not layers:
        raise EmbinitError("the module must have a layer with parameters, got none")
    model = Description(name, [each.layer for each in layers], seed=seed, **keys)
    if model.conventions.construction_draws:
        refuse([*of_types(layers, pytorchs=True), *of_constructors(module, layers), *of_origin(layers)])
        if written := rewritten(layers):
            warnings.warn(
                f"something wrote to {listed(written[:3])} after the layer drew: if the module's own code did that, "
                "PyTorch holds other values than these; see embinit.torch.compare",
                stacklevel=3,
            )
    refuse(givers(layers)[1])
    return model


def state_dict(model: Description, module: "Module | None" = None) -> "dict[str, torch.Tensor]":
    """Return a model's initial values as tensors, by buffer name or, given a module, by the module's names.

    Parameters
    ----------
    model
        The model, such as `model_of` or `embinit.Model.from_torch` returned.
    module
        A module with the model's layers. The result is then what module.load_state_dict takes: the module's own state
        with parameters and running statistics replaced, in PyTorch's layouts. A shared parameter holds what the layer
        drew whose draw was kept.

    Raises
    ------
    EmbinitError
        If the module does not have the model's layers.

    Examples
    --------
    >>> import torch, embinit.torch
    >>> net = torch.nn.Sequential(torch.nn.Linear(2, 1), torch.nn.BatchNorm1d(1))
    >>> model = embinit.Model.from_torch(net, seed=42)
    >>> net.load_state_dict(embinit.torch.state_dict(model, net))
    <All keys matched successfully>
    """
    torch = torch_package()
    if module is not None:
        return {**module.state_dict(), **_by_path(model, module)}
    return {name: torch.from_numpy(values) for name, values in fill(plan(model)).arrays.items()}


def register_layer(layer: type[Constructed]) -> type[Constructed]:
    """Return a layer class of your own, now known to the torch dialects, to model files and to modules of its name.

    Parameters
    ----------
    layer
        A dataclass derived from `Constructed`. Its fields are arguments of the module's constructor and attributes of
        the module; its `construct` yields what that constructor draws, in order: `draw` for a parameter, `within` for a
        submodule.

    Raises
    ------
    EmbinitError
        If it is no such class, or its name is taken.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> import embinit
    >>> from embinit.torch import Constructed, draw, within
    >>> @embinit.torch.register_layer
    ... @dataclass(frozen=True, kw_only=True)
    ... class GatedLinear(Constructed):
    ...     features: int
    ...     def construct(self):
    ...         yield draw("gate", {"feature": self.features}, embinit.initializers.zeros())
    ...         yield from within("value", embinit.Linear(in_features=self.features, out_features=1))
    >>> model = embinit.Model("m", [GatedLinear(name="g", features=4)], seed=1, dialect="torch")
    >>> [row.name for row in model.plan().rows]
    ['g.gate', 'g.value.weight', 'g.value.bias']
    """
    return register(layer)


def _by_path(model: Description, module: "Module") -> "dict[str, torch.Tensor]":
    """Return a model's initial values in PyTorch's layouts, under every name that a module has for each tensor."""
    torch = torch_package()
    layers, problems = found(module)
    refuse(problems)
    names = _matched(model, layers)
    refuse(of_types(layers, model.conventions.construction_draws))
    given, unknown = givers(layers)
    refuse(unknown)
    values = fill(plan(model)).arrays
    held = {
        names[tensor.name]: torch.from_numpy(values[tensor.name].transpose(_order(tensor))) for tensor in model.tensors
    }
    for each in layers:
        if "running_mean" in each.parts:
            held[each.named("num_batches_tracked")] = torch.tensor(0)
    state = [*module.named_parameters(remove_duplicate=False), *module.named_buffers(remove_duplicate=False)]
    return {path: held[given.get(id(tensor), path)] for path, tensor in state if given.get(id(tensor), path) in held}


def _matched(model: Description, layers: Sequence[Found]) -> dict[str, str]:
    """Return the names of a module's parameters by buffer name, after checking that they are the model's."""
    held_by = {tensor.layer.name for tensor in model.tensors}
    ours = [layer for layer in model.layers if layer.name in held_by]
    if len(layers) != len(ours):
        raise EmbinitError(f"the module must have the model's {len(ours)} layers with parameters, got {len(layers)}")
    by_name = {layer.name: layer for layer in ours}
    if {each.layer.name for each in layers} == set(by_name):
        ours = [by_name[each.layer.name] for each in layers]
    names: dict[str, str] = {}
    for each, layer in zip(layers, ours, strict=True):
        tensors = [tensor for tensor in model.tensors if tensor.layer is layer]
        needed = {tensor.part: [tensor.shape[axis] for axis in _order(tensor)] for tensor in tensors}
        got = {part: list(tensor.shape) for part, tensor in each.parts.items() if _is_held(part, needed)}
        if needed != got:
            wanted, held = (listed(f"{part} {shape}" for part, shape in parts.items()) for parts in (needed, got))
            raise EmbinitError(f"layer {each.path or layer.type!r}: its parameters must be {wanted}, got {held}")
        names |= {tensor.name: each.named(tensor.part) for tensor in tensors}
    return names


def _is_held(part: str, needed: dict[str, list[int]]) -> bool:
    """Whether a model holds a part: a model written by hand may leave out the running statistics."""
    return part in needed or not part.startswith("running_")


def _order(tensor: Tensor) -> list[int]:
    """Return PyTorch's order of a buffer's axes."""
    layout = TORCH.layouts.get(tensor.layer.type) if tensor.part == "weight" else None
    return [tensor.axes.index(axis) for axis in layout or tensor.axes]
