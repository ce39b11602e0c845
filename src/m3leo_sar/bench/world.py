"""Archives of simulated ground, created like archives of real ground: a stack on disk, pairs, tiles, chips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.tiles import TileGrid
from m3leo_sar.grid.window import Window
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.chips.product_names import INTENSITY
from m3leo_sar.io.files.raster import write_geotiff
from m3leo_sar.io.sources.open_source import open_source
from m3leo_sar.io.stacks.zarr_stack import read_labels, read_stack, write_stack
from m3leo_sar.products.recipe import Recipe
from m3leo_sar.run.choices import footprint
from m3leo_sar.run.make_chips import Label, make_chips
from m3leo_sar.run.retile import retile
from m3leo_sar.simulate.scene import LABEL_UNITS, Scene
from m3leo_sar.stack.pairs import Pair, all_pairs

#: Pixel size, easting of the zone's central meridian, and approximate northing at which the ground begins, metres.
PIXEL, MERIDIAN, NORTHING = 10, 500_000, 5_500_160


def simulated_ground(shape: tuple[int, int], *, chip: int, place: int = 281) -> GeoBox:
    """Pixel grid of (rows, cols) chips of ground, whose corner is on the exact lattice of that chip size.

    Parameters
    ----------
    shape : (int, int)
        Numbers of tiles along rows and columns.
    chip : int
        Side of a tile in pixels.
    place : int
        Number of tiles between the zone's central meridian and the ground.

    Raises
    ------
    ValueError
        If a number is below 1.
    """
    if min(*shape, chip, place) < 1:
        raise ValueError(f"shape, chip and place must be at least 1, got {shape}, {chip} and {place}")
    side = PIXEL * chip
    left, bottom = MERIDIAN + place * side, NORTHING // side * side
    bounds = (left, bottom, left + side * shape[1], bottom + side * shape[0])
    return GeoBox.from_bounds(bounds, shape=(chip * shape[0], chip * shape[1]), crs="EPSG:32631")


def simulated_archive(
    scene: Scene,
    folder: Path,
    *,
    chip: int = 64,
    window: Window | None = None,
    pairs: Sequence[Pair] = (),
    interferograms: bool = False,
    intensities: bool = True,
    tiles: TileGrid | None = None,
    labels: Mapping[str, Label] | None = None,
) -> tuple[ChipArchive, TileGrid]:
    """Write a scene's stack to disk, and the chips of all tiles that it covers completely.

    Parameters
    ----------
    scene : Scene
    folder : path
        Receives ``stack`` and ``chips``; existing data are not created again.
    chip : int
        Side of a tile in pixels of 10 m.
    window : Window, optional
        Coherence window; 5 by 5 pixels if None.
    pairs : sequence of Pair
        All pairs if empty.
    interferograms, intensities : bool
        Whether these are also cut into chips.
    tiles : TileGrid, optional
        The tiles of the exact lattice if None.
    labels : mapping of str to (array, GeoBox), optional
        Labels in addition to those of the scene.

    Returns
    -------
    (ChipArchive, TileGrid)
        The archive and its tiles.

    Raises
    ------
    ValueError
        If no tile lies completely on the scene.
    OSError
        If the folder is not writable.
    """
    write_stack(scene.stack, folder / "stack", labels={**scene.labels(), **(labels or {})}, label_units=LABEL_UNITS)
    stack = read_stack(folder / "stack")
    grid = tiles or TileGrid.exact(footprint(stack), side=PIXEL * chip, pixels=chip)
    archive = ChipArchive.create(folder / "chips", storage="zarr")
    recipe = Recipe(
        pairs=pairs or all_pairs(stack.dates),
        window=window or Window(rows=5, cols=5),
        interferograms=interferograms,
        intensities=intensities,
        minimum_coverage=1.0,
    )
    make_chips(stack, archive, list(grid), recipe, labels=read_labels(folder / "stack"))
    return archive, grid.only(archive.identifiers)


def add_raster(
    archive: ChipArchive,
    tiles: TileGrid,
    dataset: str,
    bands: Mapping[str, NDArray[Any]],
    geobox: GeoBox,
    *,
    resampling: str = "bilinear",
) -> None:
    """Add a raster to an archive as a user would: a file on disk, cut to the tiles.

    Parameters
    ----------
    archive : ChipArchive
    tiles : TileGrid
    dataset : str
        Dataset name of the chips.
    bands : mapping of str to (rows, cols) array
        Key of each chip and its pixels.
    geobox : GeoBox
        Their pixel grid.
    resampling : str
        As in :func:`m3leo_sar.reproject`.

    Raises
    ------
    OSError
        If a tile could not be written.
    """
    path = archive.root.parent / f"{dataset}.tif"
    write_geotiff(path, np.stack(list(bands.values())), geobox, names=tuple(bands))
    made = retile(open_source(path), archive, list(tiles), dataset=dataset, resampling=resampling)
    if made.failed:
        raise OSError(f"{dataset} of {len(made.failed)} tiles was not written: {next(iter(made.failed.values()))}")


def add_cross_polarisation(archive: ChipArchive, cross: ChipArchive) -> str:
    """Copy the intensities of a cross-polarised archive into an archive, as a separate product.

    Returns
    -------
    str
        The product's name.
    """
    name = f"{INTENSITY}-vh"
    for identifier in archive.identifiers:
        for key in cross.keys(identifier, INTENSITY):
            chip = cross.read(identifier, INTENSITY, key)
            archive.write(identifier, name, key, chip.array, chip.geobox, metadata=chip.metadata, nodata=chip.nodata)
    return name
