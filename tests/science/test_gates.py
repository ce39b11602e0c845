"""What the library promises to a person who trains on it, through the real path from disk to score."""

from __future__ import annotations

import datetime

import pytest

from m3leo_sar import GeoBox, TileGrid, Window
from m3leo_sar.app.prepare import Recipe, prepare
from m3leo_sar.io.archive import ChipArchive
from m3leo_sar.io.zarr_stack import read_labels, read_stack, write_stack
from m3leo_sar.learn.config import FitConfig
from m3leo_sar.learn.fit import fit
from m3leo_sar.simulate.landcover import LandCover
from m3leo_sar.simulate.scene import simulate_scene
from m3leo_sar.stack.pairs import all_pairs

#: Two classes, equally bright: coherence at 12 days is 0.3 and 0.8.
CLASSES = (
    LandCover(name="tree cover", code=10, backscatter=-10, rho_inf=0.3, tau=0.01),
    LandCover(name="built-up", code=50, backscatter=-10, rho_inf=0.8, tau=0.01),
)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_coherence_holds_what_one_date_does_not(tmp_path, seed):
    box = GeoBox.from_bounds((680_000, 5_500_000, 684_200, 5_504_200), shape=(420, 420), crs="EPSG:32631")
    dates = [datetime.date(2023, 3, 1), datetime.date(2023, 3, 13)]
    scene = simulate_scene(box, dates=dates, classes=CLASSES, patch=12.0, seed=seed)
    write_stack(scene.stack, tmp_path / "stack", labels=scene.labels())
    west, south = box.transformer_to("EPSG:4326").transform(680_150, 5_500_250)
    corners = [
        (west + 0.0095 * i, south + 0.006 * j, west + 0.0095 * i + 0.0088, south + 0.006 * j + 0.0057)
        for i in range(5)
        for j in range(5)
    ]
    grid = TileGrid(corners, pixels=64)
    archive = ChipArchive.create(tmp_path / "chips")
    recipe = Recipe(pairs=all_pairs(dates), window=Window(rows=5, cols=5), minimum_coverage=1.0)
    prepare(read_stack(tmp_path / "stack"), archive, list(grid), recipe, labels=read_labels(tmp_path / "stack"))
    names = grid.identifiers
    splits = {name: "train" if i < 15 else ("val" if i < 19 else "test") for i, name in enumerate(names)}
    scores = {}
    for inputs in ("intensity:20230301", "coherence:20230301_20230313"):
        config = FitConfig(
            archive=str(archive.root), output=str(tmp_path / inputs[:9]), input=[inputs], splits=splits,
            model={"widths": [8, 16, 32]}, batch=5, epochs=15, learning_rate=5e-3, accelerator="cpu", seed=seed,
        )  # fmt: skip
        scores[inputs[:9]] = fit(config).metrics["miou"]
    assert scores["intensity"] <= 0.40
    assert scores["coherence"] >= 0.88
    assert scores["coherence"] - scores["intensity"] >= 0.45
