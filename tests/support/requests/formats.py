"""Requests to a C harness and the answers of the kernels: buffers in formats."""

import re
import zlib

import numpy as np

from embinit import EmbinitError, Generator, Xorshift32
from embinit.formats import ROUNDINGS, QuantizationParameters, format_named
from embinit.store import encode

from support.compilers import CORE

F32 = np.float32
UNITS = (*CORE, "embinit_codes", "embinit_formats")
CORNERS = [0.0, -0.0, 0.5, -0.5, 1.5, -2.5, 127.5, 1.0, -1.0, 1e-41, -3e38, 3e38, 0.49999997]
#: States whose next word gives the smallest jitters, 0 and 2^-24, and the largest.
RARE = [Xorshift32(word).jumped(-1).state for word in (1, 0xFF, 0x100, 0x1FF, 0xFFFFFFFF)]
FAMILIES = ["q", "int", "sym", "sym_int32", "asym", "affine", "bfp"]


def name_of(chance):
    """Any format."""
    family, width = chance.choice(FAMILIES), chance.randint(1, 31)
    if family == "q":
        m = chance.randint(1, width + 1)
        return f"q{m}.{width + 1 - m}"
    if family == "bfp":
        return f"bfp{chance.randint(2, 16)}e{chance.randint(2, 8)}"
    if family == "int":
        return chance.choice(["int4", "int8"])
    if family == "sym_int32":
        return f"sym_int32/{chance.choice([width, 0])}"
    return f"{family}{min(width, {'asym': 30, 'affine': 16}.get(family, 31))}"


def in_c(name):
    """What the C harness calls a format: a family and two numbers."""
    family = re.match(r"sym_int32|[a-z]+", name)[0]
    first, second = [*map(int, re.findall(r"\d+", name.removeprefix("sym_int32"))), 0][:2]
    return [FAMILIES.index(family), first + second if family == "q" else first, second]


def values(chance, n):
    kind, size = chance.random(), 2.0 ** chance.choice([chance.randint(-20, 20), chance.randint(-140, 120)])
    if kind < 0.1:
        return np.full(n, chance.choice([0.0, 0.3, -0.3]), F32)
    array = np.array([chance.gauss(0, 1) for _ in range(n)]) * size + chance.choice([0, 0, 3 * size])
    if kind < 0.3:
        array = np.rint(array / size * 4) / 4  # ties
    array = array.astype(F32)
    if kind > 0.8:
        array[chance.randrange(n)] = F32(chance.choice([*CORNERS, np.inf, np.nan]))
    return array


def encode_request(chance, name, array, rounding, groups):
    """The request for a buffer of groups or, in two rounds, of channels; and the answer that the package gives."""
    state, layout = chance.choice([chance.getrandbits(32) or 1, chance.choice(RARE)]), format_named(name)
    run, sharing = array.size // groups, {}
    if groups > 1 and layout.grouping == "groups":
        sharing = {"group_size": run}
    elif groups > 1:
        run //= 2
        array, sharing = array[: 2 * groups * run].reshape(2, groups, run), {"channel_axis": 1}
    asked = [0, *in_c(name), layout.bits, ROUNDINGS.index(rounding), run, groups, state, array.size]
    asked += array.reshape(-1).view(np.uint32).tolist()
    generator = Generator(Xorshift32(state))
    try:
        buffer = encode(array, name, rounding, generator, **sharing)
    except EmbinitError:
        return asked, [0]
    scale = layout.grid(QuantizationParameters(buffer.scale, buffer.zero_point, buffer.exponents)).scale
    zero_points = [0] * groups if buffer.zero_point is None else buffer.zero_point.tolist()
    exponents = [0] * groups if buffer.exponents is None else buffer.exponents.tolist()
    parameters = zip(scale.view(np.uint32).tolist(), [z & 0xFFFFFFFF for z in zero_points], exponents, strict=True)
    data = np.ascontiguousarray(buffer.data).tobytes()
    words = np.frombuffer(data + b"\0" * (-len(data) % 4), np.uint32).tolist()
    decoded = buffer.decode().reshape(-1).view(np.uint32).tolist()
    beside = [parameter for group in parameters for parameter in group]
    return asked, [1, generator.bitgen.state, buffer.clipped, *beside, *words, *decoded]


def encode_requests(chance, count):
    for _ in range(count):
        name = name_of(chance)
        groups = 1 if format_named(name).grouping == "none" else chance.choice([1, 1, 2, 5])
        array = values(chance, groups * chance.randint(2, 200 // groups))
        if name.startswith("q"):
            array = np.where(np.isnan(array), F32(0.5), array)
        yield encode_request(chance, name, array, chance.choice(ROUNDINGS), groups)
    for name, arrays in LIMITS.items():
        for array in arrays:
            for rounding in ROUNDINGS:
                yield encode_request(chance, name, np.array(array, F32), rounding, 1)


def fixed_point_requests(chance, count, floats):
    """Floats spread over all bit patterns, and a dense run about a tie; NaN is read as 0."""
    for _ in range(count):
        width, rounding = chance.randint(2, 32), chance.randrange(4)
        frac_bits = chance.randint(0, width - 1)
        tie = int(F32((chance.randint(0, 2**20) + 0.5) / 2.0**frac_bits).view(np.uint32)) | chance.getrandbits(1) << 31
        for first, stride in ((chance.getrandbits(32), chance.getrandbits(32) | 1), (tie - floats // 2, 1)):
            words = (np.arange(floats, dtype=np.uint64) * stride + first).astype(np.uint32)
            words[np.isnan(words.view(F32))] = 0
            buffer = encode(words.view(F32), f"q{width - frac_bits}.{frac_bits}", ROUNDINGS[rounding])
            crc32 = zlib.crc32(buffer.data.astype(np.int32).tobytes())
            yield [1, width, frac_bits, rounding, first, stride, floats], [0, crc32, buffer.clipped, 0]


def fill_requests(chance, count):
    for _ in range(count):
        bits, state, n = chance.choice([8, 16, 32]), chance.getrandbits(32) or 1, chance.randrange(60)
        layout, generator = format_named(f"q1.{bits - 1}"), Generator(Xorshift32(state))
        bound = chance.choice([0, 1, layout.qmax, chance.randint(0, layout.qmax)])
        codes = layout.uniform(generator, bound, n).astype(np.int32).view(np.uint32).tolist()
        yield [2, bits, bound, state, n], [*codes, generator.bitgen.state]


#: Where a grid is at its limits: the largest and the smallest exponents, a block that saturates, a zero point of -1.
LIMITS = {
    "bfp2e8": [[3e38, 1.0], [2.0**-126, 0], [2.0**-127, 0], [6e-39, 1e-39], [5.8e-39, 1e-45], [2.0**-149]],
    "bfp8e8": [[3e38, -3e38], [1e-36, 1e-38], [1e-44]],
    "bfp4e2": [[29.2, -33.0, 28.0, 1.0], [100.0, -100.0]],
    "affine8": [[1.0, 2.0, 3.0], [-2.5, 0.0, 252.5], [-1.0, -2.0]],
    "sym26": [[0.5, -1.0], [1.0, -0.5], [1.0, -1.0]],
    "sym_int32/31": [[1.0, -0.3], [0.0, 0.0]],
    "asym16": [[1e6, 1e6 + 0.0625], [-3e38, 3e38], [0.3, 0.3], [-0.0, 0.0]],
    "int8": [[1e-45], [3.4e38, -3.4e38]],
}
