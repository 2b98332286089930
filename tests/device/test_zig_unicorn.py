"""The emulated cores: calls, memory, output, and every way a call can end."""

import numpy as np
import pytest

from embinit.targets.device_error import DeviceError
from embinit.targets.zig_unicorn import STACK_BYTES, UART

from support.zig_firmware import ARM_CORES, CORES, array


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
