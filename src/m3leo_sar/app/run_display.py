"""The plan, the progress and the results of a run: time left, chips per second, failures."""

from __future__ import annotations

import datetime
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from m3leo_sar.app.command_result import CommandResult, reason_lines
from m3leo_sar.app.option_names import with_options
from m3leo_sar.app.progress import ERR, log_lines, shows_bar

if TYPE_CHECKING:
    from m3leo_sar.products.phase_steps import PhaseSteps
    from m3leo_sar.run.loop import Outcome, Summary
    from m3leo_sar.run.plan import Plan
    from m3leo_sar.run.run_options import Watch


def plan_result(
    plan: Plan, rate: float | None, *, workers: int | None = None, again: Sequence[str] = ()
) -> CommandResult:
    """Work of a plan, its size and expected time.

    Parameters
    ----------
    plan : Plan
    rate : float, optional
        Seconds of one worker per pixel in earlier runs.
    workers : int, optional
        Number of workers; one per CPU by default.
    again : sequence of str
        The command that carries the plan out.
    """
    from m3leo_sar.run.threads import WORKER_BYTES, fitting_workers

    count = workers or fitting_workers(WORKER_BYTES)
    pairs = sorted({key.rpartition("/")[2] for key in plan.keys if "_" in key})
    seconds = plan.seconds(workers=count, rate=rate)
    return CommandResult(
        facts={"tiles": len(plan.grid), "incomplete": len(plan.lacking), "pairs": pairs, "chips": plan.chips,
               "present": plan.present, "bytes": plan.bytes, "seconds": seconds, "workers": count,
               "is_measured": bool(rate)},
        skipped=plan.skipped,
        sentences=_plan_lines(plan, pairs, seconds, count, is_measured=bool(rate)),
        following=[again] if again and plan.lacking else [],
    )  # fmt: skip


def _plan_lines(plan: Plan, pairs: list[str], seconds: float, workers: int, *, is_measured: bool) -> list[str]:
    chips = ", ".join(f"{number} {name}" for name, number in plan.chips.items()) or "nothing"
    basis = "as fast as the last run" if is_measured else "rough estimate, no earlier run was measured"
    return [
        f"tiles: {len(plan.lacking)} of {len(plan.grid)} are incomplete, {len(plan.skipped)} are outside the stack",
        f"pairs: {len(pairs)} to bring up to date{', ' + _some(pairs) if pairs else ''}",
        f"chips: {chips} to compute; {plan.present} exist",
        f"bytes: {size_text(plan.bytes)} before compression",
        f"time: {duration_text(seconds)} on {workers} worker{'s' if workers > 1 else ''} ({basis})",
    ]


def run_result(summary: Summary, archive: Path) -> CommandResult:
    """Results of a run that made chips."""
    from m3leo_sar.io.chips.chip_ledger import LEDGER

    return CommandResult(
        facts={"archive": archive, "computed": dict(sorted(summary.computed.items())), "present": summary.present,
               "tiles": summary.done},
        skipped=summary.skipped,
        failed=summary.failed,
        ledger=archive / LEDGER,
        notes=_remarks(summary),
        sentences=summary_lines(summary, archive),
        following=[
            ("m3leo-sar", "plot", archive, "tile.png"),
            ("m3leo-sar", "report", archive, "report.html"),
            ("m3leo-sar", "split", archive, "splits.csv"),
            ("m3leo-sar", "retile", "MAP", archive, "--dataset", "landcover"),
        ],
    )  # fmt: skip


def retile_result(summary: Summary, archive: Path, dataset: str) -> CommandResult:
    """Results of a run that resampled a raster."""
    from m3leo_sar.run.retile import LEDGER

    return CommandResult(
        facts={"archive": archive, "dataset": dataset, "tiles": summary.done, "present": summary.present},
        skipped=summary.skipped,
        failed=summary.failed,
        ledger=archive / LEDGER,
        notes=_remarks(summary),
        sentences=[
            f"{archive}: {summary.done} tiles done, {summary.present} already settled, {len(summary.skipped)} skipped, "
            f"{len(summary.failed)} failed",
            *reason_lines("skipped", summary.skipped),
        ],
        following=[
            ("m3leo-sar", "plot", archive, "tile.png"),
            ("m3leo-sar", "split", archive, "splits.csv"),
            ("m3leo-sar", "train", archive, f"target={dataset}:BAND", "--splits", "splits.csv"),
        ],
    )


def _remarks(summary: Summary) -> list[str]:
    return [line.removeprefix("note: ") for line in reason_lines("note", summary.notes)]


def summary_lines(summary: Summary, archive: Path) -> list[str]:
    """Results of a run, in one to three lines."""
    done = ", ".join(f"{count} {name}" for name, count in sorted(summary.computed.items())) or "nothing"
    lines = [f"{archive}: computed {done}; {summary.present} chips already existed", *left_out_text(summary.skipped)]
    if summary.failed:
        lines.append(f"{len(summary.failed)} tiles failed; run again to try them again")
    return lines


def left_out_text(skipped: Mapping[str, str]) -> list[str]:
    """Sentence on tiles that were left out, with the reason of the first; none if there are none."""
    if not skipped:
        return []
    first = next(iter(skipped))
    return [f"{len(skipped)} tiles left out (the first, {first}: {with_options(skipped[first])})"]


@contextmanager
def run_display() -> Iterator[Watch]:
    """Draw the progress of a run on a terminal, and print a line now and then elsewhere."""
    from m3leo_sar.run.run_options import Watch

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[status]}"))
    times = (TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())
    with Progress(*columns, *times, console=ERR, disable=not shows_bar(), speed_estimate_period=120) as bar:
        task = bar.add_task("reading inputs", total=None, status="")
        counts = {"chips": 0, "failed": 0}
        lines, started = log_lines("reading inputs", None), time.monotonic()

        def planned(plan: Plan) -> None:
            nonlocal lines, started
            lines, started = log_lines("making tiles", len(plan.lacking)), time.monotonic()
            bar.reset(task, total=len(plan.lacking), description="making tiles", status="")

        def settled(outcome: Outcome) -> None:
            counts["chips"] += sum(outcome.counts.values())
            counts["failed"] += outcome.state == "failed"
            speed = counts["chips"] / max(time.monotonic() - started, 1e-9)
            status = f"{counts['chips']} chips, {speed:.1f}/s"
            bar.update(task, advance=1, status=status + (f", {counts['failed']} failed" if counts["failed"] else ""))
            lines.advance()

        def checked() -> None:
            bar.advance(task)
            lines.advance()

        yield Watch(checked=checked, planned=planned, settled=settled)


def _some(keys: list[str]) -> str:
    return ", ".join(keys) if len(keys) <= 3 else f"{keys[0]} to {keys[-1]}"


def size_text(count: float) -> str:
    """Bytes in a unit that suits them."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"


def duration_text(seconds: float) -> str:
    """A time in seconds, or in hours, minutes and seconds."""
    return f"{seconds:.1f} s" if seconds < 60 else str(datetime.timedelta(seconds=round(seconds)))


def steps_text(steps: PhaseSteps) -> str:
    """Phase steps between bursts, a line per pair of bursts."""
    lines = []
    for names in dict.fromkeys((step.first, step.second) for step in steps.steps):
        some = [step for step in steps.steps if (step.first, step.second) == names]
        known = [step for step in some if step.is_known]
        largest = max(known, key=lambda step: abs(step.step), default=None)
        found = f"largest {largest.step:+.2f} rad on {largest.date}" if largest else "no coherent overlap"
        lines.append(f"phase steps of {names[0]} and {names[1]}: {len(known)} of {len(some)} dates known, {found}")
    return "\n".join(lines) or "phase steps: no tile lies over two bursts"
