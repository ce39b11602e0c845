"""Update an archive: plan, run on one machine or a cluster, note the results."""

from __future__ import annotations

import os
import threading
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from m3leo_sar.grid.tiles import TileGrid
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.chips.chip_ledger import LEDGER, ChipLedger
from m3leo_sar.io.chips.chip_settings import settings_of, warn_of_other_settings
from m3leo_sar.io.chips.stored_coherence import DTYPES, require_known
from m3leo_sar.io.files.fingerprint import checksum, signature
from m3leo_sar.io.files.run_lock import RunLock
from m3leo_sar.io.remote.chunk_index import INDEX
from m3leo_sar.io.remote.open_remote import index_at
from m3leo_sar.products.placement import placement_on
from m3leo_sar.products.recipe import UNKNOWN, Origin, Recipe, wanted_chips
from m3leo_sar.run.catalogue import Catalogue
from m3leo_sar.run.job import common_values
from m3leo_sar.run.loop import Summary, refuse_none
from m3leo_sar.run.make_chips import require_work
from m3leo_sar.run.plan import RATE, Plan, make_plan
from m3leo_sar.run.run_log import RunLog
from m3leo_sar.run.run_options import RunOptions, Watch
from m3leo_sar.run.update_run import UpdateRun
from m3leo_sar.stack.burst_set import BurstSet
from m3leo_sar.stack.slc import SlcStack

#: Entry of the ledger: the common inputs of all chips of an archive.
_SERIES = "series"
#: Entry of the ledger: window, mask and other settings of the last run, by product.
_SETTINGS = "settings"


def bring_up_to_date(
    catalogue: Catalogue,
    archive: ChipArchive,
    grid: TileGrid,
    recipe: Recipe,
    *,
    options: RunOptions | None = None,
    watch: Watch | None = None,
) -> Summary:
    """Compute every chip of the recipe that is missing, or was computed from other inputs or parameters.

    It may be stopped, or killed, at any time and started again: chips appear whole, the ledger then notes them, and
    noted chips are not computed again. The archive is locked against other runs meanwhile.

    Parameters
    ----------
    catalogue : Catalogue
    archive : ChipArchive
    grid : TileGrid
    recipe : Recipe
    options : RunOptions, optional
    watch : Watch, optional

    Warns
    -----
    OtherSettingsWarning
        If the last run on the archive had another window, mask or other setting of a product.

    Returns
    -------
    Summary
        ``failed`` lists tiles whose input could not be read; the next run tries them again.

    Raises
    ------
    ValueError
        If no pair or tile is given, a pair's date is missing, or every tile lies off the stack.
    BlockingIOError
        If another run works on the archive.
    OSError
        If an input or the archive cannot be used, or the scheduler is gone; finished work is kept.
    """
    options, watch = options or RunOptions(), watch or Watch()
    options.require_usable()
    require_work(catalogue.stack, grid, recipe)
    with ExitStack() as open_:
        lock = open_.enter_context(RunLock(archive.root))
        ledger = open_.enter_context(ChipLedger(archive.root / LEDGER))
        log = open_.enter_context(RunLog(options.log))
        index = open_.enter_context(index_at(archive.root / INDEX)) if catalogue.is_far else None
        ledger.note(_SERIES, _series(catalogue, ledger, archive))
        check = partial(ledger.checksum, by_chunks=archive.checks_chunks)
        origin, signatures = catalogue.origin(_inputs(catalogue, recipe), check, progress=watch.checked)
        plan = _plan(catalogue, grid, recipe, origin, archive=archive, ledger=ledger, verify=options.verify)
        _note_settings(archive, ledger, plan)
        watch.planned(plan)
        common = common_values(
            catalogue, archive, recipe, origin, signatures, device=options.device, remote_index=index
        )
        run = UpdateRun(plan, archive, ledger, log, watch)
        run.over(common, options, catalogue.stack, recipe, lock)
    refuse_none(run.summary.skipped, len(grid), catalogue.stack.name)
    return run.summary


def plan_only(
    catalogue: Catalogue,
    path: str | os.PathLike[str],
    grid: TileGrid,
    recipe: Recipe,
    *,
    dtype: str | None = None,
    verify: bool = False,
) -> tuple[Plan, float | None]:
    """Plan of :func:`bring_up_to_date`, and the seconds per pixel of earlier runs; nothing is written.

    Raises
    ------
    ValueError, OSError
        As :func:`bring_up_to_date`, or if ``path`` is not an archive.
    """
    require_work(catalogue.stack, grid, recipe)
    require_known(dtype)
    folder = Path(path)
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"archive must be a folder, got the file {folder}")
    if not folder.is_dir() or not any(folder.iterdir()):
        plan = replace(_plan(catalogue, grid, recipe, UNKNOWN), dtype=dtype or DTYPES[0])
        return _on_stack(plan, catalogue.stack, recipe), None
    archive, book = ChipArchive(folder), folder / LEDGER
    archive.require_dtype(dtype)
    with ExitStack() as open_:
        # An inspection creates no ledger.
        ledger = open_.enter_context(ChipLedger(book)) if book.is_file() else None
        if ledger:
            _series(catalogue, ledger, archive)
        check = partial(ledger.checksum if ledger else _checksum, by_chunks=archive.checks_chunks)
        origin, _ = catalogue.origin(_inputs(catalogue, recipe), check)
        plan = _plan(catalogue, grid, recipe, origin, archive=archive, ledger=ledger, verify=verify)
        warn_of_other_settings(archive, settings_of(plan.wanted), before=ledger.fact(_SETTINGS) if ledger else None)
        return _on_stack(plan, catalogue.stack, recipe), ledger.fact(RATE) if ledger else None


def _on_stack(plan: Plan, stack: SlcStack | BurstSet, recipe: Recipe) -> Plan:
    """The plan without the tiles that a run would leave out, as too small a share of them lies on the stack.

    As in the run, a plan without any other tile is refused.
    """
    for position in list(plan.lacking):
        tile = plan.grid[position]
        try:
            _, reason = placement_on(stack, tile, recipe.minimum_coverage)
        except (ValueError, OSError):
            # The run gives the reason.
            continue
        if reason:
            plan.skipped[tile.identifier] = reason
            del plan.lacking[position]
    refuse_none(plan.skipped, len(plan.grid), stack.name)
    return plan


def _plan(
    catalogue: Catalogue,
    grid: TileGrid,
    recipe: Recipe,
    origin: Origin,
    *,
    archive: ChipArchive | None = None,
    ledger: ChipLedger | None = None,
    verify: bool = False,
) -> Plan:
    wanted = wanted_chips(
        recipe,
        polarisation=catalogue.stack.polarisation,
        shape=(grid.pixels, grid.pixels),
        labels=catalogue.labels,
        origin=origin,
        bursts=None if isinstance(catalogue.stack, SlcStack) else catalogue.stack.parameters,
    )
    return make_plan(
        grid, wanted, archive=archive, ledger=ledger, minimum_coverage=recipe.minimum_coverage, verify=verify
    )


def _series(catalogue: Catalogue, ledger: ChipLedger, archive: ChipArchive) -> dict[str, Any]:
    """Properties that identify a stack among others of the same ground and dates; they must match earlier runs.

    Chips are named by polarisation and dates alone, so those of another burst or band would replace these.
    """
    stack, before = catalogue.stack, ledger.fact(_SERIES) or {}
    # Earlier versions had one polarisation per archive, and noted it.
    before = {name: value for name, value in before.items() if name != "polarisation"}
    found = {"orbit": stack.orbit, "track": stack.track, "frequency": stack.frequency}
    found = {name: value for name, value in found.items() if value is not None}
    found |= {"burst": stack.burst} if stack.burst else {}
    for name, value in found.items():
        # Bursts that are added to those of earlier runs change the chips at their edges, and no others.
        grown = name == "burst" and name in before and set(before[name].split("+")) <= set(str(value).split("+"))
        if before.get(name, value) != value and not grown:
            raise ValueError(
                f"{archive.root} holds chips of {name} {before[name]}, {stack.name} is of {value}: its chips would "
                "replace them; give another archive"
            )
    return before | found


def _note_settings(archive: ChipArchive, ledger: ChipLedger, plan: Plan) -> None:
    """Note the settings of a run in the ledger; a warning if those of the last run were others."""
    before, settings = ledger.fact(_SETTINGS), settings_of(plan.wanted)
    warn_of_other_settings(archive, settings, before=before)
    ledger.note(_SETTINGS, (before or {}) | settings)


def _inputs(catalogue: Catalogue, recipe: Recipe) -> list[str]:
    """Names of the inputs of a recipe's chips."""
    dates = [f"{date:%Y%m%d}" for date in recipe.dates]
    dates += [f"{one}/{date}" for one in catalogue.stack.polarisations for date in dates]
    return [*dates, "geometry", *(f"label-{name}" for name in catalogue.labels)]


def _checksum(path: Path, stop: threading.Event, *, by_chunks: bool) -> tuple[str, str]:
    return signature(path), checksum(path, stop=stop, by_chunks=by_chunks)
