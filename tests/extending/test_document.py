"""What docs/extending.md shows is what happens: its package is written, its six examples run on emulated cores."""

import re
import runpy
from dataclasses import replace
from pathlib import Path

import pytest

import embinit
from embinit.bundle import gather
from embinit.clib import C_DIRECTORY, SOURCES
from embinit.codegen import firmware
from embinit.export import export
from embinit.targets.zig_unicorn import EMULATIONS, Machine, build

from support import document

ROOT = document.DOCUMENT.parents[1]
EXAMPLES = ("generator", "declared", "dialect", "format", "layer", "target")


def everything():
    """Return a model with the package's generator, dialect, format, layer and target."""
    import acme.lowrank
    import acme.shift
    import acme.target
    from acme.dialect import ACME

    from embinit.torch import settled

    dialect = replace(ACME, layers={"LowRank": lambda layer: settled(layer.construct())})
    layers = [
        embinit.Linear(
            name="fc", in_features=16, out_features=4, weight_format="shift6", rounding="stochastic", group_size=8
        ),
        acme.lowrank.LowRank(name="thin", in_features=4, out_features=4, rank=1),
        embinit.Conv1d(name="conv", in_channels=3, out_channels=4, kernel_size=5, weight_format="shift3"),
    ]
    zeros = embinit.Linear(
        name="zeros", in_features=2, out_features=2, weight_format="shift16", weight_init=embinit.initializers.zeros()
    )
    return embinit.Model("everything", [*layers, zeros], seed=7, dialect=dialect, target="esp32-c6")


def test_every_example_is_run_here():
    assert {name for name in document.files() if name.startswith("try_")} == {f"try_{each}.py" for each in EXAMPLES}


@pytest.mark.device
@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_has_the_same_bits_on_a_core(outside, capsys, example):
    runpy.run_path(f"try_{example}.py")

    assert re.search(
        r"agrees with the simulation, bit for bit: (\d+) of \1 elements are equal", capsys.readouterr().out
    )


@pytest.mark.device
def test_an_exported_bundle_has_all_c_that_it_needs(outside):
    model = everything()
    bundle = gather(model.plan())
    export(model.plan(), outside / "bundle")
    text = (outside / "bundle" / "everything_init.c").read_text(encoding="utf-8")
    (outside / "firmware.c").write_text(firmware(bundle), encoding="utf-8")
    own = ["shift.h", "signed.h", "signed.c", "splitmix32.h"]
    sources = [outside / "bundle" / name for name in ("everything_init.c", "signed.c")]
    emulation = EMULATIONS["esp32-c6"]
    elf = build(
        [*SOURCES, *sources, outside / "firmware.c"],
        emulation,
        outside / "firmware.elf",
        include=[C_DIRECTORY, outside / "bundle"],
        flags=["-Wall", "-Wextra", "-Wconversion", "-pedantic", "-Werror", "-std=c99"],
    )
    machine = Machine(elf, emulation)

    assert f"It is built with the C library of embinit and {', '.join(own)}." in text
    assert machine.call("firmware_main", 7) == 1
    for array in bundle.arrays:
        assert machine.read(f"device_{array.identifier}") == array.payload


@pytest.mark.device
@pytest.mark.parametrize(("file", "right", "wrong"), [("signed.c", "(int32_t)word *", "(int32_t)(word ^ 256u) *")])
def test_the_packages_own_c_is_what_the_core_runs(outside, file, right, wrong):
    path = outside / "acme" / file
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(right, wrong), encoding="utf-8")

    assert right in text
    with pytest.raises(AssertionError):
        runpy.run_path("try_dialect.py")


def test_the_files_of_the_document_exist():
    text = document.DOCUMENT.read_text(encoding="utf-8")
    inside = " ".join(re.findall(r"\*\*In embinit\*\*.*?\n\n", f"{text}\n\n", re.DOTALL))
    made_up = re.compile("splitmix32|firmware|acme|signed|shift")
    named = {path for path in re.findall(r"`((?:embinit|tests)/[\w./]+)`", inside) if not made_up.search(path)}

    assert inside.count("In embinit") == len(EXAMPLES)
    assert len(named) >= 12
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []
    for path in re.findall(r"\]\(([^)]+)\)", text):
        assert (Path(document.DOCUMENT).parent / path).exists()
    for name in ("README.md", "CONTRIBUTING.md"):
        assert "(docs/extending.md)" in (ROOT / name).read_text(encoding="utf-8")
