"""GAMMA: co-registered images in range and azimuth, ``20230301.rslc`` beside ``20230301.rslc.par``, big-endian.

Positions come from a look-up table, ``*.lt_fine`` or ``*.lt``, with the parameters of its map, ``*dem*.par``.
"""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.projection import transformer_between
from m3leo_sar.io.files import limits
from m3leo_sar.io.files.limits import read_text
from m3leo_sar.io.files.no_data import as_valid
from m3leo_sar.io.files.raw_image import RawImage
from m3leo_sar.io.stacks.acquisition_name import date_in_name, polarisation_in_name
from m3leo_sar.io.stacks.image_stack import StackImage, open_images
from m3leo_sar.io.stacks.lookup_geometry import Places, lookup_geometry
from m3leo_sar.io.stacks.pixel_positions import HOW_TO_STATE
from m3leo_sar.io.stacks.stack_reader import Choice, OpenedStack, Product, StackReader, refuse_choice
from m3leo_sar.stack.geometry import Geometry

_SUFFIXES = (".rslc", ".slc")
#: Formats of complex images to the type of each of their two numbers.
_FORMATS = {"FCOMPLEX": ">f4", "SCOMPLEX": ">i2"}
_LIGHT = 299_792_458.0


def _find(place: Path) -> list[Path]:
    """Images with parameters beside them: in a folder, in its folders per date, or an image itself."""
    if place.is_file():
        return [place] if place.suffix.lower() in _SUFFIXES and _parameters_of(place) else []
    for pattern in ("*", "*/*"):
        paths = sorted(path for path in place.glob(pattern) if path.suffix.lower() in _SUFFIXES)
        found = [path for path in paths if path.is_file() and _parameters_of(path)]
        # An image before and after co-registration: the one after it.
        registered = {path.with_suffix("") for path in found if path.suffix.lower() == ".rslc"}
        found = [path for path in found if path.suffix.lower() == ".rslc" or path.with_suffix("") not in registered]
        if found:
            return found
    return []


def _parameters_of(path: Path) -> Path | None:
    return next((par for par in (Path(f"{path}.par"), path.with_suffix(".par")) if par.is_file()), None)


def _open(products: Sequence[Product], choice: Choice) -> OpenedStack:
    refuse_choice(choice, ("frequency",), "a GAMMA stack")
    images = [_image(product) for product in products]
    folder = images[0].path.parent
    table, dem = _table_in(folder), _dem_in(folder)
    return open_images(
        images,
        choice,
        geometry=partial(_geometry, folder, table, dem),
        geometry_files=() if table is None or dem is None else (table, dem),
        zero_is_value=False,
    )


def _image(product: Product) -> StackImage:
    path = product.path.absolute()
    header = _parameters_of(path)
    if header is None:
        raise FileNotFoundError(f"there is no file {path}.par, which states the layout of {path.name}")
    facts = _parameters(header)
    kind = facts.get("image_format", "none").upper()
    if kind not in _FORMATS:
        content = "real numbers, such as an amplitude" if kind in ("FLOAT", "SHORT") else "no complex image"
        raise ValueError(f"{header.name}: image_format must be FCOMPLEX or SCOMPLEX, got {kind}, {content}")
    shape = _integer(header, facts, "azimuth_lines"), _integer(header, facts, "range_samples")
    before = _integer(header, facts, "line_header_size") if "line_header_size" in facts else 0
    raw = RawImage(path=path, shape=shape, dtype=_FORMATS[kind], is_pairs=True, line_header=before)
    title = re.sub(r"[^A-Za-z0-9]+", " ", f"{facts.get('sensor', '')} {facts.get('title', '')}")
    return StackImage(
        path=path,
        date=product.date or _date(facts) or date_in_name(path.name),
        shape=shape,
        read=partial(_valid, raw),
        files=(path, header),
        polarisation=product.polarisation or polarisation_in_name(path.name) or polarisation_in_name(title),
        facts=_facts(facts),
        platform=next((word for word in title.split() if re.fullmatch(r"S1[A-D]", word)), None),
    )


def _valid(raw: RawImage, rows: slice, cols: slice) -> NDArray[Any]:
    """Pixels with zeros, GAMMA's no data, as NaN."""
    return as_valid(raw.read(rows, cols), 0)


def _parameters(path: Path) -> dict[str, str]:
    """Entries ``key: values unit`` of a file of parameters."""
    found: dict[str, str] = {}
    for line in read_text(path).splitlines():
        key, colon, value = line.partition(":")
        if colon and " " not in key.strip():
            found.setdefault(key.strip().lower(), value.strip())
    return found


def _integer(path: Path, facts: dict[str, str], name: str) -> int:
    text = (facts.get(name, "").split() or [""])[0]
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII):
        raise ValueError(f"{path.name} must state {name} as a whole number, got {facts.get(name)!r}")
    return int(text)


def _float(facts: dict[str, str], name: str) -> float | None:
    try:
        value = float(facts.get(name, "").split()[0])
    except (IndexError, ValueError):
        return None
    return value if math.isfinite(value) else None


def _date(facts: dict[str, str]) -> datetime.date | None:
    try:
        year, month, day = (int(float(part)) for part in facts.get("date", "").split()[:3])
        return datetime.date(year, month, day)
    except ValueError:
        return None


def _facts(facts: dict[str, str]) -> dict[str, Any]:
    frequency, heading = _float(facts, "radar_frequency"), _float(facts, "heading")
    return {
        "wavelength": _LIGHT / frequency if frequency else None,
        "orbit": None if heading is None else "ascending" if math.cos(math.radians(heading)) > 0 else "descending",
    }


def _table_in(folder: Path) -> Path | None:
    folders = (folder, folder.parent)
    return next((path for up in folders for end in ("lt_fine", "lt") for path in sorted(up.glob(f"*.{end}"))), None)


def _dem_in(folder: Path) -> Path | None:
    """Parameters of the map of the look-up table: the segment of the terrain model that the scene covers."""
    for up in (folder, folder.parent):
        for pattern in ("*dem_seg*par", "*seg*dem*par", "*dem*par", "*.dem_par"):
            found = [path for path in sorted(up.glob(pattern)) if path.is_file()]
            if found:
                return found[0]
    return None


def _geometry(folder: Path, table: Path | None, dem: Path | None, shape: tuple[int, int]) -> Geometry:
    if table is None or dem is None:
        raise ValueError(
            f"{folder} states no position of its pixels: expected a look-up table (*.lt_fine) and the parameters of "
            f"its map (*dem*.par) beside the images; or {HOW_TO_STATE}"
        )
    facts = _parameters(dem)
    size = _integer(dem, facts, "nlines"), _integer(dem, facts, "width")
    limits.require_array(table.name, size, 8, limits.LARGEST_RASTER)
    places = RawImage(path=table, shape=size, dtype=">f4", is_pairs=True).read(slice(0, size[0]), slice(0, size[1]))
    down, along = _looks(folder)
    unseen = ((places.real == 0) & (places.imag == 0)) | ~np.isfinite(places)
    with np.errstate(over="ignore", invalid="ignore"):
        rows, cols = (
            np.where(unseen, np.nan, (axis + np.float32(0.5)) * looks - np.float32(0.5))
            for axis, looks in ((places.imag, down), (places.real, along))
        )
    return lookup_geometry(shape, rows, cols, _map_positions(dem, facts))


def _looks(folder: Path) -> tuple[int, int]:
    """Looks of the image that the table refers to: that of a multilooked image beside it, or 1."""
    for up in (folder, folder.parent):
        for path in sorted(up.glob("*mli.par")):
            facts = _parameters(path)
            return _integer(path, facts, "azimuth_looks"), _integer(path, facts, "range_looks")
    return 1, 1


def _map_positions(path: Path, facts: dict[str, str]) -> Places:
    """Latitude and longitude of the map's pixels; its corner is the centre of the first pixel."""
    projection = facts.get("dem_projection", "EQA").upper()
    names = ("lat", "lon") if projection == "EQA" else ("north", "east")
    numbers = [_float(facts, f"{word}_{name}") for word in ("corner", "post") for name in names]
    known = [number for number in numbers if number is not None]
    if len(known) < len(numbers):
        raise ValueError(
            f"{path.name} must state corner_{names[0]}, corner_{names[1]}, post_{names[0]} and post_{names[1]}"
        )
    if projection == "EQA":
        return partial(_on_map, known, None)
    if projection != "UTM":
        raise ValueError(f"{path.name}: DEM_projection must be EQA or UTM, got {projection}")
    zone, is_south = _integer(path, facts, "projection_zone"), (_float(facts, "false_northing") or 0) > 0
    if not 1 <= zone <= 60:
        raise ValueError(f"{path.name}: projection_zone must be 1 to 60, got {zone}")
    return partial(_on_map, known, (32700 if is_south else 32600) + zone)


def _on_map(
    numbers: list[float], epsg: int | None, rows: slice, cols: slice
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    top, left, down, along = numbers
    y, x = np.meshgrid(
        top + down * np.arange(rows.start, rows.stop), left + along * np.arange(cols.start, cols.stop), indexing="ij"
    )
    if epsg is None:
        return y, x
    longitude, latitude = transformer_between(f"EPSG:{epsg}", "EPSG:4326").transform(x, y)
    return latitude, longitude


GAMMA = StackReader(
    name="gamma",
    holds="GAMMA stack",
    expects="20230301.rslc (or .slc) beside 20230301.rslc.par, with *.lt_fine and *dem*.par",
    find=_find,
    open=_open,
)
