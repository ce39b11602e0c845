"""One tile of a retile run: reading the source, resampling its bands, writing the chips."""

from __future__ import annotations

import hashlib
import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.chips.land_cover import CLASSES
from m3leo_sar.chips.legend import Legend
from m3leo_sar.grid.tiles import Tile
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.chips.chip import Layer
from m3leo_sar.io.components.band import Band
from m3leo_sar.io.files.ledger import Entry
from m3leo_sar.io.sources.tile_source import Piece, TileSource, as_key
from m3leo_sar.products.tile_maker import WritingFailed
from m3leo_sar.run.band_resampling import resample_bands
from m3leo_sar.run.loop import Answer, Outcome

#: Reasons for a tile without chips.
OFF, EMPTY = "source does not cover the tile", "no data at all"
#: Seconds before the first and the last of many retries, at most.
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0


class RetileTask(NamedTuple):
    """A tile to compute: its parameters and its entry in the ledger."""

    tile: Tile
    parameters: Mapping[str, Any]
    key: str
    digest: str
    before: Entry | None


@dataclass(frozen=True, kw_only=True)
class RetileOutcome(Outcome):
    """The result of a tile, with its entry in the ledger."""

    attempts: int = 1
    checksum: str | None = None
    outputs: tuple[str, ...] = ()


class _Chip(NamedTuple):
    """A band on the tile's grid."""

    band: Band
    array: NDArray[Any]
    nodata: int | None
    notes: tuple[str, ...]
    classes: tuple[tuple[int, str], ...]


class RetileJob:
    """Computation of one tile; threads share it."""

    def __init__(
        self,
        source: TileSource,
        archive: ChipArchive,
        dataset: str,
        resampling: str,
        retries: int,
        sleep: Callable[[float], Any] | None,
        classes: Legend | None,
    ) -> None:
        self.source, self.archive, self.dataset, self.classes = source, archive, dataset, classes
        self.resampling, self.retries = resampling, retries
        #: Set once, when the run ends early; a pause ends then too.
        self.stop = threading.Event()
        self._sleep = sleep or self.stop.wait

    def parameters(self, tile: Tile) -> dict[str, Any]:
        """Parameters of the tile's chips."""
        box = tile.geobox
        return {
            "source": self.source.parameters(box),
            "resampling": self.resampling,
            "shape": list(box.shape),
            "affine": list(tuple(box.affine)[:6]),
            "crs": box.crs,
            **({} if self.classes is None else {CLASSES: self.classes.entries()}),
        }

    def make(self, task: RetileTask) -> Answer:
        """Compute a tile's chips, with retries if the source may recover."""
        tile = task.tile
        for attempt in range(1, self.retries + 2):
            try:
                return Answer([replace(self._made(tile, task.parameters), attempts=attempt)])
            except (FileNotFoundError, PermissionError, ValueError) as error:
                return Answer([_failed(tile, error, attempt)])
            except WritingFailed as error:
                return Answer([_failed(tile, error, attempt)], fatal=str(error))
            except OSError as error:
                if attempt > self.retries or self.stop.is_set():
                    return Answer([_failed(tile, error, attempt)])
            longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** (attempt - 1))
            # Threads that failed together must not retry together.
            self._sleep(longest * random.uniform(0.5, 1.0))
        raise AssertionError("a last attempt returns")

    def _made(self, tile: Tile, parameters: Mapping[str, Any]) -> RetileOutcome:
        pieces = self.source.read(tile.geobox)
        if not pieces:
            return RetileOutcome(identifier=tile.identifier, state="skipped", reason=OFF)
        chips = [chip for piece in pieces for chip in self._cut(piece, tile)]
        if not chips:
            return RetileOutcome(identifier=tile.identifier, state="skipped", reason=EMPTY)
        named = _by_key(chips)
        layers = [self._layer(key, chip, parameters) for key, chip in named.items()]
        self._write(tile, layers)
        checksum = hashlib.sha256()
        for key in sorted(named):
            checksum.update(f"{tile.identifier}/{key}/".encode())
            checksum.update(np.ascontiguousarray(named[key].array).data)
        return RetileOutcome(
            identifier=tile.identifier,
            state="done",
            reason="; ".join(dict.fromkeys(note for chip in chips for note in chip.notes)),
            counts={self.dataset: len(layers)},
            bytes=sum(layer.array.nbytes for layer in layers),
            checksum=checksum.hexdigest(),
            outputs=tuple(sorted(named)),
        )

    def _write(self, tile: Tile, layers: list[Layer]) -> None:
        try:
            self.archive.write_layers(tile.identifier, self.dataset, layers, tile.geobox)
        except OSError as error:
            detail = f"{error.filename or tile.identifier}: {error.strerror}" if error.strerror else str(error)
            raise WritingFailed(f"chips cannot be written: {detail}") from error

    def _cut(self, piece: Piece, tile: Tile) -> list[_Chip]:
        """Bands of a piece on the tile's grid; none if it has no data there."""
        planes, nodata = resample_bands(
            piece.array,
            piece.bands,
            piece.geobox,
            tile.geobox,
            resampling=self.resampling,
            nodata=piece.nodata,
            name=self.source.name,
        )
        if self.resampling == "sum" and nodata is None:
            # If the squares of two zones share ground, an amount belongs to one of them.
            planes[..., ~tile.owned_pixels()] = np.nan
        has_data = (planes != nodata) if nodata is not None else ~np.isnan(planes)
        if not has_data.any():
            return []
        return [
            _Chip(band, plane, nodata, piece.notes, piece.classes)
            for band, plane in zip(piece.bands, planes, strict=True)
        ]

    def _unit(self, chip: _Chip) -> str:
        """Unit of a chip: integers of which each pixel takes the most frequent are codes, not measurements."""
        is_codes = self.resampling == "mode" and chip.array.dtype.kind in "iu" and not chip.band.unit
        return "class" if is_codes else chip.band.unit

    def _layer(self, key: str, chip: _Chip, parameters: Mapping[str, Any]) -> Layer:
        band = chip.band
        if self.classes is not None:
            _require_codes(chip, self.classes)
        # Those of the user, or else those of the source.
        classes = self.classes or (Legend.parse(dict(chip.classes)) if chip.classes else None)
        metadata = {
            "product": self.dataset,
            "key": key,
            "band": band.name,
            "quantity": band.quantity,
            "unit": self._unit(chip),
            "year": band.year,
            "period": band.period,
            "polarisation": band.polarisation,
            "orbit": band.orbit_direction,
            "source": self.source.name,
            "notes": list(chip.notes),
            **({} if classes is None else {CLASSES: classes.entries()}),
            "software": f"m3leo-sar {version('m3leo-sar')}",
            "parameters": dict(parameters),
        }
        return Layer(key, chip.array, metadata, chip.nodata)


def _require_codes(chip: _Chip, classes: Legend) -> None:
    if chip.array.dtype.kind not in "iu":
        raise ValueError(f"classes must be of integer codes, band {chip.band.name} is of {chip.array.dtype}")
    if chip.nodata in classes.codes:
        raise ValueError(f"classes must leave out code {chip.nodata}, which band {chip.band.name} has for no data")


def _failed(tile: Tile, error: Exception, attempts: int) -> RetileOutcome:
    return RetileOutcome(identifier=tile.identifier, state="failed", reason=str(error), attempts=attempts)


def _by_key(chips: list[_Chip]) -> dict[str, _Chip]:
    """Chips by names valid in an archive."""
    named: dict[str, _Chip] = {}
    for chip in chips:
        key = as_key(chip.band.name)
        if not key or key in named:
            other = f" and {named[key].band.name!r}" if key else ""
            raise ValueError(f"band {chip.band.name!r}{other} must have names of letters and digits of their own")
        named[key] = chip
    return named
