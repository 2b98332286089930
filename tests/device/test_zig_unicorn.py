"""The emulated cores: exact arithmetic on each of them, and every way a call can end."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from elftools.elf.elffile import ELFFile

from embinit.targets import zig_unicorn
from embinit.targets.device_error import DeviceError
from embinit.targets.zig_unicorn import EMULATIONS, RAM, STACK_BYTES, UART, Machine, build

from support.cores import CORES as EACH

CORES = (*EACH, "riscv32imafc")
ARM_CORES = tuple(core for core in CORES if core.startswith("cortex"))
FPU_CORES = tuple(core for core in CORES if EMULATIONS[core].fpu)
COUNT = 1000  # elements of the firmware's arrays

FIRMWARE = """
#include <stdint.h>

#define COUNT 1000
float a[COUNT], b[COUNT], c[COUNT], sums[COUNT], differences[COUNT], products[COUNT], quotients[COUNT], roots[COUNT];
float fused[COUNT], separate[COUNT], from_int32[COUNT], from_uint32[COUNT], from_uint64[COUNT];
int32_t int32s[COUNT], to_int32[COUNT];
uint32_t to_uint32[COUNT];
uint64_t x[COUNT], y[COUNT], products64[COUNT], quotients64[COUNT], remainders64[COUNT];

void arithmetic(void)
{
    for (int i = 0; i < COUNT; i++) {
        sums[i] = a[i] + b[i];
        differences[i] = a[i] - b[i];
        products[i] = a[i] * b[i];
        quotients[i] = a[i] / b[i];
        roots[i] = __builtin_sqrtf(a[i]);
    }
}

void multiply_add(void)
{
    for (int i = 0; i < COUNT; i++) {
        volatile float product = a[i] * b[i];
        separate[i] = product + c[i];
        fused[i] = __builtin_fmaf(a[i], b[i], c[i]);
    }
}

void wide(void)
{
    for (int i = 0; i < COUNT; i++) {
        products64[i] = x[i] * y[i];
        quotients64[i] = x[i] / y[i];
        remainders64[i] = x[i] % y[i];
    }
}

void convert(void)
{
    for (int i = 0; i < COUNT; i++) {
        from_int32[i] = (float)int32s[i];
        from_uint32[i] = (float)(uint32_t)int32s[i];
        from_uint64[i] = (float)x[i];
        to_int32[i] = (int32_t)a[i];
        to_uint32[i] = (uint32_t)b[i];
    }
}

double doubles[2] = {1.5, 3.0};
void double_precision(void) { doubles[0] = doubles[0] * doubles[1] + 0.125; }

#if defined __ARM_FEATURE_FMA || defined __riscv_flen
const uint32_t has_fma = 1;
#else
const uint32_t has_fma = 0;
#endif

uint32_t lonely[3];
const uint32_t table[3] = {1, 2, 0x80000003u};
uint32_t initialized = 7;
static uint32_t calls;
uint32_t count_calls(void) { return ++calls; }
uint32_t combine(uint32_t p, uint32_t q, uint32_t r, uint32_t s, uint32_t t, uint32_t u, uint32_t v, uint32_t w,
                 uint32_t z)
{
    return p + 10 * q + 100 * r + 1000 * s + 10000 * t + 100000 * u + 1000000 * v + 10000000 * w + 100000000 * z;
}
int32_t negate(int32_t i) { return -i; }

struct record { uint8_t bytes[300]; };
struct record source, destination;
void copy(void) { destination = source; }
void clear(void) { __builtin_memset(&destination, 0, sizeof destination); }

void print(const char *text)
{
    while (*text) *(volatile uint32_t *)0x40000000u = (uint8_t)*text++;
}
void hello(void) { print("hello, "); print("world\\n"); }

uint32_t load(uint32_t address) { return *(volatile uint32_t *)(uintptr_t)address; }
void store(uint32_t address, uint32_t value) { *(volatile uint32_t *)(uintptr_t)address = value; }
void jump(uint32_t address)
{
    ((void (*)(void))(uintptr_t)address)();
    __asm__ volatile("");  /* no tail call */
}
void hang(void) { for (;;) __asm__ volatile(""); }
void trap(void) { __builtin_trap(); }
void wait(void) { __asm__ volatile("wfi"); __builtin_unreachable(); }
uint32_t count_down(uint32_t n)
{
    while (n != 0) { __asm__ volatile("" : "+r"(n)); n--; }
    return n;
}
uint32_t recurse(uint32_t n)
{
    uint32_t frame[250];
    frame[0] = n;
    __asm__ volatile("" : : "r"(frame) : "memory");
    return n == 0 ? 0 : recurse(n - 1) + (frame[0] != 0);
}
void shallow(void) {}

#ifdef __arm__
void breakpoint(void) { __asm__ volatile("bkpt 0"); }
void supervisor(void) { __asm__ volatile("svc 0"); }
#else
void supervisor(void) { __asm__ volatile("ecall"); }
#endif
"""

# One instruction each, and the cores that lack it: a core that ran it would not be the core that it claims to be.
INSTRUCTIONS = {
    "udiv r0, r0, r0": (b"\xb0\xfb\xf0\xf0", {"cortex-m0", "cortex-m0plus"}),
    "smlabb r0, r0, r0, r0": (b"\x10\xfb\x00\x00", {"cortex-m0", "cortex-m0plus", "cortex-m3"}),
    "vadd.f32 s0, s0, s0": (b"\x30\xee\x00\x0a", {"cortex-m0", "cortex-m0plus", "cortex-m3"}),
    "vmaxnm.f32 s0, s0, s0": (b"\x80\xfe\x00\x0a", {"cortex-m0", "cortex-m0plus", "cortex-m3", "cortex-m4f"}),
    "vadd.f64 d0, d0, d0": (b"\x30\xee\x00\x0b", set(ARM_CORES) - {"cortex-m7"}),
}


def compile_text(text, core, directory, **options):
    source = directory / "firmware.c"
    source.write_text(text)
    return build([source], EMULATIONS[core], directory / "firmware.elf", **options)


@pytest.fixture(scope="session")
def firmware(tmp_path_factory):
    """Return a function that builds the firmware for a core, once."""
    built = {}

    def elf(core):
        if core not in built:
            built[core] = compile_text(FIRMWARE, core, tmp_path_factory.mktemp(core))
        return built[core]

    return elf


@pytest.fixture
def machine(firmware):
    return lambda core, **options: Machine(firmware(core), EMULATIONS[core], **options)


def bits(array):
    return np.asarray(array, np.float32).view(np.uint32)


def array(machine, symbol, dtype):
    return np.frombuffer(machine.read(symbol), dtype)


def finite_floats(seed, low=0x0000_0000, high=0x7F80_0000):
    """Return COUNT floats of either sign whose magnitudes have bit patterns between `low` and `high`."""
    rng = np.random.default_rng(seed)
    magnitudes = rng.integers(low, high, COUNT, np.uint32)
    return (magnitudes | rng.integers(0, 2, COUNT, np.uint32) << np.uint32(31)).view(np.float32)


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


# Calls, memory, output


@pytest.mark.parametrize("core", CORES)
def test_arguments_in_registers_and_on_the_stack(core, machine):
    device = machine(core)

    assert device.call("combine", 1, 2, 3, 4, 5, 6, 7, 8, 9) == 987654321
    assert device.call("negate", 5) == 0xFFFF_FFFB
    assert device.call("negate", -5) == 5


@pytest.mark.parametrize("argument", [2**32, -(2**31) - 1])
def test_an_argument_of_more_than_32_bits_is_an_error(argument, machine):
    with pytest.raises(DeviceError, match=f"negate: an argument must fit into 32 bits, got {argument}"):
        machine("cortex-m3").call("negate", argument)


@pytest.mark.parametrize("core", CORES)
def test_memory_is_loaded_kept_between_calls_and_private_to_a_machine(core, machine):
    first, second = machine(core), machine(core)

    assert array(first, "initialized", np.uint32)[0] == 7
    np.testing.assert_array_equal(array(first, "table", np.uint32), [1, 2, 0x8000_0003])
    assert first.read("lonely") == bytes(12)  # no function refers to it
    assert [first.call("count_calls") for _ in range(3)] == [1, 2, 3]
    assert second.call("count_calls") == 1


@pytest.mark.parametrize("core", CORES)
def test_the_compilers_memcpy_and_memset_link(core, machine):
    device = machine(core)
    record = bytes(range(256)) + bytes(44)
    device.write("source", record)
    device.call("copy")

    assert device.read("destination") == record
    assert device.read("destination", 2) == b"\x00\x01"

    device.call("clear")

    assert device.read("destination") == bytes(300)


def test_reading_and_writing_know_their_bounds(machine):
    device = machine("cortex-m0")
    address, size = device.symbol("lonely")
    device.write_at(address, b"abc")

    assert size == 12
    assert device.read_at(address, 4) == b"abc\0"
    with pytest.raises(DeviceError, match="lonely has 12 bytes, got 13"):
        device.write("lonely", bytes(13))
    with pytest.raises(DeviceError, match="reading 4 bytes at 0x00000010"):
        device.read_at(0x10, 4)
    with pytest.raises(DeviceError, match="writing 1 bytes at 0x00000010"):
        device.write_at(0x10, b"x")
    with pytest.raises(DeviceError, match="the firmware has no symbol 'absent'"):
        device.call("absent")


@pytest.mark.parametrize("core", CORES)
def test_output_collects_what_the_firmware_writes_to_its_uart(core, machine):
    device = machine(core)
    device.call("hello")
    device.call("store", UART, 0x12345678)

    assert device.output == b"hello, world\nx"


# Ways a call can end


@pytest.mark.parametrize("core", CORES)
def test_a_fault_names_the_cause_and_the_place(core, machine):
    device = machine(core)
    place = r"pc 0x2000\w{4} in"

    with pytest.raises(DeviceError, match=rf"^load: invalid read of 4 bytes at 0x00000000, {place} load\+0x0$"):
        device.call("load", 0)
    with pytest.raises(DeviceError, match=rf"^store: invalid write of 4 bytes at 0x60000000, {place} store\+0x\d$"):
        device.call("store", 0x6000_0000, 1)
    with pytest.raises(DeviceError, match=r"^jump: invalid fetch of . bytes at 0x30000000, .* called from jump\+0x"):
        device.call("jump", 0x3000_0001 if core in ARM_CORES else 0x3000_0000)
    with pytest.raises(DeviceError, match=rf"^load: invalid read of 4 bytes at 0x40000000, {place} load\+0x0$"):
        device.call("load", UART)
    with pytest.raises(DeviceError, match=rf"^trap: [Ii]nvalid instruction.*, {place} trap\+0x0$"):
        device.call("trap")
    with pytest.raises(DeviceError, match=rf"^supervisor: .* call \(\w+\), {place} supervisor\+0x"):
        device.call("supervisor")
    with pytest.raises(DeviceError, match=rf"^wait: waits for an interrupt that never comes, {place} wait\+0x0$"):
        device.call("wait")
    assert device.call("negate", 1) == 0xFFFF_FFFF  # the core still works


def test_a_breakpoint_is_a_fault(machine):
    with pytest.raises(DeviceError, match=r"^breakpoint: breakpoint \(BKPT\), pc 0x\w+ in breakpoint\+0x0$"):
        machine("cortex-m4f").call("breakpoint")


@pytest.mark.parametrize("core", CORES)
def test_an_infinite_loop_meets_the_limit(core, machine):
    device = machine(core)

    assert device.call("count_down", 10) == 0
    with pytest.raises(DeviceError, match=r"^hang: has not returned within 100000 instructions, pc .* in hang\+0x"):
        device.call("hang", limit=100_000)
    with pytest.raises(DeviceError, match=r"^count_down: has not returned within 1000 instructions"):
        device.call("count_down", 2**32 - 1, limit=1000)  # in code that has run before
    with pytest.raises(DeviceError, match="hang: limit must be at least 1, got 0"):
        device.call("hang", limit=0)


def test_the_limit_counts_instructions_exactly(machine):
    device = machine("cortex-m0")
    device.call("shallow", limit=1)  # bx lr

    with pytest.raises(DeviceError, match="within 1 instructions"):
        device.call("negate", 5, limit=1)
    assert device.call("negate", 5, limit=2) == 0xFFFF_FFFB  # rsbs; bx lr


def test_a_fault_in_a_conditional_block_does_not_reach_the_next_call(machine):
    device = machine("cortex-m3")
    address, _ = device.symbol("destination")
    faulting = b"\x80\x42\x0c\xbf\x12\x68\x02\x20\x70\x47"  # cmp r0, r0; ite eq; ldreq r2, [r2]; movne r0, #2; bx lr
    device.write("destination", faulting + bytes(6) + b"\x05\x20\x07\x20\x70\x47")  # movs r0, #5; movs r0, #7; bx lr
    entry = "firmware"
    device._image.symbols[entry] = address, 16
    with pytest.raises(DeviceError, match="invalid read"):
        device.call(entry, 0, 0, 0x3000_0000)
    device._image.symbols[entry] = address + 16, 6

    assert device.call(entry) == 7


# Stack


@pytest.mark.parametrize("core", CORES)
def test_stack_used_is_the_high_water_mark(core, machine):
    device = machine(core)

    assert device.stack_used() == 0
    device.call("shallow")
    assert device.stack_used() == 0
    device.call("recurse", 2)
    frame = -device.stack_used()
    device.call("recurse", 3)
    deep = device.stack_used()
    frame += deep
    assert 1000 <= frame <= 1050
    assert 4000 <= deep <= 4 * frame
    device.call("recurse", 1)
    assert device.stack_used() == deep
    device.call("recurse", 20)
    assert device.stack_used() == deep + 17 * frame


@pytest.mark.parametrize("core", CORES)
def test_a_stack_overflow_is_a_fault(core, machine):
    device = machine(core)
    device.call("recurse", STACK_BYTES // 1050 - 1)

    with pytest.raises(DeviceError, match=r"^recurse: stack overflow \(65536 bytes\): write of 4 bytes at 0x0fff\w{4}"):
        device.call("recurse", 1000)


# Building


def test_firmware_lies_where_the_machine_has_ram(firmware):
    with firmware("cortex-m0").open("rb") as stream:
        assert next(ELFFile(stream).iter_segments("PT_LOAD"))["p_vaddr"] == RAM


def test_a_compile_error_is_the_compilers_first(tmp_path):
    with pytest.raises(DeviceError, match=r"zig cc -mcpu=cortex_m3: .*firmware\.c:2:\d+: error: .*undeclared.*'oops'"):
        compile_text("#warning first\nint f(void) { return oops + again; }\n", "cortex-m3", tmp_path)


def test_a_link_error_names_the_missing_function(tmp_path):
    with pytest.raises(DeviceError, match="undefined symbol: nowhere"):
        compile_text("int nowhere(void); int f(void) { return nowhere(); }\n", "cortex-m3", tmp_path)


def test_a_stripped_file_is_an_error(tmp_path):
    elf = compile_text("int f(void) { return 0; }\n", "cortex-m3", tmp_path, flags=["-Wl,--strip-all"])
    with pytest.raises(DeviceError, match=r"firmware\.elf has no symbol table"):
        Machine(elf, EMULATIONS["cortex-m3"])


def test_flags_includes_and_several_sources(tmp_path):
    (tmp_path / "headers").mkdir()
    (tmp_path / "headers" / "answer.h").write_text("int answer(void);\n")
    sources = [tmp_path / "one.c", tmp_path / "two.c", tmp_path / "three.c"]
    sources[0].write_text('#include "answer.h"\nint shared = 1;\nint twice(void) { return 2 * answer(); }\n')
    sources[1].write_text(
        '#include "answer.h"\nstatic volatile int shared = 2;\nint answer(void) { return ANSWER + 0 * shared; }\n'
    )
    core = EMULATIONS["cortex-m0"]
    sources[2].write_text("int unused[3];\n")
    flags = ["-DANSWER=21", "-std=c99", "-Werror", "-ffunction-sections", "-fdata-sections"]
    elf = build(sources, core, tmp_path / "both.elf", include=[tmp_path / "headers"], optimize="-O0", flags=flags)
    device = Machine(elf, core)

    assert elf == tmp_path / "both.elf"
    assert device.call("twice") == 42
    assert array(device, "shared", np.int32)[0] == 1  # the global one
    assert device.read("unused") == bytes(12)


def test_unoptimized_firmware_computes_the_same(tmp_path, machine):
    core = "cortex-m0"
    slow = Machine(compile_text(FIRMWARE, core, tmp_path, optimize="-O0"), EMULATIONS[core])
    fast = machine(core)
    for device in (slow, fast):
        device.write("a", finite_floats(14, 0x3F00_0000, 0x4000_0000).tobytes())
        device.write("b", finite_floats(15, 0x3F00_0000, 0x4000_0000).tobytes())
        device.call("multiply_add")

    assert slow.read("fused") == fast.read("fused")
    assert slow.symbol("negate")[1] > fast.symbol("negate")[1]
    with pytest.raises(DeviceError, match="no symbol '__divtf3'"):
        slow.symbol("__divtf3")  # of zig's runtime library, only what is called


def test_ram_grows_to_what_the_firmware_needs(tmp_path):
    text = "unsigned char big[300u << 20]; void touch(unsigned i) { big[i] = 1; }\n"
    core = EMULATIONS["cortex-m4f"]
    elf = compile_text(text, "cortex-m4f", tmp_path)
    device = Machine(elf, core)
    last = (300 << 20) - 1
    device.call("touch", last)

    assert device.read_at(device.symbol("big")[0] + last, 1) == b"\x01"
    with pytest.raises(DeviceError, match=r"firmware\.elf needs 3145\d{5} bytes of RAM, got 1048576"):
        Machine(elf, core, ram_bytes=1 << 20)


def test_ram_of_a_given_size_ends_there(machine):
    device = machine("cortex-m0", ram_bytes=1 << 20)
    device.write_at(RAM + (1 << 20) - 4, b"last")

    assert device.call("load", RAM + (1 << 20) - 4) == int.from_bytes(b"last", "little")
    with pytest.raises(DeviceError, match="invalid read of 4 bytes at 0x20100000"):
        device.call("load", RAM + (1 << 20))


def test_builds_may_run_at_once_and_leave_the_working_directory_alone(tmp_path):
    work = tmp_path / "work"
    work.mkdir()
    script = (
        "import sys; from pathlib import Path; from embinit.targets.zig_unicorn import EMULATIONS, Machine, build\n"
        "core = EMULATIONS['cortex-m3']; elf = build([Path(sys.argv[1])], core, Path(sys.argv[2]))\n"
        "print(Machine(elf, core).call('number'))"
    )
    path = os.pathsep.join(entry for entry in (str(Path(zig_unicorn.__file__).parents[2]), *sys.path) if entry)

    def number(index):
        source = tmp_path / f"{index}.c"
        source.write_text(f"int number(void) {{ return {index}; }}\n")
        command = [sys.executable, "-c", script, str(source), str(tmp_path / f"{index}.elf")]
        environment = {**os.environ, "PYTHONPATH": path}
        return subprocess.run(command, cwd=work, env=environment, capture_output=True, text=True, check=True).stdout

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(number, range(3))) == ["0\n", "1\n", "2\n"]
    assert list(work.iterdir()) == []


@pytest.mark.parametrize(
    ("variables", "cache"),
    [
        ({"EMBINIT_CACHE_DIR": "one", "XDG_CACHE_HOME": "two"}, "one/embinit/zig"),
        ({"XDG_CACHE_HOME": "two"}, "two/embinit/zig"),
        ({"HOME": "three"}, "three/.cache/embinit/zig"),
        ({"XDG_CACHE_HOME": "two", "ZIG_GLOBAL_CACHE_DIR": "four", "ZIG_LOCAL_CACHE_DIR": "four"}, "four"),
    ],
)
def test_zig_caches_for_the_user_unless_told_otherwise(variables, cache, tmp_path, monkeypatch):
    for name in ("EMBINIT_CACHE_DIR", "XDG_CACHE_HOME", "ZIG_GLOBAL_CACHE_DIR", "ZIG_LOCAL_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    for name, directory in variables.items():
        monkeypatch.setenv(name, str(tmp_path / directory))
    expected = tmp_path / cache

    assert zig_unicorn._zig_caches() == {
        "ZIG_GLOBAL_CACHE_DIR": str(expected),
        "ZIG_LOCAL_CACHE_DIR": str(expected),
    }
    assert expected.is_dir()


def test_zigs_cache_falls_back_where_the_kernels_does(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    for name in ("ZIG_GLOBAL_CACHE_DIR", "ZIG_LOCAL_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("EMBINIT_CACHE_DIR", str(tmp_path / "file"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    elf = compile_text("int f(void) { return 7; }\n", "cortex-m0", tmp_path)

    assert Machine(elf, EMULATIONS["cortex-m0"]).call("f") == 7
    (own,) = tmp_path.glob("embinit-*")
    assert any((own / "zig").iterdir())


def test_a_cache_that_cannot_be_made_is_an_error(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("ZIG_LOCAL_CACHE_DIR", str(tmp_path / "file" / "zig"))
    with pytest.raises(DeviceError, match=r"zig cannot have its cache in ZIG_LOCAL_CACHE_DIR = .*: Not a directory"):
        compile_text("int f(void) { return 0; }\n", "cortex-m0", tmp_path)

    monkeypatch.delenv("ZIG_LOCAL_CACHE_DIR")
    monkeypatch.setattr("embinit.cache.directory", lambda name: None)
    with pytest.raises(DeviceError, match="set EMBINIT_CACHE_DIR"):
        compile_text("int f(void) { return 0; }\n", "cortex-m0", tmp_path)


def test_a_missing_wheel_says_how_to_install_it(tmp_path, machine, monkeypatch):
    machine("cortex-m0")
    install = r"install it with: pip install 'embinit\[device\]'"
    needs = {"unicorn": "emulated devices need unicorn", "elftools.elf.elffile": "an ELF file needs pyelftools"}
    for module, says in needs.items():
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, module, None)
            with pytest.raises(DeviceError, match=f"{says}: {install}"):
                machine("cortex-m0").call("shallow")
    monkeypatch.setitem(sys.modules, "ziglang", None)
    with pytest.raises(DeviceError, match=f"emulated devices need ziglang: {install}"):
        compile_text("int f(void) { return 0; }\n", "cortex-m0", tmp_path)
