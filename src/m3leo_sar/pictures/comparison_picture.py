"""What coherence adds, in one picture: its decay over several intervals, and predictions with and without it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from m3leo_sar.chips.land_cover import WORLDCOVER
from m3leo_sar.chips.legend import Legend
from m3leo_sar.io.chips.chip_name import by_polarisation
from m3leo_sar.io.chips.chip_pairs import pairs_of
from m3leo_sar.io.chips.product_names import COHERENCE, INTENSITY, LABEL
from m3leo_sar.pictures.panel_grid import plot_panels
from m3leo_sar.pictures.picture_format import DPI, require_output
from m3leo_sar.pictures.readable_archive import ReadableArchive
from m3leo_sar.pictures.tile_picture import TileChips

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Width of a panel in inches.
_SIDE = 2.15


def plot_comparison(
    archive: ReadableArchive,
    identifier: str,
    *,
    target: str,
    predictions: Mapping[str, NDArray[Any]],
    scores: Mapping[str, str] | None = None,
    legend: Legend = WORLDCOVER,
    heading: str = "",
    facts: Sequence[str] = (),
    path: str | os.PathLike[str] | None = None,
    dpi: float = DPI,
    form: str | None = None,
) -> Figure:
    """Draw the inputs of a tile above the label, predictions of models and their errors.

    The first row has the intensity of the first date and the coherence of pairs of growing intervals, all from the
    first date where they can be; the second has the label, and each prediction beside the map of its errors.

    Parameters
    ----------
    archive : ReadableArchive
        Source of the chips.
    identifier : str
        The tile.
    target : str
        Label that was predicted, such as ``"landcover"``.
    predictions : mapping of str to (rows, cols) integer or float
        Codes or values by title.
    scores : mapping of str to str, optional
        A score of each prediction by the same titles, such as ``"test mIoU 0.87"``.
    legend : Legend
        Of the predictions.
    heading : str
        Title of the figure; by default the tile's identifier.
    facts : sequence of str
        Further facts below the heading.
    path : path, optional
        Picture to write.
    dpi : float
        Pixels per inch.
    form : str, optional
        ``"svg"``, ``"pdf"`` or ``"png"``; by default, the suffix of ``path`` selects it.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If the tile has no label ``target`` or no coherence, a chip is damaged, or the suffix is not a known format.
    OSError
        If the picture cannot be written.
    """
    require_output(path, form, dpi)
    for dataset, key in ((LABEL, target), (COHERENCE, "")):
        keys = archive.keys(identifier, dataset)
        if not keys or (key and key not in keys):
            raise ValueError(f"tile {identifier} must have a chip {dataset}/{key}, has {', '.join(keys) or 'none'}")
    below = TileChips(archive, identifier)
    below.add_chip(LABEL, target)
    for title, found in predictions.items():
        score = (scores or {}).get(title, "")
        below.add_prediction(title, found, legend=legend, score=score, target=target)
    across = max(len(below.pictures), 3)
    above = _inputs(archive, identifier, across)
    across = max(across, len(above.pictures))
    return plot_panels(
        [*above.pictures, *[None] * (across - len(above.pictures)), *below.pictures],
        across=across,
        heading=heading or f"Tile {identifier}",
        facts=[*facts, *([f"tile {identifier}"] if heading else []), *above.facts()],
        side=_SIDE,
        path=path,
        dpi=dpi,
        form=form,
    )


def _inputs(archive: ReadableArchive, identifier: str, count: int) -> TileChips:
    """The first intensity, and the coherence of up to ``count`` - 1 pairs of different days."""
    chips = TileChips(archive, identifier)
    dates = next(iter(by_polarisation(archive.keys(identifier, INTENSITY)).values()), [])
    for key in dates[:1]:
        chips.add_chip(INTENSITY, key)
    keys = next(iter(by_polarisation(archive.keys(identifier, COHERENCE)).values()))
    pairs = pairs_of(archive, identifier, COHERENCE, keys)
    by_days: dict[int, str] = {}
    # Of each number of days the earliest pair, which begins with the first date where it can.
    for key in sorted(pairs, key=lambda key: pairs[key]):
        by_days.setdefault(abs(pairs[key].days), key)
    lags = sorted(by_days)
    room = count - len(chips.pictures)
    # The shortest ones, among which coherence falls fastest, and the longest.
    chosen = lags if len(lags) <= room else [*lags[: room - 1], lags[-1]]
    for lag in chosen:
        chips.add_chip(COHERENCE, by_days[lag], pair=pairs[by_days[lag]])
    return chips
