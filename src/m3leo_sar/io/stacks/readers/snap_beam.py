"""SNAP BEAM-DIMAP: one product, ``x.dim`` beside ``x.data``, may hold all dates as pairs of real images.

Layout: SNAP's BEAM-DIMAP writer. A complex band is ``i_<swath>_<polarisation>_<tag>_<ddMonyyyy>.img`` and ``q_...``,
with ENVI headers; the tags are ``mst`` and ``slvN`` up to SNAP 13, ``ref`` and ``secN`` from SNAP 14.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.io.files.limits import read_text
from m3leo_sar.io.files.plain_xml import parse_xml
from m3leo_sar.io.files.raw_image import RawImage
from m3leo_sar.io.stacks.acquisition_name import date_in_name, polarisation_in_name
from m3leo_sar.io.stacks.image_stack import StackImage, open_images
from m3leo_sar.io.stacks.pixel_positions import HOW_TO_STATE, layered_geometry, mesh_geometry
from m3leo_sar.io.stacks.refused_kind import refused_kind
from m3leo_sar.io.stacks.stack_reader import Choice, OpenedStack, Product, StackReader, refuse_choice
from m3leo_sar.stack.geometry import Geometry

#: ENVI's data types to NumPy's.
_TYPES = {"1": "u1", "2": "i2", "3": "i4", "4": "f4", "5": "f8", "12": "u2", "13": "u4"}
#: Names of bands and tie-point grids with the positions of pixels.
_POSITIONS = (("orthorectifiedLat", "orthorectifiedLon"), ("latitude", "longitude"), ("lat", "lon"))
_LIGHT = 299_792_458.0


class _Band(NamedTuple):
    """A band of a product: its file and what the product states of it."""

    raw: RawImage
    nodata: float | None
    scale: float
    offset: float

    def read(self, rows: slice, cols: slice) -> NDArray[Any]:
        return self.scaled(self.raw.read(rows, cols))

    def scaled(self, stored: NDArray[Any]) -> NDArray[Any]:
        values = stored.astype(np.float64 if stored.dtype == np.float64 else np.float32, copy=False)
        if (self.scale, self.offset) == (1.0, 0.0):
            return values
        scale, offset = np.asarray((self.scale, self.offset), values.dtype)
        return np.asarray(values * scale + offset)


def _find(place: Path) -> list[Path]:
    """Products with pairs of images: a ``.dim``, its folder, or a folder ``.data``."""
    if place.is_file():
        return [place] if place.suffix.lower() == ".dim" else []
    if place.suffix.lower() == ".data" and place.with_suffix(".dim").is_file():
        return [place.with_suffix(".dim")]
    return sorted(path for path in place.iterdir() if path.suffix.lower() == ".dim" and path.is_file())


def _open(products: Sequence[Product], choice: Choice) -> OpenedStack:
    refuse_choice(choice, ("frequency",), "a SNAP product")
    documents = [_Document(product.path.absolute()) for product in products]
    images = [image for document in documents for image in document.images()]
    if not images:
        raise ValueError(f"{products[0].path.name} has no pairs of bands i_* and q_*, as a complex product has")
    first = documents[0]
    opened = open_images(images, choice, geometry=first.geometry, zero_is_value=not first.has_nodata)
    return opened


class _Document:
    """The ``.dim`` of a product."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.data = path.with_suffix(".data")
        # SNAP declares ISO-8859-1 and writes it, where a name has a letter beyond ASCII.
        content = path.read_bytes()
        is_latin = b"ISO-8859-1" in content[:100].upper()
        self.root = parse_xml(content.decode("latin-1").encode() if is_latin else content, path.name)
        self.shape = self._shape()
        self.grid = self._map_grid()
        self.bands = {item.findtext("BAND_NAME", "").strip(): item for item in self.root.iter("Spectral_Band_Info")}
        self.facts = _facts(self.root)
        # Of the reference; the metadata of the others are those of another product.
        self.platform = _platform(self.root)

    @property
    def has_nodata(self) -> bool:
        """Whether zeros are no data in every complex band."""
        pairs = [item for name, item in self.bands.items() if name.lower().startswith(("i_", "q_"))]
        return all(_nodata(item) == 0 for item in pairs)

    def images(self) -> Iterator[StackImage]:
        """Complex images of the product."""
        names = [name for name in self.bands if name.lower().startswith("i_")]
        for name in names:
            other = ("q_" if name[0] == "i" else "Q_") + name[2:]
            if other not in self.bands:
                raise ValueError(f"{self.path.name} has the band {name} without {other}")
            parts = self._band(name), self._band(other)
            yield StackImage(
                path=self.path,
                date=date_in_name(name),
                shape=self.shape,
                read=partial(_complex, *parts),
                dtype="complex128" if parts[0].raw.dtype.endswith("f8") else "complex64",
                files=tuple(file for part in parts for file in (part.raw.path, part.raw.path.with_suffix(".hdr"))),
                grid=self.grid,
                polarisation=polarisation_in_name(name),
                burst=_swath_in(name),
                facts=self.facts,
                platform=self.platform if "_MST_" in name.upper() or "_REF_" in name.upper() else None,
            )

    def geometry(self, shape: tuple[int, int]) -> Geometry:
        """Positions of the pixels from bands, or from tie-point grids."""
        for names in _POSITIONS:
            if all((self.data / f"{name}.img").is_file() for name in names):
                latitude, longitude = (_Band(self._raw(self.data / f"{name}.img"), None, 1.0, 0.0) for name in names)
                return layered_geometry(shape, {"latitude": latitude.read, "longitude": longitude.read})
        ties = self.data / "tie_point_grids"
        if all((ties / f"{name}.img").is_file() for name in ("latitude", "longitude")):
            return self._from_ties(shape, ties)
        raise ValueError(
            f"{self.path.name} states no position of its pixels: expected the bands orthorectifiedLat and "
            f"orthorectifiedLon, or tie_point_grids/latitude and longitude, in its .data; or {HOW_TO_STATE}"
        )

    def _from_ties(self, shape: tuple[int, int], ties: Path) -> Geometry:
        layers, steps = {}, None
        for item in self.root.iter("Tie_Point_Grid_Info"):
            name = item.findtext("TIE_POINT_GRID_NAME", "").strip()
            if name in ("latitude", "longitude"):
                raw = self._raw(ties / f"{name}.img", any_shape=True)
                layers[name] = raw.read(slice(0, raw.shape[0]), slice(0, raw.shape[1]))
                steps = tuple(_number(item, f"TIE_POINT_{word}_{axis}") for axis in "YX" for word in ("OFFSET", "STEP"))
        if steps is None or len(layers) < 2:
            raise ValueError(f"{self.path.name} does not describe its tie-point grids latitude and longitude")
        top, down, left, along = steps
        # A centre is at half a pixel in SNAP, at 0 here.
        rows, cols = (
            start - 0.5 + step * np.arange(size)
            for start, step, size in zip((top, left), (down, along), layers["latitude"].shape, strict=True)
        )
        return mesh_geometry(shape, rows, cols, layers)

    def _band(self, name: str) -> _Band:
        item = self.bands[name]
        return _Band(
            self._raw(self.data / f"{name}.img"),
            _nodata(item),
            _number(item, "SCALING_FACTOR", 1.0),
            _number(item, "SCALING_OFFSET", 0.0),
        )

    def _raw(self, path: Path, *, any_shape: bool = False) -> RawImage:
        """Layout of an image by its ENVI header."""
        header = path.with_suffix(".hdr")
        if not header.is_file():
            raise FileNotFoundError(f"there is no file {header}")
        facts = {}
        for line in read_text(header).splitlines():
            key, equals, value = line.partition("=")
            if equals:
                facts[key.strip().lower()] = value.strip()
        try:
            shape = int(facts["lines"]), int(facts["samples"])
            # A header that was cut short has lost its last lines, and the order of bytes cannot be guessed.
            order = {"0": "<", "1": ">"}[facts["byte order"]]
            dtype = order + _TYPES[facts["data type"]]
            offset = int(facts.get("header offset", "0"))
        except (KeyError, ValueError) as error:
            raise ValueError(f"{header.name} is not an ENVI header of one band: {error}") from error
        if shape != self.shape and not any_shape:
            raise ValueError(f"{header.name} has shape {shape}, the product {self.shape}")
        return RawImage(path=path, shape=shape, dtype=dtype, header=offset)

    def _shape(self) -> tuple[int, int]:
        sizes = [self.root.findtext(f"Raster_Dimensions/{name}", "") for name in ("NROWS", "NCOLS")]
        if not all(size.strip().isdigit() for size in sizes):
            raise ValueError(f"{self.path.name} is not a BEAM-DIMAP product: it states no NROWS and NCOLS")
        return int(sizes[0]), int(sizes[1])

    def _map_grid(self) -> GeoBox | None:
        """Map grid of a geocoded product, None in range and azimuth."""
        wkt = self.root.findtext("Coordinate_Reference_System/WKT")
        numbers = self.root.findtext("Geoposition/IMAGE_TO_MODEL_TRANSFORM")
        if not wkt or not numbers:
            return None
        # In Java's order: scale x, shear y, shear x, scale y, shift x, shift y.
        try:
            a, d, b, e, c, f = (float(number) for number in numbers.split(","))
        except ValueError as error:
            raise ValueError(f"{self.path.name} has no six numbers in IMAGE_TO_MODEL_TRANSFORM: {error}") from error
        return GeoBox(self.shape, Affine(a, b, c, d, e, f), wkt.strip())


def _complex(real: _Band, imaginary: _Band, rows: slice, cols: slice) -> NDArray[Any]:
    """Complex pixels; no data is where both parts hold it, as zero in one part alone is a value."""
    stored = real.raw.read(rows, cols), imaginary.raw.read(rows, cols)
    parts = real.scaled(stored[0]), imaginary.scaled(stored[1])
    out = np.empty(parts[0].shape, np.result_type(*parts, np.complex64))
    out.real, out.imag = parts
    empty = np.isnan(out)
    if real.nodata is not None and imaginary.nodata is not None:
        empty |= (stored[0] == real.nodata) & (stored[1] == imaginary.nodata)
    out[empty] = complex(np.nan, np.nan)
    return out


def _nodata(item: ElementTree.Element) -> float | None:
    is_used = item.findtext("NO_DATA_VALUE_USED", "false").strip().lower() == "true"
    return _number(item, "NO_DATA_VALUE") if is_used else None


def _number(item: ElementTree.Element, name: str, default: float | None = None) -> float:
    text = item.findtext(name)
    if text is None and default is not None:
        return default
    try:
        return float(text or "")
    except ValueError as error:
        raise ValueError(f"{name} must be a number, got {text!r}") from error


def _swath_in(name: str) -> str | None:
    """Swath of a band, such as IW2, if it names one."""
    words = [word for word in name.upper().split("_") if word[:2] in ("IW", "EW") and word[2:].isdigit()]
    return words[0] if len(words) == 1 else None


def _platform(root: ElementTree.Element) -> str | None:
    names = [(item.text or "").strip().upper() for item in root.iter("MDATTR") if item.get("name") == "MISSION"]
    return names[0].replace("SENTINEL-", "S") if names and names[0].startswith("SENTINEL-1") else None


def _facts(root: ElementTree.Element) -> dict[str, Any]:
    """Orbit, track and wavelength from the abstracted metadata."""
    texts = {item.get("name", ""): (item.text or "").strip() for item in root.iter("MDATTR")}
    orbit, track, frequency = (texts.get(name, "") for name in ("PASS", "REL_ORBIT", "radar_frequency"))
    found: dict[str, Any] = {}
    if orbit.lower() in ("ascending", "descending"):
        found["orbit"] = orbit.lower()
    if track.isdigit() and 0 < int(track) < 1000:
        found["track"] = int(track)
    try:
        megahertz = float(frequency)
    except ValueError:
        return found
    return found | ({"wavelength": _LIGHT / (megahertz * 1e6)} if 0 < megahertz < 99_999 else {})


SNAP_BEAM = StackReader(
    name="snap-beam",
    holds="SNAP BEAM-DIMAP",
    expects="x.dim beside x.data, or their folder; bands i_*_20Jan2023 and q_*_20Jan2023",
    find=_find,
    open=_open,
)


def _find_data(place: Path) -> list[Path]:
    """A folder ``.data`` without its ``.dim``."""
    if not place.is_dir():
        return []
    parts = {path.name[:2].lower() for path in place.glob("*.img")}
    return [place] if {"i_", "q_"} <= parts else []


SNAP_DATA = refused_kind(
    "snap-data",
    "the .data of a SNAP BEAM-DIMAP product",
    _find_data,
    "its .dim, which states what the bands hold, is not beside it",
)
