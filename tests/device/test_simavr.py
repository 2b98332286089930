"""Models on an emulated AVR: their buffers agree, and what does not fit into 8 KB is told."""

import shutil
from pathlib import Path

import pytest

import embinit
from embinit import Linear, device
from embinit.bundle import gather
from embinit.targets import simavr
from embinit.targets.device_error import DeviceError
from embinit.verify import verify

EXAMPLES = Path(__file__).parents[2] / "examples"
pytestmark = pytest.mark.skipif(not simavr.is_installed(), reason="needs avr-gcc and simavr")


def small(**given):
    layers = [
        Linear(name="a", in_features=30, out_features=20),
        Linear(name="b", in_features=20, out_features=6, weight_format="q7", bias_format="int8"),
    ]
    return gather(embinit.Model("small", layers, seed=42, target="atmega2560", **given).plan())


def test_a_model_agrees_and_a_wrong_one_does_not():
    bundle = small()
    found = device.run(bundle, device.default_toolchain(target="avr"))

    assert verify(bundle, found, "avr").agrees
    assert not verify(small(multiply_add="fused"), found, "avr").agrees


def test_a_microcontroller_of_2_kb():
    layers = [Linear(name="a", in_features=12, out_features=16)]
    bundle = gather(embinit.Model("tiny", layers, seed=42, target="atmega328p").plan())

    assert verify(bundle, device.run(bundle, "avr-gcc -O2 -mmcu=atmega328p"), "avr").agrees
    with pytest.raises(DeviceError, match="do not fit into the RAM of atmega328p"):
        device.run(small(), "avr-gcc -O2 -mmcu=atmega328p")


def test_another_microcontroller_and_own_code(tmp_path):
    source = tmp_path / "own.c"
    source.write_text(
        '#include "small_init.h"\nvoid own(const small_buffers *b, uint32_t seed);\n'
        "void own(const small_buffers *b, uint32_t seed) { b->a_weight[0] = (float)(int)seed * 0.5f; }\n"
    )
    found = device.run(small(), "avr-gcc -O2 -mmcu=atmega1284p", [source], "own")

    assert found["a.weight"][:4] == b"\x00\x00\xa8\x41"  # 21.0
    assert "the code never wrote 599 of the 600 elements of a.weight" in found.notes


def test_what_does_not_fit_is_told():
    bundle = gather(embinit.load(EXAMPLES / "har_classifier.toml", target="avr").plan())

    with pytest.raises(
        DeviceError, match="40856 bytes of buffers and 1024 of stack do not fit into the RAM of atmega2560"
    ):
        device.run(bundle, "gcc")


def test_tools_are_needed(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)

    with pytest.raises(DeviceError, match="avr-gcc is not installed: apt-get install gcc-avr avr-libc"):
        device.run(small(), "gcc")
