"""Tiers for tiles' samples: device memory, host memory and disk, with a budget in bytes per memory tier."""

from __future__ import annotations

import datetime
from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from m3leo_sar.io.chips.slc_tile_store import SlcTileStore
from m3leo_sar.stack.tile_samples import TileSamples


@dataclass
class TierCounts:
    """Number of tiles found per tier."""

    #: Tiles found in device memory.
    device: int = 0
    #: Tiles found in host memory.
    memory: int = 0
    #: Tiles read from disk, and their size in bytes after decompression.
    disk: int = 0
    disk_bytes: int = 0


class _Tier:
    """Least-recently-used cache with a budget in bytes."""

    def __init__(self, budget: int) -> None:
        self.budget, self.bytes = budget, 0
        self.held: OrderedDict[str, TileSamples] = OrderedDict()

    def find(self, identifier: str) -> TileSamples | None:
        if identifier in self.held:
            self.held.move_to_end(identifier)
        return self.held.get(identifier)

    def keep(self, tile: TileSamples) -> None:
        # A tile larger than the budget would only evict all other tiles.
        if tile.nbytes > self.budget:
            return
        self.held[tile.identifier] = tile
        self.bytes += tile.nbytes
        while self.bytes > self.budget:
            _, gone = self.held.popitem(last=False)
            self.bytes -= gone.nbytes


class TileTiers:
    """Finds a tile's samples in the fastest tier that holds them; the least recently used tiles are evicted.

    Samples are bit-identical from every tier. A copy that is sent to a worker process starts empty, with its own
    budgets of the same size.

    Parameters
    ----------
    store : SlcTileStore
        The disk tier.
    memory_bytes : int
        Budget of host memory for samples (complex int16) and positions; 0 disables this tier.
    device_bytes : int
        Budget of device memory; 0 disables this tier.
    to_device : callable, optional
        Copies a NumPy array to the device, such as ``cupy.asarray``; needed with ``device_bytes``.
    dates : collection of datetime.date, optional
        Dates that will be requested; all dates by default.

    Raises
    ------
    ValueError
        If a budget is negative, or one of ``device_bytes`` and ``to_device`` is given without the other.
    """

    def __init__(
        self,
        store: SlcTileStore,
        *,
        memory_bytes: int = 1 << 30,
        device_bytes: int = 0,
        to_device: Callable[[Any], Any] | None = None,
        dates: Collection[datetime.date] | None = None,
    ) -> None:
        for name, budget in (("memory_bytes", memory_bytes), ("device_bytes", device_bytes)):
            if budget < 0:
                raise ValueError(f"{name} must be at least 0, got {budget}")
        if (device_bytes > 0) != (to_device is not None):
            raise ValueError(f"device_bytes and to_device must go together, got {device_bytes} and {to_device}")
        self.store, self.to_device = store, to_device
        self.dates = None if dates is None else frozenset(dates)
        self.counts = TierCounts()
        self._memory, self._device = _Tier(memory_bytes), _Tier(device_bytes)

    def __getstate__(self) -> dict[str, Any]:
        empty = {"_memory": _Tier(self._memory.budget), "_device": _Tier(self._device.budget), "counts": TierCounts()}
        return {**self.__dict__, **empty}

    @property
    def held_bytes(self) -> tuple[int, int]:
        """Bytes held in host and in device memory."""
        return self._memory.bytes, self._device.bytes

    def get(self, identifier: str) -> TileSamples:
        """Samples of every date of a tile, or of its dates among ``dates``, on the device if there is one.

        Raises
        ------
        FileNotFoundError
            If the tile is not in the store.
        ValueError
            If the tile is damaged.
        """
        found = self._device.find(identifier)
        if found is not None:
            self.counts.device += 1
            return found
        tile = self._from_host(identifier)
        if self.to_device is None:
            return tile
        # Positions stay in host memory: they are passed with each call, a few kilobytes on a map's lattice.
        moved = tile.moved(self.to_device)
        self._device.keep(moved)
        return moved

    def _from_host(self, identifier: str) -> TileSamples:
        found = self._memory.find(identifier)
        if found is not None:
            self.counts.memory += 1
            return found
        wanted = None
        if self.dates is not None:
            wanted = [date for date in self.store.dates(identifier) if date in self.dates]
        tile = self.store.read(identifier, wanted)
        self.counts.disk += 1
        self.counts.disk_bytes += tile.nbytes
        self._memory.keep(tile)
        return tile
