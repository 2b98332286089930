"""Shipped dialect files against what the programs themselves left in their buffers, platform by platform."""

import json
import math
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import embinit

FOLDER = Path(__file__).parents[1] / "vectors" / "c"
DEVICES = {"x86": {"target": "host"}, "x86fma": {"target": "x86-64-v3"}}
DEVICES |= {"musl": {"target": "host", "rand": "musl"}, "avr": {"target": "host", "rand": "avr"}}
SUFFIXES = {
    "": {},
    "nofma": {"multiply_add": "separate"},
    "nano": {"rand": "newlib-nano"},
    "pico": {"rand": "picolibc"},
}
#: Cases of other things than buffers, or that no dialect file says, by how their names begin.
LEFT_OUT = {
    "aifes": ("q31",), "fann": ("sparse",), "darknet": ("local",), "kann": ("rng", "drand", "normal", "gru", "lstm"),
    "stdcxx": ("mt19937", "minstd", "uniform_real_double", "normal_double"),
}  # fmt: skip


def build(platform):
    if platform in DEVICES:
        return DEVICES[platform]
    cpu, suffix = re.fullmatch(r"(m0|m3|m4f|m7)(.*)", platform).groups()
    return {"target": f"cortex-{cpu}", **SUFFIXES[suffix]}


class Device:
    def __init__(self, case, platform):
        self.seed, self.build = int(case["seed"] or "0x1", 16), build(platform)

    def init(self, dialect, *layers):
        named = [cls(name=f"L{i}", **keys) for i, (cls, keys) in enumerate(layers)]
        return embinit.Model("m", named, dialect=dialect, seed=self.seed, **self.build).init()

    def generator(self, dialect):
        return embinit.Generator.seeded(self.seed, dialect, **self.build)


def relu(kind="ReLU"):
    return embinit.layers.DrawFree, {"kind": kind}


def linear(inputs, outputs, **keys):
    return embinit.Linear, {"in_features": inputs, "out_features": outputs, **keys}


def conv(kernel, inputs, outputs, **keys):
    kind = embinit.Conv2d if len(kernel) == 2 else embinit.Conv1d
    return kind, {"in_channels": inputs, "out_channels": outputs, "kernel_size": list(kernel), **keys}


def mlp(sizes, **keys):
    return [linear(a, b, **keys) for a, b in pairwise(sizes)]


def numbers(call):
    return [float(x) for x in re.search(r"(-?[\d.]+?)f?(?:, ?|\.\.)(-?[\d.]+)f?(?:\)|;|$)", call).groups()]


def named(dialect, name, **parameters):
    return embinit.dialects.dialect_named(dialect).initializer({"name": name, **parameters})


def layer_by_layer(values):
    return [values[key] for key in sorted(values, key=lambda k: (int(k[1:].split(".")[0]), not k.endswith("weight")))]


def neuron_by_neuron(values, parts):
    for i in range(len(values) // 2):
        outputs = values[f"L{i}.bias"].size
        yield np.concatenate([values[f"L{i}.{part}"].reshape(outputs, -1) for part in parts], axis=1)


def drawn(generator, method, a, b, shape):
    out = np.empty(shape, np.float32)
    getattr(generator, method)(a, b, out=out)
    return out


def filled(generator, initializer, shape, **fans):
    out = np.empty(shape, np.float32)
    generator.fill(initializer, out=out, **fans)
    return out


#: The axes of inputs and of outputs in AIfES' own words.
AXES = {
    "glorot2d": (0, 1), "glorot2d_big": (0, 1), "he2d": (0, 1), "he2d_cdim0": (1, 0), "glorot4d_chw": (1, 0),
    "glorot4d_hwc": (3, 0), "he4d": (1, 0),
}  # fmt: skip


def aifes(name, shape, call, device):
    if name.startswith("uniform"):
        return [drawn(device.generator("aifes"), "uniform", *numbers(call), shape)]
    if name in AXES:
        fan_out, fan_in = (math.prod(shape) // shape[axis] for axis in AXES[name])
        kind = "he_uniform" if name.startswith("he") else "glorot_uniform"
        return [filled(device.generator("aifes"), kind, shape, fan_in=fan_in, fan_out=fan_out)]
    if name.startswith("express"):
        init = named("aifes-express", "glorot_uniform")
        if name == "express_uniform":
            init = named("aifes-express", "uniform", **dict(zip(("low", "high"), numbers(call), strict=True)))
        a, b = mlp(shape, weight_init=init)
        return layer_by_layer(device.init("aifes-express", a, relu(), b, relu("Sigmoid")))
    if name == "cnn_chw":
        c, f, g = shape["cin"], shape["f1"], shape["f2"]
        layers = [conv([3, 3], c, f), relu(), conv([3, 2], f, g), (embinit.BatchNorm2d, {"num_features": g})]
        return layer_by_layer(device.init("aifes", *layers, relu("Flatten"), linear(g * 12, 3), relu("Sigmoid")))
    if name == "conv_hwc_tanh":
        return layer_by_layer(device.init("aifes", conv([3, 3], shape["cin"], shape["f1"]), relu("Tanh")))
    after = {"mlp": ("ReLU", "LeakyReLU", "Softmax"), "dense_wt": ("Sigmoid",)}[name]
    layers = [x for layer, kind in zip(mlp(shape), after, strict=True) for x in (layer, relu(kind))]
    return layer_by_layer(device.init("aifes", *layers))


def genann(name, shape, call, device):
    inputs, layers, hidden, outputs = shape
    values = device.init("genann", *mlp([inputs, *[hidden] * layers, outputs]))
    return neuron_by_neuron(values, ("bias", "weight"))


def tinn(name, shape, call, device):
    values = device.init("tinn", *mlp(shape))
    return [values[key] for key in ("L0.weight", "L1.weight", "L0.bias", "L1.bias")]


def nnh(name, shape, call, device):
    low, high = numbers(call)
    return layer_by_layer(device.init("nnh", *mlp(shape, weight_init=named("nnh", "uniform", low=low, high=high))))


def cranium(name, shape, call, device):
    return layer_by_layer(device.init("cranium", *mlp(shape)))


def gxnn(name, shape, call, device):
    return layer_by_layer(device.init("neuralnetworks", *mlp(shape)))


def gxnnb(name, shape, call, device):
    return layer_by_layer(device.init("neuralnetworks-multibias", *mlp(shape)))


def fann(name, shape, call, device):
    a, b, c = shape
    keys, sizes = {}, [(a, b), (a + b if name == "shortcut" else b, c)]
    if name == "randomize":
        low, high = numbers(call)
        keys = {"weight_init": named("fann", "uniform", low=low, high=high)}
    if name == "widrow_nguyen":
        least, most = min(-1.0, 0.0), max(0.25 * (a - 1) - 1, 0.5 * (a - 1))
        scale = float(np.float32((float(np.float32(0.7)) * b) ** (1 / a) / (most - least)))
        keys = {"weight_init": named("fann", "uniform", low=0.0, high=scale)}
        keys["bias_init"] = named("fann", "uniform", low=-scale, high=scale)
    return neuron_by_neuron(device.init("fann", *(linear(*size, **keys) for size in sizes)), ("weight", "bias"))


def kann(name, shape, call, device):
    if name == "mlp":
        a, b, c = shape
        norm = embinit.LayerNorm, {"normalized_shape": b}
        return layer_by_layer(device.init("kann", linear(a, b), relu(), norm, linear(b, c)))
    layer = conv(shape[2:], shape[1], shape[0], bias=False)
    if name == "weight2d":
        layer = linear(shape[1], shape[0], bias=False)
    return layer_by_layer(device.init("kann", layer))


def stdcxx(name, shape, call, device):
    method = "uniform" if name.startswith("uniform") else "normal"
    return [drawn(device.generator("libstdcxx"), method, *numbers(call), shape)]


def tinydnn(name, shape, call, device):
    if name == "lenetish":
        w, h, k, c, f = shape
        layers = [conv([k, k], c, f), relu(), linear((w - k + 1) * (h - k + 1) * f, 3)]
    elif name == "mlp_default":
        a, b, c = shape
        layers = [linear(a, b), relu("Tanh"), linear(b, c)]
    elif name == "gaussian":
        sigma = float(re.search(r"gaussian\(([\d.]+)f", call)[1])
        inits = {"weight_init": named("tiny-dnn", "gaussian", sigma=sigma)}
        layers = [linear(*shape, **inits, bias_init=named("tiny-dnn", "xavier", scale=2.0))]
    else:
        layers = [linear(*shape, weight_init=named("tiny-dnn", "xavier" if name == "unseeded_fc" else name))]
    return layer_by_layer(device.init("tiny-dnn", *layers))


def darknet(name, shape, call, device):
    if name == "connected":
        return layer_by_layer(device.init("darknet", linear(*shape)))
    c, n, groups, k = shape
    values = device.init("darknet", conv([k, k], c, n, groups=groups))
    return [values["L0.weight"], *([values["L0.bias"], np.ones(n, np.float32)] if name == "conv" else [])]


def mnn(name, shape, call, device):
    n, fan = shape
    generator, uniform = device.generator("mnn"), name.startswith("uniform")
    limit = np.sqrt(np.float32(3 if uniform else 2) / np.float32(fan))
    ends = ("uniform", -limit, limit) if uniform else ("normal", 0, limit)
    return [drawn(generator, *ends, n) for _ in range(2)]


def llmc(name, shape, call, device):
    return [drawn(device.generator("llmc"), "uniform" if name == "uniform" else "normal", *numbers(call), shape)]


PROGRAMS = (aifes, genann, tinn, nnh, cranium, gxnn, gxnnb, fann, kann, stdcxx, tinydnn, darknet, mnn, llmc)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_a_program_and_its_dialect_file_agree(program):
    folder = FOLDER / program.__name__
    cases = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["cases"]
    words, calls = np.load(folder / "vectors.npz"), {case["case"]: case["call"] for case in cases}
    seeds, compared = list(dict.fromkeys(case["seed"] for case in cases)), 0
    for case in cases:
        name = case["case"]
        if name.startswith(LEFT_OUT.get(program.__name__, ())):
            continue
        if program is darknet and (name == "conv_after_odd" or seeds.index(case["seed"]) % 2):
            continue  # a normal that the seed before left comes first
        call = calls["normal_small"] if case["call"] == "normal_" else case["call"]
        for platform in case["platforms"]:
            arrays = program(name, case["shape"], call, Device(case, platform))
            bits = np.concatenate([np.ascontiguousarray(array).ravel().view(np.uint32) for array in arrays])
            assert bits.tolist() == words[case["key"]].tolist(), (name, case["seed"], platform)
            compared += 1
    assert compared >= 7
