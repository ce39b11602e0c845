"""Progress of long calls: a bar in a notebook, a line on a terminal, a line now and then in a log."""

from __future__ import annotations

import io
import sys

import pytest

from m3leo_sar import _progress
from m3leo_sar._progress import LogLines, Progress, progress, reported


@pytest.fixture
def clock(monkeypatch):
    """Seconds that the clock shows; set ``clock.now``."""

    class Clock:
        now = 100.0

    monkeypatch.setattr(_progress.time, "monotonic", lambda: Clock.now)
    return Clock


def test_a_log_has_its_first_line_after_ten_seconds_and_then_few(clock):
    lines = []
    steps = Progress("making tiles", 400, LogLines(lines.append))
    for _ in range(399):
        clock.now += 1
        steps()
    steps.finish()
    assert lines[0] == "making tiles: 10 of 400 (2%), 0:00:10, about 0:06:30 left"
    # At 10 s, after as long again, and then each minute.
    assert [int(line.split()[2]) for line in lines] == [10, 20, 40, 80, 140, 200, 260, 320, 380]


def test_a_short_run_leaves_no_line_in_a_log(clock):
    lines = []
    steps = Progress("making tiles", 3, LogLines(lines.append))
    for _ in range(3):
        clock.now += 2
        steps()
    steps.finish()
    assert lines == []


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_has_one_line_that_is_gone_at_the_end(monkeypatch, clock):
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    with progress("counting tiles", 4) as steps:
        for _ in range(4):
            clock.now += 1
            steps()
    states = stream.getvalue().split("\r")
    assert states[1].startswith("counting tiles: 1 of 4 (25%), 0:00:01, about 0:00:03 left")
    assert (states[-2].strip(), states[-1]) == ("", "")
    assert "\n" not in stream.getvalue()


@pytest.mark.parametrize(("shown", "is_terminal"), [(None, False), (False, True)])
def test_nothing_is_shown_in_a_file_or_if_it_is_not_wanted(monkeypatch, clock, shown, is_terminal):
    stream = Terminal() if is_terminal else io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    with progress("x", 2, shown=shown) as steps:
        clock.now += 1000
        steps()
    assert stream.getvalue() == ""


def test_a_report_of_ones_own_takes_the_place_of_the_bar(monkeypatch, clock):
    stream, step = Terminal(), []
    monkeypatch.setattr(sys, "stderr", stream)
    for shown, is_drawn in ((None, False), (True, True)):
        with reported("x", 2, step.append, shown=shown) as (report, expect):
            expect(5)
            clock.now += 1
            report("tile")
        assert ("1 of 5" in stream.getvalue()) == is_drawn
    assert step == ["tile", "tile"]


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_notebook_shows_a_bar_and_keeps_its_last_state(tmp_path):
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    code = """
import datetime
import m3leo_sar
from m3leo_sar import GeoBox, TileGrid, Window, simulate_scene
box = GeoBox.from_bounds((680000, 5500000, 681400, 5501300), shape=(130, 140), crs="EPSG:32631")
dates = [datetime.date(2023, 3, 1), datetime.date(2023, 3, 13)]
stack = simulate_scene(box, dates=dates, seed=1).stack
tiles = TileGrid([(5.502, 49.624, 5.512, 49.631)], pixels=64)
summary = m3leo_sar.prepare(stack, "chips", tiles=tiles, window=Window(rows=3, cols=9))
"""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    nbclient.NotebookClient(
        notebook, timeout=100, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    shown = [out for out in notebook.cells[0].outputs if out.output_type == "display_data"]
    assert len(shown) == 1
    assert shown[0].data["text/plain"].startswith("making tiles: 1 of 1 (100%)")
    assert '<progress value="1.0000" max="1"' in shown[0].data["text/html"]
