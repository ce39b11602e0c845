"""Facts that all products of NISAR state in the same places."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from m3leo_sar.io.files import limits
from m3leo_sar.io.files.complex_values import as_complex
from m3leo_sar.io.files.hdf5_values import FAULTS, open_hdf5, read_values
from m3leo_sar.io.remote.remote_address import AnyFile
from m3leo_sar.io.stacks.hdf5_products import hdf5_files, holds, image_of, text_of, value_of
from m3leo_sar.io.stacks.stack_reader import Product

#: Groups of the L-band and of ISRO's S-band.
BANDS = ("LSAR", "SSAR")


def find_nisar(kind: str, place: Any) -> list[Any]:
    """Products of a kind, such as ``"GSLC"``, in a folder, in the folders below it, or a file itself."""
    return [path for path in hdf5_files(place, depth=2) if is_nisar(path, kind)]


def is_nisar(path: AnyFile, kind: str) -> bool:
    """Whether a file is a product of a kind, by its name or by its groups: people rename files."""
    if path.name.upper().startswith("NISAR_"):
        return f"_{kind}_" in path.name.upper()
    return any(holds(path, f"science/{band}/{kind}") for band in BANDS)


@contextmanager
def opened_image(path: AnyFile, name: str, shape: tuple[int, int]) -> Iterator[tuple[h5py.File, h5py.Dataset]]:
    """An open file and an image of it; faults of reading inside the block name both.

    Raises
    ------
    ValueError
        If the image is not there, has another shape than when the stack was opened, or cannot be read.
    """
    with open_hdf5(path) as file:
        image = image_of(file, path, name, shape)
        try:
            yield file, image
        except FAULTS as error:
            raise ValueError(f"{path.name}: {name} cannot be read: {error}") from error


def pixels_of(image: h5py.Dataset, path: AnyFile, rows: slice, cols: slice) -> NDArray[np.complexfloating]:
    """Complex pixels of a window of an image."""
    # The caller chose the window, so only chunks must be small.
    return as_complex(read_values(image, path, (rows, cols), largest=limits.LARGEST_RASTER))


class Identification:
    """Facts of a file that its images share.

    Parameters
    ----------
    file : h5py.File
    path : Path or RemoteFile
    root : str
        Group of the band, such as ``"science/LSAR"``.
    product : Product

    Raises
    ------
    ValueError
        If the file states no date.
    """

    def __init__(self, file: h5py.File, path: AnyFile, root: str, product: Product) -> None:
        place = f"{root}/identification"
        time = time_of(text_of(file, path, f"{place}/zeroDopplerStartTime"))
        self.time = time
        date = product.date or (time.date() if time else None)
        if date is None:
            raise ValueError(f"{path.name} has no data set {place}/zeroDopplerStartTime")
        self.date = date
        track, frame = (value_of(file, path, f"{place}/{name}") for name in ("trackNumber", "frameNumber"))
        orbit = (text_of(file, path, f"{place}/orbitPassDirection") or "").lower()
        self.track = None if track is None else int(track)
        self.orbit = orbit if orbit in ("ascending", "descending") else None
        named = [] if track is None or frame is None else [f"{int(track):03d}", orbit[:1].upper(), f"{int(frame):03d}"]
        self.frame = "-".join(named) or None
        # The name of the product states its release even where the entry is that of another one.
        granule = text_of(file, path, f"{place}/granuleId") or ""
        self.release = (
            release_in(path.name) or release_in(granule) or text_of(file, path, f"{place}/compositeReleaseId")
        )
        counter = re.search(r"_(\d{3})$", path.stem)
        digits = re.sub(r"\D", "", self.release or "")
        self.age = (digits, counter[1] if counter else "", text_of(file, path, f"{place}/processingDateTime") or "")


def time_of(text: str | None) -> datetime.datetime | None:
    """Time of a text, UTC without a time zone; None if it is none."""
    try:
        # Nine digits of a second, of which Python keeps six.
        return datetime.datetime.fromisoformat((text or "")[:26]).replace(tzinfo=None)
    except ValueError:
        return None


def release_in(name: str) -> str | None:
    """Release of the processor in the name of a product, such as ``"P05023"``."""
    found = re.search(r"_([A-Z]\d{5})_", name)
    return found[1] if found else None
