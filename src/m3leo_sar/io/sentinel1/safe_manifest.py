"""The manifest of a Sentinel-1 product: its track and its processor."""

from __future__ import annotations

import datetime
import re
from typing import NamedTuple
from xml.etree import ElementTree

from m3leo_sar.io.files.plain_xml import parse_xml
from m3leo_sar.io.sentinel1.annotation import utc_time
from m3leo_sar.io.sentinel1.safe_files import SafeFiles


class SafeManifest(NamedTuple):
    """Facts of a product that only its manifest states."""

    #: Relative orbit at the start and at the stop.
    track: int
    stop_track: int
    #: Start of the product, UTC; that of the whole slice in a product that single bursts were repacked into.
    start: datetime.datetime
    #: Version of the Sentinel-1 IPF, such as ``"003.61"``; empty if it is not stated.
    processor: str


def read_manifest(files: SafeFiles) -> SafeManifest:
    """Read the manifest of a product.

    Raises
    ------
    ValueError
        If it is missing, is not XML, or lacks the relative orbit or the start.
    """
    name = files.manifest
    if name is None:
        raise ValueError(
            f"{files.root.name} must hold manifest.safe: the track (relativeOrbitNumber) is stated there alone"
        )
    root = parse_xml(files.read(name), f"manifest.safe of {files.root.name}")
    tracks = {item.get("type"): item.text or "" for item in _named(root, "relativeOrbitNumber")}
    starts = [item.text or "" for period in _named(root, "acquisitionPeriod") for item in _named(period, "startTime")]
    try:
        track = int(tracks["start"])
        start = utc_time(starts[0])
        return SafeManifest(track, int(tracks.get("stop", track)), start, processor_of(root))
    except (KeyError, ValueError, IndexError) as error:
        raise ValueError(
            f"manifest.safe of {files.root.name} must state relativeOrbitNumber and startTime: {error!r}"
        ) from error


def processor_of(root: ElementTree.Element) -> str:
    """Version of the processor of the pixels, empty if a manifest states none."""
    versions = [
        item.get("version", "").strip()
        for item in _named(root, "software")
        if "Sentinel-1 IPF" in item.get("name", "") and item.get("version", "").strip()
    ]
    return versions[0] if versions else ""


def version_of(processor: str) -> tuple[int, int] | None:
    """Version as two numbers, None if unknown.

    Examples
    --------
    >>> version_of("002.43"), version_of("")
    ((2, 43), None)
    """
    found = re.match(r"(\d+)\.(\d+)", processor)
    return (int(found[1]), int(found[2])) if found else None


def _named(root: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    """Elements below one, whatever their name space."""
    return [item for item in root.iter() if item.tag.rpartition("}")[2] == name]
