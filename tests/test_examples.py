"""The examples on real data, as a user runs them."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from m3leo_sar import Window, coherence, geolocate, reproject
from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.io.files.raster import read_raster

ROOT = Path(__file__).resolve().parents[1]


def data(name):
    folder = ROOT.parent / "shared" / "data" / name
    if not folder.is_dir():
        pytest.skip(f"real data {name} is not at ../shared/data")
    return folder


def run(example, folder, output):
    command = [sys.executable, ROOT / "examples" / example, folder, output]
    subprocess.run(command, check=True, capture_output=True, timeout=120)


def direct_coherence(a, b, rows, cols):
    """Float64 sums over every window, cut at the edge."""
    a, b = a.astype(complex), b.astype(complex)

    def sums(array):
        padded = np.pad(array, ((rows // 2,) * 2, (cols // 2,) * 2))
        return sliding_window_view(padded, (rows, cols)).sum(axis=(2, 3))

    return np.abs(sums(a * b.conj())) / np.sqrt(sums(np.abs(a) ** 2) * sums(np.abs(b) ** 2))


def test_amsterdam(tmp_path):
    rasterio = pytest.importorskip("rasterio")
    folder = data("s1-snap-amsterdam")
    run("amsterdam.py", folder, tmp_path)
    with np.load(folder / "dev_half.npz") as pair:
        a, b, latitude, longitude = (pair[name] for name in ("slc_20230319", "slc_20230331", "lat", "lon"))
    radar = coherence(a, b, window=Window(rows=3, cols=11))
    np.testing.assert_allclose(radar, direct_coherence(a, b, 3, 11), atol=1e-5)
    a, b = a.astype(complex), b.astype(complex)
    whole = abs((a * b.conj()).sum()) / np.sqrt((abs(a) ** 2).sum() * (abs(b) ** 2).sum())
    assert whole == pytest.approx(0.715, abs=0.005)
    with rasterio.open(tmp_path / "coherence.tif") as cog:
        assert cog.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert cog.profile["tiled"]
        assert cog.crs.to_epsg() == 4326
        assert np.isnan(cog.nodata)
        assert cog.transform.a > 0 > cog.transform.e
        tile, geobox = cog.read(1), GeoBox(cog.shape, cog.transform, "EPSG:4326")
    np.testing.assert_array_equal(tile, geolocate(radar, latitude, longitude, geobox))
    x, y = geobox.centres()
    carried = np.stack([longitude, latitude]).astype(float)
    carried = geolocate(carried, latitude, longitude, geobox, antialias=False)
    assert np.isfinite(tile).mean() > 0.6
    assert np.nanmax(np.abs(carried - [x, y])) < 1e-6
    assert (tmp_path / "coherence.png").read_bytes().startswith(b"\x89PNG")


def test_morocco(tmp_path):
    pytest.importorskip("rasterio")
    folder = data("eotools-morocco")
    run("morocco.py", folder, tmp_path)
    phase, coherent = read_raster(folder / "phi_vv.tif"), read_raster(folder / "coh_vv.tif")
    valid = coherent.array[(coherent.array != 0) & np.isfinite(coherent.array)]
    radians = np.where(phase.array == -9999, np.nan, phase.array).astype(float)
    tiles = sorted(tmp_path.glob("*_phase.tif"))
    assert len(tiles) >= 4
    # Where all pixels around lie within 1 rad of +-pi, so must the result: a mean of phasors stays in their cone.
    # The naive mean of radians falls to 0 between +pi and -pi.
    near_pi = np.where(np.isnan(radians), np.nan, np.pi - np.abs(radians) < 1.0)
    checked = naively_wrong = 0
    for path in tiles:
        found = read_raster(path)
        assert found.array.shape == (448, 448)
        around = reproject(near_pi, phase.geobox, found.geobox) == 1
        naive = reproject(radians, phase.geobox, found.geobox)
        assert (np.pi - np.abs(found.array[around]) < 1.0 + 1e-5).all()
        checked += around.sum()
        naively_wrong += (np.abs(naive[around]) < np.pi - 1.0 - 1e-5).sum()
        # No data where the phase has none, and nowhere else.
        np.testing.assert_array_equal(np.isnan(found.array), np.isnan(naive))
        tile_coherence = read_raster(path.with_name(path.name.replace("_phase", "_coherence"))).array
        assert np.nanmin(tile_coherence) >= valid.min()
        assert np.nanmax(tile_coherence) <= valid.max() + 1e-6
    assert checked > 1000
    assert naively_wrong > 100
