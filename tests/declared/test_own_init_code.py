"""From ten lines of C to a green verify: the README's section, its example, and the commands around dialect files."""

import json
import re
import shlex
import shutil
import tomllib
from pathlib import Path

import numpy as np
import pytest

import embinit
from embinit.dialects import DIALECTS
from embinit.dialects.programs import program_names
from embinit.targets import gcc_qemu

from support.cli import run

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "own_init_code"


@pytest.fixture
def without_cores(monkeypatch):
    """Let a check compare on this machine alone, as it does where no cross-compiler is installed."""
    monkeypatch.setattr(gcc_qemu, "is_installed", lambda: False)


@pytest.mark.device
def test_the_three_commands_of_the_readme(tmp_path):
    (section,) = re.findall(
        "^## Your own init code$(.*?)^## ", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE
    )
    (block,) = re.findall(r"^```sh\n(.*?)^```", section, re.DOTALL | re.MULTILINE)
    commands = [shlex.split(line, comments=True)[1:] for line in block.splitlines()]
    for path in EXAMPLE.iterdir():
        shutil.copy(path, tmp_path)
    (tmp_path / "acme.toml").unlink()

    done = [run(*commands[0], cwd=tmp_path)]
    shutil.copy(EXAMPLE / "acme.toml", tmp_path)  # filled in
    done += [run(*words, cwd=tmp_path) for words in commands[1:]]

    assert [each.returncode for each in done] == [0, 0, 0], [each.stderr for each in done]
    assert done[1].stdout.endswith("the file says what the C does\n")
    assert "agrees with the simulation" in done[2].stdout


def test_a_file_that_says_something_else_is_found(tmp_path, without_cores):
    path = tmp_path / "acme.toml"
    text = (
        (EXAMPLE / "acme.toml")
        .read_text(encoding="utf-8")
        .replace("2.0f * limit) - limit", "2.0f * limit) - 0.999f * limit")
    )
    path.write_text(text, encoding="utf-8")

    done = run("dialects", str(path), "--check", str(EXAMPLE / "weights.c"), "--entry", "dense_init")

    assert done.returncode == 1
    assert re.search(r"^host: layer.weight, element 0, .* seed \d+: the file says 0x", done.stdout)
    assert "dialect.initializers.default.value" in done.stdout


@pytest.mark.parametrize(
    "words", [["--check", "no.c", "--entry", "f"], ["--check", "no.c"], ["--check", "a.c", "--entry", "f()"]]
)
def test_a_check_that_cannot_be_done_is_one_line(words):
    done = run("dialects", str(EXAMPLE / "acme.toml"), *words)

    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("name", program_names())
def test_a_shipped_file_is_printed_as_it_is_read(name, tmp_path):
    done = run("dialects", name)
    path = tmp_path / "copy.toml"
    path.write_text(done.stdout, encoding="utf-8")

    assert done.returncode == 0
    assert embinit.load_dialect(path).name == name
    assert set(tomllib.loads(done.stdout)) == {"dialect"}


def test_a_dialect_without_a_file_says_so():
    done = run("dialects", "torch")

    assert done.returncode == 2
    assert "dialect torch cannot be written as a file" in done.stderr


@pytest.mark.parametrize("name", ["odt", "tinn", "nnh"])
def test_new_model_files_are_models(name, tmp_path):
    assert run("new", "tiny", "--dialect", name, cwd=tmp_path).returncode == 0
    assert embinit.load(tmp_path / "tiny.toml").init()
    again = run("new", "tiny", cwd=tmp_path)
    assert again.returncode == 2
    assert "exists already" in again.stderr


def test_the_aifes_example_holds_the_recorded_words():
    words = np.load(ROOT / "tests" / "vectors" / "c" / "aifes" / "vectors.npz")["mlp.0000002a.v4"]
    values = embinit.load(ROOT / "examples" / "aifes_mlp.toml").init()

    assert np.concatenate([array.ravel() for array in values.values()]).view(np.uint32).tolist() == words.tolist()


def test_a_dialect_table_in_a_model_file(tmp_path):
    path = tmp_path / "m.toml"
    layer = '[[layer]]\ntype = "Linear"\nin_features = 3\nout_features = 2\n'
    table = '[dialect]\nbased_on = "tinn"\n[dialect.initializers.default]\nvalue = "2.0f * (unit - 0.5f)"\n'
    path.write_text(f'[model]\nname = "m"\nseed = 3\n{layer}{table}', encoding="utf-8")
    own = embinit.load(path).init()
    path.write_text(f'[model]\nname = "m"\ndialect = "tinn"\nseed = 3\n{layer}', encoding="utf-8")
    base = embinit.load(path).init()

    for name, values in base.items():
        assert (own[name] == 2 * values).all()


def test_a_registered_dialect_is_named(monkeypatch):
    monkeypatch.setattr(DIALECTS, "_known", dict(DIALECTS._known))
    dialect = embinit.load_dialect(EXAMPLE / "acme.toml")
    embinit.register_dialect(dialect)
    out = np.empty(3, np.float32)
    embinit.Generator.seeded(1, "acme").fill("default", out=out, fan_in=2, fan_out=1)

    assert out.any()
    with pytest.raises(embinit.EmbinitError, match="a name of its own"):
        embinit.register_dialect(embinit.load_dialect(EXAMPLE / "acme.toml"))


@pytest.mark.parametrize("dialect", ["tinn", "mnn", "kann"])
def test_stochastic_rounding_draws_from_words_of_32_bits(dialect):
    layer = embinit.Linear(in_features=3, out_features=2, weight_format="sym8", rounding="stochastic")

    with pytest.raises(embinit.EmbinitError, match="rounding stochastic draws words of 32 bits from one stream"):
        embinit.Model("m", [layer], 7, dialect)


def test_a_bundle_records_the_file(tmp_path):
    assert run("export", str(EXAMPLE / "sensor.toml"), "-o", str(tmp_path / "b")).returncode == 0
    manifest = json.loads((tmp_path / "b" / "manifest.json").read_text(encoding="utf-8"))

    assert manifest["dialect"]["generator"]["multiplier"] == 1664525
    assert (tmp_path / "b" / "sensor_init.c").exists()
