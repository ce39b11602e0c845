"""Disk and time that a plan takes, from the sizes of its bursts and of the terrain under them."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from m3leo_sar.io.stacks.zarr_group import chunks_of
from m3leo_sar.run.coregistration.burst_ground import Extent, terrain_bounds
from m3leo_sar.run.coregistration.coregistration_plan import BurstImage, CoregistrationPlan
from m3leo_sar.run.coregistration.unpacked_products import unpacked_bytes
from m3leo_sar.warp.burst_heights import STEPS

#: Bytes of a sample, of a height and of a terrain post on disk.
_BYTES = 4
#: Seconds of one CPU per million samples, as benchmarks/coregister_products.py measures them: heights of a burst, once;
#: copying an image of the reference; its shift, resampling and writing of any other; unpacking of a zip.
_HEIGHTS, _COPY, _DATE, _UNPACK = 0.06, 0.015, 0.13, 0.03
#: Posts per degree of a terrain model that is not given: one second of arc.
_POSTS = 3600.0
#: Metres in a degree of latitude.
_DEGREE = 111_200.0


class PlanCost(NamedTuple):
    """What a run takes.

    Parameters
    ----------
    bytes : int
        On disk: the images to make, and heights and terrain of new stacks before their compression.
    spare_bytes : int
        Bytes of the zips that are unpacked while a date is made, of the largest date.
    seconds : float
        Of one CPU, from measured figures.
    """

    bytes: int
    spare_bytes: int
    seconds: float


def plan_cost(plan: CoregistrationPlan, terrain: Any = None) -> PlanCost:
    """Disk and time of a plan.

    Parameters
    ----------
    plan : CoregistrationPlan
    terrain : Terrain, optional
        Gives the spacing of its posts; by default one second of arc.
    """
    new = [image for image in plan.lacking if image.date == plan.reference]
    unpacked = [unpacked_bytes([one.image for one in plan.lacking if one.date == date]) for date in plan.dates]
    disk = sum(image_bytes(image) for image in plan.lacking)
    disk += sum(_ground_bytes(image, plan, terrain) for image in new)
    # The heights of one polarisation serve the others.
    once = {image.identifier: image for image in new}.values()
    others = [image for image in plan.lacking if image.date != plan.reference]
    work = sum(rate * math.prod(image.image.shape) for rate, images in
               ((_HEIGHTS, once), (_COPY, new), (_DATE, others)) for image in images)  # fmt: skip
    return PlanCost(disk, max(unpacked, default=0), (work + _UNPACK * sum(unpacked) / _BYTES) / 1e6)


def image_bytes(image: BurstImage) -> int:
    """Bytes of an image on disk: its chunks with valid samples, each whole."""
    found = _BYTES
    for (first, last), chunk in zip(Extent.of(image.image.valid), chunks_of(image.image.shape), strict=True):
        found *= chunk * (last // chunk - first // chunk + 1)
    return found


def _ground_bytes(image: BurstImage, plan: CoregistrationPlan, terrain: Any) -> int:
    """Bytes of the heights of an image's pixels, and of the terrain under it."""
    acquisition = plan.orbits[plan.reference].acquisition(image.image)
    west, south, east, north = terrain_bounds(acquisition, Extent.of(image.image.valid), heights=(0.0, 0.0))
    down, along = _spacing(terrain, (south + north) / 2)
    posts = math.prod(-(-(size - 1) // step) + 1 for size, step in zip(image.image.shape, STEPS, strict=True))
    return _BYTES * (posts + round((north - south) / down * (east - west) / along))


def _spacing(terrain: Any, latitude: float) -> tuple[float, float]:
    """Degrees from post to post, north and east."""
    if terrain is None:
        return 1 / _POSTS, 1 / _POSTS
    along, down = (abs(step) for step in terrain.resolution)
    if terrain.is_geographic:
        return down, along
    return down / _DEGREE, along / _DEGREE / max(math.cos(math.radians(latitude)), 0.01)
