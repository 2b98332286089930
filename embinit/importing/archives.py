"""Zip archives: members are read whole, and one that unpacks to far more than it takes is refused unread."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

from embinit.errors import EmbinitError

#: How many times its packed size a member may have, and how many bytes any may have.
MOST_TIMES, ALWAYS = 200, 1 << 24


class Archive:
    """The members of a zip archive."""

    def __init__(self, path: Path) -> None:
        try:
            self._zip = zipfile.ZipFile(path)
            self._members = {info.filename: info for info in self._zip.infolist()}
        except Exception:  # zipfile raises a dozen types for damaged files
            raise EmbinitError("cannot be read: it is an archive that is damaged or cut short") from None

    @property
    def names(self) -> list[str]:
        """The names of the members, in the order of the archive."""
        return list(self._members)

    def check(self) -> None:
        """Raise EmbinitError if a member unpacks to far more than it takes."""
        for info in self._members.values():
            self._most(info)

    def _most(self, info: zipfile.ZipInfo) -> int:
        """Return the most bytes that a member may have; it is an error if it says that it has more."""
        most = max(MOST_TIMES * info.compress_size, ALWAYS)
        if info.file_size > most:
            raise EmbinitError(
                f"{info.filename} unpacks to {info.file_size} bytes, more than {MOST_TIMES} times the "
                f"{info.compress_size} that it takes"
            )
        return most

    def object(self, name: str) -> dict[str, Any]:
        """Return the JSON object that a member is."""
        return json_object(self.read(name), name)

    def read(self, name: str) -> bytes:
        """Return the content of a member."""
        if name not in self._members:
            raise EmbinitError(f"cannot be read: it has no {name}")
        info = self._members[name]
        most = self._most(info)
        try:
            with self._zip.open(info) as stream:
                content = stream.read(most + 1)
        except Exception:
            raise EmbinitError(f"cannot be read: its {name} is damaged or cut short") from None
        if len(content) > most:
            raise EmbinitError(f"{name} unpacks to more than {most} bytes")
        return content

    def file(self, name: str) -> io.BytesIO:
        """Return the content of a member as a file."""
        return io.BytesIO(self.read(name))


def json_object(content: bytes, name: str) -> dict[str, Any]:
    """Return the JSON object that a member of a file is."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        raise EmbinitError(f"cannot be read: its {name} is no JSON") from None
    if not isinstance(found, dict):
        raise EmbinitError(f"cannot be read: its {name} must be a JSON object")
    return found
