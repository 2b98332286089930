"""Golden vectors in a file of their own, for images that several files share: as C, by .incbin, or by #embed."""

from collections.abc import Iterator

from embinit.bundle import Array, Bundle
from embinit.codegen.expected import header_of, unsigned_of
from embinit.codegen.text import banner, joined

#: How many elements a line has.
_PER_LINE = 12
_MACROS = """
/* EMBINIT_GOLDEN stands before each array, such as __attribute__((section(".golden"), aligned(16))), and
 * EMBINIT_GOLDEN_BYTE reads a byte of one. EMBINIT_GOLDEN_PROGMEM keeps them in the flash of an AVR. */
#ifdef EMBINIT_GOLDEN_PROGMEM
#include <avr/pgmspace.h>
#define EMBINIT_GOLDEN PROGMEM
#define EMBINIT_GOLDEN_BYTE(at) pgm_read_byte(at)
#endif
#ifndef EMBINIT_GOLDEN
#define EMBINIT_GOLDEN
#endif
#ifndef EMBINIT_GOLDEN_BYTE
#define EMBINIT_GOLDEN_BYTE(at) (*(at))
#endif
"""
_IN_ASSEMBLY = """\
#ifndef EMBINIT_CRC_ONLY

/* The section and the alignment of each array. The files are searched for in the folders of -I. */
#ifndef EMBINIT_GOLDEN_SECTION
#define EMBINIT_GOLDEN_SECTION .rodata
#endif
#ifndef EMBINIT_GOLDEN_ALIGN
#define EMBINIT_GOLDEN_ALIGN 8
#endif

    .section EMBINIT_GOLDEN_SECTION, "a", %progbits
"""


def golden_header(bundle: Bundle, embedded: bool = False) -> Iterator[str]:
    """Yield expected_<name>.h that only declares the arrays. embedded: as #embed fills them."""
    name = bundle.plan.model.name
    declared = []
    for array in bundle.arrays:
        elements = f"{unsigned_of(array)} {{}}[{array.memory.size}]"
        if embedded:
            kind, held = f"{name}_{array.identifier}_golden", f"golden_{name}_{array.identifier}"
            declared += [
                f"union {kind} {{ unsigned char bytes[{len(array.view)}]; {elements.format('elements')}; }};",
                f"extern const union {kind} {held};",
                f"#define {_symbol(bundle, array)} {held}.elements",
            ]
        else:
            declared += [f"extern const {elements.format(_symbol(bundle, array))};"]
    yield from header_of(
        bundle,
        [
            _MACROS,
            '#ifdef __cplusplus\nextern "C" {\n#endif\n\n',
            joined(declared),
            "\n#ifdef __cplusplus\n}\n#endif\n",
        ],
    )


def golden_source(bundle: Bundle) -> Iterator[str]:
    """Yield expected_<name>.c: the bits in hexadecimal, without comments."""
    yield _head(bundle)
    for array in bundle.arrays:
        digits = 2 * array.memory.itemsize
        yield f"\nEMBINIT_GOLDEN const {unsigned_of(array)} {_symbol(bundle, array)}[{array.memory.size}] = {{\n"
        elements = array.memory.view(f"u{array.memory.itemsize}")
        for start in range(0, elements.size, _PER_LINE):
            yield "".join(f"0x{bits:0{digits}x}," for bits in elements[start : start + _PER_LINE].tolist()) + "\n"
        yield "};\n"
    yield "\n#else\n\ntypedef int embinit_golden_left_out;\n\n#endif /* EMBINIT_CRC_ONLY */\n"


def golden_embedded(bundle: Bundle) -> str:
    """Return expected_<name>.c that takes the bytes of files by #embed, which is C23's and an extension before."""
    arrays = (
        f"\nEMBINIT_GOLDEN const union {bundle.plan.model.name}_{array.identifier}_golden "
        f"golden_{bundle.plan.model.name}_{array.identifier} = {{{{\n"
        f'#embed "{file_of(bundle, array)}"\n}}}};\n'
        for array in bundle.arrays
    )
    ended = "\n#else\n\ntypedef int embinit_golden_left_out;\n\n#endif /* EMBINIT_CRC_ONLY */\n"
    return _head(bundle) + "".join(arrays) + ended


def golden_assembly(bundle: Bundle) -> str:
    """Return expected_<name>.S, which takes the bytes of files by .incbin, for the assemblers of gcc and clang."""
    arrays = (
        f"\n    .balign EMBINIT_GOLDEN_ALIGN\n    .global {symbol}\n    .type {symbol}, %object\n"
        f"    .size {symbol}, {len(array.view)}\n{symbol}:\n"
        f'    .incbin "{file_of(bundle, array)}"\n'
        for array in bundle.arrays
        for symbol in [_symbol(bundle, array)]
    )
    return (
        banner(bundle, "golden vectors, from files")
        + _IN_ASSEMBLY
        + "".join(arrays)
        + "\n#endif /* EMBINIT_CRC_ONLY */\n\n#ifdef __linux__\n"
        + '    .section .note.GNU-stack, "", %progbits\n#endif\n'
    )


def file_of(bundle: Bundle, array: Array) -> str:
    """Return the name of the file that has the bytes of an array."""
    return f"{_symbol(bundle, array)}.bin"


def _head(bundle: Bundle) -> str:
    name = bundle.plan.model.name
    return f'{banner(bundle, "golden vectors")}#include "expected_{name}.h"\n\n#ifndef EMBINIT_CRC_ONLY\n'


def _symbol(bundle: Bundle, array: Array) -> str:
    return f"expected_{bundle.plan.model.name}_{array.identifier}"
