"""Export: write a bundle, whole or not at all, and compare an old one with what would be written now."""

import hashlib
import io
import json
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from embinit import codegen
from embinit.bundle import Bundle, gather, undrawn
from embinit.clib import including_amalgamated
from embinit.errors import EmbinitError, check_known, listed
from embinit.files import Content, steady, write_file, write_files
from embinit.formats import format_named
from embinit.model import Description
from embinit.modelfile import MANIFEST
from embinit.plan import Plan, Row, plan
from embinit.progress import say
from embinit.progress import written as written_so_far

#: What is said of a directory with files of a bundle and no manifest.
INTERRUPTED = (
    "no manifest: an export was interrupted, and the files may be of two exports; export again before you use any"
)

#: The formats that a bundle has unless others are named; none of them needs an extra.
DEFAULT = ("npz", "h", "bin", "c", "test")
#: Formats that write the same header; a bundle may have one of them.
GOLDEN = ("h", "h-source", "h-incbin", "h-embed")

FILES: dict[str, Callable[[Bundle], dict[str, Content]]] = {
    "npz": lambda bundle: {f"{_name(bundle)}.npz": lambda file: _write_npz(_data(bundle), file)},
    "h": lambda bundle: {f"expected_{_name(bundle)}.h": _lines(lambda: codegen.expected_header(bundle))},
    "bin": lambda bundle: {
        f"{_name(bundle)}.bin": lambda file: file.writelines(entry.view for entry in bundle.entries)
    },
    "c": lambda bundle: {
        f"{_name(bundle)}_init.h": _text(codegen.init_header(bundle)),
        f"{_name(bundle)}_init.c": _text(codegen.init_source(bundle)),
        **{path.name: _bytes(path.read_bytes()) for path in codegen.own_files(bundle)},
    },
    "test": lambda bundle: {
        f"test_{_name(bundle)}.c": _text(codegen.unity_test(bundle)),
        f"check_{_name(bundle)}.c": _text(codegen.plain_check(bundle)),
    },
    "h-source": lambda bundle: {
        f"expected_{_name(bundle)}.h": _lines(lambda: codegen.golden_header(bundle)),
        f"expected_{_name(bundle)}.c": _lines(lambda: codegen.golden_source(bundle)),
    },
    "h-incbin": lambda bundle: {
        f"expected_{_name(bundle)}.h": _lines(lambda: codegen.golden_header(bundle)),
        f"expected_{_name(bundle)}.S": _text(codegen.golden_assembly(bundle)),
        **_each(bundle),
    },
    "h-embed": lambda bundle: {
        f"expected_{_name(bundle)}.h": _lines(lambda: codegen.golden_header(bundle, embedded=True)),
        f"expected_{_name(bundle)}.c": _text(codegen.golden_embedded(bundle)),
        **_each(bundle),
    },
    "unity": lambda bundle: _suite(bundle, "unity.c", codegen.unity),
    "ztest": lambda bundle: _suite(bundle, "ztest.c", codegen.ztest),
    "gtest": lambda bundle: _suite(bundle, "gtest.cpp", codegen.gtest),
    "cpputest": lambda bundle: _suite(bundle, "cpputest.cpp", codegen.cpputest),
    "plain": lambda bundle: _suite(bundle, "plain.c", codegen.plain),
    "main": lambda bundle: {f"main_{_name(bundle)}.c": _text(codegen.program(bundle))},
    "rs": lambda bundle: {f"expected_{_name(bundle)}.rs": _lines(lambda: codegen.rust(bundle))},
    "safetensors": lambda bundle: {f"{_name(bundle)}.safetensors": _bytes(safetensors(bundle))},
}
#: How many bytes of a file are compared at once.
_PIECE = 1 << 20
#: The formats that a model lacks if its values have no C.
CODE = ("c", "test")


def default_formats(bundle: Bundle) -> list[str]:
    """Return the default formats: all that need no extra, without C if the values cannot be drawn in C."""
    try:
        codegen.init_source(bundle)
    except codegen.NoCodeError:
        return [name for name in DEFAULT if name not in CODE]
    return list(DEFAULT)


def _name(bundle: Bundle) -> str:
    return bundle.plan.model.name


def export(
    model: Description | Plan, directory: str | Path, formats: Iterable[str] | None = None, amalgamated: bool = False
) -> dict[str, int]:
    """Write the bundle of a model, or of its plan, into a directory, and return its files' names and sizes. The same
    model gives the same bytes.

    The formats are npz (NumPy), h (golden vectors as C), bin (raw, little endian), c (init code for the device) and
    test (Unity and plain C tests with a main), which are the default as far as the model has them; h-source, h-incbin
    or h-embed in place of h (a header that declares and a file that defines); unity, ztest, gtest, cpputest and plain
    (tests that are part of an image), main (a program for plain), rs (Rust), and safetensors, which needs the extra of
    that name. manifest.json comes with any of them.

    A bundle that is there is replaced. Its files that the new one does not have are removed, unless they were changed.
    amalgamated: whether the C includes embinit.h alone, as the library in one source and one header needs.

    Raises EmbinitError if the directory cannot be written or holds another model's bundle; then nothing is written.
    """
    planned, formats = _planned(model), None if formats is None else list(formats)
    check_room(planned, Path(directory), formats)
    return write(gather(planned), Path(directory), formats, amalgamated)


def _planned(model: Description | Plan) -> Plan:
    return model if isinstance(model, Plan) else plan(model)


def check_room(plan: Plan, directory: Path, formats: Iterable[str] | None = None) -> None:
    """Raise EmbinitError, before anything is drawn, if a bundle cannot be written: because the directory is a file,
    holds another model's bundle or has no room, because a file of the bundle exceeds the memory limit, or because
    formats ask for C that the model does not have.
    """
    named = set(DEFAULT if formats is None else formats)
    if formats is not None and named & set(CODE) and (why := codegen.no_c(plan)) is not None:
        raise EmbinitError(why)
    if directory.exists() and not directory.is_dir():
        raise EmbinitError(f"{directory}: cannot be written: it is not a directory; name another one with -o")
    _vouched_for(directory, plan.model.name)
    buffers, limit = sum(row.bytes for row in plan.rows), plan.model.memory_limit
    text = sum(map(_text_size, plan.rows))
    sizes = {"npz": buffers, "h": text, "bin": buffers, "h-source": text, "h-incbin": buffers, "h-embed": buffers}
    sizes |= {"rs": text, "safetensors": buffers}
    needed = {name: size for name, size in sizes.items() if name in named}
    each = ", ".join(f"{name} {size}" for name, size in needed.items())
    for name, size in needed.items():
        if size > limit:
            raise EmbinitError(
                f"{directory}: the file of format {name} takes about {size} bytes, and memory_limit = {limit}; "
                "leave it out with --format (such as npz,bin,c), or raise memory_limit"
            )
    free = _free(directory)
    if free is not None and sum(needed.values()) > free:
        raise EmbinitError(
            f"{directory}: the bundle takes about {sum(needed.values())} bytes ({each}), and {free} are free: "
            "choose fewer files with --format"
        )


def _free(directory: Path) -> int | None:
    """Return how many bytes are free where a directory is or will be; None if the file system does not say."""
    existing = next((path for path in (directory, *directory.absolute().parents) if path.is_dir()), Path())
    try:
        usage = shutil.disk_usage(existing)
    except OSError:
        return None
    return usage.free if usage.total else None


def _text_size(row: Row) -> int:
    """Return roughly how many bytes a buffer takes in a golden header: `0x3f800000u, ` and `1.23456789e-10
    ` per float.
    """
    format_ = format_named(row.format)
    width = 1 if format_.packed else np.dtype(format_.dtype).itemsize
    comment = 17.5 if row.format == "float32" else 0
    return int(row.bytes // width * (2 * width + 6 + comment))


def write(
    bundle: Bundle, directory: Path, formats: Iterable[str] | None = None, amalgamated: bool = False
) -> dict[str, int]:
    """Write a bundle into a directory as `export` does."""
    chosen = _chosen(bundle, formats)
    sizes: dict[str, int] = {}

    def measured(name: str, content: Content) -> Content:
        def written(file: IO[bytes]) -> None:
            written_so_far(name, file.fileno())
            content(file)
            sizes[name] = file.seek(0, io.SEEK_END)

        return written

    write_files(
        directory,
        lambda: ((name, measured(name, content)) for name, content in _files(bundle, chosen, amalgamated)),
        stale=lambda: _stale(directory, _name(bundle)),
        seal=MANIFEST,
    )
    return sizes


def _stale(directory: Path, name: str) -> list[str]:
    """Return the files of a directory that are as its manifest says, or raise EmbinitError if they are another
    model's.
    """
    sums = _vouched_for(directory, name)
    return [file for file, digest in sums.items() if Path(file).name == file and _holds(directory / file, digest)]


def _vouched_for(directory: Path, name: str) -> dict[str, str]:
    """Return the SHA-256 sums that a directory's manifest has of its files, or raise EmbinitError if it is another
    model's; no sums if there is no manifest.
    """
    try:
        manifest = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))
        other, sums = str(manifest["model"]["name"]), dict(manifest["files"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}
    if other != name:
        raise EmbinitError(
            f"{directory}: holds the bundle of model {other!r}: export to another directory, or remove it"
        )
    return sums


def _holds(path: Path, digest: str) -> bool:
    """Whether a file exists whose content has a given SHA-256."""
    try:
        with path.open("rb") as file:
            return _sum(file) == digest
    except OSError:
        return False


def _sum(file: IO[bytes]) -> str:
    """Return the SHA-256 of an open file."""
    digest = hashlib.sha256()
    file.seek(0)
    while piece := file.read(_PIECE):
        digest.update(piece)
    return digest.hexdigest()


def drift(
    model: Description | Plan, directory: str | Path, formats: Iterable[str] | None = None, amalgamated: bool = False
) -> list[str]:
    """Return how a directory's bundle differs from what `export` would write; an empty list if it is equal.

    If another process is writing the bundle, all of the old one or all of the new one is compared.
    """
    bundle = gather(_planned(model))
    chosen = _chosen(bundle, formats)

    def differences() -> list[str]:
        folder, different, present = Path(directory), list[str](), set[str]()
        for name, content in _files(bundle, chosen, amalgamated):
            say(f"comparing {name}")
            difference = _difference(folder / name, content)
            different += [difference] if difference is not None else []
            present |= {name} if (folder / name).exists() else set()
        return [*different, INTERRUPTED] if present and MANIFEST not in present else different

    return steady(Path(directory), MANIFEST, differences)


def _difference(path: Path, content: Content) -> str | None:
    """Return how a file differs from what its content should be, or None."""
    with tempfile.TemporaryFile() as expected:
        content(expected)
        expected.seek(0)
        try:
            with path.open("rb") as found:
                return None if _equal(found, expected) else f"{path.name}: differs"
        except OSError as error:
            return f"{path.name}: cannot be read: {error.strerror}"


def _equal(one: IO[bytes], other: IO[bytes]) -> bool:
    while True:
        piece = one.read(_PIECE)
        if piece != other.read(_PIECE):
            return False
        if not piece:
            return True


def as_written(directory: Path) -> tuple[list[str] | None, bool]:
    """Return the formats that a bundle's manifest names, None if it names none, and whether the bundle's C includes one
    header alone.
    """
    try:
        manifest = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))
        formats = [str(name) for name in manifest["formats"]]
        amalgamated = manifest.get("amalgamated") is True
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None, False
    return formats, amalgamated


def render(
    model: Description | Plan, formats: Iterable[str] | None = None, amalgamated: bool = False
) -> dict[str, bytes]:
    """Return the files of a bundle by name, the manifest last, all of them in memory."""
    bundle = gather(_planned(model))
    return {name: _written(content) for name, content in _files(bundle, _chosen(bundle, formats), amalgamated)}


def _chosen(bundle: Bundle, formats: Iterable[str] | None) -> list[str]:
    chosen = default_formats(bundle) if formats is None else list(formats)
    for name in chosen:
        check_known("format", name, FILES)
    same = [name for name in chosen if name in GOLDEN]
    if len(set(same)) > 1:
        raise EmbinitError(
            f"formats must have one of {listed(GOLDEN)}, which write the same header; got {listed(same)}"
        )
    return chosen


def _files(bundle: Bundle, formats: Iterable[str], amalgamated: bool = False) -> Iterator[tuple[str, Content]]:
    """Yield the names and contents of a bundle's files, the manifest last, because it has the sums of the others."""
    chosen, files = set(formats), dict[str, Content]()
    sums: dict[str, str] = {}

    def summed(name: str, content: Content) -> Content:
        def written(file: IO[bytes]) -> None:
            content(file)
            sums[name] = _sum(file)

        return written

    formats = [key for key in FILES if key in chosen]
    for key in formats:  # formats of tests share a header
        files |= FILES[key](bundle)
    for name, content in files.items():
        of_one_header = amalgamated and name.endswith((".c", ".cpp"))
        yield name, summed(name, _including_amalgamated(content) if of_one_header else content)
    one_header = {"amalgamated": True} if amalgamated else {}
    manifest = {**bundle.manifest(), "formats": formats, **one_header, "files": sums}
    yield MANIFEST, _text(json.dumps(manifest, indent=1) + "\n")


def _including_amalgamated(content: Content) -> Content:
    return _text(including_amalgamated(_written(content).decode()))


def names(plan: Plan, formats: Iterable[str] | None = None) -> list[str]:
    """Return the names of the files that `export` writes, the manifest last; nothing is drawn to find out."""
    bundle = undrawn(plan)
    return [name for name, _ in _files(bundle, _chosen(bundle, formats))]


def _suite(bundle: Bundle, suffix: str, text: Callable[[Bundle], str]) -> dict[str, Content]:
    """Return a file of tests that are part of an image, and the header that all such files share."""
    name = _name(bundle)
    return {f"test_{name}.h": _text(codegen.suite_header(bundle)), f"test_{name}_{suffix}": _text(text(bundle))}


def _each(bundle: Bundle) -> dict[str, Content]:
    """Return a file for each array, with the bytes that it has in memory."""
    return {codegen.file_of(bundle, array): _bytes(array.payload) for array in bundle.arrays}


def _lines(pieces: Callable[[], Iterable[str]]) -> Content:
    return lambda file: file.writelines(map(str.encode, pieces()))


def _bytes(content: bytes) -> Content:
    return lambda file: file.write(content)


def _text(content: str) -> Content:
    return _bytes(content.encode())


def _written(content: Content) -> bytes:
    """Return the bytes that a content writes."""
    file = io.BytesIO()
    content(file)
    return file.getvalue()


def npz(bundle: Bundle) -> bytes:
    """Return an .npz of all arrays, uncompressed and without time stamps, so that equal arrays give equal bytes."""
    return _written(lambda file: _write_npz(_data(bundle), file))


def _data(bundle: Bundle) -> dict[str, NDArray[Any]]:
    return {array.name: array.data for array in bundle.arrays}


def _write_npz(arrays: Mapping[str, NDArray[Any]], file: IO[bytes]) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, data in arrays.items():
            head = io.BytesIO()
            np.lib.format.write_array_header_1_0(head, np.lib.format.header_data_from_array_1_0(data))
            member = zipfile.ZipInfo(f"{name}.npy")
            member.file_size = head.tell() + data.nbytes  # decides whether the archive needs 64-bit sizes
            with archive.open(member, "w") as stream:
                stream.write(head.getvalue())
                stream.write(np.ascontiguousarray(data).reshape(-1).data.cast("B"))


def save(bundle: Bundle, found: Mapping[str, bytes], path: Path) -> None:
    """Write what a device left in the buffers of a bundle, as an .npz with their names, or as a .bin with one after
    the other, without what is kept besides codes.
    """
    if path.suffix.lower() == ".bin":
        write_file(path, b"".join(found[entry.name] for entry in bundle.entries))
    elif path.suffix.lower() == ".npz":
        arrays = {a.name: a.held(found[a.name]).reshape(a.data.shape) for a in bundle.arrays if a.name in found}
        write_file(path, _written(lambda file: _write_npz(arrays, file)))
    else:
        raise EmbinitError(f"--save must be a file that ends in .npz or .bin, got {path}")


def safetensors(bundle: Bundle) -> bytes:
    """Return a safetensors file of all arrays (extra `safetensors`)."""
    try:
        from safetensors.numpy import save
    except ImportError:
        raise EmbinitError(
            "format safetensors needs the extra of that name: pip install 'embinit[safetensors]'"
        ) from None
    return bytes(save({array.name: np.ascontiguousarray(array.data) for array in bundle.arrays}))


def write_new(files: Mapping[str, bytes]) -> None:
    """Write new files by their paths, or raise EmbinitError, before anything is written, if one exists already."""
    for path in files:
        if Path(path).exists():
            raise EmbinitError(f"{path}: exists already; remove it, or choose another name")
    for path, content in files.items():
        write_file(Path(path), content)
