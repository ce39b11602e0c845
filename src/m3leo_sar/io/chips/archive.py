"""An archive of chips per tile, each whole or absent."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from m3leo_sar._display import as_line, as_table
from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.io.chips.archive_display import facts_of_archive, first_chips
from m3leo_sar.io.chips.chip import SAFE_NAME, Chip, Layer
from m3leo_sar.io.chips.storage import Storage
from m3leo_sar.io.files.atomic import PARTIAL, remove_stale
from m3leo_sar.io.files.manifest import Kind, make_manifest, read_manifest
from m3leo_sar.io.files.plain_values import parameter_digest, plain_value

STORAGES = ("geotiff", "zarr")
_KIND = Kind("archive.json", "m3leo_sar chip archive", 2, "chip archive")


class ChipArchive:
    """Chips on disk by tile, product and key.

    The key is a pair (``20230319_20230331``), a date (``20230319``) or a name. Each chip carries its inputs and
    parameters and appears whole or not at all. There are two storages: ``"geotiff"``, one file per chip that any GIS
    opens, and ``"zarr"``, Zarr v3 with one sharded array per write of a tile's product and one chunk per chip, which
    reads faster and keeps a checksum of each. Layouts are in docs/formats.md.

    Parameters
    ----------
    root : path
        Folder with an ``archive.json``. :meth:`create` makes one.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    ValueError
        If the folder is not a chip archive, or one of a later version.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = Path(root)
        self.manifest = read_manifest(self.root, _KIND)
        self._storage = _storage(self.root, self.manifest.get("storage", "geotiff"))

    @classmethod
    def create(cls, root: str | os.PathLike[str], *, storage: str = "geotiff", **facts: Any) -> ChipArchive:
        """Open or create the archive at ``root``; removes leftover files of killed writers.

        An existing archive keeps its storage.

        Raises
        ------
        OSError
            If the folder cannot be created or written to.
        ValueError
            If the folder holds files but is not an archive, or the storage is unknown.
        """
        folder = Path(root)
        if storage not in STORAGES:
            raise ValueError(f"storage must be one of {', '.join(STORAGES)}, got {storage!r}")
        make_manifest(folder, _KIND, json.loads(json.dumps({"storage": storage, **facts}, default=plain_value)))
        archive = cls(folder)
        remove_stale(folder)
        return archive

    def __repr__(self) -> str:
        return as_line("ChipArchive", facts_of_archive(self))

    def _repr_html_(self) -> str:
        return as_table("ChipArchive", facts_of_archive(self), rows=first_chips(self))

    @property
    def storage(self) -> str:
        """``"geotiff"`` or ``"zarr"``."""
        return str(self.manifest.get("storage", "geotiff"))

    def path(self, identifier: str, dataset: str, key: str) -> Path:
        """Path of a chip; ValueError for a name that could lead out of the archive."""
        self._check(identifier, dataset, key)
        return self._storage.path(identifier, dataset, key)

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
        """Write one chip, replacing an earlier one; ``metadata`` is any value of JSON.

        :meth:`has` compares its entry ``parameters``, the parameters of the chip. With an entry ``scale``, a complex
        chip is stored as complex int16 in that unit, in Zarr storage only.

        Raises
        ------
        ValueError
            If a name could lead out of the archive, or the array does not have the geobox's shape.
        OSError
            If it cannot be written; no part of it remains.
        """
        self.write_layers(identifier, dataset, [Layer(key, array, metadata, nodata)], geobox)

    def write_layers(self, identifier: str, dataset: str, layers: Sequence[Layer], geobox: GeoBox) -> None:
        """Write several chips of one tile and product; Zarr storage writes all of them or none."""
        for layer in layers:
            self._check(identifier, dataset, layer.key)
            if layer.array.shape[-2:] != geobox.shape or layer.array.ndim not in (2, 3):
                raise ValueError(f"array must have the geobox's shape {geobox.shape}, got {layer.array.shape}")
        if layers:
            self._storage.write(identifier, dataset, layers, geobox)

    def read(self, identifier: str, dataset: str, key: str) -> Chip:
        """Read one chip.

        Raises
        ------
        FileNotFoundError
            If it does not exist; the message names it.
        ValueError
            If it is damaged.
        """
        self._check(identifier, dataset, key)
        return self._storage.read(identifier, dataset, key)

    def facts(self, identifier: str, dataset: str, key: str) -> tuple[GeoBox, dict[str, Any]]:
        """Grid and metadata of a chip without its pixels; raises as :meth:`read` does."""
        self._check(identifier, dataset, key)
        return self._storage.facts(identifier, dataset, key)

    def chips(self) -> Iterator[tuple[str, str, str]]:
        """Identifier, product and key of every chip, in order."""
        for identifier in self.identifiers:
            for dataset in self.datasets(identifier):
                for key in self.keys(identifier, dataset):
                    yield identifier, dataset, key

    def has(self, identifier: str, dataset: str, key: str, *, parameters: Any = None) -> bool:
        """Whether a chip exists and, if ``parameters`` are given, has the same ones."""
        self._check(identifier, dataset, key)
        digest = self._storage.digest(identifier, dataset, key)
        return digest is not None and (parameters is None or digest == parameter_digest(parameters))

    @property
    def identifiers(self) -> list[str]:
        """Tiles with a chip, sorted."""
        with os.scandir(self.root) as entries:
            return sorted(entry.name for entry in entries if _is_own(entry))

    def datasets(self, identifier: str) -> list[str]:
        """Products of a tile, sorted."""
        folder = self.root / identifier
        if not SAFE_NAME.fullmatch(identifier) or not folder.is_dir() or folder.is_symlink():
            return []
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries if _is_own(entry))

    def keys(self, identifier: str, dataset: str) -> list[str]:
        """Dates, pairs or names of a tile's product, sorted."""
        self._check(identifier, dataset, "any")
        return self._storage.keys(identifier, dataset)

    def remove(self, identifier: str, dataset: str, key: str) -> None:
        """Remove one chip, if it exists."""
        self._check(identifier, dataset, key)
        self._storage.remove(identifier, dataset, key)

    def compact(self) -> int:
        """Merge the batches of each tile's product; returns the number of batches that were merged into others.

        Only Zarr storage has batches; chips stay readable throughout.
        """
        parts = ((identifier, dataset) for identifier in self.identifiers for dataset in self.datasets(identifier))
        return sum(self._storage.compact(identifier, dataset) for identifier, dataset in parts)

    def discard(self, paths: Iterable[Path]) -> int:
        """Remove damaged chips at paths from :meth:`verify`, so that they count as missing.

        Each chip is read once more, and removed only if it is proven to be damaged: its bytes can be read, but are no
        whole chip or differ from the stored checksum. Other files, and those that cannot be read at present, are kept.
        The other chips of a batch of Zarr storage are kept.

        Returns
        -------
        int
            Number of paths with a damaged chip.

        Raises
        ------
        ValueError
            If a path does not lie in the archive; nothing is removed then.
        """
        named = set(paths)
        for path in named:
            if self.root.resolve() not in path.resolve().parents:
                raise ValueError(f"{path} does not lie in {self.root}")
        return sum(self._storage.discard(path) for path in sorted(named))

    def verify(self) -> Iterator[tuple[Path, str]]:
        """Read every chip and yield the path and fault of each unreadable one."""
        return self._storage.faults()

    def _check(self, identifier: str, dataset: str, key: str) -> None:
        """Refuse names and links that could lead out of the archive."""
        for name, value in (("identifier", identifier), ("dataset", dataset), ("key", key)):
            if not SAFE_NAME.fullmatch(value) or PARTIAL in value:
                raise ValueError(f"{name} must be letters, digits, '.', '_' and '-', got {value!r}")
        for folder in (self.root / identifier, self.root / identifier / dataset):
            if folder.is_symlink():
                raise ValueError(f"{folder} is a link, which may lead out of the archive")


def _is_own(entry: os.DirEntry[str]) -> bool:
    """Whether a folder's entry may belong to the archive: no link, no foreign name, no half-written file."""
    return bool(SAFE_NAME.fullmatch(entry.name)) and PARTIAL not in entry.name and entry.is_dir(follow_symlinks=False)


def _storage(root: Path, name: str) -> Storage:
    # Imported here, as each loads a library that the other does not need.
    if name == "geotiff":
        from m3leo_sar.io.chips.geotiff_storage import GeotiffStorage

        return GeotiffStorage(root)
    if name == "zarr":
        from m3leo_sar.io.chips.zarr_storage import ZarrStorage

        return ZarrStorage(root)
    raise ValueError(f"{root} is stored as {name!r}; this library reads {', '.join(STORAGES)}")
