"""How much of a sweep a run takes: all of it where CI is set, elsewhere a part, as tests of properties do."""

import os
import random
from collections.abc import Sequence

CI = "CI" in os.environ


def examples(number: int) -> int:
    """Return how many examples a property draws: the number where CI is set, three in ten elsewhere."""
    return number if CI else number * 3 // 10


def swept(arguments: Sequence, part: int = 16) -> Sequence:
    """Return all arguments of a sweep, or one in `part`, from a first one that differs from run to run."""
    if CI:
        return arguments
    first = random.randrange(part)
    print(f"every {part}th argument from number {first}, as CI is not set")
    return arguments[first::part]
