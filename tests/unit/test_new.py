"""`embinit new` writes files to start from: of one's own, and the examples."""

from pathlib import Path

import pytest

from embinit import load
from embinit.templates import examples

from support.cli import assert_refused, run

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_every_example_can_be_had(tmp_path):
    assert set(examples.names()) == {path.stem for path in EXAMPLES.iterdir() if path.suffix != ".py"}
    for name in examples.names():
        done = run("new", name, "--example", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    for path in EXAMPLES.rglob("*"):
        if path.is_file() and path.suffix != ".py":
            assert (tmp_path / path.relative_to(EXAMPLES)).read_bytes() == path.read_bytes()


def test_an_example_says_what_to_do_next(tmp_path):
    done = run("new", "--example", "har_classifier", cwd=tmp_path)
    assert done.stdout == "har_classifier.toml: written; see what it draws: embinit plan har_classifier.toml\n"
    assert load(tmp_path / "har_classifier.toml").name == "har_classifier"


def test_the_files_of_a_folder_belong_together(tmp_path):
    done = run("new", "own_init_code", "--example", cwd=tmp_path)
    assert done.stdout.splitlines() == [
        f"own_init_code/{name}: written" for name in ("acme.toml", "sensor.toml", "sensor_init.c", "weights.c")
    ]
    assert load(tmp_path / "own_init_code" / "sensor.toml").init()


def test_nothing_is_written_over(tmp_path):
    (tmp_path / "own_init_code").mkdir()
    (tmp_path / "own_init_code" / "weights.c").write_text("mine")
    assert_refused(run("new", "own_init_code", "--example", cwd=tmp_path), "weights.c: exists already")
    assert [path.name for path in (tmp_path / "own_init_code").iterdir()] == ["weights.c"]


@pytest.mark.parametrize("name", ["har", "../har_classifier", ""])
def test_an_unknown_example_is_refused_with_those_that_exist(name, tmp_path):
    assert_refused(run("new", name, "--example", cwd=tmp_path), "the example's name must be one of", "har_classifier")


def test_an_example_is_no_dialect_file(tmp_path):
    assert_refused(run("new", "har_classifier", "--example", "--declare", cwd=tmp_path), "not allowed with")
