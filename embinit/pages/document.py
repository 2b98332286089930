"""Document: one HTML file with everything in it, without network access or timestamps."""

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files

from embinit import __version__
from embinit.markup import element, text
from embinit.model import Description
from embinit.pages.fitting import encoded
from embinit.spec import SPEC_VERSION
from embinit.targets import target_named

#: What a page's verdict may be, and the sign that stands before it.
SIGNS = {"agrees": "✓", "differs": "≠", "told": ""}


@dataclass(frozen=True)
class Section:
    """A part of a page: its name in an address, its heading, and its markup."""

    name: str
    heading: str
    content: str

    def __str__(self) -> str:
        return f'<section id="{self.name}"><h2>{text(self.heading)}</h2>\n{self.content}\n</section>'


@dataclass(frozen=True)
class Verdict:
    """What a reader wants to know first: one of SIGNS, a sentence, and more of them."""

    kind: str
    sentence: str
    more: Sequence[str] = ()

    def __str__(self) -> str:
        sign = f'<span class="sign" aria-hidden="true">{SIGNS[self.kind]}</span>' if SIGNS[self.kind] else ""
        lines = "".join(element("p", text(sentence)) for sentence in self.more)
        return f'<div class="verdict {self.kind}">{sign}<div><strong>{text(self.sentence)}</strong>{lines}</div></div>'


def document(
    command: str, name: str, verdict: Verdict, sections: Sequence[Section], facts: Mapping[str, object]
) -> bytes:
    """Return the page of a command; name: what it is about. facts: what stands below the verdict, by their names."""
    content = "\n".join(map(str, sections))
    script = _part("copy.js") if "<button" in content else ""
    allowed = f"script-src 'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'; " if script else ""
    parts = {
        "policy": f"default-src 'none'; img-src data:; {allowed}style-src 'unsafe-inline'",
        "title": text(f"{name}: {verdict.sentence}"),
        "style": _part("document.css"),
        "command": text(f"embinit {command}"),
        "heading": text(name),
        "verdict": str(verdict),
        "facts": "\n".join(f"<div><dt>{text(what)}</dt><dd>{text(value)}</dd></div>" for what, value in facts.items()),
        "links": "".join(f'<a href="#{section.name}">{text(section.heading)}</a>' for section in sections),
        "sections": content,
        "made": text(f"embinit {__version__}, spec version {SPEC_VERSION}"),
        "script": f"<script>{script}</script>" if script else "",
    }
    return encoded(re.sub(r"@([a-z]+)@", lambda place: parts[place[1]], _part("document.html.in")))


def conventions(model: Description) -> dict[str, object]:
    """Return what decides every bit of a model."""
    target = target_named(model.target)
    return {
        "Dialect": model.dialect,
        "Target": f"{target.name} ({target.build})",
        "Multiply-add": model.build.multiply_add,
        "libm": model.build.libm,
        **({"rand": model.build.rand} if model.conventions.rand else {}),
        "Seed": model.seed,
    }


def _part(name: str) -> str:
    return (files("embinit.pages") / name).read_text(encoding="utf-8")
