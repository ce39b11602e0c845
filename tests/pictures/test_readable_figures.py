"""Figures by properties: readable at any number of classes and panels, true to the ground, equal each time."""

from __future__ import annotations

import datetime
import re
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from figure_texts import assert_readable, written_texts
from hypothesis import given, settings
from hypothesis import strategies as st

from m3leo_sar import GeoBox, Pair, Window
from m3leo_sar.chips.legend import Legend
from m3leo_sar.pictures.array_pictures import (
    class_picture,
    coherence_picture,
    difference_picture,
    intensity_picture,
    mask_picture,
    phase_picture,
    value_picture,
)
from m3leo_sar.pictures.coverage_picture import STATES, plot_coverage
from m3leo_sar.pictures.figure import picture_bytes, save_figure
from m3leo_sar.pictures.histogram import plot_histogram
from m3leo_sar.pictures.network_picture import plot_network
from m3leo_sar.pictures.panel_grid import panel_titles, plot_panels
from m3leo_sar.pictures.picture_format import picture_form
from m3leo_sar.pictures.shift_picture import plot_shift
from m3leo_sar.pictures.tile_map import plot_map
from m3leo_sar.stack.pairs import sequential_pairs

pytest.importorskip("matplotlib")
BOX = GeoBox.from_bounds((680_000, 5_500_000, 684_480, 5_504_480), shape=(23, 23), crs="EPSG:32631")
PAIR = Pair.parse("20230301_20230313")
NAMES = st.text("abcdefghij KLMW-_$^{é", min_size=1, max_size=50).map(str.strip).filter(bool)
SLOW = settings(deadline=None, max_examples=6)


def classes(count, *, name="class"):
    legend = Legend.parse({code: f"{name} {code}" for code in range(1, count + 1)})
    codes = np.resize(np.arange(1, count + 1, dtype=np.int16), (23, 23))
    return class_picture(codes, legend=legend, title="Classes", ground=BOX)


def kinds(rng):
    """One picture of each kind, each with a hole."""
    values = rng.uniform(0, 1, (23, 23)).astype(np.float32)
    values[3:9, 4:11] = np.nan
    return [
        intensity_picture(values, date=datetime.date(2023, 3, 1), ground=BOX),
        coherence_picture(values, pair=PAIR, window=Window(rows=5, cols=21), ground=BOX),
        phase_picture(6 * values, pair=PAIR, coherence=values, ground=BOX),
        value_picture(80 * values, title="Height", label="height (m)", ground=BOX),
        difference_picture(values - 0.5, title="Change", label="change of coherence", ground=BOX),
        mask_picture(values > 0.5, title="Mask", names=("flooded", "dry"), ground=BOX),
        classes(6),
    ]


@pytest.mark.parametrize("count", [1, 2, 6, 16, 40])
@pytest.mark.parametrize("name", ["c", "a class with quite a long name"])
def test_classes_are_readable_at_any_number(count, name):
    figure = plot_panels([classes(count, name=name)], heading="Land cover of a tile")
    assert_readable(figure)
    if name == "c":
        assert {f"c {code}" for code in range(1, count + 1)} <= {text for text, _ in written_texts(figure)}
    legend = Legend.parse({code: f"{name} {code}" for code in range(1, count + 1)})
    histogram = plot_histogram(np.arange(1, count + 1), kind="classes", label="x", legend=legend)
    assert_readable(histogram)
    assert len(histogram.axes[0].patches) == count


@pytest.mark.parametrize("count", [1, 7, 30])
def test_panels_are_readable_at_any_number(count, rng):
    every = kinds(rng)
    figure = plot_panels([every[number % 7] for number in range(count)], heading="Panels", facts=["VV", "ascending"])
    assert_readable(figure)
    assert len(panel_titles(figure)) == count


@SLOW
@given(
    names=st.lists(NAMES, min_size=1, max_size=12, unique=True),
    across=st.integers(1, 6),
    side=st.floats(1.4, 3.0),
    heading=NAMES,
    facts=st.lists(NAMES, max_size=9),
)
def test_names_of_any_length_are_readable(names, across, side, heading, facts):
    legend = Legend.parse({number: name for number, name in enumerate(names, start=1)})
    codes = np.resize(np.arange(1, len(names) + 1, dtype=np.int16), (23, 23))
    drawn = class_picture(codes, legend=legend, title=names[0], subtitle=names[-1], ground=BOX)
    other = value_picture(codes.astype(float), title=names[-1], label=heading, ground=BOX)
    figure = plot_panels([drawn, other, None, drawn][: len(names) + 1], across=across, side=side, heading=heading,
                         facts=facts)  # fmt: skip
    assert_readable(figure)


@SLOW
@given(days=st.lists(st.integers(1, 400), min_size=1, max_size=40), groups=st.integers(1, 12))
def test_networks_are_readable_at_any_number(days, groups):
    dates = [datetime.date(2020, 1, 1) + datetime.timedelta(days=int(day)) for day in np.cumsum(days)]
    pairs = sequential_pairs(dates)[groups - 1 :]
    assert_readable(plot_network(dates, pairs))
    assert_readable(
        plot_network(dates, pairs, baselines={date: 31.0 * day for date, day in zip(dates, days, strict=True)})
    )


@pytest.mark.parametrize(("bursts", "count"), [(1, 1), (3, 60), (150, 2), (27, 400)])
def test_tables_of_bursts_are_readable_at_any_number(bursts, count):
    dates = [datetime.date(2015, 1, 1) + datetime.timedelta(days=6 * number) for number in range(count)]
    states = [{date: STATES[(burst + number) % 5] for number, date in enumerate(dates)} for burst in range(bursts)]
    coverage = {f"T052-{110000 + burst}-IW1-VV": found for burst, found in enumerate(states)}
    assert_readable(plot_coverage(coverage))


@pytest.mark.parametrize("count", [1, 2, 9])
def test_tables_of_regions_are_readable_at_any_number(count, rng):
    shape = (count, count)
    matrix = SimpleNamespace(
        names=tuple(f"a region with a long name {number}" for number in range(count)),
        distance=rng.uniform(0, 1e-3, shape), floor=rng.uniform(0, 1, count), p_value=rng.uniform(0, 0.1, shape),
    )  # fmt: skip
    assert_readable(plot_shift(matrix, title="Distance of regions"))


@pytest.mark.parametrize("count", [1, 16, 300])
@pytest.mark.parametrize("size", [0.04, 3.0])
def test_maps_are_readable_at_any_number(count, size):
    square = size * np.array([[0, 0], [0, 1], [1, 1], [1, 0], [0, 0]])
    outlines = {
        f"tile{number:08d}": square + 0.9 * size * np.array([number % 9, number // 9]) for number in range(count)
    }
    assert_readable(plot_map(outlines, splits={name: f"split {number % 40}" for number, name in enumerate(outlines)}))


def test_every_panel_of_the_ground_says_what_has_no_data(rng):
    for picture in kinds(rng):
        assert "no data" in [text for text, _ in written_texts(plot_panels([picture]))]


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


def test_drawing_leaves_no_trace():
    code = """
import sys
import matplotlib
matplotlib.rcParams["font.size"] = 31
before = matplotlib.rcParams.copy()
import numpy as np
from m3leo_sar.pictures.array_pictures import coherence_picture, phase_picture
from m3leo_sar.pictures.panel_grid import plot_panels
from m3leo_sar.pictures.figure import picture_bytes
values = np.linspace(0, 1, 12).reshape(3, 4)
figure = plot_panels([coherence_picture(values), phase_picture(values)])
picture_bytes(figure, dpi=30)
assert all(dict.__getitem__(matplotlib.rcParams, name) == dict.__getitem__(before, name) for name in before)
assert "matplotlib.pyplot" not in sys.modules
assert max(text.get_fontsize() for text in figure.texts) < 15
"""
    subprocess.run([sys.executable, "-c", code], check=True)
