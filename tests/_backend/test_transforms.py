import numpy as np
import pytest

from m3leo_sar._backend import transforms
from m3leo_sar.run.threads import limit_openmp


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_transforms_are_numpys_in_the_precision_of_the_input(rng, dtype):
    image = (rng.normal(size=(3, 20, 14)) + 1j * rng.normal(size=(3, 20, 14))).astype(dtype)
    shape = (24, 18)
    eps = np.finfo(dtype).eps
    for ours, theirs in ((transforms.fft2, np.fft.fft2), (transforms.ifft2, np.fft.ifft2)):
        for size in (None, shape):
            got, expected = ours(image, size), theirs(image.astype(complex), size)
            assert got.dtype == dtype
            np.testing.assert_allclose(got, expected, atol=20 * eps * abs(expected).max())
    got = transforms.irfft2(transforms.rfft2(image.real, shape), shape)
    assert got.dtype == image.real.dtype
    np.testing.assert_allclose(got[:, :20, :14], image.real, atol=20 * eps * abs(image).max())


def test_threads_are_those_of_openmp_and_change_no_bit(rng):
    image = rng.normal(size=(40, 32, 36)) + 1j * rng.normal(size=(40, 32, 36))
    before = transforms.threads()
    found = []
    try:
        for count in (1, 3):
            if not limit_openmp(count):
                pytest.fail("no library of OpenMP is loaded")
            assert transforms.threads() == count
            found.append(transforms.fft2(image))
    finally:
        limit_openmp(before)
    np.testing.assert_array_equal(*found)
