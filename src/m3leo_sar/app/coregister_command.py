"""The command that co-registers Sentinel-1 products."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from m3leo_sar.app import options
from m3leo_sar.app.command_result import CommandResult, show
from m3leo_sar.app.completion import product_dates, regions, words
from m3leo_sar.app.option_names import with_options
from m3leo_sar.app.progress import ERR, OUT, progress_bar

if TYPE_CHECKING:
    from m3leo_sar.run.coregistration.coregistration_plan import CoregistrationPlan
    from m3leo_sar.run.coregistration.overlap_shift import DateShift

#: Panels of the help.
_AUXILIARY, _CHOICE, _METHOD = "Orbits and terrain", "Which dates and bursts", "How"
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
        typer.Option(
            help="Folder of orbit files (EOF, also zipped): precise (POEORB) or restituted (RESORB).",
            rich_help_panel=_AUXILIARY,
        ),
    ] = None,
    dem: Annotated[
        list[Path] | None,
        typer.Option(
            help="Terrain: a file, a VRT or a folder of tiles; can be repeated. Not needed to add dates.",
            rich_help_panel=_AUXILIARY,
        ),
    ] = None,
    dem_datum: Annotated[
        str | None,
        typer.Option(
            help="What heights are above, if the files do not state it: egm2008, egm96, ellipsoid or EPSG code.",
            rich_help_panel=_AUXILIARY,
            autocompletion=words("egm2008", "egm96", "ellipsoid"),
        ),
    ] = None,
    geoid: Annotated[
        Path | None, typer.Option(help="Grid of the geoid, if PROJ has none.", rich_help_panel=_AUXILIARY)
    ] = None,
    annotation_orbits: Annotated[
        bool,
        typer.Option(
            "--annotation-orbits",
            help="Take the products' own orbits for dates without an orbit file.",
            rich_help_panel=_AUXILIARY,
        ),
    ] = False,
    aoi: Annotated[
        str | None,
        typer.Option(
            help="Only bursts that touch an area: a vector file, a raster (its outline), a region such as conus, "
            "W,S,E,N in degrees, or WKT.",
            rich_help_panel=_CHOICE,
            autocompletion=regions,
        ),
    ] = None,
    polarisation: Annotated[
        list[str] | None,
        typer.Option(
            help="VV, VH, HH or HV; can be repeated, or VV+VH; default: all.",
            rich_help_panel=_CHOICE,
            autocompletion=words("VV", "VH", "HH", "HV"),
        ),
    ] = None,
    swath: Annotated[
        str | None,
        typer.Option(
            help="IW1, IW2 or IW3, or several as IW1+IW2; default: all.",
            rich_help_panel=_CHOICE,
            autocompletion=words("IW1", "IW2", "IW3"),
        ),
    ] = None,
    burst: Annotated[
        str | None,
        typer.Option(help="Burst, such as T087-185683-IW2, or several as A+B; default: all.", rich_help_panel=_CHOICE),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(help="First date, such as 2023-03-01.", rich_help_panel=_CHOICE, autocompletion=product_dates),
    ] = None,
    stop: Annotated[
        str | None, typer.Option(help="Last date.", rich_help_panel=_CHOICE, autocompletion=product_dates)
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option(
            help="Date to whose grid the others are brought; default: one in the middle.",
            rich_help_panel=_METHOD,
            autocompletion=product_dates,
        ),
    ] = None,
    spectral_diversity: Annotated[
        bool,
        typer.Option(
            help="Measure the azimuth shift of each date in the overlaps of its bursts.", rich_help_panel=_METHOD
        ),
    ] = True,
    flatten: Annotated[
        bool, typer.Option(help="Take off the phase of flat earth and terrain.", rich_help_panel=_METHOD)
    ] = True,
    figure: Annotated[
        Path | None,
        typer.Option(
            help="Picture to write of the dates of each burst: those that exist after the run.",
            rich_help_panel=_METHOD,
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="List the bursts of each date, with orbits, coverage, disk and time; "
            "check pixels and terrain; write no stack. The exit code is 1 if a run could not make all.",
            rich_help_panel=_METHOD,
        ),
    ] = False,
    dpi: options.Dpi = 150,
    form: options.PictureFormat = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Bursts at the same time; default: one per CPU.", rich_help_panel=options.MACHINE),
    ] = None,
) -> None:
    """Co-register Sentinel-1 products burst by burst, from orbits and terrain; dates that are there are kept.

    Each burst and polarisation becomes a stack, STACKS/T052-110431-IW1-VV, flattened, as complex int16. The folder of
    stacks goes to pairs, prepare and slc-tiles. The command may be stopped at any time and run again; with new products
    it adds their dates. The exit code is 1 if a burst failed.

    Example: m3leo-sar coregister products stacks --orbits orbits --dem terrain --dem-datum egm2008 --dry-run
    """
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
        faults = _faults(plan, terrain)
        _show_plan(plan, terrain, workers, faults)
        _draw(plan.coverage(), saved)
        if plan.unreadable or faults:
            raise typer.Exit(code=1)
        return
    with progress_bar("co-registering", len(plan.images)) as advance:
        done = run_plan(
            plan,
            terrain,
            spectral_diversity=spectral_diversity,
            flatten=flatten,
            workers=workers,
            report=lambda _: advance(),
        )
    _draw(existing_coverage(plan.folder), saved)
    summary = done.summary
    failed = {name: reason for name, reason in summary.failed.items() if name not in done.plan.unreadable}
    made = ", ".join(f"{count} {name}" for name, count in sorted(summary.computed.items())) or "nothing"
    show(
        CommandResult(
            facts={"stacks": stacks, "reference": done.plan.reference, "computed": summary.computed,
                   "present": summary.present, "figure": figure},
            rows=[_shift_row(date, shift) for date, shift in sorted(done.shifts.items())],
            columns={},
            failed=failed,
            ledger=plan.folder / LEDGER,
            skipped=done.plan.unreadable,
            faults=_unreadable_lines(done.plan),
            sentences=[
                *(shift_text(date, shift) for date, shift in sorted(done.shifts.items())),
                f"{stacks}: wrote {made}; {_counted(summary.present, 'image')} already existed; "
                f"reference {done.plan.reference}",
                *_failed_text(len(failed), len(done.plan.unreadable)),
            ],
            following=[
                ("m3leo-sar", "describe", stacks),
                ("m3leo-sar", "pairs", stacks, "--max-days", 24),
                ("m3leo-sar", "prepare", stacks, "chips", "--lattice", "exact", "--window", "90m", "--max-days", 24),
            ],
        )
    )  # fmt: skip
    if summary.failed:
        raise typer.Exit(code=1)


def _shift_row(date: datetime.date, shift: DateShift) -> dict[str, Any]:
    """Azimuth shift of a date in lines."""
    return {
        "date": date,
        "azimuth_shift": shift.lines,
        "spread": shift.spread,
        "against": shift.partner,
        "overlaps": len(shift.overlaps),
        "note": shift.note or None,
    }


def _failed_text(failed: int, unreadable: int) -> list[str]:
    """Sentence on what failed; none if nothing did."""
    if not failed and not unreadable:
        return []
    unread = f"{_counted(unreadable, 'product')} cannot be read; " if unreadable else ""
    return [f"{unread}{_counted(failed, 'image')} failed; run again to try again"]


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"


def _unreadable_lines(plan: CoregistrationPlan) -> list[str]:
    return [f"cannot be read: {name}: {reason}" for name, reason in plan.unreadable.items()]


#: Columns of a plan: headings and the text of each row.
_COLUMNS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "date": lambda row: str(row["date"]),
    "burst": lambda row: str(row["burst"]),
    "platform": lambda row: str(row["platform"]),
    "processor": lambda row: str(row["processor"]),
    "orbit": lambda row: str(row["orbit"]),
    "baseline": lambda row: "reference" if row["baseline"] is None else f"{row['baseline']:.0f} m",
    "polarisations": lambda row: " ".join(row["polarisations"]),
    "coverage": lambda row: f"{row['coverage']:.0%}",
    "state": lambda row: str(row["state"]),
    "disk": lambda row: f"{row['bytes'] / 1e6:.0f} MB",
}


def _show_plan(plan: CoregistrationPlan, terrain: Any, workers: int | None, faults: Sequence[str]) -> None:
    """Table of bursts and dates, and what is left to do."""
    from m3leo_sar.app.run_display import duration_text, size_text
    from m3leo_sar.run.coregistration.coregistration_run import BURST_BYTES
    from m3leo_sar.run.coregistration.plan_cost import plan_cost
    from m3leo_sar.run.threads import fitting_workers

    rows = list(plan.table())
    # What all rows share is written once, so that the rest fits a narrow terminal.
    texts = [{name: text(row) for name, text in _COLUMNS.items()} for row in rows]
    alike = {name: texts[0][name] for name in _COLUMNS if len(rows) > 1 and len({row[name] for row in texts}) == 1}
    count, cost = workers or fitting_workers(BURST_BYTES), plan_cost(plan, terrain)
    seconds = cost.seconds / count
    spare = f" and {size_text(cost.spare_bytes)} for unpacked zips" if cost.spare_bytes else ""
    show(
        CommandResult(
            facts={"stacks": plan.folder, "reference": plan.reference, "images": len(plan.images),
                   "lacking": len(plan.lacking), "bytes": cost.bytes, "spare_bytes": cost.spare_bytes,
                   "seconds": seconds, "workers": count, "faults": faults},
            rows=rows,
            columns={name: text for name, text in _COLUMNS.items() if name not in alike},
            title=f"{plan.folder}: reference {plan.reference}",
            skipped=plan.unreadable,
            faults=[
                *_unreadable_lines(plan),
                *(f"cannot be made: {fault}" for fault in faults),
            ],
            sentences=[
                *(["all: " + ", ".join(f"{name} {value}" for name, value in alike.items())] if alike else []),
                f"{len(plan.lacking)} of {len(plan.images)} images to make: {size_text(cost.bytes)} on disk"
                f"{spare}, about {duration_text(seconds)} on {count} CPU{'s' * (count > 1)}",
            ],
        )
    )  # fmt: skip


def _faults(plan: CoregistrationPlan, terrain: Any) -> list[str]:
    """Sentences on what the run could not make."""
    from m3leo_sar.run.coregistration.plan_check import faults_of

    return [with_options(fault) for fault in faults_of(plan, terrain)]


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
