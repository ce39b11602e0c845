"""Numbered folders that are written whole and never changed; later ones have higher numbers."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from m3leo_sar.io.files.atomic import flush, partial_path, remove


@contextmanager
def new_batch(folder: Path) -> Iterator[Path]:
    """Yield a temporary path in ``folder``, which becomes its next batch if the block succeeds, else is removed.

    Raises
    ------
    OSError
        If the folder cannot be written to.
    """
    partial = partial_path(folder / uuid.uuid4().hex)
    try:
        yield partial
        take_next_number(partial, folder)
    except BaseException:
        remove(partial)
        raise


def take_next_number(partial: Path, folder: Path) -> None:
    """Rename a whole batch to the first free number; another writer may take it first."""
    existing = batches(folder)
    number = int(existing[-1].name) + 1 if existing else 0
    while True:
        try:
            os.rename(partial, folder / f"{number:06d}")
        except OSError:
            if not (folder / f"{number:06d}").exists():
                raise
            number += 1
        else:
            flush(folder)
            return


def batches(folder: Path) -> list[Path]:
    """Finished batches, oldest first."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.name.isascii() and entry.name.isdigit()]
    except OSError:
        return []
    return [folder / name for name in sorted(names, key=int)]
