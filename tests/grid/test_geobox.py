import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from m3leo_sar import GeoBox, Looks, Window

BOX = GeoBox.from_bounds((1000, 2000, 1900, 2500), shape=(10, 30), crs="EPSG:32631")
part = st.tuples(st.integers(0, 8), st.integers(1, 2))


@given(window=st.tuples(st.integers(1, 50), st.integers(1, 50)))
def test_a_window_reaches_as_far_as_its_size(window):
    size = Window(rows=window[0], cols=window[1])
    assert tuple(b + a + 1 for b, a in zip(size.before, size.after, strict=True)) == window
    assert all(0 <= b - a <= 1 for b, a in zip(size.before, size.after, strict=True))


def test_sizes_need_their_names_and_cannot_change():
    with pytest.raises(TypeError):
        Window(3, 5)
    with pytest.raises(AttributeError):
        Looks(rows=1, cols=2).rows = 3
    assert Window(rows=np.int64(3), cols=2) == Window(rows=3, cols=2)


def test_pixels_and_positions_are_inverse():
    x, y = BOX.centres()
    rows, cols = BOX.to_pixels(x, y)
    np.testing.assert_allclose(rows, np.arange(10)[:, None] * np.ones(30), atol=1e-9)
    np.testing.assert_allclose(cols, np.arange(30) * np.ones((10, 1)), atol=1e-9)
    assert (x[0, 0], y[0, 0]) == (1015, 2475)


@given(rows=part, cols=part)
def test_a_crop_keeps_its_pixels_where_they_are(rows, cols):
    rows, cols = (slice(start, start + size) for start, size in (rows, cols))
    crop = BOX.crop(rows, cols)
    for whole, inside in zip(BOX.centres(), crop.centres(), strict=True):
        np.testing.assert_allclose(inside, whole[rows, cols])


def test_padding_then_cropping_is_nothing():
    assert BOX.pad(2, 3).crop(slice(2, 12), slice(3, 33)) == BOX
    assert hash(BOX.pad(0, 0)) == hash(BOX)


def test_looks_make_larger_pixels():
    small = BOX.reduced(2, 7)
    assert small.shape == (5, 4)
    assert small.resolution == (210, -100)
    assert small.bounds[0] == 1000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((0, 3), (1, 0, 0, 0, -1, 0), "EPSG:4326"), "shape must be"),
        (((2, 3), (0, 0, 0, 0, -1, 0), "EPSG:4326"), "affine must be finite and invertible"),
        (((2, 3), (1, 0, 0, 0, -1, 0), ""), "crs must name"),
    ],
)
def test_bad_values_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        GeoBox(*arguments)
    with pytest.raises(ValueError, match="bounds must be"):
        GeoBox.from_bounds((1, 0, 0, 1), shape=(2, 3), crs="EPSG:4326")
