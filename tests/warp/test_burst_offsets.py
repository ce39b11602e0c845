"""Offsets of bursts as polynomials: exact points, real pairs, and other software's offsets."""

import json
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.height_polynomial import HeightPolynomial
from m3leo_sar.grid.orbit import Orbit
from m3leo_sar.grid.radar_grid import RadarGrid
from m3leo_sar.io.files.raster import read_raster
from m3leo_sar.io.sentinel1.annotation import read_annotation
from m3leo_sar.simulate.circular_orbit import circular_orbit
from m3leo_sar.warp.burst_heights import burst_heights
from m3leo_sar.warp.burst_offsets import burst_offsets
from m3leo_sar.warp.geo2rdr import geo2rdr, rdr2geo
from m3leo_sar.warp.range_phase import Acquisition, geometric_offsets, range_phase

ORBIT = circular_orbit()
GRID = RadarGrid((1500, 21000), -1.5, 0.0020556, 8.0e5, 2.3296, 0.0554658)
WORLD = GeoBox.from_bounds((-180, -90, 180, 90), shape=(2, 2), crs="EPSG:4326")


def moved(up, across):
    """The orbit some metres further out and to the right of the flight, with the velocity of that path."""

    def path(time):
        position, velocity = ORBIT.at(time)
        out = position / np.linalg.norm(position, axis=1, keepdims=True)
        right = np.cross(velocity, position)
        return position + up * out + across * right / np.linalg.norm(right, axis=1, keepdims=True)

    time = ORBIT.time[1:-1]
    slopes = [weight * (path(time + k * 0.5) - path(time - k * 0.5)) / 0.5 for k, weight in STENCIL.items()]
    return Orbit(time, path(time), sum(slopes))


#: Weights of a central difference of the eighth order.
STENCIL = {1: 4 / 5, 2: -1 / 5, 3: 4 / 105, 4: -1 / 280}
SECONDARY = Acquisition(
    moved(120.0, 150.0), replace(GRID, azimuth_time=-1.503, slant_range=8.0e5 - 610.0, shape=(1506, 21100))
)


def exact(row, col, height, reference, secondary):
    ground = rdr2geo(
        orbit=reference.orbit,
        radar_grid=reference.radar_grid,
        dem=np.full((2, 2), float(height)),
        dem_geobox=WORLD,
        rows=row,
        cols=col,
    )
    place = ground[:3]
    to_row, to_col = geo2rdr(*place, orbit=secondary.orbit, radar_grid=secondary.radar_grid)
    return to_row - row, to_col - col, range_phase(*place, reference=reference, secondary=secondary)


def test_a_polynomial_is_its_sum_of_powers(rng):
    table = rng.normal(size=(3, 5, 2))
    found = HeightPolynomial(table, origin=(3.0, -2.0, 100.0), scale=(10.0, 7.0, 50.0))
    row, col, height = rng.uniform(-9, 9, (3, 6, 4))
    u, v, w = (row - 3) / 10, (col + 2) / 7, (height - 100) / 50
    expected = sum(table[i, j, k] * u**i * v**j * w**k for i, j, k in np.ndindex(table.shape))
    np.testing.assert_allclose(found(row, col, height), expected, rtol=1e-12, atol=1e-12)
    with pytest.raises(ValueError, match="coefficients must be a finite table of three axes"):
        HeightPolynomial(table[0])
    with pytest.raises(ValueError, match="origin and scale must be finite, scale not 0"):
        HeightPolynomial(table, scale=(1.0, 0.0, 1.0))


def test_polynomials_are_exact_between_their_nodes():
    reference = Acquisition(ORBIT, GRID)
    found = burst_offsets(reference=reference, secondary=SECONDARY, heights=(-100, 4500))
    random = np.random.default_rng(5)
    for height in (-80.0, 333.0, 2210.0, 4380.0):
        row, col = random.uniform(0, 1499, 60), random.uniform(0, 20999, 60)
        offsets = found.at(row, col, height)
        for ours, theirs, bound in zip(
            offsets, exact(row, col, height, reference, SECONDARY), (1e-5, 1e-6, 1e-3), strict=True
        ):
            assert abs(ours - theirs).max() < bound
    assert found.error.azimuth < 1e-5
    assert found.error.phase < 1e-3
    # A baseline of 190 m and another start of the range: the offsets are large and turn with the height.
    assert abs(found.range(700, 10000, 0.0)) > 200
    assert abs(found.range(700, 10000, 4000.0) - found.range(700, 10000, 0.0)) > 0.1


def test_what_is_no_pair_of_one_burst_is_refused():
    reference = Acquisition(ORBIT, GRID)
    following = SECONDARY._replace(radar_grid=replace(GRID, azimuth_time=-1.5 + 2.758))
    with pytest.raises(
        ValueError, match="secondary must image the ground of reference, such as two dates of one burst"
    ):
        burst_offsets(reference=reference, secondary=following)
    with pytest.raises(ValueError, match="heights must be finite and rise, .* got \\(300, 300\\)"):
        burst_offsets(reference=reference, secondary=SECONDARY, heights=(300, 300))
    other = SECONDARY._replace(radar_grid=replace(GRID, wavelength=0.23))
    with pytest.raises(ValueError, match="secondary must have the wavelength of reference"):
        burst_offsets(reference=reference, secondary=other)
    rippled = Acquisition(_rippled(ORBIT), GRID)
    with pytest.raises(ValueError, match="offsets between reference and secondary must be smooth, within 1e-4 pixel"):
        burst_offsets(reference=reference, secondary=rippled)


def _rippled(orbit):
    """An orbit that goes up and down by 3 m every 1.6 s, as none does."""
    time = np.arange(-8.0, 8.0, 0.1)
    position, velocity = orbit.at(time)
    out = position / np.linalg.norm(position, axis=1, keepdims=True)
    up, speed = 3.0 * np.sin(4.0 * time), 12.0 * np.cos(4.0 * time)
    return Orbit(time, position + up[:, None] * out, velocity + speed[:, None] * out)


@pytest.fixture(scope="module")
def morocco(shared_data):
    folder = shared_data / "eotools-morocco"
    dates = [read_annotation(path) for path in sorted((folder / "annotation").glob("*.xml"))]
    terrain = read_raster(next(folder.glob("dem-*.tiff")))
    return dates, terrain


def test_morocco_has_its_measured_offsets(morocco):
    dates, _ = morocco
    first, second = (Acquisition(date.orbit, date.radar_grid(0)) for date in dates)
    found = burst_offsets(reference=first, secondary=second)
    row, col = np.meshgrid(np.linspace(0, dates[0].lines - 1, 21), np.linspace(0, dates[0].samples - 1, 31))
    offsets = found.at(row, col, 300.0)
    # The far end, where the measurement was: 5.069 to 5.373 columns, -0.034 +- 0.0075 line.
    near = col > 18500
    assert offsets.range.min() == pytest.approx(5.069, abs=0.01)
    assert offsets.range[near].max() < 5.373
    assert offsets.azimuth[near].mean() == pytest.approx(-0.034, abs=0.01)
    slope = [getattr(found.at(700, 22000, 1300.0), axis) - getattr(found.at(700, 22000, 300.0), axis) for axis in
             ("azimuth", "range")]  # fmt: skip
    assert slope[1] / 1000 == pytest.approx(-2.5e-5, abs=0.3e-5)
    assert slope[0] / 1000 == pytest.approx(-1.8e-6, abs=0.3e-6)
    # Radians per metre of height at a fixed pixel: -0.015218, -0.014147, -0.013177.
    for where, expected in ((3000, -0.015218), (11500, -0.014147), (21000, -0.013177)):
        phase = [found.at(700, where, height).phase for height in (250.0, 350.0)]
        assert (phase[1] - phase[0]) / 100 == pytest.approx(expected, abs=2e-5)


def test_morocco_agrees_with_every_pixel_for_itself(morocco):
    """400 pixels of geometric_offsets on the real terrain, in four windows of the burst."""
    dates, terrain = morocco
    first, second = (Acquisition(date.orbit, date.radar_grid(0)) for date in dates)
    found = burst_offsets(reference=first, secondary=second)
    dem = np.where(terrain.array > -1000, terrain.array, np.nan).astype(np.float32)
    options = {"dem": dem, "dem_geobox": terrain.geobox}
    for top, left in ((540, 13000), (800, 18000), (1060, 13000), (300, 9000)):
        window = first.radar_grid.crop(slice(top, top + 10), slice(left, left + 10))
        truth = geometric_offsets(reference=first._replace(radar_grid=window), secondary=second, **options)
        row, col = np.mgrid[top : top + 10, left : left + 10].astype(float)
        height = rdr2geo(orbit=first.orbit, radar_grid=window, **options).height
        ours = found.at(row, col, height)
        assert abs(ours.azimuth - (truth.azimuth - top)).max() < 1e-5
        assert abs(ours.range - (truth.range - left)).max() < 1e-5
        assert abs(ours.phase - truth.phase).max() < 1e-3
        # Posts every 2 x 8 pixels, with the terrain's own detail between them.
        posts = burst_heights(orbit=first.orbit, radar_grid=window, **options, row_step=2, col_step=8)
        assert np.percentile(abs(posts.at(row - top, col - left) - height), 95) < 0.3
        assert abs(posts.at(row - top, col - left) - height).max() < 5


def test_cross_platform_offsets_are_those_of_other_software(shared_data):
    """An affine map that leaves 0.08 column (eos-sar), S1B to S1A."""
    folder = shared_data / "s1-geometry-truth"
    truth = json.loads((folder / "affine-cross-platform.json").read_text())["measured_full_burst"]
    with zipfile.ZipFile(shared_data / "s1-safe-metadata" / "cross-platform-2019.zip") as archive:
        dates = [read_annotation(archive.read(name)) for name in sorted(archive.namelist(), reverse=True)]
    assert [date.mission for date in dates] == ["S1B", "S1A"]
    first, second = (Acquisition(date.orbit, date.radar_grid(3)) for date in dates)
    found = burst_offsets(reference=first, secondary=second)
    row, col = (axis.ravel() for axis in np.meshgrid(np.linspace(0, 1400, 9), np.linspace(500, 24000, 9)))
    for height in (0.0, 1000.0):
        offsets = found.at(row, col, height)
        expected = truth[f"height_{height:.0f}"]
        affine = [np.stack([row, col, np.ones_like(row)], axis=1) @ expected[axis] for axis in ("row", "col")]
        assert abs(row + offsets.azimuth - affine[0]).max() < 2e-3
        assert abs(col + offsets.range - affine[1]).max() < 0.1
    assert found.error.range < 1e-6


def test_a_point_of_doris(shared_data):
    point = json.loads((shared_data / "s1-geometry-truth" / "doris-cross-platform.json").read_text())
    images = []
    for name in ("first", "second"):
        image = point[name]
        time, position = np.array(image["orbit_time"]), np.array(image["orbit_position"])
        velocity = np.gradient(position, time, axis=0, edge_order=2)
        light = 299_792_458.0
        grid = RadarGrid(
            tuple(image["shape"]),
            image["azimuth_time"],
            image["azimuth_interval"],
            image["range_time_two_way"] * light / 2,
            light / 2 / image["range_sampling"],
            0.0554658,
        )
        images.append(Acquisition(_through(time, position, velocity), grid))
    first, second = images
    window = first.radar_grid.crop(slice(3300, 3600), slice(12000, 13000))
    found = burst_offsets(reference=first._replace(radar_grid=window), secondary=second, heights=(-50.0, 50.0))
    row, col = point["first"]["row"] - 3300, point["first"]["col"] - 12000
    offsets = found.at(row, col, 0.0)
    assert row + offsets.azimuth == pytest.approx(3441.97, abs=0.006)
    assert col + offsets.range == pytest.approx(12720.7, abs=0.06)


def test_positions_and_offsets_of_a_crop_by_snap(shared_data):
    """Latitudes, longitudes and heights of a real crop come out at its own pixels, to what float32 holds of them."""
    truth = json.loads((shared_data / "s1-geometry-truth" / "amsterdam-pair.json").read_text())
    data = np.load(shared_data / "s1-snap-amsterdam" / "dev_half.npz")
    grid = RadarGrid(**{key: value for key, value in truth["reference"]["radar_grid"].items() if key != "what"})
    orbit = Orbit(*(truth["reference"]["orbit"][key] for key in ("time", "position", "velocity")))
    place = [data[key].astype(float) for key in ("lat", "lon", "elevation")]
    found = geo2rdr(*place, orbit=orbit, radar_grid=grid)
    for axis, (mean, spread) in enumerate(((0.0015, 0.0087), (0.0003, 0.0064))):
        left = found[axis] - np.indices(place[0].shape)[axis]
        assert left.mean() == pytest.approx(mean, abs=1e-3)
        assert left.std() < 1.1 * spread


def _through(time, position, velocity):
    """An orbit through positions alone: velocities from the polynomial through them."""
    from scipy.interpolate import CubicSpline

    spline = CubicSpline(time, position, axis=0)
    keep = slice(1, -1)
    return Orbit(time[keep], position[keep], spline(time[keep], 1) + 0 * velocity[keep])


def test_heights_are_bilinear_between_posts_that_cover_the_image(rng):
    small = replace(GRID, shape=(7, 21))
    west, south, east, north = (-180, -90, 180, 90)
    box = GeoBox.from_bounds((west, south, east, north), shape=(2, 2), crs="EPSG:4326")
    found = burst_heights(orbit=ORBIT, radar_grid=small, dem=np.full((2, 2), 250.0), dem_geobox=box)
    assert found.height.shape == (4, 4)
    assert found.height.dtype == np.float32
    np.testing.assert_allclose(found.height, 250, atol=1e-4)
    posts = found._replace(height=rng.normal(size=(4, 4)).astype(np.float32))
    np.testing.assert_array_equal(posts.at(4, 16), posts.height[2, 2])
    expected = 0.5 * (0.75 * posts.height[1, 0] + 0.25 * posts.height[1, 1]) + 0.5 * (
        0.75 * posts.height[2, 0] + 0.25 * posts.height[2, 1]
    )
    np.testing.assert_allclose(posts.at(3, 2), expected, atol=1e-6)
    with pytest.raises(ValueError, match="row_step and col_step must be at least 1, got 0 and 8"):
        burst_heights(orbit=ORBIT, radar_grid=small, dem=np.full((2, 2), 250.0), dem_geobox=box, row_step=0)
