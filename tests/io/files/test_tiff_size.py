"""The size that a TIFF must have by its own directory."""

from __future__ import annotations

import io
import warnings

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st

from m3leo_sar.io.files.tiff_size import tiff_size


def tiff(shape: tuple[int, int], **options: object) -> bytes:
    profile = {"driver": "GTiff", "height": shape[0], "width": shape[1], "count": 1, "dtype": "int16"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.MemoryFile() as held:
            with held.open(**profile, **options) as file:
                file.write(np.arange(1, shape[0] * shape[1] + 1, dtype=np.int16).reshape(shape), 1)
            return held.read()


@settings(max_examples=25, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 70), st.integers(1, 50)),
    bigtiff=st.sampled_from(["YES", "NO"]),
    order=st.sampled_from(["LITTLE", "BIG"]),
    blocks=st.sampled_from([{"blockysize": 1}, {"blockysize": 7}, {"tiled": True, "blockxsize": 16, "blockysize": 32}]),
    compress=st.sampled_from([None, "deflate"]),
)
def test_a_whole_file_has_the_size_and_a_byte_less_is_less(shape, bigtiff, order, blocks, compress):
    packed = {} if compress is None else {"compress": compress}
    content = tiff(shape, bigtiff=bigtiff, endianness=order, **blocks, **packed)
    needed = tiff_size(io.BytesIO(content))
    assert needed is not None
    assert needed <= len(content)
    # Nothing but padding lies behind the last block, unless the directory does.
    assert tiff_size(io.BytesIO(content[:needed] if needed > 4096 else content)) == needed


def test_a_directory_far_from_the_beginning_is_not_searched():
    content = tiff((30, 40), blockysize=1)
    assert tiff_size(io.BytesIO(content), most=4) is None
    assert tiff_size(io.BytesIO(content), most=1 << 20) == tiff_size(io.BytesIO(content))


@pytest.mark.parametrize(("count", "sentence"), [(4, "no TIFF|ends before"), (40, "ends before its directory")])
def test_a_file_that_ends_before_its_directory_is_refused(count, sentence):
    with pytest.raises(ValueError, match=sentence):
        tiff_size(io.BytesIO(tiff((30, 40), blockysize=1)[:count]))


def test_another_file_is_refused():
    with pytest.raises(ValueError, match="it is no TIFF"):
        tiff_size(io.BytesIO(b"PK\x03\x04" + bytes(60)))
