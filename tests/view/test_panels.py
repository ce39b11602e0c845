"""Matrix, pixel, event and snippet of an explorer agree with its chips."""

from __future__ import annotations

import datetime
import itertools

import numpy as np
import pytest
from view_scenes import DATES, WINDOW, make_archive, make_store, tiles, write_dates

from m3leo_sar import Pair, Window, change_threshold, coherence, coherence_change, fit_decay
from m3leo_sar.grid.window import Looks
from m3leo_sar.io.stacks.zarr_stack import read_stack
from m3leo_sar.products.placement import place_on
from m3leo_sar.view import Explorer

TILE = tiles()[1].identifier
PAIRS = [Pair(first, second) for first, second in itertools.combinations(DATES, 2)]


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    return write_dates(tmp_path_factory.mktemp("view") / "stack", labels=False)


@pytest.fixture(scope="module")
def sources(stack, tmp_path_factory):
    """An explorer of each kind."""
    folder = tmp_path_factory.mktemp("view")
    make_archive(stack, folder / "chips")
    found = {
        "stack": Explorer.open(stack, tiles=tiles(), window=WINDOW),
        "tiles": Explorer.open(make_store(stack, folder / "tiles")),
        "archive": Explorer.open(folder / "chips"),
    }
    yield found
    for explorer in found.values():
        explorer.close()


def test_the_matrix_is_the_mean_of_looks_in_the_middle(sources, stack):
    found = sources["stack"].matrix(TILE)
    opened = read_stack(stack)
    positions, _ = place_on(opened, tiles()[TILE], 0)
    rows, cols = positions.window()
    spans = []
    for span, side in zip((rows, cols), (WINDOW.rows, WINDOW.cols), strict=True):
        size = span.stop - span.start
        length = max(size // 2, side)
        first = span.start + (size - length) // 2
        spans.append(slice(first, first + length))
    images = opened.window(*spans)
    for first, second in itertools.combinations(range(4), 2):
        looks = Looks(rows=3, cols=8)
        mean = coherence(images[first], images[second], window=WINDOW, step=looks).mean(dtype=float)
        assert found.coherence[first, second] == pytest.approx(mean, rel=1e-6)
        assert found.coherence[second, first] == found.coherence[first, second]
        assert found.days[first, second] == (DATES[second] - DATES[first]).days == -found.days[second, first]
    assert (np.diag(found.coherence) == 1).all()


def test_the_matrix_of_each_source_agrees(sources):
    means = {kind: explorer.matrix(TILE).coherence for kind, explorer in sources.items()}
    np.testing.assert_allclose(means["tiles"], means["stack"], atol=1e-3)
    for pair in PAIRS:
        place = DATES.index(pair.reference), DATES.index(pair.secondary)
        assert means["archive"][place] == pytest.approx(sources["archive"].chip(TILE, pair).values.mean(), rel=1e-5)


@pytest.mark.parametrize("kind", ["stack", "tiles", "archive"])
@pytest.mark.parametrize("place", [(0, 0), (7, 15), (15, 4)])
def test_a_pixel_has_the_values_of_the_chips(sources, kind, place):
    explorer = sources[kind]
    found = explorer.pixel(TILE, *place)
    chips = [explorer.chip(TILE, pair).values[place] for pair in PAIRS]
    np.testing.assert_array_equal(found.coherence, chips)
    assert found.pairs == PAIRS
    model = fit_decay(np.array(chips)[:, None, None], [pair.days for pair in PAIRS])
    assert found.decay == tuple(float(plane[0, 0]) for plane in model)
    np.testing.assert_array_equal(found.spread[:, 0], [12, 24, 36])
    assert found.spread[2, 1] == found.spread[2, 2] == pytest.approx(chips[PAIRS.index(Pair(DATES[0], DATES[3]))])


def test_a_pixel_reads_what_it_needs_alone(sources):
    explorer = Explorer(sources["stack"].source, window=WINDOW)
    first = explorer.pixel(TILE, 3, 5)
    assert first.seconds["read"] > 0
    for date in range(3):
        explorer.chip(TILE, (date, date + 1))
    assert explorer.pixel(TILE, 3, 5).seconds["read"] == 0
    with pytest.raises(ValueError, match="row and column must be 0 to 15 and 15, got 16 and 2"):
        explorer.pixel(TILE, 16, 2)


@pytest.mark.parametrize("kind", ["stack", "archive"])
def test_an_event_has_maps_before_across_and_after(sources, kind):
    explorer = sources[kind]
    maps = explorer.event(TILE, DATES[2] + datetime.timedelta(days=3))
    named = [Pair(DATES[1], DATES[2]), Pair(DATES[2], DATES[3])]
    assert maps.pairs == (*named, None)
    np.testing.assert_array_equal(maps.before, explorer.chip(TILE, named[0]).values)
    np.testing.assert_array_equal(maps.change, coherence_change(maps.before, maps.across))
    quiet = [Pair(DATES[0], DATES[1]), Pair(DATES[1], DATES[2])]
    assert maps.quiet == tuple(quiet)
    change = coherence_change(*(explorer.chip(TILE, pair).values for pair in quiet))
    assert maps.threshold == change_threshold(change)
    assert maps.after is None


def test_an_event_without_pairs_before_it(sources):
    with pytest.raises(KeyError, match="no pair crosses 2023-03-02 that has a pair of the same days before"):
        sources["stack"].event(TILE, datetime.date(2023, 3, 2))


@pytest.mark.parametrize("kind", ["stack", "tiles", "archive"])
def test_the_snippet_makes_the_chip(sources, kind):
    explorer = sources[kind]
    names: dict[str, object] = {}
    text = explorer.snippet(TILE, PAIRS[3])
    assert len(text.splitlines()) == 3
    exec(text, names)
    np.testing.assert_array_equal(names["coherence"], explorer.chip(TILE, PAIRS[3]).values)


def test_a_date_that_cannot_be_read_leaves_the_others(tmp_path):
    stack = write_dates(tmp_path / "stack", 3, labels=False)
    chunk = next((stack / f"{DATES[1]:%Y%m%d}").rglob("c/0/0"))
    chunk.write_bytes(chunk.read_bytes()[:-9])
    explorer = Explorer.open(stack, tiles=tiles(), window=Window(rows=3, cols=5))
    found = explorer.matrix(TILE).coherence
    assert np.isnan(found[0, 1])
    assert np.isnan(found[1, 2])
    assert found[0, 2] > 0
    history = explorer.pixel(TILE, 4, 4)
    assert np.isnan(history.coherence).tolist() == [True, False, True]
    assert np.isnan(history.decay.tau)
