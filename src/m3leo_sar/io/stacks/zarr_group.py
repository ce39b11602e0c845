"""Zarr v3 groups of our own stacks: opening and writing with plain errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from affine import Affine
from numpy.typing import NDArray

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.io.files import limits
from m3leo_sar.io.files.atomic import atomic_path
from m3leo_sar.io.files.zarr_metadata import read_document
from m3leo_sar.io.files.zarr_products import is_of_server, open_array, read_array, store_at
from m3leo_sar.io.remote.remote_address import AnyFile, RemoteFile

# As in zarr_products: only functions that need zarr import it.
if TYPE_CHECKING:
    import zarr

#: Chunk size along each axis in pixels: a 448-pixel tile with its halo touches four chunks.
CHUNK = 512
#: What zarr raises on damaged stores.
FAULTS = (
    OSError, ValueError, KeyError, RuntimeError, TypeError, AttributeError, IndexError, OverflowError, MemoryError
)  # fmt: skip


def open_group(folder: AnyFile) -> zarr.Group:
    """Open a group; ValueError if it is none, OSError if its server fails."""
    import zarr

    try:
        return zarr.open_group(store_at(folder, zarr_format=3), mode="r", zarr_format=3)
    except FAULTS as error:
        if is_of_server(folder, error):
            raise
        raise ValueError(f"{folder} is not a Zarr group: {error}") from error


def attributes_at(folder: AnyFile) -> dict[str, Any]:
    """Attributes of the group in a folder, without zarr for one of this machine; raises as :func:`open_group`."""
    if isinstance(folder, RemoteFile):
        return attributes_of(open_group(folder))
    try:
        document = read_document(folder / "zarr.json")
        if document.get("node_type") != "group" or document.get("zarr_format") != 3:
            raise ValueError("its zarr.json is not that of a group of Zarr v3")
        return dict(document.get("attributes") or {})
    except FAULTS as error:
        raise ValueError(f"{folder} is not a Zarr group: {error}") from error


def attributes_of(group: zarr.Group) -> dict[str, Any]:
    """Attributes of a group."""
    return dict(group.attrs)


def array_of(group: zarr.Group, name: str) -> Any:
    """An array of a group, unread; KeyError if it is missing, ValueError if it is a group."""
    import zarr

    from m3leo_sar.io.remote.remote_zarr import RemoteZarr

    array = group[name]
    if not isinstance(array, zarr.Array):
        raise ValueError(f"{name} must be an array, it is a group")
    return open_array(group.store.root, name, zarr_format=3) if isinstance(group.store, RemoteZarr) else array


def whole_array(group: zarr.Group, name: str) -> NDArray[Any]:
    """An array of a group, read; ValueError if it is too large."""
    array = array_of(group, name)
    limits.require_array(name, array.shape, array.dtype.itemsize, limits.LARGEST_RASTER)
    return read_array(array, (slice(None),) * array.ndim)


def write_group(path: Path, arrays: Mapping[str, NDArray[Any]], attributes: dict[str, Any]) -> None:
    """Write a group of arrays, all of it or nothing."""
    with atomic_path(path) as partial:
        fill_group(partial, arrays, attributes)


def fill_group(path: Path, arrays: Mapping[str, NDArray[Any]], attributes: dict[str, Any]) -> None:
    """Write a group of arrays."""
    import zarr

    group = zarr.create_group(path, attributes=attributes)
    for name, array in arrays.items():
        group.create_array(
            name, data=array, chunks=chunks_of(array.shape), dimension_names=dimension_names_of(name, array)
        )


def dimension_names_of(name: str, array: NDArray[Any]) -> tuple[str, ...]:
    """Dimension names of an array, which xarray requires; every array except a raster has its own."""
    if name in ("label", "dem"):
        return ("y", "x")
    return tuple(f"{name}_{axis}" for axis in range(array.ndim))


def chunks_of(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Chunks of an array of a shape."""
    return tuple(min(CHUNK, size) for size in shape)


def grid_facts(geobox: GeoBox) -> dict[str, Any]:
    """Attributes of a pixel grid."""
    return {"crs": geobox.crs, "affine": list(tuple(geobox.affine)[:6]), "shape": list(geobox.shape)}


def geobox_of_facts(facts: Mapping[str, Any]) -> GeoBox:
    """Pixel grid of attributes from :func:`grid_facts`."""
    return GeoBox(tuple(facts["shape"]), Affine(*facts["affine"]), facts["crs"])


@contextmanager
def plain_errors(place: AnyFile) -> Iterator[None]:
    """Turn what zarr raises on a damaged store into a ValueError that names the place; faults of a server stay."""
    try:
        yield
    except FAULTS as error:
        if is_of_server(place, error):
            raise
        raise ValueError(f"{place} cannot be read: {error}") from error
