"""Figures by properties: one scale of coherence, keys that are shared, equal files each time."""

from __future__ import annotations

import re

import numpy as np
import pytest

from m3leo_sar import GeoBox, Pair
from m3leo_sar.chips.legend import Legend
from m3leo_sar.pictures.array_pictures import (
    class_picture,
    coherence_picture,
    difference_picture,
    value_picture,
)
from m3leo_sar.pictures.figure import picture_bytes, save_figure
from m3leo_sar.pictures.panel_grid import plot_panels
from m3leo_sar.pictures.picture_format import picture_form

pytest.importorskip("matplotlib")
BOX = GeoBox.from_bounds((680_000, 5_500_000, 684_480, 5_504_480), shape=(23, 23), crs="EPSG:32631")
PAIR = Pair.parse("20230301_20230313")


def classes(count, *, name="class"):
    legend = Legend.parse({code: f"{name} {code}" for code in range(1, count + 1)})
    codes = np.resize(np.arange(1, count + 1, dtype=np.int16), (23, 23))
    return class_picture(codes, legend=legend, title="Classes", ground=BOX)


def test_coherence_has_one_scale_and_other_scales_show_what_lies_beyond(rng):
    for values in (rng.uniform(0.4, 0.5, (7, 9)), np.full((7, 9), np.nan), np.zeros((7, 9))):
        key = coherence_picture(values).key
        assert (key.low, key.high, key.colour_map, key.extend) == (0, 1, "batlow", "neither")
        bar = next(axis for axis in plot_panels([coherence_picture(values)]).axes if axis.get_gid() == "key")
        assert bar.get_xlim() == (0, 1)
    values = np.arange(100.0).reshape(10, 10)
    ends = [value_picture(values, title="", label="", limits=limits).key.extend
            for limits in ((0, 99), (5, 99), (0, 90), (5, 90))]  # fmt: skip
    assert ends == ["neither", "min", "max", "both"]
    change = difference_picture(values - 20, title="", label="").key
    assert change.low == -change.high
    assert change.extend == "max"
    figure = plot_panels([value_picture(values, title="", label="x", limits=(5, 90))])
    assert next(axis for axis in figure.axes if axis.get_gid() == "key")._colorbar.extend == "both"


def test_neighbours_share_a_key_unless_it_would_mean_two_things(rng):
    values = rng.uniform(0, 1, (5, 7))
    alike = [coherence_picture(values, title=f"{number}") for number in range(3)]
    assert _keys(plot_panels(alike)) == 1
    assert _keys(plot_panels([*alike[:2], value_picture(values, title="", label="m"), alike[2]])) == 3
    assert _keys(plot_panels([classes(3), classes(4)])) == 1
    assert _keys(plot_panels([classes(3), classes(3, name="kind")])) == 2
    assert _keys(plot_panels([classes(3), None, classes(3)])) == 2


def _keys(figure):
    return sum(axis.get_gid() == "key" for axis in figure.axes)


def test_bad_options_are_refused_in_one_sentence(tmp_path, rng):
    drawn = coherence_picture(rng.uniform(0, 1, (5, 7)))
    for options, message in (
        ({"form": "gif"}, "form must be svg, pdf or png, got 'gif'$"),
        ({"form": "gif", "path": "a.xyz"}, "got 'gif', and path must end in .png, .svg or .pdf, got a.xyz"),
        ({"form": "svg", "path": "a.png"}, "path must end in .svg with form 'svg', got a.png"),
        ({"path": "a"}, "path must end in .png, .svg or .pdf"),
        ({"dpi": 3}, "dpi must be 30 to 1200 pixels per inch, got 3"),
        ({"across": 0}, "across must be at least 1, got 0"),
    ):
        with pytest.raises(ValueError, match=message):
            plot_panels([drawn], **options)
    with pytest.raises(ValueError, match="pictures must hold at least one, got none"):
        plot_panels([None])
    assert picture_form("a.b", "svg") == "svg"
    plot_panels([drawn], path=tmp_path / "named", form="pdf", dpi=40)
    assert (tmp_path / "named").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize("form", ["svg", "pdf", "png"])
def test_equal_figures_give_equal_files_without_a_date(form, rng, tmp_path):
    values = rng.uniform(0, 1, (5, 7))
    files = [picture_bytes(plot_panels([coherence_picture(values, pair=PAIR, ground=BOX)]), form=form, dpi=50)
             for _ in range(2)]  # fmt: skip
    assert files[0] == files[1]
    assert not re.search(rb"CreationDate|dc:date", files[0])
    if form == "pdf":
        # Fonts are embedded as TrueType.
        assert b"/FontFile2" in files[0]
    if form == "svg":
        assert b"<text" not in files[0]
    save_figure(plot_panels([coherence_picture(values)]), tmp_path / f"a.{form}", dpi=30)
    assert (tmp_path / f"a.{form}").stat().st_size > 500


def test_resolution_is_pixels_per_inch(rng):
    import io

    from matplotlib import image

    figure = plot_panels([coherence_picture(rng.uniform(0, 1, (5, 7)))], dpi=64)
    assert figure.dpi == 64
    for dpi in (50, 100):
        shape = image.imread(io.BytesIO(picture_bytes(figure, dpi=dpi))).shape
        np.testing.assert_allclose(shape[1::-1], figure.get_size_inches() * dpi, atol=1)
    # As the last value of a cell.
    assert figure._repr_png_().startswith(b"\x89PNG")
