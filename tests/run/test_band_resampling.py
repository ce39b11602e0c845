"""Each quantity is resampled by its own rule, whichever source it comes from."""

from __future__ import annotations

import numpy as np
import pytest

from m3leo_sar import GeoBox, TileGrid, reproject
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.components.band import Band
from m3leo_sar.io.components.quantity import KINDS, kind_of
from m3leo_sar.io.sources.raster_source import RasterSource
from m3leo_sar.run.band_resampling import resample_bands
from m3leo_sar.run.retile import retile

rasterio = pytest.importorskip("rasterio")
#: A source of 12 m pixels, and a tile of 10 m and one of 47 m pixels inside it.
SOURCE = GeoBox.from_bounds((500_000, 5_490_400, 509_600, 5_500_000), shape=(800, 800), crs="EPSG:32631")
FINE = GeoBox.from_bounds((503_005, 5_495_003, 505_005, 5_496_503), shape=(150, 200), crs="EPSG:32631")
COARSE = GeoBox.from_bounds((503_000, 5_493_000, 505_350, 5_496_760), shape=(80, 50), crs="EPSG:32631")
KERNELS = ("bilinear", "cubic", "cubic_spline", "lanczos")


def plane_of(slope_rows: float, slope_cols: float, box: GeoBox = SOURCE) -> np.ndarray:
    """A ramp over the ground, in units per pixel of the source, at the centres of a grid."""
    x, y = box.centres()
    return slope_rows * (5_500_000 - y) / 12 + slope_cols * (x - 500_000) / 12


def band(quantity: str, unit: str = "", name: str = "band1") -> Band:
    return Band(name, quantity, unit, "any", kind=quantity if quantity in ("amount", "direction") else None)


def resampled(array: np.ndarray, what: Band, tile: GeoBox, resampling: str, **options: object) -> np.ndarray:
    return resample_bands(array[None], (what,), SOURCE, tile, resampling=resampling, **options).array[0]


@pytest.mark.parametrize("resampling", KERNELS)
def test_a_wrapped_phase_stays_a_phase_at_its_jumps(resampling):
    phase = np.angle(np.exp(1j * plane_of(0.2, 0.35))).astype(np.float32)
    found = resampled(phase, band("wrapped phase", "rad"), FINE, resampling)
    error = np.abs(np.angle(np.exp(1j * (found - plane_of(0.2, 0.35, FINE)))))
    assert found.dtype == np.float32
    assert error.max() < 0.02
    assert np.abs(found).max() <= np.float32(np.pi)


def test_a_phase_over_larger_pixels_is_the_angle_of_the_mean_phasor():
    phase = np.angle(np.exp(1j * plane_of(0.1, 0.15))).astype(np.float32)
    found = resampled(phase, band("phase", "rad"), COARSE, "average")
    assert np.abs(np.angle(np.exp(1j * (found - plane_of(0.1, 0.15, COARSE))))).max() < 0.02


def test_a_direction_passes_north(rng):
    degrees = ((rng.normal(0, 4, SOURCE.shape)) % 360).astype(np.float32)
    found = resampled(degrees, band("aspect", "degree"), COARSE, "average")
    assert (np.minimum(found, 360 - found) < 10).all()
    assert ((found >= 0) & (found < 360)).all()


@pytest.mark.parametrize("resampling", [*KERNELS, "average"])
def test_decibels_are_resampled_as_power(rng, resampling):
    power = rng.gamma(4, 0.025, SOURCE.shape)
    expected = 10 * np.log10(reproject(power, SOURCE, COARSE, resampling=resampling))
    found = resampled((10 * np.log10(power)).astype(np.float32), band("gamma0", "dB"), COARSE, resampling)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    mean_of_decibels = reproject(10 * np.log10(power), SOURCE, COARSE, resampling="average")
    assert (found - mean_of_decibels).mean() > 0.3


@pytest.mark.parametrize("resampling", ["cubic", "lanczos"])
def test_a_bright_target_leaves_no_hole_of_decibels_around_it(resampling):
    decibels = np.full(SOURCE.shape, -20, np.float32)
    decibels[350, 300] = 30
    found = resampled(decibels, band("sigma0", "dB"), FINE, resampling)
    assert np.isfinite(found).all()
    assert found.min() >= -21


def test_an_amount_keeps_its_total_and_takes_no_other_rule(rng):
    people = rng.integers(0, 40, SOURCE.shape).astype(np.float32)
    what = band("amount")
    inside = GeoBox.from_bounds((500_000, 5_490_400, 509_600, 5_500_000), shape=(201, 97), crs="EPSG:32631")
    assert resampled(people, what, inside, "sum").sum() == pytest.approx(people.sum(dtype=np.float64), rel=1e-5)
    with pytest.raises(ValueError, match=r"of band1, a quantity of kind amount, must be sum, got 'bilinear'"):
        resampled(people, what, inside, "bilinear")


@pytest.mark.parametrize("resampling", [*KERNELS, "average", "sum", "mode", "nearest"])
def test_codes_are_never_mixed(rng, resampling):
    codes = rng.choice(np.array([10, 80], np.uint8), SOURCE.shape)
    for array, options in ((codes, {"nodata": 0}), (codes.astype(np.float32), {})):
        if array.dtype.kind == "f" and resampling == "mode":
            continue
        found = resampled(array, band("land cover", "class"), COARSE, resampling, **options)
        assert set(np.unique(found)) <= {10, 80}


@pytest.mark.parametrize(
    ("what", "refused"),
    [(band("phase"), ("sum", "min", "max")), (band("direction"), ("sum", "min")), (band("x", "dB"), ("sum",))],
)
def test_what_makes_no_sense_of_a_quantity_is_refused(what, refused):
    for word in refused:
        with pytest.raises(ValueError, match=f"of kind {kind_of(what)}, must be .*got '{word}'"):
            resampled(np.zeros(SOURCE.shape, np.float32), what, COARSE, word)


def test_an_unwrapped_phase_that_is_taken_for_a_wrapped_one_is_refused():
    with pytest.raises(ValueError, match=r"phase is a wrapped phase .* contains .* state quantity=number"):
        resampled(plane_of(0.1, 0.1).astype(np.float32), band("phase", "rad", "phase"), FINE, "bilinear")


def test_bands_of_unlike_quantities_each_follow_their_own(rng):
    planes = np.stack([plane_of(0.2, 0.1), np.angle(np.exp(1j * plane_of(0.2, 0.1)))]).astype(np.float32)
    found = resample_bands(
        planes, (band("unwrapped phase", "rad"), band("phase", "rad")), SOURCE, FINE, resampling="cubic"
    )
    np.testing.assert_allclose(np.angle(np.exp(1j * (found.array[0] - found.array[1].astype(float)))), 0, atol=5e-3)


@pytest.mark.parametrize(
    ("name", "unit", "source", "kind"),
    [
        ("band1", "", "S1AA_VVP012_INT80_G_ueF_E3D7_wrapped_phase.tif", "phase"),
        ("band1", "", "S1AA_VVP012_INT80_G_ueF_E3D7_unw_phase.tif", "number"),
        ("band1", "", "S1AA_VVP012_INT80_G_ueF_E3D7_corr.tif", "number"),
        ("band1", "", "S1AA_VVP012_INT80_G_ueF_E3D7_lv_phi.tif", "phase"),
        ("Phase_ifg_IW1_VV", "phase", "a.tif", "phase"),
        ("Unw_Phase_ifg_VV", "abs_phase", "a.tif", "number"),
        ("unwrappedPhase_20200101_20200113", "rad", "a", "number"),
        ("wrappedInterferogram", "rad", "a", "phase"),
        ("phase_std", "rad", "a", "number"),
        ("phase", "K", "a", "number"),
        ("Sigma0_VV_db", "dB", "wrapped_phase.tif", "decibel"),
        ("azimuth_offset", "m", "a", "number"),
        ("azimuth_offset", "", "a", "number"),
        ("aspect", "", "a", "direction"),
        ("built_surface", "m2 a source pixel", "a", "amount"),
        ("built_surface", "m2 per source pixel", "a", "amount"),
        ("Map", "class", "a", "code"),
    ],
)
def test_the_kind_follows_from_unit_and_words(name, unit, source, kind):
    assert kind_of(Band(name, name, unit, "any"), source=source) == kind


def test_every_kind_can_be_stated(tmp_path, rng):
    path = tmp_path / "a.tif"
    values = rng.uniform(-3, 3, (1, 20, 30)).astype(np.float32)
    with rasterio.open(path, "w", driver="GTiff", count=1, height=20, width=30, dtype="float32", crs="EPSG:32631",
                       transform=SOURCE.affine) as file:  # fmt: skip
        file.write(values)
    for name, kind in KINDS.items():
        source = RasterSource(path, quantity=name)
        assert kind_of(source.bands[0]) == name
        assert source.resampling == kind.resampling
    with pytest.raises(ValueError, match=r"quantity must be one of number, phase, .*, got 'colour'"):
        RasterSource(path, quantity="colour")


def test_retile_keeps_a_wrapped_phase_by_its_files_name(tmp_path):
    """The input of a user: an interferogram of a service, 12 m pixels, onto tiles of 10 m."""
    path = tmp_path / "S1AA_20200604T022251_20200616T022252_VVP012_INT80_G_ueF_E3D7_wrapped_phase.tif"
    phase = np.angle(np.exp(1j * plane_of(0.2, 0.35))).astype(np.float32)
    with rasterio.open(path, "w", driver="GTiff", count=1, height=800, width=800, dtype="float32", crs="EPSG:32631",
                       transform=SOURCE.affine, nodata=0) as file:  # fmt: skip
        file.write(phase, 1)
    archive = ChipArchive.create(tmp_path / "chips")
    tiles = TileGrid.exact((3.05, 49.60, 3.06, 49.61), pixels=224)[:1]
    assert retile(RasterSource(path), archive, tiles, dataset="phase").done == 1
    chip = archive.read(tiles[0].identifier, "phase", "band1")
    seen = np.isfinite(chip.array)
    error = np.abs(np.angle(np.exp(1j * (chip.array - plane_of(0.2, 0.35, chip.geobox)))))
    assert seen.mean() > 0.5
    assert (error[seen] > 0.05).mean() == 0
