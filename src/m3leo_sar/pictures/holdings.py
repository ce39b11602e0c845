"""Facts of a chip archive and of a store of SLC tiles, for a table."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.chips.chip_settings import archive_settings, settings_text
from m3leo_sar.io.chips.slc_tile_store import SlcTileStore, stored_polarisations


def archive_facts(chips: ChipArchive) -> dict[str, str]:
    """Kind, storage, tiles and stack of an archive, and the chips of its first tile by product.

    Raises
    ------
    ValueError
        If it is damaged.
    """
    tiles = chips.identifiers
    facts = {
        "kind": f"chip archive, version {chips.version}",
        "storage": chips.storage,
        "dtype of coherence": chips.dtype,
        "stack": str(chips.manifest.get("stack") or ""),
        "tiles": str(len(tiles)),
        "first tile": tiles[0] if tiles else "",
    }
    settings = archive_settings(chips)
    for product in chips.datasets(tiles[0]) if tiles else ():
        keys = list(chips.keys(tiles[0], product))
        held = " or ".join(dict.fromkeys(_settings_text(one) for one in settings.get(product, [])))
        facts[product] = f"{len(keys)} per tile, such as {keys[0]}{held and f'; {held}'}" if keys else "none"
    return facts


def _settings_text(settings: Mapping[str, Any]) -> str:
    """Window and mask of chips, as far as they have them."""
    return settings_text(settings, [name for name in ("window", "mask") if name in settings]) or "no mask"


def tile_store_facts(root: str | os.PathLike[str]) -> dict[str, str]:
    """Kind, tiles, polarisations, dates of the first tile, window and resampling of a store of SLC tiles.

    Raises
    ------
    ValueError
        If it is damaged.
    """
    held = stored_polarisations(root)
    store = SlcTileStore(root, polarisation=held[0])
    tiles = store.identifiers
    dates = store.dates(tiles[0]) if tiles else ()
    return {
        "kind": "store of SLC tiles",
        "stack": store.facts.name,
        "polarisations": ", ".join(held),
        "tiles": str(len(tiles)),
        "first tile": tiles[0] if tiles else "",
        "dates": f"{len(dates)}, {dates[0]} to {dates[-1]}" if dates else "none",
        "largest window": f"{store.facts.window.rows} x {store.facts.window.cols}",
        "resampling": store.facts.resampling,
        "orbit": store.facts.orbit or "",
    }
