"""Facts of a machine that decide what can run on it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
from contextlib import suppress
from pathlib import Path

from m3leo_sar._backend.choose import gpu_devices
from m3leo_sar._machine import available_cpus, memory_limit
from m3leo_sar._missing_package import missing_package_text
from m3leo_sar.grid.geoid import GEOIDS, find_geoid, geoid_folders
from m3leo_sar.io.files.gdal_dataset import driver_names, versions

#: Drivers of GDAL by what they read.
_DRIVERS = {
    "GTiff": "GeoTIFF: measurements, terrain, chips",
    "VRT": "mosaics",
    "SRTMHGT": "SRTM terrain tiles (.hgt)",
    "DTED": "terrain tiles (.dt2)",
    "GTX": "geoid grids",
    "ENVI": "rasters of ISCE and SNAP",
}
#: Packages by their modules, beyond the core.
_PACKAGES = (
    "rasterio",
    "h5py",
    "zarr",
    "pyarrow",
    "xarray",
    "dask",
    "torch",
    "lightning",
    "cupy",
    "obstore",
    "aiohttp",
)


def machine_facts() -> dict[str, dict[str, str]]:
    """Facts by their subject: versions, processors, GPU, GDAL, geoid grids and packages."""
    return {
        "versions": _versions(),
        "processors": _processors(),
        "GPU": {f"device {index}": text for index, text in enumerate(gpu_devices())},
        "drivers of GDAL": _drivers(),
        "geoid grids of PROJ": _geoids(),
        "packages": {name: _package(name) for name in _PACKAGES},
    }


def _versions() -> dict[str, str]:
    own = {"m3leo-sar": importlib.metadata.version("m3leo-sar"), "Python": platform.python_version()}
    core = {name: importlib.metadata.version(name) for name in ("numpy", "scipy", "pyproj")}
    return own | core | versions()


def _processors() -> dict[str, str]:
    found = {"machine": f"{platform.machine()}, {platform.system()}", "CPUs of this process": str(available_cpus())}
    memory = memory_limit()
    if memory is not None:
        found["memory of this process"] = f"{memory / 2**30:.1f} GiB"
    found["OMP_NUM_THREADS"] = os.environ.get("OMP_NUM_THREADS", "not set: all CPUs")
    built = importlib.util.find_spec("m3leo_sar._ext.coherence") is not None
    found["compiled kernels"] = "built" if built else "missing: install the package again with a C++ compiler"
    return found


def _drivers() -> dict[str, str]:
    present = driver_names()
    return {name: use if name in present else f"missing: {use} cannot be read" for name, use in _DRIVERS.items()}


def _geoids() -> dict[str, str]:
    found = {}
    for word, geoid in GEOIDS.items():
        path = find_geoid(geoid.vertical_crs)
        found[word] = str(path) if path else f"missing: heights above it need --geoid, or {' or '.join(geoid.grids)}"
    folders = [f"{folder}{'' if Path(folder).is_dir() else ' (absent)'}" for folder in geoid_folders()]
    return found | {"folders": "\n".join(folders)}


def _package(name: str) -> str:
    if importlib.util.find_spec(name) is None:
        return f"missing: {missing_package_text(name)}"
    # Of all distributions, the names of their modules take seconds to read.
    for distribution in (name, "cupy-cuda13x", "cupy-cuda12x"):
        with suppress(importlib.metadata.PackageNotFoundError):
            if distribution.startswith(name):
                return f"{distribution} {importlib.metadata.version(distribution)}"
    return "installed"
