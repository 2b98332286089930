"""Dumps that a framework wrote: the weights of a model, under the framework's names and in its layout."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from embinit.bundle import Bundle
from embinit.diagnose.origin import Origin, laid_out
from embinit.dump import read_dump
from embinit.errors import EmbinitError, listed
from embinit.importing.imported import Imported, import_model, origin_of
from embinit.plan import Row
from embinit.readback import Readback

#: Files that a framework writes, and files that may be the device's as well.
_FRAMEWORKS = (".onnx", ".pt", ".pth", ".ckpt", ".pt2", ".keras", ".h5", ".hdf5", ".tflite")
_EITHER = (".safetensors", ".npz")


def read_framework(path: str, bundle: Bundle) -> tuple[Readback, Origin | None] | None:
    """Return the buffers that a file of a framework holds, and what drew them; None for the dump of a device.

    The file's layers are those of `embinit import`. They are matched with the model's by their names, or else, where
    all shapes agree, by their order. Raises EmbinitError if they are not the model's.
    """
    suffix = Path(path).suffix.lower()
    if suffix in _FRAMEWORKS:
        return _read(path, bundle)
    if suffix in _EITHER:
        try:
            read_dump(path, bundle)
        except EmbinitError:
            with suppress(EmbinitError):  # what is wrong with a device's dump is said by who reads one
                return _read(path, bundle)
    return None


def _read(path: str, bundle: Bundle) -> tuple[Readback, Origin | None]:
    model = bundle.plan.model
    imported = import_model(path, model.dialect, model.seed, skip=True)
    rows = [row for row in bundle.plan.rows if not row.part.rpartition(".")[2].startswith("running_")]
    try:
        names = _matched(imported, rows)
    except EmbinitError as error:
        raise EmbinitError(f"{path}: {error}") from None
    found, left = {}, []
    for row in rows:
        weight, axes = imported.weights.get(names[row.name], (None, ()))
        values = weight.values() if weight is not None else None
        laid = None if values is None else laid_out(values, axes, row.axes, row.shape)
        if laid is None or row.format != "float32":
            left.append(row.name)
        else:
            found[row.name] = row.storage.arrangement.memory(laid, row.shape).tobytes()
    if not found:
        raise EmbinitError(f"{path}: has no float32 values of the model's buffers {listed(row.name for row in rows)}")
    notes = [f"not compared, as they are in other formats or not in the file: {listed(left)}"] if left else []
    return Readback(found, notes), origin_of(imported)


def _matched(imported: Imported, rows: Sequence[Row]) -> dict[str, str]:
    """Return the file's name of each buffer."""
    theirs = {tensor.name: tensor for tensor in imported.model.tensors}
    if all(row.name in theirs and theirs[row.name].shape == row.shape for row in rows):
        return {row.name: row.name for row in rows}
    ordered = list(theirs.values())
    if [row.shape for row in rows] != [tensor.shape for tensor in ordered]:
        ours, held = (listed(f"{each.name} {list(each.shape)}" for each in group) for group in (rows, ordered))
        raise EmbinitError(f"must hold the model's buffers {ours}, got {held}")
    return {row.name: tensor.name for row, tensor in zip(rows, ordered, strict=True)}
