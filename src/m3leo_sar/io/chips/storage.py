"""The interface between an archive and the files of its chips."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.io.chips.chip import Chip, Layer


class Storage(Protocol):
    """Storage of an archive's chips; names have been checked.

    ``dataset`` is a product, or a product and polarisation (``coherence/VV``), and ``key`` the name within it.
    """

    def write(self, identifier: str, dataset: str, layers: Sequence[Layer], geobox: GeoBox) -> None:
        """Write chips of one tile and product, replacing earlier ones."""

    def read(self, identifier: str, dataset: str, key: str) -> Chip:
        """Read one chip; FileNotFoundError if it does not exist, ValueError if it is damaged."""

    def facts(self, identifier: str, dataset: str, key: str) -> tuple[GeoBox, dict[str, Any]]:
        """Grid and metadata of a chip; raises as ``read`` does."""

    def exists(self, identifier: str, dataset: str, key: str) -> bool:
        """Whether there is a chip, which may be damaged."""

    def digest(self, identifier: str, dataset: str, key: str) -> str | None:
        """Digest of a chip's parameters, None if there is no readable chip."""

    def path(self, identifier: str, dataset: str, key: str) -> Path:
        """File or folder of a chip, whether or not it exists."""

    def keys(self, identifier: str, dataset: str) -> list[str]:
        """Keys within a tile's product or product and polarisation, sorted."""

    def remove(self, identifier: str, dataset: str, key: str) -> None:
        """Remove a chip, if it exists."""

    def compact(self, identifier: str, dataset: str) -> int:
        """Merge batches; returns the number that were merged into others."""

    def discard(self, path: Path) -> bool:
        """Remove proven damaged chips of a file or folder; returns whether there were any."""

    def faults(self) -> Iterator[tuple[Path, str]]:
        """Path and fault of every unreadable chip."""
