"""M3LEO's bands: every tile against the published rule, made and real."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from reference import legacy_split_reference

from m3leo_sar.grid.splits import legacy_split


def real_tiles(shared_data, name):
    features = json.loads((shared_data / "m3leo-tiles" / f"{name}.geojson").read_text())["features"]
    rings = np.array([feature["geometry"]["coordinates"][0] for feature in features])
    return np.concatenate([rings.min(1), rings.max(1)], axis=1)


def scattered(seed, count, width, height):
    """Tiles of unlike sizes in an area that is not square, so that no two axes or corners can be swapped unseen."""
    random = np.random.default_rng(seed)
    corner = random.uniform((-12.0, 41.0), (-12.0 + width, 41.0 + height), (count, 2))
    return np.concatenate([corner, corner + random.uniform(0.01, 0.9, (count, 2))], axis=1)


@given(
    seed=st.integers(0, 10_000),
    count=st.integers(30, 90),
    angle=st.floats(-np.pi / 2, np.pi / 2),
    bands=st.integers(3, 11),
    width=st.floats(0.3, 9),
    height=st.floats(0.3, 9),
)
def test_every_tile_follows_the_published_rule(seed, count, angle, bands, width, height):
    boxes = scattered(seed, count, width, height)
    expected = legacy_split_reference(boxes.tolist(), angle, bands, ["train", "train", "train", "test", "val"])
    assume(expected is not None)
    assert legacy_split(boxes, angle=angle, bands=bands).tolist() == expected


@pytest.mark.parametrize(
    ("fractions", "pattern"),
    [
        ((0.5, 0.25, 0.25), ["train", "train", "test", "val"]),
        ((0.2, 0.6, 0.2), ["train", "test", "test", "test", "val"]),
        ((0.7, 0.0, 0.3), ["train", "train", "val"]),
    ],
)
def test_other_shares_repeat_their_ratio(fractions, pattern):
    boxes = scattered(5, 70, 3.0, 7.0)
    expected = legacy_split_reference(boxes.tolist(), 0.4, 9, pattern)
    assert legacy_split(boxes, angle=0.4, bands=9, fractions=fractions).tolist() == expected


def test_real_tiles_follow_the_published_rule(shared_data):
    conus, massachusetts = (real_tiles(shared_data, name) for name in ("conus_1000", "massachusetts_1285"))
    boxes = np.concatenate([conus, massachusetts])
    split = legacy_split(boxes, angle=0.9)
    expected = legacy_split_reference(boxes.tolist(), 0.9, 60, ["train", "train", "train", "test", "val"])
    assert split.tolist() == expected


def test_what_bands_cannot_be_is_refused():
    with pytest.raises(ValueError, match="bands must be a number these 3 tiles can fill, got 60"):
        legacy_split([(0, 0, 1, 1), (1, 0, 2, 1), (2, 0, 3, 1)], angle=0.9)
    with pytest.raises(ValueError, match="angle must lie in"):
        legacy_split([(0, 0, 1, 1)], angle=3)
