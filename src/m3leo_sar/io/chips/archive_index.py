"""A table of an archive's tiles and a description of it, for tools that find data: GeoParquet and a STAC collection."""

from __future__ import annotations

import datetime
import json
import os
from pathlib import Path
from typing import Any

from m3leo_sar.grid.antimeridian import bounds_of_all, from_rfc7946, in_rfc7946
from m3leo_sar.grid.footprint import footprint
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.files.atomic import atomic_path, write_text
from m3leo_sar.io.files.parquet_table import read_columns

#: Names of the two files in the archive's folder.
INDEX, COLLECTION = "index.parquet", "collection.json"
#: Columns of times, and the version and extension of STAC whose names the rows have.
_TIMES = ("datetime", "start_datetime", "end_datetime")
_STAC, _PROJECTION = "1.1.0", "https://stac-extensions.github.io/projection/v2.0.0/schema.json"
_CORNERS = ("xmin", "ymin", "xmax", "ymax")
#: Entries of a chip's metadata that a collection summarises.
_SUMMED = ("product", "polarisation", "orbit", "track", "unit")


def write_index(archive: ChipArchive) -> int:
    """Write ``index.parquet`` and ``collection.json`` into an archive and return the number of tiles in them.

    The table has one row per tile: ``id``, ``geometry`` (its outline in longitude and latitude, cut at the 180th
    meridian), ``bbox`` (west above east over that meridian), ``start_datetime`` and ``end_datetime`` of its dates,
    ``proj:code``, ``proj:shape``, ``proj:transform`` and ``keys`` (JSON, product to keys). Every row is a STAC item in
    the layout of stac-geoparquet, with the tile's folder as its asset; both files follow from the chips and may be
    written again at any time.

    Raises
    ------
    ValueError
        If the archive holds no chip that can be read.
    OSError
        If a file cannot be written.
    """
    rows, found = [], _Summary()
    for identifier in archive.identifiers:
        row = _row(archive, identifier, found)
        if row is not None:
            rows.append(row)
    if not rows:
        raise ValueError(f"{archive.root} holds no chip to index")
    _write_table(archive.root / INDEX, rows)
    write_text(archive.root / COLLECTION, json.dumps(found.collection(archive.root.name, rows), indent=2) + "\n")
    return len(rows)


def read_index(root: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """Rows of an archive's index, ``keys`` as a mapping of product to keys, ``geometry`` as WKB.

    Raises
    ------
    FileNotFoundError
        If there is none; :func:`write_index` creates it.
    ValueError
        If it is damaged.
    """
    path = Path(root) / INDEX
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}; m3leo-sar index creates it")
    try:
        rows = read_columns(path).to_pylist()
        return [{**row, **_texts(row), "keys": json.loads(row["keys"])} for row in rows]
    except (KeyError, TypeError, ValueError, RecursionError, OverflowError) as error:
        raise ValueError(f"{path} is not an index of an archive: {type(error).__name__} {error}") from error


def _texts(row: dict[str, Any]) -> dict[str, Any]:
    """Times as texts, the form in indexes of earlier versions."""
    times = {name: row[name] for name in _TIMES if isinstance(row.get(name), datetime.datetime)}
    return {name: f"{time:%Y-%m-%dT%H:%M:%SZ}" for name, time in times.items()}


class _Summary:
    """Common properties of the chips of an archive."""

    def __init__(self) -> None:
        self.values: dict[str, set[str]] = {name: set() for name in _SUMMED}
        self.dates: set[str] = set()

    def add(self, metadata: dict[str, Any]) -> set[str]:
        """Add a chip's metadata and return its dates."""
        for name in _SUMMED:
            if metadata.get(name) not in (None, ""):
                self.values[name].add(str(metadata[name]))
        dates = {str(metadata[name]) for name in ("date", "reference", "secondary") if metadata.get(name)}
        self.dates |= dates
        return dates

    def collection(self, name: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
        """A STAC collection."""
        boxes = [[row["bbox"][corner] for corner in _CORNERS] for row in rows]
        west, south, east, north = in_rfc7946(bounds_of_all(from_rfc7946(boxes)))
        times: list[str | None] = [*sorted(_moment(date) for date in self.dates)] or [None]
        return {
            "type": "Collection",
            "stac_version": _STAC,
            "stac_extensions": [_PROJECTION],
            "id": name,
            "title": f"Chips of {len(rows)} tiles",
            "description": "Coherence, interferograms and labels on M3LEO's tiles, computed by m3leo-sar.",
            "license": "other",
            "extent": {
                "spatial": {"bbox": [[west, south, east, north]]},
                "temporal": {"interval": [[times[0], times[-1]]]},
            },
            "summaries": {key: sorted(values) for key, values in self.values.items() if values},
            "assets": {
                "index": {
                    "href": f"./{INDEX}",
                    "type": "application/vnd.apache.parquet",
                    "roles": ["metadata"],
                    "title": "One row per tile",
                }
            },
            "links": [],
        }


def _row(archive: ChipArchive, identifier: str, found: _Summary) -> dict[str, Any] | None:
    import shapely

    keys = {dataset: archive.keys(identifier, dataset) for dataset in archive.datasets(identifier)}
    geobox, dates = None, set()
    for dataset, key in ((dataset, key) for dataset, names in keys.items() for key in names):
        geobox, metadata = archive.facts(identifier, dataset, key)
        dates |= found.add({"product": dataset, **metadata})
    if geobox is None:
        return None
    times: list[str | None] = [*sorted(_moment(date) for date in dates)] or [None]
    west, south, east, north = in_rfc7946(geobox.bounds_in("EPSG:4326"))
    return {
        "type": "Feature",
        "stac_version": _STAC,
        "stac_extensions": [_PROJECTION],
        "id": identifier,
        "geometry": bytes(shapely.to_wkb(footprint(geobox))),
        "bbox": {"xmin": west, "ymin": south, "xmax": east, "ymax": north},
        # One moment, or none for a range.
        "datetime": times[0] if len(times) == 1 else None,
        "start_datetime": times[0],
        "end_datetime": times[-1],
        "proj:code": geobox.crs,
        "proj:shape": list(geobox.shape),
        "proj:transform": [*geobox.affine][:6],
        "keys": json.dumps(keys, sort_keys=True),
        "collection": archive.root.name,
        "links": [{"rel": "collection", "href": f"./{COLLECTION}", "type": "application/json"}],
        "assets": {"chips": {"href": f"./{identifier}", "title": "Folder of the tile's chips", "roles": ["data"]}},
    }


def _moment(date: str) -> str:
    return f"{datetime.date.fromisoformat(date[:10]).isoformat()}T00:00:00Z"


def _time(moment: str | None) -> datetime.datetime | None:
    return None if moment is None else datetime.datetime.fromisoformat(moment)


def _write_table(path: Path, rows: list[dict[str, Any]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    asset = pa.struct([("href", pa.string()), ("title", pa.string()), ("roles", pa.list_(pa.string()))])
    link = pa.struct([("rel", pa.string()), ("href", pa.string()), ("type", pa.string())])
    schema = pa.schema(
        [
            ("type", pa.string()),
            ("stac_version", pa.string()),
            ("stac_extensions", pa.list_(pa.string())),
            ("id", pa.string()),
            ("geometry", pa.binary()),
            ("bbox", pa.struct([(corner, pa.float64()) for corner in _CORNERS])),
            *((name, pa.timestamp("ms", tz="UTC")) for name in _TIMES),
            ("proj:code", pa.string()),
            ("proj:shape", pa.list_(pa.int64())),
            ("proj:transform", pa.list_(pa.float64())),
            ("keys", pa.string()),
            ("collection", pa.string()),
            ("links", pa.list_(link)),
            ("assets", pa.struct([("chips", asset)])),
        ]
    )
    covering = {"bbox": {corner: ["bbox", corner] for corner in _CORNERS}}
    column = {"encoding": "WKB", "geometry_types": ["Polygon", "MultiPolygon"], "covering": covering}
    geo = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}}
    timed = [{**row, **{name: _time(row[name]) for name in _TIMES}} for row in rows]
    table = pa.Table.from_pylist(timed, schema=schema.with_metadata({"geo": json.dumps(geo)}))
    with atomic_path(path) as partial:
        pq.write_table(table, partial, compression="zstd")
