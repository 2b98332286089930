"""The emulated cores, each with the firmware that tests of them call."""

import pytest

from embinit.targets.zig_unicorn import EMULATIONS, Machine

from support.zig_firmware import FIRMWARE, compile_text


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
