"""SICD in NITF: complex images on a slant plane, rows along range, a grid per collect.

Layout: NGA.STND.0024-1 (SICD volume 1) and -2 (NITF); the names read here are those of versions 1.1 to 1.5. Images of
collects that a processor has put on one grid are opened; the arrays are turned, so that rows are azimuth.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.io.files.no_data import as_valid
from m3leo_sar.io.files.plain_xml import parse_xml
from m3leo_sar.io.files.raster import open_raster, read_window
from m3leo_sar.io.stacks.image_stack import StackImage, open_images
from m3leo_sar.io.stacks.pixel_positions import HOW_TO_STATE
from m3leo_sar.io.stacks.stack_reader import Choice, OpenedStack, Product, StackReader, refuse_choice
from m3leo_sar.stack.polarisation import POLARISATIONS

_SUFFIXES = (".nitf", ".ntf", ".nif")
_TYPES = ("RE32F_IM32F", "RE16I_IM16I", "AMP8I_PHS8I")
_LIGHT = 299_792_458.0
#: Right- and left-hand circular polarisation.
_CIRCULAR = {"RHC": "R", "LHC": "L"}
#: Entries that place the pixels on the ground: equal in all images of one grid.
_PLACE = ("ImageData/FirstRow", "ImageData/FirstCol", "ImageData/SCPPixel/Row", "ImageData/SCPPixel/Col",
          "GeoData/SCP/ECF/X", "GeoData/SCP/ECF/Y", "GeoData/SCP/ECF/Z", "Grid/Row/SS", "Grid/Col/SS",
          "Grid/Row/UVectECF/X", "Grid/Row/UVectECF/Y", "Grid/Row/UVectECF/Z")  # fmt: skip


class _Header(NamedTuple):
    """What a file states of its image."""

    kind: str
    shape: tuple[int, int]
    place: tuple[str, ...]
    time: datetime.datetime
    polarisation: str | None
    wavelength: float | None
    #: When the file was made, as its text.
    made: str
    #: Name of the satellite or aircraft, None if it is not stated.
    platform: str | None


def _find(place: Path) -> list[Path]:
    inside = [place] if place.is_file() else sorted(place.iterdir())
    return [path for path in inside if path.suffix.lower() in _SUFFIXES and path.is_file()]


def _open(products: Sequence[Product], choice: Choice) -> OpenedStack:
    refuse_choice(choice, ("burst", "frequency"), "a SICD")
    headers = [_header(product.path.absolute()) for product in products]
    first = headers[0]
    for product, header in zip(products, headers, strict=True):
        if (header.shape, header.place) != (first.shape, first.place):
            raise ValueError(
                f"{product.path.name} lies on another slant-plane grid than {products[0].path.name}: each SICD has one "
                "of its own; co-register the dates, or project them to one map grid, and open those"
            )
    if choice.needs_positions and choice.geometry is None and choice.beside is None:
        raise ValueError(
            f"{products[0].path.name}: a SICD lies on a slant plane and states no position per pixel; "
            f"{HOW_TO_STATE}, with rows along azimuth"
        )
    images = [_image(product, header) for product, header in zip(products, headers, strict=True)]
    return open_images(images, choice, zero_is_value=False)


def _image(product: Product, header: _Header) -> StackImage:
    path = product.path.absolute()
    date = product.date or header.time.date()
    return StackImage(
        path=path,
        date=date,
        # Columns of the file are azimuth.
        shape=(header.shape[1], header.shape[0]),
        read=partial(_pixels, path, header.kind),
        polarisation=product.polarisation or header.polarisation,
        time=header.time if header.time.date() == date else None,
        age=(header.made,),
        facts={"wavelength": header.wavelength},
        platform=header.platform,
    )


def _header(path: Path) -> _Header:
    with open_raster(path) as source:
        texts = source.tags(ns="xml:DES")
        shape, count = source.shape, source.count
    root = _sicd(path, "".join(texts.values()))
    kind = _text(root, "ImageData/PixelType")
    if kind not in _TYPES or count != 2:
        raise ValueError(
            f"{path.name}: PixelType must be one of {', '.join(_TYPES)} in two bands, got {kind} in {count}"
        )
    try:
        time = datetime.datetime.fromisoformat(_text(root, "Timeline/CollectStart")[:26].rstrip("Z"))
        low, high = (float(_text(root, f"ImageFormation/TxFrequencyProc/{name}")) for name in ("MinProc", "MaxProc"))
    except ValueError as error:
        raise ValueError(f"{path.name}: its SICD has no Timeline/CollectStart or TxFrequencyProc: {error}") from error
    return _Header(
        kind,
        shape,
        tuple(_text(root, name) for name in _PLACE),
        time,
        _polarisation(path, _text(root, "ImageFormation/TxRcvPolarizationProc")),
        2 * _LIGHT / (low + high) if low + high > 0 else None,
        _text(root, "ImageCreation/DateTime"),
        _text(root, "CollectionInfo/CollectorName").upper() or None,
    )


def _polarisation(path: Path, text: str) -> str | None:
    """Polarisation of ``V:H``, or of ``RHC:H`` for circular transmission; None if it is not stated.

    Raises
    ------
    ValueError
        If it is one that a stack cannot have, such as of circular reception.
    """
    sides = text.strip().upper().split(":")
    found = "".join(_CIRCULAR.get(side, side) for side in sides)
    if found in POLARISATIONS:
        return found
    if len(sides) == 2 and "UNKNOWN" not in sides and "OTHER" not in sides:
        raise ValueError(f"{path.name}: its polarisation must be one of {', '.join(POLARISATIONS)}, got {text}")
    return None


def _sicd(path: Path, text: str) -> ElementTree.Element:
    """The SICD in GDAL's text of the data extension segments, without name spaces."""
    root = parse_xml(text.encode(), path.name) if text else None
    found = next((item for item in root.iter() if item.tag.endswith("}SICD")), None) if root is not None else None
    if found is None:
        raise ValueError(f"{path.name} is not a SICD: it has no SICD segment; a detected NITF image has no phase")
    for item in found.iter():
        item.tag = item.tag.partition("}")[2] or item.tag
    return found


def _text(root: ElementTree.Element, name: str) -> str:
    return (root.findtext(name) or "").strip()


def _pixels(path: Path, kind: str, rows: slice, cols: slice) -> NDArray[np.complex64]:
    """Pixels with rows along azimuth; zeros, which lie outside the focused image, are NaN."""
    first, second = (read_window(path, band, cols, rows).astype(np.float32).T for band in (1, 2))
    if kind == "AMP8I_PHS8I":
        # A phase of 256 is a full turn.
        return np.asarray(as_valid((first * np.exp(2j * np.pi / 256 * second)).astype(np.complex64), 0))
    pixels = np.empty(first.shape, np.complex64)
    pixels.real, pixels.imag = first, second
    return np.asarray(as_valid(pixels, 0))


SICD = StackReader(
    name="sicd",
    holds="SICD",
    expects="a folder of .nitf files on one grid",
    find=_find,
    open=_open,
)
