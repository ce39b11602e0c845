"""What the pictures ask of an archive, whatever class it is."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

from m3leo_sar.io.chips.chip import Chip


class ReadableArchive(Protocol):
    """Chips by identifier, dataset and key, as :class:`m3leo_sar.io.chips.archive.ChipArchive` gives them."""

    @property
    def root(self) -> Any:
        """Where it lies, as a text tells it."""

    @property
    def identifiers(self) -> list[str]:
        """Tiles that have a chip, sorted."""

    def datasets(self, identifier: str) -> list[str]:
        """Products of a tile, sorted."""

    def keys(self, identifier: str, dataset: str) -> list[str]:
        """Dates, pairs or names of a tile's product, sorted."""

    def has(self, identifier: str, dataset: str, key: str) -> bool:
        """Whether a chip exists."""

    def read(self, identifier: str, dataset: str, key: str) -> Chip:
        """Read one chip; OSError or ValueError for one that cannot be."""

    def verify(self) -> Iterable[tuple[Path, str]]:
        """Path and fault of each chip that cannot be read."""
