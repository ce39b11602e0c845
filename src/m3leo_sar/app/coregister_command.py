"""The command that co-registers Sentinel-1 products."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from m3leo_sar.app import options
from m3leo_sar.app.option_names import with_options
from m3leo_sar.app.progress import ERR, OUT, progress_bar

if TYPE_CHECKING:
    from m3leo_sar.run.coregistration.coregistration_plan import CoregistrationPlan

commands = typer.Typer()


@commands.command()
def coregister(
    products: Annotated[
        list[Path],
        typer.Argument(help="Sentinel-1 IW SLC products: SAFE folders, zips of them, or folders that hold these."),
    ],
    stacks: Annotated[Path, typer.Argument(help="Folder of the stacks; created if it does not exist.")],
    orbits: Annotated[
        Path | None,
        typer.Option(help="Folder of orbit files (EOF, also zipped): precise (POEORB) or restituted (RESORB)."),
    ] = None,
    dem: Annotated[
        list[Path] | None,
        typer.Option(help="Terrain: a file, a VRT or a folder of tiles; can be repeated. Not needed to add dates."),
    ] = None,
    dem_datum: Annotated[
        str | None,
        typer.Option(
            help="What heights are above, if the files do not state it: egm2008, egm96, ellipsoid or EPSG code."
        ),
    ] = None,
    geoid: Annotated[Path | None, typer.Option(help="Grid of the geoid, if PROJ has none.")] = None,
    aoi: options.Aoi = None,
    polarisation: options.Polarisation = None,
    swath: Annotated[str | None, typer.Option(help="IW1, IW2 or IW3, or several as IW1+IW2; default: all.")] = None,
    burst: options.Burst = None,
    reference: Annotated[
        str | None, typer.Option(help="Date to whose grid the others are brought; default: one in the middle.")
    ] = None,
    start: Annotated[str | None, typer.Option(help="First date, such as 2023-03-01.")] = None,
    stop: Annotated[str | None, typer.Option(help="Last date.")] = None,
    spectral_diversity: Annotated[
        bool, typer.Option(help="Measure the azimuth shift of each date in the overlaps of its bursts.")
    ] = True,
    flatten: Annotated[bool, typer.Option(help="Take off the phase of flat earth and terrain.")] = True,
    annotation_orbits: Annotated[
        bool, typer.Option("--annotation-orbits", help="Take the products' own orbits for dates without an orbit file.")
    ] = False,
    workers: Annotated[int | None, typer.Option(min=1, help="Bursts at the same time; default: one per CPU.")] = None,
    figure: Annotated[
        Path | None, typer.Option(help="Picture to write of the dates of each burst: those that exist after the run.")
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="List the bursts of each date, with orbits, coverage, disk and time; "
            "check pixels and terrain; write no stack. The exit code is 1 if a run could not make all.",
        ),
    ] = False,
    dpi: options.Dpi = 150,
    form: options.PictureFormat = None,
) -> None:
    """Co-register Sentinel-1 products burst by burst, from orbits and terrain; dates that are there are kept.

    Each burst and polarisation becomes a stack, STACKS/T052-110431-IW1-VV, flattened, as complex int16. The folder of
    stacks goes to pairs, prepare and slc-tiles. The command may be stopped at any time and run again; with new products
    it adds their dates. The exit code is 1 if a burst failed.

    Example: m3leo-sar coregister products stacks --orbits orbits --dem terrain --dem-datum egm2008 --dry-run
    """
    from m3leo_sar.app.run_display import failure_lines
    from m3leo_sar.run.coregistration.coregister_products import (
        LEDGER,
        plan_coregistration,
        run_plan,
        terrain_at,
    )  # fmt: skip
    from m3leo_sar.run.coregistration.coregistration_plan import existing_coverage
    from m3leo_sar.run.coregistration.overlap_shift import shift_text

    saved: dict[str, Any] = {"path": figure, "dpi": dpi, "form": form}
    _require_figure(**saved)
    wanted: dict[str, Any] = {
        "orbits": orbits,
        "aoi": aoi,
        "polarisation": options.polarisation_of(polarisation),
        "swath": swath,
        "burst": burst,
        "reference": reference,
        "start": start,
        "stop": stop,
        "annotation_orbits": annotation_orbits,
    }
    plan = plan_coregistration(products, stacks, **wanted)
    terrain = terrain_at(dem, dem_datum=dem_datum, geoid=geoid) if dem else None
    for note in plan.notes:
        ERR.print(f"note: {note}", markup=False, soft_wrap=True)
    if dry_run:
        _print_plan(plan, terrain, workers)
        _draw(plan.coverage(), saved)
        _report_faults(plan, terrain)
        return
    with progress_bar("co-registering", None) as advance:
        done = run_plan(
            plan,
            terrain,
            spectral_diversity=spectral_diversity,
            flatten=flatten,
            workers=workers,
            report=lambda _: advance(),
        )
    for date, shift in sorted(done.shifts.items()):
        OUT.print(shift_text(date, shift), markup=False, soft_wrap=True)
    made = ", ".join(f"{count} {name}" for name, count in sorted(done.summary.computed.items())) or "nothing"
    OUT.print(
        f"{stacks}: wrote {made}; {_counted(done.summary.present, 'image')} already existed; "
        f"reference {done.plan.reference}",
        soft_wrap=True,
    )
    _draw(existing_coverage(plan.folder), saved)
    failed = {name: reason for name, reason in done.summary.failed.items() if name not in done.plan.unreadable}
    for line in [*_unreadable_lines(done.plan), *failure_lines(failed, plan.folder / LEDGER)]:
        OUT.print(line, markup=False, soft_wrap=True)
    if done.summary.failed:
        unread = f"{_counted(len(done.plan.unreadable), 'product')} cannot be read; " if done.plan.unreadable else ""
        OUT.print(f"{unread}{_counted(len(failed), 'image')} failed; run again to try again", soft_wrap=True)
        raise typer.Exit(code=1)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"


def _unreadable_lines(plan: CoregistrationPlan) -> list[str]:
    return [f"cannot be read: {name}: {reason}" for name, reason in plan.unreadable.items()]


#: Characters of the columns that are never cut: rows differ in them.
_WHOLE = {"date": 10, "burst": 15}


def _print_plan(plan: CoregistrationPlan, terrain: Any, workers: int | None) -> None:
    """Table of bursts and dates, and what is left to do."""
    from m3leo_sar.app.run_display import duration_text, size_text
    from m3leo_sar.run.coregistration.coregistration_run import BURST_BYTES
    from m3leo_sar.run.coregistration.plan_cost import plan_cost
    from m3leo_sar.run.threads import fitting_workers

    rows = list(plan.table())
    # What all rows share is written once, so that the rest fits a narrow terminal.
    alike = {name: rows[0][name] for name in rows[0] if len(rows) > 1 and len({row[name] for row in rows}) == 1}
    table = Table(title=f"{plan.folder}: reference {plan.reference}")
    columns = [name for name in rows[0] if name not in alike]
    for name in columns:
        table.add_column(name, no_wrap=name in _WHOLE, min_width=_WHOLE.get(name))
    for row in rows:
        table.add_row(*(row[name] for name in columns))
    OUT.print(table)
    if alike:
        OUT.print("all: " + ", ".join(f"{name} {value}" for name, value in alike.items()), soft_wrap=True)
    for line in _unreadable_lines(plan):
        OUT.print(line, markup=False, soft_wrap=True)
    count, cost = workers or fitting_workers(BURST_BYTES), plan_cost(plan, terrain)
    spare = f" and {size_text(cost.spare_bytes)} for unpacked zips" if cost.spare_bytes else ""
    OUT.print(
        f"{len(plan.lacking)} of {len(plan.images)} images to make: {size_text(cost.bytes)} on disk{spare}, "
        f"about {duration_text(cost.seconds / count)} on {count} CPU{'s' * (count > 1)}",
        soft_wrap=True,
    )


def _report_faults(plan: CoregistrationPlan, terrain: Any) -> None:
    """What the run could not make; exit code 1 if there is any."""
    from m3leo_sar.run.coregistration.plan_check import faults_of

    faults = list(faults_of(plan, terrain))
    for fault in faults:
        OUT.print(f"cannot be made: {with_options(fault)}", markup=False, soft_wrap=True)
    if faults or plan.unreadable:
        raise typer.Exit(code=1)


def _require_figure(*, path: Path | None, dpi: int, form: str | None) -> None:
    """Refuse a picture that cannot be written, before hours of work."""
    from m3leo_sar.pictures.picture_format import picture_form, require_output

    require_output(None, form, dpi)
    if path is not None:
        picture_form(path, form, name="figure")


def _draw(coverage: dict[str, dict[datetime.date, str]], saved: dict[str, Any]) -> None:
    """Write the picture of bursts and dates, if one is wanted."""
    figure = saved["path"]
    if figure is None:
        return
    from m3leo_sar.pictures.coverage_picture import plot_coverage

    if not any(coverage.values()):
        OUT.print(f"{figure} is not written, as there is no date to draw", soft_wrap=True)
        return
    plot_coverage(coverage, **saved)
    OUT.print(f"wrote {figure}", soft_wrap=True)
