"""The part of an SLC stack that each tile needs, as Zarr v3: a sharded array a tile, a chunk a date."""

from __future__ import annotations

import datetime
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.window import Window
from m3leo_sar.io.chips.chip import SAFE_NAME
from m3leo_sar.io.files.atomic import PARTIAL, atomic_path, remove_stale
from m3leo_sar.io.files.batches import batches, new_batch
from m3leo_sar.io.files.manifest import Kind, make_manifest, read_manifest
from m3leo_sar.io.files.zarr_shard import described, make_group, read_chunks, write_shard
from m3leo_sar.stack.complex_int16 import LARGEST, NO_DATA, to_complex_int16
from m3leo_sar.stack.pairs import require_date
from m3leo_sar.stack.tile_samples import TileFrame, TileSamples

_KIND = Kind("slc-tiles.json", "m3leo_sar slc tiles", 1, "store of SLC tiles")
_FRAME = "frame"
_DIMENSIONS = ("date", "y", "x", "part")


@dataclass(frozen=True, slots=True, kw_only=True)
class StackFacts:
    """What all tiles of a store have in common.

    Parameters
    ----------
    window : Window
        Largest coherence window whose halo each tile holds.
    polarisation : str
    resampling : str
        From the stack's pixels to the tile's; each tile holds the margin that it needs.
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
    """Where the samples of a date lie."""

    shard: Path
    index: int
    count: int
    scale: float


class SlcTileStore:
    """Samples of a stack by tile and date, complex int16; disk use grows with dates, never with pairs.

    A write adds one batch, ``<root>/<identifier>/<number>``, that is written beside its place and renamed, and never
    changed afterwards. Each date has a scale of its own, the least power of two at which its largest part fits int16,
    so a part is at most half a scale off, 2**-15 of the largest, and parts that are whole multiples of the scale are
    kept exactly. Chunks are blosc (lz4 over shuffled bits) with a CRC-32C that every read checks.

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
        """Open the store at ``root``, making it if there is none; removes what killed writers left.

        Raises
        ------
        OSError
            If the folder cannot be made or written to.
        ValueError
            If the folder holds files but is no store, or the store is one with other facts.
        """
        folder = Path(root)
        plain = {**asdict(facts), "window": [facts.window.rows, facts.window.cols]}
        make_manifest(folder, _KIND, {"facts": plain})
        make_group(folder)
        store = cls(folder)
        if store.facts != facts:
            raise ValueError(f"{folder} holds tiles of {store.facts}, those to add are of {facts}")
        remove_stale(folder)
        return store

    @property
    def identifiers(self) -> list[str]:
        """Tiles that have a date, sorted."""
        folders = (path for path in self.root.iterdir() if path.is_dir() and PARTIAL not in path.name)
        return sorted(path.name for path in folders if batches(path))

    def dates(self, identifier: str) -> tuple[datetime.date, ...]:
        """Dates of a tile in order; none if it is not there.

        Raises
        ------
        ValueError
            If the tile is damaged.
        """
        return tuple(sorted(self._planes(identifier)))

    def frame(self, identifier: str) -> TileFrame:
        """Where a tile lies on the stack.

        Raises
        ------
        FileNotFoundError
            If the tile is not there.
        ValueError
            If it is damaged.
        """
        return _read_frame(self._folder(identifier) / _FRAME)

    def write(
        self, identifier: str, slc: NDArray[Any], dates: Sequence[datetime.date], *, frame: TileFrame
    ) -> list[datetime.date]:
        """Add dates to a tile; those that it has are left as they are, and the list tells which were new.

        Parameters
        ----------
        identifier : str
        slc : (dates, rows, cols) complex64 or complex128
            Samples of the frame's window; what is not finite is no data.
        dates : sequence of datetime.date
        frame : TileFrame

        Raises
        ------
        ValueError
            If the shape does not fit, the name could lead out of the store, or the tile is there with another frame.
        OSError
            If the disk is full or cannot be written to; nothing half written stays.
        """
        if slc.shape != (len(dates), *frame.shape):
            raise ValueError(f"slc must have shape {(len(dates), *frame.shape)}, got {slc.shape}")
        if not SAFE_NAME.fullmatch(identifier):
            raise ValueError(f"identifier must be letters, digits, dots and hyphens, got {identifier!r}")
        folder = self.root / identifier
        self._keep_frame(folder, identifier, frame)
        there = self._planes(identifier)
        new = [index for index, date in enumerate(dates) if date not in there]
        if new:
            scales = [_scale(slc[index]) for index in new]
            parts = [to_complex_int16(slc[index], scale=scale) for index, scale in zip(new, scales, strict=True)]
            errors = [scale / math.sqrt(2) for scale in scales]
            facts = {"dates": [dates[index].isoformat() for index in new], "scales": scales, "errors": errors}
            with new_batch(folder) as partial:
                chunk = (1, *parts[0].shape)
                write_shard(partial, np.stack(parts), facts, chunk=chunk, fill=int(NO_DATA), dimensions=_DIMENSIONS)
        return [dates[index] for index in new]

    def read(self, identifier: str, dates: Sequence[datetime.date] | None = None) -> TileSamples:
        """Read a tile's samples of some or all dates, with one open of each batch that holds one.

        Raises
        ------
        FileNotFoundError
            If the tile is not there.
        ValueError
            If a date is not there, or what is read is damaged.
        """
        frame, planes = self.frame(identifier), self._planes(identifier)
        wanted = sorted(planes) if dates is None else sorted(set(dates))
        for date in wanted:
            _require(date, planes, identifier)
        slc = np.empty((len(wanted), *frame.shape, 2), np.int16)
        shards: dict[Path, list[int]] = {}
        for place, date in enumerate(wanted):
            shards.setdefault(planes[date].shard, []).append(place)
        for shard, places in shards.items():
            held = [planes[wanted[place]] for place in places]
            outs = [slc[place] for place in places]
            read_chunks(shard, [plane.index for plane in held], held[0].count, outs, fill=NO_DATA)
        scales = tuple(planes[date].scale for date in wanted)
        return TileSamples(
            identifier=identifier, frame=frame, dates=tuple(wanted), slc=slc, scales=scales, window=self.facts.window
        )

    def faults(self) -> Iterator[tuple[str, str]]:
        """Identifier and fault of every tile that cannot be read."""
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
            raise ValueError(f"tile {identifier} of {self.root} lies at {stored}, the one to add at other places")


def _scale(slc: NDArray[Any]) -> float:
    """The least power of two at which every part fits int16: values and sums scale by it without rounding."""
    parts = np.abs(np.stack([slc.real, slc.imag]))
    largest = float(parts.max(where=np.isfinite(slc), initial=0.0))
    if largest == 0:
        return 1.0
    mantissa, exponent = math.frexp(largest / LARGEST)
    return math.ldexp(1.0, exponent - 1 if mantissa == 0.5 else exponent)


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
        "step": None if frame.step is None else list(frame.step),
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
        step=None if step is None else (float(step[0]), float(step[1])),
    )


def _described(batch: Path) -> dict[datetime.date, _Plane]:
    """Dates of a batch, from its zarr.json."""
    document, facts = described(batch)
    try:
        count, _, _, _ = (int(size) for size in document["shape"])
        dates = [datetime.date.fromisoformat(text) for text in facts["dates"]]
        scales = [float(scale) for scale in facts["scales"]]
        if not count == len(dates) == len(scales):
            raise ValueError(f"{len(dates)} dates are named, {count} are there")
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{batch / 'zarr.json'} is damaged: {type(error).__name__} {error}") from error
    shard = batch / "c" / "0" / "0" / "0" / "0"
    return {date: _Plane(shard, index, count, scales[index]) for index, date in enumerate(dates)}


def _require(date: datetime.date, planes: Mapping[datetime.date, _Plane], identifier: str) -> None:
    try:
        require_date(date, sorted(planes))
    except ValueError as error:
        raise ValueError(f"tile {identifier}: {error}") from error
