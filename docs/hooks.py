"""Pages that are made when the site is built: from argparse, from the schemas, from a commented file, from the root."""

import argparse
import json
import re
import runpy
from pathlib import Path

from embinit import schemas, templates
from embinit.commands.arguments import parser as arguments

ROOT = Path(__file__).parents[1]
#: Documents of the root, and their pages.
DOCUMENTS = {
    "SPEC.md": "reference/spec.md",
    "DESIGN.md": "explanation/design.md",
    "CHANGELOG.md": "explanation/changelog.md",
}
LINK = re.compile(r"\[([^\]]*)\]\((?!https?:|#)([^)]+)\)")


def on_files(files, config):
    """Add the pages that are made here, and the schemas."""
    from mkdocs.structure.files import File

    for path, content in made().items():
        files.append(File.generated(config, path, content=content))
    return files


def made():
    """Return the files that are made here by their paths."""
    pages = {
        "reference/commands.md": commands(),
        "reference/json.md": outputs(),
        "reference/model-file.md": model_file(),
        "reference/dialect-file.md": dialect_file(),
    }
    drawing = runpy.run_path(str(ROOT / "docs" / "history.py"))
    lines = drawing["read"](ROOT / "bench" / "history.csv")
    pages["explanation/history.svg"] = drawing["drawn"](lines)
    pages["explanation/speed.md"] = SPEED.format(table=drawing["table"](lines), machine=lines[-1]["machine"])
    for path in sorted((ROOT / "docs" / "notebooks").glob("*.ipynb")):
        pages[f"notebooks/{path.stem}.md"] = notebook(json.loads(path.read_text(encoding="utf-8")), path.name)
    for document, page in DOCUMENTS.items():
        pages[page] = without_dead_links((ROOT / document).read_text(encoding="utf-8"), page)
    for name in schemas.names():
        pages[f"schemas/{schemas.VERSION}/{name}.json"] = json.dumps(schemas.schema(name), indent=2) + "\n"
    return pages


def on_page_markdown(markdown, page, **_):
    """Let links of a page lead to other pages."""
    return without_dead_links(markdown, page.file.src_uri)


def without_dead_links(markdown, page):
    """Return a page with links to the site's other pages; a link to a file outside the site becomes its text."""

    def replaced(match):
        text, target = match.groups()
        name, hash_, anchor = target.partition("#")
        found = (ROOT / "docs" / page).parent.joinpath(name).resolve()
        if found.is_relative_to(ROOT / "docs") and (found.exists() or not (ROOT / name).exists()):
            return match[0]
        if Path(name).name in DOCUMENTS:
            up = "../" * page.count("/")
            return f"[{text}]({up}{DOCUMENTS[Path(name).name]}{hash_}{anchor})"
        return text

    return LINK.sub(replaced, markdown)


def notebook(content, name):
    """Return the page of a notebook: its cells, with what they print."""
    parts = []
    for cell in content["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(re.sub(r"\((\w[\w-]*)\.ipynb\)", r"(\1.md)", source))
            continue
        parts.append(f"```python\n{source}\n```")
        for output in cell["outputs"]:
            text = "".join(output.get("text") or output["data"]["text/plain"]).rstrip()
            parts.append(f"```text\n{text}\n```")
    return "\n\n".join([*parts, f"[This page as a notebook]({name})"]) + "\n"


def commands():
    """Return the page of all commands and their options, as argparse knows them."""
    parser = arguments()
    lines = [COMMANDS]
    for name, command in subcommands(parser):
        usage = command.format_usage().removeprefix("usage: ").replace("\n       ", "\n")
        lines += [f"## embinit {name}", "", command.description or "", "", f"```text\n{usage}```", ""]
        options = [action for action in command._actions if not isinstance(action, _NOT_SHOWN)]
        if options:
            lines += ["| argument | |", "|---|---|"]
            lines += [f"| {option(action)} | {escaped(action.help or '')} |" for action in options]
            lines.append("")
    return "\n".join(lines)


COMMANDS = """# Commands

`embinit` and `python -m embinit` are the same program. Exit status: 0 done and equal, 1 a mismatch, 2 bad input, with
one line on standard error that says what is wrong, what is allowed and what it got.
"""
_NOT_SHOWN = argparse._HelpAction | argparse._SubParsersAction


def subcommands(parser, before=""):
    """Yield the name and the parser of each command, and of the commands within it."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, command in action.choices.items():
                yield f"{before}{name}", command
                yield from subcommands(command, f"{before}{name} ")


def option(action):
    """Return how an option is written, as a cell of a table shows it."""
    takes = "" if action.nargs == 0 else f" {action.metavar or action.dest.upper()}"
    names = ", ".join(f"`{name}{takes}`" for name in action.option_strings) or f"`{takes.strip()}`"
    return names.replace("|", "&#124;")


def escaped(text):
    """Return a text as a cell of a table shows it."""
    return text.replace("<", "&lt;").replace("|", "&#124;")


def outputs():
    """Return the page of what commands print with --json."""
    lines = [OUTPUTS.format(version=schemas.VERSION), "| output | schema |", "|---|---|"]
    for name in schemas.names():
        title = schemas.schema(name)["title"]
        lines.append(f"| {title} | [{name}.json](../schemas/{schemas.VERSION}/{name}.json) |")
    return "\n".join([*lines, "", *described("Buffers of a plan", schemas.schema("common")["$defs"]["buffer"])]) + "\n"


OUTPUTS = """# JSON outputs

What each command prints with `--json`, and `manifest.json`, as JSON Schema 2020-12, version {version}. The same files
are in the package: `embinit.schemas.schema("plan")`. A key may be added without notice: ignore the keys that you do not
know. If a key goes or changes its meaning, the version changes.

An exact value comes with its bits, in hexadecimal, as text.
"""


def described(title, schema):
    """Yield the lines of a table of an object's keys."""
    yield from (f"## {title}", "", "| key | type | |", "|---|---|---|")
    for key, value in schema["properties"].items():
        kind = value.get("type", value.get("$ref", "").rpartition("/")[2])
        kind = " or ".join(kind) if isinstance(kind, list) else kind
        always = "" if key in schema["required"] else "not always there; "
        yield f"| `{key}` | {kind} | {always}{escaped(value.get('description', ''))} |"


def model_file():
    """Return the page of the model file: the commented example, and the README's table of what devices do."""
    text = (ROOT / "examples" / "every_option.toml").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (departures,) = re.findall(r"^(What a device does differently.*?)^## ", readme, re.DOTALL | re.MULTILINE)
    return MODEL_FILE.format(example=text, departures=departures)


MODEL_FILE = """# Model file

This file has every key, with what it does: `embinit new every_option --example` writes it, and
`embinit plan every_option.toml` shows its effect.

```toml
{example}```

## What a device does differently

{departures}
"""


SPEED = """# Speed, release by release

What embinit costs beside its peers: `python bench/table.py --history` measures both in one run, taking turns, so that
lines from different machines can be compared, and writes one line for each release into `bench/history.csv`.

![A line for each measure, release by release; the table has the numbers](history.svg)

{table}

Kernels fill or encode 10^6 float32 on one thread. PCG64 is NumPy's generator, which draws from 0 to 1 or, for normal
values, from N(0, 1); NumPy is the plain expression with the same bits. Processes count user and system time. The last
line was measured on: {machine}.
"""


def dialect_file():
    """Return the page of the dialect file: the commented example."""
    return DIALECT_FILE.format(example=templates.example("own_init_code")["own_init_code/acme.toml"].decode())


DIALECT_FILE = """# Dialect file

A dialect file says in C's own expressions what init code draws and what it makes of a word. [SPEC](spec.md), section
14, has the rules. This file has a comment on every key: `embinit new own_init_code --example` writes it, with the C
that it describes.

```toml
{example}```
"""
