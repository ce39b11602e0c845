"""Sentinel-1 products of old and new processors, and bursts that are empty, far apart or valid in part."""

from __future__ import annotations

import gzip
import re
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from m3leo_sar import GeoBox
from m3leo_sar.io.files.raster import write_geotiff
from m3leo_sar.io.sentinel1.annotation import BurstTiming, read_annotation
from m3leo_sar.io.sentinel1.safe import SafeSwath, open_safe

LINES, SAMPLES = 40, 12


@pytest.fixture(scope="module")
def text(shared_data):
    return next((shared_data / "s1-iw3-crop").glob("*.xml")).read_text()


def annotations(shared_data):
    return {path.name[:6]: path for path in sorted((shared_data / "s1-ipf-annotations").glob("*.gz"))}


def test_real_annotations_of_three_processors(shared_data):
    found = {
        name: read_annotation(gzip.decompress(path.read_bytes())) for name, path in annotations(shared_data).items()
    }
    assert set(found) == {"002.36", "002.90", "003.80"}
    for note in found.values():
        assert (len(note.bursts), len(note.fm_rates)) == (9, 10)
        # Of one swath: within some hertz a second of each other.
        assert all(polynomial.coefficients[0] == pytest.approx(-2193, abs=2) for _, polynomial in note.fm_rates)
        rates = [note.carrier(index).fm_rate.coefficients for index in range(9)]
        assert all(rate[1] == pytest.approx(4.015e5, rel=1e-3) for rate in rates)


def test_coefficients_of_old_processors_give_the_same_carrier(text):
    pattern = r"<azimuthFmRatePolynomial[^>]*>(\S+) (\S+) (\S+)</azimuthFmRatePolynomial>"
    old = re.sub(pattern, r"<c0>\1</c0><c1>\2</c1><c2>\3</c2>", text)
    assert "azimuthFmRatePolynomial" not in old
    rows, cols = np.arange(0, 1500, 50)[:, None], np.arange(0, 24000, 500)
    one, other = read_annotation(text.encode()).carrier(8), read_annotation(old.encode()).carrier(8)
    np.testing.assert_array_equal(one(rows, cols), other(rows, cols))


def test_lists_that_are_cut_short_are_refused(text):
    less = text
    for item in re.findall(r"<azimuthFmRate>.*?</azimuthFmRate>", text, flags=re.S)[2:]:
        less = less.replace(item, "")
    with pytest.raises(ValueError, match="azimuthFmRate must occur .* times, the count of its list, got 2"):
        read_annotation(less.encode())
    # Where the list counts what is left of it, the bursts far from it are refused.
    note = read_annotation(re.sub(r'<azimuthFmRateList count="\d+">', '<azimuthFmRateList count="2">', less).encode())
    assert note.carrier(0).fm_rate
    with pytest.raises(ValueError, match=r"burst 8 must have a FM rate near its middle, the nearest is \d+.\d s away"):
        note.carrier(8)


def test_a_state_vector_that_stands_twice_is_one(text):
    twice = re.sub(r"(<orbit>.*?</orbit>)", r"\1\1", text, count=1, flags=re.S)
    np.testing.assert_array_equal(read_annotation(twice.encode()).orbit.time, read_annotation(text.encode()).orbit.time)


def test_a_swath_that_a_product_does_not_reach_is_said(shared_data):
    with zipfile.ZipFile(next((shared_data / "s1-safe-metadata").glob("S1B*2018*.zip"))) as archive:
        name = next(name for name in archive.namelist() if "/annotation/s1b-iw1" in name)
        with pytest.raises(ValueError, match="has no burst: the product does not reach into this swath"):
            read_annotation(archive.read(name))


def test_a_product_of_ipf_4_is_opened(shared_data, tmp_path, text):
    name = "s1c-iw3-slc-vv-20260101t000000-20260101t000027-000001-000001-006"
    root = tmp_path / "S1C_IW_SLC__1SDV_20260101T000000_20260101T000027_000001_000001_0000.SAFE"
    for folder in ("annotation/calibration", "measurement"):
        (root / folder).mkdir(parents=True)
    (root / f"annotation/{name}.xml").write_text(text)
    (root / f"annotation/calibration/calibration-{name}.xml").write_text("<calibration/>")
    (root / f"measurement/{name}.tiff").write_bytes(b"")
    software = '<safe:software version="004.03" name="Sentinel-1 IPF"/>'
    manifest = f'<x xmlns:safe="http://www.esa.int/safe/sentinel-1.0">{software}</x>'
    (root / "manifest.safe").write_text(manifest)
    assert len(open_safe(root, swath="IW3", polarisation="VV").annotation.bursts) == 9


@pytest.fixture
def swath(text, tmp_path):
    """A function that gives a small swath: first rows of its bursts, and the rows of each that are valid."""

    def make(starts, valid):
        note = read_annotation(text.encode())
        bursts = []
        for start, rows in zip(starts, valid, strict=True):
            low = np.full(LINES, -1)
            low[rows] = 2
            time = note.bursts[0].azimuth_time + start * note.azimuth_interval
            bursts.append(BurstTiming(time, low, np.where(low < 0, -1, 9)))
        note = replace(note, lines=LINES, samples=SAMPLES, bursts=tuple(bursts))
        # Each burst is full of its number, from 1.
        numbers = np.repeat(np.arange(1, len(starts) + 1), LINES)[:, None] * np.ones(SAMPLES)
        box = GeoBox(numbers.shape, (10.0, 0.0, 500_000.0, 0.0, -10.0, 5_500_000.0), "EPSG:32631")
        write_geotiff(tmp_path / "pixels.tiff", numbers.astype(np.complex64), box)
        return SafeSwath(note, str(tmp_path / "pixels.tiff"), b"")

    return make


def numbers_of(image):
    """Which burst each row is of, 0 for none."""
    assert np.isnan(image[:, [0, 1, 10, 11]]).all()
    return np.nan_to_num(image[:, 5].real).astype(int)


@pytest.mark.parametrize("empty", [0, 1, 2])
def test_a_burst_without_a_valid_line_is_a_gap(swath, empty):
    valid = [slice(4, 36) if index != empty else slice(0, 0) for index in range(3)]
    rows = numbers_of(swath([0, 30, 60], valid).deburst())
    assert set(rows) == {0, 1, 2, 3} - {empty + 1}
    for index in {0, 1, 2} - {empty}:
        held = np.flatnonzero(rows == index + 1)
        assert (np.diff(held) == 1).all()
        # No neighbour: all of its rows; a neighbour: up to the middle of the overlap.
        assert held[0] - 30 * index == (4 if index in (0, empty + 1) else 5) or index > 0
    if empty == 1:
        assert rows.tolist() == [0] * 4 + [1] * 32 + [0] * 28 + [3] * 32 + [0] * 4


def test_bursts_all_empty_are_no_data(swath):
    assert np.isnan(swath([0, 30], [slice(0, 0)] * 2).deburst()).all()


def test_a_gap_between_bursts_stays_one(swath):
    rows = numbers_of(swath([0, 90], [slice(4, 36)] * 2).deburst())
    assert rows.tolist() == [0] * 4 + [1] * 32 + [0] * 58 + [2] * 32 + [0] * 4


def test_bursts_valid_in_part_give_what_they_have(swath):
    """The first ends early, the third begins late."""
    rows = numbers_of(swath([0, 30, 60], [slice(4, 20), slice(4, 36), slice(18, 36)]).deburst())
    expected = np.zeros(100, int)
    expected[4:20], expected[34:66], expected[78:96] = 1, 2, 3
    assert rows.tolist() == expected.tolist()


def test_bursts_that_overlap_meet_in_the_middle(swath):
    rows = numbers_of(swath([0, 30], [slice(4, 36)] * 2).deburst())
    # Both are valid in rows 34 and 35.
    assert rows.tolist() == [0] * 4 + [1] * 31 + [2] * 31 + [0] * 4
