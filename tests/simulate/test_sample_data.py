"""The sample data that come with the package."""

from __future__ import annotations

import contextlib

import numpy as np

from m3leo_sar import Pair, Window, coherence, sample_data


def test_the_tile_lies_on_the_stack_with_room_for_windows():
    stack, tile, land_cover, flooded, scene = sample_data()
    left, bottom, right, top = tile.geobox.bounds
    wide = stack.geometry.bounds
    assert wide == (left - 320, bottom - 320, right + 320, top + 320)
    assert stack.geometry.crs == tile.geobox.crs == scene.geobox.crs
    assert land_cover.shape == flooded.shape == stack.geometry.shape
    assert (land_cover.dtype, flooded.dtype) == (np.uint8, bool)


def test_it_is_made_once_and_cannot_be_spoiled():
    stack = sample_data().stack
    assert sample_data().stack is stack
    part = slice(3, 5), slice(7, 10)
    before = stack.window(*part).copy()
    stack.window()[:] = 0
    with contextlib.suppress(ValueError):  # read-only
        stack.read(0, *part)[:] = 0
    np.testing.assert_array_equal(stack.window(*part), before)


def test_coherence_follows_the_truth_before_and_across_the_flood():
    stack, _, _, flooded, scene = sample_data()
    days = stack.dates
    split = next(number for number, date in enumerate(days) if date >= scene.event.date)
    part = slice(60, 260), slice(40, 290)
    images = stack.crop(*part).window()
    for first, second in ((0, 2), (split - 1, split)):
        truth = scene.true_coherence(Pair(days[first], days[second]), *part)
        found = coherence(images[first], images[second], window=Window(rows=9, cols=9))
        # Inside patches, where bias is small: the spread of 81 looks is below 0.06.
        inside = (truth > 0.5) & (abs(truth - np.roll(truth, 12, 0)) + abs(truth - np.roll(truth, 12, 1)) == 0)
        assert abs((found - truth)[inside].mean()) < 0.05
    assert 0.02 < flooded.mean() < 0.5
