"""Scores of coherence change as a detector of an event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from m3leo_sar.insar.change import coherence_change
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.stack.events import Triplet

#: Number of histogram bins between the minimum and maximum score; the error of the area is below one over this.
_BINS = 4096


def ranking_counts(scores: Sequence[NDArray[np.floating]], hits: Sequence[NDArray[np.bool_]]) -> NDArray[np.float64]:
    """Histograms (tiles, 2, bins) of the scores of each tile's pixels: unaffected pixels, and pixels hit by the event.

    Parameters
    ----------
    scores : sequence of (rows, cols) float
        One per tile, higher for more change; NaN is ignored.
    hits : sequence of (rows, cols) bool
        Where the event happened.

    Raises
    ------
    ValueError
        If the shapes for a tile differ, or no score is finite.
    """
    for score, hit in zip(scores, hits, strict=True):
        if score.shape != hit.shape:
            raise ValueError(f"hits must have the shape of their scores, {score.shape}, got {hit.shape}")
    known = [np.isfinite(score) for score in scores]
    values = [score[there] for score, there in zip(scores, known, strict=True)]
    if not sum(map(len, values)):
        raise ValueError("scores must hold at least one finite value, got none")
    low, high = min(part.min() for part in values if len(part)), max(part.max() for part in values if len(part))
    edges = np.linspace(low, high if high > low else low + 1, _BINS + 1)
    counts = np.zeros((len(scores), 2, _BINS))
    for number, (part, hit, there) in enumerate(zip(values, hits, known, strict=True)):
        for side in (False, True):
            counts[number, int(side)] = np.histogram(part[hit[there] == side], edges)[0]
    return counts


def area_under_curve(counts: ArrayLike) -> NDArray[np.float64]:
    """Area under the ROC curve (...) from histograms (..., 2, bins).

    It is the probability that a pixel hit by the event scores above an unaffected one. Ties count half; NaN without
    pixels of both kinds. The chance level is 0.5.

    References
    ----------
    Hanley and McNeil, 1982, Radiology 143(1), 29-36.

    Examples
    --------
    >>> area_under_curve([[3, 1, 0], [0, 1, 1]])
    array(0.9375)
    """
    quiet, hit = np.moveaxis(np.asarray(counts, np.float64), -2, 0)
    below = np.cumsum(quiet, axis=-1) - quiet / 2
    pairs = np.asarray(quiet.sum(axis=-1) * hit.sum(axis=-1))
    return np.divide((hit * below).sum(axis=-1), pairs, out=np.full(pairs.shape, np.nan), where=pairs > 0)


def area_interval(
    counts: NDArray[np.float64], *, draws: int = 2000, level: float = 0.95, seed: int = 0
) -> tuple[float, float, float]:
    """Area under the curve of all tiles, with the limits of its bootstrap interval over tiles.

    Parameters
    ----------
    counts : (tiles, 2, bins) float
        Of :func:`ranking_counts`.
    draws : int
        Number of resamples of whole tiles; those without pixels of both kinds are omitted.
    level : float
        Fraction of the resampled areas inside the interval.
    seed : int

    Raises
    ------
    ValueError
        If there is no tile, ``draws`` is below 1 or ``level`` is not between 0 and 1.
    """
    if not len(counts) or draws < 1 or not 0 < level < 1:
        raise ValueError(f"there must be tiles, draws and a level in (0, 1), got {len(counts)}, {draws} and {level}")
    rng, even = np.random.default_rng(seed), np.full(len(counts), 1 / len(counts))
    drawn = np.array(
        [area_under_curve(np.tensordot(rng.multinomial(len(counts), even), counts, axes=1)) for _ in range(draws)]
    )
    known = drawn[~np.isnan(drawn)]
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2]) if len(known) else (np.nan, np.nan)
    return float(area_under_curve(counts.sum(axis=0))), float(low), float(high)


def event_scores(archive: ChipArchive, identifier: str, triplet: Triplet) -> Mapping[str, NDArray[np.floating]]:
    """Change scores of one tile by name, each (rows, cols).

    ``before - across`` and the same relative to ``before``; ``1 - across``, which needs no pair before the event; and
    ``after - across`` if there is a pair after it.

    Raises
    ------
    FileNotFoundError
        If the archive lacks the coherence of a pair.
    """
    before, across = (archive.read(identifier, "coherence", str(pair)).values() for pair in triplet[:2])
    found = {
        "before - across": coherence_change(before, across),
        "1 - across / before": coherence_change(before, across, kind="ratio"),
        "1 - across": 1 - across,
    }
    if triplet.after is not None:
        after = archive.read(identifier, "coherence", str(triplet.after)).values()
        found["after - across"] = coherence_change(after, across)
    return found
