"""Extras say what they need: each room imports with the libraries of its own extras, whatever else is absent."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "src" / "m3leo_sar"
#: Libraries that extras bring, by extra.
BROUGHT = {
    # zarr brings yaml.
    "io": {"rasterio", "h5py", "zarr", "numcodecs", "google_crc32c", "pyarrow", "yaml"},
    "app": {"typer", "rich", "matplotlib"},
    "train": {"torch", "lightning", "torchmetrics", "hydra", "omegaconf"},
    "others": {
        "cupy", "xarray", "dask", "distributed", "h5netcdf", "geopandas", "whirlwind", "xee", "ee", "umap", "numba",
        "sklearn", "scipy", "pandas", "tensorboard", "torchvision", "torchgeo",
    },
}  # fmt: skip
#: Rooms to the extras that their modules may import as they load.
NEEDS = {
    ("grid", "stack", "insar", "warp", "chips", "simulate"): (),
    ("io", "products", "run"): ("io",),
    ("pictures", "app"): ("io", "app"),
    ("learn", "training", "bench"): ("io", "app", "train"),
}
LOADING = """
import sys


class Without:
    '''A finder that knows nothing of some libraries.'''

    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        return None if name.partition(".")[0] in {blocked!r} else self.finder.find_spec(name, path, target)

    def __getattr__(self, name):
        return getattr(self.finder, name)


sys.meta_path[:] = [Without(finder) for finder in sys.meta_path]
import importlib
failed = {{}}
for name in {names!r}:
    try:
        importlib.import_module(name)
    except ImportError as error:
        failed[name] = str(error)
print(failed or "all")
"""


def modules_of(rooms: tuple[str, ...]) -> list[str]:
    files = sorted(path for room in rooms for path in (PACKAGE / room).rglob("*.py"))
    return [".".join(("m3leo_sar", *path.relative_to(PACKAGE).with_suffix("").parts)) for path in files]


@pytest.mark.parametrize("rooms", NEEDS, ids=lambda rooms: rooms[0])
def test_a_room_loads_with_its_own_extras_alone(rooms):
    blocked = set().union(*(BROUGHT[extra] for extra in BROUGHT if extra not in NEEDS[rooms]))
    # Libraries that a dependency of the room's own extras brings are there.
    blocked -= {"scipy", "pandas", "sklearn"} if "train" in NEEDS[rooms] else set()
    code = LOADING.format(blocked=sorted(blocked), names=modules_of(rooms))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert (done.stdout.strip(), done.returncode) == ("all", 0), done.stdout + done.stderr[-2000:]
