"""Place of a tile on a stack, as a store of SLC tiles keeps it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.io.files.atomic import atomic_path
from m3leo_sar.io.files.zarr_shard import described, read_chunks, write_shard
from m3leo_sar.stack.tile_samples import TileFrame


def write_frame(path: Path, frame: TileFrame) -> None:
    """Write a frame, all of it or nothing."""
    flat = np.concatenate([np.ravel(frame.down), np.ravel(frame.along)])
    with atomic_path(path) as partial:
        write_shard(partial, [flat], frame_facts(frame), shape=flat.shape, fill=math.nan, dimensions=("position",))


def frame_facts(frame: TileFrame) -> dict[str, Any]:
    """Facts of a frame as plain values, beside its positions."""
    return {
        "crs": frame.geobox.crs,
        "affine": [*frame.geobox.affine][:6],
        "shape": list(frame.geobox.shape),
        "rows": [frame.rows.start, frame.rows.stop],
        "cols": [frame.cols.start, frame.cols.stop],
        "down": list(frame.down.shape),
        "along": list(frame.along.shape),
        "terms": frame.terms,
        "origin": list(frame.origin),
        "error": frame.error,
        "step": None if frame.scale is None else list(frame.scale),
    }


def read_frame(path: Path) -> TileFrame:
    """Read a frame; ValueError if it is damaged."""
    document, facts = described(path)
    try:
        down, along = ([int(size) for size in facts[name]] for name in ("down", "along"))
        (count,) = document["shape"]
        cut = math.prod(down)
        if count != cut + math.prod(along):
            raise ValueError(f"{count} positions are there, {cut} + {math.prod(along)} are named")
        geobox = GeoBox(tuple(facts["shape"]), Affine(*facts["affine"]), facts["crs"])
        rows, cols, step = slice(*facts["rows"]), slice(*facts["cols"]), facts["step"]
        origin = (float(facts["origin"][0]), float(facts["origin"][1]))
        terms, error = int(facts["terms"]), float(facts["error"])
    except (KeyError, TypeError, IndexError, ValueError) as fault:
        raise ValueError(f"{path / 'zarr.json'} is damaged: {type(fault).__name__} {fault}") from fault
    flat = np.empty(count, np.float64)
    read_chunks(path / "c" / "0", [0], 1, [flat], fill=math.nan)
    return TileFrame(
        geobox=geobox,
        rows=rows,
        cols=cols,
        down=flat[:cut].reshape(down),
        along=flat[cut:].reshape(along),
        terms=terms,
        origin=origin,
        error=error,
        scale=None if step is None else (float(step[0]), float(step[1])),
    )
