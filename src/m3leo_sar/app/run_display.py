"""A plan as text, and the progress of a run: time left, chips per second, failures."""

from __future__ import annotations

import datetime
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from m3leo_sar.app.option_names import with_options
from m3leo_sar.app.progress import ERR

if TYPE_CHECKING:
    from m3leo_sar.products.phase_steps import PhaseSteps
    from m3leo_sar.run.loop import Outcome, Summary
    from m3leo_sar.run.plan import Plan
    from m3leo_sar.run.run_options import Watch


#: Reasons of failures that are printed.
_REASONS = 3


def plan_text(plan: Plan, rate: float | None, *, workers: int | None = None) -> str:
    """Work of a plan, its size and expected time, in a few lines.

    Parameters
    ----------
    plan : Plan
    rate : float, optional
        Seconds of one worker per pixel in earlier runs.
    workers : int, optional
        Number of workers; one per CPU by default.
    """
    from m3leo_sar.run.threads import WORKER_BYTES, fitting_workers

    count = workers or fitting_workers(WORKER_BYTES)
    chips = ", ".join(f"{number} {name}" for name, number in plan.chips.items()) or "nothing"
    pairs = sorted({key.rpartition("/")[2] for key in plan.keys if "_" in key})
    seconds = plan.seconds(workers=count, rate=rate)
    basis = "as fast as the last run" if rate else "rough estimate, no earlier run was measured"
    return "\n".join(
        (
            f"tiles: {len(plan.lacking)} of {len(plan.grid)} are incomplete, {len(plan.skipped)} are outside the stack",
            f"pairs: {len(pairs)} to bring up to date{', ' + _some(pairs) if pairs else ''}",
            f"chips: {chips} to compute; {plan.present} exist",
            f"bytes: {size_text(plan.bytes)} before compression",
            f"time: {duration_text(seconds)} on {count} worker{'s' if count > 1 else ''} ({basis})",
        )
    )


def summary_text(summary: Summary, archive: Path) -> str:
    """Results of a run, in one to three lines."""
    done = ", ".join(f"{count} {name}" for name, count in sorted(summary.computed.items())) or "nothing"
    lines = [f"{archive}: computed {done}; {summary.present} chips already existed"]
    if summary.skipped:
        reason = next(iter(summary.skipped.values()))
        lines.append(f"{len(summary.skipped)} tiles left out (the first: {with_options(reason)})")
    if summary.failed:
        lines.append(f"{len(summary.failed)} tiles failed; run again to try them again")
    return "\n".join(lines)


def failure_lines(failed: Mapping[str, str], ledger: Path, *, state: str = "failed") -> list[str]:
    """Failures, one line per reason; where there are many reasons, the first ones and the file that holds the others.

    Parameters
    ----------
    failed : mapping of str to str
        Reason by name.
    ledger : Path
        File of the run that holds every reason.
    state : str
        Word before each: of tiles that were skipped, for instance.
    """
    names: dict[str, list[str]] = {}
    for name, reason in failed.items():
        names.setdefault(reason, []).append(name)
    lines = []
    for reason, some in list(names.items())[:_REASONS]:
        others = f" and {len(some) - 1} more" if len(some) > 1 else ""
        lines.append(f"{state}: {some[0]}{others}: {with_options(reason)}")
    left = sum(len(some) for some in list(names.values())[_REASONS:])
    return [*lines, *([f"{state}: {left} more, see {ledger}"] if left else [])]


@contextmanager
def run_display() -> Iterator[Watch]:
    """Draw the progress of a run on a terminal; nothing elsewhere."""
    from m3leo_sar.run.run_options import Watch

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[status]}"))
    times = (TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())
    with Progress(*columns, *times, console=ERR, disable=not ERR.is_terminal, speed_estimate_period=120) as bar:
        task = bar.add_task("reading inputs", total=None, status="")
        counts = {"chips": 0, "failed": 0}
        started = time.monotonic()

        def planned(plan: Plan) -> None:
            nonlocal started
            started = time.monotonic()
            bar.reset(task, total=len(plan.lacking), description="making tiles", status="")

        def settled(outcome: Outcome) -> None:
            counts["chips"] += sum(outcome.counts.values())
            counts["failed"] += outcome.state == "failed"
            speed = counts["chips"] / max(time.monotonic() - started, 1e-9)
            status = f"{counts['chips']} chips, {speed:.1f}/s"
            bar.update(task, advance=1, status=status + (f", {counts['failed']} failed" if counts["failed"] else ""))

        yield Watch(checked=lambda: bar.advance(task), planned=planned, settled=settled)


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
