"""Chips of an archive as samples of a network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from m3leo_sar.chips.land_cover import WORLDCOVER
from m3leo_sar.chips.legend import Legend
from m3leo_sar.chips.normalise import normalise
from m3leo_sar.chips.statistics import Statistics
from m3leo_sar.chips.stored_unit import StoredUnits
from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.chips.chip import Chip
from m3leo_sar.learn.data.channel import Channel, modalities
from m3leo_sar.learn.data.labels import IGNORE, TARGETS, cell_means, class_target, label_key, unknown_codes
from m3leo_sar.learn.data.own_share import BLANK

MISSING = ("raise", "mask", "fill", "drop")
#: Number of normalised tiles kept in memory.
_TILES_HELD = 64
#: Stream of random numbers for hiding data sets.
_HIDING = 5


class _Tile(NamedTuple):
    """A cached tile: values and mask (channels, rows, cols), target (rows, cols) and location."""

    values: NDArray[np.float32]
    mask: NDArray[np.bool_]
    target: NDArray[Any]
    unknown: NDArray[np.int64]
    geobox: GeoBox


class ChipDataset(Dataset[dict[str, Any]]):
    """Samples of an archive: normalised input, its mask, and the target.

    A sample depends only on (seed, epoch, index), so samples are the same for any worker count and batch size.
    :class:`m3leo_sar.learn.data.epoch_batches.EpochBatches` requests (epoch, index). A loader that requests only
    indices gets the crops of another epoch each time a sample recurs; ``data[index]`` returns those of :attr:`epoch`.
    A missing or damaged chip is never replaced by that of another tile.

    Parameters
    ----------
    archive : ChipArchive
    identifiers : sequence of str
        Tiles, in order.
    channels : sequence of Channel
        Chips of the input, in order.
    target : str
        Label chip, in the notation of :func:`m3leo_sar.learn.data.labels.label_key`.
    statistics : Statistics
        One entry per channel.
    kind : str
        ``"classes"`` for legend indices (int64, 255 for no label), ``"values"`` (float32, NaN for no label) or
        ``"none"`` for a target (1, 1) of NaN.
    legend : Legend
        Classes of a categorical label.
    cells : pair of int, optional
        Rows and columns of the grid onto which values are area-averaged; the label's own grid if None.
    crop : int, optional
        Side in pixels of a random square crop of the tile; the whole tile if None.
    crops : int
        Samples per tile when cropping.
    hide : float
        Probability of hiding each input data set of a sample, drawn independently per data set; at least one is always
        kept. A network so learns to work without missing data sets.
    missing : str
        Policy for missing chips: ``"raise"``; ``"mask"``, no data in that channel, or no target; ``"fill"``, as in the
        M3LEO baselines: missing chips and pixels become 0, the mean, as if they were data; or ``"drop"`` the tile.
        Pixels without data inside a chip are masked unless filled.
    seed : int

    Raises
    ------
    ValueError
        If ``missing`` or ``kind`` is unknown, the statistics do not match the channels, or no tile remains.
    """

    def __init__(
        self,
        archive: ChipArchive,
        identifiers: Sequence[str],
        *,
        channels: Sequence[Channel],
        target: str,
        statistics: Statistics,
        kind: str = "classes",
        legend: Legend = WORLDCOVER,
        cells: tuple[int, int] | None = None,
        crop: int | None = None,
        crops: int = 1,
        missing: str = "raise",
        hide: float = 0.0,
        seed: int = 0,
    ) -> None:
        if not 0 <= hide < 1:
            raise ValueError(f"hide must be a share in [0, 1), got {hide}")
        if missing not in MISSING:
            raise ValueError(f"missing must be one of {', '.join(MISSING)}, got {missing!r}")
        if kind not in TARGETS:
            raise ValueError(f"kind must be one of {', '.join(TARGETS)}, got {kind!r}")
        if [band.encoding for band in statistics.bands] != [channel.rule for channel in channels]:
            raise ValueError(f"statistics must hold the encodings of the {len(channels)} channels, in order")
        self.archive, self.channels, self.statistics = archive, tuple(channels), statistics
        self.hide, self._modalities = hide, list(modalities(self.channels).values())
        self.kind, self.cells, self.missing = kind, cells if kind == "values" else None, missing
        self.label, self.legend = label_key(target) if kind != "none" else None, legend
        self.crop, self.crops, self.seed, self.epoch = crop, crops if crop else 1, seed, 0
        self.identifiers = list(identifiers) if missing != "drop" else self._complete(identifiers)
        if not self.identifiers:
            raise ValueError(f"no tile of {archive.root} has every input")
        self._held: dict[str, _Tile] = {}
        self._units = StoredUnits()
        # Number of draws per sample, in memory shared by the loader processes.
        self._drawn = torch.zeros(len(self) if crop or hide else 0, dtype=torch.int32).share_memory_()

    def __len__(self) -> int:
        return len(self.identifiers) * self.crops

    def __getitem__(self, place: int | tuple[int, int]) -> dict[str, Any]:
        """Sample of an index, or of (epoch, index), so that loader processes need no notification of a new epoch."""
        epoch, index = place if isinstance(place, tuple) else (self.epoch, place)
        if epoch == BLANK:
            return _blank(self[0, index])
        if not 0 <= index < len(self):
            raise IndexError(f"sample must be 0 to {len(self) - 1}, got {index}")
        identifier = self.identifiers[index // self.crops]
        tile = self._tile(identifier)
        rows, cols = self._cut(tile.geobox.shape, epoch, index)
        target, hidden = tile.target, self._hidden(epoch, index, len(tile.values))
        if self.crop is not None and self.kind != "none":
            if target.shape != tile.geobox.shape:
                raise ValueError(f"crop must be 0 where the target has a grid of its own, {target.shape}")
            target = target[rows, cols]
        return {
            "image": torch.from_numpy(np.where(hidden, np.float32(0), tile.values[:, rows, cols])),
            "mask": torch.from_numpy(tile.mask[:, rows, cols] & ~(hidden & (self.missing != "fill"))),
            "target": torch.from_numpy(target.copy()),
            "unknown": torch.from_numpy(tile.unknown),
            "bounds": tile.geobox.crop(rows, cols).bounds,
            "crs": tile.geobox.crs,
            "identifier": identifier,
        }

    def __getitems__(self, places: Sequence[int | tuple[int, int]]) -> list[dict[str, Any]]:
        """Samples of a batch, as requested by a loader."""
        return [self[place if isinstance(place, tuple) else (self._next_epoch(place), place)] for place in places]

    def _next_epoch(self, index: int) -> int:
        if not len(self._drawn):
            return self.epoch
        self._drawn[index] += 1
        return self.epoch + int(self._drawn[index]) - 1

    def _hidden(self, epoch: int, index: int, channels: int) -> NDArray[np.bool_]:
        """Mask (channels, 1, 1) of the channels hidden in this sample; never all of them."""
        hidden = np.zeros((channels, 1, 1), bool)
        if self.hide and len(self._modalities) > 1:
            rng = np.random.default_rng((self.seed, _HIDING, epoch, index))
            gone = rng.random(len(self._modalities)) < self.hide
            gone[rng.integers(len(gone))] = False
            for which in np.flatnonzero(gone):
                hidden[self._modalities[which]] = True
        return hidden

    def read_target(self, identifier: str) -> NDArray[Any]:
        """Target (rows, cols) of a tile, without reading its inputs; (1, 1) of NaN if there is none."""
        label = self._chip(identifier, *self.label) if self.label else None
        return np.full((1, 1), np.nan, np.float32) if label is None else self._target(label, label.geobox)[0]

    def _tile(self, identifier: str) -> _Tile:
        # Random crops return to the same few tiles; decoding them each time would cost more than training.
        if identifier not in self._held:
            if len(self._held) >= _TILES_HELD:
                self._held.pop(next(iter(self._held)))
            self._held[identifier] = self._load(identifier)
        return self._held[identifier]

    def _load(self, identifier: str) -> _Tile:
        label = self._chip(identifier, *self.label) if self.label else None
        chips = [self._chip(identifier, channel.dataset, channel.key) for channel in self.channels]
        geobox = self._geobox(identifier, [chip and chip.geobox for chip in chips], label and label.geobox)
        values, masks = [], []
        # One channel at a time: real and complex chips cannot be stacked into one array.
        for chip, channel, band in zip(chips, self.channels, self.statistics.bands, strict=True):
            unit = chip and chip.metadata.get("unit")
            self._units.check(str(channel), channel.rule, unit, where=f"tile {identifier}")
            nothing = np.complex64 if channel.rule == "phasor" else np.float32
            plane = np.full(geobox.shape, np.nan, nothing) if chip is None else channel.encoded(chip.values())
            part = normalise(plane[None], Statistics((band,)))
            values.append(part.values)
            masks.append(part.mask)
        mask = np.concatenate(masks)
        target, unknown = self._target(label, geobox)
        return _Tile(
            np.concatenate(values), np.ones_like(mask) if self.missing == "fill" else mask, target, unknown, geobox
        )

    def _chip(self, identifier: str, dataset: str, key: str) -> Chip | None:
        if self.missing in ("mask", "fill") and not self.archive.has(identifier, dataset, key):
            return None
        return self.archive.read(identifier, dataset, key)

    def _geobox(self, identifier: str, boxes: list[GeoBox | None], label: GeoBox | None) -> GeoBox:
        # Classes are per pixel; values may have their own grid.
        known = next((box for box in ([label, *boxes] if self.kind == "classes" else boxes) if box is not None), None)
        if known is None:
            raise FileNotFoundError(f"tile {identifier} has no input chip at all")
        for channel, box in zip(self.channels, boxes, strict=True):
            if box not in (None, known):
                of = (
                    f"label {self.label.key}" if self.kind == "classes" and self.label and label else "the other inputs"
                )
                raise ValueError(f"tile {identifier}: {channel} does not lie on the grid of {of}")
        return known

    def _target(self, label: Chip | None, geobox: GeoBox) -> tuple[NDArray[Any], NDArray[np.int64]]:
        nothing = np.zeros(257, np.int64)
        if self.kind == "none":
            return np.full((1, 1), np.nan, np.float32), nothing
        if self.kind == "values":
            values = np.full(self.cells or geobox.shape, np.nan) if label is None else label.values()
            return cell_means(values, self.cells), nothing
        if label is None:
            return np.full(geobox.shape, IGNORE, np.int64), nothing
        return class_target(label, self.legend), unknown_codes(label, self.legend)

    def _complete(self, identifiers: Sequence[str]) -> list[str]:
        wanted = [(channel.dataset, channel.key) for channel in self.channels]
        wanted += [(self.label.dataset, self.label.key)] if self.label else []
        return [name for name in identifiers if all(self.archive.has(name, *chip) for chip in wanted)]

    def _cut(self, shape: tuple[int, int], epoch: int, index: int) -> tuple[slice, slice]:
        if self.crop is None:
            return slice(0, shape[0]), slice(0, shape[1])
        if self.crop > min(shape):
            raise ValueError(f"crop must be at most the tile's {min(shape)} pixels, got {self.crop}")
        rng = np.random.default_rng((self.seed, epoch, index))
        row, col = (int(rng.integers(0, size - self.crop + 1)) for size in shape)
        return slice(row, row + self.crop), slice(col, col + self.crop)


def _blank(sample: dict[str, Any]) -> dict[str, Any]:
    """A placeholder of the same shape that is not counted: no data, no target, no tile."""
    nothing = torch.nan if sample["target"].is_floating_point() else IGNORE
    values = {"image": 0, "mask": False, "target": nothing, "unknown": 0}
    emptied = {name: torch.full_like(sample[name], value) for name, value in values.items()}
    return {**sample, **emptied, "identifier": ""}
