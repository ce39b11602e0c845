"""Atomic writes: files that appear whole or not at all."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from m3leo_sar.io.files.host import host_tag

#: Part of the name of every unfinished file; never part of a finished file's name.
PARTIAL = ".partial-"
#: Seconds without a change after which another machine's unfinished file counts as abandoned.
_LEFT = 86_400.0
#: Attempts to remove a folder that another run is removing too.
_TRIES = 3


def partial_path(path: Path) -> Path:
    """Temporary name beside ``path``, which identifies the writer by process, thread and host."""
    # The process number comes first, as earlier versions wrote and read only that.
    writer = f"{os.getpid()}-{threading.get_ident()}-{host_tag()}"
    return path.with_name(f"{path.stem}{PARTIAL}{writer}{path.suffix}")


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside ``path``, which is renamed to ``path`` when the block ends without an error.

    The temporary keeps the suffix, as some formats are chosen by it. It may be a file or, where ``path`` does not exist
    yet, a folder. On any exception, Ctrl-C included, it is removed and ``path`` is unchanged.

    Raises
    ------
    OSError
        If the folder cannot be created or written to, or the disk is full.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    # Threads of one process may write one name at once; the last one prevails.
    partial = partial_path(target)
    remove(partial)
    try:
        yield partial
        if partial.is_file():
            flush(partial)
        os.replace(partial, target)
        flush(target.parent)
    except BaseException:
        remove(partial)
        raise


@contextmanager
def atomic_paths() -> Iterator[Callable[[Path], Path]]:
    """Yield a function that gives a temporary path for each of several files, renamed together when the block ends.

    As :func:`atomic_path`, but the files are flushed one after the other at the end, which takes a disk hardly longer
    than to flush one, and no name appears if a file before it could not be written.

    Raises
    ------
    OSError
        If a folder cannot be created or written to, or the disk is full.
    """
    begun: dict[Path, Path] = {}

    def begin(path: Path) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        begun[path] = partial_path(path)
        remove(begun[path])
        return begun[path]

    try:
        yield begin
        for partial in begun.values():
            flush(partial)
        for target, partial in begun.items():
            os.replace(partial, target)
        for folder in dict.fromkeys(target.parent for target in begun):
            flush(folder)
    except BaseException:
        for partial in begun.values():
            remove(partial)
        raise


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a text file whole or not at all."""
    with atomic_path(path) as partial:
        partial.write_text(text, encoding="utf-8")


def is_free(folder: Path) -> bool:
    """Whether a folder is free for our use: it does not exist, or holds only half-written files."""
    return not folder.is_dir() or all(PARTIAL in entry.name for entry in folder.iterdir())


def remove(path: Path) -> None:
    """Remove a file or folder if it exists; another run may be removing it too."""
    for left in reversed(range(_TRIES)):
        if path.is_symlink() or not path.is_dir():
            path.unlink(missing_ok=True)
            return
        try:
            shutil.rmtree(path)
        except FileNotFoundError:
            if not left:
                raise


def remove_at_once(path: Path) -> None:
    """Remove a file or folder if it exists, so that no process, a later run included, finds half of it."""
    if path.is_dir() and not path.is_symlink():
        aside = partial_path(path)
        remove(aside)
        try:
            os.rename(path, aside)
        except FileNotFoundError:
            return
        path = aside
    remove(path)


def remove_stale(folder: str | os.PathLike[str]) -> list[Path]:
    """Remove and return leftover files of killed writers below ``folder``; those of living processes are kept.

    A file of another machine or container counts as abandoned after a day without a change.
    """
    stale = [path for path in _partials(folder) if not _is_alive(path)]
    for path in stale:
        remove(path)
    return stale


def _partials(folder: str | os.PathLike[str]) -> Iterator[Path]:
    """Half-written files and folders below a folder; a folder stands for its contents."""
    for place, folders, files in os.walk(folder, onerror=_pass_over):
        yield from (Path(place, name) for name in (*folders, *files) if PARTIAL in name)
        folders[:] = [name for name in folders if PARTIAL not in name]


def _pass_over(error: OSError) -> None:
    # Another run may rename and remove folders meanwhile; a folder without access holds no file of ours.
    if not isinstance(error, FileNotFoundError | PermissionError):
        raise error


def _is_alive(partial: Path) -> bool:
    digits, *rest = partial.name.rpartition(PARTIAL)[2].partition(".")[0].split("-")
    # Names of earlier versions contain no host and count as ours.
    if len(rest) == 2 and rest[1] != host_tag():
        return time.time() - _last_change(partial) < _LEFT
    if not (digits.isascii() and digits.isdigit()) or int(digits) == os.getpid():
        return False
    try:
        os.kill(int(digits), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not _has_ended(int(digits))


def _last_change(partial: Path) -> float:
    """Time of the last change of a file, or of any file in a folder; 0 if it is gone."""
    inside = (Path(place, name) for place, folders, files in os.walk(partial) for name in (*folders, *files))
    times = [0.0]
    for path in (partial, *inside):
        with suppress(FileNotFoundError):
            times.append(path.lstat().st_mtime)
    return max(times)


def _has_ended(pid: int) -> bool:
    """Whether a process has ended but its number is still in use, as its parent has not waited for it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return False


def flush(path: Path) -> None:
    """Flush a file or folder to disk before its name is used."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
