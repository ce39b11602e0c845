"""The stack of one burst: dates of complex int16 that appear whole, and what a reader finds in them."""

from __future__ import annotations

import datetime

import numpy as np
import pytest
import zarr

from m3leo_sar import GeoBox, RadarGrid
from m3leo_sar.io.stacks import burst_stack, zarr_stack
from m3leo_sar.io.stacks.burst_stack import BurstStack
from m3leo_sar.io.stacks.zarr_stack import read_stack
from m3leo_sar.simulate.circular_orbit import circular_orbit
from m3leo_sar.stack.geometry import OrbitGeometry

DATES = [datetime.date(2023, 9, day) for day in (4, 16)]
SHAPE = (37, 53)
FACTS = {
    "burst": "T052-110431-IW1", "polarisation": "VV", "orbit": "descending", "track": 52, "wavelength": 0.0555,
    "frequency": None, "reference": "2023-09-04", "flattened": True, "outline": [[2, 3], [2, 50], [34, 50], [34, 3]],
}  # fmt: skip


@pytest.fixture
def stack(tmp_path) -> BurstStack:
    grid = RadarGrid(SHAPE, azimuth_time=-0.05, azimuth_interval=0.002, slant_range=8.5e5, range_spacing=2.3,
                     wavelength=0.0555)  # fmt: skip
    box = GeoBox.from_bounds((5.0, 49.9, 5.1, 50.0), shape=(6, 7), crs="EPSG:4326")
    geometry = OrbitGeometry(circular_orbit(), grid, np.full(box.shape, 12.0, np.float32), box)
    return BurstStack.create(tmp_path / "T052-110431-IW1-VV", FACTS, geometry, np.ones((19, 8)), steps=(2, 8))


def parts(rng) -> np.ndarray:
    found = rng.integers(-90, 90, (*SHAPE, 2)).astype(np.int16)
    found[:3] = -32768
    return found


def blocks(found, facts=None):
    for first in (0, 16, 32):
        yield first, found[first : first + 16]
    if facts is not None:
        facts["saturated"] = 5


def test_a_stack_has_its_dates_facts_and_geometry(stack, rng):
    images = [parts(rng) for _ in DATES]
    for date, image, scale in zip(DATES, images, (1.0, 0.25), strict=True):
        facts = {"time": f"{date}T06:37:32", "platform": "S1A"}
        stack.write(date, blocks(image, facts), scale=scale, facts=facts)
    found = read_stack(stack.root)
    assert (found.dates, found.dtype, found.flattened, found.track) == (tuple(DATES), "complex64", True, 52)
    assert (found.burst, found.platforms, found.wavelength) == ("T052-110431-IW1", ("S1A", "S1A"), 0.0555)
    assert found.outline == ((2, 3), (2, 50), (34, 50), (34, 3))
    assert found.crop(slice(1, 9), slice(0, 9)).outline is None
    assert isinstance(found.geometry, OrbitGeometry)
    pixels = found.window(slice(1, 30), slice(4, 20))
    wanted = np.where(images[1] == -32768, np.nan, images[1] * 0.25)[1:30, 4:20]
    np.testing.assert_array_equal(pixels[1], (wanted[..., 0] + 1j * wanted[..., 1]).astype(np.complex64))
    np.testing.assert_array_equal(stack.window(DATES[1], slice(1, 30), slice(4, 20)), pixels[1])
    assert stack.dates()[DATES[0]]["saturated"] == 5
    height, steps = stack.heights()
    assert (height.shape, steps, stack.reference, stack.polarisation) == ((19, 8), (2, 8), DATES[0], "VV")
    assert stack.radar_grid == found.geometry.radar_grid
    assert zarr.open_group(stack.root).attrs["version"] == zarr_stack.LATEST


def test_dates_are_read_once_until_they_are_written_again(stack, rng, monkeypatch):
    read = []
    original = burst_stack.attributes_of
    monkeypatch.setattr(burst_stack, "attributes_of", lambda group: read.append(group.name) or original(group))
    for date in DATES:
        stack.write(date, blocks(parts(rng)), scale=1.0, facts={"platform": "S1A"})
    for _ in range(3):
        assert list(stack.dates()) == DATES
    assert len(read) == 2
    # Neither the caller's changes nor another writer's are missed.
    stack.dates()[DATES[0]]["platform"] = "none"
    burst_stack.BurstStack(stack.root).write(DATES[1], blocks(parts(rng)), scale=1.0, facts={"platform": "S1C"})
    assert [facts["platform"] for facts in stack.dates().values()] == ["S1A", "S1C"]


def test_a_date_is_whole_or_not_there_and_the_old_one_stays_until_then(stack, rng):
    def stopped(image):
        yield 0, image[:16]
        raise KeyboardInterrupt

    image = parts(rng)
    with pytest.raises(KeyboardInterrupt):
        stack.write(DATES[0], stopped(image), scale=1.0, facts={})
    assert stack.dates() == {}
    assert {entry.name for entry in stack.root.iterdir()} == {"zarr.json", "geometry", "heights"}
    stack.write(DATES[0], blocks(image), scale=1.0, facts={})
    with pytest.raises(KeyboardInterrupt):
        stack.write(DATES[0], stopped(parts(rng)), scale=2.0, facts={})
    before = stack.window(DATES[0], slice(None), slice(None))
    np.testing.assert_array_equal(before.real[3:], image[3:, :, 0])
    other = parts(rng)
    stack.write(DATES[0], blocks(other), scale=2.0, facts={})
    np.testing.assert_array_equal(stack.window(DATES[0], slice(None), slice(None)).imag[3:], 2 * other[3:, :, 1])


def test_damage_and_other_stacks_are_named(stack, rng, tmp_path):
    stack.write(DATES[0], blocks(parts(rng)), scale=1.0, facts={})
    array = zarr.open_array(stack.root / "20230904" / "VV", mode="r+")
    array.attrs["scale"] = -1
    with pytest.raises(ValueError, match="attribute 'scale' must be a number above 0, got -1"):
        read_stack(stack.root).window()
    zarr.create_group(tmp_path / "other", attributes={"format": "m3leo_sar slc stack", "version": 3})
    with pytest.raises(ValueError, match="other is not a stack that m3leo-sar coregister wrote"):
        BurstStack(tmp_path / "other")
    assert not BurstStack.exists(tmp_path / "none")
    group = zarr.open_group(stack.root, mode="r+")
    group.attrs["version"] = zarr_stack.LATEST + 1
    with pytest.raises(ValueError, match="this library reads up to 4"):
        read_stack(stack.root)
