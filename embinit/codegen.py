"""Generated C: a model's plan as tables, its golden vectors as bits, and tests that run on the device."""

import math
import zlib
from collections.abc import Callable, Iterable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from embinit.bitgen import CGenerator
from embinit.bundle import Array, Bundle, Entry
from embinit.clib import HEADERS
from embinit.dialects import dialect_named
from embinit.dialects.seeds import C_TYPES
from embinit.distributions import Constant, Declared, Uniform
from embinit.errors import EmbinitError, shown
from embinit.formats import FLOATS, CFamily, Quantized, format_named
from embinit.plan import Action, Row
from embinit.samplers import CDraw
from embinit.spec import SPEC_VERSION

if TYPE_CHECKING:
    from embinit.dialects.declared.emission import Emission

#: How many elements' text is held at once.
_PIECE = 1 << 14
_UNSIGNED = {1: "uint8_t", 2: "uint16_t", 4: "uint32_t", 8: "uint64_t"}


class NoCodeError(EmbinitError):
    """The model's values cannot be drawn in C."""


def banner(bundle: Bundle, what: str) -> str:
    """Return the comment at the top of a generated file: what it is, and for which model, target and seed."""
    model = bundle.plan.model
    return (
        f"/* {model.name}: {what}.\n"
        f" * dialect {model.dialect}, target {model.target} (multiply-add {model.build.multiply_add}), "
        f"seed {model.seed};\n"
        f" * embinit {bundle.package_version}, spec version {SPEC_VERSION}. Generated: edit the model file instead.\n"
        " */\n"
    )


def expected_header(bundle: Bundle) -> Iterator[str]:
    """Yield expected_<name>.h in pieces: the bits of every buffer or, if EMBINIT_CRC_ONLY is defined, only
    its CRC-32.
    """
    name = bundle.plan.model.name
    guard = f"EXPECTED_{name.upper()}_H"
    arrays = bundle.arrays
    yield _joined([
        banner(bundle, "golden vectors: define EMBINIT_CRC_ONLY to leave out the arrays"),
        f"#ifndef {guard}\n#define {guard}\n",
        "#include <stdint.h>\n",
        f"#if defined(EMBINIT_SPEC_VERSION) && EMBINIT_SPEC_VERSION != {SPEC_VERSION}",
        f'#error "expected_{name}.h has the bits of spec version {SPEC_VERSION}: export it again"',
        "#endif\n",
        "enum {",
        *(f"    {name}_{array.identifier}_len = {array.count}," for array in arrays),
        "};\n",
        *(f"#define {name}_{array.identifier}_crc32 0x{array.crc32:08x}u" for array in arrays),
        "\n#ifndef EMBINIT_CRC_ONLY",
    ])  # fmt: skip
    for array in arrays:
        unsigned = _UNSIGNED[array.data.itemsize]
        yield f"\n/* {_described(array)} */\n"
        yield f"static const {unsigned} expected_{name}_{array.identifier}[{array.count}] = {{\n"
        flat = array.data.reshape(-1)
        for start in range(0, flat.size, _PIECE):
            yield _joined(_array_lines(flat[start : start + _PIECE]))
        yield "};\n"
    yield f"\n#endif /* EMBINIT_CRC_ONLY */\n\n#endif /* {guard} */\n"


def _described(array: Array) -> str:
    """Return the shape of an array and, for a buffer of codes, its format."""
    coded = isinstance(array, Entry) and array.format not in FLOATS
    return f"{array.comment}: {array.format}" if coded else array.comment


def _array_lines(data: NDArray[np.generic], per_line: int = 4) -> Iterator[str]:
    """Yield lines of an initializer: bits in hexadecimal and, for floats, the value in a comment."""
    digits = 2 * data.itemsize
    bits = data.view(f"u{data.itemsize}").ravel().tolist()
    values = data.ravel().tolist() if data.dtype == np.float32 else None
    for i in range(0, len(bits), per_line):
        line = "    " + " ".join(f"0x{b:0{digits}x}u," for b in bits[i : i + per_line])
        yield line if values is None else f"{line} /* {' '.join(f'{v:.9g}' for v in values[i : i + per_line])} */"


def init_header(bundle: Bundle) -> str:
    """Return <name>_init.h: the model's buffers as a struct of pointers, and the function that fills them."""
    name = bundle.plan.model.name
    guard = f"{name.upper()}_INIT_H"
    members = (f"    {array.ctype} *{array.identifier}; /* {_described(array)} */" for array in bundle.arrays)
    result, returned = _result(bundle)
    return (
        banner(bundle, "initialization on the device")
        + f"#ifndef {guard}\n#define {guard}\n\n#include <stdint.h>\n\n"
        + '#ifdef __cplusplus\nextern "C" {\n#endif\n\n'
        + f"/* Where the device keeps its buffers. */\ntypedef struct {{\n{_joined(members)}}} {name}_buffers;\n\n"
        + f"/* Fill every buffer from a seed; {bundle.plan.model.seed} gives the golden vectors.{returned} */\n"
        + f"{result} {name}_init(const {name}_buffers *buffers, {_seed_type(bundle)} seed);\n\n"
        + "/* Return 1 when the CRC32 of every buffer is that of the golden vectors, else 0. */\n"
        + f"int {name}_check(const {name}_buffers *buffers);\n\n"
        + "#ifdef __cplusplus\n}\n#endif\n\n#endif\n"
    )


def _rule_names(drawn: Iterable[CDraw]) -> dict[tuple[str, str], str]:
    """Name each rule after the function that reads it; from the second rule of a function on, with a number."""
    names: dict[tuple[str, str], str] = {}
    for draw in drawn:
        if draw.rule is not None and draw.rule not in names:
            name = draw.function.removeprefix("embinit_")
            names[draw.rule] = f"{name}{len(names)}" if name in names.values() else name
    return names


class _Init(NamedTuple):
    """The parts of <name>_init.c that depend on how the buffers are stored, as lines of C."""

    headers: set[str | Path]
    tables: list[str]
    fill: list[str]
    check: list[str]


def init_source(bundle: Bundle) -> str:
    """Return <name>_init.c: the plan as a const table, and the two functions of the header."""
    name = bundle.plan.model.name
    if not bundle.entries:
        raise NoCodeError(f"model {name!r} has no buffers, and so no C: give it a layer with parameters")
    parts = _parts(bundle)(bundle)
    signatures = (
        f"{_result(bundle)[0]} {name}_init(const {name}_buffers *buffers, {_seed_type(bundle)} seed)",
        f"int {name}_check(const {name}_buffers *buffers)",
    )
    return (
        banner(bundle, "initialization on the device")
        + f'#include "{name}_init.h"\n\n'
        + _joined(f'#include "{header}"' for header in sorted({"embinit.h", *map(_file_name, parts.headers)}))
        + _needed(_own_files(bundle, parts))
        + f"\n#if EMBINIT_SPEC_VERSION != {SPEC_VERSION}\n"
        + f'#error "{name}_init.c needs spec version {SPEC_VERSION} of embinit: generate it again"\n#endif\n\n'
        + _joined(parts.tables)
        + "".join(
            f"\n{signature}\n{{\n{_joined(f'    {line}' for line in lines)}}}\n"
            for signature, lines in zip(signatures, (parts.fill, parts.check), strict=True)
        )
    )


def own_files(bundle: Bundle) -> list[Path]:
    """Return the C files besides the library that a model's code is built with: what its own conventions bring."""
    return _own_files(bundle, _parts(bundle)(bundle))


def _own_files(bundle: Bundle, parts: _Init) -> list[Path]:
    """Return the headers that are told by a path, each with the C file of its name, where there is one."""
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


def _parts(bundle: Bundle) -> Callable[[Bundle], _Init]:
    """Return the function that writes the C of a model: from expressions, in integers, with codes, or in
    floats alone.
    """
    if any(isinstance(entry.row.distribution, Declared) for entry in bundle.entries):
        return _declared
    return _in_integers if _has_codes(bundle) else _stored if _is_stored(bundle) else _in_floats


def _seed_type(bundle: Bundle) -> str:
    """Return the type of the seed in C; a seed that it does not hold is an error."""
    model = bundle.plan.model
    found = dialect_named(model.dialect).c_seed
    if model.seed not in C_TYPES[found]:
        most = C_TYPES[found].stop.bit_length() - 1
        bound = f"above 2^{most} - 1" if model.seed > 0 else f"below -2^{most}"
        raise NoCodeError(f"no C takes a seed {bound}, got {shown(model.seed)}; export the values alone")
    return found


def _declared(bundle: Bundle) -> _Init:
    """Return the C of a model whose dialect is a file: functions for its expressions, and loops over its buffers."""
    from embinit.dialects.declared.emission import Emission

    model = bundle.plan.model
    try:
        emission = Emission(model.name, dialect_named(model.dialect), model.build.rand)  # type: ignore[arg-type]
        if _is_stored(bundle):
            return _declared_and_stored(bundle, emission)
        body = list(_declared_body(bundle, emission))
    except EmbinitError as error:
        raise NoCodeError(f"{error}; export the values alone (--format npz,h,bin)") from None
    check = ["uint32_t good = 0;"]
    for entry in bundle.entries:
        crc32 = f"embinit_crc32(0, buffers->{entry.identifier}, {len(entry.payload)}u)"
        check.append(f"good += {crc32} == 0x{entry.crc32:08x}u;")
    check.append(f"return good == {len(bundle.entries)}u;")
    return _Init(emission.headers, emission.lines, body, check)


def _declared_and_stored(bundle: Bundle, emission: "Emission") -> _Init:
    """Return the C of a model with buffers of codes whose dialect is a file: rows that the C library stores."""
    emission.stored()
    events = [(action, row) for action, row in bundle.plan.events if action is not Action.ROUND]
    for action, row in events:
        if action in (Action.TURN, Action.LOSE) or row.order.axes not in (None, tuple(range(len(row.shape)))):
            what = "in turns with another buffer" if action is Action.TURN else "in an order that is not that of memory"
            raise NoCodeError(f"{row.name}: no C draws it {what} in a model with buffers of codes")
    entries = {entry.name: entry for entry in bundle.entries}
    drawn = {row.name: row for _, row in events if isinstance(row.distribution, Declared)}
    prefixes = {name: emission.drawing(row.distribution) for name, row in drawn.items()}  # type: ignore[arg-type]
    rows, held = list[str](), list[str]()

    def add(draw: str, label: str, entry: Entry | None = None) -> None:
        slot = _Lost(bundle.entries[0], 0) if entry is None else entry
        crc32 = 0 if entry is None else _crc32(entry)
        rows.append(f"    {{{{{draw}, 0x{crc32:08x}u}},\n     {_storage(slot)}}}, /* {label} */")
        held.append(_held(slot))

    for action, row in events:
        draw = "embinit_constant, 0, {count}u, {a}, 0u"
        if isinstance(row.distribution, Constant):
            draw = draw.replace("{a}", f"0x{int(np.float32(row.distribution.value).view(np.uint32)):08x}u")
        else:
            draw = f"{prefixes[row.name]}_fill, &fixed_{row.identifier}, {{count}}u, 0u, 0u"
        if action is Action.RESTART:
            layer, tensor = row.order.restart or (0, 0)
            add(f"restart, 0, 0u, {layer}u, {tensor}u", f"before {row.identifier}: the stream starts again")
        elif action is Action.REHEARSE and row.name in drawn:
            again = f"{prefixes[row.name]}_rehearse, &fixed_{row.identifier}, 0u, {row.size}u, 0u"
            add(again, f"{row.identifier}, in vain")
        elif action is Action.DRAW:
            add(draw.format(count=row.size), row.identifier, entries[row.name])
        if emission.drops and action in (Action.REHEARSE, Action.DRAW):
            add("drop, 0, 0u, 0u, 0u", f"behind {row.identifier}: a spare value is lost")
    copies = len(rows)
    for entry in bundle.entries:
        if entry.row.same_as:
            add(f"embinit_constant, 0, {entry.row.size}u, 0u, 0u", entry.identifier, entry)
    n, first = len(rows), bundle.plan.rows[0].order.restart is None
    fixed = [f"static {prefixes[name]}_fixed fixed_{row.identifier};" for name, row in drawn.items()]
    table = [f"static const embinit_stored_row rows[{n}] = {{", *rows, "};"]
    kept = [f"const embinit_buffer held[{n}] = {{", *held, "};"]
    begin = ["state.spared = 0;"] if emission.keeps else []
    begin += ["start(&state, seed);"] if first else ["state.seed = seed;"]
    begin += [line for row in drawn.values() for line in emission.fixing(row.distribution, f"fixed_{row.identifier}")]  # type: ignore[arg-type]
    states = ["static stream_state state, values, ahead;"]
    states += ["const embinit_stream stream = {stream_next, stream_copy, &state, &values, &ahead};"]
    return _Init(
        {*emission.headers, *_format_headers(bundle), "embinit_store.h"},
        [*emission.lines, *fixed, *_turns(bundle), "", *table],
        [*kept, *states, *begin, *_stored_and_copied(bundle, copies)],
        [*kept, f"return embinit_check_stored(rows, {n}, held) == {n};"],
    )


def _declared_body(bundle: Bundle, emission: "Emission") -> Iterator[str]:
    """Yield the statements that fill all buffers, in the order of the plan's events."""
    events, numbered = list(bundle.plan.events), bundle.plan.rows[0].order.restart is not None
    drawn = [row for row in bundle.plan.rows if isinstance(row.distribution, Declared)]
    for row in drawn:
        emission.drawing(row.distribution)  # type: ignore[arg-type]
    yield "stream_state state;"
    yield "stream_state *const stream = &state;"
    yield "size_t i, j, k, l, m;"
    for row in drawn:
        prefix = emission.drawing(row.distribution)  # type: ignore[arg-type]
        yield f"{prefix}_fixed {row.identifier};"
    if emission.keeps:
        yield "state.spared = 0;"
    if not numbered:
        yield "start(stream, seed);"
    for row in drawn:
        yield from emission.fixing(row.distribution, row.identifier)  # type: ignore[arg-type]
    turned: set[str] = set()
    for action, row in events:
        if action is Action.RESTART:
            layer, tensor = row.order.restart or (0, 0)
            yield f"start(stream, seed, {layer}u, {tensor}u);"
        elif action is Action.TURN and row.layer.name not in turned:
            turned.add(row.layer.name)
            group = [each for each in bundle.plan.rows if each.layer is row.layer and each.order.turns > 1]
            yield f"for (i = 0; i < {row.order.turns}u; i++) {{"
            for each in group:
                yield from (f"    {line}" for line in _loops(each, emission, 1))
            yield "}"
        elif action in (Action.DRAW, Action.REHEARSE):
            yield from _loops(row, emission, 0, keep=action is Action.DRAW)
            if emission.drops:
                yield "state.spared = 0;"
    yield "(void)i, (void)j, (void)k, (void)l, (void)m;"


def _loops(row: Row, emission: "Emission", outer: int, keep: bool = True) -> Iterator[str]:
    """Yield loops over a buffer in the order of its draws, except the outermost ones, and what stores an element."""
    axes = row.order.axes or tuple(range(len(row.shape)))
    strides = [math.prod(row.shape[axis + 1 :]) for axis in range(len(row.shape))]
    if axes == tuple(range(len(axes))) and not outer:
        sizes, places = [row.size], ["i"]
    else:
        sizes = [row.shape[axis] for axis in axes]
        places = [f"{name} * {strides[axis]}u" for name, axis in zip("ijklm", axes, strict=False)]
    indent = ""
    for name, size in list(zip("ijklm", sizes, strict=False))[outer:]:
        yield f"{indent}for ({name} = 0; {name} < {size}u; {name}++) {{"
        indent += "    "
    if isinstance(row.distribution, Declared):
        value = f"{emission.drawing(row.distribution)}_draw(stream, &{row.identifier})"  # type: ignore[arg-type]
    else:
        assert isinstance(row.distribution, Constant)
        value = emission.constant(row.distribution.value)
    yield f"{indent}buffers->{row.identifier}[{' + '.join(places)}] = {value};" if keep else f"{indent}(void){value};"
    for _ in sizes[outer:]:
        indent = indent[4:]
        yield f"{indent}}}"


def _has_codes(bundle: Bundle) -> bool:
    """Whether the device draws codes in integers alone."""
    return any(entry.row.codes is not None for entry in bundle.entries)


def _is_stored(bundle: Bundle) -> bool:
    """Whether the device encodes the values of at least one buffer."""
    return not _has_codes(bundle) and any(entry.format not in FLOATS for entry in bundle.entries)


def _result(bundle: Bundle) -> tuple[str, str]:
    """Return the result type of <name>_init, and a sentence about it."""
    if not _is_stored(bundle):
        return "void", ""
    return "int", " Return 1,\n * or 0 where a format has no code for the values: buffers from there on are of no use."


class _Lost(NamedTuple):
    """What is drawn before a buffer and then overwritten: a row without a buffer."""

    entry: Entry
    words: int


_Slot = Entry | _Lost


def _slots(bundle: Bundle) -> list[_Slot]:
    """Return what each row of the table describes: the draws in their order, and then the copies."""
    entries = {entry.name: entry for entry in bundle.entries}
    drawn: list[_Slot] = []
    for action, row in bundle.plan.events:
        entry = entries[row.name]
        if action is Action.LOSE:
            drawn.append(_Lost(entry, _lost_words(bundle, entry)))
        elif action is Action.DRAW:
            drawn.append(entry)
    return [*drawn, *(entry for entry in bundle.entries if entry.row.same_as)]


def _lost_words(bundle: Bundle, entry: Entry) -> int:
    """Return how many words are drawn before a buffer and overwritten."""
    sampler = dialect_named(bundle.plan.model.dialect).sampler
    words = 0
    for distribution, size in entry.row.lost:
        if not isinstance(distribution, Uniform | Constant):
            raise NoCodeError(f"{entry.name}: no C draws {distribution} for nothing; export the values instead")
        words += sampler.draws(distribution, size) or 0
    return words


def _label(slot: _Slot) -> str:
    return f"before {slot.entry.identifier}, overwritten" if isinstance(slot, _Lost) else slot.identifier


def _filled(slots: list[_Slot]) -> int:
    """Return how many rows are drawn; the others are copies."""
    return sum(isinstance(slot, _Lost) or slot.row.same_as is None for slot in slots)


def _copied(bundle: Bundle) -> list[str]:
    """Return the statements that copy buffers."""
    arrays = {entry.name: entry.arrays for entry in bundle.entries}
    return [
        f"embinit_copy(buffers->{to.identifier}, buffers->{of.identifier}, {len(to.payload)}u);"
        for entry in bundle.entries
        if entry.row.same_as
        for to, of in zip(entry.arrays, arrays[entry.row.same_as], strict=True)
    ]


def _in_floats(bundle: Bundle) -> _Init:
    """Return the C of a model whose buffers are all float32."""
    slots = _slots(bundle)
    n, drawn = len(slots), _filled(slots)
    headers, rules, rows = _rows(bundle, slots)
    table = (f"    {row}, /* {_label(slot)} */" for row, slot in zip(rows, slots, strict=True))
    header, seeded = _source(bundle)
    fill = f"embinit_fill(rows, {drawn}, &source, pointers);"
    return _Init(
        {header, *headers},
        [*rules, "", f"static const embinit_row rows[{n}] = {{", *table, "};"],
        [*_pointers(slots, "float *const"), *seeded, fill, *_copied(bundle)],
        [*_pointers(slots, "const float *const"), f"return embinit_check(rows, {n}, pointers) == {n};"],
    )


def _stored(bundle: Bundle) -> _Init:
    """Return the C of a model with buffers of codes: it goes from words to codes, value by value."""
    slots = _slots(bundle)
    n, drawn = len(slots), _filled(slots)
    headers, rules, rows = _rows(bundle, slots)
    table = (
        f"    {{{row},\n     {_storage(slot)}}}, /* {_label(slot)} */" for row, slot in zip(rows, slots, strict=True)
    )
    held = [f"const embinit_buffer held[{n}] = {{", *map(_held, slots), "};"]
    generator = _generator(bundle)
    kind = generator.type
    assignment = f"    *({kind} *)to = *(const {kind} *)from;"
    copy = ["", "static void copy_state(void *to, const void *from)", "{", assignment, "}"]
    states = [_definition(generator, state) for state in ("generator", "values", "ahead")]
    stream = f"const embinit_stream stream = {{{kind}_source, copy_state, &generator, &values, &ahead}};"
    return _Init(
        {generator.header, *headers, *_format_headers(bundle)},
        [*rules, *_turns(bundle), "", f"static const embinit_stored_row rows[{n}] = {{", *table, "};", *copy],
        [*held, *states, stream, generator.seed, *_stored_and_copied(bundle, drawn)],
        [*held, f"return embinit_check_stored(rows, {n}, held) == {n};"],
    )


def _stored_and_copied(bundle: Bundle, drawn: int) -> list[str]:
    """Return the statements that store the drawn buffers and copy the others."""
    store = f"embinit_store(rows, {drawn}, &stream, held)"
    copies = _copied(bundle)
    if not copies:
        return [f"return {store} == {drawn};"]
    return [f"if ({store} != {drawn}) {{", "    return 0;", "}", *copies, "return 1;"]


def _in_integers(bundle: Bundle) -> _Init:
    """Return the C of a model whose codes are drawn as such."""
    slots = _slots(bundle)
    n, drawn = len(slots), _filled(slots)
    header, seeded = _source(bundle)
    fill = f"embinit_fill_integers(rows, {drawn}, &source, pointers);"
    rows = [_integer_row(slot) for slot in slots if isinstance(slot, Entry)]
    codes = {entry.row.codes.c_code.header for entry in bundle.entries if entry.row.codes is not None}
    return _Init(
        {"embinit_integer.h", header, *codes},
        [f"static const embinit_integer_row rows[{n}] = {{", *rows, "};"],
        [*_pointers(slots, "void *const"), *seeded, fill, *_copied(bundle)],
        [*_pointers(slots, "const void *const"), f"return embinit_check_integers(rows, {n}, pointers) == {n};"],
    )


def _pointers(slots: list[_Slot], kind: str) -> list[str]:
    """Return the definition of the pointers to all buffers."""
    pointers = (f"    {'0' if isinstance(slot, _Lost) else f'buffers->{slot.identifier}'}," for slot in slots)
    return [f"{kind} pointers[{len(slots)}] = {{", *pointers, "};"]


def _rows(bundle: Bundle, slots: list[_Slot]) -> tuple[set[str | Path], list[str], list[str]]:
    """Return the headers, the definitions of rules, and the initializer of an embinit_row for each slot."""
    model = bundle.plan.model
    sampler = dialect_named(model.dialect).sampler
    drawn = []
    for slot in slots:
        if isinstance(slot, _Lost):
            drawn.append(CDraw("embinit_skip", slot.words))
            continue
        row = slot.row
        try:
            drawn.append(sampler.c_draw(row.distribution, row.size, model.build))
        except EmbinitError as error:
            raise NoCodeError(f"{row.name}: {error}") from None
        if not drawn[-1].elementwise and row.format not in FLOATS:
            raise NoCodeError(
                f"{row.name}: no C draws {row.distribution} element by element, as a buffer of {row.format} needs; "
                "keep float32, or export the values alone (--format npz,h,bin)"
            )
    rules = _rule_names(drawn)
    rows = [
        f"{{{draw.function}, {'&' + rules[draw.rule] if draw.rule else '0'}, {_size(slot)}u, "
        f"0x{draw.a:08x}u, 0x{draw.b:08x}u, 0x{_crc32(slot):08x}u}}"
        for draw, slot in zip(drawn, slots, strict=True)
    ]
    defined = [f"static const {kind} {rule} = {{{values}}};" for (kind, values), rule in rules.items()]
    return {draw.header for draw in drawn}, defined, rows


def _size(slot: _Slot) -> int:
    """Return how many values a row fills."""
    return 0 if isinstance(slot, _Lost) else slot.row.size


def _crc32(slot: _Slot) -> int:
    """Return the CRC-32 of a buffer, continued over what is kept besides its codes."""
    crc32 = 0
    for array in () if isinstance(slot, _Lost) else slot.arrays:
        crc32 = zlib.crc32(array.view, crc32)
    return crc32


def _storage(slot: _Slot) -> str:
    """Return the initializer of an embinit_storage."""
    if isinstance(slot, _Lost):
        return "{0}"
    row = slot.row
    layout, held = format_named(row.format), row.storage
    if not isinstance(layout, Quantized):
        return "{0}"
    family, groups = _family(row), held.groups(row.shape)
    named = f"{row.identifier}_turns" if groups.rounds > 1 else f"embinit_family_{family.name}"
    at_once = int(row.rounded_at_once)
    return (
        f"{{&{named}, {layout.bits}, {family.width}, {family.part}, "
        f"EMBINIT_{held.rounding.upper()}, {at_once}, {groups.count}u, {groups.run}u}}"
    )


def _turns(bundle: Bundle) -> Iterator[str]:
    """Yield the definitions of families for buffers whose groups do not all take turns."""
    for row in (entry.row for entry in bundle.entries):
        layout, groups = format_named(row.format), row.storage.groups(row.shape)
        if isinstance(layout, Quantized) and groups.rounds > 1:
            turns = f"EMBINIT_FAMILY_{_family(row).name.upper()}_IN_TURNS({groups.turn}u, {groups.rounds}u)"
            yield f"static const embinit_family {row.identifier}_turns = {turns};"


def _format_headers(bundle: Bundle) -> set[str | Path]:
    """Return the headers that declare the families of a bundle's formats."""
    return {_family(entry.row).header for entry in bundle.entries if entry.format not in FLOATS}


def _family(row: Row) -> CFamily:
    """Return what encodes a row in C; a format that has none is an error."""
    layout = format_named(row.format)
    family = layout.c_family if isinstance(layout, Quantized) else None
    if family is None:
        raise NoCodeError(f"{row.name}: no C encodes {row.format}; export the values alone (--format npz,h,bin)")
    return family


def _held(slot: _Slot) -> str:
    """Return the initializer of an embinit_buffer."""
    if isinstance(slot, _Lost):
        return "    {0, 0, 0, 0},"
    members = [
        f"buffers->{slot.identifier}_{what}" if what in slot.parameters else "0"
        for what in ("scale", "zero_point", "exponents")
    ]
    return f"    {{buffers->{slot.identifier}, {', '.join(members)}}},"


def _integer_row(entry: Entry) -> str:
    """Return the initializer of an embinit_integer_row."""
    layout, codes = format_named(entry.format), entry.row.codes
    assert codes is not None
    c = codes.c_code
    numbers = (
        f"{entry.count}u, {c.a}, {c.b}, 0x{entry.crc32:08x}u, {c.shift}, {layout.bits}, {_family(entry.row).width}"
    )
    return f"    {{{c.function}, {numbers}}}, /* {entry.identifier} */"


def _generator(bundle: Bundle) -> CGenerator:
    """Return the C of the model's generator, one that can give all the words that are drawn."""
    model = bundle.plan.model
    start = dialect_named(model.dialect).start(0, model.build.rand)
    found = start.c_generator(
        sum(entry.draws + entry.row.store_draws + _lost_words(bundle, entry) for entry in bundle.entries)
    )
    if found is None:
        raise NoCodeError(
            f"{type(start).__name__} has no C that a model's rows draw from; export the values (--format npz,h,bin)"
        )
    return found


def _definition(generator: CGenerator, name: str) -> str:
    """Return the definition of a generator in C."""
    return f"{'static ' if generator.large else ''}{generator.type} {name};"


def _source(bundle: Bundle) -> tuple[str | Path, list[str]]:
    """Return the header and the statements of a seeded embinit_source."""
    generator = _generator(bundle)
    source = f"const embinit_source source = {{{generator.type}_source, &generator}};"
    return generator.header, [_definition(generator, "generator"), source, generator.seed]


def unity_test(bundle: Bundle) -> str:
    """Return test_<name>.c for Unity: one test per buffer, on exact bits or, with EMBINIT_CRC_ONLY, on CRC-32s."""
    name = bundle.plan.model.name
    tests = []
    for array in bundle.arrays:
        bits = 8 * array.data.itemsize
        tests.append(
            f"void test_{array.identifier}(void)\n{{\n"
            f"    const {array.ctype} *actual = {name}_under_test()->{array.identifier};\n"
            "#ifdef EMBINIT_CRC_ONLY\n"
            f"    uint32_t crc32 = embinit_crc32(0, actual, sizeof *actual * {array.count}u);\n"
            f"    TEST_ASSERT_EQUAL_HEX32({name}_{array.identifier}_crc32, crc32);\n"
            "#else\n"
            f"    TEST_ASSERT_EQUAL_HEX{bits}_ARRAY(expected_{name}_{array.identifier}, actual, {array.count});\n"
            "#endif\n}\n"
        )
    runs = (f"    RUN_TEST(test_{array.identifier});" for array in bundle.arrays)
    return (
        banner(bundle, "bit-exact tests for Unity")
        + f'#include "unity.h"\n\n#include "embinit.h"\n#include "expected_{name}.h"\n#include "{name}_init.h"\n\n'
        + "/* Yours to write: run your init code once, and return where its buffers are. */\n"
        + f"const {name}_buffers *{name}_under_test(void);\n\n"
        + "void setUp(void)\n{\n}\n\nvoid tearDown(void)\n{\n}\n\n"
        + "\n".join(tests)
        + f"\nint main(void)\n{{\n    UNITY_BEGIN();\n{_joined(runs)}    return UNITY_END();\n}}\n"
    )


def plain_check(bundle: Bundle) -> str:
    """Return check_<name>.c: the same without a framework, which prints through the caller's putchar."""
    name = bundle.plan.model.name
    arrays, checksums = [], []
    for array in bundle.arrays:
        common = f'{{"{array.identifier}", buffers->{array.identifier}, '
        size = f"{array.count}u, {array.data.itemsize}u"
        arrays.append(f"        {common}expected_{name}_{array.identifier}, {size}, 0}},")
        checksums.append(f"        {common}0, {size}, {name}_{array.identifier}_crc32}},")
    template = (files("embinit") / "c" / "check.c.in").read_text(encoding="utf-8")
    filled = (
        template.replace("@name@", name)
        .replace("@arrays@", "\n".join(arrays))
        .replace("@checksums@", "\n".join(checksums))
        .replace("@count@", str(len(bundle.arrays)))
    )
    return banner(bundle, "bit-exact check without a test framework") + filled


def firmware(bundle: Bundle, init: str | None = None) -> str:
    """Return the C of a firmware that fills buffers named device_<layer>_<part> when firmware_main is called. init: a
    function that fills them instead of the generated one; its result is not checked.
    """
    name = bundle.plan.model.name
    call, result = (f"{name}_init", f"{name}_check(&buffers)") if init is None else (init, "1")
    declared = "" if init is None else f"{init_signature(bundle, init)};\n"
    seed = f"{_seed_type(bundle)} seed"
    buffers = (f"{array.ctype} device_{array.identifier}[{array.count}];" for array in bundle.arrays)
    pointers = (f"    device_{array.identifier}," for array in bundle.arrays)
    return (
        banner(bundle, "a firmware that only initializes")
        + f'#include "{name}_init.h"\n\n{_joined(buffers)}\n'
        + f"static const {name}_buffers buffers = {{\n{_joined(pointers)}}};\n\n"
        + f"{declared}int firmware_main({seed});\n\n"
        + f"int firmware_main({seed})\n{{\n"
        + f"    {call}(&buffers, seed);\n    return {result};\n}}\n"
    )


def init_signature(bundle: Bundle, init: str) -> str:
    """Return the declaration of a function that can replace <name>_init."""
    return f"void {init}(const {bundle.plan.model.name}_buffers *buffers, {_seed_type(bundle)} seed)"


def _joined(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
