"""Missing chips of each tile of an archive, their division into blocks, and the expected time and size."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from m3leo_sar.grid.tiles import TileGrid
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.chips.chip_ledger import ChipLedger, TileState
from m3leo_sar.io.chips.product_names import COHERENCE, GAMMA0, INTERFEROGRAM, LABEL
from m3leo_sar.io.chips.stored_coherence import DTYPES
from m3leo_sar.io.files.plain_values import parameter_digest
from m3leo_sar.products.tile_maker import is_whole

#: Bytes per pixel of each product before compression, if not those of float32.
_PIXEL_BYTES = {INTERFEROGRAM: 8, LABEL: 1}
#: Seconds of one thread per chip of 448 x 448 without an earlier run; measured by benchmarks/pipeline.py.
_SECONDS_A_CHIP = 0.03
#: The same of the illuminated area of a tile, and of its layover and shadow, whatever the number of chips.
_SECONDS_OF_SLOPES, _SECONDS_OF_MASK = 2.0, 0.5
#: Name in the ledger of the seconds of one worker per pixel of a chip.
RATE = "seconds per pixel"


@dataclass
class Plan:
    """Tiles and their missing chips.

    Parameters
    ----------
    grid : TileGrid
    wanted : mapping
        Chips ``product/key`` that each tile should have, and the parameters of each.
    asked : str
        Digest of the requested chips of a tile.
    lacking : dict of int to tuple of str
        Missing chips by position in the grid; complete tiles are left out. Tiles with the same missing chips share one
        tuple.
    held : dict of int to mapping
        Existing chips, with their digests, of tiles with missing chips.
    present : int
        Number of existing chips.
    skipped : dict
        Tiles that an earlier run has found off the stack, with its reason.
    learned : dict
        State of tiles that the ledger did not know, or knew differently.
    dtype : str
        Of the coherence in the archive.
    """

    grid: TileGrid
    wanted: Mapping[str, Mapping[str, Any]]
    asked: str
    lacking: dict[int, tuple[str, ...]] = field(default_factory=dict)
    held: dict[int, Mapping[str, str]] = field(default_factory=dict)
    present: int = 0
    skipped: dict[str, str] = field(default_factory=dict)
    learned: dict[str, Mapping[str, str]] = field(default_factory=dict)
    dtype: str = DTYPES[0]

    @property
    def chips(self) -> dict[str, int]:
        """Number of missing chips per product."""
        counts: Counter[str] = Counter()
        for names, tiles in Counter(self.lacking.values()).items():
            for name in names:
                counts[name.partition("/")[0]] += tiles
        return dict(sorted(counts.items()))

    @property
    def keys(self) -> list[str]:
        """Pairs, dates and labels with a missing chip, sorted."""
        return sorted({name.partition("/")[2] for names in set(self.lacking.values()) for name in names})

    @property
    def bytes(self) -> int:
        """Bytes of the missing chips before compression."""
        sizes = {**_PIXEL_BYTES, COHERENCE: np.dtype(self.dtype).itemsize}
        return sum(count * self.grid.pixels**2 * sizes.get(name, 4) for name, count in self.chips.items())

    def seconds(self, *, workers: int, rate: float | None = None) -> float:
        """Expected seconds.

        Parameters
        ----------
        workers : int
        rate : float, optional
            Seconds of one worker per pixel, from the ledger of an earlier run.
        """
        a_pixel = rate or _SECONDS_A_CHIP / 448**2
        chips = sum(self.chips.values()) * self.grid.pixels**2 * a_pixel
        terrain = self._terrain_seconds * (self.grid.pixels / 448) ** 2
        # An earlier run may have had neither gamma nought nor a mask.
        return (chips + terrain if rate is None else max(chips, terrain)) / workers

    @property
    def _terrain_seconds(self) -> float:
        """Seconds of one thread for the terrain of all incomplete tiles of 448 x 448."""
        return sum(
            tiles
            * (
                _SECONDS_OF_SLOPES * any(name.startswith(f"{GAMMA0}/") for name in names)
                + _SECONDS_OF_MASK * any(self.wanted[name].get("mask") for name in names)
            )
            for names, tiles in Counter(self.lacking.values()).items()
        )

    def blocks(self, size: int) -> list[list[int]]:
        """Positions of incomplete tiles in groups of at most ``size`` neighbours, in spatial order."""
        if not self.lacking:
            return []
        positions = np.fromiter(self.lacking, np.intp)
        west, south, east, north = self.grid.bounds[positions].T
        side = max(1, math.isqrt(size))
        rows, cols = (
            np.floor((low + high) / 2 / (side * max(float(np.median(high - low)), 1e-9))).astype(np.int64)
            for low, high in ((south, north), (west, east))
        )
        order = np.lexsort((west, south, cols, rows))
        blocks: list[list[int]] = []
        cell: tuple[int, int] | None = None
        for index in order:
            if cell != (rows[index], cols[index]) or len(blocks[-1]) >= size:
                cell = (rows[index], cols[index])
                blocks.append([])
            blocks[-1].append(int(positions[index]))
        return blocks


def make_plan(
    grid: TileGrid,
    wanted: Mapping[str, Mapping[str, Any]],
    *,
    archive: ChipArchive | None = None,
    ledger: ChipLedger | None = None,
    minimum_coverage: float = 0.0,
    verify: bool = False,
    progress: Callable[[], Any] | None = None,
) -> Plan:
    """Find the missing chips of each tile, without changes to the archive.

    A tile whose folders have not changed since its entry in the ledger is not inspected again, so that only
    new chips take time.

    Parameters
    ----------
    grid : TileGrid
    wanted : mapping
        From :func:`m3leo_sar.products.recipe.wanted_chips`.
    archive : ChipArchive, optional
        By default, no chip exists yet.
    ledger : ChipLedger, optional
        The archive's.
    minimum_coverage : float
        After a change, tiles that were found off the stack are tried again.
    verify : bool
        Read every chip and count damaged ones as missing.
    progress : callable, optional
        Called after each tile.
    """
    search = _Search(wanted, archive, ledger, verify)
    asked = parameter_digest({"chips": search.digests, "minimum_coverage": minimum_coverage})
    plan = Plan(grid, wanted, asked, dtype=archive.dtype if archive else DTYPES[0])
    known = ledger.tiles() if ledger and archive else {}
    for position, identifier in enumerate(grid.identifiers):
        state = known.get(identifier)
        if state is not None and state.state == "skipped" and state.holding == asked:
            plan.skipped[identifier] = state.reason
        else:
            found = search.tile(identifier, state)
            plan.present += found.present
            if found.lacking:
                plan.lacking[position], plan.held[position] = found.lacking, found.held
            if search.learned:
                plan.learned[identifier] = found.held
        if progress:
            progress()
    return plan


def folder_stamp(root: Path, identifier: str, chips: Iterable[str]) -> str:
    """Times of the last change in the folders of a tile's chips; empty if a folder is missing."""
    try:
        folders = sorted({name.rpartition("/")[0] for name in chips})
        return " ".join(str(os.stat(f"{root}/{identifier}/{folder}").st_mtime_ns) for folder in folders)
    except OSError:
        return ""


class _Found(NamedTuple):
    """Existing and missing chips of a tile; equal tiles share one value."""

    lacking: tuple[str, ...]
    held: Mapping[str, str]
    present: int


class _Search:
    """Inspects tiles, by the ledger alone if that suffices."""

    def __init__(
        self,
        wanted: Mapping[str, Mapping[str, Any]],
        archive: ChipArchive | None,
        ledger: ChipLedger | None,
        verify: bool,
    ) -> None:
        self.wanted, self.archive, self.ledger, self.verify = wanted, archive, ledger, verify
        self.digests = {name: parameter_digest(parameters) for name, parameters in wanted.items()}
        self._by_holding: dict[str, tuple[_Found, Sequence[str]]] = {}
        self._by_held: dict[frozenset[str], _Found] = {}
        #: Whether the folders of the last tile had to be inspected.
        self.learned = False

    def tile(self, identifier: str, state: TileState | None) -> _Found:
        self.learned = False
        if self.archive is None:
            return self._alike(frozenset())
        if state is not None and state.holding and not self.verify:
            found, datasets = self._of_holding(state.holding)
            if found.held and state.stamp == folder_stamp(self.archive.root, identifier, datasets):
                return found
        if not (self.archive.root / identifier).is_dir():
            return self._alike(frozenset())
        self.learned = True
        return self._alike(frozenset(name for name in self.wanted if self._is_there(identifier, name)))

    def _of_holding(self, digest: str) -> tuple[_Found, Sequence[str]]:
        if digest not in self._by_holding:
            held = self.ledger.holding(digest) if self.ledger else {}
            there = {name for name, wanted in self.digests.items() if held.get(name) == wanted}
            lacking = tuple(name for name in self.wanted if name not in there)
            one_of_each = {name.rpartition("/")[0]: name for name in held}
            self._by_holding[digest] = _Found(lacking, held, len(there)), list(one_of_each.values())
        return self._by_holding[digest]

    def _is_there(self, identifier: str, name: str) -> bool:
        assert self.archive is not None
        dataset, _, key = name.partition("/")
        if not self.archive.has(identifier, dataset, key, parameters=self.wanted[name]):
            return False
        return not self.verify or is_whole(self.archive, identifier, name)

    def _alike(self, there: frozenset[str]) -> _Found:
        if there not in self._by_held:
            lacking = tuple(name for name in self.wanted if name not in there)
            held = {name: digest for name, digest in self.digests.items() if name in there}
            self._by_held[there] = _Found(lacking, held, len(there))
        return self._by_held[there]
