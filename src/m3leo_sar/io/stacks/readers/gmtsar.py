"""GMTSAR: co-registered images in range and azimuth, ``x.SLC`` of int16 pairs beside ``x.PRM``.

Positions come from ``trans.dat``, the look-up table that GMTSAR makes of the terrain model: records of five float64,
range, azimuth, elevation, longitude and latitude.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.io.files import limits
from m3leo_sar.io.files.limits import read_text
from m3leo_sar.io.files.no_data import as_valid
from m3leo_sar.io.files.raw_image import RawImage
from m3leo_sar.io.stacks.acquisition_name import date_in_name, polarisation_in_name
from m3leo_sar.io.stacks.image_stack import StackImage, open_images
from m3leo_sar.io.stacks.pixel_positions import HOW_TO_STATE
from m3leo_sar.io.stacks.scattered_geometry import scattered_geometry
from m3leo_sar.io.stacks.stack_reader import Choice, OpenedStack, Product, StackReader, refuse_choice
from m3leo_sar.stack.geometry import Geometry

_TABLE = "trans.dat"
_COLUMNS = 5
_ORBITS = {"A": "ascending", "D": "descending"}


def _find(place: Path) -> list[Path]:
    inside = [place] if place.is_file() else sorted(place.iterdir())
    return [path for path in inside if path.suffix.upper() == ".SLC" and path.is_file() and _header_of(path).is_file()]


def _header_of(path: Path) -> Path:
    return path.with_suffix(".PRM")


def _open(products: Sequence[Product], choice: Choice) -> OpenedStack:
    refuse_choice(choice, ("burst", "frequency"), "a GMTSAR stack")
    images = [_image(product) for product in products]
    table = _table_near(images[0].path.parent)
    return open_images(
        images,
        choice,
        geometry=partial(_geometry, images[0].path.parent, table),
        geometry_files=(table,) if table else (),
        zero_is_value=False,
    )


def _image(product: Product) -> StackImage:
    path = product.path.absolute()
    header = _header_of(path)
    facts = _parameters(header)
    cols = _integer(header, facts, "num_rng_bins")
    rows = _integer(header, facts, "num_valid_az") * max(1, int(_float(facts, "num_patches") or 1))
    raw = RawImage(path=path, shape=(rows, cols), dtype="<i2", is_pairs=True)
    return StackImage(
        path=path,
        date=product.date or date_in_name(path.name),
        shape=(rows, cols),
        read=partial(_valid, raw),
        files=(path, header),
        polarisation=product.polarisation or polarisation_in_name(path.name),
        facts={"wavelength": _float(facts, "radar_wavelength"), "orbit": _ORBITS.get(facts.get("orbdir", ""))},
    )


def _valid(raw: RawImage, rows: slice, cols: slice) -> NDArray[Any]:
    """Pixels with zeros, GMTSAR's no data, as NaN."""
    return as_valid(raw.read(rows, cols), 0)


def _parameters(path: Path) -> dict[str, str]:
    """Entries ``key = value`` of a PRM; of a key given twice, the last counts, as in GMTSAR."""
    pairs = (line.partition("=") for line in read_text(path).splitlines())
    return {key.strip(): value.strip() for key, equals, value in pairs if equals}


def _integer(path: Path, facts: dict[str, str], name: str) -> int:
    if not facts.get(name, "").isdigit():
        raise ValueError(f"{path.name} must state {name} as a whole number, got {facts.get(name)!r}")
    return int(facts[name])


def _float(facts: dict[str, str], name: str) -> float | None:
    try:
        return float(facts.get(name, ""))
    except ValueError:
        return None


def _table_near(folder: Path) -> Path | None:
    places = (folder, folder / "topo", folder.parent / "topo", folder.parent.parent / "topo")
    return next((place / _TABLE for place in places if (place / _TABLE).is_file()), None)


def _geometry(folder: Path, table: Path | None, shape: tuple[int, int]) -> Geometry:
    if table is None:
        raise ValueError(
            f"{folder} states no position of its pixels: expected {_TABLE} beside the images or in topo; "
            f"or {HOW_TO_STATE}"
        )
    size = os.path.getsize(table)
    limits.require_size(table.name, size, limits.LARGEST_RASTER)
    if size == 0 or size % (_COLUMNS * 8):
        raise ValueError(f"{table.name} must be records of {_COLUMNS * 8} bytes, it has {size} bytes")
    records = np.fromfile(table, "<f8").reshape(-1, _COLUMNS)
    cols, rows, _, longitude, latitude = records.T
    return scattered_geometry(shape, rows, cols, latitude, longitude)


GMTSAR = StackReader(
    name="gmtsar",
    holds="GMTSAR stack",
    expects="a folder of x.SLC beside x.PRM, with topo/trans.dat",
    find=_find,
    open=_open,
)
