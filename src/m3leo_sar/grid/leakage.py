"""Ground shared between tiles, and thus between their splits (spatial leakage)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.tiles import TileGrid

#: Fraction of a tile below which two adjacent tiles share an edge, not ground.
_EDGE = 1e-9


class Leakage(NamedTuple):
    """Ground shared between tiles of a set.

    Parameters
    ----------
    pairs : (pairs, 2) intp
        Positions of the tiles that overlap, the lower first, in order.
    share : (pairs,) float64
        Shared ground as a fraction of the smaller tile.
    across : (pairs,) bool
        Whether they belong to different splits.
    area : (pairs,) float64
        Shared ground, m².
    by_splits : dict
        Per pair of splits, in alphabetical order: the number of overlapping tile pairs and the shared ground in m².
    """

    pairs: NDArray[np.intp]
    share: NDArray[np.float64]
    across: NDArray[np.bool_]
    area: NDArray[np.float64]
    by_splits: dict[tuple[str, str], tuple[int, float]]

    def __str__(self) -> str:
        lines = [
            f"{len(self.pairs)} pairs of tiles overlap, {int(self.across.sum())} of them across splits, "
            f"sharing up to {100 * float(self.share[self.across].max(initial=0.0)):.1f} % of a tile"
        ]
        lines += [
            f"{first} and {second}: {count} pairs, {area / 1e6:.2f} km²"
            for (first, second), (count, area) in self.by_splits.items()
        ]
        return "\n".join(lines)


def leakage(grid: TileGrid, splits: Mapping[str, str] | Sequence[str]) -> Leakage:
    """Find the ground that tiles share, within and across splits.

    Parameters
    ----------
    grid : TileGrid
        The tiles; on the exact lattice, the ground each owns.
    splits : mapping or (tiles,) sequence of str
        Split of each tile, by identifier or in the order of the grid. Tiles in no split, such as those set aside by a
        buffer, are called ``""`` or ``"buffer"`` and share nothing across splits.

    Returns
    -------
    Leakage

    Raises
    ------
    ValueError
        If there is not exactly one split per tile.

    Examples
    --------
    Two tiles that overlap by a tenth:

    >>> grid = TileGrid([(0.0, 0.0, 1.0, 1.0), (0.9, 0.0, 1.9, 1.0)])
    >>> report = leakage(grid, ["train", "test"])
    >>> report.share.round(3).tolist(), report.across.tolist()
    ([0.1], [True])
    >>> print(report)
    1 pairs of tiles overlap, 1 of them across splits, sharing up to 10.0 % of a tile
    test and train: 1 pairs, 1230.85 km²
    """
    import shapely

    names = _names(grid, splits)
    outlines = grid.footprints
    tree = shapely.STRtree(outlines)
    pairs = np.sort(np.stack(tree.query(outlines, predicate="intersects"), axis=1), axis=1)
    pairs = np.unique(pairs[pairs[:, 0] != pairs[:, 1]], axis=0)
    common = shapely.area(shapely.intersection(outlines[pairs[:, 0]], outlines[pairs[:, 1]]))
    whole = shapely.area(outlines)[pairs]
    kept = common > _EDGE * whole.min(axis=1)
    pairs, common = pairs[kept], common[kept]
    areas = grid.areas
    # Fractions of a tile in degrees are taken as fractions of its ground.
    area = common / whole[kept][:, 0] * areas[pairs[:, 0]]
    first, second = names[pairs[:, 0]], names[pairs[:, 1]]
    across = (first != second) & ~np.isin(first, ("", "buffer")) & ~np.isin(second, ("", "buffer"))
    return Leakage(pairs, area / areas[pairs].min(axis=1), across, area, _by_splits(first, second, across, area))


def _names(grid: TileGrid, splits: Mapping[str, str] | Sequence[str]) -> NDArray[np.str_]:
    if isinstance(splits, Mapping):
        return np.array(grid.splits_in_order(splits), str)
    names = np.asarray(splits, str)
    if names.shape != (len(grid),):
        raise ValueError(f"splits must be one per tile, {len(grid)}, got shape {names.shape}")
    return names


def _by_splits(first: Any, second: Any, across: Any, area: Any) -> dict[tuple[str, str], tuple[int, float]]:
    found: dict[tuple[str, str], tuple[int, float]] = {}
    for one, other, part in zip(first[across].tolist(), second[across].tolist(), area[across].tolist(), strict=True):
        pair = (min(one, other), max(one, other))
        count, total = found.get(pair, (0, 0.0))
        found[pair] = count + 1, total + part
    return dict(sorted(found.items()))
