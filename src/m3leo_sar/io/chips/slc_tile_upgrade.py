"""Stores of SLC tiles of earlier versions brought up to date."""

from __future__ import annotations

import json
import os

from m3leo_sar.io.chips.slc_tile_store import KIND, SlcTileStore
from m3leo_sar.io.files.atomic import PARTIAL, write_text
from m3leo_sar.io.files.batches import batches, take_next_number
from m3leo_sar.io.files.manifest import read_manifest
from m3leo_sar.io.files.zarr_shard import make_group


def upgrade_tiles(root: str | os.PathLike[str]) -> int:
    """Bring a store of version 1 or 2 up to date and return the number of batches renamed; no sample is changed.

    It may be stopped at any time and called again: the version is written last.

    Raises
    ------
    FileNotFoundError, ValueError
        As :class:`SlcTileStore`.
    """
    store, count = SlcTileStore(root), 0
    if store.version >= KIND.version:
        return 0
    for folder in sorted(path for path in store.root.iterdir() if path.is_dir() and PARTIAL not in path.name):
        for batch in batches(folder):
            make_group(folder / store.facts.polarisation)
            take_next_number(batch, folder / store.facts.polarisation)
            count += 1
    document = read_manifest(store.root, KIND)
    document["facts"]["polarisations"] = [document["facts"].pop("polarisation")]
    document["version"] = KIND.version
    write_text(store.root / KIND.file, json.dumps(document, indent=2, sort_keys=True) + "\n")
    return count
