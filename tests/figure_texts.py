"""Whether a figure can be read: its texts neither overlap nor leave the figure."""

from __future__ import annotations

import numpy as np


def written_texts(figure):
    """Text and box (left, lower, right, upper; inches) of every text that a figure shows."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.text import Text

    FigureCanvasAgg(figure)
    figure.draw_without_rendering()
    renderer = figure.canvas.get_renderer()
    hidden = {id(label) for axis in figure.axes for label in _unseen(axis)}
    found = []
    for text in figure.findobj(Text):
        if text.get_visible() and text.get_text().strip() and id(text) not in hidden:
            box = text.get_window_extent(renderer).extents / figure.dpi
            if np.isfinite(box).all() and box[2] > box[0]:
                found.append((text.get_text(), box))
    return found


def _unseen(axes):
    """Labels of ticks beyond the limits, and all of axes that are off."""
    for axis, limits in ((axes.xaxis, sorted(axes.get_xlim())), (axes.yaxis, sorted(axes.get_ylim()))):
        for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
            inside = limits[0] - 1e-9 <= tick.get_loc() <= limits[1] + 1e-9
            for label, is_on in ((tick.label1, tick.label1.get_visible()), (tick.label2, tick.label2.get_visible())):
                if not (inside and is_on and axes.axison and axis.get_visible()):
                    yield label


def assert_readable(figure, *, slack=0.01):
    """No text overlaps another or the edge of the figure by more than ``slack`` inches."""
    texts = written_texts(figure)
    assert texts
    width, height = figure.get_size_inches()
    for text, (left, low, right, high) in texts:
        assert left > -slack, (text, "left of the figure")
        assert low > -slack, (text, "below the figure")
        assert right < width + slack, (text, "right of the figure")
        assert high < height + slack, (text, "above the figure")
    boxes = np.array([box for _, box in texts])
    for number, (text, box) in enumerate(texts):
        others = boxes[number + 1 :]
        over = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
        for place in np.flatnonzero((over > slack).all(axis=1)):
            raise AssertionError(f"{text!r} overlaps {texts[number + 1 + place][0]!r}")
