"""Random plans, drawn and stored by NumPy and by Numba: `python -m support.random_plans COUNT [FIRST]` in tests.

Each hundred of models has a number, FIRST and those after it; one in which a plan differs is drawn again with COUNT 1.
What a model refuses when it is drawn or stored must be refused both ways, in the same words.
"""

import sys
import time

from hypothesis import HealthCheck, Phase, given, seed, settings

from embinit.errors import EmbinitError

from support.executors import by_numba, by_numpy
from support.random_models import models

AT_ONCE = 100


def left(model, executor):
    """Return what a model leaves in its buffers, or why it leaves nothing."""
    with executor():
        try:
            return {name: (each.data.tobytes(), each.clipped) for name, each in model.stored().items()}
        except EmbinitError as error:
            return str(error)


def hundred(number):
    """Compare a hundred of plans; return how many left buffers, and how many buffers these were."""
    plans = buffers = 0

    @seed(number)
    @settings(
        max_examples=AT_ONCE, database=None, deadline=None, phases=[Phase.generate], suppress_health_check=HealthCheck
    )
    @given(models())
    def compare(model):
        nonlocal plans, buffers
        if isinstance(model, EmbinitError):
            return
        one, other = left(model, by_numpy), left(model, by_numba)
        assert one == other, model
        if isinstance(one, dict):
            plans += 1
            buffers += len(one)

    compare()
    return plans, buffers


def main(count, first):
    """Compare plans until so many have left buffers."""
    start, plans, buffers, wrong, number = time.monotonic(), 0, 0, 0, first
    while plans < count:
        try:
            more = hundred(number)
        except AssertionError as error:
            print("WRONG", number, error, flush=True)
            wrong, more = wrong + 1, (0, 0)
        plans, buffers, number = plans + more[0], buffers + more[1], number + 1
        if number % 20 == 0 or plans >= count:
            spent = f"{time.monotonic() - start:.0f} s"
            print(f"{plans} plans, {buffers} buffers, {wrong} hundreds differ, {spent}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0)
