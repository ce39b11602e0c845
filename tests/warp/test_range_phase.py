from dataclasses import replace

import numpy as np
import pytest

from m3leo_sar import GeoBox, interferogram, reproject
from m3leo_sar.grid.orbit import Orbit, earth_fixed
from m3leo_sar.grid.radar_grid import RadarGrid
from m3leo_sar.io.files.raster import read_raster
from m3leo_sar.io.sentinel1.annotation import read_annotation
from m3leo_sar.simulate.circular_orbit import circular_orbit
from m3leo_sar.stack.baseline import baseline
from m3leo_sar.warp.geo2rdr import geo2rdr, rdr2geo
from m3leo_sar.warp.range_phase import Acquisition, geometric_offsets, range_phase

GRID = RadarGrid(
    (60, 80), azimuth_time=0.0, azimuth_interval=0.002, slant_range=8.2e5, range_spacing=2.33, wavelength=0.0555
)
WORLD = GeoBox.from_bounds((-180, -90, 180, 90), shape=(2, 2), crs="EPSG:4326")
ORBIT = circular_orbit()


def moved(up, across):
    """The orbit some metres further out and to the right of the flight."""
    out = ORBIT.position / np.linalg.norm(ORBIT.position, axis=1, keepdims=True)
    right = np.cross(ORBIT.velocity, ORBIT.position)
    right /= np.linalg.norm(right, axis=1, keepdims=True)
    return Orbit(ORBIT.time, ORBIT.position + up * out + across * right, ORBIT.velocity)


def test_points_that_did_not_move_have_no_phase_left():
    height = 500 * np.sin(np.indices((60, 80))[1] / 9)
    ground = rdr2geo(orbit=ORBIT, radar_grid=GRID, dem=np.full((2, 2), 100.0), dem_geobox=WORLD)
    points = earth_fixed(ground.longitude, ground.latitude, ground.height + height)
    other = moved(120, 80)
    phases = []
    for orbit in (ORBIT, other):
        # Ranges by brute force over dense times.
        time = np.linspace(-1, 1.2, 200_001)
        position, _ = orbit.at(time)
        some = points[::20, ::20].reshape(-1, 3)
        nearest = np.array([np.linalg.norm(position - point, axis=1).min() for point in some])
        phases.append(-4 * np.pi / GRID.wavelength * nearest)
    some = tuple(plane[::20, ::20] for plane in (ground.latitude, ground.longitude, ground.height + height))
    found = range_phase(*some, reference=Acquisition(ORBIT, GRID), secondary=Acquisition(other, GRID))
    assert np.ptp(found) > 10
    slcs = [np.exp(1j * phase).reshape(found.shape) for phase in phases]
    assert abs(np.angle(interferogram(*slcs, reference_phase=found))).max() < 1e-4


def test_baselines_are_those_of_the_shift():
    ground = rdr2geo(orbit=ORBIT, radar_grid=GRID, dem=np.zeros((2, 2)), dem_geobox=WORLD, rows=[30], cols=[40])
    point = earth_fixed(ground.longitude[0], ground.latitude[0], 0.0)
    position, _ = ORBIT.at(0.06)
    look = np.arccos((position - point) @ position / np.linalg.norm(position - point) / np.linalg.norm(position))
    for up, across in ((100.0, 0.0), (0.0, 100.0), (30.0, -70.0)):
        found = baseline(ORBIT, moved(up, across), point)
        # To the right of the flight lies the ground.
        assert found.parallel == pytest.approx(across * np.sin(look) - up * np.cos(look), abs=0.05)
        assert found.perpendicular == pytest.approx(up * np.sin(look) + across * np.cos(look), abs=0.05)
    assert abs(baseline(ORBIT, ORBIT, point).perpendicular) < 1e-6
    with pytest.raises(ValueError, match="orbit must pass the point within its state vectors"):
        baseline(ORBIT, ORBIT, earth_fixed(ground.longitude[0], ground.latitude[0] - 20, 0.0))


def test_the_phase_that_was_taken_off_a_real_pair_is_ours_with_our_sign(shared_data):
    """An interferogram that other software flattened: k times our phase on top leaves nothing of it but for k = 0."""
    folder = shared_data / "eotools-morocco"
    dates = [read_annotation(path) for path in sorted((folder / "annotation").glob("*.xml"))]
    terrain, phase, coherence = (
        read_raster(next(folder.glob(name))) for name in ("dem-*.tiff", "phi_vv.tif", "coh_vv.tif")
    )
    heights = np.where(terrain.array > -1000, terrain.array, np.nan).astype(np.float32)
    every = (slice(None, None, 3),) * 2
    ground = reproject(heights, terrain.geobox, phase.geobox)[every].astype(np.float64)
    longitude, latitude = phase.geobox.centres()
    reference, secondary = (Acquisition(date.orbit, date.radar_grid(0)) for date in dates)
    ours = range_phase(latitude[every], longitude[every], ground, reference=reference, secondary=secondary)
    known = (coherence.array[every] > 0.7) & np.isfinite(phase.array[every]) & np.isfinite(ours)
    left = {k: abs(np.exp(1j * (phase.array[every] - k * ours)[known]).mean()) for k in (-1, -0.5, 0, 0.5, 1)}
    assert left.pop(0) > 0.85
    assert max(left.values()) < 0.05


def test_wavelengths_must_agree():
    other = RadarGrid((60, 80), 0.0, 0.002, 8.2e5, 2.33, 0.23)
    with pytest.raises(ValueError, match="secondary must have the wavelength of reference, 0.0555 m, got 0.23 m"):
        range_phase(0, 0, 0, reference=Acquisition(ORBIT, GRID), secondary=Acquisition(ORBIT, other))


@pytest.mark.parametrize("spacing", [1, 7])
def test_a_secondary_of_the_same_ground_comes_onto_the_reference(spacing):
    """Point phases of two passes, the second resampled by geometry: nothing is left but rounding."""
    box = GeoBox.from_bounds((-180, -90, 180, 90), shape=(2, 2), crs="EPSG:4326")
    terrain = {"dem": np.full((2, 2), 120.0), "dem_geobox": box}
    other = Acquisition(moved(60, 40), replace(GRID, azimuth_time=-0.004, slant_range=GRID.slant_range - 37.0))
    reference = Acquisition(ORBIT, GRID)
    found = geometric_offsets(reference=reference, secondary=other, **terrain, node_spacing=spacing)
    exact = geometric_offsets(reference=reference, secondary=other, **terrain)
    np.testing.assert_allclose(found.azimuth, exact.azimuth, atol=1e-4)
    np.testing.assert_allclose(found.range, exact.range, atol=1e-4)
    ground = rdr2geo(orbit=ORBIT, radar_grid=GRID, **terrain)
    row, col = geo2rdr(ground.latitude, ground.longitude, ground.height, orbit=other.orbit, radar_grid=other.radar_grid)
    np.testing.assert_allclose(found.azimuth, row - np.indices(row.shape)[0], atol=1e-4)
    np.testing.assert_allclose(found.range, col - np.indices(col.shape)[1], atol=1e-4)
    assert abs(found.azimuth - 2).max() < 0.1
    assert 5 < np.median(found.range) < 40
    np.testing.assert_allclose(exact.phase, range_phase(*ground[:3], reference=reference, secondary=other), atol=1e-6)


def test_ground_that_is_not_known_is_refused():
    box = GeoBox.from_bounds((10, 40, 11, 41), shape=(20, 20), crs="EPSG:4326")
    image = Acquisition(ORBIT, GRID)
    with pytest.raises(ValueError, match="dem must cover the reference image"):
        geometric_offsets(reference=image, secondary=image, dem=np.zeros((20, 20)), dem_geobox=box, node_spacing=20)
    with pytest.raises(ValueError, match="node_spacing must be at least 1, got 0"):
        geometric_offsets(reference=image, secondary=image, dem=np.zeros((20, 20)), dem_geobox=box, node_spacing=0)
