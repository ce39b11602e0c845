"""The table of all kinds of stacks: the first entry that finds products at a path opens them.

A reader of your own is an entry too; installed ones (entry points of the group ``m3leo_sar.stacks``) come after our own
container and OPERA's products, before all others.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from m3leo_sar._check import checked
from m3leo_sar._own_code import own_names
from m3leo_sar.io.files.atomic import PARTIAL
from m3leo_sar.io.remote.remote_address import AnyFile, RemoteFile
from m3leo_sar.io.stacks.container_reader import CONTAINER
from m3leo_sar.io.stacks.date_table import described
from m3leo_sar.io.stacks.own_reader import ENTRY_POINTS, OWN_PREFIX, installed_readers, own_stack_reader
from m3leo_sar.io.stacks.positions_beside import positions_beside
from m3leo_sar.io.stacks.stack_files import StackPath, stack_files
from m3leo_sar.io.stacks.stack_reader import Choice, OpenedStack, Product, StackReader
from m3leo_sar.stack.concurrent_read import ConcurrentRead

_GEOTIFF = (".tif", ".tiff")


def readers() -> Iterator[StackReader]:
    """All entries in the order in which they are asked."""
    yield from _certain()
    yield from installed_readers()
    yield from _others()


def _certain() -> Iterator[StackReader]:
    """Kinds that names or a header identify without doubt."""
    yield CONTAINER
    # Imported when our own container is excluded, as it takes neither HDF5 nor GDAL; so are all others.
    from m3leo_sar.io.stacks.cslc import CSLC

    yield CSLC


def _others() -> tuple[StackReader, ...]:
    """All other kinds, the most special first."""
    from m3leo_sar.io.stacks.cslc import CSLC_STATIC
    from m3leo_sar.io.stacks.raster_stack import RASTERS
    from m3leo_sar.io.stacks.readers.biomass import BIOMASS, BIOMASS_SCS
    from m3leo_sar.io.stacks.readers.capella import CAPELLA
    from m3leo_sar.io.stacks.readers.dolphin import DOLPHIN
    from m3leo_sar.io.stacks.readers.doris_zarr import DORIS_ZARR
    from m3leo_sar.io.stacks.readers.eopf_bursts import EOPF_BURSTS, SAFE_BURSTS
    from m3leo_sar.io.stacks.readers.gamma import GAMMA
    from m3leo_sar.io.stacks.readers.geozarr import GEOZARR
    from m3leo_sar.io.stacks.readers.gmtsar import GMTSAR
    from m3leo_sar.io.stacks.readers.hdf5_images import HDF5_IMAGES
    from m3leo_sar.io.stacks.readers.isce2 import ISCE2
    from m3leo_sar.io.stacks.readers.miaplpy import MIAPLPY
    from m3leo_sar.io.stacks.readers.nisar_gslc import NISAR_GSLC, NISAR_OTHERS
    from m3leo_sar.io.stacks.readers.nisar_rslc import NISAR_RSLC
    from m3leo_sar.io.stacks.readers.sicd import SICD
    from m3leo_sar.io.stacks.readers.snap_beam import SNAP_BEAM, SNAP_DATA
    from m3leo_sar.io.stacks.readers.snap_znap import SNAP_ZNAP

    return (
        NISAR_GSLC,
        NISAR_RSLC,
        *NISAR_OTHERS,
        ISCE2,
        SNAP_BEAM,
        SNAP_ZNAP,
        GAMMA,
        DOLPHIN,
        MIAPLPY,
        DORIS_ZARR,
        GEOZARR,
        BIOMASS,
        BIOMASS_SCS,
        CAPELLA,
        SICD,
        EOPF_BURSTS,
        SAFE_BURSTS,
        CSLC_STATIC,
        GMTSAR,
        HDF5_IMAGES,
        SNAP_DATA,
        RASTERS,
    )


def _own_table() -> Iterator[StackReader]:
    """All entries but those of installed readers."""
    yield from _certain()
    yield from _others()


def reader_named(name: str) -> StackReader:
    """Entry of a name, or the entry of a reader of your own.

    Raises
    ------
    FileNotFoundError, ImportError, ValueError
        If there is no such reader; the message lists the names.
    """
    for entry in _own_table():
        if entry.name == name:
            return entry
    own = name.removeprefix(OWN_PREFIX)
    if "." not in own:
        # Neither a file nor a dotted module: one of the names that exist.
        kinds = [entry.name for entry in _own_table() if entry.is_read]
        checked(own, [*kinds, *own_names(ENTRY_POINTS)], what="reader")
    return own_stack_reader(own)


def recognise(path: StackPath, *, reader: str | None = None) -> tuple[StackReader, list[Product]]:
    """The entry that reads a file or folder, or files, and the products there.

    Parameters
    ----------
    path : path, or sequence of paths
        As of :func:`m3leo_sar.io.stacks.stack_files.stack_files`.
    reader : str, optional
        Name of an entry, or a reader of your own, which is not asked whether it recognises the path.

    Raises
    ------
    FileNotFoundError
        If there is nothing at ``path``.
    ValueError
        If no entry recognises it, or its table of dates is damaged.
    """
    files = stack_files(path)
    if files is not None:
        return _of_files(files, reader), [Product(file) for file in files]
    place = Path(path)  # type: ignore[arg-type]
    if not place.exists():
        raise FileNotFoundError(f"there is no file or folder {place}")
    if reader is not None:
        entry = reader_named(reader)
        if entry.name.startswith(OWN_PREFIX):
            return entry, [Product(place)]
        found = entry.find(place)
        if not found:
            raise ValueError(f"{place} holds no {entry.holds}: expected {entry.expects}")
        return entry, described(place, found)
    for entry in readers():
        found = entry.find(place)
        if found:
            _require_one_kind(place, entry, found)
            return entry, described(place, found)
    raise ValueError(_unknown(place))


def is_recognised(path: str | os.PathLike[str]) -> bool:
    """Whether an entry finds a stack, or a product that it refuses, at a file or folder."""
    return any(entry.find(Path(path)) for entry in readers())


def _of_files(files: Sequence[AnyFile], reader: str | None) -> StackReader:
    """The entry that reads files which are named one by one."""
    if reader is None:
        return reader_of_files(files, "path")
    entry = reader_named(reader)
    for file in files:
        if not _fits(entry, file):
            raise ValueError(f"{file} is not a file of {entry.holds}: expected {entry.expects}")
    return entry


def _fits(entry: StackReader, file: AnyFile) -> bool:
    return bool((entry.is_far or not isinstance(file, RemoteFile)) and entry.find(file))


def reader_of_files(paths: Sequence[AnyFile], name: str) -> StackReader:
    """The one entry that reads each of some files, which the list ``name`` holds.

    Raises
    ------
    ValueError
        If a file is of no kind, or they are of several.
    """
    kinds: dict[str, StackReader] = {}
    for path in paths:
        found = next((entry for entry in readers() if _fits(entry, path)), None)
        if found is None and isinstance(path, RemoteFile):
            far = ", ".join(entry.holds for entry in _own_table() if entry.is_read and entry.is_far)
            raise ValueError(f"{path} is of no kind that is read from a server; these kinds are: {far}")
        if found is None:
            raise ValueError(f"{name} must name files of a stack ({_kinds()}), got {path.name}")
        kinds[found.holds] = found
    if len(kinds) > 1:
        raise ValueError(f"{name} must name files of one kind, got both {' and '.join(sorted(kinds))}")
    return next(iter(kinds.values()))


def open_path(path: StackPath, choice: Choice, *, reader: str | None = None) -> OpenedStack:
    """Open the products at a path.

    Raises
    ------
    FileNotFoundError, ValueError
        As :func:`recognise`, or if the products cannot be opened.
    """
    entry, products = recognise(path, reader=reader)
    return open_products(entry, products, choice)


def open_products(entry: StackReader, products: Sequence[Product], choice: Choice) -> OpenedStack:
    """Open products with their entry, and with the positions that lie beside them.

    Products on servers are opened at the same time, and so are their dates read later.

    Raises
    ------
    FileNotFoundError, ValueError
        If they cannot be opened.
    PermissionError, OSError
        If a server refuses access or fails.
    """
    remote = [product.path for product in products if isinstance(product.path, RemoteFile)]
    if remote:
        if not entry.is_store:
            from m3leo_sar.io.remote.open_remote import open_remote

            open_remote(remote)
        opened = entry.open(products, choice)
        return replace(opened, stack=replace(opened.stack, read=ConcurrentRead(opened.stack.read)))
    if choice.geometry is not None:
        return entry.open(products, choice)
    beside, files = positions_beside(products[0].path.absolute())
    opened = entry.open(products, replace(choice, beside=beside))
    if not files:
        return opened
    return replace(opened, files=lambda: {**opened.files(), "geometry": files})


def _require_one_kind(place: Path, entry: StackReader, found: Sequence[Path]) -> None:
    """Refuse a folder of another processor's images with GeoTIFFs beside them: either may be meant."""
    if any(path.suffix.lower() in _GEOTIFF for path in found) or not place.is_dir():
        return
    exports = sorted(path.name for path in place.iterdir() if path.suffix.lower() in _GEOTIFF)
    others = _others() if exports else ()
    if entry in others:
        raise ValueError(
            f"{place} holds both {entry.holds} ({found[0].name}) and rasters ({exports[0]}); state which to read, "
            f"reader={entry.name!r} or reader={others[-1].name!r} (--reader)"
        )


def _kinds() -> str:
    return ", ".join(entry.holds for entry in _own_table() if entry.is_read)


def _stacks_in(folder: Path) -> list[str]:
    """Names of our containers in a folder, such as one per burst."""
    from m3leo_sar.io.stacks.zarr_stack import is_stack

    found = []
    for entry in sorted(folder.iterdir()):
        # A damaged one is no reason to name none.
        with suppress(ValueError, OSError):
            found += [entry.name] if entry.is_dir() and PARTIAL not in entry.name and is_stack(entry) else []
    return found


def _unknown(place: Path) -> str:
    if not place.is_dir():
        return f"{place} is a file; a stack is a folder, or one of: {_kinds()}"
    if not any(place.iterdir()):
        return f"{place} is empty; a stack is a folder of {_kinds()}"
    if stacks := _stacks_in(place):
        some = ", ".join(stacks[:4]) + (f" and {len(stacks) - 4} more" if len(stacks) > 4 else "")
        return (
            f"{place} holds {len(stacks)} stack{'s' * (len(stacks) > 1)}, {some}; open one of them, such as "
            f"{place / stacks[0]}, or give the folder to prepare or open_catalogue, which take all as one"
        )
    count = sum(entry.is_file() for entry in place.iterdir())
    return f"{place} is not a stack: expected {_kinds()}, found {count} other files"
