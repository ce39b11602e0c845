"""From a stack and tiles to a store of each tile's part of the stack; existing dates are not written again."""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from m3leo_sar._progress import reported
from m3leo_sar.grid.tiles import Tile
from m3leo_sar.grid.window import Window
from m3leo_sar.io.chips.slc_tile_store import SlcTileStore, StackFacts
from m3leo_sar.products.placement import placement_on
from m3leo_sar.products.tile_frame import tile_frame
from m3leo_sar.products.tile_maker import WritingFailed
from m3leo_sar.products.tile_mosaic import tile_mosaic
from m3leo_sar.run.loop import Answer, Here, Loop, Outcome, Summary, reason_of, refuse_none
from m3leo_sar.run.make_chips import require_window
from m3leo_sar.stack.burst_set import BurstSet
from m3leo_sar.stack.slc import SlcStack
from m3leo_sar.stack.tile_samples import TileFrame

#: Number of dates in memory that are written together.
_DATES_AT_ONCE = 32
#: Product name under which a summary counts planes.
PLANES = "slc"


def build_slc_tiles(
    stack: SlcStack | BurstSet,
    tiles: Sequence[Tile],
    path: str | os.PathLike[str],
    *,
    window: Window,
    resampling: str = "bilinear",
    minimum_coverage: float = 0.5,
    report: Callable[[Outcome], Any] | None = None,
    progress: bool | None = None,
) -> Summary:
    """Write each tile's part of a stack, or add the stack's new dates to an existing store.

    Parameters
    ----------
    stack : SlcStack or BurstSet
    tiles : sequence of Tile
        Such as a :class:`m3leo_sar.TileGrid`.
    path : path
        Folder of the store, created if it does not exist.
    window : Window
        Largest coherence window that will be requested: any smaller one gives the same values as the whole stack.
    resampling : str
        Kernel for the products on the tile; its margin is stored too.
    minimum_coverage : float
        Least share of a tile's pixels on the stack, in [0, 1].
    report : callable, optional
        Called with the outcome of each tile.
    progress : bool, optional
        Whether to show progress: by default a bar in a notebook and a line on a terminal, unless ``report`` is given;
        True prints a line now and then in a log too.

    Returns
    -------
    Summary
        ``computed`` and ``present`` count planes, one per date, polarisation and tile.

    Raises
    ------
    ValueError
        If no tile is given, the window is larger than the images, every tile lies off the stack, or the store belongs
        to another stack, window or resampling.
    OSError
        If the store cannot be written; earlier planes are kept, and no half-written file remains.
    """
    if not tiles:
        raise ValueError("tiles must hold at least one tile, got none")
    require_window(stack, window)
    works = [
        _Work(part, SlcTileStore.create(path, _facts(part, window, resampling)), window, resampling, minimum_coverage)
        for part in (stack.sel(polarisation=one) for one in stack.polarisations)
    ]
    with reported("storing tiles", len(tiles), report, shown=progress) as (step, _):
        summary = Loop[Tile](report=step).over(tiles, Here(lambda tile: _joined([work.make(tile) for work in works])))
    summary.present = sum(work.present for work in works)
    refuse_none(summary.skipped, len(tiles), stack.name)
    return summary


def _joined(answers: Sequence[Answer]) -> Answer:
    """One answer from those of each polarisation of a tile."""
    outcomes = [outcome for answer in answers for outcome in answer.outcomes]
    # A tile that one polarisation failed for has failed.
    first = next((outcome for outcome in outcomes if outcome.state != "done"), outcomes[0])
    count = sum(outcome.counts.get(PLANES, 0) for outcome in outcomes)
    fatal = next((answer.fatal for answer in answers if answer.fatal), "")
    return Answer([replace(first, counts={PLANES: count} if count else {})], fatal=fatal)


class _Work:
    """Storage of the planes of one tile."""

    def __init__(
        self, stack: SlcStack | BurstSet, store: SlcTileStore, window: Window, resampling: str, minimum_coverage: float
    ) -> None:
        self.stack, self.store, self.window, self.resampling = stack, store, window, resampling
        self.minimum_coverage = minimum_coverage
        #: Number of existing planes; the store itself serves as the ledger.
        self.present = 0

    def make(self, tile: Tile) -> Answer:
        """Store the dates of a tile that the store lacks; a date that cannot be read fails its tile only."""
        written = 0
        try:
            parts, reason = placement_on(self.stack, tile, self.minimum_coverage)
            if reason:
                return Answer([Outcome(identifier=tile.identifier, state="skipped", reason=reason)])
            image, positions = tile_mosaic(parts, window=self.window, resampling=self.resampling)
            frame = tile_frame(positions, image, tile, self.window, self.resampling)
            for dates in self._lacking(tile.identifier):
                slc = image.window(frame.rows, frame.cols, dates=dates)
                written += len(self._write(tile.identifier, slc, dates, frame))
        except WritingFailed as error:
            return Answer([_outcome(tile, written, str(error))], fatal=str(error))
        except (ValueError, OSError, MemoryError) as error:
            return Answer([_outcome(tile, written, reason_of(error))])
        self.present += len(self.stack.dates) - written
        return Answer([_outcome(tile, written)])

    def _lacking(self, identifier: str) -> list[list[datetime.date]]:
        there = set(self.store.dates(identifier))
        new = [date for date in self.stack.dates if date not in there]
        return [new[first : first + _DATES_AT_ONCE] for first in range(0, len(new), _DATES_AT_ONCE)]

    def _write(self, identifier: str, slc: Any, dates: list[datetime.date], frame: TileFrame) -> list[datetime.date]:
        try:
            times = self.stack.times and [self.stack.times[self.stack.dates.index(date)] for date in dates]
            return self.store.write(identifier, slc, dates, frame=frame, times=times)
        except OSError as error:
            raise WritingFailed(f"planes cannot be written: {reason_of(error)}") from error


def _outcome(tile: Tile, written: int, reason: str = "") -> Outcome:
    counts = {PLANES: written} if written else {}
    return Outcome(identifier=tile.identifier, state="failed" if reason else "done", reason=reason, counts=counts)


def _facts(stack: SlcStack | BurstSet, window: Window, resampling: str) -> StackFacts:
    return StackFacts(
        window=Window(rows=window.rows, cols=window.cols),
        polarisation=stack.polarisation,
        resampling=resampling,
        orbit=stack.orbit,
        track=stack.track,
        wavelength=(stack if isinstance(stack, SlcStack) else stack.bursts[0]).wavelength,
        name=stack.name,
    )
