"""The C of a model whose dialect is a file: functions for its expressions, and loops over its buffers."""

import math
from collections.abc import Iterator
from typing import assert_never

import numpy as np

from embinit.bundle import Bundle, Entry
from embinit.codegen.arranging import HEADER, arranged, checked, is_arranged, pads
from embinit.codegen.quantizing import quantizers
from embinit.codegen.slots import Aside, Init, Slot
from embinit.codegen.storing import (
    copied,
    crc32_of,
    format_headers,
    held_in,
    is_stored,
    scaled,
    storage,
    stored_and_copied,
    turns,
)
from embinit.codegen.text import NoCodeError
from embinit.dialects.declared.emission import Emission
from embinit.distributions import Constant, Declared, Distribution
from embinit.errors import EmbinitError
from embinit.plan import Action, Row
from embinit.samplers import CDraw


def declared(bundle: Bundle) -> Init:
    """Return the C of a model whose dialect is a file: functions for its expressions, and loops over its buffers."""
    model = bundle.plan.model
    if model.state is not None:
        raise NoCodeError("no C of a dialect file begins in a told state; give a seed, or export the values alone")
    try:
        emission = Emission(model.name, model.conventions, model.build.rand)  # type: ignore[arg-type]
        if is_stored(bundle):
            return _stored(bundle, emission)
        body = list(_body(bundle, emission))
    except EmbinitError as error:
        raise NoCodeError(f"{error}; export the values alone (--format npz,h,bin)") from None
    own = {HEADER} if is_arranged(bundle) else set[str]()
    return Init(emission.headers | own, emission.lines, body, checked(bundle))


def _stored(bundle: Bundle, emission: Emission) -> Init:
    """Return the C of a model with buffers of codes whose dialect is a file: a table of rows, which the C library
    draws and stores.
    """
    model = bundle.plan.model
    emission.stored(skips=bool(model.skip_words) or any(row.order.skip for row in bundle.plan.rows))
    events = [(action, row) for action, row in bundle.plan.events if action is not Action.ROUND]
    for action, row in events:
        refused = {
            Action.TURN: "draws it in turns with another buffer",
            Action.LOSE: "draws what is overwritten before it",
            Action.RESTART: "starts the stream again before it",
        }.get(action)
        own_rule = action is Action.RESTART and _numbered(emission) and row.order.seed is None
        if refused is not None and not own_rule:
            raise NoCodeError(f"{row.name}: no C {refused} in a model with buffers of codes")
    entries = {entry.name: entry for entry in bundle.entries}
    drawn = {row.name: row for _, row in events if isinstance(row.distribution, Declared)}
    prefixes = {name: emission.drawing(row.distribution) for name, row in drawn.items()}  # type: ignore[arg-type]
    rows, held, slots = list[str](), list[str](), list[Slot]()

    def add(draw: str, label: str, entry: Entry | None = None) -> None:
        slot = Aside(CDraw(draw), label) if entry is None else entry
        crc32 = 0 if entry is None else crc32_of(entry)
        rows.append(f"    {{{{{draw}, 0x{crc32:08x}u}},\n     {storage(slot)}}}, /* {label} */")
        held.append(held_in(slot))
        slots.append(slot)

    if model.skip_words:
        add(f"skip, 0, 0u, {model.skip_words}u, 0u", "words that are dropped")
    for action, row in events:
        draw = "embinit_constant, 0, {count}u, {a}, 0u"
        if isinstance(row.distribution, Constant):
            draw = draw.replace("{a}", f"0x{int(np.float32(row.distribution.value).view(np.uint32)):08x}u")
        else:
            draw = f"{prefixes[row.name]}_fill, &fixed_{row.identifier}, {{count}}u, 0u, 0u"
        if action is Action.RESTART:
            layer, tensor = row.order.restart or (0, 0)
            add(f"restart, 0, 0u, {layer}u, {tensor}u", f"before {row.identifier}: the stream starts again")
        elif action is Action.SKIP:
            add(f"skip, 0, 0u, {row.order.skip}u, 0u", f"before {row.identifier}: words that are dropped")
        elif action is Action.REHEARSE and row.name in drawn:
            again = f"{prefixes[row.name]}_rehearse, &fixed_{row.identifier}, 0u, {row.size}u, 0u"
            add(again, f"{row.identifier}, in vain")
        elif action is Action.DRAW:
            add(draw.format(count=row.size), row.identifier, entries[row.name])
        if emission.drops and action in (Action.REHEARSE, Action.DRAW):
            add("drop, 0, 0u, 0u, 0u", f"after {row.identifier}: a spare value is lost")
    copies = len(rows)
    for entry in bundle.entries:
        if entry.row.same_as:
            add(f"embinit_constant, 0, {entry.row.size}u, 0u, 0u", entry.identifier, entry)
    n, first = len(rows), not _numbered(emission)
    fixed = [f"static {prefixes[name]}_fixed fixed_{row.identifier};" for name, row in drawn.items()]
    table = [f"static const embinit_stored_row rows[{n}] = {{", *rows, "};"]
    kept = [f"const embinit_buffer held[{n}] = {{", *held, "};"]
    begin = ["state.spared = 0;"] if emission.keeps else []
    begin += ["start(&state, seed);"] if first else ["state.seed = seed;"]
    begin += [line for row in drawn.values() for line in emission.fixing(row.distribution, f"fixed_{row.identifier}")]  # type: ignore[arg-type]
    states = ["static stream_state state, values, ahead;"]
    states += ["const embinit_stream stream = {stream_next, stream_copy, &state, &values, &ahead};"]
    return Init(
        {*emission.headers, *format_headers(bundle), "embinit_store.h"},
        [*emission.lines, *fixed, *turns(bundle), *scaled(bundle, slots), *quantizers(bundle), "", *table],
        [*kept, *states, *begin, *stored_and_copied(bundle, copies)],
        checked(bundle) if pads(bundle) else [*kept, f"return embinit_check_stored(rows, {n}, held) == {n};"],
    )


def _numbered(emission: Emission) -> bool:
    """Whether the stream is started for a layer and a tensor, by their numbers, and not for the model."""
    return emission.generators.stream.scope != "model"


def _body(bundle: Bundle, emission: Emission) -> Iterator[str]:
    """Yield the statements that fill all buffers, in the order of the plan's events."""
    events, numbered, model = list(bundle.plan.events), _numbered(emission), bundle.plan.model
    drawn = [row for row in bundle.plan.rows if isinstance(row.distribution, Declared)]
    for row in drawn:
        for distribution in (row.distribution, *(each for each, _ in row.lost)):
            if isinstance(distribution, Declared):
                emission.drawing(distribution)  # type: ignore[arg-type]
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
    yield from _skipped(model.skip_words)
    turned: set[str] = set()
    for action, row in events:
        match action:
            case Action.RESTART:
                layer, tensor = row.order.restart or (0, 0)
                seed = "seed" if row.order.seed is None else f"{row.order.seed & 0xFFFFFFFF}u"
                yield f"start(stream, {seed}, {layer}u, {tensor}u);" if numbered else f"start(stream, {seed});"
            case Action.SKIP:
                yield from _skipped(row.order.skip)
            case Action.LOSE:
                for distribution, size in row.lost:
                    yield from _lost(distribution, size, emission)
            case Action.TURN if row.layer.name not in turned:
                turned.add(row.layer.name)
                group = [each for each in bundle.plan.rows if each.layer is row.layer and each.order.turns > 1]
                yield f"for (i = 0; i < {row.order.turns}u; i++) {{"
                for each in group:
                    yield from (f"    {line}" for line in _loops(each, emission, 1))
                yield "}"
            case Action.DRAW | Action.REHEARSE:
                yield from _loops(row, emission, 0, keep=action is Action.DRAW)
                if emission.drops:
                    yield "state.spared = 0;"
            case Action.TURN | Action.COPY | Action.ROUND:
                pass  # the first turn writes all; copies come last; no value is rounded
            case _:
                assert_never(action)
    yield from arranged(bundle, placed=True)
    yield from copied(bundle)
    yield "(void)i, (void)j, (void)k, (void)l, (void)m;"


def _skipped(words: int) -> Iterator[str]:
    if words:
        yield from (f"for (i = 0; i < {words}u; i++) {{", "    (void)next_word(stream);", "}")


def _lost(distribution: Distribution, size: int, emission: Emission) -> Iterator[str]:
    """Yield the statements that draw values which are overwritten later; none for a constant, which draws nothing."""
    if isinstance(distribution, Declared):
        prefix = emission.drawing(distribution)  # type: ignore[arg-type]
        yield "{"
        yield f"    {prefix}_fixed lost;"
        yield from (f"    {line}" for line in emission.fixing(distribution, "lost"))  # type: ignore[arg-type]
        yield f"    for (i = 0; i < {size}u; i++) {{"
        yield f"        (void){prefix}_draw(stream, &lost);"
        yield "    }"
        yield "}"


def _loops(row: Row, emission: Emission, outer: int, keep: bool = True) -> Iterator[str]:
    """Yield the loops over a buffer in the order of its draws, without the outermost ones, and the statement that
    stores an element. outer: how many loops the caller writes. keep: whether elements are stored, not dropped.
    """
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
