"""The interface between an archive and the files that its chips are kept in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.io.chips.chip import Chip, Layer


class Storage(Protocol):
    """How an archive keeps its chips; names have been checked."""

    def write(self, identifier: str, dataset: str, layers: Sequence[Layer], geobox: GeoBox) -> None:
        """Write chips of one tile and product, replacing earlier ones."""

    def read(self, identifier: str, dataset: str, key: str) -> Chip:
        """Read one chip; FileNotFoundError if it is not there, ValueError if it is damaged."""

    def facts(self, identifier: str, dataset: str, key: str) -> tuple[GeoBox, dict[str, Any]]:
        """Grid and metadata of a chip; raises as ``read`` does."""

    def digest(self, identifier: str, dataset: str, key: str) -> str | None:
        """Digest of what a chip depends on, None if there is no chip that can be read."""

    def path(self, identifier: str, dataset: str, key: str) -> Path:
        """File or folder that holds a chip, or would."""

    def keys(self, identifier: str, dataset: str) -> list[str]:
        """Keys of a tile's product, sorted."""

    def remove(self, identifier: str, dataset: str, key: str) -> None:
        """Remove a chip, if it is there."""

    def compact(self, identifier: str, dataset: str) -> int:
        """Join what was written at different times; how many batches went."""

    def discard(self, path: Path) -> bool:
        """Remove the chips of a damaged file or folder that are proved bad; whether there were any."""

    def faults(self) -> Iterator[tuple[Path, str]]:
        """Path and fault of every chip that cannot be read."""
