"""Display of tiles."""

from __future__ import annotations

from typing import Any

#: Number of tiles listed in a notebook.
_LISTED = 5


def facts_of_tiles(grid: Any) -> dict[str, Any]:
    """Properties of a tile grid by name; None if unknown."""
    bounds = grid.bounds
    around = [*bounds.min(axis=0)[:2], *bounds.max(axis=0)[2:]] if len(bounds) else None
    return {
        "tiles": len(bounds),
        "lattice": "exact" if grid.cells is not None else "legacy" if grid.crs else None,
        "pixels": f"{grid.pixels} x {grid.pixels}",
        "bounds": None if around is None else ", ".join(f"{edge:.4f}" for edge in around),
    }


def first_tiles(grid: Any) -> list[dict[str, Any]]:
    """Identifier and bounds of the first tiles."""
    return [
        {"identifier": tile.identifier, "bounds": ", ".join(f"{edge:.4f}" for edge in tile.bounds), "CRS": tile.crs}
        for tile in (grid[place] for place in range(min(len(grid), _LISTED)))
    ]
