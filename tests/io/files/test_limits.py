"""Files that unpack, or say that they do, to more than a stated limit are refused before anything is allocated."""

from __future__ import annotations

import json
import resource
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import rasterio
import valid_files

from m3leo_sar.io.components.component import read_component
from m3leo_sar.io.components.netcdf_components import read_agb
from m3leo_sar.io.files import limits
from m3leo_sar.io.files.parquet_table import read_columns
from m3leo_sar.io.files.plain_xml import parse_xml
from m3leo_sar.io.files.raster import read_raster
from m3leo_sar.io.sentinel1.annotation import read_annotation
from m3leo_sar.io.sentinel1.safe import open_safe
from m3leo_sar.io.sources.gunw_source import GunwSource
from m3leo_sar.io.sources.raster_source import RasterSource
from m3leo_sar.io.sources.xarray_source import open_xarray_source
from m3leo_sar.io.stacks.cslc import read_cslc_stack
from m3leo_sar.io.stacks.zarr_stack import read_stack
from m3leo_sar.io.tables.area_file import read_area
from m3leo_sar.io.tables.split_file import read_splits
from m3leo_sar.io.tables.tile_file import read_tiles
from m3leo_sar.pictures.chip_description import describe


@pytest.fixture
def little_memory() -> Iterator[None]:
    """The process may map a gigabyte and a half more than it has."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (mapped + (3 << 29), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


def deflated(size: int) -> bytes:
    """So many zeros, packed: one block of them again and again."""
    packer = zlib.compressobj(9)
    head = packer.compress(b"") + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    checksum = (size % 65_521) << 16 | 1
    return head + block * (size >> 20) + b"\x03\x00" + checksum.to_bytes(4, "big")


def test_the_bomb_is_one():
    assert zlib.decompress(deflated(3 << 20)) == bytes(3 << 20)


@pytest.mark.usefixtures("little_memory")
def test_a_tiff_of_ten_thousand_million_pixels(tmp_path):
    path = tmp_path / "esaworldcover-2020" / "a.tif"
    path.parent.mkdir()
    profile = {"driver": "GTiff", "height": 100_000, "width": 100_000, "count": 1, "dtype": "uint8", "tiled": True}
    place = {"crs": "EPSG:32631", "transform": rasterio.transform.from_origin(500_000, 5_000_000, 10, 10)}
    with rasterio.open(
        path, "w", **profile, **place, blockxsize=1024, blockysize=1024, compress="deflate", sparse_ok=True
    ):
        pass
    assert path.stat().st_size < 1 << 20
    message = r"a.tif must be at most 1024 MiB, its header states 1 x 100000 x 100000, 9536 MiB"
    for read in (read_component, describe):
        with pytest.raises(ValueError, match=message):
            read(path)
    with pytest.raises(ValueError, match=r"a.tif must be at most 8192 MiB, its header states 1 x 100000 x 100000"):
        read_raster(path)
    # By windows it is no bomb.
    RasterSource(path)


@pytest.mark.usefixtures("little_memory")
def test_a_tiff_whose_block_is_a_bomb(tmp_path):
    path = tmp_path / "a.tif"
    valid_files.write_bands(
        path, np.ones((1, 16, 16), "u1"), tiled=True, blockxsize=16, blockysize=16, compress="deflate"
    )
    data = bytearray(path.read_bytes())
    for tag in (256, 257, 322, 323):
        place = data.index(tag.to_bytes(2, "little") + b"\x03\x00\x01\x00\x00\x00")
        data[place + 2 : place + 12] = b"\x04\x00\x01\x00\x00\x00" + (65_536).to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(
        ValueError, match=r"a block of a.tif must be at most 1024 MiB, its header states 1 x 65536 x 65536"
    ):
        RasterSource(path)


@pytest.mark.usefixtures("little_memory")
def test_an_hdf5_shape_that_nothing_fills(tmp_path):
    with h5py.File(tmp_path / "a.nc", "w") as file:
        file["lat"], file["lon"] = [1.0, 0.0], [0.0, 1.0]
        file.create_dataset("agb", (10**6, 10**6), "f4", chunks=(64, 64), fillvalue=1)
        file["agb_se"] = [[1.0, 1.0], [1.0, 1.0]]
    with pytest.raises(
        ValueError, match=r"a.nc is not a chip .* /agb must be at most 1024 MiB, its header states 1000000 x"
    ):
        read_agb(tmp_path / "a.nc")
    path = next(valid_files.cslc(tmp_path).glob("*.h5"))
    with h5py.File(path, "a") as file:
        del file["data/x_coordinates"]
        file.create_dataset("data/x_coordinates", (10**10,), "f8", chunks=(1024,))
    with pytest.raises(ValueError, match=r"data/x_coordinates cannot be read: .* at most 1024 MiB"):
        read_cslc_stack(path)


@pytest.mark.usefixtures("little_memory")
@pytest.mark.parametrize(("side", "size"), [(448, 1 << 31), (1024, 1 << 31), (20_000, 0)])
def test_an_hdf5_chunk_that_is_a_bomb(tmp_path, side, size):
    """Packed larger than its chunk, no larger but still a bomb, and a chunk that is too large itself."""
    with h5py.File(tmp_path / "a.nc", "w") as file:
        file["lat"], file["lon"] = 1e-3 * np.arange(side), 1e-3 * np.arange(side)
        file["agb_se"] = np.zeros((1, 1))
        values = file.create_dataset("agb", (side, side), "f4", chunks=(side, side), compression="gzip", fillvalue=7)
        if size:
            values.id.write_direct_chunk((0, 0), deflated(size))
    message = {
        448: "a packed chunk of /agb must be",
        1024: "a chunk of /agb must be",
        20_000: "agb must be at most 1024",
    }
    with pytest.raises(ValueError, match=message[side]):
        read_agb(tmp_path / "a.nc")


@pytest.mark.usefixtures("little_memory")
def test_a_granule_chunk_that_is_a_bomb_is_refused_though_the_window_is_small(tmp_path):
    path = next(valid_files.gunw_source(tmp_path).glob("*.nc"))
    with h5py.File(path, "a") as file:
        data = file["science/grids/data"]
        del data["coherence"]
        values = data.create_dataset("coherence", (20, 30), "f4", chunks=(20, 30), compression="gzip")
        values.id.write_direct_chunk((0, 0), deflated(1 << 31))
    with pytest.raises(ValueError, match="is damaged: a packed chunk of /science/grids/data/coherence must be at most"):
        GunwSource(tmp_path).read(valid_files.TILE)


@pytest.mark.usefixtures("little_memory")
def test_a_parquet_value_that_a_thousand_rows_name(tmp_path):
    path = tmp_path / "esaworldcover-2020" / "p0.zstd.parquet"
    valid_files.release(tmp_path)
    tiles = valid_files.TILES.identifiers
    paths = [f"{tile}.tif" for tile in (*tiles, *map(str, range(997)))]
    content = pa.DictionaryArray.from_arrays(pa.array(np.zeros(1000, "i4")), pa.array([bytes(8 << 20)]))
    pq.write_table(
        pa.table({"path": paths, "content": content}), path, compression="zstd", dictionary_pagesize_limit=1 << 30,
        store_schema=False,
    )  # fmt: skip
    assert path.stat().st_size < 1 << 18
    with pytest.raises(ValueError, match=r"column content of p0.zstd.parquet must be at most 4096 MiB, got 8000 MiB"):
        valid_files._read_release(tmp_path)


def test_a_parquet_header_that_tells_too_much(tmp_path, monkeypatch):
    pq.write_table(pa.table({"n": np.zeros(1 << 20)}), tmp_path / "a.parquet", use_dictionary=False, compression="zstd")
    assert (tmp_path / "a.parquet").stat().st_size < 1 << 14
    assert read_columns(tmp_path / "a.parquet").num_rows == 1 << 20
    monkeypatch.setattr(limits, "LARGEST_TABLE", 1 << 20)
    with pytest.raises(ValueError, match=r"a.parquet, unpacked, must be at most 1 MiB, got 8 MiB"):
        read_columns(tmp_path / "a.parquet")
    monkeypatch.setattr(limits, "LARGEST_ROWS", 1000)
    with pytest.raises(ValueError, match="a.parquet must have at most 1000 rows, got 1048576"):
        read_columns(tmp_path / "a.parquet")


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))


@pytest.mark.usefixtures("little_memory")
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-be"])
@pytest.mark.parametrize(
    "entities", [f'<!ENTITY l0 "ha">{LAUGHS}', '<!ENTITY l11 SYSTEM "file:///etc/hostname">', '<!ENTITY l11 "S1A">']
)
def test_entities_of_xml_are_refused_in_any_encoding(tmp_path, encoding, entities):
    inside = valid_files.annotation_text().replace("<missionId>S1A", "<missionId>&l11;")
    text = f'<?xml version="1.0" encoding="{encoding[:6]}"?><!DOCTYPE product [{entities}]>{inside}'
    (tmp_path / "a.xml").write_bytes(text.encode(encoding))
    # Told by us in UTF-8, where the parser would expand what is small; in UTF-16 it never comes so far.
    refusal = "must have no document type" if encoding == "utf-8" else "must be XML in UTF-8|is not XML"
    with pytest.raises(ValueError, match=f"a.xml ({refusal})"):
        read_annotation(tmp_path / "a.xml")
    folder = valid_files.safe(tmp_path)
    calibration = next(folder.glob("annotation/calibration/*.xml"))
    calibration.write_bytes(f"<!DOCTYPE c [{entities}]><calibration>&l11;</calibration>".encode(encoding))
    swath = open_safe(folder, swath="IW1", polarisation="VV")
    with pytest.raises(ValueError, match=f"calibration tables cannot be read: calibration ({refusal})"):
        swath.calibration_factor(0)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<!DOCTYPE a><a/>", "no document type"),
        ('<!DOCTYPE a SYSTEM "file:///etc/hostname"><a/>', "no document type"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "no document type"),
        ("<a>&b;</a>", "is not XML"),
        ("<a>\0</a>", "holds NUL"),
    ],
)
def test_document_types_and_entities_of_xml_are_refused(text, reason):
    with pytest.raises(ValueError, match=f"a.xml .*{reason}"):
        parse_xml(text.encode(), "a.xml")


def test_xml_that_only_speaks_of_document_types_is_read():
    assert parse_xml(b"<a>b<!-- no <!DOCTYPE a> here --></a>", "a.xml").text == "b"
    assert parse_xml(b"<a><![CDATA[<!ENTITY b>]]></a>", "a.xml").text == "<!ENTITY b>"


def test_deep_xml_is_read_or_refused_but_does_not_crash():
    assert parse_xml(b"<a>" * 100_000 + b"</a>" * 100_000, "deep.xml").tag == "a"
    with pytest.raises(ValueError, match="deep.xml is not XML"):
        parse_xml(b"<a>" * 100_000, "deep.xml")


@pytest.mark.usefixtures("little_memory")
@pytest.mark.parametrize(
    ("name", "read", "mebibytes"),
    [
        ("a.xml", read_annotation, 64),
        ("a.wkt", read_area, 64),
        ("a.geojson", read_area, 64),
        ("t.geojson", read_tiles, 2048),
        ("s.csv", read_splits, 2048),
    ],
)
def test_a_text_over_its_limit_is_not_read(tmp_path, name, read, mebibytes):
    with (tmp_path / name).open("wb") as file:
        file.truncate((mebibytes << 20) + (1 << 20))
    with pytest.raises(ValueError, match=rf"{name} must .*at most {mebibytes} MiB, got {mebibytes + 1} MiB"):
        read(tmp_path / name)


@pytest.mark.usefixtures("little_memory")
def test_a_zip_whose_text_unpacks_to_too_much(tmp_path):
    path = valid_files.safe_zip(tmp_path / "zip")
    whole = zipfile.ZipFile(path)
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as bomb:
        for name in whole.namelist():
            size = 1 << 28 if name.endswith(f"annotation/{valid_files.NAME}.xml") else 0
            with bomb.open(name, "w", force_zip64=True) as file:
                file.write(whole.read(name))
                for _ in range(size >> 20):
                    file.write(b" " * (1 << 20))
    assert (tmp_path / "bomb.zip").stat().st_size < 4 << 20
    with pytest.raises(ValueError, match=rf"{valid_files.NAME}.xml must be at most 64 MiB"):
        open_safe(tmp_path / "bomb.zip", swath="IW1", polarisation="VV")


def _changed(path: Path, **changes: object) -> None:
    document = json.loads(path.read_text())
    document |= changes
    path.write_text(json.dumps(document))


@pytest.mark.usefixtures("little_memory")
def test_zarr_metadata_that_tell_of_too_much(tmp_path):
    grid = {"name": "regular", "configuration": {"chunk_shape": [10**6, 10**6]}}
    stack, source = valid_files.stack(tmp_path), valid_files.zarr_source(tmp_path)
    whole = shutil.copytree(stack, tmp_path / "whole")
    for array in ("20230301/VV", "label-cover/label"):
        _changed(stack / array / "zarr.json", shape=[10**6, 10**6], chunk_grid=grid)
        with pytest.raises(
            ValueError, match=rf"a chunk of .*{array} must be at most 1024 MiB, its header states 1000000 x"
        ):
            read_stack(stack)
        shutil.rmtree(stack)
        shutil.copytree(whole, stack)
    _changed(source / "agb" / "zarr.json", shape=[10**6, 10**6], chunk_grid=grid)
    with pytest.raises(ValueError, match="a chunk of .*agb must be at most 1024 MiB"):
        open_xarray_source(source)


def test_pickle_is_no_codec_wherever_it_stands(tmp_path):
    for filters, compressor in (([{"id": "vlen-utf8"}, {"id": "pickle"}], None), (None, {"id": "pickle"})):
        folder = tmp_path / "a.zarr" / "agb"
        folder.mkdir(parents=True, exist_ok=True)
        (tmp_path / "a.zarr" / ".zgroup").write_text('{"zarr_format": 2}')
        facts = {"zarr_format": 2, "shape": [1], "chunks": [1], "dtype": "|O", "fill_value": "", "order": "C"}
        (folder / ".zarray").write_text(json.dumps(facts | {"filters": filters, "compressor": compressor}))
        with pytest.raises(ValueError, match="agb is packed with pickle, which could run any code; it is not read"):
            open_xarray_source(tmp_path / "a.zarr")
