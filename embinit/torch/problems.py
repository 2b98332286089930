"""Why embinit would give a torch.nn.Module other values than PyTorch, as far as its tensors and its code show."""

import dis
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from functools import cache
from types import CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from embinit.comparison import Problem
from embinit.dialects.pytorch import TORCH
from embinit.dialects.pytorch.transformers import Transformer
from embinit.distributions import Constant, Distribution, Normal, PaddedNormal, Uniform
from embinit.errors import listed
from embinit.layers import Parameter
from embinit.torch.modules import Found, is_drawn, is_pytorchs, writes

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

#: A distribution is ruled out if values as far out, or as near to 0, are rarer than this; for many values also if their
#: mean square is as rare; and if more than a few values are all the same.
RARE, MANY, FEW = 1e-12, 100, 2


def _tensors(layers: Sequence[Found]) -> "Iterator[tuple[str, Parameter, Tensor]]":
    for each in layers:
        for parameter in TORCH.parameters(each.layer):
            yield each.named(parameter.part), parameter, each.parts[parameter.part]


# ---- Types and devices ----


def of_types(layers: Sequence[Found], pytorchs: bool) -> Iterator[Problem]:
    """Yield parameters that are not float32: PyTorch draws those in other ways, and narrow types round a device's
    values. pytorchs: whether the values are PyTorch's own.
    """
    for name, _, tensor in _tensors(layers):
        dtype = str(tensor.dtype).removeprefix("torch.")
        if dtype == "float32" or (dtype == "float64" and not pytorchs):
            continue
        reason = "the device's float32 values would be rounded"
        if pytorchs:
            reason = "PyTorch draws other values for that dtype, or rounded float32 values, and it is unclear which"
        yield Problem(
            name, "dtype",
            f"parameter {name!r} must be float32, got dtype {dtype}: {reason}; build the module in float32, fill it, "
            "and convert it afterwards",
        )  # fmt: skip


def of_devices(layers: Sequence[Found]) -> Iterator[Problem]:
    """Yield parameters without storage that could be filled."""
    for name, _, tensor in _tensors(layers):
        if tensor.is_inference():
            yield Problem(
                name, "inference",
                f"parameter {name!r} is an inference tensor, which nothing can be written to: build the module outside "
                "of torch.inference_mode()",
            )  # fmt: skip
        elif tensor.is_meta:
            yield Problem(
                name, "meta",
                f"parameter {name!r} is on device meta, where nothing can be filled: module.to_empty(device='cpu') "
                "gives it storage; or load embinit.torch.state_dict(model, module) with assign=True",
            )  # fmt: skip


# ---- Shared parameters ----


def givers(layers: Sequence[Found]) -> tuple[dict[int, str], list[Problem]]:
    """Return the name under which each tensor's values were drawn, by the tensor's id, and problems where that is
    unclear.

    A parameter that layers share was drawn by each of them, and all draws but one were lost. Its values show which one
    was kept if the layers draw from distributions that are different enough.
    """
    owners: dict[int, list[tuple[str, Parameter, Tensor]]] = {}
    for owner in _tensors(layers):
        owners.setdefault(id(owner[2]), []).append(owner)
    given, problems = {}, []
    for key, sharing in owners.items():
        names = [name for name, _, _ in sharing]
        if len(sharing) == 1:
            given[key] = names[0]
            continue
        likely = [name for name, parameter, tensor in sharing if is_likely(parameter, tensor)]
        alike = len({repr(parameter.initializer) for _, parameter, _ in sharing}) == 1
        indifferent = alike and not any(is_drawn(parameter) for _, parameter, _ in sharing)
        given[key] = likely[0] if likely else names[0]
        if len(likely) != 1 and not indifferent:
            problems.append(
                Problem(
                    names[-1], "shared",
                    f"parameter {names[-1]!r} is shared with {listed(map(repr, names[:-1]))}, and nothing tells which "
                    "layer drew it: fill the module before its layers share it",
                )
            )  # fmt: skip
    return given, problems


def is_likely(parameter: Parameter, tensor: "Tensor") -> bool:
    """Whether values may have been drawn as PyTorch draws a part; true if there are no values."""
    if tensor.is_meta:
        return True
    values = tensor.detach().float().flatten()
    values = values[values != 0] if isinstance(parameter.initializer, PaddedNormal) else values
    n, largest = values.numel(), float(values.abs().max()) if values.numel() else 0.0
    if n > FEW and is_drawn(parameter) and bool((values == values[0]).all()):
        return False
    match _distribution(parameter):
        case Constant(value):
            return bool((values == value).all())
        case Uniform(high=bound):
            inside = largest / bound
            return 0 < inside <= 1 + 2**-23 and n * math.log(inside) > math.log(RARE)
        case Normal(stddev=stddev) | PaddedNormal(stddev=stddev) if n:
            deviations = largest / stddev / math.sqrt(2)
            near, far = math.erf(deviations), math.erfc(deviations)
            squares = float(values.double().square().mean()) / stddev**2
            usual = n < MANY or abs(squares - 1) < 12 * math.sqrt(2 / n)
            return usual and n * far > RARE and near > 0 and n * math.log(near) > math.log(RARE)
    return True


def _distribution(parameter: Parameter) -> Distribution:
    return TORCH.distribution(parameter.initializer, parameter.fan_in, parameter.fan_out)


# ---- What was written after it was drawn, or never drawn ----


def rewritten(layers: Sequence[Found]) -> list[str]:
    """Return the names of parameters that were written to after PyTorch's layer drew them."""
    return [
        each.named(parameter.part)
        for each in layers
        for parameter in TORCH.parameters(each.layer)
        if not parameter.part.startswith("running_")
        and is_pytorchs(type(each.module))
        and writes(each.parts[parameter.part]) > _writes_of_constructor(each, parameter)
    ]


def _writes_of_constructor(each: Found, parameter: Parameter) -> int:
    """Return how often PyTorch's constructor writes to a part; a deep copy counts from 0."""
    if each.layer.same_as is not None:
        return 0
    if "layers" in parameter.part.split("."):
        return int(isinstance(each.layer, Transformer) and len(parameter.shape) > 1)
    return 2 if isinstance(parameter.initializer, PaddedNormal) or parameter.part.endswith("out_proj.bias") else 1


def of_origin(layers: Sequence[Found]) -> Iterator[Problem]:
    """Yield parameters that do not hold what their layer drew, as after nn.Parameter(...), from_pretrained or
    remove_weight_norm. They can be recognized if some tensors were drawn, in the layer or, by their values, anywhere; a
    module that was copied or loaded as a whole shows nothing.
    """
    tensors = [
        (each, parameter, each.parts[parameter.part])
        for each in layers
        for parameter in TORCH.parameters(each.layer)
        if not parameter.part.startswith("running_")
    ]
    if not any(writes(tensor) for _, _, tensor in tensors):
        return
    owners = Counter(id(tensor) for _, _, tensor in tensors)
    drawn = {id(each) for each, parameter, tensor in tensors if is_drawn(parameter) and writes(tensor)}
    for each, parameter, tensor in tensors:
        name = each.named(parameter.part)
        seen = owners[id(tensor)] > 1 or hasattr(tensor, "_embinit_writes") or not is_pytorchs(type(each.module))
        usual = _writes_of_constructor(each, parameter)
        replaced = is_drawn(parameter) and not tensor.is_meta and writes(tensor) == 0 < usual and id(each) in drawn
        unlikely = writes(tensor) <= usual and not is_likely(parameter, tensor)
        if not seen and (replaced or unlikely):
            yield Problem(
                name, "drawn again",
                f"parameter {name!r} does not hold what its layer drew, as after nn.Parameter(...), from_pretrained or "
                "a change by way of .data: what PyTorch drew cannot be known; fill the module before that is done",
            )  # fmt: skip


# ---- What constructors do ----


def of_constructors(module: "Module", layers: Sequence[Found]) -> Iterator[Problem]:
    """Yield constructors that draw values themselves, or write to what their layers drew."""
    written = rewritten(layers)
    classes = {type(each): path for path, each in reversed(list(module.named_modules()))}
    own = [cls for cls in classes if not is_pytorchs(cls)]
    for cls in own:
        drawing, writing, unseen = _reach(cls, tuple(own))
        path, label = classes[cls], f"the constructor of {cls.__name__}"
        if drawing:
            yield Problem(
                path, "drawn before",
                f"{label} calls {listed(sorted(drawing))}, which moves PyTorch's stream: see embinit.torch.compare, "
                "and draw after the layers are filled",
            )  # fmt: skip
        if writing and (written or unseen):
            what = f" to {listed(map(repr, written[:3]))}" if written else ""
            yield Problem(
                path, "drawn again",
                f"{label} writes{what} after the layers are drawn, by {listed(sorted(writing))}, and embinit knows "
                "only what the layers draw: see embinit.torch.compare, and fill the module before that is done, or "
                "describe it by a Model with weight_init",
            )  # fmt: skip


def _reach(cls: type, classes: tuple[type, ...]) -> tuple[frozenset[str], frozenset[str], bool]:
    """Return the functions with which a constructor draws and writes, and whether it may write without a trace."""
    drawing: set[str] = set()
    writing: set[str] = set()
    names: set[str] = set()
    seen: set[FunctionType] = set()
    queue = [base.__dict__["__init__"] for base in cls.__mro__ if not is_pytorchs(base) and "__init__" in base.__dict__]
    while queue:
        function = queue.pop()
        if not isinstance(function, FunctionType) or function in seen:
            continue
        seen.add(function)
        if function is deepcopy or is_pytorchs(function):
            continue
        for value in _references(function, function.__code__):
            if isinstance(value, str):
                names.add(value)
                writing |= {value} if value in _in_place() else set()
                queue += [base.__dict__[value] for each in classes for base in each.__mro__ if value in base.__dict__]
            elif any(value is each for each in _draws()):
                drawing.add(f"torch.{value.__name__}")
            elif getattr(value, "__module__", None) == "torch.nn.init" and value.__name__.endswith("_"):
                writing.add(f"torch.nn.init.{value.__name__}")
            else:
                queue.append(value)
    return frozenset(drawing), frozenset(writing), "data" in names or deepcopy in seen


def _references(function: FunctionType, code: CodeType) -> Iterator[Any]:
    """Yield what a function and the functions inside it look up: known functions, and otherwise names of attributes."""
    cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
    value: Any = None
    for step in dis.get_instructions(code):
        if step.opname == "LOAD_GLOBAL":
            value = function.__globals__.get(step.argval)
        elif step.opname == "LOAD_DEREF" and step.argval in cells:
            try:
                value = cells[step.argval].cell_contents
            except ValueError:  # the cell is empty
                value = None
        elif step.opname in ("LOAD_ATTR", "LOAD_METHOD"):
            value = vars(value).get(step.argval) if isinstance(value, ModuleType) else None
            if value is None:
                yield step.argval
        elif step.opname == "STORE_ATTR" and step.argval == "data":
            yield ".data ="
        elif step.opname == "STORE_SUBSCR":
            yield "[...] ="
        elif step.opname not in ("PUSH_NULL", "PRECALL", "CACHE"):
            value = None
        if callable(value) and not isinstance(value, type):
            yield value
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _references(function, inner)


@cache
def _draws() -> frozenset[Callable[..., Any]]:
    """Return the functions of PyTorch that draw new tensors, or seed."""
    import torch

    names = (
        "rand", "randn", "randint", "randperm", "rand_like", "randn_like", "randint_like", "normal", "bernoulli",
        "multinomial", "poisson", "manual_seed", "seed",
    )  # fmt: skip
    return frozenset(getattr(torch, name) for name in names)


@cache
def _in_place() -> frozenset[str]:
    """Return the names of methods that write to a tensor or reset a layer, and `_references`'s names for
    assignments.
    """
    import torch

    harmless = {"requires_grad_", "share_memory_", "detach_", "rename_", "retain_grad_"}
    methods = {name for name in dir(torch.Tensor) if name.endswith("_") and not name.startswith("_")}
    others = {"reset_parameters", "_reset_parameters", "load_state_dict", ".data =", "[...] ="}
    return frozenset(methods - harmless | others)
