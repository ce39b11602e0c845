import datetime
from pathlib import Path

import numpy as np
import pytest

from m3leo_sar.pictures.network_picture import plot_network
from m3leo_sar.stack.pairs import Pair, all_pairs, sequential_pairs

DATES = [datetime.date(2023, 1, 1) + datetime.timedelta(days=12 * k) for k in range(7)]


def test_a_network_is_drawn_with_its_groups_apart(tmp_path):
    image = pytest.importorskip("matplotlib.image")
    pairs = [*sequential_pairs(DATES[:4]), Pair(DATES[5], DATES[6])]
    baselines = {date: 40.0 * (index % 3) for index, date in enumerate(DATES)}
    plot_network(tmp_path / "a.png", DATES, pairs, baselines=baselines)
    plot_network(tmp_path / "b.png", DATES, sequential_pairs(DATES))
    colours = [
        {
            tuple(pixel)
            for pixel in (255 * image.imread(tmp_path / name)[..., :3]).round().astype(int).reshape(-1, 3).tolist()
        }
        for name in ("a.png", "b.png")
    ]
    # Blue for the first group; orange and green only where there are more.
    for colour, seen in (((31, 119, 180), (True, True)), ((255, 127, 14), (True, False))):
        assert tuple(colour in found for found in colours) == seen
    with pytest.raises(ValueError, match="baselines must hold every date, 2023-03-14 is missing"):
        plot_network(tmp_path / "c.png", DATES, pairs, baselines=dict.fromkeys(DATES[:-1], 0.0))
    assert not (tmp_path / "c.png").exists()


@pytest.mark.parametrize("has_baselines", [False, True])
def test_every_pair_has_an_arc_of_its_own(tmp_path, monkeypatch, has_baselines):
    figures = []
    figure = pytest.importorskip("matplotlib.figure").Figure
    monkeypatch.setattr(figure, "savefig", lambda self, path, **_: (Path(path).touch(), figures.append(self)))
    pairs = all_pairs(DATES[:4])
    baselines = {date: 30.0 * index for index, date in enumerate(DATES)} if has_baselines else None
    plot_network(tmp_path / "a.png", DATES[:4], pairs, baselines=baselines)
    axis = figures[0].axes[0]
    arcs = [line.get_xydata() for line in axis.lines if len(line.get_xdata()) > 1]
    dots = [line.get_xydata()[0] for line in axis.lines if len(line.get_xdata()) == 1]
    assert len(arcs) == len(pairs) == 6
    for arc, pair in zip(arcs, pairs, strict=True):
        ends = [dots[DATES.index(date)] for date in (pair.reference, pair.secondary)]
        np.testing.assert_allclose([arc[0], arc[-1]], ends)
        # Over the middle of its line, by a height of its own length: above any date between.
        assert arc[20, 1] > np.mean(ends, axis=0)[1] + 0.01
    assert [label.get_text() for label in axis.get_xticklabels()] == [date.isoformat() for date in DATES[:4]]
    assert axis.yaxis.get_visible() == has_baselines
