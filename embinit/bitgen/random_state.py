"""The stream of numpy.random.RandomState, whose C also keeps the second normal value of a pair."""

from embinit.bitgen.base import CGenerator
from embinit.bitgen.mt19937 import MT19937, SMALL


class RandomState(MT19937):
    """MT19937 as numpy.random.RandomState(seed) seeds it.

    Parameters
    ----------
    seed
        From 0 to 2^32 - 1.

    Examples
    --------
    >>> RandomState(42) == MT19937(42)
    True
    """

    def c_generator(self, words: int) -> CGenerator:
        """Return embinit_numpy_legacy, or embinit_mt19937_small if the words are few. Then no normal values are drawn,
        since how many words these take depends on the seed, which callers count as too many.
        """
        if words <= SMALL:
            return super().c_generator(words)._replace(header="embinit_numpy.h")
        name = "embinit_numpy_legacy"
        return CGenerator(name, "embinit_numpy.h", f"{name}_seed(&generator, seed);", large=True)
