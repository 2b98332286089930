"""Cache: one root, with one fallback, for everything that is kept only to save time."""

import atexit
import os
import shutil
import stat
import tempfile
from pathlib import Path


def directory(name: str) -> Path | None:
    """Return a directory of the cache that exists and can be written; None if there is no place for one.

    It is in EMBINIT_CACHE_DIR, XDG_CACHE_HOME or ~/.cache. If that cannot be written, as in a container without a home,
    it is in this user's own directory among the temporary files, where the next process finds it again.
    """
    root = os.environ.get("EMBINIT_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME")
    try:
        parent = Path(root) if root else Path.home() / ".cache"
        return _writable(parent.absolute() / "embinit" / name)
    except (OSError, RuntimeError, ValueError):  # home() raises a RuntimeError for a user without one
        pass
    try:
        return _writable(_private() / name)
    except OSError:
        return None


def _writable(path: Path) -> Path:
    """Return a directory, created if it is missing; raise OSError if it cannot be written."""
    path.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=path):
        return path


def _private() -> Path:
    """Return a directory among the temporary files that no other user can write to, since machine code is
    read from it.
    """
    temporary = Path(tempfile.gettempdir())
    user = os.getuid() if hasattr(os, "getuid") else "cache"
    own = temporary / f"embinit-{user}"
    try:
        own.mkdir(mode=0o700, exist_ok=True)
        found = own.lstat()
        if found.st_uid == user and stat.S_ISDIR(found.st_mode) and not stat.S_IMODE(found.st_mode) & 0o077:
            return _writable(own)
    except OSError:
        pass
    fresh = Path(tempfile.mkdtemp(prefix="embinit-"))
    atexit.register(shutil.rmtree, fresh, ignore_errors=True)
    return fresh
