"""Keys: how a framework makes keys from keys, and what draws from one."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from embinit.bitgen import BitGenerator

#: Words of uint32.
Key = tuple[int, ...]


@dataclass(frozen=True)
class Keys:
    """The key rules of a framework; None where it has no such function.

    start: the bit generator of a key, which has it as `key`. split: the n keys that a key is split into. fold_in: the
    key that a key and an integer make.
    """

    start: Callable[[Key], BitGenerator]
    split: Callable[[Key, int], Iterable[Key]]
    fold_in: Callable[[Key, int], Key] | None = None
