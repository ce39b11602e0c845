"""The document of the page without a browser: what a change computes, and what goes wrong in it."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pytest
from bokeh.document import Document
from fake_explorer import FakeExplorer

from m3leo_sar.view.page import Page
from m3leo_sar.view.panels.tile_panel import TilePanel


@pytest.fixture(scope="module")
def kept() -> tuple[FakeExplorer, Page, dict[str, Any]]:
    """An explorer, its page and the first choice; to open a page takes far longer than any test of it."""
    explorer = FakeExplorer()
    page = Page(explorer, Document())
    return explorer, page, dict(page.state.choice)


@pytest.fixture
def explorer(kept) -> FakeExplorer:
    return kept[0]


@pytest.fixture
def page(kept) -> Page:
    """A page as it was opened."""
    explorer, page, first = kept
    explorer.gone, explorer.broken = False, {}
    page.state.update(event=None, pixel=None, problems={})
    page.pixel.clear()
    page.state.choice = first
    return page


@pytest.fixture
def fresh() -> FakeExplorer:
    """An explorer to change."""
    return FakeExplorer()


def choose(page: Page, **changes: Any) -> None:
    page.state.choice = {**page.state.choice, **changes}


def called(explorer: FakeExplorer) -> list[str]:
    names = [call[0] for call in explorer.calls]
    explorer.calls.clear()
    return names


def shown(page: Page, layer: str) -> np.ndarray:
    """Values of a map as the browser reads them, row 0 at the top."""
    codes, facts = page.chip.sources[layer].data["image"][0][::-1], page.state.chip_facts["layers"][layer]
    return np.where(codes > 0, facts["low"] + (codes.astype(float) - 1) * facts["step"], np.nan)


def test_begins_with_a_shortest_pair_of_the_middle_tile(page, explorer):
    choice = page.state.choice
    assert (choice["tile"], choice["first"], choice["second"]) == ("tile11", 2, 3)
    assert (choice["rows"], choice["cols"], choice["polarisation"]) == (5, 20, "VV")
    assert page.state.chip_facts["days"] == 12
    assert page.state.busy == []
    assert "tile11" in page.state.snippet


def test_begins_with_a_tile_on_the_stack(explorer):
    west, south, east, north = explorer.tiles["tile02"].bounds_in("EPSG:4326")
    tiles = TilePanel(explorer.tiles)
    assert tiles.first((west, south, east, north)) == "tile02"
    # Half of the tiles beside it is on the stack: they lie nearer to its middle, and are not first.
    assert tiles.first((west - (east - west) / 2, south, east, north)) == "tile02"


def test_maps_are_the_explorer_s_to_the_step_of_their_codes(page, explorer):
    for layer in page.chip.sources:
        wanted = explorer.chip("tile11", (2, 3), window=explorer.window, layer=layer).values.astype(float)
        if layer.startswith("intensity"):
            wanted = 10 * np.log10(wanted)
            facts = page.state.chip_facts["layers"][layer]
            wanted = np.clip(wanted, facts["low"], facts["low"] + 254 * facts["step"])
        got, step = shown(page, layer), page.state.chip_facts["layers"][layer]["step"]
        assert np.isnan(got)[:5, :9].all()
        apart = np.angle(np.exp(1j * (got - wanted))) if layer == "phase" else got - wanted
        assert np.nanmax(np.abs(apart)) <= 0.5001 * step
        assert np.array_equal(np.isnan(got), np.isnan(wanted))


def test_another_pair_computes_its_maps_alone(page, explorer):
    page.state.pixel = {"row": 3, "col": 4}
    called(explorer)
    choose(page, first=0, second=4)
    assert called(explorer) == ["chip"] * 4
    assert page.state.chip_facts["dates"] == ["2023-01-03", "2023-02-20"]
    assert page.pixel.chosen.data["days"] == [48.0]
    choose(page, first=0, second=4)
    assert called(explorer) == []


def test_dates_may_come_in_any_order(page):
    choose(page, first=5, second=1)
    assert page.state.chip_facts["dates"] == ["2023-01-15", "2023-03-04"]


def test_another_window_computes_what_depends_on_it(page, explorer):
    page.state.pixel = {"row": 3, "col": 4}
    page.state.event = "2023-02-10"
    called(explorer)
    choose(page, rows=9, cols=11)
    names = called(explorer)
    assert {name: names.count(name) for name in ("chip", "matrix", "pixel", "event")} == {
        "chip": 7, "matrix": 1, "pixel": 1, "event": 1,
    }  # fmt: skip


def test_another_tile_clears_the_pixel(page):
    page.state.pixel = {"row": 3, "col": 4}
    assert page.state.pixel_facts["pairs"] == 21
    choose(page, tile="tile12")
    assert page.state.pixel_facts == {}
    assert list(page.pixel.points.data["days"]) == []


def test_the_matrix_is_symmetric_without_its_diagonal(page):
    codes = page.matrix.source.data["image"][0][::-1]
    assert np.array_equal(codes, codes.T)
    assert (np.diag(codes) == 0).all()
    assert (codes > 0).sum() == 7 * 6


def test_the_cells_marked_are_those_of_the_pair(page):
    choose(page, first=1, second=5)
    # x counts dates from the left, y from the bottom of seven.
    assert page.matrix.chosen.data == {"x": [5.5, 1.5], "y": [5.5, 1.5]}


def test_a_pixel_over_time(page):
    page.state.pixel = {"row": 7, "col": 9}
    facts = page.state.pixel_facts
    assert (facts["row"], facts["col"], facts["valid"]) == (7, 9, 21)
    assert 0 < facts["rho_inf"] < 0.5
    assert len(page.pixel.curve.data["days"]) > 50
    assert page.pixel.points.data["first"][0] == "2023-01-03"


def test_an_event(page):
    page.state.event = "2023-02-10"
    facts = page.state.event_facts
    assert facts["pairs"] == {
        "before": "2023-01-27 → 2023-02-08",
        "across": "2023-02-08 → 2023-02-20",
        "after": "2023-02-20 → 2023-03-04",
    }
    assert "span about 12 days" in facts["words"]
    assert all(source.data["image"][0].max() > 0 for source in page.event.sources.values())
    assert 0 < page.event.quiet.data["image"][0].mean() < 1
    page.state.event = None
    assert page.state.event_facts == {}


def test_an_event_without_pairs_is_answered_in_the_page(page):
    page.state.event = "2023-01-04"
    assert "no pair crosses 2023-01-04" in page.state.problems["event"]
    page.state.event = "2023-02-10"
    assert page.state.problems == {}


def test_a_broken_tile_leaves_the_page_alive(page, explorer):
    explorer.broken["tile12"] = OSError("stack/20230115.tif cannot be read: it is cut short")
    choose(page, tile="tile12")
    assert "cut short" in page.state.problems["coherence"]
    assert page.state.busy == []
    assert page.chip.sources["coherence"].data["image"][0].max() == 0
    choose(page, tile="tile00")
    assert page.state.problems == {}
    assert page.chip.sources["coherence"].data["image"][0].max() > 0


def test_maps_that_fail_do_not_leave_those_of_another_pair(page, explorer):
    explorer.gone = True
    choose(page, first=0, second=6)
    assert "is gone" in page.state.problems["coherence"]
    assert all(source.data["image"][0].max() == 0 for source in page.chip.sources.values())
    explorer.gone = False
    choose(page, first=0, second=6, number=2)
    assert page.state.problems == {}
    assert all(source.data["image"][0].max() > 0 for source in page.chip.sources.values())


def test_a_matrix_that_failed_is_computed_with_the_next_pair(page, explorer):
    explorer.gone = True
    choose(page, tile="tile00")
    assert "is gone" in page.state.problems["matrix of dates"]
    explorer.gone = False
    choose(page, first=0, second=6)
    assert page.matrix.source.data["image"][0].max() > 0
    called(explorer)
    choose(page, first=0, second=5)
    assert "matrix" not in called(explorer)


def test_a_fault_of_our_own_is_logged_and_told(page, explorer, caplog):
    explorer.broken["tile12"] = RuntimeError("not foreseen")
    choose(page, tile="tile12")
    assert page.state.problems["coherence"] == "not foreseen"
    assert "coherence failed" in caplog.text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"tile": "no-such"}, "no-such"),
        ({"first": 3, "second": 3}, "two different dates"),
        ({"first": -1}, "two different dates"),
        ({"second": 70}, "two different dates"),
        ({"rows": "many"}, "rows must be a whole number"),
        ({"rows": float("nan")}, "rows must be a whole number"),
        ({"cols": 0}, "cols must be at least 1"),
    ],
)
def test_what_a_browser_cannot_mean_is_refused_in_one_sentence(page, explorer, changes, words):
    called(explorer)
    choose(page, **changes)
    assert words in page.state.problems["request"]
    assert called(explorer) == []
    choose(page, tile="tile00", first=0, second=1, rows=3, cols=3)
    assert page.state.problems == {}


@pytest.mark.parametrize("asked", [None, 7, {"tile": "tile00"}, []])
def test_a_choice_of_another_form_is_refused(page, asked):
    page.state.choice = asked
    assert "a choice must hold tile" in page.state.problems["request"]


@pytest.mark.parametrize("asked", [{"row": 1}, {"row": 0.5, "col": 1}, "here"])
def test_a_pixel_of_another_form_is_refused(page, asked):
    page.state.pixel = asked
    assert page.state.problems["pixel over time"]


def test_tiles_of_another_shape(fresh):
    from m3leo_sar import GeoBox

    fresh.tiles["tile12"] = GeoBox.from_bounds((600_000, 5e6, 600_300, 5_000_900), shape=(90, 30), crs="EPSG:32631")
    page = Page(fresh, Document())
    choose(page, tile="tile12")
    assert page.chip.sources["phase"].data["image"][0].shape == (90, 30)
    assert (page.chip.frame.x_range.end, page.chip.frame.y_range.end) == (300, 900)


def test_files_hold_the_values(page, explorer, tmp_path):
    from m3leo_sar.io.files.raster import read_raster

    page.state.order = {"layer": "coherence", "number": 1}
    parcel = page.state.parcel
    assert parcel["name"] == "tile11_coherence_20230127_20230208.tif"
    assert parcel["content"][:4] in (b"II*\0", b"II+\0")
    path = tmp_path / parcel["name"]
    path.write_bytes(parcel["content"])
    raster = read_raster(path)
    chip = explorer.chip("tile11", (2, 3), window=explorer.window, layer="coherence")
    assert np.array_equal(raster.array, chip.values, equal_nan=True)
    assert raster.geobox == chip.geobox


def test_a_layer_that_does_not_exist(page):
    page.state.order = {"layer": "height", "number": 1}
    assert "layer must be one of coherence" in page.state.problems["file"]


def test_facts_of_the_source(page):
    about = page.state.about
    assert about["name"] == "stack"
    assert about["dates"][0] == str(datetime.date(2023, 1, 3))
    assert about["baselines"][2] == 74.0
    assert about["largest_window"] == [25, 61]


def test_an_archive_begins_with_a_pair_that_it_holds(fresh):
    from m3leo_sar.stack.pairs import Pair

    fresh.pairs = lambda tile: [
        Pair(fresh.dates[0], fresh.dates[5]),
        Pair(fresh.dates[1], fresh.dates[4]),
    ]
    page = Page(fresh, Document())
    assert (page.state.choice["first"], page.state.choice["second"]) == (1, 4)


def test_an_archive_need_not_hold_every_map(fresh):
    fresh.kind, chip = "archive", fresh.chip

    def held(tile: str, pair: Any, *, layer: str, **options: Any) -> Any:
        if layer in ("phase", "intensity_second"):
            raise KeyError(f"the archive does not hold {layer}")
        return chip(tile, pair, layer=layer, **options)

    fresh.chip = held
    page = Page(fresh, Document())
    assert page.state.problems == {}
    assert set(page.state.chip_facts["layers"]) == {"coherence", "intensity_first"}
    assert page.chip.sources["phase"].data["image"][0].max() == 0


def test_two_pages_share_nothing_but_the_explorer(page, explorer):
    second = Page(explorer, Document())
    choose(page, tile="tile12")
    assert second.state.choice["tile"] == "tile11"


def test_only_the_newest_of_two_is_shown(page):
    """A computation that ends after a newer one began is not shown."""
    seen: list[str] = []
    work = page.work

    def slow() -> str:
        work.start("map", lambda: "newer", seen.append)
        return "older"

    work.start("map", slow, seen.append)
    assert seen == ["newer"]
    assert page.state.busy == []


def test_the_page_of_a_stack():
    """The real explorer answers all that the page asks for."""
    from m3leo_sar import GeoBox, TileGrid, Window, simulate_scene
    from m3leo_sar.view.explorer import Explorer

    box = GeoBox.from_bounds((680_000, 5_500_000, 681_400, 5_501_300), shape=(130, 140), crs="EPSG:32631")
    dates = [datetime.date(2023, 3, 1) + datetime.timedelta(days=12 * index) for index in range(5)]
    tiles = TileGrid([(5.502, 49.624, 5.512, 49.631)], pixels=64)
    explorer = Explorer.open(simulate_scene(box, dates=dates, seed=1).stack, tiles=tiles, window=Window(rows=3, cols=9))
    page = Page(explorer, Document())
    page.state.update(pixel={"row": 30, "col": 31}, event="2023-03-30", order={"layer": "phase", "number": 1})
    assert page.state.problems == {}
    assert page.state.about["spacing"] == [10.0, 10.0]
    assert page.state.pixel_facts["pairs"] == 10
    assert page.state.event_facts["pairs"]["across"] == "2023-03-25 → 2023-04-06"
    assert page.state.parcel["name"].endswith("_phase_20230313_20230325.tif")
    assert len(page.state.snippet.splitlines()) == 3
    chip = explorer.chip(page.state.choice["tile"], (1, 2))
    got = shown(page, "coherence")
    assert np.array_equal(np.isnan(got), np.isnan(chip.values))
    assert np.nanmax(np.abs(got - chip.values)) < 0.002
    mean = explorer.matrix(page.state.choice["tile"]).coherence[1, 2]
    assert page.matrix.source.data["image"][0][::-1][1, 2] == round(1 + 254 * float(mean))
    explorer.close()
