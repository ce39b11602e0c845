"""Parts of the simulated products: orbit, echoes, ground, texts."""

from __future__ import annotations

import datetime
import json
import re
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from seam_pair import FIRST, seam_scene

from m3leo_sar.app.scene_files import images_of, write_safe_scene
from m3leo_sar.grid.orbit import Orbit
from m3leo_sar.io.files.raster import read_raster
from m3leo_sar.io.sentinel1.annotation import read_annotation
from m3leo_sar.io.sentinel1.safe import open_safe
from m3leo_sar.io.sentinel1.safe_writer import write_safe
from m3leo_sar.simulate.focused_echo import Band, Points, focused_image
from m3leo_sar.simulate.landcover import CLASSES
from m3leo_sar.simulate.repeat_orbit import REVOLUTION, RepeatOrbit
from m3leo_sar.simulate.safe_product import orbit_file, safe_products
from m3leo_sar.simulate.safe_scene import SafeScene, simulate_passes
from m3leo_sar.simulate.scene_echoes import GAIN, burst_images
from m3leo_sar.simulate.sentinel1_pass import PassOptions
from m3leo_sar.simulate.steered_beam import RangeSeries, SteeredBeam
from m3leo_sar.simulate.swath_numbers import SWATHS
from m3leo_sar.simulate.zero_doppler import ground_place, on_earth, zero_doppler
from m3leo_sar.warp.geo2rdr import geo2rdr
from m3leo_sar.warp.timing import TimingCorrection, timing_offsets


def test_an_orbit_moves_as_its_derivatives_say_and_repeats_after_twelve_days():
    orbit = RepeatOrbit(node_time=500.0, node_longitude=-33.0, up=20.0, right=-70.0)
    time, step = np.array([700.0, 3000.0, 6100.0]), 0.01
    before, at, after = orbit.at(time - step), orbit.at(time), orbit.at(time + step)
    np.testing.assert_allclose((after.position - before.position) / 2 / step, at.velocity, atol=1e-5)
    np.testing.assert_allclose((after.velocity - before.velocity) / 2 / step, at.acceleration, atol=1e-7)
    np.testing.assert_allclose(orbit.at(time + 175 * REVOLUTION).position, at.position, atol=1e-3)
    # The nominal path lies 20 m below and 70 m to the left.
    nominal = replace(orbit, up=0.0, right=0.0).at(time)
    up = nominal.position / np.linalg.norm(nominal.position, axis=1)[:, None]
    assert ((at.position - nominal.position) * up).sum(axis=1) == pytest.approx(20.0)
    assert np.linalg.norm(at.position - nominal.position, axis=1) == pytest.approx(np.hypot(20.0, 70.0))


PLACES = [(31.6, -8.3, False), (-0.1, 179.99, True), (74.0, 20.0, True)]


@pytest.mark.parametrize(("latitude", "longitude", "ascending"), PLACES)
def test_ground_is_found_where_it_is_seen(latitude, longitude, ascending):
    scene = seam_scene(latitude=latitude, longitude=longitude, ascending=ascending)
    flown, ground = scene.sentinel1_pass(0), scene.ground
    time = flown.burst("IW1", 1).azimuth_time + np.array([0.05, 0.2])
    distance = (flown.range_time("IW1", scene.start_column("IW1")) + np.array([1e-7, 2.8e-6])) * 299_792_458 / 2
    place = ground_place(flown.orbit, time, distance, ground.height_at)
    assert place.latitude == pytest.approx(latitude, abs=0.2)
    assert abs((place.longitude - longitude + 180) % 360 - 180).max() < 0.1
    assert place.height == pytest.approx(ground.height_at(place.longitude, place.latitude), abs=1e-6)
    seen = zero_doppler(flown.orbit, on_earth(*place), near=time + 3.0)
    np.testing.assert_allclose(seen.time, time, atol=1e-10)
    np.testing.assert_allclose(seen.range, distance, atol=1e-7)


def test_a_beam_sweeps_by_its_combined_rate():
    series = {"rate": RangeSeries(origin=5e-3, terms=(-2300.0,)), "centroid": RangeSeries(origin=5e-3, terms=(-20.0,))}
    beam = SteeredBeam(middle=10.0, middle_range=5e-3, steering=7600.0, **series)
    assert beam.frequency(10.0, 5e-3) == pytest.approx(-20.0)
    combined = -2300 * 7600 / (-2300 - 7600)
    assert beam.frequency(10.7, 5e-3) + 20.0 == pytest.approx(0.7 * combined)


def test_an_image_is_the_sum_of_its_spots():
    random = np.random.default_rng(4)
    azimuth, across = Band(0.67, 0.70, 9), Band(0.88, 0.75, 12)
    size = 40
    planes = (random.uniform(-12, 43, size), random.uniform(-15, 50, size), random.uniform(-5, 5, size))
    points = Points(*planes, np.exp(2j * np.pi * random.random(size)).astype(np.complex64))
    found = focused_image(points, (31, 37), azimuth=azimuth, range=across)

    def spot(band, distance):
        return np.where(abs(distance) < band.reach, band.spot(np.clip(distance, -band.reach, band.reach)), 0.0)

    away = np.arange(31)[:, None] - points.line, np.arange(37)[:, None] - points.column
    along = points.echo * spot(azimuth, away[0]) * np.exp(2j * np.pi * points.cycles * away[0])
    expected = along @ spot(across, away[1]).T
    np.testing.assert_allclose(found, expected, atol=3e-3)
    # The band is what it says: nothing beyond, and its window within.
    spectrum = abs(np.fft.fft(spot(azimuth, np.arange(-9, 10)), 512))
    frequency = abs(np.fft.fftfreq(512))
    assert spectrum[frequency > 0.42].max() < 0.03 * spectrum[0]
    assert spectrum[frequency < 0.25].min() > 0.4 * spectrum[0]


@pytest.fixture(scope="module")
def scene():
    passes = simulate_passes(2, start=FIRST)
    return SafeScene(passes=passes, swaths=("IW1", "IW2"), polarisations=("VV", "VH"), lines=60, columns=230,
                     relief=10.0, noise=None, classes=CLASSES[1:2])  # fmt: skip


@pytest.fixture(scope="module")
def images(scene):
    return {(image.swath, image.polarisation, image.burst): image.pixels for image in burst_images(scene, 0)}


def test_a_date_is_the_same_whatever_comes_later(scene, images):
    alone = replace(scene, passes=scene.passes[:1], polarisations=("VH",))
    for image in burst_images(alone, 0):
        np.testing.assert_array_equal(image.pixels, images[image.swath, image.polarisation, image.burst])


def test_pixels_are_as_bright_as_their_ground(scene, images):
    low, high = scene.valid_lines("IW1", 1)
    left, right = scene.valid_columns
    pixels = images["IW1", "VV", 1].astype(np.float64)
    assert (pixels[:low] == 0).all()
    assert (pixels[:, right:] == 0).all()
    power = (pixels[low:high, left:right] ** 2).sum(axis=-1).mean() / GAIN**2
    assert 10 * np.log10(power) == pytest.approx(scene.classes[0].backscatter, abs=0.5)
    cross = (images["IW1", "VH", 1].astype(np.float64)[low:high, left:right] ** 2).sum(axis=-1).mean() / GAIN**2
    assert 10 * np.log10(cross / power) == pytest.approx(-7.0, abs=0.7)


def test_neighbouring_swaths_see_shared_ground(scene):
    flown = scene.sentinel1_pass(0)
    ends = flown.range_time("IW1", scene.start_column("IW1") + scene.columns)
    begins = flown.range_time("IW2", scene.start_column("IW2"))
    assert (ends - begins) * 6.434523812571428e7 == pytest.approx(100.0, abs=0.01)


def test_a_bright_target_lies_where_geo2rdr_says(tmp_path):
    scene = seam_scene(lines=60)
    ground = ground_place(
        scene.sentinel1_pass(0).orbit,
        scene.sentinel1_pass(0).burst("IW1", 1).azimuth_time + 50.3 * 2.0555563e-3,
        (scene.sentinel1_pass(0).range_time("IW1", 9000) + 100.6 / 6.434523812571428e7) * 299_792_458 / 2,
        scene.ground.height_at,
    )
    target = float(ground.longitude), float(ground.latitude), 60.0
    scene = replace(scene, targets=(target,), passes=scene.passes[:1])
    swath = open_safe(write_safe_scene(scene, tmp_path).products[0], swath="IW1", polarisation="VV")
    note = swath.annotation
    row, col = geo2rdr(target[1], target[0], float(ground.height), orbit=note.orbit, radar_grid=note.radar_grid(1))
    assert (float(row), float(col)) == pytest.approx((50.3, 100.6), abs=1e-3)
    # Without the 49 m of a geoid, by 5 to 8 pixels of 10 m of a tile.
    low = geo2rdr(target[1], target[0], float(ground.height) - 49.0, orbit=note.orbit, radar_grid=note.radar_grid(1))
    assert 5 < (float(low[1]) - float(col)) * 2.33 / np.sin(np.radians(34)) / 10 < 8
    spot = swath.burst(1)[44:58, 92:110]
    power = np.nan_to_num(abs(spot)) ** 2
    centre = [
        float((power.sum(axis=1 - axis) * np.arange(size)).sum() / power.sum()) for axis, size in enumerate(spot.shape)
    ]
    assert centre == pytest.approx([50.3 - 44, 100.6 - 92], abs=0.1)


def test_products_have_what_real_ones_have(scene, tmp_path):
    files = write_safe_scene(replace(scene, passes=scene.passes[:1]), tmp_path, zipped=True, empty_swaths=("IW3",))
    (path,) = files.products
    assert re.fullmatch(
        r"S1A_IW_SLC__1SDV_20230904T\d{6}_20230904T\d{6}_050174_[0-9A-F]{6}_[0-9A-F]{4}\.zip", path.name
    )
    with zipfile.ZipFile(path) as archive:
        names = [name.split("/", 1)[1] for name in archive.namelist()]
    assert sum(name.startswith("measurement/") for name in names) == 4
    assert sum(name.startswith("annotation/s1a") for name in names) == 5
    swath = open_safe(path, swath="IW2", polarisation="VH")
    note = swath.annotation
    assert (note.mission, note.swath, len(note.bursts), note.orbit_direction) == ("S1A", "IW2", 2, "descending")
    assert np.isfinite(swath.burst(1)).sum() == 60 * (230 - 9)
    assert swath.calibration_factor(0).mean() == pytest.approx(GAIN)
    with zipfile.ZipFile(path) as archive:
        (empty,) = (name for name in archive.namelist() if "annotation/s1a-iw3" in name)
        with pytest.raises(ValueError, match="has no burst"):
            read_annotation(archive.read(empty))
    terrain = read_raster(files.terrain)
    np.testing.assert_array_equal(terrain.array, scene.ground.heights)


def test_the_grid_of_an_annotation_agrees_with_its_orbit_at_its_own_times(scene):
    for product in safe_products(scene, 1):
        for note in product.notes:
            times = [(moment - datetime.datetime(2023, 9, 16)).total_seconds() for moment, _, _ in note.vectors]
            orbit = Orbit(times, *(np.array([vector[k] for vector in note.vectors]) for k in (1, 2)))
            for point in note.grid:
                away = orbit.at((point.moment - datetime.datetime(2023, 9, 16)).total_seconds())
                line = away[0] - on_earth(*point.place)
                assert abs((line * away[1]).sum() / (away[1] ** 2).sum()) < 1e-8
                assert np.linalg.norm(line) == pytest.approx(point.two_way * 299_792_458 / 2, abs=1e-4)


def test_a_folder_grows_by_dates_and_refuses_another_scene(tmp_path):
    scene = seam_scene(lines=30, noise=-22.0)
    short = replace(scene, passes=scene.passes[:1])
    told = []
    (first,) = write_safe_scene(short, tmp_path, progress=lambda: told.append(1)).products
    assert len(told) == images_of(short) == 2
    stamp = (first / "manifest.safe").stat().st_mtime_ns
    assert len(write_safe_scene(scene, tmp_path, geoid=True, progress=lambda: told.append(1)).products) == 2
    assert len(told) == 2 + 4
    assert (first / "manifest.safe").stat().st_mtime_ns == stamp
    assert list(json.loads((tmp_path / "truth" / "truth.json").read_text())["dates"]) == ["2023-09-04", "2023-09-16"]
    with pytest.raises(ValueError, match="holds another scene, which differs in seed"):
        write_safe_scene(replace(scene, seed=5), tmp_path)
    # Heights above the geoid plus the geoid are the heights.
    ground = scene.ground
    longitude, latitude = ground.geobox("EPSG:4326").centres()
    above = read_raster(tmp_path / "terrain" / "dem.tif").array + ground.geoid_at(longitude, latitude)
    np.testing.assert_allclose(above, ground.heights, atol=1e-4)
    head = np.frombuffer((tmp_path / "terrain" / "geoid.gtx").read_bytes()[:32], ">f8")
    assert (head[2:] == 0.25).all()


def test_odd_products(scene):
    single = replace(scene, swaths=("IW1",), polarisations=("HH",))
    old = replace(
        single,
        passes=(
            PassOptions(date=FIRST, mission="S1B", processor="002.36", slices=((0,), (0, 1)), orbit_source="Downlink"),
        ),
    )
    one, two = safe_products(old, 0)
    assert one.name.startswith("S1B_IW_SLC__1SSH_")
    assert [len(product.notes[0].bursts) for product in (one, two)] == [1, 2]
    text = next(text for name, text in one.texts.items() if name.startswith("annotation/s1b"))
    assert "<c0>" in text
    assert "burstId" not in text
    assert "<orbitSource>Downlink<" in text
    name, orbit = orbit_file(old, 0, kind="RESORB")
    assert name.startswith("S1B_OPER_AUX_RESORB_OPOD_")
    assert orbit.count("<OSV>") == 145


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"passes": ()}, "passes must hold one date or more, increasing"),
        ({"swaths": ("IW2", "IW1")}, "swaths must be of IW1, IW2 and IW3 in this order"),
        ({"swaths": ("IW1", "IW3")}, "swaths must be neighbours, got IW1 and IW3 without IW2"),
        ({"columns": 100}, "columns must be at least 209, got 100"),
    ],
)
def test_bad_scenes_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        SafeScene(**({"passes": (PassOptions(date=FIRST),)} | options))


def test_a_measurement_of_another_type_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"a.tiff must be \(lines, samples, 2\) int16, got \(3, 4\) float64"):
        write_safe(tmp_path, "x.SAFE", texts={}, measurements={"a.tiff": np.zeros((3, 4))}, manifest=lambda _: "")
    assert not list(tmp_path.iterdir())


def test_places_off_by_what_annotations_leave_out(tmp_path):
    plain = seam_scene(lines=60)
    flown = plain.sentinel1_pass(0)
    time = flown.burst("IW1", 1).azimuth_time + np.array([50.3]) * 2.0555563e-3
    distance = (flown.range_time("IW1", 9000) + 100.6 / 6.434523812571428e7) * 299_792_458 / 2
    ground = ground_place(flown.orbit, time, distance, plain.ground.height_at)
    target = ground.longitude.item(), ground.latitude.item(), 60.0
    scene = replace(plain, targets=(target,), passes=(PassOptions(date=FIRST, timing=True),))
    note = (
        swath := open_safe(write_safe_scene(scene, tmp_path).products[0], swath="IW1", polarisation="VV")
    ).annotation
    grid = note.radar_grid(1)
    row, col = geo2rdr(target[1], target[0], ground.height.item(), orbit=note.orbit, radar_grid=grid)
    numbers = SWATHS["IW1"]
    correction = TimingCorrection(5.8527e-3, numbers.rank / numbers.pulse_rate, numbers.ramp, note.carrier(1))
    late = timing_offsets(
        correction, rows=row, cols=col, height=ground.height.item(), orbit=note.orbit, radar_grid=grid
    )
    assert -0.3 < late.rows < -0.1
    assert 1.0 < late.cols < 1.8
    expected = float(row + late.rows), float(col + late.cols)
    first = round(expected[0]) - 7, round(expected[1]) - 9
    power = np.nan_to_num(abs(swath.burst(1)[first[0] :, first[1] :][:15, :19])) ** 2
    centre = [
        float((power.sum(axis=1 - axis) * np.arange(size)).sum() / power.sum()) for axis, size in enumerate((15, 19))
    ]
    there = [at + begin for at, begin in zip(centre, first, strict=True)]
    assert there == pytest.approx(expected, abs=0.05)
    # The rank of another swath, or all numbers of one, would put it elsewhere.
    for wrong in (replace(numbers, rank=numbers.rank + 1), SWATHS["IW2"], SWATHS["IW3"]):
        swapped = correction._replace(echo_delay=wrong.rank / wrong.pulse_rate, chirp_rate=wrong.ramp)
        moved = timing_offsets(
            swapped, rows=row, cols=col, height=ground.height.item(), orbit=note.orbit, radar_grid=grid
        )
        assert abs(float(row + moved.rows) - there[0]) > 0.1
