"""From a chip archive of version 1 or 2 to version 3, whose keys name the polarisation; chips are renamed only."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.io.chips.archive import KIND, NAMED, ChipArchive
from m3leo_sar.io.chips.chip import Layer
from m3leo_sar.io.chips.chip_ledger import LEDGER
from m3leo_sar.io.chips.chip_name import own_key, parse_key
from m3leo_sar.io.chips.zarr_batch import described_batch, read_place, write_batch
from m3leo_sar.io.files.atomic import flush, remove_at_once, write_text
from m3leo_sar.io.files.batches import batches, take_next_number
from m3leo_sar.io.files.zarr_shard import make_group


def upgrade_archive(root: str | os.PathLike[str]) -> int:
    """Bring an archive of an earlier version up to date and return the number of files or batches moved.

    Chips that were computed from a stack move from ``coherence/PAIR`` to ``coherence/VV/PAIR`` by the polarisation in
    their metadata; all others stay. No pixel is changed or computed. It may be stopped at any time and called again:
    the version is written last. The ledger, which names chips as before, is removed; the next run rebuilds it.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    ValueError
        If it is not an archive, or a chip's metadata are damaged; ``verify --discard`` removes such chips.
    OSError
        If a file cannot be moved.
    """
    archive = ChipArchive(root)
    if archive.version >= NAMED:
        return 0
    move = _move_batches if archive.storage == "zarr" else _move_files
    products = ((tile, dataset) for tile in archive.identifiers for dataset in archive.datasets(tile))
    count = sum(move(archive, tile, dataset) for tile, dataset in products)
    for suffix in ("", "-wal", "-shm"):
        (archive.root / f"{LEDGER}{suffix}").unlink(missing_ok=True)
    document = {**archive.manifest, "version": NAMED}
    write_text(archive.root / KIND.file, json.dumps(document, indent=2, sort_keys=True) + "\n")
    return count


def _move_files(archive: ChipArchive, tile: str, dataset: str) -> int:
    folder, count = archive.root / tile / dataset, 0
    for key in [key for key in archive.keys(tile, dataset) if "/" not in key]:
        name = parse_key(own_key(key, archive.facts(tile, dataset, key)[1]))
        if name.polarisation:
            place = folder / name.polarisation
            place.mkdir(exist_ok=True)
            os.replace(folder / f"{key}.tif", place / f"{key}.tif")
            flush(place)
            count += 1
    return count


def _move_batches(archive: ChipArchive, tile: str, dataset: str) -> int:
    folder, count = archive.root / tile / dataset, 0
    for batch in batches(folder):
        parts = dict(_parts(batch))
        if set(parts) == {None}:
            continue
        for polarisation, layers in parts.items():
            place = folder / polarisation if polarisation else folder
            place.mkdir(exist_ok=True)
            make_group(place)
            if len(parts) == 1:
                # Batches go oldest first, so the latest still prevails.
                take_next_number(batch, place)
            else:
                write_batch(place, [layer for layer, _ in layers], layers[0][1])
        if batch.exists():
            remove_at_once(batch)
        count += 1
    return count


def _parts(batch: Path) -> Iterator[tuple[str | None, list[tuple[Layer, GeoBox]]]]:
    """Chips of a batch by polarisation; their pixels are read only if the batch has to be divided."""
    places = described_batch(batch)
    names = {key: parse_key(own_key(key, place.entry["metadata"])).polarisation for key, place in places.items()}
    kinds = list(dict.fromkeys(names.values()))
    for polarisation in kinds:
        if len(kinds) == 1:
            yield polarisation, []
            return
        some = [(key, read_place(places[key])) for key in places if names[key] == polarisation]
        yield polarisation, [(Layer(key, chip.array, chip.metadata, chip.nodata), chip.geobox) for key, chip in some]
