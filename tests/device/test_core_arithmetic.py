"""The emulated cores: exact arithmetic on each, and the instructions that each lacks."""

from fractions import Fraction

import numpy as np
import pytest
from elftools.elf.elffile import ELFFile

from embinit.targets.device_error import DeviceError
from embinit.targets.zig_unicorn import EMULATIONS

from support.zig_firmware import ARM_CORES, CORES, COUNT, array, finite_floats

FPU_CORES = tuple(core for core in CORES if EMULATIONS[core].fpu)

# One instruction each, and the cores that lack it: a core that ran it would not be the core that it claims to be.
INSTRUCTIONS = {
    "udiv r0, r0, r0": (b"\xb0\xfb\xf0\xf0", {"cortex-m0", "cortex-m0plus"}),
    "smlabb r0, r0, r0, r0": (b"\x10\xfb\x00\x00", {"cortex-m0", "cortex-m0plus", "cortex-m3"}),
    "vadd.f32 s0, s0, s0": (b"\x30\xee\x00\x0a", {"cortex-m0", "cortex-m0plus", "cortex-m3"}),
    "vmaxnm.f32 s0, s0, s0": (b"\x80\xfe\x00\x0a", {"cortex-m0", "cortex-m0plus", "cortex-m3", "cortex-m4f"}),
    "vadd.f64 d0, d0, d0": (b"\x30\xee\x00\x0b", set(ARM_CORES) - {"cortex-m7"}),
}


def bits(array):
    return np.asarray(array, np.float32).view(np.uint32)


def symbols(elf):
    with elf.open("rb") as stream:
        return {entry.name for entry in ELFFile(stream).get_section_by_name(".symtab").iter_symbols()}


def nearest_float32(value):
    """Return the float32 nearest to a Fraction, ties to even, with subnormals."""
    if value == 0:
        return np.float32(0.0)
    magnitude = abs(value)
    exponent = max(magnitude.numerator.bit_length() - magnitude.denominator.bit_length() - 1, -126)
    while magnitude >= Fraction(2) ** (exponent + 1):
        exponent += 1
    quantum = Fraction(2) ** (exponent - 23)
    rounded = round(magnitude / quantum) * quantum  # Python rounds a Fraction half to even
    return np.float32(float(rounded)) * np.float32(1 if value > 0 else -1)


# Arithmetic


@pytest.mark.parametrize("core", CORES)
def test_every_core_rounds_as_ieee_754_says(core, machine):
    device = machine(core)
    # Of any size, and half of them so close to each other that every sum rounds.
    a, b = np.abs(finite_floats(1)), finite_floats(2, low=1)
    a[:500] = np.abs(finite_floats(3, 0x3F00_0000, 0x4100_0000)[:500])
    b[:500] = finite_floats(4, 0x3F00_0000, 0x4100_0000)[:500]
    device.write("a", a.tobytes())
    device.write("b", b.tobytes())

    device.call("arithmetic")

    with np.errstate(all="ignore"):
        expected = {
            "sums": a + b,
            "differences": a - b,
            "products": a * b,
            "quotients": a / b,
            "roots": np.sqrt(a),
        }
    computed = {name: array(device, name, np.uint32).copy() for name in expected}
    if core not in FPU_CORES:  # zig's runtime library rounds subnormal quotients wrongly
        subnormal = np.abs(expected["quotients"]) < np.finfo(np.float32).tiny
        assert 0 < subnormal.sum() < 100
        computed["quotients"][subnormal] = bits(expected["quotients"])[subnormal]
    for name, values in expected.items():
        np.testing.assert_array_equal(computed[name], bits(values), err_msg=name)


@pytest.mark.parametrize("core", CORES)
def test_subnormals_are_kept(core, machine):
    device = machine(core)
    a, b = finite_floats(5, 0x0000_0001, 0x0100_0000), finite_floats(6, 0x0000_0001, 0x0100_0000)
    a[0], b[0] = np.float32(2.0**-149), np.float32(2.0**-149)
    a[1], b[1] = np.float32(2.0**-100), np.float32(2.0**-40)
    device.write("a", a.tobytes())
    device.write("b", b.tobytes())

    device.call("arithmetic")

    assert array(device, "sums", np.uint32)[0] == 2
    assert array(device, "products", np.uint32)[1] == 1 << 9
    np.testing.assert_array_equal(array(device, "sums", np.uint32), bits(a + b))
    np.testing.assert_array_equal(array(device, "differences", np.uint32), bits(a - b))


@pytest.mark.parametrize("core", CORES)
def test_fma_rounds_once_and_a_product_and_a_sum_twice(core, machine):
    device = machine(core)
    a, b = finite_floats(7, 0x3F00_0000, 0x4000_0000), finite_floats(8, 0x3F00_0000, 0x4000_0000)
    c = -(a * b)
    c[:300] = finite_floats(9, 0x2800_0000, 0x4B00_0000)[:300]
    # Halfway between two floats but for the last bit of the product: where rounding through a double goes wrong.
    a[300], b[300], c[300] = 1 + 2.0**-12, 1 + 2.0**-12, 2.0**-60
    a[301], b[301], c[301] = 1 + 2.0**-12, 1 + 2.0**-12, -(2.0**-60)
    a[302], b[302], c[302] = 2.0**-75, 2.0**-74, 2.0**-126
    for name, values in {"a": a, "b": b, "c": c}.items():
        device.write(name, values.tobytes())

    device.call("multiply_add")

    exact = [Fraction(float(p)) * Fraction(float(q)) + Fraction(float(r)) for p, q, r in zip(a, b, c, strict=True)]
    np.testing.assert_array_equal(array(device, "fused", np.uint32), bits([nearest_float32(e) for e in exact]))
    np.testing.assert_array_equal(array(device, "separate", np.uint32), bits(a * b + c))
    assert (array(device, "fused", np.uint32) != array(device, "separate", np.uint32)).sum() > COUNT // 2


@pytest.mark.parametrize("core", CORES)
def test_64_bit_integers_multiply_and_divide(core, machine):
    device = machine(core)
    rng = np.random.default_rng(10)
    x = rng.integers(0, 2**64, COUNT, np.uint64)
    y = rng.integers(1, 2**64, COUNT, np.uint64) >> rng.integers(0, 64, COUNT, np.uint64) | np.uint64(1)
    device.write("x", x.tobytes())
    device.write("y", y.tobytes())

    device.call("wide")

    np.testing.assert_array_equal(array(device, "products64", np.uint64), x * y)
    np.testing.assert_array_equal(array(device, "quotients64", np.uint64), x // y)
    np.testing.assert_array_equal(array(device, "remainders64", np.uint64), x % y)


@pytest.mark.parametrize("core", CORES)
def test_integers_and_floats_convert_exactly_or_to_nearest(core, machine):
    device = machine(core)
    rng = np.random.default_rng(11)
    integers = rng.integers(-(2**31), 2**31, COUNT, np.int64).astype(np.int32)
    wide = rng.integers(0, 2**64, COUNT, np.uint64) >> rng.integers(0, 64, COUNT, np.uint64)
    signed = finite_floats(12, 0x3F00_0000, 0x4F00_0000)  # below 2^31
    unsigned = np.abs(finite_floats(13, 0x3F00_0000, 0x4F80_0000))  # below 2^32
    for name, values in {"int32s": integers, "x": wide, "a": signed, "b": unsigned}.items():
        device.write(name, values.tobytes())

    device.call("convert")

    np.testing.assert_array_equal(array(device, "from_int32", np.uint32), bits(integers.astype(np.float32)))
    unsigned_integers = integers.view(np.uint32)
    np.testing.assert_array_equal(array(device, "from_uint32", np.uint32), bits(unsigned_integers.astype(np.float32)))
    nearest = [nearest_float32(Fraction(int(value))) for value in wide]
    np.testing.assert_array_equal(array(device, "from_uint64", np.uint32), bits(nearest))
    np.testing.assert_array_equal(array(device, "to_int32", np.int32), [int(value) for value in signed])
    np.testing.assert_array_equal(array(device, "to_uint32", np.uint32), [int(value) for value in unsigned])


@pytest.mark.parametrize("core", CORES)
def test_doubles_are_right_with_and_without_a_double_precision_unit(core, firmware, machine):
    device = machine(core)
    device.call("double_precision")

    assert array(device, "doubles", np.float64)[0] == 1.5 * 3.0 + 0.125
    helpers = {"__aeabi_dmul", "__muldf3"} & symbols(firmware(core))
    assert len(helpers) == (0 if core == "cortex-m7" else 1)


# The core is the one that it claims to be


@pytest.mark.parametrize("core", CORES)
def test_float_instructions_where_there_is_an_fpu_and_helpers_elsewhere(core, firmware, machine):
    helpers = {"__aeabi_fadd", "__aeabi_fmul", "__aeabi_fdiv", "__addsf3", "__mulsf3", "__divsf3"}
    linked = helpers & symbols(firmware(core))
    device = machine(core)
    halfwords = np.frombuffer(device.read("multiply_add"), np.uint16)
    vfma_f32 = ((halfwords[:-1] & 0xFFB0) == 0xEEA0) & ((halfwords[1:] & 0x0F50) == 0x0A00)
    fmadd_s = ((halfwords[:-1] & 0x7F) == 0x43) & ((halfwords[1:] & 0x0600) == 0)

    assert len(linked) == (0 if core in FPU_CORES else 3)
    assert (vfma_f32 if core in ARM_CORES else fmadd_s).any() == (core in FPU_CORES)
    assert array(device, "has_fma", np.uint32)[0] == (core in FPU_CORES)


@pytest.mark.parametrize("instruction", INSTRUCTIONS)
@pytest.mark.parametrize("core", ARM_CORES)
def test_a_core_refuses_the_instructions_that_it_lacks(core, instruction, machine):
    encoding, lacking = INSTRUCTIONS[instruction]
    device = machine(core)
    address, _ = device.symbol("lonely")
    device.write("lonely", encoding + b"\x70\x47")  # bx lr

    if core in lacking:
        with pytest.raises(DeviceError, match=r"jump: (Invalid instruction|no coprocessor)"):
            device.call("jump", address | 1)
    else:
        device.call("jump", address | 1)


@pytest.mark.parametrize("core", ARM_CORES)
def test_only_armv6m_refuses_an_unaligned_word(core, machine):
    device = machine(core)
    device.write("table", bytes(range(12)))
    address, _ = device.symbol("table")

    if core in ("cortex-m0", "cortex-m0plus"):
        with pytest.raises(DeviceError, match=r"load: unaligned access, pc 0x200\w+ in load\+0x0"):
            device.call("load", address + 1)
    else:
        assert device.call("load", address + 1) == 0x04030201
