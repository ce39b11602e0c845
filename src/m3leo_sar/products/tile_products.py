"""Products of one tile from a stack, as one labelled dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from m3leo_sar._missing_package import require_package
from m3leo_sar.chips.normalise import normalise as normalised
from m3leo_sar.chips.statistics import Statistics
from m3leo_sar.doors.blocks import Reach
from m3leo_sar.doors.xarray_labels import pair_coordinates
from m3leo_sar.grid.geobox import GeoBox, as_geobox
from m3leo_sar.grid.map_coordinates import map_coordinates
from m3leo_sar.grid.tiles import Tile
from m3leo_sar.grid.window import Window
from m3leo_sar.insar.coherence import coherence
from m3leo_sar.insar.interferogram import interferogram
from m3leo_sar.products.placement import positions_on, span_on
from m3leo_sar.stack.flatness import warn_unless_flat
from m3leo_sar.stack.pair_choice import PairChoice, chosen_pairs
from m3leo_sar.stack.slc import SlcStack
from m3leo_sar.warp.sample import sample

if TYPE_CHECKING:
    import xarray


def tile_products(
    stack: SlcStack,
    tile: Tile | GeoBox,
    *,
    pairs: Any,
    window: Window,
    normalise: Statistics | None = None,
    resampling: str = "bilinear",
) -> xarray.Dataset:
    """Compute coherence, interferogram and intensity of any pairs on the pixel grid of a tile.

    Only the part of the stack under the tile is read, with the halo of the window, so that the values are those of the
    whole stack.

    Parameters
    ----------
    stack : SlcStack
        Co-registered SLCs, such as from :func:`m3leo_sar.open_stack`.
    tile : Tile or GeoBox
        Target grid, in any coordinate reference system.
    pairs : Pair, str, two dates, two indices, or a sequence of these
        Dates to compare, as in :func:`m3leo_sar.coherence`; a single pair gives no axis of pairs.
    window : Window
        Coherence window, in pixels of the stack.
    normalise : Statistics, optional
        Statistics that convert the planes of each pair to channels: 0 coherence, 1 interferogram, 2 and 3 the
        intensities of reference and secondary.
    resampling : str
        Kernel from the stack's pixels to the tile's, as in :func:`m3leo_sar.warp.sample.sample`.

    Returns
    -------
    xarray.Dataset
        On (pair, y, x): ``coherence`` in [0, 1], ``looks``, the number of valid samples in the window, the
        single-look ``interferogram`` in the square of the stack's unit, and ``mask``, where the coherence has data.
        On (date, y, x): ``intensity``. With ``normalise``, on (pair, channel, y, x): ``values`` float32 and
        ``values_mask``. Coordinates are y, x and the CRS (``spatial_ref``) of the tile, the dates, and the dates and
        days of each pair.

    Warns
    -----
    UnflattenedWarning
        If the stack is in radar geometry and not known to be flattened.

    Raises
    ------
    TypeError
        If ``tile`` or ``normalise`` is of another kind.
    ValueError
        If a date is missing, the tile lies off the stack, or the statistics read planes that do not exist.

    Examples
    --------
    >>> import datetime
    >>> box = GeoBox.from_bounds((500000, 0, 500700, 500), shape=(50, 70), crs="EPSG:32631")
    >>> dates = [datetime.date(2023, 3, 1), datetime.date(2023, 3, 13)]
    >>> stack = SlcStack.from_arrays(np.ones((2, 50, 70), "complex64"), dates, geometry=box, polarisation="VV")
    >>> tile = GeoBox.from_bounds((500100, 100, 500300, 200), shape=(10, 20), crs="EPSG:32631")
    >>> found = tile_products(stack, tile, pairs=["20230301_20230313"], window=Window(rows=3, cols=5))
    >>> dict(found.sizes), round(float(found.coherence.sel(pair="20230301_20230313").mean()), 4)
    ({'pair': 1, 'y': 10, 'x': 20, 'date': 2}, 1.0)
    """
    require_package("xarray")
    import xarray

    if normalise is not None and not isinstance(normalise, Statistics):
        raise TypeError(f"normalise must be Statistics, got {type(normalise).__name__}")
    reach = Reach.of(window)
    geobox = as_geobox(tile, "tile")
    choice = chosen_pairs(pairs, count=len(stack.dates), dates=stack.dates)
    warn_unless_flat(stack, reach.window)
    needed = sorted({index for pair in choice.indices for index in pair})
    local = [(needed.index(first), needed.index(second)) for first, second in choice.indices]
    planes = _planes(stack, geobox, needed, local, window, resampling)
    variables: dict[str, Any] = {
        "coherence": (("pair", "y", "x"), planes["coherence"], {"units": "1"}),
        "looks": (("pair", "y", "x"), planes["looks"], {"units": "1"}),
        "interferogram": (("pair", "y", "x"), planes["interferogram"]),
        "mask": (("pair", "y", "x"), ~np.isnan(planes["coherence"])),
        "intensity": (("date", "y", "x"), planes["intensity"]),
    }
    coordinates = map_coordinates(geobox) | pair_coordinates(choice._replace(single=False), stack.passings)
    coordinates["date"] = np.array([stack.dates[index] for index in needed], "datetime64[ns]")
    if normalise is not None:
        variables |= _channels(planes, local, normalise)
        coordinates["channel"] = [band.name for band in normalise.bands for _ in range(band.channels)]
    dataset = xarray.Dataset(variables, coords=coordinates, attrs=_facts(stack, tile, window))
    for variable in dataset.data_vars.values():
        variable.encoding["grid_mapping"] = "spatial_ref"
    return _without_axis(dataset, choice)


def _planes(
    stack: SlcStack,
    geobox: GeoBox,
    needed: list[int],
    pairs: list[tuple[int, int]],
    window: Window,
    resampling: str,
) -> dict[str, Any]:
    """Planes of the tile from the part of the stack under it."""
    positions = positions_on(stack, geobox)
    rows, cols = span_on(stack, positions, window=window, resampling=resampling)
    pixels = stack.window(rows, cols, dates=[stack.dates[index] for index in needed])
    maps = coherence(pixels, pairs=pairs, window=window, output="all")
    power = (pixels.real**2 + pixels.imag**2).astype(maps.coherence.dtype)
    inside = positions.relative_to(rows, cols)
    found = {"coherence": maps.coherence, "looks": maps.looks, "intensity": power}
    found["interferogram"] = interferogram(pixels, pairs=pairs)
    found = {name: sample(planes, inside, resampling=resampling) for name, planes in found.items()}
    # Weights of kernels sum to one up to rounding, and those of cubic ones overshoot.
    np.clip(found["coherence"], 0, 1, out=found["coherence"])
    return found


def _channels(planes: dict[str, Any], pairs: list[tuple[int, int]], statistics: Statistics) -> dict[str, Any]:
    count = 1 + max(max(places) for places in statistics.planes)
    if count > 4:
        raise ValueError(
            f"normalise must read planes 0 to 3, coherence, interferogram and two intensities, got plane {count - 1}"
        )
    chips = []
    for place, (first, second) in enumerate(pairs):
        own = [planes["coherence"][place], planes["interferogram"][place]]
        chips.append(normalised([*own, planes["intensity"][first], planes["intensity"][second]][:count], statistics))
    dims = ("pair", "channel", "y", "x")
    return {
        "values": (dims, np.stack([chip.values for chip in chips]), {"units": "1"}),
        "values_mask": (dims, np.stack([chip.mask for chip in chips])),
    }


def _facts(stack: SlcStack, tile: Any, window: Window) -> dict[str, Any]:
    facts = {name: getattr(stack, name) for name in ("polarisation", "orbit", "track", "wavelength")}
    facts["tile"] = getattr(tile, "identifier", None)
    return {name: value for name, value in facts.items() if value is not None} | {"window": [window.rows, window.cols]}


def _without_axis(dataset: Any, choice: PairChoice) -> Any:
    return dataset.isel(pair=0) if choice.single else dataset
