"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: In the name of everything that is being written; never part of a finished file's name.
PARTIAL = ".partial-"


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path beside ``path``; it takes the name ``path`` when the block ends well.

    The temporary keeps the suffix, as some formats are chosen by it. It may be a file or, where ``path`` does not exist
    yet, a folder. On any exception, Ctrl-C included, it is removed and ``path`` is as it was.

    Raises
    ------
    OSError
        If the folder cannot be made or written to, or the disk is full.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    # Threads of one process may write one name at once; the last to end stays.
    partial = target.with_name(f"{target.stem}{PARTIAL}{os.getpid()}-{threading.get_ident()}{target.suffix}")
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


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a text file whole or not at all."""
    with atomic_path(path) as partial:
        partial.write_text(text, encoding="utf-8")


def remove(path: Path) -> None:
    """Remove a file or folder if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def remove_stale(folder: str | os.PathLike[str]) -> list[Path]:
    """Remove what killed writers left anywhere below ``folder`` and return it; what a living process writes stays."""
    stale = [path for path in Path(folder).rglob(f"*{PARTIAL}*") if not _is_alive(path)]
    for path in stale:
        remove(path)
    return stale


def _is_alive(partial: Path) -> bool:
    digits = partial.name.rpartition(PARTIAL)[2].partition(".")[0].partition("-")[0]
    if not (digits.isascii() and digits.isdigit()) or int(digits) == os.getpid():
        return False
    try:
        os.kill(int(digits), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not _has_ended(int(digits))


def _has_ended(pid: int) -> bool:
    """Whether a process has ended though its number is still taken, as nobody has asked how."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return False


def flush(path: Path) -> None:
    """Have the disk hold what the name says before anyone trusts the name."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
