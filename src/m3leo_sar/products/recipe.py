"""The chips of a tile by a recipe, and the parameters of each chip."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from m3leo_sar.grid.window import Window
from m3leo_sar.insar.selection import MIN_VALID, check_min_valid
from m3leo_sar.io.chips.product_names import COHERENCE, INTENSITY, INTERFEROGRAM, LABEL, LOOKS
from m3leo_sar.stack.pairs import Pair, parse_date


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The products to compute for each tile.

    Parameters
    ----------
    pairs : sequence of Pair
    window : Window
        Coherence window in pixels of the stack.
    interferograms : bool
        Whether to write single-look interferograms too.
    intensities : bool
        Whether to write each date's intensity.
    resampling : str
        Kernel from the stack's pixels to the tile's.
    minimum_coverage : float
        Least share of a tile's pixels on the stack, in [0, 1].
    min_valid, fill_gaps
        Conditions for a window to have a coherence, as in :func:`m3leo_sar.coherence`.
    valid_looks : bool
        Whether to write the number of valid samples per window for each pair too.
    """

    pairs: Sequence[Pair]
    window: Window
    interferograms: bool = False
    intensities: bool = True
    resampling: str = "bilinear"
    minimum_coverage: float = 0.5
    min_valid: float = MIN_VALID
    fill_gaps: bool = False
    valid_looks: bool = False

    def __post_init__(self) -> None:
        check_min_valid(self.min_valid)

    @property
    def dates(self) -> list[datetime.date]:
        """Dates of the pairs, sorted."""
        return sorted(needed_dates(self.pairs, ()))


class Origin(NamedTuple):
    """The known inputs of chips."""

    #: Checksum of each date (``YYYYMMDD``), label (``label-NAME``) and of the ``geometry``, if it is a file's own.
    checksums: Mapping[str, str]
    #: Names of the files of the dates.
    names: Mapping[str, str]


#: A stack in memory has no files whose bytes could change.
UNKNOWN = Origin({}, {})


def wanted_chips(
    recipe: Recipe,
    *,
    polarisation: str,
    shape: tuple[int, int],
    labels: Iterable[str] = (),
    origin: Origin = UNKNOWN,
) -> dict[str, dict[str, Any]]:
    """Chips ``product/key`` of a tile by a recipe, and the parameters of each beside its tile and dates.

    Parameters
    ----------
    recipe : Recipe
    polarisation : str
        The stack's.
    shape : (int, int)
        Rows and columns of the tile.
    labels : iterable of str
        Names of label rasters.
    origin : Origin
        Checksums of the chips' inputs; a changed checksum means a changed chip.
    """
    common = {"resampling": recipe.resampling, "shape": list(shape), "polarisation": polarisation}
    window: dict[str, Any] = {"window": [recipe.window.rows, recipe.window.cols]}
    if recipe.window.row_weights is not None:
        window["weights"] = [recipe.window.row_weights, recipe.window.col_weights]
    # Chips without a share are of an earlier rule, which gave values to pixels without a sample of their own.
    rule: dict[str, Any] = {"min_valid": recipe.min_valid, **({"fill_gaps": True} if recipe.fill_gaps else {})}

    def inputs(*names: str) -> dict[str, Any]:
        found = {name: origin.checksums[name] for name in (*names, "geometry") if name in origin.checksums}
        return {"inputs": found} if found else {}

    wanted: dict[str, dict[str, Any]] = {}
    for pair in recipe.pairs:
        wanted[f"{COHERENCE}/{pair}"] = common | window | rule | inputs(*str(pair).split("_"))
        if recipe.valid_looks:
            wanted[f"{LOOKS}/{pair}"] = common | window | inputs(*str(pair).split("_"))
    if recipe.interferograms:
        for pair in recipe.pairs:
            wanted[f"{INTERFEROGRAM}/{pair}"] = common | inputs(*str(pair).split("_"))
    if recipe.intensities:
        for date in recipe.dates:
            wanted[f"{INTENSITY}/{date:%Y%m%d}"] = common | inputs(f"{date:%Y%m%d}")
    for name in labels:
        checksum = origin.checksums.get(f"label-{name}")
        known = {"inputs": {f"label-{name}": checksum}} if checksum else {}
        wanted[f"{LABEL}/{name}"] = {"resampling": "nearest", "shape": list(shape), **known}
    return wanted


def needed_dates(pairs: Iterable[Pair], dates: Iterable[datetime.date]) -> set[datetime.date]:
    """Dates of pairs and additional dates."""
    return {date for pair in pairs for date in (pair.reference, pair.secondary)} | set(dates)


def inputs_of(dates: Iterable[datetime.date]) -> list[str]:
    """Names of the inputs read for chips of some dates: the dates, and the geometry of their pixels."""
    return ["geometry", *(f"{date:%Y%m%d}" for date in dates)]


def dates_of_chips(names: Iterable[str]) -> set[datetime.date]:
    """Dates from whose pixels chips ``product/key`` are computed."""
    keys = {key for dataset, _, key in (name.partition("/") for name in names) if dataset != LABEL}
    return {parse_date(part) for key in keys for part in key.split("_")}
