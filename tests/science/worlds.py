"""Simulated ground and the models trained on it."""

from __future__ import annotations

import datetime
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from m3leo_sar import GeoBox, TileGrid, Window
from m3leo_sar.bench.training_run import Budget, train_once
from m3leo_sar.bench.world import add_cross_polarisation, add_raster, simulated_archive, simulated_ground
from m3leo_sar.grid.splits import ordered_split
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.simulate.field import RandomField
from m3leo_sar.simulate.landcover import LandCover
from m3leo_sar.simulate.optical import optical_image
from m3leo_sar.simulate.scene import Event, Scene, simulate_scene

SEEDS = (0, 1, 2)
DATES = [datetime.date(2023, 3, 1), datetime.date(2023, 3, 13)]
PAIR = "20230301_20230313"
AMPLITUDE, COHERENCE, INTERFEROGRAM = "intensity:20230301", f"coherence:{PAIR}", f"interferogram:{PAIR}"
AMPLITUDES = [AMPLITUDE, "intensity:20230313"]
CHIP = 64
#: Paper-like, but small; 45 steps of about 50 ms.
BUDGET = Budget(epochs=15, batch=7, widths=(8, 16, 32), learning_rate=5e-3)


def ground(name: str, code: int, rho: float, **options: Any) -> LandCover:
    """A class whose coherence is the same after any time, as bright as all others."""
    return LandCover(name=name, code=code, backscatter=-10, rho_inf=rho, tau=0.01, **options)


@dataclass
class World:
    """An archive of simulated ground, and the models trained on it so far."""

    folder: Path
    scene: Scene
    archive: ChipArchive
    grid: TileGrid
    seed: int
    splits: dict[str, str]

    @property
    def test(self) -> list[str]:
        return [name for name, split in self.splits.items() if split == "test"]

    def score(self, inputs: Sequence[str], *, budget: Budget = BUDGET, name: str = "run", **options: Any) -> float:
        """Mean intersection over union on the test tiles of a network trained on these channels, once."""
        output = self.model(*inputs, name=name).parent
        options = {"splits": self.splits, **options}
        if (output / "metrics.json").is_file():
            return json.loads((output / "metrics.json").read_text())["miou"]
        metrics = train_once(self.archive, output, inputs=inputs, budget=budget, seed=self.seed, **options)
        return metrics["miou"]

    def model(self, *inputs: str, name: str = "run") -> Path:
        """Checkpoint of a network that :meth:`score` has trained."""
        return self.folder / (f"{name}-" + "-".join(inputs).replace(":", "_")) / "model.pt"


def west_to_east(grid: TileGrid) -> dict[str, str]:
    return dict(zip(grid.identifiers, ordered_split(grid.bounds).tolist(), strict=True))


def make_world(
    folder: Path,
    classes: Sequence[LandCover],
    seed: int,
    *,
    shape: tuple[int, int] = (6, 6),
    chip: int = CHIP,
    cut: dict[str, Any] | None = None,
    dates: Sequence[datetime.date] = DATES,
    **options: Any,
) -> World:
    """Simulate, write, pair and cut; ``cut`` goes to :func:`simulated_archive`, the rest to the scene."""
    options = {"patch": 12.0, **options}
    scene = simulate_scene(simulated_ground(shape, chip=chip), dates=dates, classes=classes, seed=seed, **options)
    archive, grid = simulated_archive(scene, folder, chip=chip, **(cut or {}))
    return World(folder, scene, archive, grid, seed, west_to_east(grid))


#: What labels are moved by, in pixels: rows, cols.
SHIFTS = {"north": (-1, 0), "south": (1, 0), "west": (0, -1), "east": (0, 1)}


def coherent(folder: Path, seed: int) -> World:
    """Tiles in longitude and latitude, so that every chip is resampled; labels too that lie a pixel off."""
    classes = (ground("tree cover", 10, 0.3), ground("built-up", 50, 0.8))
    box = simulated_ground((7, 7), chip=CHIP)
    scene = simulate_scene(box, dates=DATES, classes=classes, seed=seed, patch=12.0)
    codes, _ = scene.labels()["landcover"]
    west, south = box.transformer_to("EPSG:4326").transform(box.bounds[0] + 150, box.bounds[1] + 150)
    corners = [
        (west + 0.0092 * i, south + 0.006 * j, west + 0.0092 * i + 0.0088, south + 0.006 * j + 0.0057)
        for i in range(6)
        for j in range(6)
    ]
    moved = {name: (codes, _moved(box, *by)) for name, by in SHIFTS.items()}
    archive, grid = simulated_archive(scene, folder, tiles=TileGrid(corners, pixels=CHIP), labels=moved)
    return World(folder, scene, archive, grid, seed, west_to_east(grid))


def _moved(box: GeoBox, rows: int, cols: int) -> GeoBox:
    left, bottom, right, top = box.bounds
    bounds = (left + 10 * cols, bottom - 10 * rows, right + 10 * cols, top - 10 * rows)
    return GeoBox.from_bounds(bounds, shape=box.shape, crs=box.crs)


def small_blobs(folder: Path, seed: int) -> World:
    """Blobs of white noise smoothed by a Gaussian of 20 m, whose correlation is that of waves of sqrt(2) x 20 m."""
    world = make_world(
        folder, (ground("tree cover", 10, 0.3), ground("built-up", 50, 0.8)), seed, patch=2 * np.sqrt(2.0),
        cut={"intensities": False},
    )  # fmt: skip
    box = world.scene.geobox
    coherence = _mosaic(world, COHERENCE)
    size = box.shape[0] // 9 * 9
    coarse = coherence[:size, :size].reshape(size // 9, 9, size // 9, 9).mean(axis=(1, 3), dtype=np.float64)
    left, _, _, top = box.bounds
    grid = GeoBox.from_bounds((left, top - 10 * size, left + 10 * size, top), shape=coarse.shape, crs=box.crs)
    add_raster(world.archive, world.grid, "coherence-90m", {"mean": coarse.astype(np.float32)}, grid)
    return world


def _mosaic(world: World, channel: str) -> np.ndarray:
    """Chips of one channel put together; tiles of the exact lattice are crops of the scene's own grid."""
    box = world.scene.geobox
    whole = np.full(box.shape, np.nan, np.float32)
    left, _, _, top = box.bounds
    for tile in world.grid:
        chip = world.archive.read(tile.identifier, *channel.split(":")).array
        row = round((top - tile.geobox.bounds[3]) / 10)
        col = round((tile.geobox.bounds[0] - left) / 10)
        whole[row : row + chip.shape[0], col : col + chip.shape[1]] = chip
    return whole


def phase_only(folder: Path, seed: int) -> World:
    classes = (ground("tree cover", 10, 0.6), ground("built-up", 50, 0.6, phase_step=1.2))
    return make_world(folder, classes, seed, relief=0.0, sinking=0.0, cut={"interferograms": True})


def independent_dates(folder: Path, seed: int) -> World:
    classes = (ground("tree cover", 10, 0.0), ground("built-up", 50, 0.0))
    return make_world(folder, classes, seed, relief=0.0, sinking=0.0, cut={"interferograms": True})


def two_channels(folder: Path, seed: int) -> World:
    """Equal intensities in VV and in VH; only how they go together tells the classes apart."""
    classes = (ground("tree cover", 10, 0.5, cross_coherence=0.95), ground("built-up", 50, 0.5))
    world = make_world(folder / "vv", classes, seed)
    cross = make_world(folder / "vh", classes, seed, polarisation="VH")
    add_cross_polarisation(world.archive, cross.archive)
    return world


def fused(folder: Path, seed: int) -> World:
    """Coherence merges forest and crops, the optical band built-up and bare ground."""
    classes = (
        ground("tree cover", 10, 0.15),
        ground("cropland", 40, 0.15),
        ground("built-up", 50, 0.5),
        ground("bare", 60, 0.9),
    )
    world = make_world(folder, classes, seed, cut={"intensities": False})
    image = optical_image(world.scene, {10: 0.10, 40: 0.35, 50: 0.60, 60: 0.60}, noise=0.06)
    add_raster(world.archive, world.grid, "optical", {"red": image}, world.scene.geobox)
    return world


def damaged(folder: Path, seed: int) -> World:
    """Town and vegetation; in part of it coherence falls from 0.7 to 0.25 and intensity rises by 1 dB."""
    dates = [DATES[0] + datetime.timedelta(days=12 * number) for number in range(4)]
    classes = (ground("tree cover", 10, 0.2), ground("built-up", 50, 0.7))
    event = Event(date=dates[2], kept=0.25 / 0.7, change=1.0, share=0.35)
    return make_world(folder, classes, seed, dates=dates, event=event, patch=24.0)


#: Coherence that stays, and days in which the rest falls to 1 / e.
DECAYS = {10: (0.1, 10.0), 40: (0.3, 20.0), 50: (0.5, 40.0)}


def decaying(folder: Path, seed: int) -> World:
    """Nine dates six days apart; windows of 121 looks."""
    dates = [DATES[0] + datetime.timedelta(days=6 * number) for number in range(9)]
    classes = [
        LandCover(name=f"class {code}", code=code, backscatter=-10, rho_inf=rho, tau=tau)
        for code, (rho, tau) in DECAYS.items()
    ]
    return make_world(
        folder, classes, seed, dates=dates, shape=(3, 4), patch=32.0, relief=0.0, sinking=0.0,
        cut={"window": Window(rows=11, cols=11), "intensities": False},
    )  # fmt: skip


#: Quantities of the ground that say nothing of its class, only, together, where it is.
SOIL = tuple(f"layer-{number}" for number in range(8))


def spread_labels(folder: Path, seed: int) -> World:
    """Small tiles whose label and layers of the soil vary over several of them, without any link."""
    world = make_world(
        folder, (ground("tree cover", 10, 0.3), ground("built-up", 50, 0.8)), seed, shape=(4, 20), chip=32, patch=16.0,
        cut={"intensities": False},
    )  # fmt: skip
    box = world.scene.geobox
    rows, cols = (slice(0, size) for size in box.shape)
    fields = {
        name: RandomField((seed, number), 24.0).window(rows, cols).astype(np.float32)
        for number, name in enumerate(SOIL, 20)
    }
    add_raster(world.archive, world.grid, "soil", fields, box)
    return world
