"""An archive's chips as GeoTIFF, one file per chip: ``<identifier>/<product>/[<polarisation>/]<name>.tif``."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.io.chips.chip import STORED, Chip, Layer, WrongPixels, check_pixels, is_copied_checksum
from m3leo_sar.io.chips.chip_name import is_safe
from m3leo_sar.io.chips.coherence_uint8 import SCALE
from m3leo_sar.io.chips.stored_coherence import decoded, encoded
from m3leo_sar.io.files import limits
from m3leo_sar.io.files.atomic import PARTIAL, atomic_paths, remove_at_once
from m3leo_sar.io.files.plain_values import parameter_digest, plain_value
from m3leo_sar.io.files.raster import (
    GEOTIFF,
    gdal_environment,
    geobox_of,
    geotiff_bytes,
    open_raster,
    read_raster,
)

_TAG = "M3LEO_SAR"


def read_chip(path: str | os.PathLike[str]) -> Chip | None:
    """Read a file as one chip of an archive, None for a raster that this library did not write.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is damaged or no raster.
    """
    raster = read_raster(path, driver=GEOTIFF, largest=limits.LARGEST_CHIP)
    if raster.geobox is None or _TAG not in raster.tags:
        return None
    nodata = raster.nodata if raster.array.dtype.kind in "iu" else None
    return decoded(Chip(raster.array, raster.geobox, _metadata(path, raster.tags[_TAG]), nodata))


def _metadata(path: str | os.PathLike[str], text: str) -> dict[str, Any]:
    try:
        metadata = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"{Path(path).name} has damaged metadata: {error}") from error
    if not isinstance(metadata, dict):
        raise ValueError(f"{Path(path).name} has damaged metadata: no mapping")
    return metadata


def _content(layer: Layer, geobox: GeoBox) -> bytes:
    """The file of a chip."""
    metadata = dict(layer.metadata)
    if layer.array.dtype.kind == "c" and "scale" in metadata:
        raise ValueError("scale requests complex int16, which needs an archive with storage='zarr'")
    tags = {
        _TAG: json.dumps(metadata, sort_keys=True, default=plain_value),
        f"{_TAG}_DIGEST": parameter_digest(metadata.get("parameters")),
    }
    tags |= {name.upper(): str(value) for name, value in metadata.items() if isinstance(value, str | int | float)}
    scale = SCALE if STORED in metadata else None
    return geotiff_bytes(f"{layer.key}.tif", layer.array, geobox, tags=tags, nodata=layer.nodata, scale=scale)


class GeotiffStorage:
    """One GeoTIFF per chip, with its metadata as tags."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, identifier: str, dataset: str, layers: Sequence[Layer], geobox: GeoBox) -> None:
        """Write each chip as a file of its own, all of them or none."""
        with gdal_environment(), atomic_paths() as begin:
            for layer in map(encoded, layers):
                begin(self.path(identifier, dataset, layer.key)).write_bytes(_content(layer, geobox))

    def read(self, identifier: str, dataset: str, key: str) -> Chip:
        """Read one chip."""
        path = self.path(identifier, dataset, key)
        chip = read_chip(path)
        if chip is None:
            raise ValueError(f"{path} is not a chip of this library")
        return chip

    def facts(self, identifier: str, dataset: str, key: str) -> tuple[GeoBox, dict[str, Any]]:
        """Grid and metadata of a chip."""
        path = self.path(identifier, dataset, key)
        with open_raster(path, driver=GEOTIFF) as source:
            geobox, tags = geobox_of(source), source.tags()
        if geobox is None or _TAG not in tags:
            raise ValueError(f"{path} is not a chip of this library")
        return geobox, _metadata(path, tags[_TAG])

    def exists(self, identifier: str, dataset: str, key: str) -> bool:
        """Whether the chip's file exists."""
        return self.path(identifier, dataset, key).is_file()

    def digest(self, identifier: str, dataset: str, key: str) -> str | None:
        """Digest of a chip's parameters, None if there is no chip that can be opened."""
        path = self.path(identifier, dataset, key)
        if not path.is_file():
            return None
        try:
            with open_raster(path, driver=GEOTIFF) as source:
                return str(source.tags().get(f"{_TAG}_DIGEST", ""))
        except ValueError:
            return None

    def path(self, identifier: str, dataset: str, key: str) -> Path:
        """The chip's file."""
        return self.root / identifier / dataset / f"{key}.tif"

    def keys(self, identifier: str, dataset: str) -> list[str]:
        """Keys of a tile's product, sorted."""
        found = (self.root / identifier / dataset).glob("*.tif")
        return sorted(path.stem for path in found if is_safe(path.stem))

    def discard(self, path: Path) -> bool:
        """Remove a file if its bytes can be read but are no whole chip."""
        if not self._is_damaged(path):
            return False
        remove_at_once(path)
        return True

    def _is_damaged(self, path: Path) -> bool:
        """Whether a file is proven to be damaged; a foreign, too large or at present unreadable file is not."""
        try:
            path.read_bytes()
            chip = read_chip(path)
            if chip is not None:
                check_pixels(chip)
        except WrongPixels:
            return chip is not None and not is_copied_checksum(chip, self._other_facts(path))
        except (OSError, limits.TooLarge):
            return False
        except ValueError:
            return True
        return False

    def _other_facts(self, path: Path) -> Iterator[dict[str, Any]]:
        identifier, dataset = self._place(path)
        for key in self.keys(identifier, dataset):
            if key != path.stem:
                with suppress(OSError, ValueError):
                    yield self.facts(identifier, dataset, key)[1]

    def _place(self, path: Path) -> tuple[str, str]:
        """Identifier and data set of a chip's file."""
        identifier, *dataset = path.absolute().relative_to(self.root.absolute()).parts[:-1]
        return identifier, "/".join(dataset)

    def remove(self, identifier: str, dataset: str, key: str) -> None:
        """Remove a chip's file."""
        self.path(identifier, dataset, key).unlink(missing_ok=True)

    def compact(self, identifier: str, dataset: str) -> int:
        """Nothing to merge: each chip is one file."""
        return 0

    def faults(self) -> Iterator[tuple[Path, str]]:
        """Path and fault of every chip that cannot be read."""
        for path in sorted((*self.root.glob("*/*/*.tif"), *self.root.glob("*/*/*/*.tif"))):
            if PARTIAL in path.name:
                continue
            try:
                check_pixels(self.read(*self._place(path), path.stem))
            except (OSError, ValueError) as error:
                yield path, str(error)
