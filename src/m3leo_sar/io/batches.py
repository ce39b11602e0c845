"""Numbered folders that are written whole and never changed: what came later has a higher number."""

from __future__ import annotations

import os
from pathlib import Path

from m3leo_sar.io.atomic import flush


def take_next_number(partial: Path, folder: Path) -> None:
    """Rename a whole batch to the first number after those that are there; another writer may take it first."""
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
