"""Stores of others: what is not known here is not called damaged."""

from __future__ import annotations

import json

import numpy as np
import pytest
import zarr

from m3leo_sar.io.files.limits import LARGEST_CHIP
from m3leo_sar.io.files.zarr_metadata import require_safe_store


@pytest.mark.filterwarnings("ignore::zarr.errors.UnstableSpecificationWarning")
@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize(
    "values", [np.array(["VV", "VH"]), np.array(["2023-03-01", "2023-03-13"], "M8[D]"), np.array([b"a"])]
)
def test_axes_of_texts_and_times_are_sound(tmp_path, values, zarr_format):
    group = zarr.create_group(tmp_path / "store", zarr_format=zarr_format)
    group.create_array("axis", data=values)
    require_safe_store(tmp_path / "store")


def test_axes_of_texts_of_any_length_are_sound(tmp_path):
    group = zarr.create_group(tmp_path / "store")
    group.create_array("axis", shape=(3,), dtype=str)
    require_safe_store(tmp_path / "store")


def change(store, **entries):
    document = json.loads((store / "axis" / "zarr.json").read_text())
    (store / "axis" / "zarr.json").write_text(json.dumps(document | entries))


def test_what_is_not_known_is_said_to_be_that(tmp_path):
    zarr.create_group(tmp_path / "store").create_array("axis", data=np.arange(3))
    change(tmp_path / "store", data_type={"name": "others.type", "configuration": {"depth": 3}})
    require_safe_store(tmp_path / "store")
    change(tmp_path / "store", chunk_grid={"name": "rectilinear", "configuration": {"chunk_shapes": [[1, 2]]}})
    with pytest.raises(ValueError, match="axis has chunks on a grid of the kind 'rectilinear'"):
        require_safe_store(tmp_path / "store")
    change(tmp_path / "store", chunk_grid={"name": "regular", "configuration": {}})
    with pytest.raises(ValueError, match="axis has damaged metadata: KeyError 'chunk_shape'"):
        require_safe_store(tmp_path / "store")


def test_lengths_of_texts_count(tmp_path):
    zarr.create_group(tmp_path / "store").create_array("axis", data=np.arange(3))
    length = {"name": "fixed_length_utf32", "configuration": {"length_bytes": LARGEST_CHIP}}
    change(tmp_path / "store", data_type=length)
    with pytest.raises(ValueError, match="a chunk of .*axis"):
        require_safe_store(tmp_path / "store")
