"""Kaun's numbers: recorded from raven, and from SPEC.md, section kaun, in Python's integers and NumPy with this
machine's logf and cosf; imports nothing of embinit.
"""

import ctypes
import ctypes.util
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

VECTORS = Path(__file__).parents[1] / "vectors" / "kaun"
CASES = json.loads((VECTORS / "cases.json").read_text())
with np.load(VECTORS / "words.npz") as stored:
    WORDS = stored["words"]
F = np.float32
MASK = 2**32 - 1
LIBM = ctypes.CDLL(ctypes.util.find_library("m"))
for function in (LIBM.logf, LIBM.cosf):
    function.argtypes, function.restype = [ctypes.c_float], ctypes.c_float
logf, cosf = (np.vectorize(function, otypes=[np.float32]) for function in (LIBM.logf, LIBM.cosf))


def threefry(k0: int, k1: int, c0: int, c1: int) -> tuple[int, int]:
    """Threefry2x32-20."""
    keys = k0, k1, 0x1BD11BDA ^ k0 ^ k1
    x, y = (c0 + k0) & MASK, (c1 + k1) & MASK
    for i in range(20):
        by = (13, 15, 26, 6, 17, 29, 16, 24)[i % 8]
        x = (x + y) & MASK
        y = (y << by & MASK | y >> 32 - by) ^ x
        if i % 4 == 3:
            s = i // 4 + 1
            x, y = (x + keys[s % 3]) & MASK, (y + keys[(s + 1) % 3] + s) & MASK
    return x, y


def unit(word: int) -> np.float32:
    """The value of a word, from 0 to 1."""
    signed = word - 2**32 if word >= 2**31 else word
    return F(F(F(signed) + F(2**31)) / F(2**32))


class Head:
    """Keys of two words."""

    normal_keys = 1

    @staticmethod
    def key(seed: int) -> tuple[int, int]:
        return seed >> 32 & MASK, seed & MASK

    @staticmethod
    def fold_in(key: tuple[int, int], data: int) -> tuple[int, int]:
        return threefry(*key, data >> 32 & MASK, data & MASK)

    @staticmethod
    def split(key: tuple[int, int], n: int) -> list[tuple[int, int]]:
        return [threefry(*key, 2 * i, 2 * i + 1) for i in range(n)]

    @staticmethod
    def block(key: tuple[int, int], i: int) -> tuple[int, int]:
        return threefry(*key, 2 * i, 2 * i + 1)

    @classmethod
    def pair(cls, keys: Iterator[tuple[int, int]]) -> list[tuple[int, int]]:
        return cls.split(next(keys), 2)


class Alpha3:
    """Keys of one word of 31 bits."""

    normal_keys = 2

    @staticmethod
    def key(seed: int) -> int:
        return abs(seed) & 0x7FFFFFFF

    @staticmethod
    def mix(x: int) -> int:
        x &= MASK
        x = (x ^ x >> 16) * 0x85EBCA6B & MASK
        x = (x ^ x >> 13) * 0xC2B2AE35 & MASK
        return (x ^ x >> 16) & 0x7FFFFFFF

    @classmethod
    def fold_in(cls, key: int, data: int) -> int:
        return cls.mix(key ^ data)

    @classmethod
    def split(cls, key: int, n: int) -> list[int]:
        return [cls.mix(key * (n + 1) + i + 1) for i in range(n)]

    @classmethod
    def block(cls, key: int, i: int) -> tuple[int, int]:
        return threefry(cls.fold_in(key, 2 * i), cls.fold_in(key, 2 * i + 1), 2 * i, 2 * i + 1)

    @staticmethod
    def pair(keys: Iterator[int]) -> list[int]:
        return [next(keys), next(keys)]


ERAS = {"kaun": Head, "kaun-alpha3": Alpha3}


class Scope:
    """Arrays drawn one after the other from a root key."""

    def __init__(self, dialect: str, key) -> None:
        self.era, self.root, self.taken = ERAS[dialect], key, 0
        self.keys = self._keys()

    def _keys(self) -> Iterator:
        while True:
            self.taken += 1
            yield self.era.fold_in(self.root, self.taken - 1)

    def units(self, key, n: int) -> NDArray[np.float32]:
        words = [word for i in range((n + 1) // 2) for word in self.era.block(key, i)]
        return np.array([unit(word) for word in words[:n]], np.float32)

    def uniform(self, low: float, high: float, n: int) -> NDArray[np.float32]:
        return self.units(next(self.keys), n) * F(high - low) + F(low)

    def standard(self, n: int) -> NDArray[np.float32]:
        u1, u2 = (self.units(key, n) for key in self.era.pair(self.keys))
        log = logf(np.maximum(F(1) - u2, F(1e-7)))
        return cosf(u1 * F(6.2831855)) * np.sqrt(F(-2) * log)

    def normal(self, stddev: float, n: int) -> NDArray[np.float32]:
        return self.standard(n) * F(stddev)

    def truncated(self, stddev: float, n: int) -> NDArray[np.float32]:
        z = self.standard(n)
        while (outside := ~((z >= -2) & (z <= 2))).any():
            again = self.standard(n)
            z = np.where(outside & (again >= -2) & (again <= 2), again, z)
        return z * F(stddev)

    def scaled(self, scale: float, mode: str, kind: str, fans: tuple[int, int], n: int) -> NDArray[np.float32]:
        fan = {"fan_in": fans[0], "fan_out": fans[1], "fan_avg": (fans[0] + fans[1]) / 2}[mode]
        if kind == "uniform":
            limit = math.sqrt(3 * (scale / fan))
            return self.uniform(-limit, limit, n)
        draw: Callable = self.normal if kind == "normal" else self.truncated
        deviation = math.sqrt(scale / fan)
        return draw(deviation if kind == "normal" else deviation / 0.87962566103423978, n)


def recorded(dialect: str, kind: str, seed: int) -> NDArray[np.uint32]:
    """The words of the one case of a kind and seed."""
    wanted = {"dialect": dialect, "kind": kind, "seed": seed}
    (case,) = (case for case in CASES if wanted.items() <= case.items())
    return WORDS[case["offset"] :][: case["words"]]
