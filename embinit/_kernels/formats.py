"""Buffer formats: from float32 to codes to bytes and back, block by block, each stage one plain loop."""

import numpy as np

from embinit._kernels.jit import inlined, kernel
from embinit._kernels.stream import BLOCK, HISTORY, new_words, refill

HALF_AWAY = 0
HALF_EVEN = 1
TRUNCATE = 2
FLOOR = 3
STOCHASTIC = 4

#: The float32 below 1/2: added away from zero, it carries exactly the halves and what is above them to the next integer.
BELOW_HALF = np.float32(0.49999997)
#: The bits of a float32 without its sign order magnitudes, infinity and NaN last.
MAGNITUDE = np.uint32(0x7FFFFFFF)
FRACTION = np.uint32(0x7FFFFF)


# ---- Scans ----


@kernel
def absmax(values, run, out):
    """Write the largest magnitude of each group to out (float32 bits)."""
    bits = values.view(np.uint32)
    out[:] = 0
    for start in range(0, bits.size, run):
        group = start // run % out.size
        largest = out[group]
        for i in range(start, start + run):
            magnitude = np.uint32(bits[i] & MAGNITUDE)
            largest = magnitude if magnitude > largest else largest
        out[group] = largest


@inlined
def ordered(bits):
    """Return an int32 that sorts as the float32 does; applied to the result, the bits come back."""
    return np.int32(bits ^ ((bits >> np.int32(31)) & np.int32(0x7FFFFFFF)))


@kernel
def extremes(values, run, low, high):
    """Write the smallest and the largest value of each group to low and high (float32); -0 is below +0, NaN outermost."""
    bits = values.view(np.int32)
    lows, highs = low.view(np.int32), high.view(np.int32)
    lows[:], highs[:] = 0x7FFFFFFF, -1
    for start in range(0, bits.size, run):
        group = start // run % low.size
        least, most = ordered(lows[group]), ordered(highs[group])
        for i in range(start, start + run):
            key = ordered(bits[i])
            least = key if key < least else least
            most = key if key > most else most
        lows[group], highs[group] = ordered(least), ordered(most)


# ---- Rounding: x becomes a float32 whose integer part is the rounded value ----


@inlined
def half_away(x):
    return np.float32(x + np.copysign(BELOW_HALF, x))


@inlined
def round_block(mode, shift, mask, words, x, out):
    """Round x into out by a mode; words give the stochastic one its u = k * 2^-24, k = (word >> shift) & mask."""
    unit, half = np.float32(2.0**-24), np.float32(0.5)
    if mode == HALF_AWAY:
        for i in range(x.size):
            out[i] = half_away(x[i])
    elif mode == HALF_EVEN:
        for i in range(x.size):
            out[i] = np.rint(x[i])
    elif mode == TRUNCATE:
        for i in range(x.size):
            out[i] = x[i]
    elif mode == FLOOR:
        for i in range(x.size):
            out[i] = np.floor(x[i])
    else:
        for i in range(x.size):
            u = np.float32(np.int32((words[i] >> shift) & mask)) * unit
            out[i] = half_away(np.float32(np.float32(x[i] + u) - half))


@kernel
def round_all(mode, kind, state, shift, mask, values):
    """Round values (float32) in place to integers; the stochastic mode draws a word for each."""
    words = new_words()
    for start in range(0, values.size, BLOCK):
        block = values[start : start + BLOCK]
        if mode == STOCHASTIC:
            refill(kind, state, words, block.size, start == 0)
        round_block(mode, shift, mask, words[HISTORY:], block, block)
        for i in range(block.size):
            block[i] = np.trunc(block[i])


# ---- Codes ----


@inlined
def piece(position, left, run, groups):
    """Return the group of the element at position, and how many of the left elements from there on share it."""
    return position // run % groups, min(run - position % run, left)


@inlined
def scale_block(values, start, run, scale, offset, out):
    """Write values / scale - offset, each with its group's; values begin at element start of the buffer."""
    done = 0
    while done < values.size:
        group, count = piece(start + done, values.size - done, run, scale.size)
        v, x, s = values[done : done + count], out[done : done + count], scale[group]
        for i in range(count):
            x[i] = np.float32(v[i] / s)
        if offset.size:
            o = offset[group]
            for i in range(count):
                x[i] = np.float32(x[i] - o)
        done += count


@inlined
def shift_block(x, start, run, zero):
    """Add each group's zero to rounded values; all are small integers, so no sum rounds."""
    done = 0
    while done < x.size:
        group, count = piece(start + done, x.size - done, run, zero.size)
        y, z = x[done : done + count], zero[group]
        for i in range(count):
            y[i] = np.float32(np.trunc(y[i]) + z)
        done += count


@inlined
def saturate_block(x, low, high, last, codes):
    """Write the integer parts as codes; what lies beyond low or high becomes the nearest code. Return how many do."""
    clipped = np.int32(0)
    for i in range(x.size):
        kept = x[i] if x[i] < high else high  # in this order NaN becomes high, and counts
        kept = kept if kept > low else low
        codes[i] = last if x[i] > high else np.int32(kept)
        clipped = np.int32(clipped + np.int32(x[i] != kept))
    return clipped


@inlined
def beyond(scaled, rounded, low, high, first, last):
    """Count the elements that lie outside first to last before they are rounded, or whose codes do after."""
    count = np.int32(0)
    for i in range(scaled.size):
        outside = scaled[i] < first or scaled[i] > last
        count = np.int32(count + np.int32(outside or rounded[i] < low or rounded[i] > high))
    return count


@inlined
def codes_at_once(values, scale, low, high, out):
    """The whole way in one loop, for the case that most buffers are: one grid, half away from zero, 8 or 16 bits."""
    clipped = np.int32(0)
    if scale.view(np.uint32)[0] & FRACTION:
        s = scale[0]
        for i in range(values.size):
            x = half_away(np.float32(values[i] / s))
            kept = x if x < high else high
            kept = kept if kept > low else low
            out[i] = np.int32(kept)
            clipped = np.int32(clipped + np.int32(x != kept))
    else:
        factor = np.float32(np.float32(1) / scale[0])  # a power of two: the product is the quotient, bit for bit
        for i in range(values.size):
            x = half_away(np.float32(values[i] * factor))
            kept = x if x < high else high
            kept = kept if kept > low else low
            out[i] = np.int32(kept)
            clipped = np.int32(clipped + np.int32(x != kept))
    return clipped


@kernel
def encode(
    mode, kind, state, shift, mask, values, run, scale, offset, zero, low, high, first, last, limited, bits, out
):
    """Encode values (float32) into out (uint8), bits a code; return how many codes were clipped.

    code = round(v / scale - offset) + zero, saturated to first..last; element i has the grid i // run % scale.size.
    offset and zero are empty where a format has none. low and high are the outermost float32 whose integer parts lie
    within first to last. limited: a quotient outside first to last counts as clipped even where rounding brings it in.
    """
    words, scaled, rounded = new_words(), np.empty(BLOCK, np.float32), np.empty(BLOCK, np.float32)
    codes = np.empty(BLOCK, np.int32)
    plain = mode == HALF_AWAY and scale.size == 1 and not (offset.size or zero.size or limited) and bits in (8, 16)
    clipped = 0
    for start in range(0, values.size, BLOCK):
        block = values[start : start + BLOCK]
        n = block.size
        if plain and bits == 8:
            clipped += codes_at_once(block, scale, low, high, out.view(np.int8)[start : start + n])
        elif plain:
            clipped += codes_at_once(block, scale, low, high, out.view(np.int16)[start : start + n])
        else:
            if mode == STOCHASTIC:
                refill(kind, state, words, n, start == 0)
            scale_block(block, start, run, scale, offset, scaled)
            round_block(mode, shift, mask, words[HISTORY:], scaled[:n], rounded)
            if zero.size:
                shift_block(rounded[:n], start, run, zero)
            saturated = saturate_block(rounded[:n], low, high, np.int32(last), codes)
            if limited:
                saturated = beyond(scaled[:n], rounded, low, high, np.float32(first), np.float32(last))
            clipped += saturated
            pack_block(codes[:n], bits, out[start * bits // 8 :])
    return clipped


@kernel
def decode(data, bits, signed, run, scale, offset, zero, out):
    """Write the values (float32) of codes that lie in data (uint8): (code - zero + offset) * scale, rounded twice."""
    codes = np.empty(BLOCK, np.int32)
    for start in range(0, out.size, BLOCK):
        n = min(BLOCK, out.size - start)
        unpack_block(data[start * bits // 8 :], bits, signed, codes[:n])
        done = 0
        while done < n:
            group, count = piece(start + done, n - done, run, scale.size)
            c, values, s = codes[done : done + count], out[start + done : start + done + count], scale[group]
            z = zero[group] if zero.size else np.float32(0)
            o = offset[group] if offset.size else np.float32(0)
            for i in range(count):
                values[i] = np.float32(np.float32(np.float32(np.float32(c[i]) - z) + o) * s)
            done += count


# ---- Bytes: bit j of code i is bit i * bits + j of the stream, whose bit k is bit k % 8 of byte k // 8 ----


@inlined
def pack_block(codes, bits, out):
    """Pack the low bits of codes from the start of out (uint8); the last byte is filled up with zeros."""
    if bits == 8:
        for i in range(codes.size):
            out[i] = np.uint8(codes[i])
    elif bits == 16:
        halves = out[: 2 * codes.size].view(np.int16)
        for i in range(codes.size):
            halves[i] = np.int16(codes[i])
    elif bits == 32:
        out[: 4 * codes.size].view(np.int32)[:] = codes
    else:
        mask = np.uint64((1 << bits) - 1)
        pending, filled, at = np.uint64(0), 0, 0
        for i in range(codes.size):
            pending |= (np.uint64(codes[i]) & mask) << np.uint64(filled)
            filled += bits
            while filled >= 8:
                out[at] = np.uint8(pending)
                pending >>= np.uint64(8)
                filled -= 8
                at += 1
        if filled:
            out[at] = np.uint8(pending)


@inlined
def unpack_block(data, bits, signed, codes):
    """Unpack as many codes as codes (int32) has, from the start of data (uint8)."""
    mask, sign = np.uint64((1 << bits) - 1), np.uint64(1 << (bits - 1) if signed else 0)
    pending, filled, at = np.uint64(0), 0, 0
    for i in range(codes.size):
        while filled < bits:
            pending |= np.uint64(data[at]) << np.uint64(filled)
            filled += 8
            at += 1
        code = pending & mask
        codes[i] = np.int32(np.int64(code ^ sign) - np.int64(sign))
        pending >>= np.uint64(bits)
        filled -= bits


@kernel
def pack(codes, bits, out):
    """Pack codes (int32) into out (uint8)."""
    for start in range(0, codes.size, BLOCK):
        pack_block(codes[start : start + BLOCK], bits, out[start * bits // 8 :])


@kernel
def unpack(data, bits, signed, codes):
    """Unpack data (uint8) into codes (int32); unsigned ones of 32 bits do not fit."""
    for start in range(0, codes.size, BLOCK):
        unpack_block(data[start * bits // 8 :], bits, signed, codes[start : start + BLOCK])


# ---- Integer-only fill ----


@kernel
def uniform_codes(kind, state, bound, wide, bits, out):
    """Fill out (uint8), bits a code, with codes from -bound to bound: one word each, one multiplication, no float.

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
            for i in range(n):
                codes[i] = np.int32(np.int64((np.uint64(drawn[i]) * span) >> np.uint64(32)) - bound)
        else:
            for i in range(n):
                codes[i] = np.int32(np.int64((np.uint64(drawn[i] >> np.uint32(16)) * span) >> np.uint64(16)) - bound)
        pack_block(codes[:n], bits, out[start * bits // 8 :])
