"""From Sentinel-1 products, orbit files and terrain to a co-registered stack per burst and polarisation."""

from __future__ import annotations

import datetime
import os
import re
import shutil
import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from m3leo_sar._progress import reported
from m3leo_sar.io.files.atomic import remove_stale
from m3leo_sar.io.files.ledger import Ledger
from m3leo_sar.io.files.run_lock import RunLock
from m3leo_sar.io.sentinel1.orbit_file import find_orbit_files
from m3leo_sar.io.sentinel1.passes import passes
from m3leo_sar.io.sentinel1.product import find_products
from m3leo_sar.io.sources.terrain import open_terrain
from m3leo_sar.run.choices import named_area
from m3leo_sar.run.coregistration.burst_choice import BurstChoice, chosen_passes
from m3leo_sar.run.coregistration.burst_ground import Extent, outline_on_ground
from m3leo_sar.run.coregistration.coregistration_plan import CoregistrationPlan, make_plan
from m3leo_sar.run.coregistration.coregistration_run import CoregistrationRun
from m3leo_sar.run.coregistration.overlap_shift import DateShift
from m3leo_sar.run.coregistration.pass_orbits import orbits_of, tell_restituted
from m3leo_sar.run.coregistration.plan_check import terrain_missing
from m3leo_sar.run.coregistration.plan_cost import plan_cost
from m3leo_sar.run.loop import Outcome, Summary
from m3leo_sar.stack.pairs import parse_date
from m3leo_sar.warp.range_phase import Acquisition

#: The ledger's file in the folder of the stacks.
LEDGER = "coregister.sqlite"

FilePath = str | os.PathLike[str]


@dataclass(frozen=True, kw_only=True)
class Coregistration:
    """The result of a co-registration.

    Parameters
    ----------
    plan : CoregistrationPlan
        What was to be done, with the state before the run.
    summary : Summary
        What was done: images by polarisation, those that existed, failures with reasons.
    shifts : mapping of datetime.date to DateShift
        Azimuth shift of each date that was made.
    """

    plan: CoregistrationPlan
    summary: Summary
    shifts: Mapping[datetime.date, DateShift] = field(default_factory=dict)


def plan_coregistration(
    products: FilePath | Sequence[FilePath],
    stacks: FilePath,
    *,
    orbits: FilePath | None = None,
    aoi: str | None = None,
    polarisation: str | None = None,
    swath: str | None = None,
    burst: str | None = None,
    reference: str | datetime.date | None = None,
    start: str | None = None,
    stop: str | None = None,
    annotation_orbits: bool = False,
) -> CoregistrationPlan:
    """Plan of :func:`coregister_products`; nothing is written.

    Raises
    ------
    FileNotFoundError, ValueError
        As :func:`coregister_products`.
    """
    if orbits is None and not annotation_orbits:
        raise ValueError(
            "orbits must name a folder of orbit files (EOF); annotation_orbits=True takes the state vectors of the "
            "products instead"
        )
    some = [products] if isinstance(products, str | os.PathLike) else list(products)
    _require_own_folder(Path(stacks), [*some, *([] if orbits is None else [orbits])])
    files = find_orbit_files(Path(orbits)) if orbits is not None else []
    choice = BurstChoice(
        start=start,
        stop=stop,
        swath=swath,
        burst=burst,
        polarisation=polarisation,
        is_inside=None if aoi is None else _touches(named_area(aoi)),
    )
    unreadable: dict[Path, str] = {}
    opened = find_products(some, swaths=choice.swaths, polarisations=choice.polarisations, unreadable=unreadable)
    kept, notes = chosen_passes(passes(opened), choice)
    chosen = orbits_of(kept, files, annotation=annotation_orbits)
    tell_restituted(chosen)
    asked = parse_date(reference) if isinstance(reference, str) else reference
    plan = make_plan(kept, chosen, Path(stacks), reference=asked, notes=notes)
    return replace(plan, unreadable={_dated(place.name): reason for place, reason in unreadable.items()})


def coregister_products(
    products: FilePath | Sequence[FilePath],
    stacks: FilePath,
    *,
    orbits: FilePath | None = None,
    dem: FilePath | Sequence[FilePath] | None = None,
    dem_datum: str | None = None,
    geoid: FilePath | None = None,
    aoi: str | None = None,
    polarisation: str | None = None,
    swath: str | None = None,
    burst: str | None = None,
    reference: str | datetime.date | None = None,
    start: str | None = None,
    stop: str | None = None,
    spectral_diversity: bool = True,
    flatten: bool = True,
    annotation_orbits: bool = False,
    workers: int | None = None,
    report: Callable[[Outcome], Any] | None = None,
    progress: bool | None = None,
) -> Coregistration:
    """Bring every date of Sentinel-1 IW SLC products to the grid of one of them, burst by burst, and store it.

    Each burst and polarisation becomes a stack of its own, ``STACKS/T052-110431-IW1-VV``, that
    :func:`m3leo_sar.open_stack` reads; a folder of them goes to :func:`m3leo_sar.prepare`. Offsets follow from orbits
    and terrain, and from the overlaps of consecutive bursts (enhanced spectral diversity), which also give the
    azimuth shift of each date. Every date but the reference is flattened: the phase of flat earth and terrain is taken
    off, so that the interferogram of any two dates is flat.

    A run may be stopped at any time: dates appear complete, and the next run makes the others. Later runs add dates;
    the reference stays.

    Parameters
    ----------
    products : path, or sequence of paths
        SAFE folders, zips of them, or folders of these: slices of one track, of any number of dates.
    stacks : path
        Folder of the stacks, created if it does not exist.
    orbits : path
        Folder of orbit files (``.EOF``, also zipped); precise ones (POEORB) go before restituted ones (RESORB).
    dem : path, or sequence of paths
        Terrain: a file, a VRT, or a folder of tiles. Bursts that are in ``stacks`` already do without.
    dem_datum : str, optional
        What heights are above where the files do not state it: ``"egm2008"`` (Copernicus), ``"egm96"`` (SRTM),
        ``"ellipsoid"``.
    geoid : path, optional
        Grid of the geoid, where PROJ has none.
    aoi : str, optional
        Area of interest as of :func:`m3leo_sar.run.choices.named_area`: only bursts that touch it.
    polarisation, swath, burst : str, optional
        Only these; several joined by ``+``.
    reference : str or datetime.date, optional
        Date to whose grid the others are brought; by default one in the middle of all in time and baseline, with a
        precise orbit. That of an earlier run is kept.
    start, stop : str, optional
        First and last date, ``YYYY-MM-DD``.
    spectral_diversity : bool
        Whether the azimuth shift of each date is measured; otherwise it is 0.
    flatten : bool
        Whether the phase of flat earth and terrain is taken off; otherwise :func:`m3leo_sar.prepare` does so.
    annotation_orbits : bool
        Whether dates without an orbit file take the state vectors of the product; never those that the satellite sent
        down.
    workers : int, optional
        Bursts at the same time; by default one per CPU.
    report : callable, optional
        Called with the outcome of each burst, date and polarisation.
    progress : bool, optional
        Whether to show progress: by default a bar in a notebook and a line on a terminal, unless ``report`` is given;
        True prints a line now and then in a log too.

    Returns
    -------
    Coregistration

    Warns
    -----
    UserWarning
        Of restituted orbits, dates that lack a burst, and swaths that disagree.

    Raises
    ------
    FileNotFoundError
        If a product, the orbits or the terrain are missing.
    ValueError
        If the products are of several tracks, have no common polarisation, or mix processors whose phases differ; a
        date has no orbit file; the vertical datum of the terrain is not stated, or the terrain does not cover a burst
        or is another than that of the stacks; the reference is another than that of the stacks.
    BlockingIOError
        If another run works on the folder.
    OSError
        If the disk is too small, which is found before the run, or cannot be written to; finished dates are kept.
    """
    plan = plan_coregistration(
        products,
        stacks,
        orbits=orbits,
        aoi=aoi,
        polarisation=polarisation,
        swath=swath,
        burst=burst,
        reference=reference,
        start=start,
        stop=stop,
        annotation_orbits=annotation_orbits,
    )
    for note in plan.notes:
        warnings.warn(note, stacklevel=2)
    terrain = None if dem is None else terrain_at(dem, dem_datum=dem_datum, geoid=geoid)
    return run_plan(plan, terrain, spectral_diversity=spectral_diversity, flatten=flatten, workers=workers,
                    report=report, progress=progress)  # fmt: skip


def terrain_at(
    dem: FilePath | Sequence[FilePath], *, dem_datum: str | None = None, geoid: FilePath | None = None
) -> Any:
    """Terrain of :func:`coregister_products`; errors name ``dem_datum``, which is the datum's parameter here."""
    paths = [dem] if isinstance(dem, str | os.PathLike) else list(dem)
    try:
        return open_terrain([Path(path) for path in paths], vertical_crs=dem_datum, geoid=geoid)
    except ValueError as error:
        raise ValueError(str(error).replace("vertical_crs must", "dem_datum must")) from error


def run_plan(
    plan: CoregistrationPlan,
    terrain: Any = None,
    *,
    spectral_diversity: bool = True,
    flatten: bool = True,
    workers: int | None = None,
    report: Callable[[Outcome], Any] | None = None,
    progress: bool | None = None,
) -> Coregistration:
    """Make what a plan lacks; see :func:`coregister_products`."""
    if workers is not None and workers < 1:
        raise ValueError(f"workers must be at least 1, got {workers}")
    if terrain is None and (fault := terrain_missing(plan)):
        raise ValueError(fault)
    _require_disk(plan, terrain)
    plan.folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as open_:
        open_.enter_context(RunLock(plan.folder))
        remove_stale(plan.folder)
        ledger = open_.enter_context(Ledger(plan.folder / LEDGER))
        step, _ = open_.enter_context(reported("co-registering", len(plan.images), report, shown=progress))
        run = CoregistrationRun(
            plan, terrain, ledger, with_shifts=spectral_diversity, flatten=flatten, workers=workers, report=step,
            stopping=threading.Event(),
        )  # fmt: skip
        run.summary.failed |= plan.unreadable
        run.over_dates()
    return Coregistration(plan=run.plan, summary=run.summary, shifts=run.shifts)


def _require_own_folder(stacks: Path, inputs: Sequence[FilePath]) -> None:
    """Refuse to write stacks among the inputs."""
    place = stacks.resolve()
    for path in inputs:
        if place == Path(path).resolve():
            raise ValueError(f"stacks must be a folder of its own, got {stacks}, which is one of the inputs")
    product = next((folder for folder in (place, *place.parents) if folder.suffix == ".SAFE"), None)
    if product is not None:
        raise ValueError(f"stacks must be a folder of its own, got {stacks}, which lies in the product {product.name}")


def _dated(name: str) -> str:
    """Name of a product after the date that it states."""
    date = re.search(r"_(\d{4})(\d\d)(\d\d)T\d{6}", name)
    return f"{'-'.join(date.groups())} {name}" if date else name


def _touches(area: Any) -> Callable[[Any], bool]:
    """Whether a burst touches an area, by the orbit of its annotation, which is exact to metres."""
    import shapely
    import shapely.affinity

    def is_inside(burst: Any) -> bool:
        outline = outline_on_ground(Acquisition(burst.annotation.orbit, burst.radar_grid), Extent.of(burst.valid))
        if outline[:, 0].max() - outline[:, 0].min() > 180:
            outline[:, 0] %= 360
        shape = shapely.Polygon(outline).buffer(0)
        return any(shapely.intersects(shapely.affinity.translate(shape, turn), area) for turn in (-360, 0, 360))

    return is_inside


def _require_disk(plan: CoregistrationPlan, terrain: Any) -> None:
    lacking = plan.lacking
    if not lacking:
        return
    cost = plan_cost(plan, terrain)
    needed = cost.bytes + cost.spare_bytes
    place = next(path for path in (plan.folder, *plan.folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(place).free
    if free < needed:
        raise OSError(
            f"{place} has {free / 1e9:.1f} GB free, the {len(lacking)} images need {needed / 1e9:.1f} GB; choose fewer "
            "by aoi=, burst=, swath=, polarisation=, start= or stop="
        )
