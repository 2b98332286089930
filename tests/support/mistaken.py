"""A device that makes mistakes: NumPy, one rounding a line, nothing of the package but sizes from the model file."""

import math
import time
import tomllib
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import embinit
from embinit.api import from_tables
from embinit.bundle import gather
from embinit.diagnose import diagnose

from support import reference

EXAMPLES = Path(__file__).parents[2] / "examples"
MODELS = ["starter", "ecg_anomaly_ae", "mnist_cnn"]
TARGETS = {"cortex-m0": False, "cortex-m4f": True}  # whether the build fuses
#: Each model, and each target.
CASES = pytest.mark.parametrize(("model", "target"), [*zip(MODELS, [*TARGETS, *TARGETS], strict=False)])
SEED = 42


def covering(mistakes):
    """Cases of (mistake, model, target): each mistake meets each target, on two of the models, and any two of these."""
    return [
        (mistake, MODELS[(i + j) % len(MODELS)], target)
        for i, mistake in enumerate(mistakes)
        for j, target in enumerate(TARGETS)
    ]


def tables(model):
    return tomllib.loads((EXAMPLES / f"{model}.toml").read_text())


def drawn_layers(model):
    return [layer for layer in tables(model)["layer"] if layer["type"] in reference.DRAWN_LAYERS]


def f32(bits):
    return np.array([bits], np.uint32).view(np.float32)[0]


@cache
def words(state, n):
    generator = reference.Xorshift32(state)
    return np.array([generator.draw() for _ in range(n)], np.uint32)


def kaiming(gain):
    """The limit of fan_in with a gain."""
    return lambda fan_in, fan_out: f32(reference.kaiming_uniform_limit(reference.f32(gain), fan_in))


DEFAULT, HE = kaiming("0.57735026919"), kaiming("1.41421356237")


def fan_out(fan_in, fan_out):
    return DEFAULT(fan_out, fan_in)


def uniform(words, limit, fused):
    r = (words >> np.uint32(8)).astype(np.float32) * np.float32(2**-24)
    width = np.float32(limit + limit)
    if fused:  # at most 49 significant bits: float64 holds the sum
        return (r.astype(np.float64) * np.float64(width) - np.float64(limit)).astype(np.float32)
    return (r * width).astype(np.float32) - limit


class Device:
    """Draws for one buffer after the other; every keyword is a mistake to make."""

    def __init__(
        self,
        model,
        fused,
        state=SEED,
        skip=0,
        weight=DEFAULT,
        bias=DEFAULT,
        order="wb",
        again=None,
        change_layout=None,
        layers=list,
    ):
        self.stream, self.at, self.fused = words(state, 12000), skip, fused
        held_layers = drawn_layers(model)
        names = [layer["name"] for layer in held_layers]
        sizes = dict(zip(names, held_layers, strict=True))
        todo = [(name, part) for name in layers(names) for part in order] if order in ("wb", "bw") else None
        if todo is None:  # all weights, then all biases
            todo = [(name, part) for part in "wb" for name in names]
        held, last = {}, None
        for name, part in todo:
            layer = sizes[name]
            if again == "buffer" or (again == "layer" and name != last):
                self.at = skip
            last = name
            if part == "w":
                shape = reference.weight_shape(layer)
                axes = change_layout(len(shape)) if change_layout else range(len(shape))
                values = self.draw(math.prod(shape), weight(*reference.fans(layer)))
                values = values.reshape([shape[axis] for axis in axes])
                held[f"{name}.weight"] = values.transpose(np.argsort(axes)).copy()
            elif bias is None:
                held[f"{name}.bias"] = np.zeros(reference.bias_size(layer), np.float32)
            else:
                held[f"{name}.bias"] = self.draw(reference.bias_size(layer), bias(*reference.fans(layer)))
        self.arrays = {f"{name}.{part}": held[f"{name}.{part}"] for name in names for part in ("weight", "bias")}

    def draw(self, n, limit):
        taken = self.stream[self.at : self.at + n]
        self.at += n
        return uniform(taken, limit, self.fused)


def memory(arrays):
    return {name: values.tobytes() for name, values in arrays.items()}


def made(model, target, change=None, **mistakes):
    """The memory of a device; change: what becomes of each array."""
    fused = mistakes.pop("fused", TARGETS[target])
    arrays = Device(model, fused, **mistakes).arrays
    return memory(arrays if change is None else {name: change(values) for name, values in arrays.items()})


def weights_only(change):
    return lambda values: change(values) if values.ndim > 1 else values


def transposed(order):
    """Weights written in another order of their axes; a matrix follows the order of the first two."""
    axes = lambda ndim: [axis for axis in order if axis < ndim]  # noqa: E731
    return weights_only(lambda values: np.ascontiguousarray(values.transpose(axes(values.ndim))))


def fixed(values):
    return np.array([float(f"{value:.6f}") for value in values.ravel().tolist()], np.float32)


def shortest(values):
    return np.array([float(f"{value:g}") for value in values.ravel().tolist()], np.float32)


def half(values):
    return values.astype(np.float16).astype(np.float32)


def bfloat(values):
    return (values.view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)


def swapped(values):
    return values.byteswap()


@cache
def bundle(model, target, seed=SEED):
    return gather(embinit.load(EXAMPLES / f"{model}.toml", target=target, seed=seed).plan())


@cache
def compiled():
    """Compile or load the kernels once, so that times are those of the search."""
    generator = embinit.Generator(embinit.Xorshift32(1))
    generator.shuffle([1, 2])
    generator.normal(0, 1, out=np.empty(2, np.float32))
    embinit.encode(np.ones(2, np.float32), "asym5").decode()
    embinit.encode(np.ones(2, np.float32), "int4")
    diagnose(bundle("starter", "cortex-m0"), made("starter", "cortex-m4f"), "")


def diagnosed(simulated, dump):
    """The diagnosis of a dump, which must come fast."""
    compiled()
    start = time.process_time()
    diagnosis = diagnose(simulated, dump, "dump")
    assert time.process_time() - start < 10
    return diagnosis


def first(simulated, dump):
    """The first explanation of a dump, which must be exact."""
    diagnosis = diagnosed(simulated, dump)
    assert not diagnosis.report.agrees
    assert diagnosis.explained, str(diagnosis)
    found = diagnosis.explanations[0]
    assert found.exact
    assert found.image == dump
    return found


def names(explanation):
    return [cause.hypothesis.name for cause in explanation.causes]


def later(model):
    """A weight of some size that is not the first."""
    return {"starter": "fc.weight", "ecg_anomaly_ae": "deconv1.weight", "mnist_cnn": "conv2.weight"}[model]


def assert_reproduces(model, target, explanation, seed=SEED):
    """The lines, put in the model file, give the bytes of the explanation."""
    file = tables(model)
    overrides = {"target": target, "seed": seed} | tomllib.loads(explanation.lines.get("[model]", ""))
    for layer in file["layer"]:
        if layer["type"] in reference.DRAWN_LAYERS:
            for head in ("[[layer]]", f"[[layer]] {layer['name']}"):
                layer |= tomllib.loads(explanation.lines.get(head, ""))
    declared = "\n".join(f"{head}\n{text}" for head, text in explanation.lines.items() if head.startswith("[dialect"))
    if declared:
        file |= tomllib.loads(declared)
        del file["model"]["dialect"]
    entries = gather(from_tables(file, overrides).plan()).entries
    assert {entry.row.name: entry.payload for entry in entries} == explanation.image
