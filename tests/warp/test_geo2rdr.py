"""Range and Doppler: against a real product's own geometry, against closed forms, and there and back."""

import numpy as np
import pyproj
import pytest

from m3leo_sar import GeoBox, TileGrid, reproject
from m3leo_sar._backend import cpu
from m3leo_sar.grid.orbit import Orbit, earth_fixed
from m3leo_sar.grid.radar_grid import RadarGrid
from m3leo_sar.simulate.circular_orbit import circular_orbit
from m3leo_sar.stack.geometry import OrbitGeometry
from m3leo_sar.warp.geo2rdr import geo2rdr, radar_map, radar_view, rdr2geo
from m3leo_sar.warp.pixel_map import PixelMap
from m3leo_sar.warp.range_phase import Acquisition, geometric_offsets
from m3leo_sar.warp.sample import sample

WORLD = GeoBox.from_bounds((-180, -90, 180, 90), shape=(2, 2), crs="EPSG:4326")
ORBIT = circular_orbit()


def grid(look="right", doppler=(0.0,)):
    return RadarGrid(
        (300, 2000),
        azimuth_time=-0.3,
        azimuth_interval=0.002,
        slant_range=8.2e5,
        range_spacing=2.33,
        wavelength=0.0555,
        look=look,
        doppler=doppler,
    )


def scene(look="right", *, height=300.0, pixels=61):
    """A tile in the middle of the image and hills around it."""
    middle = rdr2geo(
        orbit=ORBIT, radar_grid=grid(look), dem=np.full((2, 2), height), dem_geobox=WORLD, rows=[150], cols=[1000]
    )
    lon, lat = float(middle.longitude[0]), float(middle.latitude[0])
    (tile,) = TileGrid.exact((lon, lat, lon + 1e-6, lat + 1e-6), pixels=pixels)
    box = GeoBox.from_bounds((lon - 0.15, lat - 0.1, lon + 0.15, lat + 0.1), shape=(220, 310), crs="EPSG:4326")
    row, col = np.indices(box.shape)
    return tile.geobox, box, height + 200 * np.sin(row / 15) * np.cos(col / 20)


@pytest.mark.parametrize("look", ["right", "left"])
def test_ground_steeper_than_the_sight_lies_on_its_terrain(backend, look):
    """Cliffs and noise, where one range meets the terrain several times: any of the places, but one of them."""
    _, box, dem = scene(look)
    col = np.indices(dem.shape)[1]
    dem = dem + 60 * np.random.default_rng(1).normal(size=dem.shape) + np.where(col // 40 % 2, 500, 0)
    dem[100:104, 150:154] = np.nan
    rows, cols = np.random.default_rng(3).uniform(20, [[280], [1900]], (2, 300))
    found = rdr2geo(orbit=ORBIT, radar_grid=grid(look), dem=backend.array(dem), dem_geobox=box, rows=rows, cols=cols)
    latitude, longitude, height = (backend.numpy(plane) for plane in found[:3])
    known = np.isfinite(height)
    assert known.mean() > 0.9
    places = [axis[known] for axis in (latitude, longitude, height)]
    back = geo2rdr(*places, orbit=ORBIT, radar_grid=grid(look))
    np.testing.assert_allclose(back[0], rows[known], atol=1e-5)
    np.testing.assert_allclose(back[1], cols[known], atol=1e-5)
    y, x = (axis.reshape(-1, 1) for axis in box.to_pixels(longitude[known], latitude[known]))
    terrain = sample(dem, PixelMap(y, x, dem.shape), resampling="bilinear")
    near = np.isfinite(terrain[:, 0])
    np.testing.assert_allclose(terrain[near, 0], places[2][near], atol=2e-4)


@pytest.mark.parametrize("look", ["right", "left"])
@pytest.mark.parametrize("doppler", [(0.0,), (300.0, 0.01, -1e-7)])
def test_there_and_back_is_where_it_began(look, doppler):
    radar_grid = grid(look, doppler)
    row, col = np.random.default_rng(3).uniform(0, [[300], [2000]], (2, 500))
    for height in (-300.0, 0.0, 8000.0):
        found = rdr2geo(
            orbit=ORBIT, radar_grid=radar_grid, dem=np.full((2, 2), height), dem_geobox=WORLD, rows=row, cols=col
        )
        np.testing.assert_allclose(found.height, height, atol=2e-6)
        back = geo2rdr(found.latitude, found.longitude, found.height, orbit=ORBIT, radar_grid=radar_grid)
        np.testing.assert_allclose(back[0], row, atol=1e-6)
        np.testing.assert_allclose(back[1], col, atol=1e-6)


def test_range_and_doppler_are_those_of_the_equations():
    radar_grid = grid("left", (150.0, -0.02))
    found = rdr2geo(
        orbit=ORBIT, radar_grid=radar_grid, dem=np.zeros((2, 2)), dem_geobox=WORLD, rows=[70.5], cols=[800.25]
    )
    point = np.array(pyproj.Transformer.from_crs("EPSG:4979", "EPSG:4978", always_xy=True).transform(
        found.longitude[0], found.latitude[0], found.height[0]
    ))  # fmt: skip
    position, velocity = ORBIT.at(-0.3 + 70.5 * 0.002)
    distance = np.linalg.norm(point - position)
    assert distance == pytest.approx(8.2e5 + 800.25 * 2.33, abs=1e-6)
    frequency = 2 / 0.0555 * velocity @ (point - position) / distance
    assert frequency == pytest.approx(150 - 0.02 * 800.25 * 2.33, abs=1e-6)
    # Left of the flight.
    assert np.cross(velocity, position) @ (point - position) < 0
    up = earth_fixed(found.longitude[0], found.latitude[0], 1.0) - earth_fixed(
        found.longitude[0], found.latitude[0], 0.0
    )
    angle = np.degrees(np.arccos(up @ (position - point) / distance))
    assert found.incidence[0] == pytest.approx(angle, abs=1e-6)


def winnipeg(shared_data):
    h5py = pytest.importorskip("h5py")
    folder = shared_data / "isce3-uavsar-winnipeg"
    with h5py.File(folder / "winnipeg.h5") as file:
        root = file["science/LSAR/SLC"]
        state, swath = root["metadata/orbit"], root["swaths"]
        orbit = Orbit(*(state[name][()] for name in ("time", "position", "velocity")))
        radar_grid = RadarGrid(
            (250, 250),
            azimuth_time=swath["zeroDopplerTime"][0],
            azimuth_interval=swath["zeroDopplerTimeSpacing"][()],
            slant_range=swath["frequencyA/slantRange"][0],
            range_spacing=swath["frequencyA/slantRangeSpacing"][()],
            wavelength=299792458 / 1.243e9,
            look="left",
        )
    longitude, latitude, height = (np.fromfile(folder / f"topo/{name}.rdr").reshape(250, 250) for name in "xyz")
    return folder, orbit, radar_grid, longitude, latitude, height


def test_a_real_image_and_its_own_geolocation_agree(shared_data):
    folder, orbit, radar_grid, longitude, latitude, height = winnipeg(shared_data)
    rows, cols = geo2rdr(latitude, longitude, height, orbit=orbit, radar_grid=radar_grid)
    expected = np.indices((250, 250))
    assert abs(rows - expected[0]).max() < 1e-6
    assert abs(cols - expected[1]).max() < 1e-6
    rasterio = pytest.importorskip("rasterio")
    with rasterio.open(folder / "winnipeg_dem.tif") as file:
        dem, box = file.read(1).astype(float), GeoBox(file.shape, file.transform, str(file.crs))
    found = rdr2geo(orbit=orbit, radar_grid=radar_grid, dem=dem, dem_geobox=box)
    # Heights between the posts are another interpolation's, some decimetres on rough ground.
    assert np.median(abs(found.height - height)) < 0.1
    assert abs(found.height - height).max() < 1
    assert abs(found.latitude - latitude).max() < 2e-5
    incidence = np.fromfile(folder / "topo/inc.rdr", np.float32).reshape(250, 250)
    assert abs(found.incidence - incidence).max() < 0.01


def test_a_tile_of_a_real_image_keeps_its_coordinates_as_phase(shared_data):
    folder, orbit, radar_grid, longitude, latitude, _ = winnipeg(shared_data)
    rasterio = pytest.importorskip("rasterio")
    with rasterio.open(folder / "winnipeg_dem.tif") as file:
        dem, box = file.read(1).astype(float), GeoBox(file.shape, file.transform, str(file.crs))
    ground = rdr2geo(orbit=orbit, radar_grid=radar_grid, dem=dem, dem_geobox=box)
    lon, lat = np.median(longitude), np.median(latitude)
    tile = GeoBox.from_bounds((lon - 0.004, lat - 0.003, lon + 0.004, lat + 0.003), shape=(60, 70), crs="EPSG:4326")
    positions = radar_map(tile, orbit=orbit, radar_grid=radar_grid, dem=dem, dem_geobox=box)
    carried = sample(np.exp(1j * np.radians([ground.longitude, ground.latitude])), positions)
    # Terrain bends between radar pixels, by far less than one.
    assert np.abs(np.angle(carried) - np.radians(tile.centres())).max() < 1e-6


@pytest.mark.parametrize("crs", ["exact", "EPSG:4326", "EPSG:3857"])
@pytest.mark.parametrize("look", ["right", "left"])
def test_a_tile_lies_where_each_of_its_points_is_seen(backend, crs, look):
    tile, box, dem = scene(look, pixels=41)
    if crs != "exact":
        bounds = tile.transformer_to(crs).transform_bounds(*tile.bounds)
        tile = GeoBox.from_bounds(bounds, shape=(37, 43), crs=crs)
    options = {"orbit": ORBIT, "radar_grid": grid(look), "dem_geobox": box}
    positions = radar_map(tile, dem=backend.array(dem), **options)
    longitude, latitude = tile.transformer_to("EPSG:4326").transform(*tile.centres())
    height = reproject(dem, box, tile)
    rows, cols = geo2rdr(latitude, longitude, height, orbit=ORBIT, radar_grid=grid(look))
    np.testing.assert_allclose(backend.numpy(positions.rows), rows, atol=1e-6)
    np.testing.assert_allclose(backend.numpy(positions.cols), cols, atol=1e-6)


def test_a_tile_far_off_the_image_and_ground_without_height_are_no_data():
    tile, box, dem = scene()
    dem[100:120, 100:200] = np.nan
    options = {"orbit": ORBIT, "radar_grid": grid(), "dem": dem, "dem_geobox": box}
    positions = radar_map(tile, **options)
    np.testing.assert_array_equal(np.isnan(positions.rows), np.isnan(reproject(dem, box, tile)))
    far = GeoBox(tile.shape, (tile.affine.a, 0, tile.affine.c, 0, tile.affine.e, tile.affine.f + 9e5), tile.crs)
    assert np.isnan(radar_map(far, **options).rows).all()


@pytest.mark.parametrize("look", ["right", "left"])
def test_incidence_layover_and_shadow_of_a_ridge(backend, look):
    """Beside a thin ridge of height H, shadow is H tan(incidence) long and layover H / tan(incidence)."""
    tile, box, _ = scene(look, height=0.0, pixels=140)
    options = {"orbit": ORBIT, "radar_grid": grid(look), "dem_geobox": box}
    flat = np.zeros(box.shape)
    view = radar_view(tile, dem=backend.array(flat), **options)
    incidence = backend.numpy(view.incidence)
    ground = rdr2geo(dem=flat, orbit=ORBIT, radar_grid=grid(look), dem_geobox=box, rows=[150], cols=[1000])
    assert abs(incidence - ground.incidence[0]).max() < 0.4
    assert not backend.numpy(view.layover).any()
    assert not backend.numpy(view.shadow).any()
    # A ridge along the track: where the range is that of the tile's middle.
    longitude, latitude = np.meshgrid(
        np.linspace(box.bounds[0], box.bounds[2], 2 * 930 + 1)[1::2],
        np.linspace(box.bounds[3], box.bounds[1], 2 * 660 + 1)[1::2],
    )
    fine = GeoBox.from_bounds(box.bounds, shape=(660, 930), crs="EPSG:4326")
    middle = np.median(backend.numpy(view.positions.cols))
    _, cols = geo2rdr(latitude, longitude, 0.0, orbit=ORBIT, radar_grid=grid(look))
    high = 1200.0
    ridge = np.where(abs(cols - middle) < 15, high, 0.0)
    options["dem_geobox"] = fine
    view = radar_view(tile, dem=backend.array(ridge), **options)
    height, layover, shadow = (backend.numpy(plane) for plane in (view.height, view.layover, view.shadow))
    angle = np.radians(ground.incidence[0])
    metre = 4480 / 140
    _, level = geo2rdr(
        *tile.transformer_to("EPSG:4326").transform(*tile.centres())[::-1], 0.0, orbit=ORBIT, radar_grid=grid(look)
    )
    # Metres over the ground from the ridge's near foot, away from the radar.
    beyond = (level - middle + 15) * 2.33 / np.sin(angle)
    low = height < 1
    thick = 30 * 2.33 / np.sin(angle)
    hidden = low & (beyond > thick + 2 * metre) & (beyond < high * np.tan(angle) - 2 * metre)
    folded = low & (beyond < -2 * metre) & (beyond > -high / np.tan(angle) + thick + 2 * metre)
    assert hidden.sum() > 100
    assert folded.sum() > 100
    assert shadow[hidden].mean() > 0.99
    assert layover[folded].mean() > 0.99
    assert not shadow[low & (beyond < -2 * metre)].any()
    assert not shadow[low & (beyond > thick + high * np.tan(angle) + 3 * metre)].any()
    assert not layover[low & (beyond < -high / np.tan(angle) - 3 * metre)].any()


def test_kernels_agree_on_every_device(backend):
    from test_backends import _module

    chosen, tile = _module(backend), scene()
    table, random = grid().model(ORBIT), np.random.default_rng(0)
    row, col = random.uniform(0, 300, 40), random.uniform(0, 2000, 40)
    a, _, c, _, e, f = tuple(tile[1].affine)[:6]
    terrain = (c + a / 2, f + e / 2, a, e, float(tile[2].min()), float(tile[2].max()))
    expected = cpu.geometry_ground(table, row, col, tile[2], terrain)
    got = chosen.geometry_ground(*(backend.array(x) for x in (table, row, col, tile[2])), terrain)
    for ours, theirs in zip(got, expected, strict=True):
        np.testing.assert_allclose(backend.numpy(ours), theirs, rtol=0, atol=1e-6)
    points = earth_fixed(np.degrees(expected[0]), np.degrees(expected[1]), expected[2])
    for ours, theirs in zip(
        chosen.geometry_points(backend.array(table), backend.array(points), 0.0),
        cpu.geometry_points(table, points, 0.0),
        strict=True,
    ):
        np.testing.assert_allclose(backend.numpy(ours), theirs, atol=1e-7)


def test_refusals_name_what_came():
    tile, box, dem = scene()
    options = {"orbit": ORBIT, "radar_grid": grid(), "dem_geobox": box}
    with pytest.raises(TypeError, match="dem must be float32 or float64 .* got int16"):
        radar_map(tile, dem=dem.astype("int16"), **options)
    with pytest.raises(ValueError, match=r"dem must have the shape of dem_geobox, \(220, 310\), got \(219, 310\)"):
        rdr2geo(dem=dem[1:], **options)
    with pytest.raises(ValueError, match="dem must have a known height, all are NaN"):
        rdr2geo(dem=dem * np.nan, **options)
    with pytest.raises(ValueError, match="rows and cols must be given together"):
        rdr2geo(dem=dem, rows=[1], **options)
    with pytest.raises(ValueError, match="latitude must be degrees from -90 to 90, got 91"):
        geo2rdr(91, 0, 0, orbit=ORBIT, radar_grid=grid())
    late = RadarGrid(
        (300, 20), azimuth_time=99.0, azimuth_interval=0.1, slant_range=8e5, range_spacing=2, wavelength=0.05
    )
    with pytest.raises(ValueError, match="orbit must cover the image, 99.0 to 128.9 s, its state vectors run from"):
        geo2rdr(50, 5, 0, orbit=ORBIT, radar_grid=late)
    world = GeoBox.from_bounds((-9e6, -9e6, 9e6, 9e6), shape=(40, 40), crs="EPSG:3031")
    with pytest.raises(ValueError, match="tile must be a few kilometres of ground"):
        radar_map(world, dem=dem, **options)


def test_ground_on_the_far_side_of_the_flight_is_not_seen(backend):
    """The same ranges and times lie on both sides; only one is looked at."""
    for look, other in (("right", "left"), ("left", "right")):
        ground = rdr2geo(orbit=ORBIT, radar_grid=grid(other), dem=np.full((2, 2), 300.0), dem_geobox=WORLD,
                         rows=[10.0, 150.0, 290.0], cols=[5.0, 1000.0, 1900.0])  # fmt: skip
        place = (ground.latitude, ground.longitude, ground.height)
        rows, cols = geo2rdr(*place, orbit=ORBIT, radar_grid=grid(look))
        assert np.isnan(rows).all()
        assert np.isnan(cols).all()
        rows, _ = geo2rdr(*place, orbit=ORBIT, radar_grid=grid(other))
        np.testing.assert_allclose(rows, [10, 150, 290], atol=1e-6)
        tile, box, dem = scene(other, pixels=21)
        options = {"orbit": ORBIT, "dem": backend.array(dem), "dem_geobox": box}
        assert np.isnan(backend.numpy(radar_map(tile, radar_grid=grid(look), **options).rows)).all()
        assert np.isfinite(backend.numpy(radar_map(tile, radar_grid=grid(other), **options).rows)).all()


def test_heights_above_the_geoid_are_never_taken_as_ellipsoidal():
    box = GeoBox(WORLD.shape, WORLD.affine, "EPSG:4326+5773")
    options = {"orbit": ORBIT, "radar_grid": grid(), "dem": np.full((2, 2), 100.0), "dem_geobox": box}
    tile, _, _ = scene(pixels=21)
    for call in (
        lambda: rdr2geo(rows=[150], cols=[1000], **options),
        lambda: radar_map(tile, **options),
        lambda: radar_view(tile, **options),
        lambda: OrbitGeometry(**options),
    ):
        with pytest.raises(ValueError, match="PROJ lacks the grid us_nga_egm96"):
            call()


def test_labelled_heights_have_their_datum_read_or_stated():
    """A terrain file in EPSG:4326 says nothing of its heights, which are mostly above a geoid."""
    xarray = pytest.importorskip("xarray")
    tile, box, dem = scene(pixels=21)
    image = Acquisition(ORBIT, grid())
    options = {"orbit": ORBIT, "radar_grid": grid(), "dem_geobox": box}

    def label(crs):
        coords = {"spatial_ref": ((), 0, {"crs_wkt": pyproj.CRS(crs).to_wkt()})}
        return xarray.DataArray(dem, dims=("y", "x"), coords=coords)

    words = {
        "rdr2geo": lambda dem, **more: rdr2geo(dem=dem, rows=[150], cols=[1000], **options, **more),
        "radar_map": lambda dem, **more: radar_map(tile, dem=dem, **options, **more),
        "radar_view": lambda dem, **more: radar_view(tile, dem=dem, **options, **more),
        "geometric_offsets": lambda dem, **more: geometric_offsets(
            reference=image, secondary=image, dem=dem, dem_geobox=box, node_spacing=200, **more
        ),
    }
    for word in words.values():
        with pytest.raises(ValueError, match="vertical_crs must specify the vertical datum of dem, as its CRS does"):
            word(label("EPSG:4326"))
        for given, more in ((label("EPSG:4326+5773"), {}), (label("EPSG:4326"), {"vertical_crs": "EPSG:5773"}),
                            (dem, {"vertical_crs": "EPSG:5773"})):  # fmt: skip
            with pytest.raises(ValueError, match="PROJ lacks the grid us_nga_egm96"):
                word(given, **more)
    with pytest.raises(ValueError, match="dem_geobox must be in the CRS of dem, .*got 'EPSG:4326'"):
        words["rdr2geo"](label("EPSG:32631+5773"))
    plain = words["rdr2geo"](dem).latitude
    for given, more in ((label("EPSG:4326"), {"vertical_crs": "ellipsoid"}), (label("EPSG:4979"), {}),
                        (xarray.DataArray(dem), {}), (dem, {"vertical_crs": "ellipsoid"})):  # fmt: skip
        np.testing.assert_array_equal(words["rdr2geo"](given, **more).latitude, plain)


def test_the_geometry_of_a_stack_states_its_datum_too():
    _, box, dem = scene(pixels=21)
    assert OrbitGeometry(ORBIT, grid(), dem, box, vertical_crs="ellipsoid").dem is dem
    with pytest.raises(ValueError, match="PROJ lacks the grid us_nga_egm96"):
        OrbitGeometry(ORBIT, grid(), dem, box, vertical_crs="EPSG:5773")
    holes = OrbitGeometry(ORBIT, grid(), np.ma.masked_less(dem, 300.0), box)
    np.testing.assert_array_equal(np.isnan(holes.dem), dem < 300)
    xarray = pytest.importorskip("xarray")
    with pytest.raises(TypeError, match="dem must be a NumPy array, got DataArray; give its values, and vertical_crs="):
        OrbitGeometry(ORBIT, grid(), xarray.DataArray(dem), box)


@pytest.mark.parametrize("void", [-32768.0, -9999.0, 65535.0, np.inf])
def test_a_void_that_is_not_declared_is_unknown_ground(void):
    tile, box, dem = scene(pixels=21)
    options = {"orbit": ORBIT, "radar_grid": grid(), "dem_geobox": box}
    dem[110:112, 155:158] = np.nan
    expected = radar_view(tile, dem=dem, **options)
    given = np.where(np.isnan(dem), void, dem)
    found = radar_view(tile, dem=given, **options)
    assert np.isnan(expected.height).any()
    for name in ("height", "incidence", "layover", "shadow"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    assert (given == void).any()
