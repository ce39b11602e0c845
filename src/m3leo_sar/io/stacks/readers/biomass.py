"""BIOMASS STA (L1c): P-band, quad-polarised images co-registered on the radar grid of the primary, a folder per date.

Layout: BIOMASS L1 product format specification: amplitude and phase as two GeoTIFFs of four bands (LERC), tables in
``annotation_coregistered/*_lut.nc``.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.io.files.hdf5_values import open_hdf5
from m3leo_sar.io.files.plain_xml import parse_xml
from m3leo_sar.io.files.raster import open_raster, read_window
from m3leo_sar.io.stacks.acquisition_name import POLARISATIONS, date_in_name
from m3leo_sar.io.stacks.hdf5_products import value_of
from m3leo_sar.io.stacks.image_stack import StackImage, open_images
from m3leo_sar.io.stacks.pixel_positions import mesh_geometry, mesh_of_points
from m3leo_sar.io.stacks.refused_kind import refused_kind
from m3leo_sar.io.stacks.stack_reader import Choice, OpenedStack, Product, StackReader, refuse_choice
from m3leo_sar.stack.geometry import Geometry

_NAME = r"BIO_S\d_{kind}__1S_(\d{{8}})T"
#: Baseline of the processor, and the moment of processing in six digits of base 36, which sort as text.
_PROCESSING = re.compile(r"_(\d{2})_([0-9A-Z]{6})$", re.IGNORECASE)
_NODATA = -9999.0
_LIGHT = 299_792_458.0
#: Centre frequency of the instrument, Hz.
_FREQUENCY = 435e6


class _Tables(NamedTuple):
    """Coarse tables of a product, with the row and column in the image of their nodes."""

    rows: NDArray[np.float64]
    cols: NDArray[np.float64]
    layers: dict[str, NDArray[np.float64]]
    #: Phase to add to the image, radians; None if it has been added or is not there.
    flattening: NDArray[np.float64] | None
    files: tuple[Path, ...]


def _find_kind(kind: str, place: Path) -> list[Path]:
    if not place.is_dir():
        return []
    pattern = re.compile(_NAME.format(kind=kind), re.IGNORECASE)
    return [
        path
        for path in (place, *sorted(place.iterdir()))
        if pattern.match(path.name) and (path / "measurement").is_dir()
    ]


def _open(products: Sequence[Product], choice: Choice) -> OpenedStack:
    refuse_choice(choice, ("burst", "frequency"), "a BIOMASS STA product")
    folders = [product.path.absolute() for product in products]
    tables = {folder: _tables(folder) for folder in folders}
    images = [image for product, folder in zip(products, folders, strict=True)
              for image in _images(product, folder, tables[folder])]  # fmt: skip
    unflat = [folder.name for folder in folders if tables[folder] is None]
    if unflat:
        warnings.warn(
            f"{len(unflat)} of {len(folders)} products have no annotation_coregistered with a flatteningPhaseScreen, "
            f"such as {unflat[0]}; their phase holds the flat earth and the topography",
            stacklevel=2,
        )
        if len(unflat) < len(folders):
            raise ValueError(f"{unflat[0]} cannot be flattened as the other dates are, which leaves no coherence")
    first = tables[folders[0]]
    return open_images(
        images,
        choice,
        geometry=partial(_geometry, _measured(folders[0])[0], first),
        geometry_files=first.files if first else (),
        zero_is_value=False,
    )


def _measured(folder: Path) -> tuple[Path, Path]:
    """Amplitude and phase of a product."""
    found = []
    for part in ("abs", "phase"):
        paths = sorted((folder / "measurement").glob(f"*_i_{part}.tif*"))
        if len(paths) != 1:
            raise ValueError(f"{folder.name} must have one measurement/*_i_{part}.tiff, it has {len(paths)}")
        found.append(paths[0])
    return found[0], found[1]


def _images(product: Product, folder: Path, tables: _Tables | None) -> Iterator[StackImage]:
    amplitude, phase = _measured(folder)
    with open_raster(amplitude) as source:
        shape, names = source.shape, [source.tags(band).get("POLARIMETRIC_INTERP", "") for band in source.indexes]
        listed = source.tags().get("PolarisationsSequence", "").split()
    with open_raster(phase) as source:
        if (source.shape, source.count) != (shape, len(names)):
            raise ValueError(f"{phase.name} has {source.count} bands of {source.shape}, {amplitude.name} {len(names)}")
    names = names if all(names) else listed
    spline = None
    if tables is not None and tables.flattening is not None:
        from scipy.interpolate import RectBivariateSpline

        spline = RectBivariateSpline(tables.rows, tables.cols, tables.flattening, kx=1, ky=1)
    for band, name in enumerate(names, start=1):
        if name.upper() in POLARISATIONS:
            yield StackImage(
                path=folder,
                date=product.date or date_in_name(folder.name[:32]),
                shape=shape,
                read=partial(_pixels, amplitude, phase, band, spline),
                files=(amplitude, phase, *(tables.files if tables else ())),
                polarisation=name.upper(),
                age=_age(folder),
                facts={"wavelength": _LIGHT / _FREQUENCY, "flattened": tables is not None},
                platform="BIOMASS",
            )


def _age(folder: Path) -> tuple[str, ...]:
    found = _PROCESSING.search(folder.name)
    return () if found is None else (found[1], found[2].upper())


def _pixels(
    amplitude: Path, phase: Path, band: int, flattening: Any, rows: slice, cols: slice
) -> NDArray[np.complex64]:
    """Complex pixels; masked on each part before their product, which would turn -9999 into another number."""
    size, turn = (
        read_window(path, band, rows, cols, nodata=_NODATA).astype(np.float64, copy=False)
        for path in (amplitude, phase)
    )
    if flattening is not None:
        turn = turn + flattening(np.arange(rows.start, rows.stop), np.arange(cols.start, cols.stop))
    pixels = (size * np.exp(1j * turn)).astype(np.complex64)
    pixels[np.isnan(size) | np.isnan(turn)] = complex(np.nan, np.nan)
    return pixels


def _tables(folder: Path) -> _Tables | None:
    """Tables of a product; None if it has none."""
    place = folder / "annotation_coregistered"
    paths = sorted(place.glob("*_lut.nc")), sorted(place.glob("*_annot.xml"))
    if not all(paths):
        return None
    table, annotation = paths[0][0], paths[1][0]
    root = parse_xml(annotation.read_bytes(), annotation.name)
    steps = [_number(root, annotation, name) for name in ("azimuthTimeInterval", "rangeTimeInterval")]
    with open_hdf5(table) as file:
        found = {
            name: value_of(file, table, name)
            for name in ("relativeAzimuthTime", "slantRangeTime", "coregistration/flatteningPhaseScreen")
        }
        layers = {name: value_of(file, table, f"geometry/{name}") for name in ("latitude", "longitude", "height")}
    missing = [name for name, value in found.items() if value is None]
    if missing:
        raise ValueError(f"{table.name} has no variable {missing[0]}")
    times, ranges, screen = (np.asarray(value, np.float64) for value in found.values())
    rows, cols = ((axis - axis[0]) / step for axis, step in zip((times, ranges), steps, strict=True))
    screen = np.where(screen == _NODATA, np.nan, screen)
    if screen.shape != (rows.size, cols.size) or not np.isfinite(screen).all():
        raise ValueError(f"{table.name}: flatteningPhaseScreen must be finite and of {rows.size} x {cols.size} nodes")
    is_added = (root.findtext(".//skpPhaseCorrectionFlag") or "").strip().lower() == "true"
    kept = {name: np.asarray(layer, np.float64) for name, layer in layers.items() if layer is not None}
    return _Tables(rows, cols, kept, None if is_added else screen, (table, annotation))


def _number(root: ElementTree.Element, path: Path, name: str) -> float:
    try:
        value = float(root.findtext(f".//sarImage/{name}") or "")
    except ValueError:
        value = 0.0
    if not value > 0:
        raise ValueError(f"{path.name} must state a positive sarImage/{name}")
    return value


def _geometry(amplitude: Path, tables: _Tables | None, shape: tuple[int, int]) -> Geometry:
    """Positions from the tables, or from the ground control points."""
    if tables is not None and {"latitude", "longitude"} <= tables.layers.keys():
        return mesh_geometry(shape, tables.rows, tables.cols, tables.layers)
    with open_raster(amplitude) as source:
        points = source.gcps[0]
    return mesh_of_points(shape, [(point.row, point.col, point.y, point.x) for point in points], amplitude.name)


BIOMASS = StackReader(
    name="biomass-sta",
    holds="BIOMASS STA (L1c)",
    expects="a folder of BIO_S?_STA__1S_* folders",
    find=partial(_find_kind, "STA"),
    open=_open,
)
BIOMASS_SCS = refused_kind(
    "biomass-scs",
    "a BIOMASS SCS (L1a)",
    partial(_find_kind, "SCS"),
    "each date is on a radar grid of its own, not co-registered; use the STA (L1c) products of the stack",
)
