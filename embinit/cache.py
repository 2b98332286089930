"""Cache: one place, with one fallback, for everything that is kept only to save time."""

import atexit
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

#: How many files a directory of the cache keeps; those that were not used for longest are removed first.
KEPT = 64


def directory(name: str) -> Path | None:
    """Return a directory of the cache, which exists and can be written; None if there is no place for one.

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


def key_of(parts: Iterable[bytes | str]) -> str:
    """Return a name for what is made from some parts: equal for equal parts in the same order, and for no others.

    >>> key_of(["ab", "c"]) == key_of(["a", "bc"])
    False
    """
    digest = hashlib.sha256()
    for part in parts:
        content = part.encode("utf-8", "surrogateescape") if isinstance(part, str) else part
        digest.update(len(content).to_bytes(8, "little") + content)
    return digest.hexdigest()


def fetch(name: str, key: str, make: Callable[[Path], object], output: Path) -> None:
    """Write a file: the one that the cache keeps under a key, or what `make` writes, which the cache then keeps.

    Any number of processes may do so at once: a file appears in the cache whole, and is copied before it is used.
    """
    folder = directory(name)
    if folder is None:
        make(output)
        return
    kept = folder / key
    try:
        shutil.copyfile(kept, output)
        os.utime(kept)
    except OSError:
        make(output)
        with suppress(OSError):
            _put(output.read_bytes(), kept)
        _drop_unused(folder)


def written(name: str, texts: Mapping[str, str], elsewhere: Path) -> Path:
    """Return a folder that holds some text files: one of the cache, named by its content, or elsewhere if that fails.
    A compiler that caches by paths then finds again what it compiled.
    """
    parent = directory(name)
    folder = elsewhere if parent is None else parent / key_of([*texts, *texts.values()])
    contents = {file: text.encode("utf-8", "surrogateescape") for file, text in texts.items()}
    try:
        folder.mkdir(exist_ok=True)
        for file, content in contents.items():
            if not (folder / file).is_file():
                _put(content, folder / file)
        os.utime(folder)
    except OSError:
        folder = elsewhere
        for file, content in contents.items():
            (folder / file).write_bytes(content)
    if parent is not None:
        _drop_unused(parent)
    return folder


def _put(content: bytes, path: Path) -> None:
    """Write a file, so that other processes see all of it or none."""
    descriptor, partial = tempfile.mkstemp(dir=path.parent)
    os.close(descriptor)
    Path(partial).write_bytes(content)
    Path(partial).replace(path)


def _drop_unused(folder: Path) -> None:
    """Remove from a folder of the cache what was not used for longest; it may fail without harm."""
    with suppress(OSError):
        for path in sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime)[:-KEPT]:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


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
