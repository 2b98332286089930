"""The plan as a const table of rows, which the C library walks: in floats, with codes, or in integers alone."""

from collections.abc import Iterable
from pathlib import Path

from embinit.bitgen import BitGenerator, CGenerator
from embinit.bundle import Bundle, Entry
from embinit.codegen.arranging import HEADER, arranged, checked, is_arranged, pads
from embinit.codegen.quantizing import quantizers
from embinit.codegen.slots import (
    RESTART,
    Aside,
    Init,
    Slot,
    c_draw,
    filled,
    label,
    lost_words,
    pointers,
    restarts,
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
from embinit.codegen.text import NoCodeError, seed_type
from embinit.dialects import dialect_named
from embinit.formats import FLOATS, format_named
from embinit.samplers import CDraw

#: More words than any generator of few words gives.
MANY = 2**32


def in_floats(bundle: Bundle) -> Init:
    """Return the C of a model whose buffers are all float32."""
    slots = slots_of(bundle)
    n, drawn = len(slots), filled(slots)
    headers, rules, rows = _rows(bundle, slots)
    table = (f"    {row}, /* {label(slot)} */" for row, slot in zip(rows, slots, strict=True))
    header, seeded = _source(bundle)
    fill = f"embinit_fill(rows, {drawn}, &source, pointers);"
    check = [*pointers(slots, "const float *const"), f"return embinit_check(rows, {n}, pointers) == {n};"]
    return Init(
        {header, *headers, *_arranging(bundle)},
        [*rules, *_restart(bundle, slots), "", f"static const embinit_row rows[{n}] = {{", *table, "};"],
        [
            *pointers(slots, "float *const"), *seeded, *_restarting(slots), fill, *arranged(bundle, placed=False),
            *copied(bundle),
        ],
        checked(bundle) if pads(bundle) else check,
    )  # fmt: skip


def stored(bundle: Bundle) -> Init:
    """Return the C of a model with buffers of codes: it goes from words to codes, value by value."""
    slots = slots_of(bundle)
    n, drawn = len(slots), filled(slots)
    headers, rules, rows = _rows(bundle, slots)
    table = (
        f"    {{{row},\n     {storage(slot)}}}, /* {label(slot)} */" for row, slot in zip(rows, slots, strict=True)
    )
    held = [f"const embinit_buffer held[{n}] = {{", *map(held_in, slots), "};"]
    generator = _generator(bundle)
    kind = generator.type
    assignment = f"    *({kind} *)to = *(const {kind} *)from;"
    copy = ["", "static void copy_state(void *to, const void *from)", "{", assignment, "}"]
    states = [_definition(generator, state) for state in ("generator", "values", "ahead")]
    stream = f"const embinit_stream stream = {{{kind}_source, copy_state, &generator, &values, &ahead}};"
    rounded = [slot.name for slot in slots if isinstance(slot, Entry) and slot.row.store_draws]
    if rounded != [row.name for row in bundle.plan.rows if row.store_draws]:
        raise NoCodeError(f"{rounded[0]}: no C rounds stochastically in another order than it draws; export the values")
    check = [*held, f"return embinit_check_stored(rows, {n}, held) == {n};"]
    return Init(
        {generator.header, *headers, *format_headers(bundle)},
        [
            *rules, *turns(bundle), *scaled(bundle, slots), *quantizers(bundle), *_restart(bundle, slots), "",
            f"static const embinit_stored_row rows[{n}] = {{", *table, "};", *copy,
        ],
        [*held, *states, stream, _begin(generator), *_restarting(slots), *stored_and_copied(bundle, drawn)],
        checked(bundle) if pads(bundle) else check,
    )  # fmt: skip


def in_integers(bundle: Bundle) -> Init:
    """Return the C of a model whose codes are drawn as such."""
    slots = slots_of(bundle)
    lost = next((slot for slot in slots if isinstance(slot, Aside)), None)
    if lost is not None:
        raise NoCodeError(f"{label(lost)}: no C of integers alone does that; export the values (--format npz,h,bin)")
    n, drawn = len(slots), filled(slots)
    header, seeded = _source(bundle)
    fill = f"embinit_fill_integers(rows, {drawn}, &source, pointers);"
    rows = [_integer_row(slot) for slot in slots if isinstance(slot, Entry)]
    check = [*pointers(slots, "const void *const"), f"return embinit_check_integers(rows, {n}, pointers) == {n};"]
    codes = {entry.row.codes.c_code.header for entry in bundle.entries if entry.row.codes is not None}
    return Init(
        {"embinit_integer.h", header, *codes, *_arranging(bundle)},
        [f"static const embinit_integer_row rows[{n}] = {{", *rows, "};"],
        [*pointers(slots, "void *const"), *seeded, fill, *arranged(bundle, placed=False), *copied(bundle)],
        checked(bundle) if pads(bundle) else check,
    )


def _rows(bundle: Bundle, slots: list[Slot]) -> tuple[set[str | Path], list[str], list[str]]:
    """Return the headers, the definitions of rules, and the initializer of an embinit_row for each slot."""
    drawn = [slot.draw if isinstance(slot, Aside) else c_draw(bundle, slot) for slot in slots]
    for draw, slot in zip(drawn, slots, strict=True):
        if isinstance(slot, Entry) and not draw.elementwise and slot.row.format not in FLOATS:
            raise NoCodeError(
                f"{slot.row.name}: no C draws {slot.row.distribution} element by element, as a buffer of "
                f"{slot.row.format} needs; keep float32, or export the values alone (--format npz,h,bin)"
            )
    rules = _rule_names(drawn)
    rows = [
        f"{{{draw.function}, {'&' + rules[draw.rule] if draw.rule else '0'}, {_size(slot)}u, "
        f"0x{draw.a:08x}u, 0x{draw.b:08x}u, 0x{crc32_of(slot):08x}u}}"
        for draw, slot in zip(drawn, slots, strict=True)
    ]
    defined = [f"static const {kind} {rule} = {{{values}}};" for (kind, values), rule in rules.items()]
    return {draw.header for draw in drawn}, defined, rows


def _rule_names(drawn: Iterable[CDraw]) -> dict[tuple[str, str], str]:
    """Name each rule after the function that reads it; from the second rule of a function on, with a number."""
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


def _generator(bundle: Bundle) -> CGenerator:
    """Return the C of the model's generator, one that can give all the words that are drawn."""
    model = bundle.plan.model
    start = dialect_named(model.dialect).start(0, model.build.rand)
    found = start.c_generator(model.skip_words + sum(_words(bundle, entry) for entry in bundle.entries))
    if found is None:
        raise NoCodeError(
            f"{type(start).__name__} has no C that a model's rows draw from; export the values (--format npz,h,bin)"
        )
    return found if model.state is None else found._replace(seed=_state(model.begin(model.seed)), restart="")


def _words(bundle: Bundle, entry: Entry) -> int:
    """Return how many words a buffer takes at most; another seed may need more where that depends on the words."""
    row = entry.row
    draws = MANY if row.draws is None else row.draws
    return draws + row.store_draws + row.order.skip + sum(lost_words(bundle, entry))


def _state(told: BitGenerator) -> str:
    """Return the statement that sets the state of `generator` that a model tells."""
    words = told.c_state
    if words is None:
        raise NoCodeError(f"no C begins in a told state of {type(told).__name__}; tell a seed, or export the values")
    return " ".join(f"generator.{name} = {value};" for name, value in words.items())


def _begin(generator: CGenerator) -> str:
    return generator.seed if "seed" in generator.seed else f"{generator.seed} (void)seed;"


def _arranging(bundle: Bundle) -> set[str]:
    return {HEADER} if is_arranged(bundle) else set()


def _restart(bundle: Bundle, slots: list[Slot]) -> list[str]:
    """Return the definition of the row that starts the stream again, where there is one."""
    if not restarts(slots):
        return []
    generator = _generator(bundle)
    head = "static void restart(const embinit_source *source, const void *rule, uint32_t a, uint32_t b, float *out,"
    return [
        "", f"static {seed_type(bundle)} first_seed;", "", head, "                    size_t n)", "{",
        "    const uint32_t *own = (const uint32_t *)rule;",
        f"    const {seed_type(bundle)} seed = own != 0 ? *own : first_seed;",
        f"    {_definition(generator, 'generator')}",
        f"    {_begin(generator)}",
        *([f"    {generator.restart}"] if generator.restart else []),
        f"    *({generator.type} *)source->state = generator;",
        "    (void)a, (void)b, (void)out, (void)n;",
        "}",
    ]  # fmt: skip


def _restarting(slots: list[Slot]) -> list[str]:
    return ["first_seed = seed;"] if restarts(slots) else []


def _definition(generator: CGenerator, name: str) -> str:
    """Return the definition of a generator in C."""
    return f"{'static ' if generator.large else ''}{generator.type} {name};"


def _source(bundle: Bundle) -> tuple[str | Path, list[str]]:
    """Return the header and the statements of a seeded embinit_source."""
    generator = _generator(bundle)
    source = f"const embinit_source source = {{{generator.type}_source, &generator}};"
    return generator.header, [_definition(generator, "generator"), source, _begin(generator)]
