"""Arrays: files with names or shapes: .npy, .npz and .safetensors. Sizes are checked against the plan before anything
is unpacked, whatever a header announces.
"""

import io
import math
import zipfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embinit.bundle import Array
from embinit.dump.memory import Memory, cut, must_have
from embinit.errors import EmbinitError, listed, shortened, shown
from embinit.formats.arrangement import IN_ORDER

NPY_MAGIC, ZIP_MAGICS = b"\x93NUMPY", (b"PK\x03\x04", b"PK\x05\x06")
#: The most bytes that an element of any accepted type may have, and the header of an .npy file.
WIDEST, HEADER = 8, 1 << 14


def npy(content: bytes, arrays: Sequence[Array]) -> tuple[Memory, list[str]]:
    """Return the bytes of an .npy file as memory, and a note about its shape."""
    array = _array(content)
    if len(arrays) == 1:
        memory = _in_memory(as_held(array, arrays), arrays[0])
        return Memory(".npy", ((0, memory),)), _shape_notes(array, arrays[0])
    return Memory(".npy", ((0, as_held(array, arrays)),)), []


def named(
    path: Path, content: bytes, needed: Sequence[Array], beside: Sequence[Array]
) -> tuple[dict[str, bytes], list[str]]:
    """Return the bytes of the arrays that an .npz or .safetensors file names, and notes about their shapes. The file
    may hold other arrays too. needed: the arrays that it must hold. beside: those that are read if it holds them.
    """
    as_tensors = is_safetensors(content) or path.suffix.lower() == ".safetensors"
    form, names, load = _safetensors(path) if as_tensors else _npz(content)
    found: dict[str, bytes] = {}
    notes: list[str] = []
    for array in (*needed, *(array for array in beside if array.name in names)):
        if array.name not in names:
            raise EmbinitError(f"{form} must hold {array.name}, got {listed(sorted(names)[:8]) or 'nothing'}")
        given = load(array)
        data = _in_memory(as_held(given, [array]), array)
        if len(data) != len(array.payload):
            raise EmbinitError(f"{must_have([array])}, got {len(data)} of {form}, shape {list(given.shape)}")
        found |= cut(data, [array])
        notes += _shape_notes(given, array)
    return found, notes


def names_arrays(content: bytes) -> bool:
    """Return whether a file begins like one that names its arrays."""
    return content.startswith(ZIP_MAGICS) or is_safetensors(content)


def is_safetensors(content: bytes) -> bool:
    """Return whether a file begins like safetensors: the length of a JSON object, then the object."""
    length = int.from_bytes(content[:8], "little")
    return 2 <= length <= len(content) - 8 and content[8:9] == b"{" and content[8 : 8 + length].rstrip()[-1:] == b"}"


def as_held(given: NDArray[Any], arrays: Sequence[Array]) -> bytes:
    """Return the bytes of an array of elements, of their bits, or of bytes, little endian and in C order. Wider floats
    and integers are accepted if they hold the elements exactly.
    """
    dtype = given.dtype.newbyteorder("<")
    held = {array.data.dtype.newbyteorder("<") for array in arrays}
    allowed = [np.dtype("u1")]
    if len(held) == 1:
        (elements,) = held
        allowed = [elements, np.dtype(f"<u{elements.itemsize}"), *allowed]
        wider = dtype.itemsize > elements.itemsize and dtype.kind in {"f": "f", "i": "iu", "u": "iu"}[elements.kind]
        if wider and dtype not in allowed:
            with np.errstate(all="ignore"):
                exact: NDArray[Any] = given.astype(elements)
            if _exactly(exact, given):
                return exact.tobytes()
            raise EmbinitError(
                f"an array of {arrays[0].name} must be of type {elements.name}; {given.dtype} holds values that no "
                f"{elements.name} has: save it with .astype(numpy.{elements.name})"
            )
    if dtype not in allowed:
        names = listed(dict.fromkeys(d.name for d in allowed))
        raise EmbinitError(f"an array of {arrays[0].name} must be of type {names}, got {given.dtype}")
    return given.astype(dtype).tobytes()


def _in_memory(data: bytes, array: Array) -> bytes:
    """Return the memory of a buffer whose elements a file holds as such; bytes of memory are returned as they are."""
    if array.arrangement == IN_ORDER or len(data) != array.data.nbytes:
        return data
    elements = np.frombuffer(data, array.data.dtype).reshape(array.data.shape)
    return array.arrangement.memory(elements, elements.shape).tobytes()


def _exactly(exact: NDArray[Any], given: NDArray[Any]) -> bool:
    return bool(np.array_equal(exact.astype(given.dtype), given, equal_nan=given.dtype.kind == "f"))


def _shape_notes(given: NDArray[Any], array: Array) -> list[str]:
    """Return a note if an array has another shape than its buffer; a flat array has no shape to compare."""
    shapes = [tuple(size for size in shape if size != 1) for shape in (given.shape, array.data.shape)]
    if given.ndim < 2 or shapes[0] == shapes[1] or given.nbytes != given.dtype.itemsize * array.count:
        return []
    return [f"{array.name} has shape {list(given.shape)} in the dump, {list(array.data.shape)} in the plan"]


def _array(content: bytes) -> NDArray[Any]:
    """Return the array of an .npy file without using more memory than the file has bytes."""
    stream = io.BytesIO(content)
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    try:
        shape, fortran, dtype = readers[np.lib.format.read_magic(stream)](stream)
    except Exception:  # NumPy raises half a dozen types for damaged headers
        raise EmbinitError("is not a NumPy file that can be read") from None
    if dtype.hasobject or dtype.kind not in "fiub" or not dtype.itemsize:
        raise EmbinitError(f"is a NumPy file of {shortened(str(dtype))}, must be one of floats or integers")
    size, held = math.prod(shape) * dtype.itemsize, len(content) - stream.tell()
    if size != held or any(length < 0 for length in shape) or len(shape) > 32:
        raise EmbinitError(f"is a NumPy file whose header announces {shown(size)} bytes, got {held}")
    return np.frombuffer(content, dtype, offset=stream.tell()).reshape(shape, order="F" if fortran else "C")


Archive = tuple[str, set[str], Callable[[Array], NDArray[Any]]]


def _npz(content: bytes) -> Archive:
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except Exception:  # zipfile raises a dozen types for damaged files
        raise EmbinitError("an .npz must be an archive of arrays: is not a NumPy file that can be read") from None
    members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}

    def load(array: Array) -> NDArray[Any]:
        most = array.count * WIDEST + HEADER
        try:
            with archive.open(members[array.name]) as stream:
                member = stream.read(most + 1)
        except Exception:  # zlib and zipfile raise a dozen types for damaged files
            raise EmbinitError(f"{array.name} of an .npz is not a NumPy file that can be read") from None
        if len(member) > most:
            raise EmbinitError(f"{array.name} of an .npz must have {array.count} elements, got more than {most} bytes")
        try:
            return _array(member)
        except EmbinitError as error:
            raise EmbinitError(f"{array.name} of an .npz {error}") from None

    return "an .npz", set(members), load


def _safetensors(path: Path) -> Archive:
    try:
        from safetensors import safe_open
    except ImportError:
        raise EmbinitError("a .safetensors file needs the extra: pip install 'embinit[safetensors]'") from None
    try:
        file: Any = safe_open(path, framework="numpy")
        names = set(file.keys())
    except Exception:  # one type for damaged headers, others for what NumPy does not have
        raise EmbinitError("is not a safetensors file that can be read") from None

    def load(array: Array) -> NDArray[Any]:
        kind = "unknown"
        with suppress(Exception):
            kind = file.get_slice(array.name).get_dtype()
            return np.asarray(file.get_tensor(array.name))
        raise EmbinitError(f"{array.name} of a .safetensors file has a type that NumPy lacks, {kind}")

    return "a .safetensors file", names, load
