"""Bundles: the same bytes every time, whole or not at all, and readable back without embinit."""

import io
import json
import os
import re
import shutil
import subprocess
import sys
import tracemalloc
import zlib
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

import embinit
from embinit import EmbinitError, __main__
from embinit.bundle import gather
from embinit.clib import C_DIRECTORY, HEADERS
from embinit.export import _text_size, drift, export, render, write

from support import strategies
from support.compilers import HOST_COMPILERS, WARNINGS

EXAMPLE = Path(__file__).parents[2] / "examples" / "har_classifier.toml"
FILES = {
    "har_classifier.npz", "expected_har_classifier.h", "har_classifier.bin", "har_classifier_init.h",
    "har_classifier_init.c", "test_har_classifier.c", "check_har_classifier.c", "manifest.json",
}  # fmt: skip


@pytest.fixture(scope="module")
def plan():
    return embinit.load(EXAMPLE).plan()


@pytest.fixture
def bundle(plan, tmp_path):
    export(plan, tmp_path / "bundle")
    return tmp_path / "bundle"


def test_a_bundle_has_its_files_and_a_second_one_the_same_bytes(plan, bundle, tmp_path):
    export(plan, tmp_path / "other")

    assert {path.name for path in bundle.iterdir()} == FILES
    for path in bundle.iterdir():
        assert path.read_bytes() == (tmp_path / "other" / path.name).read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {"bundle", "other"}


def test_another_process_writes_the_same_bytes(bundle, tmp_path):
    environment = {**os.environ, "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"}
    subprocess.run(
        [sys.executable, "-m", "embinit", "export", EXAMPLE, "-o", tmp_path / "other"],
        env=environment, check=True, capture_output=True,
    )  # fmt: skip

    assert drift(embinit.load(EXAMPLE).plan(), tmp_path / "other") == []
    for path in bundle.iterdir():
        assert path.read_bytes() == (tmp_path / "other" / path.name).read_bytes()


@settings(max_examples=15)
@given(strategies.models())
def test_every_file_holds_the_values(model):
    files = render(model.plan())
    values = model.init()
    manifest = json.loads(files["manifest.json"])

    with np.load(io.BytesIO(files["m.npz"])) as arrays:
        assert list(arrays) == list(values)
        for name, array in values.items():
            assert arrays[name].dtype == np.float32
            assert arrays[name].shape == array.shape
            assert arrays[name].tobytes() == array.tobytes()
    assert files["m.bin"] == b"".join(array.astype("<f4").tobytes() for array in values.values())
    header = files["expected_m.h"].decode()
    for entry in manifest["buffers"]:
        payload = values[entry["name"]].astype("<f4").tobytes()
        assert files["m.bin"][entry["offset"] : entry["offset"] + entry["bytes"]] == payload
        assert int(entry["crc32"], 16) == zlib.crc32(payload)
        assert entry["sha256"] == sha256(payload).hexdigest()
        assert (
            header_words(header, entry["name"].replace(".", "_"))
            == values[entry["name"]].view(np.uint32).ravel().tolist()
        )
    for name, digest in manifest["files"].items():
        assert sha256(files[name]).hexdigest() == digest


def header_words(header, identifier):
    body = re.search(rf"expected_m_{identifier}\[\d+\] = {{(.*?)}};", header, re.DOTALL).group(1)
    bare = re.sub(r"/\*.*?\*/", "", body)
    return [int(word, 16) for word in re.findall(r"0x([0-9a-f]{8})u", bare)]


def test_the_floats_in_comments_are_those_of_the_bits(bundle):
    header = (bundle / "expected_har_classifier.h").read_text()
    lines = re.findall(r"^    (0x.*,) /\* (.*) \*/$", header, re.MULTILINE)
    assert len(lines) > 2000
    for bits, floats in lines:
        words = np.array([int(word[2:-2], 16) for word in bits.split()], np.uint32)
        assert words.view(np.float32).tolist() == [float(np.float32(text)) for text in floats.split()]


def test_the_manifest_says_where_the_bits_come_from(bundle):
    manifest = json.loads((bundle / "manifest.json").read_text())

    assert manifest["spec_version"] == 1
    assert manifest["embinit"] == embinit.__version__
    assert manifest["target"] == {
        "name": "cortex-m4f",
        "build": "Armv7E-M, FPv4-SP, gcc -O2, newlib",
        "multiply_add": "fused",
        "libm": "fdlibm-fused",
    }
    assert (manifest["rng_state_before"], manifest["bit_generator"]) == (42, "Xorshift32")
    assert manifest["rng_state_after"] == embinit.Xorshift32(42).jumped(10214).state
    assert [entry["first_draw"] for entry in manifest["buffers"]] == [0, 1008, 1024, 3584, 3616, 9760, 9824, 10208]
    assert manifest["buffers"][0]["distribution"]["low"]["bits"] == "0xbe01030a"


def test_some_formats_only(plan, tmp_path):
    export(plan, tmp_path / "bundle", ["bin", "h"])

    names = {path.name for path in (tmp_path / "bundle").iterdir()}
    assert names == {"har_classifier.bin", "expected_har_classifier.h", "manifest.json"}


def test_safetensors_are_the_arrays_and_the_same_bytes(tmp_path):
    load_file = pytest.importorskip("safetensors.numpy").load_file
    layers = [
        embinit.Linear(name="fc", in_features=5, out_features=3, weight_format="sym4", bias_format="q15"),
        embinit.LayerNorm(name="norm", normalized_shape=3),
    ]
    model = embinit.Model("m", layers, seed=1)
    written = export(model.plan(), tmp_path / "bundle", ["safetensors"])
    loaded = load_file(tmp_path / "bundle" / "m.safetensors")

    with np.load(io.BytesIO(render(model.plan(), ["npz"])["m.npz"])) as expected:
        assert set(expected) == set(loaded)
        for name, array in expected.items():
            assert (array.dtype, array.shape, array.tobytes()) == (
                loaded[name].dtype, loaded[name].shape, loaded[name].tobytes(),
            )  # fmt: skip
    assert set(written) == {"m.safetensors", "manifest.json"}
    assert drift(model.plan(), tmp_path / "bundle", ["safetensors"]) == []


def test_safetensors_without_the_extra_say_so_and_write_nothing(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    arguments = ["export", str(EXAMPLE), "-o", str(tmp_path / "bundle"), "--format", "npz,safetensors"]

    assert __main__.main(arguments) == 2
    assert capsys.readouterr().err.endswith("needs the extra of that name: pip install 'embinit[safetensors]'\n")
    assert not (tmp_path / "bundle").exists()


def test_drift_is_noticed_and_an_equal_bundle_is_not(plan, bundle):
    assert drift(plan, bundle) == []
    path = bundle / "har_classifier.bin"
    changed = bytearray(path.read_bytes())
    changed[3] ^= 1
    path.write_bytes(changed)
    (bundle / "har_classifier.npz").unlink()

    found = drift(plan, bundle)
    assert found[0].startswith("har_classifier.npz: cannot be read")
    assert found[1:] == ["har_classifier.bin: differs"]


def test_an_existing_directory_keeps_what_is_not_of_the_bundle(plan, bundle):
    (bundle / "notes.txt").write_text("mine")
    (bundle / "har_classifier.bin").write_bytes(b"old")
    export(plan, bundle)

    assert (bundle / "notes.txt").read_text() == "mine"
    assert drift(plan, bundle) == []


def test_a_directory_that_cannot_be_written_is_an_error_and_stays_as_it_is(plan, tmp_path):
    (tmp_path / "file").write_text("in the way")
    for directory in (tmp_path / "file" / "bundle", tmp_path / "file"):
        with pytest.raises(EmbinitError, match="cannot be written"):
            export(plan, directory)

    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "in the way"


def test_generated_c_refuses_another_spec_version(bundle, tmp_path):
    compiler = next(iter(HOST_COMPILERS)).split()
    for file in ("har_classifier_init.c", "check_har_classifier.c"):
        command = [*compiler, *WARNINGS, "-c", f"-I{C_DIRECTORY}", f"-I{bundle}", bundle / file, "-o", tmp_path / "x.o"]
        assert subprocess.run(command, capture_output=True, check=False).returncode == 0

    for header in HEADERS:
        text = header.read_text().replace("EMBINIT_SPEC_VERSION 1", "EMBINIT_SPEC_VERSION 2")
        (tmp_path / header.name).write_text(text)
    command = [
        *compiler,
        "-c",
        f"-I{tmp_path}",
        f"-I{bundle}",
        bundle / "har_classifier_init.c",
        "-o",
        tmp_path / "x.o",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "needs spec version 1" in done.stderr


def test_the_header_and_the_package_agree_on_the_spec_version():
    from embinit.spec import SPEC_VERSION

    assert f"#define EMBINIT_SPEC_VERSION {SPEC_VERSION}\n" in (C_DIRECTORY / "embinit.h").read_text()
    assert f"version {SPEC_VERSION}" in (EXAMPLE.parent.parent / "SPEC.md").read_text().splitlines()[0]


def test_a_model_whose_values_no_c_draws_has_a_bundle_without_c(tmp_path, capsys):
    text = """[model]
name = "m"
dialect = "torch"
seed = 1
[[layer]]
type = "Linear"
in_features = 5
out_features = 2
weight_init = "trunc_normal"
"""
    (tmp_path / "model.toml").write_text(text)
    words = ["export", str(tmp_path / "model.toml"), "-o", str(tmp_path / "bundle")]

    assert __main__.main(words) == 0
    assert "no init code" in capsys.readouterr().err
    assert {path.name for path in (tmp_path / "bundle").iterdir()} == {
        "m.npz", "m.bin", "expected_m.h", "manifest.json",
    }  # fmt: skip
    assert __main__.main([*words, "--check"]) == 0
    assert __main__.main([*words, "--format", "c"]) == 2
    assert "linear0.weight: trunc_normal" in capsys.readouterr().err


def test_another_models_bundle_is_not_overwritten(tmp_path):
    layers = [embinit.Linear(name="fc", in_features=2, out_features=1)]
    first, second = (embinit.Model(name, layers, seed=1).plan() for name in ("first", "second"))
    export(first, tmp_path / "bundle")

    with pytest.raises(embinit.EmbinitError, match="holds the bundle of model 'first'"):
        export(second, tmp_path / "bundle")
    assert drift(first, tmp_path / "bundle") == []


def test_what_saturates_is_said(tmp_path, capsys):
    text = EXAMPLE.read_text().replace(
        "kernel_size = 7", 'kernel_size = 7\nweight_format = "q1.7"\nweight_init = "ones"'
    )
    (tmp_path / "model.toml").write_text(text)

    assert __main__.main(["export", str(tmp_path / "model.toml"), "-o", str(tmp_path / "bundle")]) == 0
    assert "embinit: conv1.weight: 1008 elements saturate in q1.7" in capsys.readouterr().err


def test_a_bundle_that_does_not_fit_on_the_disk_is_refused_before_it_is_drawn(tmp_path, monkeypatch):
    layer = embinit.Linear(name="fc", in_features=5000, out_features=4000)
    plan = embinit.Model("m", [layer], seed=1).plan()
    usage = type(shutil.disk_usage(tmp_path))
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage(10**9, 0, 700_000_000))
    monkeypatch.setattr("embinit.export.gather", lambda plan: pytest.fail("was drawn"))

    with pytest.raises(EmbinitError, match=r"takes about 790158000 bytes \(npz 80016000, h 630126000, bin 80016000\)"):
        export(plan, tmp_path / "bundle")
    with pytest.raises(pytest.fail.Exception, match="was drawn"):
        export(plan, tmp_path / "bundle", ["npz", "bin"])


@pytest.mark.parametrize("layout", ["float32", "int8", "q15", "q31", "sym4", "bfp8e5"])
def test_text_takes_about_the_room_that_is_counted(layout):
    values = embinit.initializers.uniform(-0.9, 0.9)
    layer = embinit.Linear(name="fc", in_features=300, out_features=100, weight_init=values, weight_format=layout)
    plan = embinit.Model("m", [layer], seed=1).plan()
    size, counted = len(render(plan, ["h"])["expected_m.h"]), sum(map(_text_size, plan.rows))

    assert 0.8 * counted < size < 1.05 * counted


def test_a_large_header_is_written_in_pieces(tmp_path, monkeypatch):
    """No more memory is taken for any number of weights; their text alone has 580 kB here."""
    monkeypatch.setattr("embinit.codegen.expected._PIECE", 1 << 10)
    monkeypatch.setattr("embinit.export._PIECE", 1 << 15)
    layer = embinit.Linear(name="fc", in_features=20, out_features=1000)
    bundle = gather(embinit.Model("m", [layer], seed=1).plan())
    tracemalloc.start()
    try:
        write(bundle, tmp_path / "bundle", ["h", "npz", "bin"])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert (tmp_path / "bundle" / "expected_m.h").stat().st_size > 580_000
    assert peak < 400_000


def test_a_file_beyond_the_memory_limit_is_refused_before_it_is_drawn(tmp_path, monkeypatch):
    layer = embinit.Linear(name="fc", in_features=100, out_features=100)
    plan = embinit.Model("m", [layer], seed=1, memory_limit=100_000).plan()
    with monkeypatch.context() as patch:
        patch.setattr("embinit.export.gather", lambda plan: pytest.fail("was drawn"))
        with pytest.raises(EmbinitError, match=r"format h takes about 318150 bytes, and memory_limit = 100000; leave"):
            export(plan, tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()

    export(plan, tmp_path / "bundle", ["npz", "bin", "c"])
    assert drift(plan, tmp_path / "bundle", ["npz", "bin", "c"]) == []
