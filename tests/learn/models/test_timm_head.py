"""Encoders of timm by name, for any number of channels."""

from __future__ import annotations

import builtins

import pytest
import torch

from m3leo_sar.learn.models.model_request import ModelRequest
from m3leo_sar.learn.models.timm_head import PyramidHead, build


class Halves(torch.nn.Module):
    """Features at a half and at a quarter of the image."""

    def forward(self, image):
        pool = torch.nn.functional.avg_pool2d
        return [pool(image, 2), torch.cat([pool(image, 4), pool(image, 4)], dim=1)]


@pytest.fixture(scope="module")
def timm():
    try:
        import timm
    except (ImportError, RuntimeError):
        pytest.skip("timm is not installed, or its torchvision does not fit torch")
    return timm


def test_features_of_all_scales_reach_every_pixel():
    model = PyramidHead(Halves(), [3, 6], 5, width=4)
    image = torch.randn(2, 3, 24, 36, requires_grad=True)
    out = model(image)
    assert out.shape == (2, 5, 24, 36)
    out[0, :, 11, 17].sum().backward()
    assert (image.grad[0] != 0).any()
    assert not image.grad[1].any()
    assert all(weight.grad is not None for weight in model.parameters())
    cells = PyramidHead(Halves(), [3, 6], 1, width=4, cells=(5, 7))
    assert cells(image).shape == (2, 1, 5, 7)
    with pytest.raises(ValueError, match="widths, outputs and width must be at least 1"):
        PyramidHead(Halves(), [3, 6], 0)


@pytest.mark.parametrize("encoder", ["test_resnet", "test_convnext", "test_vit"])
def test_an_encoder_by_name_takes_any_number_of_channels(timm, encoder):
    model = build(ModelRequest(channels=7, outputs=3), encoder=encoder, width=8)
    assert model(torch.zeros(2, 7, 64, 96)).shape == (2, 3, 64, 96)


def test_encoders_that_are_not_there_are_refused(timm):
    with pytest.raises(ValueError, match="encoder must be a model of timm, such as .*resnet.*, got 'resnet18000'"):
        build(ModelRequest(channels=2, outputs=3), encoder="resnet18000")


def test_a_task_without_targets_and_a_missing_package_are_refused(monkeypatch):
    with pytest.raises(ValueError, match="model timm_head needs a task with labels"):
        build(ModelRequest(channels=2, outputs=0))
    load = builtins.__import__

    def refuse(name, *rest, **more):
        if name == "timm":
            raise refuse.error
        return load(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", refuse)
    refuse.error = ModuleNotFoundError("No module named 'timm'", name="timm")
    with pytest.raises(ModuleNotFoundError, match=r"install it with pip install 'm3leo-sar\[timm\]'"):
        build(ModelRequest(channels=2, outputs=3))
    refuse.error = RuntimeError("operator torchvision::nms does not exist")
    with pytest.raises(ImportError, match="timm needs a torchvision of the build of torch .*nms does not exist"):
        build(ModelRequest(channels=2, outputs=3))
