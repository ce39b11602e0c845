"""Faults that would keep a plan from being carried out: pixels that are missing, and ground without terrain."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from m3leo_sar.io.stacks.burst_stack import BurstStack
from m3leo_sar.run.coregistration.burst_ground import Extent, require_known, terrain_of
from m3leo_sar.run.coregistration.coregistration_plan import BurstImage, CoregistrationPlan
from m3leo_sar.run.coregistration.pixel_faults import pixel_faults
from m3leo_sar.warp.burst_heights import burst_heights

#: Posts along rows and columns of a burst at which its heights are looked up.
_POSTS = 16, 48


def faults_of(plan: CoregistrationPlan, terrain: Any = None) -> Iterator[str]:
    """Sentences on images that a run could not make, with the remedy; no pixel is read.

    Parameters
    ----------
    plan : CoregistrationPlan
    terrain : Terrain, optional
        Without it, bursts that have no stack yet are a fault.
    """
    for burst, reason in pixel_faults(image.image for image in plan.lacking):
        yield f"{burst.date}: {reason}"
    if terrain is None:
        yield from filter(None, [terrain_missing(plan)])
        return
    for image in plan.lacking:
        is_new = image.date == plan.reference and not BurstStack.exists(plan.folder / image.folder)
        # One polarisation stands for the burst.
        if is_new and image == next(one for one in plan.lacking if one.identifier == image.identifier):
            yield from _ground_missing(plan, image, terrain)


def terrain_missing(plan: CoregistrationPlan) -> str:
    """Sentence on bursts whose heights a run would have to compute, for a run without terrain; empty if none are."""
    # The heights of one polarisation serve the others.
    there = {one.identifier for one in plan.images if BurstStack.exists(plan.folder / one.folder)}
    lacking = sorted({str(one.identifier) for one in plan.lacking if one.identifier not in there})
    more = f" and {len(lacking) - 5} more" if len(lacking) > 5 else ""
    return f"dem must be given for bursts that have no stack yet: {', '.join(lacking[:5])}{more}" if lacking else ""


def _ground_missing(plan: CoregistrationPlan, image: BurstImage, terrain: Any) -> Iterator[str]:
    burst, extent = image.image, Extent.of(image.image.valid)
    acquisition = plan.orbits[plan.reference].acquisition(burst)
    steps = [max(1, size // posts) for size, posts in zip(burst.shape, _POSTS, strict=True)]
    try:
        dem, box = terrain_of(acquisition, extent, terrain)
        heights = burst_heights(
            orbit=acquisition.orbit, radar_grid=acquisition.radar_grid, dem=dem, dem_geobox=box,
            row_step=steps[0], col_step=steps[1],
        )  # fmt: skip
        require_known(heights, extent, box)
    except ValueError as error:
        yield f"{image.identifier}: {error}"
