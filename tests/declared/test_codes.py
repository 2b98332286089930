"""Generated C of dialect files into buffers of codes: the bits of the host, on this machine and on emulated cores."""

import shutil
import subprocess
from pathlib import Path

import pytest

import embinit
from embinit import codegen, device
from embinit.bundle import gather
from embinit.clib import SOURCES
from embinit.verify import verify

from support.compilers import compile_program

FOLDER = Path(__file__).parents[1] / "vectors" / "declared"


def mlp(dialect, weight_format, target="host", **keys):
    layers = [
        embinit.Linear(in_features=5, out_features=3, weight_format=weight_format, **keys),
        embinit.LayerNorm(normalized_shape=3),
        embinit.Linear(in_features=3, out_features=3, weight_format="q7", weight_init=keys.get("weight_init")),
    ]
    return embinit.Model("net", layers, 7, dialect, target)


#: Uniform values, words by rand(), a rehearsal, a restart per tensor, biases after all weights, normals with a spare.
CASES = [
    ("odt", "sym8", {}),
    ("tinn", "q15", {}),
    ("mnn", "int8", {}),
    ("nnh", "asym8", {"weight_init": embinit.initializers.uniform(-0.3, 0.7)}),
    ("aifes", "sym8", {}),
    ("tiny-dnn", "affine8", {}),
    ("libstdcxx", "bfp8e8", {"weight_init": embinit.initializers.normal(0.0, 0.3)}),
    ("acme", "sym8", {}),
    ("stochastic", "sym8", {"rounding": "stochastic"}),
]
FILE = """
[dialect]
name = "acme"
[dialect.generator]
kind = "xorshift"
shifts = [13, -17, 5]
seed = "(seed ^ layer) | 1u"
scope = "layer"
[dialect.values]
unit = "(float)(word >> 8) * 0x1p-24f"
[dialect.normal]
words = ["a", "b"]
values = ["a + b - 1.0f", "a - b"]
spare = "tensor"
result = "mean + stddev * z"
[dialect.initializers.default]
mean = "0.0f"
stddev = "0.4f"
[dialect.layers.Linear]
weight = ["out", "in"]
fan_in = "in"
fan_out = "out"
"""


@pytest.fixture
def acme(tmp_path):
    def read(dialect):
        if dialect not in ("acme", "stochastic"):
            return dialect
        text = FILE if dialect == "acme" else FILE.replace('"layer"', '"model"')
        text = text if dialect == "acme" else text.replace("seed ^ layer", "seed")
        path = tmp_path / "acme.toml"
        path.write_text(text, encoding="utf-8")
        return embinit.load_dialect(path)

    return read


@pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")
@pytest.mark.parametrize(("dialect", "weight_format", "keys"), CASES)
def test_c_on_this_machine_leaves_the_codes_of_the_host(dialect, weight_format, keys, acme, tmp_path):
    bundle = gather(mlp(acme(dialect), weight_format, **keys).plan())
    (tmp_path / "net_init.c").write_text(codegen.init_source(bundle), encoding="utf-8")
    (tmp_path / "net_init.h").write_text(codegen.init_header(bundle), encoding="utf-8")
    main = codegen.firmware(bundle) + "\nint main(void)\n{\n    return firmware_main(7) == 1 ? 0 : 1;\n}\n"
    (tmp_path / "main.c").write_text(main, encoding="utf-8")
    sources = [tmp_path / "main.c", tmp_path / "net_init.c", *SOURCES]
    program = compile_program("gcc", sources, tmp_path / "run", "-O2", f"-I{tmp_path}")

    assert subprocess.run([program], check=False).returncode == 0


@pytest.mark.device
@pytest.mark.parametrize(("dialect", "weight_format", "keys"), [CASES[0], CASES[3], CASES[5], CASES[7]])
def test_a_core_leaves_the_codes_of_the_host(dialect, weight_format, keys, acme):
    bundle = gather(mlp(acme(dialect), weight_format, "cortex-m4f", **keys).plan())

    assert verify(bundle, device.run(bundle), "cortex-m4f").agrees


def test_what_takes_turns_is_refused_by_name(acme, tmp_path):
    path = tmp_path / "turns.toml"
    text = FILE.replace('fan_out = "out"\n', 'fan_out = "out"\ninterleave = "out"\n').replace('spare = "tensor"\n', "")
    path.write_text(text, encoding="utf-8")

    with pytest.raises(codegen.NoCodeError, match=r"linear0.*no C draws it in turns with another buffer"):
        codegen.init_source(gather(mlp(embinit.load_dialect(path), "sym8").plan()))
