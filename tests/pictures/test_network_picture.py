import datetime
from itertools import combinations

import numpy as np
import pytest

from m3leo_sar.pictures.network_picture import plot_network
from m3leo_sar.stack.pairs import Pair, all_pairs, sequential_pairs

pytest.importorskip("matplotlib")
DATES = [datetime.date(2023, 1, 1) + datetime.timedelta(days=12 * k) for k in range(7)]
FIRST = datetime.date(1970, 1, 1).toordinal()


def lines(figure, kind):
    """Places of the lines of a kind of a network, by the rest of their names."""
    axis = next(axis for axis in figure.axes if axis.get_gid() == "network")
    found = [line for line in axis.lines if (line.get_gid() or "").startswith(kind)]
    return {line.get_gid().removeprefix(f"{kind}-"): line for line in found}


def test_groups_that_no_pair_connects_have_colours_of_their_own(tmp_path):
    pairs = [*sequential_pairs(DATES[:4]), Pair(DATES[5], DATES[6])]
    figure = plot_network(DATES, pairs)
    groups = lines(figure, "group")
    assert [len(line.get_xdata()) for line in groups.values()] == [4, 2, 1]
    assert len({line.get_color() for line in groups.values()}) == 3
    words = [text.get_text() for axis in figure.axes for text in axis.texts]
    assert words == ["4 connected dates", "2 connected dates", "2023-02-18, alone"]
    assert any("4 pairs of 7 dates · 12 days · 3 groups" in text.get_text() for text in figure.texts)
    baselines = dict.fromkeys(DATES[:-1], 0.0)
    with pytest.raises(ValueError, match="baselines must hold every date, 2023-03-14 is missing"):
        plot_network(DATES, pairs, baselines=baselines, path=tmp_path / "c.png")
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match="dates must hold at least one, got none"):
        plot_network([], [])


@pytest.mark.parametrize("kind", ["arcs", "baselines", "one line"])
def test_every_pair_has_a_line_of_its_own(kind):
    pairs = all_pairs(DATES)
    steep = {date: 30.0 * index for index, date in enumerate(DATES)}
    baselines = {"arcs": None, "baselines": steep, "one line": dict.fromkeys(DATES, 5.0)}[kind]
    found = lines(plot_network(DATES, pairs, baselines=baselines), "pair")
    assert set(found) == {str(pair) for pair in pairs}
    assert len(found) == 21
    drawn = {name: line.get_xydata() for name, line in found.items()}
    for pair in pairs:
        ends = [(date.toordinal() - FIRST, baselines[date] if baselines else 0.0)
                for date in (pair.reference, pair.secondary)]  # fmt: skip
        np.testing.assert_allclose(drawn[str(pair)][[0, -1]], ends)
        # The middle lies above the straight line, the higher the more days.
        assert drawn[str(pair)][30, 1] > np.mean(ends, axis=0)[1] + 0.01
    # No two coincide, not even along a part: in the middle of the shorter they are apart.
    for (_, one), (_, other) in combinations(drawn.items(), 2):
        short, long = sorted((one, other), key=lambda line: line[-1, 0] - line[0, 0])
        x = short[30, 0]
        if long[0, 0] < x < long[-1, 0]:
            assert abs(np.interp(x, *long.T) - short[30, 1]) > 1e-3


def test_ticks_mark_every_acquisition_and_labels_never_touch():
    days = [0, 1, 2, 90, 91, 300, 1200]
    dates = [DATES[0] + datetime.timedelta(days=day) for day in days]
    figure = plot_network(dates, sequential_pairs(dates))
    axis = next(axis for axis in figure.axes if axis.get_gid() == "network")
    ticks = sorted([*axis.get_xticks(), *axis.get_xticks(minor=True)])
    assert ticks == [date.toordinal() - FIRST for date in dates]
    written = [label.get_text() for label in axis.get_xticklabels()]
    assert written == ["2023-01-01", "2023-04-01", "2023-10-28", "2026-04-15"]


def test_pairs_are_coloured_by_days_or_by_coherence_from_0_to_1():
    pairs = all_pairs(DATES[:3])
    coherence = {pairs[0]: 0.0, pairs[1]: 1.0}
    by_days, by_coherence = plot_network(DATES, pairs), plot_network(DATES, pairs, coherence=coherence)
    bars = [next(axis for axis in figure.axes if axis.get_gid() == "key") for figure in (by_days, by_coherence)]
    assert bars[0].get_xlim() == (12, 24)
    assert [tick.get_text() for tick in bars[0].get_xticklabels()] == ["12", "24"]
    assert bars[1].get_xlim() == (0, 1)
    assert bars[1].get_xlabel() == "mean coherence of a pair"
    drawn = lines(by_coherence, "pair")
    colours = [drawn[str(pair)].get_color() for pair in pairs]
    assert np.dot(colours[0][:3], [0.2, 0.7, 0.1]) < 0.2
    assert np.dot(colours[1][:3], [0.2, 0.7, 0.1]) > 0.7
    assert colours[2] == "#b0b0b0"
