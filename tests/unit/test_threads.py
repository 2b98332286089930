"""Large arrays over several threads: the bits of one thread, whatever surrounds them."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from embinit import MT19937, EmbinitError, Generator, Pcg32, Xorshift32, drawing, threads
from embinit.distributions import Eye, Normal, PaddedNormal, Sparse, TruncatedNormal, Uniform
from embinit.threads import GRAIN

from support.together import together

N = 5 * GRAIN + 77


@pytest.fixture
def several(monkeypatch):
    """Draw small arrays by threads too; call it with their number."""
    monkeypatch.setattr(drawing, "PARALLEL", 2 * GRAIN)
    monkeypatch.setattr(drawing, "WAVE", 2 * GRAIN)
    return lambda count: monkeypatch.setenv("EMBINIT_THREADS", str(count))


def drawn(start, dialect, distribution, n):
    source, out = Generator(start.copy(), dialect), np.zeros(n, np.float32)
    source.draw(distribution, out)
    return out.view(np.uint32), source


DRAWN = [(dialect, each) for dialect in ("odt", "portable", "torch") for each in (Uniform(-0.3, 0.7), Normal(0.1, 2.0))]


@together("n", [2 * GRAIN, 5 * GRAIN, N])
@pytest.mark.parametrize(("dialect", "distribution"), [*DRAWN, ("portable", TruncatedNormal(0.0, 1.0))])
@pytest.mark.parametrize("start", [Xorshift32(7), Pcg32(7, 3), MT19937(7)], ids=lambda start: type(start).__name__)
def test_any_number_of_threads_gives_the_bits_of_one(several, dialect, start, distribution, n):
    several(1)
    bits, alone = drawn(start, dialect, distribution, n)
    for count in (2, 3, 64):
        several(count)
        others, by_several = drawn(start, dialect, distribution, n)

        assert np.array_equal(bits, others), count
        assert alone.bitgen == by_several.bitgen, count
        assert alone.drawn == by_several.drawn, count


@pytest.mark.parametrize("count", [2, 3, 64])
@pytest.mark.parametrize("rejected", [0, 1, GRAIN - 1, GRAIN, 3 * GRAIN + 5, 5 * GRAIN + 76])
def test_what_stands_behind_a_rejected_word_is_drawn_once_more(several, rejected, count):
    """The first word of an element is 255, so that u1 is 0."""
    start = Xorshift32(255).jumped(-2 * rejected - 1)
    several(1)
    bits, alone = drawn(start, "odt", Normal(0.0, 1.0), N)
    several(count)
    others, by_several = drawn(start, "odt", Normal(0.0, 1.0), N)

    assert alone.drawn == 2 * N + 1
    assert np.array_equal(bits, others)
    assert (alone.drawn, alone.bitgen) == (by_several.drawn, by_several.bitgen)


@pytest.mark.parametrize(
    "distribution",
    [
        PaddedNormal(0.0, 1.0, 3, shape=(16, GRAIN)),
        Sparse(0.5, 1.0, shape=(1, 16 * GRAIN)),
        Eye(shape=(16, GRAIN)),
    ],
)
def test_what_has_a_shape_is_drawn_in_one_part(several, distribution):
    several(1)
    bits, alone = drawn(MT19937(7), "torch", distribution, 16 * GRAIN)
    several(3)
    others, by_several = drawn(MT19937(7), "torch", distribution, 16 * GRAIN)

    assert np.array_equal(bits, others)
    assert alone.bitgen == by_several.bitgen
    assert (bits == 0).any()


def test_every_thread_has_a_part(several, monkeypatch):
    several(3)
    taken = []
    monkeypatch.setattr(threads, "each", lambda work, items: taken.extend(items) or [work(item) for item in items])
    drawn(Xorshift32(1), "odt", Uniform(0, 1), N)

    assert taken == [slice(0, 2 * GRAIN), slice(2 * GRAIN, 4 * GRAIN), slice(4 * GRAIN, N)]


def test_python_threads_share_the_pool(several):
    several(2)
    expected, _ = drawn(Pcg32(5), "portable", Normal(0, 1), N)
    found = [None] * 4

    def work(i):
        for _ in range(20):
            found[i], _ = drawn(Pcg32(5), "portable", Normal(0, 1), N)

    workers = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)

    assert all(np.array_equal(expected, bits) for bits in found)


FORK = """
import os
import numpy as np
from embinit import Generator, Xorshift32, drawing

drawing.PARALLEL = 10000

def draw():
    out = np.empty(50000, np.float32)
    Generator(Xorshift32(3)).uniform(-1, 1, out)
    return out.tobytes()

before = draw()
child = os.fork()
if child == 0:
    os._exit(draw() != before)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert draw() == before
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_forked_child_has_threads_of_its_own(monkeypatch):
    monkeypatch.setenv("EMBINIT_THREADS", "3")
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", FORK], timeout=120, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr


def test_an_error_in_a_thread_is_raised_when_all_have_ended():
    ended = []

    def work(item):
        if item == 1:
            raise ValueError(item)
        ended.append(item)

    with pytest.raises(ValueError, match="1"):
        threads.each(work, [0, 1, 2, 3])
    assert sorted(ended) == [0, 2, 3]


@pytest.mark.parametrize("text", ["0", "-1", "two", ""])
def test_a_number_of_threads_that_is_none(monkeypatch, text):
    monkeypatch.setenv("EMBINIT_THREADS", text)
    with pytest.raises(EmbinitError, match="EMBINIT_THREADS"):
        threads.thread_count()
