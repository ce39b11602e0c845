"""ARIA's geocoded unwrapped interferograms (S1-GUNW) as a source of tiles."""

from __future__ import annotations

import datetime
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.regular_geobox import regular_geobox
from m3leo_sar.io.components.band import Band
from m3leo_sar.io.files.hdf5_values import FAULTS, as_float32, open_hdf5, own_group, read_values, require_own
from m3leo_sar.io.sources.tile_source import Piece, cover, file_facts

#: S1-GUNW-direction-side-track-mode-laterdate_earlierdate-time-place-...
_NAME = re.compile(
    r"S1-GUNW-(?P<way>[AD])-[RL]-(?P<track>\d{3})-\w+-(?P<later>\d{8})_(?P<earlier>\d{8})-(?P<time>\d{6})-(?P<rest>.+)"
)
_GROUP = "science/grids/data"
#: Quantity, unit and fill value of the layers of a granule.
QUANTITIES = {
    "unwrappedPhase": ("unwrapped phase", "rad", 0),
    "coherence": ("coherence", "1", 0),
    "amplitude": ("amplitude", "1", 0),
    "connectedComponents": ("connected component", "class", -1),
}


class _Granule(NamedTuple):
    path: Path
    geobox: GeoBox
    #: Earlier and later date, such as 20200308_20200320.
    pair: str
    #: Direction and track, such as A064.
    track: str
    time: str
    rest: str
    #: Those of ``QUANTITIES`` in it.
    held: tuple[str, ...]


class GunwSource:
    """A folder of S1-GUNW granules, netCDF-4, in any folders below it.

    Each granule keeps its own grid, so that no pair is moved onto another's. A band is named by quantity, pair with the
    earlier date first, direction and track: ``coherence_20200308_20200320_A064``. If several granules of one pair and
    track have data around a tile, such as neighbouring frames, the start time follows, or else the rest of the name;
    none is dropped.

    Parameters
    ----------
    folder : str or path
    quantities : sequence of str, optional
        Those of ``unwrappedPhase``, ``coherence``, ``amplitude``, ``connectedComponents`` to take; by default all.
    resampling : str
        A word of :func:`m3leo_sar.reproject`; components are codes and are never mixed.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    ValueError
        If it holds no granule, a granule is damaged or its name has no two dates, or a quantity is unknown or in no
        granule.

    Notes
    -----
    A granule may lack quantities, as some versions of the product do: the others are taken, and the notes report it.

    Phase keeps the sign and the reference of the product. It jumps between components: mask by them after resampling.
    """

    def __init__(
        self, folder: str | os.PathLike[str], *, quantities: Sequence[str] | None = None, resampling: str = "bilinear"
    ) -> None:
        root = Path(folder)
        if not root.is_dir():
            raise FileNotFoundError(f"there is no folder {root}")
        unknown = [name for name in quantities or () if name not in QUANTITIES]
        if unknown:
            raise ValueError(f"quantities must be among {', '.join(QUANTITIES)}, got {', '.join(unknown)}")
        self.name, self.resampling = root.name, resampling
        self._quantities = list(quantities or QUANTITIES)
        paths = sorted(path for path in root.rglob("*.nc") if _NAME.fullmatch(path.stem))
        if not paths:
            raise ValueError(f"{root} holds no granule named like S1-GUNW-A-R-064-tops-20200320_20200308-....nc")
        self._granules = sorted((_granule(path) for path in paths), key=lambda granule: (granule.pair, granule.path))
        missing = [name for name in quantities or () if not any(name in granule.held for granule in self._granules)]
        if missing:
            raise ValueError(f"quantities must be in a granule of {root}, none holds {', '.join(missing)}")
        named = {band.name: band for granule in self._granules for band in self._bands(granule, self._quantities)}
        self.bands = tuple(named.values())

    def parameters(self, geobox: GeoBox) -> Any:
        """Name, size and time of the granules around the tile, and the quantities."""
        near = [granule.path for granule in self._granules if cover(granule.geobox, geobox) is not None]
        return {"files": [file_facts(path) for path in near], "quantities": self._quantities}

    def read(self, geobox: GeoBox) -> list[Piece]:
        """Pixels around a tile of every granule with data there: a piece of values, and one of components.

        Raises
        ------
        ValueError
            If a granule is damaged.
        """
        found = [(granule, pieces) for granule in self._granules if (pieces := self._read(granule, geobox))]
        suffixes = _distinct_suffixes([granule for granule, _ in found])
        return [
            piece._replace(bands=tuple(replace(band, name=band.name + suffix) for band in piece.bands))
            for (_, pieces), suffix in zip(found, suffixes, strict=True)
            for piece in pieces
        ]

    def _read(self, granule: _Granule, geobox: GeoBox) -> list[Piece]:
        part = cover(granule.geobox, geobox)
        if part is None:
            return []
        pieces = []
        held = [name for name in self._quantities if name in granule.held]
        lacks = ", ".join(name for name in self._quantities if name not in granule.held)
        notes = (f"{granule.path.name} holds no {lacks}",) if lacks else ()
        with _opened(granule.path) as data:
            for names in (
                [name for name in held if QUANTITIES[name][1] != "class"],
                [name for name in held if QUANTITIES[name][1] == "class"],
            ):
                if names:
                    planes = [
                        part.gather(lambda rows, cols, name=name: _plane(data, name, rows, cols), _empty(name))  # type: ignore[misc]
                        for name in names
                    ]
                    nodata = QUANTITIES[names[0]][2] if planes[0].dtype.kind == "i" else None
                    bands = tuple(self._bands(granule, names))
                    pieces.append(Piece(np.stack(planes), part.geobox, bands, nodata, notes))
        # Its box touches the tile; its slanted frame may not.
        return pieces if any(_has_data(piece) for piece in pieces) else []

    @staticmethod
    def _bands(granule: _Granule, names: Iterable[str]) -> list[Band]:
        way = "ascending" if granule.track.startswith("A") else "descending"
        return [
            Band(f"{name}_{granule.pair}_{granule.track}", *QUANTITIES[name][:2], "gunw", None, granule.pair, "VV", way)
            for name in names
            if name in granule.held
        ]


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The data of a granule; errors name it."""
    with open_hdf5(path, kind="netCDF-4 file") as file:
        try:
            group = own_group(file, _GROUP)
        except FAULTS as error:
            raise ValueError(f"{path.name} is not an S1-GUNW granule: it has no group {_GROUP}") from error
        try:
            yield group
        except FAULTS as error:
            raise ValueError(f"{path.name} is damaged: {error.args[0] if error.args else error}") from error


def _granule(path: Path) -> _Granule:
    match = _NAME.fullmatch(path.stem)
    assert match is not None
    try:
        first, second = (datetime.datetime.strptime(match[word], "%Y%m%d") for word in ("later", "earlier"))
    except ValueError as error:
        raise ValueError(f"{path.name} must have two dates in its name: {error}") from error
    if first == second:
        raise ValueError(f"{path.name} must have two different dates in its name")
    earlier, later = sorted((first, second))
    with _opened(path) as data:
        for name in ("longitude", "latitude"):
            if name not in data:
                raise ValueError(f"{name} is missing")
        longitude, latitude = (read_values(data[name], path) for name in ("longitude", "latitude"))
        box = regular_geobox(longitude, latitude, "EPSG:4326")
        held = tuple(name for name in QUANTITIES if name in data)
        if not held:
            raise ValueError(f"it holds none of {', '.join(QUANTITIES)}")
    pair = f"{earlier:%Y%m%d}_{later:%Y%m%d}"
    return _Granule(path, box, pair, match["way"] + match["track"], match["time"], match["rest"], held)


def _plane(data: Any, name: str, rows: slice, cols: slice) -> NDArray[Any]:
    """Pixels of a quantity: float32 with NaN, or int16 with -1 for components."""
    if name not in data:
        raise ValueError(f"{name} is missing")
    require_own(data[name], data.file.filename)
    shape = data["latitude"].size, data["longitude"].size
    if data[name].shape != shape:
        raise ValueError(f"{name} must have the shape {shape} of its coordinates, got {data[name].shape}")
    values = as_float32(read_values(data[name], data.file.filename, (rows, cols)))
    fill = np.float32(np.ravel(data[name].attrs.get("_FillValue", QUANTITIES[name][2]))[0])
    missing = ~np.isfinite(values) | (values == fill)
    if QUANTITIES[name][1] == "class":
        return np.where(missing, np.int16(-1), np.clip(np.where(missing, 0, values), -1, 32767).astype(np.int16))
    return np.where(missing, np.float32(np.nan), values)


def _empty(name: str) -> Any:
    return -1 if QUANTITIES[name][1] == "class" else np.nan


def _has_data(piece: Piece) -> bool:
    return bool((piece.array != piece.nodata).any() if piece.nodata is not None else np.isfinite(piece.array).any())


def _distinct_suffixes(granules: list[_Granule]) -> list[str]:
    """Suffix of each granule's bands: none, the start time, or the rest of its name."""
    suffixes = [""] * len(granules)
    for more in (lambda granule: f"_{granule.time}", lambda granule: f"_{granule.rest}"):
        keys = [(granule.pair, granule.track, suffix) for granule, suffix in zip(granules, suffixes, strict=True)]
        counts = Counter(keys)
        suffixes = [
            suffix + more(granule) if counts[key] > 1 else suffix
            for granule, key, suffix in zip(granules, keys, suffixes, strict=True)
        ]
    return suffixes
