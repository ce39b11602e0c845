"""Coherence prepared as uint8 is that of float32 rounded once, and whatever reads chips gives the same from both."""

from __future__ import annotations

import datetime
import json

import numpy as np
import pytest
import zarr
from command_line import call_here

from m3leo_sar import GeoBox, TileGrid, Window
from m3leo_sar.chips.statistics import BandStatistics, Statistics
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.chips.coherence_uint8 import from_uint8, levels_of
from m3leo_sar.io.stacks.zarr_stack import write_stack
from m3leo_sar.pictures.chip_description import describe
from m3leo_sar.pictures.chip_plane import plane_of, shown_values
from m3leo_sar.pictures.holdings import archive_facts
from m3leo_sar.products.recipe import Recipe
from m3leo_sar.run.archive_statistics import archive_statistics
from m3leo_sar.run.catalogue import open_catalogue
from m3leo_sar.run.job import common_values
from m3leo_sar.run.layout_export import export_archive
from m3leo_sar.run.layout_import import import_layout
from m3leo_sar.run.prepare import prepare
from m3leo_sar.run.update import bring_up_to_date
from m3leo_sar.simulate.scene import simulate_scene
from m3leo_sar.stack.pairs import all_pairs

DATES = [datetime.date(2023, 3, 1) + datetime.timedelta(days=12 * index) for index in range(3)]
BOX = GeoBox.from_bounds((680_000, 5_500_000, 681_700, 5_501_300), shape=(130, 170), crs="EPSG:32631")
WEST, SOUTH = BOX.transformer_to("EPSG:4326").transform(680_600, 5_500_450)
#: The second lies half off the scene.
TILES = TileGrid(
    [[WEST, SOUTH, WEST + 0.007, SOUTH + 0.004], [WEST + 0.012, SOUTH, WEST + 0.019, SOUTH + 0.004]], pixels=48
)
WINDOW, PAIR = Window(rows=3, cols=9), "VV/20230301_20230313"


@pytest.fixture(scope="module")
def scene():
    return simulate_scene(BOX, dates=DATES, seed=4).stack


def made(scene, root, **options):
    return prepare(scene, root, tiles=TILES, window=WINDOW, minimum_coverage=0.2, **options)


@pytest.mark.parametrize("storage", ["geotiff", "zarr"])
def test_a_chip_is_that_of_float32_rounded_once(scene, tmp_path, storage):
    small, plain = tmp_path / "a", tmp_path / "b"
    options = {"storage": storage, "interferograms": True, "valid_looks": True}
    assert made(scene, small, dtype="uint8", **options).computed == made(scene, plain, **options).computed
    small, plain = ChipArchive(small), ChipArchive(plain)
    assert list(small.chips()) == list(plain.chips())
    differing = {"crc32", "stored", "quantisation_error"}
    for chip in small.chips():
        got, expected = small.read(*chip), plain.read(*chip)
        is_coherence = chip[1] == "coherence"
        wanted = from_uint8(levels_of(expected.array)) if is_coherence else expected.array
        np.testing.assert_array_equal(got.array, wanted)
        own, other = ({k: v for k, v in one.metadata.items() if k not in differing} for one in (got, expected))
        assert own == other
        assert ("stored" in got.metadata) == is_coherence
    assert list(small.verify()) == []
    again = made(scene, small.root, **options)
    assert again.computed == {}, "the dtype is that of the archive"


def test_missing_chips_take_the_dtype_of_the_archive_and_another_is_refused(scene, tmp_path):
    made(scene, tmp_path / "a", dtype="uint8", pairs="20230301_20230313")
    grown = made(scene, tmp_path / "a")
    assert grown.computed == {"coherence": 4, "intensity": 2}
    archive = ChipArchive(tmp_path / "a")
    stored = {archive.facts(*chip)[1].get("stored") for chip in archive.chips() if chip[1] == "coherence"}
    assert stored == {"uint8"}
    with pytest.raises(ValueError, match=r"dtype must be uint8 for .* got 'float32'"):
        made(scene, tmp_path / "a", dtype="float32")
    with pytest.raises(ValueError, match="dtype must be uint8 for"):
        made(scene, archive, dtype="float32")


def test_the_command_takes_the_dtype_and_plans_its_bytes(scene, tmp_path):
    write_stack(scene, tmp_path / "stack")
    (tmp_path / "tiles.json").write_text(json.dumps(_collection()))
    words = ["prepare", "stack", "chips", "--tiles", "tiles.json", "--window", "3x9", "--no-intensities"]
    floats = call_here(*words, "--dry-run", cwd=tmp_path, code=0)
    planned = call_here(*words, "--dtype", "uint8", "--dry-run", cwd=tmp_path, code=0)
    assert _bytes(floats) == pytest.approx(4 * _bytes(planned), rel=0.1)
    call_here(*words, "--dtype", "uint8", cwd=tmp_path, code=0)
    assert ChipArchive(tmp_path / "chips").dtype == "uint8"
    for more in ((), ("--dry-run",)):
        text = call_here(*words, "--dtype", "float32", *more, cwd=tmp_path, code=1)
        assert "--dtype must be uint8 for chips" in " ".join(text.split())
    text = call_here("prepare", "stack", "new", *words[3:], "--dtype", "int8", "--dry-run", cwd=tmp_path, code=1)
    assert "--dtype must be one of float32, uint8, got 'int8'" in " ".join(text.split())
    assert "uint8" in call_here("describe", "chips", cwd=tmp_path, code=0)


def _collection():
    ring = [[WEST, SOUTH], [WEST + 0.007, SOUTH], [WEST + 0.007, SOUTH + 0.004], [WEST, SOUTH + 0.004], [WEST, SOUTH]]
    shape = {"type": "Polygon", "coordinates": [ring]}
    return {"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {}, "geometry": shape}]}


def _bytes(text):
    number, unit = next(line for line in text.splitlines() if line.startswith("bytes")).split()[1:3]
    return float(number) * {"kB": 1e3, "MB": 1e6, "KiB": 1024, "MiB": 1 << 20}[unit]


def test_workers_learn_the_dtype(scene, tmp_path):
    write_stack(scene, tmp_path / "stack")
    catalogue, recipe = open_catalogue(tmp_path / "stack"), Recipe(pairs=all_pairs(DATES), window=WINDOW)
    archive = ChipArchive.create(tmp_path / "chips", dtype="uint8")
    common = common_values(catalogue, archive, recipe, *catalogue.origin({}, lambda *_: ("", "")))
    assert common["dtype"] == "uint8"
    bring_up_to_date(catalogue, archive, TILES, recipe)
    assert archive.facts(TILES.identifiers[0], "coherence", PAIR)[1]["stored"] == "uint8"


@pytest.fixture(scope="module")
def both(scene, tmp_path_factory):
    """Archives of equal values in both dtypes."""
    root = tmp_path_factory.mktemp("both")
    made(scene, root / "uint8", dtype="uint8", storage="zarr")
    small, plain = ChipArchive(root / "uint8"), ChipArchive.create(root / "float32")
    for tile, dataset, key in small.chips():
        chip = small.read(tile, dataset, key)
        plain.write(tile, dataset, key, chip.array, chip.geobox, metadata=chip.metadata)
    assert plain.dtype == "float32"
    return small, plain


def test_statistics_are_equal(both):
    small, plain = (archive_statistics(archive).finish("robust").to_json() for archive in both)
    assert small == plain


def test_samples_of_training_are_equal(both):
    torch = pytest.importorskip("torch")
    from m3leo_sar.learn.data.channel import Channel
    from m3leo_sar.learn.data.dataset import ChipDataset

    channels = [Channel.parse(f"coherence/{PAIR}"), Channel.parse(f"coherence:{PAIR}:fisher")]
    bands = (BandStatistics("a", centre=0.5, scale=0.25), BandStatistics("b", "fisher", equivalent_looks=9))
    options = {"channels": channels, "target": "", "kind": "none", "statistics": Statistics(bands)}
    small, plain = (ChipDataset(archive, TILES.identifiers, **options) for archive in both)
    for index in range(2):
        assert torch.equal(small[index]["image"], plain[index]["image"])
        assert torch.equal(small[index]["mask"], plain[index]["mask"])


def test_descriptions_and_pictures_are_equal(both):
    small, plain = both
    tile = TILES.identifiers[0]
    found = describe(small.path(tile, "coherence", PAIR))
    (row,) = describe(plain.path(tile, "coherence", PAIR)).rows
    assert row in found.rows
    assert archive_facts(small)["dtype of coherence"] == "uint8"
    assert archive_facts(plain)["dtype of coherence"] == "float32"
    drawn = [shown_values(plane_of("coherence", PAIR, one.read(tile, "coherence", PAIR))) for one in both]
    np.testing.assert_array_equal(*drawn)


@pytest.mark.parametrize("form", ["geotiff", "cog", "netcdf"])
def test_exports_are_equal_and_come_back(both, tmp_path, form):
    small, plain = both
    for archive, folder in ((small, "a"), (plain, "b")):
        assert export_archive(archive, tmp_path / folder, form=form).left_out == {}
    name = f"coherence/{TILES.identifiers[0]}{'.nc' if form == 'netcdf' else '.tif'}"
    if form == "netcdf":
        import xarray

        opened = [xarray.open_dataset(tmp_path / folder / name)["20230301_20230313"].values for folder in "ab"]
        np.testing.assert_array_equal(*opened)
        return
    import rasterio

    bands = []
    for folder in "ab":
        with rasterio.open(tmp_path / folder / name) as source:
            assert source.dtypes[0] == "float32"
            assert "STORED" not in source.tags()
            bands.append(source.read())
    np.testing.assert_array_equal(*bands)
    back = ChipArchive.create(tmp_path / "back", dtype="uint8")
    assert import_layout(tmp_path / "a", back).left_out == {}
    for chip in small.chips():
        np.testing.assert_array_equal(back.read(*chip).array, small.read(*chip).array)
        assert back.facts(*chip) == small.facts(*chip), "the parameters too: nothing is computed again"
    floats = ChipArchive.create(tmp_path / "floats")
    import_layout(tmp_path / "a", floats)
    assert list(floats.verify()) == []
    facts = floats.facts(TILES.identifiers[0], "coherence", PAIR)[1]
    assert not {"stored", "parameters", "quantisation_error"} & set(facts)


def test_the_error_of_a_level_is_below_the_spread_of_the_estimate(rng):
    """Of circular Gaussian samples in the default window of 5 x 20; the text of docs/chips.md names the figures."""
    looks, count = 100, 2000
    first, other = (rng.standard_normal((count, looks, 2)).view(complex)[..., 0] for _ in range(2))
    rounding = {}
    for truth in (0.0, 0.3, 0.6, 0.9):
        second = truth * first + np.sqrt(1 - truth**2) * other
        powers = (np.abs(first) ** 2).sum(-1) * (np.abs(second) ** 2).sum(-1)
        estimates = np.abs((first * second.conj()).sum(-1)) / np.sqrt(powers)
        error = from_uint8(levels_of(estimates)) - estimates
        assert np.abs(error).max() <= 1 / 508 + 1e-7
        rounding[truth] = float(np.sqrt((error**2).mean()) / estimates.std())
    assert rounding[0.0] < 1 / 35
    assert rounding[0.6] < 1 / 35
    assert rounding[0.9] < 1 / 10


def test_a_replaced_date_is_known_by_the_checksums_of_its_chunks(scene, tmp_path):
    write_stack(scene, tmp_path / "stack")
    options = {"tiles": TILES, "window": WINDOW, "minimum_coverage": 0.2}
    assert prepare(tmp_path / "stack", tmp_path / "a", dtype="uint8", **options).computed["coherence"] == 6
    array = zarr.open_array(tmp_path / "stack" / "20230325" / "VV", mode="r+")
    array[5, 7] = 3 + 4j
    again = prepare(tmp_path / "stack", tmp_path / "a", **options)
    assert again.computed == {"coherence": 4, "intensity": 2}, "pairs and images of that date alone"
