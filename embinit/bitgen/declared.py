"""The kinds of bit generators by the names and parameters of dialect files."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from embinit.bitgen.base import BitGenerator, Words
from embinit.bitgen.counters import Philox4x32, Threefry2x32
from embinit.bitgen.lcg import Lcg
from embinit.bitgen.minstd import PRIME, Minstd
from embinit.bitgen.mt19937 import MT19937
from embinit.bitgen.pcg32 import Pcg32
from embinit.bitgen.pcg64 import Pcg64, Pcg64Dxsm
from embinit.bitgen.rand import RANDS
from embinit.bitgen.xoroshiro128plus import Xoroshiro128Plus
from embinit.bitgen.xorshift import Xorshift
from embinit.bitgen.xorshift32 import Xorshift32
from embinit.errors import EmbinitError, check_keys, check_known, shown

#: What makes words of an array of states.
Output = Callable[[Words], Words]


def xorshift(
    seed: int,
    *,
    shifts: Sequence[int],
    state: str = "uint32_t",
    output: Output | None = None,
    word_bits: int | None = None,
) -> BitGenerator:
    """Return an xorshift in a state; (13, -17, 5) in 32 bits is the fastest."""
    if (tuple(shifts), state, output, word_bits or 32) == ((13, -17, 5), "uint32_t", None, 32):
        return Xorshift32(seed)
    return Xorshift(seed, shifts, state, word_bits, output)


def lcg(
    seed: int,
    *,
    multiplier: int,
    increment: int,
    bits: int = 32,
    output: Output | None = None,
    word_bits: int | None = None,
    shift: int = 0,
    mask: int | None = None,
) -> BitGenerator:
    """Return a congruential generator in a state."""
    if word_bits is None:
        word_bits = bits
    return Lcg(seed, bits, multiplier, increment, shift, word_bits, output, mask)


def rand(seed: int, *, rand: str) -> BitGenerator:
    """Return the rand() of a C library after srand(seed); the target says which library."""
    check_known("rand", rand, RANDS)
    return RANDS[rand](seed)


def minstd(seed: int, *, multiplier: int = 16807, modulus: int = PRIME) -> BitGenerator:
    """Return a multiplicative generator in a state."""
    if modulus != PRIME:
        raise EmbinitError(f"the modulus of minstd must be 2^31 - 1, {PRIME}, got {shown(modulus)}")
    generator = Minstd(1, multiplier)
    generator.state = seed
    return generator


def pcg32(seed: int, *, stream: int = 0) -> BitGenerator:
    """Return PCG32 after pcg32_srandom(seed, stream); only the low 63 bits of stream count, as in its C."""
    return Pcg32(seed, stream & 2**63 - 1)


def xoroshiro128plus(seed: tuple[int, int], *, rotations: Sequence[int] | None = None) -> BitGenerator:
    """Return xoroshiro128+ in the state (s0, s1); without rotations, with KANN's step."""
    generator = Xoroshiro128Plus(rotations=rotations)
    generator.state = seed
    return generator


def mt19937(seed: int) -> BitGenerator:
    """Return MT19937 after init_genrand(seed)."""
    return MT19937(seed)


def pcg64(seed: int) -> BitGenerator:
    """Return PCG64 as numpy.random.PCG64(seed) starts."""
    return Pcg64(seed)


def pcg64_dxsm(seed: int) -> BitGenerator:
    """Return PCG64DXSM as numpy.random.PCG64DXSM(seed) starts."""
    return Pcg64Dxsm(seed)


def philox4x32(seed: int) -> BitGenerator:
    """Return Philox4x32-10 with the seed as its key."""
    return Philox4x32(seed)


def threefry2x32(seed: int) -> BitGenerator:
    """Return Threefry2x32-20 as jax.random.key(seed) starts, in JAX's counting."""
    return Threefry2x32(seed)


#: A kind's name in a dialect file, and what makes one from a seed and the kind's keys.
KINDS: Mapping[str, Callable[..., BitGenerator]] = {
    "xorshift": xorshift,
    "lcg": lcg,
    "rand": rand,
    "mt19937": mt19937,
    "pcg32": pcg32,
    "pcg64": pcg64,
    "pcg64-dxsm": pcg64_dxsm,
    "minstd": minstd,
    "xoroshiro128+": xoroshiro128plus,
    "philox4x32": philox4x32,
    "threefry2x32": threefry2x32,
}


@cache
def keys_of(kind: str) -> Mapping[str, bool]:
    """Return the keys of a kind besides its seed, and whether each is required.

    >>> keys_of("pcg32")
    {'stream': False}
    """
    check_known("kind", kind, KINDS)
    known = list(inspect.signature(KINDS[kind]).parameters.values())[1:]
    return {parameter.name: parameter.default is parameter.empty for parameter in known}


def declared(kind: str, seed: Any, keys: Mapping[str, Any]) -> BitGenerator:
    """Return a generator of a kind by its keys, right after it is seeded.

    >>> declared("lcg", 1, {"multiplier": 1664525, "increment": 1013904223}).random_raw(1).tolist()
    [1015568748]
    """
    known = keys_of(kind)
    check_keys(f"kind {kind}", keys, known, [key for key, required in known.items() if required])
    return KINDS[kind](seed, **keys)
