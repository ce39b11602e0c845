"""What writers leave: removed when its writer is dead, and only then; others may work in the folder meanwhile."""

from __future__ import annotations

import errno
import os
import shutil
import time

import pytest

from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.files.atomic import atomic_path, atomic_paths, remove, remove_at_once, remove_stale
from m3leo_sar.io.files.batches import batches, new_batch
from m3leo_sar.io.files.host import host_tag

DEAD = 999_999_999


def age(path, seconds):
    past = time.time() - seconds
    os.utime(path, (past, past))


def test_what_another_machine_writes_stays_until_it_has_not_changed_for_a_day(tmp_path):
    ChipArchive.create(tmp_path / "a")
    theirs = tmp_path / "a" / f"x.partial-{DEAD}-1-00000000.tif"
    folder = tmp_path / "a" / f"000000.partial-{DEAD}-1-00000000"
    ours = tmp_path / "a" / f"y.partial-{DEAD}-1-{host_tag()}.tif"
    (folder / "c").mkdir(parents=True)
    for path in (theirs, ours, folder / "c" / "0"):
        path.write_text("half")
    # The folder itself does not change while files within it grow.
    age(folder / "c", 90_000)
    age(folder, 90_000)
    ChipArchive.create(tmp_path / "a")
    assert (theirs.exists(), (folder / "c" / "0").exists(), ours.exists()) == (True, True, False)
    age(theirs, 80_000)
    assert remove_stale(tmp_path) == []
    age(theirs, 90_000)
    age(folder / "c" / "0", 90_000)
    assert sorted(remove_stale(tmp_path)) == [folder, theirs]


def test_names_of_what_is_being_written_tell_the_host(tmp_path):
    with atomic_path(tmp_path / "file.tif") as partial:
        assert partial.name.startswith(f"file.partial-{os.getpid()}-")
        assert partial.name.endswith(f"-{host_tag()}.tif")
        partial.write_text("whole")
    with new_batch(tmp_path) as partial:
        assert f".partial-{os.getpid()}-" in partial.name
        assert partial.name.endswith(f"-{host_tag()}")
        partial.mkdir()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["000000", "file.tif"]


def meddle(monkeypatch, name, action):
    """Have something happen when the folder ``name`` is about to be listed."""
    listed = os.scandir

    def scandir(path="."):
        if os.path.basename(os.fspath(path)) == name:
            action(path)
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)


def test_folders_that_go_while_they_are_looked_through_are_passed_over(tmp_path, monkeypatch):
    (tmp_path / "goes" / "in").mkdir(parents=True)
    stale = tmp_path / "stays" / f"a.partial-{DEAD}.tif"
    stale.parent.mkdir()
    stale.write_text("dead")
    meddle(monkeypatch, "goes", lambda path: os.rename(path, f"{path}-elsewhere"))
    assert remove_stale(tmp_path) == [stale]
    assert remove_stale(tmp_path / "nowhere") == []


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO])
def test_a_folder_that_is_closed_to_us_is_passed_over_and_a_broken_disk_is_not(tmp_path, monkeypatch, number):
    (tmp_path / "lost+found").mkdir()

    def refuse(path):
        raise OSError(number, os.strerror(number), path)

    meddle(monkeypatch, "lost+found", refuse)
    if number == errno.EACCES:
        assert remove_stale(tmp_path) == []
    else:
        with pytest.raises(OSError, match="Input/output error"):
            remove_stale(tmp_path)


def test_two_may_remove_one_thing(tmp_path, monkeypatch):
    stale, removed = tmp_path / f"000000.partial-{DEAD}", shutil.rmtree
    (stale / "c").mkdir(parents=True)

    def beaten(path):
        removed(path)
        removed(path)

    monkeypatch.setattr(shutil, "rmtree", beaten)
    assert remove_stale(tmp_path) == [stale]
    remove(stale)
    remove_at_once(stale)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_goes_at_once(tmp_path, monkeypatch):
    (tmp_path / "000003" / "c").mkdir(parents=True)
    seen = []
    monkeypatch.setattr(shutil, "rmtree", lambda path: seen.append((path.name, batches(tmp_path))) or path.rename("x"))
    monkeypatch.chdir(tmp_path)
    remove_at_once(tmp_path / "000003")
    ((name, left),) = seen
    assert name.startswith(f"000003.partial-{os.getpid()}-")
    assert left == []


def test_several_files_appear_together_or_not_at_all(tmp_path):
    (tmp_path / "a.tif").write_text("old")

    def fail():
        with atomic_paths() as begin:
            begin(tmp_path / "a.tif").write_text("new")
            begin(tmp_path / "sub" / "b.tif")
            raise RuntimeError("no second")

    with pytest.raises(RuntimeError, match="no second"):
        fail()
    assert (tmp_path / "a.tif").read_text() == "old"
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["a.tif"]
    with atomic_paths() as begin:
        begin(tmp_path / "a.tif").write_text("new")
        begin(tmp_path / "sub" / "b.tif").write_text("other")
        assert not (tmp_path / "sub" / "b.tif").exists()
    assert [path.read_text() for path in (tmp_path / "a.tif", tmp_path / "sub" / "b.tif")] == ["new", "other"]
    assert not list(tmp_path.rglob("*.partial-*"))
