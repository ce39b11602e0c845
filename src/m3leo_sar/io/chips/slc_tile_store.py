"""The part of an SLC stack that each tile needs, as Zarr v3: one sharded array per tile, one chunk per date."""

from __future__ import annotations

import datetime
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from m3leo_sar.grid.window import Window
from m3leo_sar.io.chips.chip_name import is_safe
from m3leo_sar.io.chips.stored_part import StoredPart
from m3leo_sar.io.files.atomic import PARTIAL, remove_stale, write_text
from m3leo_sar.io.files.batches import batches
from m3leo_sar.io.files.manifest import Kind, make_manifest, read_manifest
from m3leo_sar.io.files.zarr_shard import make_group
from m3leo_sar.stack.pairs import as_date
from m3leo_sar.stack.polarisation import joined_polarisations, parse_polarisations
from m3leo_sar.stack.tile_samples import TileFrame, TileSamples

#: Version 3 has a folder per polarisation in each tile; version 2 may hold dates as float32 beside those as int16.
KIND = Kind("slc-tiles.json", "m3leo_sar slc tiles", 3, "store of SLC tiles")
#: Bytes per sample, complex int16.
_SAMPLE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class StackFacts:
    """Common properties of all tiles of a store.

    Parameters
    ----------
    window : Window
        Largest coherence window whose halo each tile holds.
    polarisation : str
        That of the samples read and written here, or several as ``"VV+VH"``; a store may hold more.
    resampling : str
        Kernel from the stack's pixels to the tile's; each tile holds the margin that it needs.
    orbit, track, wavelength, name
        As of the :class:`m3leo_sar.SlcStack`.
    """

    window: Window
    polarisation: str
    resampling: str = "bilinear"
    orbit: str | None = None
    track: int | None = None
    wavelength: float | None = None
    name: str = "stack"


def is_slc_tile_store(path: str | os.PathLike[str]) -> bool:
    """Whether a folder looks like a store of SLC tiles."""
    return (Path(path) / KIND.file).is_file()


def stored_polarisations(root: str | os.PathLike[str]) -> tuple[str, ...]:
    """Polarisations that a store of SLC tiles holds.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    ValueError
        If the folder is no such store, or damaged.
    """
    document = read_manifest(Path(root), KIND)
    try:
        return parse_polarisations(document["facts"].get("polarisations") or document["facts"]["polarisation"])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{Path(root) / KIND.file} is damaged: {type(error).__name__} {error}") from error


class SlcTileStore:
    """Samples of a stack per tile and date, mostly complex int16; disk use grows with dates, not with pairs.

    A write adds one batch, ``<identifier>/<polarisation>/<number>``, which is written under another name, renamed and
    never changed afterwards. Each date has its own scale, the least power of two at which its largest part fits int16,
    so a part is at most half a scale off, 2**-15 of the largest, and parts that are whole multiples of the scale are
    kept exactly. Where that error has more than a thousandth of the power of some block of 5 x 5 samples, as beside a
    target 70 dB above its ground, the date is kept as complex64 instead, at twice the size. Chunks are blosc (lz4 over
    shuffled bits) with a CRC-32C that every read checks.

    Parameters
    ----------
    root : path
        Folder with an ``slc-tiles.json``. :meth:`create` makes one.
    polarisation : str, optional
        That of the samples to read and write, if the store holds several; to read, also several as ``"VV+VH"``.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    ValueError
        If the folder is no such store, damaged or of a later version, lacks the polarisation, or has several and none
        is named.
    """

    def __init__(self, root: str | os.PathLike[str], *, polarisation: str | None = None) -> None:
        self.root = Path(root)
        document = read_manifest(self.root, KIND)
        try:
            self.version = int(document["version"])
            facts = dict(document["facts"])
            rows, cols = facts.pop("window")
            #: Polarisations of the store.
            self.polarisations = parse_polarisations(facts.pop("polarisations", None) or facts["polarisation"])
            facts["polarisation"] = self._chosen(polarisation)
            self.facts = StackFacts(window=Window(rows=rows, cols=cols), **facts)
        except _OtherPolarisation:
            raise
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{self.root / KIND.file} is damaged: {type(error).__name__} {error}") from error

    def _chosen(self, wanted: str | None) -> str:
        held = ", ".join(self.polarisations)
        if wanted is None and len(self.polarisations) > 1:
            raise _OtherPolarisation(
                f"polarisation must be one of {held}, which {self.root} holds, got none; several are written VV+VH"
            )
        chosen = wanted.upper().split("+") if wanted else self.polarisations[:1]
        if not set(chosen) <= set(self.polarisations):
            raise _OtherPolarisation(f"polarisation must be one of {held}, which {self.root} holds, got {wanted!r}")
        return joined_polarisations(dict.fromkeys(chosen))

    @classmethod
    def create(cls, root: str | os.PathLike[str], facts: StackFacts) -> SlcTileStore:
        """Open or create the store at ``root`` for one polarisation; removes leftover files of killed writers.

        Raises
        ------
        OSError
            If the folder cannot be created or written to.
        ValueError
            If the folder holds files but is not a store, or the store has other facts or is of an earlier version.
        """
        folder = Path(root)
        plain = {**asdict(facts), "window": [facts.window.rows, facts.window.cols]}
        plain["polarisations"] = [plain.pop("polarisation")]
        make_manifest(folder, KIND, {"facts": plain})
        document = read_manifest(folder, KIND)
        _require_current(document, folder)
        make_group(folder)
        held = cls(folder, polarisation=document["facts"]["polarisations"][0])
        if replace(held.facts, polarisation=facts.polarisation) != facts:
            raise ValueError(f"{folder} holds tiles of {held.facts}, the new ones are of {facts}")
        if facts.polarisation not in held.polarisations:
            document["facts"]["polarisations"] = [*held.polarisations, facts.polarisation]
            write_text(folder / KIND.file, json.dumps(document, indent=2, sort_keys=True) + "\n")
        remove_stale(folder)
        return cls(folder, polarisation=facts.polarisation)

    @property
    def identifiers(self) -> list[str]:
        """Tiles with a date, sorted."""
        folders = (path for path in self.root.iterdir() if path.is_dir() and PARTIAL not in path.name)
        return sorted(path.name for path in folders if all(batches(part.folder) for part in self._parts(path.name)))

    def dates(self, identifier: str) -> tuple[datetime.date, ...]:
        """Dates of a tile in order, those that all its polarisations have; empty if it does not exist.

        Raises
        ------
        ValueError
            If the tile is damaged.
        """
        every = [set(part.planes()) for part in self._parts(identifier)]
        return tuple(sorted(set.intersection(*every))) if every else ()

    def passings(self, identifier: str) -> tuple[datetime.date, ...]:
        """Times of passing of a tile's dates where all are known, else dates: the input of the rules for pairs.

        Raises
        ------
        ValueError
            If the tile is damaged.
        """
        dates = self.dates(identifier)
        if not dates:
            return ()
        planes = self._parts(identifier)[0].planes()
        times = [planes[date].time for date in dates]
        return tuple(time for time in times if time is not None) if None not in times else dates

    def frame(self, identifier: str) -> TileFrame:
        """Position of a tile on the stack.

        Raises
        ------
        FileNotFoundError
            If the tile does not exist.
        ValueError
            If it is damaged.
        """
        return self._found(identifier)[0].frame()

    def held_bytes(self, identifier: str) -> int:
        """About the bytes of a tile in memory: its samples of all dates, and the positions of its pixels.

        Raises
        ------
        FileNotFoundError, ValueError
            As :meth:`frame`.
        """
        frame, images = self.frame(identifier), len(self.dates(identifier)) * len(self._parts(identifier))
        return frame.shape[0] * frame.shape[1] * _SAMPLE * images + frame.nbytes

    def write(
        self,
        identifier: str,
        slc: NDArray[Any],
        dates: Sequence[datetime.date],
        *,
        frame: TileFrame,
        times: Sequence[datetime.datetime] | None = None,
    ) -> list[datetime.date]:
        """Add dates to a tile and return the list of new ones; existing dates are left unchanged.

        Parameters
        ----------
        identifier : str
        slc : (dates, rows, cols) complex64 or complex128
            Samples of the frame's window; values that are not finite are no data.
        dates : sequence of datetime.date
        frame : TileFrame
        times : sequence of datetime.datetime, optional
            Time of passing of each date, UTC without a time zone.

        Raises
        ------
        ValueError
            If the shape or the times do not fit, the name could lead out of the store, or the tile exists with
            another frame.
        OSError
            If the disk is full or cannot be written to; no half-written file remains.
        """
        if slc.shape != (len(dates), *frame.shape):
            raise ValueError(f"slc must have shape {(len(dates), *frame.shape)}, got {slc.shape}")
        if times is not None and [as_date(time, "times") for time in times] != list(dates):
            raise ValueError(f"times must hold a time of each of the {len(dates)} dates, got {len(times)} others")
        if not is_safe(identifier):
            raise ValueError(f"identifier must be letters, digits, dots and hyphens, got {identifier!r}")
        _require_current({"version": self.version}, self.root)
        if "+" in self.facts.polarisation:
            raise ValueError(f"polarisation must be one to write samples, got {self.facts.polarisation}")
        (part,) = self._parts(identifier)
        part.keep_frame(frame)
        return part.write(slc, dates, times)

    def read(self, identifier: str, dates: Sequence[datetime.date] | None = None) -> TileSamples:
        """Read a tile's samples of some or all dates; each batch is opened once.

        Returns
        -------
        TileSamples
            Of several polarisations, the first, with the others beside it.

        Raises
        ------
        FileNotFoundError
            If the tile does not exist.
        ValueError
            If a date does not exist, or the data are damaged.
        """
        parts = self._found(identifier)
        chosen = dates if len(parts) == 1 or dates is not None else self.dates(identifier)
        first, *others = (part.read(chosen, window=self.facts.window) for part in parts)
        return replace(first, beside=tuple(others))

    def faults(self) -> Iterator[tuple[str, str]]:
        """Identifier and fault of every unreadable tile."""
        for identifier in self.identifiers:
            try:
                self.read(identifier)
            except (OSError, ValueError) as error:
                yield identifier, str(error)

    def _parts(self, identifier: str) -> list[StoredPart]:
        """Samples of a tile, one per chosen polarisation; before version 3 there was one, without a folder."""
        place = self.root / identifier
        return [
            StoredPart(place, place if self.version < KIND.version else place / one, identifier, one)
            for one in self.facts.polarisation.split("+")
        ]

    def _found(self, identifier: str) -> list[StoredPart]:
        if not (self.root / identifier).is_dir():
            raise FileNotFoundError(f"there is no tile {identifier} in {self.root}")
        return self._parts(identifier)


class _OtherPolarisation(ValueError):
    """The store does not hold the polarisation, or several and none was named."""


def _require_current(document: Mapping[str, Any], folder: Path) -> None:
    if document["version"] < KIND.version:
        raise ValueError(
            f"{folder} is a store of SLC tiles of version {document['version']}, which names no polarisations: it can "
            f"be read; before dates are added, m3leo-sar upgrade {folder} renames its batches"
        )
