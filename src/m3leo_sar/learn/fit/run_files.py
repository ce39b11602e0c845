"""Output files of a run."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.utilities.rank_zero import rank_zero_only

from m3leo_sar.io.files.atomic import atomic_path, write_text
from m3leo_sar.io.tables.split_file import write_splits
from m3leo_sar.learn.fit.config import to_yaml
from m3leo_sar.learn.fit.fit_run import Run

CHECKPOINT, METRICS, CONFIG, RESUME = "model.pt", "metrics.json", "config.yaml", "last.ckpt"

SPLITS, STATISTICS, LOGS = "splits.csv", "statistics.json", "logs"


@rank_zero_only
def write_beginnings(output: Path, run: Run, *, anew: bool) -> None:
    """Write the files needed to resume, before training begins."""
    output.mkdir(parents=True, exist_ok=True)
    if anew:
        # Checkpoint of an older run; this run would resume from it if stopped before its own first checkpoint.
        (output / RESUME).unlink(missing_ok=True)
    write_splits(output / SPLITS, run.config.splits)
    write_text(output / CONFIG, to_yaml(replace(run.config, splits={}, splits_file=SPLITS)))
    write_text(output / STATISTICS, run.data.statistics.to_json() + "\n")


def write_results(output: Path, run: Run, metrics: dict[str, Any]) -> None:
    """Write the model and the metrics, each whole or not at all."""
    with atomic_path(output / CHECKPOINT) as partial:
        state = {
            "weights": run.task.model.state_dict(),
            "statistics": run.data.statistics.to_json(),
            "config": to_yaml(replace(run.config, splits={}, splits_file="")),
            "scale": list(run.scale),
        }
        torch.save(state, partial)
    write_text(output / METRICS, json.dumps(metrics, indent=2) + "\n")
