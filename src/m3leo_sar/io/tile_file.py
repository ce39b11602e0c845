"""M3LEO's tile and split files."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

from m3leo_sar.grid.tiles import PIXELS, TileGrid
from m3leo_sar.io.atomic import write_text

_SPLITS = ("train", "val", "test")


def read_tiles(path: str | os.PathLike[str], *, pixels: int = PIXELS) -> TileGrid:
    """Read a tile GeoJSON, in its order, and check each stored identifier against its corners.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no GeoJSON of tiles, a tile is no rectangle in longitude and latitude, or an identifier is not that of
        its corners; the message names the tile.
    """
    file = Path(path)
    try:
        features = json.loads(file.read_text(encoding="utf-8"))["features"]
        rings = [feature["geometry"]["coordinates"][0] for feature in features]
        names = [feature.get("properties", {}).get("identifier") for feature in features]
    except (json.JSONDecodeError, KeyError, TypeError, IndexError, UnicodeDecodeError) as error:
        raise ValueError(f"{file} must be a GeoJSON of tile polygons: {type(error).__name__} {error}") from error
    if not rings:
        raise ValueError(f"{file} holds no tile")
    grid = TileGrid([_rectangle(ring, file, number) for number, ring in enumerate(rings)], pixels=pixels)
    for number, (stored, computed) in enumerate(zip(names, grid.identifiers, strict=True)):
        if stored is not None and stored != computed:
            raise ValueError(f"{file}: tile {number} is named {stored}, but its corners give {computed}")
    return grid


def write_tiles(path: str | os.PathLike[str], grid: TileGrid, *, splits: dict[str, str] | None = None) -> None:
    """Write tiles as the GeoJSON that :func:`read_tiles` and M3LEO's tools read, whole or not at all."""
    features = []
    for tile in grid:
        west, south, east, north = tile.bounds
        ring = [[west, south], [west, north], [east, north], [east, south], [west, south]]
        properties = {"identifier": tile.identifier}
        if splits:
            properties["split"] = splits[tile.identifier]
        geometry = {"type": "Polygon", "coordinates": [ring]}
        features.append({"type": "Feature", "properties": properties, "geometry": geometry})
    write_text(path, json.dumps({"type": "FeatureCollection", "features": features}))


def read_splits(path: str | os.PathLike[str]) -> dict[str, str]:
    """Read a splits csv: identifier to ``train``, ``val`` or ``test``.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If a column is missing, a split is unknown, or a tile stands twice.
    """
    splits: dict[str, str] = {}
    with open(path, newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        missing = {"identifier", "split"} - set(reader.fieldnames or ())
        if missing:
            raise ValueError(
                f"{path} must have the columns identifier and split, it lacks {', '.join(sorted(missing))}"
            )
        for line in reader:
            identifier, split = line["identifier"], line["split"]
            if split not in _SPLITS or identifier in splits:
                fault = "stands twice" if identifier in splits else f"has the unknown split {split!r}"
                raise ValueError(f"{path}, line {reader.line_num}: tile {identifier} {fault}")
            splits[identifier] = split
    return splits


def write_splits(path: str | os.PathLike[str], splits: dict[str, str]) -> None:
    """Write a splits csv, whole or not at all."""
    lines = ["identifier,split", *(f"{identifier},{split}" for identifier, split in splits.items())]
    write_text(path, "\n".join(lines) + "\n")


def _rectangle(ring: list[list[float]], file: Path, number: int) -> tuple[float, float, float, float]:
    lons, lats = {point[0] for point in ring}, {point[1] for point in ring}
    if len(lons) != 2 or len(lats) != 2:
        raise ValueError(f"{file}: tile {number} must be a rectangle in longitude and latitude")
    return min(lons), min(lats), max(lons), max(lats)
