"""The generator in generated code: its state, how it is seeded, and the row that starts the stream again."""

import re
from collections.abc import Sequence

from embinit.bitgen import BitGenerator, CGenerator
from embinit.bundle import Bundle, Entry
from embinit.codegen.slots import Slot, c_draw, lost_words, restarts
from embinit.codegen.text import NoCodeError, seed_type
from embinit.errors import EmbinitError

#: Stands for a number of words that depends on the words: more than any generator with a small state can give.
MANY = 2**32
_NAMED = re.compile(r"(&?)\bgenerator\b(\.?)")


def generator_of(bundle: Bundle) -> CGenerator:
    """Return the C of the model's generator, one that can give all the words that are drawn."""
    model = bundle.plan.model
    dialect = model.conventions
    try:
        start = dialect.start(0, model.build.rand)
    except EmbinitError as error:
        raise NoCodeError(
            f"dialect {dialect.name}: C is that of seed 0, which its generator refuses: {error}"
        ) from None
    words = [_words(bundle, entry) for entry in bundle.entries]
    found = start.c_generator(max(words) if dialect.keys_each else model.skip_words + sum(words))
    if found is None:
        raise NoCodeError(
            f"{start.label} has no C that a model's rows draw from; export the values (--format npz,h,bin)"
        )
    _check_blocks(bundle)
    for row in bundle.plan.rows if not found.restart else ():
        place = row.order.restart
        if place is not None and dialect.restarted(0, model.build.rand, *place) != start:
            raise NoCodeError(
                f"{row.name}: the stream does not start again where {start.label} is seeded, and its CGenerator has no "
                "restart, which moves it there in C; export the values (--format npz,h,bin)"
            )
    return found if model.state is None else found._replace(seed=_state(model.start), restart="")


def _check_blocks(bundle: Bundle) -> None:
    """Raise NoCodeError if a tensor begins with a new block of words, and no C drops the rest of the one before."""
    model = bundle.plan.model
    block = 1 if model.conventions.counts_tensors or model.conventions.keys_each else model.start.block
    for entry in bundle.entries if block > 1 else ():
        row = entry.row
        if row.draws is not None and row.draws % block and (row.codes or c_draw(bundle, entry).around[1] is None):
            raise NoCodeError(
                f"{row.name}: each tensor begins with a new block of {block} words, and no C drops the rest of this "
                f"one's last block: name it in CDraw.around of {type(model.conventions.sampler).__name__}"
            )


def _words(bundle: Bundle, entry: Entry) -> int:
    """Return how many words a buffer takes, or more than that if the number depends on the seed."""
    row = entry.row
    draws = MANY if row.draws is None else row.draws
    return draws + row.store_draws + row.order.skip + sum(lost_words(bundle, entry))


def _state(told: BitGenerator) -> str:
    """Return the statements that set `generator` to the state that a model gives."""
    words = told.c_state
    if words is None:
        raise NoCodeError(f"no C begins in a told state of {type(told).__name__}; give a seed, or export the values")
    return " ".join(f"generator.{name} = {value};" for name, value in words.items())


def definition(generator: CGenerator, name: str) -> str:
    """Return the C definition of a variable that holds a generator's state."""
    return f"{'static ' if generator.large else ''}{generator.type} {name};"


def begun(bundle: Bundle, slots: Sequence[Slot], member: str = "") -> list[str]:
    """Return the statements that seed `generator`, or that member of it, and keep the seed if a row starts the stream
    again from it.
    """
    seed = _NAMED.sub(rf"\1generator{member}\2", generator_of(bundle).seed)
    kept = ["first_seed = seed;"] if restarts(slots) else []
    used = kept or "seed" in seed
    return [*([seed] if seed else []), *kept, *([] if used else ["(void)seed;"])]


def restarting(bundle: Bundle, slots: Sequence[Slot]) -> list[str]:
    """Return the C function that starts the stream again, if a row does that; else no lines."""
    if not restarts(slots):
        return []
    generator = generator_of(bundle)
    statements = [_at_pointer(each) for each in (generator.seed, generator.restart) if each]
    unused = [name for name in ("a", "b") if not re.search(rf"\b{name}\b", generator.restart)]
    voids = [*unused, *([] if any("seed" in each for each in statements) else ["seed"]), "out", "n"]
    head = "static void restart(const embinit_source *source, const void *rule, uint32_t a, uint32_t b, float *out,"
    return [
        "", f"static {seed_type(bundle)} first_seed;", "", head, "                    size_t n)", "{",
        "    const uint32_t *own = (const uint32_t *)rule;",
        f"    const {seed_type(bundle)} seed = own != 0 ? *own : first_seed;",
        f"    {generator.type} *generator = ({generator.type} *)source->state;",
        *(f"    {each}" for each in statements),
        f"    {', '.join(f'(void){name}' for name in voids)};",
        "}",
    ]  # fmt: skip


def _at_pointer(statement: str) -> str:
    """Return a statement about an object named `generator` as one about what a pointer of that name points to."""

    def told(found: re.Match[str]) -> str:
        address, member = found.groups()
        if member:
            return f"{address}generator->"
        return "generator" if address else "*generator"

    return _NAMED.sub(told, statement)
