"""Lists of a stack's files: STAC items in JSON, or a CSV of products."""

from __future__ import annotations

import csv
import datetime
import re
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from m3leo_sar.io.remote.remote_address import AnyFile, RemoteFile, is_remote
from m3leo_sar.io.stacks.acquisition_name import POLARISATIONS, RASTER_SUFFIXES, polarisation_in_name
from m3leo_sar.io.stacks.cslc_name import burst_name
from m3leo_sar.io.stacks.stac_items import read_stac_items, text_of_list
from m3leo_sar.io.stacks.stack_reader import Product
from m3leo_sar.stack.pairs import parse_date

_COLUMNS = ("path", "date", "polarisation", "burst", "orbit", "track")
_ORBITS = ("ascending", "descending")
#: Roles that an asset of pixels never has.
_OTHER_ROLES = {"thumbnail", "overview", "metadata", "browse", "visual"}


def csv_products(file: AnyFile) -> list[Product]:
    """Products of a CSV with a column ``path`` and any of date, polarisation, burst, orbit, track.

    A path is a file relative to the CSV, or the address of one on a server.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If a column is unknown, or an entry is invalid; the message names the line.
    """
    text = text_of_list(file)
    reader = csv.DictReader(StringIO(text.removeprefix("\ufeff"), newline=""))
    reader.fieldnames = [name.strip().lower() for name in reader.fieldnames or ()]
    unknown = set(reader.fieldnames) - set(_COLUMNS)
    if "path" not in reader.fieldnames or unknown:
        raise ValueError(
            f"{file} must have the columns path and any of {', '.join(_COLUMNS[1:])}, got "
            f"{', '.join(reader.fieldnames) or 'no column'}"
        )
    rows = list(reader)
    if not rows:
        raise ValueError(f"{file} names no product")
    return [_csv_product(file, number, row) for number, row in enumerate(rows, start=2)]


def stac_products(file: AnyFile, polarisation: str | None) -> list[Product]:
    """Products of STAC items: an item, a feature collection or a list of items, or the search of a STAC API.

    Parameters
    ----------
    file : Path or RemoteFile
    polarisation : str, optional
        Of the asset to use, where items have several.

    Raises
    ------
    FileNotFoundError, PermissionError, OSError
        If there is no such file, or a page of it cannot be read.
    ValueError
        If it contains no items, or an item has no date or no SLC asset.
    """
    try:
        products = [_stac_product(page, item, polarisation) for page, item in read_stac_items(file)]
    except ValueError as error:
        raise error if str(file) in str(error) else ValueError(f"{file}: {error}") from error
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


def _csv_product(file: AnyFile, number: int, row: Mapping[str, str | None]) -> Product:
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


def _stac_product(page: AnyFile, item: Any, polarisation: str | None) -> Product:
    key, asset = _stac_asset(page, item, polarisation)
    # Without a single time, an item covers a time span.
    moment = item.datetime or item.common_metadata.start_datetime
    named = asset.extra_fields.get("sar:polarizations") or item.properties.get("sar:polarizations") or []
    stated = polarisation_in_name(key) or (str(named[0]) if len(named) == 1 else polarisation)
    return Product(
        _located(page, asset.href),
        (moment.astimezone(datetime.UTC) if moment.tzinfo else moment).date(),
        _polarisation(stated),
        None,
        _orbit(item.properties.get("sat:orbit_state")),
        _track(item.properties.get("sat:relative_orbit")),
    )


def _stac_asset(page: AnyFile, item: Any, polarisation: str | None) -> tuple[str, Any]:
    """The asset of the polarisation, or the only possible SLC asset."""
    assets = {key: asset for key, asset in item.assets.items() if _may_be_slc(asset)}
    # A catalogue may name one file twice, over https and s3.
    places = {_located(page, asset.href).name: key for key, asset in reversed(assets.items())}
    assets = {key: asset for key, asset in assets.items() if key in places.values()}
    wanted = [key for key in assets if polarisation and polarisation_in_name(key) == polarisation.upper()]
    chosen = wanted or list(assets)
    if len(chosen) != 1:
        raise ValueError(
            f"{page}: item {item.id} must have one asset that is an SLC, got {', '.join(assets) or 'none'}; name the "
            "polarisation"
        )
    return chosen[0], assets[chosen[0]]


def _may_be_slc(asset: Any) -> bool:
    """Whether an asset is a file of pixels by its name, and by its roles no picture or description."""
    return not _OTHER_ROLES & set(asset.roles or ()) and Path(urlsplit(asset.href).path).suffix.lower() in (
        *RASTER_SUFFIXES,
        ".h5",
    )


def _located(file: AnyFile, name: str) -> AnyFile:
    """File of a list entry, relative to the list; characters may be percent-encoded (%20) in a reference."""
    if is_remote(name):
        return RemoteFile(name)
    parts = urlsplit(name)
    if isinstance(file, RemoteFile):
        if parts.scheme:
            # A list of a server says nothing of the files of this machine.
            raise ValueError(f"{file} must name files on servers, got {name!r}")
        return file.joined(name)
    if parts.scheme == "file" and parts.netloc not in ("", "localhost"):
        raise ValueError(
            f"{file} must name files of this machine or on servers of http, https, s3, gs or az, got {name!r}"
        )
    name = parts.path if parts.scheme == "file" else name
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
