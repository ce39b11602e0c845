"""Commands that train a model."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from m3leo_sar.app import options
from m3leo_sar.app.command_result import CommandResult, rows_table, show
from m3leo_sar.app.manner import manner
from m3leo_sar.app.progress import LISTS

commands = typer.Typer()


@commands.command()
def train(
    settings: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[ARCHIVE] [KEY=VALUE]...",
            help="Chip archive, then settings such as task=esawc input=s1grd_vv_vh epochs=20 model.widths=[8,16,32].",
        ),
    ] = None,
    inputs: Annotated[
        str | None,
        typer.Option(help="amplitude, amplitudes, coherence, input sets or channels; several separated by commas."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="Folder for the checkpoint and the metrics; default: run.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="YAML configuration, such as the config.yaml that a run writes.")
    ] = None,
    splits: options.Splits = None,
    resume: Annotated[bool, typer.Option(help="Continue from the last checkpoint of the output folder.")] = False,
    config_dir: Annotated[
        Path | None, typer.Option(help="Folder with further configurations: task, model, input and pairs/NAME.yaml.")
    ] = None,
    multirun: Annotated[
        bool, typer.Option(help="Train every combination of the listed values, such as seed=0,1,2.")
    ] = False,
) -> None:
    """Train a network on the chips of an archive and test it.

    Tasks: esawc, agb and ghsbuilts, as in the M3LEO baselines; mae, dino and clip for pretraining; by default, land
    cover of the label landcover from coherence. Writes model.pt, metrics.json and config.yaml, which reproduces the
    run. The default networks are the paper's; on a CPU choose a smaller one.

    Examples: m3leo-sar train chips model.widths=[8,16,32,64] crop=128 epochs=12 learning_rate=3e-3; m3leo-sar train
    chips task=esawc input=s1grd_vv_vh; m3leo-sar train --config run/config.yaml --resume; m3leo-sar train chips
    --multirun seed=0,1,2 model=unet,vit_head
    """
    from m3leo_sar.app.fit_display import fit_with_bar, score_lines, settings_of
    from m3leo_sar.io.chips.archive import ChipArchive
    from m3leo_sar.learn.fit.config import load_config

    stated = settings_of(settings or [], output=output, inputs=inputs)
    if multirun:
        _train_all(stated, config=config, splits=splits, config_dir=config_dir, resume=resume)
        return
    loaded = _with_splits(load_config(config, stated, config_dir=config_dir), splits)
    # Before torch is loaded: a wrong folder should be reported at once.
    ChipArchive(loaded.archive)
    result = fit_with_bar(loaded, title="training", resume=resume)
    scores = result.metrics.get("iou", {})
    show(
        CommandResult(
            facts={"output": result.output, "metrics": result.metrics},
            rows=[{"class": name, "iou": score} for name, score in scores.items()],
            columns={"class": "class", "IoU": lambda row: f"{row['iou']:.3f}"},
            sentences=[f"{result.output}: {line}" for line in score_lines(result.metrics)],
            following=_after_training(Path(loaded.archive), result.output) if scores else [],
        )
    )


def _after_training(archive: Path, output: Path) -> list[tuple[object, ...]]:
    return [
        ("m3leo-sar", "plot", archive, "tile.png", "--model", output / "model.pt"),
        ("m3leo-sar", "train", "--config", output / "config.yaml", "--resume", "epochs=N"),
    ]


def _with_splits(config: Any, splits: Path | None) -> Any:
    from m3leo_sar.io.tables.split_file import read_splits

    if splits:
        config.splits, config.splits_file = read_splits(splits), ""
    return config


def _train_all(
    stated: list[str], *, config: Path | None, splits: Path | None, config_dir: Path | None, resume: bool
) -> None:
    """Train each run of a sweep in its own folder; all are checked before the first starts."""
    from m3leo_sar.app.fit_display import fit_with_bar, write_sweep
    from m3leo_sar.io.chips.archive import ChipArchive
    from m3leo_sar.learn.fit.config import load_config
    from m3leo_sar.learn.fit.sweep import sweep_overrides, varied

    runs = sweep_overrides(stated)
    loaded = [_with_splits(load_config(config, run, config_dir=config_dir), splits) for run in runs]
    root, labels, rows = Path(loaded[0].output), [", ".join(run) for run in varied(runs)], []
    for number, run in enumerate(loaded):
        ChipArchive(run.archive)
        run.output = str(root / f"{number:03d}")
    for number, (run, label) in enumerate(zip(loaded, labels, strict=True), start=1):
        result = fit_with_bar(run, title=f"run {number} of {len(loaded)}", resume=resume)
        rows.append((result.output.name, label, result.metrics))
    names = write_sweep(root / "sweep.csv", rows)
    show(
        CommandResult(
            facts={"table": root / "sweep.csv", "runs": len(rows)},
            rows=[
                {"run": name, "settings": label, **{score: metrics.get(score) for score in names}}
                for name, label, metrics in rows
            ],
            sentences=[f"{root / 'sweep.csv'}: {len(rows)} runs"],
        )
    )


@commands.command()
def demo(
    output: Annotated[Path, typer.Option(help="Folder to work in.")] = Path("demo"),
    seed: Annotated[int, typer.Option(help="Equal seeds give equal results.")] = 1,
    safe: Annotated[
        bool, typer.Option("--safe", help="From simulated Sentinel-1 products to coherence on tiles, without training.")
    ] = False,
    dpi: options.Dpi = 150,
    form: Annotated[str, typer.Option("--format", help="Format of the figures: svg, pdf or png.")] = "png",
) -> None:
    """Run the whole workflow: simulate a stack, compute every pair, cut tiles, train two models, draw a figure.

    With [bold]--safe[/bold], begin with Sentinel-1 products, orbit files and terrain, and co-register them.
    """
    from m3leo_sar.app.run_display import summary_lines

    if safe:
        _safe_demo(output, seed, dpi=dpi, form=form)
        return
    from m3leo_sar.app.demo import demo as run

    result = run(output, seed=seed, dpi=dpi, form=form)
    classes = sorted({name for scores in result.scores.values() for name in scores["iou"]})
    if not manner().as_json:
        LISTS.print(rows_table(_times(result.seconds)))
    show(
        CommandResult(
            facts={"seconds": result.seconds, "figures": [result.figure], "computed": result.summary.computed},
            rows=[
                {"input": name, "miou": scores["miou"], "iou": scores["iou"]} for name, scores in result.scores.items()
            ],
            columns={
                "input": "input",
                "mIoU": lambda row: f"{row['miou']:.3f}",
                **{name: partial(_share, name) for name in classes},
            },
            sentences=[*summary_lines(result.summary, output / "chips"), f"Figure: {result.figure}"],
            following=[
                ("m3leo-sar", "pairs", output / "stack", "--archive", output / "chips"),
                ("m3leo-sar", "report", output / "chips", "report.html"),
            ],
        )
    )


def _share(name: str, row: Mapping[str, Any]) -> str:
    return f"{row['iou'].get(name, 0):.2f}"


def _times(seconds: Mapping[str, float]) -> list[dict[str, str]]:
    steps = {**seconds, "all": sum(seconds.values())}
    return [{"step": name, "seconds": f"{value:.1f}"} for name, value in steps.items()]


def _safe_demo(output: Path, seed: int, *, dpi: int, form: str) -> None:
    from m3leo_sar.app.run_display import summary_lines
    from m3leo_sar.app.safe_demo import safe_demo

    result = safe_demo(output, seed=seed, dpi=dpi, form=form)
    figures = ", ".join(str(figure) for figure in result.figures)
    show(
        CommandResult(
            facts={"seconds": result.seconds, "figures": result.figures, "computed": result.summary.computed},
            sentences=[*result.shifts, *summary_lines(result.summary, output / "chips"), f"Figures: {figures}"],
            following=[
                ("m3leo-sar", "describe", output / "stacks"),
                ("m3leo-sar", "report", output / "chips", "report.html"),
            ],
        )
    )
