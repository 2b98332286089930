"""Generated C on emulated cores: init code, golden vectors and on-device tests, as a firmware engineer uses them."""

import pytest
from hypothesis import given, settings

import embinit
from embinit import device
from embinit.bundle import gather
from embinit.targets.zig_unicorn import STACK_BYTES
from embinit.verify import verify

from support import strategies
from support.cores import CORES
from support.firmware import HARNESS, example, firmware, glue

MODELS = ("har_classifier", "ecg_anomaly_ae", "kws_raw")
BOARDS = ("cortex-m0", "cortex-m3", "cortex-m4f", "cortex-m7", "cortex-m33")
SEEDS = (0, 1, 42, 0xFFFFFFFF)


@pytest.mark.parametrize("core", BOARDS)
@pytest.mark.parametrize("name", MODELS)
def test_examples_agree_from_every_seed(name, core, tmp_path):
    """One firmware, called with each seed: the seed is an argument of the init function."""
    bundle = gather(example(name, target=core).plan())
    machine = firmware(bundle, tmp_path)
    for seed in SEEDS:
        machine.call("firmware_main", seed)
        found = {entry.row.name: machine.read(f"device_{entry.identifier}") for entry in bundle.entries}
        report = verify(gather(example(name, target=core, seed=seed).plan()), found, core)

        assert report.agrees, report


@pytest.mark.parametrize("multiply_add", ["separate", "fused"])
@pytest.mark.parametrize("core", CORES)
def test_an_override_of_the_multiply_add_holds_on_every_core(core, multiply_add):
    bundle = gather(example("every_option", target=core, multiply_add=multiply_add).plan())

    assert verify(bundle, device.run(bundle), core).agrees


@settings(max_examples=6)
@given(strategies.models())
def test_any_model_agrees(model):
    bundle = gather(model.plan())

    assert verify(bundle, device.run(bundle), model.target).agrees


def test_a_wrong_multiply_add_is_noticed():
    fused, separate = (gather(example("har_classifier", multiply_add=m).plan()) for m in ("fused", "separate"))
    report = verify(separate, device.run(fused), "device")

    assert not report.agrees
    assert 0.4 < sum(c.equal for c in report.comparisons) / sum(c.elements for c in report.comparisons) < 0.6


@pytest.mark.parametrize("flags", [(), ("-DEMBINIT_CRC_ONLY",)], ids=["bits", "crc"])
@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m4f"])
def test_on_device_tests_pass_and_find_one_wrong_bit(core, flags, tmp_path):
    bundle = gather(example("ecg_anomaly_ae", target=core).plan())
    (tmp_path / "glue.c").write_text(glue(bundle))
    (tmp_path / "harness.c").write_bytes((HARNESS / "harness.c").read_bytes())
    sources = ("test_ecg_anomaly_ae.c", "check_ecg_anomaly_ae.c", "glue.c", "harness.c")
    machine = firmware(bundle, tmp_path, *sources, flags=flags)

    assert machine.call("firmware_main", 1) == 1
    assert machine.call("main") == 0
    assert machine.read("unity_runs") == len(bundle.entries).to_bytes(4, "little")
    assert machine.call("compare_all") == 0
    assert machine.output == f"PASS ecg_anomaly_ae: {len(bundle.entries)} buffers\n".encode()

    wrong = bytearray(machine.read("device_conv2_weight"))
    wrong[4 * 17] ^= 1
    machine.write("device_conv2_weight", bytes(wrong))
    assert machine.call("main") == 1
    assert machine.call("compare_all") == 1
    told = machine.output.decode().splitlines()[1:]
    expected = bundle.entries[2].data.ravel().view("u4")[17]
    place = "conv2_weight crc32" if flags else "conv2_weight[17]"
    assert told[0].startswith(f"test_conv2_weight FAIL ecg_anomaly_ae: {place} expected 0x")
    if not flags:
        assert told[0].endswith(f"expected 0x{expected:08x} got 0x{expected ^ 1:08x}")


def test_the_self_check_of_another_seed_fails(tmp_path):
    machine = firmware(gather(example("starter").plan()), tmp_path)

    assert machine.call("firmware_main", 42) == 1
    assert machine.call("firmware_main", 43) == 0


def test_the_stack_of_a_whole_fill_is_small(tmp_path):
    machine = firmware(gather(example("har_classifier", target="cortex-m0").plan()), tmp_path)
    machine.call("firmware_main", 42)

    assert 0 < machine.stack_used() < 512 < STACK_BYTES


def test_a_target_without_an_emulated_core_is_an_error():
    with pytest.raises(embinit.EmbinitError, match="cortex-m4f"):
        device.run(gather(example("starter", target="host").plan()))
