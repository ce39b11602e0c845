import datetime

import pytest

from m3leo_sar.pictures.network_picture import plot_network
from m3leo_sar.stack.pairs import Pair, sequential_pairs

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
