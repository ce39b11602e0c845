"""Resample any raster source onto the tiles of a grid; finished tiles are not repeated."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from m3leo_sar._progress import reported
from m3leo_sar.chips.legend import Legend
from m3leo_sar.grid.tiles import Tile
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.components.quantity import kind_of, require_allowed
from m3leo_sar.io.files.ledger import Entry, Ledger
from m3leo_sar.io.files.plain_values import parameter_digest
from m3leo_sar.io.sources.tile_source import TileSource
from m3leo_sar.run.loop import Answer, Loop, Outcome, Summary
from m3leo_sar.run.own_rule import is_own_rule, own_rule
from m3leo_sar.run.retile_job import RetileJob, RetileOutcome, RetileTask
from m3leo_sar.run.thread_pool import ThreadPool
from m3leo_sar.warp.area import check_resampling

#: The ledger's name inside an archive.
LEDGER = "ledger.sqlite"


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
    progress: bool | None = None,
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
    progress : bool, optional
        Whether to show progress: by default a bar in a notebook and a line on a terminal, unless ``report`` is given;
        True prints a line now and then in a log too.

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
    job = RetileJob(source, archive, dataset, word, retries, sleep, classes)
    opened: AbstractContextManager[Ledger]
    opened = nullcontext(ledger) if isinstance(ledger, Ledger) else Ledger(ledger or archive.root / LEDGER)
    with opened as book, reported("cutting tiles", len(tiles), report, shown=progress) as (step, _):
        notes = _Notes(job, book)
        loop: Loop[RetileTask] = Loop(note=notes.note, report=step)
        return loop.over(notes.claim(tiles, loop), ThreadPool(job.make, workers=workers, stopping=job.stop))


def _check_rule(source: TileSource, word: str) -> None:
    """Refuse a resampling that is unknown, or that the quantity of a band does not allow."""
    check_resampling(word)
    for band in source.bands:
        kind = kind_of(band, source=source.name)
        if kind != "code":
            require_allowed(kind, word, f"{band.name} of {source.name}")


class _Notes:
    """The complete tiles and their rows in the ledger."""

    def __init__(self, job: RetileJob, book: Ledger) -> None:
        self.job, self.book = job, book

    def claim(self, tiles: Sequence[Tile], loop: Loop[RetileTask]) -> Iterator[RetileTask]:
        """Incomplete tiles."""
        for tile in tiles:
            parameters = self.job.parameters(tile)
            key, digest = f"{self.job.dataset}/{tile.identifier}", parameter_digest(parameters)
            entry = self.book.entry(key)
            if entry is not None and self._is_settled(entry, tile, digest):
                loop.present(tile.identifier)
            else:
                yield RetileTask(tile, parameters, key, digest, entry)

    def _is_settled(self, entry: Entry, tile: Tile, digest: str) -> bool:
        if entry.state == "failed" or entry.digest != digest:
            return False
        return all(self.job.archive.has(tile.identifier, self.job.dataset, key) for key in entry.outputs)

    def note(self, task: RetileTask, answer: Answer) -> None:
        """Write the row of a tile, and remove chips that belong to an earlier recipe only."""
        (outcome,) = answer.outcomes
        assert isinstance(outcome, RetileOutcome)
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
