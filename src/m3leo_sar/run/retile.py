"""Resample any raster source onto the tiles of a grid; finished tiles are not repeated."""

from __future__ import annotations

import hashlib
import random
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.chips.land_cover import CLASSES
from m3leo_sar.chips.legend import Legend
from m3leo_sar.grid.tiles import Tile
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.chips.chip import Layer
from m3leo_sar.io.components.band import Band
from m3leo_sar.io.components.quantity import kind_of, require_allowed
from m3leo_sar.io.files.ledger import Entry, Ledger
from m3leo_sar.io.files.plain_values import parameter_digest
from m3leo_sar.io.sources.tile_source import Piece, TileSource, as_key
from m3leo_sar.products.tile_maker import WritingFailed
from m3leo_sar.run.band_resampling import resample_bands
from m3leo_sar.run.loop import Answer, Loop, Outcome, Summary
from m3leo_sar.run.own_rule import is_own_rule, own_rule
from m3leo_sar.run.thread_pool import ThreadPool
from m3leo_sar.warp.area import check_resampling

#: The ledger's name inside an archive.
LEDGER = "ledger.sqlite"
#: Reasons for a tile without chips.
OFF, EMPTY = "source does not cover the tile", "no data at all"
#: Seconds before the first and the last of many retries, at most.
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0


def retile(
    source: TileSource,
    archive: ChipArchive,
    tiles: Sequence[Tile],
    *,
    dataset: str,
    resampling: str | None = None,
    workers: int = 1,
    retries: int = 3,
    classes: Legend | None = None,
    ledger: Ledger | str | Path | None = None,
    report: Callable[[Outcome], Any] | None = None,
    sleep: Callable[[float], Any] | None = None,
) -> Summary:
    """Resample a source onto tiles: one chip per band, each exactly on its tile's pixels.

    A tile is complete when all its chips are written, or when there is nothing to write; both are noted in the ledger.
    A later run skips it as long as the source, the resampling and the tile's pixels are the same and the chips
    exist. The next run completes failed and interrupted tiles, and removes chips that belong to an earlier recipe
    only.

    Parameters
    ----------
    source : TileSource
        Such as :class:`m3leo_sar.io.sources.raster_source.RasterSource`; threads share it.
    archive : ChipArchive
        Target of ``<tile>/<dataset>/<band>.tif``; characters in a band's name other than letters, digits, ``.``, ``_``
        and ``-`` become ``-``.
    tiles : sequence of Tile
    dataset : str
        Name of the chips' data set.
    resampling : str, optional
        A word of :func:`m3leo_sar.reproject`; by default the source's own. The rules for each kind of quantity
        (codes, wrapped phase, decibels, amounts) are in :func:`m3leo_sar.run.band_resampling.resample_bands`.
    workers : int
        Number of threads that read and resample.
    retries : int
        Number of retries per tile after an OSError of its source; the pause about doubles each time.
    classes : Legend, optional
        Codes, names and colours of a map of classes, written into each chip: training, pictures and ``describe`` use
        them. By default those that the source states, such as CF's ``flag_values`` with ``flag_meanings``.
    ledger : Ledger, str or path, optional
        Record of finished tiles; by default ``ledger.sqlite`` in the archive.
    report : callable, optional
        Called with the outcome of each tile.
    sleep : callable, optional
        Waits for some seconds before a retry.

    Returns
    -------
    Summary
        ``present`` counts tiles.

    Raises
    ------
    ValueError
        If there is no tile, a number is out of range, or the resampling is unknown or neither given nor specified by
        the source.
    TypeError
        If the resampling does not suit the source's dtype.
    OSError
        If a chip or the ledger cannot be written; finished work is kept.
    """
    word = resampling or source.resampling
    if word is None:
        raise ValueError(
            f"resampling must be given for {source.name}, whose integers may be classes (mode) or quantities "
            "(bilinear, average, sum)"
        )
    if is_own_rule(word):
        own_rule(word)
    else:
        _check_rule(source, word)
    for name, number, least in (("workers", workers, 1), ("retries", retries, 0)):
        if number < least:
            raise ValueError(f"{name} must be at least {least}, got {number}")
    if not tiles:
        raise ValueError("tiles must hold at least one tile, got none")
    # Refuses a name that could lead out of the archive before anything is read.
    archive.path("a", dataset, "a")
    job = _Job(source, archive, dataset, word, retries, sleep, classes)
    opened: AbstractContextManager[Ledger]
    opened = nullcontext(ledger) if isinstance(ledger, Ledger) else Ledger(ledger or archive.root / LEDGER)
    with opened as book:
        notes = _Notes(job, book)
        loop: Loop[_Task] = Loop(note=notes.note, report=report)
        return loop.over(notes.claim(tiles, loop), ThreadPool(job.make, workers=workers, stopping=job.stop))


def _check_rule(source: TileSource, word: str) -> None:
    """Refuse a resampling that is unknown, or that the quantity of a band does not allow."""
    check_resampling(word)
    for band in source.bands:
        kind = kind_of(band, source=source.name)
        if kind != "code":
            require_allowed(kind, word, f"{band.name} of {source.name}")


@dataclass(frozen=True, kw_only=True)
class _Cut(Outcome):
    """The result of a tile, with its entry in the ledger."""

    attempts: int = 1
    checksum: str | None = None
    outputs: tuple[str, ...] = ()


class _Chip(NamedTuple):
    """A band on the tile's grid."""

    band: Band
    array: NDArray[Any]
    nodata: int | None
    notes: tuple[str, ...]
    classes: tuple[tuple[int, str], ...]


class _Job:
    """Computation of one tile; threads share it."""

    def __init__(
        self,
        source: TileSource,
        archive: ChipArchive,
        dataset: str,
        resampling: str,
        retries: int,
        sleep: Callable[[float], Any] | None,
        classes: Legend | None,
    ) -> None:
        self.source, self.archive, self.dataset, self.classes = source, archive, dataset, classes
        self.resampling, self.retries = resampling, retries
        #: Set once, when the run ends early; a pause ends then too.
        self.stop = threading.Event()
        self._sleep = sleep or self.stop.wait

    def parameters(self, tile: Tile) -> dict[str, Any]:
        """Parameters of the tile's chips."""
        box = tile.geobox
        return {
            "source": self.source.parameters(box),
            "resampling": self.resampling,
            "shape": list(box.shape),
            "affine": list(tuple(box.affine)[:6]),
            "crs": box.crs,
            **({} if self.classes is None else {CLASSES: self.classes.entries()}),
        }

    def make(self, task: _Task) -> Answer:
        """Compute a tile's chips, with retries if the source may recover."""
        tile = task.tile
        for attempt in range(1, self.retries + 2):
            try:
                return Answer([replace(self._made(tile, task.parameters), attempts=attempt)])
            except (FileNotFoundError, PermissionError, ValueError) as error:
                return Answer([_failed(tile, error, attempt)])
            except WritingFailed as error:
                return Answer([_failed(tile, error, attempt)], fatal=str(error))
            except OSError as error:
                if attempt > self.retries or self.stop.is_set():
                    return Answer([_failed(tile, error, attempt)])
            longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** (attempt - 1))
            # Threads that failed together must not retry together.
            self._sleep(longest * random.uniform(0.5, 1.0))
        raise AssertionError("a last attempt returns")

    def _made(self, tile: Tile, parameters: Mapping[str, Any]) -> _Cut:
        pieces = self.source.read(tile.geobox)
        if not pieces:
            return _Cut(identifier=tile.identifier, state="skipped", reason=OFF)
        chips = [chip for piece in pieces for chip in self._cut(piece, tile)]
        if not chips:
            return _Cut(identifier=tile.identifier, state="skipped", reason=EMPTY)
        named = _by_key(chips)
        layers = [self._layer(key, chip, parameters) for key, chip in named.items()]
        self._write(tile, layers)
        checksum = hashlib.sha256()
        for key in sorted(named):
            checksum.update(f"{tile.identifier}/{key}/".encode())
            checksum.update(np.ascontiguousarray(named[key].array).data)
        return _Cut(
            identifier=tile.identifier,
            state="done",
            reason="; ".join(dict.fromkeys(note for chip in chips for note in chip.notes)),
            counts={self.dataset: len(layers)},
            bytes=sum(layer.array.nbytes for layer in layers),
            checksum=checksum.hexdigest(),
            outputs=tuple(sorted(named)),
        )

    def _write(self, tile: Tile, layers: list[Layer]) -> None:
        try:
            self.archive.write_layers(tile.identifier, self.dataset, layers, tile.geobox)
        except OSError as error:
            detail = f"{error.filename or tile.identifier}: {error.strerror}" if error.strerror else str(error)
            raise WritingFailed(f"chips cannot be written: {detail}") from error

    def _cut(self, piece: Piece, tile: Tile) -> list[_Chip]:
        """Bands of a piece on the tile's grid; none if it has no data there."""
        planes, nodata = resample_bands(
            piece.array,
            piece.bands,
            piece.geobox,
            tile.geobox,
            resampling=self.resampling,
            nodata=piece.nodata,
            name=self.source.name,
        )
        if self.resampling == "sum" and nodata is None:
            # If the squares of two zones share ground, an amount belongs to one of them.
            planes[..., ~tile.owned_pixels()] = np.nan
        has_data = (planes != nodata) if nodata is not None else ~np.isnan(planes)
        if not has_data.any():
            return []
        return [
            _Chip(band, plane, nodata, piece.notes, piece.classes)
            for band, plane in zip(piece.bands, planes, strict=True)
        ]

    def _layer(self, key: str, chip: _Chip, parameters: Mapping[str, Any]) -> Layer:
        band = chip.band
        if self.classes is not None:
            _require_codes(chip, self.classes)
        # Those of the user, or else those of the source.
        classes = self.classes or (Legend.parse(dict(chip.classes)) if chip.classes else None)
        metadata = {
            "product": self.dataset,
            "key": key,
            "band": band.name,
            "quantity": band.quantity,
            "unit": band.unit,
            "year": band.year,
            "period": band.period,
            "polarisation": band.polarisation,
            "orbit": band.orbit_direction,
            "source": self.source.name,
            "notes": list(chip.notes),
            **({} if classes is None else {CLASSES: classes.entries()}),
            "software": f"m3leo-sar {version('m3leo-sar')}",
            "parameters": dict(parameters),
        }
        return Layer(key, chip.array, metadata, chip.nodata)


class _Task(NamedTuple):
    """A tile to compute: its parameters and its entry in the ledger."""

    tile: Tile
    parameters: Mapping[str, Any]
    key: str
    digest: str
    before: Entry | None


class _Notes:
    """The complete tiles and their rows in the ledger."""

    def __init__(self, job: _Job, book: Ledger) -> None:
        self.job, self.book = job, book

    def claim(self, tiles: Sequence[Tile], loop: Loop[_Task]) -> Iterator[_Task]:
        """Incomplete tiles."""
        for tile in tiles:
            parameters = self.job.parameters(tile)
            key, digest = f"{self.job.dataset}/{tile.identifier}", parameter_digest(parameters)
            entry = self.book.entry(key)
            if entry is not None and self._is_settled(entry, tile, digest):
                loop.present(tile.identifier)
            else:
                yield _Task(tile, parameters, key, digest, entry)

    def _is_settled(self, entry: Entry, tile: Tile, digest: str) -> bool:
        if entry.state == "failed" or entry.digest != digest:
            return False
        return all(self.job.archive.has(tile.identifier, self.job.dataset, key) for key in entry.outputs)

    def note(self, task: _Task, answer: Answer) -> None:
        """Write the row of a tile, and remove chips that belong to an earlier recipe only."""
        (outcome,) = answer.outcomes
        assert isinstance(outcome, _Cut)
        stale = set(task.before.outputs if task.before else ()) - set(outcome.outputs)
        outputs = outcome.outputs
        if outcome.state == "failed":
            # The chips of an earlier run may still exist; the run that completes the tile removes them.
            outputs = tuple(sorted(stale))
        else:
            for name in stale:
                self.job.archive.remove(task.tile.identifier, self.job.dataset, name)
        self.book.record(
            task.key,
            outcome.state,
            digest=task.digest,
            reason=outcome.reason,
            attempts=outcome.attempts,
            checksum=outcome.checksum,
            outputs=outputs,
        )


def _require_codes(chip: _Chip, classes: Legend) -> None:
    if chip.array.dtype.kind not in "iu":
        raise ValueError(f"classes go with whole numbers, band {chip.band.name} is of {chip.array.dtype}")
    if chip.nodata in classes.codes:
        raise ValueError(f"classes must leave out code {chip.nodata}, which band {chip.band.name} has for no data")


def _failed(tile: Tile, error: Exception, attempts: int) -> _Cut:
    return _Cut(identifier=tile.identifier, state="failed", reason=str(error), attempts=attempts)


def _by_key(chips: list[_Chip]) -> dict[str, _Chip]:
    """Chips by names valid in an archive."""
    named: dict[str, _Chip] = {}
    for chip in chips:
        key = as_key(chip.band.name)
        if not key or key in named:
            other = f" and {named[key].band.name!r}" if key else ""
            raise ValueError(f"band {chip.band.name!r}{other} must have names of letters and digits of their own")
        named[key] = chip
    return named
