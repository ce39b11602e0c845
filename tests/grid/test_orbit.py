import numpy as np
import pyproj
import pytest

from m3leo_sar.grid.orbit import Orbit, earth_fixed
from m3leo_sar.grid.radar_grid import RadarGrid
from m3leo_sar.simulate.circular_orbit import circular_orbit

ORBIT = circular_orbit()
GRID = {"azimuth_time": 1.0, "azimuth_interval": 0.01, "slant_range": 8e5, "range_spacing": 3.0, "wavelength": 0.05}


def test_positions_and_velocities_between_vectors_are_those_of_the_orbit():
    dense = circular_orbit(interval=0.5)
    position, velocity = ORBIT.at(dense.time)
    np.testing.assert_allclose(position, dense.position, atol=2e-5)
    np.testing.assert_allclose(velocity, dense.velocity, atol=2e-5)
    single, _ = ORBIT.at(3.25)
    assert single.shape == (3,)


def test_an_arc_follows_the_orbit():
    arc = ORBIT.arc(-17.0, 14.0)
    assert arc.error < 1e-5
    time = np.linspace(-17, 14, 77)
    fitted = np.polynomial.polynomial.polyval((time - arc.centre) / arc.half, arc.terms.T).T
    np.testing.assert_allclose(fitted, ORBIT.at(time)[0], atol=2e-5)


def test_a_flight_in_a_plane_has_an_arc_too():
    angle = 1e-3 * ORBIT.time
    plane = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
    turned = np.stack([-np.sin(angle), np.cos(angle), 0 * angle], axis=1)
    arc = Orbit(ORBIT.time, 7e6 * plane, 7e3 * turned).arc(-10, 10)
    assert (arc.terms[2] == 0).all()
    assert arc.error < 1e-5


def test_earth_fixed_positions_are_projs():
    random = np.random.default_rng(5)
    lon, lat, high = random.uniform([[-180], [-90], [-400]], [[180], [90], [9000]], (3, 200))
    expected = pyproj.Transformer.from_crs("EPSG:4979", "EPSG:4978", always_xy=True).transform(lon, lat, high)
    np.testing.assert_allclose(earth_fixed(lon, lat, high), np.stack(expected, axis=1), atol=1e-7)


def test_crops_and_looks_keep_every_pixel_in_its_place():
    grid = RadarGrid((120, 90), **GRID, doppler=(100.0, -0.02, 1e-6))
    crop = grid.crop(slice(20, 50), slice(30, None))
    assert crop.shape == (30, 60)
    assert crop.azimuth_time == pytest.approx(1.2)
    assert crop.slant_range == 8e5 + 90
    at = np.polynomial.Polynomial(grid.doppler)(90.0 + 7.0)
    assert np.polynomial.Polynomial(crop.doppler)(7.0) == pytest.approx(at, rel=1e-14)
    looks = grid.reduced(4, 7)
    assert looks.shape == (30, 12)
    # The centre of the first multilooked pixel is the mean of its pixels' centres.
    assert looks.azimuth_time == pytest.approx(1.0 + 1.5 * 0.01)
    assert looks.slant_range == 8e5 + 3 * 3.0
    assert (looks.azimuth_interval, looks.range_spacing) == (0.04, 21.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"time": slice(0, 3)}, "at least 4 state vectors, got 3"),
        ({"position": lambda p: p[:, :2]}, r"position must be \(vectors, 3\), \(13, 3\), got \(13, 2\)"),
        ({"position": lambda p: p / 1000}, "position must be metres from the centre of the Earth, got 7070 m"),
        ({"velocity": lambda v: 2 * v}, "velocity must be that of position"),
        ({"velocity": lambda v: v * np.nan}, "must be finite"),
        ({"time": lambda t: t[::-1]}, "time must rise"),
    ],
)
def test_bad_state_vectors_are_named(change, message):
    columns = {name: getattr(ORBIT, name) for name in ("time", "position", "velocity")}
    for name, edit in change.items():
        if isinstance(edit, slice):
            columns = {key: value[edit] for key, value in columns.items()}
        else:
            columns[name] = edit(columns[name])
    with pytest.raises(ValueError, match=message):
        Orbit(**columns)


def test_bad_times_and_grids_are_named():
    with pytest.raises(ValueError, match="time must lie within the state vectors"):
        ORBIT.at(100.0)
    with pytest.raises(ValueError, match="stop must come after start, got 3.0 to 3.0 s"):
        ORBIT.arc(3.0, 3.0)
    for change, message in (
        ({"look": "up"}, "look must be right or left, got 'up'"),
        ({"range_spacing": 0.0}, "range_spacing must be finite and above 0, got 0.0"),
        ({"azimuth_time": np.inf}, "azimuth_time must be finite"),
        ({"doppler": (1, 2, 3, 4, 5)}, "doppler must be 1 to 4 finite coefficients"),
    ):
        with pytest.raises(ValueError, match=message):
            RadarGrid((3, 4), **(GRID | change))
    with pytest.raises(ValueError, match="shape must be"):
        RadarGrid((3, 0), **GRID)
