"""What the pages show is what happens: their commands, files and Python sessions, and where their links lead."""

import importlib.util
import re

import pytest

from support.pages import DOCS, PAGES, ROOT, Step, failures, perform, sessions, shows, steps

#: Commands that take long and are run by another test, as they stand.
ELSEWHERE = {"embinit dialects acme.toml --check weights.c --entry dense_init": "declared/test_own_init_code.py"}
#: What a page says of packages that it needs, and these.
NEEDS = {"embinit[torch]": ["torch"], "pip install pyarrow zarr": ["pyarrow", "zarr"]}
#: A page whose commands build for a device, run a C compiler, or need an extra.
DEVICE = re.compile(r"^\$ embinit .*--(device|source)", re.MULTILINE)


def page(path):
    marks = [pytest.mark.device] if DEVICE.search(path.read_text(encoding="utf-8")) else []
    return pytest.param(path, id=path.relative_to(DOCS).as_posix(), marks=marks)


@pytest.mark.parametrize("path", [page(path) for path in PAGES])
def test_a_page_shows_what_happens(path, tmp_path):
    markdown = path.read_text(encoding="utf-8")
    for text, packages in NEEDS.items():
        if text in markdown and not all(map(importlib.util.find_spec, packages)):
            pytest.skip(f"needs {' and '.join(packages)}")
    folder = tmp_path
    for step in steps(markdown):
        if step.title in ELSEWHERE:
            assert (ROOT / "tests" / ELSEWHERE[step.title]).is_file()
            continue
        done, folder = perform(step, folder)
        if done is not None:
            assert done.returncode == step.status, f"$ {step.title}\n{done.stdout}{done.stderr}"
            assert shows(step.text, done.stdout), f"$ {step.title}\n{done.stdout}"
    assert failures(markdown, path.name) == ""


def test_every_block_of_a_console_begins_with_a_command():
    for path in PAGES:
        for block in re.findall(r"^```console\n(.*?)^```$", path.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE):
            assert block.startswith("$ "), path


def test_a_wrong_output_is_seen(tmp_path):
    markdown = "```console\n$ embinit formats q3.5\nfixed\n...\n```\n"
    (step,) = steps(markdown)
    done, _ = perform(step, tmp_path)
    assert not shows(step.text, done.stdout)
    assert shows("q<m>.<n>: fixed point: m integer bits counting the sign, n fractional\n...\n", done.stdout)
    assert not shows("...\nno such line\n...\n", done.stdout)
    assert "Expected" in failures("```python\n>>> 1 + 1\n3\n```\n", "x")
    assert sessions("```python\nx = 1\n```\n") == ""


def test_only_embinit_and_python_are_run(tmp_path):
    with pytest.raises(AssertionError, match="may run embinit and python"):
        perform(Step("rm x", "", ["rm", "x"]), tmp_path)
