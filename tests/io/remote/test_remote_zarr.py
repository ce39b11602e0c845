"""Zarr stores on a server, v2 and v3, with shards and without: local values, a known number of requests, all faults."""

from __future__ import annotations

import json
import pickle
import shutil
import warnings
from collections import deque

import numpy as np
import pytest
import stack_layouts
import zarr
from far_stacks import DATES, speckle
from range_server import Answer, RangeServer
from remote_setting import quick_transfers

from m3leo_sar import GeoBox, RadarGrid, SlcStack
from m3leo_sar.io.files.zarr_products import arrays_of, open_array, read_array
from m3leo_sar.io.remote import open_remote, piece_cache
from m3leo_sar.io.remote.remote_address import RemoteFile
from m3leo_sar.io.remote.remote_zarr import remote_zarr
from m3leo_sar.io.sentinel1.eopf import open_eopf
from m3leo_sar.io.stacks.burst_stack import BurstStack
from m3leo_sar.io.stacks.open_stack import open_stack
from m3leo_sar.io.stacks.zarr_stack import write_stack
from m3leo_sar.run.catalogue import open_catalogue, reopen
from m3leo_sar.simulate.circular_orbit import circular_orbit
from m3leo_sar.stack.geometry import OrbitGeometry, RadarGeometry

pytest.importorskip("aiohttp")
SHAPE = (90, 130)
PIXELS = speckle((2, len(DATES), *SHAPE))
LARGE = speckle((300, 410), 5)
WINDOW = slice(21, 70), slice(33, 101)
NAN = complex(np.nan, np.nan)


def consolidate(path):
    with warnings.catch_warnings():
        # zarr: consolidated metadata are no part of the specification of v3 yet.
        warnings.simplefilter("ignore")
        zarr.consolidate_metadata(path)


def container(path, geometry=None):
    box = GeoBox.from_bounds((680_000, 5_500_400, 681_300, 5_501_300), shape=SHAPE, crs="EPSG:32631")
    pixels = PIXELS.reshape(-1, *SHAPE)
    stack = SlcStack(
        dates=DATES,
        read=lambda index, rows, cols: pixels[index][rows, cols],
        geometry=geometry or box,
        polarisation="VV+VH",
        wavelength=0.055,
        track=88,
        burst="T088-1-IW2",
        frequency="A",
        flattened=True,
    )
    labels = {"cover": (np.arange(12, dtype=np.uint8).reshape(3, 4), GeoBox((3, 4), box.affine, box.crs))}
    write_stack(stack, path, labels=labels)
    consolidate(path)


def doris(path, zarr_format):
    """As sarxarray writes it, with chunks over all dates."""
    group = zarr.create_group(path, zarr_format=zarr_format)
    arrays = {"complex": np.moveaxis(PIXELS[0], 0, -1), "lat": np.add.outer(np.arange(90.0), np.zeros(130)) / 1e3 + 49,
              "lon": np.add.outer(np.zeros(90), np.arange(130.0)) / 1e3 + 6}  # fmt: skip
    for name, values in arrays.items():
        axes = ("azimuth", "range", "time")[: values.ndim]
        names = {"dimension_names": axes} if zarr_format == 3 else {"attributes": {"_ARRAY_DIMENSIONS": axes}}
        group.create_array(name, data=values, chunks=(32, 48, 3)[: values.ndim], **names)
    days = np.array([(date - DATES[0]).days for date in DATES])
    axis = {"units": f"days since {DATES[0]}", "_ARRAY_DIMENSIONS": ["time"]}
    group.create_array("time", data=days, attributes=axis)
    consolidate(path)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    container(folder / "ours")
    for number in (2, 3):
        doris(folder / f"doris{number}.zarr", number)
    sharded = zarr.create_array(
        folder / "sharded", shape=LARGE.shape, shards=(192, 256), chunks=(48, 64), dtype="c8", fill_value=NAN
    )
    sharded[:] = LARGE
    return folder


@pytest.fixture
def server(served):
    with RangeServer(served) as running, quick_transfers():
        yield running


def same(first, second):
    return first.dtype == second.dtype and np.array_equal(first, second, equal_nan=True)


def chunks_asked(server, since=0):
    """Requests for chunks, not for metadata."""
    return [asked for asked in server.asked[since:] if not asked.path.rpartition("/")[2].startswith((".z", "zarr"))]


def test_our_container_on_a_server_is_the_local_one(server, served):
    near, far = open_stack(served / "ours"), open_stack(f"{server.url}/ours/?token=geheim")
    for name in ("dates", "polarisations", "wavelength", "track", "geometry", "dtype", "burst", "flattened"):
        assert getattr(near, name) == getattr(far, name), name
    # The root, then three dates and their two arrays at the same time.
    assert len(server.asked) == 1 + 3 * 3
    opened = len(server.asked)
    assert same(far.window(*WINDOW, polarisation="VV"), PIXELS[0][:, *WINDOW])
    # One chunk of 512 per date covers the image; a second window is in memory.
    assert len(server.asked) == opened + 3
    assert same(far.window(polarisation="VH"), PIXELS[1])
    assert same(far.window(polarisation="VV"), PIXELS[0])
    assert len(server.asked) == opened + 6
    assert same(pickle.loads(pickle.dumps(far)).window(*WINDOW, polarisation="VV"), PIXELS[0][:, *WINDOW])
    assert "geheim" not in repr(far) + far.name


def test_a_burst_of_whole_numbers_on_a_server_is_the_local_one(tmp_path, rng):
    """Complex int16 with a scale per date, no data as -32768 in both parts."""
    shape, scales = (37, 53), (1.0, 0.25)
    grid = RadarGrid(shape, azimuth_time=-0.05, azimuth_interval=0.002, slant_range=8.5e5, range_spacing=2.3,
                     wavelength=0.0555)  # fmt: skip
    box = GeoBox.from_bounds((5.0, 49.9, 5.1, 50.0), shape=(6, 7), crs="EPSG:4326")
    geometry = OrbitGeometry(circular_orbit(), grid, np.full(box.shape, 12.0, np.float32), box)
    facts = {"burst": "T052-110431-IW1", "polarisation": "VV", "orbit": "descending", "track": 52, "wavelength": 0.0555,
             "frequency": None, "reference": str(DATES[0]), "flattened": True,
             "outline": [[2, 3], [2, 50], [34, 50], [34, 3]]}  # fmt: skip
    written = BurstStack.create(tmp_path / "burst", facts, geometry, np.ones((19, 8)), steps=(2, 8))
    images = rng.integers(-32767, 32767, (2, *shape, 2)).astype(np.int16)
    images[:, :3] = -32768
    for date, image, scale in zip(DATES, images, scales, strict=False):
        written.write(date, iter([(0, image)]), scale=scale, facts={"time": f"{date}T06:37:32", "platform": "S1A"})
    consolidate(tmp_path / "burst")
    with RangeServer(tmp_path) as server, quick_transfers():
        near, far = open_stack(tmp_path / "burst"), open_stack(f"{server.url}/burst")
        for name in ("dates", "outline", "flattened", "track", "dtype", "platforms"):
            assert getattr(near, name) == getattr(far, name), name
        window = slice(1, 30), slice(4, 40)
        found = far.window(*window)
        assert same(found, near.window(*window))
    parts = np.where(images[1] == -32768, np.nan, images[1] * np.float32(0.25))[window]
    np.testing.assert_array_equal(found[1], (parts[..., 0] + 1j * parts[..., 1]).astype(np.complex64))
    assert np.isnan(found[:, :2]).all()
    assert np.isfinite(found[:, 2:]).all()


@pytest.mark.parametrize("has_ties", [False, True])
def test_a_znap_on_a_server_is_the_local_one(tmp_path, rng, has_ties):
    """Bands of real and imaginary parts in big-endian chunks, of which a window asks for its own alone."""
    shape = (len(stack_layouts.DATES), stack_layouts.ROWS, stack_layouts.COLS)
    pixels = (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(np.complex64)
    stack_layouts.znap(tmp_path, pixels, has_ties=has_ties)
    consolidate(tmp_path / "stack.znap")
    with RangeServer(tmp_path) as server, quick_transfers():
        near, far = open_stack(tmp_path / "stack.znap"), open_stack(f"{server.url}/stack.znap")
        assert (far.dates, far.polarisation, far.shape) == (near.dates, near.polarisation, near.shape)
        assert np.array_equal(far.geometry.longitude, near.geometry.longitude, equal_nan=True)
        opened = len(server.asked)
        window = slice(2, 9), slice(3, 15)
        assert same(far.window(*window, dates=near.dates[:1]), near.window(*window, dates=near.dates[:1]))
        assert len(chunks_asked(server, opened)) == 2
        assert same(far.window(), near.window())


def test_a_run_finds_inputs_and_labels_of_a_container_again(server, served):
    far = open_catalogue(f"{server.url}/ours?token=geheim")
    assert far.is_far
    assert [file.name for files in far.inputs.values() for file in files] == ["zarr.json"] * 7
    names = {name: {"ours"} if "label" in name else {name} for name in far.inputs}
    assert names.keys() == {f"{one}/{date:%Y%m%d}" for one in ("VV", "VH") for date in DATES} | {"label-cover"}
    stack, labels = reopen(json.loads(json.dumps(far.source)))
    assert same(stack.window(*WINDOW, polarisation="VV"), PIXELS[0][:, *WINDOW])
    assert labels["cover"].read(slice(1, 3), slice(0, 3)).tolist() == [[4, 5, 6], [8, 9, 10]]


def test_a_container_in_radar_geometry(tmp_path):
    latitude, longitude = np.meshgrid(np.linspace(49, 49.1, 90), np.linspace(6, 6.2, 130), indexing="ij")
    container(tmp_path / "radar", RadarGeometry(latitude, longitude))
    with RangeServer(tmp_path) as server, quick_transfers():
        far = open_catalogue(f"{server.url}/radar")
        assert np.array_equal(far.stack.geometry.longitude, longitude)
        assert far.inputs["geometry"][0].parent.name == "geometry"


@pytest.mark.parametrize("number", [2, 3])
def test_a_store_of_sarxarray(server, served, number):
    near, far = open_stack(served / f"doris{number}.zarr"), open_stack(f"{server.url}/doris{number}.zarr")
    assert far.dates == near.dates == DATES
    assert np.array_equal(far.geometry.latitude, near.geometry.latitude)
    opened = len(server.asked)
    assert same(far.window(*WINDOW), near.window(*WINDOW))
    # 3 x 3 chunks hold all dates: each is asked for once, though the dates are read at the same time.
    asked = server.asked[opened:]
    assert len(asked) == len({one.path for one in asked}) == 9


def test_a_store_of_xarray_far_and_near(tmp_path, served):
    pytest.importorskip("xarray")
    stack = open_stack(served / "ours")
    stack.to_xarray().to_zarr(tmp_path / "x.zarr", zarr_format=3, consolidated=False)
    consolidate(tmp_path / "x.zarr")
    near = open_stack(tmp_path / "x.zarr", polarisation="VV+VH")
    for name in ("dates", "polarisations", "geometry", "wavelength", "track", "burst", "frequency", "flattened"):
        assert getattr(near, name) == getattr(stack, name), name
    with RangeServer(tmp_path) as server, quick_transfers():
        far = open_stack(f"{server.url}/x.zarr", polarisation="VH")
        assert same(far.window(*WINDOW), PIXELS[1][:, *WINDOW])


@pytest.mark.parametrize("folder", ["eopf-cpm27", "eopf-cpm30"])
def test_bursts_of_eopf(shared_data, tmp_path, folder):
    (source,) = sorted((shared_data / "slc-layouts" / folder).glob("*.zarr"))[:1]
    shutil.copytree(source, tmp_path / source.name)
    consolidate(tmp_path / source.name)
    near = open_eopf(tmp_path / source.name, polarisation="VH")
    with RangeServer(tmp_path) as server, quick_transfers():
        address = f"{server.url}/{source.name}"
        far = open_eopf(address, polarisation="VH")
        assert [one.group for one in far] == [one.group for one in near]
        assert not [one for one in server.asked if one.path.rpartition("/")[2] == ".zattrs"]
        for one, other in zip(far, near, strict=True):
            assert (one.radar_grid, one.epoch, one.burst) == (other.radar_grid, other.epoch, other.burst)
            assert same(one.read(slice(20, 60), slice(30, 80)), other.read(slice(20, 60), slice(30, 80)))
        with pytest.raises(ValueError, match="its bursts are as the radar recorded them"):
            open_stack(address)


def test_parts_of_a_shard_come_in_coalesced_ranges(server, served):
    array = open_array(RemoteFile(f"{server.url}/sharded"))
    sizes = sorted(path.stat().st_size for path in (served / "sharded").rglob("*/1"))
    part = slice(70, 230), slice(100, 300)
    assert same(read_array(array, part), LARGE[part])
    asked = chunks_asked(server)
    # Four shards: the size of each, the index at its end, then what the index does not hold already.
    assert [(one.first, one.stop) for one in asked[:4]] == [(0, 1)] * 4
    assert all(one.first >= min(sizes) - (2 << 16) or one.first == 0 for one in asked[4:8])
    assert len(asked) <= 4 + 4 + 4
    held = len(asked)
    assert same(read_array(array, (slice(80, 200), slice(110, 290))), LARGE[80:200, 110:290])
    assert len(chunks_asked(server)) == held
    # A whole shard, of which zarr asks for all in one piece.
    assert same(read_array(array, (slice(0, 192), slice(0, 256))), LARGE[:192, :256])
    assert same(read_array(array, (slice(0, 300), slice(0, 410))), LARGE)
    assert same(read_array(array, (5, slice(0, 410))), LARGE[5])
    assert read_array(array, (slice(5, 5), slice(0, 9))).shape == (0, 9)


def test_arrays_of_other_kinds(tmp_path):
    # Texts have no place in the specification of v3 yet.
    group = zarr.create_group(tmp_path / "a", zarr_format=2)
    arrays = {"scalar": np.array(7), "row": np.arange(11.0), "words": np.array(["VV", "VH"]), "flags": np.eye(5) > 0,
              "deep": np.arange(360).reshape(3, 4, 5, 6)}  # fmt: skip
    for name, values in arrays.items():
        group.create_array(name, data=values, chunks=tuple(min(2, size) for size in values.shape))
    with RangeServer(tmp_path) as server, quick_transfers():
        for name, values in arrays.items():
            array = open_array(RemoteFile(f"{server.url}/a"), name)
            assert read_array(array, (slice(None),) * values.ndim).tolist() == values.tolist()
        part = (slice(1, 3), 2, slice(0, 5), 5)
        assert np.array_equal(read_array(array, part), arrays["deep"][part])


def test_a_chunk_and_a_shard_that_are_not_there_hold_the_fill_value(tmp_path):
    for name, shards in (("plain", None), ("sharded", (64, 96))):
        array = zarr.create_array(
            tmp_path / name, shape=SHAPE, chunks=(16, 24), shards=shards, dtype="c8", fill_value=3 + 4j
        )
        array[:20, :30] = 1 + 2j
    with RangeServer(tmp_path) as server, quick_transfers():
        for name in ("plain", "sharded"):
            array = open_array(RemoteFile(f"{server.url}/{name}"))
            found = read_array(array, (slice(10, 90), slice(20, 130)))
            assert (found[:10, :10] == 1 + 2j).all()
            assert (found[10:] == 3 + 4j).all()
            before = len(server.asked)
            read_array(array, (slice(10, 90), slice(20, 130)))
            assert len(server.asked) == before


def test_an_array_that_only_stale_consolidated_metadata_name_is_refused(tmp_path):
    doris(tmp_path / "a.zarr", 3)
    shutil.rmtree(tmp_path / "a.zarr" / "complex")
    with RangeServer(tmp_path) as server, quick_transfers():
        stack = open_stack(f"{server.url}/a.zarr")
        with pytest.raises(ValueError, match="consolidated metadata above .* are out of date, they name an array that"):
            stack.window(*WINDOW)


def test_a_store_without_a_list_of_its_arrays(tmp_path):
    zarr.create_group(tmp_path / "a.zarr").create_array("VV", data=PIXELS[0])
    with (
        RangeServer(tmp_path) as server,
        quick_transfers(),
        pytest.raises(ValueError, match="a.zarr names no arrays: it has no consolidated metadata, and a web server"),
    ):
        arrays_of(RemoteFile(f"{server.url}/a.zarr"))


@pytest.mark.parametrize(
    ("answers", "kind", "sentence"),
    [
        ([Answer(503), Answer(429, headers={"Retry-After": "0"})], None, ""),
        ([Answer(206, b"ab", {"Content-Range": "bytes 0-99/100"}, missing=98)], None, ""),
        ([Answer(206, b"", missing=9, stall=0.8)], None, ""),
        ([Answer(503)] * 3, OSError, "the server answers 503, after 3 attempts"),
        ([Answer(403)] * 3, PermissionError, "cannot be accessed: the server answers 403"),
        ([Answer(429, headers={"Retry-After": "3600"})], OSError, "429 and asks to wait 3600 s, after 1 attempt"),
    ],
    ids=["busy", "cut", "stalls", "stays busy", "refused", "long wait"],
)
@pytest.mark.parametrize("name", ["doris3.zarr/complex", "sharded"])
def test_a_server_that_fails(served, name, answers, kind, sentence):
    with RangeServer(served) as server, quick_transfers(timeout=0.4 if answers[0].stall else 5.0):
        array = open_array(RemoteFile(f"{server.url}/{name}?token=geheim"))
        part = (slice(0, 16), slice(0, 24), *[slice(0, 1)] * (array.ndim - 2))
        truth = LARGE if name == "sharded" else PIXELS[0, 0]
        # Only chunks: metadata that were asked for side by side may still be under way.
        left = deque(answers)
        server.instead = lambda asked: left.popleft() if left and "/c/" in asked.path else None
        if kind is None:
            found = read_array(array, part)
            assert same(found.reshape(16, 24), truth[:16, :24])
            return
        with pytest.raises(kind, match=sentence) as caught:
            read_array(array, part)
        assert "geheim" not in str(caught.value)


def test_a_server_without_ranges_serves_chunks_and_no_shards(served):
    with RangeServer(served) as server, quick_transfers():
        server.has_ranges = False
        array = open_array(RemoteFile(f"{server.url}/doris2.zarr/complex"))
        assert same(read_array(array, (*WINDOW, 1)), PIXELS[0, 1][WINDOW])
        shards = open_array(RemoteFile(f"{server.url}/sharded"))
        with pytest.raises(OSError, match="can only be read whole: its server serves no ranges"):
            read_array(shards, WINDOW)


def test_what_changes_on_the_server_is_noticed(tmp_path):
    zarr.create_array(tmp_path / "plain", data=PIXELS[0, 0], chunks=(32, 48), compressors=None)
    zarr.create_array(tmp_path / "sharded", data=LARGE, chunks=(48, 64), shards=(192, 256), compressors=None)
    with RangeServer(tmp_path) as server, quick_transfers():
        plain, sharded = (open_array(RemoteFile(f"{server.url}/{name}")) for name in ("plain", "sharded"))
        whole = (slice(0, 90), slice(0, 130))
        read_array(plain, whole)
        read_array(sharded, (slice(0, 9), slice(0, 9)))
        chunk = tmp_path / "plain" / "c" / "0" / "1"
        chunk.write_bytes(bytes(len(chunk.read_bytes())))
        piece_cache.pieces.clear()
        with pytest.raises(ValueError, match="plain was changed on its server, though its metadata was not: chunk 1"):
            read_array(plain, whole)
        chunk.unlink()
        piece_cache.pieces.clear()
        with pytest.raises(ValueError, match="chunk 1 is gone"):
            read_array(plain, whole)
        shard = tmp_path / "sharded" / "c" / "0" / "0"
        shard.write_bytes(shard.read_bytes()[::-1])
        with pytest.raises(ValueError, match="sharded/c/0/0 was changed on its server while it was being read"):
            read_array(sharded, (slice(50, 64), slice(70, 90)))
        # Metadata of another version make another node.
        zarr.create_array(tmp_path / "plain", data=PIXELS[0, 1], chunks=(32, 48), overwrite=True)
        assert remote_zarr(RemoteFile(f"{server.url}/plain"), anew=True) is not plain.store
        assert same(read_array(open_array(RemoteFile(f"{server.url}/plain")), whole), PIXELS[0, 1])


def test_the_index_opens_a_store_without_a_request(served, tmp_path):
    with RangeServer(served) as server, quick_transfers():
        open_remote.use_index(tmp_path / "index.sqlite")
        address = f"{server.url}/ours?token=geheim"
        first = open_stack(address).window(*WINDOW, polarisation="VV")
        open_remote.forget_all()
        piece_cache.pieces.clear()
        open_remote.use_index(tmp_path / "index.sqlite", is_trusted=True)
        before = len(server.asked)
        far = open_stack(address)
        assert len(server.asked) == before
        assert same(far.window(*WINDOW, polarisation="VV"), first)
        assert len(server.asked) == before + 3
        open_remote.forget_all()
        for file in tmp_path.glob("index.sqlite*"):
            assert b"geheim" not in file.read_bytes()


@pytest.mark.parametrize(
    ("codecs", "message"),
    [
        ([{"name": "bytes"}, {"name": "numcodecs.pickle", "configuration": {}}], "packed with pickle"),
        ([{"name": "bytes", "configuration": {"endian": "little"}}], "a chunk of .* must be at most 1024 MiB"),
    ],
)
def test_hostile_metadata_are_refused(tmp_path, codecs, message):
    document = {
        "zarr_format": 3, "node_type": "array", "shape": [90_000, 90_000], "data_type": "complex64", "codecs": codecs,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [90_000, 90_000]}}, "fill_value": [0, 0],
        "chunk_key_encoding": {"name": "default"},
    }  # fmt: skip
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "zarr.json").write_text(json.dumps(document))
    with RangeServer(tmp_path) as server, quick_transfers(), pytest.raises(ValueError, match=message):
        open_array(RemoteFile(f"{server.url}/a"))


def test_a_blosc_chunk_with_a_damaged_header_is_not_unpacked(tmp_path):
    zarr.create_array(
        tmp_path / "a", data=PIXELS[0, 0], chunks=(90, 130), compressors=[zarr.codecs.BloscCodec(cname="lz4")]
    )
    chunk = tmp_path / "a" / "c" / "0" / "0"
    body = bytearray(chunk.read_bytes())
    body[4:8] = (1 << 30).to_bytes(4, "little")
    chunk.write_bytes(body)
    with RangeServer(tmp_path) as server, quick_transfers():
        array = open_array(RemoteFile(f"{server.url}/a"))
        with pytest.raises(ValueError, match="chunk 0 of http.* is damaged: its header states"):
            read_array(array, WINDOW)


def test_a_page_for_each_address_is_no_store(tmp_path):
    with RangeServer(tmp_path) as server, quick_transfers():
        server.instead = lambda asked: Answer(200, b"<html>Welcome</html>")
        assert remote_zarr(RemoteFile(f"{server.url}/a")) is None


def test_a_store_in_s3_is_listed_where_nothing_is_consolidated(tmp_path, monkeypatch):
    pytest.importorskip("obstore")
    zarr.create_group(tmp_path / "bucket" / "a.zarr").create_array("VV", data=PIXELS[0, 0], chunks=(32, 48))
    with RangeServer(tmp_path) as server, quick_transfers():
        for name, value in {
            "AWS_ENDPOINT_URL": server.url, "AWS_ACCESS_KEY_ID": "AKIDX", "AWS_SECRET_ACCESS_KEY": "geheim",
            "AWS_REGION": "eu-west-1",
        }.items():  # fmt: skip
            monkeypatch.setenv(name, value)
        listed = b"<ListBucketResult><CommonPrefixes><Prefix>a.zarr/VV/</Prefix></CommonPrefixes></ListBucketResult>"
        server.instead = lambda asked: Answer(200, listed) if "list-type" in asked.path else None
        place = RemoteFile("s3://bucket/a.zarr")
        assert list(arrays_of(place)) == ["VV"]
        assert same(read_array(open_array(place, "VV"), WINDOW), PIXELS[0, 0][WINDOW])
        assert len(chunks_asked(server)) == 1 + 9


def test_a_bucket_that_refuses_what_it_does_not_have(served):
    """Without the right to list, S3 answers 403 in place of 404: a store of v2 is found all the same."""
    with RangeServer(served) as server, quick_transfers():
        root = RemoteFile(f"{server.url}/doris2.zarr")
        there = {path.name for path in (served / "doris2.zarr").iterdir()}
        server.instead = lambda asked: None if asked.path.split("/")[2] in there else Answer(403)
        assert "complex" in arrays_of(root)
        with pytest.raises(PermissionError, match="elsewhere/zarr.json cannot be accessed: the server answers 403"):
            remote_zarr(RemoteFile(f"{server.url}/elsewhere"))
