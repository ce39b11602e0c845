"""From simulated Sentinel-1 products to coherence on a tile, in a minute: two bursts, three dates."""

from __future__ import annotations

import datetime
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from m3leo_sar.app.progress import ERR, progress_bar
from m3leo_sar.app.scene_files import write_safe_scene
from m3leo_sar.grid.window import Window
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.pictures.coverage_picture import plot_coverage
from m3leo_sar.pictures.picture_format import require_output
from m3leo_sar.run.catalogue import open_catalogue
from m3leo_sar.run.coregistration.coregister_products import coregister_products
from m3leo_sar.run.coregistration.coregistration_plan import existing_coverage
from m3leo_sar.run.coregistration.overlap_shift import shift_text
from m3leo_sar.run.loop import Summary
from m3leo_sar.run.prepare import prepare
from m3leo_sar.simulate.safe_scene import SafeScene, simulate_passes
from m3leo_sar.stack.ground_spacing import ground_spacing


@dataclass(frozen=True, kw_only=True)
class SafeDemoSize:
    """Size of the demonstration; the default takes about a minute on two cores."""

    dates: int = 3
    lines: int = 300
    columns: int = 900


@dataclass
class SafeDemoResult:
    """Results of the demonstration."""

    #: Pictures of a tile, and of the dates of each burst.
    figures: tuple[Path, Path]
    summary: Summary
    #: A sentence on the azimuth shift of each date that was made.
    shifts: tuple[str, ...]
    #: Seconds per step.
    seconds: dict[str, float] = field(default_factory=dict)


def safe_demo(
    folder: Path, *, size: SafeDemoSize | None = None, seed: int = 1, dpi: int = 150, form: str = "png"
) -> SafeDemoResult:
    """Run the demonstration in ``folder``; results of an earlier run are used again.

    The figures are in the format ``"png"``, ``"svg"`` or ``"pdf"``, with ``dpi`` pixels per inch.
    """
    size, figures = size or SafeDemoSize(), (folder / f"demo.{form}", folder / f"coverage.{form}")
    require_output(figures[0], form, dpi)
    seconds: dict[str, float] = {}
    with (
        _timed(seconds, "simulate and write the products"),
        progress_bar("simulating bursts", 2 * size.dates) as advance,
    ):
        passes = simulate_passes(size.dates, start=datetime.date(2023, 9, 4), seed=seed)
        scene = SafeScene(passes=passes, lines=size.lines, columns=size.columns, seed=seed)
        files = write_safe_scene(scene, folder / "scene", progress=advance)
    stacks = folder / "stacks"
    with _timed(seconds, "co-register"), progress_bar("co-registering", 2 * size.dates) as advance:
        done = coregister_products(files.products, stacks, orbits=files.orbits, dem=files.terrain, report=advance)
        if done.summary.failed:
            raise ValueError(next(iter(done.summary.failed.values())))
    with _timed(seconds, "compute and cut all pairs"):
        rows, cols = ground_spacing(open_catalogue(stacks).stack.bursts[0].geometry)  # type: ignore[union-attr]
        window = Window.of_metres(rows=90, cols=90, spacing=(rows, cols))
        summary = prepare(stacks, folder / "chips", lattice="exact", window=window, minimum_coverage=0.02)
    with _timed(seconds, "draw the figures"):
        # Imported here: matplotlib takes a second to load.
        from m3leo_sar.pictures.tile_picture import plot_tile

        archive = ChipArchive(folder / "chips")
        fullest = max(archive.identifiers, key=lambda tile: _known(archive, tile))
        plot_tile(archive, fullest, path=figures[0], dpi=dpi)
        plot_coverage(existing_coverage(stacks), path=figures[1], dpi=dpi)
    shifts = tuple(shift_text(date, shift) for date, shift in sorted(done.shifts.items()))
    return SafeDemoResult(figures, summary, shifts, seconds)


def _known(archive: ChipArchive, tile: str) -> int:
    """Pixels of a tile with data."""
    chip = archive.read(tile, "coherence", next(iter(archive.keys(tile, "coherence"))))
    return int(np.isfinite(chip.array).sum())


@contextmanager
def _timed(seconds: dict[str, float], what: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    seconds[what] = time.perf_counter() - started
    ERR.print(f"{what}: {seconds[what]:.1f} s")
