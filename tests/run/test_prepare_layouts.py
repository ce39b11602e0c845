"""Every kind of stack that is read, from the folder to a chip: described, paired and prepared.

The chip is compared with the coherence of the pixels that were written, at positions from the formula or the file's own
coordinates: neither goes through the library.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import pytest
import rasterio
import rslc_product
import stack_layouts
import stack_samples
from pyproj import Transformer
from reference import bilinear_reference, coherence_reference

from m3leo_sar import SlcStack, TileGrid, Window, prepare
from m3leo_sar.app.picture_commands import describe
from m3leo_sar.app.stack_commands import pairs
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.stacks.registry import readers
from m3leo_sar.io.stacks.zarr_stack import write_stack
from m3leo_sar.stack.geometry import RadarGeometry

WINDOW, PIXELS = Window(rows=3, cols=5), 8


class Ground(NamedTuple):
    """Places of an image's pixels."""

    #: Longitude and latitude of a pixel (row, col).
    of_pixel: Callable[[float, float], tuple[float, float]]
    #: Rows and columns of points by longitude and latitude.
    of_points: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def on_map(x: np.ndarray, y: np.ndarray, crs: Any) -> Ground:
    """Pixels with regular coordinates of their centres."""
    to_degrees = Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    steps = x[1] - x[0], y[1] - y[0]

    def of_points(longitude, latitude):
        east, north = to_degrees.transform(longitude, latitude, direction="INVERSE")
        return (north - y[0]) / steps[1], (east - x[0]) / steps[0]

    return Ground(lambda row, col: to_degrees.transform(x[0] + col * steps[0], y[0] + row * steps[1]), of_points)


def on_radar(latitude: np.ndarray, longitude: np.ndarray) -> Ground:
    """Pixels whose latitude and longitude are linear in row and column."""
    start = np.array([longitude[0, 0], latitude[0, 0]])
    per_pixel = np.array([[axis[1, 0] - axis[0, 0], axis[0, 1] - axis[0, 0]] for axis in (longitude, latitude)])

    def of_points(longitude, latitude):
        offset = np.stack([longitude - start[0], latitude - start[1]])
        return tuple(np.einsum("ij,j...->i...", np.linalg.inv(per_pixel), offset))

    return Ground(lambda row, col: tuple(start + per_pixel @ (row, col)), of_points)


class Case(NamedTuple):
    """A stack, what to type, and the pixels that it holds."""

    reader: str
    #: Name of a written layout, or a folder of the samples.
    source: str
    #: Set of pixels of the samples, or the written ones.
    pixels: str = "written"
    #: Files that hold the coordinates of a sample on a map.
    on_map: str = ""
    polarisation: str = "VV"
    #: Pixel at the centre of the tile, beside or within pixels without data.
    centre: tuple[float, float] = (89.3, 58.9)
    tolerance: float = 2e-4

    @property
    def options(self) -> dict[str, str]:
        """What to add where the folder has more than one answer."""
        return {"polarisation": self.polarisation} if self.reader == "nisar-rslc" else {}


_WRITTEN = {"centre": (5.2, 9.4)}
CASES = {
    "container": Case("container", "container", **_WRITTEN),
    "opera-cslc": Case("cslc", "opera-cslc", "zero_mantissa", on_map="*_CSLC-S1_*.h5"),
    "compass": Case("cslc", "compass", "zero_mantissa", on_map="*/*/*.h5"),
    "nisar-gslc": Case("nisar-gslc", "nisar-gslc", "zero_mantissa", "*.h5", polarisation="HH"),
    "isce2": Case("isce2", "isce2", "full"),
    "isce2-virtual": Case("isce2", "isce2-virtual", "full"),
    # Positions of float32, in error by up to a sixth of a pixel.
    "snap-mst": Case("snap-beam", "snap-mst", "full", tolerance=2e-2),
    "snap-ref": Case("snap-beam", "snap-ref", "full", tolerance=2e-2),
    "znap": Case("snap-znap", "znap", **_WRITTEN),
    "gamma": Case("gamma", "gamma", "full"),
    "dolphin": Case("dolphin", "dolphin", "full", on_map="linked_phase/2*.tif"),
    "miaplpy": Case("miaplpy", "miaplpy", **_WRITTEN),
    "doris": Case("doris-zarr", "doris", **_WRITTEN),
    # Amplitudes within 1e-4 and phases within 1e-3, as LERC keeps them.
    "biomass-sta": Case("biomass-sta", "biomass-sta", "full", polarisation="HH", tolerance=2e-3),
    "capella": Case("capella", "capella", "int16", polarisation="HH"),
    "sicd": Case("sicd", "sicd", "sicd"),
    "gmtsar": Case("gmtsar", "gmtsar", **_WRITTEN),
    "geozarr": Case("geozarr", "geozarr radar", **_WRITTEN),
    "hdf5": Case("hdf5", "hdf5", on_map="*.h5", **_WRITTEN),
    # Around the gap between two sub-swaths.
    "nisar-rslc": Case("nisar-rslc", "rslc", polarisation="HH", centre=(17.2, 33.4)),
    "rasters": Case("rasters", "geotiff", on_map="*.tif", **_WRITTEN),
    "list.csv": Case("rasters", "list.csv", on_map="*.tif", **_WRITTEN),
}  # fmt: skip


def coordinates(path: Path) -> Ground:
    """Places of the pixels of a file on a map grid."""
    if path.suffix == ".tif":
        with rasterio.open(path) as file:
            a, _, left, _, e, top = file.transform[:6]
            x, y = left + a * (np.arange(file.width) + 0.5), top + e * (np.arange(file.height) + 0.5)
            return on_map(x, y, file.crs.to_wkt())
    with h5py.File(path) as file:
        nisar = "science/LSAR/GSLC/grids/frequencyA/"
        names = [f"{nisar}xCoordinates", f"{nisar}yCoordinates", f"{nisar}projection"]
        names = names if nisar in file else ["data/x_coordinates", "data/y_coordinates", "data/projection"]
        x, y, code = (file[name][()] for name in names)
        return on_map(x, y, int(code))


def sample(case: Case, root: Path) -> tuple[Path, np.ndarray, Ground]:
    """A copy of a sample, its pixels, and their places."""
    place, truth = stack_samples.copied(case.source, root), stack_samples.truth()
    # One date of float32, one of int16; coherence does not depend on the scale of a date.
    pixels = np.stack([truth["full"][0], truth["int16"][1]]) if case.pixels == "sicd" else truth[case.pixels]
    if case.reader == "nisar-gslc":
        pixels[:, truth["gap"]] = np.nan
    if not case.on_map:
        return place, pixels, on_radar(truth["latitude"], truth["longitude"])
    return place, pixels, coordinates(sorted(place.glob(case.on_map))[0])


def written(case: Case, root: Path) -> tuple[Path, np.ndarray, Ground]:
    """A stack written by the tests, its pixels, and their places."""
    if case.source == "rslc":
        return written_rslc(root)
    named = {"list.csv": "geotiff", "container": "hdf5"}.get(case.source, case.source)
    layout = stack_layouts.LAYOUTS[named]
    pixels = stack_layouts.stack_pixels(is_integer=layout.is_integer)
    radar = on_radar(stack_layouts.LATITUDE, stack_layouts.LONGITUDE)
    if case.source == "container":
        geometry = RadarGeometry(stack_layouts.LATITUDE, stack_layouts.LONGITUDE)
        stack = SlcStack.from_arrays(pixels, stack_layouts.DATES, geometry=geometry, polarisation="VV")
        write_stack(stack, root / "stack")
        return root / "stack", pixels, radar
    place = layout.write(root, pixels)
    ground = coordinates(sorted(root.glob(case.on_map))[0]) if case.on_map else radar
    if case.source == "list.csv":
        place = root / "list.csv"
        lines = [f"slc_{date:%Y%m%d}_VV.tif,{date},VV" for date in stack_layouts.DATES]
        place.write_text("\n".join(["path,date,polarisation", *lines]))
    return place, pixels, ground


def written_rslc(root: Path) -> tuple[Path, np.ndarray, Ground]:
    """Two NISAR RSLCs of one radar grid, which state where their pixels have data."""
    for date in rslc_product.DATES:
        rslc_product.product(root / "rslc", date)
    pixels = np.stack([rslc_product.speckle(date.day) for date in rslc_product.DATES])
    pixels[:, 0] = pixels[:, :, :2] = pixels[:, :, 30:33] = pixels[:, :, 57:] = np.nan
    row, col = np.indices(pixels.shape[1:])
    longitude, latitude = rslc_product.place_of(row, col, rslc_product.HEIGHT)
    return root / "rslc", pixels, on_radar(latitude, longitude)


def tile_at(ground: Ground, row: float, col: float) -> TileGrid:
    """A tile of pixels somewhat smaller than those of the image, around one of its pixels."""
    longitude, latitude = ground.of_pixel(row, col)
    slopes = [
        np.abs(np.subtract(ground.of_points(longitude + east, latitude + north), (row, col))).max() / 1e-5
        for east, north in ((1e-5, 0), (0, 1e-5))
    ]
    wide, high = (0.7 * PIXELS / slope for slope in slopes)
    return TileGrid(
        [(longitude - wide / 2, latitude - high / 2, longitude + wide / 2, latitude + high / 2)], pixels=PIXELS
    )


def expected_chip(reference: np.ndarray, secondary: np.ndarray, ground: Ground, tile: Any) -> np.ndarray:
    """Coherence of two images at the pixels of a tile, by the slow formulas."""
    longitude, latitude = np.meshgrid(
        *(
            getattr(tile.geobox.affine, shift) + getattr(tile.geobox.affine, step) * (np.arange(PIXELS) + 0.5)
            for shift, step in (("c", "a"), ("f", "e"))
        )
    )
    rows, cols = ground.of_points(longitude, latitude)
    halo = WINDOW.rows // 2 + 2, WINDOW.cols // 2 + 2
    part = tuple(
        slice(max(0, int(axis.min()) - beside), min(size, int(axis.max()) + beside + 1))
        for axis, beside, size in zip((rows, cols), halo, reference.shape, strict=True)
    )
    values = coherence_reference(reference[part], secondary[part], WINDOW)
    return bilinear_reference(values, rows - part[0].start, cols - part[1].start)


def test_every_kind_that_is_read_is_prepared():
    assert {case.reader for case in CASES.values()} == {
        entry.name for entry in readers() if entry.is_read and not entry.name.startswith("own:")
    }


@pytest.mark.filterwarnings("ignore:2 of 2 products have no annotation_coregistered")
@pytest.mark.filterwarnings("ignore:.*compressed SLCs, which are not acquisitions")
@pytest.mark.filterwarnings("ignore::m3leo_sar.stack.flatness.UnflattenedWarning")
@pytest.mark.filterwarnings("ignore:.*positions are those at the mean height of the terrain")
@pytest.mark.parametrize("name", CASES)
def test_a_chip_is_the_coherence_of_the_pixels_of_the_folder(name, request, tmp_path, capsys):
    case = CASES[name]
    if case.pixels == "written":
        place, pixels, ground = written(case, tmp_path)
    else:
        request.getfixturevalue("shared_data")
        place, pixels, ground = sample(case, tmp_path)
    options = stack_samples.SAMPLES[case.source].options if case.pixels != "written" else case.options
    named = options | ({"polarisation": [options["polarisation"]]} if "polarisation" in options else {})
    if place.suffix != ".csv":
        describe(place, **named)
        assert "polarisation" in capsys.readouterr().out
    pairs(place, **named)
    pair = re.findall(r"\d{8}_\d{8}", capsys.readouterr().out)[0]
    grid = tile_at(ground, *case.centre)
    made = prepare(place, tmp_path / "chips", tiles=grid, pairs=[pair], window=WINDOW, intensities=False, **options)
    assert made.computed == {"coherence": 1}
    (tile,) = grid
    chip = ChipArchive(tmp_path / "chips").read(tile.identifier, "coherence", f"{case.polarisation}/{pair}")
    wanted = expected_chip(pixels[0], pixels[1], ground, tile)
    assert 0 < np.isnan(wanted).sum() < wanted.size / 2
    np.testing.assert_allclose(chip.array, wanted, rtol=0, atol=case.tolerance)
