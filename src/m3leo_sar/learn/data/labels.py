"""Labels of an archive as targets of a network."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from m3leo_sar.chips.land_cover import WORLDCOVER
from m3leo_sar.learn.models.area_pool import area_pool

#: Class of a pixel that has no label; losses and metrics leave it out.
IGNORE = 255
#: What a task may want of a label: ``"classes"`` of WorldCover codes, ``"values"`` as they are, or ``"none"``.
TARGETS = ("classes", "values", "none")


class LabelKey(NamedTuple):
    """Which chip of a tile is its label."""

    dataset: str
    key: str


def label_key(text: str) -> LabelKey:
    """Data set and key of a label: ``dataset:key``, or the key of a chip of the data set ``label``.

    Raises
    ------
    ValueError
        If the text is neither.

    Examples
    --------
    >>> label_key("landcover"), label_key("biomass-2020:agb")
    (LabelKey(dataset='label', key='landcover'), LabelKey(dataset='biomass-2020', key='agb'))
    """
    parts = text.split(":") if ":" in text else ["label", text]
    if len(parts) != 2 or not all(parts):
        raise ValueError(f"target must read dataset:key or name a label, got {text!r}")
    return LabelKey(*parts)


def worldcover_classes(codes: NDArray[np.integer]) -> NDArray[np.int64]:
    """Classes 0 to 10 of WorldCover codes; 0 and unknown codes become :data:`IGNORE`, never a class.

    Examples
    --------
    >>> worldcover_classes(np.array([10, 95, 0, 33]))
    array([  0,   9, 255, 255])
    """
    table = np.full(256, IGNORE, np.int64)
    table[list(WORLDCOVER)] = np.arange(len(WORLDCOVER))
    known = (codes >= 0) & (codes < 256)
    return np.where(known, table[np.where(known, codes, 0).astype(np.intp)], IGNORE)


def unknown_codes(codes: NDArray[np.integer]) -> NDArray[np.int64]:
    """How often each code (257,) stands that is neither WorldCover's nor 0; the last counts codes beyond 255.

    Examples
    --------
    >>> np.flatnonzero(unknown_codes(np.array([10, 0, 33, 300, -1])))
    array([ 33, 256])
    """
    codes = np.nan_to_num(codes)
    inside = (codes >= 0) & (codes < 256)
    counts = np.bincount(np.where(inside, codes, 256).ravel().astype(np.intp), minlength=257).astype(np.int64)
    counts[[0, *WORLDCOVER]] = 0
    return counts


def cell_means(values: NDArray[np.floating], shape: tuple[int, int] | None) -> NDArray[np.float32]:
    """Means (rows, cols) of values over the cells of another grid of the same ground, by area.

    Parameters
    ----------
    values : (rows, cols) float
        NaN where none is known; a cell is the mean of what is known in it, NaN if nothing is.
    shape : pair of int, optional
        Rows and columns of cells; the values as they are if None.
    """
    wide = torch.from_numpy(np.asarray(values, np.float64))
    if shape is None:
        return wide.float().numpy()
    known = torch.isfinite(wide)
    covered = area_pool(known.double(), shape) > 0
    return torch.where(covered, area_pool(wide, shape, mask=known), torch.nan).float().numpy()
