"""Frames of one pass as one stack: lazy, in any order, overlapping or side by side."""

from __future__ import annotations

import datetime
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from m3leo_sar import GeoBox, SlcStack
from m3leo_sar.stack.frame_join import join_frames
from m3leo_sar.stack.geometry import RadarGeometry

DATES = [datetime.date(2023, 3, 1), datetime.date(2023, 3, 13)]
BOX = GeoBox.from_bounds((680_000, 5_500_000, 680_370, 5_500_230), shape=(23, 37), crs="EPSG:32631")
WHOLE = np.random.default_rng(3).standard_normal((2, 23, 37, 2)).astype("f4").view("c8")[..., 0]


def frame(rows: slice, cols: slice, dates=DATES, reads=None, **facts) -> SlcStack:
    indices = [DATES.index(date) for date in dates]
    pixels = WHOLE[indices][:, rows, cols].copy()
    facts = {"name": f"rows {rows.start} to {rows.stop}", "track": 37, **facts}
    stack = SlcStack.from_arrays(pixels, dates, geometry=BOX.crop(rows, cols), polarisation="VV", **facts)

    def read(index, some_rows, some_cols):
        if reads is not None:
            reads.append(rows.start)
        return stack.read(index, some_rows, some_cols)

    return replace(stack, read=read)


@given(
    order=st.permutations(range(3)),
    cuts=st.tuples(st.integers(1, 10), st.integers(11, 22)),
    overlap=st.integers(0, 4),
    part=st.tuples(st.integers(0, 21), st.integers(1, 23), st.integers(0, 35), st.integers(1, 37)),
)
@settings(max_examples=25, deadline=None)
def test_a_mosaic_of_any_cut_and_order_is_the_whole(order, cuts, overlap, part):
    edges = (0, *cuts, 23)
    frames = [frame(slice(max(0, edges[index] - overlap), edges[index + 1]), slice(0, 37)) for index in range(3)]
    joined = join_frames([frames[index] for index in order])
    assert (joined.geometry, joined.dates) == (BOX, tuple(DATES))
    rows = slice(part[0], min(23, part[0] + part[1]))
    cols = slice(part[2], min(37, part[2] + part[3]))
    np.testing.assert_array_equal(joined.window(rows, cols), WHOLE[:, rows, cols])


def test_only_frames_under_a_window_are_read():
    reads: list[int] = []
    joined = join_frames(
        [frame(slice(0, 9), slice(0, 37), reads=reads), frame(slice(9, 23), slice(0, 37), reads=reads)]
    )
    assert not reads
    joined.window(slice(10, 12), slice(3, 5))
    assert set(reads) == {9}


def test_a_date_that_a_frame_lacks_has_no_data_there():
    upper, lower = frame(slice(0, 14), slice(0, 37)), frame(slice(8, 23), slice(5, 30), dates=DATES[1:])
    window = join_frames([lower, upper]).window()
    expected = np.full_like(WHOLE, np.nan)
    expected[:, :14] = WHOLE[:, :14]
    expected[1, 8:, 5:30] = WHOLE[1, 8:, 5:30]
    np.testing.assert_array_equal(window, expected)


def test_overlapping_frames_fill_each_others_holes():
    pixels = WHOLE[:, :14].copy()
    pixels[0, 9:12, 3:6] = np.nan
    upper = SlcStack.from_arrays(
        pixels, DATES, geometry=BOX.crop(slice(0, 14), slice(0, 37)), polarisation="VV", track=37
    )
    joined = join_frames([frame(slice(8, 23), slice(0, 37)), upper])
    np.testing.assert_array_equal(joined.window(), WHOLE)


def test_times_and_platforms_are_those_of_the_pass():
    times = [[datetime.datetime.combine(date, datetime.time(5, 44, second)) for date in DATES] for second in (1, 26)]
    upper = frame(slice(0, 9), slice(0, 37), times=tuple(times[1]), platforms=(None, "S1C"))
    lower = frame(slice(9, 23), slice(0, 37), times=tuple(times[0]), platforms=("S1A", "S1C"))
    joined = join_frames([upper, lower])
    assert (joined.times, joined.platforms) == (tuple(times[0]), ("S1A", "S1C"))
    assert join_frames([frame(slice(0, 9), slice(0, 37)), lower]).times is None


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (lambda one: replace(one, track=38), "frames must be of one track, .* is of 37, .* of 38"),
        (
            lambda one: replace(
                one, geometry=replace(one.geometry, affine=BOX.affine.translation(0.4, 0) @ BOX.affine)
            ),
            "one grid",
        ),
        (lambda one: replace(one, geometry=replace(one.geometry, crs="EPSG:32632")), "one grid of pixels"),
        (lambda one: replace(one, geometry=RadarGeometry(*np.ones((2, 14, 37)))), "is in radar geometry"),
    ],
)
def test_what_is_not_one_mosaic_is_refused(other, message):
    one = frame(slice(0, 9), slice(0, 37))
    with pytest.raises(ValueError, match=message):
        join_frames([one, other(frame(slice(9, 23), slice(0, 37)))])
    with pytest.raises(ValueError, match="at least one frame, got none"):
        join_frames([])
