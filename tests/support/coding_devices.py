"""Devices that hold weights as codes: a quantizer by groups of indices, whose every step may be a mistake."""

import math

import numpy as np

from support import reference
from support.mistaken import drawn_layers, made

F32 = np.float32


def half_away(x):
    return [math.floor(abs(v) + 0.5) * (1 if v >= 0 else -1) if abs(v) < 2**40 else v for v in map(float, x)]


def packed(codes, bits, high_first=False):
    """Codes in a stream of bits, as one Python integer."""
    if high_first:
        text = "".join(f"{code & (1 << bits) - 1:0{bits}b}" for code in codes)
        text += "0" * (-len(text) % 8)
        return bytes(int(text[i : i + 8], 2) for i in range(0, len(text), 8))
    stream = sum((code & (1 << bits) - 1) << bits * i for i, code in enumerate(codes))
    return stream.to_bytes(-(-len(codes) * bits // 8), "little")


def by_tensor(shape):
    return [np.arange(math.prod(shape))]


def by_axis(axis):
    def groups(shape):
        index = np.arange(math.prod(shape)).reshape(shape)
        return [index.take(i, axis).reshape(-1) for i in range(shape[axis])]

    return groups


def by_run(run):
    return lambda shape: np.arange(math.prod(shape)).reshape(-1, run)


def true_scale(span, steps):
    return F32(span) / F32(steps)


def true_quotient(values, scale):
    return values / F32(scale)


class Quantizer:
    """Makes codes as format says, but for its mistakes."""

    def __init__(self, kind, bits, groups=by_tensor, scale=true_scale, quotient=true_quotient, rounded=half_away,
                 added=False, stored=1, high_first=False):  # fmt: skip
        self.kind, self.bits, self.groups, self.scale, self.quotient = kind, bits, groups, scale, quotient
        self.rounded, self.added, self.stored, self.high_first = rounded, added, stored, high_first

    def __call__(self, values):
        """The payload, the scales and the zero points of an array."""
        flat, codes = values.reshape(-1), [0] * values.size
        groups = self.groups(values.shape)
        grids = [self.grid(flat[group]) for group in groups]
        for group, (scale, zero) in zip(groups, grids, strict=True):
            for i, code in zip(group, self.codes(flat[group], scale, zero), strict=True):
                codes[i] = code
        scales = np.array([scale for scale, _ in grids], F32).tobytes()
        zeros = np.array([self.stored * zero for _, zero in grids], np.int64)
        zeros = {"asym": zeros.astype("<i4"), "affine": zeros.astype("<u2")}.get(self.kind, zeros[:0]).tobytes()
        if self.kind == "int" and self.bits == 8:
            return np.array(codes, "i1").tobytes(), scales, zeros
        return packed(codes, self.bits, self.high_first), scales, zeros

    def grid(self, values):
        if self.kind in ("sym", "int"):
            return self.scale(np.abs(values).max(), 2 ** (self.bits - 1) - 1), 0
        low, high = values.min(), values.max()
        if self.kind == "affine":
            low, high = min(low, F32(0)), max(high, F32(0))
        scale = self.scale(high - low, 2**self.bits - 1)
        zero = int(self.rounded([self.quotient(low, scale)])[0])
        return scale, min(max(-zero, 0), 2**self.bits - 1) if self.kind == "affine" else zero

    def codes(self, values, scale, zero):
        sign = -1 if self.added else 1
        if self.kind == "asym":
            codes, ends = self.rounded(self.quotient(values, scale) - F32(sign * zero)), (0, 2**self.bits - 1)
        elif self.kind == "affine":
            quotients = self.rounded(self.quotient(values, scale))
            codes, ends = [int(q) + sign * zero for q in quotients], (0, 2**self.bits - 1)
        else:
            top = 2 ** (self.bits - 1) - 1
            codes, ends = self.rounded(self.quotient(values, scale)), (-top if self.kind == "int" else -top - 1, top)
        return [min(max(int(code), ends[0]), ends[1]) for code in codes]


def dump_of(model, target, quantizer, beside=False, **mistakes):
    """What the device holds: codes of weights, biases as they are, and perhaps scales and zero points."""
    shapes = {f"{layer['name']}.weight": reference.weight_shape(layer) for layer in drawn_layers(model)}
    found = {}
    for name, held in made(model, target, **mistakes).items():
        if name not in shapes:
            found[name] = held
            continue
        payload, scale, zero_point = quantizer(np.frombuffer(held, F32).reshape(shapes[name]))
        found[name] = payload
        if beside:
            found[f"{name}.scale"] = scale
            found |= {f"{name}.zero_point": zero_point} if zero_point else {}
    return found
