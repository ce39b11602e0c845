"""Mean coherence of pairs over the tiles of an archive."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from m3leo_sar.io.chips.product_names import COHERENCE
from m3leo_sar.pictures.archive_survey import evenly
from m3leo_sar.pictures.readable_archive import ReadableArchive
from m3leo_sar.stack.pairs import Pair


def mean_coherence(archive: ReadableArchive, pairs: Iterable[Pair], *, max_tiles: int = 8) -> dict[Pair, float]:
    """Mean coherence of pairs, over pixels with data of some tiles.

    Parameters
    ----------
    archive : ReadableArchive
        Source of the chips; pairs without one are left out, and damaged chips are skipped.
    pairs : iterable of Pair
    max_tiles : int
        Number of evenly chosen tiles that are read.

    Returns
    -------
    dict of Pair to float
        0 to 1; of several polarisations the mean.
    """
    sums: dict[Pair, list[float]] = {}
    by_name = {str(pair): pair for pair in pairs}
    for tile in evenly(archive.identifiers, max_tiles):
        for key in archive.keys(tile, COHERENCE):
            pair = by_name.get(key.rpartition("/")[2])
            if pair is None:
                continue
            try:
                values = archive.read(tile, COHERENCE, key).values()
            except (OSError, ValueError):
                continue
            if np.isfinite(values).any():
                sums.setdefault(pair, []).append(float(np.nanmean(values)))
    return {pair: float(np.mean(means)) for pair, means in sums.items()}
