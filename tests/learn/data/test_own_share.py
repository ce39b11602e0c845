"""Each process has its own share of an epoch under any trainer, and what a run lacks is found before its first step."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import lightning as L
import numpy as np
import pytest
import torch
from tiny_archive import COHERENCE, SPLITS, TILES, make
from torch.utils.data import DataLoader
from torch.utils.data.distributed import DistributedSampler

from m3leo_sar.chips.stored_unit import StoredUnits
from m3leo_sar.learn.data.channel import Channel
from m3leo_sar.learn.data.datamodule import ChipDataModule, fit_statistics
from m3leo_sar.learn.data.dataset import ChipDataset
from m3leo_sar.learn.data.epoch_batches import EpochBatches
from m3leo_sar.learn.data.labels import IGNORE
from m3leo_sar.learn.data.own_share import BLANK, EvaluationShare
from m3leo_sar.learn.fit.fit import fit
from m3leo_sar.learn.fit.fit_config import FitConfig
from m3leo_sar.learn.tasks.segmentation import SegmentationTask

TESTS = Path(__file__).resolve().parents[2]
CHANNELS = [Channel.parse(COHERENCE)]


@pytest.fixture
def archive(tmp_path):
    return make(tmp_path / "chips")


def module_of(archive, **options) -> ChipDataModule:
    return ChipDataModule(archive, CHANNELS, SPLITS, **{"target": "landcover", "batch": 2, **options})


def dataset_of(archive, **options) -> ChipDataset:
    statistics = fit_statistics(archive, TILES, CHANNELS)
    return ChipDataset(archive, TILES, channels=CHANNELS, target="landcover", statistics=statistics, **options)


@pytest.mark.parametrize(("samples", "world"), [(7, 1), (7, 2), (3, 3), (1, 4), (5, 7)])
def test_each_sample_is_evaluated_in_one_process_and_none_has_nothing_to_do(samples, world):
    shares = [list(EvaluationShare(samples, rank=rank, world=world)) for rank in range(world)]
    assert sorted(index for share in shares for epoch, index in share if epoch != BLANK) == list(range(samples))
    assert all(
        len(share) == len(EvaluationShare(samples, rank=rank, world=world)) > 0 for rank, share in enumerate(shares)
    )


def test_a_blank_sample_counts_nowhere(archive):
    for options in ({}, {"kind": "values"}, {"missing": "fill"}):
        sample = dataset_of(archive, **options)[BLANK, 3]
        assert sample["image"].shape == dataset_of(archive, **options)[3]["image"].shape
        assert not sample["mask"].any()
        assert not sample["image"].any()
        assert not sample["unknown"].any()
        assert sample["identifier"] == ""
        target = sample["target"]
        assert torch.isnan(target).all() if options.get("kind") == "values" else (target == IGNORE).all()


# What Lightning advises of workers and of loops without validation does not matter here.
@pytest.mark.filterwarnings("ignore")
def test_a_trainer_leaves_the_shares_as_they_are_and_tells_the_epoch(archive):
    module = module_of(archive, crop=16, crops=2)
    for loader in (module.train_dataloader(), module.val_dataloader(), module.test_dataloader()):
        assert isinstance(loader.sampler, DistributedSampler)
    seen: list[list[tuple[float, ...]]] = []

    class Watching(L.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(1, 1)

        def on_train_epoch_start(self) -> None:
            seen.append([])

        def training_step(self, batch, index):
            seen[-1] += zip(*(bounds.tolist() for bounds in batch["bounds"]), strict=True)
            return self.layer(torch.ones(1, 1)).sum()

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.1)

    trainer = L.Trainer(
        accelerator="cpu", max_epochs=2, logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, limit_val_batches=0, log_every_n_steps=1,
    )  # fmt: skip
    trainer.fit(Watching(), module)
    assert len(seen[0]) == len(seen[1]) == 16
    assert set(seen[0]) != set(seen[1])


def test_an_epoch_under_way_goes_on_when_it_is_set_again():
    order = EpochBatches(10, 2, seed=3)
    order.epoch, order.start = 2, 3
    order.set_epoch(2)
    assert (order.epoch, order.start) == (2, 3)
    order.set_epoch(3)
    assert (order.epoch, order.start) == (3, 0)


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_a_loader_of_ones_own_gets_other_crops_in_each_epoch(archive, workers):
    data = dataset_of(archive, crop=16)
    options = {"num_workers": workers, "multiprocessing_context": "spawn"} if workers else {}
    epochs = [torch.cat([batch["bounds"][0] for batch in DataLoader(data, **options)]) for _ in range(2)]
    assert (epochs[0] != epochs[1]).any()
    # As those of the epochs that are asked for by number; a sample by its index stays what it is.
    for epoch, bounds in enumerate(epochs):
        assert bounds.tolist() == [data[epoch, index]["bounds"][0] for index in range(len(data))]
    assert data[3]["bounds"] == data[0, 3]["bounds"]


def test_chips_that_a_run_lacks_are_all_found_before_it_begins(archive, tmp_path):
    archive.remove(TILES[-1], *COHERENCE.split(":"))
    archive.remove(TILES[-2], "label", "landcover")
    epochs = []
    message = f"2 chips of the 12 tiles of the splits are missing in .*, first label:landcover of tile {TILES[-2]}, "
    config = FitConfig(
        archive=str(archive.root), output=str(tmp_path / "run"), splits=SPLITS, input=[COHERENCE], accelerator="cpu",
        model={"name": "unet", "widths": [4]}, epochs=2,
    )  # fmt: skip
    with pytest.raises(FileNotFoundError, match=message):
        fit(config, report=lambda *epoch: epochs.append(epoch))
    assert not epochs
    assert len(module_of(archive, missing="mask").sets["test"]) == 2


def test_a_chip_in_decibels_gets_no_second_logarithm(archive):
    wet = Channel.parse("intensity:20230301")
    for tile in TILES[:3]:
        chip = archive.read(tile, "intensity", "20230301")
        archive.write(
            tile, "intensity", "20230301", 10 * np.log10(chip.array), chip.geobox, metadata={"unit": "dB"}
        )  # fmt: skip
    with pytest.raises(ValueError, match=f"intensity:20230301:decibel of tile {TILES[0]} is stored in dB, of which"):
        fit_statistics(archive, TILES, [wet])
    with pytest.raises(ValueError, match="is stored in dB, of which decibel takes the logarithm again"):
        ChipDataModule(archive, [wet], SPLITS, target="landcover", statistics=None)
    chip = archive.read(TILES[5], "intensity", "20230301")
    archive.write(TILES[5], "intensity", "20230301", chip.array, chip.geobox, metadata={"unit": "1"})
    linear = [Channel.parse("intensity:20230301:linear")]
    with pytest.raises(ValueError, match=f"must be of one unit, tile {TILES[0]} has it in dB, tile {TILES[5]} in 1"):
        fit_statistics(archive, TILES, linear)
    statistics = fit_statistics(archive, TILES[:3], linear)
    data = ChipDataset(archive, TILES, channels=linear, target="", kind="none", statistics=statistics)
    assert data[0]["mask"].all()
    with pytest.raises(ValueError, match="must be of one unit"):
        data[5]


def test_units_that_are_one_thing_or_unknown_go_together():
    units = StoredUnits()
    for unit in ("1", "intensity", None, "", "Power"):
        units.check("a", "decibel", unit, where="tile")
    for encoding, unit in (
        ("decibel", "decibels"),
        ("amplitude_decibel", "dB re 1"),
        ("phase", "degrees"),
        ("deramped", "°"),
    ):
        with pytest.raises(ValueError, match="is stored in"):
            units.check("b", encoding, unit, where="tile")
    units.check("c", "linear", "DBZ units", where="tile")
    units.check("d", "decibel", "dbz2", where="tile")


def test_the_loss_is_of_all_pixels_whatever_the_batch(monkeypatch):
    """Tiles that count unlike many pixels: batches of unlike sizes weigh by what counts in them."""
    torch.manual_seed(0)
    image, target = torch.randn(5, 2, 6, 7), torch.randint(0, 3, (5, 6, 7))
    for tile, rows in enumerate((0, 3, 6, 1, 5)):
        target[tile, :rows] = IGNORE
    network = torch.nn.Conv2d(2, 3, 1)
    losses = []
    for sizes in ((1,) * 5, (2, 3), (4, 1), (5,)):
        task = SegmentationTask(network, classes=3)
        monkeypatch.setattr(task, "log", lambda *_, **__: None)
        for part_image, part_target in zip(image.split(sizes), target.split(sizes), strict=True):
            batch = {"image": part_image, "mask": torch.ones_like(part_image, dtype=torch.bool), "target": part_target}
            task.test_step({**batch, "identifier": ["a"] * len(part_image)}, 0)
        losses.append(float(task.losses["test_loss"].compute()))
    whole = torch.nn.functional.cross_entropy(network(image), target, ignore_index=IGNORE).detach()
    assert losses == pytest.approx([float(whole)] * 4, rel=1e-5)


TWO = """
import sys
sys.path.insert(0, {tests!r})
import lightning as L, torch
from tiny_archive import COHERENCE, TILES
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.learn.data.channel import Channel
from m3leo_sar.learn.data.datamodule import ChipDataModule
from m3leo_sar.learn.fit.fit_config import FitConfig
from m3leo_sar.learn.tasks.segmentation import SegmentationTask
from m3leo_sar.learn.fit.fit import fit


class Seen(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.layer, self.tiles = torch.nn.Linear(1, 1), []

    def test_step(self, batch, index):
        self.tiles += batch["identifier"]

    def on_test_epoch_end(self):
        print("seen", " ".join(self.tiles), flush=True)


if __name__ == "__main__":
    splits = dict(zip(TILES, ["train"] * 8 + ["val"] + ["test"] * 3))
    module = ChipDataModule(ChipArchive({archive!r}), [Channel.parse(COHERENCE)], splits, target="landcover", batch=1)
    quiet = dict(logger=False, enable_progress_bar=False, enable_checkpointing=False, enable_model_summary=False)
    L.Trainer(accelerator="cpu", devices=2, strategy="ddp", **quiet).test(Seen(), module, verbose=False)
    model = {{"name": "unet", "widths": [4, 8], "norm": "group"}}
    config = FitConfig(
        archive={archive!r}, output={output!r}, splits=splits, input=[COHERENCE], model=model, epochs=2, batch=2,
        eval_batch=1, accelerator="cpu", devices=2, strategy="ddp", threads=1, optimizer="sgd", learning_rate=1e-2,
    )
    print("loss", fit(config).metrics["loss"], flush=True)
"""


@pytest.mark.slow
def test_two_processes_see_every_tile_once_and_score_as_one(archive, tmp_path):
    """One val tile for two processes; three test tiles, under this library's trainer and under one's own."""
    script = tmp_path / "two.py"
    script.write_text(TWO.format(tests=str(TESTS), archive=str(archive.root), output=str(tmp_path / "two")))
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=500, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    reported = [line.split() for line in done.stdout.splitlines()]
    assert sorted(tile for line in reported if line[:1] == ["seen"] for tile in line[1:]) == TILES[9:]
    config = FitConfig(
        archive=str(archive.root), output=str(tmp_path / "one"), input=[COHERENCE], epochs=2, batch=4, eval_batch=1,
        splits=dict(zip(TILES, ["train"] * 8 + ["val"] + ["test"] * 3, strict=True)), accelerator="cpu", threads=1,
        model={"name": "unet", "widths": [4, 8], "norm": "group"}, optimizer="sgd", learning_rate=1e-2,
    )  # fmt: skip
    loss = fit(config).metrics["loss"]
    assert [float(line[1]) for line in reported if line[:1] == ["loss"]] == pytest.approx([loss] * 2, rel=1e-4)
