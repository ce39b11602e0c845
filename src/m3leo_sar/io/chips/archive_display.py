"""Display of a chip archive."""

from __future__ import annotations

from itertools import islice
from typing import Any

#: Tiles of an archive that a notebook lists.
_LISTED = 5


def facts_of_archive(archive: Any) -> dict[str, Any]:
    """Properties of an archive from its manifest alone: a line of text needs no listing of a large archive."""
    return {"root": str(archive.root), "storage": archive.storage, "stack": archive.manifest.get("stack")}


def first_chips(archive: Any) -> list[dict[str, Any]]:
    """The first tiles with their products and the number of chips of each."""
    return [
        {"tile": tile, "chips": ", ".join(f"{len(archive.keys(tile, name))} {name}" for name in archive.datasets(tile))}
        for tile in islice(archive.identifiers, _LISTED)
    ]
