"""Readers of products, orbits and terrain against simulated ones, whose truth is known."""

from __future__ import annotations

import datetime
import re

import numpy as np
import pytest
from seam_pair import FIRST, seam_scene

from m3leo_sar.app.scene_files import write_safe_scene
from m3leo_sar.io.sentinel1.orbit_file import choose_orbit_file, find_orbit_files
from m3leo_sar.io.sentinel1.passes import passes, require_comparable
from m3leo_sar.io.sentinel1.product import find_products, open_product, read_bursts
from m3leo_sar.io.sentinel1.safe_writer import write_safe
from m3leo_sar.io.sources.terrain import open_terrain
from m3leo_sar.simulate.safe_product import FileFacts, safe_products
from m3leo_sar.simulate.safe_scene import SafeScene
from m3leo_sar.simulate.safe_truth import pair_truth
from m3leo_sar.simulate.scene_echoes import burst_images
from m3leo_sar.simulate.sentinel1_pass import PassOptions
from m3leo_sar.warp.burst_offsets import burst_offsets
from m3leo_sar.warp.range_phase import Acquisition

LATER = FIRST + datetime.timedelta(days=12)


def scene_of(*options, **settings):
    dates = [PassOptions(**({"date": FIRST} | one)) for one in options or ({},)]
    return SafeScene(passes=tuple(dates), **({"lines": 40, "columns": 210, "bursts": 3, "noise": None} | settings))


def written(scene, folder, **options):
    """Products without pixels, which are not needed until one is read."""
    for date in range(len(scene.dates)):
        for files in safe_products(scene, date, **options):
            manifest = files.manifest({name: FileFacts(len(text), "") for name, text in files.texts.items()})
            write_safe(folder, files.name, texts=files.texts, measurements={}, manifest=lambda _, text=manifest: text)
    return find_products(folder)


@pytest.mark.parametrize("processor", ["003.61", "003.10", "002.36"])
@pytest.mark.parametrize(
    "place",
    [
        {},
        {"latitude": 0.05, "ascending": True},
        {"latitude": -0.05, "ascending": True},
        {"latitude": 0.1},
        {"latitude": -60.0, "track": 175},
        {"latitude": 81.0, "track": 1},
        {"latitude": -0.05, "ascending": True, "track": 175},
    ],
    ids=str,
)
def test_identifiers_annotated_or_computed(tmp_path, processor, place):
    scene = scene_of({"processor": processor}, **place)
    (found,) = passes(written(scene, tmp_path)).values()
    first = scene.geometry.first_burst
    track = place.get("track", 52)
    assert [str(identifier) for identifier in found] == [f"T{track:03d}-{first + k:06d}-IW1" for k in range(3)]


def test_slices_swaths_and_polarisations_of_a_pass_over_midnight_are_one_date(tmp_path):
    plain = scene_of()
    since = plain.sentinel1_pass(0).burst("IW1", 1).azimuth_time - plain.node_clock
    scene = scene_of(
        {"slices": ((0, 1), (2,))},
        swaths=("IW1", "IW2", "IW3"),
        polarisations=("VV", "VH"),
        node_clock=86_400 - since - 1.0,
    )
    products = written(scene, tmp_path)
    assert [product.start.date() for product in products] == [FIRST, FIRST + datetime.timedelta(days=1)]
    found = passes(products)
    assert list(found) == [FIRST]
    assert len(found[FIRST]) == 9
    assert all(set(planes) == {"VV", "VH"} for planes in found[FIRST].values())


def test_repacked_bursts_and_bursts_with_a_gap(tmp_path):
    (single,) = written(scene_of({"slices": ((1,),)}), tmp_path / "single", empty_swaths=("IW2", "IW3"))
    assert [burst.identifier.swath for burst in single.bursts] == ["IW1"]
    (gap,) = written(scene_of({"slices": ((0, 2),)}), tmp_path / "gap")
    assert gap.bursts[1].identifier.number - gap.bursts[0].identifier.number == 2


def test_satellites_may_differ_and_antenna_patterns_may_not(tmp_path):
    dates = {"mission": "S1B"}, {"date": LATER, "mission": "S1D", "processor": "003.91"}
    for number, version in enumerate(("003.61", "002.36")):
        products = written(scene_of(dates[0] | {"processor": version}, dates[1]), tmp_path / str(number))
        bursts = {date: next(iter(found.values()))["VV"] for date, found in passes(products).items()}
        if version == "003.61":
            require_comparable(bursts)
            continue
        with pytest.raises(ValueError, match=r"dates of IPF before 2.43 cannot be mixed with later ones"):
            require_comparable(bursts)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    scene = seam_scene(lines=40)
    return scene, write_safe_scene(scene, tmp_path_factory.mktemp("scene"), zipped=True, geoid=True)


def test_pixels_offsets_and_phase_are_the_true_ones(files):
    scene, written_files = files
    dates = list(passes(find_products(written_files.products)).values())
    bursts = [list(found.values())[1]["VV"] for found in dates]
    seen = []
    for burst in bursts:
        choice = {"mission": burst.mission, "start": burst.start, "stop": burst.stop}
        orbit = choose_orbit_file(find_orbit_files(written_files.orbits), **choice)
        assert orbit.kind == "POEORB"
        seen.append(Acquisition(orbit.orbit(burst.epoch, burst.start, burst.stop), burst.radar_grid))
    found = burst_offsets(reference=seen[0], secondary=seen[1])
    rows, cols = np.arange(22, 60, 6)[:, None], np.arange(10, 200, 31)
    truth = pair_truth(scene, reference=0, secondary=1, swath="IW1", burst=1, rows=rows, cols=cols)
    offsets = found.at(rows, cols, truth.place.height)
    np.testing.assert_allclose(offsets.azimuth, truth.geometric_azimuth, atol=1e-5, rtol=0)
    np.testing.assert_allclose(offsets.range, truth.range, atol=1e-6, rtol=0)
    np.testing.assert_allclose(offsets.phase, truth.phase, atol=1e-3, rtol=0)
    ((_, pixels),) = read_bursts(bursts[:1])
    stored = [image.pixels for image in burst_images(scene, 0)][1].astype(np.float32).view(np.complex64)[..., 0]
    valid = np.isfinite(pixels)
    assert valid.sum() == 40 * 201
    np.testing.assert_array_equal(pixels[valid], stored[valid])


def test_terrain_above_its_geoid_is_the_ground(files):
    scene, written_files = files
    west, south, east, north = scene.ground.bounds
    terrain = open_terrain(written_files.terrain, geoid=written_files.geoid)
    heights, box = terrain.window((west + 0.01, south + 0.01, east - 0.01, north - 0.01))
    longitude, latitude = box.centres()
    np.testing.assert_allclose(heights, scene.ground.height_at(longitude, latitude), atol=1e-3)


def replaced(pattern, new):
    return lambda text: re.sub(pattern, new, text, flags=re.DOTALL)


DAMAGE = {
    "rates of 0": (replaced(r"(<azimuthFmRatePolynomial[^>]*>)[^<]*", r"\g<1>0 0 0"), "azimuthFmRate must be below 0"),
    "rising": (replaced(r"(<azimuthFmRatePolynomial[^>]*>)-", r"\1"), "azimuthFmRate must be below 0 Hz per second"),
    "centroid": (replaced(r"(<dataDcPolynomial[^>]*>)[^<]*", r"\1nan 0"), "dataDcPolynomial must be finite"),
    "interval": (replaced(r"<azimuthTimeInterval>", r"\g<0>-"), "azimuthTimeInterval must be above 0"),
    "sampling": (replaced(r"<rangeSamplingRate>[^<]*", "<rangeSamplingRate>0"), "rangeSamplingRate must be above 0"),
    "identifier": (
        replaced(r"(<burstId[^>]*>)\d+", r"\g<1>5"),
        "the annotation states burst 5",
    ),
    "one time": (replaced(r"(<burst><azimuthTime>)[^<]*", r"\g<1>2023-09-04T06:37:40.0"), "must rise by 0"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damaged_annotations_are_named(tmp_path, name):
    damage, message = DAMAGE[name]
    (files,) = safe_products(scene_of(), 0)
    texts = {
        inside: damage(text) if inside.startswith("annotation/s1a") else text for inside, text in files.texts.items()
    }
    assert texts != files.texts
    write_safe(tmp_path, files.name, texts=texts, measurements={}, manifest=lambda _: files.manifest({}))
    with pytest.raises(ValueError, match=message):
        open_product(tmp_path / files.name)


def test_times_may_name_their_zone(tmp_path):
    (files,) = safe_products(scene_of(), 0)
    zone = replaced(r"(T\d\d:\d\d:\d\d\.\d{6})(?!\d)", r"\1Z")
    texts = {inside: zone(text) for inside, text in files.texts.items()}
    manifest = zone(files.manifest({}))
    assert "Z<" in manifest
    (tmp_path / "plain").mkdir()
    write_safe(tmp_path, files.name, texts=texts, measurements={}, manifest=lambda _: manifest)
    (plain,) = written(scene_of(), tmp_path / "plain")
    opened = open_product(tmp_path / files.name)
    assert [(one.identifier, one.start) for one in opened.bursts] == [
        (one.identifier, one.start) for one in plain.bursts
    ]
