"""The chips of one tile: which ones a recipe asks for, what each depends on, and how they are made."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.metadata import version
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.chips.transfer import to_host
from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.tiles import Tile
from m3leo_sar.grid.window import Window
from m3leo_sar.insar.coherence import coherence
from m3leo_sar.insar.interferogram import interferogram
from m3leo_sar.io.chips.archive import ChipArchive, Layer, check_pixels, pixel_checksum
from m3leo_sar.io.stacks.stack_labels import LabelRaster
from m3leo_sar.stack.geometry import OrbitGeometry, StoredRadarGeometry
from m3leo_sar.stack.pairs import Pair, parse_date
from m3leo_sar.stack.slc import SlcStack
from m3leo_sar.warp.geo2rdr import radar_map
from m3leo_sar.warp.geolocate import geolocation_map
from m3leo_sar.warp.pixel_map import PixelMap, pixel_map
from m3leo_sar.warp.sample import margin_of, sample

COHERENCE, INTERFEROGRAM, INTENSITY, LABEL = "coherence", "interferogram", "intensity", "label"
#: Bytes of finished chips that are held before they are written.
_HELD_BYTES = 256 << 20
#: Bytes of maps of pairs that are made at once: no more than the kernels keep to use again, as new memory must be
#: cleared, which takes as long as filling it.
_MAP_BYTES = 32 << 20
#: Bytes of the stack that one tile may ask for; a tile that asks for more is refused before anything is allocated.
LARGEST_READ = 4 << 30


class WritingFailed(OSError):
    """A chip could not be written: nothing that follows can be either."""


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

    @property
    def dates(self) -> list[datetime.date]:
        """Dates of the pairs, sorted."""
        return sorted(needed_dates(self.pairs, ()))


class Origin(NamedTuple):
    """What chips were made from, as far as it is known."""

    #: Checksum of each date (``YYYYMMDD``), label (``label-NAME``) and of the ``geometry``, if it is a file's own.
    checksums: Mapping[str, str]
    #: What the files of the dates are called.
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
    """Chips ``product/key`` that a recipe asks of a tile, and what each depends on beside its tile and dates.

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
        Checksums of what the chips are made from; another one means another chip.
    """
    common = {"resampling": recipe.resampling, "shape": list(shape), "polarisation": polarisation}
    window: dict[str, Any] = {"window": [recipe.window.rows, recipe.window.cols]}
    if recipe.window.row_weights is not None:
        window["weights"] = [recipe.window.row_weights, recipe.window.col_weights]

    def inputs(*names: str) -> dict[str, Any]:
        found = {name: origin.checksums[name] for name in (*names, "geometry") if name in origin.checksums}
        return {"inputs": found} if found else {}

    wanted: dict[str, dict[str, Any]] = {}
    for pair in recipe.pairs:
        wanted[f"{COHERENCE}/{pair}"] = common | window | inputs(*str(pair).split("_"))
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


@dataclass
class Made:
    """What became of one tile."""

    #: Chips written, by product.
    counts: dict[str, int] = field(default_factory=dict)
    #: Why none was made; empty if they were.
    skipped: str = ""
    #: Bytes of the pixels written.
    bytes: int = 0


class Task(NamedTuple):
    """A tile and the chips it lacks."""

    tile: Tile
    #: ``product/key``.
    names: Collection[str]


@dataclass
class TileMaker:
    """Makes chips of a stack's tiles; what it gives depends on nothing but what it is given.

    Parameters
    ----------
    stack : SlcStack
    archive : ChipArchive
    recipe : Recipe
    labels : mapping of str to LabelRaster
    origin : Origin
        Written into each chip.
    check : callable, optional
        Called with the ``geometry``, dates (``YYYYMMDD``) and labels (``label-NAME``) that have been read, before
        anything made from them is written; raises if their files have changed meanwhile.
    move : callable, optional
        Takes the samples of a tile to where its chips are computed, such as :func:`m3leo_sar.chips.transfer.to_gpu`;
        they round differently there.
    """

    stack: SlcStack
    archive: ChipArchive
    recipe: Recipe
    labels: Mapping[str, LabelRaster] = field(default_factory=dict)
    origin: Origin = UNKNOWN
    check: Callable[[Collection[str]], None] | None = None
    move: Callable[[Any], Any] | None = None
    _wanted: dict[tuple[int, int], dict[str, dict[str, Any]]] = field(default_factory=dict)

    def wanted(self, tile: Tile) -> dict[str, dict[str, Any]]:
        """Chips that the recipe asks of a tile, and what each depends on."""
        shape = (tile.pixels, tile.pixels)
        if shape not in self._wanted:
            self._wanted[shape] = wanted_chips(
                self.recipe,
                polarisation=self.stack.polarisation,
                shape=shape,
                labels=self.labels,
                origin=self.origin,
            )
        return self._wanted[shape]

    def is_there(self, tile: Tile, name: str) -> bool:
        """Whether the archive has a chip, made from the same, that can be read."""
        dataset, _, key = name.partition("/")
        there = self.archive.has(tile.identifier, dataset, key, parameters=self.wanted(tile)[name])
        return there and is_whole(self.archive, tile.identifier, name)

    def place(self, tile: Tile) -> tuple[PixelMap, str]:
        """Where a tile lies on the stack, and why it cannot be made if it cannot."""
        return place_on(self.stack, tile, self.recipe.minimum_coverage)

    def span(self, positions: PixelMap) -> tuple[slice, slice]:
        """Rows and columns to read so that every window of the tile is as full as in the whole stack."""
        return span_on(self.stack, positions, window=self.recipe.window, resampling=self.recipe.resampling)

    def make(self, task: Task, *, stack: SlcStack | None = None, place: tuple[PixelMap, str] | None = None) -> Made:
        """Make the chips a tile lacks and write them.

        Parameters
        ----------
        task : Task
        stack : SlcStack, optional
            Gives the same pixels as the maker's own, such as from memory; ``check`` was called when they were read.
        place : optional
            What :meth:`place` has given for the tile.

        Raises
        ------
        ValueError
            If pixels cannot be read, or the tile needs more of them than :data:`LARGEST_READ`.
        WritingFailed
            If a chip cannot be written; what was written before stays.
        """
        positions, reason = place or self.place(task.tile)
        if reason:
            return Made(skipped=reason)
        work = _Work(self, stack or self.stack, task.tile)
        keys = {name: name.partition("/")[::2] for name in task.names}
        for name, (dataset, key) in keys.items():
            if dataset == LABEL:
                work.make_label(name, key)
        pairs, formed = (
            [Pair.parse(key) for dataset, key in keys.values() if dataset == wanted]
            for wanted in (COHERENCE, INTERFEROGRAM)
        )
        dates = [parse_date(key) for dataset, key in keys.values() if dataset == INTENSITY]
        if pairs or formed or dates:
            work.compute(positions, pairs, formed, dates)
        work.flush()
        return work.made


class _Work:
    """One tile being made."""

    def __init__(self, maker: TileMaker, stack: SlcStack, tile: Tile) -> None:
        self.maker, self.stack, self.tile, self.made = maker, stack, tile, Made()
        self.geobox = tile.geobox
        self.parameters = maker.wanted(tile)
        #: Finished chips by product, and their bytes; written together, as an archive may keep them so.
        self.finished: dict[str, list[Layer]] = {}
        self.held = 0
        self.read: set[str] = set()

    def compute(self, positions: PixelMap, pairs: list[Pair], formed: list[Pair], dates: list[datetime.date]) -> None:
        rows, cols = self.maker.span(positions)
        inside = positions.relative_to(rows, cols)
        needed = sorted(needed_dates((*pairs, *formed), dates))
        _check_size(self.tile, rows, cols, len(needed), self.stack)
        pixels = self.stack.window(rows, cols, dates=needed)
        pixels = self.maker.move(pixels) if self.maker.move else pixels
        if self.stack is self.maker.stack:
            self.read.update(inputs_of(needed))
        place = {date: index for index, date in enumerate(needed)}

        def to_tile(images: NDArray[Any]) -> NDArray[Any]:
            taken: NDArray[Any] = to_host(sample(images, inside, resampling=self.maker.recipe.resampling))
            return taken

        # A map has half the bytes of a date.
        at_once = max(1, 2 * _MAP_BYTES // pixels[0].nbytes)
        for first in range(0, len(pairs), at_once):
            some = pairs[first : first + at_once]
            indices = [(place[pair.reference], place[pair.secondary]) for pair in some]
            maps = to_tile(coherence(pixels, pairs=indices, window=self.maker.recipe.window))
            for pair, chip in zip(some, maps, strict=True):
                # Bilinear weights sum to one up to rounding.
                self.add(COHERENCE, str(pair), np.clip(chip, 0, 1, out=chip), **_pair_facts(pair), unit="1")
        for pair in formed:
            indices = [(place[pair.reference], place[pair.secondary])]
            chip = to_tile(interferogram(pixels, pairs=indices))[0]
            self.add(INTERFEROGRAM, str(pair), chip, **_pair_facts(pair), unit="intensity", looks=[1, 1])
        for date in dates:
            image = pixels[place[date]]
            power = (image.real**2 + image.imag**2).astype(np.float32)
            self.add(INTENSITY, f"{date:%Y%m%d}", to_tile(power), date=date.isoformat(), unit="intensity")

    def make_label(self, name: str, key: str) -> None:
        geobox, read = self.maker.labels[key]
        positions = pixel_map(geobox, self.geobox)
        try:
            rows, cols = positions.window()
        except ValueError:
            # The tile lies off the labels; any pixel serves to say that there is none.
            rows = cols = slice(0, 1)
        array = read(rows, cols)
        # GeoTIFF has no truth values.
        array = array.astype(np.uint8) if array.dtype.kind == "b" else array
        self.read.add(f"label-{key}")
        is_integer = array.dtype.kind in "iu"
        nodata = 0 if is_integer else None
        chip = sample(array, positions.relative_to(rows, cols), resampling="nearest", nodata=nodata)
        self.add(LABEL, key, chip, unit="class" if is_integer else "", nodata=nodata)

    def add(self, dataset: str, key: str, chip: NDArray[Any], *, nodata: float | None = None, **facts: Any) -> None:
        names = self.maker.origin.names
        sources = {part: names[part] for part in (*key.split("_"), f"label-{key}") if part in names}
        metadata = {
            "product": dataset,
            "key": key,
            "polarisation": self.stack.polarisation,
            "orbit": self.stack.orbit,
            "track": self.stack.track,
            "software": _software(),
            "versions": {"numpy": np.__version__},
            "parameters": self.parameters[f"{dataset}/{key}"],
            "crc32": pixel_checksum(chip),
            **({"sources": sources} if sources else {}),
            **facts,
        }
        self.finished.setdefault(dataset, []).append(Layer(key, chip, metadata, nodata))
        self.held += chip.nbytes
        if self.held > _HELD_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what is finished."""
        if self.maker.check and self.read:
            self.maker.check(self.read)
        for dataset, layers in self.finished.items():
            try:
                self.maker.archive.write_layers(self.tile.identifier, dataset, layers, self.geobox)
            except OSError as error:
                told = (error.errno, error.strerror, error.filename) if error.errno else error.args
                raise WritingFailed(*told) from error
            self.made.counts[dataset] = self.made.counts.get(dataset, 0) + len(layers)
            self.made.bytes += sum(layer.array.nbytes for layer in layers)
        self.finished, self.held = {}, 0


def is_whole(archive: ChipArchive, identifier: str, name: str) -> bool:
    """Whether a chip ``product/key`` can be read and has the pixels that were written.

    Not every wrong bit of a compressed file shows when it is unpacked; the checksum of its pixels tells.
    """
    dataset, _, key = name.partition("/")
    try:
        check_pixels(archive.read(identifier, dataset, key))
    except (OSError, ValueError):
        return False
    return True


def needed_dates(pairs: Iterable[Pair], dates: Iterable[datetime.date]) -> set[datetime.date]:
    """Dates of pairs and those named beside."""
    return {date for pair in pairs for date in (pair.reference, pair.secondary)} | set(dates)


def inputs_of(dates: Iterable[datetime.date]) -> list[str]:
    """Names of the inputs that are read for chips of some dates: those, and what tells where their pixels lie."""
    return ["geometry", *(f"{date:%Y%m%d}" for date in dates)]


def dates_of_chips(names: Iterable[str]) -> set[datetime.date]:
    """Dates whose pixels chips ``product/key`` are made from."""
    keys = {key for dataset, _, key in (name.partition("/") for name in names) if dataset != LABEL}
    return {parse_date(part) for key in keys for part in key.split("_")}


def positions_on(stack: SlcStack, tile: Tile) -> PixelMap:
    """Where each pixel of a tile lies on a stack."""
    if isinstance(stack.geometry, GeoBox):
        return pixel_map(stack.geometry, tile.geobox)
    if isinstance(stack.geometry, OrbitGeometry):
        place = stack.geometry
        return radar_map(
            tile.geobox, orbit=place.orbit, radar_grid=place.radar_grid, dem=place.dem, dem_geobox=place.dem_geobox
        )
    if isinstance(stack.geometry, StoredRadarGeometry):
        return _positions_in_part(stack.geometry, tile.geobox)
    return geolocation_map(stack.geometry.latitude, stack.geometry.longitude, tile.geobox)


def _positions_in_part(geometry: StoredRadarGeometry, target: GeoBox) -> PixelMap:
    """Positions on a scene whose coordinates are read around the tile only."""
    part = geometry.around(target.bounds_in("EPSG:4326"))
    if part is None:
        nowhere = np.full(target.shape, np.nan)
        return PixelMap(nowhere, nowhere, geometry.shape)
    there = geometry.read(*part)
    found = geolocation_map(there.latitude, there.longitude, target)
    rows, cols = (axis + span.start for axis, span in zip((found.rows, found.cols), part, strict=True))
    return PixelMap(rows, cols, geometry.shape, scale=found.scale)


def place_on(stack: SlcStack, tile: Tile, minimum_coverage: float) -> tuple[PixelMap, str]:
    """Where a tile lies on a stack, and why it cannot be made if less than a share of its pixels does."""
    positions = positions_on(stack, tile)
    covered = _coverage(positions, stack)
    too_little = covered == 0 or covered < minimum_coverage
    return positions, f"{covered:.0%} of it lies on the stack" if too_little else ""


def span_on(stack: SlcStack, positions: PixelMap, *, window: Window, resampling: str) -> tuple[slice, slice]:
    """Rows and columns of a stack that a tile needs, so that each of its windows is as full as in the whole stack.

    Raises
    ------
    ValueError
        If no pixel of the tile lies on the stack.
    """
    spans = positions.window(margin=margin_of(positions, resampling))
    rows, cols = (
        slice(max(0, span.start - before), min(size, span.stop + after))
        for span, size, before, after in zip(spans, stack.shape[1:], window.before, window.after, strict=True)
    )
    return rows, cols


def _coverage(positions: PixelMap, stack: SlcStack) -> float:
    """Share of the tile's pixels that lie on the stack."""
    _, rows, cols = stack.shape
    # NaN, where a position is not known, compares false.
    inside = np.abs(positions.rows - (rows - 1) / 2) <= rows / 2
    inside &= np.abs(positions.cols - (cols - 1) / 2) <= cols / 2
    return float(inside.mean())


def _check_size(tile: Tile, rows: slice, cols: slice, dates: int, stack: SlcStack) -> None:
    size = (rows.stop - rows.start) * (cols.stop - cols.start) * dates * np.dtype(stack.dtype).itemsize
    if size > LARGEST_READ:
        raise ValueError(
            f"tile {tile.identifier} must need at most {LARGEST_READ >> 30} GiB of {stack.name}, got "
            f"{size / 2**30:.1f} GiB for {dates} dates; take smaller tiles or fewer pairs at a time"
        )


@lru_cache(maxsize=1)
def _software() -> str:
    # Looked up in the installed files, which takes as long as four maps of coherence.
    return f"m3leo-sar {version('m3leo-sar')}"


def _pair_facts(pair: Pair) -> dict[str, Any]:
    return {"reference": pair.reference.isoformat(), "secondary": pair.secondary.isoformat(), "days": pair.days}
