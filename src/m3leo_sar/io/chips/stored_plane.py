"""Samples of a tile's dates as a store keeps them: their encoding, and the batch of dates written together."""

from __future__ import annotations

import datetime
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.io.files.batches import new_batch
from m3leo_sar.io.files.zarr_shard import described, write_shard
from m3leo_sar.stack.complex_int16 import LARGEST, NO_DATA, to_complex_int16

_DIMENSIONS = ("date", "y", "x", "part")
#: Rows and columns of a block, and the share of its power that the error of int16 may have: -30 dB, which takes a
#: thousandth off a coherence.
_BLOCK, _LARGEST_ERROR = 5, 2.0**-10


@dataclass(frozen=True, slots=True)
class StoredPlane:
    """Position of the samples of a date."""

    shard: Path
    index: int
    count: int
    scale: float
    #: Whether parts are float32.
    wide: bool
    #: Time of passing, if it is known.
    time: datetime.datetime | None


def _scale(slc: NDArray[Any]) -> float:
    """The least power of two at which every part fits int16: values and sums scale by it without rounding."""
    parts = np.abs(np.stack([slc.real, slc.imag]))
    largest = float(parts.max(where=np.isfinite(slc), initial=0.0))
    if largest == 0:
        return 1.0
    mantissa, exponent = math.frexp(largest / LARGEST)
    return math.ldexp(1.0, exponent - 1 if mantissa == 0.5 else exponent)


class EncodedPlane(NamedTuple):
    """Samples of a date as they are stored."""

    date: datetime.date
    #: (rows, cols, 2) int16 in units of the scale, or float32.
    parts: NDArray[Any]
    scale: float
    #: Largest error of a sample.
    error: float
    time: datetime.datetime | None


def encoded_plane(slc: NDArray[Any], date: datetime.date, time: datetime.datetime | None) -> EncodedPlane:
    """Complex int16, unless its error stands out of some block of samples."""
    scale = _scale(slc)
    parts = to_complex_int16(slc, scale=scale)
    if _is_faithful(slc, parts, scale):
        return EncodedPlane(date, parts, scale, scale / math.sqrt(2), time)
    valid = np.isfinite(slc)[..., None]
    exact = np.where(valid, np.stack([slc.real, slc.imag], axis=-1), np.nan).astype(np.float32)
    return EncodedPlane(date, exact, 1.0, 0.0, time)


def _is_faithful(slc: NDArray[Any], parts: NDArray[np.int16], scale: float) -> bool:
    valid = np.isfinite(slc)
    back = parts.astype(np.float64) * scale
    wrong = np.where(valid, (slc.real - back[..., 0]) ** 2 + (slc.imag - back[..., 1]) ** 2, 0)
    power = np.where(valid, np.square(slc.real, dtype=np.float64) + np.square(slc.imag, dtype=np.float64), 0)
    return bool((_block_sums(wrong) <= _LARGEST_ERROR * _block_sums(power)).all())


def _block_sums(plane: NDArray[Any]) -> NDArray[Any]:
    down, along = (np.arange(0, size, _BLOCK) for size in plane.shape)
    sums: NDArray[Any] = np.add.reduceat(np.add.reduceat(plane, down, axis=0), along, axis=1)
    return sums


def write_planes(folder: Path, some: Sequence[EncodedPlane]) -> None:
    """Write planes of one dtype as the next batch of a folder."""
    fill = math.nan if some[0].parts.dtype == np.float32 else int(NO_DATA)
    facts: dict[str, Any] = {
        "dates": [encoded.date.isoformat() for encoded in some],
        "scales": [encoded.scale for encoded in some],
        "errors": [encoded.error for encoded in some],
    }
    if all(encoded.time for encoded in some):
        facts["times"] = [encoded.time.isoformat() for encoded in some if encoded.time]
    parts = [encoded.parts for encoded in some]
    with new_batch(folder) as partial:
        shape = (len(parts), *parts[0].shape)
        write_shard(partial, parts, facts, shape=shape, fill=fill, dimensions=_DIMENSIONS)


def described_planes(batch: Path) -> dict[datetime.date, StoredPlane]:
    """Dates of a batch, from its zarr.json."""
    document, facts = described(batch)
    try:
        count, _, _, _ = (int(size) for size in document["shape"])
        dates = [datetime.date.fromisoformat(text) for text in facts["dates"]]
        scales = [float(scale) for scale in facts["scales"]]
        wide = document["data_type"] == "float32"
        # Stores from before times were kept have none.
        known = [datetime.datetime.fromisoformat(text) for text in facts.get("times", ())]
        times: list[datetime.datetime | None] = [*known] or [None] * count
        if not count == len(dates) == len(scales) == len(times):
            raise ValueError(f"{len(dates)} dates are named, {count} are there")
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{batch / 'zarr.json'} is damaged: {type(error).__name__} {error}") from error
    shard = batch / "c" / "0" / "0" / "0" / "0"
    return {
        date: StoredPlane(shard, index, count, scales[index], wide, times[index]) for index, date in enumerate(dates)
    }
