"""Who reads a generator: kernels that do not hold it; generators of the user's own; words that do not fit a dialect."""

from dataclasses import replace

import numpy as np
import pytest

import embinit
from embinit import EmbinitError, Generator, Linear, Model, Xorshift, Xorshift32, dialects, drawing, encode, fill
from embinit.bitgen import Outside
from embinit.dialects.odt import ODT
from embinit.dialects.portable import PORTABLE
from embinit.errors import NoWordsError
from embinit.samplers import ScaledInteger
from embinit.targets import RANDS, TARGETS


class Other:
    """xorshift32 in Python, as a user might write it."""

    word_bits = 32

    def __init__(self, state=5, fails_after=None):
        self.state, self.left, self.asked = state, fails_after, 0

    def next_raw(self):
        if self.asked == self.left:
            raise ConnectionError("the board has gone")
        self.asked += 1
        x = self.state
        x ^= x << 13 & 0xFFFFFFFF
        x ^= x >> 17
        self.state = x ^ (x << 5 & 0xFFFFFFFF)
        return self.state


def native():
    return Xorshift32(5)


def called():
    return Xorshift(5, (13, -17, 5), "uint32_t")


SOURCES = {"called": lambda state: Xorshift(state, (13, -17, 5), "uint32_t"), "outside": Other}


def bits(array):
    return array.view(np.uint32).tolist()


@pytest.mark.parametrize("source", SOURCES)
def test_samplers_read_the_same_words_from_every_source(source):
    ours, theirs = Generator(SOURCES[source](5)), Generator(Xorshift32(5))
    for n in (0, 1, 7, 300, 9000):
        for method, a, b in (("uniform", -0.5, 0.25), ("normal", 0.1, 1.5)):
            one, two = np.empty(n, np.float32), np.empty(n, np.float32)
            getattr(ours, method)(a, b, out=one)
            getattr(theirs, method)(a, b, out=two)
            assert bits(one) == bits(two)
            assert ours.drawn == theirs.drawn
    assert ours.bernoulli(0.3, 1000).tolist() == theirs.bernoulli(0.3, 1000).tolist()
    order, other = list(range(50)), list(range(50))
    ours.shuffle(order)
    theirs.shuffle(other)
    assert order == other
    assert ours.bitgen.random_raw(3).tolist() == theirs.bitgen.random_raw(3).tolist()


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("state", [335585285, 2093433617])  # the first u1 after them is 0 or 2^-24
def test_a_kernel_that_goes_back_draws_the_same_words_again(source, state):
    ours, theirs = Generator(SOURCES[source](state)), Generator(Xorshift32(state))
    one, two = np.empty(50, np.float32), np.empty(50, np.float32)
    ours.normal(0.0, 1.0, out=one)
    theirs.normal(0.0, 1.0, out=two)

    assert bits(one) == bits(two)
    assert ours.drawn == theirs.drawn > 100
    assert ours.bitgen.random_raw(3).tolist() == theirs.bitgen.random_raw(3).tolist()


@pytest.mark.parametrize("source", SOURCES)
def test_stochastic_rounding_reads_and_moves_every_source(source):
    values = np.linspace(-0.9, 0.9, 999, dtype=np.float32)
    ours, theirs = Generator(SOURCES[source](5)), Generator(Xorshift32(5))
    for format_ in ("q7", "sym4", "sym_int32/9"):
        one = encode(values, format_, rounding="stochastic", generator=ours)
        two = encode(values, format_, rounding="stochastic", generator=theirs)
        assert np.asarray(one.data).tolist() == np.asarray(two.data).tolist()
    assert ours.drawn == theirs.drawn == 3 * 999
    after = Xorshift32(5).jumped(ours.drawn).random_raw(3).tolist()
    assert ours.bitgen.random_raw(3).tolist() == theirs.bitgen.random_raw(3).tolist() == after


def test_threads_read_a_generator_that_kernels_call(monkeypatch):
    monkeypatch.setattr(drawing, "PARALLEL", 4096)
    monkeypatch.setattr(drawing, "WAVE", 3000)
    monkeypatch.setenv("EMBINIT_THREADS", "3")
    one, two = np.empty(50_001, np.float32), np.empty(50_001, np.float32)
    for method in ("uniform", "normal"):
        for bitgen, out in ((called(), one), (native(), two)):
            getattr(Generator(bitgen), method)(0.0, 1.0, out=out)
        assert bits(one) == bits(two)


def test_an_outside_generator_is_asked_for_just_the_words_that_are_needed():
    source = Other()
    generator = Generator(source)
    generator.uniform(0.0, 1.0, out=np.empty(10, np.float32))
    assert source.asked == 10
    copied = generator.bitgen.copy()
    assert copied.random_raw(4).tolist() == generator.bitgen.random_raw(4).tolist()
    assert source.asked == 14
    assert copied == generator.bitgen != Outside(source)
    assert generator.bitgen.jumped(2).random_raw(1)[0] == generator.bitgen.random_raw(3)[2]


def test_what_an_outside_generator_raises_comes_through():
    out = np.empty(100, np.float32)
    for draw in (
        lambda g: g.uniform(0.0, 1.0, out=out),
        lambda g: g.normal(0.0, 1.0, out=out),
        lambda g: g.shuffle(list(range(100))),
        lambda g: g.bernoulli(0.5, 100),
        lambda g: g.bitgen.random_raw(100),
    ):
        with pytest.raises(ConnectionError, match="the board has gone"):
            draw(Generator(Other(fails_after=50)))
    with pytest.raises(NoWordsError, match="gave no words"):
        encode(out, "q7", rounding="stochastic", generator=Generator(Other(fails_after=50)))


@pytest.mark.parametrize("word", [-1, 2**32, 1.5, None])
def test_an_outside_word_that_is_none_is_refused(word):
    source = Other()
    source.next_raw = lambda: word

    with pytest.raises(EmbinitError, match="a word of Other must be an integer from 0 to 4294967295"):
        Generator(source).uniform(0.0, 1.0, out=np.empty(3, np.float32))


@pytest.mark.parametrize("width", [0, 65, -1, "32", None])
def test_an_outside_width_that_is_none_is_refused(width):
    source = Other()
    source.word_bits = width

    with pytest.raises(EmbinitError, match="word_bits of Other must be"):
        Generator(source)


def test_an_outside_generator_does_not_go_back():
    with pytest.raises(EmbinitError, match="Other cannot go back"):
        Generator(Other()).advance(-1)


@pytest.mark.parametrize("bitgen", [embinit.AvrRand(1), embinit.NewlibRand(1), embinit.Pcg64(1), embinit.Minstd(1)])
@pytest.mark.parametrize("dialect", ["odt", "portable", "torch"])
def test_a_reader_of_32_bits_refuses_other_words(bitgen, dialect):
    with pytest.raises(EmbinitError, match=f"dialect {dialect}: .* 32 bits.*got {bitgen.word_bits} bits"):
        Generator(bitgen, dialect)


class AnyWords(ScaledInteger):
    """Reads the words of a generator as they come."""

    word_bits = None

    def fill(self, source, distribution, out):
        out[:] = source.bitgen.random_raw(out.size)
        return out.size


@pytest.fixture
def declared(monkeypatch):
    """Declare dialects for one test."""

    def declare(**fields):
        dialect = replace(ODT, name="own", **fields)
        monkeypatch.setitem(dialects.DIALECTS._known, "own", dialect)

    return declare


FC = Linear(name="fc", in_features=3, out_features=2)


def test_a_model_whose_words_do_not_fit_is_refused_when_it_is_built(declared):
    declared(rand=True)
    Model("m", [FC], seed=1)
    for rand, width in (("avr", 15), ("newlib", 31)):
        with pytest.raises(EmbinitError, match=f"dialect own: .*32 bits.*got {width} bits of"):
            Model("m", [FC], seed=1, dialect="own", rand=rand)


def test_rand_is_the_targets_unless_the_model_says_so(declared):
    declared(rand=True, sampler=AnyWords())
    firsts = {}
    for target, rand in (("host", None), ("cortex-m4f", None), ("host", "musl"), ("host", "avr"), ("host", "picolibc")):
        model = Model("m", [FC], seed=42, dialect="own", target=target, rand=rand)
        firsts[target, rand] = model.init()["fc.weight"][0, 0]
        assert model.build.rand in str(model.plan())
        assert model.as_json()["rand"] == model.build.rand
    expected = {
        ("host", None): embinit.GlibcRand, ("cortex-m4f", None): embinit.NewlibRand, ("host", "musl"): embinit.MuslRand,
        ("host", "avr"): embinit.AvrRand, ("host", "picolibc"): embinit.NewlibRand,
    }  # fmt: skip
    assert firsts == {key: np.float32(kind(42).random_raw(1)[0]) for key, kind in expected.items()}


def test_a_dialect_without_rand_ignores_it():
    plain = Model("m", [FC], seed=42)
    said = Model("m", [FC], seed=42, rand="msvc")

    assert bits(plain.init()["fc.weight"]) == bits(said.init()["fc.weight"])
    assert "rand" not in plain.as_json()
    assert str(plain.plan()) == str(said.plan())


def test_the_rand_of_a_model_is_checked(tmp_path):
    with pytest.raises(EmbinitError, match=r"rand must be one of newlib, .*, got 'newlibb'; did you mean newlib"):
        Model("m", [FC], seed=1, rand="newlibb")
    assert {target.rand for target in TARGETS.values()} == {"glibc", "newlib", "picolibc", "avr"}
    assert set(RANDS) == set(embinit.bitgen.RANDS)


def test_a_counter_drops_the_rest_of_its_block_after_each_tensor(declared):
    declared(seeded=embinit.Philox4x32)
    model = Model("m", [FC, replace(FC, name="fd")], seed=7, dialect="own")
    values = fill.fill(model.plan())

    words = embinit.Philox4x32(7).random_raw(32)
    generator = Generator(Xorshift32(1))
    assert [row.first_draw for row in model.plan().rows] == [0, 8, 12, 20]
    assert values.first_draw == {row.name: row.first_draw for row in model.plan().rows}
    for row in model.plan().rows:
        source = Other()
        source.next_raw = iter(words[row.first_draw :].tolist()).__next__
        generator, out = Generator(source), np.empty(row.size, np.float32)
        generator.draw(row.distribution, out)
        assert bits(values.arrays[row.name].reshape(-1)) == bits(out)
    assert values.generator.bitgen.state == (7, 6, 0)


@pytest.mark.device
def test_a_model_of_a_generator_from_outside_in_c_on_an_emulated_core(declared, monkeypatch):
    """Its rows draw through the same rules, from the header that the generator names."""
    from embinit.bundle import gather
    from embinit.device import run

    monkeypatch.setitem(
        dialects.DIALECTS._known, "own", replace(PORTABLE, name="own", seeded=lambda seed: embinit.Lcg(seed or 9))
    )
    for seed in (0, 42):
        model = Model("m", [FC], seed=seed, dialect="own", target="cortex-m0")
        bundle = gather(model.plan())
        buffers = run(bundle)
        assert buffers == {a.name: a.payload for a in bundle.arrays}


def test_a_model_of_a_generator_without_c_says_so(declared):
    from embinit.bundle import gather
    from embinit.codegen import NoCodeError, init_source

    declared(seeded=embinit.Philox4x32)
    bundle = gather(Model("m", [FC], seed=7, dialect="own").plan())
    with pytest.raises(NoCodeError, match="Philox4x32 has no C"):
        init_source(bundle)
