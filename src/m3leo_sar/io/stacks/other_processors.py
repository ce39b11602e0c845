"""Detection of output folders of other InSAR processors that cannot be read as a stack."""

from __future__ import annotations

from pathlib import Path

_EXPORT = "export complex GeoTIFFs or VRTs, one per date with the date in the name (such as 20230301_VV.tif)"


def look_of(folder: Path) -> str:
    """Sentence on the processor of a folder and its export to a readable format; empty if unknown.

    Parameters
    ----------
    folder : Path
        Inspected itself and, for ISCE2, one level deeper; no file is opened.
    """
    names = [entry.name.lower() for entry in folder.iterdir()]
    found = _processor(folder, names)
    return f"it looks like {found}, which is not read yet; {_EXPORT}" if found else ""


def _processor(folder: Path, names: list[str]) -> str:
    if any(name.endswith((".slc.par", ".rslc.par")) for name in names):
        return "a GAMMA folder (SLC with .par)"
    if any(name.endswith(".dim") for name in names) or _is_beam(folder, names):
        return "a SNAP BEAM-DIMAP product (.dim with a .data folder)"
    if any(folder.glob("*/*.slc.full*")) or any(folder.glob("*/*.slc.vrt")) or any(folder.glob("*/*.slc.xml")):
        return "an ISCE2 stack (a folder per date with .slc and .vrt)"
    return ""


def _is_beam(folder: Path, names: list[str]) -> bool:
    """Whether I and Q are separate images."""
    parts = {name[:2] for name in names if name.endswith(".img")}
    return {"i_", "q_"} <= parts or any(folder.glob("*.data/[iI]_*.img"))
