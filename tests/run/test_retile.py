"""A source cut onto tiles equals what its pixels are by hand; what is done stays done, what fails is reported."""

from __future__ import annotations

import errno
import itertools
import json
import os
import re
import signal
import threading
from pathlib import Path

import numpy as np
import pytest
from command_line import call_here

from m3leo_sar import GeoBox, TileGrid
from m3leo_sar.app.cli import app
from m3leo_sar.chips.land_cover import legend_of
from m3leo_sar.chips.legend import Legend
from m3leo_sar.grid.tiles import Tile
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.components.band import Band
from m3leo_sar.io.files.ledger import Ledger
from m3leo_sar.io.files.run_lock import RunLock
from m3leo_sar.io.sources.raster_source import RasterSource
from m3leo_sar.io.sources.tile_source import Piece, cover
from m3leo_sar.io.tables.split_file import write_splits
from m3leo_sar.pictures.chip_plane import plane_of
from m3leo_sar.run.archive_statistics import archive_statistics
from m3leo_sar.run.choices import tiles_over
from m3leo_sar.run.retile import retile

rasterio = pytest.importorskip("rasterio")
#: Twelve tiles of 400 m by 24 pixels, 4 by 3, and a source of 10 m pixels around them with a rim.
SIDE, PIXELS = 400, 24
LEFT, BOTTOM = 706_000, 5_479_600
TILES = [
    Tile(f"t{row}{col}", (0, 0, 1, 1), PIXELS, (LEFT + col * SIDE, BOTTOM + row * SIDE,
         LEFT + (col + 1) * SIDE, BOTTOM + (row + 1) * SIDE), "EPSG:32631")
    for row in range(3) for col in range(4)
]  # fmt: skip
BOX = GeoBox.from_bounds((LEFT - 200, BOTTOM - 200, LEFT + 1800, BOTTOM + 1400), shape=(160, 200), crs="EPSG:32631")
FAR = Tile("far", (0, 0, 1, 1), PIXELS, (900_000, BOTTOM, 900_400, BOTTOM + 400), "EPSG:32631")


def write(path, array, box=BOX, **profile):
    array = array if array.ndim == 3 else array[None]
    shape = {"count": len(array), "height": array.shape[1], "width": array.shape[2], "dtype": array.dtype}
    with rasterio.open(path, "w", driver="GTiff", crs=box.crs, transform=box.affine, **shape, **profile) as file:
        file.write(array)
    return path


def write_vrt(path, names, boxes):
    """A mosaic of rasters of one band, side by side over the whole of ``BOX``."""
    parts, first = [], 0
    for name, box in zip(names, boxes, strict=True):
        rows, cols = box.shape
        parts.append(
            f'<SimpleSource><SourceFilename relativeToVRT="1">{name}</SourceFilename><SourceBand>1</SourceBand>'
            f'<SrcRect xOff="0" yOff="0" xSize="{cols}" ySize="{rows}"/>'
            f'<DstRect xOff="{first}" yOff="0" xSize="{cols}" ySize="{rows}"/></SimpleSource>'
        )
        first += cols
    affine = ", ".join(str(number) for number in BOX.affine.to_gdal())
    path.write_text(
        f'<VRTDataset rasterXSize="{BOX.shape[1]}" rasterYSize="{BOX.shape[0]}"><SRS>{BOX.crs}</SRS>'
        f"<GeoTransform>{affine}</GeoTransform>"
        f'<VRTRasterBand dataType="Float32" band="1">{"".join(parts)}</VRTRasterBand></VRTDataset>'
    )
    return path


@pytest.fixture(params=["geotiff", "zarr"])
def archive(request, tmp_path):
    return ChipArchive.create(tmp_path / "chips", storage=request.param)


class Plane:
    """A source in memory that may fail, counts its reads, and gives the ramp x + 2 y."""

    name, bands, resampling = "plane", (Band("height", "height", "m", "plane"),), "bilinear"

    def __init__(self, *, failures=(), state=0):
        self.failures = list(failures)
        self.state, self.reads, self.lock = state, [], threading.Lock()
        x, y = BOX.centres()
        self.array = ((x - LEFT) + 2 * (y - BOTTOM))[None]

    def parameters(self, geobox):
        return {"state": self.state}

    def read(self, geobox):
        with self.lock:
            self.reads.append(geobox)
            if self.failures:
                failure = self.failures.pop(0)
                if failure is not None:
                    raise failure
        part = cover(BOX, geobox)
        if part is None:
            return []
        return [Piece(part.gather(lambda rows, cols: self.array[:, rows, cols], np.nan), part.geobox, self.bands)]


@pytest.mark.parametrize("resampling", ["bilinear", "cubic", "lanczos", "average"])
def test_a_ramp_is_a_ramp_on_every_tile(archive, resampling):
    """A plane is reproduced by every kernel that reproduces straight lines, at each tile's own pixel centres."""
    degrees = GeoBox.from_bounds((6.0, 49.4, 6.4, 49.6), shape=(100, 200), crs="EPSG:4326")
    lon, lat = degrees.centres()

    class Degrees(Plane):
        def read(self, geobox):
            part = cover(degrees, geobox)
            ramp = (3 * lon - 5 * lat)[None]
            return [Piece(part.gather(lambda rows, cols: ramp[:, rows, cols], np.nan), part.geobox, self.bands)]

    tiles = TileGrid.exact((6.1, 49.46, 6.2, 49.5), pixels=22)[:2]
    assert retile(Degrees(), archive, tiles, dataset="dem", resampling=resampling).done == 2
    for tile in tiles:
        chip = archive.read(tile.identifier, "dem", "height")
        x, y = tile.geobox.transformer_to("EPSG:4326").transform(*tile.geobox.centres())
        # Lanczos is normalised to constants, not to lines; a mean over steps of 0.002 degrees is of these steps.
        within = {"lanczos": 2e-4, "average": 1e-3}.get(resampling, 2e-6)
        np.testing.assert_allclose(chip.array, 3 * x - 5 * y, atol=within)
        assert chip.geobox == tile.geobox
        assert chip.metadata["unit"] == "m"
        assert chip.metadata["parameters"]["resampling"] == resampling


def test_an_amount_at_the_border_of_two_zones_is_that_of_one_tile(tmp_path, archive):
    """The squares of both zones run on over the meridian; their sums would count that ground twice."""
    box = GeoBox.from_bounds((5.9, 49.5, 6.1, 49.6), shape=(100, 200), crs="EPSG:4326")
    people = np.ones(box.shape)
    source = RasterSource(write(tmp_path / "people.tif", people, box))
    grid = TileGrid.exact((5.8, 49.4, 6.2, 49.7), pixels=64)
    retile(source, archive, grid, dataset="people", resampling="sum")
    retile(source, archive, grid, dataset="mean", resampling="average")
    chips = [archive.read(tile, "people", "band1").array for tile in archive.identifiers]
    assert sum(np.nansum(chip) for chip in chips) == pytest.approx(people.sum(), rel=1e-3)
    # Other chips stay whole.
    cut = next(tile for tile in grid if tile.identifier in archive.identifiers and not tile.owned_pixels().all())
    lacking = np.isnan(archive.read(cut.identifier, "people", "band1").array)
    assert lacking[~cut.owned_pixels()].all()
    assert np.isnan(archive.read(cut.identifier, "mean", "band1").array).sum() < lacking.sum()


def test_sums_are_kept_and_means_too(tmp_path, archive, rng):
    people = rng.uniform(0, 9, (160, 200))
    # Nobody lives on the rim that no tile covers.
    people[:20] = people[140:] = 0
    people[:, :20] = people[:, 180:] = 0
    source = RasterSource(write(tmp_path / "people.tif", people))
    retile(source, archive, TILES, dataset="people", resampling="sum", workers=3)
    total = sum(archive.read(tile.identifier, "people", "band1").array.sum() for tile in TILES)
    assert total == pytest.approx(people.sum(), rel=1e-9)
    # The tile t00 is rows 100 to 140 of the source, cols 20 to 60.
    assert archive.read("t00", "people", "band1").array.sum() == pytest.approx(people[100:140, 20:60].sum(), rel=1e-9)
    retile(source, archive, TILES, dataset="mean", resampling="average")
    assert archive.read("t21", "mean", "band1").array.mean() == pytest.approx(people[20:60, 60:100].mean(), rel=1e-9)


def test_blocks_of_whole_pixels_by_plain_indexing(tmp_path, archive, rng):
    codes = rng.choice([10, 20, 50], (160, 200), p=[0.5, 0.3, 0.2]).astype("u1")
    codes[100:104, 20:24] = 0
    tiles = [Tile(tile.identifier, tile.bounds, 10, tile.square, tile.crs) for tile in TILES]
    source = RasterSource(write(tmp_path / "cover.tif", codes, nodata=0))
    retile(source, archive, tiles, dataset="cover", resampling="mode")
    blocks = codes[100:140, 20:60].reshape(10, 4, 10, 4).transpose(0, 2, 1, 3).reshape(10, 10, 16)
    expected = np.array([[np.bincount(block[block > 0], minlength=51).argmax() for block in row] for row in blocks])
    chip = archive.read("t00", "cover", "band1").array
    assert chip.dtype == np.uint8
    np.testing.assert_array_equal(chip, expected)
    assert chip[0, 0] == 0
    # The same integers as quantities: no data stays out of a mean.
    retile(source, archive, tiles, dataset="mean", resampling="average")
    means = [[block[block > 0].mean() if (block > 0).any() else np.nan for block in row] for row in blocks]
    np.testing.assert_allclose(archive.read("t00", "mean", "band1").array, means, rtol=1e-6)


def test_classes_are_never_mixed(archive, rng):
    """A band of codes beside a band of values: the word for the values is not for the codes."""
    codes = rng.choice([-1, 1, 7], (1, 160, 200)).astype("i2")

    class Both(Plane):
        def read(self, geobox):
            part = cover(BOX, geobox)
            array = part.gather(lambda rows, cols: codes[:, rows, cols], -1)
            return [*super().read(geobox), Piece(array, part.geobox, (Band("part", "part", "class", "a"),), -1)]

    for resampling in ("bilinear", "average"):
        retile(Both(), archive, TILES[:2], dataset=resampling, resampling=resampling)
        chip = archive.read("t01", resampling, "part").array
        assert chip.dtype == np.int16
        assert set(np.unique(chip)) == {-1, 1, 7}
    # 24 pixels of 400 m, by the nearest of 40.
    rows = np.floor((np.arange(24) + 0.5) * 40 / 24).astype(int)
    near = codes[0, 100:140, 60:100][rows[:, None], rows]
    np.testing.assert_array_equal(archive.read("t01", "bilinear", "part").array, near)


def test_a_second_run_makes_only_what_is_missing_or_changed(archive):
    source, seen = Plane(), []
    first = retile(source, archive, [*TILES, FAR], dataset="dem", workers=2, report=seen.append)
    assert (first.done, first.present, first.skipped) == (12, 0, {"far": "source does not cover the tile"})
    assert {tile.identifier for tile in seen} == {tile.identifier for tile in TILES} | {"far"}
    source.reads.clear()
    second = retile(source, archive, [*TILES, FAR], dataset="dem", report=seen.append)
    assert (second.done, second.present, source.reads, len(seen)) == (0, 13, [], 26)
    archive.remove("t12", "dem", "height")
    third = retile(source, archive, TILES, dataset="dem")
    assert (third.done, third.present, len(source.reads)) == (1, 11, 1)
    # Other pixels of the source, another resampling, other pixels of the tiles: other chips.
    assert retile(Plane(state=1), archive, TILES[:3], dataset="dem").done == 3
    assert retile(Plane(state=1), archive, TILES[:3], dataset="dem", resampling="cubic").done == 3
    finer = [Tile(tile.identifier, tile.bounds, 30, tile.square, tile.crs) for tile in TILES[:3]]
    assert retile(Plane(state=1), archive, finer, dataset="dem", resampling="cubic").done == 3
    assert archive.read("t00", "dem", "height").array.shape == (30, 30)
    assert retile(source, archive, TILES[:3], dataset="other").done == 3


def test_the_ledger_says_what_became_of_each_tile(archive, tmp_path):
    empty = Plane()
    empty.array = np.full_like(empty.array, np.nan)
    with Ledger(tmp_path / "own.sqlite") as ledger:
        retile(Plane(), archive, TILES[:2], dataset="dem", ledger=ledger)
        summary = retile(empty, archive, TILES[2:4], dataset="dem", ledger=ledger)
        assert summary.skipped == {"t02": "no data at all", "t03": "no data at all"}
        assert ledger.counts(prefix="dem/") == {"done": 2, "skipped": 2, "failed": 0}
        entry = ledger.entry("dem/t01")
        assert entry.outputs == ("height",)
        assert len(entry.checksum) == 64
        assert archive.keys("t02", "dem") == []
        # Equal chips have equal checksums, whichever run made them.
        retile(Plane(state=1), archive, TILES[1:2], dataset="dem", ledger=ledger)
        again = ledger.entry("dem/t01")
        assert again.digest != entry.digest
    assert not (archive.root / "ledger.sqlite").exists()


def test_chips_that_an_earlier_recipe_left_are_removed(archive):
    class Two(Plane):
        def read(self, geobox):
            (piece,) = super().read(geobox)
            other = (Band("height 2/m", "height", "m", "plane"),)
            return [piece, piece._replace(bands=other)] if self.state == 0 else [piece._replace(bands=other)]

    retile(Two(), archive, TILES[:1], dataset="dem")
    assert archive.keys("t00", "dem") == ["height", "height-2-m"]
    # A failure in between forgets nothing.
    retile(Two(state=1, failures=[ValueError("damaged")]), archive, TILES[:1], dataset="dem")
    assert archive.keys("t00", "dem") == ["height", "height-2-m"]
    retile(Two(state=1), archive, TILES[:1], dataset="dem")
    assert archive.keys("t00", "dem") == ["height-2-m"]
    assert archive.read("t00", "dem", "height-2-m").metadata["band"] == "height 2/m"


def test_a_server_that_fails_is_tried_again_ever_later_and_then_recorded(archive):
    pauses = []
    source = Plane(failures=[OSError("no answer")] * 2)
    summary = retile(source, archive, TILES[:2], dataset="dem", sleep=pauses.append)
    assert (summary.done, summary.failed) == (2, {})
    assert [0.5 <= pauses[0] <= 1.0, 1.0 <= pauses[1] <= 2.0, len(pauses)] == [True, True, 2]
    with Ledger(archive.root / "ledger.sqlite") as ledger:
        assert [ledger.entry(f"dem/{name}").attempts for name in ("t00", "t01")] == [3, 1]
    pauses.clear()
    source = Plane(failures=[OSError("no answer")] * 9)
    summary = retile(source, archive, TILES[:3], dataset="b", retries=8, sleep=pauses.append)
    assert summary.failed == {"t00": "no answer"}
    assert summary.done == 2
    assert archive.datasets("t00") == ["dem"]
    assert 30 <= max(pauses) <= 60
    with Ledger(archive.root / "ledger.sqlite") as ledger:
        assert ledger.entry("b/t00")[1:4] == ("failed", "no answer", 9)
    # The next run makes what failed, and only that.
    summary = retile(source, archive, TILES[:3], dataset="b", sleep=pauses.append)
    assert (summary.done, summary.present) == (1, 2)


def test_what_no_retry_mends_is_not_tried_again(archive):
    pauses = []
    source = Plane(failures=[ValueError("plane is damaged"), FileNotFoundError("gone"), None])
    summary = retile(source, archive, TILES[:3], dataset="dem", sleep=pauses.append)
    assert summary.failed == {"t00": "plane is damaged", "t01": "gone"}
    assert (summary.done, pauses) == (1, [])


@pytest.fixture
def hearing():
    # A background job of a shell ignores Ctrl-C and hands that down.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("hearing")
@pytest.mark.parametrize("workers", [1, 3])
def test_ctrl_c_keeps_what_is_finished(archive, workers):
    numbers = itertools.count(1)

    class Stopped(Plane):
        def read(self, geobox):
            pieces = super().read(geobox)
            if next(numbers) == 6:
                os.kill(os.getpid(), signal.SIGINT)
            return pieces

    source = Stopped()
    with pytest.raises(KeyboardInterrupt):
        retile(source, archive, TILES, dataset="dem", workers=workers)
    with Ledger(archive.root / "ledger.sqlite") as ledger:
        done = ledger.counts()["done"]
    chips = [tile for tile in TILES if archive.keys(tile.identifier, "dem")]
    # What Ctrl-C caught between a thread and the ledger is made once more.
    assert 5 <= done <= len(chips) < 12
    summary = retile(source, archive, TILES, dataset="dem", workers=workers)
    assert (summary.done, summary.present) == (12 - done, done)


def test_a_chip_that_cannot_be_written_leaves_its_tile_undone(archive, monkeypatch):
    class Two(Plane):
        def read(self, geobox):
            (piece,) = super().read(geobox)
            return [piece, piece._replace(bands=(Band("other", "height", "m", "plane"),))]

    whole, written, pauses = archive.write_layers, [], []

    def write_some(identifier, dataset, layers, geobox):
        written.append(identifier)
        if identifier == "t01":
            whole(identifier, dataset, layers[:1], geobox)
            raise OSError(errno.ENOSPC, "No space left on device", "chips/t01")
        whole(identifier, dataset, layers, geobox)

    monkeypatch.setattr(archive, "write_layers", write_some)
    message = "^chips cannot be written: chips/t01: No space left on device; finished work is kept, run again"
    with pytest.raises(OSError, match=message):
        retile(Two(), archive, TILES, dataset="dem", sleep=pauses.append)
    # A tile may have been begun before the fault was seen; none is begun after, and none is tried twice.
    assert written in (["t00", "t01"], ["t00", "t01", "t02"])
    assert pauses == []
    monkeypatch.undo()
    with Ledger(archive.root / "ledger.sqlite") as ledger:
        assert ledger.entry("dem/t00").state == "done"
        assert ledger.entry("dem/t01").state == "failed"
    again = retile(Two(), archive, TILES[:4], dataset="dem")
    assert (again.done, again.present) == (5 - len(written), len(written) - 1)
    assert archive.keys("t01", "dem") == ["height", "other"]


def test_a_disk_that_takes_no_row_either_is_reported_by_its_chips(archive, monkeypatch):
    def full(*_, **__):
        raise OSError("ledger cannot be used: database or disk is full")

    monkeypatch.setattr(archive, "write_layers", full)
    monkeypatch.setattr(Ledger, "record", full)
    with pytest.raises(OSError, match="^chips cannot be written: "):
        retile(Plane(), archive, TILES[:3], dataset="dem", workers=2)
    monkeypatch.undo()
    assert retile(Plane(), archive, TILES[:3], dataset="dem").done == 3


def test_threads_and_their_number_make_no_difference(tmp_path):
    found = []
    for workers in (1, 4):
        archive = ChipArchive.create(tmp_path / str(workers))
        retile(Plane(), archive, TILES, dataset="dem", workers=workers)
        with Ledger(archive.root / "ledger.sqlite") as ledger:
            found.append([(entry.key, entry.checksum) for entry in ledger.entries()])
    assert found[0] == found[1]
    assert len({checksum for _, checksum in found[0]}) == 12


def test_two_runs_at_once_share_a_ledger(archive):
    other = {}

    def run():
        other["summary"] = retile(Plane(), archive, TILES[6:], dataset="dem", workers=2)

    thread = threading.Thread(target=run)
    thread.start()
    retile(Plane(), archive, TILES[:6], dataset="dem", workers=2)
    thread.join()
    assert other["summary"].done == 6
    assert retile(Plane(), archive, TILES, dataset="dem").present == 12


@pytest.mark.parametrize("nested", [False, True])
def test_pixels_replaced_behind_a_vrt_make_other_chips(tmp_path, nested):
    """A mosaic's text stays the same when a file of it does not; the time of one that is as it was tells nothing."""
    (tmp_path / "parts").mkdir()
    halves = [BOX.crop(slice(0, 160), slice(0, 90)), BOX.crop(slice(0, 160), slice(90, 200))]
    for number, box in enumerate(halves):
        write(tmp_path / "parts" / f"{number}.tif", np.full(box.shape, number, "f4"), box)
    names = ["parts/0.tif", "parts/1.tif"]
    if nested:
        write_vrt(tmp_path / "inner.vrt", names, halves)
        names, halves = ["inner.vrt"], [BOX]
    mosaic = write_vrt(tmp_path / "mosaic.vrt", names, halves)
    archive = ChipArchive.create(tmp_path / "chips")
    assert retile(RasterSource(mosaic), archive, TILES[:4], dataset="dem").done == 4
    assert retile(RasterSource(mosaic), archive, TILES[:4], dataset="dem").present == 4
    write(tmp_path / "parts" / "0.tif", np.full((160, 90), 7, "f4"), BOX.crop(slice(0, 160), slice(0, 90)))
    assert retile(RasterSource(mosaic), archive, TILES[:4], dataset="dem").done == 4
    assert (archive.read("t00", "dem", "band1").array == 7).all()


def test_a_header_replaced_beside_its_data_makes_other_chips(tmp_path):
    values = np.arange(160 * 200, dtype="f4").reshape(1, 160, 200)
    path = tmp_path / "dem.img"
    with rasterio.open(path, "w", driver="ENVI", crs=BOX.crs, transform=BOX.affine, count=1, height=160, width=200,
                       dtype="float32") as file:  # fmt: skip
        file.write(values)
    header = next(tmp_path.glob("*.hdr"))
    archive = ChipArchive.create(tmp_path / "chips")
    assert retile(RasterSource(path), archive, TILES[:2], dataset="dem").done == 2
    header.write_text(header.read_text() + "data ignore value = 0\n")
    assert retile(RasterSource(path), archive, TILES[:2], dataset="dem").done == 2


def test_a_raster_of_one_file_depends_on_what_it_always_did(tmp_path):
    """Chips that are there from before stay."""
    path = write(tmp_path / "dem.tif", np.zeros((160, 200), "f4"))
    facts = path.stat()
    assert RasterSource(path).parameters(BOX)["file"] == ["dem.tif", facts.st_size, facts.st_mtime_ns]


def test_wrong_words_are_refused_before_anything_is_read(tmp_path, archive, rng):
    integers = RasterSource(write(tmp_path / "cover.tif", rng.integers(0, 9, (160, 200)).astype("u1")))
    for source, options, message in (
        (Plane(), {"resampling": "best"}, "resampling must be one of nearest, bilinear"),
        (Plane(), {"workers": 0}, "workers must be at least 1, got 0"),
        (Plane(), {"retries": -1}, "retries must be at least 0, got -1"),
        (Plane(), {"dataset": "../dem"}, r"dataset must be letters, digits, .* got '../dem'"),
        (Plane(), {"tiles": []}, "tiles must hold at least one tile, got none"),
        (integers, {}, r"resampling must be given for cover.tif, whose integers may be classes \(mode\)"),
    ):
        with pytest.raises(ValueError, match=message):
            retile(source, archive, **{"tiles": TILES, "dataset": "dem", **options})
    assert not (archive.root / "ledger.sqlite").exists()
    summary = retile(integers, archive, TILES[:1], dataset="cover", resampling="mode")
    assert "cover.tif specifies no no-data value" in summary.failed["t00"]
    with pytest.raises(TypeError, match="bool or integers for resampling 'mode', got float64"):
        retile(Plane(), archive, TILES[:1], dataset="dem", resampling="mode")

    class Twins(Plane):
        def read(self, geobox):
            (piece,) = super().read(geobox)
            return [piece, piece]

    summary = retile(Twins(), archive, TILES[:1], dataset="dem")
    assert summary.failed["t00"] == "band 'height' and 'height' must have names of letters and digits of their own"


def test_tiles_by_file_region_or_text(tmp_path):
    area = "POLYGON ((6.0 49.5, 6.2 49.5, 6.2 49.7, 6.0 49.7, 6.0 49.5))"
    (tmp_path / "area.wkt").write_text(area)
    expected = TileGrid.legacy(area)
    for aoi in (area, str(tmp_path / "area.wkt")):
        assert tiles_over(aoi=aoi).identifiers == expected.identifiers
    assert tiles_over(aoi=area, lattice="exact", pixels=12)[0].geobox.shape == (12, 12)
    for options, message in (
        ({}, "give either tiles or aoi, got tiles None and aoi None"),
        ({"aoi": area, "lattice": "hexagons"}, "lattice must be one of legacy, exact, got 'hexagons'"),
    ):
        with pytest.raises(ValueError, match=message):
            tiles_over(**options)


def command(*arguments, cwd, code):
    return re.sub(r"\s+", " ", call_here(*arguments, cwd=cwd, code=code))


def test_the_command_cuts_tells_and_goes_on(tmp_path, rng):
    box = GeoBox.from_bounds((9.0, 50.0, 9.12, 50.08), shape=(80, 120), crs="EPSG:4326")
    write(tmp_path / "dem.tif", rng.normal(size=(80, 120)).astype("f4"), box)
    (tmp_path / "area.wkt").write_text("POLYGON ((9 50, 9.4 50, 9.4 50.09, 9 50.09, 9 50))")
    words = ["retile", "dem.tif", "chips", "--aoi", "area.wkt", "--dataset", "dem", "--lattice", "exact"]
    reported = command(*words, "--workers", 2, cwd=tmp_path, code=0)
    done, skipped = re.search(r"chips: (\d+) tiles done, 0 already settled, (\d+) skipped, 0 failed", reported).groups()
    assert int(done) > 3 < int(skipped)
    assert "source does not cover the tile" in reported
    archive = ChipArchive(tmp_path / "chips")
    assert json.loads((archive.root / "archive.json").read_text())["grid"] == "exact"
    assert len(archive.identifiers) == int(done)
    assert archive.read(archive.identifiers[0], "dem", "band1").array.shape == (448, 448)
    with RunLock(archive.root):
        assert "chips is in use by process" in command(*words, cwd=tmp_path, code=1)
    reported = command(*words, cwd=tmp_path, code=0)
    assert f"0 tiles done, {int(done) + int(skipped)} already settled" in reported
    content = (tmp_path / "dem.tif").read_bytes()
    (tmp_path / "dem.tif").write_bytes(content[: len(content) // 2])
    reported = command(*words, cwd=tmp_path, code=1)
    assert "dem.tif cannot be read as a raster" in reported
    assert "Traceback" not in reported
    assert "there is no file or folder none.tif" in command("retile", "none.tif", *words[2:], cwd=tmp_path, code=1)


@pytest.mark.filterwarnings("ignore::DeprecationWarning:dask")
def test_the_code_of_the_guide(tmp_path, monkeypatch, capsys, rng):
    pytest.importorskip("dask.bag")
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    guide = (Path(__file__).resolve().parents[2] / "docs" / "retile.md").read_text()
    monkeypatch.chdir(tmp_path)
    box = GeoBox.from_bounds((8.9, 49.9, 9.2, 50.2), shape=(60, 90), crs="EPSG:4326")
    people = rng.uniform(0, 9, (60, 90)).astype("f4")
    write(tmp_path / "people.tif", people, box)
    shares = {f"{number:013x}": number / 10 for number in range(5)}
    (tmp_path / "packed" / "esaworldcover-2020").mkdir(parents=True)
    contents = []
    for share in shares.values():
        codes = np.full((10, 20), 10, np.uint8)
        codes[:, : round(20 * share)] = 50
        contents.append(write(tmp_path / "chip.tif", codes, box.crop(slice(0, 10), slice(0, 20))).read_bytes())
    table = pa.table({
        "path": [f"a/esaworldcover-2020/{identifier}.tif" for identifier in shares],
        "ds": ["esaworldcover-2020"] * 5,
        "content": contents,
    })  # fmt: skip
    pq.write_table(table, tmp_path / "packed" / "esaworldcover-2020" / "p0.zstd.parquet")
    write_splits("splits_parquet.csv", dict.fromkeys(shares, "train"), columns={"parquet_identifier": ["p0"] * 5})
    names: dict[str, object] = {}
    for code in re.findall(r"```python\n(.*?)```", guide, re.DOTALL):
        exec(code, names)
    reported = capsys.readouterr().out.splitlines()
    assert reported[:2] == ["True {}", "0 True"]
    assert reported[2].startswith(f"{{'done': {len(names['tiles'])}, 'skipped': 0, 'failed': 0}} []")
    assert reported[3] == "('0000000000004', 0.4)"
    tile = names["tiles"][0]
    height = names["archive"].read(tile.identifier, "heights", "height").array
    x, y = tile.geobox.transformer_to("EPSG:4326").transform(*tile.geobox.centres())
    np.testing.assert_allclose(height, x + y, atol=1e-6)


def test_classes_are_kept_with_the_chips(archive, tmp_path):
    codes = np.random.default_rng(5).choice(np.array([1, 2], np.uint8), BOX.shape)
    codes[:40] = 0
    source = RasterSource(write(tmp_path / "flood.tif", codes, nodata=0), quantity="code")
    assert retile(source, archive, TILES[:2], dataset="flood").done == 2
    legend = Legend.parse({1: "dry", 2: "flooded"})
    # The next run adds them to the chips that there are.
    assert retile(source, archive, TILES[:2], dataset="flood", classes=legend).done == 2
    metadata = archive.facts("t00", "flood", "band1")[1]
    assert legend_of("flood", "band1", metadata) == legend
    assert retile(source, archive, TILES[:2], dataset="flood", classes=legend).present == 2
    wrong = retile(source, archive, TILES[:1], dataset="flood", classes=Legend.parse({0: "dry", 2: "flooded"}))
    assert "classes must leave out code 0, which band band1 has for no data" in wrong.failed["t00"]
    real = retile(Plane(), archive, TILES[:1], dataset="height", classes=legend)
    assert "classes must be of integer codes, band height is of float" in real.failed["t00"]


def test_the_command_takes_classes_from_a_file_or_by_name(tmp_path):
    codes = np.random.default_rng(5).choice(np.array([1, 2], np.uint8), BOX.shape)
    write(tmp_path / "flood.tif", codes, nodata=0)
    (tmp_path / "flood.csv").write_text("code,name,colour\n1,dry,#c8b478\n2,flooded,#0064c8\n")
    west, south, east, north = BOX.bounds_in("EPSG:4326")
    place = ["--aoi", f"{west},{south},{east},{north}", "--lattice", "exact"]
    words = ["retile", str(tmp_path / "flood.tif"), str(tmp_path / "chips"), "--dataset", "flood", *place]
    app([*words, "--classes", str(tmp_path / "flood.csv")], standalone_mode=False)
    found = ChipArchive(tmp_path / "chips")
    tile = found.identifiers[0]
    metadata = found.facts(tile, "flood", "band1")[1]
    assert metadata["unit"] == "class"
    assert legend_of("flood", "band1", metadata).names == ("dry", "flooded")
    with pytest.raises(FileNotFoundError, match="there is no file flood"):
        app([*words, "--classes", "flood"], standalone_mode=False)


def test_a_source_that_lies_elsewhere_is_no_success(tmp_path):
    box = GeoBox.from_bounds((9.0, 50.0, 9.02, 50.01), shape=(5, 10), crs="EPSG:4326")
    write(tmp_path / "dem.tif", np.ones((5, 10), "f4"), box)
    words = ["retile", str(tmp_path / "dem.tif"), str(tmp_path / "chips"), "--dataset", "dem", "--lattice", "exact"]
    for _ in range(2):
        # Also when the ledger has the tiles as settled.
        with pytest.raises(ValueError, match="nothing was written: .*dem.tif has no data on any of the"):
            app([*words, "--aoi", "8,50,8.1,50.04"], standalone_mode=False)


@pytest.mark.parametrize(("resampling", "unit"), [("mode", "class"), ("nearest", "")])
def test_integers_by_the_most_frequent_are_codes(tmp_path, archive, rng, resampling, unit):
    values = rng.integers(1, 9, (160, 200)).astype("u1")
    source = RasterSource(write(tmp_path / "cover.tif", values, nodata=0), resampling=resampling)
    retile(source, archive, TILES[:1], dataset="cover")
    assert archive.facts("t00", "cover", "band1")[1]["unit"] == unit
    if unit:
        with pytest.raises(ValueError, match=r"holds nothing to count, only cover \(class codes\)"):
            archive_statistics(archive)
    else:
        assert len(archive_statistics(archive).groups) == 1
    kind = plane_of("cover", "band1", archive.read("t00", "cover", "band1")).kind
    assert kind == ("classes" if unit else "value")
