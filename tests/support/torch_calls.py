"""PyTorch's generator and calls by the kernels, random calls of both, and what embinit makes of a call."""

import math
import random

import numpy as np

from embinit import initializers
from embinit._kernels import pytorch as kernels
from embinit._kernels.stream import raw
from embinit.bitgen.mt19937 import MT19937
from embinit.dialects.pytorch import TORCH, rules
from embinit.distributions import Constant, Dirac, Eye, Normal, TruncNormal, Uniform
from embinit.samplers.pytorch import Torch, sparse_zeros, truncation

from support.recorded import torch_layer

N = 624


def normal_draws(n, pending):
    """The words that normal_ takes for n elements, and whether a value is pending afterwards."""
    if n >= 16:
        return n + (16 if n % 16 else 0), pending
    return 4 * ((n - pending + 1) // 2), (n - pending) % 2 == 1


class Stream:
    """PyTorch's default generator after torch.manual_seed(seed): every fill takes its words from it."""

    def __init__(self, seed, fused):
        self.generator, self.fused = rules.seeded(seed), fused
        self.start = self.generator.copy()
        self.pending, self.drawn = math.nan, 0

    @property
    def source(self):
        return self.generator.kind, self.generator.words

    @property
    def bitgen(self):
        return self.generator

    def uniform_(self, shape, low=0.0, high=1.0):
        out = np.empty(shape, np.float32)
        kernels.uniform(*self.source, self.fused, np.float32(low), np.float32(high), out.reshape(-1))
        self.drawn += out.size
        return out

    def normal_(self, shape, mean=0.0, std=1.0):
        out = np.empty(shape, np.float32)
        expected = normal_draws(out.size, not math.isnan(self.pending))
        self.pending, drawn = kernels.normal(
            *self.source, self.fused, out.size >= kernels.LARGE, mean, std, self.pending, out.reshape(-1)
        )
        assert (drawn, not math.isnan(self.pending)) == expected
        self.drawn += drawn
        return out

    def trunc_normal_(self, shape, mean=0.0, std=1.0, a=-2.0, b=2.0):
        out = np.empty(shape, np.float32)
        how = truncation(TruncNormal(mean, std, a, b))
        self.pending, drawn = kernels.trunc_normal(
            *self.source, self.fused, out.size >= kernels.LARGE, mean, std, a, b, *how, self.pending, out.reshape(-1)
        )
        self.drawn += drawn
        return out

    def sparse_(self, shape, sparsity, std=0.01):
        out = np.empty(shape, np.float32)
        zeros = sparse_zeros(sparsity, shape[0])
        self.pending, drawn = kernels.sparse(
            *self.source, self.fused, out.size >= kernels.LARGE, std, zeros, self.pending, out
        )
        self.drawn += drawn
        return out

    def randperm(self, n):
        out = np.empty(n, np.int64)
        kernels.randperm(*self.source, out)
        self.drawn += max(n - 1, 0)
        return out

    def bernoulli_(self, n, p):
        out = np.empty(n, np.bool_)
        kernels.bernoulli(*self.source, p, out)
        self.drawn += 2 * n
        return out

    def random_int32(self, n):
        return (self.words(n) & np.uint32(2**31 - 1)).astype(np.int32)

    def random_int64(self, n):
        high, low = self.words(2 * n).astype(np.uint64).reshape(n, 2).T
        return ((high << np.uint64(32) | low) & np.uint64(2**63 - 1)).astype(np.int64)

    def words(self, n):
        out = np.empty(n, np.uint32)
        raw(*self.source, out)
        self.drawn += n
        return out

    def fill(self, shape, distribution):
        match distribution:
            case Constant(value):
                return np.full(shape, value, np.float32)
            case Uniform(low, high):
                return self.uniform_(shape, low, high)
            case Normal(mean, stddev):
                return self.normal_(shape, mean, stddev)

    def drawn_as(self, shape, distribution):
        """Fill by the sampler."""
        out = np.empty(shape, np.float32)
        self.drawn += Torch(self.fused).fill(self, distribution, out.reshape(-1))
        return out

    def layer(self, layer_type, *args, **kwargs):
        return {
            parameter.part: self.drawn_as(
                parameter.shape, rules.distribution(parameter.initializer, parameter.fan_in, parameter.fan_out)
            )
            for parameter in TORCH.parameters(torch_layer("layer", layer_type, args, kwargs))
        }

    def init(self, name, shape, **kwargs):
        """Fill by a function of torch.nn.init, its parameters under their names there."""
        match name:
            case "uniform_":
                return self.fill(shape, Uniform(kwargs.get("a", 0.0), kwargs.get("b", 1.0)))
            case "normal_":
                return self.fill(shape, Normal(kwargs.get("mean", 0.0), kwargs.get("std", 1.0)))
            case "trunc_normal_":
                return self.trunc_normal_(shape, **kwargs)
            case "sparse_":
                return self.sparse_(shape, **kwargs)
            case "eye_":
                return self.drawn_as(shape, Eye(shape=shape))
            case "dirac_":
                return self.drawn_as(shape, Dirac(**kwargs, shape=shape))
            case "constant_":
                return self.fill(shape, initializers.constant(kwargs["val"]))
            case "zeros_" | "ones_":
                return self.fill(shape, getattr(initializers, name[:-1])())
            case "xavier_uniform_" | "xavier_normal_":
                initializer = getattr(initializers, name[:-1])(**kwargs)
            case "kaiming_uniform_" | "kaiming_normal_":
                gain = rules.calculate_gain(kwargs.get("nonlinearity", "leaky_relu"), kwargs.get("a", 0))
                initializer = getattr(initializers, name[:-1])(gain, kwargs.get("mode", "fan_in"))
        return self.fill(shape, rules.distribution(initializer, *rules.fans(tuple(shape))))

    def check_position(self):
        """The words counted are those that were drawn."""
        assert self.start.jumped(self.drawn) == self.generator


def untempered(words):
    """The words of the recurrence that are drawn as these words."""
    y = np.array(words, np.uint32)
    y ^= y >> 18
    y ^= y << 15 & np.uint32(0xEFC60000)
    x = y.copy()
    for _ in range(4):
        x = y ^ (x << 7 & np.uint32(0x9D2C5680))
    y = x.copy()
    for _ in range(2):
        y = x ^ y >> 11
    return y


def standing_before(words):
    """A generator that draws these words next, 624 at most; what follows them means nothing."""
    generator = MT19937(0)
    generator.words[:N][: len(words)] = untempered(words)
    generator.words[N] = 0
    return generator


def engine(torch):
    """PyTorch's state as (words, position), and whether a normal value is pending."""
    raw = torch.get_rng_state().numpy().tobytes()
    words, next_index = np.frombuffer(raw, np.uint64, N, 24), int.from_bytes(raw[16:24], "little")
    return words.astype(np.uint32), next_index or N


def any_shape(chance, axes=None):
    return tuple(chance.randint(1, 9) for _ in range(axes or chance.randint(2, 4)))


def any_bounds(chance):
    low, high = sorted(chance.uniform(-1, 1) * 10.0 ** chance.randint(-6, 6) for _ in range(2))
    return chance.choice([(low, high), (-abs(high), abs(high)), (low, low), (0.0, abs(high)), (1.0, 1.0 + 1e-6)])


def any_layer(chance):
    """A layer's type, arguments and options."""
    size = chance.randint
    bias, groups = {"bias": chance.random() < 0.8}, chance.randint(1, 3)
    axes = chance.choice("123")
    channels = [groups * size(1, 4), groups * size(1, 4), tuple(size(1, 4) for _ in range(int(axes)))]
    recurrent = {**bias, "num_layers": size(1, 3), "bidirectional": chance.random() < 0.5}
    return chance.choice(
        [
            ("Linear", [size(1, 40), size(1, 12)], bias),
            (f"Conv{axes}d", channels, {**bias, "groups": groups}),
            (f"ConvTranspose{axes}d", channels, {**bias, "groups": groups}),
            ("Embedding", [size(1, 9), size(1, 9)], {"padding_idx": chance.choice([None, 0])}),
            ("RNN", [size(1, 4), size(2, 5)], recurrent),
            ("GRU", [size(1, 4), size(2, 5)], recurrent),
            ("LSTM", [size(1, 4), size(2, 5)], {**recurrent, "proj_size": size(0, 1)}),
            (chance.choice(["RNNCell", "GRUCell", "LSTMCell"]), [size(1, 4), size(1, 5)], bias),
            (f"BatchNorm{axes}d", [size(1, 4)], {}),
            ("LayerNorm", [any_shape(chance)], {}),
            ("GroupNorm", [2, 2 * size(1, 4)], {}),
        ]
    )


def any_init(chance):
    """A function of torch.nn.init, a shape and options."""
    a, b = any_bounds(chance)
    mean, std = chance.uniform(-1, 1), chance.uniform(0.01, 2)
    mode = chance.choice(["fan_in", "fan_out"])
    kaiming = chance.choice(
        [{"a": chance.uniform(0, 3)}, {"nonlinearity": "relu"}, {"nonlinearity": "tanh"}, {"nonlinearity": "selu"}]
    )
    middle = chance.choice([mean, 1.2, -3.0])
    name, kwargs = chance.choice(
        [
            ("uniform_", {"a": a, "b": b}),
            ("normal_", {"mean": mean, "std": std}),
            ("xavier_uniform_", {"gain": chance.uniform(0, 3)}),
            ("xavier_normal_", {"gain": chance.uniform(0, 3)}),
            ("kaiming_uniform_", {"mode": mode, **kaiming}),
            ("kaiming_normal_", {"mode": mode, **kaiming}),
            ("trunc_normal_", {"mean": mean, "std": std, "a": middle - 2 * std, "b": middle + std}),
            ("trunc_normal_", {"mean": mean, "std": std, "a": mean - std / 4, "b": mean + std / 9}),
            ("sparse_", {"sparsity": chance.random(), "std": std}),
            ("constant_", {"val": b}),
            ("eye_", {}),
            ("dirac_", {"groups": chance.randint(1, 3)}),
        ]
    )
    if name == "dirac_":
        return name, (kwargs["groups"] * chance.randint(1, 4), *any_shape(chance, chance.randint(2, 4))), kwargs
    return name, any_shape(chance, 2 if name in ("sparse_", "eye_") else None), kwargs


def one_call(torch, chance, stream):
    """Make one random call of PyTorch and of the kernels; return what it was, and both results by name."""
    n = chance.choice([0, 1, 2, 5, 15, 16, 17, 40, 700, 9000])
    kind = chance.choice(["uniform_", "normal_", "init", "layer", "randperm", "bernoulli_", "random_"])
    if kind == "uniform_":
        bounds = any_bounds(chance)
        return (kind, n, bounds), {"": torch.empty(n).uniform_(*bounds)}, {"": stream.uniform_(n, *bounds)}
    if kind == "normal_":
        moments = chance.uniform(-2, 2), chance.choice([0.0, 1.0, chance.uniform(0, 2)])
        return (kind, n, moments), {"": torch.empty(n).normal_(*moments)}, {"": stream.normal_(n, *moments)}
    if kind == "init":
        name, shape, kwargs = any_init(chance)
        filled = getattr(torch.nn.init, name)(torch.empty(shape), **kwargs)
        return (name, shape, kwargs), {"": filled}, {"": stream.init(name, shape, **kwargs)}
    if kind == "layer":
        name, args, kwargs = any_layer(chance)
        module = getattr(torch.nn, name)(*args, **kwargs)
        tensors = {key: parameter.detach() for key, parameter in module.named_parameters()}
        return (name, args, kwargs), tensors, stream.layer(name, *args, **kwargs)
    if kind == "randperm":
        return (kind, n), {"": torch.randperm(n)}, {"": stream.randperm(n)}
    if kind == "bernoulli_":
        p = chance.choice([0.0, 1.0, chance.random()])
        return (kind, n, p), {"": torch.empty(n, dtype=torch.bool).bernoulli_(p)}, {"": stream.bernoulli_(n, p)}
    bits = chance.choice(["int32", "int64"])
    drawn = torch.empty(n, dtype=getattr(torch, bits)).random_()
    return (kind, bits, n), {"": drawn}, {"": getattr(stream, f"random_{bits}")(n)}


def compare_with_torch(seed, calls):
    """Compare random calls, several to a seed of the stream, and the generator's state after each; return a summary."""
    import torch

    fused = torch.backends.cpu.get_cpu_capability() != "DEFAULT"
    chance, elements = random.Random(seed), 0
    for i in range(calls):
        if i % 6 == 0:
            stream_seed = chance.choice([chance.getrandbits(64), -chance.getrandbits(63), chance.getrandbits(32), 0])
            torch.manual_seed(stream_seed)
            stream = Stream(stream_seed, fused)
        what, expected, got = one_call(torch, chance, stream)
        assert list(expected) == list(got), (stream_seed, what)
        for name, tensor in expected.items():
            a, b = tensor.numpy(), got[name]
            assert a.shape == b.shape, (stream_seed, what)
            assert a.tobytes() == b.tobytes(), (stream_seed, what, name)
            elements += a.size
        words, position = engine(torch)
        assert np.array_equal(words, stream.generator.words[:N]), (stream_seed, what)
        assert position == stream.generator.words[N], (stream_seed, what)
    return {"fused": fused, "elements": elements}


def layers_of(described):
    """Return the embinit layers of calls of classes of torch.nn: type, arguments, options."""
    return [torch_layer(f"L{i}", *call) for i, call in enumerate(described)]


def initializer_of(name, kwargs):
    """Return the initializer of a call of torch.nn.init, whose words for parameters are shorter."""
    words = {} if name.startswith("kaiming") else {"std": "stddev", "a": "low", "b": "high", "val": "value"}
    return TORCH.named[name.removesuffix("_")](**{words.get(key, key): value for key, value in kwargs.items()})


def fill_as(generator, name, shape, kwargs):
    """Return what a call of torch.nn.init fills a tensor of a shape with."""
    out = np.empty(shape, np.float32)
    generator.fill(initializer_of(name, kwargs), out)
    return out


def next_int32(bitgen):
    """Return what torch.empty(1, dtype=torch.int32).random_() draws."""
    return int(bitgen.random_raw(1)[0]) % 2**31
