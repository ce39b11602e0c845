import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from m3leo_sar.stack.complex_int16 import from_complex_int16, to_complex_int16


@given(seed=st.integers(0, 10_000), scale=st.floats(1e-6, 1e3))
def test_comes_back_to_half_a_step(seed, scale):
    rng = np.random.default_rng(seed)
    slc = (rng.standard_normal((5, 7)) + 1j * rng.standard_normal((5, 7))) * scale * 5000
    slc[2, 3] = np.nan
    stored = to_complex_int16(slc, scale=scale)
    assert stored.shape == (5, 7, 2)
    back = from_complex_int16(stored, scale=scale)
    assert back.dtype == np.complex64
    np.testing.assert_array_equal(np.isnan(back), np.isnan(slc))
    error = np.nan_to_num(back - slc)
    assert abs(error.real).max() <= scale * 0.502
    assert abs(error.imag).max() <= scale * 0.502


def test_bad_input_is_named():
    slc = np.array([[3 + 4j]])
    with pytest.raises(TypeError, match="slc must be complex64 or complex128, got float64"):
        to_complex_int16(slc.real, scale=1)
    with pytest.raises(ValueError, match="scale must be a finite number above 0, got 0"):
        to_complex_int16(slc, scale=0)
    with pytest.raises(ValueError, match="scale must be at least 0.000122 for parts up to 4, got 1e-05"):
        to_complex_int16(slc, scale=1e-5)
    with pytest.raises(TypeError, match="stored must be int16"):
        from_complex_int16(slc.real, scale=1)
    with pytest.raises(ValueError, match="two parts on its last axis"):
        from_complex_int16(np.zeros((3, 4), np.int16), scale=1)
