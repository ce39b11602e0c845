"""An explorer of made-up tiles and dates: the page without a stack."""

from __future__ import annotations

import datetime
import time
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from m3leo_sar import GeoBox, Window, fit_decay
from m3leo_sar.insar.decay import DecayModel
from m3leo_sar.stack.events import Triplet
from m3leo_sar.stack.pairs import Pair


class Chip(NamedTuple):
    values: Any
    geobox: Any
    seconds: Any
    hit: bool
    pair: Any
    window: Any


class FakeExplorer:
    """Maps that follow from tile, pair and window alone; rows and cols of tiles differ, and a corner has no data."""

    def __init__(
        self, *, dates: int = 7, across: int = 3, shape: tuple[int, int] = (40, 52), kind: str = "stack"
    ) -> None:
        self.dates = tuple(datetime.date(2023, 1, 3) + datetime.timedelta(days=12 * index) for index in range(dates))
        self.tiles: Mapping[str, GeoBox] = {
            f"tile{row}{col}": GeoBox.from_bounds(
                (
                    600_000 + 4480 * col,
                    5_500_000 - 4480 * (row + 1),
                    600_000 + 4480 * (col + 1),
                    5_500_000 - 4480 * row,
                ),
                shape=shape,
                crs="EPSG:32631",
            )
            for row in range(3)
            for col in range(across)
        }
        self.kind, self.name, self.polarisations = kind, "made/up/stack", ("VV", "VH")
        sides = np.array([box.bounds_in("EPSG:4326") for box in self.tiles.values()])
        self.bounds = (*sides[:, :2].min(0).tolist(), *sides[:, 2:].max(0).tolist())
        self.baselines = {date: 37.0 * index % 100 for index, date in enumerate(self.dates)}
        self.window, self.source = Window(rows=5, cols=20), SimpleNamespace(largest_window=None)
        self.calls: list[tuple[Any, ...]] = []
        self.broken: dict[str, Exception] = {}
        self.gone = False

    def pairs(self, tile: str, *, polarisation: str | None = None) -> list[Pair] | None:
        return None

    def chip(self, tile: str, pair: Any, *, window: Window, layer: str, polarisation: str | None = None) -> Chip:
        self._read("chip", tile, pair, window, layer)
        box = self.tiles[tile]
        rows, cols = np.indices(box.shape)
        wave = np.sin(rows / 7 + sum(map(ord, tile))) * np.cos(cols / 9)
        days = (pair[1] - pair[0]) * 12
        coherence = np.clip(0.15 + 0.8 * np.exp(-days / 30) * (0.6 + 0.4 * wave), 0, 1)
        values = {"coherence": coherence, "phase": np.pi * wave, "intensity_first": 0.2 + 0.1 * wave,
                  "intensity_second": 0.2 - 0.1 * wave}[layer].astype(np.float32)  # fmt: skip
        values[:5, :9] = np.nan
        return Chip(values, box, {"read": 0.031, "kernel": 0.0042, "warp": 0.011}, False, pair, window)

    def matrix(self, tile: str, *, window: Window, polarisation: str | None = None) -> Any:
        self._read("matrix", tile, window)
        steps = np.abs(np.subtract.outer(np.arange(len(self.dates)), np.arange(len(self.dates))))
        mean = (0.15 + 0.6 * np.exp(-12 * steps / 30)).astype(np.float32)
        return SimpleNamespace(coherence=mean, days=12 * steps, baselines=None)

    def pixel(self, tile: str, row: int, col: int, *, window: Window, polarisation: str | None = None) -> Any:
        self._read("pixel", tile, row, col, window)
        pairs = [Pair(first, second) for place, second in enumerate(self.dates) for first in self.dates[:place]]
        days = np.array([pair.days for pair in pairs], float)
        noise = 0.05 * np.sin(np.arange(len(pairs)) * 2.4 + row)
        coherence = np.clip(0.2 + 0.75 * np.exp(-days / 25) + noise, 0, 1)
        decay = DecayModel(*(float(plane[0, 0]) for plane in fit_decay(coherence[:, None, None], days)))
        lags = np.unique(days)
        spread = [(lag, *np.percentile(coherence[days == lag], (16, 50, 84))) for lag in lags]
        return SimpleNamespace(pairs=pairs, days=days, coherence=coherence, decay=decay, spread=np.array(spread))

    def event(self, tile: str, date: datetime.date, *, window: Window, polarisation: str | None = None) -> Any:
        self._read("event", tile, date, window)
        if not self.dates[1] < date < self.dates[-2]:
            raise KeyError(f"no pair crosses {date} that has a pair of the same days before that date")
        before, across, after = (
            self.chip(tile, (0, step), window=window, layer="coherence").values for step in (1, 3, 2)
        )
        place = next(index for index, day in enumerate(self.dates) if day > date)
        pairs = Triplet(*(Pair(*self.dates[place + step : place + step + 2]) for step in (-2, -1, 0)))
        return SimpleNamespace(before=before, across=across, after=after, change=before - across, threshold=0.2,
                               pairs=pairs, quiet=(pairs.before,))  # fmt: skip

    def snippet(self, tile: str, pair: Any, *, window: Window, polarisation: str | None = None) -> str:
        return (
            "from m3leo_sar.view import Explorer\n"
            f'explorer = Explorer.open("{self.name}")\n'
            f'chip = explorer.chip("{tile}", ({pair[0]}, {pair[1]}))\n'
        )

    def _read(self, name: str, tile: str, *rest: Any) -> None:
        self.calls.append((name, tile, *rest))
        time.sleep(0.002)
        if tile not in self.tiles:
            raise KeyError(f"there is no tile {tile!r}")
        if self.gone:
            raise OSError(f"{self.name} is gone: it was moved or removed")
        if tile in self.broken:
            raise self.broken[tile]
