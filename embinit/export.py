"""Export: write a bundle, whole or not at all, and tell an old one from what would be written now."""

import hashlib
import io
import json
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from embinit import codegen
from embinit.bundle import Bundle, gather
from embinit.errors import EmbinitError, check_known
from embinit.plan import Plan

MANIFEST = "manifest.json"

FORMATS: dict[str, Callable[[Bundle], dict[str, bytes]]] = {
    "npz": lambda bundle: {f"{_name(bundle)}.npz": npz(bundle)},
    "h": lambda bundle: {f"expected_{_name(bundle)}.h": codegen.expected_header(bundle).encode()},
    "bin": lambda bundle: {f"{_name(bundle)}.bin": bundle.payload},
    "c": lambda bundle: {
        f"{_name(bundle)}_init.h": codegen.init_header(bundle).encode(),
        f"{_name(bundle)}_init.c": codegen.init_source(bundle).encode(),
    },
    "test": lambda bundle: {
        f"test_{_name(bundle)}.c": codegen.unity_test(bundle).encode(),
        f"check_{_name(bundle)}.c": codegen.plain_check(bundle).encode(),
    },
    "safetensors": lambda bundle: {f"{_name(bundle)}.safetensors": safetensors(bundle)},
}
#: What a model without C of its own lacks.
CODE = ("c", "test")


def default_formats(bundle: Bundle) -> list[str]:
    """Return what is written unless told otherwise: all that needs no extra, without C where no C draws the values."""
    try:
        codegen.init_source(bundle)
    except codegen.NoCodeError:
        return [name for name in FORMATS if name not in ("safetensors", *CODE)]
    return [name for name in FORMATS if name != "safetensors"]


def _name(bundle: Bundle) -> str:
    return bundle.plan.model.name


def export(plan: Plan, directory: str | Path, formats: Iterable[str] | None = None) -> dict[str, bytes]:
    """Write a plan's bundle into a directory and return its files; the same plan gives the same bytes.

    Formats, by default those that the model has and that need no extra: npz (NumPy), h (golden vectors as C), bin (raw,
    little endian), c (init code for the device), test (Unity and plain C tests), and safetensors, which needs the extra
    of that name; manifest.json comes with any. Raises EmbinitError when the directory cannot be written, or holds
    another model's bundle; then nothing was.
    """
    contents = render(plan, formats)
    other = _held(Path(directory))
    if other not in (None, plan.model.name):
        raise EmbinitError(
            f"{directory}: holds the bundle of model {other!r}: export to another directory, or remove it"
        )
    write_whole(contents, Path(directory))
    return contents


def _held(directory: Path) -> str | None:
    """Return the name of the model whose bundle a directory holds; None where there is none that can be read."""
    try:
        return str(json.loads((directory / MANIFEST).read_text(encoding="utf-8"))["model"]["name"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def drift(plan: Plan, directory: str | Path, formats: Iterable[str] | None = None) -> list[str]:
    """Return how a directory's bundle differs from what `export` would write; an equal one gives an empty list."""
    differences = []
    for name, content in render(plan, formats).items():
        try:
            found = (Path(directory) / name).read_bytes()
        except OSError as error:
            differences.append(f"{name}: cannot be read: {error.strerror}")
            continue
        if found != content:
            differences.append(f"{name}: differs")
    return differences


def render(plan: Plan, formats: Iterable[str] | None = None) -> dict[str, bytes]:
    """Return the files of a bundle by name, the manifest last."""
    bundle = gather(plan)
    chosen = default_formats(bundle) if formats is None else list(formats)
    for name in chosen:
        check_known("format", name, FORMATS)
    contents = {name: content for key in FORMATS if key in chosen for name, content in FORMATS[key](bundle).items()}
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    manifest = json.dumps({**bundle.manifest(), "files": sums}, indent=1) + "\n"
    return {**contents, MANIFEST: manifest.encode()}


def npz(bundle: Bundle) -> bytes:
    """Return an .npz of all arrays, uncompressed and without the time of day."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for array in bundle.arrays:
            member = io.BytesIO()
            np.lib.format.write_array(member, np.ascontiguousarray(array.data), version=(1, 0), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{array.name}.npy"), member.getvalue())
    return stream.getvalue()


def safetensors(bundle: Bundle) -> bytes:
    """Return a safetensors file of all arrays (extra `safetensors`)."""
    try:
        from safetensors.numpy import save
    except ImportError:
        raise EmbinitError(
            "format safetensors needs the extra of that name: pip install 'embinit[safetensors]'"
        ) from None
    return bytes(save({array.name: np.ascontiguousarray(array.data) for array in bundle.arrays}))


def write_whole(contents: Mapping[str, bytes], directory: Path) -> None:
    """Write all files of a bundle or none.

    A new directory appears by one rename. In an existing one the old manifest goes first and the new one comes last: a
    bundle without a manifest is not whole.
    """
    with _staged(contents, directory) as staged:
        if directory.exists():
            (directory / MANIFEST).unlink(missing_ok=True)
            _move_into(staged, contents, directory)
        else:
            staged.rename(directory)


def write_files(contents: Mapping[str, bytes], directory: Path) -> None:
    """Write files into a directory, each whole or not at all; the directory is made if it is not there."""
    with _staged(contents, directory) as staged:
        directory.mkdir(exist_ok=True)
        _move_into(staged, contents, directory)


def write_file(path: Path, content: bytes) -> None:
    """Write one file, whole or not at all."""
    with _staged({path.name: content}, path) as staged:
        (staged / path.name).replace(path)


def write_new(path: Path, text: str) -> None:
    """Write a file that is not there yet; one that is stays, and is an error."""
    if path.exists():
        raise EmbinitError(f"{path}: exists already; remove it, or choose another name")
    write_file(path, text.encode())


@contextmanager
def _staged(contents: Mapping[str, bytes], directory: Path) -> Iterator[Path]:
    """Write files to a new directory beside the one they are for; what is still there at the end is removed."""
    parent = directory.absolute().parent
    staged: Path | None = None
    try:
        parent.mkdir(parents=True, exist_ok=True)
        staged = Path(tempfile.mkdtemp(prefix=f".{directory.name}-", dir=parent))
        staged.chmod(0o755)
        for name, content in contents.items():
            (staged / name).write_bytes(content)
        yield staged
    except OSError as error:
        raise EmbinitError(f"{directory}: cannot be written: {error.strerror}") from None
    finally:
        if staged is not None:
            shutil.rmtree(staged, ignore_errors=True)


def _move_into(staged: Path, names: Iterable[str], directory: Path) -> None:
    for name in names:
        (staged / name).replace(directory / name)
