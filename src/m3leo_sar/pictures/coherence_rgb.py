"""Coherence of three lags or three seasons in one picture."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.io.chips.chip_name import by_polarisation
from m3leo_sar.io.chips.chip_pairs import pairs_of
from m3leo_sar.io.chips.product_names import COHERENCE
from m3leo_sar.pictures.array_pictures import days_text
from m3leo_sar.pictures.colour_key import Classes
from m3leo_sar.pictures.colours import rgb_image
from m3leo_sar.pictures.ground_frame import Frame
from m3leo_sar.pictures.panel_grid import Picture
from m3leo_sar.pictures.readable_archive import ReadableArchive
from m3leo_sar.stack.pairs import Pair, season_of

_SEASONS = ("winter", "spring", "summer", "fall")
#: Red, green and blue of the key.
_COLOURS = {"red": "#ff0000", "green": "#00ff00", "blue": "#0000ff"}


def rgb_groups(pairs: Mapping[str, Pair], *, over: str) -> list[tuple[str, list[str]]]:
    """Choose three groups of pairs for red, green and blue.

    Parameters
    ----------
    pairs : mapping of str to Pair
        Pairs of coherence chips by key, as :func:`m3leo_sar.io.chips.chip_pairs.pairs_of` gives them.
    over : str
        ``"lags"``: the shortest, the middle and the longest lag (temporal baseline). ``"seasons"``: three seasons of
        the shortest lag that has three, those with the most pairs, in order of the year.

    Returns
    -------
    list of (str, list of str)
        Names of three groups and the keys in each; empty if the pairs do not form three groups.

    Raises
    ------
    ValueError
        If ``over`` is neither.

    Examples
    --------
    >>> keys = ["20230101_20230113", "20230101_20230125", "20230101_20230206", "20230101_20230218"]
    >>> pairs = {key: Pair.parse(key) for key in keys}
    >>> [name for name, _ in rgb_groups(pairs, over="lags")]
    ['12 days', '36 days', '48 days']
    >>> rgb_groups(pairs, over="seasons")
    []
    """
    if over not in ("lags", "seasons"):
        raise ValueError(f"over must be 'lags' or 'seasons', got {over!r}")
    by_lag: dict[int, list[str]] = defaultdict(list)
    # Of several polarisations the first: a mean over all would mix them.
    for key in next(iter(by_polarisation(pairs).values()), []):
        by_lag[abs(pairs[key].days)].append(key)
    lags = sorted(by_lag)
    if over == "lags":
        chosen = [lags[0], lags[len(lags) // 2], lags[-1]] if len(lags) > 2 else []
        return [(days_text(lag), by_lag[lag]) for lag in chosen]
    return next((groups for lag in lags if (groups := _seasons(lag, by_lag[lag], pairs))), [])


def _seasons(lag: int, keys: list[str], pairs: Mapping[str, Pair]) -> list[tuple[str, list[str]]]:
    by_season: dict[str, list[str]] = defaultdict(list)
    for key in keys:
        pair = pairs[key]
        by_season[season_of(pair.reference + (pair.secondary - pair.reference) / 2)].append(key)
    fullest = sorted(by_season, key=lambda name: (-len(by_season[name]), _SEASONS.index(name)))[:3]
    if len(fullest) < 3:
        return []
    return [(f"{name}, {days_text(lag)}", by_season[name]) for name in sorted(fullest, key=_SEASONS.index)]


def coherence_rgb(archive: ReadableArchive, identifier: str, *, over: str, frame: Frame | None = None) -> Picture:
    """Draw the mean coherence of three groups of a tile's pairs as red, green and blue, each from 0 to 1.

    Raises
    ------
    ValueError
        If ``over`` is unknown, the tile's pairs do not form three groups, or a chip differs in shape from the first.
    """
    pairs = pairs_of(archive, identifier, COHERENCE, archive.keys(identifier, COHERENCE))
    groups = rgb_groups(pairs, over=over)
    if not groups:
        raise ValueError(f"tile {identifier} must have pairs of three {over}, it does not")
    bands = np.stack([_mean(archive, identifier, chosen) for _, chosen in groups])
    names = [
        f"{colour}, 0 to 1: {name} ({len(chosen)} pair{'s' * (len(chosen) != 1)})"
        for colour, (name, chosen) in zip(_COLOURS, groups, strict=True)
    ]
    what = f"Mean coherence of three {over}"
    key = Classes(list(zip(names, _COLOURS.values(), strict=True)))
    return Picture(what, rgb_image(bands), key, "grey where all three are equal", frame)


def _mean(archive: ReadableArchive, identifier: str, keys: list[str]) -> NDArray[np.float64]:
    """Mean over the keys, per pixel over those with data; NaN where none has data."""
    total, count = np.zeros(0), np.zeros(0)
    for key in keys:
        array = archive.read(identifier, COHERENCE, key).values()
        if not total.size:
            total, count = np.zeros(array.shape), np.zeros(array.shape)
        if array.shape != total.shape:
            raise ValueError(f"coherence {key} of tile {identifier} must be {total.shape}, got {array.shape}")
        total += np.nan_to_num(array)
        count += ~np.isnan(array)
    mean = np.full(total.shape, np.nan)
    np.divide(total, count, out=mean, where=count > 0)
    return mean
