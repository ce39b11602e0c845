"""Computing the chips of a tile and writing them to an archive."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from importlib.metadata import version
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.chips.land_cover import CLASSES
from m3leo_sar.chips.legend import Legend
from m3leo_sar.chips.transfer import to_host
from m3leo_sar.grid.tiles import Tile
from m3leo_sar.insar.coherence import coherence
from m3leo_sar.insar.interferogram import interferogram
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.chips.chip import Layer, check_pixels, pixel_checksum
from m3leo_sar.io.chips.product_names import COHERENCE, INTENSITY, INTERFEROGRAM, LABEL, LOOKS
from m3leo_sar.io.stacks.stack_labels import LabelRaster
from m3leo_sar.products.placement import _check_size, place_on, span_on
from m3leo_sar.products.recipe import UNKNOWN, Origin, Recipe, inputs_of, needed_dates, wanted_chips
from m3leo_sar.products.valid_looks import ValidLooks, looks_facts
from m3leo_sar.stack.pairs import Pair, parse_date
from m3leo_sar.stack.slc import SlcStack
from m3leo_sar.warp.pixel_map import PixelMap, pixel_map
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
    #: ``product/key``.
    names: Collection[str]


@dataclass
class TileMaker:
    """Computes chips of a stack's tiles; the result depends on the arguments only.

    Parameters
    ----------
    stack : SlcStack
    archive : ChipArchive
    recipe : Recipe
    labels : mapping of str to LabelRaster
    origin : Origin
        Known inputs, written into each chip.
    check : callable, optional
        Called with the ``geometry``, dates (``YYYYMMDD``) and labels (``label-NAME``) that have been read, before
        any chip from them is written; raises if their files have changed meanwhile.
    move : callable, optional
        Moves the samples of a tile to the device that computes its chips, such as
        :func:`m3leo_sar.chips.transfer.to_gpu`; rounding differs between devices.
    """

    stack: SlcStack
    archive: ChipArchive
    recipe: Recipe
    labels: Mapping[str, LabelRaster] = field(default_factory=dict)
    origin: Origin = UNKNOWN
    check: Callable[[Collection[str]], None] | None = None
    move: Callable[[Any], Any] | None = None
    _wanted: dict[tuple[int, int], dict[str, dict[str, Any]]] = field(default_factory=dict)

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
            )
        return self._wanted[shape]

    def is_there(self, tile: Tile, name: str) -> bool:
        """Whether the archive has a readable chip from the same inputs and parameters."""
        dataset, _, key = name.partition("/")
        there = self.archive.has(tile.identifier, dataset, key, parameters=self.wanted(tile)[name])
        return there and is_whole(self.archive, tile.identifier, name)

    def place(self, tile: Tile) -> tuple[PixelMap, str]:
        """Positions of a tile on the stack, and the reason if it cannot be computed."""
        return place_on(self.stack, tile, self.recipe.minimum_coverage)

    def span(self, positions: PixelMap) -> tuple[slice, slice]:
        """Rows and columns to read, so that every window of the tile has the samples of the whole stack."""
        return span_on(self.stack, positions, window=self.recipe.window, resampling=self.recipe.resampling)

    def make(self, task: Task, *, stack: SlcStack | None = None, place: tuple[PixelMap, str] | None = None) -> Made:
        """Compute and write the missing chips of a tile.

        Parameters
        ----------
        task : Task
        stack : SlcStack, optional
            Source of the same pixels as the maker's own, such as from memory; ``check`` was called when they were read.
        place : optional
            Result of :meth:`place` for the tile.

        Raises
        ------
        ValueError
            If pixels cannot be read, or the tile needs more of them than :data:`LARGEST_READ`.
        WritingFailed
            If a chip cannot be written; earlier chips are kept.
        """
        positions, reason = place or self.place(task.tile)
        if reason:
            return Made(skipped=reason)
        work = _Work(self, stack or self.stack, task.tile)
        keys = {name: name.partition("/")[::2] for name in task.names}
        for name, (dataset, key) in keys.items():
            if dataset == LABEL:
                work.make_label(name, key)
        pairs = {
            wanted: [self._pairs.get(key) or Pair.parse(key) for dataset, key in keys.values() if dataset == wanted]
            for wanted in (COHERENCE, LOOKS, INTERFEROGRAM)
        }
        dates = [parse_date(key) for dataset, key in keys.values() if dataset == INTENSITY]
        if any(pairs.values()) or dates:
            work.compute(positions, pairs, dates)
        work.flush()
        return work.made


class _Work:
    """One tile in progress."""

    def __init__(self, maker: TileMaker, stack: SlcStack, tile: Tile) -> None:
        self.maker, self.stack, self.tile, self.made = maker, stack, tile, Made()
        self.geobox = tile.geobox
        self.parameters = maker.wanted(tile)
        #: Finished chips by product, and their bytes; written together, as an archive may keep them so.
        self.finished: dict[str, list[Layer]] = {}
        self.held = 0
        self.read: set[str] = set()

    def compute(self, positions: PixelMap, pairs: Mapping[str, list[Pair]], dates: list[datetime.date]) -> None:
        rows, cols = self.maker.span(positions)
        inside = positions.relative_to(rows, cols)
        needed = sorted(needed_dates(chain(*pairs.values()), dates))
        _check_size(self.tile, rows, cols, len(needed), self.stack)
        pixels = self.stack.window(rows, cols, dates=needed)
        pixels = self.maker.move(pixels) if self.maker.move else pixels
        if self.stack is self.maker.stack:
            self.read.update(inputs_of(needed))
        place = {date: index for index, date in enumerate(needed)}

        def to_tile(images: NDArray[Any]) -> NDArray[Any]:
            taken: NDArray[Any] = to_host(sample(images, inside, resampling=self.maker.recipe.resampling))
            return taken

        looks = ValidLooks(pixels, self.maker.recipe.window, to_tile)

        def indices_of(pair: Pair) -> tuple[int, int]:
            return place[pair.reference], place[pair.secondary]

        self._add_coherence(pixels, pairs[COHERENCE], indices_of, looks, to_tile)
        for pair in pairs[LOOKS]:
            self.add(LOOKS, str(pair), looks.of(*indices_of(pair)), **_pair_facts(pair), unit="1")
        for pair in pairs[INTERFEROGRAM]:
            chip = to_tile(interferogram(pixels, pairs=[indices_of(pair)]))[0]
            self.add(INTERFEROGRAM, str(pair), chip, **_pair_facts(pair), unit="intensity", looks=[1, 1])
        for date in dates:
            image = pixels[place[date]]
            power = (image.real**2 + image.imag**2).astype(np.float32)
            self.add(INTENSITY, f"{date:%Y%m%d}", to_tile(power), date=date.isoformat(), unit="intensity")

    def _add_coherence(
        self,
        pixels: Any,
        pairs: list[Pair],
        indices_of: Callable[[Pair], tuple[int, int]],
        looks: ValidLooks,
        to_tile: Callable[[Any], NDArray[Any]],
    ) -> None:
        recipe = self.maker.recipe
        options: dict[str, Any] = {
            "window": recipe.window,
            "min_valid": recipe.min_valid,
            "fill_gaps": recipe.fill_gaps,
        }
        # A map has half the bytes of a date.
        at_once = max(1, 2 * _MAP_BYTES // pixels[0].nbytes)
        for first in range(0, len(pairs), at_once):
            some = pairs[first : first + at_once]
            maps = to_tile(coherence(pixels, pairs=[indices_of(pair) for pair in some], **options))
            for pair, chip in zip(some, maps, strict=True):
                facts = {**_pair_facts(pair), **looks_facts(looks.of(*indices_of(pair)), chip)}
                # Weights sum to one up to rounding, and those of a cubic kernel overshoot.
                self.add(COHERENCE, str(pair), np.clip(chip, 0, 1, out=chip), **facts, unit="1")

    def make_label(self, name: str, key: str) -> None:
        geobox, read = self.maker.labels[key]
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
        self.add(LABEL, key, chip, unit="class" if is_integer else "", nodata=nodata, **facts)

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


def _pair_facts(pair: Pair) -> dict[str, Any]:
    return {"reference": pair.reference.isoformat(), "secondary": pair.secondary.isoformat(), "days": pair.days}
