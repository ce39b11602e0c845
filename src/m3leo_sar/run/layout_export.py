"""Export an archive to M3LEO's layout: one folder per product, one file per tile."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from m3leo_sar._machine import available_cpus
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.chips.chip import STORED, Chip
from m3leo_sar.io.chips.chip_name import by_polarisation, parse_key
from m3leo_sar.io.chips.product_names import LABEL
from m3leo_sar.io.components.band import Band
from m3leo_sar.io.components.quantity import KINDS, kind_of
from m3leo_sar.io.files.netcdf_file import Variables, axes_of, write_netcdf
from m3leo_sar.io.files.ordered_threads import in_order
from m3leo_sar.io.files.plain_values import plain_value
from m3leo_sar.io.files.raster import write_geotiff
from m3leo_sar.run.exchange import MISSING, OF_ONE, TAG, Exchanged

FORMATS = ("geotiff", "cog", "netcdf")


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
        ``left_out`` lists damaged chips. A band of a GeoTIFF in the place of one is empty, as that of a missing chip.

    Raises
    ------
    ValueError
        If the form is unknown.
    OSError
        If a file cannot be written.

    Notes
    -----
    Bands are named by pair or date. A product with several polarisations in the archive has a folder for each,
    ``<product>-<polarisation>``; with one, ``<product>`` as in M3LEO's layout. Keys of one product that differ in dtype
    or no-data value go to folders of their own, ``<product>-<key>``, as each label does. Overviews of a COG depend on
    the quantity: codes take the most common value, wrapped phase and decibels the nearest, all others the mean.
    """
    if form not in FORMATS:
        raise ValueError(f"form must be one of {', '.join(FORMATS)}, got {form!r}")
    done, keys_of_product = Exchanged(), _keys_of_products(archive)
    for identifier in archive.identifiers:
        for dataset in archive.datasets(identifier):
            parts = by_polarisation(keys_of_product[dataset])
            chips = _read(archive, identifier, dataset, done)
            keys = list(chips)
            apart = dataset == LABEL or len({(chip.array.dtype, chip.nodata) for chip in chips.values()}) > 1
            for polarisation, some in by_polarisation(keys).items():
                # One polarisation needs no name: M3LEO's layout has none.
                word = f"{dataset}-{polarisation}" if polarisation and len(parts) > 1 else dataset
                order = () if apart or form == "netcdf" else [parse_key(key).name for key in parts[polarisation]]
                for name, part in _folders(word, some, apart):
                    path = Path(folder) / name / f"{identifier}{'.nc' if form == 'netcdf' else '.tif'}"
                    _write(path, {parse_key(key).name: chips[key] for key in part}, form, order)
                    done.files += 1
                    done.chips += len(part)
        if report:
            report(identifier)
    return done


def _read(archive: ChipArchive, identifier: str, dataset: str, done: Exchanged) -> dict[str, Chip]:
    """Chips of a tile by key; those that cannot be read are noted as left out."""
    keys, chips = archive.keys(identifier, dataset), {}

    def read(key: str) -> Chip | Exception:
        try:
            return archive.read(identifier, dataset, key)
        except (OSError, ValueError) as error:
            return error

    for key, chip in zip(keys, in_order(read, keys, threads=available_cpus()), strict=True):
        if isinstance(chip, Chip):
            chips[key] = chip
        else:
            done.left_out[f"{identifier}/{dataset}/{key}"] = str(chip)
    return chips


def _folders(dataset: str, keys: list[str], apart: bool) -> Iterator[tuple[str, list[str]]]:
    if not apart:
        yield dataset, keys
        return
    for key in keys:
        yield f"{dataset}-{parse_key(key).name}", [key]


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
        return Chip(np.full_like(like.array, np.nan), like.geobox, {MISSING: key})
    return None if like.nodata is None else Chip(np.full_like(like.array, like.nodata), like.geobox, {MISSING: key})


def _shared_facts(chips: Iterable[Chip]) -> dict[str, str]:
    """Metadata texts that all chips share."""
    first, *others = [chip.metadata for chip in chips]
    return {
        name: value
        for name, value in first.items()
        if isinstance(value, str)
        and name not in (*OF_ONE, STORED)
        and all(other.get(name) == value for other in others)
    }


def _band_facts(chip: Chip) -> dict[str, str]:
    if MISSING in chip.metadata:
        return {MISSING: "no chip"}
    return {TAG: json.dumps(chip.metadata, sort_keys=True, default=plain_value)}


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
        texts = {name: value for name, value in chip.metadata.items() if name != STORED}
        facts = {name: value for name, value in texts.items() if isinstance(value, str | int | float)}
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
