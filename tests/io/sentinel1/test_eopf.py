"""EOPF's Sentinel-1 products of both layouts, against the pixels that the samples hold."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import zarr

from m3leo_sar.io.sentinel1.eopf import open_eopf
from m3leo_sar.io.stacks.open_stack import open_stack

VALID = np.s_[19:74, 44:80]


@pytest.fixture(params=["eopf-cpm27", "eopf-cpm30"])
def folder(request, shared_data):
    return shared_data / "slc-layouts" / request.param


def test_bursts_hold_their_valid_pixels_only(folder, shared_data):
    truth = np.load(shared_data / "slc-layouts" / "truth.npz")["int16"]
    for index, store in enumerate(sorted(folder.glob("*.zarr"))):
        bursts = open_eopf(store, swath="IW1")
        assert [(one.burst, one.polarisation) for one in bursts] == [
            (burst, name) for burst in (258173, 258174) for name in ("VH", "VV")
        ]
        for one in bursts:
            wanted = np.full((96, 110), complex(np.nan, np.nan), np.complex64)
            wanted[VALID] = np.nan_to_num(truth[index])[VALID] * (0.5 if one.polarisation == "VH" else 1)
            np.testing.assert_array_equal(one.read(), wanted)
            np.testing.assert_array_equal(one.read(slice(15, 30), slice(40, 60)), wanted[15:30, 40:60])
        assert open_eopf(store, polarisation="vv")[0].polarisation == "VV"


def test_times_and_orbit_are_of_one_epoch(folder):
    one = open_eopf(sorted(folder.glob("*.zarr"))[0])[0]
    grid = one.radar_grid
    assert one.epoch.isoformat().startswith("2026-06-18T23:48:0")
    assert grid.azimuth_interval == pytest.approx(0.0020555563, rel=1e-3)
    assert grid.slant_range == pytest.approx(0.0053664525 * 299_792_458 / 2, rel=1e-6)


def test_an_orbit_is_read_with_the_epoch_of_its_burst(shared_data, tmp_path):
    store = shutil.copytree(sorted((shared_data / "slc-layouts" / "eopf-cpm30").glob("*.zarr"))[0], tmp_path / "x.zarr")
    place = zarr.open_group(sorted(store.glob("S01*"))[0] / "conditions" / "orbit", mode="r+")
    angle = 1e-3 * 10 * np.arange(15)
    place["position"][...] = 7.07e6 * np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
    place["velocity"][...] = 7.07e3 * np.stack([-np.sin(angle), np.cos(angle), 0 * angle], axis=1)
    place["azimuth_time"][...] = 10_000_000 * np.arange(15)
    place["azimuth_time"].attrs["units"] = "microseconds since 2026-06-18 23:47:00"
    one = open_eopf(store)[0]
    orbit = one.orbit()
    assert orbit.time[0] == pytest.approx(-67.159832)
    assert orbit.time[0] <= one.radar_grid.azimuth_time <= orbit.time[-1]


def test_it_is_no_stack_and_says_why(folder):
    message = "a Sentinel-1 SLC of EOPF .Zarr.; its bursts are as the radar recorded them .TOPS. and not co-registered"
    for place in (folder, sorted(folder.glob("*.zarr"))[0]):
        with pytest.raises(ValueError, match=message):
            open_stack(place)


def test_damage_is_named(shared_data, tmp_path):
    store = shutil.copytree(sorted((shared_data / "slc-layouts" / "eopf-cpm30").glob("*.zarr"))[0], tmp_path / "x.zarr")
    with pytest.raises(ValueError, match="x.zarr has no burst of swath IW2 and polarisation None"):
        open_eopf(store, swath="IW2")
    chunk = next(store.rglob("slc/c/0/0/0"))
    chunk.write_bytes(chunk.read_bytes()[:50])
    with pytest.raises(ValueError, match="x.zarr cannot be read"):
        [burst.read() for burst in open_eopf(store)]
    group = zarr.open_group(next(store.glob("S01*")), mode="r+")
    group.attrs["other_metadata"] = {}
    with pytest.raises(ValueError, match="x.zarr cannot be read: KeyError"):
        open_eopf(store)
    with pytest.raises(ValueError, match="is not a Sentinel-1 IW product of EOPF"):
        open_eopf(tmp_path)
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        open_eopf(tmp_path / "none.zarr")
