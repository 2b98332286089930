"""Windows: buffers of codes take values one by one, and some values can only be drawn several at a time. A window, next
to the generator's state, holds those that are still to be taken.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from embinit.bitgen import CGenerator
from embinit.codegen.slots import Aside, Slot
from embinit.codegen.text import NoCodeError
from embinit.formats import FLOATS
from embinit.samplers import CDraw

#: The member of a state with a window that is the generator.
MEMBER = ".stream"


def one_by_one(draw: CDraw, slot: Slot, rules: Mapping[tuple[str, str], str]) -> CDraw:
    """Return the C that draws the values of a buffer of codes one by one, and that of any other buffer as it is.

    rules: the names of rules, by what they are.
    """
    if isinstance(slot, Aside) or draw.elementwise or slot.row.format in FLOATS:
        return draw
    if not draw.together:
        raise NoCodeError(
            f"{slot.row.name}: no C draws {slot.row.distribution} element by element, as a buffer of "
            f"{slot.row.format} needs; keep float32, or export the values alone (--format npz,h,bin)"
        )
    own = f"&{rules[draw.rule]}" if draw.rule else "0"
    values = f"{draw.function}, {own}, window_of, {slot.row.size}u, {draw.together}u"
    return replace(draw, function="embinit_one_by_one", rule=("embinit_together_rule", values))


def windowed(draws: Sequence[CDraw]) -> bool:
    """Whether one of them needs a window."""
    return any(draw.function == "embinit_one_by_one" for draw in draws)


def with_window(generator: CGenerator) -> CGenerator:
    """Return the C of a generator whose states have a window."""
    return generator._replace(type="windowed", large=True)


def window(generator: CGenerator) -> list[str]:
    """Return the definitions of states with a window."""
    return [
        "", "typedef struct {", f"    {generator.type} stream;", "    embinit_window window;", "} windowed;", "",
        "static embinit_window *window_of(void *state)", "{", "    return &((windowed *)state)->window;", "}", "",
    ]  # fmt: skip
