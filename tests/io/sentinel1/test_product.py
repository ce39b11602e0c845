"""Products as bursts: real ones without pixels, small ones with pixels, and sentences about those that do not fit."""

from __future__ import annotations

import datetime
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import tiny_safe
from tiny_safe import LINES, SAMPLES, write_safe

from m3leo_sar.grid.burst_identifier import BurstIdentifier
from m3leo_sar.io.sentinel1 import burst_pixels
from m3leo_sar.io.sentinel1.burst_lines import BurstLines
from m3leo_sar.io.sentinel1.product import find_products, open_product, read_bursts
from m3leo_sar.warp.geo2rdr import geo2rdr


@pytest.fixture(scope="module")
def real(shared_data):
    return {product.name[4:33]: product for product in find_products(shared_data / "s1-safe-metadata")}


def test_real_products_are_found_with_their_bursts(real):
    facts = sorted(
        (product.start.date().isoformat(), product.mission, product.track, product.direction, product.processor,
         len(product.bursts), str(product.bursts[0].identifier))
        for product in real.values()
    )  # fmt: skip
    assert facts == [
        ("2018-06-28", "S1B", 174, "descending", "002.91", 1, "T174-372326-IW3"),
        ("2019-07-05", "S1B", 174, "descending", "003.10", 1, "T174-372326-IW3"),
        ("2023-09-04", "S1A", 52, "descending", "003.61", 27, "T052-110431-IW1"),
        ("2023-09-16", "S1A", 52, "descending", "003.61", 27, "T052-110431-IW1"),
        ("2025-04-06", "S1A", 108, "ascending", "003.91", 27, "T108-230132-IW1"),
        ("2025-04-18", "S1A", 108, "ascending", "003.91", 27, "T108-230132-IW1"),
    ]
    for product in real.values():
        assert (product.polarisations, product.orbit_source) == (("VV",), "Auxiliary")
        assert product.name.endswith(("DAA1", "6814", "93A7", "C7D4", "33AD", "26ED"))


def test_annotated_identifiers_are_those_that_are_computed(real):
    from m3leo_sar.grid.burst_identifier import burst_identifier

    for product in real.values():
        for burst in product.bursts:
            note = burst.annotation
            computed = burst_identifier(
                burst.sensing_start, ascending_node=note.ascending_node, track=product.track, swath=burst.swath,
                product_start=product.start,
            )  # fmt: skip
            assert computed == burst.identifier


def test_bursts_and_swaths_of_real_products_lie_on_one_lattice(real):
    """Joining the swaths is placing them by whole lines and samples."""
    for product in real.values():
        first = product.bursts[0]
        seconds = [(burst.start - first.start).total_seconds() for burst in product.bursts]
        # A microsecond of the annotation is 0.0005 line.
        lines = np.array(seconds) / first.annotation.azimuth_interval
        assert abs(lines - np.round(lines)).max() < 0.001
        columns = [
            (burst.annotation.range_time - first.annotation.range_time) / first.annotation.range_interval
            for burst in product.bursts
        ]
        assert abs(np.array(columns) - np.round(columns)).max() < 1e-6
    assert sorted({round(one) for one in columns}) in ([0], [0, 19918, 43757], [0, 19942, 43812])


def test_the_annotation_has_what_timing_needs(real):
    product = next(product for product in real.values() if product.track == 52)
    by_swath = {burst.swath: burst.annotation for burst in product.bursts}
    assert [(note.rank, round(note.prf, 1)) for note in by_swath.values()] == [(9, 1717.1), (8, 1451.6), (10, 1685.8)]
    assert by_swath["IW1"].pulse_ramp_rate == pytest.approx(1.078e12, rel=1e-3)
    assert all(note.is_bistatic_corrected for note in by_swath.values())
    assert product.bursts[0].annotation.ascending_node == datetime.datetime(2023, 9, 4, 5, 56, 46, 992390)


def test_grids_of_the_three_swaths_state_one_middle_of_the_bistatic_correction(real):
    """Their times are those of the bursts, and half of the range time beyond the middle of IW2."""
    product = next(product for product in real.values() if product.name.endswith("DAA1"))
    notes = {burst.swath: burst.annotation for burst in product.bursts}
    for note in notes.values():
        points = note.geolocation
        index = np.clip(points["line"] // note.lines, 0, len(note.bursts) - 1).astype(int)
        begins = np.array([burst.azimuth_time for burst in note.bursts])[index]
        beyond = points["azimuth_time"] - begins - (points["line"] - index * note.lines) * note.azimuth_interval
        slope, offset = np.polyfit(points["range_time"], beyond, 1)
        assert slope == pytest.approx(0.5, abs=5e-4)
        assert -offset / slope == pytest.approx(5.85535e-3, abs=4e-7)
    middle = notes["IW2"].range_time + notes["IW2"].samples / 2 * notes["IW2"].range_interval
    assert middle == pytest.approx(5.8527e-3, abs=1e-7)


def test_grids_of_recent_processors_agree_with_orbit_and_ranges(real):
    """ESA's own geolocation, at the times and ranges that it states: a microsecond is 0.0005 line."""
    swaths = {id(burst.annotation): burst.annotation for product in real.values() if product.mission == "S1A"
              for burst in product.bursts}  # fmt: skip
    assert len(swaths) == 12
    for note in swaths.values():
        points = note.geolocation
        whole = replace(note.radar_grid(0), shape=(len(note.bursts) * note.lines, note.samples))
        rows, cols = geo2rdr(
            points["latitude"], points["longitude"], points["height"], orbit=note.orbit, radar_grid=whole
        )
        lines = (points["azimuth_time"] - whole.azimuth_time) / note.azimuth_interval
        assert abs(rows - lines).max() < 2 * 0.00116
        # Not the pixel, from which the range of the last line of points differs by up to 0.002.
        columns = (points["range_time"] - note.range_time) / note.range_interval
        assert abs(cols - columns).max() < 2 * 8.5e-6


def test_products_without_pixels_say_so(real):
    burst = next(product for product in real.values() if product.track == 52).bursts[0]
    with pytest.raises(ValueError, match="has no measurement of IW1 VV, only its annotation"):
        burst.read()
    with pytest.raises(ValueError, match="has no measurement of IW1 VV"):
        next(read_bursts([burst]))


def test_old_processors_have_polynomials_of_another_form_and_no_identifiers(tmp_path):
    facts = {"processor": "002.36", "annotated": False, "is_old": True}
    product = open_product(write_safe(tmp_path, swaths={"IW2": [110437, 110438]}, **facts))
    assert product.bursts[0].carrier.fm_rate.coefficients == (-2330.0, 450000.0, -7e7)
    assert [burst.identifier.number for burst in product.bursts] == [110437, 110438]


@pytest.mark.parametrize("form", ["folder", "zip", "deflated zip of a compressed tiff"])
def test_pixels_of_bursts_in_file_order(tmp_path, form):
    product = open_product(
        write_safe(
            tmp_path, swaths={"IW1": [110431, 110432, 110433], "IW3": [110430, 110431]}, polarisations=("VH", "VV"),
            as_zip=form != "folder", compress="deflate" if "tiff" in form else None,
        )
    )  # fmt: skip
    assert product.polarisations == ("VV", "VH")
    assert len(product.bursts) == 10
    assert all(burst.is_in_zip == (form != "folder") for burst in product.bursts)
    seen = []
    for burst, found in read_bursts(reversed(product.bursts)):
        numbers = {"IW1": [110431, 110432, 110433], "IW3": [110430, 110431]}[burst.swath]
        rows = slice(burst.index * LINES, (burst.index + 1) * LINES)
        expected = tiny_safe.pixels(burst.swath, burst.polarisation, numbers)[rows].copy()
        expected[0], expected[7:], expected[:, :2], expected[:, SAMPLES - 2 :] = (np.nan,) * 4
        np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
        inside = ~np.isnan(expected)
        np.testing.assert_array_equal(found[inside], expected[inside])
        assert found.dtype == np.complex64
        np.testing.assert_array_equal(burst.read(slice(2, 5)), found[2:5])
        low, high = burst.valid[3]
        assert inside[3].nonzero()[0].tolist() == list(range(low, high + 1))
        seen.append((burst.measurement, burst.index))
    assert seen == sorted(seen)
    for burst in product.bursts[:2]:
        found, lines = burst.read(), BurstLines(burst)
        stored = lines[:]
        assert (lines.shape, lines.dtype, lines.ndim) == (stored.shape, stored.dtype, 3)
        for some in (slice(2, 5), slice(None, None, 3), slice(4, 4)):
            np.testing.assert_array_equal(lines[some], stored[some])
        assert (stored.shape, stored.dtype) == ((LINES, SAMPLES, 2), np.int16)
        np.testing.assert_array_equal(stored[np.isnan(found)], -32768)
        np.testing.assert_array_equal(stored[~np.isnan(found)].astype(float) @ [1, 1j], found[~np.isnan(found)])


def test_a_swath_is_opened_once_for_all_of_its_bursts(tmp_path, monkeypatch):
    from m3leo_sar.io.sentinel1 import product as module

    product = open_product(
        write_safe(tmp_path, swaths={"IW1": [110435, 110436, 110437], "IW2": [110435, 110436]}, as_zip=True)
    )
    opened = []

    def counted(name, note):
        opened.append(name)
        return burst_pixels.open_measurement(name, note)

    monkeypatch.setattr(module, "open_measurement", counted)
    assert len(list(read_bursts(product.bursts))) == 5
    assert len(opened) == 2


def test_repacked_bursts_with_empty_lists_and_fields(tmp_path, real):
    repacked = [product for product in real.values() if product.mission == "S1B"]
    assert [[burst.swath for burst in product.bursts] for product in repacked] == [["IW3"], ["IW3"]]
    # The manifest has the start of the whole slice, the product that of its burst.
    assert repacked[0].start.isoformat() == "2018-06-28T15:15:55.501598"
    root = write_safe(tmp_path, swaths={"IW1": [], "IW2": [110430, 110431], "IW3": []}, polarisations=("HH", "HV"))
    product = open_product(root)
    assert {burst.swath for burst in product.bursts} == {"IW2"}
    assert product.polarisations == ("HH", "HV")
    with pytest.raises(ValueError, match=r"has no burst in IW1 VV/VH/HH/HV: the lists of bursts are empty"):
        open_product(root, swaths=["IW1"])
    with pytest.raises(ValueError, match=r"has no IW2 VV, it has IW1 HH, IW1 HV, IW2 HH"):
        open_product(root, swaths=["IW2"], polarisations=["VV"])


def edit(root, file, old, new):
    path = next(root.glob(file))
    content = path.read_text()
    assert old in content
    path.write_text(content.replace(old, new))


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("manifest.safe", 'type="start">52', 'type="start">53', "track 53 of manifest.safe has burst 1125"),
        ("manifest.safe", "safe:relativeOrbitNumber", "safe:gone", "of S1A.*must state relativeOrbitNumber"),
        ("annotation/*.xml", "<burstId>110442<", "<burstId>110443<", "IW2 VV: burst identifiers must rise by 1"),
        ("annotation/*.xml", "<absoluteOrbitNumber>50174", "<absoluteOrbitNumber>", "absoluteOrbitNumber is missing"),
        ("annotation/*.xml", "<ascendingNodeTime>2023", "<ascendingNodeTime>x", "the annotation of an IW SLC product"),
        ("annotation/*.xml", "<swath>IW2", "<swath>IW1", "must be of IW2 VV, got IW1 VV"),
    ],
)  # fmt: skip
def test_damage_is_named(tmp_path, file, old, new, message):
    root = write_safe(tmp_path, swaths={"IW2": [110441, 110442]})
    edit(root, file, old, new)
    with pytest.raises(ValueError, match=message):
        open_product(root)


def test_missing_parts_are_named(tmp_path):
    root = write_safe(tmp_path, swaths={"IW2": [110441, 110442]})
    for entry, message in (("sensingTime", "burst 0 has no sensingTime"), ("ascendingNodeTime", "Time is missing")):
        path = next((root / "annotation").glob("*.xml"))
        before = path.read_text()
        path.write_text(before.replace(f"<{entry}>", "<gone>").replace(f"</{entry}>", "</gone>"))
        with pytest.raises(ValueError, match=message):
            open_product(root)
        path.write_text(before)
    burst = open_product(root).bursts[0]
    tiny_safe.write_pixels(next((root / "measurement").glob("*")), np.ones((4, 5), np.complex64))
    with pytest.raises(
        ValueError, match=r"must have the \(18, 14\) pixels that its annotation specifies, got \(4, 5\)"
    ):
        burst.read()
    (root / "partial_download.yml").write_text("bursts: [1]")
    with pytest.raises(ValueError, match="is a part of a product .partial_download.yml.: its measurements have fewer"):
        open_product(root)
    (root / "partial_download.yml").unlink()
    (root / "manifest.safe").unlink()
    with pytest.raises(ValueError, match=r"must hold manifest.safe: the track .relativeOrbitNumber. is stated there"):
        open_product(root)


def test_places_without_a_product_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no product or folder"):
        find_products(tmp_path / "none")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "note.txt").write_text("x")
    with pytest.raises(ValueError, match=r"there is no Sentinel-1 product .* in .*other"):
        find_products(tmp_path / "other")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a/manifest.safe", "<x/>")
        archive.writestr("b/manifest.safe", "<x/>")
    with pytest.raises(ValueError, match="must hold one product, it holds 2 files manifest.safe"):
        open_product(tmp_path / "a.zip")
    # One that is named as a product is reported; others are passed over.
    (tmp_path / "S1A_IW_SLC__1SDV.zip").write_bytes(b"PK half a download")
    (tmp_path / "letters.zip").write_bytes(b"PK no zip")
    (tmp_path / "a.zip").unlink()
    with pytest.raises(ValueError, match="S1A_IW_SLC__1SDV.zip must be a SAFE folder or a zip of one"):
        find_products(tmp_path)


def test_products_are_found_in_folders_zips_and_by_their_manifest(tmp_path):
    one = write_safe(tmp_path / "deep" / "er", swaths={"IW1": [110435]})
    write_safe(tmp_path / "zips", swaths={"IW1": [110436]}, as_zip=True, seed=1)
    write_safe(tmp_path / "zips", swaths={"IW2": [110436]}, seed=2)
    found = find_products(tmp_path, swaths=["IW1"])
    assert [str(burst.identifier) for product in found for burst in product.bursts] == [
        "T052-110435-IW1",
        "T052-110436-IW1",
    ]
    assert find_products([one / "manifest.safe"])[0].path == one
    assert len(find_products([tmp_path, one])) == 3


def test_the_orbit_of_the_satellite_is_refused(tmp_path):
    burst = open_product(write_safe(tmp_path, swaths={"IW1": [110435]}, orbit_source="Downlink")).bursts[0]
    with pytest.raises(ValueError, match=r"has the orbit of the satellite's navigation .orbitSource Downlink."):
        burst.annotated_orbit()
    burst = open_product(write_safe(tmp_path, swaths={"IW1": [110435]}, seed=3)).bursts[0]
    assert burst.annotated_orbit().time.size == 16


def test_a_burst_and_its_parts(tmp_path):
    burst = open_product(write_safe(tmp_path, swaths={"IW1": [110431]}, mission="S1D")).bursts[0]
    assert (burst.identifier, burst.mission) == (BurstIdentifier(52, 110431, "IW1"), "S1D")
    assert burst.radar_grid.shape == burst.shape == (LINES, SAMPLES)
    assert burst.start.isoformat() == "2023-09-04T06:37:31.220799"
    assert (burst.stop - burst.start).total_seconds() == pytest.approx((LINES - 1) * 0.0020555563, abs=1e-6)
    assert burst.wavelength == pytest.approx(0.0554658, abs=1e-6)
    assert "T052-110431-IW1, VV, 2023-09-04T06:37:31" in repr(burst)
