"""Effects of terrain on a tile of a radar image: brighter and darker slopes, layover and shadow."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.pixel_spacing import pixel_spacing
from m3leo_sar.products.recipe import CELL, Recipe
from m3leo_sar.stack.burst_set import BurstSet
from m3leo_sar.stack.geometry import OrbitGeometry
from m3leo_sar.stack.ground_spacing import ground_spacing
from m3leo_sar.stack.slc import SlcStack
from m3leo_sar.stack.stack_display import geometry_text
from m3leo_sar.warp.geo2rdr import RadarView, radar_view
from m3leo_sar.warp.illuminated_area import flattened_gamma, illuminated_area
from m3leo_sar.warp.pixel_map import PixelMap
from m3leo_sar.warp.sample import sample
from m3leo_sar.warp.shade import surroundings

#: Cells around a tile: areas are divided among four cells, and interpolated between two.
_MARGIN = 3


def require_terrain(stack: SlcStack | BurstSet, recipe: Recipe) -> None:
    """Refuse a recipe that needs orbit and terrain, of a stack that does not know them.

    Raises
    ------
    ValueError
        If the geometry of a burst is another.
    """
    if not recipe.gamma0 and not recipe.mask:
        return
    wanted = "gamma0" if recipe.gamma0 else f"mask {','.join(recipe.mask)}"
    for burst in [stack] if isinstance(stack, SlcStack) else stack.bursts:
        if not isinstance(burst.geometry, OrbitGeometry):
            raise ValueError(
                f"{wanted} needs a stack with orbit and terrain, such as m3leo-sar coregister writes; {burst.name} is "
                f"{_kind_of(burst.geometry)}"
            )


def _kind_of(geometry: Any) -> str:
    """How a stack without orbit and terrain knows where its pixels lie."""
    return f"on a map grid ({geometry.crs})" if isinstance(geometry, GeoBox) else f"in {geometry_text(geometry)}"


def tile_view(geometry: OrbitGeometry, target: GeoBox) -> RadarView:
    """The radar's view of a tile; both effects are taken from it."""
    return radar_view(target, **_terrain_of(geometry))


def hidden_ground(view: RadarView, kinds: tuple[str, ...]) -> NDArray[np.bool_]:
    """Pixels of a tile in layover or shadow.

    Parameters
    ----------
    view : RadarView
        Of the tile (:func:`tile_view`).
    kinds : tuple of str
        ``"layover"``, ``"shadow"``, or both.

    Returns
    -------
    (tile rows, tile cols) bool
    """
    found = np.zeros(view.layover.shape, bool)
    for kind in kinds:
        found |= getattr(view, kind)
    return found


def slope_factor(geometry: OrbitGeometry, target: GeoBox, view: RadarView) -> NDArray[np.float32]:
    """Terrain-flattened gamma nought over radar brightness (beta nought) on the pixels of a tile.

    The illuminated areas are added up in cells of about 30 m, which are places of the image; between cells the
    factor is bilinear.

    Parameters
    ----------
    geometry : OrbitGeometry
    target : GeoBox
        Grid of the tile.
    view : RadarView
        Of the tile (:func:`tile_view`).

    Returns
    -------
    (tile rows, tile cols) float32
        On a slope across the track, the tangent of the local incidence angle. NaN where no ground is illuminated, the
        height is unknown, or off the image.

    References
    ----------
    Small, 2011, IEEE TGRS 49(8), 3081-3093.
    """
    size = _cell_size(geometry)
    spans = _spans(view.positions, geometry.shape, size)
    if spans is None:
        return np.full(target.shape, np.nan, np.float32)
    cells = geometry.radar_grid.crop(*spans).reduced(*size)
    ground = _ground_around(geometry, target, view.height)
    around = radar_view(ground, **_terrain_of(geometry))
    image: dict[str, Any] = {"orbit": geometry.orbit, "radar_grid": cells}
    area = illuminated_area(**image, dem=around.height, dem_geobox=ground, shadow=around.shadow)
    factor = flattened_gamma(np.ones(cells.shape, np.float32), area, **image)
    axes = (view.positions.rows, view.positions.cols)
    # From the centre of the first pixel of an image to that of the first cell.
    rows, cols = (
        (axis - span.start - (step - 1) / 2) / step for axis, span, step in zip(axes, spans, size, strict=True)
    )
    taken: NDArray[np.float32] = sample(factor, PixelMap(rows, cols, cells.shape), antialias=False)
    return taken


def _terrain_of(geometry: OrbitGeometry) -> dict[str, Any]:
    return {name: getattr(geometry, name) for name in ("orbit", "radar_grid", "dem", "dem_geobox")}


def _cell_size(geometry: OrbitGeometry) -> tuple[int, int]:
    """Rows and columns of the image in a cell."""
    rows, cols = (max(1, round(CELL / metres)) for metres in ground_spacing(geometry))
    return rows, cols


def _spans(positions: PixelMap, shape: tuple[int, int], size: tuple[int, int]) -> tuple[slice, slice] | None:
    """Rows and columns of the image that hold the cells of a tile, counted from the image's first; None if none do."""
    spans = []
    for axis, length, step in zip((positions.rows, positions.cols), shape, size, strict=True):
        known = axis[(axis >= -0.5) & (axis <= length - 0.5)]
        if not known.size:
            return None
        first = max(int(known.min()) // step - _MARGIN, 0) * step
        stop = min((int(known.max()) // step + _MARGIN + 1) * step, length // step * step)
        if stop <= first:
            return None
        spans.append(slice(first, stop))
    return spans[0], spans[1]


def _ground_around(geometry: OrbitGeometry, target: GeoBox, height: NDArray[np.float64]) -> GeoBox:
    """Posts of half a cell over a tile and all ground that shares its cells or hides it."""
    wide = surroundings(target, height, geometry.dem, geometry.dem_geobox,
                        orbit=geometry.orbit, radar_grid=geometry.radar_grid)  # fmt: skip
    rows, cols = (max(1, int(CELL / 2 / metres)) for metres in pixel_spacing(wide))
    return wide.pad(2 * _MARGIN * rows, 2 * _MARGIN * cols).reduced(rows, cols)
