"""module:Name: a constructor of the user's own, imported from the working directory and called under a seed."""

import contextlib
import importlib
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from embinit.errors import EmbinitError, listed, nearest, shortened
from embinit.importing.found import Content, Found, Unknown, Weight
from embinit.layers import BatchNorm1d, Layer


def is_program(source: str) -> bool:
    """Whether a source is module:Name, and no file."""
    module, colon, name = source.partition(":")
    dotted = all(part.isidentifier() for part in (*module.split("."), *name.split(".")))
    return bool(colon) and dotted and not Path(source).exists()


def read(source: str, seed: int) -> Content:
    """Return the layers of what a constructor builds under torch.manual_seed(seed), in the order of registration."""
    module_name, _, name = source.partition(":")
    module_name = module_name.removesuffix(".py")
    with _in_working_directory():
        module = _run(f"importing {module_name}", lambda: importlib.import_module(module_name))
        made = module
        for part in name.split("."):
            if not hasattr(made, part):
                known = [each for each in vars(made) if not each.startswith("_")]
                raise EmbinitError(
                    f"{module_name} has no {name}; it has {listed(known) or 'none'}{nearest(name, known)}"
                )
            made = getattr(made, part)
        return _read(_built(made, name, seed))


@contextlib.contextmanager
def _in_working_directory() -> Iterator[None]:
    folder = str(Path.cwd())
    sys.path.insert(0, folder)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):  # the user's own code may have removed it
            sys.path.remove(folder)


def _run(what: str, call: Any) -> Any:
    """Return what the user's code returns, or raise EmbinitError that says what it raised."""
    try:
        return call()
    except ModuleNotFoundError as error:
        raise EmbinitError(f"{what}: no module is named {error.name}") from None
    except (Exception, SystemExit) as error:
        said = shortened(f"{type(error).__name__}: {error}", 200)
        raise EmbinitError(f"{what} raised {said}") from None


def _built(made: Any, name: str, seed: int) -> Any:
    """Return a module: what a name stands for, or what it returns when it is called without arguments."""
    if _is_keras(made) or _is_torch(made) or not callable(made):
        return made
    torch, keras = sys.modules.get("torch"), sys.modules.get("keras")
    if torch is not None:
        torch.manual_seed(seed)
    if keras is not None:
        keras.utils.set_random_seed(seed % 2**32)
    return _run(f"{name}()", made)


def _is_torch(made: Any) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(made, torch.nn.Module)


def _is_keras(made: Any) -> bool:
    keras = sys.modules.get("keras")
    return keras is not None and isinstance(made, keras.Model)


def _read(module: Any) -> Content:
    if _is_keras(module):  # first: on the backend torch it is a torch.nn.Module, too
        return _of_keras(module)
    if _is_torch(module):
        return _of_torch(module)
    raise EmbinitError(
        "must be a constructor of a torch.nn.Module or a Keras model that takes no arguments, got "
        f"{type(module).__name__}"
    )


def _of_torch(module: Any) -> Content:
    from embinit.torch.modules import found

    layers, problems = found(module)
    read: list[Found | Unknown] = []
    names = {each.layer.name: each.path for each in layers}
    for each in layers:
        weights = {
            part: Weight(each.named(part), tuple(t.shape), str(t.dtype)[6:], _values(t))
            for part, t in each.parts.items()
        }
        axes = _axes(each.layer)
        parts = {part: (weight, axes[part]) for part, weight in weights.items() if part in axes}
        same = names.get(each.layer.same_as or "")
        layer: Any = _without_statistics(each.layer)
        read.append(Found(each.path, replace(layer, name="", same_as=same), parts))
    unknown = [Unknown(each.path, each.why, each.sentence) for each in problems]
    return Content("a torch.nn.Module", (*read, *unknown))


def _values(tensor: Any) -> Any:
    return lambda: None if tensor.is_meta else tensor.detach().float().cpu().contiguous().numpy()


def _without_statistics(layer: Layer) -> Layer:
    return replace(layer, track_running_stats=False) if isinstance(layer, BatchNorm1d) else layer


def _axes(layer: Any) -> dict[str, tuple[str, ...]]:
    from embinit.dialects.pytorch import TORCH

    return {each.part: each.axes for each in TORCH.parameters(_without_statistics(layer))}


def _of_keras(model: Any) -> Content:
    from embinit.dialects.keras import KERAS_TORCH
    from embinit.keras.layers import found

    layers, problems = found(model)
    read: list[Found | Unknown] = []
    for each in layers:
        axes = {held.part: held.axes for held in KERAS_TORCH.parameters(each.layer)}
        parts = {
            part: (Weight(part, tuple(v.shape), str(v.dtype), _variable(v)), axes[part])
            for part, v in each.parts.items()
            if part in axes
        }
        read.append(Found(each.path, replace(each.layer, name=""), parts))
    unknown = [Unknown(each.path, each.why, each.sentence) for each in problems]
    return Content("a Keras model", (*read, *unknown), framework="keras")


def _variable(variable: Any) -> Any:
    import keras

    return lambda: keras.ops.convert_to_numpy(variable).astype("float32")
