"""embinit.jax against Flax and JAX themselves: random modules and random calls, reasons for differences, refusals."""

import random

import numpy as np
import pytest

import embinit
from embinit import EmbinitError, Generator, Model

jax = pytest.importorskip("jax")
pytest.importorskip("flax")

import jax.numpy as jnp  # noqa: E402 (after the skip)
from flax import linen, nnx  # noqa: E402
from jax.nn import initializers  # noqa: E402

import embinit.jax  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
SCALED = [f"{name}_{kind}" for name in ("lecun", "he", "glorot") for kind in ("normal", "uniform")]
SEEDS = [0, 1, -1, 2**31, 2**63 - 1]


def seeds(rng):
    return rng.choice([*SEEDS, rng.randrange(-(2**63), 2**63)])


def bits(values):
    return np.ascontiguousarray(values).view(np.uint32).tolist()


def leaves(tree):
    return {jax.tree_util.keystr(path): bits(leaf) for path, leaf in jax.tree_util.tree_leaves_with_path(tree)}


def state(module):
    return nnx.to_pure_dict(nnx.state(module, nnx.Not(nnx.RngState)))


# ---- Random modules ----


def some(rng):
    """Return one of few sizes, since XLA compiles anew for each shape."""
    return rng.choice([2, 3, 5])


def kernel(rng):
    """Return an initializer that its bits show."""
    return {} if rng.random() < 0.4 else {"kernel_init": getattr(initializers, rng.choice(SCALED))()}


def nnx_layer(rng):
    """Return a function of rngs that makes a random layer of nnx."""
    kind = rng.choice(["Linear", "Linear", "Conv", "ConvTranspose", "Embed", "LayerNorm", "RMSNorm", "GroupNorm",
                       "BatchNorm", "Dropout"])  # fmt: skip
    bias = {"use_bias": rng.random() < 0.7}
    held = {**bias, "use_scale": rng.random() < 0.7}
    one, other = some(rng), some(rng)
    match kind:
        case "Linear":
            if bias["use_bias"] and rng.random() < 0.3:
                bias["bias_init"] = initializers.constant(rng.uniform(-1, 1))
            keys = {**kernel(rng), **bias}
            return lambda rngs: nnx.Linear(one, other, **keys, rngs=rngs)
        case "Conv" | "ConvTranspose":
            sizes = rng.choice([(3,), (1, 2), (2, 1, 3)])
            groups = {"feature_group_count": rng.choice([1, 2])} if kind == "Conv" else {}
            keys = {**kernel(rng), **bias, **groups}
            return lambda rngs: getattr(nnx, kind)(2 * one, 2 * other, sizes, **keys, rngs=rngs)
        case "Embed":
            return lambda rngs: nnx.Embed(one, other, rngs=rngs)
        case "GroupNorm":
            return lambda rngs: nnx.GroupNorm(2 * one, num_groups=2, **held, rngs=rngs)
        case "Dropout":
            with_rngs = rng.random() < 0.5
            return lambda rngs: nnx.Dropout(0.5, rngs=rngs if with_rngs else None)
        case "LayerNorm" | "BatchNorm":
            return lambda rngs: getattr(nnx, kind)(one, **held, rngs=rngs)
    return lambda rngs: getattr(nnx, kind)(one, rngs=rngs)


class Parts(nnx.Module):
    """Layers under names that do not sort as they are made."""

    def __init__(self, makes, names, rngs):
        for name, make in zip(names, makes, strict=True):
            setattr(self, name, make(rngs))


def nnx_builder(rng):
    makes = [lambda rngs: nnx.Linear(3, 4, rngs=rngs), *(nnx_layer(rng) for _ in range(rng.randint(1, 6)))]
    names = rng.sample([f"{letter}{number}" for letter in "zyxcba" for number in range(3)], len(makes))
    if rng.random() < 0.3:
        return lambda rngs: nnx.Sequential(*(make(rngs) for make in makes))
    if rng.random() < 0.3:
        first, second = makes[:1], makes[1:]
        inner = rng.sample(names, len(second))
        return lambda rngs: Parts([*first, lambda rngs: Parts(second, inner, rngs)], ["m", "k"], rngs)
    return lambda rngs: Parts(makes, names, rngs)


@pytest.mark.parametrize("case", range(30))
def test_random_modules_of_nnx(case):
    rng = random.Random(case)
    seed, build = seeds(rng), nnx_builder(rng)
    module = build(nnx.Rngs(seed))
    comparison = embinit.jax.compare(build, seed)
    assert comparison, comparison
    model = Model.from_flax(module, seed)
    assert len(comparison.parameters) == len(model.tensors)
    arrays = embinit.jax.arrays(model, module)
    assert leaves(arrays) == leaves(state(module))
    other = build(nnx.Rngs(seed - 1 if seed > 0 else seed + 1))
    nnx.update(other, arrays)
    assert leaves(state(other)) == leaves(state(module))


def linen_initializer(rng):
    match rng.randrange(6):
        case 0:
            return initializers.normal(rng.uniform(0.01, 2))
        case 1:
            return initializers.uniform(rng.uniform(0.01, 2))
        case 2:
            return initializers.truncated_normal(rng.uniform(0.01, 2))
        case 3:
            mode, kind = rng.choice(["fan_in", "fan_out", "fan_avg"]), rng.choice(["normal", "uniform"])
            return initializers.variance_scaling(rng.uniform(0.1, 3), mode, kind)
        case 4:
            return initializers.constant(rng.uniform(-1, 1))
    return getattr(initializers, rng.choice(SCALED))()


class Chain(linen.Module):
    """Random layers, one after another; some of them in a module of their own."""

    case: int
    depth: int = 0

    @linen.compact
    def __call__(self, x):
        rng = random.Random(self.case)
        for _ in range(rng.randint(1, 4)):
            name = rng.choice([None, None, f"part{rng.randrange(10**6)}"])
            keys = {} if rng.random() < 0.4 else {"kernel_init": linen_initializer(rng)}
            if rng.random() < 0.2:
                plain = [initializers.normal(0.3), initializers.ones, initializers.uniform(0.1)]
                keys["bias_init"] = rng.choice(plain)
            match rng.randrange(7):
                case 0:
                    x = linen.Conv(some(rng) * 2, (3,), name=name, **keys)(x)
                case 1:
                    x = linen.ConvTranspose(some(rng), (2,), name=name, **keys)(x)
                case 2:
                    norm = rng.choice([linen.LayerNorm, linen.RMSNorm])
                    bias = {"use_bias": rng.random() < 0.5} if norm is linen.LayerNorm else {}
                    x = norm(use_scale=rng.random() < 0.7, name=name, **bias)(x)
                case 3:
                    held = {"use_scale": rng.random() < 0.7, "use_bias": rng.random() < 0.7}
                    x = linen.BatchNorm(use_running_average=False, name=name, **held)(x)
                case 4 if self.depth < 2:
                    x = Chain(rng.randrange(10**6), self.depth + 1, name=name)(x)
                case 5:
                    index = jnp.zeros(x.shape[:-1], jnp.int32)
                    x = linen.Embed(some(rng), x.shape[-1], name=name)(index) + x
                case _:
                    x = linen.Dense(some(rng), use_bias=rng.random() < 0.8, name=name, **keys)(x)
        return linen.Dense(3)(linen.Dropout(0.5, deterministic=False)(x))


@pytest.mark.parametrize("case", range(30))
def test_random_modules_of_linen(case):
    rng = random.Random(case)
    seed, module, shape = seeds(rng), Chain(case), (1, 4, some(rng))
    jit = case % 10 == 0
    key = {"params": jax.random.key(seed), "dropout": jax.random.key(1)}
    theirs = (jax.jit(module.init) if jit else module.init)(key, jnp.ones(shape))
    model = Model.from_flax(module, seed, jax.ShapeDtypeStruct(shape, jnp.float32), jit=jit)
    assert leaves(embinit.jax.arrays(model)) == leaves(theirs)
    if case % 10 == 0:
        assert embinit.jax.compare(module, seed, jnp.ones(shape), jit=jit)


# ---- Random calls ----


def call(rng):
    """Return what fills an array by JAX from a key, and by embinit from a generator."""
    low, high = sorted([rng.uniform(-3, 3), rng.uniform(-3, 3)])
    number = rng.choice([rng.uniform(1e-3, 5), 10.0 ** rng.randint(-6, 6)])
    match rng.randrange(7):
        case 0:
            return (
                lambda key, shape: jax.random.uniform(key, shape, jnp.float32, low, high),
                lambda g, out: g.uniform(low, high, out),
            )
        case 1:
            return jax.random.normal, lambda g, out: g.normal(0, 1, out)
        case 2:
            table = {"name": rng.choice(SCALED)}
        case 3:
            mode, kind = rng.choice(["fan_in", "fan_out", "fan_avg"]), rng.choice(["normal", "uniform"])
            kind = rng.choice([kind, "truncated_normal"])
            table = {"name": "variance_scaling", "scale": number, "mode": mode, "distribution": kind}
        case 4:
            table = {"name": "truncated_normal", "stddev": number}
        case 5:
            table = {"name": "uniform", "scale": number}
        case _:
            table = {"name": "normal", "stddev": number}
    name, *keys = table.values()
    theirs = getattr(initializers, name)(*keys)
    return theirs, lambda g, out: g.fill(table, out)


@pytest.mark.parametrize("case", range(18))
def test_random_calls(case):
    rng = random.Random(case)
    for _ in range(15):
        seed, (theirs, ours) = seeds(rng), call(rng)
        g, key = Generator.seeded(seed, "jax"), jax.random.key(seed)
        for _ in range(rng.randint(0, 2)):
            data = rng.randrange(2**32)
            if rng.random() < 0.5:
                g, key = g.fold_in(data), jax.random.fold_in(key, np.uint32(data))
            else:
                g, key = g.split(3)[data % 3], jax.random.split(key, 3)[data % 3]
        assert list(g.key) == jax.random.key_data(key).tolist()
        shape = rng.choice([(3, 4), (7, 5), (2, 3, 4), (64, 33)])
        out = np.empty(shape, np.float32)
        ours(g, out)
        assert bits(out) == bits(theirs(key, shape)), (case, seed, shape)


# ---- What differs, and what is refused ----


class Swapped(nnx.Module):
    def __init__(self, rngs):
        second = nnx.Linear(3, 2, rngs=rngs)
        self.first, self.second = nnx.Linear(4, 3, rngs=rngs), second


def test_an_order_that_the_module_does_not_show_is_told():
    comparison = embinit.jax.compare(Swapped, 5)
    assert [(each.name, each.why) for each in comparison.differing] == [
        ("first.kernel", "order"), ("second.kernel", "order"),
    ]  # fmt: skip
    assert "call 2 of rngs.params(), not 0" in comparison.differing[0].sentence
    with pytest.raises(EmbinitError, match=r"parameter 'first\.kernel': it has the key of call 2"):
        Model.from_flax(Swapped, 5)
    order = ["second", "first"]
    assert embinit.jax.compare(Swapped, 5, order=order)
    module = Swapped(nnx.Rngs(5))
    model = Model.from_flax(Swapped, 5, order=order)
    assert leaves(embinit.jax.arrays(model, module)) == leaves(state(module))
    for wrong, message in ((["third"], "order must name layers"), (["first", "first"], "each layer once")):
        with pytest.raises(EmbinitError, match=message):
            Model.from_flax(Swapped, 5, order=wrong)


def test_calls_of_no_layer_are_seen():
    def build(rngs):
        rngs.params()
        return nnx.Linear(2, 3, rngs=rngs)

    (kernel,) = embinit.jax.compare(build, 1).differing
    assert (kernel.name, kernel.why) == ("kernel", "drawn before")


def test_an_initializer_that_no_bits_show_is_told():
    def build(rngs):
        return nnx.Linear(2, 3, kernel_init=initializers.normal(0.37), rngs=rngs)

    (kernel,) = embinit.jax.compare(build, 1).differing
    assert (kernel.name, kernel.why) == ("kernel", "initializer")
    init = {"kernel": {"name": "normal", "stddev": 0.37}}
    assert embinit.jax.compare(build, 1, init=init)
    assert leaves(embinit.jax.arrays(Model.from_flax(build, 1, init=init), build(nnx.Rngs(0)))) == leaves(
        state(build(nnx.Rngs(1)))
    )
    with pytest.raises(EmbinitError, match="init must name parameters of the module, got 'kernels'"):
        Model.from_flax(build, 1, init={"kernels": "normal"})


class Shared(nnx.Module):
    def __init__(self, rngs):
        self.b = nnx.Linear(3, 3, rngs=rngs)
        self.a, self.c = self.b, nnx.Linear(3, 2, rngs=rngs)


def test_a_layer_with_two_names_draws_once():
    module = Shared(nnx.Rngs(1))
    assert embinit.jax.compare(Shared, 1)
    assert leaves(embinit.jax.arrays(Model.from_flax(module, 1), module)) == leaves(state(module))


def test_a_module_of_another_seed_is_refused():
    with pytest.raises(EmbinitError, match="parameter 'kernel': seed 2 does not give it"):
        Model.from_flax(nnx.Linear(2, 3, rngs=nnx.Rngs(1)), 2)


class Own(linen.Module):
    @linen.compact
    def __call__(self, x):
        return self.param("mine", initializers.zeros, (3,)) + linen.DenseGeneral(3, name="general")(x)


class OwnNnx(nnx.Module):
    def __init__(self, rngs):
        self.mine = nnx.Param(jnp.zeros(3))
        self.general = nnx.LinearGeneral(2, 3, rngs=rngs)


class Tied(nnx.Module):
    """A layer that takes over a parameter of another one."""

    def __init__(self, leaf, rngs):
        self.x, self.a = nnx.Linear(3, 3, rngs=rngs), nnx.Linear(3, 3, rngs=rngs)
        setattr(self.a, leaf, getattr(self.x, leaf))


class Composed(nnx.Module):
    def __init__(self, rngs):
        self.attention = nnx.MultiHeadAttention(2, 4, rngs=rngs, decode=False)


def stacked(layer, *keys, **named):
    """Return a layer whose parameters are stacked."""
    return linen.vmap(layer, variable_axes={"params": 0}, split_rngs={"params": True})(*keys, **named)


ONE = jnp.ones((1, 2))


@pytest.mark.parametrize(
    ("module", "inputs", "message"),
    [
        (Own(), [ONE], r"parameter 'params\..* belongs to .*embinit knows only"),
        (OwnNnx, [], "parameter .* belongs to .*embinit knows only"),
        (linen.Dense(3, kernel_init=initializers.orthogonal()), [ONE], "layer 'Dense': .*orthogonal"),
        (linen.Dense(3, kernel_init=lambda *_: jnp.zeros((2, 3))), [ONE], "kernel_init must be one of jax.nn.init"),
        (linen.Dense(3, param_dtype=jnp.bfloat16), [ONE], "must be float32, got bfloat16"),
        (linen.Conv(3, (1, 1, 1, 1)), [jnp.ones((1, 1, 1, 1, 1, 2))], "kernel_size must have 1 to 3 axes, got 4"),
        (linen.ConvTranspose(3, (2,), transpose_kernel=True), [jnp.ones((1, 3, 2))], "transpose_kernel must be False"),
        (stacked(linen.Dense, 3), [ONE], "the kernel of a Dense must have 2 axes, got shape"),
        (stacked(linen.Conv, 3, (2,), use_bias=False), [jnp.ones((1, 3, 2))], "must have 3 axes, got shape"),
        (Tied("kernel", nnx.Rngs(1)), [], "layer 'x': its kernel must be its own, and another layer shares it"),
        (Tied("bias", nnx.Rngs(1)), [], "layer 'x': its bias must be its own, and another layer shares it"),
        (Composed, [], r"parameter 'attention\.\w+\.\w+' belongs to LinearGeneral, and embinit knows only Linear"),
        (linen.Dropout(0.5, deterministic=True), [ONE], "must have a layer with parameters, got none"),
        (nnx.eval_shape(lambda: nnx.Linear(2, 3, rngs=nnx.Rngs(1))), [], "must have values|got a shape alone"),
        (3, [], "it must be a module of Flax, or a function of rngs that returns one, got 3"),
        (lambda rngs: 3, [], "it must be a module of Flax, or a function of rngs that returns one, got 3"),
    ],
)
def test_what_cannot_be_drawn_as_flax_does_is_refused(module, inputs, message):
    with pytest.raises(EmbinitError, match=message):
        Model.from_flax(module, 1, *inputs)


def test_arrays_have_flax_s_layouts_whatever_the_dialect():
    net = nnx.Sequential(nnx.Conv(2, 3, (3, 2), rngs=nnx.Rngs(1)), nnx.Linear(4, 5, rngs=nnx.Rngs(2)))
    layers = [
        embinit.Conv2d(in_channels=2, out_channels=3, kernel_size=(3, 2)),
        embinit.Linear(in_features=4, out_features=5),
    ]
    model = Model("m", layers, seed=3, dialect="torch")
    arrays, values = embinit.jax.arrays(model, net), model.init()
    assert bits(arrays["layers"][0]["kernel"]) == bits(values["conv2d0.weight"].transpose(2, 3, 1, 0))
    assert bits(arrays["layers"][1]["kernel"]) == bits(values["linear1.weight"].T)


def test_arrays_need_the_model_s_layers():
    net = nnx.Linear(2, 3, rngs=nnx.Rngs(1))
    model = Model.from_flax(net, 1)
    with pytest.raises(EmbinitError, match=r"its parameters must be .*2, 3.*, got .*3, 2"):
        embinit.jax.arrays(model, nnx.Linear(3, 2, rngs=nnx.Rngs(1)))
    with pytest.raises(EmbinitError, match="must have the model's 1 layers, got 2"):
        embinit.jax.arrays(model, Swapped(nnx.Rngs(1)))
    with pytest.raises(EmbinitError, match="module must be given for a model of dialect flax-nnx"):
        embinit.jax.arrays(model)
    with pytest.raises(EmbinitError, match="module must be an nnx module"):
        embinit.jax.arrays(model, linen.Dense(3))
