"""The whole workflow in a minute: simulate, pair, cut, train, draw."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from m3leo_sar._missing_package import require_package
from m3leo_sar.app.progress import ERR, progress_bar
from m3leo_sar.app.side_by_side import side_by_side
from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.window import Window
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.stacks.zarr_stack import read_labels, read_stack, write_stack
from m3leo_sar.pictures.picture_format import require_output
from m3leo_sar.products.recipe import Recipe
from m3leo_sar.run.choices import choose_pairs, choose_tiles
from m3leo_sar.run.loop import Summary
from m3leo_sar.run.make_chips import make_chips
from m3leo_sar.simulate.scene import LABEL_UNITS, simulate_scene

#: Test scores and predicted classes of a training.
Trained = tuple[dict[str, Any], Any]
#: Input sets to compare.
INPUTS = ("amplitude", "coherence")
#: Title of the figure.
_HEADING = "Coherence separates land cover where amplitude cannot"


@dataclass(frozen=True, kw_only=True)
class DemoSize:
    """Size of the demonstration; the default takes about a minute on two cores."""

    pixels: int = 1900
    dates: int = 6
    chip: int = 448
    crop: int = 64
    crops: int = 32
    epochs: int = 8
    widths: tuple[int, ...] = (8, 16, 32)


@dataclass
class DemoResult:
    """Results of the demonstration."""

    figure: Path
    summary: Summary
    #: Test scores by input set.
    scores: dict[str, dict[str, Any]]
    #: Seconds per step.
    seconds: dict[str, float] = field(default_factory=dict)


def demo(folder: Path, *, size: DemoSize | None = None, seed: int = 1, dpi: int = 150, form: str = "png") -> DemoResult:
    """Run the demonstration in ``folder``; results of an earlier run are used again.

    The figure is ``demo.png``, ``demo.svg`` or ``demo.pdf`` by its format, with ``dpi`` pixels per inch.
    """
    size, figure = size or DemoSize(), folder / f"demo.{form}"
    require_output(figure, form, dpi)
    # Before the stack is made, which nobody wants without the models.
    for package in ("torch", "lightning"):
        require_package(package)
    seconds: dict[str, float] = {}
    with _timed(seconds, "simulate and write the stack"):
        _simulate(folder / "stack", size, seed)
    with _timed(seconds, "compute and cut all pairs"):
        archive, summary = _prepare(folder, size)
    with _timed(seconds, "train on each input"):
        trained, tile = _train_all(folder, size, seed)
    scores = {name: metrics for name, (metrics, _) in trained.items()}
    with _timed(seconds, "draw the figure"):
        # Imported here: matplotlib takes a second to load.
        from m3leo_sar.app.fit_display import score_text
        from m3leo_sar.pictures.comparison_picture import plot_comparison

        plot_comparison(
            archive, tile, target="landcover", heading=_HEADING, facts=["simulated stack"], path=figure, dpi=dpi,
            predictions={f"Prediction from {name}": classes for name, (_, classes) in trained.items()},
            scores={f"Prediction from {name}": score_text(metrics) for name, metrics in scores.items()},
        )  # fmt: skip
    return DemoResult(figure, summary, scores, seconds)


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


def _train_all(folder: Path, size: DemoSize, seed: int) -> tuple[dict[str, Trained], str]:
    """Train on each input side by side; scores and predicted classes by input, and the test tile they are of."""
    from m3leo_sar.training.archive_training import default_splits

    splits = default_splits(ChipArchive(folder / "chips"), "landcover")
    tile = next(tile for tile, split in sorted(splits.items()) if split == "test")
    with progress_bar("training on each input", len(INPUTS) * size.epochs) as advance:
        # One thread each: the layers of so small a network end before two threads have met.
        calls = {name: (folder, name, splits, tile, size, seed) for name in INPUTS}
        preload = ["m3leo_sar.learn.fit.fit", "m3leo_sar.learn.fit.predict", "m3leo_sar.learn.fit.config"]
        trained = side_by_side(_train, calls, preload=preload, report=lambda name, text: _tell(advance, name, text))
    return trained, tile


def _tell(advance: Callable[..., None], name: str, text: str) -> None:
    advance()
    if text and not ERR.is_terminal:
        ERR.print(f"training on {name}: {text}")


def _train(
    folder: Path, name: str, splits: dict[str, str], tile: str, size: DemoSize, seed: int, note: Callable[[str], Any]
) -> Trained:
    """Train on one input; its scores, and the classes it predicts for a tile."""
    from m3leo_sar.app.fit_display import epoch_text
    from m3leo_sar.learn.fit.fit_config import FitConfig
    from m3leo_sar.learn.fit.predict import predict
    from m3leo_sar.training.archive_training import run_fit

    config = FitConfig(
        archive=str(folder / "chips"),
        output=str(folder / f"model-{name}"),
        input=[name],
        splits=splits,
        model={"name": "unet", "widths": list(size.widths)},
        crop=size.crop,
        crops=size.crops,
        batch=4,
        epochs=size.epochs,
        # Many small steps, at a rate that rises high and falls to nothing, learn as much from a quarter of the pixels.
        learning_rate=1e-2,
        schedule="cosine",
        warmup=0.1,
        accelerator="cpu",
        threads=1,
        seed=seed,
    )
    result = run_fit(config, report=lambda epoch, scores: note(epoch_text(epoch, size.epochs, scores)))
    return result.metrics, predict(folder / f"model-{name}" / "model.pt", ChipArchive(folder / "chips"), tile)


@contextmanager
def _timed(seconds: dict[str, float], what: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    seconds[what] = time.perf_counter() - started
    ERR.print(f"{what}: {seconds[what]:.1f} s")
