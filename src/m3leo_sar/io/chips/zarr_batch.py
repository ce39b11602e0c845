"""One batch of an archive's chips as a sharded Zarr v3 array: writing, its description, and reading a chip."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.io.chips.chip import STORED, Chip, Layer
from m3leo_sar.io.chips.coherence_uint8 import NO_DATA, SCALE
from m3leo_sar.io.chips.stored_coherence import decoded, encoded
from m3leo_sar.io.files import limits
from m3leo_sar.io.files.batches import new_batch
from m3leo_sar.io.files.plain_values import parameter_digest, plain_value
from m3leo_sar.io.files.zarr_shard import described, read_chunks, write_shard
from m3leo_sar.stack.complex_int16 import from_complex_int16, to_complex_int16

#: Attributes by which xarray and other readers turn levels into coherence (CF conventions, section 8.1).
_DECODING = {"scale_factor": SCALE, "add_offset": 0.0, "_FillValue": NO_DATA}


@dataclass(frozen=True)
class Place:
    """Position and metadata of a chip."""

    shard: Path
    index: int
    count: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    geobox: GeoBox
    entry: dict[str, Any]


def write_batch(folder: Path, layers: Sequence[Layer], geobox: GeoBox) -> None:
    """Write chips of one kind as the next batch of a folder."""
    entries, arrays = zip(*(_stored(layer) for layer in layers), strict=True)
    shape = (len(layers), *arrays[0].shape)
    attributes = {"layers": list(entries), "crs": geobox.crs, "affine": [*geobox.affine][:6]}
    with new_batch(folder) as partial:
        write_shard(
            partial,
            arrays,
            json.loads(json.dumps(attributes, default=plain_value)),
            shape=shape,
            fill=_fill_value(arrays[0].dtype, entries[0]),
            dimensions=_dimensions(shape, arrays[0].dtype == np.int16 and shape[-1] == 2),
            public=_DECODING if _is_levels(entries[0]) else None,
        )


def read_batch(path: str | os.PathLike[str]) -> list[Chip]:
    """Chips of one batch of an archive, in order.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    ValueError
        If it is no batch, or damaged.
    """
    batch = Path(path)
    if not batch.is_dir():
        raise FileNotFoundError(f"there is no folder {batch}")
    return [read_place(place) for place in described_batch(batch).values()]


def read_place(place: Place) -> Chip:
    """Read one chip."""
    array = np.empty(place.shape, place.dtype)
    read_chunks(place.shard, [place.index], place.count, [array], fill=_fill_value(place.dtype, place.entry))
    metadata, scale = place.entry["metadata"], place.entry.get("scale")
    if scale is not None:
        array = from_complex_int16(array, scale=scale)
    nodata = place.entry.get("nodata") if array.dtype.kind in "iu" else None
    return decoded(Chip(array, place.geobox, dict(metadata), nodata))


def kind_of_layer(layer: Layer) -> tuple[str, int, int]:
    """Stored dtype, axes and bands of a layer: those of a batch are equal."""
    if layer.metadata.get(STORED) is not None:
        return layer.metadata[STORED], layer.array.ndim, len(layer.array) if layer.array.ndim == 3 else 1
    scaled = "ci16" if "scale" in layer.metadata and layer.array.dtype.kind == "c" else layer.array.dtype.str
    return scaled, layer.array.ndim, len(layer.array) if layer.array.ndim == 3 else 1


def _stored(layer: Layer) -> tuple[dict[str, Any], NDArray[Any]]:
    """Attributes of a layer in its batch, and its array as stored."""
    layer = encoded(layer)
    metadata = dict(layer.metadata)
    entry: dict[str, Any] = {
        "key": layer.key,
        "digest": parameter_digest(metadata.get("parameters")),
        "metadata": metadata,
    }
    array = np.ascontiguousarray(layer.array)
    if layer.nodata is not None:
        entry["nodata"] = layer.nodata
        if array.dtype.kind in "fc":
            array = np.where(array == layer.nodata, np.array(np.nan, array.dtype), array)
    if array.dtype.kind == "c" and "scale" in metadata:
        entry["scale"] = float(metadata["scale"])
        # The error is at most half a unit in each part.
        metadata["quantisation_error"] = entry["scale"] / np.sqrt(2)
        array = to_complex_int16(array, scale=entry["scale"])
    return entry, array


def _is_levels(entry: Mapping[str, Any]) -> bool:
    return entry["metadata"].get(STORED) is not None


def _fill_value(dtype: np.dtype[Any], entry: Mapping[str, Any]) -> Any:
    if _is_levels(entry):
        return NO_DATA
    return {"f": np.nan, "c": complex(np.nan, np.nan)}.get(dtype.kind, 0)


def _dimensions(shape: tuple[int, ...], parts: bool) -> tuple[str, ...]:
    """Names of a batch's axes, by their lengths: xarray expects one length per name in all batches of a group."""
    inner = ("y", "x", "part") if parts else ("y", "x")
    return (f"chip_{shape[0]}", *((f"band_{shape[1]}",) if len(shape) - len(inner) == 2 else ()), *inner)


def described_batch(batch: Path) -> dict[str, Place]:
    """Chips of a batch by name, from its zarr.json; ValueError if it is damaged."""
    document, facts = described(batch)
    try:
        shape, dtype = tuple(int(size) for size in document["shape"]), np.dtype(str(document["data_type"]))
        limits.require_array("a chip", shape[1:], dtype.itemsize, limits.LARGEST_CHIP)
        rows, cols = shape[-3:-1] if "scale" in facts["layers"][0] else shape[-2:]
        geobox = GeoBox((rows, cols), Affine(*facts["affine"]), facts["crs"])
        shard = batch / "c" / "/".join("0" * len(shape))
        if not all(isinstance(entry["metadata"], dict) for entry in facts["layers"]):
            raise TypeError("the metadata of a chip are no mapping")
        if len(facts["layers"]) != shape[0]:
            raise ValueError(f"{len(facts['layers'])} chips are named, {shape[0]} are there")
        return {
            entry["key"]: Place(shard, index, shape[0], shape[1:], dtype, geobox, entry)
            for index, entry in enumerate(facts["layers"])
        }
    except limits.TooLarge:
        raise
    except (KeyError, TypeError, IndexError, ValueError, AttributeError) as error:
        raise ValueError(f"{batch / 'zarr.json'} is damaged: {type(error).__name__} {error}") from error
