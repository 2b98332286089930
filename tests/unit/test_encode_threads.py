"""Large arrays are encoded by several threads: the bytes of one thread, and as many codes clipped."""

import numpy as np
import pytest

from embinit import Generator, Xorshift32, encode, threads
from embinit.formats import base
from embinit.threads import GRAIN

VALUES = np.random.default_rng(7).normal(0, 0.4, 5 * GRAIN + 77).astype(np.float32)


@pytest.mark.parametrize("rounding", ["half_away", "floor", "stochastic"])
@pytest.mark.parametrize("name", ["q7", "q1.2", "q15", "sym4", "sym5", "asym8"])
def test_any_number_of_threads_gives_the_bytes_of_one(name, rounding, monkeypatch):
    monkeypatch.setattr(base, "ENOUGH", 2 * GRAIN)
    shared, left = [], []
    each = threads.each
    monkeypatch.setattr(threads, "each", lambda work, items: shared.append(len(items)) or each(work, items))
    for count in (1, 2, 3, 64):
        monkeypatch.setenv("EMBINIT_THREADS", str(count))
        source = Generator(Xorshift32(5))
        buffer = encode(VALUES, name, rounding, source)
        left.append((buffer.data.tobytes(), buffer.clipped, source.state))

    assert left[1:] == left[:1] * 3
    assert shared == ([] if rounding == "stochastic" else [1, 2, 3, 6])
    assert name[0] != "q" or left[0][1] > 0  # some codes saturate, in several parts


def test_groups_of_their_own_are_encoded_by_one_thread(monkeypatch):
    monkeypatch.setattr(base, "ENOUGH", 2 * GRAIN)
    monkeypatch.setenv("EMBINIT_THREADS", "3")
    several = encode(VALUES[: 5 * GRAIN], "sym8", group_size=GRAIN // 4)
    monkeypatch.setenv("EMBINIT_THREADS", "1")
    alone = encode(VALUES[: 5 * GRAIN], "sym8", group_size=GRAIN // 4)
    assert several.data.tobytes() == alone.data.tobytes()
