"""The pages that are made when the site is built, and the list of all pages."""

import re
import runpy

from embinit import schemas
from embinit.commands.arguments import parser

from support.pages import DOCS, ROOT

HOOKS = runpy.run_path(str(DOCS / "hooks.py"))
MADE = HOOKS["made"]()
WRITTEN = {path.relative_to(DOCS).as_posix(): path.read_text(encoding="utf-8") for path in DOCS.rglob("*.md")}
PAGES = WRITTEN | {path: text for path, text in MADE.items() if path.endswith(".md")}


def test_every_page_is_in_the_list():
    listed = re.findall(r": ([\w/.-]+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(listed) == sorted(PAGES)


def test_links_lead_to_pages():
    for page, text in PAGES.items():
        text = HOOKS["without_dead_links"](text, page)
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)[^)]*\)", re.sub(r"```.*?```", "", text, flags=re.DOTALL)):
            path = (DOCS / page).parent.joinpath(target).resolve()
            assert path.exists() or path.relative_to(DOCS).as_posix() in MADE, f"{page}: {target}"


def test_the_page_of_commands_has_all():
    page = MADE["reference/commands.md"]
    for name, command in HOOKS["subcommands"](parser()):
        assert f"## embinit {name}\n" in page
        for action in command._actions:
            assert all(f"`{option}" in page for option in action.option_strings if option not in ("-h", "--help"))


def test_the_pages_of_files_explain_every_key():
    assert "[[layer]]" in MADE["reference/model-file.md"]
    assert "| `weight_init`, `bias_init` |" in MADE["reference/model-file.md"]
    assert "[dialect.generator]" in MADE["reference/dialect-file.md"]


def test_every_schema_is_published():
    for name in schemas.names():
        assert f"schemas/{schemas.VERSION}/{name}.json" in MADE
        assert f"(../schemas/{schemas.VERSION}/{name}.json)" in MADE["reference/json.md"]
