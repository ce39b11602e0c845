"""Statistics of an archive's chips, by group, in one pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from m3leo_sar.chips.grouped import KEYS, GroupedAccumulator
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.chips.chip import Chip
from m3leo_sar.io.chips.product_names import COHERENCE, INTENSITY, INTERFEROGRAM

#: How products are encoded before they are counted; a phasor has nothing to count.
ENCODINGS = {COHERENCE: "linear", INTENSITY: "decibel"}


def archive_statistics(
    archive: ChipArchive,
    *,
    tiles: Sequence[str] | None = None,
    encodings: dict[str, str] | None = None,
    keys: tuple[str, ...] = KEYS,
    ranges: dict[str, tuple[float, float]] | None = None,
    aoi: str | None = None,
    report: Callable[[str], None] | None = None,
) -> GroupedAccumulator:
    """Count every chip of the products that have an encoding.

    Parameters
    ----------
    archive : ChipArchive
    tiles : sequence of str, optional
        Only these, such as the train split's.
    encodings : dict of str to str, optional
        Encoding by product; ``ENCODINGS`` if None.
    keys : tuple of str
        Facts of a chip that tell groups apart.
    ranges : dict of str to (float, float), optional
        Histogram range by product.
    aoi : str, optional
        Region of this archive, for groups by ``"aoi"``.
    report : callable, optional
        Called with each tile's identifier when it is done.

    Returns
    -------
    GroupedAccumulator
        Its ``finish`` gives the statistics; accumulators of several archives may be merged.

    Raises
    ------
    ValueError
        If a chip is damaged.
    """
    seen = GroupedAccumulator(encodings or ENCODINGS, keys=keys, ranges=ranges)

    def read(chip: tuple[str, str, str]) -> Chip:
        return archive.read(*chip)

    # Reading waits for the disk and unpacks without the interpreter's lock; one thread ahead keeps the counting fed.
    with ThreadPoolExecutor(2) as pool:
        for identifier in tiles if tiles is not None else archive.identifiers:
            wanted = [
                (identifier, dataset, key)
                for dataset in archive.datasets(identifier)
                if dataset in seen.encodings and dataset != INTERFEROGRAM
                for key in archive.keys(identifier, dataset)
            ]
            for (_, dataset, _), chip in zip(wanted, pool.map(read, wanted), strict=True):
                for plane in chip.array if chip.array.ndim == 3 else (chip.array,):
                    seen.update(plane, {**chip.metadata, "product": dataset, "aoi": aoi})
            if report:
                report(identifier)
    return seen
