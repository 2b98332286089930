"""<name>_init.h and <name>_init.c: the function that fills a device's buffers, and the one that checks them."""

from collections.abc import Callable
from pathlib import Path

from embinit.bundle import Bundle
from embinit.clib import HEADERS
from embinit.codegen.slots import Init
from embinit.codegen.storing import has_codes, is_stored
from embinit.codegen.tables import in_floats, in_integers, stored
from embinit.codegen.text import NoCodeError, banner, described, joined, seed_type
from embinit.distributions import Declared
from embinit.errors import EmbinitError
from embinit.spec import SPEC_VERSION


def init_header(bundle: Bundle) -> str:
    """Return <name>_init.h: the model's buffers as a struct of pointers, and the function that fills them."""
    name = bundle.plan.model.name
    guard = f"{name.upper()}_INIT_H"
    members = (f"    {array.ctype} *{array.identifier}; /* {described(array)} */" for array in bundle.arrays)
    result, returned = _result(bundle)
    return (
        banner(bundle, "initialization on the device")
        + f"#ifndef {guard}\n#define {guard}\n\n#include <stdint.h>\n\n"
        + '#ifdef __cplusplus\nextern "C" {\n#endif\n\n'
        + f"/* Where the device keeps its buffers. */\ntypedef struct {{\n{joined(members)}}} {name}_buffers;\n\n"
        + f"/* Fill every buffer from a seed; {bundle.plan.model.seed} gives the golden vectors.{returned} */\n"
        + f"{result} {name}_init(const {name}_buffers *buffers, {seed_type(bundle)} seed);\n\n"
        + "/* Return 1 if the CRC-32 of every buffer is that of the golden vectors, else 0. */\n"
        + f"int {name}_check(const {name}_buffers *buffers);\n\n"
        + "#ifdef __cplusplus\n}\n#endif\n\n#endif\n"
    )


def init_source(bundle: Bundle) -> str:
    """Return <name>_init.c: the plan as a const table, and the two functions of the header."""
    name = bundle.plan.model.name
    if not bundle.entries:
        raise NoCodeError(f"model {name!r} has no buffers, and so no C: give it a layer with parameters")
    parts = _parts(bundle)(bundle)
    signatures = (
        f"{_result(bundle)[0]} {name}_init(const {name}_buffers *buffers, {seed_type(bundle)} seed)",
        f"int {name}_check(const {name}_buffers *buffers)",
    )
    return (
        banner(bundle, "initialization on the device")
        + f'#include "{name}_init.h"\n\n'
        + joined(f'#include "{header}"' for header in sorted({"embinit.h", *map(_file_name, parts.headers)}))
        + _needed(_own_files(bundle, parts))
        + f"\n#if EMBINIT_SPEC_VERSION != {SPEC_VERSION}\n"
        + f'#error "{name}_init.c needs spec version {SPEC_VERSION} of embinit: generate it again"\n#endif\n\n'
        + joined(parts.tables)
        + "".join(
            f"\n{signature}\n{{\n{joined(f'    {line}' for line in lines)}}}\n"
            for signature, lines in zip(signatures, (parts.fill, parts.check), strict=True)
        )
    )


def init_signature(bundle: Bundle, init: str) -> str:
    """Return the declaration of a function that can replace <name>_init."""
    return f"void {init}(const {bundle.plan.model.name}_buffers *buffers, {seed_type(bundle)} seed)"


def own_files(bundle: Bundle) -> list[Path]:
    """Return the C files that a model's code needs besides the library: those that conventions from outside bring."""
    return _own_files(bundle, _parts(bundle)(bundle))


def _own_files(bundle: Bundle, parts: Init) -> list[Path]:
    """Return the headers that are given by a path, each followed by the C file of the same name, if there is one."""
    headers = sorted({header for header in parts.headers if isinstance(header, Path)})
    taken = {path.name for path in HEADERS} | {f"{bundle.plan.model.name}_init.h"}
    for header in headers:
        if not header.is_file():
            raise EmbinitError(f"{header}: is not a file, and the model's C includes it")
        if header.name in taken:
            raise EmbinitError(f"{header}: a header must have a name of its own, and another one is {header.name}")
        taken.add(header.name)
    return [path for header in headers for path in (header, header.with_suffix(".c")) if path.is_file()]


def _needed(own: list[Path]) -> str:
    """Return the comment that says which files a build needs besides the C library."""
    names = ", ".join(path.name for path in own)
    return f"\n/* It is built with the C library of embinit and {names}. */\n" if own else ""


def _file_name(header: str | Path) -> str:
    return header if isinstance(header, str) else header.name


def _parts(bundle: Bundle) -> Callable[[Bundle], Init]:
    """Return the function that writes the C of a model: from expressions, in integers, with codes, or in
    floats alone.
    """
    written = next((entry.row for entry in bundle.entries if entry.row.storage.literals is not None), None)
    if written is not None:
        raise NoCodeError(
            f"{written.name}: no C writes values as {written.storage.literals} and reads them again; export them as a "
            "table (--format npz,h,bin)"
        )
    if any(isinstance(entry.row.distribution, Declared) for entry in bundle.entries):
        from embinit.codegen.declared import declared

        return declared
    return in_integers if has_codes(bundle) else stored if is_stored(bundle) else in_floats


def _result(bundle: Bundle) -> tuple[str, str]:
    """Return the result type of <name>_init, and a sentence about it."""
    if not is_stored(bundle):
        return "void", ""
    return "int", (
        " Return 1,\n * or 0 where the format of a buffer has no code for its values: "
        "do not use that buffer or any after it."
    )
