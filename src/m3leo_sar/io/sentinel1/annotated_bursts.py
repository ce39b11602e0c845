"""Bursts of the annotation of a swath, with their identifiers on the ground."""

from __future__ import annotations

import itertools

from m3leo_sar.grid.burst_identifier import BEAM_CYCLE, BurstIdentifier, burst_identifier
from m3leo_sar.io.sentinel1.annotation import SwathAnnotation
from m3leo_sar.io.sentinel1.safe_burst import SafeBurst
from m3leo_sar.io.sentinel1.safe_files import SafeFiles
from m3leo_sar.io.sentinel1.safe_manifest import SafeManifest

#: Difference of two burst numbers that cannot be of one track, which has 2148.
_OTHER_TRACK = 1000


def annotated_bursts(files: SafeFiles, manifest: SafeManifest, note: SwathAnnotation) -> list[SafeBurst]:
    """Bursts of an annotation.

    Raises
    ------
    ValueError
        If an entry that identifiers need is missing, or annotated identifiers contradict the times or the track.
    """
    place = {"swath": note.swath, "polarisation": note.polarisation}
    held = files.of_kind("measurement", **place)
    measurement = files.opened_as(files.one("measurement", **place)) if held else ""
    where = f"{files.root.name}, {note.swath} {note.polarisation}"
    if note.orbit_number is None:
        raise ValueError(f"{where}: absoluteOrbitNumber is missing")
    identifiers = _identifiers(note, manifest, where)
    return [
        SafeBurst(
            identifier=identifier,
            date=note.date,
            processor=manifest.processor,
            orbit_number=note.orbit_number,
            annotation=note,
            index=index,
            product=files.root,
            name=files.product,
            measurement=measurement,
        )
        for index, identifier in enumerate(identifiers)
    ]


def _identifiers(note: SwathAnnotation, manifest: SafeManifest, where: str) -> list[BurstIdentifier]:
    if note.ascending_node is None:
        raise ValueError(f"{where}: ascendingNodeTime is missing, which burst identifiers need")
    found = []
    for index, burst in enumerate(note.bursts):
        if burst.sensing_time is None:
            raise ValueError(f"{where}: burst {index} has no sensingTime, which its identifier needs")
        found.append(
            burst_identifier(
                burst.sensing_time,
                ascending_node=note.ascending_node,
                track=manifest.track,
                swath=note.swath,
                product_start=manifest.start,
                number=burst.number,
            )
        )
    _require_own_track(found[0], note, manifest, where)
    for (one, other), (earlier, later) in zip(itertools.pairwise(found), itertools.pairwise(note.bursts), strict=True):
        steps = round((later.azimuth_time - earlier.azimuth_time) / BEAM_CYCLE)
        if other.number - one.number != steps and other.track == one.track:
            raise ValueError(
                f"{where}: burst identifiers must rise by {steps}, as their times do, got {one} and {other}"
            )
    return found


def _require_own_track(stated: BurstIdentifier, note: SwathAnnotation, manifest: SafeManifest, where: str) -> None:
    """Refuse a track that contradicts the annotated number of a burst by a large part of an orbit."""
    first = note.bursts[0]
    if first.number is None or first.sensing_time is None or note.ascending_node is None:
        return
    computed = burst_identifier(
        first.sensing_time,
        ascending_node=note.ascending_node,
        track=manifest.track,
        swath=note.swath,
        product_start=manifest.start,
    )
    if abs(computed.number - first.number) > _OTHER_TRACK:
        raise ValueError(
            f"{where}: track {manifest.track} of manifest.safe has burst {computed.number} at this time, the "
            f"annotation states burst {first.number}"
        )
