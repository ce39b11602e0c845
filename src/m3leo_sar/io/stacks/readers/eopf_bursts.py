"""The table entry of EOPF's Sentinel-1 products, whose bursts are not co-registered."""

from __future__ import annotations

from pathlib import Path

from m3leo_sar.io.remote.remote_address import AnyFile, RemoteFile
from m3leo_sar.io.sentinel1.eopf import is_eopf
from m3leo_sar.io.stacks.refused_kind import refused_kind


def _find(place: AnyFile) -> list[AnyFile]:
    if isinstance(place, RemoteFile):
        return [place] if is_eopf(place) else []
    if not place.is_dir():
        return []
    return [path for path in (place, *sorted(place.glob("*.zarr"))) if path.is_dir() and is_eopf(path)]


def _find_safe(place: Path) -> list[Path]:
    inside = [place, *sorted(place.iterdir())] if place.is_dir() else [place]
    return [path for path in inside if path.name.upper().endswith((".SAFE", ".SAFE.ZIP")) and "_SLC_" in path.name]


EOPF_BURSTS = refused_kind(
    "eopf",
    "a Sentinel-1 SLC of EOPF (Zarr)",
    _find,
    "its bursts are as the radar recorded them (TOPS) and not co-registered; co-register the dates first. "
    "m3leo_sar.io.sentinel1.eopf.open_eopf reads single bursts",
    is_far=True,
    is_store=True,
)
SAFE_BURSTS = refused_kind(
    "safe",
    "a Sentinel-1 SLC (SAFE)",
    _find_safe,
    "its bursts are as the radar recorded them (TOPS) and not co-registered; m3leo-sar coregister writes "
    "stacks of them (docs/from-sentinel-1.md). m3leo_sar.io.sentinel1.safe.open_safe reads single bursts",
)
