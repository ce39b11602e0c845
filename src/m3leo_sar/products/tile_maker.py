"""Computing the chips of a tile and writing them to an archive."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from importlib.metadata import version
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.chips.land_cover import CLASSES
from m3leo_sar.chips.legend import Legend
from m3leo_sar.grid.tiles import Tile
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.chips.chip import Layer, check_pixels, pixel_checksum
from m3leo_sar.io.chips.chip_name import parse_key
from m3leo_sar.io.chips.coherence_uint8 import NO_DATA
from m3leo_sar.io.chips.product_names import COHERENCE, GAMMA0, INTENSITY, INTERFEROGRAM, LABEL, LOOKS, RATIO
from m3leo_sar.io.chips.stored_coherence import FACTS
from m3leo_sar.io.stacks.stack_labels import LabelRaster
from m3leo_sar.products.placement import Part, Placement, _check_size, placement_on, span_on
from m3leo_sar.products.recipe import (
    UNKNOWN,
    Image,
    Origin,
    Recipe,
    images_of,
    images_of_chips,
    inputs_of,
    wanted_chips,
)
from m3leo_sar.products.terrain_effects import hidden_ground, require_terrain, slope_factor, tile_view
from m3leo_sar.products.tile_images import TileImages
from m3leo_sar.products.valid_looks import looks_facts
from m3leo_sar.stack.burst_set import BurstSet, burst_label
from m3leo_sar.stack.pairs import Pair
from m3leo_sar.stack.slc import SlcStack
from m3leo_sar.warp.geo2rdr import RadarView
from m3leo_sar.warp.pixel_map import pixel_map
from m3leo_sar.warp.sample import sample

#: Most bytes of finished chips in memory before they are written.
_HELD_BYTES = 256 << 20
#: Most bytes of maps of pairs computed at once: as many as the kernels keep for reuse, since new memory must be
#: cleared, which takes as long as filling it.
_MAP_BYTES = 32 << 20
#: No-data value of labels of truth values.
_OF_TRUTH = 255


class WritingFailed(OSError):
    """A chip could not be written, nor can any later one."""


@dataclass
class Made:
    """Result of one tile."""

    #: Chips written, by product.
    counts: dict[str, int] = field(default_factory=dict)
    #: The reason if no chip was written; empty otherwise.
    skipped: str = ""
    #: Bytes of the pixels written.
    bytes: int = 0


class Task(NamedTuple):
    """A tile and the chips it lacks."""

    tile: Tile
    #: ``product/key``, such as ``coherence/VV/20230301_20230313``.
    names: Collection[str]


@dataclass
class TileMaker:
    """Computes chips of a stack's tiles; the result depends on the arguments only.

    Parameters
    ----------
    stack : SlcStack or BurstSet
    archive : ChipArchive
    recipe : Recipe
    labels : mapping of str to LabelRaster
    origin : Origin
        Known inputs, written into each chip.
    check : callable, optional
        Called with the ``geometry``, dates (``YYYYMMDD``, ``VV/YYYYMMDD``) and labels (``label-NAME``) that have been
        read, before any chip from them is written; raises if their files have changed meanwhile.
    move : callable, optional
        Moves the samples of a tile to the device that computes its chips, such as
        :func:`m3leo_sar.chips.transfer.to_gpu`; rounding differs between devices.

    Raises
    ------
    ValueError
        If the recipe needs orbit and terrain, and the stack does not know them.
    """

    stack: SlcStack | BurstSet
    archive: ChipArchive
    recipe: Recipe
    labels: Mapping[str, LabelRaster] = field(default_factory=dict)
    origin: Origin = UNKNOWN
    check: Callable[[Collection[str]], None] | None = None
    move: Callable[[Any], Any] | None = None
    _wanted: dict[tuple[int, int], dict[str, dict[str, Any]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_terrain(self.stack, self.recipe)

    @cached_property
    def _pairs(self) -> dict[str, Pair]:
        """Pairs of the recipe by key; they know the days between their passings, which a key does not."""
        return {str(pair): pair for pair in self.recipe.pairs}

    def wanted(self, tile: Tile) -> dict[str, dict[str, Any]]:
        """Chips of a tile by the recipe, and the parameters of each."""
        shape = (tile.pixels, tile.pixels)
        if shape not in self._wanted:
            self._wanted[shape] = wanted_chips(
                self.recipe,
                polarisation=self.stack.polarisation,
                shape=shape,
                labels=self.labels,
                origin=self.origin,
                bursts=None if isinstance(self.stack, SlcStack) else self.stack.parameters,
            )
        return self._wanted[shape]

    def is_there(self, tile: Tile, name: str) -> bool:
        """Whether the archive has a readable chip from the same inputs and parameters."""
        dataset, _, key = name.partition("/")
        there = self.archive.has(tile.identifier, dataset, key, parameters=self.wanted(tile)[name])
        return there and is_whole(self.archive, tile.identifier, name)

    def place(self, tile: Tile) -> Placement:
        """Parts of a tile on the stack, and the reason if it cannot be computed."""
        return placement_on(self.stack, tile, self.recipe.minimum_coverage)

    def span(self, part: Part) -> tuple[slice, slice]:
        """Rows and columns to read, so that every window of the tile has the samples of the whole stack."""
        return span_on(part.stack, part.positions, window=self.recipe.window, resampling=self.recipe.resampling)

    def make(self, task: Task, *, place: Placement | None = None, is_read: bool = False) -> Made:
        """Compute and write the missing chips of a tile.

        Parameters
        ----------
        task : Task
        place : Placement, optional
            Result of :meth:`place` for the tile, or the same parts of stacks with equal pixels, such as from memory.
        is_read : bool
            Whether the pixels of ``place`` are in memory; ``check`` was called when they were read.

        Raises
        ------
        ValueError
            If pixels cannot be read, or the tile needs more of them than :data:`LARGEST_READ`.
        WritingFailed
            If a chip cannot be written; earlier chips are kept.
        """
        parts, reason = place or self.place(task.tile)
        if reason:
            return Made(skipped=reason)
        work = _Work(self, parts, task.tile, is_read)
        keys: dict[str, list[str]] = {}
        for name in task.names:
            dataset, _, key = name.partition("/")
            keys.setdefault(dataset, []).append(key)
        for key in keys.pop(LABEL, ()):
            work.make_label(key)
        if keys:
            work.compute(keys)
        work.flush()
        return work.made


class _Work:
    """One tile in progress."""

    def __init__(self, maker: TileMaker, parts: Sequence[Part], tile: Tile, is_read: bool) -> None:
        self.maker, self.parts, self.tile, self.made = maker, parts, tile, Made()
        self.stack, self.is_read = maker.stack, is_read
        self.geobox = tile.geobox
        self.parameters = maker.wanted(tile)
        #: Finished chips by product, and their bytes; written together, as an archive may keep them so.
        self.finished: dict[str, list[Layer]] = {}
        self.held = 0
        self.read: set[str] = set()

    def compute(self, keys: Mapping[str, list[str]]) -> None:
        """Make the chips of some keys of each product."""
        needed = images_of_chips(f"{dataset}/{key}" for dataset, some in keys.items() for key in some)
        self._images = [self._read_images(part, needed) for part in self.parts]
        if not self.is_read:
            self.read.update(inputs_of(needed))
        self._add_coherence(keys.get(COHERENCE, []))
        for key in keys.get(LOOKS, ()):
            self.add(LOOKS, key, self._looks(key), unit="1")
        for key in keys.get(INTERFEROGRAM, ()):
            chip = self._merged([images.interferogram(key) for images in self._images])
            self.add(INTERFEROGRAM, key, chip, unit="intensity", looks=[1, 1])
        for key in keys.get(INTENSITY, ()):
            chip = self._merged([images.intensity(key) for images in self._images])
            self.add(INTENSITY, key, chip, unit="intensity")
        for key in keys.get(GAMMA0, ()):
            chip = self._merged([images.intensity(key) for images in self._images]) * self._slopes
            self.add(GAMMA0, key, chip, unit="intensity")
        for key in keys.get(RATIO, ()):
            chip = self._merged([images.ratio(key, self._options()) for images in self._images])
            self.add(RATIO, key, chip, unit="1")

    def _read_images(self, part: Part, needed: Sequence[Image]) -> TileImages:
        rows, cols = self.maker.span(part)
        _check_size(self.tile, rows, cols, len(needed), part.stack)
        pixels = part.stack.images(needed, rows, cols)
        pixels = self.maker.move(pixels) if self.maker.move else pixels
        inside, resampling = part.positions.relative_to(rows, cols), self.maker.recipe.resampling
        return TileImages(pixels, needed, inside, resampling=resampling, window=self.maker.recipe.window)

    def _merged(self, planes: Sequence[NDArray[Any]]) -> NDArray[Any]:
        """Planes of the parts as one, each pixel from its own part; (..., tile rows, tile cols)."""
        none = NO_DATA if planes[0].dtype == np.uint8 else np.nan
        whole = planes[0]
        if len(planes) > 1 or self.parts[0].mask is not None:
            whole = np.full_like(planes[0], none)
            for part, plane in zip(self.parts, planes, strict=True):
                np.copyto(whole, plane, where=part.mask)  # type: ignore[arg-type]
        if self.maker.recipe.mask:
            whole[..., self._hidden] = none
        return whole

    @cached_property
    def _views(self) -> list[RadarView]:
        """The radar's view of the tile from each part, for both effects of terrain."""
        return [tile_view(part.stack.geometry, self.geobox) for part in self.parts]  # type: ignore[arg-type]

    @cached_property
    def _hidden(self) -> NDArray[np.bool_]:
        """Pixels that the recipe's mask leaves out, each as its own part sees it."""
        found = np.zeros(self.geobox.shape, bool)
        for part, view in zip(self.parts, self._views, strict=True):
            hidden = hidden_ground(view, self.maker.recipe.mask)
            found |= hidden if part.mask is None else hidden & part.mask
        return found

    @cached_property
    def _slopes(self) -> NDArray[np.float32]:
        """Gamma nought over beta nought; one plane for all dates and polarisations."""
        return self._merged([
            slope_factor(part.stack.geometry, self.geobox, view)  # type: ignore[arg-type]
            for part, view in zip(self.parts, self._views, strict=True)
        ])  # fmt: skip

    def _looks(self, key: str) -> NDArray[Any]:
        return self._merged([images.looks(key) for images in self._images])

    def _add_coherence(self, keys: list[str]) -> None:
        # A map has half the bytes of a date.
        at_once = max(1, 2 * _MAP_BYTES // max(images.nbytes for images in self._images))
        dtype = self.maker.archive.dtype
        stored: dict[str, Any] = {"nodata": NO_DATA, **FACTS} if dtype == "uint8" else {}
        for first in range(0, len(keys), at_once):
            some = keys[first : first + at_once]
            maps = self._merged([images.coherence(some, self._options(), dtype=dtype) for images in self._images])
            for key, chip in zip(some, maps, strict=True):
                known = chip != NO_DATA if stored else ~np.isnan(chip)
                self.add(COHERENCE, key, chip, **looks_facts(self._looks(key), known), **stored, unit="1")

    def _options(self) -> dict[str, Any]:
        recipe = self.maker.recipe
        return {"window": recipe.window, "min_valid": recipe.min_valid, "fill_gaps": recipe.fill_gaps}

    def make_label(self, key: str) -> None:
        """Make the chip of a label."""
        geobox, read, unit = self.maker.labels[key]
        positions = pixel_map(geobox, self.geobox)
        try:
            rows, cols = positions.window()
        except ValueError:
            # The tile lies off the labels; any pixel serves for an empty label.
            rows = cols = slice(0, 1)
        array = read(rows, cols)
        is_truth, is_integer = array.dtype.kind == "b", array.dtype.kind in "iub"
        # GeoTIFF has no booleans.
        array = array.astype(np.uint8) if is_truth else array
        self.read.add(f"label-{key}")
        # False is a value; 0 among codes is no class.
        nodata = _OF_TRUTH if is_truth else 0 if is_integer else None
        facts = {CLASSES: Legend.parse({0: f"no {key}", 1: key}).entries()} if is_truth else {}
        chip = sample(array, positions.relative_to(rows, cols), resampling="nearest", nodata=nodata)
        self.add(LABEL, key, chip, unit="class" if is_integer else unit, nodata=nodata, **facts)

    def add(self, dataset: str, key: str, chip: NDArray[Any], *, nodata: float | None = None, **facts: Any) -> None:
        """Keep a finished chip for writing."""
        images = () if dataset == LABEL else images_of(key)
        metadata = {
            "product": dataset,
            "key": key,
            "polarisation": parse_key(key).polarisation,
            "orbit": self.stack.orbit,
            "track": self.stack.track,
            **self._bursts(),
            **({"frequency": self.stack.frequency} if self.stack.frequency else {}),
            **self._dates(images),
            "software": _software(),
            "versions": {"numpy": np.__version__},
            "parameters": self.parameters[f"{dataset}/{key}"],
            "crc32": pixel_checksum(chip),
            **self._sources(images, key),
            **facts,
        }
        self.finished.setdefault(dataset, []).append(Layer(key, chip, metadata, nodata))
        self.held += chip.nbytes
        if self.held > _HELD_BYTES:
            self.flush()

    def _bursts(self) -> dict[str, Any]:
        """The burst of the chip, or the share of its pixels that each burst of a set gives."""
        if isinstance(self.stack, SlcStack):
            return {"burst": self.stack.burst} if self.stack.burst else {}
        shares = {
            burst_label(part.stack): round(float(np.mean(part.mask)), 4)  # type: ignore[arg-type]
            for part in self.parts
        }
        return {"bursts": shares}

    def _dates(self, images: Sequence[Image]) -> dict[str, Any]:
        """Date, or both dates with the days between them, and the platform of each where it is known."""
        dates = list(dict.fromkeys(image.date for image in images))
        known = dict(zip(self.stack.dates, self.stack.platforms or (), strict=False))
        platforms = [known.get(date) for date in dates]
        found: dict[str, Any] = {"platforms": platforms} if any(platforms) else {}
        if len(dates) == 2:
            named = Pair(*dates)
            pair = self.maker._pairs.get(str(named), named)
            return {"reference": f"{dates[0]}", "secondary": f"{dates[1]}", "days": pair.days, **found}
        return {"date": f"{dates[0]}", **found} if dates else {}

    def _sources(self, images: Sequence[Image], key: str) -> dict[str, Any]:
        """Names of the files of a chip."""
        names = self.maker.origin.names
        several = len({image.polarisation for image in images}) > 1
        named = {str(image) if several else f"{image.date:%Y%m%d}": image for image in images}
        found = {
            label: names[source]
            for label, image in named.items()
            for source in (str(image), f"{image.date:%Y%m%d}")
            if source in names
        }
        label = f"label-{key}"
        found |= {label: names[label]} if not images and label in names else {}
        return {"sources": found} if found else {}

    def flush(self) -> None:
        """Write the finished chips."""
        if self.maker.check and self.read:
            self.maker.check(self.read)
        for dataset, layers in self.finished.items():
            try:
                self.maker.archive.write_layers(self.tile.identifier, dataset, layers, self.geobox)
            except OSError as error:
                details = (error.errno, error.strerror, error.filename) if error.errno else error.args
                raise WritingFailed(*details) from error
            self.made.counts[dataset] = self.made.counts.get(dataset, 0) + len(layers)
            self.made.bytes += sum(layer.array.nbytes for layer in layers)
        self.finished, self.held = {}, 0


def is_whole(archive: ChipArchive, identifier: str, name: str) -> bool:
    """Whether a chip ``product/key`` can be read and has the pixels that were written.

    Decompression does not detect every wrong bit of a file; the checksum of its pixels does.
    """
    dataset, _, key = name.partition("/")
    try:
        check_pixels(archive.read(identifier, dataset, key))
    except (OSError, ValueError):
        return False
    return True


@lru_cache(maxsize=1)
def _software() -> str:
    # Looked up in the installed files, which takes as long as four maps of coherence.
    return f"m3leo-sar {version('m3leo-sar')}"
