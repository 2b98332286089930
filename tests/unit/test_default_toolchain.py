"""Which toolchain builds the user's own C, if none is named: that of the model's own target, if it is there."""

import shutil

import pytest

from embinit.device import default_toolchain
from embinit.targets.boards import BOARDS

SOURCE = ["their_init.c"]


@pytest.fixture
def with_arm_alone(monkeypatch):
    """A machine with arm-none-eabi-gcc and QEMU for Arm, and nothing for other cores."""
    tools = {"arm-none-eabi-gcc", "qemu-system-arm"}
    monkeypatch.setattr(shutil, "which", lambda name: name if name in tools else None)


@pytest.mark.parametrize(
    ("target", "expected"),
    [("cortex-m4f", "gcc"), ("stm32f407", "gcc"), ("riscv32imac", "zig"), ("esp32c3", "zig"), ("avr", "gcc")],
)
def test_gcc_is_taken_if_it_is_there_for_the_target(with_arm_alone, target, expected):
    assert default_toolchain(SOURCE, target) == expected


def test_an_emulated_target_without_a_board_takes_zig(with_arm_alone, monkeypatch):
    monkeypatch.delitem(BOARDS, "riscv32imac")
    assert default_toolchain(SOURCE, "riscv32imac") == "zig"


def test_generated_code_takes_zig(with_arm_alone):
    assert default_toolchain([], "cortex-m4f") == "zig"
