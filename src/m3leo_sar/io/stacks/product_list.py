"""Lists of a stack's files: STAC items in JSON, or a CSV of products."""

from __future__ import annotations

import csv
import datetime
import json
import re
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from m3leo_sar.io.files.limits import read_text
from m3leo_sar.io.stacks.acquisition_name import POLARISATIONS, polarisation_in_name
from m3leo_sar.io.stacks.cslc_name import burst_name
from m3leo_sar.io.stacks.raster_stack import SUFFIXES
from m3leo_sar.io.stacks.stack_reader import Product
from m3leo_sar.stack.pairs import parse_date

#: Maximum size of a list, bytes.
_LARGEST_FILE = 256 << 20
_COLUMNS = ("path", "date", "polarisation", "burst", "orbit", "track")
_ORBITS = ("ascending", "descending")


def csv_products(file: Path) -> list[Product]:
    """Products of a CSV with a column ``path`` and any of date, polarisation, burst, orbit, track.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If a column is unknown, or an entry is invalid; the message names the line.
    """
    reader = csv.DictReader(StringIO(read_text(file, largest=_LARGEST_FILE).removeprefix("\ufeff"), newline=""))
    reader.fieldnames = [name.strip().lower() for name in reader.fieldnames or ()]
    unknown = set(reader.fieldnames) - set(_COLUMNS)
    if "path" not in reader.fieldnames or unknown:
        raise ValueError(f"{file} must have the columns path and any of {', '.join(_COLUMNS[1:])}")
    rows = list(reader)
    if not rows:
        raise ValueError(f"{file} names no product")
    return [_csv_product(file, number, row) for number, row in enumerate(rows, start=2)]


def stac_products(file: Path, polarisation: str | None) -> list[Product]:
    """Products of STAC items: an item, a feature collection or a list of items.

    Parameters
    ----------
    file : Path
    polarisation : str, optional
        Of the asset to use, where items have several.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it contains no items, is one page of several, or an item has no date, no SLC asset, or a remote one.
    """
    try:
        document = json.loads(read_text(file, largest=_LARGEST_FILE))
        if isinstance(document, dict):
            _require_whole(file, document)
            document = document.get("features", [document])
        products = [_stac_product(file, item, polarisation) for item in document]
    except (KeyError, TypeError, AttributeError, json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"{file} holds no STAC items: {type(error).__name__} {error}") from error
    if not products:
        raise ValueError(f"{file} holds no STAC items")
    return products


def day_of(text: str) -> datetime.date:
    """UTC date of a date, or of a time in any time zone.

    Raises
    ------
    ValueError
        If it is neither.

    Examples
    --------
    >>> day_of("2020-01-01T23:30:00-05:00")
    datetime.date(2020, 1, 2)
    """
    text = text.strip()
    if not re.match(r"\d{4}-\d{2}-\d{2}[T ]", text):
        return parse_date(text)
    try:
        time = datetime.datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"a time must read as 2023-03-01T16:16:51Z, got {text!r}") from error
    return (time.astimezone(datetime.UTC) if time.tzinfo else time).date()


def _csv_product(file: Path, number: int, row: Mapping[str, str | None]) -> Product:
    def value(name: str) -> str | None:
        return (row.get(name) or "").strip() or None

    place = f"{file}, line {number}"
    path, date = value("path"), value("date")
    if path is None:
        raise ValueError(f"{place}: path must be a file, got none")
    try:
        return Product(
            _located(file, path),
            day_of(date) if date else None,
            _polarisation(value("polarisation")),
            burst_name(value("burst") or "") or None,
            _orbit(value("orbit")),
            _track(value("track")),
        )
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from error


def _require_whole(file: Path, document: Mapping[str, Any]) -> None:
    """Reject a page of items that links to a next page."""
    for link in document.get("links") or ():
        if link.get("rel") == "next":
            raise ValueError(
                f"{file} is one page of several: its link 'next' leads to {link.get('href')}; fetch all pages and join "
                "their features"
            )


def _stac_product(file: Path, item: Mapping[str, Any], polarisation: str | None) -> Product:
    properties = item["properties"]
    key, asset = _stac_asset(file, item, polarisation)
    href = str(asset["href"])
    if urlsplit(href).scheme not in ("", "file") or urlsplit(href).netloc not in ("", "localhost"):
        raise ValueError(f"{file}: item {item.get('id')} lies on a server, {href}; fetch it and name the local file")
    # Without a single time, an item covers a time span.
    moment = properties.get("datetime") or properties.get("start_datetime")
    if moment is None:
        raise ValueError(f"{file}: item {item.get('id')} must have a datetime or a start_datetime, it has none")
    named = asset.get("sar:polarizations") or properties.get("sar:polarizations") or []
    stated = polarisation_in_name(key) or (str(named[0]) if len(named) == 1 else polarisation)
    return Product(
        _located(file, href),
        day_of(str(moment)),
        _polarisation(stated),
        None,
        _orbit(properties.get("sat:orbit_state")),
        _track(properties.get("sat:relative_orbit")),
    )


def _stac_asset(file: Path, item: Mapping[str, Any], polarisation: str | None) -> tuple[str, Mapping[str, Any]]:
    """The asset of the polarisation, or the only possible SLC asset."""
    assets = {
        key: asset
        for key, asset in item["assets"].items()
        if str(asset["href"]).lower().endswith((*SUFFIXES, ".h5")) and "thumbnail" not in (asset.get("roles") or ())
    }
    wanted = [key for key in assets if polarisation and polarisation_in_name(key) == polarisation.upper()]
    chosen = wanted or list(assets)
    if len(chosen) != 1:
        raise ValueError(
            f"{file}: item {item.get('id')} must have one asset that is an SLC, got {', '.join(assets) or 'none'}; "
            "name the polarisation"
        )
    return chosen[0], assets[chosen[0]]


def _located(file: Path, name: str) -> Path:
    """Local file of a list entry, relative to the list; characters may be percent-encoded (%20) in a reference."""
    name = urlsplit(name).path if name.startswith("file:") else name
    plain = file.parent / name
    return plain if plain.is_file() or "%" not in name else file.parent / unquote(name)


def _polarisation(text: str | None) -> str | None:
    if text is None:
        return None
    if text.strip().upper() not in POLARISATIONS:
        raise ValueError(f"polarisation must be one of {', '.join(POLARISATIONS)}, got {text!r}")
    return text.strip().upper()


def _orbit(text: Any) -> str | None:
    if text is None:
        return None
    orbit = str(text).strip().lower()
    if orbit not in _ORBITS:
        raise ValueError(f"orbit must be ascending or descending, got {text!r}")
    return orbit


def _track(text: Any) -> int | None:
    """Relative orbit number, also written as T087."""
    if text is None:
        return None
    digits = re.fullmatch(r"[Tt]?(\d{1,4})", str(text).strip(), re.ASCII)
    if digits is None:
        raise ValueError(f"track must be a relative orbit number, such as 87 or T087, got {text!r}")
    return int(digits[1])
