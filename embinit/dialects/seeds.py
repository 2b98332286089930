"""Seeds: which integers a dialect takes, and their type in C."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Integers:
    """Every integer from a least one up, or without one every integer: the seeds of a framework that hashes them.

    >>> -1 in Integers(), -1 in Integers(0), 10**30 in Integers(0)
    (True, False, True)
    """

    least: int | None = None

    def __contains__(self, seed: object) -> bool:
        return isinstance(seed, int) and (self.least is None or seed >= self.least)


Seeds = range | Integers
#: The types that a seed has in C, and what they hold.
C_TYPES = {"uint32_t": range(2**32), "uint64_t": range(2**64), "int64_t": range(-(2**63), 2**63)}


def allowed(seeds: Seeds) -> str:
    """Return what an error says that a seed must be.

    >>> allowed(range(2**32)), allowed(Integers(0))
    ('an integer from 0 to 4294967295', 'an integer from 0 up')
    """
    if isinstance(seeds, range):
        return f"an integer from {seeds.start} to {seeds.stop - 1}"
    return "an integer" if seeds.least is None else f"an integer from {seeds.least} up"


def c_type(seeds: Seeds) -> str:
    """Return the type of a seed in C: uint32_t if that holds all, else one of 64 bits.

    >>> c_type(range(2**32)), c_type(range(-1, 2**31)), c_type(Integers(0))
    ('uint32_t', 'int64_t', 'uint64_t')
    """
    least = seeds.start if isinstance(seeds, range) else seeds.least
    if least is None or least < 0:
        return "int64_t"
    return "uint32_t" if isinstance(seeds, range) and seeds.stop <= 2**32 else "uint64_t"


def picked(seeds: Seeds, other_than: int) -> int:
    """Return a seed that the operating system picks, never the one that it must differ from."""
    import secrets

    assert isinstance(seeds, range)
    seed = seeds.start + secrets.randbelow(seeds.stop - seeds.start - 1)
    return seed + (seed >= other_than)


def wrapped(seeds: Seeds, seed: int) -> int:
    """Return a seed; those past the largest begin again with the smallest.

    >>> wrapped(range(5), 6)
    1
    """
    return seed if seed in seeds or isinstance(seeds, Integers) else seed - seeds.stop + seeds.start
