"""Samples of one polarisation of a tile on disk: the frame of the tile, and numbered batches of dates."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.window import Window
from m3leo_sar.io.chips.stored_frame import frame_facts, read_frame, write_frame
from m3leo_sar.io.chips.stored_plane import StoredPlane, described_planes, encoded_plane, write_planes
from m3leo_sar.io.files.batches import batches
from m3leo_sar.io.files.zarr_shard import make_group, read_chunks
from m3leo_sar.stack.complex_int16 import NO_DATA, from_complex_int16
from m3leo_sar.stack.pairs import require_date
from m3leo_sar.stack.tile_samples import TileFrame, TileSamples

_FRAME = "frame"


@dataclass(frozen=True, slots=True)
class StoredPart:
    """Where samples lie.

    Parameters
    ----------
    place : Path
        Folder of the tile, with its frame.
    folder : Path
        Folder of the batches.
    identifier : str
        The tile's.
    polarisation : str
    """

    place: Path
    folder: Path
    identifier: str
    polarisation: str

    @property
    def is_framed(self) -> bool:
        """Whether there is a frame."""
        return (self.place / _FRAME).is_dir()

    def frame(self) -> TileFrame:
        """Position on the stack; ValueError if it is damaged."""
        return read_frame(self.place / _FRAME)

    def keep_frame(self, frame: TileFrame) -> None:
        """Write the frame, or compare it with that on disk; ValueError if they differ."""
        self.place.mkdir(parents=True, exist_ok=True)
        make_group(self.place)
        if not self.is_framed:
            write_frame(self.place / _FRAME, frame)
        stored = frame_facts(self.frame())
        if stored != frame_facts(frame):
            raise ValueError(f"tile {self.identifier} of {self.place.parent} lies at {stored}, the new one elsewhere")

    def planes(self) -> dict[datetime.date, StoredPlane]:
        """Dates with the position of their samples; ValueError if a batch is damaged."""
        found: dict[datetime.date, StoredPlane] = {}
        for batch in batches(self.folder):
            found |= described_planes(batch)
        return found

    def write(
        self,
        slc: NDArray[Any],
        dates: Sequence[datetime.date],
        times: Sequence[datetime.datetime] | None,
    ) -> list[datetime.date]:
        """Add the dates that are not there, and return them."""
        there = self.planes()
        new = [index for index, date in enumerate(dates) if date not in there]
        encoded = [encoded_plane(slc[index], dates[index], times[index] if times else None) for index in new]
        for dtype in (np.int16, np.float32):
            some = [plane for plane in encoded if plane.parts.dtype == dtype]
            if some:
                make_group(self.folder)
                write_planes(self.folder, some)
        return [dates[index] for index in new]

    def read(self, dates: Sequence[datetime.date] | None, *, window: Window) -> TileSamples:
        """Samples of some or all dates; each batch is opened once.

        Raises
        ------
        ValueError
            If a date does not exist, or the data are damaged.
        """
        frame, planes = self.frame(), self.planes()
        wanted = sorted(planes) if dates is None else sorted(set(dates))
        for date in wanted:
            _require(date, planes, self.identifier)
        mixed = any(planes[date].wide for date in wanted)
        slc = np.empty((len(wanted), *frame.shape, 2), np.float32 if mixed else np.int16)
        shards: dict[Path, list[int]] = {}
        for place, date in enumerate(wanted):
            shards.setdefault(planes[date].shard, []).append(place)
        for shard, places in shards.items():
            held = [planes[wanted[place]] for place in places]
            # Of two types, those of int16 are read beside and widened.
            beside = mixed and not held[0].wide
            outs = [np.empty(slc.shape[1:], np.int16) if beside else slc[place] for place in places]
            fill = math.nan if held[0].wide else NO_DATA
            read_chunks(shard, [plane.index for plane in held], held[0].count, outs, fill=fill)
            for place, plane, parts in zip(places, held, outs, strict=True):
                if beside:
                    slc[place] = from_complex_int16(parts, scale=plane.scale).view(np.float32).reshape(parts.shape)
        if mixed:
            slc = slc.view(np.complex64)[..., 0]
        return TileSamples(
            identifier=self.identifier,
            frame=frame,
            dates=tuple(wanted),
            slc=slc,
            scales=tuple(1.0 if mixed else planes[date].scale for date in wanted),
            window=window,
            polarisation=self.polarisation,
        )


def _require(date: datetime.date, planes: Mapping[datetime.date, StoredPlane], identifier: str) -> None:
    try:
        require_date(date, sorted(planes))
    except ValueError as error:
        raise ValueError(f"tile {identifier}: {error}") from error
