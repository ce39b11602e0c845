"""Stacks that are not flat are reported where a window averages their phase."""

from __future__ import annotations

import datetime
from dataclasses import replace

import numpy as np
import pytest

from m3leo_sar import GeoBox, SlcStack, Window
from m3leo_sar.io.stacks.zarr_stack import read_stack, write_stack
from m3leo_sar.products.flattening import is_flat, warn_unless_flat, with_word
from m3leo_sar.stack.burst_set import BurstSet
from m3leo_sar.stack.geometry import RadarGeometry
from m3leo_sar.stack.stack_join import join_polarisations

BOX = GeoBox.from_bounds((680_000, 5_500_000, 680_450, 5_500_310), shape=(31, 90), crs="EPSG:32631")
DATES = [datetime.date(2023, 3, day) for day in (1, 13)]


def stack_on(geometry, **facts) -> SlcStack:
    return SlcStack.from_arrays(
        np.ones((2, *BOX.shape), "complex64"), DATES, geometry=geometry, **{"polarisation": "VV", **facts}
    )


@pytest.fixture
def radar() -> RadarGeometry:
    longitude, latitude = BOX.transformer_to("EPSG:4326").transform(*BOX.centres())
    return RadarGeometry(latitude, longitude)


def test_a_radar_stack_without_a_word_is_unknown_and_one_on_a_map_is_flat(radar):
    assert is_flat(stack_on(BOX)) is True
    assert is_flat(stack_on(radar)) is None
    assert is_flat(stack_on(radar, flattened=True)) is True
    assert is_flat(stack_on(BOX, flattened=False)) is False
    bursts = BurstSet.of([stack_on(radar, burst="a", flattened=True), stack_on(radar, burst="b", flattened=True)])
    assert is_flat(bursts) is True


def test_a_window_over_a_stack_that_is_not_flat_is_reported(radar):
    window = Window(rows=5, cols=20)
    with pytest.warns(
        UserWarning, match=r"in radar geometry and does not state whether .* window of 5 x 20 .* by a third"
    ):
        warn_unless_flat(stack_on(radar), window)
    with pytest.warns(UserWarning, match="states that its dates are not flattened"):
        warn_unless_flat(stack_on(BOX, flattened=False), window)
    # One sample has no phase to average, and the caller's word counts.
    warn_unless_flat(stack_on(radar), Window(rows=1, cols=1))
    warn_unless_flat(with_word(stack_on(radar), True), window)
    warn_unless_flat(stack_on(BOX), window)
    with pytest.raises(ValueError, match="flattened must be False, as stack states, got True"):
        with_word(stack_on(radar, flattened=False), True)
    assert is_flat(with_word(stack_on(BOX), False)) is False


@pytest.mark.parametrize("word", [True, False, None])
def test_the_word_is_kept_on_disk_and_by_every_part(radar, tmp_path, word):
    stack = stack_on(radar, flattened=word)
    write_stack(stack, tmp_path / "stack")
    found = read_stack(tmp_path / "stack")
    assert found.flattened is word
    assert found.sel(dates=DATES[:1]).flattened is word
    assert found.crop(slice(0, 9), slice(0, 9)).flattened is word
    both = join_polarisations([stack, replace(stack, polarisation="VH")])
    assert both.flattened is word
    assert SlcStack.from_xarray(stack_on(BOX, flattened=word).to_xarray()).flattened is word
    if word is not None:
        with pytest.raises(ValueError, match="has flattened"):
            write_stack(stack_on(radar, flattened=not word), tmp_path / "stack")
        with pytest.raises(ValueError, match="flattened of stack must be"):
            join_polarisations([stack, stack_on(radar, polarisation="VH", flattened=not word)])
