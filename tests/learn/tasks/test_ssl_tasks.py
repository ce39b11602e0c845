"""Tasks that need no class of each pixel: tiny ones learn on a CPU what they should, and bad input does no harm."""

from __future__ import annotations

import inspect
import math
import warnings

import lightning as L
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from m3leo_sar.learn.data.batch import image_of, present_of, step_generator
from m3leo_sar.learn.models.contrastive import ModalityAligner
from m3leo_sar.learn.models.dino import SelfDistillation, spread
from m3leo_sar.learn.models.heads import LinearProbe, RegressionHead
from m3leo_sar.learn.models.mae import MaskedAutoencoder, reconstruction_loss
from m3leo_sar.learn.models.unet import UNet
from m3leo_sar.learn.models.vit import VisionTransformer
from m3leo_sar.learn.tasks import alignment, distillation, reconstruction, regression
from m3leo_sar.learn.tasks.alignment import AlignmentTask
from m3leo_sar.learn.tasks.distillation import DistillationTask
from m3leo_sar.learn.tasks.reconstruction import ReconstructionTask
from m3leo_sar.learn.tasks.regression import RegressionTask, masked_square, masked_target

SIDE = 16


@pytest.fixture(autouse=True)
def one_thread_and_seed():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(before)


def tiny(channels, **sizes):
    return VisionTransformer(channels, side=SIDE, **{"patch": 4, "dim": 32, "depth": 2, "heads": 4, **sizes})


def samples(images, *, masks=None, targets=None):
    masks = torch.ones_like(images, dtype=torch.bool) if masks is None else masks
    targets = torch.zeros(len(images), 1, 1) if targets is None else targets
    return [
        {"image": image, "mask": mask, "target": target}
        for image, mask, target in zip(images, masks, targets, strict=True)
    ]


def batch_of(images, **options):
    return torch.utils.data.default_collate(samples(images, **options))


def train(task, data, *, epochs, batch=32, held=None):
    """Train and return what validation noted last."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer = L.Trainer(
            max_epochs=epochs,
            accelerator="cpu",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            check_val_every_n_epoch=epochs,
        )
        order = torch.Generator().manual_seed(0)
        loader = DataLoader(data, batch, shuffle=True, generator=order, drop_last=True)
        trainer.fit(task, loader, DataLoader(held or data, 64))
    task.eval()
    return {name: float(value) for name, value in trainer.callback_metrics.items()}


def waves(count, *, seed=0):
    """Smooth images: two long waves of any direction, so that a hidden patch follows from the others."""
    rng = np.random.default_rng(seed)
    rows, cols = np.mgrid[:SIDE, :SIDE]
    kx, ky = rng.uniform(-0.25, 0.25, (2, count, 2, 1, 1))
    angle = kx * cols + ky * rows + rng.uniform(0, 2 * np.pi, (count, 2, 1, 1))
    return torch.from_numpy(np.cos(angle).sum(axis=1, keepdims=True).astype(np.float32))


def test_the_auto_encoder_beats_the_mean_and_needs_its_input():
    images = waves(512)
    images += 0.05 * torch.randn_like(images)
    masks = torch.ones_like(images, dtype=torch.bool)
    masks[:, :, 3:6, 9:14] = False
    images[~masks] = torch.nan
    task = ReconstructionTask(MaskedAutoencoder(tiny(1), decoder_dim=32, decoder_heads=4), learning_rate=3e-3)
    held = samples(images[:64], masks=masks[:64])
    scores = train(task, samples(images[64:], masks=masks[64:]), held=held, epochs=30)
    of_the_mean = float(images[:64][masks[:64]].var())
    assert scores["val_loss"] < 0.4 * of_the_mean
    # What it says comes from what it sees: given other images, it is worse than the mean.
    seen = images[:64].nan_to_num()
    with torch.no_grad():
        found = task.model(seen.flip(0), generator=torch.Generator().manual_seed(0))
        loss = reconstruction_loss(found, seen, masks[:64], patch=4)
    assert float(loss) > of_the_mean


def built_up(count, *, seed=0):
    """Two channels, and a target in tonnes on a 5 by 3 grid that is the mean of one of them, less known at the edge."""
    rng = np.random.default_rng(seed)
    cover = np.kron(rng.random((count, 4, 4)), np.ones((4, 4))).astype(np.float32)
    noise = rng.normal(size=cover.shape).astype(np.float32)
    images = torch.from_numpy(np.stack([cover + 0.1 * noise, noise[::-1].copy()], axis=1))
    targets = 200 + 300 * regression.area_pool(torch.from_numpy(cover), (5, 3))
    targets[:, 0, 1] = torch.nan
    return images, targets


def test_regression_finds_the_values_in_their_unit():
    images, targets = built_up(96)
    known = targets[~targets.isnan()]
    task = RegressionTask(
        UNet(2, 1, widths=(8, 16)), centre=float(known.mean()), scale=float(known.std()), learning_rate=1e-2
    )
    data = samples(images, targets=targets)
    scores = train(task, data[32:], held=data[:32], epochs=25, batch=16)
    spread_of = float(targets[:32][~targets[:32].isnan()].std())
    assert scores["val_rmse"] < 0.3 * spread_of
    assert task.seen["val"].count == 32 * 14
    with torch.no_grad():
        found = task.predict_cells(batch_of(images[:4]), (5, 3))
    assert found.shape == (4, 5, 3)
    assert float((found - targets[:4]).nan_to_num().abs().mean()) < 0.3 * spread_of
    assert scores["val_rmse"] == pytest.approx(task.seen["val"].rmse())


def test_regression_takes_a_model_of_the_targets_grid():
    images, targets = built_up(64)
    encoder = tiny(2)
    task = RegressionTask(RegressionHead(encoder, shape=(5, 3), width=16), centre=350, scale=87, learning_rate=3e-3)
    scores = train(task, samples(images, targets=targets), epochs=20, batch=16)
    assert scores["val_rmse"] < 0.5 * float(targets[~targets.isnan()].std())


def test_modalities_find_their_partners_with_some_missing():
    """Each place has a code of its own, that every modality shows in its own way, in noise."""
    rng = np.random.default_rng(0)
    codes, patterns = rng.normal(size=(448, 8)), rng.normal(size=(3, 8, SIDE, SIDE))
    shown = np.einsum("nk,mkij->nmij", codes, patterns) + 0.3 * rng.normal(size=(448, 3, SIDE, SIDE))
    images = torch.from_numpy((shown / 3).astype(np.float32))
    masks = torch.from_numpy(rng.random((448, 3, 1, 1)) < 0.85).expand_as(images)
    images[~masks] = torch.nan
    channels = {"amplitude": [0], "coherence": [1], "optical": [2]}
    task = AlignmentTask(
        ModalityAligner({name: tiny(1, depth=1) for name in channels}, dim=16), channels, learning_rate=5e-3
    )
    data = samples(images, masks=masks)
    scores = train(task, data[64:], held=data[:64], epochs=15, batch=64)
    assert scores["val_retrieval"] > 0.9


def textures(count, *, seed=0):
    """Stripes of four directions at a random phase, in noise; and which."""
    rng = np.random.default_rng(seed)
    which = rng.integers(0, 4, count)
    rows, cols = np.mgrid[:24, :24]
    angle = which[:, None, None] * np.pi / 4
    stripes = np.cos(1.2 * (np.cos(angle) * cols + np.sin(angle) * rows) + rng.uniform(0, 6.28, (count, 1, 1)))
    images = (stripes + 0.5 * rng.normal(size=stripes.shape))[:, None].astype(np.float32)
    return torch.from_numpy(images), torch.from_numpy(which)


def probe_accuracy(encoder, images, labels, *, held):
    probe = LinearProbe(encoder, int(labels.max()) + 1)
    optimizer = torch.optim.LBFGS(probe.linear.parameters(), max_iter=60)

    def closure():
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(probe(images[held:]), labels[held:])
        loss.backward()
        return loss

    optimizer.step(closure)
    return float((probe(images[:held]).argmax(dim=1) == labels[:held]).double().mean())


def distiller(**options):
    model = SelfDistillation(tiny(1), hidden=64, bottleneck=32, prototypes=64, **options)
    return model, DistillationTask(
        model, whole_side=16, local_side=8, whole=2, local=2, momentum=0.98, learning_rate=1e-3
    )


def test_self_distillation_does_not_collapse_and_tells_textures_apart():
    images, labels = textures(288)
    model, task = distiller()
    scores = train(task, samples(images), epochs=10)
    embeddings = model.embed(images).detach()
    assert scores["val_spread"] == pytest.approx(spread(embeddings), rel=1e-4)
    assert scores["val_spread"] > 0.5
    with torch.no_grad():
        said = model.teacher["head"](embeddings)
        shares = ((said - model.centre) / 0.04).softmax(dim=-1)
    entropy = lambda p: float(-(p * p.clamp(min=1e-12).log()).sum(dim=-1).mean())  # noqa: E731
    # No one answer for all, which is what comes of it without the centre, nor all answers for each.
    assert entropy(shares.mean(dim=0)) > math.log(3)
    assert entropy(shares) < 0.8 * entropy(shares.mean(dim=0))
    assert probe_accuracy(model.teacher["encoder"], images, labels, held=96) > 0.9


def tasks():
    _, distil = distiller()
    return {
        "regression": RegressionTask(UNet(1, 1, widths=(4, 8))),
        "reconstruction": ReconstructionTask(MaskedAutoencoder(tiny(1), decoder_dim=32, decoder_heads=4)),
        "distillation": distil,
        "alignment": AlignmentTask(ModalityAligner({"a": tiny(1), "b": tiny(1)}, dim=8), {"a": [0], "b": [0]}),
    }


@pytest.mark.parametrize("name", tasks())
def test_no_valid_pixel_is_no_loss_and_a_finite_gradient(name):
    task = tasks()[name]
    task.log = lambda *_, **__: None
    nothing = torch.full((4, 1, SIDE, SIDE), torch.nan)
    batch = batch_of(nothing, masks=torch.zeros_like(nothing, dtype=torch.bool), targets=torch.ones(4, 2, 3))
    loss = task.training_step(batch, 0)
    loss.backward()
    assert float(loss.detach()) == 0
    gradients = [weight.grad for weight in task.parameters() if weight.grad is not None]
    assert gradients
    assert all(torch.equal(gradient, torch.zeros_like(gradient)) for gradient in gradients)


@pytest.mark.parametrize("name", tasks())
def test_what_has_no_data_changes_nothing(name):
    losses = []
    for filler in (torch.nan, 1e6):
        torch.manual_seed(0)
        task = tasks()[name]
        task.log = lambda *_, **__: None
        torch.manual_seed(1)
        images, masks = torch.randn(4, 1, SIDE, SIDE), torch.rand(4, 1, SIDE, SIDE) < 0.7
        images[~masks] = filler
        loss = task.training_step(batch_of(images, masks=masks, targets=torch.rand(4, 2, 3)), 3)
        loss.backward()
        assert all(torch.isfinite(weight.grad).all() for weight in task.parameters() if weight.grad is not None)
        losses.append(float(loss.detach()))
    assert losses[0] == losses[1] > 0


@pytest.mark.parametrize("name", tasks())
def test_mixed_precision_changes_a_loss_little(name):
    losses = []
    for mixed in (False, True):
        torch.manual_seed(0)
        task = tasks()[name]
        task.log = lambda *_, **__: None
        batch = batch_of(torch.randn(4, 1, SIDE, SIDE), targets=torch.rand(4, 2, 3))
        with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
            loss = task.training_step(batch, 0)
        loss.backward()
        assert loss.dtype == torch.float32
        losses.append(float(loss.detach()))
    assert losses[0] != losses[1]
    assert losses[1] == pytest.approx(losses[0], rel=0.05)


@pytest.mark.parametrize("name", tasks())
def test_a_batch_of_another_size_is_refused(name):
    task = tasks()[name]
    task.log = lambda *_, **__: None
    with pytest.raises(ValueError, match=r"image and mask must be .*\(4, 1, 16, 16\) and \(4, 1, 16, 8\)"):
        task.training_step(
            {
                "image": torch.zeros(4, 1, 16, 16),
                "mask": torch.ones(4, 1, 16, 8, dtype=torch.bool),
                "target": torch.zeros(4, 2, 3),
            },
            0,
        )
    with pytest.raises(ValueError, match=r"multiples of|sides must be from 1 to|image must be"):
        task.training_step(batch_of(torch.zeros(4, 1, 15, 15)), 0)


def test_targets_are_left_out_where_no_pixel_has_data():
    mask = torch.zeros(1, 2, 6, 6, dtype=torch.bool)
    mask[0, 1, 0, 0] = mask[0, 0, 5, 2] = True
    target = torch.tensor([[[1.0, 2.0], [3.0, torch.nan]]])
    found = masked_target({"mask": mask, "target": target})
    assert found[0, 0, 0] == 1
    assert found[0, 1, 0] == 3
    assert found.isnan().sum() == 2
    with pytest.raises(ValueError, match=r"target must be \(1, rows, cols\), got \(2, 2\)"):
        masked_target({"mask": mask, "target": target[0]})


def test_the_square_is_that_of_brute_force():
    found, target = torch.randn(2, 5, 3, requires_grad=True), torch.randn(2, 5, 3)
    target[torch.rand(2, 5, 3) < 0.4] = torch.nan
    loss = masked_square(found, target)
    kept = ~target.isnan()
    expected = float((found.detach()[kept] - target[kept]).square().mean())
    assert float(loss.detach()) == pytest.approx(expected, rel=1e-6)
    loss.backward()
    assert torch.equal(found.grad != 0, kept)


def test_pixels_without_data_do_not_enter_a_cell():
    class Copy(torch.nn.Module):
        def forward(self, image):
            return image + 1

    images = torch.arange(36.0).reshape(1, 1, 6, 6)
    masks = torch.ones(1, 1, 6, 6, dtype=torch.bool)
    masks[0, 0, 0, :2] = False
    found = RegressionTask(Copy(), centre=10, scale=2).predict_cells(batch_of(images, masks=masks), (2, 2))
    kept = [2, 6, 7, 8, 12, 13, 14]
    assert float(found[0, 0, 0]) == pytest.approx(10 + 2 * (1 + np.mean(kept)))
    assert float(found[0, 1, 1]) == pytest.approx(10 + 2 * (1 + float(images[0, 0, 3:, 3:].mean())))


def test_random_numbers_of_a_step_depend_on_its_place_alone():
    def draw(*key, **place):
        return float(torch.rand(1, generator=step_generator(*key, **{"epoch": 1, "index": 2, **place})))

    assert draw(0, "train") == draw(0, "train")
    others = [draw(1, "train"), draw(0, "train", epoch=2), draw(0, "train", index=3), draw(0, "train", rank=1)]
    assert len({draw(0, "train"), draw(0, "val"), draw(0, "test"), *others}) == 7
    assert draw(0, "val", epoch=5) == draw(0, "val", epoch=9)


def test_a_batch_is_read_with_its_mask():
    batch = batch_of(torch.full((3, 2, 4, 4), torch.nan), masks=torch.zeros(3, 2, 4, 4, dtype=torch.bool))
    batch["mask"][1, 1, 2, 2], batch["image"][1, 1, 2, 2] = True, 7
    assert present_of(batch).tolist() == [False, True, False]
    assert float(image_of(batch).sum()) == 7
    assert torch.isnan(batch["image"]).sum() == 95


def test_tasks_refuse_what_they_cannot_use():
    model = ModalityAligner({"a": tiny(1), "b": tiny(1)}, dim=8)
    for call, message in (
        (lambda: RegressionTask(UNet(1, 1), scale=0), "scale must be above 0, got 0"),
        (lambda: AlignmentTask(model, {"a": [0], "c": [1]}), "channels must be of a, b, got a, c"),
        (lambda: DistillationTask(distiller()[0], whole=1, local=0), "cuts 2, momentum 0 to 1, got 1, 0, 0.996"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


@pytest.mark.parametrize("module", [alignment, distillation, reconstruction, regression])
def test_tasks_are_thin(module):
    source = inspect.getsource(module)
    assert len(source.splitlines()) < 150
    assert source.count("def _step(") == 1
