"""Stacks on a server: values of the local files bit for bit, and a bounded number of requests."""

from __future__ import annotations

import gc
import itertools
import json
import os
import pickle
import resource
import zlib

import h5py
import numpy as np
import pytest
from far_stacks import DATES, speckle, write_cslc, write_geotiff
from range_server import Answer, RangeServer
from remote_setting import quick_transfers

from m3leo_sar import SlcStack
from m3leo_sar.io.files.hdf5_values import open_hdf5, read_values
from m3leo_sar.io.files.raster import open_raster
from m3leo_sar.io.remote import collection_pause, open_remote, piece_cache
from m3leo_sar.io.remote.chunk_index import ChunkIndex
from m3leo_sar.io.remote.chunk_tree import ChunkTree
from m3leo_sar.io.remote.remote_address import RemoteFile
from m3leo_sar.io.stacks.open_stack import open_stack
from m3leo_sar.run.catalogue import open_catalogue, reopen

pytest.importorskip("aiohttp")
SHAPE = (130, 230)
PIXELS = speckle((len(DATES), *SHAPE))
WINDOW = slice(50, 121), slice(90, 205)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    for kind, write in (("cslc", write_cslc), ("tif", write_geotiff)):
        (folder / kind).mkdir()
        for pixels, date in zip(PIXELS, DATES, strict=True):
            write(folder / kind, pixels, date)
    with RangeServer(folder) as running:
        yield running


@pytest.fixture(autouse=True)
def setting(server):
    with quick_transfers():
        yield
    server.asked.clear()
    server.next.clear()


def addresses(server, kind):
    return [f"{server.url}/{kind}/{path.name}?token=geheim" for path in sorted((server.folder / kind).iterdir())]


def same(first, second):
    return first.dtype == second.dtype and np.array_equal(first.view(np.uint64), second.view(np.uint64))


@pytest.mark.parametrize("kind", ["cslc", "tif"])
def test_windows_are_those_of_the_local_files(server, kind):
    near, far = open_stack(server.folder / kind), open_stack(addresses(server, kind))
    assert isinstance(far, SlcStack)
    for name in ("dates", "polarisation", "dtype", "orbit", "track", "wavelength", "times"):
        assert getattr(near, name) == getattr(far, name), name
    assert near.geometry == far.geometry
    assert same(far.window(*WINDOW), near.window(*WINDOW))
    assert same(far.window(), PIXELS)
    assert same(far.crop(*WINDOW).window(slice(3, 9), slice(2, 8)), PIXELS[:, 53:59, 92:98])
    assert same(far.window(*WINDOW, dates=DATES[1:2]), PIXELS[1:2, *WINDOW])
    assert "geheim" not in repr(far) + far.name + far._repr_html_()
    assert same(pickle.loads(pickle.dumps(far)).window(*WINDOW), near.window(*WINDOW))


@pytest.mark.parametrize(
    ("kind", "choice"),
    [
        ("nisar-gslc", {"polarisation": "HH+HV", "frequency": "A"}),
        ("nisar-gslc", {"polarisation": "HH", "frequency": "B"}),
        ("nisar-gslc-complex32", {}),
    ],
)
def test_true_layouts_of_nisar(shared_data, kind, choice):
    folder = shared_data / "slc-layouts" / kind
    near = open_stack(folder, **choice)
    with RangeServer(folder) as server:
        far = open_stack([f"{server.url}/{path.name}" for path in sorted(folder.glob("*.h5"))], **choice)
        assert (far.dates, far.polarisation, far.geometry) == (near.dates, near.polarisation, near.geometry)
        for one in near.polarisations:
            assert same(far.window(polarisation=one), near.window(polarisation=one))
        assert same(far.sel(dates=far.dates[-1], polarisation=one).window(), near.window(polarisation=one)[-1:])


def test_one_file_is_a_stack_too_and_files_of_this_machine_may_be_listed(server):
    assert open_stack(addresses(server, "cslc")[0]).dates == DATES[:1]
    near = sorted((server.folder / "cslc").iterdir())
    assert open_stack(near).dates == DATES
    mixed = open_stack([near[0], *addresses(server, "cslc")[1:]])
    assert same(mixed.window(*WINDOW), PIXELS[:, *WINDOW])


def test_a_window_takes_few_requests_and_the_next_none(server):
    far = open_stack(addresses(server, "cslc"))
    before = len(server.asked)
    far.window(*WINDOW)
    # The files are so small that the first request to each holds all of it.
    assert before <= 2 * len(DATES)
    far.window(slice(60, 90), slice(100, 150))
    again = len(server.asked)
    far.window(*WINDOW)
    assert len(server.asked) == again


@pytest.mark.parametrize(
    ("path", "kind", "sentence"),
    [
        (
            "{url}/cslc/",
            ValueError,
            "a web server does not list folders; name the files, or a CSV or STAC items of them",
        ),
        ("{url}/cslc/*.h5", ValueError, "a web server does not list folders"),
        ("{url}/cslc/20240401.h5", FileNotFoundError, "there is no file http.*20240401.h5"),
        ("{url}/cslc/20240401.zip", ValueError, "20240401.zip is of no kind that is read from a server"),
        ([], ValueError, "path must name at least one file"),
    ],
)
def test_what_is_no_stack_is_named(server, path, kind, sentence):
    with pytest.raises(kind, match=sentence):
        open_stack(path if isinstance(path, list) else path.format(url=server.url))


def test_a_raster_of_several_files_is_refused_without_a_request(server):
    with pytest.raises(ValueError, match="20240401.vrt must be a GeoTIFF"), open_raster(f"{server.url}/20240401.vrt"):
        pass
    assert not server.asked


def test_a_file_that_is_no_hdf5_or_no_tiff_is_named(server):
    for kind, name in (("h5", DATES[0]), ("tif", DATES[1])):
        path = (
            server.folder
            / f"OPERA_L2_CSLC-S1_T087-185683-IW2_{name:%Y%m%d}T161651Z_20240504T181714Z_S1A_VV_v1.1.{kind}"
        )
        path.write_bytes(b"<html>Please log in</html>" * 99)
        sentence = "is not a readable HDF5 file" if kind == "h5" else "cannot be read as a raster"
        with pytest.raises(ValueError, match=f"v1.1.{kind} {sentence}"):
            open_stack(f"{server.url}/{path.name}")
        path.unlink()


@pytest.mark.parametrize("kind", ["cslc", "tif"])
def test_a_server_that_fails_later_is_named(tmp_path, kind):
    write = {"cslc": write_cslc, "tif": write_geotiff}[kind]
    write(tmp_path, speckle((700, 800)), DATES[0])
    with RangeServer(tmp_path) as server:
        far = open_stack([f"{server.url}/{path.name}?token=geheim" for path in tmp_path.iterdir()])
        for answer, sentence in (
            (Answer(503), "the server answers 503, after 3 attempts"),
            (Answer(404), "there is no file http"),
            (Answer(403), "cannot be accessed: the server answers 403"),
        ):
            server.instead = lambda asked, answer=answer: answer
            with pytest.raises((ValueError, OSError), match=sentence) as caught:
                far.window(slice(300, 500), slice(300, 500))
            assert "geheim" not in str(caught.value)
            assert "\n" not in str(caught.value)
        server.instead = lambda asked: None
        assert same(far.window(slice(300, 500), slice(300, 500)), speckle((1, 700, 800))[:, 300:500, 300:500])


@pytest.mark.parametrize("layout", ["earliest", "latest"])
def test_a_frame_of_seventy_thousand_lines_opens_at_once(tmp_path, layout):
    """18 769 chunks of 2 MiB, most of them of a few bytes, in the old tree of chunks and in the new array of them."""
    side, path = 70_000, tmp_path / "20240401.h5"
    part, nothing = speckle((1, 900, 1100))[0], np.complex64(complex("nan+nanj"))
    with h5py.File(path, "w", libver=layout) as file:
        file["x"], file["y"] = np.arange(side) * 10.0, np.arange(side) * -10.0
        packing = {"chunks": (512, 512), "compression": "gzip", "compression_opts": 1, "fillvalue": nothing}
        data = file.create_dataset("slc", (side, side), "c8", **packing)
        data[40_000:40_900, 50_000:51_100] = part
        zeros = zlib.compress(bytes(512 * 512 * 8), 1)
        for row, col in itertools.product(range(137), range(137)):
            if not (78 <= row < 80 and 97 <= col < 100):
                data.id.write_direct_chunk((row * 512, col * 512), zeros)
    window = slice(40_100, 40_548), slice(50_200, 51_096)
    with RangeServer(tmp_path) as server:
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        address = RemoteFile(f"{server.url}/20240401.h5")
        with open_hdf5(address) as file:
            data = file["slc"]
            assert data.shape == (side, side)
            asked, opened = len(server.asked), server.bytes_asked
            found = read_values(data, address, window)
            taken = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory
            assert same(found, part[100:548, 200:1096])
            # The first and the last 256 KiB, of whole blocks; benchmarks/open_stack.py has the time.
            assert asked == 2
            assert opened <= 576 << 10
            assert taken < 200 << 10
            assert server.bytes_asked - opened < 5 << 20
            assert len(server.asked) <= asked + 8
            before = len(server.asked)
            assert not read_values(data, address, (slice(69_000, 69_448), slice(3_000, 3_896))).any()
            assert len(server.asked) <= before + 8


def test_a_damaged_tree_of_chunks_is_named(tmp_path):
    path = write_cslc(tmp_path, speckle((500, 600)), DATES[0])
    body = bytearray(path.read_bytes())
    with RangeServer(tmp_path) as server:
        address = RemoteFile(f"{server.url}/{path.name}")
        with open_hdf5(address) as file:
            read_values(file["data/VV"], address, (slice(9), slice(9)))
            tree = ChunkTree(*open_remote.ranged_file(address).index.dataset(address.identity, "/data/VV")["tree"])
        for place, bits in ((tree.address + 6, b"\xff\xff"), (tree.address + 4, b"\x07"), (tree.address + 5, b"\x09")):
            path.write_bytes(body[:place] + bits + body[place + len(bits) :])
            open_remote.forget_all()
            piece_cache.pieces.clear()
            with pytest.raises(ValueError, match=f"{path.name}"):
                open_stack([f"{server.url}/{path.name}"]).window(slice(100, 200), slice(100, 200))


def test_all_that_hdf5_packs_is_unpacked(tmp_path):
    pixels = speckle((1, 150, 170))[0]
    kinds = {
        "plain": {}, "chunked": {"chunks": (31, 47)}, "lzf": {"chunks": (31, 47), "compression": "lzf"},
        "checked": {"chunks": (31, 47), "fletcher32": True, "compression": "gzip", "shuffle": True},
    }  # fmt: skip
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name, options in kinds.items():
            file.create_dataset(name, data=pixels, **options)
        file["empty"] = np.zeros((0, 5))
        file["half"] = np.zeros((40, 30), [("r", "f2"), ("i", "f2")])
        file["scalar"], file["text"] = 7, "a text"
        file["cube"] = np.arange(4 * 30 * 20, dtype="f8").reshape(4, 30, 20)
    with RangeServer(tmp_path) as server:
        address = RemoteFile(f"{server.url}/a.h5")
        with open_hdf5(address) as file:
            for name in kinds:
                assert same(read_values(file[name], address, (slice(3, 140), slice(5, 160))), pixels[3:140, 5:160])
                assert same(read_values(file[name], address), pixels)
            assert read_values(file["empty"], address).shape == (0, 5)
            assert read_values(file["half"], address, (slice(2, 9),)).shape == (7, 30)
            assert (read_values(file["scalar"], address), read_values(file["text"], address)) == (7, b"a text")
            assert read_values(file["cube"], address, (slice(1, 3), slice(2, 9), slice(4, 6))).sum() == (
                np.arange(2400.0).reshape(4, 30, 20)[1:3, 2:9, 4:6].sum()
            )


def test_the_index_opens_a_file_without_a_request_and_knows_its_bytes(tmp_path):
    write_cslc(tmp_path, speckle((700, 800)), DATES[0])
    (name,) = (path.name for path in tmp_path.iterdir())
    index = tmp_path / "index.sqlite"
    with RangeServer(tmp_path) as server:
        address = f"{server.url}/{name}?token=geheim"
        open_remote.use_index(index)
        first = open_stack([address]).window(slice(300, 500), slice(300, 500))
        open_remote.forget_all()
        piece_cache.pieces.clear()
        open_remote.use_index(index, is_trusted=True)
        before = len(server.asked)
        far = open_stack([address])
        assert len(server.asked) == before
        assert same(far.window(slice(300, 500), slice(300, 500)), first)
        ranges = [(asked.first, asked.stop) for asked in server.asked[before:]]
        assert 0 < len(ranges) <= 8
        for file in tmp_path.glob("index.sqlite*"):
            assert b"geheim" not in file.read_bytes()
        with ChunkIndex(index) as held:
            told = held.dataset(f"{server.url}/{name}", "/data/VV")
            chunks = held.chunks(f"{server.url}/{name}", "/data/VV", range(999))
        assert told["filters"][1]["name"] == "deflate"
        assert (told["shape"], told["chunks"], told["dtype"]) == ([700, 800], [64, 96], "complex64")
        read = [chunk for chunk in chunks.values() if chunk.checksum is not None]
        assert len(read) == 4 * 3
        assert len(chunks) == 11 * 9
        # A server that keeps size, date and tag while the bytes change is caught by the checksums.
        path = tmp_path / name
        body = bytearray(path.read_bytes())
        chunk = read[7]
        body[chunk.start + 50] ^= 1
        stamp = path.stat().st_mtime_ns
        path.write_bytes(body)
        os.utime(path, ns=(stamp, stamp))
        piece_cache.pieces.clear()
        with pytest.raises(ValueError, match="was changed on its server, though its size and date were not: chunk"):
            far.window(slice(300, 500), slice(300, 500))


def test_a_list_and_the_pages_of_a_search_are_catalogues(server, tmp_path):
    names = [path.name for path in sorted((server.folder / "cslc").iterdir())]
    (server.folder / "list.csv").write_text("path\n" + "\n".join(f"cslc/{name}" for name in names))
    assert open_catalogue(f"{server.url}/list.csv").stack.dates == DATES
    (tmp_path / "near.csv").write_text("path\n" + "\n".join(addresses(server, "cslc")))
    found = open_catalogue(tmp_path / "near.csv")
    assert (found.stack.dates, found.is_far, list(found.inputs)) == (DATES, True, [f"{date:%Y%m%d}" for date in DATES])
    stack, _ = reopen(json.loads(json.dumps(found.source)))
    assert same(stack.window(*WINDOW), PIXELS[:, *WINDOW])

    def item(name):
        return {
            "type": "Feature", "stac_version": "1.0.0", "id": name, "geometry": None, "links": [],
            "properties": {"datetime": f"{name[33:37]}-{name[37:39]}-{name[39:41]}T16:16:51Z"},
            "assets": {
                "browse": {"href": f"{server.url}/cslc/{name}.tif", "roles": ["thumbnail"]},
                "data": {"href": f"{server.url}/cslc/{name}", "roles": ["data"]},
                "s3": {"href": f"s3://bucket/{name}", "roles": ["data"]},
            },
        }  # fmt: skip

    def instead(asked):
        if not asked.path.startswith("/search"):
            return None
        page = 2 if asked.method == "POST" else int("page=1" in asked.path)
        links = {
            0: [{"rel": "next", "href": "search?page=1&token=geheim"}],
            1: [{"rel": "next", "href": f"{server.url}/search", "method": "POST", "body": {"page": 2}}],
        }.get(page, [])
        page = {"type": "FeatureCollection", "features": [item(names[page])], "links": links}
        return Answer(200, json.dumps(page).encode(), {"Content-Type": "application/geo+json"})

    server.instead = instead
    try:
        assert open_catalogue(f"{server.url}/search?collections=OPERA").stack.dates == DATES
        assert [asked.method for asked in server.asked if asked.path.startswith("/search")] == ["GET", "GET", "POST"]
        server.instead = lambda asked: Answer(
            200, json.dumps({"links": [{"rel": "next", "href": "?"}], "features": []}).encode()
        )
        with pytest.raises(ValueError, match="search has no last page: its links 'next' lead back to"):
            open_catalogue(f"{server.url}/search?")
        server.instead = lambda asked: Answer(200, b"<html>")
        with pytest.raises(ValueError, match="search holds no STAC items: JSONDecodeError"):
            open_catalogue(f"{server.url}/search")
    finally:
        server.instead = lambda asked: None


def test_a_list_of_a_server_names_no_file_of_this_machine(server):
    item = {
        "type": "Feature",
        "id": "a",
        "properties": {"datetime": "2024-04-01"},
        "assets": {"d": {"href": "file:///etc/a.tif"}},
    }
    (server.folder / "i.json").write_text(json.dumps(item))
    with pytest.raises(ValueError, match="i.json must name files on servers, got 'file:///etc/a.tif'"):
        open_catalogue(f"{server.url}/i.json")


def test_a_fork_reads_on_with_files_of_its_own(server):
    far = open_stack(addresses(server, "cslc"))
    before = open_remote.ranged_file(RemoteFile(addresses(server, "cslc")[0]))
    collection_pause.pause.begin()
    # As the fork of a process does.
    open_remote.start_anew()
    assert gc.isenabled()
    assert same(far.window(*WINDOW), PIXELS[:, *WINDOW])
    after = open_remote.ranged_file(RemoteFile(addresses(server, "cslc")[0]))
    assert after is not before
    assert after.index is not before.index
    before.index.close()


@pytest.mark.timeout(60)
def test_forgotten_files_do_not_stop_the_requests(tmp_path):
    """h5py's lock is held while HDF5 waits; a collection in a thread that sends bytes would wait for it for ever."""
    path = write_cslc(tmp_path, speckle((500, 600)), DATES[0])

    class Knot:
        def __init__(self):
            self.file, self.me = h5py.File(path, "r"), self

    knots = [Knot() for _ in range(9)]

    def instead(asked):
        knots[:1] = []
        # Enough for the collector, which runs in the thread that happens to allocate.
        _ = [[] for _ in range(100_000)]

    with RangeServer(tmp_path) as server:
        server.instead = instead
        stack = open_stack([f"{server.url}/{path.name}"])
        assert same(stack.window(slice(100, 200), slice(100, 200)), speckle((1, 500, 600))[:, 100:200, 100:200])
    assert gc.isenabled()
