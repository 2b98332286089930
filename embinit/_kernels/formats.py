"""Buffer formats: from float32 to codes to bytes and back, block by block, with one plain loop per stage."""

import numpy as np
from numpy.typing import NDArray

from embinit._kernels.arrays import copy
from embinit._kernels.jit import Apart, either_way, independent, inlined, least, most, total
from embinit._kernels.stream import BLOCK, HISTORY, Words, new_words, refill

Floats = NDArray[np.float32]
Codes = NDArray[np.int32]
Bytes = NDArray[np.uint8]

HALF_AWAY = 0
HALF_EVEN = 1
TRUNCATE = 2
FLOOR = 3
STOCHASTIC = 4
NO_MODE = "no rounding has this mode"

#: The widths of codes that are packed by a loop of their own; any other is ANY_WIDTH.
WIDTHS, ANY_WIDTH = (4, 8, 16, 32), 0

#: How many elements pass through all stages together: intermediate results stay in the first-level cache.
STEP = 1024

#: The float32 just below 1/2: added away from zero, it lifts halves, and nothing below a half, to the next integer.
BELOW_HALF = np.float32(0.49999997)
#: Without their sign, the bits of float32 are ordered like magnitudes, with infinity and NaN last.
MAGNITUDE = np.uint32(0x7FFFFFFF)
FRACTION = np.uint32(0x7FFFFF)
LOW_4 = np.uint32(15)


# ---- Scans ----


@either_way
def absmax(bits: Words, run: int, out: Words) -> None:
    """Write the largest magnitude of each group to out, as bits of a float32, as the values are."""
    group = 0
    for i in independent(out.size):
        out[i] = np.uint32(0)
    for start in range(0, bits.size, run):
        largest = out[group]
        for i in independent(run):
            place = np.uint64(start + i)  # unsigned indices keep the loop a vector one
            magnitude = most(np.uint32(bits[place] & MAGNITUDE))
            largest = magnitude if magnitude > largest else largest
        out[group] = largest
        group = group + 1 if group + 1 < out.size else 0


@inlined
def ordered(bits: np.int32) -> np.int32:
    """Return an integer that sorts like the float32 with these bits; applied again, it gives the bits back."""
    return np.int32(bits ^ np.int32(np.int32(bits >> np.int32(31)) & np.int32(0x7FFFFFFF)))


@either_way
def extremes(bits: Codes, run: int, lows: Codes, highs: Codes) -> None:
    """Write the smallest and the largest value of each group, all as bits of a float32; -0 is below +0, and NaN is
    outermost.
    """
    group = 0
    for i in independent(lows.size):
        lows[i], highs[i] = np.int32(0x7FFFFFFF), np.int32(-1)
    for start in range(0, bits.size, run):
        lowest, highest = ordered(lows[group]), ordered(highs[group])
        for i in independent(run):
            key = ordered(bits[np.uint64(start + i)])
            low_key, high_key = least(key), most(key)
            lowest = low_key if low_key < lowest else lowest
            highest = high_key if high_key > highest else highest
        lows[group], highs[group] = ordered(lowest), ordered(highest)
        group = group + 1 if group + 1 < lows.size else 0


# ---- Rounding: x becomes a float32 whose integer part is the rounded value ----


@inlined
def half_away(x: np.float32) -> np.float32:
    """Return a float32 whose integer part is x rounded half away from zero."""
    return np.float32(x + np.copysign(BELOW_HALF, x))


@inlined
def jittered(x: np.float32, word: np.uint32) -> np.float32:
    """Return x + u - 1/2 in two roundings, u = (word >> 8) * 2^-24."""
    u = np.float32(np.float32(np.int32(word >> np.uint32(8))) * np.float32(2.0**-24))
    return np.float32(np.float32(x + u) - np.float32(0.5))


@either_way
def round_all(mode: Apart, kind: Apart, state: Words, values: Floats) -> None:
    """Round values in place to integers; the stochastic mode draws one word each."""
    if not HALF_AWAY <= mode <= STOCHASTIC:
        raise ValueError(NO_MODE)
    words = new_words()
    for start in range(0, values.size, BLOCK):
        x = values[start : start + BLOCK]
        if mode == STOCHASTIC:
            refill(kind, state, words, x.size, start == 0)
        for i in independent(x.size):
            if mode == HALF_AWAY:
                x[i] = np.trunc(half_away(x[i]))
            elif mode == HALF_EVEN:
                x[i] = np.rint(x[i])
            elif mode == TRUNCATE:
                x[i] = np.trunc(x[i])
            elif mode == FLOOR:
                x[i] = np.floor(x[i])
            else:
                x[i] = np.trunc(half_away(jittered(x[i], words[HISTORY + i])))


# ---- Codes ----


@inlined
def saturated(
    x: np.float32, rounded: np.float32, low: np.float32, high: np.float32, limits: tuple[np.float32, np.float32],
    last: np.int32,
) -> tuple[np.int32, np.int32]:  # fmt: skip
    """Return the integer part of rounded, or the nearest of the outermost codes, and 1 if the code is clipped, else 0.

    A code is clipped if the rounded value lies outside [low, high], or if x was outside the limits before rounding.
    """
    kept = rounded if rounded < high else high  # in this order NaN becomes high, and is counted
    kept = kept if kept > low else low
    code = last if rounded > high else np.int32(kept)
    return code, np.int32((rounded != kept) | (x < limits[0]) | (x > limits[1]))


@inlined
def encode_step(
    mode: Apart, values: Floats, scale: Floats, offset: Floats, low: np.float32, high: np.float32,
    limits: tuple[np.float32, np.float32], last: np.int32, codes: Codes,
) -> np.int32:  # fmt: skip
    """Write the codes of values, each with its scale and offset; return how many were clipped."""
    clipped = np.int32(0)
    if mode == HALF_AWAY:
        for i in independent(values.size):
            x = np.float32(np.float32(values[i] / scale[i]) - offset[i])
            codes[i], clips = saturated(x, half_away(x), low, high, limits, last)
            clipped = np.int32(clipped + total(clips))
    elif mode == HALF_EVEN:
        for i in independent(values.size):
            x = np.float32(np.float32(values[i] / scale[i]) - offset[i])
            codes[i], clips = saturated(x, np.rint(x), low, high, limits, last)
            clipped = np.int32(clipped + total(clips))
    elif mode == TRUNCATE:
        for i in independent(values.size):
            x = np.float32(np.float32(values[i] / scale[i]) - offset[i])
            codes[i], clips = saturated(x, x, low, high, limits, last)
            clipped = np.int32(clipped + total(clips))
    elif mode == FLOOR:
        for i in independent(values.size):
            x = np.float32(np.float32(values[i] / scale[i]) - offset[i])
            codes[i], clips = saturated(x, np.floor(x), low, high, limits, last)
            clipped = np.int32(clipped + total(clips))
    else:
        raise ValueError(NO_MODE)
    return clipped


@inlined
def encode_step_drawn(
    words: Words, values: Floats, scale: Floats, offset: Floats, low: np.float32, high: np.float32,
    limits: tuple[np.float32, np.float32], last: np.int32, codes: Codes,
) -> np.int32:  # fmt: skip
    """Write codes as `encode_step` does, in the stochastic mode, with one word each."""
    clipped = np.int32(0)
    for i in independent(values.size):
        x = np.float32(np.float32(values[i] / scale[i]) - offset[i])
        codes[i], clips = saturated(x, half_away(jittered(x, words[i])), low, high, limits, last)
        clipped = np.int32(clipped + total(clips))
    return clipped


@inlined
def shift_step(codes: Codes, zero: Codes, first: np.int32, last: np.int32) -> np.int32:
    """Add its zero to each code and saturate; return how many were clipped."""
    clipped = np.int32(0)
    for i in independent(codes.size):
        shifted = np.int32(codes[i] + zero[i])
        kept = shifted if shifted < last else last
        kept = kept if kept > first else first
        codes[i] = kept
        clipped = np.int32(clipped + total(np.int32(shifted != kept)))
    return clipped


@inlined
def spread(per_group: NDArray[np.generic], start: int, run: int, out: NDArray[np.generic]) -> None:
    """Give each element from start on the value of its group, if groups have values that may have changed."""
    if per_group.size == 0 or (per_group.size == 1 and start > 0):
        return
    group, left, done = start // run % per_group.size, run - start % run, 0
    while done < out.size:
        end, value = min(done + left, out.size), per_group[group]
        for i in independent(done, end):
            out[np.uint64(i)] = value
        group, left, done = (group + 1 if group + 1 < per_group.size else 0), run, end


@inlined
def plain_codes(
    values: Floats, scale: np.float32, low: np.float32, high: np.float32, codes: NDArray[np.signedinteger]
) -> np.int32:
    """Write codes for one scale, half away from zero; return how many were clipped."""
    clipped = np.int32(0)
    for i in independent(values.size):
        x = half_away(np.float32(values[i] / scale))
        kept = x if x < high else high
        kept = kept if kept > low else low
        codes[i] = np.int32(kept)
        clipped = np.int32(clipped + total(np.int32(x != kept)))
    return clipped


@inlined
def fixed_codes(
    values: Floats, factor: np.float32, low: np.float32, high: np.float32, codes: NDArray[np.signedinteger]
) -> np.int32:
    """Write the codes of `plain_codes` for a scale that is a power of two: factor, its inverse, gives the same bits."""
    clipped = np.int32(0)
    for i in independent(values.size):
        x = half_away(np.float32(values[i] * factor))
        kept = x if x < high else high
        kept = kept if kept > low else low
        codes[i] = np.int32(kept)
        clipped = np.int32(clipped + total(np.int32(x != kept)))
    return clipped


def width_of(bits: int) -> int:
    """Return the width that a kernel is told: that of codes that are packed by a loop of their own, else ANY_WIDTH."""
    return bits if bits in WIDTHS else ANY_WIDTH


def encode(
    mode: int, kind: int, state: Words, values: Floats, run: int, scale: Floats, offset: Floats, zero: Codes,
    low: np.float32, high: np.float32, first: int, last: int, limited: bool, bits: int, out: Bytes,
) -> int:  # fmt: skip
    """Encode values into out with so many bits per code; return how many codes were clipped.

    code = round(v / scale - offset) + zero, saturated to first..last; element i has the grid i // run % scale.size.
    offset and zero are empty if a format has none. low and high are the outermost float32 whose integer parts lie
    within first to last. limited: a quotient outside first to last counts as clipped even if rounding brings it inside.
    Only the kernel that is needed is compiled.
    """
    if mode == HALF_AWAY and bits in (8, 16) and scale.size == 1 and not (offset.size or zero.size or limited):
        return encode_plain(values, scale[0], low, high, bits, out)
    limits = (np.float32(first if limited else -np.inf), np.float32(last if limited else np.inf))
    if zero.size:  # saturates after the zero is added
        low, high = np.float32(-(2.0**30)), np.float32(2.0**30)
    width, zeroed = width_of(bits), int(zero.size > 0)
    grid = run, scale, offset, zero, low, high, limits, first, last, bits, out
    if mode == STOCHASTIC:
        return encode_drawn(kind, width, zeroed, state, values, *grid)
    return encode_rounded(mode, width, zeroed, values, *grid)


@either_way
def encode_plain(values: Floats, scale: np.float32, low: np.float32, high: np.float32, bits: int, out: Bytes) -> int:
    """Encode the most common kind of buffer in one loop: one scale, half away from zero, 8 or 16 bits."""
    fixed = np.float32(scale).view(np.uint32) & FRACTION == 0
    factor = np.float32(np.float32(1) / scale)
    if bits == 8:
        bytes_ = out.view(np.int8)
        if fixed:
            return int(fixed_codes(values, factor, low, high, bytes_))
        return int(plain_codes(values, scale, low, high, bytes_))
    halves = out.view(np.int16)
    if fixed:
        return int(fixed_codes(values, factor, low, high, halves))
    return int(plain_codes(values, scale, low, high, halves))


@either_way
def encode_rounded(
    mode: Apart, width: Apart, zeroed: Apart, values: Floats, run: int, scale: Floats, offset: Floats, zero: Codes,
    low: np.float32, high: np.float32, limits: tuple[np.float32, np.float32], first: int, last: int, bits: int,
    out: Bytes,
) -> int:  # fmt: skip
    """Encode values, each with the grid of its group, in a mode that draws nothing; zeroed: if grids have zeros."""
    codes = np.empty(STEP, np.int32)
    scales, offsets = np.empty(STEP, np.float32), np.empty(STEP, np.float32)
    for i in independent(STEP):
        offsets[i] = np.float32(0)
    if zeroed:
        zeros = np.empty(STEP, np.int32)
    clipped = 0
    for start in range(0, values.size, STEP):
        spread(scale, start, run, scales)
        spread(offset, start, run, offsets)
        v = values[start : start + STEP]
        clipped += int(encode_step(mode, v, scales, offsets, low, high, limits, np.int32(last), codes))
        if zeroed:
            spread(zero, start, run, zeros)
            clipped += int(shift_step(codes[: v.size], zeros, np.int32(first), np.int32(last)))
        pack_block(width, codes[: v.size], bits, out[start * bits // 8 :])
    return clipped


@either_way
def encode_drawn(
    kind: Apart, width: Apart, zeroed: Apart, state: Words, values: Floats, run: int, scale: Floats, offset: Floats,
    zero: Codes, low: np.float32, high: np.float32, limits: tuple[np.float32, np.float32], first: int, last: int,
    bits: int, out: Bytes,
) -> int:  # fmt: skip
    """Encode values, each with the grid of its group, in the stochastic mode, which draws a word for each."""
    words, codes = new_words(), np.empty(STEP, np.int32)
    scales, offsets = np.empty(STEP, np.float32), np.empty(STEP, np.float32)
    for i in independent(STEP):
        offsets[i] = np.float32(0)
    if zeroed:
        zeros = np.empty(STEP, np.int32)
    clipped = 0
    for start in range(0, values.size, STEP):
        if start % BLOCK == 0:
            refill(kind, state, words, min(BLOCK, values.size - start), start == 0)
        spread(scale, start, run, scales)
        spread(offset, start, run, offsets)
        v, drawn = values[start : start + STEP], words[HISTORY + start % BLOCK :]
        clipped += int(encode_step_drawn(drawn, v, scales, offsets, low, high, limits, np.int32(last), codes))
        if zeroed:
            spread(zero, start, run, zeros)
            clipped += int(shift_step(codes[: v.size], zeros, np.int32(first), np.int32(last)))
        pack_block(width, codes[: v.size], bits, out[start * bits // 8 :])
    return clipped


@either_way
def decode(
    width: Apart,
    data: Bytes,
    bits: int,
    signed: bool,
    run: int,
    scale: Floats,
    offset: Floats,
    zero: Codes,
    out: Floats,
) -> None:
    """Write the values of the codes in data: (code - zero + offset) * scale, each step rounded to float32."""
    codes = np.empty(STEP, np.int32)
    scales, offsets, zeros = np.empty(STEP, np.float32), np.empty(STEP, np.float32), np.empty(STEP, np.int32)
    for i in independent(STEP):
        offsets[i], zeros[i] = np.float32(0), np.int32(0)
    for start in range(0, out.size, STEP):
        spread(scale, start, run, scales)
        spread(offset, start, run, offsets)
        spread(zero, start, run, zeros)
        values = out[start : start + STEP]
        unpack_block(width, data[start * bits // 8 :], bits, signed, codes[: values.size])
        for i in independent(values.size):
            steps = np.float32(np.float32(np.int32(codes[i] - zeros[i])) + offsets[i])
            values[i] = np.float32(steps * scales[i])


# ---- Bytes: bit j of code i is bit i * bits + j of the stream, whose bit k is bit k % 8 of byte k // 8 ----


@inlined
def pack_block(width: Apart, codes: Codes, bits: int, out: Bytes) -> None:
    """Pack the low bits of codes from the start of out; the last byte is filled up with zeros."""
    if width == 8:
        for i in independent(codes.size):
            out[i] = np.uint8(codes[i])
    elif width == 16:
        halves = out[: 2 * codes.size].view(np.int16)
        for i in independent(codes.size):
            halves[i] = np.int16(codes[i])
    elif width == 32:
        copy(codes, out[: 4 * codes.size].view(np.int32))
    elif width == 4:
        half = codes.size // 2
        for i in independent(half):
            first, second = np.uint32(codes[2 * i]) & LOW_4, np.uint32(codes[2 * i + 1]) & LOW_4
            out[i] = np.uint8(first | np.uint32(second << np.uint32(4)))
        if codes.size % 2:
            out[half] = np.uint8(np.uint32(codes[codes.size - 1]) & LOW_4)
    else:
        mask = np.uint64((1 << bits) - 1)
        whole = codes.size * bits // 32
        words = out[: 4 * whole].view(np.uint32)
        pending, filled, at = np.uint64(0), np.uint64(0), 0
        for i in range(codes.size):
            pending |= (np.uint64(codes[i]) & mask) << filled
            filled += np.uint64(bits)
            if filled >= np.uint64(32):
                words[at] = np.uint32(pending)
                pending >>= np.uint64(32)
                filled -= np.uint64(32)
                at += 1
        for i in range(4 * whole, (codes.size * bits + 7) // 8):
            out[i] = np.uint8(pending)
            pending >>= np.uint64(8)


@inlined
def unpack_block(width: Apart, data: Bytes, bits: int, signed: bool, codes: Codes) -> None:
    """Unpack as many codes as there is room for, from the start of data."""
    mask, sign = np.uint64((1 << bits) - 1), np.uint64(1 << (bits - 1) if signed else 0)
    if width == 8 and signed:
        bytes_ = data[: codes.size].view(np.int8)
        for i in independent(codes.size):
            codes[i] = np.int32(bytes_[i])
    elif width == 16 and signed:
        halves = data[: 2 * codes.size].view(np.int16)
        for i in independent(codes.size):
            codes[i] = np.int32(halves[i])
    elif width == 32:
        copy(data[: 4 * codes.size].view(np.int32), codes)
    else:
        pending, filled, at = np.uint64(0), 0, 0
        for i in range(codes.size):
            while filled < bits:
                pending |= np.uint64(data[at]) << np.uint64(filled)
                filled += 8
                at += 1
            codes[i] = np.int32(np.int64((pending & mask) ^ sign) - np.int64(sign))
            pending >>= np.uint64(bits)
            filled -= bits


@either_way
def pack(width: Apart, codes: Codes, bits: int, out: Bytes) -> None:
    """Pack codes of 1 to 32 bits."""
    for start in range(0, codes.size, BLOCK):
        pack_block(width, codes[start : start + BLOCK], bits, out[start * bits // 8 :])


@either_way
def unpack(width: Apart, data: Bytes, bits: int, signed: bool, codes: Codes) -> None:
    """Unpack codes of 1 to 32 bits, of 31 if they are unsigned."""
    for start in range(0, codes.size, BLOCK):
        unpack_block(width, data[start * bits // 8 :], bits, signed, codes[start : start + BLOCK])


# ---- Integer-only fill ----


@either_way
def uniform_codes(kind: Apart, state: Words, width: Apart, bound: int, wide: Apart, bits: int, out: Bytes) -> None:
    """Fill out, with so many bits per code, with codes from -bound to bound: one word and one multiplication each, no
    float.

    wide takes all 32 bits of a word and a 64-bit product; the other variant takes the upper 16 and 32 bits.
    """
    words, codes = new_words(), np.empty(BLOCK, np.int32)
    span = np.uint64(2 * bound + 1)
    total = out.size * 8 // bits
    for start in range(0, total, BLOCK):
        n = min(BLOCK, total - start)
        refill(kind, state, words, n, start == 0)
        drawn = words[HISTORY : HISTORY + n]
        if wide:
            for i in independent(n):
                codes[i] = np.int32(np.int64((np.uint64(drawn[i]) * span) >> np.uint64(32)) - bound)
        else:
            for i in independent(n):
                codes[i] = np.int32(np.int64((np.uint64(drawn[i] >> np.uint32(16)) * span) >> np.uint64(16)) - bound)
        pack_block(width, codes[:n], bits, out[start * bits // 8 :])
