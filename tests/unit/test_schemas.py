"""Each command's --json, and the manifest, are what their published schemas say, without a key they do not name."""

import argparse
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from embinit import load, schemas
from embinit.commands.arguments import parser

from support.cli import run
from support.model_files import GOOD

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.toml"))
#: Schemas that are of no command.
OTHERS = {"common", "manifest"}


def strict(schema):
    """Return a schema that refuses the keys it does not name; the published ones leave room for new keys."""
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {"additionalProperties": False} if "properties" in schema else {}
    return closed | {key: strict(value) for key, value in schema.items()}


REGISTRY = Registry().with_resources(
    (f"{name}.json", Resource.from_contents(strict(schemas.schema(name)))) for name in schemas.names()
)


def check(name, output):
    """Validate what a command printed; NaN and Infinity, which Python's json would read, are no JSON."""
    values = json.loads(output, parse_constant=pytest.fail)
    Draft202012Validator(strict(schemas.schema(name)), registry=REGISTRY).validate(values)
    return values


def said(name, *words, cwd=None, status=0):
    done = run(*words, "--json", cwd=cwd)
    assert done.returncode == status, done.stderr
    return check(name, done.stdout)


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    """Return a folder with a model and three dumps: the right one, one without fused multiply-adds, and noise."""
    folder = tmp_path_factory.mktemp("board")
    (folder / "m.toml").write_text(GOOD)
    for name, target in {"right": "cortex-m4f", "separate": "cortex-m0"}.items():
        values = load(folder / "m.toml", target=target).init()
        (folder / f"{name}.bin").write_bytes(b"".join(value.tobytes() for value in values.values()))
    size = (folder / "right.bin").stat().st_size
    (folder / "noise.bin").write_bytes(np.random.default_rng(1).bytes(size - 4) + b"\0\0\xc0\x7f")
    return folder


def commands(parser, name=""):
    """Yield each command that prints JSON."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for word, command in action.choices.items():
                yield from commands(command, f"{name}-{word}".lstrip("-"))
        elif "--json" in action.option_strings:
            yield name


def test_every_command_that_prints_json_has_a_schema():
    assert set(commands(parser())) == set(schemas.names()) - OTHERS


@pytest.mark.parametrize("name", schemas.names())
def test_a_schema_is_one(name):
    Draft202012Validator.check_schema(schemas.schema(name))


def test_a_model_that_names_a_c_library(tmp_path):
    (tmp_path / "m.toml").write_text(GOOD.replace("[model]\n", '[model]\nlibc = "picolibc"\n'))

    assert said("plan", "plan", tmp_path / "m.toml")["model"]["libc"] == "picolibc"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_plan(path):
    found = said("plan", "plan", path)
    assert found["buffers"]


def test_what_a_device_does_in_its_own_way(tmp_path):
    (tmp_path / "m.toml").write_text(
        '[model]\nname = "m"\ndialect = "odt"\nseed = 42\n[[layer]]\nname = "fc"\ntype = "Linear"\nin_features = 6\n'
        'out_features = 4\nweight_format = "int8"\nrounding = "add_half"\n'
        "element_order = { weight = { order = [1, 0] } }\n"
        'weight_quantizer = { quotient = "reciprocal", saturate = false }\n'
    )
    (buffer, _) = said("plan", "plan", tmp_path / "m.toml")["buffers"]
    assert buffer["quantizer"] == {"quotient": "reciprocal", "saturate": False}
    assert buffer["element_order"] == {"order": [1, 0]}
    said("export", "export", tmp_path / "m.toml", "-o", tmp_path / "b", "--format", "npz,bin,c")
    check("manifest", (tmp_path / "b" / "manifest.json").read_text())
    again = said("plan", "plan", tmp_path / "b" / "manifest.json")["buffers"]
    assert again[0] == buffer


@pytest.mark.parametrize("name", ["quantized", "every_option", "integer_only", "aifes_mlp"])
def test_export_and_manifest(name, tmp_path):
    path = next(path for path in EXAMPLES if path.stem == name)
    written = said("export", "export", path, "-o", tmp_path / "b", "--format", "npz,bin")
    assert set(written["files"]) == {path.name for path in (tmp_path / "b").iterdir()}
    assert said("export", "export", path, "--format", "npz,bin", "--list")["files"] == [*written["files"]]
    check("manifest", (tmp_path / "b" / "manifest.json").read_text())
    assert said("export", "export", path, "-o", tmp_path / "b", "--format", "npz,bin", "--check")["equal"]
    (tmp_path / "b" / f"{name}.bin").unlink()
    assert not said("export", "export", path, "-o", tmp_path / "b", "--format", "npz,bin", "--check", status=1)["equal"]


@pytest.mark.parametrize("dump", ["right", "separate", "noise"])
def test_verify_diagnose_and_report_bug(dump, board):
    words = ("m.toml", "--dump", f"{dump}.bin")
    agrees = dump == "right"
    assert said("verify", "verify", *words, cwd=board, status=not agrees)["agrees"] == agrees
    found = said("diagnose", "diagnose", *words, cwd=board, status=not agrees)
    assert found["explained"] == (dump == "separate")
    if dump == "separate":
        assert said("report-bug", "report-bug", *words, cwd=board)["diagnosis"] == found


def test_checksums(board):
    words = ("m.toml", "--crc", "fc.weight=0x01234567")
    assert not said("verify", "verify", *words, cwd=board, status=1)["agrees"]
    assert not said("diagnose", "diagnose", *words, cwd=board, status=1)["explained"]
    crc = said("verify", "verify", *words, cwd=board, status=1)["checksums"][0]["expected"]["zlib's CRC-32"]
    assert said("diagnose", "diagnose", "m.toml", "--crc", f"fc.weight={crc}", cwd=board)["agrees"]


def test_seeds(board):
    assert said("seeds", "seeds", "m.toml", "--seeds", "0-3,4294967295", cwd=board)["duplicates"] == [[0, 4294967295]]


def test_targets_dialects_and_formats():
    assert {"host", "cortex-m4f"} <= {each["name"] for each in said("targets", "targets")}
    assert {"name": "esp32c3", "target": "riscv32imac"}.items() <= next(
        each for each in said("targets-chips", "targets", "chips") if each["name"] == "esp32c3"
    ).items()
    assert "odt" in {each["name"] for each in said("dialects", "dialects")}
    assert said("dialects", "dialects", "tinn")["dialect"]["name"] == "tinn"
    assert said("formats", "formats")
    assert said("formats", "formats", "sym8")["qmax"] == 127
    assert said("formats", "formats", "float32")["bits"] == 32
    assert said("formats", "formats", "bfp<m>e<e>")


def test_a_dialect_checked_against_c(monkeypatch):
    from embinit import source_check

    outcome = source_check.Check((("host", 96),), None)
    monkeypatch.setattr(source_check, "check", lambda *_: outcome)
    assert said("dialects", "dialects", "tinn", "--check", "weights.c", "--entry", "init")["agrees"]


def test_import(tmp_path):
    numpy = pytest.importorskip("safetensors.numpy")
    tensors = {"fc.weight": np.zeros((2, 3), np.float32), "fc.bias": np.zeros(2, np.float32), "other": np.zeros(())}
    numpy.save_file(tensors, tmp_path / "w.safetensors")
    found = said("import", "import", "w.safetensors", "-o", "m.toml", "--skip", cwd=tmp_path)
    assert [each["path"] for each in found["names"]] == ["fc"]
    assert [each["path"] for each in found["skipped"]] == ["other"]


CODE = """#include "m_init.h"
#ifdef __FAST_MATH__
#define FAST 1.0f
#else
#define FAST 0.0f
#endif
void go(const m_buffers *buffers, uint32_t seed) { buffers->fc_weight[0] = FAST + (float)seed; }
"""


@pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")
@pytest.mark.parametrize(("flags", "agrees"), [(["-O1", "-O2"], True), (["-O1", "-O1 -ffast-math"], False)])
def test_matrix(flags, agrees, board, tmp_path):
    (tmp_path / "go.c").write_text(CODE)
    options = ("--entry", "go", "--targets", "host", "--compilers", "gcc", *(f"--flags={each}" for each in flags))
    found = said("matrix", "matrix", tmp_path / "go.c", "m.toml", *options, cwd=board, status=not agrees)
    assert found["agrees"] == agrees


@pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")
def test_targets_probe():
    assert said("targets-probe", "targets", "probe", "--cc", "gcc")["ran_on"] == "this machine"


def test_an_unknown_key_is_refused_here_and_allowed_there(board):
    values = json.loads(run("plan", "m.toml", "--json", cwd=board).stdout)
    values["buffers"][0]["new"] = 1
    published = Registry().with_resources(
        (f"{name}.json", Resource.from_contents(schemas.schema(name))) for name in schemas.names()
    )
    Draft202012Validator(schemas.schema("plan"), registry=published).validate(values)
    with pytest.raises(Exception, match="'new' was unexpected"):
        check("plan", json.dumps(values))
