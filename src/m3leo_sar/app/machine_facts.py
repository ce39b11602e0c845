"""Facts of a machine that decide what can run on it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import re
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from m3leo_sar._backend.choose import gpu_devices
from m3leo_sar._machine import available_cpus, machine_cpus, memory_limit
from m3leo_sar._missing_package import missing_package_text
from m3leo_sar.grid.geoid import GEOIDS, find_geoid, geoid_folders
from m3leo_sar.io.files.gdal_dataset import driver_names, versions

#: Word with which the value of a missing part begins.
MISSING = "missing"
#: Drivers of GDAL by what they read.
_DRIVERS = {
    "GTiff": "GeoTIFF: measurements, terrain, chips",
    "COG": "cloud-optimised GeoTIFF: export",
    "netCDF": "netCDF through GDAL; the library's own readers of netCDF and HDF5 do without",
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
#: Extras that a developer installs; a user needs none of them.
_FOR_DEVELOPERS = ("test", "dev", "docs")
#: Variables of the environment, beside M3LEO_*, that change what runs (docs/environment.md).
_VARIABLES = (
    "OMP_NUM_THREADS",
    "OMP_WAIT_POLICY",
    "CUDA_VISIBLE_DEVICES",
    "PROJ_DATA",
    "PROJ_NETWORK",
    "GDAL_DATA",
    "GDAL_CACHEMAX",
    "TMPDIR",
)


def machine_facts() -> dict[str, dict[str, str]]:
    """Facts by their subject: versions, processors, GPU, GDAL, geoid grids, extras, packages and variables."""
    return {
        "versions": _versions(),
        "processors": _processors(),
        "GPU": _gpus(),
        "drivers of GDAL": _drivers(),
        "geoid grids of PROJ": _geoids(),
        "extras": _extras(),
        "packages": {name: _package(name) for name in _PACKAGES},
        "variables of the environment": _variables(),
    }


def version_line() -> str:
    """Versions, CPUs and threads in one line, for a log."""
    numbers = ", ".join(f"{name} {number}" for name, number in _versions().items())
    return f"{numbers}; {available_cpus()} CPUs, OMP_NUM_THREADS {os.environ.get('OMP_NUM_THREADS', 'not set')}"


def _versions() -> dict[str, str]:
    own = {"m3leo-sar": importlib.metadata.version("m3leo-sar"), "Python": platform.python_version()}
    core = {name: importlib.metadata.version(name) for name in ("numpy", "scipy", "pyproj")}
    return own | core | versions()


def _processors() -> dict[str, str]:
    allowed, all_of = available_cpus(), machine_cpus()
    quota = "" if allowed == all_of else f", of {all_of} of the machine: affinity or a quota leaves these"
    found = {
        "machine": f"{platform.machine()}, {platform.system()}",
        "CPUs of this process": f"{allowed}{quota}",
    }
    memory = memory_limit()
    if memory is not None:
        found["memory of this process"] = f"{memory / 2**30:.1f} GiB, the least of the machine and of its quotas"
    folder = tempfile.gettempdir()
    found["temporary files"] = f"{folder}, {shutil.disk_usage(folder).free / 2**30:.1f} GiB free"
    found["OMP_NUM_THREADS"] = os.environ.get("OMP_NUM_THREADS", "not set: all CPUs")
    built = importlib.util.find_spec("m3leo_sar._ext.coherence") is not None
    found["compiled kernels"] = "built" if built else "missing: install the package again with a C++ compiler"
    return found


def _gpus() -> dict[str, str]:
    found = gpu_devices()
    if found[0].startswith("none: "):
        lacks_cupy = importlib.util.find_spec("cupy") is None
        remedy = "; pip install 'm3leo-sar[gpu]'" if lacks_cupy else ""
        return {"devices": f"{found[0]}{remedy}; --device gpu and CuPy arrays need one, nothing else does"}
    return {f"device {index}": text for index, text in enumerate(found)}


def _drivers() -> dict[str, str]:
    present = driver_names()
    return {name: use if name in present else f"{MISSING}: {use}" for name, use in _DRIVERS.items()}


def _geoids() -> dict[str, str]:
    found = {}
    for word, geoid in GEOIDS.items():
        path = find_geoid(geoid.vertical_crs)
        found[word] = str(path) if path else (
            f"{MISSING}: heights above it need --geoid FILE, or {' or '.join(geoid.grids)} in one of the folders: "
            f"pyproj sync --file {geoid.grids[0]} downloads it"
        )  # fmt: skip
    folders = [f"{folder}{'' if Path(folder).is_dir() else ' (absent)'}" for folder in geoid_folders()]
    return found | {"folders": "\n".join(folders)}


def _extras() -> dict[str, str]:
    """Extras of this package: installed, or the packages that lack and how to install them."""
    needs: dict[str, list[str]] = {}
    with suppress(importlib.metadata.PackageNotFoundError):
        for line in importlib.metadata.requires("m3leo-sar") or []:
            extra = re.search(r"extra == ['\"]([\w-]+)['\"]", line)
            if extra and extra[1] not in _FOR_DEVELOPERS:
                needs.setdefault(extra[1], []).append(line)
    found = {}
    for name in sorted(needs):
        lacking = sorted(_lacking(name, needs))
        found[name] = f"{MISSING} {', '.join(lacking)}: pip install 'm3leo-sar[{name}]'" if lacking else "installed"
    return found


def _lacking(extra: str, needs: dict[str, list[str]]) -> set[str]:
    """Distributions of an extra, and of those that it includes, that are not installed."""
    names: set[str] = set()
    for line in needs.get(extra, ()):
        distribution, inner = re.match(r"([\w.-]+)(?:\[([\w,-]+)\])?", line).groups()  # type: ignore[union-attr]
        if distribution.lower().replace("_", "-") == "m3leo-sar":
            names |= {name for other in (inner or "").split(",") for name in _lacking(other, needs)}
        elif not _is_installed(distribution):
            names.add(distribution)
    return names


def _is_installed(distribution: str) -> bool:
    try:
        importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _package(name: str) -> str:
    if importlib.util.find_spec(name) is None:
        return f"{MISSING}: {missing_package_text(name)}"
    # Of all distributions, the names of their modules take seconds to read.
    for distribution in (name, "cupy-cuda13x", "cupy-cuda12x"):
        with suppress(importlib.metadata.PackageNotFoundError):
            if distribution.startswith(name):
                return f"{distribution} {importlib.metadata.version(distribution)}"
    return "installed"


def _variables() -> dict[str, str]:
    own = sorted(name for name in os.environ if name.startswith("M3LEO_"))
    return {name: os.environ.get(name, "not set") for name in (*own, *_VARIABLES)}
