"""Labels of an archive as targets of a data set."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from numpy.typing import NDArray

from m3leo_sar.chips.land_cover import WORLDCOVER
from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.chips.chip import Chip
from m3leo_sar.learn.data.labels import class_target

_WORLDCOVER_TARGET = partial(class_target, legend=WORLDCOVER)


class ArchiveTarget:
    """Labels of an archive as targets of a data set.

    Parameters
    ----------
    archive : ChipArchive
    key : str
        Name of the label.
    dataset : str
    encode : callable
        Converts a chip to the target array of a loss; WorldCover's classes by default.
    nothing : callable, optional
        Returns the target array of a tile without the label, for its grid; such a tile is an error by default.
    """

    def __init__(
        self,
        archive: ChipArchive,
        key: str,
        *,
        dataset: str = "label",
        encode: Callable[[Chip], NDArray[Any]] = _WORLDCOVER_TARGET,
        nothing: Callable[[GeoBox], NDArray[Any]] | None = None,
    ) -> None:
        self.archive, self.key, self.dataset, self.encode, self.nothing = archive, key, dataset, encode, nothing

    def has(self, identifier: str) -> bool:
        """Whether a tile has the label."""
        return self.archive.has(identifier, self.dataset, self.key)

    def __call__(self, identifier: str, geobox: GeoBox) -> NDArray[Any]:
        """Encoded label (rows, cols) of a tile.

        Raises
        ------
        FileNotFoundError
            If the label does not exist and ``nothing`` is not given.
        ValueError
            If the label is damaged, or lies on another grid than the tile.
        """
        if self.nothing is not None and not self.has(identifier):
            return self.nothing(geobox)
        chip = self.archive.read(identifier, self.dataset, self.key)
        if chip.geobox != geobox:
            raise ValueError(f"tile {identifier}: {self.dataset} {self.key} does not lie on the grid of the tile")
        return self.encode(chip)
