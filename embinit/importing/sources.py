"""Sources: which reader a file belongs to. Its content decides, and its name only if the content does not tell."""

import zipfile
from pathlib import Path

from embinit.errors import EmbinitError, listed
from embinit.importing import exported, keras_files, onnx_files, programs, state_dicts, tflite_files
from embinit.importing.archives import Archive
from embinit.importing.found import Content

SUFFIXES = (
    ".onnx",
    ".safetensors",
    ".index.json",
    ".pt",
    ".pth",
    ".bin",
    ".ckpt",
    ".pt2",
    ".keras",
    ".h5",
    ".hdf5",
    ".tflite",
    ".npz",
)
#: The most bytes of a file that is read whole.
MOST = 1 << 32
_ZIP, _HDF5, _PICKLE = b"PK\x03\x04", b"\x89HDF\r\n\x1a\n", b"\x80"


def read_source(source: str, seed: int, key: str = "") -> Content:
    """Return what a file, or module:Name, holds; a constructor is called under the seed. key: the key of a state dict
    under which the tensors to read lie; all are read if it is empty.

    Raises EmbinitError that begins with the source, if it cannot be read or is no model.
    """
    try:
        if programs.is_program(source):
            _refuse(key, "a constructor")
            return programs.read(source, seed)
        return _read(Path(source), key)
    except EmbinitError as error:
        raise EmbinitError(f"{source}: {error}") from None


def _read(path: Path, key: str) -> Content:
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(4096)
    except OSError as error:
        raise EmbinitError(f"cannot be read: {error.strerror}") from None
    suffix = path.suffix.lower()
    if state_dicts.is_index(path, size):
        return state_dicts.sharded(path, _whole(path, size), key)
    if start.startswith(_ZIP):
        return _of_archive(path, key)
    if state_dicts.is_safetensors(start, size):
        return state_dicts.safetensors(path, key)
    if start.startswith(_PICKLE):
        return state_dicts.pytorch(path, key)
    _refuse(key, f"a {suffix} file")
    if start.startswith(_HDF5):
        return keras_files.h5(path)
    if start[4:8] == tflite_files.MAGIC:
        return tflite_files.read(_whole(path, size))
    if suffix == ".onnx":
        return onnx_files.read(_whole(path, size), path.parent)
    if suffix in SUFFIXES:
        what = "it is empty" if not size else "it is damaged or cut short, or another kind of file"
        raise EmbinitError(f"is not a {suffix} file that can be read: {what}")
    raise EmbinitError(
        f"is not a model that embinit knows: it must be one of {listed(SUFFIXES)}, or module:Name in the working "
        "directory"
    )


def _whole(path: Path, size: int) -> bytes:
    if size > MOST:
        raise EmbinitError(f"must have at most {MOST} bytes, got {size}")
    try:
        return path.read_bytes()
    except OSError as error:
        raise EmbinitError(f"cannot be read: {error.strerror}") from None


def _refuse(key: str, what: str) -> None:
    """Raise EmbinitError if tensors under a key are asked for in what is no state dict."""
    if key:
        raise EmbinitError(f"--key is for a state dict, whose tensors have names, got {what}")


def _of_archive(path: Path, key: str) -> Content:
    """Return what a zip archive holds: Keras', PyTorch's program or PyTorch's tensors."""
    if not zipfile.is_zipfile(path):
        raise EmbinitError("cannot be read: it is an archive that is cut short, without the list of its members")
    archive = Archive(path)
    names = archive.names
    if "config.json" in names:
        _refuse(key, "a .keras file")
        return keras_files.keras(archive)
    if any(name.endswith(("models/model.json", "serialized_exported_program.json")) for name in names):
        _refuse(key, "a .pt2 file")
        return exported.read(archive)
    if any(name.endswith("/constants.pkl") or "/code/" in name for name in names):
        raise EmbinitError(
            "is a TorchScript program, whose code PyTorch would run: save the state_dict, or torch.export.save as .pt2"
        )
    if any(name.endswith("data.pkl") for name in names):
        archive.check()
        return state_dicts.pytorch(path, key)
    if names and all(name.endswith(".npy") for name in names):
        return state_dicts.npz(archive, key)
    raise EmbinitError("is an archive that is no model: it has neither config.json, models/model.json nor data.pkl")
