"""Stacks that are not flat are reported where a window averages their phase."""

from __future__ import annotations

import datetime
from dataclasses import replace

import numpy as np
import pytest

from m3leo_sar import GeoBox, Looks, SlcStack, Window, coherence, interferogram, tile_products
from m3leo_sar.doors import blocks
from m3leo_sar.io.stacks.zarr_stack import read_stack, write_stack
from m3leo_sar.products.flattening import with_word
from m3leo_sar.stack.burst_set import BurstSet
from m3leo_sar.stack.flatness import UnflattenedWarning, is_flat, warn_unless_flat
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
    window = (5, 20)
    with pytest.warns(
        UnflattenedWarning, match=r"in radar geometry and does not state whether .* window of 5 x 20 .* by a third"
    ):
        warn_unless_flat(stack_on(radar), window)
    with pytest.warns(UnflattenedWarning, match="states that its dates are not flattened"):
        warn_unless_flat(stack_on(BOX, flattened=False), window)
    # One sample has no phase to average, and the caller's word counts.
    warn_unless_flat(stack_on(radar), (1, 1))
    warn_unless_flat(with_word(stack_on(radar), True), window)
    warn_unless_flat(stack_on(BOX), window)
    with pytest.raises(ValueError, match="flattened must be False, as stack states, got True"):
        with_word(stack_on(radar, flattened=False), True)
    assert is_flat(with_word(stack_on(BOX), False)) is False


CALLS = {
    "coherence": lambda stack, **options: coherence(stack, pairs=[(0, 1)], window=Window(rows=3, cols=5), **options),
    "interferogram": lambda stack, **options: interferogram(
        stack, pairs=[(0, 1)], looks=Looks(rows=3, cols=5), **options
    ),
    "tile_products": lambda stack: tile_products(stack, TILE, pairs=[(0, 1)], window=Window(rows=3, cols=5)),
}
TILE = GeoBox.from_bounds((680_100, 5_500_100, 680_300, 5_500_200), shape=(10, 20), crs="EPSG:32631")


@pytest.mark.parametrize("name", CALLS)
def test_public_words_report_a_stack_that_is_not_flat_where_they_are_called(radar, monkeypatch, name):
    # Blocks of rows do not repeat the warning.
    monkeypatch.setattr(blocks, "BUDGET", 9 * 90 * 16)
    for flattened, text in ((None, "if they are, state it"), (False, "take it off before, or give it as reference_")):
        with pytest.warns(UnflattenedWarning, match=f"within a window of 3 x 5 samples .*{text}") as told:
            CALLS[name](stack_on(radar, flattened=flattened))
        assert len(told) == 1
        assert told[0].filename == __file__
    CALLS[name](stack_on(radar, flattened=True))
    CALLS[name](stack_on(BOX))


def test_what_averages_nothing_or_takes_the_phase_off_is_not_reported(radar):
    phase = np.zeros(BOX.shape)
    CALLS["coherence"](stack_on(radar), reference_phase=phase)
    CALLS["interferogram"](stack_on(radar), reference_phase=phase)
    interferogram(stack_on(radar), pairs=[(0, 1)])
    with pytest.raises(TypeError, match="window must be a Window"):
        coherence(stack_on(radar), pairs=[(0, 1)], window=(3, 5))


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
