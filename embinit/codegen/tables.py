"""The plan as a const table of rows, which the C library walks: in floats, with codes, or in integers alone."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from embinit.bundle import Bundle, Entry
from embinit.codegen.arranging import HEADER, arranged, checked, is_arranged, pads
from embinit.codegen.generators import begun, definition, generator_of, restarting
from embinit.codegen.quantizing import quantizers
from embinit.codegen.slots import (
    RESTART,
    Aside,
    Init,
    Slot,
    c_draw,
    filled,
    label,
    pointers,
    slots_of,
)
from embinit.codegen.storing import (
    copied,
    crc32_of,
    family_of,
    format_headers,
    held_in,
    scaled,
    storage,
    stored_and_copied,
    turns,
)
from embinit.codegen.text import NoCodeError
from embinit.codegen.windows import MEMBER, one_by_one, window, windowed, with_window
from embinit.formats import format_named
from embinit.samplers import CDraw


def in_floats(bundle: Bundle) -> Init:
    """Return the C of a model whose buffers are all float32."""
    slots = slots_of(bundle)
    n, drawn = len(slots), filled(slots)
    headers, rules, rows, _ = _rows(bundle, slots)
    table = (f"    {row}, /* {label(slot)} */" for row, slot in zip(rows, slots, strict=True))
    header, source = _source(bundle, slots)
    fill = f"embinit_fill(rows, {drawn}, &source, pointers);"
    check = [*pointers(slots, "const float *const"), f"return embinit_check(rows, {n}, pointers) == {n};"]
    return Init(
        {header, *headers, *_arranging(bundle)},
        [*rules, *restarting(bundle, slots), "", f"static const embinit_row rows[{n}] = {{", *table, "};"],
        [
            *pointers(slots, "float *const"), *source, fill, *arranged(bundle, placed=False), *copied(bundle),
        ],
        checked(bundle) if pads(bundle) else check,
    )  # fmt: skip


def stored(bundle: Bundle) -> Init:
    """Return the C of a model with buffers of codes, which draws and encodes value by value."""
    slots = slots_of(bundle)
    n, drawn = len(slots), filled(slots)
    headers, rules, rows, together = _rows(bundle, slots)
    table = (
        f"    {{{row},\n     {storage(slot)}}}, /* {label(slot)} */" for row, slot in zip(rows, slots, strict=True)
    )
    held = [f"const embinit_buffer held[{n}] = {{", *map(held_in, slots), "};"]
    generator = generator_of(bundle)
    state = with_window(generator) if together else generator
    assignment = f"    *({state.type} *)to = *(const {state.type} *)from;"
    copy = ["", "static void copy_state(void *to, const void *from)", "{", assignment, "}"]
    rounds_later = any(row.store_draws and not row.rounded_at_once for row in bundle.plan.rows)
    names = ["generator", "values", "ahead"] if rounds_later else ["generator", "generator", "ahead"]
    states = [definition(state, name) for name in dict.fromkeys(names)]
    stream = f"const embinit_stream stream = {{{generator.type}_source, copy_state, &{', &'.join(names)}}};"
    begin = begun(bundle, slots, MEMBER if together else "")
    begin += ["embinit_window_empty(&generator.window);"] if together else []
    rounded = [slot.name for slot in slots if isinstance(slot, Entry) and slot.row.store_draws]
    if rounded != [row.name for row in bundle.plan.rows if row.store_draws]:
        raise NoCodeError(f"{rounded[0]}: no C rounds stochastically in another order than it draws; export the values")
    check = [*held, f"return embinit_check_stored(rows, {n}, held) == {n};"]
    return Init(
        {generator.header, *headers, *format_headers(bundle)},
        [
            *(window(generator) if together else []), *rules, *turns(bundle), *scaled(bundle, slots),
            *quantizers(bundle), *restarting(bundle, slots), "",
            f"static const embinit_stored_row rows[{n}] = {{", *table, "};", *copy,
        ],
        [*held, *states, stream, *begin, *stored_and_copied(bundle, drawn)],
        checked(bundle) if pads(bundle) else check,
    )  # fmt: skip


def in_integers(bundle: Bundle) -> Init:
    """Return the C of a model for a device without floats, which draws codes as integers."""
    slots = slots_of(bundle)
    lost = next((slot for slot in slots if isinstance(slot, Aside)), None)
    if lost is not None:
        raise NoCodeError(f"{label(lost)}: no C of integers alone does that; export the values (--format npz,h,bin)")
    n, drawn = len(slots), filled(slots)
    header, source = _source(bundle, slots)
    fill = f"embinit_fill_integers(rows, {drawn}, &source, pointers);"
    rows = [_integer_row(slot) for slot in slots if isinstance(slot, Entry)]
    check = [*pointers(slots, "const void *const"), f"return embinit_check_integers(rows, {n}, pointers) == {n};"]
    codes = {entry.row.codes.c_code.header for entry in bundle.entries if entry.row.codes is not None}
    return Init(
        {"embinit_integer.h", header, *codes, *_arranging(bundle)},
        [f"static const embinit_integer_row rows[{n}] = {{", *rows, "};"],
        [*pointers(slots, "void *const"), *source, fill, *arranged(bundle, placed=False), *copied(bundle)],
        checked(bundle) if pads(bundle) else check,
    )


def _rows(bundle: Bundle, slots: list[Slot]) -> tuple[set[str | Path], list[str], list[str], bool]:
    """Return the headers, the definitions of rules, the initializer of an embinit_row for each slot, and whether one of
    them needs a window.
    """
    whole = [slot.draw if isinstance(slot, Aside) else c_draw(bundle, slot) for slot in slots]
    rules = _rule_names(whole)
    drawn = [one_by_one(draw, slot, rules) for draw, slot in zip(whole, slots, strict=True)]
    rules |= {rule: name for rule, name in _rule_names(drawn).items() if rule not in rules}
    rows = [
        f"{{{draw.function}, {'&' + rules[draw.rule] if draw.rule else '0'}, {_size(slot)}u, "
        f"0x{draw.a:08x}u, 0x{draw.b:08x}u, 0x{crc32_of(slot):08x}u}}"
        for draw, slot in zip(drawn, slots, strict=True)
    ]
    defined = [f"static const {kind} {rule} = {{{values}}};" for (kind, values), rule in rules.items()]
    return {draw.header for draw in drawn}, defined, rows, windowed(drawn)


def _rule_names(drawn: Iterable[CDraw]) -> dict[tuple[str, str], str]:
    """Return a name for each rule: that of the function that reads it, with a number from the second rule on."""
    names: dict[tuple[str, str], str] = {}
    for draw in drawn:
        if draw.rule is not None and draw.rule not in names:
            name = "own_seed" if draw.function == RESTART else draw.function.removeprefix("embinit_")
            names[draw.rule] = f"{name}{len(names)}" if name in names.values() else name
    return names


def _size(slot: Slot) -> int:
    """Return how many values a row fills."""
    return 0 if isinstance(slot, Aside) else slot.row.size


def _integer_row(entry: Entry) -> str:
    """Return the initializer of an embinit_integer_row."""
    bits, codes = format_named(entry.format).bits, entry.row.codes
    assert codes is not None
    c = codes.c_code
    numbers = f"{entry.count}u, {c.a}, {c.b}, 0x{entry.crc32:08x}u, {c.shift}, {bits}, {family_of(entry.row).width}"
    return f"    {{{c.function}, {numbers}}}, /* {entry.identifier} */"


def _arranging(bundle: Bundle) -> set[str]:
    return {HEADER} if is_arranged(bundle) else set()


def _source(bundle: Bundle, slots: Sequence[Slot]) -> tuple[str | Path, list[str]]:
    """Return the header of the model's generator, and the statements that define its source and seed it."""
    generator = generator_of(bundle)
    source = f"const embinit_source source = {{{generator.type}_source, &generator}};"
    return generator.header, [definition(generator, "generator"), source, *begun(bundle, slots)]
