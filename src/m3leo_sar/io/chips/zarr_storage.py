"""An archive's chips as Zarr v3: one sharded array per write of a tile's product, one chunk per chip."""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.io.chips.chip import Chip, Layer, WrongPixels, check_pixels, is_copied_checksum
from m3leo_sar.io.chips.chip_name import POLARISATION
from m3leo_sar.io.chips.zarr_batch import Place, described_batch, kind_of_layer, read_place, write_batch
from m3leo_sar.io.files import limits
from m3leo_sar.io.files.atomic import PARTIAL, remove_at_once
from m3leo_sar.io.files.batches import batches
from m3leo_sar.io.files.zarr_shard import is_stored, make_group

#: Number of tiles' products whose list of chips is kept in memory.
_KEPT = 20_000
#: Nanoseconds after which the time of a folder reveals any change.
_SETTLED = 50_000_000
#: Most readings of a list of batches that changes meanwhile.
_LOOKS = 5


class ZarrStorage:
    """Batches ``<identifier>/<product>/[<polarisation>/]<number>``, each a sharded array (chips, [bands,] rows, cols).

    A batch is written under another name, renamed and never changed afterwards; its keys supersede equal ones of
    earlier batches. Within a shard, chunks are blosc (lz4 over shuffled bits) with a CRC-32C.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._known: OrderedDict[Path, tuple[int, dict[str, Place]]] = OrderedDict()
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[type[ZarrStorage], tuple[Path]]:
        """A copy in another process has its own lock and cache."""
        return type(self), (self.root,)

    def write(self, identifier: str, dataset: str, layers: Sequence[Layer], geobox: GeoBox) -> None:
        """Write layers, one batch per dtype and number of bands."""
        folder = self.root / identifier / dataset
        folder.mkdir(parents=True, exist_ok=True)
        for group in (*reversed([place for place in folder.parents if self.root in (place, *place.parents)]), folder):
            make_group(group)
        kinds = sorted(layers, key=kind_of_layer)
        for _, batch in groupby(kinds, key=kind_of_layer):
            write_batch(folder, list(batch), geobox)

    def read(self, identifier: str, dataset: str, key: str) -> Chip:
        """Read one chip."""
        place = self._place(identifier, dataset, key)
        try:
            return read_place(place)
        except FileNotFoundError:
            # Its batch may have been merged with others since the list was read.
            self._forget(self.root / identifier / dataset)
            return read_place(self._place(identifier, dataset, key))

    def facts(self, identifier: str, dataset: str, key: str) -> tuple[GeoBox, dict[str, Any]]:
        """Grid and metadata of a chip."""
        place = self._place(identifier, dataset, key)
        return place.geobox, dict(place.entry["metadata"])

    def exists(self, identifier: str, dataset: str, key: str) -> bool:
        """Whether a batch that can be read names the chip."""
        return key in self._places(self.root / identifier / dataset)

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
        for folder in self._folders():
            yield from _broken(folder)
            places = self._places(folder)
            for key in sorted(places):
                try:
                    check_pixels(self.read(*self._names(folder), key))
                except (OSError, ValueError) as error:
                    yield places[key].shard, f"{key}: {error}"

    def discard(self, path: Path) -> bool:
        """Remove the proven damaged chips of a batch; its whole chips are written to a new batch first."""
        parts = path.relative_to(self.root).parts
        batch = self.root.joinpath(*parts[: 4 if len(parts) > 2 and POLARISATION.fullmatch(parts[2]) else 3])
        folder = batch.parent
        try:
            held = described_batch(batch)
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
            chips = {key: read_place(place) for key, place in kept.items()}
            layers = [Layer(key, chip.array, chip.metadata, chip.nodata) for key, chip in chips.items()]
            self.write(*self._names(folder), layers, next(iter(kept.values())).geobox)
        remove_at_once(batch)
        return True

    def _folders(self) -> list[Path]:
        """Folders of the batches of each tile's product and polarisation."""
        found = [
            *self.root.glob("*/*"),
            *(path for path in self.root.glob("*/*/*") if POLARISATION.fullmatch(path.name)),
        ]
        return sorted(path for path in found if path.is_dir() and PARTIAL not in path.name)

    def _names(self, folder: Path) -> tuple[str, str]:
        """Identifier and data set of a folder of batches."""
        identifier, *dataset = folder.relative_to(self.root).parts
        return identifier, "/".join(dataset)

    def _is_damaged(self, key: str, place: Place, held: Mapping[str, Place]) -> bool:
        try:
            chip = read_place(place)
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

    def _place(self, identifier: str, dataset: str, key: str) -> Place:
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

    def _places(self, folder: Path) -> dict[str, Place]:
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


def _look(folder: Path) -> tuple[dict[str, Place], bool]:
    """Chips of a product by key, and whether all of its batches could be read."""
    for _ in range(_LOOKS):
        found: dict[str, Place] = {}
        damaged = []
        for batch in batches(folder):
            try:
                found |= described_batch(batch)
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
            described_batch(batch)
        except ValueError as error:
            # Another run may have merged it with others meanwhile.
            if batch.exists():
                yield batch, str(error)


def _whole(folder: Path) -> list[Path]:
    """Batches whose description can be read, oldest first."""
    damaged = {batch for batch, _ in _broken(folder)}
    return [batch for batch in batches(folder) if batch not in damaged]
