"""Products of any pairs of a tile from its stored samples, for training on the fly."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from m3leo_sar.grid.window import Window
from m3leo_sar.insar.change import coherence_change
from m3leo_sar.insar.coherence import coherence
from m3leo_sar.insar.interferogram import interferogram
from m3leo_sar.stack.complex_int16 import NO_DATA
from m3leo_sar.stack.pair_product import PairProduct
from m3leo_sar.stack.pairs import Pair, require_date
from m3leo_sar.stack.tile_samples import TileFrame, TileSamples
from m3leo_sar.warp.pixel_map import PixelMap, Places
from m3leo_sar.warp.sample import sample

#: Number of pairs whose maps over the tile's window are in memory at once.
_PAIRS_AT_ONCE = 16
#: A plane of the tile before any role in a sample: kind, window, polarisation, dates.
_Key = tuple[str, Window | None, str | None, tuple[datetime.date, ...]]


def pair_products(
    tile: TileSamples,
    groups: Sequence[Sequence[Pair]],
    *,
    products: Sequence[PairProduct],
    resampling: str = "bilinear",
    missing: str = "raise",
) -> list[list[Any]]:
    """Compute the products of several samples of one tile on the tile's pixel grid.

    A pure function: each plane has the same bits whatever the other planes and their order. Planes that several
    samples share are computed once.

    Parameters
    ----------
    tile : TileSamples
        NumPy or CuPy; the products are computed on the device of the samples.
    groups : sequence of sequences of Pair
        The pairs of each sample: one, or several that its products distinguish, such as those of an event.
    products : sequence of PairProduct
        Planes of each sample, in order.
    resampling : str
        As in :func:`m3leo_sar.warp.sample.sample`.
    missing : str
        ``"raise"``, or ``"nan"`` for a plane without data where a date is missing.

    Returns
    -------
    list of lists of (tile rows, tile cols) arrays
        One list per sample with one plane per product: float32, or complex64 for an interferogram; NaN for no data.

    Raises
    ------
    ValueError
        If a window is larger than the halo serves, a sample has too few pairs, a date or polarisation is missing, or
        ``missing`` is unknown.
    """
    if missing not in ("raise", "nan"):
        raise ValueError(f"missing must be raise or nan, got {missing!r}")
    for product in products:
        _check_window(product, tile)
    wanted: dict[_Key, None] = {}
    for pairs in groups:
        for product in products:
            if _has_dates(product.dates(pairs), tile, missing):
                wanted |= dict.fromkeys(_keys(product, pairs))
    found = _planes(tile, wanted, resampling)
    return [[_assembled(product, pairs, found, tile) for product in products] for pairs in groups]


def pixel_map_of(frame: TileFrame) -> PixelMap:
    """Map from a tile's pixels into its window of the stack."""
    places = Places(frame.down, frame.along, frame.terms, frame.geobox.shape, frame.origin)
    return PixelMap.from_places(places, frame.shape, error=frame.error, scale=frame.scale)


def _planes(tile: TileSamples, wanted: Iterable[_Key], resampling: str) -> dict[_Key, Any]:
    found: dict[_Key, Any] = {}
    for polarisation in dict.fromkeys(key[2] for key in wanted):
        keys = [key for key in wanted if key[2] == polarisation]
        found |= _Work(tile.of_polarisation(polarisation), resampling).planes(keys)
    return found


class _Work:
    """The planes of one tile and polarisation being computed."""

    def __init__(self, tile: TileSamples, resampling: str) -> None:
        self.tile, self.resampling, self.positions = tile, resampling, pixel_map_of(tile.frame)

    def planes(self, wanted: Iterable[_Key]) -> dict[_Key, Any]:
        found: dict[_Key, Any] = {}
        alike: dict[tuple[str, Window | None], list[_Key]] = {}
        for key in wanted:
            alike.setdefault(key[:2], []).append(key)
        for (kind, window), keys in alike.items():
            for first in range(0, len(keys), _PAIRS_AT_ONCE):
                part = keys[first : first + _PAIRS_AT_ONCE]
                found |= zip(part, self._computed(kind, window, [key[3] for key in part]), strict=True)
        return found

    def _computed(self, kind: str, window: Window | None, dates: list[tuple[datetime.date, ...]]) -> Any:
        needed = sorted({date for both in dates for date in both})
        if kind == "intensity":
            images = self._decoded(needed)
            power = self._on_tile((images.real**2 + images.imag**2).astype(np.float32))
            return [power[needed.index(one)] for (one,) in dates]
        places = [(needed.index(first), needed.index(second)) for first, second in dates]
        if window is None:
            return self._on_tile(interferogram(self._decoded(needed), pairs=places))
        output = "magnitude" if kind == "coherence" else "complex"
        taken = self._on_tile(coherence(self._stored(needed), pairs=places, window=window, output=output))
        # Weights sum to one up to rounding, and those of a cubic kernel overshoot.
        return np.clip(taken, 0, 1) if kind == "coherence" else taken

    def _on_tile(self, images: Any) -> Any:
        return sample(images, self.positions, resampling=self.resampling)

    def _stored(self, dates: list[datetime.date]) -> Any:
        """Samples of some dates as stored: coherence does not depend on their scales."""
        indices = [self.tile.dates.index(date) for date in dates]
        return self.tile.slc if len(indices) == len(self.tile.dates) else self.tile.slc[indices]

    def _decoded(self, dates: list[datetime.date]) -> Any:
        """Samples of some dates (dates, rows, cols) complex64 in their unit."""
        held = self._stored(dates)
        if held.dtype.kind == "c":
            return held
        parts = held.astype(np.float32)
        for place, date in enumerate(dates):
            # A power of two, so that float32 holds each product exactly.
            parts[place] *= np.float32(self.tile.scales[self.tile.dates.index(date)])
        parts[(held == NO_DATA).any(-1)] = np.nan
        return parts.view(np.complex64)[..., 0]


def _check_window(product: PairProduct, tile: TileSamples) -> None:
    window, held = product.window, tile.window
    if window is not None and (window.rows > held.rows or window.cols > held.cols):
        raise ValueError(
            f"window of {product} must be at most {held.rows}x{held.cols}, whose halo tile {tile.identifier} holds"
        )


def _has_dates(dates: Iterable[datetime.date], tile: TileSamples, missing: str) -> bool:
    if missing == "nan":
        return set(dates) <= set(tile.dates)
    for date in dates:
        try:
            require_date(date, tile.dates)
        except ValueError as error:
            raise ValueError(f"tile {tile.identifier}: {error}") from error
    return True


def _keys(product: PairProduct, pairs: Sequence[Pair]) -> list[_Key]:
    dates, of = product.dates(pairs), product.polarisation
    if product.kind == "change":
        return [("coherence", product.window, of, dates[:2]), ("coherence", product.window, of, dates[2:])]
    return [(product.kind, product.window, of, dates)]


def _assembled(product: PairProduct, pairs: Sequence[Pair], found: dict[_Key, Any], tile: TileSamples) -> Any:
    planes = [found.get(key) for key in _keys(product, pairs)]
    if any(plane is None for plane in planes):
        dtype = np.complex64 if product.kind == "interferogram" else np.float32
        return np.full_like(tile.slc, np.nan, dtype=dtype, shape=tile.frame.geobox.shape)
    return coherence_change(*planes) if product.kind == "change" else planes[0]
