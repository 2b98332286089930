"""The files of docs/extending.md: each code block whose first line names one."""

import re
from pathlib import Path

DOCUMENT = Path(__file__).parents[2] / "docs" / "extending.md"
_BLOCK = re.compile(r"^```\w+\n((?:# |/\* )(\S+)(?: \*/)?\n.*?)^```", re.DOTALL | re.MULTILINE)


def files() -> dict[str, str]:
    return {name: text for text, name in _BLOCK.findall(DOCUMENT.read_text(encoding="utf-8"))}


def write(folder: Path) -> None:
    for name, text in files().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def distribution(folder: Path, package: str, entry_points: dict[str, str]) -> None:
    """Let a folder on the path look as if pip had installed a package there."""
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n", encoding="utf-8")
    lines = [f"{name} = {value}\n" for name, value in entry_points.items()]
    (info / "entry_points.txt").write_text("".join(["[embinit.dialects]\n", *lines]), encoding="utf-8")
