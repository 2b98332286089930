"""The slow oracle: what the specification says, in Python ints and Fractions, one rounding at a time.

A float32 is its 32 bits, held in an int. Generators, the `odt` dialects and the uniforms of `torch` stand here, buffer
formats in `reference_formats`. Nothing is shared with the package, and nothing here is fast.
"""

import math
from collections.abc import Callable
from fractions import Fraction
from functools import cache, lru_cache
from typing import Any, Protocol

# binary32

SIGN, INF, NAN = 0x80000000, 0x7F800000, 0x7FC00000


@cache
def power_of_two(exponent: int) -> Fraction:
    return Fraction(2) ** exponent


def round_f32(exact: Fraction | int, zero: int = 0) -> int:
    """Bits of the float32 nearest to `exact`, ties to even; an exact zero gives `zero` (the bits of +0 or of -0)."""
    if exact == 0:
        return zero
    magnitude = abs(Fraction(exact))
    exponent = magnitude.numerator.bit_length() - magnitude.denominator.bit_length()
    if magnitude < power_of_two(exponent):
        exponent -= 1
    exponent = max(exponent, -126)
    significand = round(magnitude * power_of_two(23 - exponent))  # Python rounds a Fraction half to even
    bits = min(((exponent + 126) << 23) + significand, INF)  # the sum carries into the exponent where it must
    return bits | SIGN if exact < 0 else bits


def round_dyadic(n: int, exponent: int, zero: int = 0) -> int:
    """round_f32 of n * 2**exponent, which is all that sums and products of float32 numbers are."""
    if n == 0:
        return zero
    magnitude = abs(n)
    last = exponent + magnitude.bit_length() - 24  # the exponent of the last bit that stays
    if last < -149:
        last = -149
    lost = last - exponent
    if lost <= 0:
        significand = magnitude << -lost
    else:
        half, rest = 1 << lost - 1, magnitude & (1 << lost) - 1
        significand = magnitude >> lost
        significand += rest > half or (rest == half and significand & 1)
    bits = min((last + 149 << 23) + significand, INF)
    return bits | SIGN if n < 0 else bits


def f32(literal: str | float | Fraction) -> int:
    """Bits of a C literal such as f32("0.7"): the decimal rounded once, not by way of a double; -0.0 keeps its sign."""
    if isinstance(literal, int):
        return round_dyadic(literal, 0)
    return _once_rounded(str(literal), literal)


@lru_cache(2**10)
def _once_rounded(text: str, literal: str | float | Fraction) -> int:
    return round_f32(Fraction(literal), SIGN if text.startswith("-") else 0)


@lru_cache(2**16)
def value(x: int) -> Fraction:
    """Exact value of a finite float32; ValueError for Inf and NaN."""
    if not is_finite(x):
        raise ValueError(f"value needs a finite float32, got {x:#010x}")
    exponent, fraction = x >> 23 & 0xFF, x & 0x7FFFFF
    magnitude = (fraction | (exponent > 0) << 23) * power_of_two(max(exponent, 1) - 150)
    return -magnitude if x & SIGN else magnitude


def dyadic(x: int) -> tuple[int, int]:
    """A finite float32 as n and e of n * 2**e."""
    exponent, n = x >> 23 & 0xFF, x & 0x7FFFFF
    if exponent:
        return -(n | 0x800000) if x & SIGN else n | 0x800000, exponent - 150
    return -n if x & SIGN else n, -149


def is_nan(x: int) -> bool:
    return x & ~SIGN > INF


def is_finite(x: int) -> bool:
    return x & INF != INF


def order(x: int) -> int:
    """Integer that sorts as the float32 does, infinities included; +0 and -0 are equal. Not for NaN."""
    return -(x & ~SIGN) if x & SIGN else x


def add(x: int, y: int) -> int:
    """fl(x + y); an exact zero is -0 only for -0 + -0."""
    if is_finite(x) and is_finite(y):
        return _sum(dyadic(x), dyadic(y), x & y & SIGN)
    if is_nan(x) or is_nan(y) or y == x ^ SIGN:
        return NAN
    return y if is_finite(x) else x


def _sum(x: tuple[int, int], y: tuple[int, int], zero: int) -> int:
    (m, i), (n, j) = x, y
    return round_dyadic((m << i - j) + n, j, zero) if i > j else round_dyadic(m + (n << j - i), i, zero)


def sub(x: int, y: int) -> int:
    """fl(x - y)."""
    return add(x, y ^ SIGN)


def mul(x: int, y: int) -> int:
    """fl(x * y)."""
    sign = (x ^ y) & SIGN
    if is_finite(x) and is_finite(y):
        (m, i), (n, j) = dyadic(x), dyadic(y)
        return round_dyadic(m * n, i + j, sign)
    return NAN if is_nan(x) or is_nan(y) or 0 in (x & ~SIGN, y & ~SIGN) else INF | sign


def div(x: int, y: int) -> int:
    """fl(x / y): a quotient of 40 and more bits, then a sticky half that stands for all that follows."""
    sign = (x ^ y) & SIGN
    if is_finite(x) and is_finite(y) and y & ~SIGN:
        (m, i), (n, j) = dyadic(x), dyadic(y)
        quotient, rest = divmod(abs(m) << 64, abs(n))
        return round_dyadic(2 * quotient + (rest != 0), i - j - 65) | sign
    if is_nan(x) or is_nan(y) or x & ~SIGN == y & ~SIGN:  # the only equal magnitudes left are 0/0 and Inf/Inf
        return NAN
    return sign if not is_finite(y) else INF | sign


def fma(x: int, y: int, z: int) -> int:
    """fl(x*y + z), rounded once."""
    if not (is_finite(x) and is_finite(y)):
        return add(mul(x, y), z)
    if not is_finite(z):
        return NAN if is_nan(z) else z
    (m, i), (n, j) = dyadic(x), dyadic(y)
    return _sum((m * n, i + j), dyadic(z), (x ^ y) & z & SIGN)


def sqrt(x: int) -> int:
    """fl(sqrt(x)): an integer root of 53 and more bits, then a sticky half that stands for all that follows."""
    if is_nan(x) or x & ~SIGN == 0:
        return x
    if x & SIGN or x == INF:
        return NAN if x & SIGN else INF
    n, exponent = dyadic(x)
    square = n << exponent + 256
    root = math.isqrt(square)
    return round_dyadic(2 * root + (root * root != square), -129)


# Bit generators


class Generator(Protocol):
    def draw(self) -> int: ...


class Xorshift32:
    """Marsaglia's xorshift with shifts 13, 17, 5: the new state is the draw."""

    PERIOD = 2**32 - 1

    def __init__(self, state: int) -> None:
        self.state = state

    def draw(self) -> int:
        self.state = self.step(self.state)
        return self.state

    def jump(self, n: int) -> None:
        """Move by n draws, backwards where n < 0: the n-th power of the 32 x 32 step matrix over GF(2)."""
        power, square = [1 << j for j in range(32)], [self.step(1 << j) for j in range(32)]  # column j: image of bit j
        for bit in reversed(bin(n % self.PERIOD)[2:]):
            if bit == "1":
                power = [self.apply(square, column) for column in power]
            square = [self.apply(square, column) for column in square]
        self.state = self.apply(power, self.state)

    @staticmethod
    def step(x: int) -> int:
        x ^= x << 13 & 0xFFFFFFFF
        x ^= x >> 17
        return x ^ x << 5 & 0xFFFFFFFF

    @staticmethod
    def apply(matrix: list[int], x: int) -> int:
        image = 0
        for j, column in enumerate(matrix):
            image ^= column if x >> j & 1 else 0
        return image


class Pcg32:
    """PCG-XSH-RR 64/32, seeded as pcg32_srandom_r(seed, stream) does."""

    MULTIPLIER = 6364136223846793005

    def __init__(self, seed: int, stream: int) -> None:
        self.increment = (2 * stream + 1) % 2**64
        self.state = 0
        self.draw()
        self.state = (self.state + seed) % 2**64
        self.draw()

    def draw(self) -> int:
        old = self.state
        self.state = (old * self.MULTIPLIER + self.increment) % 2**64
        word, rotation = (old >> 18 ^ old) >> 27 & 0xFFFFFFFF, old >> 59
        return (word >> rotation | word << 32 - rotation) & 0xFFFFFFFF

    def jump(self, n: int) -> None:
        """Move by n draws, backwards where n < 0: the n-th power of x -> a*x + c modulo 2^64."""
        power, square = (1, 0), (self.MULTIPLIER, self.increment)
        for bit in reversed(bin(n % 2**64)[2:]):
            if bit == "1":
                power = self.compose(square, power)
            square = self.compose(square, square)
        self.state = (power[0] * self.state + power[1]) % 2**64

    @staticmethod
    def compose(after: tuple[int, int], before: tuple[int, int]) -> tuple[int, int]:
        return after[0] * before[0] % 2**64, (after[0] * before[1] + after[1]) % 2**64


class MT19937:
    """Matsumoto and Nishimura's Mersenne Twister with init_genrand; only the low 32 bits of the seed count."""

    def __init__(self, seed: int) -> None:
        self.words = [seed % 2**32]
        for j in range(1, 624):
            before = self.words[-1]
            self.words.append((1812433253 * (before ^ before >> 30) + j) % 2**32)
        self.position = 624

    def draw(self) -> int:
        if self.position == 624:
            self.twist()
        y = self.words[self.position]
        self.position += 1
        y ^= y >> 11
        y ^= y << 7 & 0x9D2C5680
        y ^= y << 15 & 0xEFC60000
        return y ^ y >> 18

    def twist(self) -> None:
        for j in range(624):
            y = self.words[j] & 0x80000000 | self.words[(j + 1) % 624] & 0x7FFFFFFF
            self.words[j] = self.words[(j + 397) % 624] ^ y >> 1 ^ (0x9908B0DF if y & 1 else 0)
        self.position = 0


# Layers, in the words of a model file: type, in_channels, out_channels, kernel_size, groups, in_features, ...

Layer = dict[str, Any]
Tensors = dict[str, list[int]]


def fans(layer: Layer) -> tuple[int, int]:
    """fan_in and fan_out of a Linear, Conv1d or ConvTranspose1d."""
    if layer["type"] == "Linear":
        return layer["in_features"], layer["out_features"]
    groups, k = layer.get("groups", 1) or 1, layer["kernel_size"]
    if layer["type"] == "Conv1d":
        return layer["in_channels"] // groups * k, layer["out_channels"] // groups * k
    return layer["out_channels"] // groups * k, layer["in_channels"] * k


def weight_shape(layer: Layer) -> list[int]:
    if layer["type"] == "Linear":
        return [layer["out_features"], layer["in_features"]]
    groups, k = layer.get("groups", 1) or 1, layer["kernel_size"]
    if layer["type"] == "Conv1d":
        return [layer["out_channels"], layer["in_channels"] // groups, k]
    return [layer["in_channels"], layer["out_channels"] // groups, k]


def bias_size(layer: Layer) -> int:
    return layer["out_features" if layer["type"] == "Linear" else "out_channels"] if layer.get("bias", True) else 0


# OnDeviceTraining

ODT_SEED_ZERO = {"odt": 0xFFFFFFFF, "odt-2026-06": 0xFFFFFFFF, "odt-2026-04": 1}
DEFAULT_GAIN, RELU_GAIN = f32("0.57735026919"), f32("1.41421356237")
SMALLEST, TWO_PI = f32("1e-7"), f32("6.2831855")
DRAWN_LAYERS = ("Linear", "Conv1d", "ConvTranspose1d")


def odt_seeded(seed: int | None, dialect: str = "odt") -> Xorshift32:
    """The stream after rngSetSeed(seed); None is a program that never seeds."""
    if seed is None:
        return Xorshift32(1)
    return Xorshift32(seed or ODT_SEED_ZERO[dialect])


def odt_float(generator: Generator) -> int:
    """rngNextFloat: k * 2^-24, exact."""
    return round_dyadic(generator.draw() >> 8, -24)


def odt_shuffle(indices: list[int], generator: Generator) -> None:
    """rngShuffleIndices, in place: from the end, with rejection of the draws that would favour small indices."""
    for i in range(len(indices) - 1, 0, -1):
        limit = 0xFFFFFFFF - 0xFFFFFFFF % (i + 1)
        x = generator.draw()
        while x >= limit:
            x = generator.draw()
        j = x % (i + 1)
        indices[i], indices[j] = indices[j], indices[i]


def odt_bernoulli(p: int, n: int, generator: Generator) -> list[bool]:
    """One draw per bit: r < p."""
    return [order(odt_float(generator)) < order(p) for _ in range(n)]


def odt_mask(buffer: bytes, chosen: list[bool]) -> bytes:
    """`buffer` with its first bits, the lowest of each byte first, replaced by `chosen`."""
    n, old = len(chosen), int.from_bytes(buffer, "little")
    new = sum(bit << i for i, bit in enumerate(chosen))
    return (old >> n << n | new).to_bytes(len(buffer), "little")


def odt_uniform(low: int, high: int, generator: Generator, fused: bool) -> int:
    r, width = odt_float(generator), sub(high, low)
    return fma(r, width, low) if fused else add(low, mul(r, width))


def odt_normal(
    mean: int,
    stddev: int,
    generator: Generator,
    fused: bool,
    logf: Callable[[int], int],
    cosf: Callable[[int], int],
    dialect: str = "odt",
) -> int:
    """Box-Muller's cosine; `logf` and `cosf`, bits to bits, are the device's libm."""
    u1 = odt_float(generator)
    u2 = odt_float(generator)
    while order(u1) <= order(SMALLEST):
        u1 = odt_float(generator)
    radius, cosine = sqrt(mul(f32(-2), logf(u1))), cosf(mul(TWO_PI, u2))
    x, y = (mul(stddev, radius), cosine) if dialect == "odt" else (stddev, mul(radius, cosine))
    return fma(x, y, mean) if fused else add(mean, mul(x, y))


def kaiming_uniform_limit(gain: int, fan: int) -> int:
    return mul(gain, sqrt(div(f32(3), f32(fan))))


def xavier_uniform_limit(gain: int, fan_in: int, fan_out: int) -> int:
    return mul(gain, sqrt(div(f32(6), f32(fan_in + fan_out))))


def kaiming_normal_stddev(gain: int, fan: int) -> int:
    return div(gain, sqrt(f32(fan)))


def xavier_normal_stddev(gain: int, fan_in: int, fan_out: int) -> int:
    return mul(gain, sqrt(div(f32(2), f32(fan_in + fan_out))))


def odt_weight_limit(layer: Layer, dialect: str = "odt") -> int:
    """Limit of a layer's weights from its `weight_init` (default, kaiming_uniform, xavier_uniform) and `gain`."""
    fan_in, fan_out = fans(layer)
    scheme, gain = layer.get("weight_init", "default"), f32(layer.get("gain", 0))
    gain = gain if gain & ~SIGN else 0  # -0.0 stands for the scheme's own gain too
    if dialect == "odt-2026-04" and scheme != "default":
        raise ValueError(f"odt-2026-04 has no weight_init but default, got {scheme}")
    if scheme == "default":
        return kaiming_uniform_limit(RELU_GAIN if dialect == "odt-2026-04" else DEFAULT_GAIN, fan_in)
    if scheme == "kaiming_uniform":
        return kaiming_uniform_limit(gain or RELU_GAIN, fan_in)
    return xavier_uniform_limit(gain or f32(1), fan_in, fan_out)


def odt_layer(layer: Layer, generator: Generator, fused: bool, dialect: str = "odt") -> Tensors:
    """Parameters of one layer: weights in storage order, then bias; gamma and beta of a norm; {} for any other type."""
    if layer["type"] in ("LayerNorm", "GroupNorm"):
        n = layer["num_channels"] if layer["type"] == "GroupNorm" else math.prod(layer["normalized_shape"])
        return {"gamma": [f32(1)] * n, "beta": [f32(0)] * n}
    if layer["type"] not in DRAWN_LAYERS:
        return {}

    def symmetric(limit: int, n: int) -> list[int]:
        return [odt_uniform(limit ^ SIGN, limit, generator, fused) for _ in range(n)]

    tensors = {"weight": symmetric(odt_weight_limit(layer, dialect), math.prod(weight_shape(layer)))}
    if n := bias_size(layer):
        limit = kaiming_uniform_limit(DEFAULT_GAIN, fans(layer)[0])
        tensors["bias"] = [f32(0)] * n if dialect == "odt-2026-04" else symmetric(limit, n)
    return tensors


def odt_model(layers: list[Layer], seed: int | None, fused: bool, dialect: str = "odt") -> tuple[Tensors, int]:
    """All parameters, named <layer>.<tensor> with L<index> for a layer without a name, and the state after them."""
    generator = odt_seeded(seed, dialect)
    tensors: Tensors = {}
    for i, layer in enumerate(layers):
        name = layer.get("name", f"L{i}")
        tensors |= {f"{name}.{key}": bits for key, bits in odt_layer(layer, generator, fused, dialect).items()}
    return tensors, generator.state


# PyTorch: bounds are Python doubles, as in torch.nn.init


def torch_uniform(low: float, high: float, generator: Generator, fused: bool) -> int:
    """One element of uniform_(low, high): variant F where fused, N where not."""
    start, end = f32(low), f32(high)
    x, width = round_dyadic(generator.draw() & 0xFFFFFF, -24), sub(end, start)
    drawn = fma(x, width, start) if fused else add(mul(x, width), start)
    return start if order(drawn) == order(end) else drawn


def torch_default_weight_bound(fan_in: int) -> float:
    """kaiming_uniform_(a=sqrt(5))."""
    gain = math.sqrt(2.0 / (1 + math.sqrt(5) ** 2))
    return math.sqrt(3.0) * (gain / math.sqrt(fan_in))


def torch_default_bias_bound(fan_in: int) -> float:
    return 1 / math.sqrt(fan_in)


def torch_layer(layer: Layer, generator: Generator, fused: bool) -> Tensors:
    """Default parameters of a Linear, Conv1d or ConvTranspose1d: weight, then bias; {} for any other type."""
    if layer["type"] not in DRAWN_LAYERS:
        return {}

    def symmetric(bound: float, n: int) -> list[int]:
        return [torch_uniform(-bound, bound, generator, fused) for _ in range(n)]

    fan_in, _ = fans(layer)
    tensors = {"weight": symmetric(torch_default_weight_bound(fan_in), math.prod(weight_shape(layer)))}
    if n := bias_size(layer):
        tensors["bias"] = symmetric(torch_default_bias_bound(fan_in), n)
    return tensors
