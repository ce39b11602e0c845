"""Keys of colours: bars with units and limits, a turn of phase, and classes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from m3leo_sar.pictures.colour_maps import listed_map
from m3leo_sar.pictures.colours import phase_image
from m3leo_sar.pictures.style import INK, KEY, SUBTITLE, TICK, axes_at, fitted, plain, text_width

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Height of a bar with its ticks and label, of its strip, and of a line of classes, in inches.
BAR_HEIGHT, _STRIP, CLASS_LINE = 0.5, 0.11, 0.165
#: Widest bar, side of the square of a class, and the space after it and between columns, in inches.
_BAR_WIDTH, _SQUARE, _SPACE, _GAP = 4.2, 0.1, 0.05, 0.16
#: Most lines of classes before names are shortened into more columns.
_LINES = 12
_TURN = ((-np.pi, "−π"), (-np.pi / 2, "−π/2"), (0.0, "0"), (np.pi / 2, "π/2"), (np.pi, "π"))


class Bar(NamedTuple):
    """Key of a value scale (colour bar)."""

    low: float
    high: float
    #: Quantity and unit.
    label: str
    #: Name of the map in :mod:`m3leo_sar.pictures.colour_maps`.
    colour_map: str
    #: Ends beyond which values lie, drawn as arrows: ``"neither"``, ``"min"``, ``"max"`` or ``"both"``.
    extend: str = "neither"
    #: Values with a number; round ones by default.
    ticks: tuple[float, ...] = ()


class Turn(NamedTuple):
    """Key of a phase; ``brightness`` names the quantity that darkens it, if any."""

    brightness: str = ""


class Classes(NamedTuple):
    """Key of classes: name and colour per class, in order."""

    entries: Sequence[tuple[str, str]]
    #: Keys of equal families are drawn as one where their panels are neighbours.
    family: str = ""


Key = Bar | Turn | Classes


def key_height(key: Key, width: float) -> float:
    """Inches that a key of a width in inches needs."""
    if isinstance(key, Classes):
        columns, _ = class_columns([name for name, _ in key.entries], width)
        return 0.06 + CLASS_LINE * -(-len(key.entries) // columns)
    return BAR_HEIGHT


def joined_key(keys: Sequence[Key]) -> Key | None:
    """The key that stands for all of some keys; None if they differ.

    Bars of one quantity differ at most in their arrows; classes of one family are united, unless a name or a colour
    means two things.
    """
    first = keys[0]
    if all(isinstance(key, Bar) and key[:4] == first[:4] for key in keys):
        ends = {key.extend for key in keys if isinstance(key, Bar)} - {"neither"}
        return first._replace(extend=ends.pop() if len(ends) == 1 else "both" if ends else "neither")  # type: ignore[call-arg]
    if all(isinstance(key, Classes) and key.family and key.family == getattr(first, "family", "") for key in keys):
        entries = list(dict.fromkeys(entry for key in keys for entry in key.entries))  # type: ignore[union-attr]
        names, colours = zip(*entries, strict=True) if entries else ((), ())
        if len(set(names)) == len(set(colours)) == len(entries):
            return Classes(entries, getattr(first, "family", ""))
    return first if all(key == first for key in keys) else None


def draw_key(figure: Figure, key: Key, left: float, top: float, width: float) -> None:
    """Draw a key into a space of a figure, all in inches; ``top`` counts from the upper edge."""
    if isinstance(key, Classes):
        _draw_classes(figure, key, left, top, width)
        return
    strip = min(width, _BAR_WIDTH) - 0.16
    axis = axes_at(figure, left + (width - strip) / 2, top + 0.03, strip, _STRIP)
    axis.set_gid("key")
    if isinstance(key, Bar):
        _draw_bar(figure, key, axis, strip)
    else:
        image = phase_image(np.linspace(-np.pi, np.pi, 257)[None])
        axis.imshow(image, extent=(-np.pi, np.pi, 0, 1), aspect="auto")
        axis.set_yticks([])
        axis.set_xticks([place for place, _ in _TURN], [text for _, text in _TURN])
        darker = f", dark where {key.brightness} is low" if key.brightness else ""
        axis.set_xlabel(fitted(f"phase (rad){darker}", width, SUBTITLE), labelpad=1)


def _draw_bar(figure: Figure, key: Bar, axis: object, width: float) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    from matplotlib.ticker import MaxNLocator

    low, high = (key.low, key.high) if key.high > key.low else (key.low - 0.5, key.high + 0.5)
    mappable = ScalarMappable(Normalize(low, high), listed_map(key.colour_map))
    bar = figure.colorbar(mappable, cax=axis, orientation="horizontal", extend=key.extend, extendfrac=0.05)  # type: ignore[arg-type]
    bar.outline.set_linewidth(0.5)  # type: ignore[operator]
    bar.ax.set_gid("key")
    # As many ticks as have room for their numbers.
    locator = MaxNLocator(nbins=max(2, min(6, int(width / 0.42))), steps=[1, 2, 2.5, 5, 10])
    ticks = list(key.ticks) or [tick for tick in locator.tick_values(low, high) if low <= tick <= high]
    bar.set_ticks(ticks, labels=number_texts(ticks))
    bar.ax.tick_params(length=2)
    bar.set_label(fitted(key.label, width + 0.14, SUBTITLE), labelpad=1)


def number_texts(values: Sequence[float]) -> list[str]:
    """Numbers with as many decimals as separate neighbours.

    Examples
    --------
    >>> number_texts([-1.0, -0.5, 0.0]), number_texts([0, 2_000_000])
    (['−1.0', '−0.5', '0.0'], ['0', '2e+06'])
    """
    step = min((abs(b - a) for a, b in pairwise(values)), default=1.0) or 1.0
    decimals = int(np.clip(np.ceil(-np.log10(step) - 1e-9), 0, 12))
    if decimals and any(round(value, decimals) != round(value, decimals + 1) for value in values):
        decimals += 1
    if decimals > 3 or max(map(abs, values), default=0) >= 1e5:
        return [f"{value:.3g}".replace("-", "−", value < 0) for value in values]
    return [f"{value + 0.0:.{decimals}f}".replace("-", "−") for value in values]


def class_columns(names: Sequence[str], width: float) -> tuple[int, list[str]]:
    """Number of columns of a list of classes in a width in inches, and their names, shortened where they must be."""
    shown = [plain(name, length=60) for name in names]
    lead = _SQUARE + _SPACE + _GAP
    longest = max((text_width(name, KEY) for name in shown), default=0.0)
    columns = max(1, min(len(shown), int(width / (longest + lead)))) if shown else 1
    # Many long names would be longer than the picture: more columns with shorter names.
    while -(-len(shown) // columns) > _LINES and width / (columns + 1) > lead + 0.5:
        columns += 1
    return columns, [fitted(name, width / columns - lead, KEY) for name in shown]


def _draw_classes(figure: Figure, key: Classes, left: float, top: float, width: float) -> None:
    from matplotlib.patches import Rectangle

    columns, names = class_columns([name for name, _ in key.entries], width)
    lines = -(-len(names) // columns) or 1
    axis = axes_at(figure, left, top, width, 0.06 + CLASS_LINE * lines)
    axis.set_gid("key")
    axis.set(xlim=(0, width), ylim=(0.06 + CLASS_LINE * lines, 0))
    axis.axis("off")
    # Columns as narrow as their names allow, so that entries stand together.
    widths = [max((text_width(name, KEY) for name in names[first::columns]), default=0.0) for first in range(columns)]
    starts = np.concatenate([[0.0], np.cumsum([wide + _SQUARE + _SPACE + _GAP for wide in widths])])
    for number, (name, (_, colour)) in enumerate(zip(names, key.entries, strict=True)):
        line, column = divmod(number, columns)
        x, y = starts[column], 0.06 + CLASS_LINE * (line + 0.5)
        axis.add_patch(
            Rectangle((x, y - _SQUARE / 2), _SQUARE, _SQUARE, facecolor=colour, edgecolor="#606060", linewidth=0.5)
        )
        axis.text(x + _SQUARE + _SPACE, y, name, va="center_baseline", fontsize=KEY, color=INK)


def draw_no_data(figure: Figure, left: float, bottom: float, notes: Sequence[str] = ()) -> None:
    """Explain the hatching of pixels without data at the foot of a figure, in inches, and write notes beside it."""
    from matplotlib.patches import Rectangle

    from m3leo_sar.pictures.figure import NO_DATA

    width, height = figure.get_size_inches()
    figure.add_artist(
        Rectangle((left / width, bottom / height), 0.24 / width, 0.12 / height, transform=figure.transFigure, **NO_DATA)
    )
    text = fitted(" · ".join(("no data", *notes)), width - left - 0.45, TICK)
    figure.text((left + 0.3) / width, (bottom + 0.06) / height, text, va="center_baseline", fontsize=TICK)
