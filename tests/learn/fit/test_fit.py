"""The trainer as a whole: what it learns, what it refuses, and that a run goes on as if nothing had happened."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_archive import COHERENCE, INTENSITY, OPTICAL, SPLITS, TILES, make

from m3leo_sar.app.command import main
from m3leo_sar.chips.presets import preset
from m3leo_sar.chips.statistics import Statistics
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.learn.data.channel import Channel
from m3leo_sar.learn.data.datamodule import fit_statistics
from m3leo_sar.learn.data.dataset import ChipDataset
from m3leo_sar.learn.data.epoch_batches import EpochBatches
from m3leo_sar.learn.fit import run_state as progress_module
from m3leo_sar.learn.fit.config import load_config
from m3leo_sar.learn.fit.fit import fit
from m3leo_sar.learn.fit.fit_config import FitConfig
from m3leo_sar.learn.fit.fit_run import build_run
from m3leo_sar.learn.fit.predict import predict
from m3leo_sar.learn.fit.resolved_config import resolved
from m3leo_sar.learn.score.metrics import Confusion
from m3leo_sar.run.archive_statistics import archive_statistics

TESTS = Path(__file__).resolve().parents[2]
VIT = {"side": 32, "patch": 4, "dim": 24, "depth": 2, "heads": 3}


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    return make(tmp_path_factory.mktemp("archive") / "chips")


def config_of(archive, output, **options):
    common = {
        "input": [COHERENCE], "splits": SPLITS, "model": {"widths": [4, 8]}, "batch": 2, "eval_batch": 2, "epochs": 3,
        "learning_rate": 1e-2, "accelerator": "cpu", "threads": 1,
    }  # fmt: skip
    return FitConfig(archive=str(archive.root), output=str(output), **{**common, **options})


def weights_of(output):
    return torch.load(output / "model.pt", weights_only=True)["weights"]


def state_of(output):
    return torch.load(output / "last.ckpt", weights_only=True)


def assert_same_runs(one, other):
    """Last weights, optimizer, best weights and scores, bit for bit."""
    (first, second), scores = (state_of(one), state_of(other)), []
    for output in (one, other):
        metrics = json.loads((output / "metrics.json").read_text())
        scores.append({name: metrics[name] for name in ("miou", "loss", "best_epoch") if name in metrics})
    assert scores[0] == scores[1]
    assert first["global_step"] == second["global_step"]
    pairs = [(weights_of(one), weights_of(other)), (first["state_dict"], second["state_dict"])]
    pairs += [
        (slots[0], slots[1])
        for slots in zip(*(state["optimizer_states"][0]["state"].values() for state in (first, second)), strict=True)
    ]
    for left, right in pairs:
        assert left.keys() == right.keys()
        for name, weight in left.items():
            assert torch.equal(torch.as_tensor(weight), torch.as_tensor(right[name])), name


# --- going on ---

AGB = {"task": {"name": "regression"}, "target": "biomass-2020:agb"}
ROUGH = {
    "model": {"widths": [4, 8], "dropout": 0.3}, "optimizer": "adamw", "schedule": "cosine", "warmup": 0.2, "crop": 16,
    "crops": 2, "clip": 1.0, "epochs": 3,
}  # fmt: skip
DINO = {"name": "dino", **VIT, "side": 16, "hidden": 16, "bottleneck": 8, "prototypes": 16}
RUNS = {
    "segmentation": {**ROUGH, "checkpoint_steps": 1},
    "accumulated": {**ROUGH, "accumulate": 3, "checkpoint_steps": 1},
    "dino": {
        "task": {"name": "distillation", "whole_side": 16, "local_side": 8, "local": 1, "momentum": 0.9},
        "model": DINO, "epochs": 2, "checkpoint_steps": 1, "learning_rate": 1e-3,
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def whole(archive, tmp_path_factory):
    """Each of RUNS (and ROUGH alone) without an interruption, trained once."""
    folder, made = tmp_path_factory.mktemp("whole"), {}

    def run(name):
        if name not in made:
            made[name] = folder / name
            fit(config_of(archive, made[name], **RUNS.get(name, ROUGH)))
        return made[name]

    return run


class Crash(Exception):
    """Stands for what no one can catch."""


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("saves", [1, 3, 5])
def test_a_run_that_dies_in_the_middle_of_an_epoch_goes_on_bit_for_bit(
    archive, tmp_path, monkeypatch, whole, name, saves
):
    expected = whole(name)
    real, count = progress_module.Progress._save, []

    def save(self, trainer, place):
        real(self, trainer, place)
        count.append(place)
        if len(count) == saves:
            raise Crash

    with monkeypatch.context() as patched:
        patched.setattr(progress_module.Progress, "_save", save)
        with pytest.raises(Crash):
            fit(config_of(archive, tmp_path / "parts", **RUNS[name]))
    torch.manual_seed(12345)
    fit(config_of(archive, tmp_path / "parts", **RUNS[name]), resume=True)
    assert_same_runs(expected, tmp_path / "parts")


KILLED = """
import os, signal, sys
sys.path.insert(0, {tests!r})
from learn.fit.test_fit import RUNS, config_of
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.learn.fit import run_state as progress
from m3leo_sar.learn.fit.fit import fit
real = progress.Progress._save
def save(self, trainer, place):
    real(self, trainer, place)
    if place == (1, 3):
        os.kill(os.getpid(), signal.SIGKILL)
progress.Progress._save = save
from pathlib import Path
fit(config_of(ChipArchive({archive!r}), Path({output!r}), **RUNS["segmentation"]))
"""


def test_a_killed_run_goes_on_bit_for_bit(archive, tmp_path, whole):
    code = KILLED.format(tests=str(TESTS), archive=str(archive.root), output=str(tmp_path / "parts"))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=240)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert not (tmp_path / "parts" / "model.pt").exists()
    place = next(part for part in state_of(tmp_path / "parts")["callbacks"].values() if "place" in part)["place"]
    assert place == [1, 3]
    fit(config_of(archive, tmp_path / "parts", **RUNS["segmentation"]), resume=True)
    assert_same_runs(whole("segmentation"), tmp_path / "parts")


@pytest.mark.parametrize(("stage", "batch"), [("train", 1), ("train", 3), ("validation", 0)])
def test_ctrl_c_leaves_what_going_on_needs(archive, tmp_path, monkeypatch, whole, stage, batch):
    from m3leo_sar.learn.fit.counters import Counters

    hook = f"on_{stage}_batch_end"
    real, before = getattr(Counters, hook), signal.getsignal(signal.SIGINT)

    def interrupted(self, trainer, module, outputs, data, batch_idx, *rest):
        real(self, trainer, module, outputs, data, batch_idx, *rest)
        if (trainer.current_epoch, batch_idx) == (1, batch):
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patched:
        patched.setattr(Counters, hook, interrupted)
        with pytest.raises(KeyboardInterrupt):
            fit(config_of(archive, tmp_path / "parts", **ROUGH))
    # What was there: a job in a shell's background is started with it ignored.
    assert signal.getsignal(signal.SIGINT) is before
    assert not (tmp_path / "parts" / "metrics.json").exists()
    fit(config_of(archive, tmp_path / "parts", **ROUGH), resume=True)
    assert_same_runs(whole("rough"), tmp_path / "parts")


def test_ctrl_c_of_the_command_ends_with_130_and_it_goes_on(archive, tmp_path, monkeypatch, capsys):
    command = [sys.executable, "-c", "from m3leo_sar.app.command import main; main()", "train"]
    settings = ["model.widths=[4,8]", "epochs=400", "accelerator=cpu", "threads=1", "batch=2", "crop=16"]
    running = subprocess.Popen(
        [*command, str(archive.root), *settings, "--output", "run"], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    while running.poll() is None and not (tmp_path / "run" / "last.ckpt").exists():
        time.sleep(0.01)
    running.send_signal(signal.SIGINT)
    _, reported = running.communicate(timeout=120)
    assert running.returncode == 130, reported
    assert reported.endswith("m3leo-sar: stopped; finished work is kept, run again with --resume to continue\n")
    before = state_of(tmp_path / "run")["epoch"]
    # In this process, which has torch and Lightning loaded.
    monkeypatch.chdir(tmp_path)
    again = ["train", "--config", "run/config.yaml", "--resume", f"epochs={before + 2}"]
    monkeypatch.setattr(sys, "argv", ["m3leo-sar", *again])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    assert "on the test tiles" in capsys.readouterr().out
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["best_epoch"] <= before + 2


def test_a_run_that_stopped_early_stays_stopped(archive, tmp_path, monkeypatch):
    scores = iter([0.5, 0.4, 0.3, 0.9, 0.9])
    monkeypatch.setattr(Confusion, "mean_iou", lambda self: next(scores))
    reported = []
    options = {"epochs": 5, "patience": 2}
    scores_of_test = iter([])
    monkeypatch.setattr("m3leo_sar.learn.tasks.segmentation.SegmentationTask.scores", lambda self: dict(scores_of_test))
    result = fit(config_of(archive, tmp_path / "run", **options), report=lambda epoch, _: reported.append(epoch))
    assert reported == [1, 2, 3]
    assert result.metrics["best_epoch"] == 1
    fit(config_of(archive, tmp_path / "run", **options), resume=True, report=lambda epoch, _: reported.append(epoch))
    assert reported == [1, 2, 3]


def test_another_run_or_network_is_refused(archive, tmp_path):
    fit(config_of(archive, tmp_path / "run", epochs=1))
    for options, message in (
        (
            {"model": {"widths": [4, 6]}},
            r"last.ckpt has model.down.1.0.weight of shape \(8, 4, 3, 3\), .* \(6, 4, 3, 3\)",
        ),
        ({"model": {"widths": [4]}}, "has weights model.down.1.0.bias that the configuration's network lacks"),
        ({"batch": 4}, "was made with batch 2, this run has 4; a run goes on with the same"),
        ({"splits": {**SPLITS, TILES[0]: "val"}}, "was made with data "),
    ):
        with pytest.raises(ValueError, match=message):
            fit(config_of(archive, tmp_path / "run", epochs=2, **options), resume=True)
    (tmp_path / "run" / "last.ckpt").write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(ValueError, match="last.ckpt cannot be read as a checkpoint"):
        fit(config_of(archive, tmp_path / "run"), resume=True)


CHANGED = {
    "learning_rate": 2e-2, "weight_decay": 0.1, "optimizer": "sgd", "schedule": "cosine", "warmup": 0.1, "clip": 1.0,
    "precision": "bf16-mixed", "cells": [2, 4],
}  # fmt: skip


@pytest.fixture(scope="module")
def finished(archive, tmp_path_factory):
    output = tmp_path_factory.mktemp("finished") / "run"
    fit(config_of(archive, output, epochs=1))
    return output


@pytest.mark.parametrize("name", CHANGED)
def test_a_run_goes_on_with_what_it_was_started_with(archive, finished, name):
    before = (finished / "config.yaml").read_text()
    with pytest.raises(ValueError, match=f"last.ckpt was made with {name} .*, this run has .*; a run goes on with the"):
        fit(config_of(archive, finished, epochs=2, **{name: CHANGED[name]}), resume=True)
    assert (finished / "config.yaml").read_text() == before


def test_a_run_does_not_go_on_with_another_encoder_or_what_froze(archive, tmp_path, pretrained):
    options = {"model": {"name": "vit_head", **VIT, "width": 16}, "input": [COHERENCE, OPTICAL], "epochs": 1}
    options |= {"encoder": str(pretrained / "model.pt")}
    fit(config_of(archive, tmp_path / "run", **options))
    shutil.copy(pretrained / "model.pt", tmp_path / "other.pt")
    for changes, name in (({"encoder": str(tmp_path / "other.pt")}, "encoder"), ({"freeze": True}, "freeze False")):
        with pytest.raises(ValueError, match=f"was made with {name}"):
            fit(config_of(archive, tmp_path / "run", **{**options, **changes, "epochs": 2}), resume=True)


def test_a_checkpoint_that_holds_fewer_facts_goes_on(archive, finished, tmp_path):
    shutil.copytree(finished, tmp_path / "run")
    state = state_of(tmp_path / "run")
    facts = next(part for part in state["callbacks"].values() if "facts" in part)["facts"]
    for name in ("encoder", "freeze", *CHANGED):
        del facts[name]
    torch.save(state, tmp_path / "run" / "last.ckpt")
    fit(config_of(archive, tmp_path / "run", epochs=2), resume=True)
    assert state_of(tmp_path / "run")["global_step"] == 2 * state_of(finished)["global_step"]


def test_a_run_that_starts_anew_leaves_nothing_of_the_one_before_to_go_on_from(
    archive, finished, tmp_path, monkeypatch
):
    from m3leo_sar.learn.tasks import segmentation

    shutil.copytree(finished, tmp_path / "run")
    real = segmentation.masked_cross_entropy
    with monkeypatch.context() as patched:
        patched.setattr(
            segmentation, "masked_cross_entropy", lambda *given, **options: real(*given, **options) * np.nan
        )
        with pytest.raises(ValueError, match="the loss is nan in epoch 1, batch 1; there is no checkpoint yet"):
            fit(config_of(archive, tmp_path / "run"))
    assert not (tmp_path / "run" / "last.ckpt").exists()
    # A refusal before the start leaves existing files as they are.
    shutil.copy(finished / "last.ckpt", tmp_path / "run")
    with pytest.raises(FileNotFoundError, match="48 chips of the 12 tiles of the splits are missing in"):
        fit(config_of(archive, tmp_path / "run", input=["s1grd_vv"]))
    assert (tmp_path / "run" / "last.ckpt").exists()


def test_a_loss_that_is_no_number_stops_and_the_last_good_checkpoint_stays(archive, tmp_path, monkeypatch):
    from m3leo_sar.learn.tasks import segmentation

    real, calls = segmentation.masked_cross_entropy, []

    def poisoned(logits, target, *, training=False):
        calls.append(training)
        loss = real(logits, target, training=training)
        return loss * float("nan") if sum(calls) == 7 else loss

    monkeypatch.setattr(segmentation, "masked_cross_entropy", poisoned)
    with pytest.raises(ValueError, match=r"the loss is nan in epoch 2, batch 3; .*last.ckpt is from before it"):
        fit(config_of(archive, tmp_path / "run", checkpoint_steps=1))
    state = state_of(tmp_path / "run")
    assert state["global_step"] == 6
    assert all(torch.isfinite(weight).all() for weight in state["state_dict"].values())


# --- several steps as one ---


@pytest.mark.parametrize(("samples", "batch", "devices", "accumulate"), [(8, 2, 1, 3), (8, 2, 2, 3), (8, 1, 3, 2)])
def test_a_schedule_ends_with_the_last_step(archive, tmp_path, samples, batch, devices, accumulate):
    config = config_of(archive, tmp_path, batch=batch, devices=devices, accumulate=accumulate, epochs=5)
    run = build_run(resolved(config), None)
    order = EpochBatches(samples, batch, seed=0, world=devices)
    assert run.task.optimisation.steps == 5 * -(-len(list(order)) // accumulate)


def test_accumulated_batches_are_one_batch(archive, tmp_path):
    options = {"model": {"widths": [4, 8], "norm": "group"}, "epochs": 2, "optimizer": "sgd"}
    fit(config_of(archive, tmp_path / "large", batch=4, **options))
    fit(config_of(archive, tmp_path / "small", batch=2, accumulate=2, **options))
    for name, weight in weights_of(tmp_path / "large").items():
        torch.testing.assert_close(weight, weights_of(tmp_path / "small")[name], atol=1e-5, rtol=1e-5)


TWO = """
import sys
sys.path.insert(0, {tests!r})
from pathlib import Path
from learn.fit.test_fit import TOGETHER, config_of
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.learn.fit.fit import fit
if __name__ == "__main__":
    fit(config_of(ChipArchive({archive!r}), Path({output!r}), **TOGETHER, batch=2, devices=2, strategy="ddp"))
"""
TOGETHER = {"model": {"widths": [4, 8], "norm": "group"}, "epochs": 3, "optimizer": "sgd", "missing": "mask"}


@pytest.mark.slow
def test_two_processes_are_one_with_twice_the_batch(archive, tmp_path):
    """Labels are missing in half of the tiles, so that the processes count unlike many pixels."""
    root = tmp_path / "chips"
    shutil.copytree(archive.root, root)
    for tile in (TILES[0], TILES[3], TILES[9], TILES[10]):
        ChipArchive(root).path(tile, "label", "landcover").unlink()
    script = tmp_path / "two.py"
    script.write_text(TWO.format(tests=str(TESTS), archive=str(root), output=str(tmp_path / "two")))
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=500, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    fit(config_of(ChipArchive(root), tmp_path / "one", **TOGETHER, batch=4))
    one, two = (json.loads((tmp_path / name / "metrics.json").read_text()) for name in ("one", "two"))
    for name in ("miou", "miou_interval", "accuracy", "best_epoch", "tiles"):
        assert two[name] == pytest.approx(one[name], abs=1e-5), name
    for name, weight in weights_of(tmp_path / "one").items():
        torch.testing.assert_close(weight, weights_of(tmp_path / "two")[name], atol=1e-5, rtol=0)


def test_mixed_precision_scores_alike(archive, tmp_path):
    scores = [
        fit(config_of(archive, tmp_path / name, precision=name, epochs=12)).metrics["miou"]
        for name in ("32-true", "bf16-mixed")
    ]
    assert scores[0] > 0.9
    assert scores[1] == pytest.approx(scores[0], abs=0.02)


# --- what each task learns ---


def test_land_cover_by_both_protocols_with_its_interval(archive, tmp_path):
    result = fit(config_of(archive, tmp_path / "run", epochs=6, eval_batch=1))
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics == result.metrics
    assert metrics["miou"] > 0.9
    # By hand, from what the model says of each test tile.
    each, whole = [], Confusion(11)
    for tile in TILES[10:]:
        codes, truth = (
            predict(tmp_path / "run" / "model.pt", archive, tile),
            archive.read(tile, "label", "landcover").array,
        )
        seen = [(codes == code) & (truth > 0) for code in (10, 50)]
        both = [(mine, truth == code) for mine, code in zip(seen, (10, 50), strict=True)]
        ious = [(mine & right).sum() / (mine | right).sum() for mine, right in both]
        each.append(np.mean(ious))
        classes = [torch.from_numpy(np.where(part > 0, part // 50, 255).astype(np.int64)) for part in (codes, truth)]
        whole.update(*classes)
    assert metrics["miou_paper"] == pytest.approx(np.mean(each))
    assert metrics["miou"] == pytest.approx(whole.mean_iou())
    low, high = metrics["miou_interval"]
    assert min(each) - 1e-9 <= low <= metrics["miou"] <= high <= max(each) + 1e-9
    assert metrics["iou"].keys() == {"tree cover", "built-up"}


@pytest.mark.parametrize("model", [{"widths": [4, 8]}, {"name": "vit_head", **VIT, "width": 16}])
def test_biomass_in_its_unit(archive, tmp_path, model):
    settings = ["task=agb", "cells=[2,4]", "target=biomass-2020:agb"]
    loaded = load_config(None, settings)
    options = {"task": loaded.task, "target": loaded.target, "cells": loaded.cells, "model": model}
    slow = "name" in model
    result = fit(
        config_of(archive, tmp_path / "run", epochs=25 if slow else 12, learning_rate=3e-3 if slow else 2e-2, **options)
    )
    truth = np.stack([archive.read(tile, "biomass-2020", "agb").array for tile in TILES[10:]])
    known = np.nanmean(truth.reshape(2, 2, 2, 4, -1), axis=(2, 4))
    spread = float(np.std(known))
    assert result.metrics["rmse"] < 0.5 * spread
    low, high = result.metrics["rmse_interval"]
    assert low <= result.metrics["rmse"] <= high
    assert result.metrics["unit"] == "Mg/ha"
    assert result.metrics["rmse_paper"] != result.metrics["rmse"]
    found = np.stack([predict(tmp_path / "run" / "model.pt", archive, tile) for tile in TILES[10:]])
    assert found.dtype == np.float32
    assert np.sqrt(np.mean((found - known) ** 2)) == pytest.approx(result.metrics["rmse"], rel=1e-4)


MAE = {"name": "mae", **VIT, "decoder_dim": 16, "decoder_heads": 2}


@pytest.fixture(scope="module")
def pretrained(archive, tmp_path_factory):
    output = tmp_path_factory.mktemp("pretrained")
    options = {"task": {"name": "reconstruction"}, "model": MAE, "target": "", "optimizer": "adamw"}
    result = fit(config_of(archive, output, input=[COHERENCE, OPTICAL], epochs=15, learning_rate=3e-3, **options))
    assert result.metrics["loss"] < 0.75
    return output


@pytest.mark.parametrize("freeze", [True, False])
def test_an_encoder_goes_on_into_land_cover(archive, tmp_path, pretrained, freeze):
    options = {"model": {"name": "vit_head", **VIT, "width": 16}, "encoder": str(pretrained / "model.pt")}
    options |= {"input": [COHERENCE, OPTICAL], "freeze": freeze, "weight_decay": 0.1, "optimizer": "adamw"}
    result = fit(config_of(archive, tmp_path / "run", epochs=8, learning_rate=3e-3, **options))
    assert result.metrics["miou"] > 0.7
    before, after = weights_of(pretrained), weights_of(tmp_path / "run")
    shared = [name for name in before if name.startswith("encoder.")]
    assert len(shared) > 10
    assert all(torch.equal(before[name], after[name]) for name in shared) == freeze
    assert (pretrained / "statistics.json").read_text() == (tmp_path / "run" / "statistics.json").read_text()


def test_an_encoder_that_does_not_fit_is_refused(archive, tmp_path, pretrained):
    head, both = {"name": "vit_head", **VIT, "width": 16}, [COHERENCE, OPTICAL]
    other = Statistics.from_json((pretrained / "statistics.json").read_text())
    changed = Statistics(tuple(type(band)(**{**band_dict(band), "centre": 0.25}) for band in other.bands))
    (tmp_path / "other.json").write_text(changed.to_json())
    encoder = str(pretrained / "model.pt")
    for options, message in (
        (
            {"model": {**head, "dim": 12}},
            r"has class_token of shape \(1, 1, 24\), the configuration needs \(1, 1, 12\)",
        ),
        ({"model": {**head, "depth": 1}}, "that the configuration's network lacks"),
        ({"model": {"widths": [4]}}, "model UNet has none; use vit_head"),
        ({"input": [OPTICAL, COHERENCE]}, "input must be what .* was trained on, coherence:.*, optical:red"),
        ({"statistics": str(tmp_path / "other.json")}, "was made with statistics .*, these are"),
        ({"encoder": str(tmp_path / "none.pt")}, "there is no file"),
        ({"encoder": str(tmp_path / "other.json")}, "cannot be read as a checkpoint"),
    ):
        with pytest.raises((ValueError, FileNotFoundError), match=message):
            fit(config_of(archive, tmp_path / "run", **{"model": head, "input": both, "encoder": encoder, **options}))
    assert not (tmp_path / "run").exists()


def band_dict(band):
    return {name: getattr(band, name) for name in band.__slots__}


def test_self_distillation_and_its_teacher_go_on(archive, tmp_path):
    options = {**RUNS["dino"], "model": {**DINO, "side": 32}, "epochs": 6}
    options["task"] = {**options["task"], "whole_side": 24, "local_side": 12}
    result = fit(config_of(archive, tmp_path / "dino", target="", **options))
    assert result.metrics["spread"] > 0.05
    head = {"name": "vit_head", **VIT, "width": 16}
    encoder = {"encoder": str(tmp_path / "dino" / "model.pt"), "freeze": True}
    fit(config_of(archive, tmp_path / "run", model=head, epochs=1, **encoder))
    taught, kept = weights_of(tmp_path / "dino"), weights_of(tmp_path / "run")
    assert torch.equal(taught["teacher.encoder.embed.weight"], kept["encoder.embed.weight"])
    assert not torch.equal(taught["student.encoder.embed.weight"], kept["encoder.embed.weight"])


def test_amplitude_coherence_and_optical_find_each_other(archive, tmp_path):
    model = {"name": "contrastive", **VIT, "dim": 12, "depth": 1, "heads": 2, "embedding": 8}
    options = {"task": {"name": "alignment"}, "model": model, "target": "", "batch": 4, "eval_batch": 4}
    splits = dict.fromkeys(TILES, "train") | {TILES[10]: "val", TILES[11]: "test"} | {TILES[9]: "test", TILES[8]: "val"}
    inputs = [COHERENCE, OPTICAL, INTENSITY]
    result = fit(config_of(archive, tmp_path / "run", **{**options, "input": inputs, "splits": splits, "epochs": 20,
                                                         "learning_rate": 3e-3}))  # fmt: skip
    assert result.metrics["retrieval"] >= 0.5
    head = {"name": "vit_head", **VIT, "dim": 12, "depth": 1, "heads": 2, "width": 8}
    encoder = {"encoder": str(tmp_path / "run" / "model.pt"), "modality": "optical", "input": [OPTICAL]}
    fit(config_of(archive, tmp_path / "head", model=head, epochs=1, **encoder, freeze=True))
    kept = weights_of(tmp_path / "head")["encoder.embed.weight"]
    assert torch.equal(weights_of(tmp_path / "run")["encoders.optical.embed.weight"], kept)
    with pytest.raises(ValueError, match="modality must be one of coherence, intensity, optical, .*got 'sar'"):
        fit(config_of(archive, tmp_path / "none", model=head, **{**encoder, "modality": "sar"}))


# --- outputs and reports ---


def test_rates_are_reported_of_every_run(archive, tmp_path):
    metrics = fit(config_of(archive, tmp_path / "run")).metrics
    names = {"samples_per_second", "bytes_per_second", "wait_fraction", "wait_p50", "wait_p99", "stall_ratio"}
    assert names <= metrics.keys()
    assert metrics["bytes_per_second"] / metrics["samples_per_second"] == pytest.approx(32 * 32 * (4 + 1 + 8))
    assert 0 < metrics["wait_fraction"] < 1
    with open(tmp_path / "run" / "logs" / "version_0" / "metrics.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert names | {"val_miou", "train_loss", "val_loss"} <= rows[0].keys()
    assert [row["epoch"] for row in rows if row["val_miou"]] == ["0", "1", "2"]


def test_one_yaml_reproduces_a_run(archive, tmp_path, whole):
    shutil.copytree(whole("rough"), tmp_path / "moved")
    lines = (tmp_path / "moved" / "config.yaml").read_text().splitlines()
    assert len(lines) <= 40
    fit(load_config(tmp_path / "moved" / "config.yaml", [f"output={tmp_path / 'again'}"]))
    assert_same_runs(tmp_path / "moved", tmp_path / "again")
    metrics = json.loads((tmp_path / "again" / "metrics.json").read_text())
    assert metrics["versions"].keys() == {"m3leo-sar", "torch", "lightning", "numpy"}
    assert metrics["data"] == json.loads((tmp_path / "moved" / "metrics.json").read_text())["data"]


def test_codes_that_are_no_class_are_reported(archive, tmp_path):
    shutil.copytree(archive.root, tmp_path / "chips")
    copy = ChipArchive(tmp_path / "chips")
    for tile, code, count in ((TILES[1], 33, 7), (TILES[9], 33, 5), (TILES[11], 254, 3)):
        chip = copy.read(tile, "label", "landcover")
        codes = chip.array.copy()
        codes[5, :count] = code
        copy.write(tile, "label", "landcover", codes, chip.geobox, metadata={})
    # Crops of the train tiles must not count a tile twice.
    result = fit(config_of(copy, tmp_path / "run", crop=16, crops=3))
    assert result.metrics["unknown_codes"] == {"33": 12, "254": 3}
    assert fit(config_of(archive, tmp_path / "clean")).metrics["unknown_codes"] == {}


def test_what_cannot_be_used_is_reported_before_anything_is_written(archive, tmp_path):
    for options, message in (
        ({"loggers": ["wandb"]}, "loggers must be csv or tensorboard, got wandb"),
        ({"sync_norm": True}, "sync_norm needs GPUs"),
        ({"task": {"name": "reconstruction"}}, "model unet needs a task with labels"),
        ({"model": MAE}, "model mae uses no labels; train it with the task reconstruction"),
        (
            {**AGB, "model": {"name": "vit_head", **VIT}},
            "with cells=",
        ),
        (
            {"task": {"name": "distillation"}, "model": MAE},
            "task distillation needs the model dino, got MaskedAutoencoder",
        ),
        ({"input": ["s1grd_vv"]}, "48 chips of the 12 tiles of the splits are missing in .*s1grd-2020:winter_vvasc"),
        ({"input": ["s1grd_v"]}, "input must be one of .*; did you mean 's1grd_v"),
        ({"input": [COHERENCE + ":linaer"]}, "must be one of linear, .*did you mean 'linear'"),
        ({"splits": {**SPLITS, TILES[0]: "valid"}}, "splits must be train, val, test, got 'valid'"),
    ):
        with pytest.raises((ValueError, FileNotFoundError), match=message):
            fit(config_of(archive, tmp_path / "run", **options))
    assert not (tmp_path / "run").exists()


# --- what is missing ---


@pytest.fixture
def holed(archive, tmp_path):
    """Half of the tiles lack coherence."""
    shutil.copytree(archive.root, tmp_path / "holed")
    copy = ChipArchive(tmp_path / "holed")
    for tile in TILES[::2]:
        copy.path(tile, "coherence", "20230301_20230313").unlink()
    return copy


def test_each_policy_with_half_of_the_chips_missing(holed, tmp_path):
    both = {"input": [COHERENCE, OPTICAL], "epochs": 12}
    with pytest.raises(
        FileNotFoundError, match=r"6 chips of the 12 tiles of the splits are missing in .*, first coherence:20230301"
    ):
        fit(config_of(holed, tmp_path / "raise", **both))
    tiles = {}
    for policy in ("mask", "fill", "drop"):
        metrics = fit(config_of(holed, tmp_path / policy, missing=policy, **both)).metrics
        assert metrics["miou"] > 0.7, policy
        tiles[policy] = metrics["tiles"]
    assert tiles["mask"] == tiles["fill"] == {"train": 8, "val": 2, "test": 2}
    assert tiles["drop"] == {"train": 4, "val": 1, "test": 1}
    assert predict(tmp_path / "mask" / "model.pt", holed, TILES[10]).any()


def samples(archive, **options):
    channels = [Channel.parse(text) for text in (COHERENCE, OPTICAL)]
    statistics = fit_statistics(archive, TILES, channels)
    data = ChipDataset(archive, TILES, channels=channels, statistics=statistics, **{"target": "landcover", **options})
    return [data[0], data[1]]


def test_a_missing_chip_is_masked_or_filled_with_the_mean_and_never_replaced(holed):
    masked, whole = samples(holed, missing="mask")
    assert masked["identifier"] == TILES[0]
    assert masked["mask"].flatten(1).all(dim=1).tolist() == [False, True]
    assert not masked["mask"][0].any()
    filled, _ = samples(holed, missing="fill")
    assert filled["mask"].all()
    assert torch.equal(filled["image"], masked["image"])
    assert not filled["image"][0].any()
    assert torch.equal(filled["image"][1], masked["image"][1])
    assert whole["mask"].all()


def test_a_target_of_values_has_cells_and_unknown_ones(archive, tmp_path):
    first, _ = samples(archive, kind="values", target="biomass-2020:agb")
    truth = archive.read(TILES[0], "biomass-2020", "agb").array
    np.testing.assert_array_equal(first["target"].numpy(), truth)
    coarse, _ = samples(archive, kind="values", target="biomass-2020:agb", cells=(2, 3))
    rows = truth.reshape(2, 2, 8)
    shares = np.zeros((8, 3))
    for cell in range(3):
        for col in range(8):
            shares[col, cell] = max(0, min(col + 1, (cell + 1) * 8 / 3) - max(col, cell * 8 / 3))
    known = np.isfinite(rows)
    weights = np.einsum("rsc,ck->rk", known.astype(float), shares)
    expected = np.einsum("rsc,ck->rk", np.where(known, rows, 0), shares) / weights
    np.testing.assert_allclose(coarse["target"].numpy(), expected, rtol=1e-6)
    shutil.copytree(archive.root, tmp_path / "chips")
    copy = ChipArchive(tmp_path / "chips")
    copy.path(TILES[0], "biomass-2020", "agb").unlink()
    none, some = samples(copy, kind="values", target="biomass-2020:agb", cells=(2, 3), missing="mask")
    assert none["target"].shape == (2, 3)
    assert none["target"].isnan().all()
    assert not some["target"].isnan().all()
    with pytest.raises(ValueError, match="crop must be 0 where the target has a grid of its own"):
        samples(archive, kind="values", target="biomass-2020:agb", crop=16)


def test_values_in_decibels_get_statistics_of_their_own_range(archive):
    band = fit_statistics(archive, TILES, [Channel.parse(OPTICAL)]).bands[0]
    values = np.concatenate([archive.read(tile, "optical", "red").array.ravel() for tile in TILES])
    assert band.centre == pytest.approx(np.median(values), abs=0.1)
    assert (band.low, band.high) == pytest.approx(np.quantile(values, (0.001, 0.999)), abs=1)


def test_one_far_pixel_does_not_blur_the_others(archive, tmp_path):
    shutil.copytree(archive.root, tmp_path / "chips")
    copy = ChipArchive(tmp_path / "chips")
    chip = copy.read(TILES[2], "optical", "red")
    values = chip.array.copy()
    values[3, 5] = 1e8
    copy.write(TILES[2], "optical", "red", values, chip.geobox, metadata={})
    blurred, plain = (fit_statistics(root, TILES, [Channel.parse(OPTICAL)]).bands[0] for root in (copy, archive))
    assert (blurred.centre, blurred.scale) == pytest.approx((plain.centre, plain.scale), rel=0.01)


def test_statistics_of_other_channels_are_refused(archive, finished, tmp_path):
    """Band by band: two that are encoded alike would otherwise change places unseen."""
    inputs, file = [OPTICAL, "optical:nir:linear"], tmp_path / "given.json"
    band = Statistics.from_json((finished / "statistics.json").read_text()).bands[0]
    red, nir = replace(band, name=inputs[0]), replace(band, name=inputs[1])
    for bands, message in (
        (
            (nir, red),
            "band 1 must be optical:red:linear, encoded as linear, got optical:nir:linear as linear in .*given",
        ),
        ((red, replace(nir, encoding="decibel")), "band 2 must be optical:nir:linear, .* got .* as decibel"),
        ((red, nir, nir), "a band for each of the 2 inputs, got 3"),
    ):
        file.write_text(Statistics(bands).to_json())
        with pytest.raises(ValueError, match=message):
            fit(config_of(archive, tmp_path / "run", input=inputs, statistics=str(file)))
    assert not (tmp_path / "run").exists()
    # A run's own, and a preset under its short name.
    for bands in ((replace(band, name=COHERENCE + ":linear"),), (preset("coherence"),)):
        file.write_text(Statistics(bands).to_json())
        fit(config_of(archive, tmp_path / "run", epochs=1, statistics=str(file)))
        assert (tmp_path / "run" / "statistics.json").read_text() == Statistics(bands).to_json() + "\n"


def test_what_the_command_stats_writes_is_taken(archive, tmp_path):
    inputs, file = [COHERENCE, INTENSITY, OPTICAL], tmp_path / "stats.json"
    tiles = [tile for tile, split in SPLITS.items() if split == "train"]
    found = archive_statistics(archive, tiles=tiles).finish("robust")
    file.write_text(found.to_json())
    fit(config_of(archive, tmp_path / "run", epochs=1, input=inputs, statistics=str(file)))
    bands = Statistics.from_json((tmp_path / "run" / "statistics.json").read_text()).bands
    for name, band in zip(inputs, bands, strict=True):
        assert band == replace(found.band(product=name.partition(":")[0]), name=str(Channel.parse(name)))
