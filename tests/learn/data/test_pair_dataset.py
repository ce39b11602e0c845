"""Pairs on the fly: the same bits from anywhere, masks, augmentations, no copy, nothing quadratic on disk."""

from __future__ import annotations

import datetime
import shutil

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pair_store import DATES, PIXELS, PRODUCTS, STATISTICS, dataset_of, prepared
from torch.utils.data import DataLoader, default_collate

from m3leo_sar import Pair, SlcStack, Window, normalise
from m3leo_sar.chips.land_cover import WORLDCOVER
from m3leo_sar.chips.statistics import BandStatistics, Statistics
from m3leo_sar.io.chips.chip import Chip
from m3leo_sar.io.chips.slc_tile_store import SlcTileStore
from m3leo_sar.learn.data import pair_dataset
from m3leo_sar.learn.data.archive_target import ArchiveTarget
from m3leo_sar.learn.data.augment import Augmentation, flip_planes
from m3leo_sar.learn.data.datamodule import worker_context
from m3leo_sar.learn.data.labels import class_target
from m3leo_sar.learn.data.pair_datamodule import PairDataModule, fit_pair_statistics, starting_bands
from m3leo_sar.learn.data.pair_dataset import PairDataset, as_fetched
from m3leo_sar.learn.data.pair_index import PairIndex
from m3leo_sar.learn.data.samplers import TileBatches
from m3leo_sar.learn.data.tile_tiers import TileTiers
from m3leo_sar.learn.data.torchgeo_sample import TorchGeoSamples
from m3leo_sar.learn.fit.throughput import ThroughputCallback, ThroughputCounter, headroom, stall_ratio
from m3leo_sar.products.pair_products import pair_products
from m3leo_sar.run.slc_tiles import build_slc_tiles
from m3leo_sar.stack.pair_product import PairProduct
from m3leo_sar.stack.pairs import all_pairs

ALL = Augmentation(redraw=True, swap=0.5, flips=("rows", "cols"), both_orbits=True)


@pytest.fixture(scope="module")
def held(tmp_path_factory):
    return prepared(tmp_path_factory.mktemp("pairs"))


@pytest.fixture
def holed(held, tmp_path):
    """A copy of the store in which half the tiles lack the second date, and one tile lacks everything."""
    shutil.copytree(held.store.root, tmp_path / "holed")
    store, names = SlcTileStore(tmp_path / "holed"), list(held.grid.identifiers)
    for name in names[:3]:
        whole = held.store.read(name)
        kept = [index for index in range(5) if index != 1]
        shutil.rmtree(store.root / name)
        slc = held.stack.window(whole.frame.rows, whole.frame.cols)
        store.write(name, slc[kept], [DATES[index] for index in kept], frame=whole.frame)
    return store


def splits_of(held):
    return dict(zip(held.grid.identifiers, ["train"] * 4 + ["val", "test"], strict=True))


def same(one, other):
    assert one.keys() == other.keys()
    for name, value in one.items():
        pairs = zip(value, other[name], strict=True) if isinstance(value, list | tuple) else [(value, other[name])]
        for first, second in pairs:
            if isinstance(first, torch.Tensor):
                assert torch.equal(first, second), name
            else:
                assert first == second, name


def test_a_sample_is_the_products_normalised(held):
    data = dataset_of(held)
    assert len(data) == 6 * 10
    sample, asked = data[23], held.index[23]
    tile = held.store.read(asked.identifier)
    planes = pair_products(tile, [asked.pairs], products=PRODUCTS)[0]
    values, mask = normalise(planes, STATISTICS)
    np.testing.assert_array_equal(sample["image"].numpy(), values)
    np.testing.assert_array_equal(sample["mask"].numpy(), mask)
    assert sample["image"].shape == (4, PIXELS, PIXELS)
    assert (sample["image"].dtype, sample["mask"].dtype, sample["target"].dtype) == (
        torch.float32,
        torch.bool,
        torch.int64,
    )
    pair = asked.pairs[0]
    assert (sample["reference"], sample["secondary"]) == (pair.reference.isoformat(), pair.secondary.isoformat())
    assert (sample["days"], sample["looks"]) == (pair.days, (24.0, 15.0, 1.0))
    assert sample["identifier"] == asked.identifier
    geobox = next(tile for tile in held.grid if tile.identifier == asked.identifier).geobox
    assert (sample["bounds"], sample["crs"]) == (geobox.bounds, geobox.crs)
    codes = held.archive.read(asked.identifier, "label", "landcover").array
    assert (sample["target"] == torch.from_numpy(class_target(Chip(codes, geobox, {}), WORLDCOVER))).all()


def test_pixels_without_data_are_masked(held):
    masks = {}
    for index in range(len(held.index)):
        sample = dataset_of(held)[index]
        touches = DATES[2] in (held.index[index].pairs[0].reference, held.index[index].pairs[0].secondary)
        masks.setdefault(touches, []).append(bool(sample["mask"].all()))
    assert all(masks[False])
    assert not all(masks[True])


@given(
    order=st.permutations(range(60)).map(lambda found: found[:11]),
    cuts=st.lists(st.integers(1, 4), min_size=4, max_size=11),
    memory=st.sampled_from([0, 60_000, 1 << 26]),
    moved=st.booleans(),
)
def test_no_bit_depends_on_order_batch_size_or_tier(held, order, cuts, memory, moved):
    device = {"device_bytes": 50_000, "to_device": np.array} if moved else {}
    tiers = TileTiers(held.store, memory_bytes=memory, **device)
    data, plain = (dataset_of(held, augmentation=ALL, seed=5, **rest) for rest in ({"tiers": tiers}, {}))
    place = 0
    for size in cuts:
        part = order[place : place + size]
        if not part:
            break
        batch = data.__getitems__(part)
        for row, index in enumerate(part):
            alone = plain[index]
            assert torch.equal(batch["image"][row], alone["image"])
            assert torch.equal(batch["mask"][row], alone["mask"])
            assert torch.equal(batch["target"][row], alone["target"])
            assert batch["pairs"][row] == alone["pairs"]
        place += size
    assert tiers.held_bytes[0] <= memory
    assert tiers.held_bytes[1] <= 50_000


def test_a_batch_is_its_samples_collated(held):
    data = dataset_of(held, augmentation=ALL)
    same(data.__getitems__([40, 3, 17]), default_collate([data[index] for index in (40, 3, 17)]))


def loader_of(data, workers):
    order = TileBatches(data.index.tile, batch=7, hold=2, lanes=2, seed=3)
    context = worker_context() if workers else None
    return DataLoader(
        data, batch_sampler=order, collate_fn=as_fetched, num_workers=workers, multiprocessing_context=context
    )


def test_batches_do_not_depend_on_the_worker_count(held):
    data = dataset_of(held, augmentation=ALL, seed=8)
    here, there = (list(loader_of(data, workers)) for workers in (0, 2))
    assert len(here) == len(there) == 9
    for one, other in zip(here, there, strict=True):
        same(one, other)


def test_torch_sees_the_memory_that_was_normalised_into(held, monkeypatch):
    written = []

    def noting(planes, statistics, *, out):
        written.append((out.values.ctypes.data, out.mask.ctypes.data))
        return normalise(planes, statistics, out=out)

    monkeypatch.setattr(pair_dataset, "normalise", noting)
    data = dataset_of(held)
    ((batch),) = DataLoader(data, batch_sampler=[[5, 31, 6]], collate_fn=as_fetched)
    for name, side in (("image", 0), ("mask", 1)):
        assert sorted(part.data_ptr() for part in batch[name]) == sorted(place[side] for place in written)


def test_arrays_of_another_library_come_by_dlpack_without_a_copy(held):
    """A stand-in for a device's array: what it is made of is seen by torch where it lies."""

    class Elsewhere(np.ndarray):
        def __array_namespace__(self, **_):
            class Space:
                @staticmethod
                def empty(size, dtype):
                    return np.empty(size, dtype)

            return Space

    made = pair_dataset._Batch(2, Statistics((BandStatistics("x"),)), np.zeros((3, 5), np.float32), None)
    assert made.owners
    plane = np.zeros((3, 5), np.float32).view(Elsewhere)
    monkey = type("Other", (), {"shape": (3, 5), "__array_namespace__": lambda self: plane.__array_namespace__()})()
    there = pair_dataset._Batch(2, Statistics((BandStatistics("x"),)), monkey, None)
    there.values[...], there.mask[...] = 3, np.arange(30).reshape(2, 1, 3, 5) % 2 == 0
    found = there.tensors()
    assert not there.owners
    assert found["image"].data_ptr() == there.values.ctypes.data
    assert found["mask"].data_ptr() == there.mask.ctypes.data
    assert found["mask"].dtype == torch.bool
    np.testing.assert_array_equal(found["mask"].numpy(), there.mask)


def test_samples_made_on_a_device_are_those_of_the_cpu(held, backend):
    """On the emulation, and on a GPU where there is one: there the batch never leaves it."""
    tiers = TileTiers(held.store, device_bytes=1 << 28, to_device=backend.array)
    if backend.name == "cpu":
        pytest.skip("is what the device is compared with")
    there, here = dataset_of(held, tiers=tiers, augmentation=ALL), dataset_of(held, augmentation=ALL)
    batch, expected = (data.__getitems__([4, 44, 5]) for data in (there, here))
    assert batch["image"].is_cuda == (backend.name == "gpu")
    assert torch.equal(batch["mask"].cpu(), expected["mask"])
    torch.testing.assert_close(batch["image"].cpu(), expected["image"], rtol=1e-4, atol=1e-4)
    assert (tiers.counts.disk, tiers.counts.device) == (2, 0)
    there[5]
    assert tiers.counts.device == 1


def test_missing_dates_by_policy(held, holed):
    lacking = [i for i in range(60) if held.index.tile[i] < 3 and DATES[1] in dates_of(held.index[i])]
    assert len(lacking) == 12
    with pytest.raises(
        ValueError, match=r"12 of 60 samples lack a date in .*holed, first tile .* for 20230301_20230313"
    ):
        dataset_of(held, store=holed)
    index, whole = lacking[1], lacking[1] + 30
    masked = dataset_of(held, store=holed, missing="mask")[index]
    assert not masked["mask"][:3].any()
    assert masked["mask"][3].all() == (DATES[1] != held.index[index].pairs[0].reference)
    assert (masked["image"][:3] == 0).all()
    filled = dataset_of(held, store=holed, missing="fill")
    assert filled[index]["mask"].all()
    assert torch.equal(filled[index]["image"], masked["image"])
    same(dataset_of(held, store=holed, missing="mask")[whole], dataset_of(held)[whole])
    dropped = dataset_of(held, store=holed, missing="drop")
    assert len(dropped) == 48
    assert not any(DATES[1] in dates_of(sample) for sample in map(dropped.index.__getitem__, range(18)))
    with pytest.raises(ValueError, match="missing must be one of raise, mask, fill, drop, got 'guess'"):
        dataset_of(held, missing="guess")


def dates_of(sample):
    return {date for pair in sample.pairs for date in (pair.reference, pair.secondary)}


def test_missing_tiles_are_dropped_or_refused(held, holed):
    for name in list(held.grid.identifiers)[:3]:
        shutil.rmtree(holed.root / name)
    for missing in ("raise", "mask", "fill"):
        with pytest.raises(ValueError, match="3 of 6 tiles are not in .*holed, first .*choose missing='drop'"):
            dataset_of(held, store=holed, missing=missing)
    assert {name for name in dataset_of(held, store=holed, missing="drop").index.used} == set(
        list(held.grid.identifiers)[3:]
    )
    for name in list(held.grid.identifiers)[3:]:
        shutil.rmtree(holed.root / name)
    with pytest.raises(ValueError, match="none of the 60 samples has its dates in"):
        dataset_of(held, store=holed, missing="drop")


def test_a_damaged_tile_is_an_error_under_every_policy(held, holed):
    shard = next((holed.root / held.grid.identifiers[4]).rglob("c/0/0/0/0"))
    content = bytearray(shard.read_bytes())
    content[200] ^= 1
    shard.write_bytes(bytes(content))
    for missing in ("mask", "fill", "drop"):
        data = dataset_of(held, store=holed, missing=missing)
        index = int(np.flatnonzero(data.index.tile == 4)[0])
        with pytest.raises(ValueError, match="is damaged: the checksum of its chunk 0 does not match"):
            data[index]


def test_bad_pairs_products_and_labels_are_named(held):
    absent = PairIndex.of_pairs(
        {held.grid.identifiers[0]: DATES}, lambda _: [Pair(DATES[0], datetime.date(2024, 5, 5))]
    )
    with pytest.raises(ValueError, match="1 of 1 samples lack a date .* for 20230301_20240505"):
        dataset_of(held, index=absent)
    with pytest.raises(ValueError, match="products must be the 3 planes that the statistics read, got 2"):
        dataset_of(held, products=PRODUCTS[:2])
    with pytest.raises(ValueError, match="index must hold at least one sample, got none"):
        dataset_of(held, index=held.index.by_tile([]))
    with pytest.raises(IndexError, match="sample must be 0 to 59, got 60"):
        dataset_of(held)[60]
    shifted = ArchiveTarget(held.archive, "landcover")
    other = held.grid[1].geobox
    with pytest.raises(ValueError, match="label landcover does not lie on the grid of the tile"):
        shifted(held.grid.identifiers[0], other)
    with pytest.raises(FileNotFoundError, match="nothing"):
        dataset_of(held, target=ArchiveTarget(held.archive, "nothing"))[0]
    assert "target" not in dataset_of(held, target=None)[0]


def test_swapping_is_the_conjugate_with_dates_exchanged(held):
    plain, swapped = dataset_of(held), dataset_of(held, augmentation=Augmentation(swap=1.0))
    one, other = plain[9], swapped[9]
    assert (one["reference"], one["days"]) == (other["secondary"], -other["days"])
    torch.testing.assert_close(other["image"][0], one["image"][0], rtol=0, atol=0)
    torch.testing.assert_close(other["image"][1], one["image"][1], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(other["image"][2], -one["image"][2], rtol=1e-5, atol=1e-6)
    assert not torch.equal(other["image"][3], one["image"][3])


def test_a_redrawn_pair_has_the_lag_of_its_own(held):
    data = dataset_of(held, augmentation=Augmentation(redraw=True))
    seen = set()
    for data.epoch in range(12):
        sample = data[4]
        assert sample["days"] == held.index[4].pairs[0].days
        seen.add(sample["pairs"])
    assert seen == {str(pair) for pair in all_pairs(DATES) if pair.days == held.index[4].pairs[0].days}
    assert len(seen) > 1
    data.epoch = 3
    same(data[4], dataset_at(held, 3)[4])


def test_a_redrawn_pair_is_one_of_the_index(held):
    """Pairs that a season, an event or any other rule left out do not come back."""
    index = held.index.by_group(lambda pairs: pairs[0].reference != DATES[1])
    data = dataset_of(held, index=index, augmentation=Augmentation(redraw=True))
    seen = set()
    for data.epoch in range(25):
        seen |= set(data.__getitems__([0, 1])["pairs"])
    wanted = {index[0].pairs[0].days, index[1].pairs[0].days}
    assert seen == {str(p) for p in all_pairs(DATES) if p.reference != DATES[1] and p.days in wanted}


def test_redrawing_builds_no_pair(held, monkeypatch):
    """All pairs of the dates would be quadratic work for every sample."""
    built, check = [], Pair.__post_init__
    data = dataset_of(held, augmentation=Augmentation(redraw=True))
    monkeypatch.setattr(Pair, "__post_init__", lambda pair: built.append(pair) or check(pair))
    data[4]
    assert not built


def test_products_are_resampled_as_the_store_was_made_for(held, tmp_path):
    build_slc_tiles(
        held.stack, list(held.grid)[3:5], tmp_path / "cubic", window=Window(rows=3, cols=8), resampling="cubic"
    )
    store = SlcTileStore(tmp_path / "cubic")
    data = dataset_of(held, store=store, index=held.index.by_tile(store.identifiers))
    sample = data.index[1]
    options = {"products": PRODUCTS, "missing": "raise"}
    found = data.planes(1)
    for kernel, equal in (("cubic", True), ("bilinear", False)):
        planes = pair_products(store.read(sample.identifier), [sample.pairs], resampling=kernel, **options)[0]
        assert [np.array_equal(a, b, equal_nan=True) for a, b in zip(found, planes, strict=True)] == [equal] * 3


def dataset_at(held, epoch):
    data = dataset_of(held, augmentation=Augmentation(redraw=True))
    data.epoch = epoch
    return data


def test_flips_take_image_mask_and_label_along(held):
    flipped = dataset_of(held, augmentation=Augmentation(flips=("rows",)))
    plain, seen = dataset_of(held), set()
    holed = [index for index in range(60) if not plain[index]["mask"].all()]
    for index in holed[:8]:
        one, other = plain[index], flipped[index]
        axes = [-2] if other["flipped_rows"] else []
        seen.add(other["flipped_rows"])
        assert not other["flipped_cols"]
        for name in ("image", "mask", "target"):
            assert torch.equal(torch.flip(one[name], axes) if axes else one[name], other[name])
    assert seen == {True, False}
    planes = np.arange(30).reshape(2, 3, 5)
    mirrored = planes.copy()
    flip_planes(mirrored, (1,))
    np.testing.assert_array_equal(mirrored, planes[:, :, ::-1])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"flips": ("cols",)}, "flips may mirror cols only with both_orbits: it exchanges near and far range"),
        ({"flips": ("turn",)}, "flips must be of rows, cols, got 'turn'"),
        ({"swap": 1.5}, r"swap must be a probability in \[0, 1\], got 1.5"),
    ],
)
def test_augmentations_that_lie_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Augmentation(**options)


def test_event_samples_give_the_change_of_coherence(held):
    dates = {name: DATES for name in held.grid.identifiers}
    index = PairIndex.of_events(dates, start=datetime.date(2023, 3, 30))
    (group,) = index.groups
    assert [str(pair) for pair in group] == ["20230325_20230406", "20230313_20230325", "20230406_20230418"]
    wanted = [PairProduct.parse(text) for text in ("coherence:3x8", "coherence:3x8:1", "change:3x8:1-0")]
    data = PairDataset(
        TileTiers(held.store),
        index,
        compute=pair_products,
        products=wanted,
        statistics=Statistics(tuple(starting_bands(wanted))),
    )
    across, before, change = data[5]["image"]
    mask = data[5]["mask"].all(0)
    assert mask.any()
    torch.testing.assert_close((before - across)[mask], change[mask], rtol=0, atol=1e-6)
    assert data[5]["pairs"] == "20230325_20230406 20230313_20230325 20230406_20230418"


def test_disk_use_is_linear_in_the_dates_however_many_pairs(held, tmp_path):
    sizes = {}
    for count in (2, 3, 5):
        stack = held.stack
        early = SlcStack.from_arrays(stack.window()[:count], DATES[:count], geometry=stack.geometry, polarisation="VV")
        folder = tmp_path / str(count)
        build_slc_tiles(early, list(held.grid)[3:5], folder, window=Window(rows=3, cols=8))
        store = SlcTileStore(folder)
        index = PairIndex.of_pairs({name: store.dates(name) for name in store.identifiers}, all_pairs)
        assert len(index) == 2 * count * (count - 1) / 2
        dataset_of(held, store=store, index=index).__getitems__(range(len(index)))
        sizes[count] = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert sizes[5] - sizes[3] == pytest.approx(2 * (sizes[3] - sizes[2]), rel=0.05)


def test_nothing_is_written_while_pairs_are_read(held):
    def listing():
        return {path: path.stat().st_mtime_ns for path in held.store.root.rglob("*")}

    before = listing()
    data = dataset_of(held, augmentation=ALL)
    for index in range(0, 60, 7):
        data[index]
    assert listing() == before


def test_statistics_are_those_of_the_draw_in_any_order(held):
    data = dataset_of(held, statistics=Statistics(tuple(starting_bands(PRODUCTS))))
    whole = fit_pair_statistics(data, draw=1000)
    assert [band.encoding for band in whole.bands] == ["linear", "phasor", "decibel"]
    every = np.concatenate([data.planes(index)[0].ravel() for index in range(60)])
    assert whole.bands[0].centre == pytest.approx(np.nanmedian(every), abs=1e-3)
    some = fit_pair_statistics(data, draw=9)
    assert some == fit_pair_statistics(data, draw=9)
    assert some != whole
    # Room for one tile alone: drawn in any other order than by tile, it would be read again and again.
    narrow = TileTiers(held.store, memory_bytes=int(1.5 * held.store.read(held.grid.identifiers[0]).nbytes))
    fit_pair_statistics(dataset_of(held, statistics=data.statistics, tiers=narrow), draw=30)
    assert narrow.counts.disk == data.tiers.counts.disk == 6
    with pytest.raises(ValueError, match="draw must be at least 1, got 0"):
        fit_pair_statistics(data, draw=0)


def module_of(held, **options):
    return PairDataModule(
        held.store,
        held.index,
        splits_of(held),
        **{
            "compute": pair_products,
            "products": PRODUCTS,
            "target": ArchiveTarget(held.archive, "landcover"),
            "batch": 4,
            "draw": 20,
            **options,
        },
    )


def test_the_data_module_splits_by_place(held):
    module = module_of(held, augmentation=ALL, seed=2)
    assert {name: len(part) for name, part in module.sets.items()} == {"train": 40, "val": 10, "test": 10}
    assert module.batch == 4
    assert module.sets["val"].augmentation is None
    assert module.statistics == module.sets["test"].statistics
    batches = list(module.train_dataloader())
    assert [len(batch["image"]) for batch in batches] == [4] * 10
    seen = {name for batch in batches for name in batch["identifier"]}
    assert seen == set(list(held.grid.identifiers)[:4])
    assert {bool(days < 0) for batch in batches for days in batch["days"]} == {True, False}
    again = list(module_of(held, augmentation=ALL, seed=2).train_dataloader())
    for one, other in zip(batches, again, strict=True):
        same(one, other)
    module.sets["train"].epoch = 1
    later = list(module.train_dataloader())
    assert [batch["identifier"] for batch in later] != [batch["identifier"] for batch in batches]
    assert sum(len(batch["image"]) for batch in module.val_dataloader()) == 10
    assert {name for batch in module.test_dataloader() for name in batch["identifier"]} == {held.grid.identifiers[5]}


def test_bad_data_modules_are_named(held):
    names = held.grid.identifiers
    for splits, message in (
        (dict.fromkeys(names, "train"), "splits must leave at least one sample for val, got none"),
        (dict.fromkeys(list(names)[:5], "train"), "splits must name every tile, 1 have none, first"),
    ):
        with pytest.raises(ValueError, match=message):
            PairDataModule(held.store, held.index, splits, compute=pair_products, products=PRODUCTS)
    with pytest.raises(ValueError, match="workers must be 0 where products are computed on a device, got 3"):
        module_of(held, workers=3, device_bytes=9, to_device=np.array)


@pytest.mark.filterwarnings("ignore")
def test_a_tiny_net_learns_from_the_module_and_the_run_is_counted(held):
    import lightning as L

    class Tiny(L.LightningModule):
        def __init__(self):
            super().__init__()
            self.net = torch.nn.Conv2d(4, 11, 1)
            self.losses = []

        def training_step(self, batch, _):
            logits = self.net(torch.where(batch["mask"], batch["image"], 0))
            loss = torch.nn.functional.cross_entropy(logits, batch["target"], ignore_index=255)
            self.losses.append(float(loss.detach()))
            return loss

        def validation_step(self, batch, _):
            self.seen = set(batch["identifier"])

        def configure_optimizers(self):
            return torch.optim.Adam(self.parameters(), lr=0.1)

    torch.manual_seed(0)
    net, module = Tiny(), module_of(held)
    trainer = L.Trainer(
        max_epochs=2, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, reload_dataloaders_every_n_epochs=1, callbacks=[ThroughputCallback()],
    )  # fmt: skip
    trainer.fit(net, train_dataloaders=None, datamodule=module)
    assert np.mean(net.losses[-5:]) < 0.8 * net.losses[0]
    logged = trainer.callback_metrics
    assert 0 < float(logged["throughput/wait_fraction"]) < 1
    assert float(logged["throughput/samples_per_second"]) > 0
    assert module.sets["train"].epoch == 1
    assert net.seen == {held.grid.identifiers[4]}


def test_the_harness_detects_an_injected_delay():
    """A loader that gives at once, and the same with 20 ms before each batch: only the second may stall the step."""
    import time

    weight = torch.ones(160, 160)
    batch = {"image": torch.ones(3, 160, 160)}

    def step(asked):
        for _ in range(40):
            (asked["image"] @ weight).sum()

    def quick():
        yield from [batch] * 50

    def slow():
        for ready in quick():
            time.sleep(0.02)
            yield ready

    options = {"blocks": 5, "steps": 8, "warm_up": 1}
    free, held_up = (stall_ratio(step, batches, **options) for batches in (quick, slow))
    # The delay in units of a step of the same run, so that a slow machine does not matter.
    assert held_up.ratio > 0.5 * 0.02 / held_up.resident
    assert free.ratio < 0.5 * 0.02 / free.resident
    assert held_up.wait_fraction > 3 * free.wait_fraction
    assert held_up.wait_p99 >= 0.02
    assert headroom(step, quick, blocks=2, count=5) > 3 * headroom(step, slow, blocks=2, count=5)


def test_counters_count_what_a_clock_says():
    times = iter([0.0, 3.0, 4.0, 4.5, 10.0])
    counter = ThroughputCounter(clock=lambda: next(times))
    batches = [{"image": torch.zeros(2, 5), "days": [1, 2]}, {"image": torch.zeros(3, 5)}]
    assert list(counter.watched(batches)) == batches
    counted = counter.result()
    assert (counted.batches, counted.samples) == (2, 5)
    assert counted.samples_per_second == pytest.approx(0.5)
    assert counted.bytes_per_second == pytest.approx(5 * 5 * 4 / 10)
    assert counted.wait_fraction == pytest.approx(0.35)
    with pytest.raises(ValueError, match="no batch was counted yet"):
        ThroughputCounter().result()
    with pytest.raises(ValueError, match="batches must give at least one batch, got none"):
        stall_ratio(print, list)
    with pytest.raises(ValueError, match="blocks and steps must be at least 1"):
        stall_ratio(print, list, blocks=0)


class StubTrainer:
    """What torchgeo's trainers and `stack_samples` do with samples."""

    @staticmethod
    def stack_samples(samples):
        keys = {key for sample in samples for key in sample}
        collated = {key: [sample[key] for sample in samples] for key in keys}
        return {
            key: torch.stack(values) if isinstance(values[0], torch.Tensor) else values
            for key, values in collated.items()
        }

    @staticmethod
    def loss(batch):
        logits = torch.zeros(len(batch["image"]), 11, *batch["image"].shape[2:])
        return torch.nn.functional.cross_entropy(logits, batch["mask"].long(), ignore_index=255)


def test_torchgeos_trainer_can_take_the_samples(held):
    data = dataset_of(held)
    samples = TorchGeoSamples(data)
    assert len(samples) == 60
    plain, sample = data[3], samples[3]
    assert sample["image"].shape == plain["image"].shape
    assert torch.equal(sample["mask"], plain["target"])
    assert torch.equal(sample["valid"], plain["mask"])
    assert sample["bounds"].tolist() == list(plain["bounds"])
    assert sample["crs"] == plain["crs"]
    assert "target" not in sample
    loader = DataLoader(samples, batch_size=3, collate_fn=StubTrainer.stack_samples)
    batch = next(iter(loader))
    assert batch["bounds"].shape == (3, 4)
    assert float(StubTrainer.loss(batch)) == pytest.approx(np.log(11), rel=1e-5)
    unlabelled = TorchGeoSamples(dataset_of(held, target=None))[0]
    assert "mask" not in unlabelled
    with pytest.raises(ValueError, match="sample must hold image, mask, bounds and crs, mask, crs are missing"):
        TorchGeoSamples([{"image": 0, "bounds": 0}])[0]
