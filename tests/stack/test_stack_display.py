"""A stack at a glance, and as a lazy Dataset and back."""

from __future__ import annotations

import datetime
from dataclasses import replace

import numpy as np
import pytest

from m3leo_sar import GeoBox, SlcStack
from m3leo_sar.stack.geometry import RadarGeometry

DATES = [datetime.date(2023, 3, 1) + datetime.timedelta(days=days) for days in (0, 12, 24, 60, 72)]
BOX = GeoBox.from_bounds((680_000, 5_500_000, 680_370, 5_500_230), shape=(23, 37), crs="EPSG:32631")
FACTS = {
    "orbit": "descending",
    "track": 37,
    "burst": "T037-000001-IW2",
    "platforms": ("S1A", "S1A", None, "S1C", "S1A"),
}


@pytest.fixture
def stack(rng) -> SlcStack:
    pixels = rng.standard_normal((2, 5, 23, 37, 2)).astype("f4").view("c8")[..., 0]
    times = tuple(datetime.datetime.combine(date, datetime.time(5, 44, 1)) for date in DATES)
    return SlcStack.from_arrays(pixels, DATES, geometry=BOX, polarisation="VV+VH", times=times, **FACTS)


def test_a_summary_shows_dates_gaps_grid_and_size(stack):
    summary = stack.summary()
    assert [row["days"] for row in summary.dates] == ["", 12, 12, 36, 12]
    assert [(row["date"], row["platform"]) for row in summary.gaps] == [("2023-04-30", "S1C")]
    assert (summary.facts["repeat"], summary.facts["gaps"]) == ("12 days", "1, longest 36 days")
    assert (summary.facts["spacing"], summary.facts["size"]) == ("10 m x 10 m", "0.06 MiB")
    text = str(summary)
    assert "2023-04-30  36  S1C  gap" in text
    assert "bounds            5.4" in text
    table = stack._repr_html_()
    assert "<th>platform</th>" in table
    assert "<td>2023-04-30</td><td>36</td><td>S1C</td>" in table
    assert "burst: T037-000001-IW2, platforms: S1A, S1C" in repr(stack)
    one = stack.sel(dates=DATES[0]).summary()
    assert (one.gaps, one.facts["repeat"]) == ((), None)


def test_to_xarray_is_lazy_and_goes_back(stack):
    pytest.importorskip("dask.array")
    reads = []

    def read(index, rows, cols):
        reads.append((index, rows, cols))
        return stack.read(index, rows, cols)

    data = replace(stack, read=read).to_xarray()
    assert not reads
    assert data.VV.dims == ("time", "y", "x")
    assert data.attrs["proj:code"] == "EPSG:32631"
    assert data.attrs["spatial:transform"] == list(tuple(BOX.affine)[:6])
    assert data.VH.attrs["grid_mapping"] == "spatial_ref"
    part = data.VH[3, 5:9, 2:30].values
    assert [index for index, _, _ in reads] == [8]
    np.testing.assert_array_equal(part, stack.window(polarisation="VH")[3, 5:9, 2:30])
    back = SlcStack.from_xarray(data)
    assert (back.dates, back.times, back.polarisation, back.geometry) == (stack.dates, stack.times, "VV+VH", BOX)
    assert (back.track, back.burst, back.platforms) == (37, stack.burst, FACTS["platforms"])
    np.testing.assert_array_equal(back.window(polarisation="VH"), stack.window(polarisation="VH"))
    cut = SlcStack.from_xarray(data.isel(time=slice(1, 4), y=slice(4, 12), x=slice(3, 33)))
    assert cut.geometry.bounds == pytest.approx(BOX.crop(slice(4, 12), slice(3, 33)).bounds)
    np.testing.assert_array_equal(cut.window(polarisation="VV"), stack.window(polarisation="VV")[1:4, 4:12, 3:33])


def test_radar_geometry_is_in_coordinates(stack):
    pytest.importorskip("dask.array")
    latitude, longitude = np.meshgrid(np.linspace(50, 49, 23), np.linspace(5, 4, 37), indexing="ij")
    radar = replace(stack.sel(polarisation="VH"), geometry=RadarGeometry(latitude, longitude), times=None)
    data = radar.to_xarray()
    assert data.VH.dims == ("time", "azimuth", "range")
    back = SlcStack.from_xarray(data)
    np.testing.assert_array_equal(back.geometry.latitude, latitude)
    assert (back.times, back.polarisation) == (None, "VH")
    np.testing.assert_array_equal(back.window(), radar.window())


def test_what_is_no_stack_is_refused(stack):
    pytest.importorskip("dask.array")
    data = stack.to_xarray()
    with pytest.raises(ValueError, match="variables named VV, VH, HH, HV.* got coherence"):
        SlcStack.from_xarray(data.VV.rename("coherence").drop_attrs().to_dataset())
    with pytest.raises(ValueError, match="must have the dimensions time, rows and columns, got y, x"):
        SlcStack.from_xarray(data.isel(time=0))
    with pytest.raises(ValueError, match="coordinates of its pixels"):
        SlcStack.from_xarray(data.drop_vars(["x", "y"]))
    assert SlcStack.from_xarray(data.drop_vars(["x", "y"]), geometry=BOX).geometry == BOX
