"""Display of a training run: settings in, a progress bar while it runs, scores as lines."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from m3leo_sar.app.progress import ERR, progress_bar

if TYPE_CHECKING:
    from m3leo_sar.learn.fit.fit import FitResult
    from m3leo_sar.learn.fit.fit_config import FitConfig


def settings_of(settings: list[str], *, output: Path | None, inputs: str | None) -> list[str]:
    """Overrides of a configuration by the settings of the command; the first setting may be the archive."""
    named = [f"archive={settings[0]}", *settings[1:]] if settings and "=" not in settings[0] else list(settings)
    named += [f"output={output}"] if output else []
    return named + ([f"input={inputs}"] if inputs else [])


def score_lines(metrics: dict[str, Any]) -> list[str]:
    """Scores of a run as text; the interval is the 95 % interval over tiles."""
    lines = []
    for name, word in (("miou", "mIoU"), ("rmse", "RMSE"), ("retrieval", "retrieval"), ("spread", "spread")):
        if name in metrics:
            low, high = metrics.get(f"{name}_interval", (None, None))
            between = f" ({low:.3g} to {high:.3g})" if low is not None else ""
            lines.append(
                f"{word} {metrics[name]:.3f}{between} {metrics.get('unit', '')}".rstrip() + " on the test tiles"
            )
    lines += [] if lines else [f"loss {metrics['loss']:.4f} on the test tiles"]
    if metrics["unknown_codes"]:
        codes = ", ".join(f"{code} ({count} pixels)" for code, count in metrics["unknown_codes"].items())
        lines.append(f"labels hold codes of no class, which were left out: {codes}")
    return lines


def score_text(metrics: Mapping[str, Any]) -> str:
    """Main score of a run on the test tiles, short enough for a picture; empty if it has none.

    Examples
    --------
    >>> score_text({"miou": 0.8728}), score_text({"rmse": 41.2, "unit": "Mg/ha"})
    ('test mIoU 0.87', 'test RMSE 41.2 Mg/ha')
    """
    for name, word in (("miou", "mIoU"), ("rmse", "RMSE")):
        if isinstance(metrics.get(name), float):
            number = f"{metrics[name]:.2f}" if name == "miou" else f"{metrics[name]:.3g}"
            return f"test {word} {number} {metrics.get('unit') or ''}".rstrip()
    return ""


def fit_with_bar(config: FitConfig, *, title: str, resume: bool = False) -> FitResult:
    """Train as :func:`m3leo_sar.training.archive_training.run_fit` does, with a bar on a terminal, else with lines."""
    from m3leo_sar.training.archive_training import run_fit

    with progress_bar(title, config.epochs) as advance:

        def report(epoch: int, scores: dict[str, float]) -> None:
            advance()
            text = epoch_text(epoch, config.epochs, scores)
            if text and not ERR.is_terminal:
                ERR.print(f"{title}: {text}")

        return run_fit(config, report=report, resume=resume)


def epoch_text(epoch: int, epochs: int, scores: Mapping[str, float]) -> str:
    """Scores of every tenth epoch and of the last; empty after the others."""
    if epoch != epochs and epoch % 10:
        return ""
    shown = (f"{name.replace('_', ' ')} {scores[name]:.4g}" for name in sorted(scores) if "val_" in name)
    return f"epoch {epoch} of {epochs}, {', '.join(shown)}"


#: Scores in a table of several runs, in this order.
_COMPARED = ("miou", "rmse", "retrieval", "spread", "loss", "seconds")


def write_sweep(path: Path, rows: Sequence[tuple[str, str, Mapping[str, Any]]]) -> list[str]:
    """Write a table of runs (name, settings, metrics) as CSV, with the scores of any run, in the order shown."""
    from m3leo_sar.io.files.atomic import write_text

    names = [name for name in _COMPARED if any(name in metrics for _, _, metrics in rows)]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["run", "settings", *names])
    writer.writerows([run, settings, *(metrics.get(name, "") for name in names)] for run, settings, metrics in rows)
    write_text(path, text.getvalue())
    return names
