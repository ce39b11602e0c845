"""What worker processes warn of is reported by the run, once."""

from __future__ import annotations

import datetime
import json

import numpy as np
import pytest
from production import BOX, tiles

from m3leo_sar import SlcStack, Window
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.stacks.open_stack import open_stack
from m3leo_sar.products.recipe import Recipe
from m3leo_sar.run.catalogue import open_catalogue
from m3leo_sar.run.prepare import prepare
from m3leo_sar.run.run_options import RunOptions
from m3leo_sar.run.slc_tiles import build_slc_tiles
from m3leo_sar.run.update import bring_up_to_date
from m3leo_sar.stack.pairs import all_pairs

rasterio = pytest.importorskip("rasterio")
DATES = [datetime.date(2023, 3, 1), datetime.date(2023, 3, 13)]


def _write_images(folder):
    rng = np.random.default_rng(2)
    folder.mkdir()
    for date in DATES:
        pixels = rng.normal(size=(*BOX.shape, 2)).astype(np.float32).view(np.complex64)[..., 0]
        pixels[60:75] = 0
        rows, cols = BOX.shape
        shape = {"width": cols, "height": rows, "count": 1, "dtype": "complex64"}
        with rasterio.open(folder / f"{date:%Y%m%d}.tif", "w", crs=BOX.crs, transform=BOX.affine, **shape) as sink:
            sink.write(pixels, 1)


def test_lines_of_zeros_are_reported_once_per_image_by_two_workers(tmp_path):
    _write_images(tmp_path / "slc")
    log, recipe = tmp_path / "run.jsonl", Recipe(pairs=all_pairs(DATES), window=Window(rows=3, cols=8))
    archive, options = ChipArchive.create(tmp_path / "chips"), RunOptions(workers=2, log=log)
    with pytest.warns(UserWarning, match="whole lines are exactly zero") as heard:
        summary = bring_up_to_date(open_catalogue(tmp_path / "slc"), archive, tiles(), recipe, options=options)
    assert summary.computed["coherence"] == 6
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    reasons = [line["reason"] for line in lines if line["event"] == "warning"]
    assert sorted(reason.partition(":")[0] for reason in reasons) == ["20230301.tif", "20230313.tif"]
    assert sorted(str(warning.message) for warning in heard) == sorted(reasons)


def test_slc_tiles_report_lines_of_zeros_once_per_image(tmp_path):
    _write_images(tmp_path / "slc")
    with pytest.warns(UserWarning, match="whole lines are exactly zero") as heard:
        build_slc_tiles(open_stack(tmp_path / "slc"), tiles(), tmp_path / "tiles", window=Window(rows=3, cols=8))
    assert sorted(str(warning.message).partition(":")[0] for warning in heard) == ["20230301.tif", "20230313.tif"]


def test_the_advice_on_lines_of_zeros_of_a_stack_in_memory_works(tmp_path):
    pixels = np.ones((2, *BOX.shape), np.complex64)
    pixels[1, 60:75] = 0
    stack = SlcStack.from_arrays(pixels, DATES, geometry=BOX, polarisation="VV")
    rest = {"tiles": tiles(), "window": Window(rows=3, cols=8)}
    with pytest.warns(UserWarning, match="stack of 2023-03-13: whole lines are exactly zero.* nodata=0 ") as heard:
        prepare(stack, tmp_path / "chips", **rest)
    assert len(heard) == 1
    # Into the same archive: chips in which zero was a value are computed again.
    assert prepare(stack, tmp_path / "chips", nodata=0, **rest).computed == {"coherence": 6, "intensity": 12}
    archive = ChipArchive(tmp_path / "chips")
    lost = [np.isnan(archive.read(tile, "intensity", "20230313").array) for tile in archive.identifiers]
    assert any(part.any() for part in lost)
    assert not np.isnan(archive.read(archive.identifiers[0], "intensity", "20230301").array).any()
    assert prepare(stack, tmp_path / "chips", nodata=0, **rest).computed == {}
