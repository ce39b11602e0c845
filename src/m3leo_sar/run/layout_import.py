"""Import M3LEO's layout into an archive: one folder per product, one file per tile."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.tiles import TileGrid
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.chips.chip import Layer, stored_checksum
from m3leo_sar.io.chips.chip_name import own_key, parse_key
from m3leo_sar.io.chips.product_names import LABEL
from m3leo_sar.io.components.component import ComponentChip, component_of, read_component
from m3leo_sar.io.components.netcdf_components import read_agb, read_gssic, read_gunw
from m3leo_sar.io.files.raster import Raster, read_raster
from m3leo_sar.run.band_resampling import resample_bands
from m3leo_sar.run.exchange import MISSING, OF_ONE, TAG, Exchanged
from m3leo_sar.warp.reproject import reproject

#: Readers of netCDF components by the first word of their folder, and the resampling of their bands.
_NETCDF: dict[str, tuple[Callable[[Path], ComponentChip], str]] = {
    "gssic": (read_gssic, "bilinear"),
    "gunw": (read_gunw, "bilinear"),
    "biomass": (read_agb, "average"),
    "agb": (read_agb, "average"),
}
#: Components that serve as targets, not as inputs; they become labels of the archive.
_LABELS = ("esawc", "agb", "ghsbuilts")


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
        :func:`m3leo_sar.run.layout_export.export_archive` wrote as GeoTIFF.
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
    """Layers of a GeoTIFF of :func:`m3leo_sar.run.layout_export.export_archive`."""
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
    return _product_of(path.parent.name, layers), layers, raster.geobox


def _product_of(folder: str, layers: list[Layer]) -> str:
    """Product of an exported folder, whose name may have a polarisation or a label too."""
    polarisations = {parse_key(layer.key).polarisation for layer in layers}
    if len(polarisations) == 1 and folder.endswith(suffix := f"-{polarisations.pop()}"):
        return folder.removesuffix(suffix)
    return LABEL if folder.startswith(f"{LABEL}-") else folder


def _layers_of_bands(raster: Raster, planes: NDArray[Any], name: str) -> list[Layer]:
    """Layers with the metadata of their bands; adjacent bands of one name are one chip of several bands."""
    layers = []
    for key, group in groupby(range(len(planes)), key=lambda band: str(raster.names[band])):
        bands = list(group)
        if MISSING in raster.band_tags[bands[0]]:
            continue
        array = planes[bands[0]] if len(bands) == 1 else planes[bands[0] : bands[-1] + 1]
        facts = _facts_of_band(raster, bands[0], name, is_only=len(bands) == len(planes))
        key = own_key(key, facts)
        facts = _of_these_pixels({**facts, "key": key}, array)
        layers.append(Layer(key, array, facts, raster.nodata if array.dtype.kind in "iu" else None))
    return layers


def _facts_of_band(raster: Raster, band: int, name: str, *, is_only: bool) -> dict[str, Any]:
    text = raster.band_tags[band].get(TAG)
    if text is not None:
        try:
            return dict(json.loads(text))
        except (ValueError, TypeError, RecursionError) as error:
            raise ValueError(f"{name} has damaged metadata of band {band + 1}: {error}") from error
    tags = {tag.lower(): value for tag, value in raster.tags.items() if not tag.startswith(("AREA", "M3LEO"))}
    if is_only:
        return tags
    # Earlier versions wrote some metadata of the first band only; the other bands lack it.
    return {tag: value for tag, value in tags.items() if tag not in OF_ONE} | _dates_of(str(raster.names[band]))


def _dates_of(key: str) -> dict[str, str]:
    """Dates of a key."""
    days = [f"{day[:4]}-{day[4:6]}-{day[6:]}" for day in re.findall(r"(?<!\d)\d{8}(?!\d)", key)]
    names = {1: ("date",), 2: ("reference", "secondary")}.get(len(days), ())
    return dict(zip(names, days, strict=bool(names)))


def _of_these_pixels(facts: dict[str, Any], array: NDArray[Any]) -> dict[str, Any]:
    """Metadata with the checksum of these pixels; changed pixels are no longer the result of the parameters."""
    found = stored_checksum(array, facts)
    if facts.get("crc32") == found:
        return facts
    was_written = "crc32" in facts
    left_out = ("crc32", "parameters") if was_written else ("crc32",)
    return {**{name: value for name, value in facts.items() if name not in left_out}, "crc32": found}


def _tile_geobox(tiles: TileGrid, identifier: str) -> GeoBox:
    if identifier not in tiles.positions:
        raise ValueError(f"tile {identifier} is not among the {len(tiles)} tiles")
    return tiles[tiles.positions[identifier]].geobox
