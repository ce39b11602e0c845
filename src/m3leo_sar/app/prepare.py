"""From a stack, pairs and tiles to a chip archive; what is there already is not computed again."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.tiles import Tile
from m3leo_sar.grid.window import Window
from m3leo_sar.insar.coherence import coherence
from m3leo_sar.insar.interferogram import interferogram
from m3leo_sar.io.archive import ChipArchive, Layer
from m3leo_sar.stack.geometry import OrbitGeometry
from m3leo_sar.stack.pairs import Pair
from m3leo_sar.stack.slc import SlcStack
from m3leo_sar.warp.geo2rdr import radar_map
from m3leo_sar.warp.geolocate import geolocation_map
from m3leo_sar.warp.pixel_map import PixelMap, pixel_map
from m3leo_sar.warp.sample import sample

#: A raster and where it lies.
Label = tuple[NDArray[Any], GeoBox]
#: Bytes of finished chips that are held before they are written.
_HELD_BYTES = 256 << 20
COHERENCE, INTERFEROGRAM, INTENSITY, LABEL = "coherence", "interferogram", "intensity", "label"


@dataclass
class Summary:
    """What a run did."""

    #: Chips computed, by product.
    computed: dict[str, int] = field(default_factory=dict)
    #: Chips that were there already, with the same parameters.
    present: int = 0
    #: Tiles left out and why.
    skipped: dict[str, str] = field(default_factory=dict)

    def count(self, dataset: str) -> None:
        """Note one computed chip."""
        self.computed[dataset] = self.computed.get(dataset, 0) + 1


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What to compute for each tile.

    Parameters
    ----------
    pairs : sequence of Pair
    window : Window
        Coherence window in the stack's own pixels.
    interferograms : bool
        Whether to write single-look interferograms too.
    intensities : bool
        Whether to write each date's intensity.
    resampling : str
        From the stack's pixels to the tile's.
    minimum_coverage : float
        Share of a tile's pixels that must lie on the stack.
    """

    pairs: Sequence[Pair]
    window: Window
    interferograms: bool = False
    intensities: bool = True
    resampling: str = "bilinear"
    minimum_coverage: float = 0.5


def prepare(
    stack: SlcStack,
    archive: ChipArchive,
    tiles: Sequence[Tile],
    recipe: Recipe,
    *,
    labels: Mapping[str, Label] | None = None,
    report: Callable[[Tile], None] | None = None,
) -> Summary:
    """Compute every chip of the recipe that the archive does not hold.

    Each tile is a pure function of the stack and the recipe. Its part of the stack, with the halo of the window, is
    read once, all its pairs are computed in one call, and every product uses one map of positions.

    Raises
    ------
    ValueError
        If no pair or tile is given, a pair's date is missing, or every tile lies off the stack.
    OSError
        If a chip cannot be written; the chips before it stay, and nothing half written does.
    """
    if not recipe.pairs:
        raise ValueError("pairs must hold at least one pair, got none")
    if not tiles:
        raise ValueError("tiles must hold at least one tile, got none")
    stack.pair_indices(recipe.pairs)
    summary = Summary()
    for tile in tiles:
        _prepare_tile(stack, archive, tile, recipe, labels or {}, summary)
        if report:
            report(tile)
    if len(summary.skipped) == len(tiles):
        reason = next(iter(summary.skipped.values()))
        raise ValueError(f"none of the {len(tiles)} tiles can be made from {stack.name}: {reason}")
    return summary


def _prepare_tile(
    stack: SlcStack,
    archive: ChipArchive,
    tile: Tile,
    recipe: Recipe,
    labels: Mapping[str, Label],
    summary: Summary,
) -> None:
    work = _Work(stack, archive, tile, recipe, summary)
    pairs = [pair for pair in recipe.pairs if work.lacks(COHERENCE, str(pair))]
    formed = [pair for pair in recipe.pairs if recipe.interferograms and work.lacks(INTERFEROGRAM, str(pair))]
    dates = sorted({date for pair in recipe.pairs for date in (pair.reference, pair.secondary)})
    dates = [date for date in dates if recipe.intensities and work.lacks(INTENSITY, f"{date:%Y%m%d}")]
    named = [name for name in labels if work.lacks(LABEL, name)]
    if not (pairs or formed or dates or named):
        return
    positions = _positions(stack, tile)
    covered = _coverage(positions, stack)
    if covered == 0 or covered < recipe.minimum_coverage:
        summary.skipped[tile.identifier] = f"{covered:.0%} of it lies on the stack"
        return
    for name in named:
        work.write_label(name, labels[name])
    if pairs or formed or dates:
        work.compute(positions, pairs, formed, dates)
    work.flush()


@dataclass
class _Work:
    """One tile being made."""

    stack: SlcStack
    archive: ChipArchive
    tile: Tile
    recipe: Recipe
    summary: Summary
    #: Finished chips by product, and their bytes; written together, as an archive may keep them so.
    finished: dict[str, list[Layer]] = field(default_factory=dict)
    held: int = 0

    def lacks(self, dataset: str, key: str) -> bool:
        parameters = self.parameters(dataset)
        there = self.archive.has(self.tile.identifier, dataset, key, parameters=parameters)
        self.summary.present += there
        return not there

    def parameters(self, dataset: str) -> dict[str, Any]:
        """What a chip depends on beside its dates; another value means another chip."""
        shape = list(self.tile.geobox.shape)
        if dataset == LABEL:
            return {"resampling": "nearest", "shape": shape}
        parameters = {"resampling": self.recipe.resampling, "shape": shape, "polarisation": self.stack.polarisation}
        if dataset == COHERENCE:
            parameters["window"] = [self.recipe.window.rows, self.recipe.window.cols]
        return parameters

    def compute(self, positions: PixelMap, pairs: list[Pair], formed: list[Pair], dates: list[datetime.date]) -> None:
        rows, cols = _with_halo(positions, self.stack, self.recipe.window)
        inside = positions.relative_to(rows, cols)
        needed = sorted({date for pair in (*pairs, *formed) for date in (pair.reference, pair.secondary)} | set(dates))
        pixels = self.stack.window(rows, cols, dates=needed)

        def place(pair: Pair) -> tuple[int, int]:
            return needed.index(pair.reference), needed.index(pair.secondary)

        def to_tile(images: NDArray[Any]) -> NDArray[Any]:
            taken: NDArray[Any] = sample(images, inside, resampling=self.recipe.resampling)
            return taken

        if pairs:
            maps = to_tile(coherence(pixels, pairs=[place(pair) for pair in pairs], window=self.recipe.window))
            for pair, chip in zip(pairs, maps, strict=True):
                # Bilinear weights sum to one up to rounding.
                self.write(COHERENCE, str(pair), np.clip(chip, 0, 1), **_pair_facts(pair), unit="1")
        # One pair at a time: a complex map a pair of a long stack would not fit in memory.
        for pair in formed:
            chip = to_tile(interferogram(pixels, pairs=[place(pair)]))[0]
            self.write(INTERFEROGRAM, str(pair), chip, **_pair_facts(pair), unit="intensity", looks=[1, 1])
        for date in dates:
            image = pixels[needed.index(date)]
            power = (image.real**2 + image.imag**2).astype(np.float32)
            self.write(INTENSITY, f"{date:%Y%m%d}", to_tile(power), date=date.isoformat(), unit="intensity")

    def write_label(self, name: str, label: Label) -> None:
        array, geobox = label
        is_integer = array.dtype.kind in "iu"
        positions = pixel_map(geobox, self.tile.geobox)
        chip = sample(array, positions, resampling="nearest", nodata=0 if is_integer else None)
        self.write(LABEL, name, chip, unit="class" if is_integer else "", nodata=0 if is_integer else None)

    def write(self, dataset: str, key: str, chip: NDArray[Any], *, nodata: float | None = None, **facts: Any) -> None:
        metadata = {
            "product": dataset,
            "key": key,
            "polarisation": self.stack.polarisation,
            "orbit": self.stack.orbit,
            "track": self.stack.track,
            "software": f"m3leo-sar {version('m3leo-sar')}",
            "parameters": self.parameters(dataset),
            **facts,
        }
        self.finished.setdefault(dataset, []).append(Layer(key, chip, metadata, nodata))
        self.held += chip.nbytes
        if self.held > _HELD_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what is finished."""
        for dataset, layers in self.finished.items():
            self.archive.write_layers(self.tile.identifier, dataset, layers, self.tile.geobox)
            for _ in layers:
                self.summary.count(dataset)
        self.finished, self.held = {}, 0


def _positions(stack: SlcStack, tile: Tile) -> PixelMap:
    if isinstance(stack.geometry, GeoBox):
        return pixel_map(stack.geometry, tile.geobox)
    if isinstance(stack.geometry, OrbitGeometry):
        place = stack.geometry
        return radar_map(
            tile.geobox, orbit=place.orbit, radar_grid=place.radar_grid, dem=place.dem, dem_geobox=place.dem_geobox
        )
    return geolocation_map(stack.geometry.latitude, stack.geometry.longitude, tile.geobox)


def _coverage(positions: PixelMap, stack: SlcStack) -> float:
    """Share of the tile's pixels that lie on the stack."""
    _, rows, cols = stack.shape
    # NaN, where a position is not known, compares false.
    inside = np.abs(positions.rows - (rows - 1) / 2) <= rows / 2
    inside &= np.abs(positions.cols - (cols - 1) / 2) <= cols / 2
    return float(inside.mean())


def _with_halo(positions: PixelMap, stack: SlcStack, window: Window) -> tuple[slice, slice]:
    """Rows and columns to read so that every window of the tile is as full as in the whole stack."""
    spans = positions.window()
    return tuple(  # type: ignore[return-value]
        slice(max(0, span.start - before), min(size, span.stop + after))
        for span, size, before, after in zip(spans, stack.shape[1:], window.before, window.after, strict=True)
    )


def _pair_facts(pair: Pair) -> dict[str, Any]:
    return {"reference": pair.reference.isoformat(), "secondary": pair.secondary.isoformat(), "days": pair.days}
