"""From chips to a trained model: masks, determinism, resuming, and a model that learned."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from m3leo_sar import GeoBox
from m3leo_sar.chips.land_cover import WORLDCOVER
from m3leo_sar.chips.statistics import BandStatistics, Statistics
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.chips.chip import Chip
from m3leo_sar.learn.data.batch import answer
from m3leo_sar.learn.data.channel import Channel
from m3leo_sar.learn.data.datamodule import ChipDataModule, fit_statistics
from m3leo_sar.learn.data.dataset import ChipDataset
from m3leo_sar.learn.data.labels import IGNORE, class_target
from m3leo_sar.learn.fit.config import checked_config, load_config, to_yaml
from m3leo_sar.learn.fit.fit import fit
from m3leo_sar.learn.fit.fit_config import FitConfig
from m3leo_sar.learn.fit.predict import predict
from m3leo_sar.learn.fit.resolved_config import resolved
from m3leo_sar.learn.models.unet import UNet
from m3leo_sar.learn.score.metrics import Confusion
from m3leo_sar.learn.tasks.segmentation import SegmentationTask, masked_cross_entropy, masked_target

SIDE = 32
WRITTEN = {"model.pt", "metrics.json", "config.yaml", "last.ckpt", "splits.csv", "statistics.json", "logs"}
TILES = [f"{index:013x}" for index in range(1, 9)]
SPLITS = dict(zip(TILES, ["train"] * 5 + ["val"] + ["test"] * 2, strict=True))
COHERENCE, INTENSITY = "coherence:20230301_20230313", "intensity:20230301"
CHANNELS = [Channel.parse(COHERENCE), Channel.parse(INTENSITY)]


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """Tiles of two classes that differ in coherence and not in intensity."""
    archive = ChipArchive.create(tmp_path_factory.mktemp("archive") / "chips")
    for index, tile in enumerate(TILES):
        rng = np.random.default_rng(index)
        box = GeoBox.from_bounds((5 + index, 49, 5.1 + index, 49.1), shape=(SIDE, SIDE), crs="EPSG:4326")
        built = np.kron(rng.random((4, 4)) < 0.5, np.ones((8, 8))).astype(bool)
        coherence = np.clip(np.where(built, 0.75, 0.3) + 0.07 * rng.standard_normal(built.shape), 0, 1)
        codes = np.where(built, 50, 10).astype(np.uint8)
        codes[0, :5] = 0
        for dataset, key, chip in (
            ("coherence", "20230301_20230313", coherence.astype(np.float32)),
            ("intensity", "20230301", rng.exponential(1, built.shape).astype(np.float32)),
            ("label", "landcover", codes),
        ):
            archive.write(tile, dataset, key, chip, box, metadata={"product": dataset})
    return archive


def config_of(archive, output, **options):
    options = {"input": [COHERENCE], "splits": SPLITS, "model": {"widths": [8, 16]}, "batch": 4, "epochs": 8, **options}
    return FitConfig(
        archive=str(archive.root), output=str(output), learning_rate=1e-2, accelerator="cpu", crop=16, **options
    )


def dataset_of(archive, **options):
    statistics = fit_statistics(archive, TILES[:5], CHANNELS)
    return ChipDataset(
        archive, TILES, **{"channels": CHANNELS, "target": "landcover", "statistics": statistics, **options}
    )


def test_the_papers_network_has_the_papers_parameters():
    assert sum(weight.numel() for weight in UNet(8, 11).parameters()) == 7_854_315


def test_unet_keeps_rows_and_cols_apart():
    net = UNet(3, 5, widths=(4, 6, 8)).eval()
    with torch.inference_mode():
        assert net(torch.zeros(2, 3, 24, 36)).shape == (2, 5, 24, 36)
    with pytest.raises(ValueError, match=r"rows and cols must be multiples of 4, got \(24, 35\)"):
        net(torch.zeros(1, 3, 24, 35))
    with pytest.raises(ValueError, match="channels, classes and widths must be at least 1"):
        UNet(0, 5)


def test_unknown_codes_are_no_class():
    codes = np.array([[10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 100], [0, 1, 11, 99, 101, 200, 255, 96, 5, 15, 33]])
    box = GeoBox.from_bounds((5, 49, 6, 50), shape=codes.shape, crs="EPSG:4326")
    classes = class_target(Chip(codes, box, {}), WORLDCOVER)
    assert classes[0].tolist() == list(range(11))
    assert (classes[1] == IGNORE).all()


def test_masked_pixels_change_neither_loss_nor_scores():
    torch.manual_seed(0)
    logits, target = torch.randn(2, 4, 6, 7), torch.randint(0, 4, (2, 6, 7))
    mask = torch.rand(2, 3, 6, 7) < 0.3
    batch = {"mask": mask, "target": target}
    scrambled = {"mask": mask, "target": torch.where(mask.any(1), target, (target + 1) % 4)}
    assert (masked_target(batch) == masked_target(scrambled)).all()
    loss = masked_cross_entropy(logits, masked_target(batch))
    changed = torch.where(mask.any(1)[:, None], logits, logits + torch.randn_like(logits))
    assert loss == masked_cross_entropy(changed, masked_target(batch))
    kept = mask.any(1)
    expected = torch.nn.functional.cross_entropy(logits.permute(0, 2, 3, 1)[kept], target[kept])
    assert loss == pytest.approx(float(expected), rel=1e-6)
    nothing = masked_cross_entropy(logits.requires_grad_(), torch.full_like(target, IGNORE))
    nothing.backward()
    assert float(nothing.detach()) == 0
    assert not logits.grad.any()


def test_confusion_is_the_brute_force_count():
    rng = np.random.default_rng(0)
    predicted, target = rng.integers(0, 4, (3, 50)), rng.integers(0, 3, (3, 50))
    target[rng.random((3, 50)) < 0.2] = IGNORE
    seen = Confusion(5)
    for guess, truth in zip(predicted, target, strict=True):
        seen.update(torch.from_numpy(guess), torch.from_numpy(truth))
    kept = target != IGNORE
    scores = []
    for k in range(3):
        a, b = predicted[kept] == k, target[kept] == k
        scores.append((a & b).sum() / (a | b).sum())
    assert seen.iou()[:3] == pytest.approx(scores)
    assert np.isnan(seen.iou()[4])
    assert seen.mean_iou() == pytest.approx(np.mean(scores))
    assert seen.accuracy() == pytest.approx((predicted == target)[kept].mean())


def test_a_sample_is_the_tile_normalised(archive):
    data = dataset_of(archive)
    sample = data[3]
    chip = archive.read(TILES[3], "coherence", "20230301_20230313").array
    band = data.statistics.bands[0]
    expected = (np.clip(chip, band.low, band.high) - band.centre) / band.scale
    np.testing.assert_allclose(sample["image"][0].numpy(), expected, atol=1e-5)
    assert sample["identifier"] == TILES[3]
    assert (sample["target"][0, :5] == IGNORE).all()
    assert sample["bounds"] == pytest.approx((8, 49, 8.1, 49.1))


def test_crops_depend_on_seed_epoch_and_index_alone(archive):
    one, two = dataset_of(archive, crop=16, crops=3, seed=5), dataset_of(archive, crop=16, crops=3, seed=5)
    assert len(one) == 24
    for index in (7, 3, 3, 22):
        assert torch.equal(one[index]["image"], two[index]["image"])
    first = one[7]["bounds"]
    one.epoch = 1
    assert any(one[i]["bounds"] != two[i]["bounds"] for i in range(6))
    one.epoch = 0
    assert one[7]["bounds"] == first


def test_batches_do_not_depend_on_the_worker_count(archive):
    def batches(workers):
        module = ChipDataModule(
            archive, CHANNELS, SPLITS, batch=4, workers=workers, crop=16, crops=2, target="landcover", seed=2
        )
        return [batch["image"] for batch in module.train_dataloader()]

    for here, there in zip(batches(0), batches(2), strict=True):
        assert torch.equal(here, there)


def test_a_missing_chip_is_never_replaced(archive, tmp_path):
    import shutil

    shutil.copytree(archive.root, tmp_path / "chips")
    holed = ChipArchive(tmp_path / "chips")
    holed.path(TILES[2], "coherence", "20230301_20230313").unlink()
    with pytest.raises(FileNotFoundError, match=TILES[2]):
        dataset_of(holed)[2]
    sample = dataset_of(holed, missing="mask")[2]
    assert not sample["mask"][0].any()
    assert sample["mask"][1].all()
    assert dataset_of(holed, missing="drop").identifiers == [tile for tile in TILES if tile != TILES[2]]
    with pytest.raises(ValueError, match="missing must be one of raise, mask, fill, drop, got 'guess'"):
        dataset_of(holed, missing="guess")


def test_statistics_that_do_not_fit_are_refused(archive):
    with pytest.raises(ValueError, match="statistics must hold the encodings of the 2 channels, in order"):
        dataset_of(archive, statistics=Statistics((BandStatistics("x"),)))


def test_configuration_refuses_what_it_does_not_know(tmp_path):
    config = checked_config(FitConfig(input=[COHERENCE], epochs=3, splits={"a": "train", "123": "val"}))
    (tmp_path / "config.yaml").write_text(to_yaml(config))
    assert load_config(tmp_path / "config.yaml") == config
    assert load_config(tmp_path / "config.yaml", ["epochs=9", "model.widths=[8,16]"]).model["widths"] == [8, 16]
    for override, message in (
        ("epohcs=3", "there is no key epohcs; did you mean 'epochs'"),
        ("epochs=many", "could not be converted to Integer"),
        ("epochs", "an override must read key=value, got 'epochs'"),
    ):
        with pytest.raises(ValueError, match=message):
            load_config(None, [override])
    with pytest.raises(FileNotFoundError, match="there is no file"):
        load_config(tmp_path / "nothing.yaml")


@pytest.mark.parametrize("text", ["coherence", "height:x", "a:b:c:d", ":x"])
def test_bad_channels_are_named(text):
    with pytest.raises(ValueError, match="an input must read dataset:key"):
        Channel.parse(text)


def test_a_model_learns_from_coherence_what_intensity_does_not_hold(archive, tmp_path):
    result = fit(config_of(archive, tmp_path / "c", epochs=12))
    assert result.metrics["miou"] > 0.8
    blind = fit(config_of(archive, tmp_path / "i", input=[INTENSITY]))
    assert blind.metrics["miou"] < 0.6
    assert {path.name for path in (tmp_path / "c").iterdir()} == WRITTEN
    metrics = json.loads((tmp_path / "c" / "metrics.json").read_text())
    assert metrics["iou"].keys() == {"tree cover", "built-up"}
    text = (tmp_path / "c" / "config.yaml").read_text()
    assert len(text.splitlines()) <= 40
    assert resolved(load_config(tmp_path / "c" / "config.yaml")).splits == SPLITS
    codes = predict(tmp_path / "c" / "model.pt", archive, TILES[-1])
    truth = archive.read(TILES[-1], "label", "landcover").array
    assert np.mean(codes[truth > 0] == truth[truth > 0]) > 0.8


SCORES = ("miou", "accuracy", "iou", "loss", "best_epoch")


def results_of(output):
    metrics = json.loads((output / "metrics.json").read_text())
    weights = torch.load(output / "model.pt", weights_only=True)["weights"]
    return {name: metrics[name] for name in SCORES}, weights


def assert_same_results(one, other):
    assert one[0] == other[0]
    assert one[1].keys() == other[1].keys()
    for name, weight in one[1].items():
        assert torch.equal(weight, other[1][name]), name


@pytest.fixture(scope="module")
def whole(archive, tmp_path_factory):
    """A run of four epochs without an interruption."""
    output = tmp_path_factory.mktemp("whole") / "run"
    fit(config_of(archive, output, epochs=4))
    return output


@pytest.mark.parametrize("before", [1, 2, 3])
def test_a_resumed_run_ends_as_an_uninterrupted_one(archive, whole, tmp_path, before):
    fit(config_of(archive, tmp_path / "parts", epochs=before))
    fit(config_of(archive, tmp_path / "parts", epochs=4), resume=True)
    assert_same_results(results_of(whole), results_of(tmp_path / "parts"))
    one, other = (
        torch.load(output / "last.ckpt", weights_only=True)["state_dict"] for output in (whole, tmp_path / "parts")
    )
    for name, weight in one.items():
        assert torch.equal(weight, other[name]), name


def test_the_best_epoch_survives_an_interruption(archive, tmp_path, monkeypatch):
    """The decisive case: the best epoch lies before the interruption, and what follows is worse."""
    from m3leo_sar.learn.score.metrics import Confusion

    fit(config_of(archive, tmp_path / "run", epochs=2))
    best = results_of(tmp_path / "run")
    real = Confusion.mean_iou
    monkeypatch.setattr(Confusion, "mean_iou", lambda self: 0.001 * real(self))
    fit(config_of(archive, tmp_path / "run", epochs=4), resume=True)
    resumed = results_of(tmp_path / "run")
    assert resumed[0]["best_epoch"] == best[0]["best_epoch"] <= 2
    for name, weight in best[1].items():
        assert torch.equal(weight, resumed[1][name]), name


def test_a_run_writes_into_its_output_alone(archive, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    fit(config_of(archive, tmp_path / "run", epochs=2))
    assert list((tmp_path / "here").iterdir()) == []
    assert {path.name for path in (tmp_path / "run").iterdir()} == WRITTEN


def test_resuming_a_finished_run_trains_nothing_and_gives_the_same(archive, tmp_path):
    fit(config_of(archive, tmp_path / "run", epochs=2))
    before, epochs = results_of(tmp_path / "run"), []
    fit(config_of(archive, tmp_path / "run", epochs=2), resume=True, report=lambda epoch, scores: epochs.append(epoch))
    assert epochs == []
    assert_same_results(before, results_of(tmp_path / "run"))


def test_a_run_that_cannot_start_leaves_nothing(archive, tmp_path):
    for options, message in (
        ({"input": []}, "input must name at least one channel"),
        ({"splits": {TILES[0]: "train"}}, "splits must name at least one tile for val"),
        ({"input": ["coherence:20990101_20990113"]}, "8 chips of the 8 tiles of the splits are missing"),
    ):
        with pytest.raises((ValueError, FileNotFoundError), match=message):
            fit(config_of(archive, tmp_path / "run", **options))
        assert not (tmp_path / "run").exists()


def test_the_task_is_thin():
    import inspect

    from m3leo_sar.learn.tasks import segmentation

    assert len(inspect.getsource(segmentation).splitlines()) < 150
    assert isinstance(SegmentationTask(UNet(1, 2, widths=(2,)), classes=2), torch.nn.Module)


def test_a_configuration_of_anchors_is_refused(tmp_path):
    """Ten lines of names for names would stand for a thousand million values."""
    lines = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 30)]
    (tmp_path / "bomb.yaml").write_text("\n".join(lines))
    with pytest.raises(ValueError, match="must have no YAML anchors"):
        load_config(tmp_path / "bomb.yaml")


def test_a_network_that_takes_its_mask_tells_zero_from_nothing():
    torch.manual_seed(0)
    plain, aware = (UNet(2, 3, widths=[4, 8], mask=mask).eval() for mask in (False, True))
    image = torch.randn(2, 2, 8, 12)
    image[:, 1] = 0
    whole, holed = torch.ones(2, 2, 8, 12, dtype=torch.bool), torch.ones(2, 2, 8, 12, dtype=torch.bool)
    holed[:, 1] = False
    batches = [{"image": image, "mask": mask} for mask in (whole, holed)]
    assert torch.equal(*(answer(plain, batch) for batch in batches))
    assert not torch.allclose(*(answer(aware, batch) for batch in batches))
    with pytest.raises(ValueError, match="mask must be given to a network that takes it"):
        aware(image)


def test_a_run_with_a_network_that_takes_its_mask(archive, tmp_path):
    model = {"name": "unet", "widths": [8, 16], "mask": True}
    assert fit(config_of(archive, tmp_path / "run", model=model)).metrics["miou"] > 0.8
    assert predict(tmp_path / "run" / "model.pt", archive, TILES[-1]).dtype == np.uint8


@pytest.mark.parametrize("missing", ["mask", "fill"])
def test_data_sets_are_hidden_from_some_training_samples_and_never_all(archive, missing):
    whole = dataset_of(archive, missing=missing)
    data = dataset_of(archive, missing=missing, hide=0.5)
    seen = []
    for place in ((epoch, index) for epoch in range(3) for index in range(len(data))):
        sample, known = data[place], whole[place]
        assert torch.equal(sample["image"], data[place]["image"])
        lost = [not torch.equal(sample["image"][c], known["image"][c]) for c in range(2)]
        assert not all(lost)
        for channel in np.flatnonzero(lost):
            assert not sample["image"][channel].any()
            assert sample["mask"][channel].all() == (missing == "fill")
        seen.append(tuple(lost))
    assert set(seen) == {(False, False), (True, False), (False, True)}
    assert torch.equal(data[0, 3]["target"], whole[0, 3]["target"])
    module = ChipDataModule(archive, CHANNELS, SPLITS, target="landcover", hide=0.5)
    assert (module.sets["train"].hide, module.sets["val"].hide) == (0.5, 0.0)
    with pytest.raises(ValueError, match=r"hide must be a share in \[0, 1\), got 1"):
        dataset_of(archive, hide=1)


def test_an_encoding_of_ones_own_is_applied_before_statistics_and_samples(tmp_path):
    from tiny_archive import COHERENCE, SPLITS, TILES, make

    from m3leo_sar.learn.data.datamodule import fit_statistics

    archive = make(tmp_path / "chips")
    path = Path(__file__).resolve().parents[2] / "examples" / "own_encoding.py"
    channel = Channel.parse(f"{COHERENCE}:{path}")
    assert channel.rule == "linear"
    train = [tile for tile, split in SPLITS.items() if split == "train"]
    statistics = fit_statistics(archive, train, [channel])
    sample = ChipDataset(archive, TILES, channels=[channel], target="", statistics=statistics, kind="none")[0]
    coherence = np.clip(archive.read(TILES[0], *COHERENCE.split(":")).array, 0.05, 0.999)
    expected = np.sqrt((1 - coherence**2) / (200 * coherence**2))
    band = statistics.bands[0]
    expected = (np.clip(expected, band.low, band.high) - band.centre) / band.scale
    np.testing.assert_allclose(sample["image"][0], expected, atol=1e-4)
    with pytest.raises(ValueError, match="the encoding of a:b:lin must be one of linear.*did you mean 'linear'"):
        Channel.parse("a:b:lin")
    (tmp_path / "bad.py").write_text("def encode(plane): return plane[0]")
    with pytest.raises(ValueError, match="must keep the shape"):
        Channel.parse(f"a:b:{tmp_path}/bad.py").encoded(coherence)
