"""A reader's own estimator over windows, compiled: against plain Python on each window, and the library's coherence."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from m3leo_sar import Window, coherence
from m3leo_sar.insar import window_estimators as estimators
from m3leo_sar.insar.window_map import stack_window_map, window_map

pytest.importorskip("numba", reason="numba is not installed")
WINDOW = Window(rows=3, cols=6)
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))


def speckle(rng, *shape):
    return rng.standard_normal((*shape, 2)).astype("float32").view("complex64")[..., 0]


@pytest.fixture
def pair(rng):
    first = speckle(rng, 23, 31)
    second = (0.7 * first + 0.7 * speckle(rng, 23, 31)).astype("complex64")
    first[7:10, 11:19] = np.nan
    second[20, 2] = np.inf
    return first, second


def by_hand(function, images, window, *, min_valid=0.5, fill_gaps=False, whole=False):
    """Oracle: the function itself, as Python, on the samples of each window."""
    images = np.stack(images)
    valid = np.isfinite(images).all(axis=0)
    rows, cols = valid.shape
    results = np.full((rows, cols), np.nan, object)
    for row, col in np.ndindex(rows, cols):
        down = slice(max(0, row - window.rows // 2), row - window.rows // 2 + window.rows)
        across = slice(max(0, col - window.cols // 2), col - window.cols // 2 + window.cols)
        inside = valid[down, across]
        if inside.sum() == 0 or inside.sum() < min_valid * inside.size or not (valid[row, col] or fill_gaps):
            continue
        samples = images[:, down, across][:, inside]
        results[row, col] = function(samples) if whole else function(*samples)
    return results


@pytest.mark.parametrize("name", ["entropy_distance", "phase_variance"])
@pytest.mark.parametrize("fill_gaps", [False, True])
def test_estimators_of_two_dates_agree_with_plain_python(pair, name, fill_gaps):
    function = getattr(estimators, name)
    got = window_map(function, *pair, window=WINDOW, fill_gaps=fill_gaps)
    expected = by_hand(function, pair, WINDOW, fill_gaps=fill_gaps).astype(float)
    assert got.dtype == np.float32
    # Sums run in another order than NumPy's, which shows where the distance is next to none.
    np.testing.assert_allclose(got, expected, rtol=2e-6, atol=1e-7)
    assert np.isnan(got).sum() >= 4


def test_an_estimator_of_all_dates_agrees_with_plain_python(pair, rng):
    stack = np.stack([*pair, speckle(rng, 23, 31)])
    got = stack_window_map(estimators.log_cumulant_looks, stack, window=WINDOW)
    expected = by_hand(estimators.log_cumulant_looks, stack, WINDOW, whole=True).astype(float)
    np.testing.assert_allclose(got, expected, rtol=2e-6)


@hypothesis.settings(max_examples=12)
@hypothesis.given(st.integers(1, 7), st.integers(1, 9), st.floats(0, 1), st.booleans(), st.integers(0, 99))
def test_coherence_restated_is_the_librarys(rows, cols, min_valid, fill_gaps, seed):
    rng = np.random.default_rng(seed)
    first, second = speckle(rng, 19, 29), speckle(rng, 19, 29)
    first[rng.random(first.shape) < 0.2] = np.nan
    window = Window(rows=rows, cols=cols)
    options = {"window": window, "min_valid": min_valid, "fill_gaps": fill_gaps}
    got = window_map(estimators.coherence_of_means, first, second, terms=estimators.coherence_terms, **options)
    assert isinstance(got, estimators.CoherenceOfMeans)
    expected = coherence(first, second, output="all", **options)
    np.testing.assert_array_equal(np.isnan(got.coherence), np.isnan(expected.coherence))
    np.testing.assert_allclose(got.coherence, expected.coherence, atol=1e-6)
    turn = np.angle(np.exp(1j * (got.phase - expected.phase.astype(float))))
    assert np.nanmax(np.abs(turn) * np.nan_to_num(got.coherence), initial=0) < 1e-4


def test_a_tile_with_its_halo_is_the_crop_of_the_whole(rng):
    first, second = speckle(rng, 71, 1100), speckle(rng, 71, 1100)
    window = Window(rows=5, cols=20)
    part = slice(17, 60), slice(300, 1050)
    for options in ({"terms": estimators.coherence_terms}, {}):
        function = estimators.coherence_of_means if options else estimators.entropy_distance
        whole = window_map(function, first, second, window=window, **options)
        tile = window_map(function, first[part], second[part], window=window, **options)
        whole, tile = (result[0] if isinstance(result, tuple) else result for result in (whole, tile))
        inner = slice(2, -2), slice(10, -9)
        np.testing.assert_array_equal(tile[inner], whole[part][inner])


def test_pairs_of_a_stack_and_results_of_every_kind(rng):
    stack = np.stack([speckle(rng, 9, 14) for _ in range(3)]).astype("complex128")

    class Shares(NamedTuple):
        mean: complex
        count: int

    def shares(reference, secondary):
        # Without NumPy's mean, which alone takes seconds to compile.
        total = 0j
        for index in range(len(reference)):
            total += reference[index] * np.conj(secondary[index])
        return Shares(total / len(reference), len(reference))

    got = window_map(shares, stack, pairs=[(0, 1), (2, 0)], window=WINDOW)
    assert type(got) is Shares
    assert (got.mean.dtype, got.count.dtype, got.mean.shape) == (np.complex128, np.float64, (2, 9, 14))
    assert got.count[0, 4, 6] == 18
    expected = (stack[2, 3:6, 3:9] * stack[0, 3:6, 3:9].conj()).mean()
    assert got.mean[1, 4, 6] == pytest.approx(expected)
    one = window_map(lambda power, count: (power, count), stack, pairs=(0, 1), terms=lambda a, b: abs(a), window=WINDOW)
    assert type(one) is tuple
    assert one[0].shape == (9, 14)
    assert one[0][4, 6] == pytest.approx(np.abs(stack[0, 3:6, 3:9]).mean())


@pytest.mark.parametrize(
    ("function", "options", "message"),
    [
        ("coherence", {}, "function must be a function, got str"),
        (lambda a, b: "x", {}, "function must return a number or a tuple of numbers, got"),
        (lambda a: 1.0, {}, "function must compile under Numba for arguments"),
        (lambda a, b: a.undefined, {}, "function must compile under Numba for arguments .* got: "),
        (lambda m, n: 1.0, {"terms": lambda a, b: [a]}, "terms must return a number or a tuple"),
        (lambda a, b: 1.0, {"min_valid": 2}, "min_valid must lie in"),
        (lambda a, b: 1.0, {"window": Window.gaussian(rows=3, cols=3)}, "window must have no weights"),
    ],
)
def test_bad_functions_say_what_is_wrong(pair, function, options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        window_map(function, *pair, **{"window": WINDOW, **options})


def test_known_laws(rng):
    """Single-look speckle has one look; equal powers have no distance; independent phases spread without bound."""
    stack = np.stack([speckle(rng, 60, 70) for _ in range(5)])
    window = Window(rows=11, cols=13)
    looks = stack_window_map(estimators.log_cumulant_looks, stack, window=window)
    assert np.mean(looks) == pytest.approx(1, abs=0.05)
    averaged = np.sqrt(np.mean(np.abs([speckle(rng, 60, 70) for _ in range(4)]) ** 2, axis=0)).astype("complex64")
    four = stack_window_map(estimators.log_cumulant_looks, averaged[None], window=window)
    assert np.mean(four) == pytest.approx(4, rel=0.1)
    distance = window_map(estimators.entropy_distance, stack[0], 3 * stack[0], window=window)
    np.testing.assert_allclose(distance, (9 - 1) ** 2 / (2 * 9), rtol=1e-5)
    ramp = np.exp(1j * 0.1 * np.arange(70)).astype("complex64")
    spread = window_map(estimators.phase_variance, stack[0] * ramp, stack[0], window=window)
    steps = np.exp(1j * 0.1 * np.arange(13))
    assert spread[30, 35] == pytest.approx(-2 * math.log(abs(steps.mean())), rel=1e-3)


SIMULATED = """
import sys
import numpy as np
from m3leo_sar._backend import window_estimator_cuda as gpu
from m3leo_sar._backend.window_request import WindowRequest
from m3leo_sar.insar import window_estimators as e

given = np.load(sys.argv[1])
a, b, request = given["a"], given["b"], WindowRequest((3, 4), 0.5, True)
outs = {name: np.full(a.shape, -7, "f4") for name in ("entropy", "looks", "coherence", "phase")}
gpu.over_samples(e.entropy_distance, (a, b), (outs["entropy"],), request, whole=False)
gpu.over_samples(e.log_cumulant_looks, (a, b, a + b), (outs["looks"],), request, whole=True)
gpu.over_means(e.coherence_of_means, e.coherence_terms, (a, b), (outs["coherence"], outs["phase"]), request)
for name, out in outs.items():
    np.testing.assert_allclose(out, given[name], rtol=1e-5, atol=1e-6, err_msg=name)
    assert np.isnan(out).sum() == 3
print("equal")
"""


def test_the_cuda_kernels_agree_in_numbas_simulator(rng, tmp_path):
    """Numba's own simulator of CUDA runs the kernels as Python; a GPU runs the same text."""
    a, b = speckle(rng, 7, 11), speckle(rng, 7, 11)
    a[2, 3:6] = np.nan
    window = Window(rows=3, cols=4)
    maps = coherence(a, b, window=window, output="all")
    entropy = by_hand(estimators.entropy_distance, (a, b), window).astype(float)
    looks = by_hand(estimators.log_cumulant_looks, (a, b, a + b), window, whole=True).astype(float)
    np.savez(tmp_path / "given.npz", a=a, b=b, entropy=entropy, looks=looks, coherence=maps.coherence, phase=maps.phase)
    done = subprocess.run(
        [sys.executable, "-c", SIMULATED, str(tmp_path / "given.npz")],
        env={**os.environ, "NUMBA_ENABLE_CUDASIM": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "equal", done.stderr[-2000:]


def test_jobs_of_estimators_agree_with_the_kernel():
    """The benchmark; here, as the kernels that it compiles are those of the tests above."""
    import window_map as estimating

    jobs = estimating.jobs(40)
    native, restated = jobs["native coherence"](), jobs["window_map, terms"]()
    np.testing.assert_allclose(restated.coherence, native.coherence, atol=1e-6)
    assert estimating.filter_job(21)().shape == (21, 21)
