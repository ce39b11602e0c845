"""Files of a stack that are named one by one, or by a pattern of an object store."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Sequence

from m3leo_sar.io.remote.remote_address import HTTP, AnyFile, RemoteFile, file_at
from m3leo_sar.io.stacks.acquisition_name import is_compressed

#: Suffixes of products that are read from servers.
_PIXELS = (".h5", ".hdf5", ".he5", ".tif", ".tiff")
#: Suffixes of Zarr stores.
_STORES = (".zarr", ".znap")
#: A file, a folder, or the files of a stack.
StackPath = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


def stack_files(path: StackPath) -> list[AnyFile] | None:
    """Files that a list, an address or a pattern of an object store names; None for a path of this machine.

    Parameters
    ----------
    path : path, or sequence of paths
        ``s3://bucket/folder/`` stands for the HDF5 files and GeoTIFFs below it, and ``s3://bucket/folder/*VV*`` for
        some of them. A folder of a server that is a Zarr store stands for itself.

    Raises
    ------
    FileNotFoundError
        If there is no such file, or a pattern fits none.
    PermissionError, OSError
        If a store cannot be listed.
    ValueError
        If a list is empty, or a folder of a web server is named, which cannot be listed.

    Examples
    --------
    >>> stack_files("slc/ascending") is None
    True
    """
    if not isinstance(path, str | os.PathLike):
        found = [one for name in path for one in stack_files(name) or [file_at(name)]]
        if not found:
            raise ValueError("path must name at least one file, got none")
        for file in found:
            if not file.exists():
                raise FileNotFoundError(f"there is no file {file}")
        return found
    file = file_at(path)
    if not isinstance(file, RemoteFile):
        return None
    # Imported here: files of this machine need neither zarr nor requests.
    from m3leo_sar.io.remote.object_source import list_objects
    from m3leo_sar.io.remote.remote_zarr import remote_zarr

    is_pattern = any(mark in file.name for mark in "*[")
    is_store = file.suffix.lower() in _STORES
    if not is_pattern and (is_store or not file.suffix) and remote_zarr(file, anew=True) is not None:
        return [file]
    if is_store and not is_pattern:
        raise FileNotFoundError(f"there is no Zarr store {file}")
    if file.suffix and not is_pattern and not file.url.endswith("/"):
        return [file]
    if file.scheme in HTTP:
        raise ValueError(
            f"{file} is not a file or a Zarr store, and a web server does not list folders; name the files, or a CSV "
            "or STAC items of them"
        )
    folder = file.parent if is_pattern else file
    listed = [one for one in list_objects(folder) if not is_pattern or fnmatch.fnmatch(one.name, file.name)]
    # Pictures, descriptions and summaries of many dates lie beside the products.
    listed = [one for one in listed if one.suffix.lower() in _PIXELS and not is_compressed(one.name)]
    if not listed:
        raise FileNotFoundError(f"there is no file {file}")
    return list(listed)
