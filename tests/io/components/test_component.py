"""Chips as the release lays them out, written plainly here, and read back in units."""

import numpy as np
import pytest

from m3leo_sar import GeoBox, reproject
from m3leo_sar.io.components.component import COMPONENTS, component_of, read_component
from m3leo_sar.io.files.raster import write_geotiff

rasterio = pytest.importorskip("rasterio")
BOX = GeoBox.from_bounds((9.0, 50.0, 9.063, 50.0403), shape=(448, 448), crs="EPSG:4326")
S1_NAMES = [
    f"{season}_{kind}"
    for season in ("winter", "spring", "summer", "fall")
    for kind in ("vvasc", "vvdes", "vhasc", "vhdes")
]
S2_NAMES = [f"{month:02d}_{colour}" for month in range(1, 13) for colour in ("red", "green", "blue")]


def write(folder, name, bands, *, names=None, box=BOX):
    """As Earth Engine's chips are: uncompressed, without a no-data value."""
    bands = np.atleast_3d(bands) if bands.ndim == 3 else bands[None]
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    profile = {"driver": "GTiff", "count": len(bands), "height": bands.shape[1], "width": bands.shape[2]}
    with rasterio.open(path, "w", **profile, dtype=bands.dtype, crs=box.crs, transform=box.affine) as file:
        file.write(bands)
        for number, band in enumerate(names or [], start=1):
            file.set_band_description(number, band)
    return path


def decibels(rng):
    return rng.uniform(-29.5, -0.5, (16, 448, 448))


@pytest.mark.parametrize("named", [True, False])
def test_radar_in_whole_decibels(tmp_path, rng, named):
    truth = decibels(rng)
    stored = np.trunc(truth).astype(np.int16).view(np.uint16)
    path = write(tmp_path, "s1grd-2020/a.tif", stored, names=S1_NAMES if named else None)
    # The size that the release's files have: 16 bands of two bytes and a header.
    assert 6_422_528 <= path.stat().st_size < 6_440_000
    chip = read_component(path)
    assert chip.array.dtype == np.float32
    np.testing.assert_array_equal(chip.mask, stored != 0)
    np.testing.assert_array_equal(chip.array[chip.mask], np.trunc(truth)[chip.mask].astype(np.float32))
    assert np.isnan(chip.array[~chip.mask]).all()
    assert chip.notes == ()
    assert chip.geobox.bounds == pytest.approx(BOX.bounds)
    band = chip.bands[4 * 2 + 3]
    assert (band.name, band.unit, band.year, band.period) == ("summer_vhdes", "dB", 2020, "summer")
    assert (band.polarisation, band.orbit_direction) == ("VH", "descending")


def test_radar_in_eight_bits(tmp_path, rng):
    truth = rng.uniform(-25.0, -6.0, (16, 448, 448))
    stored = np.trunc(255 * (truth + 30) / 30).astype(np.uint8)
    stored[2, 100:110] = 0
    chip = read_component(write(tmp_path, "s1grd-2018/a.tif", stored, names=S1_NAMES))
    assert not chip.mask[2, 100:110].any()
    assert abs(chip.array - truth)[chip.mask].max() <= 30 / 255 + 1e-5
    assert chip.notes == ()


def test_bands_in_another_order_are_put_right_and_wrong_ones_refused(tmp_path, rng):
    stored = np.broadcast_to(np.arange(1, 17, dtype=np.uint8)[:, None, None] + 100, (16, 448, 448))
    order = rng.permutation(16)
    path = write(tmp_path, "s1grd-2019/a.tif", stored[order], names=[S1_NAMES[k] for k in order])
    expected = read_component(write(tmp_path, "s1grd-2019/b.tif", stored, names=S1_NAMES)).array
    np.testing.assert_array_equal(read_component(path).array, expected)
    for bad, names, message in (
        (stored[:15], S1_NAMES[:15], "it must have 16 bands, got 15"),
        (stored.astype(np.float32), S1_NAMES, "it must be uint16 or uint8, got float32"),
        (stored, [*S1_NAMES[:15], "autumn_vhdes"], "autumn_vhdes, fall_vhdes do not fit"),
        (stored, [*S1_NAMES[:15], S1_NAMES[0]], "fall_vhdes do not fit"),
    ):
        with pytest.raises(ValueError, match=message):
            read_component(write(tmp_path, "s1grd-2019/c.tif", bad, names=names))


def test_numbers_that_wrapped_are_masked_and_reported(tmp_path):
    truth = np.full((16, 448, 448), -2.0)
    truth[0, 50, 60:64] = 2.0
    stored = np.trunc(255 * (truth + 30) / 30).astype(np.int64).astype(np.uint8)
    chip = read_component(write(tmp_path, "s1grd-2020/a.tif", stored, names=S1_NAMES))
    assert "4 values" in chip.notes[0]
    assert not chip.mask[0, 50, 60:64].any()
    assert chip.mask.sum() == chip.mask.size - 4
    whole = np.full((16, 448, 448), np.uint16(65524))
    whole[3, 7, 8] = 40_000
    chip = read_component(write(tmp_path, "s1grd-2020/b.tif", whole, names=S1_NAMES))
    assert "1 values" in chip.notes[0]
    assert np.isnan(chip.array[3, 7, 8])
    assert chip.array[0, 0, 0] == -12


def test_months_of_radar_and_of_colours(tmp_path, rng):
    stored = rng.integers(1, 255, (24, 448, 448), dtype=np.uint8)
    names = [f"{month:02d}_{pol}" for month in range(1, 13) for pol in ("vv", "vh")]
    chip = read_component(write(tmp_path, "s1grdm-2020-des/a.tif", stored, names=names))
    assert {band.orbit_direction for band in chip.bands} == {"descending"}
    assert (chip.bands[5].period, chip.bands[5].polarisation) == ("03", "VH")
    stored = rng.integers(1, 255, (36, 448, 448), dtype=np.uint8)
    stored[3:6, 9] = 0
    stored[6, 20] = 0
    path = write(tmp_path, "s2rgbm-2020/a.tif", stored, names=S2_NAMES)
    assert 7_225_344 <= path.stat().st_size < 7_245_000
    chip = read_component(path)
    assert np.isnan(chip.array[3:6, 9]).all()
    # A colour that is dark alone is dark.
    assert (chip.array[6, 20] == 0).all()
    np.testing.assert_allclose(chip.array[0], stored[0] / 255 * 0.3, rtol=1e-6)


def test_codes_percent_heights_and_amounts(tmp_path, rng):
    codes = rng.choice([0, 10, 50, 95, 100], (448, 448)).astype(np.uint8)
    chip = read_component(write(tmp_path, "esaworldcover-2021/a.tif", codes))
    np.testing.assert_array_equal(chip.array[0], codes)
    np.testing.assert_array_equal(chip.mask[0], codes > 0)
    assert chip.bands[0].year == 2021
    codes[3, 4] = 13
    chip = read_component(write(tmp_path, "esaworldcover-2021/b.tif", codes))
    assert chip.notes == ("unknown codes 13",)
    assert not chip.mask[0, 3, 4]

    cover = rng.integers(0, 101, (5, 448, 448), dtype=np.uint8)
    cover[1, :9], cover[2, 5, 6] = 200, 177
    chip = read_component(write(tmp_path, "modis44b006veg/a.tif", cover))
    assert np.isnan(chip.array[1, :9]).all()
    assert chip.notes == ("1 values are neither percent nor water (200)",)
    assert [band.year for band in chip.bands] == [2016, 2017, 2018, 2019, 2020]

    terrain = np.stack([np.full((448, 448), -430), np.full((448, 448), 7)]).astype(np.int16).view(np.uint16)
    for folder in ("srtm", "strmdem", "srtmdem"):
        chip = read_component(write(tmp_path, f"{folder}/a.tif", terrain))
        assert (chip.array[0] == -430).all()
        assert (chip.bands[0].unit, chip.bands[1].unit) == ("m", "degree")

    built = rng.uniform(0, 900, (47, 55)).astype(np.float32)
    built[3, 4] = np.nan
    small = GeoBox.from_bounds(BOX.bounds, shape=(47, 55), crs="EPSG:4326")
    chip = read_component(write(tmp_path, "ghsbuilts-2020/a.tif", built, box=small))
    on_tile = reproject(chip.array, chip.geobox, BOX, resampling=component_of("ghsbuilts-2020")[0].resampling)
    assert np.nansum(on_tile) == pytest.approx(np.nansum(built), rel=1e-5)


def test_burned_area_keeps_not_burned_apart_from_not_observed(tmp_path):
    names = [f"{year}_{kind}" for year in range(2016, 2021) for kind in ("BurnDate", "ConfidenceLevel", "LandCover")]
    stored = np.zeros((15, 21, 34), np.int16)
    stored[0, 2, 3], stored[0, 4, 5], stored[3, 6, 7], stored[6, 8, 9] = 200, -1, -2, 400
    box = GeoBox.from_bounds(BOX.bounds, shape=(21, 34), crs="EPSG:4326")
    # The bands may stand in any order: their names tell.
    path = tmp_path / "firecci51" / "a.tif"
    write_geotiff(path, stored[::-1].copy(), box, names=tuple(names[::-1]))
    chip = read_component(path)
    assert [band.name for band in chip.bands] == names
    assert chip.array[0, 2, 3] == 200
    assert not chip.mask[[0, 3, 6], [4, 6, 8], [5, 7, 9]].any()
    assert chip.mask.sum() == stored.size - 3
    assert chip.array[0, 0, 0] == 0
    assert chip.notes == ("1 days of burning are not days of a year",)
    assert (chip.bands[3].year, chip.bands[3].unit) == (2017, "day of year")


def test_floods_are_recognised_by_their_numbers(tmp_path):
    kinds = ("flooded", "duration", "clear_views", "clear_perc", "jrc_perm_water")
    names = tuple(f"{flood}_{kind}" for flood in ("4611", "4700") for kind in kinds)
    stored = np.arange(10, dtype=np.uint16)[:, None, None].repeat(21, axis=1).repeat(34, axis=2)
    box = GeoBox.from_bounds(BOX.bounds, shape=(21, 34), crs="EPSG:4326")
    write_geotiff(tmp_path / "globalfloods-2018" / "a.tif", stored, box, names=names)
    chip = read_component(tmp_path / "globalfloods-2018" / "a.tif")
    assert (chip.bands[6].period, chip.bands[6].quantity, chip.bands[6].year) == ("4700", "duration of flood", 2018)
    assert (chip.array[6] == 6).all()
    write_geotiff(tmp_path / "globalfloods-2018" / "b.tif", stored, box)
    with pytest.raises(ValueError, match="its bands must be named FLOOD_flooded"):
        read_component(tmp_path / "globalfloods-2018" / "b.tif")


def test_files_that_are_no_chips_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no file"):
        read_component(tmp_path / "s1grd-2020" / "none.tif")
    codes = np.full((448, 448), 10, np.uint8)
    path = write(tmp_path, "somewhere/a.tif", codes)
    with pytest.raises(ValueError, match="folder 'somewhere' is none of the components s1grd, s1grdm"):
        read_component(path)
    assert read_component(path, component="esawc").mask.all()
    with pytest.raises(ValueError, match="component must be one of s1grd, .* got 'gssic2'"):
        read_component(path, component="gssic2")
    whole = path.read_bytes()
    for broken in (b"", whole[:100], whole[: len(whole) // 2]):
        path.write_bytes(broken)
        with pytest.raises(ValueError, match="a.tif cannot be read as a raster"):
            read_component(path, component="esawc")


def test_every_component_is_distinguished_by_its_folder():
    folders = [
        "s1grd-2020",
        "s1grdm-2019-asc",
        "s2rgbm-2020",
        "s2srm-2020",
        "esaworldcover-2020",
        "modis44b006veg",
        "ghsl-built-S-2020",
        "firecci51",
        "globalfloods-2018",
        "srtm",
    ]
    assert [component_of(folder)[0].name for folder in folders] == [entry.name for entry in COMPONENTS]
