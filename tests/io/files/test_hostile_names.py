"""Names that come with files, and links among them, lead nowhere but below the folder that a user named."""

from __future__ import annotations

import os
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import valid_files

from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.components.parquet_release import ParquetRelease, shards_of
from m3leo_sar.io.files.raster import read_raster
from m3leo_sar.io.sentinel1.safe import open_safe
from m3leo_sar.io.sources.xarray_source import open_xarray_source
from m3leo_sar.io.stacks.open_stack import open_stack
from m3leo_sar.io.stacks.zarr_stack import read_labels, read_stack
from m3leo_sar.io.tables.split_file import read_split_columns
from m3leo_sar.io.tables.tile_file import read_tile_columns, read_tiles
from m3leo_sar.pictures.chip_description import describe

#: Two dots, absolute, hidden, with NUL or a line's end, too long, full-width and Cyrillic letters, other digits.
HOSTILE = ["..", ".", "", "../up", "a/../../up", "/etc/passwd", "~root", ".hidden", "a\0b", "a\nb", "a\\b", "x" * 300,
           "ａbc", "chiр", "١٢", "²", "a b", "-rf", "C:evil"]  # fmt: skip


@pytest.mark.parametrize("storage", ["geotiff", "zarr"])
@pytest.mark.parametrize("name", HOSTILE)
def test_names_of_an_archive(tmp_path, storage, name):
    archive = ChipArchive.create(tmp_path / "chips", storage=storage)
    before = sorted(tmp_path.rglob("*"))
    for place in range(3):
        names = ["tile", "coherence", "20230301"]
        names[place] = name
        if len(name) > 255:
            # Too long a name is the disk's to refuse.
            with pytest.raises(OSError, match="File name too long"):
                archive.write(*names, np.ones((20, 30), "f4"), valid_files.BOX, metadata={})
            # A key is no file's name in this storage.
            break
        for call in (
            lambda names=names: archive.write(*names, np.ones((20, 30), "f4"), valid_files.BOX, metadata={}),
            lambda names=names: archive.read(*names),
            lambda names=names: archive.path(*names),
            lambda names=names: archive.has(*names),
            lambda names=names: archive.facts(*names),
        ):
            with pytest.raises(ValueError, match="must be letters, digits"):
                call()
    assert [path for path in sorted(tmp_path.rglob("*")) if path not in before and path.is_file()] == []


@pytest.mark.parametrize("storage", ["geotiff", "zarr"])
def test_what_lies_in_an_archive_under_a_hostile_name_is_not_listed(tmp_path, storage):
    root = valid_files.archive(tmp_path, storage=storage)
    archive = ChipArchive(root)
    chips = list(archive.chips())
    folder = archive.path(*chips[0]).parent
    for name in (".hidden", "a b", "-rf", "chiр", "²", "١٢", "a\nb"):
        (root / name / "coherence").mkdir(parents=True)
        (folder / name).mkdir(exist_ok=True)
    assert list(ChipArchive(root).chips()) == chips


def test_an_archive_does_not_remove_what_a_link_leads_to(tmp_path):
    archive = ChipArchive(valid_files.archive(tmp_path))
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "precious.tif").write_bytes(b"all that I have")
    tile = archive.identifiers[0]
    os.symlink(tmp_path / "outside", archive.root / tile / "linked")
    with pytest.raises(ValueError, match="does not lie in"):
        archive.discard([archive.root / tile / "linked" / "precious.tif"])
    with pytest.raises(ValueError, match="does not lie in"):
        archive.discard([archive.root / ".." / "outside" / "precious.tif"])
    assert (tmp_path / "outside" / "precious.tif").is_file()


@pytest.mark.parametrize("name", HOSTILE)
def test_names_of_a_release(tmp_path, name):
    valid_files.release(tmp_path)
    tile = valid_files.TILES.identifiers[0]
    for shards, dataset in (({tile: "p0"}, name), ({tile: name}, "esaworldcover-2020")):
        with pytest.raises(ValueError, match="is not a name of a dataset or shard"):
            ParquetRelease(tmp_path, shards).content(tile, dataset)
    with pytest.raises(KeyError, match="is in no shard"):
        ParquetRelease(tmp_path, {tile: "p0"}).content(name, "esaworldcover-2020")


@pytest.mark.parametrize("start", ["../../../../", "/", "a\0/", "..\\", "x" * 5000 + "/"])
def test_the_path_column_of_a_shard_leads_nowhere(tmp_path, start):
    valid_files.release(tmp_path)
    shard = tmp_path / "esaworldcover-2020" / "p0.zstd.parquet"
    table = pq.read_table(shard)
    paths = [f"{start}{tile}.tif" for tile in valid_files.TILES.identifiers]
    pq.write_table(pa.table({"path": paths, "content": table["content"]}), shard)
    before = sorted(tmp_path.rglob("*"))
    release = ParquetRelease(tmp_path, shards_of(tmp_path / "s.csv"))
    tile = valid_files.TILES.identifiers[0]
    if start.endswith("\\"):
        with pytest.raises(KeyError, match=f"tile {tile} is not in"):
            release.chip(tile, "esaworldcover-2020")
    else:
        assert release.chip(tile, "esaworldcover-2020").mask.any()
    assert sorted(tmp_path.rglob("*")) == before


def test_a_shard_that_is_a_link_out_of_the_release(tmp_path):
    root, other = tmp_path / "release", tmp_path / "other"
    for folder in (root, other):
        folder.mkdir()
        valid_files.release(folder)
    tile = valid_files.TILES.identifiers[0]
    shard = root / "esaworldcover-2020" / "p0.zstd.parquet"
    shard.unlink()
    shard.symlink_to(other / "esaworldcover-2020" / "p0.zstd.parquet")
    with pytest.raises(ValueError, match="must lie in the release, it is a link that leads out of it"):
        ParquetRelease(root, {tile: "p0"}).content(tile, "esaworldcover-2020")
    # The release itself may be reached through a link.
    (tmp_path / "short").symlink_to(other)
    assert ParquetRelease(tmp_path / "short", {tile: "p0"}).content(tile, "esaworldcover-2020")


@pytest.mark.parametrize("name", ["../../up", "/etc/passwd", "a\0b", "x" * 5000, "ａ", "²"])
def test_identifiers_of_tile_and_split_files(tmp_path, name):
    path = valid_files.READERS["tiles-geojson"][0](tmp_path)
    tile = valid_files.TILES.identifiers[0]
    path.write_text(path.read_text().replace(f'"{tile}"', f'"{name}"'.replace("\0", "\\u0000")))
    with pytest.raises(ValueError, match=r"tile 0 is named .*, but its corners give"):
        read_tiles(path)
    # Text that is only printed, and never used as a name, is printed as it is.
    assert read_tile_columns(path)["identifier"][0] == name
    (tmp_path / "s.csv").write_text(f"identifier,split,parquet_identifier\n{tile},val,{name}\n", encoding="utf-8")
    assert read_split_columns(tmp_path / "s.csv")["parquet_identifier"] == [name]
    (tmp_path / "r").mkdir()
    valid_files.release(tmp_path / "r")
    with pytest.raises(ValueError, match="is not a name of a dataset or shard"):
        ParquetRelease(tmp_path / "r", shards_of(tmp_path / "s.csv")).content(tile, "esaworldcover-2020")


@pytest.mark.parametrize("name", ["../../annotation/", "/annotation/", "a/../../annotation/"])
def test_names_in_a_zipped_product(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as product:
        product.writestr(f"{name}{valid_files.NAME}.xml", valid_files.annotation_text())
    with pytest.raises(ValueError, match="a.zip holds a name that leads out of it"):
        open_safe(tmp_path / "a.zip", swath="IW1", polarisation="VV")


def test_a_name_that_stands_twice_in_a_zipped_product(tmp_path):
    path = valid_files.safe_zip(tmp_path / "zip")
    with zipfile.ZipFile(path, "a") as product, pytest.warns(UserWarning, match="Duplicate name"):
        product.writestr(product.namelist()[-1], b"another one")
    with pytest.raises(ValueError, match="product.zip holds a name twice"):
        open_safe(path, swath="IW1", polarisation="VV")


@pytest.mark.parametrize("inside", ["annotation", "annotation/calibration", "measurement"])
def test_a_product_with_a_link_out_of_it(tmp_path, inside):
    product = valid_files.safe(tmp_path)
    file = next(path for path in (product / inside).iterdir() if path.is_file())
    file.rename(tmp_path / "outside")
    file.symlink_to(tmp_path / "outside")
    with pytest.raises(ValueError, match="holds a link that leads out of it"):
        open_safe(product, swath="IW1", polarisation="VV")
    # A link within it is one of its files.
    file.unlink()
    (tmp_path / "outside").rename(product / "elsewhere")
    file.symlink_to(product / "elsewhere")
    open_safe(product, swath="IW1", polarisation="VV")


def test_dates_of_a_stack_are_eight_plain_digits_of_a_day_and_lie_in_it(tmp_path):
    stack = valid_files.stack(tmp_path)
    dates = read_stack(stack).dates
    for name in ("２０２３０３０５", "٢٠٢٣٠٣٠٥", "²⁰²³⁰³⁰⁵", "2023-03-05", "20230305 ", "20230305.old", ".20230305"):
        (stack / name).mkdir()
    assert read_stack(stack).dates == dates
    (stack / "20231305").mkdir()
    with pytest.raises(ValueError, match="20231305"):
        read_stack(stack)
    (stack / "20231305").rmdir()
    (stack / "20230301").rename(tmp_path / "outside")
    (stack / "20230301").symlink_to(tmp_path / "outside")
    with pytest.raises(ValueError, match="is a link that leads out of"):
        open_stack(stack)


def test_a_label_or_variable_that_is_a_link_out_of_its_store(tmp_path):
    stack, source = valid_files.stack(tmp_path), valid_files.zarr_source(tmp_path)
    for place in (stack / "label-cover", source / "agb"):
        place.rename(tmp_path / "outside")
        place.symlink_to(tmp_path / "outside")
        with pytest.raises(ValueError, match="is a link that leads out of"):
            read_labels(stack) if place.parent == stack else open_xarray_source(source)
        place.unlink()
        (tmp_path / "outside").rename(place)


@pytest.mark.parametrize("read", [read_raster, describe])
def test_a_path_with_a_nul(read):
    with pytest.raises(ValueError, match="path must be the name of a file"):
        read("a\0b.tif")
