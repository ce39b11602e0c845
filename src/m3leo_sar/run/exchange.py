"""Import from and export to M3LEO's layout: one folder per product, one file per tile."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.tiles import TileGrid
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.chips.chip import Chip, Layer, pixel_checksum
from m3leo_sar.io.chips.product_names import LABEL
from m3leo_sar.io.components.component import Band, ComponentChip, component_of, read_component
from m3leo_sar.io.components.netcdf_components import read_agb, read_gssic, read_gunw
from m3leo_sar.io.components.quantity import KINDS, kind_of
from m3leo_sar.io.files.netcdf_file import Variables, axes_of, write_netcdf
from m3leo_sar.io.files.plain_values import plain_value
from m3leo_sar.io.files.raster import Raster, read_raster, write_geotiff
from m3leo_sar.run.band_resampling import resample_bands
from m3leo_sar.warp.reproject import reproject

FORMATS = ("geotiff", "cog", "netcdf")
#: Metadata of a band of an exported file: its chip's as JSON, and a mark if the tile has no such chip.
_TAG, _MISSING = "M3LEO_SAR", "M3LEO_SAR_MISSING"
#: Metadata of one band only, even if a file has them for all bands.
_OF_ONE = ("key", "crc32", "date", "reference", "secondary", "days", "parameters")
#: Readers of netCDF components by the first word of their folder, and the resampling of their bands.
_NETCDF: dict[str, tuple[Callable[[Path], ComponentChip], str]] = {
    "gssic": (read_gssic, "bilinear"),
    "gunw": (read_gunw, "bilinear"),
    "biomass": (read_agb, "average"),
    "agb": (read_agb, "average"),
}
#: Components that serve as targets, not as inputs; they become labels of the archive.
_LABELS = ("esawc", "agb", "ghsbuilts")


@dataclass
class Exchanged:
    """Files read or written, and files left out.

    Parameters
    ----------
    files : int
        Files read or written whole.
    chips : int
        Chips in them.
    left_out : dict of str to str
        Files or tiles left out, with the reason.
    """

    files: int = 0
    chips: int = 0
    left_out: dict[str, str] = field(default_factory=dict)


def export_archive(
    archive: ChipArchive,
    folder: str | os.PathLike[str],
    *,
    form: str = "geotiff",
    report: Callable[[str], None] | None = None,
) -> Exchanged:
    """Write every chip in M3LEO's layout, ``<folder>/<product>/<identifier>.tif`` or ``.nc``.

    Parameters
    ----------
    archive : ChipArchive
    folder : path
        Files in it are replaced, each whole or not at all.
    form : str
        ``"geotiff"`` or ``"cog"``: one band per key, named by it, with the chip's metadata as the band's own;
        a tile without a chip of that key has an empty band in its place. ``"netcdf"``: one variable per key over
        ``y`` and ``x``, with a CF grid mapping; a complex one as ``<key>_real`` and ``<key>_imaginary``.
    report : callable, optional
        Called with each tile's identifier when it is done.

    Returns
    -------
    Exchanged
        A file with a damaged chip is left out.

    Raises
    ------
    ValueError
        If the form is unknown.
    OSError
        If a file cannot be written.

    Notes
    -----
    Keys of one product that differ in dtype or no-data value go to folders of their own,
    ``<product>-<key>``, as each label does. Overviews of a COG depend on the quantity: codes take the most common
    value, wrapped phase and decibels the nearest, all others the mean.
    """
    if form not in FORMATS:
        raise ValueError(f"form must be one of {', '.join(FORMATS)}, got {form!r}")
    done, bands = Exchanged(), {} if form == "netcdf" else _keys_of_products(archive)
    for identifier in archive.identifiers:
        for dataset in archive.datasets(identifier):
            keys = archive.keys(identifier, dataset)
            try:
                chips = {key: archive.read(identifier, dataset, key) for key in keys}
            except (OSError, ValueError) as error:
                done.left_out[f"{identifier}/{dataset}"] = str(error)
                continue
            apart = dataset == LABEL or len({(chip.array.dtype, chip.nodata) for chip in chips.values()}) > 1
            for name, part in _folders(dataset, keys, apart):
                path = Path(folder) / name / f"{identifier}{'.nc' if form == 'netcdf' else '.tif'}"
                _write(path, {key: chips[key] for key in part}, form, () if apart else bands.get(dataset, ()))
                done.files += 1
                done.chips += len(part)
        if report:
            report(identifier)
    return done


def import_layout(
    folder: str | os.PathLike[str],
    archive: ChipArchive,
    *,
    tiles: TileGrid | None = None,
    report: Callable[[str], None] | None = None,
) -> Exchanged:
    """Read M3LEO's layout into an archive: every file of every product folder, one chip per band.

    Parameters
    ----------
    folder : path
        Holds one folder per product: components of the release by their names (``s1grd-2020``, ``gssic``, ...), or what
        :func:`export_archive` wrote as GeoTIFF.
    archive : ChipArchive
    tiles : TileGrid, optional
        With tiles, every chip is resampled onto its tile's grid: radar, colours and heights bilinearly, biomass and
        tree cover by the mean over a pixel's ground, built surface with its sum preserved, codes by the most common.
        By default, chips keep their grid.
    report : callable, optional
        Called with each file's name when it is done.

    Returns
    -------
    Exchanged
        Files that are damaged, of no known product, or of a tile not in ``tiles`` are left out and reported.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    OSError
        If a chip cannot be written.
    """
    root = Path(folder)
    if not root.is_dir():
        raise FileNotFoundError(f"there is no folder {root}")
    done = Exchanged()
    for path in sorted(path for path in root.glob("*/*") if path.suffix in (".tif", ".nc") and path.is_file()):
        try:
            product, layers, geobox = _read(path, tiles)
            archive.write_layers(path.stem, product, layers, geobox)
        except ValueError as error:
            done.left_out[f"{path.parent.name}/{path.name}"] = str(error)
        else:
            done.files += 1
            done.chips += len(layers)
        if report:
            report(path.name)
    return done


def component_on_tile(chip: ComponentChip, geobox: GeoBox, *, resampling: str) -> ComponentChip:
    """A component's chip on the grid of a tile.

    Parameters
    ----------
    chip : ComponentChip
    geobox : GeoBox
        The tile's pixel grid, such as 448 x 448.
    resampling : str
        A word of :func:`m3leo_sar.reproject`; codes and masks always take ``"mode"`` or ``"nearest"``.

    Returns
    -------
    ComponentChip
        NaN, or 0 for codes, outside the chip.
    """
    if chip.array.dtype.kind in "iu":
        word = resampling if resampling in ("mode", "nearest") else "mode"
        array = reproject(chip.array, chip.geobox, geobox, resampling=word, mask=chip.mask, nodata=0)
        return ComponentChip(array, array != 0, geobox, chip.bands, chip.notes)
    array, _ = resample_bands(chip.array, chip.bands, chip.geobox, geobox, resampling=resampling)
    return ComponentChip(array, ~np.isnan(array), geobox, chip.bands, chip.notes)


def _folders(dataset: str, keys: list[str], apart: bool) -> Iterator[tuple[str, list[str]]]:
    if not apart:
        yield dataset, keys
        return
    for key in keys:
        yield f"{dataset}-{key}", [key]


def _keys_of_products(archive: ChipArchive) -> dict[str, tuple[str, ...]]:
    """All keys of each product over the tiles, in order."""
    keys: dict[str, set[str]] = {}
    for identifier in archive.identifiers:
        for dataset in archive.datasets(identifier):
            keys.setdefault(dataset, set()).update(archive.keys(identifier, dataset))
    return {dataset: tuple(sorted(names)) for dataset, names in keys.items()}


def _write(path: Path, chips: dict[str, Chip], form: str, order: Sequence[str]) -> None:
    if form == "netcdf":
        _write_netcdf(path, chips)
        return
    first = next(iter(chips.values()))
    filled = {key: chips.get(key) or _missing(key, first) for key in order or chips}
    held = {key: chip for key, chip in filled.items() if chip is not None}
    planes = {key: chip.array if chip.array.ndim == 3 else chip.array[None] for key, chip in held.items()}
    write_geotiff(
        path,
        np.concatenate([*planes.values()]),
        first.geobox,
        tags=_shared_facts(chips.values()),
        nodata=first.nodata,
        names=tuple(key for key, plane in planes.items() for _ in plane),
        band_tags=[_band_facts(held[key]) for key, plane in planes.items() for _ in plane],
        overviews=_overviews(chips) if form == "cog" else None,
    )


def _missing(key: str, like: Chip) -> Chip | None:
    """An empty chip in the place of a missing one; None for integers without a no-data value."""
    if like.array.dtype.kind in "fc":
        return Chip(np.full_like(like.array, np.nan), like.geobox, {_MISSING: key})
    return None if like.nodata is None else Chip(np.full_like(like.array, like.nodata), like.geobox, {_MISSING: key})


def _shared_facts(chips: Iterable[Chip]) -> dict[str, str]:
    """Metadata texts that all chips share."""
    first, *others = [chip.metadata for chip in chips]
    return {
        name: value
        for name, value in first.items()
        if isinstance(value, str) and name not in _OF_ONE and all(other.get(name) == value for other in others)
    }


def _band_facts(chip: Chip) -> dict[str, str]:
    if _MISSING in chip.metadata:
        return {_MISSING: "no chip"}
    return {_TAG: json.dumps(chip.metadata, sort_keys=True, default=plain_value)}


def _overviews(chips: Mapping[str, Chip]) -> str:
    found = set()
    for key, chip in chips.items():
        text = {name: str(chip.metadata.get(name) or "") for name in ("quantity", "product", "unit")}
        kind = kind_of(Band(key, text["quantity"] or text["product"], text["unit"], text["product"]))
        is_label = chip.array.dtype.kind in "iub" and text["unit"] in ("", "class")
        found.add("mode" if is_label else KINDS[kind].overviews if chip.array.dtype.kind == "f" else "average")
    return found.pop() if len(found) == 1 else "nearest"


def _cf_names(key: str, facts: Mapping[str, Any]) -> dict[str, str]:
    """Name and unit of a chip by the CF conventions; codes have no unit."""
    names = {"long_name": f"{facts.get('quantity') or facts.get('product') or 'chip'} {key}"}
    unit = str(facts.get("unit") or "")
    return names | ({"units": unit} if unit not in ("", "class") else {})


def _write_netcdf(path: Path, chips: Mapping[str, Chip]) -> None:
    first = next(iter(chips.values()))
    x, y = axes_of(first.geobox)
    variables: dict[str, Any] = {}
    for key, chip in chips.items():
        plane = chip.array
        facts = {name: value for name, value in chip.metadata.items() if isinstance(value, str | int | float)}
        facts |= _cf_names(key, facts)
        if chip.nodata is not None:
            facts["_FillValue"] = plane.dtype.type(chip.nodata)
        if plane.ndim == 3:
            variables |= {f"{key}_{band}": (("y", "x"), part, facts) for band, part in enumerate(plane)}
        elif plane.dtype.kind == "c":
            parts = {"real": plane.real, "imaginary": plane.imag}
            variables |= {f"{key}_{name}": (("y", "x"), part.copy(), facts) for name, part in parts.items()}
        else:
            variables[key] = (("y", "x"), plane, facts)
    typed: Variables = variables
    write_netcdf(path, {"": ({"y": y, "x": x}, typed)}, geobox=first.geobox)


def _read(path: Path, tiles: TileGrid | None) -> tuple[str, list[Layer], GeoBox]:
    """Product, layers and grid of a file of the layout."""
    own = None if tiles is None else _tile_geobox(tiles, path.stem)
    word = re.split(r"[-_]", path.parent.name)[0]
    if path.suffix == ".nc" and word in _NETCDF:
        reader, resampling = _NETCDF[word]
        return _as_layers(reader(path), own, resampling, path.parent.name)
    try:
        resampling = component_of(path.parent.name)[0].resampling
    except ValueError:
        return _exported(path, own)
    return _as_layers(read_component(path), own, resampling, path.parent.name)


def _as_layers(
    chip: ComponentChip, geobox: GeoBox | None, resampling: str, folder: str
) -> tuple[str, list[Layer], GeoBox]:
    if geobox is not None and geobox != chip.geobox:
        chip = component_on_tile(chip, geobox, resampling=resampling)
    product = chip.bands[0].product
    label = product in _LABELS
    layers = []
    for band, plane, mask in zip(chip.bands, chip.array, chip.mask, strict=True):
        facts = {name: value for name, value in asdict(band).items() if value is not None}
        facts["orbit"] = facts.pop("orbit_direction", None)
        notes = {"notes": list(chip.notes)} if chip.notes else {}
        codes = plane.dtype.kind in "iu"
        values = np.where(mask, plane, 0 if codes else np.float32(np.nan)).astype(plane.dtype)
        years = re.findall(r"\d{4}", folder)
        key = "_".join([product if band.name == "Map" else band.name, *years[:1]]) if label else band.name
        metadata = {**facts, **notes, "key": key, "resampling": resampling, "source": folder}
        layers.append(Layer(key, values, metadata, 0 if codes else None))
    return (LABEL if label else folder), layers, chip.geobox


def _exported(path: Path, geobox: GeoBox | None) -> tuple[str, list[Layer], GeoBox]:
    """Layers of a GeoTIFF of :func:`export_archive`."""
    if path.suffix == ".nc":
        raise ValueError(f"folder {path.parent.name!r} is not named after a known component")
    raster = read_raster(path)
    if raster.geobox is None or not raster.names or not all(raster.names):
        raise ValueError(
            f"folder {path.parent.name!r} is not named after a known component, and the bands have no names"
        )
    if geobox is not None and geobox != raster.geobox:
        raise ValueError(f"{path.name} does not lie on its tile's grid")
    planes = raster.array if raster.array.ndim == 3 else raster.array[None]
    layers = _layers_of_bands(raster, planes, path.name)
    folder = path.parent.name
    return (LABEL if folder.startswith(f"{LABEL}-") else folder), layers, raster.geobox


def _layers_of_bands(raster: Raster, planes: NDArray[Any], name: str) -> list[Layer]:
    """Layers with the metadata of their bands; adjacent bands of one name are one chip of several bands."""
    layers = []
    for key, group in groupby(range(len(planes)), key=lambda band: str(raster.names[band])):
        bands = list(group)
        if _MISSING in raster.band_tags[bands[0]]:
            continue
        array = planes[bands[0]] if len(bands) == 1 else planes[bands[0] : bands[-1] + 1]
        facts = _facts_of_band(raster, bands[0], name, is_only=len(bands) == len(planes))
        facts = _of_these_pixels({**facts, "key": key}, array)
        layers.append(Layer(key, array, facts, raster.nodata if array.dtype.kind in "iu" else None))
    return layers


def _facts_of_band(raster: Raster, band: int, name: str, *, is_only: bool) -> dict[str, Any]:
    text = raster.band_tags[band].get(_TAG)
    if text is not None:
        try:
            return dict(json.loads(text))
        except (ValueError, TypeError, RecursionError) as error:
            raise ValueError(f"{name} has damaged metadata of band {band + 1}: {error}") from error
    tags = {tag.lower(): value for tag, value in raster.tags.items() if not tag.startswith(("AREA", "M3LEO"))}
    if is_only:
        return tags
    # Earlier versions wrote some metadata of the first band only; the other bands lack it.
    return {tag: value for tag, value in tags.items() if tag not in _OF_ONE} | _dates_of(str(raster.names[band]))


def _dates_of(key: str) -> dict[str, str]:
    """Dates of a key."""
    days = [f"{day[:4]}-{day[4:6]}-{day[6:]}" for day in re.findall(r"(?<!\d)\d{8}(?!\d)", key)]
    names = {1: ("date",), 2: ("reference", "secondary")}.get(len(days), ())
    return dict(zip(names, days, strict=bool(names)))


def _of_these_pixels(facts: dict[str, Any], array: NDArray[Any]) -> dict[str, Any]:
    """Metadata with the checksum of these pixels; changed pixels are no longer the result of the parameters."""
    found = pixel_checksum(array)
    if facts.get("crc32") == found:
        return facts
    was_written = "crc32" in facts
    left_out = ("crc32", "parameters") if was_written else ("crc32",)
    return {**{name: value for name, value in facts.items() if name not in left_out}, "crc32": found}


def _tile_geobox(tiles: TileGrid, identifier: str) -> GeoBox:
    if identifier not in tiles.positions:
        raise ValueError(f"tile {identifier} is not among the {len(tiles)} tiles")
    return tiles[tiles.positions[identifier]].geobox
