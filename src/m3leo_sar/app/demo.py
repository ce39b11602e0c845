"""The whole workflow in a minute: simulate, pair, cut, train, draw."""

from __future__ import annotations

import datetime
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from m3leo_sar.app.progress import ERR, progress_bar
from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.window import Window
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.stacks.zarr_stack import read_labels, read_stack, write_stack
from m3leo_sar.products.recipe import Recipe
from m3leo_sar.run.choices import choose_pairs, choose_tiles
from m3leo_sar.run.loop import Summary
from m3leo_sar.run.make_chips import make_chips
from m3leo_sar.simulate.scene import LABEL_UNITS, simulate_scene

#: Input sets to compare.
INPUTS = ("amplitude", "coherence")


@dataclass(frozen=True, kw_only=True)
class DemoSize:
    """Size of the demonstration; the default takes about a minute on two cores."""

    pixels: int = 1900
    dates: int = 6
    chip: int = 448
    crop: int = 128
    crops: int = 12
    epochs: int = 12
    widths: tuple[int, ...] = (8, 16, 32, 64)


@dataclass
class DemoResult:
    """Results of the demonstration."""

    figure: Path
    summary: Summary
    #: Test scores by input set.
    scores: dict[str, dict[str, Any]]
    #: Seconds per step.
    seconds: dict[str, float] = field(default_factory=dict)


def demo(folder: Path, *, size: DemoSize | None = None, seed: int = 1) -> DemoResult:
    """Run the demonstration in ``folder``; results of an earlier run are used again."""
    size = size or DemoSize()
    seconds: dict[str, float] = {}
    with _timed(seconds, "simulate and write the stack"):
        _simulate(folder / "stack", size, seed)
    with _timed(seconds, "compute and cut all pairs"):
        archive, summary = _prepare(folder, size)
    scores, predictions, tile = {}, {}, ""
    for name in INPUTS:
        with _timed(seconds, f"train on {name}"):
            result, tile = _train(folder, name, size, seed)
            scores[name] = result.metrics
            predictions[f"Prediction from {name}"] = _predict(folder, name, archive, tile)
    with _timed(seconds, "draw the figure"):
        # Imported here: matplotlib takes a second to load.
        from m3leo_sar.pictures.tile_picture import plot_tile

        plot_tile(archive, tile, folder / "demo.png", predictions=predictions)
    return DemoResult(folder / "demo.png", summary, scores, seconds)


def _simulate(path: Path, size: DemoSize, seed: int) -> None:
    side = size.pixels
    geobox = GeoBox.from_bounds(
        (680_000, 5_500_000, 680_000 + 10 * side, 5_500_000 + 10 * side), shape=(side, side), crs="EPSG:32631"
    )
    first = datetime.date(2023, 3, 1)
    dates = [first + datetime.timedelta(days=12 * index) for index in range(size.dates)]
    scene = simulate_scene(geobox, dates=dates, seed=seed, relief=150.0, sinking=0.6)
    with progress_bar("simulating dates", size.dates) as advance:
        write_stack(scene.stack, path, labels=scene.labels(), label_units=LABEL_UNITS, progress=advance)


def _prepare(folder: Path, size: DemoSize) -> tuple[ChipArchive, Summary]:
    stack = read_stack(folder / "stack")
    archive = ChipArchive.create(folder / "chips", grid="legacy")
    tiles = choose_tiles(stack, pixels=size.chip)
    recipe = Recipe(pairs=choose_pairs(stack), window=Window(rows=7, cols=7), interferograms=True, minimum_coverage=1.0)
    with progress_bar("computing pairs, cutting tiles", len(tiles)) as advance:
        summary = make_chips(stack, archive, list(tiles), recipe, labels=read_labels(folder / "stack"), report=advance)
    return archive, summary


def _train(folder: Path, name: str, size: DemoSize, seed: int) -> tuple[Any, str]:
    from m3leo_sar.app.fit_display import fit_with_bar
    from m3leo_sar.learn.fit.fit_config import FitConfig
    from m3leo_sar.training.archive_training import default_splits

    splits = default_splits(ChipArchive(folder / "chips"), "landcover")
    config = FitConfig(
        archive=str(folder / "chips"),
        output=str(folder / f"model-{name}"),
        input=[name],
        splits=splits,
        model={"name": "unet", "widths": list(size.widths)},
        crop=size.crop,
        crops=size.crops,
        batch=8,
        epochs=size.epochs,
        learning_rate=3e-3,
        accelerator="cpu",
        seed=seed,
    )
    result = fit_with_bar(config, title=f"training on {name}")
    return result, next(tile for tile, split in sorted(splits.items()) if split == "test")


def _predict(folder: Path, name: str, archive: ChipArchive, tile: str) -> Any:
    from m3leo_sar.learn.fit.predict import predict

    return predict(folder / f"model-{name}" / "model.pt", archive, tile)


@contextmanager
def _timed(seconds: dict[str, float], what: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    seconds[what] = time.perf_counter() - started
    ERR.print(f"{what}: {seconds[what]:.1f} s")
