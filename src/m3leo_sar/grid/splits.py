"""Which tiles train, which validate and which test: bands across an area."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

SPLITS = ("train", "test", "val")


def legacy_split(
    bounds: ArrayLike, *, angle: float, bands: int = 60, fractions: tuple[float, float, float] = (0.6, 0.2, 0.2)
) -> NDArray[np.str_]:
    """Split tiles into bands as M3LEO does.

    Parameters
    ----------
    bounds : (tiles, 4) float
        (minlon, minlat, maxlon, maxlat) in degrees.
    angle : float
        Direction of the bands in [-pi/2, pi/2]: 0 for strips from west to east, pi/2 for strips from south to north.
        Between, a linear blend of the two normalised axes, not a true angle.
    bands : int
        Number of bands.
    fractions : (float, float, float)
        Shares of train, test and val; the pattern of bands repeats their ratio to the smallest.

    Returns
    -------
    (tiles,) str
        ``"train"``, ``"test"`` or ``"val"``.

    Raises
    ------
    ValueError
        If a value lies outside its range, or no band width gives exactly ``bands`` bands, which the original passes
        over in silence.

    References
    ----------
    M3LEO, arXiv 2406.04230, 2024, appendix A.2.

    Examples
    --------
    >>> tiles = [(i, 0.0, i + 1.0, 1.0) for i in range(100)]
    >>> legacy_split(tiles, angle=1.57, bands=10)[:80:10].tolist()
    ['train', 'train', 'train', 'test', 'val', 'train', 'train', 'train']
    """
    boxes = np.asarray(bounds, np.float64).reshape(-1, 4)
    if not -np.pi / 2 <= angle <= np.pi / 2:
        raise ValueError(f"angle must lie in [-pi/2, pi/2], got {angle}")
    if min(fractions) < 0 or max(fractions) <= 0:
        raise ValueError(f"fractions must not be negative, nor all zero, got {fractions}")
    band = _bands(_position(boxes, angle), bands)
    smallest = min(share for share in fractions if share > 0)
    pattern = [name for name, share in zip(SPLITS, fractions, strict=True) for _ in range(round(share / smallest))]
    return np.array(pattern)[band % len(pattern)]


def _position(boxes: NDArray[np.float64], angle: float) -> NDArray[np.float64]:
    # The mean of a ring whose first corner counts twice, which is not the centre.
    point = 0.6 * boxes[:, :2] + 0.4 * boxes[:, 2:]
    spread = np.ptp(point, axis=0)
    normalised = (point - point.min(axis=0)) / np.where(spread == 0, 1, spread)
    if angle < 0:
        normalised = 1 - normalised
    quarter = np.pi / 4
    if abs(angle) < quarter:
        weights = (abs(angle) / quarter, 1.0)
    else:
        weights = (float(np.sign(angle)), (np.pi / 2 - abs(angle)) / quarter)
    return normalised @ np.array(weights)


def _bands(position: NDArray[np.float64], bands: int) -> NDArray[np.intp]:
    for k in np.linspace(0.1, 50, 10_000):
        # Truncated towards zero, as the original casts to int.
        band = np.trunc(position / (k / bands)).astype(np.intp)
        if len(np.unique(band)) == bands:
            return band - band.min()
    raise ValueError(f"bands must be a number these {len(position)} tiles can fill, got {bands}")


def ordered_split(bounds: ArrayLike, *, fractions: tuple[float, float, float] = (0.6, 0.2, 0.2)) -> NDArray[np.str_]:
    """Split tiles from west to east into one band each of train, val and test, for areas too small for bands.

    Parameters
    ----------
    bounds : (tiles, 4) float
        (minlon, minlat, maxlon, maxlat) in degrees.
    fractions : (float, float, float)
        Shares of train, val and test; each split gets at least one tile.

    Returns
    -------
    (tiles,) str

    Raises
    ------
    ValueError
        If there are fewer than three tiles, or the shares cannot be used.

    Examples
    --------
    >>> ordered_split([(i, 0.0, i + 1.0, 1.0) for i in (2, 0, 1, 4, 3)]).tolist()
    ['train', 'train', 'train', 'test', 'val']
    """
    boxes = np.asarray(bounds, np.float64).reshape(-1, 4)
    count = len(boxes)
    if count < 3:
        raise ValueError(f"a split needs at least three tiles, got {count}")
    if min(fractions) <= 0:
        raise ValueError(f"fractions must be above zero, got {fractions}")
    last = max(1, round(count * fractions[2] / sum(fractions)))
    middle = max(1, round(count * fractions[1] / sum(fractions)))
    names = np.array(["train"] * (count - middle - last) + ["val"] * middle + ["test"] * last)
    out = np.empty(count, names.dtype)
    out[np.lexsort((boxes[:, 1], boxes[:, 0]))] = names
    return out
