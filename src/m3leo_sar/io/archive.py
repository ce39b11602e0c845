"""A folder of chips: one GeoTIFF a tile, product and date or pair."""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.io.atomic import PARTIAL, remove_stale, write_text
from m3leo_sar.io.raster import open_raster, read_raster, write_geotiff

#: Layout of the folder; a reader refuses a later one.
VERSION = 1
_MANIFEST = "archive.json"
_TAG = "M3LEO_SAR"
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class Chip(NamedTuple):
    """One chip as it was read."""

    #: (rows, cols) or (bands, rows, cols); no data is NaN.
    array: NDArray[Any]
    #: The tile's pixel grid.
    geobox: GeoBox
    #: Product, dates, polarisation, orbit, unit, window, parameters, ... as they were written.
    metadata: dict[str, Any]


def read_chip(path: str | os.PathLike[str]) -> Chip | None:
    """Read a file as one chip of an archive, None if it is a raster of others.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is damaged or no raster.
    """
    raster = read_raster(path)
    if raster.geobox is None or _TAG not in raster.tags:
        return None
    return Chip(raster.array, raster.geobox, json.loads(raster.tags[_TAG]))


class ChipArchive:
    """Chips on disk, ``<root>/<identifier>/<dataset>/<key>.tif``.

    The key is a pair (``20230319_20230331``), a date (``20230319``) or a name. Each file is a GeoTIFF that any GIS
    opens and carries what it was computed from; it appears whole or not at all. Layout and tags are in docs/formats.md.

    Parameters
    ----------
    root : path
        Folder with an ``archive.json``. :meth:`create` makes one.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    ValueError
        If the folder is no chip archive, or one of a later version.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = Path(root)
        if not self.root.is_dir():
            raise FileNotFoundError(f"there is no folder {self.root}")
        manifest = self.root / _MANIFEST
        if not manifest.is_file():
            raise ValueError(f"{self.root} is no chip archive: it holds no {_MANIFEST}")
        try:
            self.manifest: dict[str, Any] = json.loads(manifest.read_text(encoding="utf-8"))
        except json.JSONDecodeError as error:
            raise ValueError(f"{manifest} is damaged: {error}") from error
        if self.manifest.get("format") != "m3leo_sar chip archive":
            raise ValueError(f"{manifest} does not describe a chip archive")
        if self.manifest.get("version", 0) > VERSION:
            raise ValueError(f"{self.root} has version {self.manifest['version']}; this library reads up to {VERSION}")

    @classmethod
    def create(cls, root: str | os.PathLike[str], **facts: Any) -> ChipArchive:
        """Open the archive at ``root``, making it if there is none; removes what killed writers left.

        Raises
        ------
        OSError
            If the folder cannot be made or written to.
        ValueError
            If the folder holds files but is no archive.
        """
        folder = Path(root)
        if not (folder / _MANIFEST).is_file():
            if folder.is_dir() and any(PARTIAL not in path.name for path in folder.iterdir()):
                raise ValueError(f"{folder} holds files but is no chip archive; name a new or empty folder")
            described = {"format": "m3leo_sar chip archive", "version": VERSION, **facts}
            write_text(folder / _MANIFEST, json.dumps(described, indent=2, sort_keys=True) + "\n")
        archive = cls(folder)
        remove_stale(folder)
        return archive

    def path(self, identifier: str, dataset: str, key: str) -> Path:
        """Where a chip lies; ValueError for a name that could lead out of the archive."""
        for name, value in (("identifier", identifier), ("dataset", dataset), ("key", key)):
            if not _SAFE.fullmatch(value) or PARTIAL in value:
                raise ValueError(f"{name} must be letters, digits, '.', '_' and '-', got {value!r}")
        return self.root / identifier / dataset / f"{key}.tif"

    def write(
        self,
        identifier: str,
        dataset: str,
        key: str,
        array: NDArray[Any],
        geobox: GeoBox,
        *,
        metadata: Mapping[str, Any],
        nodata: float | None = None,
    ) -> None:
        """Write one chip, replacing an earlier one; ``metadata`` is anything JSON can hold.

        Its entry ``parameters``, what the chip depends on, is compared by :meth:`has`.
        """
        text = json.dumps(dict(metadata), sort_keys=True, default=_plain)
        tags = {_TAG: text, f"{_TAG}_DIGEST": parameter_digest(metadata.get("parameters"))}
        tags |= {name.upper(): str(value) for name, value in metadata.items() if isinstance(value, str | int | float)}
        write_geotiff(self.path(identifier, dataset, key), array, geobox, tags=tags, nodata=nodata)

    def read(self, identifier: str, dataset: str, key: str) -> Chip:
        """Read one chip.

        Raises
        ------
        FileNotFoundError
            If it is not there; the message names it.
        ValueError
            If the file is damaged.
        """
        chip = read_chip(self.path(identifier, dataset, key))
        if chip is None:
            raise ValueError(f"{self.path(identifier, dataset, key)} is no chip of this library")
        return chip

    def has(self, identifier: str, dataset: str, key: str, *, parameters: Any = None) -> bool:
        """Whether a chip exists and, if ``parameters`` are given, depends on the same ones."""
        path = self.path(identifier, dataset, key)
        if not path.is_file():
            return False
        if parameters is None:
            return True
        try:
            with open_raster(path) as source:
                return bool(source.tags().get(f"{_TAG}_DIGEST") == parameter_digest(parameters))
        except ValueError:
            return False

    @property
    def identifiers(self) -> list[str]:
        """Tiles that have a chip, sorted."""
        return sorted(path.name for path in self.root.iterdir() if path.is_dir() and _SAFE.fullmatch(path.name))

    def datasets(self, identifier: str) -> list[str]:
        """Products of a tile, sorted."""
        folder = self.root / identifier
        return sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []

    def keys(self, identifier: str, dataset: str) -> list[str]:
        """Dates, pairs or names of a tile's product, sorted."""
        found = (self.root / identifier / dataset).glob("*.tif")
        return sorted(path.stem for path in found if PARTIAL not in path.name)

    def verify(self) -> Iterator[tuple[Path, str]]:
        """Read every chip and give the path and fault of each that cannot be."""
        for path in sorted(self.root.glob("*/*/*.tif")):
            if PARTIAL in path.name:
                continue
            try:
                self.read(path.parent.parent.name, path.parent.name, path.stem)
            except (OSError, ValueError) as error:
                yield path, str(error)


def parameter_digest(parameters: Any) -> str:
    """Sixteen hex digits that change when any parameter does."""
    text = json.dumps(parameters, sort_keys=True, default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _plain(value: Any) -> Any:
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"metadata must be plain values, got {type(value).__name__}")
