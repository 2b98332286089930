"""Files and bundles: whole or not at all, by several processes at once, and where one of them is killed."""

import json
import os
import shutil
import signal
from itertools import count
from pathlib import Path

import pytest

from embinit import EmbinitError, files
from embinit.export import MANIFEST, drift, export
from embinit.files import steady, write_file, write_files

from support.children import start, status
from support.exports import PLANS, WHOLE, exported, exported_until, killed_at, killed_at_exchange


def contents(directory):
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.is_file()}


def without_exchange(monkeypatch):
    monkeypatch.setattr(files, "_exchanged", lambda new, directory: False)


@pytest.fixture(params=["exchanged", "moved one by one", "beside other files"])
def way(request):
    """Return one of the ways in which a bundle is replaced."""
    return request.param


@pytest.fixture
def exchange(way):
    """Return whether the system may exchange directories."""
    return way != "moved one by one"


@pytest.fixture
def bundle(way, exchange, tmp_path, monkeypatch):
    """Return a directory with a bundle, which is replaced in each of these ways."""
    export(PLANS[1], tmp_path / "bundle")
    if not exchange:
        without_exchange(monkeypatch)
    elif way == "beside other files":
        (tmp_path / "bundle" / "notes").mkdir()
    return tmp_path / "bundle"


def test_exports_at_once_leave_one_bundle_whole(bundle, exchange):
    for i in range(6):
        if i % 3 == 0:
            shutil.rmtree(bundle)
        children = [start(exported, seed, bundle, exchange) for seed in (1, 2, 1)]
        assert [status(child) for child in children] == [0, 0, 0]
        assert contents(bundle) in WHOLE.values()
        assert [path.name for path in bundle.parent.iterdir()] == ["bundle"]


def test_a_stage_that_is_removed_while_it_is_made_is_made_again(tmp_path, monkeypatch):
    """Another process had it when mkdir found it, and has removed it when anybody looks what it is."""
    stage, mkdir = tmp_path / ".bundle.embinit", os.mkdir
    stage.mkdir()

    def beside_another(path, *mode, **keys):
        try:
            mkdir(path, *mode, **keys)
        except FileExistsError:
            Path(path).rmdir()
            raise

    monkeypatch.setattr(os, "mkdir", beside_another)
    export(PLANS[1], tmp_path / "bundle")
    assert contents(tmp_path / "bundle") == WHOLE[1]
    assert not stage.exists()


def test_a_check_beside_exports_sees_one_bundle_or_the_other(bundle, exchange):
    other = [f"{name}: differs" for name in WHOLE[1] if WHOLE[1][name] != WHOLE[2][name]]
    enough = bundle.parent / "enough"
    child = start(exported_until, enough, bundle, exchange)
    try:
        for _ in range(12):
            assert drift(PLANS[1], bundle) in ([], other)
    finally:
        enough.touch()
        assert status(child) == 0


def test_what_is_replaced_while_it_is_read_is_read_again(bundle):
    later = [PLANS[2]]

    def read():
        first = (bundle / "m.bin").read_bytes()
        if later:
            export(later.pop(), bundle)
        return first, (bundle / "m.npz").read_bytes()

    assert steady(bundle, MANIFEST, read) == (WHOLE[2]["m.bin"], WHOLE[2]["m.npz"])


def test_an_export_killed_at_any_step_leaves_no_mixture_and_nothing_that_the_next_one_does_not_clear(bundle, exchange):
    """test_interrupted_writes.py interrupts every line, after which a process still clears up."""
    for step in count(1):
        ended = status(start(killed_at, step, bundle.parent, exported, 1 + step % 2, bundle, exchange))
        found = contents(bundle)
        assert found in WHOLE.values() or MANIFEST not in found
        if step % 5 == 0:
            export(PLANS[1], bundle)
            assert contents(bundle) == WHOLE[1]
            assert [path.name for path in bundle.parent.iterdir()] == ["bundle"]
        if ended != -signal.SIGKILL:
            break
    assert ended == 0
    assert step > 25


def test_a_first_export_killed_at_any_step_leaves_a_bundle_whole_or_none(tmp_path):
    for step in count(1):
        ended = status(start(killed_at, step, tmp_path, exported, 1, tmp_path / "bundle", True))
        if (tmp_path / "bundle").exists():
            break
        assert ended == -signal.SIGKILL
    assert contents(tmp_path / "bundle") == WHOLE[1]
    assert step > 10


def test_where_directories_can_be_exchanged_a_killed_export_leaves_a_whole_bundle(tmp_path):
    """Killed right before and right after the one step that counts."""
    export(PLANS[1], tmp_path / "bundle")
    for after, expected in enumerate((WHOLE[1], WHOLE[2])):
        assert status(start(killed_at_exchange, bool(after), 2, tmp_path / "bundle")) in (-signal.SIGKILL, 0)
        if contents(tmp_path / "bundle") != expected:
            pytest.skip("this file system does not exchange directories")
    export(PLANS[1], tmp_path / "bundle")
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_what_the_old_bundle_had_and_the_new_one_has_not_is_removed(bundle):
    before = contents(bundle)
    export(PLANS[2], bundle, ["bin"])

    assert set(contents(bundle)) == {"m.bin", MANIFEST}
    assert set(json.loads((bundle / MANIFEST).read_text())["files"]) == {"m.bin"}
    assert before.keys() > {"m.bin", MANIFEST}


def test_what_a_user_changed_or_added_is_kept(bundle):
    (bundle / "test_m.c").write_text("mine")
    (bundle / "notes.txt").write_text("mine too")
    (bundle / "deep").mkdir()
    (bundle / "deep" / "m.bin").write_text("and mine")
    export(PLANS[2], bundle, ["bin"])

    assert (bundle / "test_m.c").read_text() == "mine"
    assert (bundle / "notes.txt").read_text() == "mine too"
    assert (bundle / "deep" / "m.bin").read_text() == "and mine"
    assert (bundle / "m.bin").read_bytes() == WHOLE[2]["m.bin"]


@pytest.mark.parametrize("listed", ["../outside", "/etc/hostname", "deep/m.bin", ""])
def test_a_manifest_does_not_name_files_outside_of_its_bundle(listed, bundle):
    (bundle.parent / "outside").write_text("")
    manifest = json.loads((bundle / MANIFEST).read_text())
    manifest["files"] = {listed: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}
    (bundle / MANIFEST).write_text(json.dumps(manifest))
    export(PLANS[2], bundle)

    assert (bundle.parent / "outside").exists()
    assert drift(PLANS[2], bundle) == []


@pytest.mark.parametrize("manifest", ["", "[]", "{", '{"model": 3}', '{"model": {"name": "m"}, "files": 7}', "\ud800"])
def test_a_manifest_that_says_nothing_is_replaced(manifest, bundle):
    (bundle / MANIFEST).write_text(manifest, errors="surrogatepass")
    export(PLANS[2], bundle)

    assert drift(PLANS[2], bundle) == []


def test_an_error_undoes_all(bundle, monkeypatch):
    """A directory stands where a file goes: found before anything is moved; or a rename fails after some."""
    (bundle / "m.npz").unlink()
    (bundle / "m.npz").mkdir()
    before = contents(bundle)
    with pytest.raises(EmbinitError, match=r"cannot be written: m\.npz: Is a directory"):
        export(PLANS[2], bundle)
    assert contents(bundle) == before
    assert (bundle / "m.npz").is_dir()

    (bundle / "m.npz").rmdir()
    rename = Path.rename

    def failing(source, destination):
        if source.parent.name == "new" and source.name == "m_init.c":
            raise OSError(5, "Input/output error")
        return rename(source, destination)

    without_exchange(monkeypatch)
    monkeypatch.setattr(Path, "rename", failing)
    before = contents(bundle)
    with pytest.raises(EmbinitError, match="Input/output error"):
        export(PLANS[2], bundle)
    assert contents(bundle) == before
    assert [path.name for path in bundle.parent.iterdir()] == ["bundle"]


def test_the_directory_in_which_one_works_stays_the_same(tmp_path, monkeypatch):
    export(PLANS[1], tmp_path / "bundle")
    monkeypatch.chdir(tmp_path / "bundle")
    before = Path().stat().st_ino
    export(PLANS[2], ".")

    assert Path().stat().st_ino == before == (tmp_path / "bundle").stat().st_ino
    assert contents(Path()) == WHOLE[2]


def test_the_modes_of_a_directory_are_kept(bundle):
    bundle.chmod(0o770)
    export(PLANS[2], bundle)

    assert bundle.stat().st_mode & 0o777 == 0o770


def test_a_link_to_a_directory_stays_a_link(bundle):
    link = bundle.with_name("link")
    link.symlink_to("bundle")
    export(PLANS[2], link)

    assert link.is_symlink()
    assert contents(bundle) == WHOLE[2]


@pytest.mark.parametrize("refusal", ["parent", "mount", "rename"])
def test_where_nothing_can_be_written_beside_a_directory_it_is_written_from_within(refusal, bundle, monkeypatch):
    """As in a mounted directory, or one whose parent is not ours; errors stand in for both, since root has none."""
    mkdir, rename = Path.mkdir, Path.rename

    def refused(path, *more, **options):
        if path.name == ".bundle.embinit" and path.parent == bundle.parent:
            raise PermissionError(13, "Permission denied")
        return mkdir(path, *more, **options)

    def crossing(source, destination):
        if len({bundle in path.parents for path in (source, destination)}) == 2:
            raise OSError(18, "Invalid cross-device link")
        return rename(source, destination)

    if refusal == "parent":
        monkeypatch.setattr(Path, "mkdir", refused)
    elif refusal == "mount":
        monkeypatch.setattr("os.path.ismount", bundle.__eq__)
    else:
        without_exchange(monkeypatch)
        monkeypatch.setattr(Path, "rename", crossing)
    export(PLANS[2], bundle)

    assert contents(bundle) == WHOLE[2]
    assert not list(bundle.glob(".*"))
    assert [path.name for path in bundle.parent.iterdir()] == ["bundle"]


def test_a_long_name_is_no_hindrance(tmp_path):
    export(PLANS[1], tmp_path / ("b" * 255))
    export(PLANS[2], tmp_path / ("b" * 255))
    write_file(tmp_path / ("é" * 127), b"x")

    assert len(list(tmp_path.iterdir())) == 2


def test_a_stage_of_another_user_or_a_link_is_not_followed(tmp_path):
    (tmp_path / "victim" / "new").mkdir(parents=True)
    (tmp_path / ".bundle.embinit").symlink_to(tmp_path / "victim")
    with pytest.raises(EmbinitError, match=r"\.bundle\.embinit is in the way"):
        export(PLANS[1], tmp_path / "bundle")

    assert (tmp_path / "victim" / "new").is_dir()
    assert not (tmp_path / "bundle").exists()


def test_a_full_disk_leaves_what_was(bundle):
    def full(file):
        raise OSError(28, "No space left on device")

    before = contents(bundle)
    with pytest.raises(EmbinitError, match="No space left on device"):
        write_files(bundle, lambda: [("m.bin", lambda file: file.write(b"new")), ("m.npz", full)], seal=MANIFEST)

    assert contents(bundle) == before
    assert [path.name for path in bundle.parent.iterdir()] == ["bundle"]


def test_one_file_is_whole_and_a_device_takes_it_as_it_comes(tmp_path):
    write_file(tmp_path / "new" / "a.html", b"one")
    write_file(tmp_path / "new" / "a.html", b"two")
    assert (tmp_path / "new" / "a.html").read_bytes() == b"two"
    (tmp_path / "link.html").symlink_to("new/a.html")
    write_file(tmp_path / "link.html", b"three")
    assert (tmp_path / "new" / "a.html").read_bytes() == b"three"
    assert (tmp_path / "link.html").is_symlink()

    write_file(Path("/dev/null"), b"away")
    assert not Path("/dev/null").is_file()
    with pytest.raises(EmbinitError, match="Is a directory"):
        write_file(tmp_path / "new", b"x")
    assert {path.name for path in tmp_path.rglob("*")} == {"new", "a.html", "link.html"}


def test_a_file_that_several_processes_write_is_one_of_theirs(tmp_path):
    path, pieces = tmp_path / "f", [bytes([i]) * 200_000 for i in range(4)]
    for _ in range(10):
        assert [status(child) for child in [start(write_file, path, piece) for piece in pieces]] == [0] * 4
        assert path.read_bytes() in pieces
    assert list(tmp_path.iterdir()) == [path]
