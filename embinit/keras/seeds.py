"""The seeds that the layers of a Keras model took when they were made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from embinit.bitgen.keras import nth_seed
from embinit.keras.layers import Found

#: How many seeds of the list after the planned ones are searched.
AHEAD = 10_000


@dataclass(frozen=True)
class Seeds:
    """The list of seeds, and how a model's layers took them.

    numbers: the place of each seed in the list. order: the paths of the layers in the order in which they took seeds,
    if that is not the planned one.
    """

    numbers: Mapping[int, int]
    order: list[str]

    @classmethod
    def of(cls, layers: Sequence[Found], seed: int) -> "Seeds":
        """Return how layers took the seeds that follow keras.utils.set_random_seed(seed)."""
        numbers = {nth_seed(seed, i): i for i in range(sum(len(each.taken) for each in layers) + AHEAD)}
        firsts = {
            each.path: min(numbers[taken] for taken in each.taken)
            for each in layers
            if each.taken and numbers.keys() >= set(each.taken)
        }
        made = sorted(firsts, key=firsts.__getitem__)
        return cls(numbers, [] if made == list(firsts) else made)

    @property
    def sentence(self) -> str:
        """What states the order, if it is not the planned one."""
        return f"its layers are made in another order: order={self.order} states that"
