"""Values tell what they are, in a line and in a notebook."""

import datetime

import numpy as np
import pytest

from m3leo_sar import BandStatistics, ChipArchive, GeoBox, SlcStack, Statistics, TileGrid

BOX = GeoBox.from_bounds((500_000, 0, 500_700, 500), shape=(5, 7), crs="EPSG:32631")


@pytest.fixture
def values(tmp_path):
    dates = [datetime.date(2023, 1, 1), datetime.date(2023, 1, 13)]
    return {
        "SlcStack": SlcStack.from_arrays(
            np.ones((2, 5, 7), "complex64"), dates, geometry=BOX, polarisation="VV", name="a <b> stack"
        ),
        "TileGrid": TileGrid.exact((5.0, 52.0, 5.1, 52.05)),
        "Statistics": Statistics((BandStatistics("coherence", centre=0.5), BandStatistics("vv", "decibel"))),
        "ChipArchive": ChipArchive.create(tmp_path / "chips", stack="here"),
    }


def test_a_line_of_text(values):
    assert repr(values["SlcStack"]) == (
        "SlcStack(name: a <b> stack, dates: 2, 2023-01-01 to 2023-01-13, shape: 5 rows x 7 cols, dtype: complex64, "
        "polarisation: VV, geometry: EPSG:32631)"
    )
    assert repr(values["Statistics"]).startswith("Statistics(bands: coherence, vv, channels: 2, digest: ")
    assert repr(values["TileGrid"]).startswith(
        f"TileGrid(tiles: {len(values['TileGrid'])}, lattice: exact, pixels: 448"
    )
    assert repr(values["ChipArchive"]).endswith("storage: geotiff, stack: here)")
    assert repr(TileGrid(np.zeros((0, 4)))) == "TileGrid(tiles: 0, pixels: 448 x 448)"


def test_a_table_for_a_notebook(values):
    for name, value in values.items():
        table = value._repr_html_()
        assert table.startswith(f"<table><caption>{name}</caption>")
        assert table.endswith("</table>")
    assert "a &lt;b&gt; stack" in values["SlcStack"]._repr_html_()
    assert "<td>2023-01-13</td>" in values["SlcStack"]._repr_html_()
    assert "<td>vv</td><td>decibel</td>" in values["Statistics"]._repr_html_()
    assert values["TileGrid"][0].identifier in values["TileGrid"]._repr_html_()


def test_results_are_drawn_in_one_line(values):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from m3leo_sar import Window, coherence

    drawn = coherence(values["SlcStack"], pairs="20230101_20230113", window=Window(rows=3, cols=3)).plot()
    assert drawn.axes.get_xlabel() == "projection_x_coordinate [m]"
    matplotlib.pyplot.close("all")
