"""netCDF chips as the release lays them out, written plainly here."""

import h5py
import numpy as np
import pytest

from m3leo_sar.io.components.netcdf_components import read_agb, read_gssic, read_gunw

X, Y = 9.0 + 3 / 3600 * np.arange(54), 50.04 - 3 / 3600 * np.arange(48)
FILE_SEASONS = [b"summer", b"fall", b"winter", b"spring"]


def write_gssic(path, rng, **changes):
    parts = {
        "season": np.array(FILE_SEASONS), "polarimetry": np.array([b"vv", b"vh"]),
        "deltadays": np.array([12, 24, 36, 48]),
        "param": np.array([b"rho", b"tau", b"rmse"]), "feature": np.array([b"inc", b"lsmap"]), "x": X, "y": Y,
        "amplitude": rng.integers(1000, 9000, (4, 2, 48, 54)).astype("f4"),
        "coherence": rng.integers(0, 101, (4, 4, 48, 54)).astype("f4"),
        "decaymodel": rng.integers(0, 900, (4, 3, 48, 54)).astype("f4"),
        "geometry": rng.integers(20, 50, (2, 48, 54)).astype("f4"),
    } | changes  # fmt: skip
    with h5py.File(path, "w") as file:
        for name, values in parts.items():
            if values is not None:
                file[name] = values
        file["spatial_ref"] = 0
        file["spatial_ref"].attrs["GeoTransform"] = "-0.06 0.0008 0 0.03 0 0.0008"
    return parts


def test_gssic_in_units_with_seasons_in_one_order(tmp_path, rng):
    parts = write_gssic(tmp_path / "a.nc", rng)
    parts["coherence"][1, 2, 5, 6] = np.nan
    write_gssic(tmp_path / "a.nc", rng, **parts)
    chip = read_gssic(tmp_path / "a.nc")
    assert chip.array.shape == (38, 48, 54)
    names = [band.name for band in chip.bands]
    assert names[:3] == ["winter_vv_amplitude", "winter_vh_amplitude", "winter_coherence_12"]
    np.testing.assert_allclose(chip.array[names.index("fall_coherence_36")], parts["coherence"][1, 2] / 100)
    assert not chip.mask[names.index("fall_coherence_36"), 5, 6]
    np.testing.assert_allclose(chip.array[names.index("spring_tau")], parts["decaymodel"][3, 1] / 1000)
    np.testing.assert_allclose(chip.array[names.index("summer_rho")], parts["decaymodel"][0, 0] / 1000)
    np.testing.assert_allclose(
        chip.array[names.index("summer_vh_amplitude")], 20 * np.log10(parts["amplitude"][0, 1]) - 83, rtol=1e-6
    )
    assert chip.bands[names.index("inc")].unit == "degree"
    # The transform in the file is wrong: the coordinates count.
    x, y = chip.geobox.centres()
    np.testing.assert_allclose(x[0], X)
    np.testing.assert_allclose(y[:, 0], Y)
    assert chip.notes == ()
    write_gssic(tmp_path / "b.nc", rng, coherence=np.full((4, 4, 48, 54), 150.0))
    assert read_gssic(tmp_path / "b.nc").notes == (f"{16 * 48 * 54} coherences lie outside [0, 1]",)


def test_damaged_gssic_is_named(tmp_path, rng):
    for changes, message in (
        ({"coherence": None}, "a.nc is not a chip of this component"),
        ({"x": X**2}, "x must be evenly spaced"),
        ({"season": np.array([b"summer", b"fall", b"autumn", b"spring"])}, "'winter' is not in list"),
        (
            {"decaymodel": np.zeros((2, 3, 48, 54))},
            r"decaymodel must have shape \(4, 3, 48, 54\), got \(2, 3, 48, 54\)",
        ),
    ):
        write_gssic(tmp_path / "a.nc", rng, **changes)
        with pytest.raises(ValueError, match=message):
            read_gssic(tmp_path / "a.nc")
    for broken in (b"", b"CDF\x01 an older format"):
        (tmp_path / "a.nc").write_bytes(broken)
        with pytest.raises(ValueError, match="a.nc is not a netCDF4 file"):
            read_gssic(tmp_path / "a.nc")
    with pytest.raises(FileNotFoundError, match="there is no file"):
        read_gssic(tmp_path / "none.nc")


def test_biomass_and_its_error(tmp_path, rng):
    values = rng.uniform(0, 300, (1, 45, 50)).astype("f4")
    values[0, 3, 4] = np.nan
    with h5py.File(tmp_path / "a.nc", "w") as file:
        file["lat"], file["lon"] = 50.0 - 0.0008888 * np.arange(45), 9.0 + 0.0008888 * np.arange(50)
        file["agb"], file["agb_se"] = values, values / 10
    chip = read_agb(tmp_path / "a.nc", year=2019)
    np.testing.assert_array_equal(chip.array[0], values[0])
    assert not chip.mask[0, 3, 4]
    assert [(band.name, band.unit, band.year) for band in chip.bands] == [
        ("agb", "Mg/ha", 2019),
        ("agb_se", "Mg/ha", 2019),
    ]
    with h5py.File(tmp_path / "a.nc", "a") as file:
        del file["agb_se"]
        file["agb_se"] = values[:, :40]
    with pytest.raises(ValueError, match=r"agb_se must have shape \(45, 50\), got \(40, 50\)"):
        read_agb(tmp_path / "a.nc")


def write_gunw(path, rng, pairs, **changes):
    shape = (len(pairs), 48, 54)
    parts = {
        "unwrappedPhase": rng.normal(0, 5, shape), "coherence": rng.uniform(0.1, 1, shape),
        "amplitude": rng.uniform(1, 9, shape), "connectedComponents": rng.integers(0, 3, shape).astype(float),
    } | changes  # fmt: skip
    with h5py.File(path, "w") as file:
        data = file.create_group("science/grids/data")
        data["longitude"], data["latitude"] = X, Y
        data["datepair"] = np.array([pair.encode() for pair in pairs])
        for name, values in parts.items():
            data[name] = values.astype("f4")
        extra = file.create_group("science/extraMetaData")
        extra["direction"] = np.array([b"A", b"D", b"A"][: len(pairs)])
        # Sorted and unique, as the tiler writes it: of no use.
        extra["deltadays"] = np.array([12, 24], np.uint8)
    return parts


def test_pairs_of_gunw_come_sorted_with_the_earlier_date_first(tmp_path, rng):
    pairs = ["20200401_20200308", "20200206_20200125", "20200320_20200308"]
    parts = write_gunw(tmp_path / "a.nc", rng, pairs)
    parts["unwrappedPhase"][0, 3, 4], parts["connectedComponents"][0, 5, 6] = 0, -1
    write_gunw(tmp_path / "a.nc", rng, pairs, **parts)
    chip = read_gunw(tmp_path / "a.nc")
    assert [band.period for band in chip.bands[::4]] == ["20200125_20200206", "20200308_20200320", "20200308_20200401"]
    assert [band.orbit_direction for band in chip.bands[::4]] == ["descending", "ascending", "ascending"]
    np.testing.assert_array_equal(chip.array[0], parts["unwrappedPhase"][1].astype("f4"))
    assert not chip.mask[8, 3, 4]
    assert not chip.mask[11, 5, 6]
    assert np.isnan(chip.array[8, 3, 4])
    assert (chip.array[11] == 0).any()
    for bad, message in (
        (["20200401_20200401"], "datepair must be two dates"),
        (["2020"], "is not a chip|does not match"),
    ):
        write_gunw(tmp_path / "b.nc", rng, bad)
        with pytest.raises(ValueError, match=message):
            read_gunw(tmp_path / "b.nc")
