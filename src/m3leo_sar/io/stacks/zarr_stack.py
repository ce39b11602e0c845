"""Our own container of an SLC stack: a Zarr v3 group with one group per date (docs/formats.md)."""

from __future__ import annotations

import datetime
import os
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.joint_grid import is_same_grid
from m3leo_sar.grid.orbit import Orbit
from m3leo_sar.grid.radar_grid import RadarGrid
from m3leo_sar.io.files.atomic import PARTIAL, atomic_path, remove_stale
from m3leo_sar.io.files.manifest import require_no_file
from m3leo_sar.io.files.zarr_metadata import require_safe_store
from m3leo_sar.io.files.zarr_products import is_zarr, names_in, store_at
from m3leo_sar.io.remote.remote_address import AnyFile, RemoteFile, file_at
from m3leo_sar.io.stacks.stack_positions import read_geometry, write_geometry
from m3leo_sar.io.stacks.stored_acquisition import ACQUISITION, acquisition_facts, acquisition_of
from m3leo_sar.io.stacks.stored_image import read_image
from m3leo_sar.io.stacks.zarr_group import (
    CHUNK,
    attributes_at,
    chunks_of,
    geobox_of_facts,
    grid_facts,
    open_group,
    plain_errors,
    whole_array,
    write_group,
)  # fmt: skip
from m3leo_sar.stack.pairs import parse_date
from m3leo_sar.stack.polarisation import POLARISATIONS, joined_polarisations, parse_polarisations
from m3leo_sar.stack.slc import SlcStack

FORMAT = "m3leo_sar slc stack"
#: Version 3 has an array per polarisation in each date; version 1 has one, "slc". There is no version 2.
VERSION = 3
#: Version 4 also has arrays of complex int16; co-registration writes it (:mod:`m3leo_sar.io.stacks.burst_stack`).
LATEST = 4
_ONLY = "slc"


def write_stack(
    stack: SlcStack,
    path: str | os.PathLike[str],
    *,
    labels: Mapping[str, tuple[NDArray[Any], GeoBox]] | None = None,
    label_units: Mapping[str, str] | None = None,
    progress: Callable[[datetime.date], None] | None = None,
) -> list[datetime.date]:
    """Write a stack, or add its dates and polarisations to an existing one; returns the dates written.

    Each date is written completely or not at all, so an interrupted run leaves a stack of the completed dates and the
    next run writes the rest. ``label_units`` names the units of labels that are no codes, such as ``{"height": "m"}``.

    Raises
    ------
    ValueError
        If ``path`` contains another kind of file, a stack on another grid, or one of an earlier version.
    OSError
        If ``path`` is a file, or the folder is not writable.
    """
    import zarr

    folder = Path(path)
    require_no_file(folder)
    facts = _facts(stack)
    if folder.exists():
        held = _facts_at(folder)
        _require_current(held, folder)
        _require_same(held, facts, folder)
        remove_stale(folder)
    else:
        with atomic_path(folder) as partial:
            zarr.create_group(partial, attributes=facts)
            write_geometry(partial, stack.geometry)
    for name, (array, geobox) in (labels or {}).items():
        if not (folder / f"label-{name}").exists():
            unit = {"unit": label_units[name]} if label_units and name in label_units else {}
            write_group(folder / f"label-{name}", {"label": array}, grid_facts(geobox) | unit)
    written = []
    for index, date in enumerate(stack.dates):
        if _write_date(folder, stack, index):
            written.append(date)
        if progress:
            progress(date)
    _add_polarisations(folder, stack.polarisations)
    return written


def read_stack(path: str | os.PathLike[str], *, polarisation: str | None = None) -> SlcStack:
    """Open a stack; pixels are read when a window is requested.

    Parameters
    ----------
    path : path
        A folder, or the address of one on a server.
    polarisation : str, optional
        ``"VV"``, or several as ``"VV+VH"``; all by default.

    Warns
    -----
    UserWarning
        If a date lacks one of the polarisations: it is left out.

    Raises
    ------
    FileNotFoundError
        If there is nothing at ``path``.
    PermissionError, OSError
        If a server refuses access or fails.
    ValueError
        If it is not a stack in our container, is of a later version, lacks the polarisation, has no date, or a date is
        damaged.
    """
    folder = file_at(path)
    facts = _facts_at(folder)
    with plain_errors(folder):
        arrays = _arrays(facts)
        wanted = tuple(arrays) if polarisation is None else parse_polarisations(polarisation)
        for one in wanted:
            if one not in arrays:
                raise ValueError(f"its polarisations are {', '.join(arrays)}; it has no polarisation {one}")
    dates = _dates(folder, [arrays[one] for one in wanted], wanted)
    if not dates:
        raise ValueError(f"{folder} holds no finished date")
    with plain_errors(folder):
        geometry = read_geometry(folder, facts)
        if list(facts["shape"]) != list(geometry.shape):
            raise ValueError(f"its shape is {facts['shape']}, that of its geometry {list(geometry.shape)}")
        stated = [attributes_at(folder / f"{date:%Y%m%d}") for date in dates]
        names = [arrays[one] for one in wanted]
        return SlcStack(
            dates=tuple(dates),
            read=partial(_read_slc, folder, tuple(dates), geometry.shape, names=names),
            geometry=geometry,
            polarisation=joined_polarisations(wanted),
            dtype=facts["dtype"],
            orbit=facts.get("orbit"),
            track=facts.get("track"),
            wavelength=facts.get("wavelength"),
            times=_times(stated),
            platforms=_platforms(stated),
            burst=facts.get("burst"),
            frequency=facts.get("frequency"),
            flattened=facts.get("flattened"),
            acquisitions=_acquisitions(stated),
            outline=_outline(facts),
            name=str(folder),
        )


def read_labels(path: str | os.PathLike[str]) -> dict[str, tuple[NDArray[Any], GeoBox]]:
    """Label rasters of a stack by name, each with its grid; none if the stack has none.

    Raises
    ------
    ValueError
        If one is damaged.
    """
    folder, labels = Path(path), {}
    require_safe_store(folder, skip=PARTIAL)
    for entry in sorted(path for path in folder.glob("label-*") if PARTIAL not in path.name):
        with plain_errors(entry):
            group, name = open_group(entry), entry.name.removeprefix("label-")
            array, box = whole_array(group, "label"), geobox_of_facts(attributes_at(entry))
            if array.shape != box.shape:
                raise ValueError(f"it has shape {array.shape}, its grid {box.shape}")
            labels[name] = (array, box)
    return labels


def is_stack(path: str | os.PathLike[str]) -> bool:
    """Whether a folder, also one on a server, looks like one of our stacks."""
    folder = file_at(path)
    if isinstance(folder, RemoteFile):
        return is_zarr(folder) and store_at(folder).documents.zarr_format == 3 and "format" in attributes_at(folder)
    return (folder / "zarr.json").is_file() and "format" in attributes_at(folder)


def stack_polarisations(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """Polarisations of a stack.

    Raises
    ------
    FileNotFoundError, ValueError
        As :func:`read_stack`.
    """
    folder = file_at(path)
    with plain_errors(folder):
        return tuple(_arrays(_facts_at(folder)))


def upgrade_stack(path: str | os.PathLike[str]) -> int:
    """Bring a stack of version 1 up to date and return the number of dates renamed; no pixel is changed.

    It may be stopped at any time and called again: the version is written last.

    Raises
    ------
    FileNotFoundError, ValueError
        As :func:`read_stack`.
    """
    import zarr

    folder = Path(path)
    facts = _facts_at(folder)
    if facts["version"] >= VERSION:
        return 0
    moved = [folder / name / _ONLY for name in _date_folders(folder) if (folder / name / _ONLY).is_dir()]
    for array in moved:
        os.rename(array, array.with_name(facts["polarisation"]))
    kept = {name: value for name, value in facts.items() if name != "polarisation"}
    kept |= {"version": VERSION, "polarisations": [facts["polarisation"]]}
    zarr.open_group(folder, mode="r+", zarr_format=3).attrs.put(kept)
    return len(moved)


def _write_date(folder: Path, stack: SlcStack, index: int) -> bool:
    """Write the polarisations that a date lacks, all of a new date at once; returns whether there was one."""
    import zarr

    place = folder / f"{stack.dates[index]:%Y%m%d}"
    lacking = [one for one in stack.polarisations if not (place / one).exists()]
    if not place.exists():
        with atomic_path(place) as partial:
            zarr.create_group(partial, attributes=_facts_of_date(stack, index))
            for one in lacking:
                _write_image(partial / one, stack, index, one)
        return True
    for one in lacking:
        with atomic_path(place / one) as partial:
            _write_image(partial, stack, index, one)
    return bool(lacking)


def _write_image(path: Path, stack: SlcStack, index: int, polarisation: str) -> None:
    import zarr
    from zarr.codecs import Crc32cCodec

    array = zarr.create_array(
        store=path,
        shape=stack.shape[1:],
        chunks=chunks_of(stack.shape[1:]),
        dtype=stack.dtype,
        # Speckle is noise to a compressor: it saves a twelfth of the bytes but more than doubles the read time.
        compressors=[Crc32cCodec()],
        fill_value=complex("nan+nanj"),
        dimension_names=("y", "x"),
    )
    # One band of chunks at a time, so that only one band of one image is in memory.
    for first in range(0, stack.shape[1], CHUNK):
        rows = slice(first, min(first + CHUNK, stack.shape[1]))
        array[rows] = stack.images([(polarisation, stack.dates[index])], rows)[0]


def _facts_of_date(stack: SlcStack, index: int) -> dict[str, Any]:
    facts: dict[str, Any] = {"date": stack.dates[index].isoformat()}
    if stack.times is not None:
        facts["time"] = stack.times[index].isoformat()
    platform = None if stack.platforms is None else stack.platforms[index]
    facts |= {"platform": platform} if platform else {}
    return facts | ({ACQUISITION: acquisition_facts(*stack.acquisitions[index])} if stack.acquisitions else {})


def _add_polarisations(folder: Path, written: Sequence[str]) -> None:
    """Note polarisations once all their dates are written."""
    import zarr

    group = zarr.open_group(folder, mode="r+", zarr_format=3)
    stated: Any = group.attrs["polarisations"]
    held = list(stated)
    new = [one for one in written if one not in held]
    if new:
        group.attrs["polarisations"] = [*held, *new]


def _facts(stack: SlcStack) -> dict[str, Any]:
    facts = {"format": FORMAT, "version": VERSION, "polarisations": list(stack.polarisations), "dtype": stack.dtype}
    names = ("orbit", "track", "wavelength", "burst", "frequency")
    facts |= {name: getattr(stack, name) for name in names}
    facts |= {"shape": list(stack.shape[1:])}
    # Older versions pass over the last two.
    facts |= {"flattened": stack.flattened} if stack.flattened is not None else {}
    facts |= {"outline": [list(corner) for corner in stack.outline]} if stack.outline is not None else {}
    return facts | (grid_facts(stack.geometry) if isinstance(stack.geometry, GeoBox) else {})


def _outline(facts: Mapping[str, Any]) -> tuple[tuple[float, float], ...] | None:
    corners = facts.get("outline")
    return None if corners is None else tuple((float(row), float(col)) for row, col in corners)


def _arrays(facts: Mapping[str, Any]) -> dict[str, str]:
    """Name of the array of each polarisation within a date."""
    if facts["version"] < VERSION:
        return {facts["polarisation"]: _ONLY}
    return {one: one for one in parse_polarisations(facts["polarisations"])}


def _date_folders(folder: AnyFile) -> list[str]:
    """Names of the groups of dates."""
    # Other scripts have digits too, which are not valid in our names.
    return [name for name in names_in(folder) if re.fullmatch("[0-9]{8}", name)]


def _dates(folder: AnyFile, arrays: Sequence[str], polarisations: Sequence[str]) -> list[datetime.date]:
    """Dates with all wanted arrays; one without any array at all is damaged, which is found when it is read."""
    found: list[datetime.date] = []
    lacking: list[datetime.date] = []
    for name in _date_folders(folder):
        held = [one for one in names_in(folder, name) if one in (*POLARISATIONS, _ONLY)]
        (found if not held or set(arrays) <= set(held) else lacking).append(parse_date(name))
    if isinstance(folder, RemoteFile):
        from m3leo_sar.io.remote.remote_zarr import open_nodes

        days = [folder / f"{date:%Y%m%d}" for date in found]
        open_nodes([*days, *(day / name for day in days for name in arrays)])
    if lacking and found:
        warnings.warn(
            f"{folder}: {', '.join(str(date) for date in lacking[:5])} left out, without {' and '.join(polarisations)}",
            stacklevel=3,
        )
    return found


def _times(stated: Sequence[Mapping[str, Any]]) -> tuple[datetime.datetime, ...] | None:
    """Acquisition times, if every date has one."""
    texts = [facts.get("time") for facts in stated]
    times = [datetime.datetime.fromisoformat(text) for text in texts if isinstance(text, str)]
    return tuple(times) if len(times) == len(stated) else None


def _platforms(stated: Sequence[Mapping[str, Any]]) -> tuple[str | None, ...] | None:
    """Platform of each date, if one is known."""
    found = [facts.get("platform") for facts in stated]
    known = [name if isinstance(name, str) else None for name in found]
    return tuple(known) if any(known) else None


def _acquisitions(stated: Sequence[Mapping[str, Any]]) -> tuple[tuple[Orbit, RadarGrid], ...] | None:
    """Orbit and grid of each date, if every date has them."""
    found = [facts.get(ACQUISITION) for facts in stated]
    return tuple(acquisition_of(one) for one in found if one) if found and all(found) else None


def _facts_at(folder: AnyFile) -> dict[str, Any]:
    """Attributes of a stack."""
    if not folder.exists():
        raise FileNotFoundError(f"there is no folder {folder}")
    facts = attributes_at(folder)
    if facts.get("format") != FORMAT:
        raise ValueError(f"{folder} is not an SLC stack of this library (its attribute 'format' is not {FORMAT!r})")
    stored = facts.get("version")
    if not isinstance(stored, int) or stored > LATEST:
        raise ValueError(f"{folder} has version {stored}; this library reads up to {LATEST}")
    if not isinstance(folder, RemoteFile):
        require_safe_store(folder, skip=PARTIAL)
    return facts


def _require_current(held: Mapping[str, Any], folder: Path) -> None:
    stored = held["version"]
    if stored < VERSION:
        raise ValueError(
            f"{folder} is a stack of version {stored}, which names no polarisations: it can be read; before dates are "
            f"added, m3leo-sar upgrade {folder} renames its arrays"
        )


def _require_same(held: Mapping[str, Any], facts: dict[str, Any], folder: Path) -> None:
    for name in ("dtype", "shape", "crs", "affine", "burst", "frequency", "flattened"):
        if name in ("burst", "frequency", "flattened") and None in (held.get(name), facts.get(name)):
            continue
        is_map = name == "affine" and "affine" in facts and "affine" in held
        if is_map and is_same_grid(geobox_of_facts(held), geobox_of_facts(facts)):
            continue
        if held.get(name) != facts.get(name):
            raise ValueError(f"{folder} has {name} {held.get(name)}, the stack to add has {facts.get(name)}")


def _read_slc(
    folder: AnyFile,
    dates: tuple[datetime.date, ...],
    shape: tuple[int, int],
    index: int,
    rows: slice,
    cols: slice,
    *,
    names: Sequence[str],
) -> NDArray[np.complexfloating]:
    polarisation, date = divmod(index, len(dates))
    place = folder / f"{dates[date]:%Y%m%d}"
    return read_image(place / names[polarisation], shape, rows, cols)
