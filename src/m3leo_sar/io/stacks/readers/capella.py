"""Capella SLC: complex int16 GeoTIFF with the metadata as JSON in the image description."""

from __future__ import annotations

import datetime
import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.io.files.raster import geobox_of, open_raster, read_window
from m3leo_sar.io.stacks.image_stack import StackImage, open_images
from m3leo_sar.io.stacks.pixel_positions import HOW_TO_STATE
from m3leo_sar.io.stacks.stack_reader import Choice, OpenedStack, Product, StackReader, refuse_choice

_LIGHT = 299_792_458.0


def _find(place: Path) -> list[Path]:
    inside = [place] if place.is_file() else sorted(place.iterdir())
    return [
        path
        for path in inside
        if path.suffix.lower() in (".tif", ".tiff")
        and path.name.upper().startswith("CAPELLA_")
        and "_SLC_" in path.name.upper()
    ]


def _open(products: Sequence[Product], choice: Choice) -> OpenedStack:
    refuse_choice(choice, ("burst", "frequency"), "a Capella SLC")
    images = [_image(product) for product in products]
    is_placed = choice.geometry is not None or choice.beside is not None or all(one.grid is not None for one in images)
    if choice.needs_positions and not is_placed:
        raise ValueError(
            f"{images[0].path.name}: each Capella SLC lies on a slant-plane grid of its own; export the dates to one "
            f"map grid, or co-register them and {HOW_TO_STATE}"
        )
    return open_images(images, choice, zero_is_value=False)


def _image(product: Product) -> StackImage:
    path = product.path.absolute()
    with open_raster(path) as source:
        if source.dtypes[0] not in ("complex_int16", "complex64"):
            raise ValueError(f"{path.name} must be a complex raster, got {source.dtypes[0]}")
        collect, processed = _collect(path, source.tags().get("TIFFTAG_IMAGEDESCRIPTION", ""))
        shape, grid = source.shape, geobox_of(source)
    try:
        time = datetime.datetime.fromisoformat(str(collect["start_timestamp"])[:26].rstrip("Z"))
        radar = collect["radar"]
        polarisation = f"{radar['transmit_polarization']}{radar['receive_polarization']}".upper()
        scale = float(collect["image"].get("scale_factor", 1))
        facts = {
            "wavelength": _LIGHT / float(radar["center_frequency"]),
            "orbit": str(collect.get("state", {}).get("direction", "")).lower() or None,
        }
    except (KeyError, TypeError, ValueError, AttributeError, ZeroDivisionError) as error:
        raise ValueError(f"{path.name}: its image description is incomplete: {type(error).__name__} {error}") from error
    date = product.date or time.date()
    return StackImage(
        path=path,
        date=date,
        shape=shape,
        read=partial(_pixels, path, scale),
        grid=grid,
        polarisation=product.polarisation or polarisation,
        time=time if time.date() == date else None,
        age=(processed,),
        facts=facts,
        platform=str(collect.get("platform") or "").upper() or None,
    )


def _collect(path: Path, text: str) -> tuple[dict[str, Any], str]:
    """Metadata of the collect, and the time of processing; empty if it is not stated."""
    try:
        document = json.loads(text)
        found, processed = document["collect"], str(document.get("processing_time") or "")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"{path.name} has no JSON of a collect in its image description: {error}") from error
    if not isinstance(found, dict):
        raise ValueError(f"{path.name}: collect must be a mapping, got {type(found).__name__}")
    return found, processed


def _pixels(path: Path, scale: float, rows: slice, cols: slice) -> NDArray[np.complex64]:
    """Pixels times the product's scale; zeros, its no data, are NaN."""
    return np.asarray(read_window(path, 1, rows, cols, nodata=0) * np.float32(scale), np.complex64)


CAPELLA = StackReader(
    name="capella",
    holds="Capella SLC",
    expects="a folder of CAPELLA_*_SLC_*.tif that were co-registered",
    find=_find,
    open=_open,
)
