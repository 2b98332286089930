"""Seeds that a device may have by mistake."""

from collections.abc import Iterator
from functools import cache

from embinit.diagnose.hypothesis import Hypothesis, seeded
from embinit.dialects import Dialect, dialect_named
from embinit.model import Description


def seed_instead(model: Description, seed: int, why: str) -> Hypothesis:
    """Return the hypothesis that the device has another seed, with the reason that suggests it."""
    if why == unseeded_start(seed):
        return seeded(seed, "unseeded start", f"The device never seeds before it draws: {why}.")
    return seeded(seed, "seed", f"The device seeds with {seed}{why and ', ' + why}; the model says {model.seed}.")


def found_seed(model: Description, seed: int) -> Hypothesis:
    """Return the hypothesis that the device has a seed which a search found, and which may be an ordinary one."""
    why = ordinary_seeds(model.dialect, model.seed).get(seed)
    if why is not None:
        return seed_instead(model, seed, why)
    return seeded(seed, "seed", f"The device seeds with {seed}; the model says {model.seed}.", FREE_SEED)


def likely_seeds(model: Description, *, rare: bool) -> Iterator[Hypothesis]:
    """Yield hypotheses about seeds that a device may have by mistake; rare: also those that nothing suggests."""
    for seed, why in ordinary_seeds(model.dialect, model.seed).items():
        if why or rare:
            yield seed_instead(model, seed, why)


#: The cost of a seed that only the dump suggests.
FREE_SEED = 2
#: The seed of rand() before srand() is called, by the C standard.
RAND_UNSEEDED = 1
#: All seeds up to this one are tried.
SMALL = 1000
WELL_KNOWN = (
    7, 42, 123, 1234, 1337, 12345, 123456, 1234567, 12345678, 123456789, 31415, 314159, 27182, 271828, 65536,
    0x12345678, 0xDEADBEEF, 0xCAFEBABE, 0xCAFE, 0xBEEF, 0xBADC0FFE, 0xFEEDFACE, 0xA5A5A5A5, 0x55555555, 0xFFFFFFFF,
    2463534242, *range(2020, 2031),
)  # fmt: skip


def unseeded_start(seed: int) -> str:
    """Return words for a generator that was never seeded."""
    return f"the generator starts from state {seed}"


@cache
def ordinary_seeds(dialect: str | Dialect, seed: int) -> dict[int, str]:
    """Return the seeds that a device may have by mistake, each with the reason that suggests it, or "" if none does."""
    known = dialect_named(dialect)
    word = seed & 0xFFFFFFFF
    named = {
        **dict.fromkeys(WELL_KNOWN, "a common choice"),
        seed + 1: "one more",
        seed - 1: "one less",
        int.from_bytes(word.to_bytes(4, "little"), "big"): "its bytes swapped",
        word & 0xFFFF: "its low 16 bits",
        word & 0xFF: "its low 8 bits",
        word ^ 0xFFFFFFFF: "its complement",
    }
    unseeded = RAND_UNSEEDED if known.rand else known.start(seed, "").unseeded
    if unseeded is not None:
        named[unseeded] = unseeded_start(unseeded)
    likely = {**named, **{n: "" for n in range(SMALL + 1) if n not in named}}
    return {n: why for n, why in likely.items() if n in known.seeds and n not in (seed, known.no_seed)}
