"""The part of an SLC stack that each tile needs, as Zarr v3: one sharded array per tile, one chunk per date."""

from __future__ import annotations

import datetime
import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.window import Window
from m3leo_sar.io.chips.chip import SAFE_NAME
from m3leo_sar.io.files.atomic import PARTIAL, atomic_path, remove_stale, write_text
from m3leo_sar.io.files.batches import batches, new_batch
from m3leo_sar.io.files.manifest import Kind, make_manifest, read_manifest
from m3leo_sar.io.files.zarr_shard import described, make_group, read_chunks, write_shard
from m3leo_sar.stack.complex_int16 import LARGEST, NO_DATA, from_complex_int16, to_complex_int16
from m3leo_sar.stack.pairs import as_date, require_date
from m3leo_sar.stack.tile_samples import TileFrame, TileSamples

#: Version 2 may hold dates as float32 beside those as int16.
_KIND = Kind("slc-tiles.json", "m3leo_sar slc tiles", 2, "store of SLC tiles")
_FRAME = "frame"
_DIMENSIONS = ("date", "y", "x", "part")
#: Rows and columns of a block, and the share of its power that the error of int16 may have: -30 dB, which takes a
#: thousandth off a coherence.
_BLOCK, _LARGEST_ERROR = 5, 2.0**-10


@dataclass(frozen=True, slots=True, kw_only=True)
class StackFacts:
    """Common properties of all tiles of a store.

    Parameters
    ----------
    window : Window
        Largest coherence window whose halo each tile holds.
    polarisation : str
    resampling : str
        Kernel from the stack's pixels to the tile's; each tile holds the margin that it needs.
    orbit, track, wavelength, name
        As of the :class:`m3leo_sar.SlcStack`.
    """

    window: Window
    polarisation: str
    resampling: str = "bilinear"
    orbit: str | None = None
    track: int | None = None
    wavelength: float | None = None
    name: str = "stack"


@dataclass(frozen=True, slots=True)
class _Plane:
    """Position of the samples of a date."""

    shard: Path
    index: int
    count: int
    scale: float
    #: Whether parts are float32.
    wide: bool
    #: Time of passing, if it is known.
    time: datetime.datetime | None


def is_slc_tile_store(path: str | os.PathLike[str]) -> bool:
    """Whether a folder looks like a store of SLC tiles."""
    return (Path(path) / _KIND.file).is_file()


class SlcTileStore:
    """Samples of a stack per tile and date, mostly complex int16; disk use grows with dates, not with pairs.

    A write adds one batch, ``<root>/<identifier>/<number>``, which is written under another name, renamed and never
    changed afterwards. Each date has its own scale, the least power of two at which its largest part fits int16,
    so a part is at most half a scale off, 2**-15 of the largest, and parts that are whole multiples of the scale are
    kept exactly. Where that error has more than a thousandth of the power of some block of 5 x 5 samples, as beside a
    target 70 dB above its ground, the date is kept as complex64 instead, at twice the size. Chunks are blosc (lz4 over
    shuffled bits) with a CRC-32C that every read checks.

    Parameters
    ----------
    root : path
        Folder with an ``slc-tiles.json``. :meth:`create` makes one.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    ValueError
        If the folder is no such store, damaged or of a later version.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = Path(root)
        document = read_manifest(self.root, _KIND)
        try:
            facts = dict(document["facts"])
            rows, cols = facts.pop("window")
            self.facts = StackFacts(window=Window(rows=rows, cols=cols), **facts)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{self.root / _KIND.file} is damaged: {type(error).__name__} {error}") from error

    @classmethod
    def create(cls, root: str | os.PathLike[str], facts: StackFacts) -> SlcTileStore:
        """Open or create the store at ``root``; removes leftover files of killed writers.

        Raises
        ------
        OSError
            If the folder cannot be created or written to.
        ValueError
            If the folder holds files but is not a store, or the store has other facts.
        """
        folder = Path(root)
        plain = {**asdict(facts), "window": [facts.window.rows, facts.window.cols]}
        make_manifest(folder, _KIND, {"facts": plain})
        make_group(folder)
        store = cls(folder)
        if store.facts != facts:
            raise ValueError(f"{folder} holds tiles of {store.facts}, the new ones are of {facts}")
        remove_stale(folder)
        return store

    @property
    def identifiers(self) -> list[str]:
        """Tiles with a date, sorted."""
        folders = (path for path in self.root.iterdir() if path.is_dir() and PARTIAL not in path.name)
        return sorted(path.name for path in folders if batches(path))

    def dates(self, identifier: str) -> tuple[datetime.date, ...]:
        """Dates of a tile in order; empty if it does not exist.

        Raises
        ------
        ValueError
            If the tile is damaged.
        """
        return tuple(sorted(self._planes(identifier)))

    def passings(self, identifier: str) -> tuple[datetime.date, ...]:
        """Times of passing of a tile's dates where all are known, else dates: the input of the rules for pairs.

        Raises
        ------
        ValueError
            If the tile is damaged.
        """
        planes = self._planes(identifier)
        times = [plane.time for plane in planes.values() if plane.time is not None]
        return tuple(sorted(times if len(times) == len(planes) else planes))

    def frame(self, identifier: str) -> TileFrame:
        """Position of a tile on the stack.

        Raises
        ------
        FileNotFoundError
            If the tile does not exist.
        ValueError
            If it is damaged.
        """
        return _read_frame(self._folder(identifier) / _FRAME)

    def write(
        self,
        identifier: str,
        slc: NDArray[Any],
        dates: Sequence[datetime.date],
        *,
        frame: TileFrame,
        times: Sequence[datetime.datetime] | None = None,
    ) -> list[datetime.date]:
        """Add dates to a tile and return the list of new ones; existing dates are left unchanged.

        Parameters
        ----------
        identifier : str
        slc : (dates, rows, cols) complex64 or complex128
            Samples of the frame's window; values that are not finite are no data.
        dates : sequence of datetime.date
        frame : TileFrame
        times : sequence of datetime.datetime, optional
            Time of passing of each date, UTC without a time zone.

        Raises
        ------
        ValueError
            If the shape or the times do not fit, the name could lead out of the store, or the tile exists with
            another frame.
        OSError
            If the disk is full or cannot be written to; no half-written file remains.
        """
        if slc.shape != (len(dates), *frame.shape):
            raise ValueError(f"slc must have shape {(len(dates), *frame.shape)}, got {slc.shape}")
        if times is not None and [as_date(time, "times") for time in times] != list(dates):
            raise ValueError(f"times must hold a time of each of the {len(dates)} dates, got {len(times)} others")
        if not SAFE_NAME.fullmatch(identifier):
            raise ValueError(f"identifier must be letters, digits, dots and hyphens, got {identifier!r}")
        folder = self.root / identifier
        self._keep_frame(folder, identifier, frame)
        there = self._planes(identifier)
        new = [index for index, date in enumerate(dates) if date not in there]
        narrow: list[_Encoded] = []
        wide: list[_Encoded] = []
        for index in new:
            encoded = _encoded(slc[index], dates[index], times[index] if times else None)
            (wide if encoded.parts.dtype == np.float32 else narrow).append(encoded)
        if wide:
            self._raise_version()
        for some, fill in ((narrow, int(NO_DATA)), (wide, math.nan)):
            if some:
                _write_batch(folder, some, fill)
        return [dates[index] for index in new]

    def read(self, identifier: str, dates: Sequence[datetime.date] | None = None) -> TileSamples:
        """Read a tile's samples of some or all dates; each batch is opened once.

        Raises
        ------
        FileNotFoundError
            If the tile does not exist.
        ValueError
            If a date does not exist, or the data are damaged.
        """
        frame, planes = self.frame(identifier), self._planes(identifier)
        wanted = sorted(planes) if dates is None else sorted(set(dates))
        for date in wanted:
            _require(date, planes, identifier)
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
            read_chunks(
                shard, [plane.index for plane in held], held[0].count, outs, fill=math.nan if held[0].wide else NO_DATA
            )
            for place, plane, parts in zip(places, held, outs, strict=True):
                if beside:
                    slc[place] = from_complex_int16(parts, scale=plane.scale).view(np.float32).reshape(parts.shape)
        if mixed:
            slc = slc.view(np.complex64)[..., 0]
        scales = tuple(1.0 if mixed else planes[date].scale for date in wanted)
        return TileSamples(
            identifier=identifier, frame=frame, dates=tuple(wanted), slc=slc, scales=scales, window=self.facts.window
        )

    def faults(self) -> Iterator[tuple[str, str]]:
        """Identifier and fault of every unreadable tile."""
        for identifier in self.identifiers:
            try:
                self.read(identifier)
            except (OSError, ValueError) as error:
                yield identifier, str(error)

    def _folder(self, identifier: str) -> Path:
        folder = self.root / identifier
        if not folder.is_dir():
            raise FileNotFoundError(f"there is no tile {identifier} in {self.root}")
        return folder

    def _planes(self, identifier: str) -> dict[datetime.date, _Plane]:
        found: dict[datetime.date, _Plane] = {}
        for batch in batches(self.root / identifier):
            found |= _described(batch)
        return found

    def _raise_version(self) -> None:
        """Have earlier versions, which do not support float32 here, refuse the store and not call it damaged."""
        document = read_manifest(self.root, _KIND)
        if document["version"] < _KIND.version:
            text = json.dumps({**document, "version": _KIND.version}, indent=2, sort_keys=True)
            write_text(self.root / _KIND.file, text + "\n")

    def _keep_frame(self, folder: Path, identifier: str, frame: TileFrame) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        make_group(folder)
        if not (folder / _FRAME).is_dir():
            flat = np.concatenate([np.ravel(frame.down), np.ravel(frame.along)])
            with atomic_path(folder / _FRAME) as partial:
                facts, chunk = _frame_facts(frame), flat.shape
                write_shard(partial, flat, facts, chunk=chunk, fill=math.nan, dimensions=("position",))
        stored = _frame_facts(self.frame(identifier))
        if stored != _frame_facts(frame):
            raise ValueError(f"tile {identifier} of {self.root} lies at {stored}, the new one elsewhere")


def _scale(slc: NDArray[Any]) -> float:
    """The least power of two at which every part fits int16: values and sums scale by it without rounding."""
    parts = np.abs(np.stack([slc.real, slc.imag]))
    largest = float(parts.max(where=np.isfinite(slc), initial=0.0))
    if largest == 0:
        return 1.0
    mantissa, exponent = math.frexp(largest / LARGEST)
    return math.ldexp(1.0, exponent - 1 if mantissa == 0.5 else exponent)


class _Encoded(NamedTuple):
    """Samples of a date as they are stored."""

    date: datetime.date
    #: (rows, cols, 2) int16 in units of the scale, or float32.
    parts: NDArray[Any]
    scale: float
    #: Largest error of a sample.
    error: float
    time: datetime.datetime | None


def _encoded(slc: NDArray[Any], date: datetime.date, time: datetime.datetime | None) -> _Encoded:
    """Complex int16, unless its error stands out of some block of samples."""
    scale = _scale(slc)
    parts = to_complex_int16(slc, scale=scale)
    if _is_faithful(slc, parts, scale):
        return _Encoded(date, parts, scale, scale / math.sqrt(2), time)
    valid = np.isfinite(slc)[..., None]
    exact = np.where(valid, np.stack([slc.real, slc.imag], axis=-1), np.nan).astype(np.float32)
    return _Encoded(date, exact, 1.0, 0.0, time)


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


def _write_batch(folder: Path, some: Sequence[_Encoded], fill: float) -> None:
    facts: dict[str, Any] = {
        "dates": [encoded.date.isoformat() for encoded in some],
        "scales": [encoded.scale for encoded in some],
        "errors": [encoded.error for encoded in some],
    }
    if all(encoded.time for encoded in some):
        facts["times"] = [encoded.time.isoformat() for encoded in some if encoded.time]
    parts = np.stack([encoded.parts for encoded in some])
    with new_batch(folder) as partial:
        write_shard(partial, parts, facts, chunk=(1, *parts.shape[1:]), fill=fill, dimensions=_DIMENSIONS)


def _frame_facts(frame: TileFrame) -> dict[str, Any]:
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


def _read_frame(path: Path) -> TileFrame:
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


def _described(batch: Path) -> dict[datetime.date, _Plane]:
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
    return {date: _Plane(shard, index, count, scales[index], wide, times[index]) for index, date in enumerate(dates)}


def _require(date: datetime.date, planes: Mapping[datetime.date, _Plane], identifier: str) -> None:
    try:
        require_date(date, sorted(planes))
    except ValueError as error:
        raise ValueError(f"tile {identifier}: {error}") from error
