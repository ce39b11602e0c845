"""Sentinel-1 products: a real annotation and real pixels in the place they were cut from."""

import re
import warnings
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from m3leo_sar import resample
from m3leo_sar.io.sentinel1.annotation import read_annotation
from m3leo_sar.io.sentinel1.safe import open_safe
from m3leo_sar.warp.doppler import doppler_centroid
from m3leo_sar.warp.geo2rdr import geo2rdr

rasterio = pytest.importorskip("rasterio")
NAME = "s1a-iw3-slc-vv-20220918t074921-20220918t074946-045056-056232-006"
#: Where the crop lies: burst 6, row 716, column 11000.
BURST, ROW, COL = 6, 716, 11000

CALIBRATION = """<calibration><calibrationVectorList>{}</calibrationVectorList></calibration>"""
VECTOR = """<calibrationVector><line>{}</line><pixel count="3">0 10000 24202</pixel>
<sigmaNought>{} {} {}</sigmaNought><betaNought>1 1 1</betaNought><gamma>2 2 2</gamma></calibrationVector>"""


@pytest.fixture(scope="module")
def source(shared_data):
    return shared_data / "s1-iw3-crop"


@pytest.fixture(scope="module")
def crop(source):
    with pytest.warns(rasterio.errors.NotGeoreferencedWarning), rasterio.open(next(source.glob("*.tiff"))) as file:
        return file.read(1)


@pytest.fixture(scope="module")
def note(source):
    return read_annotation(source / f"{NAME}.xml")


@pytest.fixture(scope="module")
def safe(tmp_path_factory, source, crop, note):
    """A product that is empty but for the crop: tiles that are not written take no room."""
    root = tmp_path_factory.mktemp("product") / "S1A_IW_SLC__1SDV_20220918.SAFE"
    (root / "annotation" / "calibration").mkdir(parents=True)
    (root / "measurement").mkdir()
    (root / "annotation" / f"{NAME}.xml").write_bytes((source / f"{NAME}.xml").read_bytes())
    vectors = "".join(VECTOR.format(line, 300 + line / 100, 310, 330) for line in (-100, 5000, 20000))
    (root / "annotation" / "calibration" / f"calibration-{NAME}.xml").write_text(CALIBRATION.format(vectors))
    shape = len(note.bursts) * note.lines, note.samples
    profile = {"driver": "GTiff", "height": shape[0], "width": shape[1], "count": 1, "dtype": "complex_int16"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        file = rasterio.open(root / "measurement" / f"{NAME}.tiff", "w", **profile, tiled=True, sparse_ok=True)
        file.write(crop, 1, window=rasterio.windows.Window(COL, BURST * note.lines + ROW, *crop.shape[::-1]))
        file.close()
    return root


def test_the_annotation_says_what_the_product_is(note):
    assert (note.mission, note.swath, note.polarisation, note.orbit_direction) == ("S1A", "IW3", "VV", "descending")
    assert (len(note.bursts), note.lines, note.samples) == (9, 1514, 24203)
    assert str(note.date) == "2022-09-18"
    assert note.wavelength == pytest.approx(0.0554658, abs=1e-7)
    assert note.bursts[0].first_valid[:26].max() == -1
    assert note.bursts[0].first_valid[26] == 312


def test_its_own_geolocation_agrees_with_orbit_and_grid(note):
    """Longer than its grid of the first burst, as azimuth times run on."""
    points = note.geolocation
    whole = replace(note.radar_grid(0), shape=(len(note.bursts) * note.lines, note.samples))
    rows, cols = geo2rdr(points["latitude"], points["longitude"], points["height"], orbit=note.orbit, radar_grid=whole)
    assert abs(cols - points["pixel"]).max() < 0.01
    burst = np.clip(points["line"] // note.lines, 0, len(note.bursts) - 1).astype(int)
    begins = np.array([item.azimuth_time for item in note.bursts])[burst]
    time = begins + (points["line"] - burst * note.lines) * note.azimuth_interval
    assert abs(whole.azimuth_time + rows * whole.azimuth_interval - time).max() < 0.2 * note.azimuth_interval


def test_the_carrier_of_real_pixels_comes_off(note, crop):
    pixels = crop.astype(np.complex64)
    row, col = ROW + np.arange(pixels.shape[0])[:, None], COL + np.arange(pixels.shape[1])
    still = (pixels * np.exp(-1j * note.carrier(BURST)(row, col))).astype(np.complex64)

    def likeness(image):
        return abs((image[1:] * image[:-1].conj()).sum()) / (abs(image) ** 2).sum()

    # 327 Hz of processed band at 486 lines a second leave neighbours alike, once the sweep is gone.
    assert likeness(pixels) < 0.1
    assert likeness(still) > 0.6
    before, after = ([doppler_centroid(image[k : k + 150]) for k in range(0, 450, 150)] for image in (pixels, still))
    assert np.ptp(before) > 0.3
    assert max(abs(np.array(after))) < 0.03


def test_resampling_with_the_carrier_moves_real_pixels(note, crop):
    pixels = crop.astype(np.complex64)[:, :200]
    carrier = note.carrier(BURST)

    def here(row, col):
        return carrier(row + ROW, col + COL)

    back = resample(resample(pixels, azimuth_offset=0.5, carrier=here), azimuth_offset=-0.5, carrier=here)
    measured = resample(resample(pixels, azimuth_offset=0.5), azimuth_offset=-0.5)
    without = resample(resample(pixels, azimuth_offset=0.5, doppler=0.0), azimuth_offset=-0.5, doppler=0.0)
    inner = (slice(10, -10), slice(0, None))
    scores = [
        abs(np.vdot(image[inner], pixels[inner])) / np.linalg.norm(image[inner]) / np.linalg.norm(pixels[inner])
        for image in (back, measured, without)
    ]
    assert min(scores[:2]) > 0.99
    assert scores[2] < 0.97


@pytest.mark.parametrize("form", ["folder", "zip"])
def test_pixels_of_a_burst(safe, crop, note, form, tmp_path):
    path = safe
    if form == "zip":
        path = tmp_path / "product.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for file in safe.rglob("*"):
                archive.write(file, file.relative_to(safe.parent))
    swath = open_safe(path, swath="IW3", polarisation="VV")
    part = swath.burst(BURST, slice(ROW + 3, ROW + 90), slice(COL + 5, COL + 60))
    assert part.dtype == np.complex64
    np.testing.assert_array_equal(part, crop[3:90, 5:60].astype(np.complex64))
    edge = swath.burst(0, slice(20, 30), slice(300, 320))
    assert np.isnan(edge[:6]).all()
    np.testing.assert_array_equal(np.isnan(edge[6]), np.arange(300, 320) < 312)
    with pytest.raises(IndexError):
        swath.burst(9)


def test_calibration_is_bilinear_between_its_tables(safe, note):
    swath = open_safe(safe, swath="iw3", polarisation="vv")
    factor = swath.calibration_factor(BURST)
    assert factor.shape == (note.lines, note.samples)
    line = BURST * note.lines + 40
    first = np.interp(line, [-100, 5000, 20000], [299.0, 350.0, 500.0])
    assert factor[40, 0] == pytest.approx(first, rel=1e-12)
    assert factor[40, 5000] == pytest.approx((first + 310) / 2, rel=1e-12)
    assert (swath.calibration_factor(0, "gamma") == 2).all()
    with pytest.raises(ValueError, match="kind must be one of sigma, beta, gamma, got 'dn'"):
        swath.calibration_factor(0, "dn")


def test_bursts_are_joined_in_the_middle_of_their_overlap(note, monkeypatch):
    from m3leo_sar.io.sentinel1.safe import SafeSwath

    bursts = tuple(
        replace(burst, first_valid=np.minimum(burst.first_valid, 0), last_valid=np.minimum(burst.last_valid, 4))
        for burst in note.bursts
    )
    small = replace(note, samples=5, bursts=bursts)
    swath = SafeSwath(small, "", b"")

    def numbered(self, index, rows=slice(None), cols=slice(None)):
        return np.repeat((1000 * index + np.arange(small.lines)[rows])[:, None], 5, axis=1).astype(np.complex64)

    monkeypatch.setattr(SafeSwath, "burst", numbered)
    joined = swath.deburst().real
    starts = [round((b.azimuth_time - small.bursts[0].azimuth_time) / small.azimuth_interval) for b in small.bursts]
    assert joined.shape == (starts[-1] + small.lines, 5)
    known = ~np.isnan(joined[:, 0])
    # One stretch of valid rows, from the first burst's first to the last one's last.
    assert np.flatnonzero(known)[0] == 26
    assert known[np.flatnonzero(known)[0] : np.flatnonzero(known)[-1]].all()
    # Row k of the image is row k - start of its burst, whichever burst that is.
    row = np.flatnonzero(known)
    burst = np.round((joined[known, 0] - row + np.array(starts)[:, None] - 1000 * np.arange(9)[:, None]) == 0).argmax(0)
    np.testing.assert_array_equal(joined[known, 0], 1000 * burst + row - np.array(starts)[burst])
    assert (np.diff(burst) >= 0).all()
    assert set(burst) == set(range(9))
    # The seam lies in the middle of what both bursts have valid.
    for index in range(8):
        seam = row[np.flatnonzero(burst == index)[-1]] + 1
        last = starts[index] + np.flatnonzero(note.bursts[index].first_valid >= 0)[-1]
        first = starts[index + 1] + np.flatnonzero(note.bursts[index + 1].first_valid >= 0)[0]
        assert first < seam <= last
        assert abs(seam - (first + last) / 2) <= 1


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text[: len(text) // 2], "is not XML"),
        (lambda text: text.replace(b"<productType>SLC", b"<productType>GRD"), "must be SLC and IW, got GRD and IW"),
        (lambda text: re.sub(rb"<orbitList.*</orbitList>", b"", text, flags=re.DOTALL), "orbitList is missing"),
        (
            lambda text: text.replace(b"<linesPerBurst>1514", b"<linesPerBurst>1513"),
            "one entry per line, 1513, got 1514",
        ),
        (
            lambda text: text.replace(b"<radarFrequency>5.4", b"<radarFrequency>five"),
            "could not convert string to float",
        ),
        (lambda text: text.replace(b"<product>", b'<!DOCTYPE a [<!ENTITY b "c">]><product>', 1), "no document type"),
        (lambda text: b"", "is not XML"),
    ],
)
def test_damaged_annotations_are_named(source, damage, message):
    with pytest.raises(ValueError, match=message):
        read_annotation(damage((source / f"{NAME}.xml").read_bytes()))


def test_damaged_products_are_named(safe, tmp_path, note):
    import shutil

    with pytest.raises(FileNotFoundError, match="there is no product"):
        open_safe(tmp_path / "none.SAFE", swath="IW3", polarisation="VV")
    with pytest.raises(ValueError, match="must hold one file of this swath and polarisation in annotation, got 0"):
        open_safe(safe, swath="IW1", polarisation="VV")
    (tmp_path / "bad.zip").write_bytes(b"PK no zip")
    with pytest.raises(ValueError, match="bad.zip must be a SAFE folder or a zip of one"):
        open_safe(tmp_path / "bad.zip", swath="IW3", polarisation="VV")
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        archive.writestr("../outside.xml", "x")
    with pytest.raises(ValueError, match="holds a name that leads out of it"):
        open_safe(tmp_path / "evil.zip", swath="IW3", polarisation="VV")
    copy = tmp_path / "copy.SAFE"
    shutil.copytree(safe, copy)
    measurement = copy / "measurement" / f"{NAME}.tiff"
    whole = measurement.read_bytes()
    measurement.write_bytes(whole[: len(whole) - 100_000])
    with pytest.raises(ValueError, match="is cut short or damaged, lines 716 to 1216 of burst 6 cannot be read"):
        open_safe(copy, swath="IW3", polarisation="VV").burst(BURST, slice(ROW, ROW + 500), slice(COL, COL + 1400))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        profile = {"driver": "GTiff", "height": 40, "width": 50, "count": 1, "dtype": "complex_int16"}
        rasterio.open(measurement, "w", **profile).close()
    with pytest.raises(
        ValueError, match=r"must have the \(13626, 24203\) pixels that its annotation specifies, got \(40, 50\)"
    ):
        open_safe(copy, swath="IW3", polarisation="VV").burst(0)
    manifest = '<x xmlns:safe="http://www.esa.int/safe/sentinel-1.0"><safe:software {}/></x>'
    for reported in (
        'name="Sentinel-1 IPF" version="003.52"',
        "version='004.03' name='Sentinel-1 IPF'",
        'name="" version=""',
        'version="001.70" name="Sentinel-1 IPF"',
    ):
        # No version is refused: an annotation is judged by what it lacks.
        (copy / "manifest.safe").write_text(manifest.format(reported))
        assert open_safe(copy, swath="IW3", polarisation="VV").annotation.swath == "IW3"
    (copy / "manifest.safe").unlink()
    measurement.unlink()
    with pytest.raises(ValueError, match="in measurement, got 0"):
        open_safe(copy, swath="IW3", polarisation="VV")
