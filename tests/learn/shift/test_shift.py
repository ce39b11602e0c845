"""Distances between regions: closed forms, SciPy, what conditioning takes away, and the floors."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from m3leo_sar.learn.shift.conditional import UNKNOWN, conditional_distance, fraction_bins, terrain_bins
from m3leo_sar.learn.shift.distances import (
    histogram_wasserstein,
    normalised_l1,
    random_directions,
    sliced_wasserstein,
    wasserstein,
)
from m3leo_sar.learn.shift.matrix import ShiftMatrix, shift_matrix
from m3leo_sar.pictures.shift_picture import plot_shift

stats = pytest.importorskip("scipy.stats")
VALUES = st.floats(-1e4, 1e4, allow_nan=False)


def samples(most=40):
    return arrays(np.float64, st.integers(1, most), elements=VALUES)


def test_normalised_l1_is_half_the_difference_of_shares():
    assert normalised_l1([1, 1, 2], [10, 10, 20]) == 0
    assert normalised_l1([3, 0, 0], [0, 1, 1]) == 1
    assert normalised_l1([6, 4], [4, 6]) == pytest.approx(0.2)
    chips = np.array([[3.0, 1.0], [1.0, 3.0], [2.0, 0.0]])
    assert normalised_l1(chips, [1, 0]) == pytest.approx(0.4)
    assert normalised_l1([1, 0], chips) == normalised_l1(chips, [1, 0])


@settings(deadline=None, max_examples=60)
@given(samples(), samples())
def test_wasserstein_is_scipys_for_any_two_sizes(first, second):
    expected = stats.wasserstein_distance(first, second)
    assert wasserstein(first, second) == pytest.approx(expected, abs=1e-6, rel=1e-9)
    assert wasserstein(first, second) == pytest.approx(wasserstein(second, first), rel=1e-12, abs=1e-12)


@settings(deadline=None, max_examples=30)
@given(samples(), st.floats(-100, 100))
def test_a_shifted_sample_lies_its_shift_away(values, shift):
    assert wasserstein(values, values + shift) == pytest.approx(abs(shift), abs=1e-9)
    assert wasserstein(values, np.repeat(values, 3)) == pytest.approx(0, abs=1e-9)
    assert sliced_wasserstein(values[:, None], values[:, None] + shift, projections=3) == pytest.approx(
        abs(shift), abs=1e-9
    )


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 12), st.data())
def test_histogram_wasserstein_is_scipys_at_the_bin_centres(bins, data):
    counts = arrays(np.int64, bins, elements=st.integers(0, 50)).filter(np.any)
    first, second = data.draw(counts), data.draw(counts)
    edges = np.cumsum(np.random.default_rng(bins).uniform(0.1, 3, bins + 1))
    centres = (edges[1:] + edges[:-1]) / 2
    expected = stats.wasserstein_distance(centres, centres, first, second)
    assert histogram_wasserstein(first, second, edges=edges) == pytest.approx(expected, abs=1e-9)


def test_binning_costs_at_most_a_bin():
    rng = np.random.default_rng(0)
    first, second = rng.normal(0, 1, 500), rng.normal(0.7, 1.5, 700)
    edges = np.linspace(-8, 8, 65)
    binned = histogram_wasserstein(np.histogram(first, edges)[0], np.histogram(second, edges)[0], edges=edges)
    assert binned == pytest.approx(wasserstein(first, second), abs=edges[1] - edges[0])


def test_sliced_wasserstein_is_the_mean_of_the_projections():
    rng = np.random.default_rng(1)
    for sizes in ((50, 50), (50, 37)):
        first, second = rng.normal(size=(sizes[0], 3)), rng.normal(1, 2, size=(sizes[1], 3))
        directions = random_directions(3, projections=20, seed=4)
        expected = np.mean([stats.wasserstein_distance(first @ d, second @ d) for d in directions])
        assert sliced_wasserstein(first, second, projections=20, seed=4) == pytest.approx(expected, abs=1e-6)
        assert sliced_wasserstein(second, first, projections=20, seed=4) == pytest.approx(expected, abs=1e-6)


def test_sliced_wasserstein_is_pots_along_the_same_directions(rng):
    ot = pytest.importorskip("ot", reason="POT is not installed")
    first, second = rng.normal(size=(37, 5)), rng.normal(1, 2, size=(23, 5))
    directions = random_directions(5, projections=31, seed=9)
    expected = ot.sliced_wasserstein_distance(first, second, projections=directions.T, p=1)
    assert sliced_wasserstein(first, second, projections=31, seed=9) == pytest.approx(float(expected), rel=1e-9)


def test_a_translation_gives_its_length_times_the_mean_cosine():
    embeddings, move = np.random.default_rng(2).normal(size=(200, 2)), np.array([3.0, -4.0])
    exact = np.abs(random_directions(2, projections=512, seed=0) @ move).mean()
    assert sliced_wasserstein(embeddings, embeddings + move) == pytest.approx(exact, abs=1e-9)
    # Three standard errors of the mean of |cos| over 512 directions, whose spread is 0.31.
    assert exact == pytest.approx(5 * 2 / np.pi, abs=5 * 3 * 0.31 / 512**0.5)
    assert sliced_wasserstein(embeddings, embeddings) == 0
    np.testing.assert_allclose(np.linalg.norm(random_directions(5, projections=7), axis=1), 1)


def test_projecting_in_parts_changes_nothing(monkeypatch):
    from m3leo_sar.learn.shift import distances as shift_distances

    rng = np.random.default_rng(3)
    first, second = rng.normal(size=(60, 2)), rng.normal(size=(45, 2))
    whole = sliced_wasserstein(first, second, projections=33)
    monkeypatch.setattr(shift_distances, "_PROJECTED", 200)
    assert sliced_wasserstein(first, second, projections=33) == pytest.approx(whole, rel=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: wasserstein([1.0, np.nan], [1.0]), "first must be finite, got 1 of 2 values that are not"),
        (lambda: wasserstein([1.0], []), r"second must be \(samples,\) and not empty"),
        (lambda: wasserstein([[1.0]], [1.0]), r"first must be \(samples,\) and not empty, got shape \(1, 1\)"),
        (lambda: normalised_l1([1, 2], [1, 2, 3]), "second must have 2 classes as first has, got 3"),
        (lambda: normalised_l1([0, 0], [1, 2]), "first must be at least zero and not all zero"),
        (lambda: normalised_l1([1, 2], [1, -2]), "second must be at least zero and not all zero, got -2.0 to 1.0"),
        (lambda: histogram_wasserstein([1, 2], [1, 2], edges=[0, 1]), "edges must be 3 increasing values for 2 bins"),
        (lambda: histogram_wasserstein([1, 2], [1, 2], edges=[0, 2, 1]), "edges must be 3 increasing values"),
        (lambda: sliced_wasserstein(np.ones((3, 2)), np.ones((3, 4))), "second must have 2 dimensions .* got 4"),
        (lambda: sliced_wasserstein(np.ones((3, 2)), np.ones((3, 2)), projections=0), "projections .* got 0 and 2"),
        (lambda: terrain_bins([np.nan]), "values must be .* with one that is finite"),
        (lambda: terrain_bins([1.0], bins=0), "bins must be at least 1, got 0"),
        (lambda: terrain_bins([1.0], spacing="log"), "spacing must be 'quantile' or 'even', got 'log'"),
        (lambda: fraction_bins(np.ones((4, 2))), r"components .* got shape \(4, 2\) and 3 components"),
        (lambda: fraction_bins(np.full((4, 3), np.nan)), "fractions must hold a chip that is finite"),
        (
            lambda: conditional_distance([1.0], [2.0], bins=([0, 1], [0])),
            "bins must be integers, one per sample of first",
        ),
        (lambda: conditional_distance([1.0], [2.0], bins=([0], [0.5])), "one per sample of second"),
        (lambda: conditional_distance([1.0], [2.0], bins=([0], [0]), least=0), "least must be at least 1, got 0"),
        (lambda: shift_matrix({"a": np.ones(9)}), "samples must hold at least two regions, got 1"),
        (
            lambda: shift_matrix({"a": np.ones(9), "b": np.ones(3)}),
            r"needs 4 samples \(chips with valid pixels\) or more per region, b has 3",
        ),
        (lambda: shift_matrix({"a": np.ones(9), "b": np.ones(9)}, splits=0), "splits must be at least 1 .* got 0"),
        (
            lambda: shift_matrix({"a": np.ones(9), "b": np.ones(9)}, bins={"a": np.ones(9, int)}),
            "bins must hold the regions of samples, a, b, got a",
        ),
        (
            lambda: shift_matrix({"a": np.ones(9), "b": np.ones(9)}, bins=dict.fromkeys("ab", np.ones(8, int))),
            r"bins of a must be \(9,\), one per sample, got \(8,\)",
        ),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_terrain_bins_are_even_in_number_or_in_width():
    values = np.random.default_rng(0).exponential(1, 1000)
    counts = np.bincount(terrain_bins(values, bins=100), minlength=100)
    assert counts.tolist() == [10] * 100
    even = terrain_bins(values, bins=4, spacing="even")
    width = np.ptp(values) / 4
    assert even.tolist() == np.minimum(((values - values.min()) / width).astype(int), 3).tolist()
    sea = terrain_bins(np.concatenate([np.zeros(50), np.arange(1.0, 51)]), bins=10)
    assert len(set(sea[:50])) == 1
    assert sea[0] not in sea[50:]
    assert terrain_bins([np.nan, 1.0, np.inf], bins=3).tolist() == [UNKNOWN, 2, UNKNOWN]


def test_fraction_bins_cut_the_principal_components():
    rng = np.random.default_rng(0)
    fractions = rng.dirichlet([1, 2, 3, 1], size=2000)
    cells = fraction_bins(fractions)
    assert (cells.min(), cells.max() < 1000) == (0, True)
    centred = fractions - fractions.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    first = centred @ axes[:, -1]
    deciles = terrain_bins(first, bins=10)
    assert (cells // 100).tolist() in (deciles.tolist(), (9 - deciles).tolist())
    # Two classes hold one component; the second is rounding, and must not scatter the chips.
    share = rng.random(500)
    two = fraction_bins(np.stack([share, 1 - share], axis=1), components=2, bins=10)
    assert len(np.unique(two)) == 10
    broken = fractions.copy()
    broken[7, 2] = np.nan
    assert np.flatnonzero(fraction_bins(broken) == UNKNOWN).tolist() == [7]


def region(rng, heights, *, extra=0.0):
    """Values that depend on height alone, whatever the heights are."""
    return np.sin(heights) + 0.03 * heights**2 + rng.normal(0, 0.3, len(heights)) + extra


def test_conditioning_takes_away_what_terrain_explains():
    rng = np.random.default_rng(0)
    flat, steep = rng.uniform(0, 8, 6000), 10 * rng.beta(4, 2, 5000)
    bins = terrain_bins(np.concatenate([flat, steep]))
    pair = bins[:6000], bins[6000:]
    one, other = region(rng, flat), region(rng, steep)
    alike = conditional_distance(one, other, bins=pair)
    again = conditional_distance(region(rng, flat), one, bins=(pair[0], pair[0]))
    assert wasserstein(one, other) > 0.4
    assert alike.distance < 1.5 * again.distance < 0.2
    assert 0.5 < alike.coverage < 1
    moved = conditional_distance(one, other + 0.8, bins=pair)
    assert moved.distance == pytest.approx(0.8, abs=0.03)


def test_equal_p_of_x_given_y_is_no_shift_whatever_p_of_y_is():
    rng = np.random.default_rng(0)
    few, many = rng.choice(5, 20_000, p=[0.6, 0.1, 0.1, 0.1, 0.1]), rng.choice(5, 20_000, p=[0.1, 0.1, 0.1, 0.1, 0.6])
    one, other = (3.0 * y + rng.normal(0, 0.5, len(y)) for y in (few, many))
    assert wasserstein(one, other) == pytest.approx(0.5 * 4 * 3, abs=0.2)
    found = conditional_distance(one, other, bins=(few, many))
    assert found.distance < 0.03
    assert found.coverage == pytest.approx(1)


def test_a_conditional_distance_is_the_weighted_mean_of_its_bins():
    first, second = np.array([0.0, 1, 2, 10, 11, 50]), np.array([3.0, 1, 15, 14, 13, 99])
    bins = np.array([0, 0, 0, 1, 1, -1]), np.array([0, 0, 1, 1, 1, -1])
    weights = (3 / 6 + 2 / 6) / 2, (2 / 6 + 3 / 6) / 2
    distances = wasserstein([0, 1, 2], [1, 3]), wasserstein([10, 11], [13, 14, 15])
    found = conditional_distance(first, second, bins=bins, least=2)
    assert found.distance == pytest.approx(np.dot(weights, distances) / sum(weights))
    assert found.coverage == pytest.approx(sum(weights))
    # Samples whose bin is not known are alike in nothing, however many there are.
    unknown = conditional_distance(first, second, bins=(np.full(6, UNKNOWN),) * 2, least=2)
    assert unknown.coverage == 0
    nothing = conditional_distance(first, second, bins=bins, least=4)
    assert np.isnan(nothing.distance)
    assert nothing.coverage == 0


def test_a_matrix_tells_shift_from_chance():
    rng = np.random.default_rng(0)
    regions = {"a": rng.normal(0, 1, 200), "b": rng.normal(0, 1, 150), "c": rng.normal(0.8, 1, 180)}
    found = shift_matrix(regions)
    assert found.names == ("a", "b", "c")
    np.testing.assert_array_equal(found.distance, found.distance.T)
    assert found.distance[0, 2] == wasserstein(regions["a"], regions["c"])
    assert (np.diagonal(found.distance) == 0).all()
    assert found.p_value[0, 2] == found.p_value[2, 1] == 0.01
    assert found.p_value[0, 1] > 0.05
    assert found.distance[0, 1] < 1.5 * found.floor.max() < found.distance[0, 2] / 2
    assert (found.coverage == 1).all()
    for name, part in zip(found._fields, shift_matrix(regions), strict=True):
        np.testing.assert_array_equal(getattr(found, name), part)
    assert np.isnan(shift_matrix(regions, permutations=0, splits=1).p_value).all()


def test_p_values_of_equal_regions_are_spread_evenly():
    draws = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        regions = {"a": rng.normal(size=40), "b": rng.normal(size=30)}
        draws.append(shift_matrix(regions, permutations=39, splits=1, seed=seed).p_value[0, 1])
    assert stats.kstest(draws, "uniform").pvalue > 0.01


def test_equal_regions_are_not_distinguished_however_often_they_are_permuted():
    same = np.arange(20.0)
    found = shift_matrix({"a": same, "b": same.copy()})
    assert found.distance[0, 1] == 0
    assert found.p_value[0, 1] == 1
    constant = shift_matrix({"a": np.ones(9), "b": np.ones(7)})
    assert constant.p_value[0, 1] == 1


def test_a_small_shift_shows_among_bins_that_differ_much():
    rng = np.random.default_rng(3)
    bins = {name: rng.choice(5, 800) for name in ("a", "b")}
    regions = {name: 30.0 * cells + rng.normal(0.2 * (name == "b"), 0.5, 800) for name, cells in bins.items()}
    assert shift_matrix(regions, permutations=39, splits=1).p_value[0, 1] > 0.05
    assert shift_matrix(regions, bins=bins, permutations=39, splits=1).p_value[0, 1] == 1 / 40


def test_a_conditional_matrix_permutes_inside_bins():
    rng = np.random.default_rng(1)
    heights = {"low": 10 * rng.beta(2, 4, 900), "high": 10 * rng.beta(4, 2, 800), "other": 10 * rng.beta(3, 3, 850)}
    regions = {name: region(rng, values, extra=0.5 * (name == "other")) for name, values in heights.items()}
    pooled = terrain_bins(np.concatenate(list(heights.values())), bins=20)
    bins = dict(zip(heights, np.split(pooled, [900, 1700]), strict=True))
    bare = shift_matrix(regions, permutations=39, splits=5)
    given_height = shift_matrix(regions, bins=bins, permutations=39, splits=5)
    assert bare.p_value[0, 1] <= 0.05 < given_height.p_value[0, 1]
    assert given_height.p_value[0, 2] <= 0.05
    assert given_height.distance[0, 1] < 0.3 * bare.distance[0, 1]
    assert 0.5 < given_height.coverage[0, 1] < 1
    apart = shift_matrix(
        {"a": np.arange(20.0), "b": np.arange(20.0)}, bins={"a": np.zeros(20, int), "b": np.ones(20, int)}
    )
    assert np.isnan([apart.distance[0, 1], apart.p_value[0, 1]]).all()
    assert apart.coverage[0, 1] == 0


def test_matrices_of_embeddings_and_of_class_shares():
    rng = np.random.default_rng(2)
    embeddings = {"a": rng.normal(size=(60, 4)), "b": rng.normal(1, 1, size=(70, 4))}
    found = shift_matrix(embeddings, distance=partial(sliced_wasserstein, projections=16), permutations=19, splits=3)
    assert found.p_value[0, 1] == 0.05
    shares = {"a": rng.dirichlet([5, 1, 1], 50), "b": rng.dirichlet([1, 1, 5], 40)}
    found = shift_matrix(shares, distance=normalised_l1, permutations=19, splits=3)
    assert found.distance[0, 1] == pytest.approx(4 / 7, abs=0.1)
    assert found.floor.max() < 0.1


def test_a_matrix_is_drawn_with_its_floor_on_the_diagonal(tmp_path, monkeypatch):
    from matplotlib.axes import Axes

    written, text = [], Axes.text
    monkeypatch.setattr(
        Axes,
        "text",
        lambda self, x, y, s, *args, **kwargs: (written.append(s), text(self, x, y, s, *args, **kwargs))[1],
    )
    nan = np.nan
    distance = np.array([[0, 0.12345, nan], [0.12345, 0, 2], [nan, 2, 0]])
    p_value = np.array([[nan, 0.3, nan], [0.3, nan, 0.01], [nan, 0.01, nan]])
    matrix = ShiftMatrix(("a", "b", "c"), distance, np.array([0.1, 0.2, 0.3]), p_value, np.ones((3, 3)))
    plot_shift(matrix, title="t", unit="dB", path=tmp_path / "shift.png")
    assert (tmp_path / "shift.png").stat().st_size > 5000
    row = ["floor\n0.1", "(0.123)", "none\nshared", "(0.123)", "floor\n0.2", "2", "none\nshared", "2", "floor\n0.3"]
    assert [entry for entry in written if entry] == row
    with pytest.raises(ValueError, match="level must lie between 0 and 1, got 5"):
        plot_shift(matrix, level=5)
