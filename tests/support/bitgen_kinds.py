"""Every kind of bit generator with some of its parameters, for tests of what all must do; and their slow oracles."""

from hypothesis import strategies as st

import embinit
from embinit.bitgen import BitGenerator

words32, words64 = st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1)
edges = st.sampled_from([0, 1, 2, 123459876, 2**31 - 2, 2**31 - 1, 2**31, 2**31 + 1, 2**32 - 1])
seeds32 = st.one_of(edges, words32)
shifts32 = st.sampled_from([(13, -17, 5), (5, -13, 6), (7, -9), (-1, 1, -31), (31,)])
shifts64 = st.sampled_from([(13, -7, 17), (23, -17, -26), (63, -1, 1)])

KINDS = {
    "Xorshift32": st.builds(embinit.Xorshift32, st.integers(1, 2**32 - 1)),
    "Pcg32": st.builds(embinit.Pcg32, words64, st.integers(0, 2**63 - 1)),
    "MT19937": st.builds(embinit.MT19937, words32),
    "NewlibRand": st.builds(embinit.NewlibRand, seeds32),
    "MuslRand": st.builds(embinit.MuslRand, seeds32),
    "GlibcRand": st.builds(embinit.GlibcRand, seeds32),
    "AvrRand": st.builds(embinit.AvrRand, seeds32),
    "AvrRandom": st.builds(embinit.AvrRandom, seeds32),
    "MsvcRand": st.builds(embinit.MsvcRand, seeds32),
    "Minstd": st.builds(embinit.Minstd, seeds32, st.sampled_from([16807, 48271])),
    "Lcg of 32 bits": st.builds(embinit.Lcg, words32),
    "Lcg of 64 bits": st.builds(
        embinit.Lcg, words64, bits=st.just(64), multiplier=st.just(6364136223846793005), increment=words64
    ),
    "Lcg of 15 bits": st.builds(
        embinit.Lcg, words32, multiplier=st.just(1103515245), increment=st.just(12345), shift=st.just(16),
        word_bits=st.just(15),
    ),
    "Xorshift of 32 bits": st.builds(
        embinit.Xorshift, st.integers(1, 2**32 - 1), shifts32, st.sampled_from(["uint32_t"])
    ),
    "Xorshift of 64 bits": st.builds(
        embinit.Xorshift, st.integers(1, 2**64 - 1), shifts64, st.sampled_from(["uint64_t"])
    ),
    "Xorshift of 16 bits": st.builds(
        embinit.Xorshift, st.integers(1, 2**16 - 1), st.just((7, -9, 8)), st.just("uint16_t")
    ),
    "Xoroshiro128Plus of KANN": st.builds(embinit.Xoroshiro128Plus, words64),
    "Xoroshiro128Plus": st.builds(embinit.Xoroshiro128Plus, words64, st.sampled_from([(24, 16, 37), (55, 14, 36)])),
    "Pcg64": st.builds(embinit.Pcg64, st.integers(0, 2**200)),
    "Pcg64Dxsm": st.builds(embinit.Pcg64Dxsm, st.integers(0, 2**200)),
    "Philox4x32": st.builds(embinit.Philox4x32, words64, st.integers(0, 2**128 - 1)),
    "Threefry2x32 of JAX": st.builds(embinit.Threefry2x32, st.integers(-(2**40), 2**40)),
    "Threefry2x32 in blocks": st.builds(embinit.Threefry2x32, words32, st.just("blocks")),
    "Threefry2x32 in pairs": st.builds(embinit.Threefry2x32, words32, st.just("pairs")),
}  # fmt: skip


def all_classes():
    """Every public class of bit generators that has a seed of its own."""
    classes = [getattr(embinit, name) for name in embinit.__all__]
    return {cls for cls in classes if isinstance(cls, type) and issubclass(cls, BitGenerator)}
