"""From a stack to the chips of its pairs on tiles, in one call."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from m3leo_sar._progress import reported
from m3leo_sar.grid.tiles import TileGrid
from m3leo_sar.grid.window import Window
from m3leo_sar.insar.selection import MIN_VALID
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.files.run_lock import RunLock
from m3leo_sar.io.remote.remote_address import file_at
from m3leo_sar.io.stacks.stack_files import StackPath
from m3leo_sar.io.stacks.with_nodata import with_nodata
from m3leo_sar.io.stacks.zero_lines import watched_for_zeros
from m3leo_sar.products.flattening import flat_stack, with_word
from m3leo_sar.products.phase_steps import PhaseSteps, measured_steps
from m3leo_sar.products.recipe import Origin, Recipe, parse_mask
from m3leo_sar.products.terrain_effects import require_terrain
from m3leo_sar.run.catalogue import Catalogue, open_catalogue, with_flattening, without_steps
from m3leo_sar.run.choices import choose_pairs, choose_tiles, lattice_of
from m3leo_sar.run.loop import Outcome, Summary
from m3leo_sar.run.make_chips import make_chips
from m3leo_sar.run.run_options import RunOptions, Watch
from m3leo_sar.run.update import bring_up_to_date
from m3leo_sar.stack.burst_set import BurstSet
from m3leo_sar.stack.flatness import warn_unless_flat
from m3leo_sar.stack.pair_choice import chosen_pairs
from m3leo_sar.stack.pairs import Pair
from m3leo_sar.stack.polarisation import joined_polarisations, parse_polarisations
from m3leo_sar.stack.slc import SlcStack

#: A file or folder.
FilePath = str | os.PathLike[str]


def prepare(
    stack: SlcStack | BurstSet | StackPath,
    archive: ChipArchive | FilePath,
    *,
    pairs: Any = "all",
    max_days: int | None = None,
    tiles: TileGrid | FilePath | None = None,
    aoi: str | None = None,
    lattice: str = "legacy",
    window: Window | None = None,
    interferograms: bool = False,
    intensities: bool = True,
    valid_looks: bool = False,
    min_valid: float = MIN_VALID,
    fill_gaps: bool = False,
    minimum_coverage: float = 0.5,
    cross_polarised: bool = False,
    gamma0: bool = False,
    mask: str | Sequence[str] = (),
    remove_steps: bool = False,
    burst: str | None = None,
    polarisation: str | Sequence[str] | None = None,
    frequency: str | None = None,
    nodata: float | None = None,
    flattened: bool | None = None,
    storage: str = "geotiff",
    dtype: str | None = None,
    options: RunOptions | None = None,
    report: Callable[[Outcome], Any] | None = None,
    progress: bool | None = None,
) -> Summary:
    """Compute the chips of a stack's pairs on tiles; chips that the archive already holds are kept.

    This is the command ``m3leo-sar prepare`` as a function, with the same defaults. It may be stopped at any time and
    called again: a chip is either whole or absent.

    Parameters
    ----------
    stack : SlcStack, BurstSet, path, or sequence of paths
        A stack, bursts of a track, or a path as :func:`m3leo_sar.run.catalogue.open_catalogue` takes it: our Zarr
        container, a folder of them or of another producer, files, a JSON file of STAC items, a CSV of products, here
        or on servers. A stack in memory is processed in this process; a path in the processes of ``options``, with a
        ledger and checksums of the inputs.
    archive : ChipArchive or path
        Created if there is none.
    pairs : str, Pair, two dates, two indices, or a sequence of these
        ``"all"``, ``"sequential"`` (each date and the next), ``"days"`` (12, 24, 36 or 48 days apart), or the pairs
        themselves, named as in :func:`m3leo_sar.coherence`.
    max_days : int, optional
        Longest time between the dates of a pair; with a rule only.
    tiles : TileGrid or path, optional
        Tiles, or a tile file (GeoJSON, GeoParquet).
    aoi : str, optional
        Area of interest instead of tiles: a file, the name of a region, ``"W,S,E,N"`` in degrees, or WKT. The default
        is the footprint of the stack.
    lattice : {"legacy", "exact"}
        Tiles over an area: M3LEO's own, or squares in UTM without overlap.
    window : Window, optional
        Coherence window in pixels of the stack; 5 rows x 20 columns by default.
    interferograms, intensities : bool
        Whether to write single-look interferograms and the intensity of each date.
    valid_looks : bool
        Whether to write the number of valid samples per window for each pair too. The metadata of each chip always
        hold the least and the median, as ``valid_looks``.
    min_valid, fill_gaps
        Least share of valid samples in a window, and whether pixels without a valid sample have a coherence, as in
        :func:`m3leo_sar.coherence`.
    minimum_coverage : float
        Least share of a tile that must lie on the stack, in [0, 1].
    cross_polarised : bool
        Whether to write, for each date, the coherence of two polarisations and the ratio of their intensities too.
    gamma0 : bool
        Whether to write each date's terrain-flattened gamma nought beside its intensity, from the stack's own orbit and
        terrain, in the unit of the intensity.
    mask : str or sequence of str
        Ground that becomes no data in all chips but labels: ``"layover"``, ``"shadow"``, or both as
        ``"layover,shadow"``.
    remove_steps : bool
        Whether to measure the phase steps between overlapping bursts on the tiles over both, and to take them off
        (:func:`m3leo_sar.products.phase_steps.measured_steps`).
    burst, frequency : str, optional
        Burst, or several as ``"A+B"`` (by default all of the path, which must be of one track), and frequency band of
        NISAR.
    polarisation : str or sequence of str, optional
        Polarisation, if the path holds several; several of them as ``"VV+VH"``.
    nodata : float, optional
        No-data value of the stack, in addition to NaN and the files' own; 0 for images filled with zeros.
    flattened : bool, optional
        Whether the phase of flat earth and terrain is taken off the stack's dates, where it does not state it.
    storage : {"geotiff", "zarr"}
        Format of a new archive.
    dtype : {"float32", "uint8"}, optional
        Dtype of the coherence in the archive: uint8 takes a quarter of the bytes, with an error of at most 1/508, and
        is read as float32. By default that of an existing archive, and float32 of a new one. Other products keep
        theirs.
    options : RunOptions, optional
        Processes, threads, device and log of a stack on disk.
    report : callable, optional
        Called with the outcome of each tile.
    progress : bool, optional
        Whether to show progress: by default a bar in a notebook and a line on a terminal, unless ``report`` is given;
        True prints a line now and then in a log too.

    Warns
    -----
    UnflattenedWarning
        If a stack in radar geometry is not known to be flattened
        (:func:`m3leo_sar.stack.flatness.warn_unless_flat`).

    Returns
    -------
    Summary
        Computed and existing chips, and skipped and failed tiles, with reasons.

    Raises
    ------
    FileNotFoundError
        If a path does not exist.
    ValueError
        If an argument is out of range, ``gamma0`` or ``mask`` is asked of a stack without orbit and terrain, tiles and
        an area are both given, no pair or tile is left, every tile lies off the stack, or the archive holds coherence
        of another dtype.
    BlockingIOError
        If another run works on the archive.
    OSError
        If an input or the archive cannot be used; finished work is kept.

    Examples
    --------
    >>> import datetime, tempfile
    >>> import m3leo_sar
    >>> from m3leo_sar.run.prepare import prepare
    >>> from m3leo_sar.simulate.scene import simulate_scene
    >>> box = m3leo_sar.GeoBox.from_bounds((680000, 5500000, 681400, 5501300), shape=(130, 140), crs="EPSG:32631")
    >>> dates = [datetime.date(2023, 3, 1), datetime.date(2023, 3, 13)]
    >>> stack = simulate_scene(box, dates=dates, seed=1).stack
    >>> tiles = m3leo_sar.TileGrid([(5.502, 49.624, 5.512, 49.631)], pixels=64)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     summary = prepare(stack, f"{folder}/chips", tiles=tiles, window=m3leo_sar.Window(rows=3, cols=9))
    >>> summary.computed
    {'coherence': 1, 'intensity': 2}
    """
    catalogue: Catalogue | None
    opened: SlcStack | BurstSet
    if isinstance(stack, SlcStack | BurstSet):
        if any(value is not None for value in (options, burst, polarisation, frequency)):
            raise ValueError(
                "options, burst, polarisation and frequency go with a stack on disk; stack is an "
                f"{type(stack).__name__}"
            )
        if nodata is not None and isinstance(stack, BurstSet):
            raise ValueError(f"nodata goes with each burst of a BurstSet, got {nodata}")
        # Readers of files look for zeros themselves.
        is_watched = isinstance(stack, SlcStack) and stack.is_in_memory and nodata != 0
        catalogue, opened = None, with_nodata(stack, nodata) if isinstance(stack, SlcStack) else stack
    else:
        is_watched = False
        chosen = joined_polarisations(parse_polarisations(polarisation)) if polarisation else None
        catalogue = open_catalogue(stack, burst=burst, polarisation=chosen, frequency=frequency, nodata=nodata)
        opened = catalogue.stack
    recipe = Recipe(
        pairs=_pairs(opened, pairs, max_days),
        window=window or Window(rows=5, cols=20),
        interferograms=interferograms,
        intensities=intensities,
        minimum_coverage=minimum_coverage,
        min_valid=min_valid,
        fill_gaps=fill_gaps,
        valid_looks=valid_looks,
        cross_polarised=cross_polarised,
        gamma0=gamma0,
        mask=parse_mask(mask),
    )
    if catalogue is None:
        opened = flat_stack(with_word(opened, flattened))
    else:
        catalogue = with_flattening(catalogue, flattened)
        opened = catalogue.stack
    require_terrain(opened, recipe)
    warn_unless_flat(opened, (recipe.window.rows, recipe.window.cols))
    grid = _tiles(opened, tiles, aoi, lattice)
    if remove_steps:
        phases = steps_to_remove(opened, grid, recipe).phases
        catalogue = None if catalogue is None else without_steps(catalogue, phases)
        opened = opened.without_steps(phases) if catalogue is None else catalogue.stack  # type: ignore[union-attr]
    (options or RunOptions()).require_usable()
    chips = _archive(archive, grid, _name(stack, opened), storage=storage, dtype=dtype)
    with reported("making tiles", len(grid), report, shown=progress) as (step, expect):
        if catalogue is None:
            with RunLock(chips.root):
                opened = watched_for_zeros(opened) if is_watched else opened  # type: ignore[arg-type]
                return make_chips(opened, chips, list(grid), recipe, origin=_origin(recipe, nodata), report=step)
        watch = Watch(settled=step, planned=lambda plan: expect(len(plan.lacking)))
        return bring_up_to_date(catalogue, chips, grid, recipe, options=options, watch=watch)


def _origin(recipe: Recipe, nodata: float | None) -> Origin:
    """Inputs in memory: another no-data value gives other chips."""
    dates = recipe.dates if nodata is not None else []
    return Origin({f"{date:%Y%m%d}": f"nodata {nodata}" for date in dates}, {})


def steps_to_remove(stack: SlcStack | BurstSet, grid: TileGrid, recipe: Recipe) -> PhaseSteps:
    """Phase steps between the bursts of a stack.

    Raises
    ------
    ValueError
        If it is a single burst.
    """
    if not isinstance(stack, BurstSet):
        raise ValueError(f"remove_steps needs several bursts, {stack.name} is one")
    return measured_steps(stack, grid, window=recipe.window)


def _name(stack: Any, opened: SlcStack | BurstSet) -> str:
    """Name of a stack in the archive: its path, which for a file on a server is without its parameters."""
    return str(file_at(stack)) if isinstance(stack, str | os.PathLike) else opened.name


def _pairs(stack: SlcStack | BurstSet, pairs: Any, max_days: int | None) -> list[Pair]:
    # A rule is a word; a pair has the digits of its dates.
    if isinstance(pairs, str) and not any(letter.isdigit() for letter in pairs):
        return choose_pairs(stack, rule=pairs, max_days=max_days)
    if max_days is not None:
        raise ValueError(f"max_days applies to a rule, got {max_days} beside named pairs")
    chosen = chosen_pairs(pairs, count=len(stack.dates), dates=stack.dates)
    return [Pair(stack.passings[first], stack.passings[second]) for first, second in chosen.indices]


def _tiles(stack: SlcStack | BurstSet, tiles: TileGrid | FilePath | None, aoi: str | None, lattice: str) -> TileGrid:
    if isinstance(tiles, TileGrid):
        if aoi is not None:
            raise ValueError("tiles and aoi are both given; give one")
        return tiles
    return choose_tiles(stack, aoi=aoi, tiles=None if tiles is None else Path(tiles), lattice=lattice)


def _archive(
    archive: ChipArchive | FilePath, grid: TileGrid, name: str, *, storage: str, dtype: str | None
) -> ChipArchive:
    if isinstance(archive, ChipArchive):
        archive.require_dtype(dtype)
        return archive
    return ChipArchive.create(archive, storage=storage, dtype=dtype, grid=lattice_of(grid), stack=name)
