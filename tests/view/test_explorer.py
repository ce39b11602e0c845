"""The maps of an explorer are those that other ways make, bit for bit."""

from __future__ import annotations

import datetime
import shutil

import numpy as np
import pytest
from view_scenes import DATES, WINDOW, make_archive, make_store, tiles, write_dates

from m3leo_sar import Pair, Window
from m3leo_sar.io.stacks.zarr_stack import read_stack
from m3leo_sar.view import Explorer

PAIR = Pair(DATES[0], DATES[2])
TILE = tiles()[1].identifier


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    return write_dates(tmp_path_factory.mktemp("view") / "stack", labels=False)


@pytest.fixture(scope="module")
def archive(stack, tmp_path_factory):
    return make_archive(stack, tmp_path_factory.mktemp("view") / "chips", interferograms=True)


@pytest.fixture
def explorer(stack):
    opened = Explorer.open(stack, tiles=tiles(), window=WINDOW)
    yield opened
    opened.close()


@pytest.mark.parametrize("tile", tiles().identifiers)
@pytest.mark.parametrize("pair", [Pair(DATES[0], DATES[1]), PAIR])
def test_a_chip_is_the_one_that_prepare_writes(explorer, archive, tile, pair):
    chip = explorer.chip(tile, pair)
    np.testing.assert_array_equal(chip.values, archive.read(tile, "coherence", f"VV/{pair}").array)
    for layer, date in (("intensity_first", pair.reference), ("intensity_second", pair.secondary)):
        stored = archive.read(tile, "intensity", f"VV/{date:%Y%m%d}").array
        np.testing.assert_array_equal(explorer.chip(tile, pair, layer=layer).values, stored)
    assert chip.geobox == tiles()[tile].geobox


def test_a_store_gives_the_chips_of_its_stack_within_its_precision(stack, explorer, tmp_path):
    store = Explorer.open(make_store(stack, tmp_path / "tiles"))
    for layer in ("coherence", "intensity_second"):
        chip = store.chip(TILE, PAIR, layer=layer)
        np.testing.assert_allclose(chip.values, explorer.chip(TILE, PAIR, layer=layer).values, rtol=2e-3, atol=1e-3)
    assert store.window == WINDOW
    assert store.dates == tuple(DATES)
    with pytest.raises(ValueError, match="window must have 1x1 to 3x8 samples, got 5x5"):
        store.chip(TILE, PAIR, window=Window(rows=5, cols=5))


def test_an_archive_gives_what_it_holds_and_names_it(archive, explorer):
    stored = Explorer.open(archive.root)
    chip = stored.chip(TILE, PAIR)
    np.testing.assert_array_equal(chip.values, explorer.chip(TILE, PAIR).values)
    assert (chip.window, stored.kind, len(stored.pairs(TILE))) == (WINDOW, "archive", 6)
    assert explorer.pairs(TILE) is None
    with pytest.raises(KeyError, match="is not stored in chips, which has 6 pairs: 20230301_20230313"):
        stored.chip(TILE, PAIR.swapped())


def test_the_phase_is_of_first_times_conjugate_of_second(explorer):
    phase, back = (explorer.chip(TILE, pair, layer="phase").values for pair in (PAIR, PAIR.swapped()))
    np.testing.assert_allclose(np.exp(1j * phase), np.exp(-1j * back), atol=1e-5)
    assert phase.dtype == np.float32


def test_another_window_of_known_dates_reads_nothing(explorer):
    explorer.chip(TILE, PAIR)
    other = explorer.chip(TILE, PAIR, window=Window(rows=5, cols=3))
    assert (other.seconds["read"], other.hit) == (0.0, False)
    assert other.seconds["kernel"] > 0
    again = explorer.chip(TILE, (DATES[0], DATES[2]))
    assert again.hit
    assert sum(again.seconds.values()) == 0


def test_memory_is_bounded(stack):
    explorer = Explorer.open(stack, tiles=tiles(), window=WINDOW, cache_bytes=200_000)
    for tile in explorer.tiles:
        for pair in ((0, 1), (1, 2), (0, 3)):
            explorer.chip(tile, pair)
            assert explorer.cache.nbytes <= 200_000
    assert len(explorer.cache) > 1


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"tile": "nowhere"}, "there is no tile 'nowhere' among the 6 tiles"),
        ({"pair": (DATES[0], datetime.date(2023, 3, 2))}, "date 2023-03-02 is not in the stack of 4 dates"),
        ({"pair": (DATES[0], DATES[0])}, "two different dates"),
        ({"pair": "20230301"}, "pair must read"),
        ({"layer": "height"}, "layer must be one of coherence, phase"),
        ({"polarisation": "HH"}, "polarisation must be one of VV, got 'HH'"),
        ({"window": Window(rows=1000, cols=1000)}, "window must have 1x1 to 255x255 samples, got 1000x1000"),
    ],
)
def test_what_does_not_exist_is_refused(explorer, fault, message):
    asked = {"tile": TILE, "pair": PAIR, **fault}
    with pytest.raises((KeyError, ValueError), match=message):
        explorer.chip(asked.pop("tile"), asked.pop("pair"), **asked)


def test_a_stack_that_is_removed_or_damaged_is_reported(tmp_path):
    stack = write_dates(tmp_path / "stack", 2, labels=False)
    explorer = Explorer.open(stack, tiles=tiles(), window=WINDOW)
    chunk = next((stack / f"{DATES[1]:%Y%m%d}").rglob("c/0/0"))
    content = bytearray(chunk.read_bytes())
    content[1000] ^= 1
    chunk.write_bytes(content)
    with pytest.raises(OSError, match="cannot be read: .*damaged: its checksum does not match"):
        explorer.chip(TILE, (0, 1))
    content[1000] ^= 1
    chunk.write_bytes(content)
    assert np.isfinite(explorer.chip(TILE, (0, 1)).values).all()
    shutil.rmtree(stack)
    with pytest.raises(OSError, match="stack is gone: it was moved or removed"):
        explorer.chip(tiles()[0].identifier, (0, 1))


def test_a_stack_in_memory_and_default_tiles(stack):
    explorer = Explorer.open(read_stack(stack))
    # Smaller than a step of M3LEO's lattice.
    assert [name[:7] for name in explorer.tiles] == ["31N4480"]
    assert explorer.window == Window(rows=5, cols=20)
    assert not explorer.is_gone
