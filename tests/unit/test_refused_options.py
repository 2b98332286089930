"""Options that go with no other, or have no such value: one line each that names the option."""

import pytest

from support.cli import assert_refused, run

#: A command on a model and its bundle, and what is said of it.
REFUSED = {
    "diagnose m.toml --crc 1 --dump g/m.bin": "--crc is all that is known of a device: it goes with no --dump",
    "diagnose m.toml --crc zz": "--crc must be BUFFER=CHECKSUM, once for each buffer, got 'zz'",
    "verify m.toml --dump g/m.bin --entry x": "say how to build for a device, and go with no --dump",
    "verify m.toml --dump g/m.bin --save x.npz": "--save writes what a device left: give --device or --source with it",
    "verify m.toml --dump g/m.bin --at x": "--at must be BUFFER=ADDRESS, once for each buffer, got 'x'",
    "verify m.toml --dump g/m.bin --at fc.weight=1 --at fc.weight=2": "once for each buffer, got 'fc.weight=2'",
    "verify m.toml --dump g/m.bin --at fc.weight=zz": "--at must give an address, or with --elf the symbol",
    "verify m.toml --dump g/m.bin --at nope=1": "--at must be one of fc.weight, fc.bias, got 'nope'",
    "verify m.toml --dump g/m.bin --symbol x": "symbol must end with one of fc_weight, fc_bias, got 'x'",
    "verify m.toml --dump g/m.bin --elf nope.elf": "nope.elf: cannot be read: No such file or directory",
    "verify m.toml --dump g/m.bin --elf g/m.bin": "g/m.bin: is not an ELF file",
    "verify m.toml --device --cflags '": """--cflags must be flags as in a shell, got "'": No closing quotation""",
    "verify m.toml --device --entry x": "source and entry need one another, got no source and 'x'",
    "verify m.toml --source w.c --entry 1x": "entry must be a C identifier, got '1x'",
    "seeds m.toml --seeds 0-3 --keep .": ".: cannot be read: Is a directory",
    "dialects odt --check w.c --entry x": "dialects --check compares C with a dialect file, and dialect odt is none",
    "import x:y:z -o n.toml": "x:y:z: cannot be read: No such file or directory",
    "import os:nope -o n.toml": "os:nope: os has no nope; it has abc, sys",
    "import json:loads -o n.toml": "json:loads: loads() raised TypeError: loads() missing 1 required",
    "import os:getcwd -o n.toml": "must be a constructor of a torch.nn.Module or a Keras model",
    "import no_such_module:X -o n.toml": "importing no_such_module: no module is named no_such_module",
    "import g/m.bin -o n.toml": "is not a .bin file that can be read: it is damaged or cut short, or another kind",
    "import g/m.txt -o n.toml": "is not a model that embinit knows: it must be one of .onnx, .safetensors",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("options")
    layer = '[[layer]]\nname = "fc"\ntype = "Linear"\nin_features = 3\nout_features = 2\n'
    (folder / "m.toml").write_text(f'[model]\nname = "m"\nseed = 1\ndialect = "odt"\n{layer}')
    (folder / "w.c").write_text("int x;\n")
    assert run("export", "m.toml", "-o", "g", cwd=folder).returncode == 0
    (folder / "g" / "m.txt").write_text("no model\n")
    return folder


@pytest.mark.parametrize("command", REFUSED)
def test_an_option_is_refused_by_its_name(command, folder):
    assert_refused(run(*command.split(), cwd=folder), REFUSED[command])
    assert not (folder / "n.toml").exists()
