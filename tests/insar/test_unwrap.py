import numpy as np
import pytest

from m3leo_sar.insar.unwrap import unwrap


def scene(rng, *, noise=0.25):
    row, col = np.indices((120, 150))
    truth = 14 * np.exp(-((row - 55) ** 2 + (col - 80) ** 2) / 1500) + 0.08 * row
    return truth, np.exp(1j * (truth + rng.normal(0, noise, truth.shape))).astype("complex64")


@pytest.mark.parametrize("method", ["whirlwind", "snaphu"])
def test_a_hill_of_many_turns_comes_back(rng, method):
    pytest.importorskip(method)
    truth, image = scene(rng)
    image[5:9, 3:40] = np.nan
    found = unwrap(image, np.full(truth.shape, 0.9), equivalent_looks=20, method=method)
    known = ~np.isnan(image)
    np.testing.assert_array_equal(np.isnan(found.phase), ~known)
    wrapped = np.angle(np.exp(1j * (found.phase - np.angle(image))))
    assert abs(wrapped[known]).max() < 1e-3
    error = found.phase - truth
    assert abs(error - np.nanmedian(error))[known & (found.components == 1)].max() < 2.0
    assert np.mean(found.components[known] == 1) > 0.95


@pytest.mark.parametrize("method", ["whirlwind", "snaphu"])
def test_a_mask_leaves_samples_out_beside_what_the_values_say(rng, method):
    pytest.importorskip(method)
    rows, cols = np.mgrid[:60, :70]
    image = np.exp(1j * 0.3 * (rows + cols)).astype(np.complex64)
    image[40, 50] = np.nan
    mask = np.ones(image.shape, bool)
    mask[:7, :9] = False
    found = unwrap(image, np.full(image.shape, 0.9), equivalent_looks=20, method=method, mask=mask)
    assert np.isnan(found.phase[:7, :9]).all()
    assert np.isnan(found.phase[40, 50])
    assert np.isnan(found.phase).sum() == 64
    for wrong in (mask[1:], mask.astype("f4")):
        with pytest.raises(ValueError, match="mask must be bool of the shape of interferogram"):
            unwrap(image, np.full(image.shape, 0.9), equivalent_looks=20, method=method, mask=wrong)


def test_a_missing_package_and_bad_input_are_named(rng, monkeypatch):
    import sys

    truth, image = scene(rng)
    good = np.ones(truth.shape)
    monkeypatch.setitem(sys.modules, "snaphu", None)
    with pytest.raises(ImportError, match="unwrapping with snaphu needs it: pip install snaphu"):
        unwrap(image, good, equivalent_looks=5, method="snaphu")
    for arguments, message in (
        ((image, good[1:], 5), "coherence must have the shape of interferogram"),
        ((image, good, 0.5), "looks must be at least 1, got 0.5"),
        ((image * np.nan, good, 5), "must have a valid pixel, got none"),
    ):
        with pytest.raises(ValueError, match=message):
            unwrap(arguments[0], arguments[1], equivalent_looks=arguments[2])
    with pytest.raises(ValueError, match="method must be one of whirlwind, snaphu, got 'mcf'"):
        unwrap(image, good, equivalent_looks=5, method="mcf")
