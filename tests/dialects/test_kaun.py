"""The Kaun dialects: recorded bits, and an oracle of the specification."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embinit import Conv2d, Embedding, Generator, Linear
from embinit._kernels import kaun as kernels
from embinit.dialects import kaun
from embinit.distributions import Normal, TruncatedNormal, Uniform
from embinit.initializers import VarianceScaling

from support.kaun_arrays import DIALECTS, bits, filled, model_of
from support.reference_kaun import CASES, ERAS, WORDS, Scope, cosf, logf
from support.sweeps import examples
from support.together import together

SEEDS = st.integers(-(2**62), 2**62 - 1)

# ---- Recordings ----

PARAMETERS = {
    "uniform": {"scale": 0.01},
    "normal": {"stddev": 0.01},
    "vs_normal": {"name": "variance_scaling", "scale": 1.7, "mode": "fan_out", "distribution": "normal"},
}
MODELS = {  # the layers in the order in which they are initialized; of a record { l1; l2 } that is l2, l1
    "model": {
        "conv": Conv2d(in_channels=3, out_channels=4, kernel_size=[3, 2]),
        "conv_he": Conv2d(in_channels=4, out_channels=2, kernel_size=[1, 3], weight_init=kaun.he_normal()),
        "linear": Linear(in_features=12, out_features=7),
        "linear_lecun": Linear(
            in_features=7, out_features=5, weight_init=kaun.lecun_normal(), bias_init=kaun.normal(0.1)
        ),
        "embedding": Embedding(num_embeddings=6, embedding_dim=4),
    },
    "xor": {"l2": Linear(in_features=8, out_features=1), "l1": Linear(in_features=2, out_features=8)},
}


def drawn_by_key(kind, key, n):
    """What rand and randn of a key give, without a scope."""
    out = np.empty(n, np.float32)
    if kind == "normal":
        angle, radius = ERAS["kaun"].split(key, 2)
        kernels.normal(*angle, *radius, False, 0, False, out)
    else:
        kernels.uniform(*key, False, 0, out)
    return out * np.float32(5.5) + np.float32(-3.0) if kind == "uniform-3,2" else out


ALONE = ("key", "fold", "split", "split2", "split5", "uniform", "uniform-3,2", "normal")


def groups():
    """Cases that are drawn from one scope, one after the other."""
    before, group = None, []
    for case in CASES:
        part, *words = case["kind"].split(".")
        part = f"init.{words[0]}" if part == "init" else {"randn": "rand"}.get(part, part)
        place = None if part in ALONE else (case["dialect"], case["seed"], part)
        if group and (place is None or place != before):
            yield group
            group = []
        group.append(case)
        before = place
    yield group


@together("group", list(groups()), ids=lambda group: "{dialect} {kind} {seed}".format(**group[0]))
def test_recordings(group):
    dialect, seed = group[0]["dialect"], group[0]["seed"]
    kind, generator = group[0]["kind"].split(".")[0], Generator.seeded(seed, dialect)
    if kind in MODELS:
        values = model_of(MODELS[kind], dialect, seed).init()
    if kind == "seq":
        layers = {
            case["kind"].split(".")[1]: Linear(in_features=case["shape"][0], out_features=case["shape"][1])
            for case in group
        }
        values = model_of({f"l{name}": layer for name, layer in layers.items()}, dialect, seed).init()
    for case in group:
        words = case["kind"].split(".")
        expected = WORDS[case["offset"] :][: case["words"]].tolist()
        out = np.empty(case["shape"], np.float32)
        match kind, words[-1]:
            case (("model" | "xor"), part):
                found = bits(values[f"{words[1]}.{'weight' if part == 'w' else 'bias'}"])
            case "seq", _:
                found = bits(values[f"l{words[1]}.weight"])
            case "init", _:
                table = {"name": words[1], **PARAMETERS.get(words[1], {})}
                found = bits(filled(generator, table, case["shape"], fan_in=int(words[2]), fan_out=int(words[3])))
            case "key", _:
                found = list(generator.key)
            case (("split2" | "split5"), which) if dialect == "kaun":
                found = list(generator.split(int(kind[5:]))[int(which)].key)
            case (("split" | "split5"), _):
                found = [word for each in generator.split(int(kind[5:] or 2)) for word in each.key]
            case "fold", which:
                data = [int(which)] if dialect == "kaun" else range(12)
                found = [word for each in data for word in generator.fold_in(each).key]
            case (("uniform" | "uniform-3,2" | "normal"), _) if dialect == "kaun":
                found = bits(drawn_by_key(kind, generator.key, out.size))
            case _, "trunc":
                found = bits(filled(generator, "truncated_normal", case["shape"]))
            case _, draw:
                getattr(generator, "normal" if draw == "randn" else "uniform")(0, 1, out)
                found = bits(out)
        assert found == expected, case


# ---- An oracle ----

INITIALIZERS = st.one_of(
    st.builds(lambda a, b: ("uniform", a, b), *[st.floats(-4, 4, width=64)] * 2),
    st.builds(lambda a: ("normal", a), st.floats(0, 4)),
    st.builds(lambda a: ("truncated", a), st.floats(0, 4)),
    st.builds(
        lambda *parts: ("scaled", *parts),
        st.floats(0, 9),
        st.sampled_from(["fan_in", "fan_out", "fan_avg"]),
        st.sampled_from(["uniform", "normal", "truncated_normal"]),
        st.tuples(*[st.integers(1, 5000)] * 2),
    ),
)
BUILT = {"uniform": Uniform, "normal": partial(Normal, 0.0), "truncated": partial(TruncatedNormal, 0.0)}


@settings(max_examples=examples(60), deadline=None)
@given(st.sampled_from(DIALECTS), SEEDS, st.lists(st.tuples(INITIALIZERS, st.integers(1, 70)), min_size=1, max_size=4))
def test_any_arrays_are_those_of_the_specification(dialect, seed, arrays):
    generator, scope = Generator.seeded(seed, dialect), Scope(dialect, ERAS[dialect].key(seed))
    for (kind, *parameters), n in arrays:
        initializer = VarianceScaling(*parameters[:3]) if kind == "scaled" else BUILT[kind](*parameters)
        fans = parameters[-1] if kind == "scaled" else (1, 1)
        found = filled(generator, initializer, n, fan_in=fans[0], fan_out=fans[1])

        assert bits(found) == bits(getattr(scope, kind)(*parameters, n))
        assert (generator.drawn, generator.bitgen.state[1]) == (scope.taken, scope.taken)


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(DIALECTS), SEEDS, SEEDS, st.integers(0, 9))
def test_any_keys_are_those_of_the_specification(dialect, seed, data, n):
    generator, era = Generator.seeded(seed, dialect), ERAS[dialect]
    root = era.key(seed)

    def words(key):
        return key if isinstance(key, tuple) else (key,)

    assert generator.key == words(root)
    assert generator.fold_in(data).key == words(era.fold_in(root, data))
    assert [each.key for each in generator.split(n)] == [words(key) for key in era.split(root, n)]
    joined = sum(word << 32 * i for i, word in enumerate(reversed(words(era.fold_in(root, n)))))
    assert generator.bitgen.random_raw(n + 1).tolist()[n] == joined
    assert generator.fold_in(data).bitgen.state == (words(era.fold_in(root, data)), 0)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_large_array_begins_as_a_small_one(dialect):
    """An element depends on its place alone: blocks of the kernels do not show. A truncated one may be drawn again."""
    large, small = Generator.seeded(3, dialect), Generator.seeded(3, dialect)
    for initializer in (Uniform(-1, 1), Normal(0, 1), TruncatedNormal(0, 1)):
        long, short = filled(large, initializer, 3 * kernels.BLOCK + 5), filled(small, initializer, kernels.BLOCK + 3)
        assert bits(long[: short.size]) == bits(short)
        small.bitgen = large.bitgen.copy()
    assert np.abs(long).max() <= 2


def test_the_ends_of_a_uniform_value():
    """Two roundings: 1 comes of 191 words, 0 of 65; and a normal value of each is right."""
    words = np.array([0x7FFFFF40, 0x7FFFFF41, 0x7FFFFFFF, 0x80000000, 0x80000040, 0x80000041], np.uint32)
    assert [float(kernels._unit(word)) for word in words] == [1 - 2.0**-24, 1.0, 1.0, 0.0, 0.0, 2.0**-25]

    one, zero, other = (0, 5711240), (0, 115445473), (0, 1)  # keys whose second word gives 1, or 0
    u, one_value, zero_value = (np.empty(2, np.float32) for _ in range(3))
    kernels.uniform(*one, False, 0, one_value)
    kernels.uniform(*zero, False, 0, zero_value)
    assert (one_value[1], zero_value[1]) == (1, 0)
    kernels.uniform(*other, False, 0, u)
    for (angle, u1), radius_of in (((one, 1.0), other), ((zero, 0.0), other)):
        out = np.empty(2, np.float32)
        kernels.normal(*angle, *radius_of, False, 0, False, out)
        expected = cosf(np.float32(u1) * np.float32(6.2831855)) * np.sqrt(-2 * logf(np.float32(1) - u[1]))
        assert bits(out)[1] == bits(expected)[0]
    for key, log in ((one, logf(np.float32(1e-7))), (zero, logf(np.float32(1)))):
        kernels.normal(*other, *key, False, 0, False, out)
        expected = cosf(u[1] * np.float32(6.2831855)) * np.sqrt(np.float32(-2) * log)
        assert bits(out)[1] == bits(expected)[0]
    assert bits(out)[1] in (0, 0x80000000)


@pytest.mark.parametrize(("dialect", "uniform", "normal"), [("kaun", 1, 1), ("kaun-alpha3", 1, 0)])
def test_what_an_array_without_elements_takes(dialect, uniform, normal):
    generator = Generator.seeded(1, dialect)
    filled(generator, Uniform(0, 1), 0)
    assert generator.drawn == uniform
    filled(generator, Normal(0, 1), (0, 3))
    assert generator.drawn == uniform + normal
    assert generator.dialect.sampler.draws(Normal(0, 1), 0) == normal
