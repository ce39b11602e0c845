"""What would keep a plan from being carried out: pixels that are missing, and ground without terrain."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from m3leo_sar.io.sentinel1.burst_pixels import open_measurement
from m3leo_sar.io.stacks.burst_stack import BurstStack
from m3leo_sar.run.coregistration.burst_ground import Extent, require_known, terrain_of
from m3leo_sar.run.coregistration.coregistration_plan import BurstImage, CoregistrationPlan
from m3leo_sar.warp.burst_heights import burst_heights

#: Posts along rows and columns of a burst at which its heights are looked up.
_POSTS = 16, 48


def faults_of(plan: CoregistrationPlan, terrain: Any = None) -> Iterator[str]:
    """Sentences on images that a run could not make, with the remedy; no pixel is read.

    Parameters
    ----------
    plan : CoregistrationPlan
    terrain : Terrain, optional
        Without it, the ground is not checked.
    """
    yield from _pixels_missing(plan)
    for image in plan.lacking if terrain is not None else []:
        is_new = image.date == plan.reference and not BurstStack.exists(plan.folder / image.folder)
        # One polarisation stands for the burst.
        if is_new and image == next(one for one in plan.lacking if one.identifier == image.identifier):
            yield from _ground_missing(plan, image, terrain)


def _pixels_missing(plan: CoregistrationPlan) -> Iterator[str]:
    """Measurements that are not there, or of another size than their annotation; those in zips only if not there."""
    seen = set()
    for image in plan.lacking:
        burst = image.image
        key = burst.product, burst.swath, burst.polarisation
        if key in seen:
            continue
        seen.add(key)
        try:
            burst.require_pixels()
            if not burst.is_in_zip:
                with open_measurement(burst.measurement, burst.annotation):
                    pass
        except (ValueError, OSError) as error:
            yield f"{image.date}: {error}"


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
