"""What the browser asks of the page, and what the page answers beside its images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Self

from bokeh.core import properties
from bokeh.model import DataModel

from m3leo_sar.grid.window import Window


class PageState(DataModel):
    """Values that the page in the browser and this program share.

    The browser sets the first four, each as a whole, so that one change is one computation.
    """

    #: Tile, pair and window, as :class:`Choice` reads them.
    choice = properties.Any(default=None)
    #: Pixel of the tile, ``{"row": int, "col": int}``.
    pixel = properties.Any(default=None)
    #: Date of an event, ``"YYYY-MM-DD"``.
    event = properties.Any(default=None)
    #: Layer to download, ``{"layer": str, "number": int}``; the number makes a second request a change.
    order = properties.Any(default=None)

    #: Facts of the source that never change: dates, tiles, ...
    about = properties.Any(default={})
    #: Names of the computations in progress.
    busy = properties.Any(default=[])
    #: Sentence of each computation that failed.
    problems = properties.Any(default={})
    chip_facts = properties.Any(default={})
    matrix_facts = properties.Any(default={})
    pixel_facts = properties.Any(default={})
    event_facts = properties.Any(default={})
    #: Lines of Python that compute the maps shown.
    snippet = properties.Any(default="")
    #: A file to save, ``{"name": str, "type": str, "content": bytes}``.
    parcel = properties.Any(default={})


class Choice(NamedTuple):
    """Tile, pair, window and polarisation that the browser asks for."""

    tile: str
    #: Indices of the dates, the earlier first.
    first: int
    second: int
    #: Window in samples of the stack.
    rows: int
    cols: int
    polarisation: str

    @property
    def pair(self) -> tuple[int, int]:
        """Indices of both dates."""
        return self.first, self.second

    @property
    def options(self) -> dict[str, Any]:
        """Arguments of the explorer's methods beside tile and pair."""
        return {"window": Window(rows=self.rows, cols=self.cols), "polarisation": self.polarisation}

    @property
    def area(self) -> tuple[Any, ...]:
        """Parts beside the pair."""
        return self.tile, self.rows, self.cols, self.polarisation

    @classmethod
    def of(cls, asked: Any, *, dates: int) -> Self:
        """Choice from a mapping of the browser.

        Raises
        ------
        ValueError
            If a part is missing or of another kind, a date does not exist, both are the same, or the window has no
            sample.
        """
        if not isinstance(asked, Mapping) or not set(cls._fields) <= asked.keys():
            raise ValueError(f"a choice must hold {', '.join(cls._fields)}, got {asked!r}")
        first, second, rows, cols = (whole(asked[name], name) for name in ("first", "second", "rows", "cols"))
        first, second = sorted((first, second))
        if not 0 <= first < second < dates:
            raise ValueError(f"a pair must be two different dates of {dates}, got numbers {first} and {second}")
        return cls(str(asked["tile"]), first, second, rows, cols, str(asked["polarisation"]))


def whole(value: Any, name: str) -> int:
    """A whole number that the browser sent, which knows floats only.

    Raises
    ------
    ValueError
        If it is none.

    Examples
    --------
    >>> from m3leo_sar.view.panels.page_state import whole
    >>> whole(5.0, "rows")
    5
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not float(value).is_integer():
        raise ValueError(f"{name} must be a whole number, got {value!r}")
    return int(value)
