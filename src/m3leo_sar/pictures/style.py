"""The look of all figures: fonts, sizes, white space, and texts that fit their place."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ParamSpec

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text

Options = ParamSpec("Options")

#: Font sizes in points: heading of a figure, its facts, title of a panel, line below it, keys, and ticks.
HEADING, FACTS, TITLE, SUBTITLE, KEY, TICK = 13.0, 8.5, 9.5, 8.0, 7.5, 7.0
#: Colours of texts and of thin lines.
INK, SOFT, LINE = "#1a1a1a", "#595959", "#7f7f7f"
#: Around everything, in inches.
MARGIN = 0.16
#: Colour-blind safe colours of things without an order (Okabe and Ito, 2008).
DISTINCT = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#f0e442", "#999999")
#: End of Latin, Greek and Cyrillic; the default font of the drawing library lacks most other scripts. Punctuation,
#: arrows and mathematical signs follow.
_SCRIPTS, _SIGNS = 0x530, range(0x2000, 0x2300)
#: Letters on paper are up to this much wider than by their outlines, as screens round them to pixels.
_ROUNDING = 1.05

_STYLE: dict[str, Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": KEY,
    "text.color": INK,
    # A dollar sign from a file is no formula.
    "text.parse_math": False,
    "axes.titlesize": TITLE,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": SUBTITLE,
    "axes.labelcolor": INK,
    "axes.edgecolor": LINE,
    "axes.linewidth": 0.6,
    "xtick.labelsize": TICK,
    "ytick.labelsize": TICK,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": SOFT,
    "ytick.labelcolor": SOFT,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.pad": 2.0,
    "ytick.major.pad": 2.0,
    "hatch.linewidth": 0.6,
    "figure.facecolor": "white",
    "legend.frameon": False,
    "legend.fontsize": KEY,
}


def styled(draw: Callable[Options, Figure]) -> Callable[Options, Figure]:
    """Draw in the look of all figures, whatever style a notebook has set; nothing of it remains."""

    @functools.wraps(draw)
    def drawn(*arguments: Options.args, **options: Options.kwargs) -> Figure:
        # Imported here: only drawing needs it, and it takes a second to load.
        from matplotlib.style import context

        with context(["default", _STYLE]):
            return draw(*arguments, **options)

    return drawn


def new_figure(width: float, height: float) -> Figure:
    """An empty white figure with its size in inches; it belongs to no window and need not be closed."""
    from m3leo_sar.pictures.shown_figure import ShownFigure

    return ShownFigure(figsize=(width, height), facecolor="white")


def plain(text: str, *, length: int = 46) -> str:
    r"""Text from a file in drawable form: unprintable characters become ``?``, an overlong rest an ellipsis.

    Examples
    --------
    >>> plain("a\x00b"), plain("abcdefgh", length=5)
    ('a?b', 'abcd…')
    """
    drawn = "".join(letter if letter.isprintable() and _is_drawable(letter) else "?" for letter in text)
    return drawn if len(drawn) <= length else f"{drawn[: length - 1]}…"


def _is_drawable(letter: str) -> bool:
    return ord(letter) < _SCRIPTS or ord(letter) in _SIGNS


@lru_cache(maxsize=4096)
def text_width(text: str, size: float, *, is_bold: bool = False) -> float:
    """Width of one line of text in inches."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(family="DejaVu Sans", size=size, weight="bold" if is_bold else "normal")
    return _ROUNDING * float(text_to_path.get_text_width_height_descent(text, font, False)[0]) / 72


def fitted(text: str, width: float, size: float, *, is_bold: bool = False) -> str:
    """Text in drawable form, with an ellipsis where it is wider than ``width`` inches."""
    whole = plain(text, length=400)
    if text_width(whole, size, is_bold=is_bold) <= width:
        return whole
    low, high = 0, len(whole)
    while low < high:
        middle = (low + high + 1) // 2
        fits = text_width(f"{whole[:middle].rstrip()}…", size, is_bold=is_bold) <= width
        low, high = (middle, high) if fits else (low, middle - 1)
    return f"{whole[:low].rstrip()}…"


def lines_of(parts: Sequence[str], width: float, size: float) -> list[str]:
    """Parts joined by dots into as few lines as fit ``width`` inches.

    Examples
    --------
    >>> lines_of(["VV", "ascending"], 5.0, 8.0)
    ['VV · ascending']
    """
    lines: list[str] = []
    for part in (fitted(part, width, size) for part in parts if part):
        joined = f"{lines[-1]} · {part}" if lines else part
        if lines and text_width(joined, size) <= width:
            lines[-1] = joined
        else:
            lines.append(part)
    return lines


def draw_heading(figure: Figure, heading: str, facts: Sequence[str]) -> None:
    """Write the heading of a figure and the facts below it, in the space of :func:`heading_height`."""
    width, height = figure.get_size_inches()
    top = height - MARGIN
    if heading:
        _write(figure, fitted(heading, width - 2 * MARGIN, HEADING, is_bold=True), top, HEADING, is_bold=True)
        top -= 0.27
    for line in lines_of(facts, width - 2 * MARGIN, FACTS):
        _write(figure, line, top, FACTS)
        top -= 0.17


def heading_height(heading: str, facts: Sequence[str], width: float) -> float:
    """Inches from the upper edge of a figure to the end of its heading and facts."""
    return MARGIN + 0.27 * bool(heading) + 0.17 * len(lines_of(facts, width - 2 * MARGIN, FACTS))


def _write(figure: Figure, text: str, top: float, size: float, *, is_bold: bool = False) -> Text:
    width, height = figure.get_size_inches()
    return figure.text(
        MARGIN / width, top / height, text, va="top", fontsize=size, color=INK if is_bold else SOFT,
        fontweight="bold" if is_bold else "normal",
    )  # fmt: skip


def axes_at(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Axes with their upper left corner and size in inches; ``top`` counts from the figure's upper edge."""
    across, down = figure.get_size_inches()
    return figure.add_axes((left / across, 1 - (top + height) / down, width / across, height / down))
