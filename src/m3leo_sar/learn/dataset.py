"""Chips of an archive as samples of a network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from m3leo_sar.chips.normalise import normalise
from m3leo_sar.chips.statistics import Statistics
from m3leo_sar.io.archive import Chip, ChipArchive
from m3leo_sar.learn.channel import Channel
from m3leo_sar.learn.labels import worldcover_classes

MISSING = ("raise", "mask", "drop")
#: Normalised tiles that are kept in memory.
_TILES_HELD = 64

#: Values, mask, classes, and the label's chip.
_Tile = tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.int64], Chip]


class ChipDataset(Dataset[dict[str, Any]]):
    """Samples of an archive: normalised input, its mask and the label's classes.

    A sample depends on (seed, epoch, index) alone, so any worker count or batch size gives the same samples. A
    missing or damaged chip is never replaced by another tile's.

    Parameters
    ----------
    archive : ChipArchive
    identifiers : sequence of str
        Tiles, in order.
    channels : sequence of Channel
        Chips that make the input, in order.
    target : str
        Name of the label chip, WorldCover codes.
    statistics : Statistics
        One entry a channel.
    crop : int, optional
        Side of a random square cut from the tile in pixels; the whole tile if None.
    crops : int
        Samples a tile, when cropping.
    missing : str
        What to do when a tile lacks an input chip: ``"raise"``, ``"mask"`` (no data in that channel) or ``"drop"`` the
        tile.
    seed : int

    Raises
    ------
    ValueError
        If ``missing`` is unknown, the statistics do not fit, or no tile is left.
    """

    def __init__(
        self,
        archive: ChipArchive,
        identifiers: Sequence[str],
        *,
        channels: Sequence[Channel],
        target: str,
        statistics: Statistics,
        crop: int | None = None,
        crops: int = 1,
        missing: str = "raise",
        seed: int = 0,
    ) -> None:
        if missing not in MISSING:
            raise ValueError(f"missing must be one of {', '.join(MISSING)}, got {missing!r}")
        if [band.encoding for band in statistics.bands] != [channel.encoding for channel in channels]:
            raise ValueError(f"statistics must hold the encodings of the {len(channels)} channels, in order")
        self.archive, self.channels, self.target = archive, tuple(channels), target
        self.statistics, self.crop, self.seed, self.epoch = statistics, crop, seed, 0
        self.crops = crops if crop else 1
        self.identifiers = list(identifiers) if missing != "drop" else self._complete(identifiers)
        if not self.identifiers:
            raise ValueError(f"no tile of {archive.root} has every input")
        self.missing = missing
        self._held: dict[str, _Tile] = {}

    def __len__(self) -> int:
        return len(self.identifiers) * self.crops

    def __getitem__(self, index: int) -> dict[str, Any]:
        if not 0 <= index < len(self):
            raise IndexError(f"sample must be 0 to {len(self) - 1}, got {index}")
        identifier = self.identifiers[index // self.crops]
        values, mask, target, label = self._tile(identifier)
        rows, cols = self._cut(target.shape, index)
        return {
            "image": torch.from_numpy(values[:, rows, cols].copy()),
            "mask": torch.from_numpy(mask[:, rows, cols].copy()),
            "target": torch.from_numpy(target[rows, cols].copy()),
            "bounds": label.geobox.crop(rows, cols).bounds,
            "crs": label.geobox.crs,
            "identifier": identifier,
        }

    def _tile(self, identifier: str) -> _Tile:
        # Random crops come back to the same few tiles; decoding them each time would cost more than training.
        if identifier not in self._held:
            if len(self._held) >= _TILES_HELD:
                self._held.pop(next(iter(self._held)))
            self._held[identifier] = self._load(identifier)
        return self._held[identifier]

    def _load(self, identifier: str) -> _Tile:
        label = self.archive.read(identifier, "label", self.target)
        values, masks = [], []
        # Channel by channel: real and complex chips cannot be stacked into one array.
        for channel, band in zip(self.channels, self.statistics.bands, strict=True):
            chip = self._chip(identifier, channel, label)
            part = normalise(chip[None], Statistics((band,)))
            values.append(part.values)
            masks.append(part.mask)
        return np.concatenate(values), np.concatenate(masks), worldcover_classes(label.array), label

    def _chip(self, identifier: str, channel: Channel, label: Chip) -> NDArray[Any]:
        if self.missing == "mask" and not self.archive.has(identifier, channel.dataset, channel.key):
            dtype = np.complex64 if channel.encoding == "phasor" else np.float32
            return np.full(label.geobox.shape, np.nan, dtype)
        chip = self.archive.read(identifier, channel.dataset, channel.key)
        if chip.geobox != label.geobox:
            raise ValueError(f"tile {identifier}: {channel} does not lie on the grid of label {self.target}")
        return chip.array

    def _complete(self, identifiers: Sequence[str]) -> list[str]:
        wanted = [*((channel.dataset, channel.key) for channel in self.channels), ("label", self.target)]
        return [name for name in identifiers if all(self.archive.has(name, *chip) for chip in wanted)]

    def _cut(self, shape: tuple[int, ...], index: int) -> tuple[slice, slice]:
        if self.crop is None:
            return slice(0, shape[0]), slice(0, shape[1])
        if self.crop > min(shape):
            raise ValueError(f"crop must be at most the tile's {min(shape)} pixels, got {self.crop}")
        rng = np.random.default_rng((self.seed, self.epoch, index))
        row, col = (int(rng.integers(0, size - self.crop + 1)) for size in shape)
        return slice(row, row + self.crop), slice(col, col + self.crop)
