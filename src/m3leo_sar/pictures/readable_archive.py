"""Interface of an archive required by the pictures, independent of its class."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.io.chips.chip import Chip


class ReadableArchive(Protocol):
    """Chips by identifier, dataset and key, as in :class:`m3leo_sar.io.chips.archive.ChipArchive`."""

    @property
    def root(self) -> Any:
        """Location of the archive; printed in texts."""

    @property
    def identifiers(self) -> list[str]:
        """Tiles with at least one chip, sorted."""

    def datasets(self, identifier: str) -> list[str]:
        """Products of a tile, sorted."""

    def keys(self, identifier: str, dataset: str) -> list[str]:
        """Dates, pairs or names of a tile's product, sorted."""

    def has(self, identifier: str, dataset: str, key: str) -> bool:
        """Whether a chip exists."""

    def read(self, identifier: str, dataset: str, key: str) -> Chip:
        """Read one chip; OSError or ValueError if it is unreadable."""

    def facts(self, identifier: str, dataset: str, key: str) -> tuple[GeoBox, Mapping[str, Any]]:
        """Grid and metadata of one chip without its pixels; OSError or ValueError if it is unreadable."""

    def verify(self) -> Iterable[tuple[Path, str]]:
        """Path and fault of each unreadable chip."""
