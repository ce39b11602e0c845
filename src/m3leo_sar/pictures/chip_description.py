"""Table of the bands of a chip and their meaning."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from m3leo_sar.chips.land_cover import legend_of
from m3leo_sar.io.chips.chip import Chip
from m3leo_sar.io.chips.chip_name import POLARISATION
from m3leo_sar.io.chips.geotiff_storage import read_chip
from m3leo_sar.io.chips.zarr_batch import read_batch
from m3leo_sar.io.components.band import Band
from m3leo_sar.io.components.component import ComponentChip, read_component
from m3leo_sar.io.components.netcdf_components import read_agb, read_gssic, read_gunw
from m3leo_sar.io.files.zarr_shard import is_own_array

#: Columns of the table.
COLUMNS = ("band", "quantity", "unit", "dates", "polarisation", "orbit", "looks", "valid", "values")
#: Most classes that are listed.
_MOST_CLASSES = 24
#: Readers of netCDF chips by the first word of their folder.
_NETCDF: dict[str, Callable[[Path], ComponentChip]] = {
    "gssic": read_gssic,
    "gunw": read_gunw,
    "biomass": read_agb,
    "agb": read_agb,
}


class Description(NamedTuple):
    """Text description of a chip.

    Parameters
    ----------
    heading : str
        Its product and grid.
    rows : list of tuple of str
        One per band, with the columns `COLUMNS`.
    notes : tuple of str
        Classes of a map of codes, and problems found.
    bands : list of dict
        The facts of the rows as values: dates by ISO 8601, ``valid`` as a share in [0, 1], ``minimum`` and ``maximum``
        of the values, or of their magnitude.
    """

    heading: str
    rows: list[tuple[str, ...]]
    notes: tuple[str, ...]
    bands: list[dict[str, Any]]


def describe(path: str | os.PathLike[str], *, component: str | None = None) -> Description:
    """Describe the bands of a chip of M3LEO's release, or of this library's archive.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is neither.
    """
    file = Path(path)
    if file.suffix == ".nc":
        return _described(_read_netcdf(file, component))
    if file.is_dir():
        if not is_own_array(file):
            raise ValueError(f"{file} is a folder, but not a batch of chips of this library")
        return _own(read_batch(file), _product(file))
    own = None if component else read_chip(path)
    if own is not None:
        return _own([own], _product(file))
    return _described(read_component(path, component=component))


def varying_columns(
    rows: Sequence[tuple[str, ...]],
) -> tuple[dict[str, str], list[str], list[tuple[str, ...]]]:
    """Facts that all bands share, and the columns and rows of the others; a single band has shared facts only.

    Examples
    --------
    >>> vv = ("vv", "power", "1", "", "VV", "", "", "9%", "0 ... 1")
    >>> rows = [vv, ("vh", *vv[1:4], "VH", *vv[5:8], "0 ... 2")]
    >>> varying_columns(rows)[1]
    ['band', 'polarisation', 'values']
    """
    same = [len(set(values)) == 1 for values in zip(*rows, strict=True)]
    common = {name: value for name, value, is_same in zip(COLUMNS, rows[0], same, strict=True) if is_same and value}
    columns = [name for name, is_same in zip(COLUMNS, same, strict=True) if not is_same]
    kept = [tuple(value for value, is_same in zip(row, same, strict=True) if not is_same) for row in rows]
    return common, columns, kept if columns else []


def _product(file: Path) -> str:
    """Product of a file or batch of an archive, by its folders."""
    return file.parents[1].name if POLARISATION.fullmatch(file.parent.name) else file.parent.name


def _read_netcdf(file: Path, component: str | None) -> ComponentChip:
    name = component or re.split(r"[-_]", file.parent.name)[0]
    if name not in _NETCDF:
        raise ValueError(f"folder {file.parent.name!r} is none of {', '.join(_NETCDF)}; specify one with component=")
    return _NETCDF[name](file)


def _described(chip: ComponentChip) -> Description:
    bands, notes = [], list(chip.notes)
    for band, plane, mask in zip(chip.bands, chip.array, chip.mask, strict=True):
        bands.append(_facts(band, plane, mask))
        if band.unit == "class":
            notes += _classes(band.product, band.name, {}, plane.astype(np.int64), mask)
    return _description(f"{chip.bands[0].product}, {_grid(chip.geobox)}", bands, notes)


def _description(heading: str, bands: list[dict[str, Any]], notes: Sequence[str]) -> Description:
    rows = [_row(facts) for facts in bands]
    return Description(heading, rows, tuple(notes), [{**facts, "dates": _iso(facts["dates"])} for facts in bands])


def _iso(dates: str) -> list[str]:
    """Dates of a text by ISO 8601; a year or a season stays as it is."""
    found = re.findall(r"(?<!\d)(\d{4})-?(\d\d)-?(\d\d)(?!\d)", dates)
    return ["-".join(parts) for parts in found] or ([dates] if dates else [])


def _grid(geobox: Any) -> str:
    rows, cols = geobox.shape
    return f"{rows} x {cols} in {geobox.crs}"


def _own(chips: list[Chip], product: str) -> Description:
    """Chips of this library's archive, of one product."""
    bands, notes = [], list[str]()
    for chip in chips:
        facts = chip.metadata
        named = str(facts.get("product", product))
        # The polarisation has its own column.
        before, _, name = str(facts.get("key", "")).rpartition("/")
        is_dated = name[:8].isdigit()
        dates = str(facts.get("date") or (name if is_dated else ""))
        title = named if is_dated else name or named
        band = Band(str(facts.get("name", title)), str(facts.get("quantity", named)), str(facts.get("unit", "")), named,
                    None, dates, facts.get("polarisation") or before, facts.get("orbit"), _samples(facts))  # fmt: skip
        planes, masks = (part.reshape(-1, *part.shape[-2:]) for part in (chip.array, chip.known))
        for plane, mask in zip(planes, masks, strict=True):
            bands.append(_facts(band, plane, mask))
            notes += _classes(product, str(facts.get("key", "")), facts, plane, mask)
    return _description(f"{product}, {_grid(chips[0].geobox)}", bands, notes)


def _classes(product: str, key: str, facts: Mapping[str, Any], plane: np.ndarray, mask: np.ndarray) -> list[str]:
    """Sentence on the classes of a map of codes and their shares of its pixels with data; none for other planes."""
    legend = legend_of(product, key, facts) if plane.dtype.kind in "iub" else None
    if legend is None or not mask.any():
        return []
    codes, counts = np.unique(plane[mask], return_counts=True)
    names = dict(zip(legend.codes, legend.names, strict=True))
    found = [
        f"{code} {names.get(int(code), '(no class)')} {count / mask.sum():.1%}"
        for code, count in zip(codes, counts, strict=True)
    ]
    more = f", and {len(found) - _MOST_CLASSES} more" if len(found) > _MOST_CLASSES else ""
    return [f"classes of {key or product}: {', '.join(found[:_MOST_CLASSES])}{more}"]


def _samples(facts: Mapping[str, Any]) -> float | None:
    """Samples averaged per value of a chip: the median over valid pixels, or those of its window or its looks."""
    parameters, valid = facts.get("parameters"), facts.get("valid_looks")
    if isinstance(valid, Mapping) and isinstance(valid.get("median"), int | float):
        return float(valid["median"])
    sizes = facts.get("looks") or (parameters.get("window") if isinstance(parameters, Mapping) else None)
    return float(np.prod(sizes)) if isinstance(sizes, list | tuple) else None


def _facts(band: Band, plane: np.ndarray, mask: np.ndarray) -> dict[str, Any]:
    """Facts of a band, by the columns of the table; smallest and largest value in place of a text of both."""
    held = np.abs(plane[mask]) if plane.dtype.kind == "c" else plane[mask]
    return {
        "band": band.name,
        "quantity": band.quantity,
        "unit": band.unit,
        "dates": " ".join(str(part) for part in (band.year, band.period) if part),
        "polarisation": band.polarisation or "",
        "orbit": band.orbit_direction or "",
        "looks": float(band.samples) if band.samples else None,
        "valid": float(mask.mean()),
        "minimum": float(held.min()) if held.size else None,
        "maximum": float(held.max()) if held.size else None,
    }


def _row(facts: Mapping[str, Any]) -> tuple[str, ...]:
    """Facts of a band as the texts of the table."""
    low, high, looks = facts["minimum"], facts["maximum"], facts["looks"]
    values = "none" if low is None else f"{low:.4g} ... {high:.4g}"
    texts = (str(facts[name]) for name in COLUMNS[:6])
    return *texts, f"{looks:g}" if looks else "", f"{facts['valid']:.1%}", values
