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
from m3leo_sar.io.chips.chip import Chip, Layer
from m3leo_sar.io.chips.chip_name import POLARISATION, is_safe, parse_key
from m3leo_sar.io.chips.storage import Storage
from m3leo_sar.io.chips.stored_coherence import DTYPES, of_archive, require_known
from m3leo_sar.io.files.atomic import remove_stale
from m3leo_sar.io.files.manifest import Kind, make_manifest, read_manifest
from m3leo_sar.io.files.ordered_threads import in_order
from m3leo_sar.io.files.plain_values import parameter_digest, plain_value

STORAGES = ("geotiff", "zarr")
#: Version 3 names the polarisation of each chip; in earlier ones it is in the metadata only. Version 4 may keep
#: coherence as uint8.
KIND = Kind("archive.json", "m3leo_sar chip archive", 4, "chip archive")
#: Earliest version that can be written, and the version of an archive by the dtype of its coherence: software that
#: does not know levels must not take them for values.
NAMED = 3
_VERSIONS = {"float32": NAMED, "uint8": KIND.version}


def is_chip_archive(path: str | os.PathLike[str]) -> bool:
    """Whether a folder looks like a chip archive."""
    return (Path(path) / KIND.file).is_file()


class ChipArchive:
    """Chips on disk by tile, product and key.

    The key is a polarisation and a pair or date (``VV/20230319_20230331``, ``VV/20230319``; ``VV-VH/20230319`` for a
    product of both), or the name of a chip without a polarisation (``landcover``). Where a tile has a product in one
    polarisation only, the pair or date alone names the chip. Each chip carries its inputs and parameters and appears
    whole or not at all. Archives of versions 1 and 2 can be read; :mod:`m3leo_sar.io.chips.archive_upgrade` brings
    them up to version 3, which can be written; version 4 holds coherence as uint8. There are two storages:
    ``"geotiff"``, one file per chip that any GIS opens, and ``"zarr"``, Zarr v3 with one sharded array per write of
    a tile's product and one chunk per chip, which reads faster and keeps a checksum of each. Layouts are in
    docs/formats.md.

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
        self.manifest = read_manifest(self.root, KIND)
        self._storage = _storage(self.root, self.manifest.get("storage", "geotiff"))
        if self.dtype not in DTYPES:
            raise ValueError(f"{self.root} holds coherence as {self.dtype!r}; this library reads {', '.join(DTYPES)}")

    @classmethod
    def create(
        cls, root: str | os.PathLike[str], *, storage: str = "geotiff", dtype: str | None = None, **facts: Any
    ) -> ChipArchive:
        """Open or create the archive at ``root``; removes leftover files of killed writers.

        An existing archive keeps its storage.

        Parameters
        ----------
        root : path
        storage : {"geotiff", "zarr"}
            Of a new archive.
        dtype : {"float32", "uint8"}, optional
            Dtype of the coherence of all its chips; by default that of an existing archive, and float32 of a new one.
        **facts
            Entries for the manifest of a new archive.

        Raises
        ------
        OSError
            If the folder cannot be created or written to.
        ValueError
            If the folder holds files but is not an archive or is one of an earlier version, the storage or dtype is
            unknown, or an existing archive has another dtype.
        """
        folder = Path(root)
        if storage not in STORAGES:
            raise ValueError(f"storage must be one of {', '.join(STORAGES)}, got {storage!r}")
        require_known(dtype)
        kind = KIND._replace(version=_VERSIONS[dtype or DTYPES[0]])
        held = {"storage": storage, **({"dtype": dtype} if kind.version > NAMED else {}), **facts}
        make_manifest(folder, kind, json.loads(json.dumps(held, default=plain_value)))
        archive = cls(folder)
        archive._require_current()
        archive.require_dtype(dtype)
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

    @property
    def dtype(self) -> str:
        """Dtype in which coherence is stored, ``"float32"`` or ``"uint8"``; it is read as float32."""
        return str(self.manifest.get("dtype", DTYPES[0]))

    def require_dtype(self, dtype: str | None) -> None:
        """Refuse to keep coherence in another dtype than the archive does; None agrees with any.

        Raises
        ------
        ValueError
            If it differs.
        """
        if dtype not in (None, self.dtype):
            raise ValueError(
                f"dtype must be {self.dtype} for {self.root}, which holds coherence of one dtype, got {dtype!r}; "
                "give a new archive, or leave it out"
            )

    @property
    def version(self) -> int:
        """Version of the layout on disk."""
        return int(self.manifest.get("version", 0))

    @property
    def checks_chunks(self) -> bool:
        """Whether the inputs of chips are known by the stored checksums of their chunks, instead of all bytes."""
        return self.version > NAMED

    def path(self, identifier: str, dataset: str, key: str) -> Path:
        """Path of a chip; ValueError for a name that could lead out of the archive."""
        return self._storage.path(*self._found(identifier, dataset, key))

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
        chip is stored as complex int16 in that unit, in Zarr storage only. The product ``coherence`` is stored in the
        archive's :attr:`dtype`.

        Raises
        ------
        ValueError
            If a name could lead out of the archive, the array does not have the geobox's shape, the archive is of an
            earlier version, or a coherence to be stored as uint8 lies outside [0, 1].
        OSError
            If it cannot be written; no part of it remains.
        """
        self.write_layers(identifier, dataset, [Layer(key, array, metadata, nodata)], geobox)

    def write_layers(self, identifier: str, dataset: str, layers: Sequence[Layer], geobox: GeoBox) -> None:
        """Write several chips of one tile and product; Zarr storage writes all of a polarisation or none."""
        self._require_current()
        parts: dict[str, list[Layer]] = {}
        for layer in layers:
            _, folder, name = self._checked(identifier, dataset, layer.key)
            if layer.array.shape[-2:] != geobox.shape or layer.array.ndim not in (2, 3):
                raise ValueError(f"array must have the geobox's shape {geobox.shape}, got {layer.array.shape}")
            parts.setdefault(folder, []).append(of_archive(layer._replace(key=name), dataset, self.dtype))
        for folder, some in parts.items():
            self._storage.write(identifier, folder, some, geobox)

    def read(self, identifier: str, dataset: str, key: str) -> Chip:
        """Read one chip.

        Raises
        ------
        FileNotFoundError
            If it does not exist; the message names it.
        ValueError
            If it is damaged, or the key names no polarisation and there are several.
        """
        return self._storage.read(*self._found(identifier, dataset, key))

    def read_each(self, chips: Iterable[tuple[str, str, str]], *, threads: int = 1) -> Iterator[Chip]:
        """Read chips in their order, several at the same time; raises as :meth:`read` does.

        Parameters
        ----------
        chips : iterable of (str, str, str)
            Identifier, product and key of each, such as some of :meth:`chips`.
        threads : int
            Chips read at the same time; unpacking, most of the time of a GeoTIFF, runs on as many CPUs.
        """
        return in_order(lambda chip: self.read(*chip), chips, threads=threads)

    def facts(self, identifier: str, dataset: str, key: str) -> tuple[GeoBox, dict[str, Any]]:
        """Grid and metadata of a chip without its pixels; raises as :meth:`read` does."""
        return self._storage.facts(*self._found(identifier, dataset, key))

    def chips(self) -> Iterator[tuple[str, str, str]]:
        """Identifier, product and key of every chip, in order."""
        for identifier in self.identifiers:
            for dataset in self.datasets(identifier):
                for key in self.keys(identifier, dataset):
                    yield identifier, dataset, key

    def has(self, identifier: str, dataset: str, key: str, *, parameters: Any = None) -> bool:
        """Whether a chip exists and, if ``parameters`` are given, has the same ones."""
        digest = self._storage.digest(*self._found(identifier, dataset, key))
        return digest is not None and (parameters is None or digest == parameter_digest(parameters))

    @property
    def identifiers(self) -> list[str]:
        """Tiles with a chip, sorted."""
        with os.scandir(self.root) as entries:
            return sorted(entry.name for entry in entries if _is_own(entry))

    def datasets(self, identifier: str) -> list[str]:
        """Products of a tile, sorted."""
        return _folders(self.root / identifier) if is_safe(identifier) else []

    def polarisations(self, identifier: str, dataset: str) -> list[str]:
        """Polarisations of a tile's product, such as ``VV`` or ``VV-VH``, sorted."""
        self._checked(identifier, dataset, "any")
        return [name for name in _folders(self.root / identifier / dataset) if POLARISATION.fullmatch(name)]

    def keys(self, identifier: str, dataset: str) -> list[str]:
        """Keys of a tile's product, such as ``VV/20230301_20230313``, sorted; those without a polarisation first."""
        found = [(part, f"{dataset}/{part}") for part in self.polarisations(identifier, dataset)]
        plain = self._storage.keys(identifier, dataset)
        return plain + [f"{part}/{key}" for part, folder in found for key in self._storage.keys(identifier, folder)]

    def remove(self, identifier: str, dataset: str, key: str) -> None:
        """Remove one chip, if it exists."""
        self._storage.remove(*self._found(identifier, dataset, key))

    def compact(self) -> int:
        """Merge the batches of each tile's product; returns the number of batches that were merged into others.

        Only Zarr storage has batches; chips stay readable throughout.
        """
        products = ((identifier, dataset) for identifier in self.identifiers for dataset in self.datasets(identifier))
        parts = (
            (identifier, folder)
            for identifier, dataset in products
            for folder in (dataset, *(f"{dataset}/{name}" for name in self.polarisations(identifier, dataset)))
        )
        return sum(self._storage.compact(identifier, folder) for identifier, folder in parts)

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

    def _found(self, identifier: str, dataset: str, key: str) -> tuple[str, str, str]:
        """Identifier, data set and name under which the storage has a chip."""
        exact = self._checked(identifier, dataset, key)
        polarisation, name = parse_key(key)
        if self._storage.exists(*exact):
            return exact
        if polarisation is not None:
            # Earlier versions have the polarisation in the metadata only.
            plain = (identifier, dataset, name)
            return plain if self._is_of(plain, polarisation) else exact
        parts = self.polarisations(identifier, dataset)
        # With one polarisation only, its storage reports whether the chip is missing or damaged.
        found = [
            part for part in parts if len(parts) == 1 or self._storage.exists(identifier, f"{dataset}/{part}", name)
        ]
        if len(found) > 1:
            named = " or ".join(f"{dataset}/{part}/{name}" for part in found)
            raise ValueError(f"{dataset}/{name} of tile {identifier} is there in several polarisations: name {named}")
        return (identifier, f"{dataset}/{found[0]}", name) if found else exact

    def _is_of(self, place: tuple[str, str, str], polarisation: str) -> bool:
        """Whether a chip of an archive of an earlier version is of a polarisation."""
        if self.version >= NAMED or not self._storage.exists(*place):
            return False
        return self._storage.facts(*place)[1].get("polarisation") == polarisation

    def _require_current(self) -> None:
        if self.version < NAMED:
            raise ValueError(
                f"{self.root} is a chip archive of version {self.version}, which names no polarisations: it can be "
                f"read; before it is written to, m3leo-sar upgrade {self.root} renames its chips and computes none"
            )

    def _checked(self, identifier: str, dataset: str, key: str) -> tuple[str, str, str]:
        """Storage's names of a chip; refuses names and links that could lead out of the archive."""
        for word, value in (("identifier", identifier), ("dataset", dataset)):
            if not is_safe(value):
                raise ValueError(f"{word} must be letters, digits, '.', '_' and '-', got {value!r}")
        polarisation, name = parse_key(key)
        part = dataset if polarisation is None else f"{dataset}/{polarisation}"
        for folder in dict.fromkeys((identifier, f"{identifier}/{dataset}", f"{identifier}/{part}")):
            if (self.root / folder).is_symlink():
                raise ValueError(f"{self.root / folder} is a link, which may lead out of the archive")
        return identifier, part, name


def _folders(folder: Path) -> list[str]:
    """Names of the archive's own folders in a folder, sorted."""
    if folder.is_symlink():
        return []
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries if _is_own(entry))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _is_own(entry: os.DirEntry[str]) -> bool:
    """Whether a folder's entry may belong to the archive: no link, no foreign name, no half-written file."""
    return is_safe(entry.name) and entry.is_dir(follow_symlinks=False)


def _storage(root: Path, name: str) -> Storage:
    # Imported here, as each loads a library that the other does not need.
    if name == "geotiff":
        from m3leo_sar.io.chips.geotiff_storage import GeotiffStorage

        return GeotiffStorage(root)
    if name == "zarr":
        from m3leo_sar.io.chips.zarr_storage import ZarrStorage

        return ZarrStorage(root)
    raise ValueError(f"{root} is stored as {name!r}; this library reads {', '.join(STORAGES)}")
