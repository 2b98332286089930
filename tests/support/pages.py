"""The pages of the documentation: their files, their commands with what these print, and their Python."""

import doctest
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from support.cli import run

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
#: extending.md has tests of its own.
PAGES = sorted(path for path in DOCS.rglob("*.md") if path.name != "extending.md")
_BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.DOTALL | re.MULTILINE)
_STATUS = re.compile(r"  # exits with (\d+)$")


@dataclass
class Step:
    """A file that a page shows (words is None), or a command, its exit status, and what it prints."""

    title: str
    text: str
    words: list[str] | None = None
    status: int = 0


def steps(markdown: str) -> Iterator[Step]:
    """Yield the files and commands of a page in their order."""
    for language, title, text in _BLOCK.findall(markdown):
        if title:
            yield Step(title, text)
        if language == "console":
            for part in text.split("$ ")[1:] if text.startswith("$ ") else []:
                line, _, output = part.partition("\n")
                status = _STATUS.search(line)
                command = _STATUS.sub("", line)
                yield Step(command, output, shlex.split(command), int(status[1]) if status else 0)


def sessions(markdown: str) -> str:
    """Return the Python sessions of a page as one."""
    return "\n".join(text for language, _, text in _BLOCK.findall(markdown) if language == "python" and ">>>" in text)


def perform(step: Step, folder: Path) -> tuple[subprocess.CompletedProcess | None, Path]:
    """Carry a step out in a folder; return what a command did, and the folder in which the next step begins."""
    if step.words is None:
        (folder / step.title).write_text(step.text, encoding="utf-8")
        return None, folder
    program, *words = step.words
    if program == "cd":
        return None, folder / words[0]
    if program == "embinit":
        return run(*words, cwd=folder), folder
    assert program == "python", f"{step.title}: pages may run embinit and python"
    return subprocess.run([sys.executable, *words], cwd=folder, capture_output=True, text=True, check=False), folder


def shows(expected: str, actual: str) -> bool:
    """Return whether a page shows what a command prints; a line ... stands for any lines, a file may have any size."""
    expected, actual = (re.sub(r"^(\S+): \d+ bytes$", r"\1", text, flags=re.MULTILINE) for text in (expected, actual))
    pattern = "".join(r"(?:.*\n)*?" if line == "...\n" else re.escape(line) for line in expected.splitlines(True))
    return re.fullmatch(pattern, actual) is not None


def failures(markdown: str, name: str) -> str:
    """Run the Python sessions of a page; return what does not come out as shown."""
    told: list[str] = []
    test = doctest.DocTestParser().get_doctest(sessions(markdown), {}, name, None, 0)
    doctest.DocTestRunner().run(test, out=told.append)
    return "".join(told)
