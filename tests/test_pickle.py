"""Whatever reaches a data set, a graph of tasks or a pool of processes can be sent there, and reads the same there."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import valid_files

from m3leo_sar import GeoBox, Looks, Pair, SlcStack, TileGrid, Window
from m3leo_sar.chips.statistics import BandStatistics, Statistics
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.chips.slc_tile_store import SlcTileStore
from m3leo_sar.io.components.parquet_release import ParquetRelease, shards_of
from m3leo_sar.io.sources.open_source import open_source
from m3leo_sar.io.stacks.cslc import read_cslc_stack
from m3leo_sar.io.stacks.raster_stack import read_raster_stack
from m3leo_sar.io.stacks.stack_labels import open_label
from m3leo_sar.io.stacks.zarr_stack import read_stack
from m3leo_sar.products.recipe import Recipe
from m3leo_sar.run.make_chips import _in_memory
from m3leo_sar.stack.geometry import RadarGeometry

PAIRS = (Pair(*valid_files.DATES),)
LATITUDE, LONGITUDE = np.meshgrid(np.linspace(50, 49.9, 7), np.linspace(9, 9.1, 5), indexing="ij")


def _archive(archive: ChipArchive) -> Any:
    return [archive.read(*chip) for chip in archive.chips()]


def _source(source: Any) -> Any:
    return source.parameters(valid_files.TILE), source.read(valid_files.TILE)


def _tiles(store: SlcTileStore) -> Any:
    return [store.read(identifier, store.dates(identifier)).slc for identifier in store.identifiers]


def _xarray_in_memory(root: Path) -> Any:
    source = open_source(valid_files.netcdf_source(root))
    source.read(valid_files.TILE)
    return source


def _known(root: Path, storage: str) -> ChipArchive:
    """An archive that has remembered what it read."""
    archive = ChipArchive(valid_files.archive(root, storage=storage))
    _archive(archive)
    return archive


#: What is sent, made in a folder, and what is seen of it.
CASES: dict[str, tuple[Callable[[Path], Any], Callable[[Any], Any]]] = {
    "GeoTIFF archive": (lambda root: _known(root, "geotiff"), _archive),
    "Zarr archive": (lambda root: _known(root, "zarr"), _archive),
    "tile store": (lambda root: SlcTileStore(valid_files.slc_tiles(root)), _tiles),
    "parquet release": (
        lambda root: ParquetRelease(valid_files.release(root), shards_of(root / "s.csv")),
        lambda release: release.chip(valid_files.TILES.identifiers[0], "esaworldcover-2020").array,
    ),
    "raster source": (lambda root: open_source(valid_files.raster_source(root)), _source),
    "netCDF source": (_xarray_in_memory, _source),
    "Zarr source": (lambda root: open_source(valid_files.zarr_source(root)), _source),
    "GSSIC source": (lambda root: open_source(valid_files.gssic_source(root)), _source),
    "GUNW source": (lambda root: open_source(valid_files.gunw_source(root)), _source),
    "Zarr stack": (lambda root: read_stack(valid_files.stack(root)), SlcStack.window),
    "CSLC stack": (lambda root: read_cslc_stack(valid_files.cslc(root)), SlcStack.window),
    "raster stack": (
        lambda root: read_raster_stack(valid_files.rasters(root), polarisation="VV"),
        SlcStack.window,
    ),
    "stack in memory, cropped": (
        lambda root: valid_files._stack().crop(slice(3, 9), slice(4, 11)),
        SlcStack.window,
    ),
    "label raster": (
        lambda root: open_label(valid_files.stack(root) / "label-cover"),
        lambda label: (label.geobox, label.read(slice(1, 3), slice(0, 4))),
    ),
    "labels in memory": (
        lambda root: _in_memory(np.arange(35).reshape(5, 7), valid_files.BOX),
        lambda label: label.read(slice(1, 3), slice(0, 4)),
    ),
    "radar geometry": (
        lambda root: RadarGeometry(LATITUDE, LONGITUDE),
        lambda place: (place.latitude, place.longitude, place.shape),
    ),
    "tile grid": (
        lambda root: TileGrid.exact((9.0, 50.0, 9.1, 50.06), pixels=64),
        lambda grid: [(tile.identifier, tile.geobox) for tile in grid],
    ),
    "legacy tile grid": (lambda root: valid_files.TILES, lambda grid: [tile.geobox for tile in grid]),
    "geobox": (lambda root: GeoBox.from_bounds((0, 0, 40, 20), shape=(2, 4), crs="EPSG:32631"), lambda box: box),
    "statistics": (lambda root: Statistics((BandStatistics("vv", "decibel"),)), lambda found: found.to_json()),
    "window and looks": (lambda root: (Window(rows=3, cols=5), Looks(rows=2, cols=7)), lambda both: both),
    "recipe": (lambda root: Recipe(pairs=PAIRS, window=Window(rows=3, cols=5)), lambda recipe: recipe),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_sent_to_another_process_reads_the_same_there(name, tmp_path):
    make, seen = CASES[name]
    sent = make(tmp_path)
    before = seen(sent)
    arrived = pickle.loads(pickle.dumps(sent))
    np.testing.assert_equal(seen(arrived), before)


def test_an_archive_that_arrived_sees_what_is_written_later(tmp_path):
    archive = ChipArchive(valid_files.archive(tmp_path, storage="zarr"))
    tile = archive.identifiers[0]
    archive.keys(tile, "coherence")
    arrived = pickle.loads(pickle.dumps(archive))
    array = np.full(valid_files.BOX.shape, 0.25, np.float32)
    archive.write(tile, "coherence", "later", array, valid_files.BOX, metadata={})
    assert (arrived.read(tile, "coherence", "later").array == 0.25).all()
