"""Files: written whole or not at all, even by several processes at once, and even if one of them is killed.

What will become a file or directory NAME is first written to `.NAME.embinit` next to it. Whoever writes NAME holds the
lock in that directory, so anything else in it was left by a process that was killed, and is removed.
"""

import ctypes
import errno
import os
import shutil
import stat
import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, TypeVar

from embinit.errors import EmbinitError
from embinit.process import interruptible, uninterrupted

#: Writes a file's content to a binary file that allows seeking and reading.
Content = Callable[[IO[bytes]], object]

Result = TypeVar("Result")

#: The errors of a parent directory that does not allow what the directory itself may allow.
_NOT_BESIDE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.EXDEV, errno.EBUSY)


def write_file(path: Path, content: bytes) -> None:
    """Write one file, whole or not at all; a device or pipe takes the content as it comes."""
    with _explained(path):
        if path.exists() and not path.is_file() and not path.is_dir():
            path.write_bytes(content)
            return
        target = path.resolve()
        target.parent.mkdir(parents=True, exist_ok=True)
        with _stage(target.parent, target.name) as stage:
            (stage / "new").mkdir()
            with interruptible():
                (stage / "new" / target.name).write_bytes(content)
            (stage / "new" / target.name).replace(target)


def write_files(
    directory: Path,
    files: Callable[[], Iterable[tuple[str, Content]]],
    *,
    stale: Callable[[], Collection[str]] = tuple,
    seal: str | None = None,
) -> None:
    """Write files into a directory, all or none; the directory is created if it does not exist.

    A new directory appears by one rename. An existing one that holds nothing but the files to write is exchanged for
    the new one in one step, if the system can do that. In any other directory files are replaced one by one.

    Parameters
    ----------
    files
        Returns the names and contents, in the order in which they are to be written.
    stale
        Returns the names of old files to remove; called when no other process can write to the directory.
    seal
        The file that vouches for the others: if files are moved one by one, it is removed first and written last.
    """
    with _explained(directory):
        target = directory.resolve()
        if target.exists() and not target.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        target.parent.mkdir(parents=True, exist_ok=True)
        place = target if os.path.ismount(target) else target.parent
        try:
            _write_from(place, target, files, stale, seal)
        except OSError as error:
            if error.errno not in _NOT_BESIDE or place == target or not target.is_dir():
                raise
            _write_from(target, target, files, stale, seal)


def steady(directory: Path, seal: str, read: Callable[[], Result]) -> Result:
    """Return what `read` returns once it has run while no `write_files` changed the directory, so that what it has read
    is all old or all new.
    """
    target = directory.resolve()
    locks = [place / _stage_name(target.name) / "lock" for place in (target.parent, target)]
    while True:
        with ExitStack() as stack:
            held = [stack.enter_context(_writers_waiting(lock)) for lock in locks]
            before = _state(target, seal)
            result = read()
            quiet = all(mine or not lock.exists() for lock, mine in zip(locks, held, strict=True))
            if quiet and _state(target, seal) == before:
                return result


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise EmbinitError(f"{path}: cannot be written: {error.strerror or error}") from None


def _write_from(
    place: Path,
    target: Path,
    files: Callable[[], Iterable[tuple[str, Content]]],
    stale: Callable[[], Collection[str]],
    seal: str | None,
) -> None:
    """Write files into a directory through a stage in place."""
    with _stage(place, target.name) as stage:
        void, new = stale(), stage / "new"
        new.mkdir()
        with interruptible():
            for name, content in files():
                with (new / name).open("w+b") as file:
                    content(file)
        names = {*void, *_names(new)}
        if not target.exists():
            new.rename(target)
        elif place == target or not _may_be_exchanged(new, target, names) or not _exchanged(new, target):
            _move_one_by_one(stage, target, void, seal)
        else:
            for name in _names(new) - names:  # files that were added during the exchange
                (new / name).rename(target / name)


def _names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


def _may_be_exchanged(new: Path, directory: Path, names: Collection[str]) -> bool:
    """Whether a directory has a new one's owner, holds only these files, and is not the working directory."""
    ours, found = new.stat(), directory.stat()
    if (found.st_uid, found.st_gid) != (ours.st_uid, ours.st_gid) or not os.access(directory, os.W_OK):
        return False
    with os.scandir(directory) as entries:
        if not all(entry.name in names and entry.is_file(follow_symlinks=False) for entry in entries):
            return False
    return not Path.cwd().is_relative_to(directory)


def _exchanged(new: Path, directory: Path) -> bool:
    """Exchange two directories in one step; return False if the system cannot."""
    if os.name != "posix":
        return False
    system = ctypes.CDLL(None)
    one, other = os.fsencode(new), os.fsencode(directory)
    shutil.copystat(directory, new)
    os.utime(new)
    if hasattr(system, "renameat2"):  # Linux
        at_cwd, exchange = -100, 2
        return int(system.renameat2(at_cwd, one, at_cwd, other, exchange)) == 0
    if hasattr(system, "renamex_np"):  # macOS
        swap = 2
        return int(system.renamex_np(one, other, swap)) == 0
    return False


def _move_one_by_one(stage: Path, target: Path, void: Collection[str], seal: str | None) -> None:
    """Move a stage's new files into a directory, and what they replace out of it; an error undoes everything."""
    new, old = stage / "new", stage / "old"
    names = _names(new)
    replaced = sorted(name for name in names.union(void) if os.path.lexists(target / name))
    for name in replaced:
        if (target / name).is_dir() and not (target / name).is_symlink():
            raise IsADirectoryError(errno.EISDIR, f"{name}: {os.strerror(errno.EISDIR)}")
    old.mkdir()
    done: list[tuple[Path, Path]] = []

    def move(source: Path, destination: Path) -> None:
        source.rename(destination)
        done.append((source, destination))

    try:
        for name in sorted(replaced, key=lambda name: name != seal):
            move(target / name, old / name)
        for name in sorted(names, key=lambda name: name == seal):
            move(new / name, target / name)
    except BaseException:
        for source, destination in reversed(done):
            destination.rename(source)
        raise


def _stage_name(name: str) -> str:
    return f".{name[:50]}.embinit"  # short enough for any file system that allows the name itself


@contextmanager
def _stage(place: Path, name: str) -> Iterator[Path]:
    """Yield an empty directory for what will become `name`, which no other process uses meanwhile.

    Signals wait until it is removed, except in blocks that are `interruptible`.
    """
    stage = place / _stage_name(name)
    with uninterrupted():
        lock = _taken(stage)
        try:
            _clear(stage)
            yield stage
        finally:
            _clear(stage)
            if os.name != "posix":  # there an open file cannot be removed
                os.close(lock)
            with suppress(OSError):  # another process may be waiting for it
                (stage / "lock").unlink()
                stage.rmdir()
            if os.name == "posix":
                os.close(lock)


def _clear(stage: Path) -> None:
    for name in ("new", "old"):
        shutil.rmtree(stage / name, ignore_errors=True)


def _taken(stage: Path) -> int:
    """Return the open lock of a stage once this process holds it; create both if they are missing."""
    while True:
        with suppress(FileExistsError):  # exist_ok=True would raise it if the stage was removed since
            stage.mkdir()
        try:
            _check_ours(stage)
            lock = os.open(stage / "lock", os.O_RDWR | os.O_CREAT, 0o666)
        except FileNotFoundError:  # the process that held it has just removed it
            continue
        except BaseException:
            with suppress(OSError):
                stage.rmdir()
            raise
        try:
            _wait_for(lock, shared=False)
            if _is_at(lock, stage / "lock"):
                return lock
        except BaseException:
            os.close(lock)
            raise
        os.close(lock)


def _check_ours(stage: Path) -> None:
    found = stage.lstat()
    if not stat.S_ISDIR(found.st_mode) or (hasattr(os, "geteuid") and found.st_uid != os.geteuid()):
        raise FileExistsError(errno.EEXIST, f"{stage} is in the way, and not this user's: remove it")


@contextmanager
def _writers_waiting(path: Path) -> Iterator[bool]:
    """Share the lock of a stage, so that no process writes from it; yield False if there is none."""
    while True:
        try:
            lock = os.open(path, os.O_RDONLY)
        except OSError:
            yield False
            return
        try:
            _wait_for(lock, shared=True)
            if _is_at(lock, path):
                yield True
                return
        finally:
            os.close(lock)


def _is_at(file: int, path: Path) -> bool:
    """Whether an open file is still the file at that path."""
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except OSError:
        return False


def _wait_for(lock: int, *, shared: bool) -> None:
    """Wait until an open file is locked; on a file system without locks, return at once."""
    if sys.platform == "win32":
        import msvcrt

        while True:
            with suppress(OSError), interruptible():  # it gives up after ten seconds
                msvcrt.locking(lock, msvcrt.LK_LOCK, 1)
                return
    else:
        import fcntl

        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        with suppress(OSError):
            try:
                fcntl.flock(lock, kind | fcntl.LOCK_NB)
            except BlockingIOError:
                with interruptible():
                    fcntl.flock(lock, kind)


def _state(directory: Path, seal: str) -> tuple[object, ...]:
    """Return a key that changes whenever `write_files` changes a directory."""

    def identity(path: Path) -> object:
        try:
            found = path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino, found.st_ctime_ns

    try:
        found = directory.stat()
    except OSError:
        return (None,)
    return found.st_dev, found.st_ino, identity(directory / seal)
