"""Configurations: the presets of the M3LEO baselines, names and typos, and what is found without loading torch."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from m3leo_sar.learn.data.channel import Channel, modalities
from m3leo_sar.learn.data.datamodule import TargetScale
from m3leo_sar.learn.data.epoch_batches import EpochBatches
from m3leo_sar.learn.data.labels import label_key
from m3leo_sar.learn.fit.compose import expanded, group_names
from m3leo_sar.learn.fit.config import from_yaml, load_config, to_yaml
from m3leo_sar.learn.fit.counters import Counters
from m3leo_sar.learn.fit.fit_config import FitConfig
from m3leo_sar.learn.fit.fit_run import build_task
from m3leo_sar.learn.fit.parts import part, part_names, part_options
from m3leo_sar.learn.fit.random_state import random_state, restore_random_state
from m3leo_sar.learn.fit.resolved_config import resolved
from m3leo_sar.learn.fit.sweep import sweep_overrides, varied
from m3leo_sar.learn.score.processes import gathered, shared_mean
from m3leo_sar.learn.tasks.optimisation import Optimisation
from m3leo_sar.training.pair_training import label_of

SETS = {
    "gssic": 4, "s1grd_vh": 4, "s1grd_vv": 4, "s1grd_vv_vh": 8, "s2rgbm": 12, "s2rgbm_gssic": 16,
    "s2rgbm_s1grd_vv_vh": 20,
}  # fmt: skip


def channels_of(config):
    return [Channel.parse(text) for text in expanded(config.input)]


def parameters(config):
    with torch.device("meta"):
        task = build_task(config, channels_of(config), scale=TargetScale(0, 1))
    return sum(weight.numel() for weight in task.model.parameters())


def test_the_seven_input_sets():
    assert group_names("input") == sorted(SETS)
    for name, count in SETS.items():
        channels = channels_of(load_config(None, [f"input={name}"]))
        assert len(set(channels)) == count
        parts = modalities(channels)
        assert sorted(index for part in parts.values() for index in part) == list(range(count))
    both = channels_of(load_config(None, ["input=s2rgbm,gssic"]))
    assert both == channels_of(load_config(None, ["input=s2rgbm_gssic"]))


@pytest.mark.parametrize("task", ["esawc", "agb", "ghsbuilts"])
def test_the_baselines_have_the_papers_settings(task):
    config = load_config(None, [f"task={task}", "input=s1grd_vv_vh"])
    said = (config.optimizer, config.learning_rate, config.batch, config.epochs, config.crop, config.schedule)
    assert said == ("adam", 1e-4, 8, 75, 0, "constant")
    assert config.model["widths"] == [32, 64, 128, 256, 512]
    assert config.cells == ([] if task == "esawc" else [45, 55])
    assert parameters(config) == (7_854_315 if task == "esawc" else 7_853_985)


def test_the_pretraining_has_the_papers_settings():
    config = load_config(None, ["task=mae", "input=s2rgbm"])
    said = (config.optimizer, config.learning_rate, config.epochs, config.model["mask_ratio"], config.model["side"])
    assert said == ("adamw", 1e-4, 75, 0.75, 448)
    assert parameters(config) == 88_019_712 + 5_525_504
    for name in ("dino", "clip"):
        config = load_config(None, [f"task={name}", "input=s2rgbm_gssic", "model.depth=1", "model.dim=24"])
        assert parameters(config) > 0
        assert from_yaml(to_yaml(config)) == config


def test_what_a_preset_says_gives_way(tmp_path):
    (tmp_path / "run.yaml").write_text("task: {name: agb, unit: t/ha}\nepochs: 3\nmodel: {widths: [4, 8]}\n")
    config = load_config(tmp_path / "run.yaml", ["epochs=4", "cells=[9,11]"])
    assert config.task == {"name": "regression", "unit": "t/ha"}
    assert (config.epochs, config.cells, config.batch) == (4, [9, 11], 8)
    assert config.model["widths"] == [4, 8]
    assert load_config(None, ["task=agb", "model=vit_head"]).model["patch"] == 16


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("epohcs=3", "there is no key epohcs; did you mean 'epochs'?"),
        ("model.widht=[4]", r"there is no key model.widht; did you mean 'widths'\? \(known keys of unet: widths, norm"),
        ("model.widths=4", r"model.widths must be a list such as \[1,2\], got 4"),
        ("model.widths=[a]", "model.widths.*could not be converted to Integer"),
        ("model=unett", "model must be one of .*; did you mean 'unet'?"),
        ("task=esaw", "task must be one of .*; did you mean 'esawc'?"),
        ("task.uint=m", "there is no key task.uint"),
        ("missing=guess", "missing must be one of raise, mask, fill, drop, got 'guess'"),
        ("epochs=0", "epochs must be at least 1, got 0"),
        ("learning_rate=-1", "learning_rate must be at least 0"),
        ("warmup=1.5", "warmup must be a share below 1"),
        ("cells=[3]", "cells must be rows and columns or empty"),
        ("freeze=perhaps", "freeze: .*not a valid bool"),
        ("splits=here", "splits"),
    ],
)
def test_a_mistake_names_what_was_meant(override, message):
    with pytest.raises(ValueError, match=message) as raised:
        load_config(None, [override])
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("text", ["{", "- a\n- b\n", "epochs: [1\n", "a: b: c\n"])
def test_what_is_no_configuration_is_refused(tmp_path, text):
    (tmp_path / "run.yaml").write_text(text)
    with pytest.raises(ValueError, match="run.yaml is not YAML|must be keys with values") as raised:
        load_config(tmp_path / "run.yaml")
    assert "\n" not in str(raised.value)


def test_texts_survive_the_file():
    splits = {"0000000000001": "train", "123": "val", "a: b": "test"}
    config = resolved(FitConfig(input=["s1grd_vv"], splits=splits, output='a "b" \\ c: d # e', target="x:y"))
    assert from_yaml(to_yaml(config)) == config
    assert len(to_yaml(config).splitlines()) <= 40


#: Calls of the command; each is followed by a line of what it has loaded.
LIGHT = """
import sys
from m3leo_sar.app.cli import app

for words in (["--help"], ["chips", "model.widht=3"], ["none", "task=mae"]):
    try:
        app(["train", *words], standalone_mode=False)
    except (ValueError, FileNotFoundError) as error:
        print(error)
    print("loaded:", sorted(name for name in ("torch", "lightning", "torchmetrics") if name in sys.modules))
"""


def test_help_and_mistakes_load_no_torch(tmp_path):
    done = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert [line for line in done.stdout.splitlines() if line.startswith("loaded:")] == ["loaded: []"] * 3
    assert "did you mean 'widths'" in done.stdout


OWN_MODEL = """
from collections.abc import Sequence

from torch import nn

def build(request, *, width: int = 3, names: Sequence[str] = ("a", "b")):
    return nn.Sequential(nn.Conv2d(request.channels, width, 1), nn.Conv2d(width, request.outputs, 1))
"""


class Installed:
    """An installed package's entry point."""

    def __init__(self, name, value, loaded=None):
        self.name, self.value, self.load = name, value, lambda: loaded


def installed(monkeypatch, **groups):
    """Pretend that a package names these entry points."""

    class Entries(list):
        @property
        def names(self):
            return {entry.name for entry in self}

    for module in ("_own_code", "learn.fit.compose"):
        monkeypatch.setattr(
            f"m3leo_sar.{module}.entry_points", lambda group: Entries(groups.get(group.split(".")[1], []))
        )


@pytest.mark.parametrize("by", ["path", "target", "package"])
def test_a_model_of_ones_own_is_one_file_anywhere(tmp_path, monkeypatch, by):
    (tmp_path / "thin_of_mine.py").write_text(OWN_MODEL)
    monkeypatch.syspath_prepend(tmp_path)
    named = {
        "path": f"model={tmp_path}/thin_of_mine.py",
        "target": "model._target_=thin_of_mine.build",
        "package": "model=thin",
    }[by]
    if by == "package":
        installed(monkeypatch, models=[Installed("thin", "thin_of_mine", importlib.import_module("thin_of_mine"))])
        assert "thin" in part_names("model")
    try:
        config = load_config(None, [named, "model.width=5", "input=gssic"])
        assert {key: config.model[key] for key in ("width", "names")} == {"width": 5, "names": ["a", "b"]}
        assert parameters(config) == 4 * 5 + 5 + 5 * 11 + 11
        assert from_yaml(to_yaml(config)) == config
        with pytest.raises(ValueError, match=r"there is no key model.wdth; did you mean 'width'"):
            load_config(None, [named, "model.wdth=5"])
    finally:
        sys.modules.pop("thin_of_mine", None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def make(request): pass", "model must define build; .*odd.py has no build"),
        ("def build(request, *, width): pass", "width of build in .* must have a default"),
        ("def build(request, *, width: dict = {}): pass", "width of build in .* must have a default and be int, float"),
    ],
)
def test_a_file_that_is_no_model_says_why(tmp_path, text, message):
    (tmp_path / "odd.py").write_text(text)
    with pytest.raises((ValueError, TypeError), match=message):
        load_config(None, [f"model={tmp_path}/odd.py"])
    with pytest.raises(FileNotFoundError, match=r"model.name must be a file, and there is no .*none.py"):
        load_config(None, [f"model={tmp_path}/none.py"])
    with pytest.raises(ValueError, match="must be the dotted name of a function build, got 'os.system'"):
        load_config(None, ["model._target_=os.system"])


def test_options_of_the_library_are_those_of_its_builds():
    for kind in ("model", "task"):
        for name in part_names(kind):
            build = part(kind, {"name": name}).build
            stated = {item.name: getattr(part_options(kind, {"name": name})(), item.name)
                      for item in dataclasses.fields(part_options(kind, {"name": name}))}  # fmt: skip
            taken = {
                key: list(parameter.default) if isinstance(parameter.default, tuple) else parameter.default
                for key, parameter in inspect.signature(build).parameters.items()
                if parameter.kind is inspect.Parameter.KEYWORD_ONLY
            }
            assert stated == taken, name


def test_a_task_of_ones_own(tmp_path):
    path = Path(__file__).resolve().parents[3] / "examples" / "own_task.py"
    settings = [f"task={path}", "task.quantile=0.9", "input=gssic", "model=unet", "model.widths=[4,8]"]
    config = load_config(None, settings)
    assert config.task["quantile"] == 0.9
    task = build_task(config, channels_of(config), scale=TargetScale(2.0, 3.0))
    batch = {"image": torch.zeros(2, 4, 8, 8), "mask": torch.ones(2, 4, 8, 8, dtype=torch.bool),
             "target": torch.full((2, 8, 8), 5.0)}  # fmt: skip
    task.note = lambda stage, loss, samples: loss
    short = 1 - (task.predicted(batch) - 2) / 3
    expected = torch.maximum(0.9 * short, -0.1 * short).mean()
    assert task.training_step(batch, 0).item() == pytest.approx(expected.item(), rel=1e-4)


def test_groups_grow_by_a_folder_and_by_a_package(tmp_path, monkeypatch):
    for group, name, text in (
        (
            "task", "roofs", "# @package _global_\ndefaults:\n  - override /model: vit_head\n"
            "task: {name: regression, unit: m}\nepochs: 7\n",
        ),
        ("model", "narrow", "name: unet\nwidths: [4, 8]\n"),
        ("input", "pair", "# @package _global_\ninput: ['a:b', 'c:d']\n"),
        ("pairs", "mine", "days: [6]\n"),
    ):  # fmt: skip
        (tmp_path / group).mkdir()
        (tmp_path / group / f"{name}.yaml").write_text(text)
    config = load_config(None, ["task=roofs", "input=pair,gssic"], config_dir=tmp_path)
    assert (config.task, config.epochs, config.model["name"]) == ({"name": "regression", "unit": "m"}, 7, "vit_head")
    assert config.input[:2] == ["a:b", "c:d"]
    assert len(config.input) == 6
    narrow = load_config(None, ["task=roofs", "model=narrow", "pairs=mine", "pairs.store=t"], config_dir=tmp_path)
    assert narrow.model["widths"] == [4, 8]
    assert narrow.pairs["days"] == [6]
    with pytest.raises(ValueError, match="task must be one of .*roofs.*; did you mean 'roofs'"):
        load_config(None, ["task=rofs"], config_dir=tmp_path)
    with pytest.raises(FileNotFoundError, match="config-dir must be a folder"):
        load_config(None, [], config_dir=tmp_path / "none")
    (tmp_path / "their_configs").mkdir()
    (tmp_path / "their_configs" / "__init__.py").write_text("")
    (tmp_path / "task").rename(tmp_path / "their_configs" / "task")
    monkeypatch.syspath_prepend(tmp_path)
    installed(monkeypatch, configs=[Installed("theirs", "their_configs")])
    assert "roofs" in group_names("task")
    assert load_config(None, ["task=roofs"]).epochs == 7


def test_a_sweep_takes_every_combination():
    runs = sweep_overrides(["archive=a/b", "epochs=1,3", "input=[gssic,s1grd_vv]", "model.widths=[4,8],[2,4,8]"])
    assert len(runs) == 4
    assert runs[1] == ["archive=a/b", "epochs=1", "input=[gssic,s1grd_vv]", "model.widths=[2,4,8]"]
    assert [load_config(None, run).epochs for run in runs] == [1, 1, 3, 3]
    assert load_config(None, runs[1]).model["widths"] == [2, 4, 8]
    assert load_config(None, runs[1]).input == ["gssic", "s1grd_vv"]
    assert varied(runs)[2] == ["epochs=3", "model.widths=[4,8]"]
    with pytest.raises(ValueError, match="is not an override of a sweep"):
        sweep_overrides(["epochs=[1"])


def test_batches_go_on_from_any_place():
    whole = EpochBatches(11, 3, seed=5)
    batches = list(whole)
    assert [len(batch) for batch in batches] == [3, 3, 3, 2]
    assert sorted(index for batch in batches for _, index in batch) == list(range(11))
    whole.start = 2
    assert list(whole) == batches[2:]
    assert len(whole) == 4
    whole.epoch, whole.start = 1, 0
    assert list(whole) != batches
    assert {epoch for batch in whole for epoch, _ in batch} == {1}
    # Two processes see, at each step, what one with twice the batch does.
    two = [list(EpochBatches(13, 3, seed=5, rank=rank, world=2)) for rank in (0, 1)]
    one = list(EpochBatches(13, 6, seed=5))
    assert [first + second for first, second in zip(*two, strict=True)] == one[:2]
    with pytest.raises(ValueError, match="batch must be at most 5 for 2 devices and 11 samples"):
        EpochBatches(11, 6, seed=0, world=2)


def test_the_learning_rate_takes_its_course():
    weight = torch.nn.Parameter(torch.zeros(1))
    frozen = torch.nn.Parameter(torch.zeros(1), requires_grad=False)
    course = Optimisation(optimizer="adamw", learning_rate=0.1, schedule="cosine", warmup=0.25, steps=8)
    found = course.configured([weight, frozen])
    assert found["lr_scheduler"]["interval"] == "step"
    assert [len(group["params"]) for group in found["optimizer"].param_groups] == [1]
    rates = [course.rate(step) for step in range(9)]
    assert rates[:3] == [0.5, 1, 1]
    assert rates[2:] == sorted(rates[2:], reverse=True)
    assert rates[8] == pytest.approx(0)
    assert isinstance(Optimisation(optimizer="sgd").configured([weight]), torch.optim.SGD)
    with pytest.raises(ValueError, match="optimizer must be one of adam, adamw, sgd"):
        Optimisation(optimizer="adagrad")
    with pytest.raises(ValueError, match="steps must be at least 1 for a schedule, got 0"):
        Optimisation(schedule="cosine")


def test_random_numbers_go_on():
    import random

    import numpy as np

    def draw():
        return float(torch.rand(1)), float(np.random.rand()), random.random()  # noqa: NPY002

    state = random_state()
    first = draw()
    assert draw() != first
    restore_random_state(state)
    assert draw() == first


def test_one_process_counts_for_itself():
    assert gathered([1]) == [[1]]
    assert float(shared_mean(torch.tensor(6.0), torch.tensor(4), training=True)) == 1.5
    assert float(shared_mean(torch.tensor(0.0), torch.tensor(0), training=True)) == 0


def test_waits_and_steps_are_counted_apart():
    times = iter([0.0, 1.0, 4.0, 4.5, 8.5, 11.0, 14.0])
    counters = Counters(clock=lambda: next(times))
    assert set(counters.rates().values()) == {0.0}
    batch = {
        "image": torch.zeros(3, 1, 2, 2), "mask": torch.zeros(3, 1, 2, 2, dtype=torch.bool),
        "target": torch.zeros(3, 1, 1), "unknown": torch.zeros(3, 257), "identifier": ["a", "b", "c"],
    }  # fmt: skip
    counters.on_train_epoch_start(None, None)
    for _ in range(3):
        counters.on_train_batch_start(None, None, batch, 0)
        counters.on_train_batch_end(None, None, None, batch, 0)
    rates = counters.rates(world=2)
    waits, steps = [1, 0.5, 2.5], [3, 4, 3]
    assert rates["wait_fraction"] == pytest.approx(sum(waits) / 14)
    assert rates["samples_per_second"] == pytest.approx(2 * 9 / 14)
    assert rates["bytes_per_second"] == pytest.approx(2 * 3 * (3 * (16 + 4 + 4)) / 14)
    assert rates["wait_p50"] == 1
    assert rates["stall_ratio"] == pytest.approx(sorted(w + s for w, s in zip(waits, steps, strict=True))[1] / 3 - 1)


def test_tensorboard_is_asked_for_by_name(monkeypatch):
    monkeypatch.setattr("m3leo_sar.learn.fit.resolved_config.find_spec", lambda name: None)
    with pytest.raises(ValueError, match="loggers names tensorboard, which needs the package tensorboard"):
        resolved(FitConfig(input=["gssic"], loggers=["csv", "tensorboard"]))


@pytest.mark.parametrize("text", ["coherence/VV/20230301_20230313", "coherence/20230301_20230313"])
def test_a_chip_is_named_as_on_disk(text):
    config = load_config(None, [f"input={text}"])
    assert config.input == [text]
    dataset, _, key = text.partition("/")
    assert channels_of(config) == [Channel.parse(f"{dataset}:{key}")]
    assert label_key("label/landcover") == label_key("landcover") == label_of("label/landcover")
