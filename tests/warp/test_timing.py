"""Timing corrections: their sizes on a real annotation, their sign, and that they stay out of the phase."""

import numpy as np
import pytest

from m3leo_sar.io.files.plain_xml import parse_xml
from m3leo_sar.io.sentinel1.annotation import read_annotation
from m3leo_sar.warp.pixel_map import PixelMap
from m3leo_sar.warp.timing import TimingCorrection, timing_offsets, with_timing

#: Middle of IW2, as the geolocation grids of all three swaths of two dates show it.
MIDDLE = 5.8527e-3
#: What each swath adds to the annotated time at its first and last valid column, ms.
BISTATIC = {"iw1": (0.355, 0.511), "iw2": (0.241, 0.426), "iw3": (0.005, 0.182)}


@pytest.fixture(scope="module")
def swaths(shared_data, tmp_path_factory):
    import zipfile

    found = {}
    archive = next((shared_data / "s1-safe-metadata").glob("S1A*20230904*.zip"))
    with zipfile.ZipFile(archive) as product:
        for swath in BISTATIC:
            name = next(n for n in product.namelist() if f"/annotation/s1a-{swath}-slc-vv" in n and n.endswith(".xml"))
            found[swath] = read_annotation(product.read(name)), parse_xml(product.read(name), name)
    return found


def correction(swath, **options):
    annotation, root = swath
    downlink = root.find("generalAnnotation/downlinkInformationList/downlinkInformation")
    rank, prf = float(downlink.findtext("downlinkValues/rank")), float(downlink.findtext("prf"))
    chirp = float(downlink.findtext("downlinkValues/txPulseRampRate"))
    return TimingCorrection(MIDDLE, rank / prf, chirp, annotation.carrier(0), **options)


def offsets(swath, rows, cols, height=300.0, **options):
    annotation, _ = swath
    return timing_offsets(
        correction(swath, **options),
        rows=rows,
        cols=cols,
        height=height,
        orbit=annotation.orbit,
        radar_grid=annotation.radar_grid(0),
    )


def test_sizes_and_steps_between_swaths(swaths):
    for name, (near, far) in BISTATIC.items():
        annotation, _ = swaths[name]
        ends = annotation.bursts[0].first_valid[700], annotation.bursts[0].last_valid[700]
        found = offsets(swaths[name], 700.0, np.array(ends, float))
        seconds = found.rows * annotation.azimuth_interval
        # Added to the time of the image it gives that of the ground: ground appears earlier.
        np.testing.assert_allclose(-1e3 * seconds, [near, far], atol=0.006)
    delays = offsets(swaths["iw1"], 700.0, np.array([0.0, 21000.0])).cols
    assert 1.15 < delays.min() < delays.max() < 1.3
    assert 1.2 < offsets(swaths["iw3"], 700.0, 24000.0, 0.0).cols < 1.55
    # Less air above high ground.
    assert offsets(swaths["iw1"], 700.0, 0.0, 2500.0).cols < delays.min() - 0.2


def test_a_rising_chirp_at_a_higher_frequency_appears_nearer(swaths):
    for name, metres in (("iw1", 0.375), ("iw2", 0.438), ("iw3", 0.450)):
        annotation, _ = swaths[name]
        rows = np.array([0.0, annotation.lines - 1.0])
        middle = annotation.samples / 2
        found = offsets(swaths[name], rows, middle, troposphere=False).cols
        shift = found * annotation.radar_grid(0).range_spacing
        # The beam looks back at the start of a burst and ahead at its end.
        assert shift[0] == pytest.approx(metres, abs=0.03)
        assert shift[1] == pytest.approx(-metres, abs=0.03)


def test_positions_of_a_tile_move_by_the_offsets(swaths):
    annotation, _ = swaths["iw1"]
    rows, cols = np.full((3, 4), 500.0), np.full((3, 4), 9000.0)
    rows[0, 0] = np.nan
    positions = PixelMap(rows, cols, (1500, 21000), scale=(0.7, 2.0))
    place = {"orbit": annotation.orbit, "radar_grid": annotation.radar_grid(0)}
    height = np.full((3, 4), 120.0)
    moved = with_timing(positions, correction(swaths["iw1"]), height=height, **place)
    expected = offsets(swaths["iw1"], 500.0, 9000.0, 120.0)
    np.testing.assert_allclose(moved.rows[1:] - rows[1:], float(expected.rows))
    np.testing.assert_allclose(moved.cols[1:] - cols[1:], float(expected.cols))
    assert np.isnan(moved.rows[0, 0])
    assert (moved.source_shape, moved.scale) == ((1500, 21000), (0.7, 2.0))
    np.testing.assert_array_equal(positions.cols, cols)
