"""Stacks of ISCE2's topsStack: co-registered, merged images in range and azimuth.

Layout: ISCE2 contrib/stack/topsStack: ``merged/SLC/<date>/<date>.slc.full`` with ``.vrt`` and ``.xml``, and
``merged/geom_reference/{lat,lon,hgt}.rdr.full``; with virtual merging, the ``.vrt`` alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.io.files.no_data import as_valid
from m3leo_sar.io.files.plain_xml import parse_xml
from m3leo_sar.io.files.raster import files_of, open_raster, read_window
from m3leo_sar.io.files.raw_image import RawImage
from m3leo_sar.io.stacks.acquisition_name import date_in_name, polarisation_in_name
from m3leo_sar.io.stacks.image_stack import StackImage, open_images
from m3leo_sar.io.stacks.pixel_positions import HOW_TO_STATE, Layer, layered_geometry
from m3leo_sar.io.stacks.stack_reader import Choice, OpenedStack, Product, StackReader, refuse_choice
from m3leo_sar.stack.geometry import RadarGeometry, StoredRadarGeometry

#: Names of an image of a date, of which the full one comes first.
_SUFFIXES = (".slc.full", ".slc")
#: Layer of the geometry to the starts of its names.
_LAYERS = {"latitude": ("lat",), "longitude": ("lon",), "height": ("hgt", "z")}
_GEOMETRY = ("geom_reference", "geom_master")
#: Data type of ISCE to NumPy's.
_TYPES = {"CFLOAT": "c8", "CDOUBLE": "c16", "FLOAT": "f4", "DOUBLE": "f8"}


def _find(place: Path) -> list[Path]:
    """Images by date, without their header suffix: in a project, in its folder ``merged/SLC``, or in one folder."""
    if not place.is_dir():
        return []
    for folder in (place / "merged" / "SLC", place / "SLC", place):
        if folder.is_dir():
            found = {path for level in ("*/", "") for path in folder.glob(f"{level}*.slc*") if _is_image(path)}
            images = sorted({_image_of(path) for path in found})
            # The same date as .slc and .slc.full: the full one.
            full = {path.with_suffix("") for path in images if path.suffix == ".full"}
            images = [path for path in images if path not in full]
            if images:
                return images
    return []


def _is_image(path: Path) -> bool:
    """Whether a file is a header of ISCE beside an image, or a VRT in its place."""
    image = _image_of(path)
    is_header = path.name.endswith((".vrt", ".xml")) and not path.name.endswith(".aux.xml")
    if not is_header or not image.name.endswith(_SUFFIXES) or re.match(r"\d{8}", image.name) is None:
        return False
    return not _is_on_map(path)


def _is_on_map(header: Path) -> bool:
    """Whether a header places its image on a map, as one of the other complex rasters; False for a damaged one."""
    with header.open("rb") as stream:
        content = stream.read(65_536)
    if header.suffix == ".vrt":
        return b"<SRS" in content
    # Corner and step of a geocoded image; an image in range and azimuth counts from 0 by 1.
    starts = re.findall(rb'name="startingvalue">\s*<value>\s*([-+.\deE]+)', content, re.IGNORECASE)
    return any(float(number) != 0 for number in starts if re.fullmatch(rb"[-+]?\d+\.?\d*([eE][-+]?\d+)?", number))


def _image_of(path: Path) -> Path:
    return path.with_suffix("") if path.suffix in (".vrt", ".xml") else path


def _open(products: Sequence[Product], choice: Choice) -> OpenedStack:
    refuse_choice(choice, ("burst", "frequency"), "an ISCE2 stack")
    facts = _project_facts(products[0].path.absolute())
    images = [_image(product, facts) for product in products]
    first = images[0].path
    layers = _layers(first)
    return open_images(
        images,
        choice,
        geometry=partial(_geometry, layers),
        geometry_files=tuple(path for path in layers.values() if path.is_file()),
        zero_is_value=False,
    )


def _image(product: Product, facts: dict[str, Any]) -> StackImage:
    path = product.path.absolute()
    read, shape, dtype, files = _reader(path)
    if not dtype.startswith("complex"):
        raise ValueError(f"{path.name} must be a complex image, got {dtype}")
    return StackImage(
        path=path,
        date=product.date or date_in_name(path.name),
        shape=shape,
        read=partial(_valid, read),
        dtype=dtype,
        files=files,
        polarisation=product.polarisation or polarisation_in_name(path.name),
        # The dates of topsStack keep the phase of flat earth and terrain.
        facts={**facts, "flattened": False},
    )


def _project_facts(image: Path) -> dict[str, Any]:
    """Wavelength and orbit from the headers of the reference date, ``reference/IW*.xml`` of the project."""
    headers = [path for up in list(image.parents)[1:5] for path in sorted(up.glob("reference/IW*.xml"))]
    if not headers:
        return {}
    root = parse_xml(headers[0].read_bytes(), headers[0].name)
    texts = {item.get("name", "").lower(): (item.findtext("value") or "").strip() for item in root.iter("property")}
    facts: dict[str, Any] = {}
    if texts.get("passdirection", "").lower() in ("ascending", "descending"):
        facts["orbit"] = texts["passdirection"].lower()
    with suppress(ValueError):
        facts["wavelength"] = float(texts.get("radarwavelength", ""))
    with suppress(ValueError):
        facts["track"] = int(texts.get("tracknumber", ""))
    return facts


def _valid(read: Layer, rows: slice, cols: slice) -> NDArray[Any]:
    """Pixels with zeros, which ISCE writes outside the bursts, as NaN."""
    return as_valid(read(rows, cols), 0)


def _reader(path: Path) -> tuple[Layer, tuple[int, int], str, tuple[Path, ...]]:
    """What reads an image or a layer, its shape, its dtype, and the files behind it."""
    headers = tuple(Path(f"{path}{suffix}") for suffix in (".xml", ".vrt") if Path(f"{path}{suffix}").is_file())
    if path.is_file() and headers:
        raw = _raw(path, headers[0])
        return raw.read, raw.shape, np.dtype(raw.dtype).newbyteorder("=").name, (path, *headers)
    vrt = Path(f"{path}.vrt")
    if not vrt.is_file():
        raise FileNotFoundError(f"there is no file {path}, nor its VRT {vrt.name}")
    with open_raster(vrt) as source:
        files = tuple(Path(file) for file in files_of(vrt))
        return partial(read_window, vrt, 1), source.shape, str(source.dtypes[0]), files


def _raw(path: Path, header: Path) -> RawImage:
    """Layout of a flat file by its header; names of files in the header are not followed."""
    root = parse_xml(header.read_bytes(), header.name)
    try:
        if header.suffix == ".vrt":
            band = root.find("VRTRasterBand")
            assert band is not None
            shape = int(root.get("rasterYSize", "")), int(root.get("rasterXSize", ""))
            order = ">" if band.findtext("ByteOrder") == "MSB" else "<"
            name = {"CFloat32": "c8", "CFloat64": "c16", "Float32": "f4", "Float64": "f8"}[band.get("dataType", "")]
        else:
            facts = {item.get("name", "").lower(): item.findtext("value") or "" for item in root.findall("property")}
            shape = int(facts["length"]), int(facts["width"])
            order = ">" if facts.get("byte_order", "l").strip().lower().startswith("b") else "<"
            name = _TYPES[facts["data_type"].strip().upper()]
            if int(facts.get("number_bands", "1")) != 1:
                raise ValueError(f"it has {facts['number_bands']} bands, expected one")
    except (KeyError, ValueError, AssertionError) as error:
        raise ValueError(f"{header.name} is not a header of an ISCE image: {type(error).__name__} {error}") from error
    return RawImage(path=path, shape=shape, dtype=order + name)


def _layers(image: Path) -> dict[str, Path]:
    """Latitude, longitude and height beside the images, without their header suffix."""
    folders = [up / name for up in list(image.parents)[:4] for name in ("", *_GEOMETRY)]
    ends = (".full", "") if image.suffix == ".full" else ("", ".full")
    for folder in folders:
        found = {}
        for name, starts in _LAYERS.items():
            paths = [folder / f"{start}.rdr{end}" for start in starts for end in ends]
            there = [path for path in paths if path.is_file() or Path(f"{path}.vrt").is_file()]
            if there:
                found[name] = there[0]
        if {"latitude", "longitude"} <= found.keys():
            return found
    return {}


def _geometry(layers: dict[str, Path], shape: tuple[int, int]) -> RadarGeometry | StoredRadarGeometry:
    if not layers:
        raise ValueError(
            "positions of the pixels are not there: expected lat.rdr.full and lon.rdr.full in merged/geom_reference "
            f"or beside the images; or {HOW_TO_STATE}"
        )
    readers = {}
    for name, path in layers.items():
        read, size, _, _ = _reader(path)
        if size != shape:
            raise ValueError(f"{path.name} has shape {size}, the images {shape}; multilooked layers do not fit")
        readers[name] = read
    return layered_geometry(shape, readers)


ISCE2 = StackReader(
    name="isce2",
    holds="ISCE2 stack",
    expects="the project, or merged/SLC with 20230301/20230301.slc.full, beside merged/geom_reference",
    find=_find,
    open=_open,
)
