"""Samples by tile and date: exact where they can be, checked on reading, linear in the dates, never half there."""

from __future__ import annotations

import datetime
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest

from m3leo_sar import GeoBox, Window, coherence
from m3leo_sar.io.chips.slc_tile_store import SlcTileStore, StackFacts
from m3leo_sar.io.chips.slc_tile_upgrade import upgrade_tiles
from m3leo_sar.io.files import zarr_shard
from m3leo_sar.stack.complex_int16 import from_complex_int16
from m3leo_sar.stack.tile_samples import TileFrame

DATES = [datetime.date(2023, 3, 1) + datetime.timedelta(days=12 * index) for index in range(5)]
FACTS = StackFacts(window=Window(rows=3, cols=8), polarisation="VV", orbit="ascending", track=7, wavelength=0.055)
ROWS, COLS = slice(4, 31), slice(2, 43)
BOX = GeoBox.from_bounds((5, 49, 5.1, 49.1), shape=(17, 19), crs="EPSG:4326")


def frame_of(**changes):
    rng = np.random.default_rng(0)
    places = {"down": rng.random((2, 17, 3)), "along": rng.random((2, 3, 19))}
    return replace(
        TileFrame(geobox=BOX, rows=ROWS, cols=COLS, **places, terms=3, origin=(4.0, 2.0), error=1e-6, scale=(1.0, 0.9)),
        **changes,
    )


def samples_of(count=5, seed=1):
    parts = np.random.default_rng(seed).normal(size=(count, 27, 41, 2)).astype(np.float32)
    slc = parts.view(np.complex64)[..., 0]
    slc[1, 3, 5] = np.nan
    return slc


@pytest.fixture
def store(tmp_path):
    store = SlcTileStore.create(tmp_path / "tiles", FACTS)
    store.write("0000000000001", samples_of(), DATES, frame=frame_of())
    return store


def bytes_of(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_each_part_is_at_most_half_a_scale_off(store):
    held, slc = store.read("0000000000001"), samples_of()
    assert held.slc.shape == (5, 27, 41, 2)
    assert held.dates == tuple(DATES)
    assert held.window == FACTS.window
    for image, stored, scale in zip(slc, held.slc, held.scales, strict=True):
        back = from_complex_int16(stored, scale=scale)
        np.testing.assert_array_equal(np.isnan(back), np.isnan(image))
        for part in ("real", "imag"):
            off = np.abs(getattr(back, part) - getattr(image, part))
            assert np.nanmax(off) <= scale / 2
        assert scale <= 2 * np.nanmax(np.abs(image)) / 32767
        assert np.frexp(scale)[0] == 0.5


def test_whole_multiples_of_the_scale_are_kept_exactly(tmp_path):
    store = SlcTileStore.create(tmp_path / "tiles", FACTS)
    numbers = np.random.default_rng(3).integers(-30000, 30000, (2, 27, 41, 2)).astype(np.float32)
    numbers[1] *= 2.0**-11
    numbers[0] *= 2.0**4
    slc = numbers.view(np.complex64)[..., 0]
    store.write("1", slc, DATES[:2], frame=frame_of())
    held = store.read("1")
    assert held.scales == (2.0**4, 2.0**-11)
    for image, stored, scale in zip(slc, held.slc, held.scales, strict=True):
        np.testing.assert_array_equal(from_complex_int16(stored, scale=scale), image)


@pytest.mark.parametrize("decibels", [40, 60, 80, 100])
def test_a_bright_target_does_not_cost_its_ground_coherence(tmp_path, decibels):
    rng = np.random.default_rng(5)
    first, noise = (rng.normal(size=(27, 41, 2)) @ [1, 1j] for _ in range(2))
    slc = np.stack([first, 0.8 * first + 0.6 * noise]).astype(np.complex64)
    slc[:, 3, 4] *= 10 ** (decibels / 20)
    store = SlcTileStore.create(tmp_path / "tiles", FACTS)
    store.write("1", slc, DATES[:2], frame=frame_of())
    held = store.read("1")
    window = Window(rows=5, cols=5)
    assert held.slc.dtype == ("int16" if decibels <= 60 else "complex64")
    stored = coherence(held.slc, pairs=[(0, 1)], window=window)[0]
    far = np.s_[8:, 9:]
    np.testing.assert_allclose(stored[far], coherence(slc[0], slc[1], window=window)[far], atol=4e-3)
    assert stored[far].mean() == pytest.approx(coherence(slc[0], slc[1], window=window)[far].mean(), abs=5e-4)


def test_dates_of_both_kinds_are_read_together_and_alone(tmp_path):
    slc = samples_of(3)
    slc[2, 4, 6] = 1e6
    store = SlcTileStore.create(tmp_path / "tiles", FACTS)
    store.write("1", slc[:1], DATES[:1], frame=frame_of())
    store.write("1", slc, DATES[:3], frame=frame_of())
    both = SlcTileStore(tmp_path / "tiles").read("1")
    assert both.slc.dtype == np.complex64
    assert both.scales == (1.0, 1.0, 1.0)
    np.testing.assert_array_equal(both.slc[2], slc[2])
    alone = store.read("1", DATES[:2])
    assert alone.slc.dtype == np.int16
    for image, stored, scale in zip(both.slc, alone.slc, alone.scales, strict=False):
        np.testing.assert_array_equal(image, from_complex_int16(stored, scale=scale))
    assert not list(store.faults())


def test_a_store_holds_several_polarisations(store):
    tile, other = "0000000000001", SlcTileStore.create(store.root, replace(FACTS, polarisation="VH"))
    assert (other.dates(tile), other.identifiers) == ((), [])
    slc = 3 * samples_of(2)
    assert other.write(tile, slc, DATES[:2], frame=frame_of()) == DATES[:2]
    with pytest.raises(ValueError, match="polarisation must be one of VV, VH, which .* holds, got none"):
        SlcTileStore(store.root)
    with pytest.raises(ValueError, match="polarisation must be one of VV, VH, which .* holds, got 'HH'"):
        SlcTileStore(store.root, polarisation="HH")
    both = [SlcTileStore(store.root, polarisation=one) for one in ("VV", "vh")]
    assert [one.dates(tile) for one in both] == [tuple(DATES), tuple(DATES[:2])]
    held = both[1].read(tile)
    images = from_complex_int16(held.slc, scale=1) * np.array(held.scales)[:, None, None]
    np.testing.assert_allclose(images, slc, atol=max(held.scales))
    assert (both[1].facts.polarisation, both[1].polarisations) == ("VH", ("VV", "VH"))


@pytest.mark.parametrize("version", [1, 2])
def test_stores_of_earlier_versions_are_read_and_brought_up(store, version):
    tile, before = "0000000000001", store.read("0000000000001")
    for batch in sorted((store.root / tile / "VV").glob("0*")):
        batch.rename(store.root / tile / batch.name)
    shutil.rmtree(store.root / tile / "VV")
    manifest = store.root / "slc-tiles.json"
    document = json.loads(manifest.read_text())
    document["facts"]["polarisation"] = document["facts"].pop("polarisations")[0]
    manifest.write_text(json.dumps({**document, "version": version}))
    old = SlcTileStore(store.root)
    np.testing.assert_array_equal(old.read(tile).slc, before.slc)
    assert (old.identifiers, old.dates(tile)) == ([tile], tuple(DATES))
    for write in (
        lambda: SlcTileStore.create(store.root, FACTS),
        lambda: old.write(tile, samples_of(2), later_dates(2), frame=frame_of()),
    ):
        with pytest.raises(ValueError, match=f"version {version}, .*can be read.*m3leo-sar upgrade .* renames"):
            write()
    assert (upgrade_tiles(store.root), upgrade_tiles(store.root)) == (1, 0)
    new = SlcTileStore.create(store.root, FACTS)
    np.testing.assert_array_equal(new.read(tile).slc, before.slc)
    assert new.write(tile, samples_of(2), later_dates(2), frame=frame_of()) == later_dates(2)
    assert list(new.faults()) == []


def test_an_image_of_nothing_reads_as_nothing(tmp_path):
    store = SlcTileStore.create(tmp_path / "tiles", FACTS)
    slc = np.full((2, 27, 41), np.nan, np.complex64)
    slc[1] = 0
    store.write("1", slc, DATES[:2], frame=frame_of())
    held = store.read("1")
    assert (held.slc[0] == -32768).all()
    assert (held.slc[1] == 0).all()


def test_a_tile_without_data_has_a_shard_and_one_of_an_earlier_version_none(tmp_path):
    store = SlcTileStore.create(tmp_path / "tiles", FACTS)
    store.write("1", np.full((2, 27, 41), np.nan, np.complex64), DATES[:2], frame=frame_of())
    assert (store.read("1").slc == -32768).all()
    batch = store.root / "1" / "VV" / "000000"
    assert (batch / "c/0/0/0/0").is_file()
    shutil.rmtree(batch / "c")
    with pytest.raises(FileNotFoundError):
        store.read("1")
    assert [identifier for identifier, _ in store.faults()] == ["1"]
    document = json.loads((batch / "zarr.json").read_text())
    del document["attributes"]["m3leo_sar"]["has_shard"]
    (batch / "zarr.json").write_text(json.dumps(document))
    assert (store.read("1").slc == -32768).all()
    assert list(store.faults()) == []


def test_the_frame_comes_back_to_the_bit(store):
    back, frame = store.frame("0000000000001"), frame_of()
    for name in ("geobox", "rows", "cols", "terms", "origin", "error", "scale"):
        assert getattr(back, name) == getattr(frame, name), name
    np.testing.assert_array_equal(back.down, frame.down)
    np.testing.assert_array_equal(back.along, frame.along)
    plain = frame_of(down=np.full((17, 19), np.nan), along=np.ones((17, 19)), terms=0, scale=None)
    store.write("2", samples_of(), DATES, frame=plain)
    assert np.isnan(store.frame("2").down).all()
    assert store.frame("2").scale is None


def test_a_window_of_dates_is_read_with_one_open_of_each_batch(store, monkeypatch):
    opened = []
    opener = os.open
    store.write("0000000000001", samples_of(2, seed=9), later_dates(2), frame=frame_of())
    monkeypatch.setattr(os, "open", lambda path, *rest: opened.append(str(path)) or opener(path, *rest))
    held = store.read("0000000000001", [DATES[3], DATES[1], DATES[4]])
    assert held.dates == (DATES[1], DATES[3], DATES[4])
    whole = store.read("0000000000001")
    np.testing.assert_array_equal(held.slc, whole.slc[[1, 3, 4]])
    shards = [path for path in opened if path.endswith("c/0/0/0/0")]
    assert len(shards) == 1 + 2


def later_dates(count):
    return [DATES[-1] + datetime.timedelta(days=12 * (index + 1)) for index in range(count)]


def test_new_dates_leave_old_ones_untouched(store):
    folder = store.root / "0000000000001"
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.rglob("*") if path.is_file()}
    new = later_dates(2)
    added = store.write("0000000000001", samples_of(4, seed=5), [DATES[0], new[0], DATES[2], new[1]], frame=frame_of())
    assert added == new
    assert store.dates("0000000000001") == (*DATES, *new)
    for path, (changed, content) in before.items():
        assert (path.stat().st_mtime_ns, path.read_bytes()) == (changed, content)
    held = store.read("0000000000001", new)
    for plane, stored, scale in zip(samples_of(4, seed=5)[[1, 3]], held.slc, held.scales, strict=True):
        np.testing.assert_allclose(from_complex_int16(stored, scale=scale), plane, atol=scale)
    assert store.write("0000000000001", samples_of(), DATES, frame=frame_of()) == []


def test_disk_use_is_linear_in_the_dates(tmp_path):
    sizes = []
    counts = (4, 8, 16)
    for count in counts:
        store = SlcTileStore.create(tmp_path / f"{count}", FACTS)
        dates = [DATES[0] + datetime.timedelta(days=6 * index) for index in range(count)]
        store.write("1", samples_of(count), dates, frame=frame_of())
        sizes.append(bytes_of(store.root))
    per_date = (sizes[1] - sizes[0]) / 4
    assert sizes[2] - sizes[1] == pytest.approx(8 * per_date, rel=0.05)
    assert per_date < 27 * 41 * 4 * 1.1


def test_other_places_facts_and_shapes_are_refused(store, tmp_path):
    with pytest.raises(ValueError, match="tile 0000000000001 of .* lies at .*, the new one elsewhere"):
        store.write("0000000000001", samples_of(), DATES, frame=frame_of(origin=(5.0, 2.0)))
    with pytest.raises(ValueError, match=r"slc must have shape \(4, 27, 41\), got \(5, 27, 41\)"):
        store.write("2", samples_of(), DATES[:4], frame=frame_of())
    with pytest.raises(ValueError, match="identifier must be letters, digits, dots and hyphens, got '../x'"):
        store.write("../x", samples_of(), DATES, frame=frame_of())
    with pytest.raises(ValueError, match="holds tiles of StackFacts.*the new ones are of"):
        SlcTileStore.create(store.root, replace(FACTS, track=8))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "x.txt").write_text("x")
    with pytest.raises(ValueError, match="holds files but is not a store of SLC tiles"):
        SlcTileStore.create(tmp_path / "other", FACTS)
    with pytest.raises(ValueError, match="is not a store of SLC tiles: it holds no slc-tiles.json"):
        SlcTileStore(tmp_path / "other")
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        SlcTileStore(tmp_path / "nothing")


def test_what_is_not_there_is_named(store):
    with pytest.raises(FileNotFoundError, match="there is no tile 9 in"):
        store.read("9")
    assert store.dates("9") == ()
    with pytest.raises(ValueError, match="tile 0000000000001: date 2020-01-01 is not in the stack of 5 dates; nearest"):
        store.read("0000000000001", [datetime.date(2020, 1, 1)])


def damaged(path, change):
    content = bytearray(path.read_bytes())
    path.write_bytes(bytes(change(content)))


def flipped(content):
    content[len(content) // 3] ^= 0x40
    return content


@pytest.mark.parametrize(
    ("part", "change", "message"),
    [
        ("VV/000000/c/0/0/0/0", flipped, "is damaged: the checksum of its chunk . does not match"),
        ("VV/000000/c/0/0/0/0", lambda content: content[:-7], "is damaged: the checksum of its index does not match"),
        (
            "VV/000000/c/0/0/0/0",
            lambda content: content[:20],
            "is cut short: 20 bytes cannot hold the index of 5 chunk",
        ),
        ("VV/000000/zarr.json", lambda content: content[:40], "zarr.json is damaged: JSONDecodeError"),
        ("frame/c/0", flipped, "is damaged: the checksum of its"),
        ("frame/zarr.json", lambda content: content.replace(b'"terms"', b'"werms"'), "is damaged: KeyError 'terms'"),
    ],
)
def test_damage_is_named_and_never_read_over(store, part, change, message):
    damaged(store.root / "0000000000001" / part, change)
    with pytest.raises(ValueError, match=message):
        store.read("0000000000001")
    ((identifier, fault),) = store.faults()
    assert identifier == "0000000000001"
    assert "damaged" in fault or "cut short" in fault


def test_a_damaged_manifest_is_named(store):
    manifest = store.root / "slc-tiles.json"
    document = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**document, "version": 9}))
    with pytest.raises(ValueError, match="has version 9; this library reads up to 3"):
        SlcTileStore(store.root)
    for content, message in (
        ("[]", "does not describe a store of SLC tiles"),
        ("{", "slc-tiles.json is damaged: Expecting"),
        (json.dumps({**document, "facts": {}}), "slc-tiles.json is damaged: KeyError 'window'"),
    ):
        manifest.write_text(content)
        with pytest.raises(ValueError, match=message):
            SlcTileStore(store.root)


def test_a_failed_write_leaves_nothing(store, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(zarr_shard, "flush", full)
    before = sorted(path for path in store.root.rglob("*"))
    with pytest.raises(OSError, match="No space left"):
        store.write("0000000000001", samples_of(2), later_dates(2), frame=frame_of())
    assert sorted(store.root.rglob("*")) == before
    assert store.dates("0000000000001") == tuple(DATES)


_WRITER = """
import datetime, sys, time
import numpy as np
from m3leo_sar.io.files import batches
from m3leo_sar.io.chips.slc_tile_store import SlcTileStore
store = SlcTileStore(sys.argv[1])
frame = store.frame("0000000000001")
def wait(*_):
    print("written", flush=True)
    time.sleep(60)
batches.take_next_number = wait
store.write("0000000000001", np.ones((1, *frame.shape), "complex64"), [datetime.date(2024, 1, 1)], frame=frame)
"""


def test_a_killed_writer_leaves_no_date(store):
    writer = subprocess.Popen([sys.executable, "-c", _WRITER, str(store.root)], stdout=subprocess.PIPE, text=True)
    with writer:
        assert writer.stdout.readline().strip() == "written"
        os.kill(writer.pid, signal.SIGKILL)
        writer.wait()
    assert list(store.root.rglob("*.partial-*"))
    assert SlcTileStore(store.root).dates("0000000000001") == tuple(DATES)
    for _ in range(20):
        again = SlcTileStore.create(store.root, FACTS)
        if not list(store.root.rglob("*.partial-*")):
            break
        time.sleep(0.1)
    assert not list(store.root.rglob("*.partial-*"))
    assert again.identifiers == ["0000000000001"]


def test_a_tile_is_plain_zarr(store):
    zarr = pytest.importorskip("zarr")
    group = zarr.open_group(store.root, mode="r")
    array = group["0000000000001/VV/000000"]
    assert (array.shape, array.chunks, array.shards) == ((5, 27, 41, 2), (1, 27, 41, 2), (5, 27, 41, 2))
    np.testing.assert_array_equal(array[2], store.read("0000000000001").slc[2])
    assert array.attrs["m3leo_sar"]["errors"][0] == pytest.approx(store.read("0000000000001").scales[0] / np.sqrt(2))
