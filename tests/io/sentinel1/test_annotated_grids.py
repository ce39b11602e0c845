"""Grids that annotations state, where they are geometry, and where they are not."""

from __future__ import annotations

import gzip
from dataclasses import replace

import numpy as np
import pytest

from m3leo_sar.io.sentinel1.annotation import read_annotation
from m3leo_sar.io.sentinel1.product import open_product
from m3leo_sar.warp.geo2rdr import geo2rdr


def difference(note):
    """Lines and columns from the place that a grid states to the place by orbit and range."""
    points = note.geolocation
    whole = replace(note.radar_grid(0), shape=(len(note.bursts) * note.lines, note.samples))
    rows, cols = geo2rdr(points["latitude"], points["longitude"], points["height"], orbit=note.orbit, radar_grid=whole)
    lines = (points["azimuth_time"] - whole.azimuth_time) / note.azimuth_interval
    return abs(rows - lines), abs(cols - (points["range_time"] - note.range_time) / note.range_interval)


def test_the_grid_of_a_recent_processor_agrees_with_orbit_and_ranges(shared_data):
    """Section 2.2: 0.00116 line and 8.5e-6 column."""
    path = next((shared_data / "s1-ipf-annotations").glob("003.80_*"))
    lines, columns = difference(read_annotation(gzip.decompress(path.read_bytes())))
    assert lines.max() < 2 * 0.00116
    assert columns.max() < 2 * 8.5e-6


@pytest.mark.parametrize("name", ["S1B_IW_SLC__1SSV_20180628*", "S1B_IW_SLC__1SSV_20190705*"])
def test_grids_of_repacked_bursts_are_not_taken_as_geometry(shared_data, name):
    """They are off by up to 130 columns and 1404 lines; orbit and burst times are whole."""
    product = open_product(next((shared_data / "s1-safe-metadata").glob(name)))
    lines, columns = difference(product.bursts[0].annotation)
    assert max(np.nanmax(lines), np.nanmax(columns)) > 10
    assert product.bursts[0].radar_grid.shape == product.bursts[0].shape
