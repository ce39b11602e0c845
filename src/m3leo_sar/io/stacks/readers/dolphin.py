"""dolphin's linked phase: one complex GeoTIFF per date, beside rasters that are no dates."""

from __future__ import annotations

import re
from pathlib import Path

from m3leo_sar.io.stacks.raster_stack import open_rasters
from m3leo_sar.io.stacks.stack_reader import StackReader

#: Starts of the rasters that dolphin writes beside its dates.
_BESIDE = ("temporal_coherence_", "similarity_", "shp_counts_", "compressed_")


def _find(place: Path) -> list[Path]:
    """Dates ``2*.slc.tif`` of a folder ``linked_phase``, of its parent, or of a folder with dolphin's other rasters."""
    if not place.is_dir():
        return []
    for folder in (place, place / "linked_phase"):
        if folder.is_dir() and (
            folder.name == "linked_phase" or any(path.name.startswith(_BESIDE) for path in folder.glob("*.tif"))
        ):
            dates = sorted(path for path in folder.glob("*.slc.tif") if re.match(r"\d{8}\.", path.name))
            # Compressed images are named when they are left out.
            return dates and dates + sorted(folder.glob("compressed_*.tif"))
    return []


DOLPHIN = StackReader(
    name="dolphin",
    holds="dolphin's linked phase",
    expects="the folder linked_phase with 20230301.slc.tif",
    find=_find,
    open=open_rasters,
)
