"""Damaged copies of every layout: the pixels of the whole stack, or an error that names the file.

Files of equal kind are damaged once. Bits that flip are the matter of ``tests/io/test_fuzz.py``: most of these formats
have no checksum.
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import numpy as np
import pytest
import stack_layouts
import stack_samples
from stack_layouts import LATITUDE, LAYOUTS, LONGITUDE

from m3leo_sar.io.stacks.open_stack import open_stack
from m3leo_sar.stack.geometry import RadarGeometry

#: What is left of a file, as a share of its length.
CUTS = {"empty": 0.0, "two thirds": 0.66, "all but a byte": 1.0}
#: Written layouts of the kinds that have no sample.
WRITTEN = (
    "znap",
    "gamma",
    "gmtsar",
    "miaplpy",
    "doris counts",
    "geozarr",
    "hdf5",
    "geotiff",
    "envi",
    "snap ties",
    "biomass",
)
NAMES = [*stack_samples.SAMPLES, *(f"written {name}" for name in WRITTEN)]


@pytest.fixture(scope="module")
def stacks(tmp_path_factory, request):
    """Folder, options and pixels of each layout, made when it is first asked for; tests leave it as it was."""
    made = {}

    def stack(name):
        if name not in made:
            folder = tmp_path_factory.mktemp("layout")
            if name in stack_samples.SAMPLES:
                request.getfixturevalue("shared_data")
                place, options = stack_samples.copied(name, folder), stack_samples.SAMPLES[name].options
            else:
                layout = LAYOUTS[name.removeprefix("written ")]
                place = layout.write(folder, stack_layouts.stack_pixels(is_integer=layout.is_integer))
                options = dict(layout.options)
                if options.get("geometry"):
                    options["geometry"] = RadarGeometry(LATITUDE, LONGITUDE)
            made[name] = folder, place, options, contents(place, options)
        return made[name]

    return stack


def contents(place, options):
    """Dates, pixels, and the position of a pixel."""
    stack = open_stack(place, **options)
    box = stack.geometry
    where = box.affine if hasattr(box, "affine") else box.crop(slice(5, 8), slice(4, 9)).latitude
    return stack.dates, stack.window(), np.asarray(where, np.float64)


def one_of_each(folder: Path) -> list[Path]:
    """Files whose names differ by more than dates and numbers."""
    kinds = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.endswith(".aux.xml"):
            name = re.sub(r"(_(mst|slv\d|ref|sec\d))?_\d\d[A-Z][a-z]{2}\d{4}|\d+", "#", str(path.relative_to(folder)))
            kinds.setdefault(name, path)
    return list(kinds.values())


@pytest.mark.filterwarnings("ignore:2 of 2 products have no annotation_coregistered")
@pytest.mark.filterwarnings("ignore:.*compressed SLCs, which are not acquisitions")
@pytest.mark.parametrize("name", NAMES)
def test_a_file_cut_short_costs_no_pixel_unseen(stacks, name):
    folder, place, options, whole = stacks(name)
    faults = []
    for path in one_of_each(folder):
        content = path.read_bytes()
        for how, share in CUTS.items():
            left = content[: int(share * len(content))] if share < 1 else content[:-1]
            if left == content:
                continue
            path.unlink()
            path.write_bytes(left)
            fault = outcome(path, place, options, whole)
            path.unlink()
            path.write_bytes(content)
            if fault:
                faults.append(f"{path.relative_to(folder)}, {how}: {fault}")
    assert not faults, "\n".join(faults)


def outcome(path: Path, place: Path, options: dict, whole: tuple) -> str:
    """What is wrong with the reading of a damaged stack; empty if nothing is."""
    try:
        with warnings.catch_warnings():
            # Zeros of a damaged file look like a gap, which is told.
            warnings.simplefilter("ignore", UserWarning)
            found = contents(place, options)
    except (ValueError, OSError) as error:
        text = str(error)
        # A chunk of a Zarr store is named by its store, a header by its image.
        stores = [part for part in path.parts if part.endswith((".zarr", ".znap"))]
        names = stores or [path.name.split(".")[0]]
        if type(error).__module__ != "builtins" and not isinstance(error, ValueError):
            return f"{type(error).__name__}: {text}"
        return "" if any(part in text for part in names) else f"names no file: {text}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    if found[0] != whole[0] or not np.array_equal(found[1], whole[1], equal_nan=True):
        return "other pixels or dates"
    # A shorter table of positions knows fewer of them.
    return "" if np.isclose(found[2], whole[2], rtol=0, atol=1e-9)[np.isfinite(found[2])].all() else "other positions"
