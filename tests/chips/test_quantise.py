"""Levels of a byte: the nearest one on every device, as the archive's own rounding."""

from __future__ import annotations

import numpy as np
import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from m3leo_sar.chips.quantise import quantise
from m3leo_sar.io.chips.coherence_uint8 import LARGEST_ERROR, LEVELS, NO_DATA, from_uint8, levels_of, to_uint8

#: Values at and around every half step, outside [0, 1], and no data.
EDGES = np.concatenate(
    [(np.arange(-3, 260) + 0.5) / 254 + shift for shift in (-1e-7, 0, 1e-7)] + [[np.nan, np.inf, -np.inf, -0.0, 1.0]]
)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_nearest_level_is_taken(backend, rng, dtype):
    values = np.concatenate([EDGES, rng.uniform(-0.2, 1.2, 17 * 61 - len(EDGES))]).reshape(17, 61).astype(dtype)
    got = backend.numpy(quantise(backend.array(values), levels=254, no_data=255))
    assert got.dtype == np.uint8
    np.testing.assert_array_equal(got, reference.quantised(values, 254, 255))
    np.testing.assert_array_equal(got, levels_of(values))


def test_other_levels_and_an_empty_array(backend):
    values = backend.array(np.array([[0.0, 0.24, 0.26, 1.0, np.nan]], np.float32))
    assert backend.numpy(quantise(values, levels=2, no_data=9)).tolist() == [[0, 0, 1, 2, 9]]
    assert backend.numpy(quantise(values[:0], levels=2, no_data=9)).shape == (0, 5)


def test_what_does_not_fit_a_byte_is_refused():
    with pytest.raises(ValueError, match="levels must be from 1 to 255, got 256"):
        quantise(np.zeros(2, np.float32), levels=256, no_data=0)
    with pytest.raises(TypeError, match="values must be float32 or float64, got int16"):
        quantise(np.zeros(2, np.int16), levels=254, no_data=255)


@given(hnp.arrays(np.float32, (3, 7), elements=st.floats(0, 1, width=32) | st.just(np.nan)))
def test_a_coherence_comes_back_to_half_a_step(coherence):
    stored = to_uint8(coherence)
    back = from_uint8(stored)
    np.testing.assert_array_equal(np.isnan(back), np.isnan(coherence))
    assert np.nanmax(np.abs(back - coherence), initial=0) <= LARGEST_ERROR * (1 + 1e-6)
    np.testing.assert_array_equal(to_uint8(back), stored)


def test_every_level_comes_back_as_itself():
    levels = np.arange(256, dtype=np.uint8)
    back = from_uint8(levels)
    np.testing.assert_array_equal(to_uint8(back), levels)
    assert (LEVELS, NO_DATA) == (254, 255)
    assert (back[0], back[127], back[254]) == (0, 0.5, 1)
    assert np.isnan(back[255])


@pytest.mark.parametrize("value", [-0.002, 1.002, np.inf])
def test_what_is_no_coherence_is_refused(value):
    with pytest.raises(ValueError, match=r"coherence must lie in \[0, 1\] to be stored as uint8"):
        to_uint8(np.array([[0.5, value]], np.float32))
    # By rounding alone.
    assert to_uint8(np.array([[-1e-6, 1.000001]], np.float32)).tolist() == [[0, 254]]
    with pytest.raises(TypeError, match="coherence must be float32 or float64, got complex64"):
        to_uint8(np.zeros((1, 2), np.complex64))
