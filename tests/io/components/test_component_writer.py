"""What is written as the release has it comes back, and nothing wraps."""

import numpy as np
import pytest
import rasterio

from m3leo_sar import GeoBox
from m3leo_sar.io.components.band import SEASONS, Band
from m3leo_sar.io.components.component import ComponentChip, read_component
from m3leo_sar.io.components.component_writer import write_component
from m3leo_sar.io.components.netcdf_components import read_agb, read_gssic, read_gunw

BOX = GeoBox.from_bounds((9.0, 50.0, 9.06, 50.04), shape=(31, 43), crs="EPSG:4326")
WAYS = {"asc": "ascending", "des": "descending"}


def chip_of(product, names, values, *, mask=None, **facts):
    bands = tuple(Band(name, "q", "u", product, **facts) for name in names)
    mask = np.isfinite(values) if mask is None else mask
    return ComponentChip(values, mask, BOX, bands)


def planes(rng, count, low, high):
    made = rng.uniform(low, high, (count, 31, 43)).astype(np.float32)
    made[:, 4, 5] = np.nan
    # Smooth, as ground is: a dark pixel amid bright ones is what a wrapped one looks like.
    return np.sort(made, axis=2)


S1 = [f"{season}_{pol}{way}" for season in SEASONS for pol in ("vv", "vh") for way in ("asc", "des")]
S1M = [f"{month:02d}_{pol}" for month in range(1, 13) for pol in ("vv", "vh")]
S2SRM = [f"{season}_{b}" for season in SEASONS for b in ("B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B11", "B12")]
S2 = [f"{season}_{colour}" for season in SEASONS for colour in ("red", "green", "blue")]


@pytest.mark.parametrize(
    ("folder", "product", "names", "limits", "error"),
    [
        ("s1grd-2020", "s1grd", S1, (-29.5, -0.1), 30 / 255 / 2),
        ("s1grdm-2019-asc", "s1grdm", S1M, (-29.5, -0.1), 30 / 255 / 2),
        ("s2rgb-2020", "s2rgb", S2, (0.01, 0.29), 0.3 / 255 / 2),
        ("s2srm-2020", "s2srm", S2SRM, (0.01, 0.99), 1 / 255 / 2),
        ("modis44b006veg", "modisveg", [f"Percent_Tree_Cover_{y}" for y in range(2016, 2021)], (0, 100), 0.5),
        ("ghsbuilts-2020", "ghsbuilts", ["built_surface"], (0, 900), 0),
        ("srtm", "srtm", ["elevation", "slope"], (0, 85), 0.5),
    ],
)
def test_values_come_back_to_half_a_step(tmp_path, rng, folder, product, names, limits, error):
    values = planes(rng, len(names), *limits)
    path = tmp_path / folder / "0123456789abc.tif"
    write_component(path, chip_of(product, names, values))
    back = read_component(path)
    assert [band.name for band in back.bands] == names
    assert back.geobox == BOX
    np.testing.assert_array_equal(back.mask, np.isfinite(values))
    assert np.nanmax(abs(back.array - values)) <= error + 1e-5


def test_whole_decibels(tmp_path, rng):
    values = planes(rng, 16, -59, 29)
    write_component(tmp_path / "s1grd-2018" / "a.tif", chip_of("s1grd", S1, values), encoding="uint16")
    back = read_component(tmp_path / "s1grd-2018" / "a.tif")
    np.testing.assert_array_equal(back.mask, np.isfinite(values))
    assert np.nanmax(abs(back.array - values)) <= 1.5
    assert back.notes == ()


@pytest.mark.parametrize(("encoding", "ends"), [("uint8", (-30 + 30 / 255, 0)), ("uint16", (-60, 30))])
def test_values_beyond_the_range_are_cut_and_do_not_wrap(tmp_path, encoding, ends):
    values = np.broadcast_to(np.float32([[[-90.0]], [[50.0]]]), (2, 31, 43)).repeat(8, axis=0)
    write_component(tmp_path / "s1grd-2020" / "a.tif", chip_of("s1grd", S1, values), encoding=encoding)
    with rasterio.open(tmp_path / "s1grd-2020" / "a.tif") as source:
        assert source.nodata == 0
    back = read_component(tmp_path / "s1grd-2020" / "a.tif")
    assert back.mask.all()
    np.testing.assert_allclose([back.array[0, 1, 2], back.array[15, 1, 2]], ends, atol=1e-5)


def test_codes(tmp_path, rng):
    codes = rng.choice([10, 50, 95, 100], (1, 31, 43)).astype(np.uint8)
    mask = rng.random((1, 31, 43)) < 0.9
    write_component(tmp_path / "esaworldcover-2020" / "a.tif", chip_of("esawc", ["Map"], codes, mask=mask))
    back = read_component(tmp_path / "esaworldcover-2020" / "a.tif")
    np.testing.assert_array_equal(back.mask, mask)
    np.testing.assert_array_equal(back.array[mask], codes[mask])


def gssic_chip(rng):
    names = []
    for season in SEASONS:
        names += [f"{season}_vv_amplitude", f"{season}_vh_amplitude"]
        names += [f"{season}_coherence_{lag}" for lag in (12, 24, 36, 48)]
        names += [f"{season}_{name}" for name in ("rho", "tau", "rmse")]
    names += ["inc", "lsmap"]
    return chip_of("gssic", names, planes(rng, len(names), 0.05, 0.9))


def test_gssic_comes_back_and_xarray_opens_it(tmp_path, rng):
    xr = pytest.importorskip("xarray")
    chip = gssic_chip(rng)
    write_component(tmp_path / "a.nc", chip)
    back = read_gssic(tmp_path / "a.nc")
    assert [band.name for band in back.bands] == [band.name for band in chip.bands]
    np.testing.assert_allclose(back.array, chip.array, rtol=2e-5, atol=2e-5)
    np.testing.assert_allclose([*back.geobox.affine], [*BOX.affine], atol=1e-9)
    pytest.importorskip("h5netcdf")
    with xr.open_dataset(tmp_path / "a.nc", engine="h5netcdf") as opened:
        assert opened.coherence.dims == ("season", "deltadays", "y", "x")
        assert list(opened.season.values) == ["summer", "fall", "winter", "spring"]
        np.testing.assert_allclose(opened.coherence.sel(season="winter", deltadays=24).values / 100, chip.array[3],
                                   rtol=1e-5)  # fmt: skip
    with pytest.raises(ValueError, match="chip must have a band fall_vv_amplitude, it has summer_vv_amplitude"):
        write_component(tmp_path / "b.nc", chip_of("gssic", ["summer_vv_amplitude"], planes(rng, 1, 0, 1)))
    assert not (tmp_path / "b.nc").exists()


def test_biomass_and_gunw_come_back(tmp_path, rng):
    values = planes(rng, 2, 0, 300)
    write_component(tmp_path / "a.nc", chip_of("agb", ["agb", "agb_se"], values))
    np.testing.assert_array_equal(read_agb(tmp_path / "a.nc").array, values)
    pairs, bands = ("20200101_20200113", "20200113_20200206"), []
    for number, pair in enumerate(pairs):
        for name in ("unwrappedPhase", "coherence", "amplitude", "connectedComponents"):
            way = list(WAYS.values())[number]
            bands.append(Band(f"{name}_{pair}", name, "u", "gunw", None, pair, "VV", way))
    values = planes(rng, 8, 0.1, 0.9)
    write_component(tmp_path / "g.nc", ComponentChip(values, np.isfinite(values), BOX, tuple(bands)))
    back = read_gunw(tmp_path / "g.nc")
    np.testing.assert_array_equal(back.array, values)
    assert [(band.name, band.orbit_direction) for band in back.bands] == [(b.name, b.orbit_direction) for b in bands]


def test_bad_requests_are_named(tmp_path, rng):
    with pytest.raises(ValueError, match="chip must be of one of the components agb, esawc, .*, got 'x'"):
        write_component(tmp_path / "a.tif", chip_of("x", ["y"], planes(rng, 1, 0, 1)))
    for product, encoding in (("s1grd", "int8"), ("esawc", "uint8")):
        with pytest.raises(ValueError, match="encoding must be uint8 or uint16 and of a radar component"):
            write_component(tmp_path / "a.tif", chip_of(product, ["y"], planes(rng, 1, 0, 1)), encoding=encoding)
