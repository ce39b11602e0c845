"""NISAR RSLC: L-band (and S-band) images on the radar grid of their pass, one HDF5 file per date.

A product is focused on a grid of its own. Several dates are a stack only if they were resampled to one grid, as the
dates of a co-registered set are; others are refused.

Layout: NISAR L1 RSLC product specification, revisions 1.1.0 to 1.5.0 (JPL D-102268).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.orbit import earth_fixed
from m3leo_sar.io.files.complex_values import complex_dtype
from m3leo_sar.io.files.hdf5_values import open_hdf5, read_values
from m3leo_sar.io.remote.remote_address import AnyFile
from m3leo_sar.io.stacks.acquisition_name import POLARISATIONS
from m3leo_sar.io.stacks.hdf5_products import dataset_of
from m3leo_sar.io.stacks.image_choice import only
from m3leo_sar.io.stacks.image_stack import StackImage, open_images
from m3leo_sar.io.stacks.pixel_positions import mesh_geometry
from m3leo_sar.io.stacks.readers.nisar_product import Identification, find_nisar, opened_image, pixels_of
from m3leo_sar.io.stacks.readers.rslc_grid import RslcSwath, mesh_of, root_of, swath_of
from m3leo_sar.io.stacks.stack_reader import Choice, OpenedStack, Product, StackReader
from m3leo_sar.stack.geometry import Geometry

_ELSE = (
    "a NISAR RSLC lies on the radar grid of its own pass; use the GSLC of the frame (NISAR_L2_*_GSLC_*.h5), or RSLCs "
    "that were resampled to one grid"
)


def _find(place: Any) -> list[Any]:
    return [*find_nisar("RSLC", place), *find_nisar("SLC", place)]


def _open(products: Sequence[Product], choice: Choice) -> OpenedStack:
    found = [(image, swath) for product in products for image, swath in _images(product)]
    images = [image for image, _ in found]
    held = images if choice.polarisation is None else only(images, "polarisation", choice.polarisation.upper())
    held = only(held, "frequency", choice.frequency and choice.frequency.upper())
    held = only(held, "burst", choice.burst and choice.burst.upper())
    # Of a date that was processed again, the newest is used.
    newest = {image.date: image for image in sorted(held, key=lambda image: image.age)}
    swaths = {id(image): swath for image, swath in found}
    used = [swaths[id(newest[date])] for date in sorted(newest)]
    _require_one_grid(used)
    return open_images(images, choice, geometry=partial(_geometry, used[0]))


def _images(product: Product) -> Iterator[tuple[StackImage, RslcSwath]]:
    path = product.path.absolute()
    with open_hdf5(path) as file:
        root = root_of(file, path)
        facts = Identification(file, path, root.rpartition("/")[0], product)
        found = 0
        for letter in "AB":
            names = [name for name in POLARISATIONS if f"{root}/swaths/frequency{letter}/{name}" in file]
            if names:
                swath = swath_of(file, path, root, letter)
                for name in names:
                    found += 1
                    yield _image(file, swath, name, letter, facts), swath
        if not found:
            raise ValueError(f"{path.name} has no image of {', '.join(POLARISATIONS)} in {root}/swaths/frequencyA or B")


def _image(file: h5py.File, swath: RslcSwath, name: str, letter: str, facts: Identification) -> StackImage:
    pixels = dataset_of(file, swath.path, f"{swath.group}/{name}")
    dtype = complex_dtype(pixels.dtype)
    if pixels.shape != swath.grid.shape or dtype is None:
        raise ValueError(
            f"{swath.path.name}: {swath.group}/{name} has shape {pixels.shape} and {pixels.dtype}, its times and "
            f"ranges {swath.grid.shape}"
        )
    return StackImage(
        path=swath.path,
        date=facts.date,
        shape=swath.grid.shape,
        read=partial(_pixels, swath.path, swath.group, name, swath.grid.shape, _valid_names(file, swath)),
        dtype=dtype,
        polarisation=name,
        burst=facts.frame,
        frequency=letter,
        time=facts.time if facts.time and facts.time.date() == facts.date else None,
        age=facts.age,
        # Co-registration to one grid leaves the phase of flat earth and terrain in.
        facts={"track": facts.track, "orbit": facts.orbit, "wavelength": swath.grid.wavelength, "flattened": False},
        alike={"band": swath.root},
        release=facts.release,
        platform="NISAR",
    )


def _valid_names(file: h5py.File, swath: RslcSwath) -> tuple[str, ...]:
    """Data sets of the valid columns of each line, one per sub-swath."""
    names = [f"{swath.group}/validSamplesSubSwath{number}" for number in range(1, 6)]
    found = tuple(name for name in (*names, f"{swath.group}/validSamples") if name in file)
    for name in found:
        if file[name].shape != (swath.grid.shape[0], 2):
            raise ValueError(f"{swath.path.name}: {name} has shape {file[name].shape}, expected two columns per line")
    return found


def _pixels(
    path: AnyFile,
    group: str,
    name: str,
    shape: tuple[int, int],
    valid: tuple[str, ...],
    rows: slice,
    cols: slice,
) -> NDArray[np.complexfloating]:
    """Pixels; those outside all sub-swaths are NaN."""
    with opened_image(path, f"{group}/{name}", shape) as (file, image):
        pixels = pixels_of(image, path, rows, cols)
        spans = [read_values(dataset_of(file, path, one), path, (rows,)) for one in valid]
    lacking = np.isnan(pixels)
    if spans:
        columns = np.arange(cols.start, cols.stop)
        # First valid column and the one after the last; both 0 for a line without any.
        inside = [(columns >= span[:, :1]) & (columns < span[:, 1:]) for span in spans]
        lacking |= ~np.any(inside, axis=0)
    pixels[lacking] = complex(np.nan, np.nan)
    return pixels


def _geometry(swath: RslcSwath, shape: tuple[int, int]) -> Geometry:
    """Positions from the cube of positions, at the mean height of the terrain along each line."""
    mesh = mesh_of(swath)
    if mesh is None:
        raise ValueError(
            f"{swath.path.name} states no position of its pixels: it has no {swath.root}/metadata/geolocationGrid; "
            "pass geometry=rslc_geometry(path, dem, dem_geobox) of m3leo_sar.io.stacks.readers.rslc_grid"
        )
    warnings.warn(
        f"{swath.path.name}: positions are those at the mean height of the terrain of each line; where it is higher or "
        "lower, pixels lie about its difference in height off towards or away from the radar. "
        "m3leo_sar.io.stacks.readers.rslc_grid.rslc_geometry takes a terrain",
        stacklevel=2,
    )
    return mesh_geometry(shape, *mesh)


def _require_one_grid(swaths: Sequence[RslcSwath]) -> None:
    """Refuse files whose pixels do not lie on one radar grid, by their sizes, ranges, lines and positions."""
    first = swaths[0]
    for other in swaths[1:]:
        for words, one, two, slack in (
            ("its rows and columns are", first.grid.shape, other.grid.shape, 0.0),
            ("its first slant range is", first.grid.slant_range, other.grid.slant_range, first.grid.range_spacing / 50),
            ("the step of its ranges is", first.grid.range_spacing, other.grid.range_spacing, 1e-6),
            ("the step of its lines is", first.grid.azimuth_interval, other.grid.azimuth_interval, 1e-9),
        ):
            if not np.allclose(one, two, rtol=0, atol=slack):
                raise ValueError(
                    f"{other.path.name} is not co-registered with {first.path.name}: {words} {two}, not {one}; {_ELSE}"
                )
        _require_same_place(first, other)


def _require_same_place(first: RslcSwath, other: RslcSwath) -> None:
    corners = [_corners(swath) for swath in (first, other)]
    if corners[0] is None or corners[1] is None:
        warnings.warn(
            f"whether {other.path.name} is co-registered with {first.path.name} cannot be seen, as one states no "
            "positions; their sizes and ranges are the same",
            stacklevel=3,
        )
        return
    apart = float(np.linalg.norm(corners[0] - corners[1], axis=-1).max())
    pixel = max(first.grid.range_spacing, first.line if np.isfinite(first.line) else 0.0)
    if apart > pixel:
        raise ValueError(
            f"{other.path.name} is not co-registered with {first.path.name}: the same pixel lies {apart:.3g} m apart; "
            f"{_ELSE}"
        )


def _corners(swath: RslcSwath) -> NDArray[np.float64] | None:
    """Earth-fixed positions of the first and last pixel of the first and last line, on the ellipsoid."""
    from scipy.interpolate import RectBivariateSpline

    mesh = mesh_of(swath, height=0.0)
    if mesh is None:
        return None
    ends = [np.array([0.0, size - 1.0]) for size in swath.grid.shape]
    layers = [
        RectBivariateSpline(mesh.rows, mesh.cols, mesh.layers[name], kx=1, ky=1)(*ends)
        for name in ("longitude", "latitude")
    ]
    return earth_fixed(layers[0], layers[1], 0.0)


NISAR_RSLC = StackReader(
    name="nisar-rslc",
    holds="NISAR RSLC",
    expects="a file NISAR_L1_*_RSLC_*.h5, or a folder of RSLCs that were resampled to one radar grid",
    find=_find,
    open=_open,
    is_far=True,
)
