"""expected_<name>.h: the golden vectors as C arrays of bits."""

from collections.abc import Iterable, Iterator
from functools import cache

import numpy as np
from numpy.typing import NDArray

from embinit.bundle import Array, Bundle
from embinit.checksums import stm32
from embinit.codegen.text import banner, described, joined
from embinit.spec import SPEC_VERSION

#: How many elements' text is held at once.
_PIECE = 1 << 14
_UNSIGNED = {1: "uint8_t", 2: "uint16_t", 4: "uint32_t", 8: "uint64_t"}


def expected_header(bundle: Bundle) -> Iterator[str]:
    """Yield expected_<name>.h in pieces: the bits of every buffer or, if EMBINIT_CRC_ONLY is defined, only
    its CRC-32.
    """
    yield from header_of(bundle, _arrays(bundle))


def header_of(bundle: Bundle, arrays: Iterable[str]) -> Iterator[str]:
    """Yield a header of golden vectors: their sizes and CRC-32s and, unless EMBINIT_CRC_ONLY is defined, the text that
    defines or declares the arrays.
    """
    name = bundle.plan.model.name
    guard = f"EXPECTED_{name.upper()}_H"
    yield joined([
        banner(bundle, "golden vectors: define EMBINIT_CRC_ONLY to leave out the arrays"),
        f"#ifndef {guard}\n#define {guard}\n",
        "#include <stdint.h>\n",
        f"#if defined(EMBINIT_SPEC_VERSION) && EMBINIT_SPEC_VERSION != {SPEC_VERSION}",
        f'#error "expected_{name}.h has the bits of spec version {SPEC_VERSION}: export it again"',
        "#endif\n",
        "enum {",
        *(f"    {name}_{array.identifier}_len = {array.room}," for array in bundle.arrays),
        "};\n",
        "/* CRC-32s as zlib has them: polynomial 04c11db7 reflected, exclusive or ffffffff first and last. The comment",
        " * after each has what an STM32's CRC unit computes after reset: of 32-bit words, not reflected (MPEG-2). */",
        *(
            f"#define {name}_{array.identifier}_crc32 0x{array.crc32:08x}u /* STM32: 0x{stm32(array.payload):08x} */"
            for array in bundle.arrays
        ),
        "\n#ifndef EMBINIT_CRC_ONLY",
    ])  # fmt: skip
    yield from arrays
    yield f"\n#endif /* EMBINIT_CRC_ONLY */\n\n#endif /* {guard} */\n"


def unsigned_of(array: Array) -> str:
    """Return the C type of the bits of an element in memory."""
    return _UNSIGNED[array.memory.itemsize]


def _arrays(bundle: Bundle) -> Iterator[str]:
    name = bundle.plan.model.name
    for array in bundle.arrays:
        flat = array.memory
        yield f"\n/* {described(array)} */\n"
        yield f"static const {unsigned_of(array)} expected_{name}_{array.identifier}[{flat.size}] = {{\n"
        for start in range(0, flat.size, _PIECE):
            yield joined(_array_lines(flat[start : start + _PIECE]))
        yield "};\n"


def _array_lines(data: NDArray[np.generic], per_line: int = 4) -> Iterator[str]:
    """Yield lines of an initializer: bits in hexadecimal and, for floats, the value in a comment."""
    bits = data.view(f"u{data.itemsize}").ravel().tolist()
    values = data.ravel().tolist() if data.dtype == np.float32 else []
    for i in range(0, len(bits), per_line):
        held = bits[i : i + per_line]
        yield _line(len(held), 2 * data.itemsize, bool(values)) % (*held, *values[i : i + per_line])


@cache
def _line(count: int, digits: int, with_values: bool) -> str:
    """Return the format of a line: to fill one is faster than to join elements."""
    line = "    " + " ".join([f"0x%0{digits}xu,"] * count)
    return f"{line} /* {' '.join(['%.9g'] * count)} */" if with_values else line
