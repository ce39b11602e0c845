"""Orbit files: a real one, the choice in a folder of lures, and what is refused."""

from __future__ import annotations

import datetime
import re
import shutil
import zipfile

import numpy as np
import pytest
from tiny_safe import eof

from m3leo_sar.io.sentinel1.annotation import read_annotation
from m3leo_sar.io.sentinel1.orbit_file import choose_orbit_file, find_orbit_files, read_orbit_file

TIME = datetime.datetime.fromisoformat
START, STOP = TIME("2023-03-30T06:37:30"), TIME("2023-03-30T06:37:57")


@pytest.fixture(scope="module")
def real(shared_data):
    (path,) = find_orbit_files(shared_data / "s1-iw3-crop")
    return path


@pytest.fixture(scope="module")
def orbit_file(real):
    return read_orbit_file(real)


@pytest.fixture(scope="module")
def note(shared_data):
    return read_annotation(next((shared_data / "s1-iw3-crop").glob("s1a-iw3*.xml")))


def test_a_real_file(orbit_file):
    assert (orbit_file.mission, orbit_file.kind, orbit_file.times.size) == ("S1A", "RESORB", 1186)
    assert orbit_file.start == TIME("2022-09-18T05:31:55")
    assert orbit_file.stop == TIME("2022-09-18T08:49:25")
    assert orbit_file.created == TIME("2022-09-18T09:32:41")
    assert str(orbit_file.times[0]) == "2022-09-18T05:31:55.470319"
    assert not orbit_file.degraded.any()


def test_it_agrees_with_the_annotation_to_centimetres(orbit_file, note):
    times = np.linspace(note.bursts[0].azimuth_time, note.bursts[-1].azimuth_time + 3, 40)
    start, stop = (note.epoch + datetime.timedelta(seconds=float(second)) for second in times[[0, -1]])
    orbit = orbit_file.orbit(note.epoch, start, stop)
    assert 10 <= orbit.time.size <= 18
    (own, velocity), (other, _) = orbit.at(times), note.orbit.at(times)
    forward = velocity / np.linalg.norm(velocity, axis=1)[:, None]
    along = ((own - other) * forward).sum(axis=1)
    assert along.mean() == pytest.approx(-0.016, abs=0.001)
    assert np.linalg.norm(own - other - along[:, None] * forward, axis=1).max() < 0.01


def test_a_scene_beyond_midnight_counts_on(orbit_file, note):
    start = note.epoch + datetime.timedelta(seconds=note.bursts[0].azimuth_time)
    stop = start + datetime.timedelta(seconds=3)
    plain, before = (orbit_file.orbit(epoch, start, stop) for epoch in (note.epoch, note.epoch - datetime.timedelta(1)))
    np.testing.assert_allclose(before.time - plain.time, 86_400, atol=1e-6)
    np.testing.assert_array_equal(before.position, plain.position)


def test_zips_are_read(real, orbit_file, tmp_path):
    packed = tmp_path / f"{real.name}.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(real, real.name)
    (found,) = find_orbit_files(tmp_path)
    np.testing.assert_array_equal(read_orbit_file(found).positions, orbit_file.positions)
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("letter.txt", "x")
    with pytest.raises(ValueError, match=r"must hold one orbit file .\.EOF., got 0"):
        read_orbit_file(packed)
    packed.write_bytes(b"PK no zip")
    with pytest.raises(ValueError, match="cannot be read as a zip"):
        read_orbit_file(packed)


def write(folder, *, mission="S1A", kind="POEORB", created="2023-04-19", start=None, stop=None, **facts):
    day = datetime.timedelta(days=1)
    times = {"created": TIME(created), "start": start or START - day, "stop": stop or STOP + day}
    words = {name: f"{time:%Y%m%dT%H%M%S}" for name, time in times.items()}
    name = f"{mission}_OPER_AUX_{kind}_OPOD_{words['created']}_V{words['start']}_{words['stop']}.EOF"
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(eof(mission=mission, kind=kind, first=START, **times, **facts))
    return folder / name


def test_the_choice_among_lures(tmp_path):
    """Other missions, other validities, predictions, a restituted one made later, and the same validity twice."""
    minute = datetime.timedelta(minutes=1)
    write(tmp_path, mission="S1B")
    write(tmp_path, mission="S1C")
    write(tmp_path, start=START - datetime.timedelta(days=9), stop=START - datetime.timedelta(days=7))
    # A minute is wanted on both sides.
    write(tmp_path, start=START - minute / 2)
    write(tmp_path, stop=STOP + minute / 2)
    write(tmp_path, kind="PREORB", created="2023-05-30")
    (tmp_path / "S1A_OPER_AUX_POEORB_OPOD_latest.EOF").write_text("named otherwise")
    with pytest.raises(
        ValueError,
        match=r"file of S1A that covers 2023-03-30 06:36:30 to 06:38:57 UTC; the nearest of 3 is S1A_OPER_AUX_POEORB",
    ):
        choose_orbit_file(find_orbit_files(tmp_path), mission="S1A", start=START, stop=STOP)
    restituted = write(tmp_path, kind="RESORB", created="2023-05-20", start=START - minute, stop=STOP + minute)
    assert choose_orbit_file(find_orbit_files(tmp_path), mission="S1A", start=START, stop=STOP).path == restituted
    write(tmp_path, created="2023-04-19")
    newest = write(tmp_path, created="2023-04-21")
    write(tmp_path, created="2023-04-20")
    found = choose_orbit_file(find_orbit_files(tmp_path), mission="S1A", start=START, stop=STOP)
    assert (found.path, found.kind, found.mission) == (newest, "POEORB", "S1A")


def test_what_is_missing_is_named(tmp_path):
    for folder, message in (("none", "there is no folder"),):
        with pytest.raises(FileNotFoundError, match=message):
            find_orbit_files(tmp_path / folder)
    with pytest.raises(ValueError, match=r"there is none .S1\?_OPER_AUX_POEORB_"):
        choose_orbit_file([], mission="S1A", start=START, stop=STOP)
    other = write(tmp_path, mission="S1B")
    with pytest.raises(ValueError, match=r"file of S1A that covers .*; there are 1 of S1B POEORB"):
        choose_orbit_file([other], mission="S1A", start=START, stop=STOP)
    # Nor does another name make it an orbit of that satellite.
    renamed = other.rename(other.with_name(other.name.replace("S1B", "S1A")))
    with pytest.raises(ValueError, match=r"must be of S1A, as its name says, its header says S1B"):
        choose_orbit_file([renamed], mission="S1A", start=START, stop=STOP)


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"quality": "DEGRADED"}, r"has 1 degraded state vectors around 2023-03-30T06:37:30 .a manoeuvre."),
        ({"count": 9}, "must cover 2023-03-30T06:37:30 to 06:37:57 and a minute on both sides"),
        ({"step": 35, "count": 6}, "lacks state vectors near 2023-03-30T06:37:30, where they are 35 s apart"),
    ],
)
def test_vectors_around_the_scene_have_to_be_good(tmp_path, facts, message):
    found = read_orbit_file(write(tmp_path, **facts))
    with pytest.raises(ValueError, match=message):
        found.orbit(START.replace(hour=0, minute=0, second=0), START, STOP)


def test_degraded_vectors_elsewhere_do_no_harm(tmp_path):
    found = read_orbit_file(write(tmp_path, quality="DEGRADED", count=40))
    later = datetime.timedelta(seconds=150)
    assert found.orbit(START, START + later, STOP + later).time.size > 10


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text.replace("AUX_POEORB", "AUX_PREORB"), "must be AUX_POEORB or AUX_RESORB, got AUX_PREORB"),
        (lambda text: text.replace("EARTH_FIXED", "MEAN_OF_DATE"), "Ref_Frame must be EARTH_FIXED, got MEAN_OF_DATE"),
        (lambda text: text.replace('count="16"', 'count="17"'), "must hold 17 state vectors, got 16"),
        (lambda text: re.sub(r"<Z>1</Z>", "<Z></Z>", text, count=1), "Z is missing"),
        (lambda text: text[:-40], "is not XML"),
        (lambda text: text.replace("UTC=2023-03-30T06:36:30", "UTC=yesterday", 1), "must be a Sentinel-1 orbit file"),
    ],
)  # fmt: skip
def test_damaged_files_are_named(tmp_path, damage, message):
    path = write(tmp_path)
    path.write_text(damage(path.read_text()))
    with pytest.raises(ValueError, match=message):
        read_orbit_file(path)
    with pytest.raises(FileNotFoundError, match="there is no orbit file"):
        read_orbit_file(tmp_path / "gone.EOF")


def test_a_file_may_be_given_itself(tmp_path, real):
    shutil.copy(real, tmp_path)
    assert find_orbit_files(tmp_path / real.name) == [tmp_path / real.name]
