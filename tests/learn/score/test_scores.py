"""Scores by brute force, against torchmetrics, and their intervals over tiles."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from m3leo_sar.learn.data.labels import IGNORE
from m3leo_sar.learn.score.metrics import Confusion
from m3leo_sar.learn.score.scores import RegressionScores, SegmentationScores
from m3leo_sar.learn.score.tile_bootstrap import confusion_by_tile, miou_interval, rmse_interval, squares_by_tile

CLASSES = 5


@pytest.fixture
def batches():
    """Class 4 never occurs; class 3 is predicted alone in some batches; the last batch has no label."""
    rng = np.random.default_rng(0)
    target = rng.integers(0, 3, (4, 8, 6, 7))
    predicted = np.where(rng.random(target.shape) < 0.6, target, rng.integers(0, 4, target.shape))
    predicted[1] = np.minimum(predicted[1], 2)
    target[rng.random(target.shape) < 0.1] = IGNORE
    target[3] = IGNORE
    return torch.from_numpy(predicted), torch.from_numpy(target)


def values(seed=0, shape=(6, 9, 5)):
    rng = np.random.default_rng(seed)
    target = rng.gamma(2, 40, shape)
    predicted = target + rng.normal(3, 10, shape)
    target[rng.random(shape) < 0.2] = np.nan
    return torch.from_numpy(predicted), torch.from_numpy(target), torch.from_numpy(rng.random(shape) < 0.7)


def test_the_papers_protocol_is_torchmetrics_batch_by_batch(batches):
    classification = pytest.importorskip("torchmetrics.classification")
    scores = SegmentationScores(CLASSES)
    expected = []
    for predicted, target in zip(*batches, strict=True):
        scores.update(predicted, target)
        if (target != IGNORE).any():
            metric = classification.MulticlassJaccardIndex(CLASSES, ignore_index=IGNORE)
            expected.append(float(metric(predicted, target)))
    assert len(expected) == 3
    assert scores.mean_iou("paper") == pytest.approx(np.mean(expected), rel=1e-6)


def test_the_global_protocol_does_not_depend_on_batches(batches):
    whole, parts, known = SegmentationScores(CLASSES), SegmentationScores(CLASSES), Confusion(CLASSES)
    whole.update(*(part.flatten() for part in batches))
    known.update(*(part.flatten() for part in batches))
    for predicted, target in zip(*batches, strict=True):
        parts.update(predicted, target)
    assert whole.mean_iou() == parts.mean_iou("global") == known.mean_iou()
    assert parts.mean_iou("paper") != parts.mean_iou("global")
    assert math.isnan(SegmentationScores(3).mean_iou("paper"))
    with pytest.raises(ValueError, match="protocol must be one of global, paper, got 'micro'"):
        parts.mean_iou("micro")


def test_errors_are_those_of_brute_force():
    predicted, target, mask = values()
    scores = RegressionScores()
    for parts in zip(predicted, target, mask, strict=True):
        scores.update(*parts)
    kept = (mask & ~target.isnan()).numpy()
    errors = predicted.numpy()[kept] - target.numpy()[kept]
    assert scores.count == kept.sum()
    assert scores.rmse() == pytest.approx(np.sqrt(np.mean(errors**2)), rel=1e-12)
    assert scores.mae() == pytest.approx(np.mean(np.abs(errors)), rel=1e-12)
    assert scores.bias() == pytest.approx(np.mean(errors), rel=1e-12)
    by_batch = [
        np.sqrt(np.mean((p[k] - t[k]) ** 2)) for p, t, k in zip(predicted.numpy(), target.numpy(), kept, strict=True)
    ]
    assert scores.rmse("paper") == pytest.approx(np.mean(by_batch), rel=1e-12)
    assert scores.rmse("paper") < scores.rmse("global")


def test_the_papers_rmse_is_torchmetrics_on_integers():
    regression = pytest.importorskip("torchmetrics")
    predicted, target, _ = values()
    target = torch.nan_to_num(target, nan=7.9)
    scores, expected = RegressionScores(truncate_targets=True), []
    for guess, truth in zip(predicted, target, strict=True):
        scores.update(guess, truth)
        expected.append(float(regression.MeanSquaredError(squared=False)(guess, truth.int().double())))
    assert scores.rmse("paper") == pytest.approx(np.mean(expected), rel=1e-6)
    # Cutting what a perfect model says exactly is an error of its own: 1 / sqrt(3) for even parts.
    even = torch.arange(1000) / 1000 + 3
    cut = RegressionScores(truncate_targets=True)
    cut.update(even, even)
    assert cut.rmse() == pytest.approx(3**-0.5, abs=1e-3)
    cut.update(torch.tensor([-1.5]), torch.tensor([-1.5]))
    assert cut.error == pytest.approx(499.5 - 0.5, abs=1e-3)


def test_merged_scores_are_those_of_one_run():
    whole, first, second = RegressionScores(), RegressionScores(), RegressionScores()
    for index, parts in enumerate(zip(*values(), strict=True)):
        whole.update(*parts)
        (first if index < 2 else second).update(*parts)
    first.merge(second)
    assert first.count == whole.count
    for name in ("rmse", "mae", "bias"):
        assert getattr(first, name)() == pytest.approx(getattr(whole, name)(), rel=1e-14)
    assert first.rmse("paper") == whole.rmse("paper")
    with pytest.raises(ValueError, match="other must have truncate_targets=False, got True"):
        first.merge(RegressionScores(truncate_targets=True))


def test_small_errors_on_large_values_are_not_lost():
    target = torch.full((1_000_000,), 1e4)
    scores = RegressionScores()
    scores.update(target + 0.001953125, target)
    assert scores.rmse() == pytest.approx(0.001953125, rel=1e-9)
    assert scores.bias() == pytest.approx(0.001953125, rel=1e-9)


def test_what_does_not_count_is_left_out_and_nothing_else_is():
    scores = RegressionScores()
    scores.update(torch.ones(3), torch.full((3,), torch.nan))
    scores.update(torch.ones(3), torch.ones(3), torch.zeros(3, dtype=torch.bool))
    assert scores.count == 0
    assert all(math.isnan(score) for score in (scores.rmse(), scores.rmse("paper"), scores.mae(), scores.bias()))
    scores.update(torch.tensor([torch.nan, 1.0]), torch.ones(2))
    assert math.isnan(scores.rmse())
    with pytest.raises(ValueError, match=r"predicted must have the shape of target, \(2, 1\), got \(2,\)"):
        scores.update(torch.ones(2), torch.ones(2, 1))
    with pytest.raises(ValueError, match=r"mask must have the shape of target, \(2,\), got \(1,\)"):
        scores.update(torch.ones(2), torch.ones(2), torch.ones(1, dtype=torch.bool))


def miou_of(counts):
    seen = Confusion(counts.shape[-1])
    seen.counts = torch.from_numpy(counts.sum(axis=0))
    return seen.mean_iou()


def test_intervals_are_those_of_tiles_drawn_one_by_one(batches):
    counts = confusion_by_tile(*(part[:3].flatten(0, 1) for part in batches), classes=CLASSES)
    assert counts.shape == (24, CLASSES, CLASSES)
    found = miou_interval(counts, seed=1)
    assert found.score == pytest.approx(miou_of(counts), rel=1e-12)
    rng = np.random.default_rng(9)
    drawn = [miou_of(counts[rng.integers(0, 24, 24)]) for _ in range(2000)]
    spread = np.std(drawn)
    np.testing.assert_allclose(found[1:], np.quantile(drawn, [0.025, 0.975]), atol=0.2 * spread)
    assert found == miou_interval(counts, seed=1)
    assert found != miou_interval(counts, seed=2)
    narrow = miou_interval(counts, seed=1, level=0.5)
    assert found.low < narrow.low < narrow.score < narrow.high < found.high


def test_drawing_in_parts_changes_nothing(batches, monkeypatch):
    from m3leo_sar.learn.score import tile_bootstrap

    counts = confusion_by_tile(*(part[0] for part in batches), classes=CLASSES)
    whole = miou_interval(counts, draws=33)
    monkeypatch.setattr(tile_bootstrap, "_WEIGHTS", 40)
    assert miou_interval(counts, draws=33) == whole


def test_an_interval_holds_the_truth_as_often_as_it_says():
    inside = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        # Errors of a tile share a size, so its pixels are no independent draws.
        errors = rng.normal(size=(60, 50)) * rng.choice([1.0, 3.0], (60, 1))
        squares = np.stack([(errors**2).sum(axis=1), np.full(60, 50)], axis=1)
        found = rmse_interval(squares, draws=300, seed=seed)
        inside += found.low <= math.sqrt(5) <= found.high
    assert 0.88 <= inside / 200 <= 0.99


def test_squares_of_tiles_make_the_global_score():
    predicted, target, mask = values()
    squares = squares_by_tile(predicted, target, mask)
    scores = RegressionScores()
    scores.update(predicted, target, mask)
    found = rmse_interval(squares)
    assert found.score == pytest.approx(scores.rmse(), rel=1e-12)
    assert found.low < found.score < found.high
    assert squares_by_tile(predicted, target)[:, 1].sum() == (~target.isnan()).sum()


def test_a_class_of_one_tile_counts_where_it_is_drawn():
    counts = np.zeros((2, 2, 2), np.int64)
    counts[0, 0, 0], counts[1, 1, 0] = 10, 10
    # Draws: both tiles (0.5 and 0), the first twice (1), the second twice (0).
    assert miou_interval(counts) == (0.25, 0.0, 1.0)
    empty = miou_interval(np.zeros((3, 2, 2)))
    assert math.isnan(empty.score)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: miou_interval(np.zeros((3, 2, 4))),
            r"confusion must be \(tiles, classes, classes\), got .*\(3, 2, 4\)",
        ),
        (lambda: miou_interval(np.zeros((0, 2, 2))), "confusion must hold at least one tile"),
        (lambda: miou_interval(-np.ones((1, 2, 2))), "confusion must hold .* nothing below zero"),
        (lambda: rmse_interval(np.zeros((3, 3))), r"squares must be \(tiles, 2\), got shape \(3, 3\)"),
        (lambda: rmse_interval(np.full((3, 2), np.nan)), "squares must hold .* nothing below zero"),
        (lambda: rmse_interval(np.ones((3, 2)), draws=0), "draws must be at least 1 .* got 0 and 0.95"),
        (lambda: rmse_interval(np.ones((3, 2)), level=95), "level between 0 and 1, got 2000 and 95"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
