"""The files of docs/extending.md, written to a folder: each code block whose first line names one."""

import re
from pathlib import Path

DOCUMENT = Path(__file__).parents[2] / "docs" / "extending.md"
BLOCK = re.compile(r"^```(?:python|c|toml)\n((?:# |/\* )(\S+?)(?: \*/)?\n.*?)^```", re.DOTALL | re.MULTILINE)


def files() -> dict[str, str]:
    return {name: text for text, name in BLOCK.findall(DOCUMENT.read_text(encoding="utf-8"))}


def write(folder: Path) -> Path:
    for name, text in files().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder
