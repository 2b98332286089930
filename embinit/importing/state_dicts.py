"""State dicts: .safetensors, and PyTorch's .pt and .pth, of which nothing is unpickled but tensors."""

import json
import re
import struct
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from embinit.errors import EmbinitError, listed, shortened, shown
from embinit.importing import tensors
from embinit.importing.archives import Archive
from embinit.importing.found import Content, Weight
from embinit.importing.packages import package

_SAFETENSORS = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "I64": "int64", "I32": "int32",
    "I16": "int16", "I8": "int8", "U8": "uint8", "BOOL": "bool",
}  # fmt: skip
#: The most bytes of a header, as safetensors itself has it.
_MOST_HEADER = 100_000_000
#: Under which keys a checkpoint keeps the state dict of its model, the first of which stands for the others.
_KEYS = ("state_dict", "model_state_dict", "model", "module", "net", "network", "params", "weights", "ema")
#: What the names of a model's tensors end with, unlike those of what training keeps next to it.
_OF_A_MODEL = re.compile(r"(^|\.)(weight|bias)$")
#: How deep a state dict may lie in a checkpoint.
_DEPTH = 4
#: How the files of a model that is kept in several are named.
_SHARD = re.compile(r".*-\d+-of-\d+\.\w+")
#: The most bytes of a list of such files.
_MOST_INDEX = 1 << 26


def safetensors(path: Path, key: str) -> Content:
    """Return the layers of a .safetensors file, sorted by name, as it keeps no order of its own."""
    order = "it keeps no order of layers: they stand in the order of their names"
    held = tensors.sorted_by_name(_under(key, _in_safetensors(path)))
    return tensors.read(held, "a .safetensors file", notes=[order, *_of_a_shard(path)])


def _in_safetensors(path: Path) -> list[Weight]:
    safe_open = package("safetensors", "safetensors", "a .safetensors file").safe_open
    try:
        file: Any = safe_open(path, framework="numpy")
        return [_of_safetensors(file, name) for name in file.keys()]  # noqa: SIM118 (it is no dict)
    except EmbinitError:
        raise
    except Exception as error:  # the library has one type for damaged headers, others for what NumPy lacks
        raise EmbinitError(f"is not a safetensors file that can be read: {shortened(str(error), 120)}") from None


def _of_a_shard(path: Path) -> list[str]:
    """Return a note on a file that is one of several, if its name says so."""
    return ["it is one of several files of a model: give their .index.json"] if _SHARD.fullmatch(path.name) else []


def sharded(path: Path, content: bytes, key: str) -> Content:
    """Return the layers of a model whose tensors lie in several files beside a list of them, .index.json."""
    try:
        where = json.loads(content)["weight_map"]
        files = list(dict.fromkeys(where.values()))
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        files = []
    if not files:
        raise EmbinitError("is no list of the files of a model: its weight_map must name a file for each tensor")
    held: dict[str, Weight] = {}
    for name in files:
        if not isinstance(name, str) or not name or name != Path(name).name:
            raise EmbinitError(f"its files must lie beside it, got {shown(name)}")
        try:
            with (path.parent / name).open("rb") as file:
                start = file.read(9)
            size = (path.parent / name).stat().st_size
        except OSError as error:
            raise EmbinitError(f"{name}, which it names, cannot be read: {error.strerror}") from None
        try:
            of_file = _in_safetensors if is_safetensors(start, size) else _in_pytorch
            held |= {weight.name: weight for weight in of_file(path.parent / name)}
        except EmbinitError as error:
            raise EmbinitError(f"{name}: {error}") from None
    absent = [name for name in where if name not in held and _without_wrappers(name) not in held]
    if absent:
        raise EmbinitError(f"{listed(map(repr, absent[:3]))} must be in {where[absent[0]]}, and is not")
    chosen = _under(key, held.values())
    in_order = chosen if files[0].endswith(".bin") else tensors.sorted_by_name(chosen)
    order = "it keeps no order of layers: they stand in the order of their names"
    return tensors.read(in_order, "a model in several files", notes=[order])


def is_index(path: Path, size: int) -> bool:
    """Whether a file is named as a list of the files of a model."""
    return path.name.endswith(".index.json") and size <= _MOST_INDEX


def is_safetensors(start: bytes, size: int) -> bool:
    """Whether a file begins with the length of a header, and with that header."""
    if len(start) < 9 or start[8:9] != b"{":
        return False
    (length,) = struct.unpack("<Q", start[:8])
    return bool(2 <= length <= min(_MOST_HEADER, size - 8))


def _of_safetensors(file: Any, name: str) -> Weight:
    part = file.get_slice(name)
    dtype = _SAFETENSORS.get(str(part.get_dtype()), "unknown")
    return Weight(name, tuple(part.get_shape()), dtype, lambda: np.asarray(file.get_tensor(name)))


def npz(archive: Archive, key: str) -> Content:
    """Return the layers of an .npz file of tensors by their names, in its order."""
    held = [_of_npz(archive, name) for name in archive.names if name.endswith(".npy")]
    return tensors.read(_under(key, held), "an .npz file")


def _of_npz(archive: Archive, name: str) -> Weight:
    try:
        array = np.lib.format.read_array(archive.file(name), allow_pickle=False)
    except EmbinitError:
        raise
    except Exception:  # NumPy raises half a dozen types for damaged members
        raise EmbinitError(f"cannot be read: its {name} is no array of numbers") from None
    return Weight(name.removesuffix(".npy"), array.shape, array.dtype.name, lambda: array)


def pytorch(path: Path, key: str) -> Content:
    """Return the layers of a state dict that torch.save wrote, in the order of the modules."""
    return tensors.read(_in_pytorch(path, key), "a state dict of PyTorch", notes=_of_a_shard(path))


def _in_pytorch(path: Path, key: str = "") -> list[Weight]:
    torch = package("torch", "torch", "a .pt file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # pickle, zipfile and torch raise a dozen types
        text = str(error)
        if "weights_only" in text or "Unsupported" in text or "GLOBAL" in text:
            raise EmbinitError(
                "holds pickled objects besides tensors, and unpickling them would run their code: save the state_dict, "
                "torch.save(module.state_dict(), path)"
            ) from None
        raise EmbinitError(
            f"cannot be read: it is damaged or cut short ({shortened(type(error).__name__, 40)})"
        ) from None
    below, rest = _descended(found, key)
    state = _state(torch, below)
    return _under(
        rest, [_of_torch(torch, name, each) for name, each in state.items() if isinstance(each, torch.Tensor)]
    )


def _descended(found: Any, key: str) -> tuple[Any, str]:
    """Return what lies under a dotted key, as far as it names dicts inside each other, and what is left of the key."""
    if isinstance(found, Mapping) and key:
        for name, below in found.items():
            if isinstance(below, Mapping) and (key == name or key.startswith(f"{name}.")):
                return _descended(below, key[len(name) + 1 :])
    return found, key


def _under(key: str, held: Iterable[Weight]) -> list[Weight]:
    """Return the tensors whose names begin with a key, under the rest of their names; all of them without a key."""
    held = list(held)
    if not key:
        return held
    chosen = [
        replace(each, name=each.name[len(key) + 1 :]) for each in held if each.name.startswith((f"{key}.", f"{key}/"))
    ]
    if not chosen:
        known = dict.fromkeys(re.split("[./]", each.name)[0] for each in held)
        raise EmbinitError(f"has no tensors under the key {shown(key)}; its keys are {listed(map(str, known))}")
    return chosen


def _state(torch: Any, found: Any, depth: int = 0) -> Mapping[str, Any]:
    """Return the state dict of a checkpoint: itself, or the one below its keys."""
    below = {key: value for key, value in _mappings(found).items() if depth < _DEPTH and _shapes(torch, value)}
    models = {key: held for key, value in below.items() if (held := _model(torch, value))}
    own = {str(key): value for key, value in _items(found) if isinstance(value, torch.Tensor) and isinstance(key, str)}
    if own and (not models or any(map(_OF_A_MODEL.search, own))):
        return own
    of_shapes = {tuple(sorted(held.items())) for held in models.values()}
    known = [key for key in _KEYS if key in (models or below)]
    if len(models or below) == 1 or len(of_shapes) == 1 or (known and not models):
        return _state(torch, below[known[0] if known else next(iter(models or below))], depth + 1)
    if below:
        several = listed(map(str, models or below))
        raise EmbinitError(f"holds several state dicts, {several}: name one with --key, or save it alone")
    raise EmbinitError("must hold a state_dict, tensors by their names, and has none")


def _items(found: Any) -> Iterable[tuple[Any, Any]]:
    return found.items() if isinstance(found, Mapping) else ()


def _mappings(found: Any) -> dict[Any, Mapping[Any, Any]]:
    return {key: value for key, value in _items(found) if isinstance(value, Mapping)}


def _model(torch: Any, found: Mapping[Any, Any]) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a model's weights by their names; none of what training keeps, such as an optimizer's."""
    return {name: shape for name, shape in _shapes(torch, found).items() if _OF_A_MODEL.search(name)}


def _shapes(torch: Any, found: Any, depth: int = 0) -> dict[str, tuple[int, ...]]:
    """Return the shapes of tensors in a mapping and in those below it, by their names."""
    shapes = {_without_wrappers(str(k)): tuple(v.shape) for k, v in _items(found) if isinstance(v, torch.Tensor)}
    for key, value in _mappings(found).items() if depth < _DEPTH else ():
        shapes |= {f"{key}.{name}": shape for name, shape in _shapes(torch, value, depth + 1).items()}
    return shapes


def _of_torch(torch: Any, name: str, tensor: Any) -> Weight:
    dtype = str(tensor.dtype).removeprefix("torch.")

    def load() -> Any:
        return tensor.detach().to(torch.float32).contiguous().numpy()

    return Weight(_without_wrappers(name), tuple(tensor.shape), dtype, load)


def _without_wrappers(name: str) -> str:
    """Return a name without what DataParallel and torch.compile put before it."""
    return re.sub(r"^((module|_orig_mod)\.)+", "", name)
