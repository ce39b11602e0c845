"""An archive's chips as Zarr v3: one sharded array per write of a tile's product, one chunk per chip."""

from __future__ import annotations

import json
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.io.chips.chip import Chip, Layer, WrongPixels, check_pixels, is_copied_checksum
from m3leo_sar.io.files import limits
from m3leo_sar.io.files.atomic import PARTIAL, remove_at_once
from m3leo_sar.io.files.batches import batches, new_batch
from m3leo_sar.io.files.plain_values import parameter_digest, plain_value
from m3leo_sar.io.files.zarr_shard import described, is_stored, make_group, read_chunks, write_shard
from m3leo_sar.stack.complex_int16 import from_complex_int16, to_complex_int16

#: Number of tiles' products whose list of chips is kept in memory.
_KEPT = 20_000
#: Nanoseconds after which the time of a folder reveals any change.
_SETTLED = 50_000_000
#: Most readings of a list of batches that changes meanwhile.
_LOOKS = 5


@dataclass(frozen=True)
class _Place:
    """Position and metadata of a chip."""

    shard: Path
    index: int
    count: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    geobox: GeoBox
    entry: dict[str, Any]


class ZarrStorage:
    """Batches ``<root>/<identifier>/<dataset>/<number>``, each a sharded array (chips, [bands,] rows, cols).

    A batch is written under another name, renamed and never changed afterwards; its keys supersede equal ones of
    earlier batches. Within a shard, chunks are blosc (lz4 over shuffled bits) with a CRC-32C.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._known: OrderedDict[Path, tuple[int, dict[str, _Place]]] = OrderedDict()
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[type[ZarrStorage], tuple[Path]]:
        """A copy in another process has its own lock and cache."""
        return type(self), (self.root,)

    def write(self, identifier: str, dataset: str, layers: Sequence[Layer], geobox: GeoBox) -> None:
        """Write layers, one batch per dtype and number of bands."""
        folder = self.root / identifier / dataset
        folder.mkdir(parents=True, exist_ok=True)
        for group in (self.root, folder.parent, folder):
            make_group(group)
        kinds = sorted(layers, key=_kind)
        for _, batch in groupby(kinds, key=_kind):
            self._write_batch(folder, list(batch), geobox)

    def read(self, identifier: str, dataset: str, key: str) -> Chip:
        """Read one chip."""
        place = self._place(identifier, dataset, key)
        try:
            return _read(place)
        except FileNotFoundError:
            # Its batch may have been merged with others since the list was read.
            self._forget(self.root / identifier / dataset)
            return _read(self._place(identifier, dataset, key))

    def facts(self, identifier: str, dataset: str, key: str) -> tuple[GeoBox, dict[str, Any]]:
        """Grid and metadata of a chip."""
        place = self._place(identifier, dataset, key)
        return place.geobox, dict(place.entry["metadata"])

    def digest(self, identifier: str, dataset: str, key: str) -> str | None:
        """Digest of a chip's parameters, None if there is no chip."""
        folder = self.root / identifier / dataset
        place = self._places(folder).get(key)
        if place is not None and not is_stored(place.shard):
            # As in read.
            self._forget(folder)
            place = self._places(folder).get(key)
        return None if place is None or not is_stored(place.shard) else str(place.entry["digest"])

    def path(self, identifier: str, dataset: str, key: str) -> Path:
        """The batch of the chip, or the folder of batches if there is none."""
        folder = self.root / identifier / dataset
        place = self._places(folder).get(key)
        return folder if place is None else place.shard.parents[len(place.shape) + 1]

    def keys(self, identifier: str, dataset: str) -> list[str]:
        """Keys of a tile's product, sorted."""
        return sorted(self._places(self.root / identifier / dataset))

    def faults(self) -> Iterator[tuple[Path, str]]:
        """Path and fault of every unreadable chip."""
        for folder in sorted(path for path in self.root.glob("*/*") if path.is_dir() and PARTIAL not in path.name):
            yield from _broken(folder)
            places = self._places(folder)
            for key in sorted(places):
                try:
                    check_pixels(self.read(folder.parent.name, folder.name, key))
                except (OSError, ValueError) as error:
                    yield places[key].shard, f"{key}: {error}"

    def discard(self, path: Path) -> bool:
        """Remove the proven damaged chips of a batch; its whole chips are written to a new batch first."""
        batch = self.root.joinpath(*path.relative_to(self.root).parts[:3])
        folder = batch.parent
        try:
            held = _described(batch)
        except (OSError, limits.TooLarge):
            return False
        except ValueError:
            remove_at_once(batch)
            return True
        damaged = {key for key, place in held.items() if self._is_damaged(key, place, held)}
        if not damaged:
            return False
        current = self._places(folder)
        kept = {key: place for key, place in held.items() if key not in damaged and current.get(key) == place}
        if kept:
            chips = {key: _read(place) for key, place in kept.items()}
            layers = [Layer(key, chip.array, chip.metadata, chip.nodata) for key, chip in chips.items()]
            self.write(folder.parent.name, folder.name, layers, next(iter(kept.values())).geobox)
        remove_at_once(batch)
        return True

    def _is_damaged(self, key: str, place: _Place, held: Mapping[str, _Place]) -> bool:
        try:
            chip = _read(place)
            check_pixels(chip)
        except WrongPixels:
            return not is_copied_checksum(chip, (held[other].entry["metadata"] for other in held if other != key))
        except (FileNotFoundError, ValueError):
            return True
        except OSError:
            return False
        return False

    def remove(self, identifier: str, dataset: str, key: str) -> None:
        """Write the product's other chips to a new batch and remove the batches of this chip."""
        if key in self._places(self.root / identifier / dataset):
            self._rewrite(identifier, dataset, without=key)

    def compact(self, identifier: str, dataset: str) -> int:
        """Merge the batches of a tile's product without superseded chips; returns the number of merged batches."""
        if len(_whole(self.root / identifier / dataset)) < 2:
            return 0
        return self._rewrite(identifier, dataset)

    def _rewrite(self, identifier: str, dataset: str, *, without: str | None = None) -> int:
        """Write a product's chips as one batch before the others are removed, so that a reader finds every chip.

        A damaged batch is kept for :meth:`faults` to report it: its lost chips are unknown here.
        """
        folder = self.root / identifier / dataset
        old = _whole(folder)
        layers: list[Layer] = []
        geobox = None
        for key, place in self._places(folder).items():
            if key != without:
                chip = self.read(identifier, dataset, key)
                layers.append(Layer(key, chip.array, chip.metadata, place.entry.get("nodata")))
                geobox = chip.geobox
        if geobox is not None:
            self.write(identifier, dataset, layers, geobox)
        for batch in old:
            remove_at_once(batch)
        return len(old)

    def _write_batch(self, folder: Path, layers: list[Layer], geobox: GeoBox) -> None:
        entries, arrays = zip(*(_stored(layer) for layer in layers), strict=True)
        shape = (len(layers), *arrays[0].shape)
        attributes = {"layers": list(entries), "crs": geobox.crs, "affine": [*geobox.affine][:6]}
        with new_batch(folder) as partial:
            write_shard(
                partial,
                np.stack(arrays),
                json.loads(json.dumps(attributes, default=plain_value)),
                chunk=(1, *shape[1:]),
                fill=_fill_value(arrays[0].dtype),
                dimensions=_dimensions(shape, arrays[0].dtype == np.int16 and shape[-1] == 2),
            )

    def _place(self, identifier: str, dataset: str, key: str) -> _Place:
        folder = self.root / identifier / dataset
        place = self._places(folder).get(key)
        if place is None:
            faults = "; ".join(fault for _, fault in _broken(folder))
            if faults:
                raise ValueError(f"there is no chip {folder / key} that can be read: {faults}")
            raise FileNotFoundError(f"there is no chip {folder / key}")
        return place

    def _forget(self, folder: Path) -> None:
        with self._lock:
            self._known.pop(folder, None)

    def _places(self, folder: Path) -> dict[str, _Place]:
        """Chips of a tile's product by key, from those of its batches, in order, that are not damaged."""
        try:
            changed = os.stat(folder).st_mtime_ns
        except OSError:
            return {}
        with self._lock:
            known = self._known.get(folder)
            if known is not None and known[0] == changed:
                self._known.move_to_end(folder)
                return known[1]
        found, whole = _look(folder)
        # The time of a folder does not reveal a batch that is repaired in place.
        if not whole:
            return found
        # It advances in steps of some milliseconds; within one, another writer would go unnoticed.
        if time.time_ns() - changed < _SETTLED:
            return found
        with self._lock:
            self._known[folder] = (changed, found)
            while len(self._known) > _KEPT:
                self._known.popitem(last=False)
        return found


def read_batch(path: str | os.PathLike[str]) -> list[Chip]:
    """Chips of one batch of an archive, in order.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    ValueError
        If it is no batch, or damaged.
    """
    batch = Path(path)
    if not batch.is_dir():
        raise FileNotFoundError(f"there is no folder {batch}")
    return [_read(place) for place in _described(batch).values()]


def _read(place: _Place) -> Chip:
    array = np.empty(place.shape, place.dtype)
    read_chunks(place.shard, [place.index], place.count, [array], fill=_fill_value(place.dtype))
    metadata, scale = place.entry["metadata"], place.entry.get("scale")
    if scale is not None:
        array = from_complex_int16(array, scale=scale)
    return Chip(array, place.geobox, dict(metadata), place.entry.get("nodata") if array.dtype.kind in "iu" else None)


def _kind(layer: Layer) -> tuple[str, int, int]:
    scaled = "ci16" if "scale" in layer.metadata and layer.array.dtype.kind == "c" else layer.array.dtype.str
    return scaled, layer.array.ndim, len(layer.array) if layer.array.ndim == 3 else 1


def _stored(layer: Layer) -> tuple[dict[str, Any], NDArray[Any]]:
    """Attributes of a layer in its batch, and its array as stored."""
    metadata = dict(layer.metadata)
    entry: dict[str, Any] = {
        "key": layer.key,
        "digest": parameter_digest(metadata.get("parameters")),
        "metadata": metadata,
    }
    array = np.ascontiguousarray(layer.array)
    if layer.nodata is not None:
        entry["nodata"] = layer.nodata
        if array.dtype.kind in "fc":
            array = np.where(array == layer.nodata, np.array(np.nan, array.dtype), array)
    if array.dtype.kind == "c" and "scale" in metadata:
        entry["scale"] = float(metadata["scale"])
        # The error is at most half a unit in each part.
        metadata["quantisation_error"] = entry["scale"] / np.sqrt(2)
        array = to_complex_int16(array, scale=entry["scale"])
    return entry, array


def _fill_value(dtype: np.dtype[Any]) -> Any:
    return {"f": np.nan, "c": complex(np.nan, np.nan)}.get(dtype.kind, 0)


def _dimensions(shape: tuple[int, ...], parts: bool) -> tuple[str, ...]:
    """Names of a batch's axes, by their lengths: xarray expects one length per name in all batches of a group."""
    inner = ("y", "x", "part") if parts else ("y", "x")
    return (f"chip_{shape[0]}", *((f"band_{shape[1]}",) if len(shape) - len(inner) == 2 else ()), *inner)


def _look(folder: Path) -> tuple[dict[str, _Place], bool]:
    """Chips of a product by key, and whether all of its batches could be read."""
    for _ in range(_LOOKS):
        found: dict[str, _Place] = {}
        damaged = []
        for batch in batches(folder):
            try:
                found |= _described(batch)
            except ValueError:
                damaged.append(batch)
        # A batch that disappeared meanwhile was merged into one newer than the list.
        if all(batch.exists() for batch in damaged):
            break
    return found, not damaged


def _broken(folder: Path) -> Iterator[tuple[Path, str]]:
    """Batches whose description cannot be read."""
    for batch in batches(folder):
        try:
            _described(batch)
        except ValueError as error:
            # Another run may have merged it with others meanwhile.
            if batch.exists():
                yield batch, str(error)


def _whole(folder: Path) -> list[Path]:
    """Batches whose description can be read, oldest first."""
    damaged = {batch for batch, _ in _broken(folder)}
    return [batch for batch in batches(folder) if batch not in damaged]


def _described(batch: Path) -> dict[str, _Place]:
    """Chips of a batch, from its zarr.json."""
    document, facts = described(batch)
    try:
        shape, dtype = tuple(int(size) for size in document["shape"]), np.dtype(str(document["data_type"]))
        limits.require_array("a chip", shape[1:], dtype.itemsize, limits.LARGEST_CHIP)
        rows, cols = shape[-3:-1] if "scale" in facts["layers"][0] else shape[-2:]
        geobox = GeoBox((rows, cols), Affine(*facts["affine"]), facts["crs"])
        shard = batch / "c" / "/".join("0" * len(shape))
        if len(facts["layers"]) != shape[0]:
            raise ValueError(f"{len(facts['layers'])} chips are named, {shape[0]} are there")
        return {
            entry["key"]: _Place(shard, index, shape[0], shape[1:], dtype, geobox, entry)
            for index, entry in enumerate(facts["layers"])
        }
    except limits.TooLarge:
        raise
    except (KeyError, TypeError, IndexError, ValueError, AttributeError) as error:
        raise ValueError(f"{batch / 'zarr.json'} is damaged: {type(error).__name__} {error}") from error
