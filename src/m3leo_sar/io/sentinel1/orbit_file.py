"""Orbit files of Sentinel-1 (EOF): precise (POEORB) and restituted (RESORB) state vectors."""

from __future__ import annotations

import datetime
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.orbit import Orbit
from m3leo_sar.io.files import limits
from m3leo_sar.io.files.plain_xml import parse_xml
from m3leo_sar.io.files.zip_member import names_in_zip, read_text_in_zip
from m3leo_sar.io.sentinel1.annotation import utc_time

#: Kinds of orbit files, the more accurate one first; predicted orbits (PREORB) are of neither.
KINDS = ("POEORB", "RESORB")
#: Time around a scene that an orbit file has to cover.
MARGIN = datetime.timedelta(seconds=60)
#: Longest step between two state vectors, seconds; they are 10 s apart.
_STEP = 30.0
_NAME = re.compile(
    r"(S1[A-D])_\w{4}_AUX_(\w{6})_\w{4}_(\d{8}T\d{6})_V(\d{8}T\d{6})_(\d{8}T\d{6})\.EOF(?:\.zip)?", re.ASCII | re.I
)


class OrbitFileName(NamedTuple):
    """Facts of an orbit file that its name states."""

    path: Path
    mission: str
    kind: str
    created: datetime.datetime
    start: datetime.datetime
    stop: datetime.datetime

    def covers(self, start: datetime.datetime, stop: datetime.datetime) -> bool:
        """Whether its validity covers a time and a minute on both sides."""
        return self.start <= start - MARGIN and stop + MARGIN <= self.stop


@dataclass(frozen=True, slots=True, eq=False)
class OrbitFile:
    """State vectors of an orbit file.

    Parameters
    ----------
    path : Path
    mission : str
        Such as ``"S1A"``.
    kind : {"POEORB", "RESORB"}
    start, stop : datetime.datetime
        Validity, UTC.
    created : datetime.datetime
    times : (vectors,) datetime64[us]
        UTC.
    positions, velocities : (vectors, 3) float64
        Metres and metres per second in the Earth-fixed frame.
    degraded : (vectors,) bool
        Vectors whose quality is not nominal, such as those near a manoeuvre.
    """

    path: Path
    mission: str
    kind: str
    start: datetime.datetime
    stop: datetime.datetime
    created: datetime.datetime
    times: NDArray[np.datetime64]
    positions: NDArray[np.float64]
    velocities: NDArray[np.float64]
    degraded: NDArray[np.bool_]

    @property
    def name(self) -> str:
        """Name of the file."""
        return self.path.name

    def orbit(self, epoch: datetime.datetime, start: datetime.datetime, stop: datetime.datetime) -> Orbit:
        """State vectors around a scene.

        Parameters
        ----------
        epoch : datetime
            UTC that the times of the orbit count from in seconds, such as ``burst.epoch``.
        start, stop : datetime
            First and last line of the scene, UTC; vectors up to a minute outside are taken.

        Raises
        ------
        ValueError
            If the file does not cover the scene with a minute on both sides, or vectors there are missing or degraded.
        """
        low, high = np.datetime64(start - MARGIN, "us"), np.datetime64(stop + MARGIN, "us")
        near = (self.times >= low) & (self.times <= high)
        times = (self.times[near] - np.datetime64(epoch, "us")) / np.timedelta64(1, "s")
        bounds = [(moment - epoch).total_seconds() for moment in (start - MARGIN, stop + MARGIN)]
        if times.size < 4 or times[0] - bounds[0] > _STEP or bounds[1] - times[-1] > _STEP:
            raise ValueError(
                f"{self.name} must cover {start:%Y-%m-%dT%H:%M:%S} to {stop:%H:%M:%S} and a minute on both sides, "
                f"it has {times.size} state vectors there"
            )
        if np.diff(times).max() > _STEP:
            raise ValueError(
                f"{self.name} lacks state vectors near {start:%Y-%m-%dT%H:%M:%S}, where they are "
                f"{np.diff(times).max():.0f} s apart"
            )
        if self.degraded[near].any():
            raise ValueError(
                f"{self.name} has {int(self.degraded[near].sum())} degraded state vectors around "
                f"{start:%Y-%m-%dT%H:%M:%S} (a manoeuvre); use another orbit file, or leave out this date"
            )
        return Orbit(times, self.positions[near], self.velocities[near])


class MissingOrbit(ValueError):
    """No orbit file covers a scene."""


def find_orbit_files(folder: str | os.PathLike[str]) -> list[Path]:
    """Orbit files below a folder, by name: ``.EOF``, and zips of one.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    """
    root = Path(folder)
    if not root.exists():
        raise FileNotFoundError(f"there is no folder {root}")
    if not root.is_dir():
        return [root]
    return sorted(path for path in root.rglob("*") if _NAME.fullmatch(path.name))


def choose_orbit_file(
    paths: Iterable[str | os.PathLike[str]],
    *,
    mission: str,
    start: datetime.datetime,
    stop: datetime.datetime,
) -> OrbitFile:
    """Read the best orbit file for a scene: precise before restituted, of equal kinds the one created last.

    Parameters
    ----------
    paths : iterable of path
        Orbit files, such as those of :func:`find_orbit_files`. Their names state mission, kind and validity.
    mission : str
        Such as ``"S1A"``.
    start, stop : datetime
        First and last line of the scene, UTC; the validity must cover them with a minute on both sides.

    Raises
    ------
    ValueError
        If no file covers the scene (:class:`MissingOrbit`), or the chosen one is damaged.
    """
    named = [found for found in map(orbit_file_name, paths) if found is not None]
    own = [one for one in named if one.mission == mission and one.kind in KINDS]
    covering = [one for one in own if one.covers(start, stop)]
    if not covering:
        raise MissingOrbit(_lacking(named, own, mission, start, stop))
    best = min(covering, key=lambda one: (KINDS.index(one.kind), -one.created.timestamp(), one.path.name))
    found = read_orbit_file(best.path)
    if found.mission != mission:
        raise ValueError(f"{best.path.name} must be of {mission}, as its name says, its header says {found.mission}")
    return found


def orbit_file_name(path: str | os.PathLike[str]) -> OrbitFileName | None:
    """Facts in the name of an orbit file, None for any other name.

    Examples
    --------
    >>> name = orbit_file_name("S1A_OPER_AUX_RESORB_OPOD_20220918T093241_V20220918T053155_20220918T084925.EOF")
    >>> name.mission, name.kind, str(name.stop)
    ('S1A', 'RESORB', '2022-09-18 08:49:25')
    """
    found = _NAME.fullmatch(Path(path).name)
    if found is None:
        return None
    try:
        created, start, stop = (datetime.datetime.strptime(text, "%Y%m%dT%H%M%S") for text in found.groups()[2:])
    except ValueError:
        return None
    return OrbitFileName(Path(path), found[1].upper(), found[2].upper(), created, start, stop)


def read_orbit_file(path: str | os.PathLike[str]) -> OrbitFile:
    """Read an orbit file: ``.EOF``, or a zip that holds one.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is damaged, not a precise or restituted orbit, or not in the Earth-fixed frame and UTC; the message names
        what is missing.
    """
    place = Path(path)
    if not place.is_file():
        raise FileNotFoundError(f"there is no orbit file {place}")
    root = parse_xml(_content(place), place.name)
    try:
        return _orbit_file(root, place)
    except (KeyError, ValueError, TypeError) as error:
        raise ValueError(f"{place.name} must be a Sentinel-1 orbit file: {error}") from error


def _orbit_file(root: ElementTree.Element, place: Path) -> OrbitFile:
    header = "Earth_Explorer_Header/Fixed_Header"
    kind = _text(root, f"{header}/File_Type").removeprefix("AUX_")
    if kind not in KINDS:
        raise ValueError(f"File_Type must be AUX_POEORB or AUX_RESORB, got AUX_{kind}")
    for entry, expected in (("Ref_Frame", "EARTH_FIXED"), ("Time_Reference", "UTC")):
        found = _text(root, f"Earth_Explorer_Header/Variable_Header/{entry}")
        if found != expected:
            raise ValueError(f"{entry} must be {expected}, got {found}")
    states = root.findall("Data_Block/List_of_OSVs/OSV")
    count = root.find("Data_Block/List_of_OSVs")
    stated = None if count is None else count.get("count")
    if not states or (stated is not None and int(stated) != len(states)):
        raise ValueError(f"List_of_OSVs must hold {stated or 'some'} state vectors, got {len(states)}")
    return OrbitFile(
        path=place,
        mission="S1" + _text(root, f"{header}/Mission").removeprefix("Sentinel-1"),
        kind=kind,
        start=_time(_text(root, f"{header}/Validity_Period/Validity_Start")),
        stop=_time(_text(root, f"{header}/Validity_Period/Validity_Stop")),
        created=_time(_text(root, f"{header}/Source/Creation_Date")),
        times=np.array([_instant(_text(state, "UTC")) for state in states], "datetime64[us]"),
        positions=_vectors(states, ("X", "Y", "Z")),
        velocities=_vectors(states, ("VX", "VY", "VZ")),
        degraded=np.array([_text(state, "Quality") != "NOMINAL" for state in states]),
    )


def _vectors(states: Sequence[ElementTree.Element], axes: Sequence[str]) -> NDArray[np.float64]:
    return np.array([[float(_text(state, axis)) for axis in axes] for state in states])


def _text(element: ElementTree.Element, path: str) -> str:
    text = (element.findtext(path) or "").strip()
    if not text:
        raise KeyError(f"{path} is missing")
    return text


def _instant(text: str) -> str:
    """Time of a state vector without its prefix; a time with a zone, which NumPy would drop, is none of this format."""
    if not re.fullmatch(r"(UTC=)?\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?", text, re.ASCII):
        raise ValueError(f"UTC must read UTC=YYYY-MM-DDThh:mm:ss.ssssss, got {text!r}")
    return text.removeprefix("UTC=")


def _time(text: str) -> datetime.datetime:
    return utc_time(text.removeprefix("UTC="))


def _content(place: Path) -> bytes:
    """Text of an orbit file, of the one in a zip."""
    if place.suffix.lower() != ".zip":
        limits.require_size(place.name, place.stat().st_size, limits.LARGEST_TEXT)
        return place.read_bytes()
    names = [name for name in names_in_zip(place) if name.suffix.upper() == ".EOF"]
    if len(names) != 1:
        raise ValueError(f"{place.name} must hold one orbit file (.EOF), got {len(names)}")
    return read_text_in_zip(place, names[0])


def _lacking(
    named: Sequence[OrbitFileName],
    own: Sequence[OrbitFileName],
    mission: str,
    start: datetime.datetime,
    stop: datetime.datetime,
) -> str:
    """Sentence on a scene without an orbit file."""
    low, high = start - MARGIN, stop + MARGIN
    until = f"{high:%H:%M:%S}" if high.date() == low.date() else f"{high:%Y-%m-%d %H:%M:%S}"
    wanted = f"{low:%Y-%m-%d %H:%M:%S} to {until} UTC"
    if not named:
        held = "there is none (S1?_OPER_AUX_POEORB_..._V<start>_<stop>.EOF or .EOF.zip)"
    elif not own:
        others = ", ".join(sorted({f"{one.mission} {one.kind}" for one in named}))
        held = f"there are {len(named)} of {others}"
    else:
        nearest = min(own, key=lambda one: max(one.start - start, stop - one.stop))
        held = f"the nearest of {len(own)} is {nearest.path.name}"
    return f"orbits must hold a POEORB or RESORB file of {mission} that covers {wanted}; {held}"
