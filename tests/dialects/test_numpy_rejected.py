"""RandomState's polar pairs where all that are drawn ahead lie outside the circle."""

import numpy as np

import embinit
from embinit.samplers import numpy_random


class Outside:
    """The words of MT19937 with seed 1, after so many that make pairs outside of the unit circle."""

    word_bits = 32

    def __init__(self, pairs):
        self.left, self.bitgen = 4 * pairs, embinit.MT19937(1)

    def next_raw(self):
        if self.left:
            self.left -= 1
            return 0
        return int(self.bitgen.random_raw(1)[0])


def test_pairs_outside_of_the_circle_are_passed_over_however_many_there_are(monkeypatch):
    looked, joined = [], numpy_random._joined

    def counted(words):
        looked.append(words.size)
        assert len(looked) < 100, "the same words again and again"
        return joined(words)

    monkeypatch.setattr(numpy_random, "_joined", counted)
    found = np.empty(3, np.float32)
    embinit.Generator(Outside(40), dialect="numpy-legacy").normal(0.0, 1.0, found)

    assert found.tolist() == np.random.RandomState(1).standard_normal(3).astype(np.float32).tolist()
