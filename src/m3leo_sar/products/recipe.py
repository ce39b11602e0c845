"""The chips of a tile by a recipe, and the parameters of each chip."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from m3leo_sar.grid.window import Window
from m3leo_sar.insar.selection import MIN_VALID, check_min_valid
from m3leo_sar.io.chips.chip_name import parse_key
from m3leo_sar.io.chips.product_names import COHERENCE, GAMMA0, INTENSITY, INTERFEROGRAM, LABEL, LOOKS, RATIO
from m3leo_sar.stack.pairs import Pair, parse_date
from m3leo_sar.stack.polarisation import parse_polarisations, polarisation_pairs

#: Ground that a recipe may leave out.
HIDDEN = ("layover", "shadow")
#: Metres on level ground of the cells in which illuminated areas are added up: as fine as global terrain models.
CELL = 30.0


def parse_mask(mask: str | Iterable[str]) -> tuple[str, ...]:
    """Ground that has no data in chips, in one order, as it is a parameter of the chips.

    Parameters
    ----------
    mask : str or iterable of str
        ``"layover"``, ``"shadow"``, or both, also as ``"layover,shadow"``. An empty sequence is no mask.

    Raises
    ------
    ValueError
        If a word is another, or empty.

    Examples
    --------
    >>> parse_mask("shadow,layover")
    ('layover', 'shadow')
    """
    parts = [mask] if isinstance(mask, str) else list(mask)
    words = [word.strip() for part in parts for word in part.split(",")]
    for word in words:
        if word not in HIDDEN:
            raise ValueError(f"mask must be {', '.join(HIDDEN)} or both, {','.join(HIDDEN)}, got {word!r}")
    return tuple(sorted(set(words)))


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
    cross_polarised : bool
        Whether to write, for each date and two polarisations, their coherence and the ratio of their intensities too.
    gamma0 : bool
        Whether to write each date's terrain-flattened gamma nought too.
    mask : str or sequence of str
        Ground that has no data in all chips but labels, as of :func:`parse_mask`; none by default.

    Raises
    ------
    ValueError
        If a share lies outside [0, 1], or a part of the mask is unknown.
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
    cross_polarised: bool = False
    gamma0: bool = False
    mask: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_min_valid(self.min_valid)
        object.__setattr__(self, "mask", parse_mask(self.mask))

    @property
    def dates(self) -> list[datetime.date]:
        """Dates of the pairs, sorted."""
        return sorted(needed_dates(self.pairs, ()))


class Origin(NamedTuple):
    """The known inputs of chips."""

    #: Checksum of each date (``YYYYMMDD``, or ``VV/YYYYMMDD`` with files per polarisation), label (``label-NAME``) and
    #: of the ``geometry``, if it is a file's own.
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
    bursts: Mapping[str, Any] | None = None,
) -> dict[str, dict[str, Any]]:
    """Chips ``product/polarisation/name`` of a tile by a recipe, and the parameters of each beside tile and dates.

    Parameters
    ----------
    recipe : Recipe
    polarisation : str
        The stack's: ``"VV"``, or several as ``"VV+VH"``.
    shape : (int, int)
        Rows and columns of the tile.
    labels : iterable of str
        Names of label rasters.
    origin : Origin
        Checksums of the chips' inputs; a changed checksum means a changed chip.
    bursts : mapping, optional
        Parameters of a set of bursts (:attr:`m3leo_sar.stack.burst_set.BurstSet.parameters`).
    """
    polarisations = parse_polarisations(polarisation)
    if recipe.cross_polarised and len(polarisations) < 2:
        raise ValueError(f"cross_polarised chips need a stack of two polarisations, got {polarisation}")
    pairs, dates = [str(pair) for pair in recipe.pairs], [f"{date:%Y%m%d}" for date in recipe.dates]
    products = {
        COHERENCE: pairs,
        LOOKS: pairs if recipe.valid_looks else [],
        INTERFEROGRAM: pairs if recipe.interferograms else [],
        INTENSITY: dates if recipe.intensities else [],
        GAMMA0: dates if recipe.gamma0 else [],
    }
    parts = [(dataset, one, names) for one in polarisations for dataset, names in products.items()]
    both = polarisation_pairs(polarisations) if recipe.cross_polarised else []
    parts += [(dataset, two, dates) for two in both for dataset in (COHERENCE, RATIO)]
    wanted = {
        f"{dataset}/{one}/{name}": _parameters(recipe, dataset, f"{one}/{name}", shape, origin)
        | _of_bursts(bursts or {}, dataset, name)
        for dataset, one, names in parts
        for name in names
    }
    for name in labels:
        checksum = origin.checksums.get(f"label-{name}")
        known = {"inputs": {f"label-{name}": checksum}} if checksum else {}
        wanted[f"{LABEL}/{name}"] = {"resampling": "nearest", "shape": list(shape), **known}
    return wanted


def _parameters(recipe: Recipe, dataset: str, key: str, shape: tuple[int, int], origin: Origin) -> dict[str, Any]:
    """Parameters of one chip beside its tile and dates."""
    polarisation = parse_key(key).polarisation
    found: dict[str, Any] = {"resampling": recipe.resampling, "shape": list(shape), "polarisation": polarisation}
    if dataset in (COHERENCE, LOOKS, RATIO):
        found["window"] = [recipe.window.rows, recipe.window.cols]
        if recipe.window.row_weights is not None:
            found["weights"] = [recipe.window.row_weights, recipe.window.col_weights]
    if dataset == GAMMA0:
        found["cell"] = CELL
    if recipe.mask:
        found["mask"] = list(recipe.mask)
    if dataset in (COHERENCE, RATIO):
        # Chips without a share are of an earlier rule, which gave values to pixels without a sample of their own.
        found |= {"min_valid": recipe.min_valid, **({"fill_gaps": True} if recipe.fill_gaps else {})}
    inputs = {
        label: origin.checksums[source]
        for label, source in _inputs(images_of(key), origin).items()
        if source in origin.checksums
    }
    return found | ({"inputs": inputs} if inputs else {})


def _of_bursts(bursts: Mapping[str, Any], dataset: str, name: str) -> dict[str, Any]:
    """Parameters of a chip that come from a set of bursts; a phase per date changes interferograms alone."""
    found = {key: value for key, value in bursts.items() if key != "steps"}
    if dataset == INTERFEROGRAM and "steps" in bursts:
        dates = name.split("_")
        found["steps"] = {
            burst: {date: by_date.get(date, 0.0) for date in dates} for burst, by_date in bursts["steps"].items()
        }
    return found


def _inputs(images: Sequence[Image], origin: Origin) -> dict[str, str]:
    """Sources of images and of their geometry, by their names in the parameters."""
    by_polarisation = len({image.polarisation for image in images}) > 1
    found = {}
    for image in images:
        # A stack of one polarisation has the same chips as one of several, so their parameters are equal.
        name = str(image) if by_polarisation else f"{image.date:%Y%m%d}"
        found[name] = str(image) if str(image) in origin.checksums else f"{image.date:%Y%m%d}"
    return {**found, "geometry": "geometry"}


def needed_dates(pairs: Iterable[Pair], dates: Iterable[datetime.date]) -> set[datetime.date]:
    """Dates of pairs and additional dates."""
    return {date for pair in pairs for date in (pair.reference, pair.secondary)} | set(dates)


class Image(NamedTuple):
    """One image of a stack."""

    polarisation: str
    date: datetime.date

    def __str__(self) -> str:
        return f"{self.polarisation}/{self.date:%Y%m%d}"


def images_of(key: str) -> tuple[Image, ...]:
    """The images from which a chip of a key is computed, the reference first: one for an intensity, else two.

    Raises
    ------
    ValueError
        If the key has no polarisation, or names neither a date nor a pair.

    Examples
    --------
    >>> [str(image) for image in images_of("VV-VH/20230301")]
    ['VV/20230301', 'VH/20230301']
    >>> [str(image) for image in images_of("VV/20230301_20230313")]
    ['VV/20230301', 'VV/20230313']
    """
    polarisation, name = parse_key(key)
    if polarisation is None:
        raise ValueError(f"key must name a polarisation and a date or pair, got {key!r}")
    first, _, second = polarisation.partition("-")
    dates = [parse_date(part) for part in name.split("_")]
    if len(dates) == 1 and not second:
        return (Image(first, dates[0]),)
    return Image(first, dates[0]), Image(second or first, dates[-1])


def inputs_of(images: Iterable[Image]) -> list[str]:
    """Names of the inputs read for chips of some images: of the images, and the geometry of their pixels.

    An image is named with its polarisation and by its date alone; a stack's files have one of these names.
    """
    found = list(images)
    return ["geometry", *(str(image) for image in found), *(f"{image.date:%Y%m%d}" for image in found)]


def images_of_chips(names: Iterable[str]) -> list[Image]:
    """Images from whose pixels chips ``product/key`` are computed, sorted."""
    keys = {key for dataset, _, key in (name.partition("/") for name in names) if dataset != LABEL}
    return sorted({image for key in keys for image in images_of(key)})
