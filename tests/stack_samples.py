"""Copies of the samples in the layouts of producers, with positions beside those that state none."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import stack_layouts

#: Real layouts beside the repository; absent in other places.
FOLDER = Path(__file__).resolve().parents[2] / "shared" / "data" / "slc-layouts"


class Sample(NamedTuple):
    """A sample and what to type."""

    options: dict[str, Any] = {}  # noqa: RUF012
    #: Whether latitude and longitude have to be put beside the images.
    is_bare: bool = False


SAMPLES = {
    "nisar-gslc": Sample({"frequency": "A", "polarisation": "HH"}),
    "nisar-gslc-beta": Sample({"frequency": "A", "polarisation": "HH"}),
    "nisar-gslc-complex32": Sample(),
    "opera-cslc": Sample(),
    "compass": Sample(),
    "isce2": Sample(),
    "isce2-virtual": Sample(is_bare=True),
    "snap-mst": Sample(),
    "snap-ref": Sample(),
    "gamma": Sample(is_bare=True),
    "dolphin": Sample(),
    "biomass-sta": Sample({"polarisation": "HH"}),
    "capella": Sample(is_bare=True),
    "sicd": Sample(is_bare=True),
}


def truth() -> dict[str, np.ndarray]:
    """Pixels and positions of the stack that all samples hold."""
    with np.load(FOLDER / "truth.npz") as file:
        return {name: file[name] for name in file.files}


def copied_tree(source: Path, target: Path) -> Path:
    """A copy of a folder without its rights: those of the samples allow no change."""
    for path in source.rglob("*"):
        if path.is_file():
            copy = target / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
    return target


def copied(name: str, root: Path) -> Path:
    """A copy of a sample below a folder, which may be changed."""
    place = copied_tree(FOLDER / name, root / name)
    if SAMPLES[name].is_bare:
        beside = place / ("merged/SLC" if name == "isce2-virtual" else "") / "geometry"
        beside.mkdir()
        for layer in ("latitude", "longitude"):
            stack_layouts.plain_tif(beside / f"{layer}.tif", truth()[layer])
    return place
