"""Statistics of an archive's chips per group, in one pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar._machine import available_cpus
from m3leo_sar._progress import reported
from m3leo_sar.chips.accumulate import RANGES
from m3leo_sar.chips.grouped import KEYS, GroupedAccumulator
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.chips.chip import Chip
from m3leo_sar.io.chips.product_names import COHERENCE, GAMMA0, INTENSITY, INTERFEROGRAM, LABEL, RATIO

#: Encoding of products before they are counted; a phasor has no histogram.
ENCODINGS = {COHERENCE: "linear", INTENSITY: "decibel", GAMMA0: "decibel", RATIO: "decibel"}
#: Histogram range of intensities in dB, which are often squares of digital numbers.
UNCALIBRATED = RANGES["amplitude_decibel"]


def archive_statistics(
    archive: ChipArchive,
    *,
    tiles: Sequence[str] | None = None,
    encodings: dict[str, str] | None = None,
    keys: tuple[str, ...] = KEYS,
    ranges: dict[str, tuple[float, float]] | None = None,
    aoi: str | None = None,
    report: Callable[[str], None] | None = None,
    progress: bool | None = None,
) -> GroupedAccumulator:
    """Count every chip of amounts; class codes and complex values have no statistics.

    Parameters
    ----------
    archive : ChipArchive
    tiles : sequence of str, optional
        Only these, such as the train split's.
    encodings : dict of str to str, optional
        Encoding per product, and only these products; by default ``ENCODINGS``, and ``"linear"`` for the others.
    keys : tuple of str
        Metadata fields of a chip that define the groups.
    ranges : dict of str to (float, float), optional
        Histogram range per product.
    aoi : str, optional
        Region of this archive, for groups by ``"aoi"``.
    report : callable, optional
        Called with each tile's identifier when it is done.
    progress : bool, optional
        Whether to show progress: by default a bar in a notebook and a line on a terminal, unless ``report`` is given;
        True prints a line now and then in a log too.

    Returns
    -------
    GroupedAccumulator
        Its ``finish`` gives the statistics; accumulators of several archives may be merged.

    Raises
    ------
    ValueError
        If a chip is damaged, or there is no chip to count; the message lists the archive's contents.
    """
    chosen_encodings = encodings or ENCODINGS
    wide = {name: UNCALIBRATED for name in (INTENSITY, GAMMA0) if chosen_encodings.get(name) == "decibel"}
    seen = GroupedAccumulator(chosen_encodings, keys=keys, ranges={**wide, **(ranges or {})})
    chosen = list(tiles if tiles is not None else archive.identifiers)
    products = _Products(archive, chosen, seen, given=encodings is not None)

    # Reading waits for the disk and unpacks without the interpreter's lock.
    threads = max(2, available_cpus())
    with reported("counting tiles", len(chosen), report, shown=progress) as (step, _):
        for identifier in chosen:
            wanted = [
                (identifier, dataset, key)
                for dataset in archive.datasets(identifier)
                for key in archive.keys(identifier, dataset)
                if products.counts(identifier, dataset, key)
            ]
            for (_, dataset, _), chip in zip(wanted, archive.read_each(wanted, threads=threads), strict=True):
                for plane in _planes(chip):
                    seen.update(plane, {**chip.metadata, "product": dataset, "aoi": aoi})
            step(identifier)
    if not seen.groups:
        found = ", ".join(f"{name} ({why})" for name, why in sorted(products.left_out.items())) or "no chip"
        raise ValueError(f"{archive.root} holds nothing to count, only {found}")
    return seen


class _Products:
    """The counted products and their encodings."""

    def __init__(self, archive: ChipArchive, tiles: Sequence[str], seen: GroupedAccumulator, *, given: bool) -> None:
        self.archive, self.tiles, self.seen, self.given = archive, tiles, seen, given
        #: Products that are not counted, with the reason.
        self.left_out: dict[str, str] = {}

    def counts(self, identifier: str, dataset: str, key: str) -> bool:
        """Whether a chip is counted; amounts and class codes may share a product, such as `label`."""
        if dataset == LABEL or dataset not in self.seen.encodings:
            why = self._why_not(identifier, dataset, key)
            if why:
                self.left_out[dataset] = why
                return False
            if dataset not in self.seen.encodings:
                self.seen.encodings[dataset] = "linear"
                self.seen.ranges.setdefault(dataset, self._range(dataset))
        return True

    def _range(self, dataset: str) -> tuple[float, float]:
        """Smallest and largest value of a product's amounts, which are not known in advance."""
        low, high = np.inf, -np.inf
        for identifier in self.tiles:
            for key in self.archive.keys(identifier, dataset):
                if not self._why_not(identifier, dataset, key):
                    planes = _planes(self.archive.read(identifier, dataset, key))
                    values = np.concatenate([plane.ravel() for plane in planes])
                    values = values[np.isfinite(values)]
                    low, high = min(low, values.min(initial=np.inf)), max(high, values.max(initial=-np.inf))
        if not low < high:
            return (0.0, 1.0) if low > high else (float(low) - 0.5, float(low) + 0.5)
        # A little wider, so that rounding leaves no value outside.
        margin = 1e-6 * (float(high) - float(low))
        return float(low) - margin, float(high) + margin

    def _why_not(self, identifier: str, dataset: str, key: str) -> str:
        if self.given:
            return "" if dataset in self.seen.encodings else "not requested"
        if dataset == INTERFEROGRAM:
            return "complex"
        unit = self.archive.facts(identifier, dataset, key)[1].get("unit")
        if unit == "class" or (dataset == LABEL and not unit):
            return "class codes"
        return "complex" if self.archive.read(identifier, dataset, key).array.dtype.kind == "c" else ""


def _planes(chip: Chip) -> list[NDArray[Any]]:
    """Planes of a chip; integers become float, and their no-data value becomes NaN."""
    planes = chip.array if chip.array.ndim == 3 else chip.array[None]
    if planes.dtype.kind not in "iub":
        return list(planes)
    # Sixteen bits fit float32 exactly.
    values = planes.astype(np.float32 if planes.dtype.itemsize <= 2 else np.float64)
    return list(values if chip.nodata is None else np.where(planes == chip.nodata, np.nan, values))
