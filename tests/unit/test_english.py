"""Docstrings, comments and documents avoid what reads as compressed or inverted, by a list of what was once mended."""

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "embinit").rglob("*.py"))
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "embinit" / "c").glob("embinit*.[ch]")]

#: What to avoid, and what to write instead.
PATTERNS = {
    r"[Rr]eturn what (?:tells|says|gives|fills|makes|looks|builds|stands|encodes|runs|puts)\b": (
        "name it: the function that, the line that, the key that"
    ),
    r"\bkeep(?:s|ing)? beside\b|\bkept beside (?:the )?codes\b": "besides",
    r"\ba (?:word|value|scale|key|seed|bit) each\b": "one word each",
    r"\ba (?:value|scale|word|key|weight) an? (?:group|layer|tensor|channel|buffer|element|row)\b": "one per group",
    r"\b(?:one|two|four|\d+) (?:word|byte|bit|draw|value)s? an? (?:element|value|group)\b": "one word per element",
    r"\bhangs? on\b": "depends on",
    r"\bstands? behind\b|\bbehind (?:it|them|the (?:draw|word|value|buffer|layer)s?)\b": "after",
    r"\bnobody looks\b": "is looking, asked for",
    r"\bworth while\b": "worth it",
    r"\b(?:drawn|made|run|read) anew\b": "again",
    r"[Rr]eturn (?:of|in|after|between|with|by|from) which\b|[Rr]eturn whose\b": (
        "name it: the buffers that, the line after which, the limits of"
    ),
    r"\b(?:nothing|only the dump|the dump alone|something) speaks\b": "suggests it",
}


@cache
def text(path):
    """A file with its lines joined where a sentence goes on."""
    return re.sub(r"\s+(?:[#*]:? )?", " ", path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("pattern", PATTERNS)
def test_what_was_mended_does_not_come_back(pattern):
    wrong = [
        f"{path.relative_to(ROOT)}: {found[0]!r}; write: {PATTERNS[pattern]}"
        for path in (*SOURCES, *DOCUMENTS)
        for found in re.finditer(pattern, text(path))
    ]
    assert not wrong, "\n".join(wrong)


def test_the_patterns_find_what_they_are_for():
    sample = "Return what tells them. It keeps beside codes a word each, a value a group; hangs on what stands behind."
    assert sum(bool(re.search(pattern, sample)) for pattern in PATTERNS) >= 6
