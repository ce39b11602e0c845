"""Scores of test sets that hold many samples of one tile, as pairs make them, and maps where there is no input."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pair_store import dataset_of, prepared
from torch.utils.data import DataLoader

from m3leo_sar.learn.data.pair_dataset import as_fetched
from m3leo_sar.learn.score import tile_bootstrap
from m3leo_sar.learn.score.tile_bootstrap import (
    TileSums,
    confusion_by_tile,
    miou_interval,
    rmse_interval,
    squares_by_tile,
)
from m3leo_sar.learn.tasks.regression import RegressionTask
from m3leo_sar.learn.tasks.segmentation import SegmentationTask

TILES, PAIRS, CLASSES, ROWS, COLS = 10, 30, 3, 4, 6


class Copy(torch.nn.Module):
    """What it is given, as its answer."""

    def forward(self, image):
        return image


class Grid(torch.nn.Module):
    """Its own answer for each cell, whatever it is given."""

    def forward(self, image):
        return torch.full((len(image), 1, 2, 3), 0.5)


def samples(channels, *, seed=0, name="identifier"):
    """Samples of which each tile has ``PAIRS``, in random order; all of a tile are equally hard."""
    rng = np.random.default_rng(seed)
    tile = rng.permutation(np.repeat(np.arange(TILES), PAIRS))
    ease = rng.uniform(0, 4, TILES)[tile]
    shape = (TILES * PAIRS, ROWS, COLS)
    truth = rng.integers(0, CLASSES, shape)
    images = rng.normal(size=(len(tile), channels, ROWS, COLS))
    if channels == CLASSES:
        images += ease[:, None, None, None] * (np.arange(CLASSES)[:, None, None] == truth[:, None])
    else:
        truth, images = truth.astype(np.float32), truth[:, None] + ease[:, None, None, None] * images
    masks = np.broadcast_to(rng.random((len(tile), 1, ROWS, COLS)) < 0.9, images.shape)
    parts = zip(torch.from_numpy(images.astype(np.float32)), torch.from_numpy(masks.copy()), truth, tile, strict=True)
    return [
        {"image": image, "mask": mask, "target": torch.from_numpy(target), name: f"tile-{number}"}
        for image, mask, target, number in parts
    ], tile


def scored(task, data, *, batch=7, **options):
    task.note = lambda stage, loss, samples: loss
    task.on_test_epoch_start()
    for index, part in enumerate(DataLoader(data, batch, **options)):
        task.test_step(part, index)
    task.on_test_epoch_end()
    return task.scores()


def summed(rows, tile):
    return np.stack([rows[tile == number].sum(axis=0) for number in range(TILES)])


def segmentation():
    return SegmentationTask(Copy(), classes=CLASSES)


def masked(data, value):
    return torch.stack([torch.where(part["mask"][0], part["target"], value) for part in data])


def test_classes_of_many_pairs_are_as_certain_as_their_tiles_are():
    data, tile = samples(CLASSES)
    found = scored(segmentation(), data)
    predicted = torch.stack([torch.where(part["mask"], part["image"], 0) for part in data]).argmax(1)
    rows = confusion_by_tile(predicted, masked(data, 255), classes=CLASSES)
    by_hand = miou_interval(summed(rows, tile))
    assert found["miou_interval"] == [by_hand.low, by_hand.high]
    assert found["miou"] == pytest.approx(by_hand.score, rel=1e-12)
    of_samples = miou_interval(rows)
    assert by_hand.high - by_hand.low > 2 * (of_samples.high - of_samples.low)


def test_values_of_many_pairs_are_as_certain_as_their_tiles_are():
    data, tile = samples(1)
    found = scored(RegressionTask(Copy()), data)
    predicted = torch.stack([torch.where(part["mask"], part["image"], 0)[0] for part in data])
    rows = squares_by_tile(predicted, masked(data, torch.nan))
    by_hand = rmse_interval(summed(rows, tile))
    assert found["rmse_interval"] == pytest.approx([by_hand.low, by_hand.high], rel=1e-12)
    assert found["rmse"] == pytest.approx(by_hand.score, rel=1e-12)
    of_samples = rmse_interval(rows)
    assert by_hand.high - by_hand.low > 2 * (of_samples.high - of_samples.low)


def test_neither_batches_nor_their_order_change_an_interval():
    data, _ = samples(CLASSES)
    first = scored(segmentation(), data)["miou_interval"]
    assert scored(segmentation(), data[::-1], batch=11)["miou_interval"] == first


def test_samples_that_name_no_tile_count_one_by_one():
    data, _ = samples(CLASSES, name="other")
    found = scored(segmentation(), data)
    predicted = torch.stack([torch.where(part["mask"], part["image"], 0) for part in data]).argmax(1)
    by_hand = miou_interval(confusion_by_tile(predicted, masked(data, 255), classes=CLASSES))
    assert found["miou_interval"] == [by_hand.low, by_hand.high]


@pytest.mark.parametrize("task", [segmentation, lambda: RegressionTask(Copy())])
def test_a_tile_that_several_processes_saw_is_one(monkeypatch, task):
    """Every other sample in each of two processes is all of them in one."""
    data, _ = samples(CLASSES if task is segmentation else 1)
    seen, other = task(), task()
    scored(other, data[1::2])

    def gathered(own):
        return [own, other.by_tile] if isinstance(own, TileSums) else [own]

    monkeypatch.setattr(tile_bootstrap, "gathered", gathered)
    scored(seen, data[::2])
    monkeypatch.undo()
    whole = task()
    scored(whole, data)
    assert len(seen.by_tile.rows()) == TILES
    np.testing.assert_allclose(seen.by_tile.rows(), whole.by_tile.rows(), rtol=1e-12)


def test_batches_of_pairs_name_their_tiles(tmp_path):
    """Six tiles of ten pairs each, as the loader of pairs hands them over, and collated sample by sample."""
    held = prepared(tmp_path)
    data, model = dataset_of(held, missing="mask"), torch.nn.Conv2d(4, 11, 1)
    whole, collated = (SegmentationTask(model, classes=11) for _ in range(2))
    with torch.no_grad():
        scored(whole, data, collate_fn=as_fetched)
        scored(collated, [data[index] for index in range(len(data))])
    assert len(data) == 60
    assert len(whole.by_tile.rows()) == 6
    np.testing.assert_array_equal(collated.by_tile.rows(), whole.by_tile.rows())
    np.testing.assert_array_equal(whole.by_tile.rows().sum(axis=0), whole.seen["test"].confusion.counts)


def test_sums_of_tiles_are_those_of_plain_loops():
    rows, names = np.arange(24).reshape(6, 2, 2), ["c", "a", "c", "b", "a", "c"]
    sums, before = TileSums(), rows.copy()
    sums.add(rows[:2], names[:2])
    sums.add(rows[:1])
    sums.add(rows[2:], names[2:])
    wanted = [rows[1] + rows[4], rows[3], rows[0] + rows[2] + rows[5], rows[0]]
    np.testing.assert_array_equal(sums.rows(), wanted)
    assert sums.rows().dtype == rows.dtype
    np.testing.assert_array_equal(sums.together().rows(), wanted)
    np.testing.assert_array_equal(rows, before)
    with pytest.raises(ValueError, match="identifiers must be one per row, 6, got 2"):
        sums.add(rows, names[:2])
    with pytest.raises(ValueError, match="rows must be of at least one sample, got none"):
        TileSums().rows()


@pytest.mark.parametrize("model", [Copy(), Grid()])
def test_a_map_of_values_is_nan_where_there_is_no_input(model):
    """The cell at (0, 1) of (2, 3) has no pixel at all, that at (1, 2) has one."""
    batch = {"image": torch.ones(2, 1, 4, 9), "mask": torch.ones(2, 1, 4, 9, dtype=torch.bool)}
    batch["mask"][1, 0, :2, 3:6] = batch["mask"][1, 0, 2:, 6:] = False
    batch["mask"][1, 0, 3, 7] = True
    batch["target"] = torch.full((2, 2, 3), 12.0)
    task = RegressionTask(model, centre=10, scale=2)
    found = task.predicted(batch)
    assert found.isnan().nonzero().tolist() == [[1, 0, 1]]
    known = found[~found.isnan()]
    torch.testing.assert_close(known, torch.full((11,), 12.0 if isinstance(model, Copy) else 11.0))
    scores = scored(task, [{name: part[number] for name, part in batch.items()} for number in range(2)])
    assert task.seen["test"].count == 11
    assert scores["rmse"] == pytest.approx(0 if isinstance(model, Copy) else 1)
    assert task.by_tile.rows()[:, 1].tolist() == [6, 5]


def test_cells_without_input_change_neither_loss_nor_gradient():
    model = torch.nn.Conv2d(1, 1, 1)
    task = RegressionTask(model, centre=10, scale=2)
    task.note = lambda stage, loss, samples: loss
    batch = {"image": torch.rand(1, 1, 4, 9), "mask": torch.ones(1, 1, 4, 9, dtype=torch.bool)}
    batch["target"] = torch.full((1, 2, 3), 12.0)
    batch["mask"][:, :, :2, 3:6] = False
    losses, gradients = [], []
    for value in (12.0, 1e6):
        batch["target"][0, 0, 1] = value
        model.zero_grad()
        loss = task.training_step(batch, 0)
        loss.backward()
        losses.append(float(loss.detach()))
        gradients.append(float(model.weight.grad))
    assert losses[0] == losses[1] > 0
    assert gradients[0] == gradients[1]
    assert np.isfinite(gradients[0])
