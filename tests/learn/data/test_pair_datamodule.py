"""Loaders of pairs in a training run: their workers, the random numbers they leave alone, digests and statistics."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import signal
from dataclasses import replace

import numpy as np
import pytest
import torch
from pair_store import PRODUCTS, STATISTICS, dataset_of, prepared

from m3leo_sar.chips.statistics import Statistics
from m3leo_sar.learn.data import pair_datamodule
from m3leo_sar.learn.data.archive_target import ArchiveTarget
from m3leo_sar.learn.data.pair_datamodule import PairDataModule, fit_pair_statistics, starting_bands
from m3leo_sar.learn.data.pair_index import PairIndex
from m3leo_sar.learn.data.samplers import TileBatches
from m3leo_sar.learn.fit.fit import fit
from m3leo_sar.learn.fit.fit_config import FitConfig
from m3leo_sar.learn.fit.run_state import Progress
from m3leo_sar.products.pair_products import pair_products
from m3leo_sar.stack.pair_product import PairProduct
from m3leo_sar.stack.pairs import sequential_pairs


@pytest.fixture(scope="module")
def held(tmp_path_factory):
    return prepared(tmp_path_factory.mktemp("pairs"))


def splits_of(held):
    return dict(zip(held.grid.identifiers, ["train"] * 4 + ["val", "test"], strict=True))


def module_of(held, **options):
    common = {"compute": pair_products, "products": PRODUCTS, "target": ArchiveTarget(held.archive, "landcover")}
    common |= {"batch": 4, "statistics": STATISTICS}
    return PairDataModule(held.store, held.index, splits_of(held), **{**common, **options})


# --- loaders ---


def test_a_worker_leaves_ctrl_c_to_the_main_process(held):
    batches = iter(module_of(held, workers=1).train_dataloader())
    first = next(batches)
    # Ctrl-C reaches all processes of a terminal.
    os.kill(batches._workers[0].pid, signal.SIGINT)
    rest = list(batches)
    assert [len(batch["image"]) for batch in (first, *rest)] == [4] * 10


def test_making_an_iterator_draws_no_random_number_of_the_run(held):
    module = module_of(held)
    before = torch.get_rng_state()
    for loader in (module.train_dataloader(), module.val_dataloader(), module.test_dataloader()):
        next(iter(loader))
        assert torch.equal(torch.get_rng_state(), before)


def config_of(held, output, **options):
    common = {
        "archive": str(held.archive.root), "output": str(output), "input": ["coherence:3x8", "intensity:reference"],
        "pairs": {"store": str(held.store.root)}, "splits": splits_of(held), "batch": 4, "eval_batch": 4, "epochs": 2,
        "model": {"widths": [4, 8], "dropout": 0.3}, "learning_rate": 1e-2, "accelerator": "cpu", "threads": 1,
    }  # fmt: skip
    return FitConfig(**{**common, **options})


def data_of(held):
    """Makes the data of a configuration, with the pairs of dates after another."""
    dates = {name: held.store.dates(name) for name in held.grid.identifiers}
    index = PairIndex.of_pairs(dates, sequential_pairs)

    def made(config, kind, statistics):
        return PairDataModule(
            held.store,
            index,
            config.splits,
            compute=pair_products,
            products=[PairProduct.parse(text) for text in config.input],
            statistics=statistics,
            target=ArchiveTarget(held.archive, "landcover"),
            kind=kind,
            batch=config.batch,
            seed=config.seed,
        )

    return made


class Crash(Exception):
    """Stands for what no one can catch."""


def test_a_run_that_dies_between_epochs_goes_on_bit_for_bit(held, tmp_path, monkeypatch):
    """Dropout draws from the random numbers that a new iterator must not move."""
    made = data_of(held)
    fit(config_of(held, tmp_path / "whole"), pair_data=made)
    real = Progress._save

    def save(self, trainer, place):
        real(self, trainer, place)
        if place == (1, 0):
            raise Crash

    with monkeypatch.context() as patched:
        patched.setattr(Progress, "_save", save)
        with pytest.raises(Crash):
            fit(config_of(held, tmp_path / "parts"), pair_data=made)
    fit(config_of(held, tmp_path / "parts"), resume=True, pair_data=made)
    whole, parts = (torch.load(tmp_path / name / "last.ckpt", weights_only=True) for name in ("whole", "parts"))
    for name, weight in whole["state_dict"].items():
        assert torch.equal(weight, parts["state_dict"][name]), name
    # Workers deal the batches, so with others the rest of an epoch would be of other samples.
    with pytest.raises(ValueError, match="was made with workers 0, this run has 1"):
        fit(config_of(held, tmp_path / "parts", workers=1), resume=True, pair_data=made)


@pytest.mark.parametrize("world", [1, 2, 3])
def test_the_batches_of_an_epoch_are_those_of_each_process(held, world):
    module = module_of(held)
    tile = module.sets["train"].index.tile
    for rank, epoch in itertools.product(range(world), range(3)):
        order = TileBatches(tile, batch=4, rank=rank, world=world)
        order.set_epoch(epoch)
        assert len(order) == module.train_batches(world)


# --- digest ---


def plain_digest(module):
    """As it was first written: the text of everything at once."""
    train = module.sets["train"]
    pairs = {name: [(s.identifier, *map(str, s.pairs)) for s in part.index] for name, part in module.sets.items()}
    facts = (pairs, [str(product) for product in train.products], train.label, train.kind, train.missing)
    return hashlib.sha256(repr((*facts, train.augmentation, module.statistics.digest)).encode()).hexdigest()[:16]


@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_the_digest_is_that_of_older_checkpoints_and_asks_no_sample(held, monkeypatch, chunk):
    module = module_of(held)
    wanted = plain_digest(module)
    monkeypatch.setattr(pair_datamodule, "_CHUNK", chunk)
    # What takes minutes and gigabytes where there are millions.
    monkeypatch.delattr(PairIndex, "__getitem__")
    monkeypatch.delattr(PairIndex, "__iter__")
    assert module.digest == wanted
    monkeypatch.setattr(pair_datamodule, "_sample_texts", None)
    assert module.digest == wanted


def test_the_digest_tells_samples_of_several_pairs_apart(held):
    module = module_of(held)
    digests = set()
    for groups in (held.index.groups, [(*group, held.index.groups[0][0]) for group in held.index.groups]):
        index = replace(held.index, groups=tuple(groups))
        module = PairDataModule(
            held.store, index, splits_of(held), compute=pair_products, products=PRODUCTS, statistics=STATISTICS
        )
        assert module.digest == plain_digest(module)
        digests.add(module.digest)
    assert len(digests) == 2


# --- statistics ---


def in_digital_numbers(tile, groups, /, *, products, **options):
    """Powers of an SLC that nobody calibrated, 65 dB higher."""
    planes = pair_products(tile, groups, products=products, **options)
    return [[part * 10**6.5 if product.date else part for part, product in zip(each, products, strict=True)]
            for each in planes]  # fmt: skip


def test_powers_of_digital_numbers_get_statistics_of_their_own_range(held):
    data = dataset_of(held, statistics=Statistics(tuple(starting_bands(PRODUCTS))), compute=in_digital_numbers)
    found = fit_pair_statistics(data, draw=1000)
    powers = np.concatenate([data.planes(index)[2].ravel() for index in range(60)])
    decibels = 10 * np.log10(powers[np.isfinite(powers)])
    assert np.median(decibels) > 45
    assert found.bands[2].centre == pytest.approx(np.median(decibels), abs=0.1)
    assert (found.bands[2].low, found.bands[2].high) == pytest.approx(np.quantile(decibels, (0.001, 0.999)), abs=0.5)
    # The other bands are those that one pass finds.
    plain = fit_pair_statistics(dataset_of(held, statistics=data.statistics), draw=1000)
    assert found.bands[:2] == plain.bands[:2]


def test_a_file_of_other_bands_is_refused(held, tmp_path):
    made, names = data_of(held), ["coherence:3x8", "intensity:reference"]
    fit(config_of(held, tmp_path / "run", epochs=1), pair_data=made)
    right = Statistics.from_json((tmp_path / "run" / "statistics.json").read_text())
    assert [band.name for band in right.bands] == names
    file = tmp_path / "given.json"
    first, second = right.bands
    for bands, message in (
        ((replace(first, name="coherence:5x20"), second), "band 1 must be coherence:3x8, .* got coherence:5x20"),
        ((first, replace(second, name="intensity:secondary")), "band 2 must be intensity:reference"),
        ((first, replace(second, encoding="log_ratio")), "encoded as decibel or linear, got .* as log_ratio in"),
        ((first,), "a band for each of the 2 inputs, got 1 in .*given.json"),
    ):
        file.write_text(Statistics(bands).to_json())
        with pytest.raises(ValueError, match=message):
            fit(config_of(held, tmp_path / "other", epochs=1, statistics=str(file)), pair_data=made)
    file.write_text(Statistics((replace(first, name="coherence", encoding="fisher"), second)).to_json())
    fit(config_of(held, tmp_path / "other", epochs=1, statistics=str(file)), pair_data=made)
    kept = json.loads((tmp_path / "other" / "statistics.json").read_text())
    assert kept["bands"][0]["encoding"] == "fisher"
