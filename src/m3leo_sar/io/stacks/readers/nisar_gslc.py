"""NISAR GSLC: geocoded, co-registered L-band (and S-band) images, one HDF5 file per frame and date.

Layout: NISAR L2 GSLC product specification, revisions 1.1.0 to 1.5.0 (JPL D-102273).
"""

from __future__ import annotations

import datetime
import warnings
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.regular_geobox import regular_geobox
from m3leo_sar.io.files.complex_values import complex_dtype
from m3leo_sar.io.files.hdf5_values import open_hdf5, read_values
from m3leo_sar.io.stacks.acquisition_name import POLARISATIONS
from m3leo_sar.io.stacks.hdf5_products import dataset_of, text_of, value_of
from m3leo_sar.io.stacks.image_stack import StackImage, open_images
from m3leo_sar.io.stacks.readers.nisar_product import (
    BANDS,
    Identification,
    find_nisar,
    opened_image,
    pixels_of,
)  # fmt: skip
from m3leo_sar.io.stacks.refused_kind import refused_kind
from m3leo_sar.io.stacks.stack_reader import Choice, OpenedStack, Product, StackReader

#: Metres per second.
_LIGHT = 299_792_458.0
_FLATTENING = "metadata/processingInformation/parameters"
#: Release letter to the maturity of a product.
_MATURITY = {"X": "BETA", "P": "PROVISIONAL", "D": "development"}
#: Values of the mask without a focused sample: 0 is partly focused, 255 outside the swath.
_INVALID = (0, 255)
#: Other products of NISAR to what they are.
_OTHERS = {
    "GUNW": ("a NISAR GUNW", "it holds one pair that was made already; the GSLC of its two dates make any pair"),
    "GCOV": ("a NISAR GCOV", "it holds powers without phase; use the GSLC of the frame"),
    "RIFG": ("a NISAR RIFG", "it holds one pair that was made already; use the GSLC of its two dates"),
}  # fmt: skip


def _open(products: Sequence[Product], choice: Choice) -> OpenedStack:
    images = [image for product in products for image in _images(product)]
    opened = open_images(images, choice)
    used = {product.path for product in opened.products}
    _tell_mixture([image for image in images if image.path in used])
    return opened


def _images(product: Product) -> Iterator[StackImage]:
    path = product.path.absolute()
    with open_hdf5(path) as file:
        root = next((name for name in (f"science/{band}" for band in BANDS) if f"{name}/GSLC" in file), None)
        if root is None:
            raise ValueError(f"{path.name} is not a complete NISAR GSLC: it has no group science/LSAR/GSLC")
        facts = Identification(file, path, root, product)
        alike, flattened = _alike(file, path, root), _is_flat(_flattening(file, path, root))
        grids = f"{root}/GSLC/grids"
        found = 0
        for letter in "AB":
            group = f"{grids}/frequency{letter}"
            for name in POLARISATIONS:
                if f"{group}/{name}" in file:
                    found += 1
                    yield _image(file, path, group, name, letter, facts, alike, flattened)
        if not found:
            raise ValueError(f"{path.name} has no image of {', '.join(POLARISATIONS)} in {grids}/frequencyA or B")


def _alike(file: h5py.File, path: Path, root: str) -> dict[str, str]:
    """Texts on the processing where a difference between dates destroys coherence."""
    stated = _flattening(file, path, root)
    flattening = (f"{name} {text or 'unknown'}" for name, text in stated.items())
    return {"flattening": ", ".join(flattening), "band": root}


def _flattening(file: h5py.File, path: Path, root: str) -> dict[str, str | None]:
    """``"True"``, ``"False"`` or None for the flattening to the ellipsoid and to the terrain."""
    parameters = f"{root}/GSLC/{_FLATTENING}"
    return {
        name: text_of(file, path, f"{parameters}/{name}FlatteningApplied") for name in ("ellipsoidal", "topographic")
    }


def _is_flat(stated: dict[str, str | None]) -> bool | None:
    """Whether both are taken off; None if an entry that decides it is missing."""
    words = {(text or "").strip().lower() for text in stated.values()}
    return False if "false" in words else True if words == {"true"} else None


def _image(
    file: h5py.File,
    path: Path,
    group: str,
    name: str,
    letter: str,
    facts: Identification,
    alike: dict[str, str],
    flattened: bool | None,
) -> StackImage:
    grid = _grid(file, path, group)
    pixels = dataset_of(file, path, f"{group}/{name}")
    dtype = complex_dtype(pixels.dtype)
    if pixels.shape != grid.shape or dtype is None:
        raise ValueError(
            f"{path.name}: {group}/{name} has shape {pixels.shape} and {pixels.dtype}, its coordinates {grid.shape}"
        )
    if f"{group}/mask" in file and file[f"{group}/mask"].shape != grid.shape:
        raise ValueError(f"{path.name}: {group}/mask has shape {file[f'{group}/mask'].shape}, the images {grid.shape}")
    frequency = value_of(file, path, f"{group}/centerFrequency")
    return StackImage(
        path=path,
        date=facts.date,
        shape=grid.shape,
        read=partial(_pixels, path, group, name, grid.shape),
        dtype=dtype,
        grid=grid,
        polarisation=name,
        burst=facts.frame,
        frequency=letter,
        time=facts.time if facts.time and facts.time.date() == facts.date else None,
        age=facts.age,
        facts={
            "track": facts.track,
            "orbit": facts.orbit,
            "wavelength": None if frequency is None else _LIGHT / float(frequency),
            "flattened": flattened,
        },
        alike=alike,
        release=facts.release,
        platform="NISAR",
    )


def _grid(file: h5py.File, path: Path, group: str) -> GeoBox:
    x, y, code = (value_of(file, path, f"{group}/{name}") for name in ("xCoordinates", "yCoordinates", "projection"))
    for name, value in (("xCoordinates", x), ("yCoordinates", y), ("projection", code)):
        if value is None:
            raise ValueError(f"{path.name} is not a complete NISAR GSLC: it has no data set {group}/{name}")
    return regular_geobox(np.asarray(x), np.asarray(y), f"EPSG:{int(code)}")


def _pixels(
    path: Path, group: str, name: str, shape: tuple[int, int], rows: slice, cols: slice
) -> NDArray[np.complexfloating]:
    with opened_image(path, f"{group}/{name}", shape) as (file, image):
        pixels = pixels_of(image, path, rows, cols)
        mask = None
        if f"{group}/mask" in file:
            mask = read_values(dataset_of(file, path, f"{group}/mask"), path, (rows, cols))
    if mask is not None:
        pixels[np.isin(mask, _INVALID)] = complex(np.nan, np.nan)
    # A NaN in one part would leave the other one as a value.
    pixels[np.isnan(pixels)] = complex(np.nan, np.nan)
    return pixels


def _tell_mixture(images: Sequence[StackImage]) -> None:
    """Warn of dates of different maturity."""
    kinds: dict[str, set[datetime.date]] = {}
    for image in images:
        letter = (image.release or "?")[:1]
        kinds.setdefault(_MATURITY.get(letter, f"release {letter}"), set()).add(image.date)
    if len(kinds) > 1:
        listed = "; ".join(f"{kind}: {', '.join(map(str, sorted(dates)))}" for kind, dates in sorted(kinds.items()))
        warnings.warn(
            f"the dates were processed by releases of different maturity, {listed}; masks and phases of BETA products "
            "differ from later ones",
            stacklevel=2,
        )


NISAR_GSLC = StackReader(
    name="nisar-gslc",
    holds="NISAR GSLC",
    expects="a folder of NISAR_L2_*_GSLC_*.h5",
    find=partial(find_nisar, "GSLC"),
    open=_open,
    is_far=True,
)
NISAR_OTHERS = tuple(
    refused_kind(
        f"nisar-{kind.lower()}",
        holds_,
        partial(find_nisar, kind),
        why,
        is_far=True,
    )
    for kind, (holds_, why) in _OTHERS.items()
)
