"""Writing of products in SAFE format, as a folder or a zip."""

from __future__ import annotations

import hashlib
import os
import warnings
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray

from m3leo_sar.io.files.atomic import atomic_path


def write_safe(
    folder: str | os.PathLike[str],
    name: str,
    *,
    texts: Mapping[str, str],
    measurements: Mapping[str, NDArray[np.int16]],
    manifest: Callable[[dict[str, tuple[int, str]]], str],
    zipped: bool = False,
) -> Path:
    """Write one product, whole or not at all.

    Parameters
    ----------
    folder
        Where to write it; created if absent.
    name : str
        Of the product, ending in ``.SAFE``.
    texts : mapping of str to str
        Texts by file name inside the product.
    measurements : mapping of str to (lines, samples, 2) int16
        Real and imaginary parts by file name inside the product; written as complex int16 TIFF.
    manifest : callable
        Gives the text of ``manifest.safe`` from the size and MD5 checksum of each file.
    zipped : bool
        Whether to write ``name`` with ``.zip`` in place of ``.SAFE``, a zip that holds the folder, as archives do.

    Returns
    -------
    Path
        The folder or zip.

    Raises
    ------
    ValueError
        If a measurement is not (lines, samples, 2) int16.
    """
    contents = {inside: text.encode() for inside, text in texts.items()}
    contents |= {inside: _tiff(inside, pixels) for inside, pixels in measurements.items()}
    facts = {
        inside: (len(content), hashlib.md5(content, usedforsecurity=False).hexdigest())
        for inside, content in contents.items()
    }
    contents["manifest.safe"] = manifest(facts).encode()
    if zipped:
        target = Path(folder) / f"{name.removesuffix('.SAFE')}.zip"
        with atomic_path(target) as partial, zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive:
            for inside, content in contents.items():
                archive.writestr(f"{name}/{inside}", content)
        return target
    target = Path(folder) / name
    with atomic_path(target) as partial:
        for inside, content in contents.items():
            (partial / inside).parent.mkdir(parents=True, exist_ok=True)
            (partial / inside).write_bytes(content)
    return target


def _tiff(name: str, pixels: NDArray[np.int16]) -> bytes:
    if pixels.dtype != np.int16 or pixels.ndim != 3 or pixels.shape[2] != 2:
        raise ValueError(f"{name} must be (lines, samples, 2) int16, got {pixels.shape} {pixels.dtype}")
    lines, samples, _ = pixels.shape
    profile: dict[str, Any] = {"driver": "GTiff", "height": lines, "width": samples, "dtype": "complex_int16"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.MemoryFile() as memory:
            with memory.open(**profile, count=1) as target:
                target.write(pixels.astype(np.float32).view(np.complex64)[..., 0], 1)
            return bytes(memory.getbuffer())
