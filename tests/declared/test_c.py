"""Generated C of dialect files: clean for every compiler, and with the same bits on emulated cores."""

import shutil
import subprocess
from pathlib import Path

import pytest

import embinit
from embinit import codegen, device
from embinit.bundle import gather
from embinit.clib import C_DIRECTORY
from embinit.verify import verify

FOLDER = Path(__file__).parents[1] / "vectors" / "declared"
STRICT = ["-Wall", "-Wextra", "-Wconversion", "-pedantic", "-Werror", "-O2", "-c"]
COMPILERS = {"gcc": ["gcc", "-std=c99"], "clang": ["clang", "-std=c99"], "g++": ["g++", "-x", "c++", "-std=c++17"]}
#: Uniform values, retries, turns, spare values kept and dropped, draws along other axes, and a stream a tensor.
MODELS = ("acme_01_a", "acme_05_a", "acme_07_b", "acme_08_a", "acme_11_a", "acme_12_a", "acme_29_a")


def mlp(dialect, **keys):
    layers = [embinit.Linear(in_features=5, out_features=4), embinit.Linear(in_features=4, out_features=3)]
    return embinit.Model("net", layers, 7, dialect, **keys)


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("model", MODELS)
def test_it_compiles_without_a_warning(model, compiler, tmp_path):
    if shutil.which(COMPILERS[compiler][0]) is None:
        pytest.skip(f"{compiler} is not installed")
    bundle = gather(embinit.load(FOLDER / f"{model}.toml", target="cortex-m4f").plan())
    source = tmp_path / f"{model}_init.c"
    source.write_text(codegen.init_source(bundle), encoding="utf-8")
    (tmp_path / f"{model}_init.h").write_text(codegen.init_header(bundle), encoding="utf-8")
    command = [*COMPILERS[compiler], *STRICT, str(source), f"-I{C_DIRECTORY}", "-o", str(tmp_path / "o")]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


@pytest.mark.device
@pytest.mark.parametrize("target", ["cortex-m0", "cortex-m4f"])
@pytest.mark.parametrize("model", MODELS[1:4])
def test_a_core_leaves_the_same_bits(model, target):
    bundle = gather(embinit.load(FOLDER / f"{model}.toml", target=target).plan())

    assert verify(bundle, device.run(bundle), target).agrees


@pytest.mark.device
@pytest.mark.parametrize("dialect", ["genann", "tiny-dnn", "mnn"])
def test_a_core_leaves_what_a_program_does(dialect):
    bundle = gather(mlp(dialect, target="cortex-m4f").plan())

    assert verify(bundle, device.run(bundle), dialect).agrees


@pytest.mark.device
@pytest.mark.parametrize("target", ["cortex-m0", "cortex-m4f"])
@pytest.mark.parametrize("dialect", ["kann", "cranium", "darknet"])
def test_a_core_computes_log_sin_and_cos_of_double(dialect, target):
    bundle = gather(mlp(dialect, target=target).plan())

    assert verify(bundle, device.run(bundle), dialect).agrees


@pytest.mark.parametrize(("dialect", "keys", "why"), [
    ("llmc", {"weight_init": embinit.initializers.normal(0.0, 0.02)}, "normal values in blocks have no C"),
])  # fmt: skip
def test_what_has_no_c_is_refused_by_name(dialect, keys, why):
    model = embinit.Model("net", [embinit.Linear(in_features=8, out_features=4, bias=False, **keys)], 7, dialect)

    with pytest.raises(codegen.NoCodeError, match=why):
        codegen.init_source(gather(model.plan()))


PCG64 = """
[dialect]
name = "wide"
[dialect.generator]
kind = "{kind}"
warmup = 3
[dialect.values]
unit = "(double)(word >> 11) * 0x1p-53"
[dialect.initializers.default]
value = "unit - 0.5"
[dialect.layers.Linear]
weight = ["out", "in"]
fan_in = "in"
fan_out = "out"
"""


@pytest.mark.device
@pytest.mark.parametrize("kind", ["pcg64", "pcg64-dxsm"])
def test_a_core_draws_words_of_64_bits_as_numpy_does(kind, tmp_path):
    path = tmp_path / "wide.toml"
    path.write_text(PCG64.format(kind=kind), encoding="utf-8")
    bundle = gather(mlp(embinit.load_dialect(path), target="cortex-m4f").plan())

    assert verify(bundle, device.run(bundle), kind).agrees


def test_a_seed_of_64_bits_is_refused_by_name(tmp_path):
    path = tmp_path / "wide.toml"
    path.write_text(PCG64.format(kind="pcg64"), encoding="utf-8")
    layer = embinit.Linear(in_features=2, out_features=2)

    with pytest.raises(codegen.NoCodeError, match=r"no C takes a seed above 2\^32 - 1, got 4294967296"):
        codegen.init_source(gather(embinit.Model("net", [layer], 2**32, embinit.load_dialect(path)).plan()))
