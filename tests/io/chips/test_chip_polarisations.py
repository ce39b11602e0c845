"""Chips of several polarisations in one archive; archives of earlier versions are read and brought up."""

from __future__ import annotations

import json

import numpy as np
import pytest

from m3leo_sar import GeoBox
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.chips.archive_upgrade import upgrade_archive
from m3leo_sar.io.chips.chip import Layer, pixel_checksum
from m3leo_sar.io.chips.chip_name import parse_key

BOX = GeoBox.from_bounds((5.5, 49.6, 5.57, 49.64), shape=(11, 13), crs="EPSG:4326")
TILE, PAIR, OTHER = "0123456789abc", "20230301_20230313", "20230301_20230325"


@pytest.fixture(params=["geotiff", "zarr"])
def archive(request, tmp_path):
    return ChipArchive.create(tmp_path / "chips", storage=request.param)


def layer(key: str, value: float, polarisation: str | None = None) -> Layer:
    pixels = np.full(BOX.shape, value, np.float32)
    parameters = {"window": [3, 5], **({"polarisation": polarisation} if polarisation else {})}
    facts = {"key": key, "polarisation": polarisation, "parameters": parameters, "crc32": pixel_checksum(pixels)}
    return Layer(key, pixels, facts)


def value(archive: ChipArchive, key: str, dataset: str = "coherence") -> float:
    return float(archive.read(TILE, dataset, key).array[0, 0])


def test_a_chip_is_named_by_product_polarisation_and_pair(archive):
    keys = [f"VH/{PAIR}", f"VV/{PAIR}", f"VV/{OTHER}", f"VV-VH/{PAIR[:8]}"]
    archive.write_layers(TILE, "coherence", [layer(key, index / 8) for index, key in enumerate(keys)], BOX)
    assert archive.keys(TILE, "coherence") == keys
    assert archive.polarisations(TILE, "coherence") == ["VH", "VV", "VV-VH"]
    assert [value(archive, key) for key in keys] == [0, 1 / 8, 2 / 8, 3 / 8]
    assert list(archive.chips()) == [(TILE, "coherence", key) for key in archive.keys(TILE, "coherence")]
    assert list(archive.verify()) == []
    path = archive.path(TILE, "coherence", keys[0])
    assert path.relative_to(archive.root).parts[:3] == (TILE, "coherence", "VH")
    archive.remove(TILE, "coherence", keys[0])
    assert archive.keys(TILE, "coherence") == keys[1:]


def test_a_pair_alone_names_the_chip_of_the_only_polarisation(archive):
    archive.write_layers(TILE, "coherence", [layer(f"VV/{PAIR}", 0.25), layer(f"VV/{OTHER}", 0.5)], BOX)
    assert value(archive, PAIR) == 0.25
    assert archive.has(TILE, "coherence", PAIR, parameters={"window": [3, 5]})
    assert archive.facts(TILE, "coherence", OTHER)[1]["key"] == f"VV/{OTHER}"
    archive.write_layers(TILE, "coherence", [layer(f"VH/{PAIR}", 0.75)], BOX)
    with pytest.raises(ValueError, match=f"several polarisations: name coherence/VH/{PAIR} or coherence/VV/{PAIR}"):
        archive.read(TILE, "coherence", PAIR)
    # Only one polarisation has this pair.
    assert value(archive, OTHER) == 0.5
    with pytest.raises(FileNotFoundError, match="there is no"):
        archive.read(TILE, "coherence", "20240101_20240113")
    assert not archive.has(TILE, "coherence", f"HH/{PAIR}")


def test_a_damaged_chip_is_removed_from_its_polarisation_alone(archive):
    for key in (f"VV/{PAIR}", f"VH/{PAIR}"):
        archive.write_layers(TILE, "coherence", [layer(key, 0.5), layer(key.replace(PAIR, OTHER), 0.5)], BOX)
    held = archive.path(TILE, "coherence", f"VH/{PAIR}")
    path = held if held.is_file() else next(path for path in held.rglob("0") if path.is_file())
    path.write_bytes(path.read_bytes()[:200])
    faults = list(archive.verify())
    assert {found for found, _ in faults} == {path}
    assert archive.discard({path}) == 1
    assert list(archive.verify()) == []
    assert f"VH/{PAIR}" not in archive.keys(TILE, "coherence")
    assert [value(archive, f"VV/{name}") for name in (PAIR, OTHER)] == [0.5, 0.5]


@pytest.mark.parametrize("key", ["vv/a", "VV/VH/a", "VV-VX/a", "../a", "VV/..", "VV/", "VV/a.partial-1", "X/a"])
def test_other_keys_are_refused(key):
    with pytest.raises(ValueError, match="key must be letters, digits"):
        parse_key(key)


def as_version_2(archive: ChipArchive, layers: list[Layer], dataset: str = "coherence") -> None:
    """Write chips as version 2 did, without a polarisation in their names."""
    archive.write_layers(TILE, dataset, layers, BOX)
    file = archive.root / "archive.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "version": 2}))


def test_an_archive_of_version_2_is_read_and_not_written(archive):
    as_version_2(archive, [layer(PAIR, 0.25, "VV")])
    old = ChipArchive(archive.root)
    assert (value(old, PAIR), value(old, f"VV/{PAIR}")) == (0.25, 0.25)
    assert old.keys(TILE, "coherence") == [PAIR]
    assert not old.has(TILE, "coherence", f"VH/{PAIR}")
    for write in (
        lambda: old.write_layers(TILE, "coherence", [layer(OTHER, 1)], BOX),
        lambda: ChipArchive.create(archive.root),
    ):
        with pytest.raises(ValueError, match=r"version 2.*can be read.*m3leo-sar upgrade .*chips renames"):
            write()


def test_an_upgrade_moves_chips_of_stacks_and_changes_no_pixel(archive):
    as_version_2(archive, [layer("landcover", 3)], "label")
    archive.write_layers(TILE, "coherence", [layer(PAIR, 0.25, "VV"), layer(OTHER, 0.5, "VV")], BOX)
    # A later chip of the same name prevails, before and after.
    archive.write_layers(TILE, "coherence", [layer(OTHER, 0.75, "VV")], BOX)
    archive.write_layers(TILE, "mixed", [layer(PAIR, 0.25, "VH"), layer("own", 0.5)], BOX)
    (archive.root / "ledger.sqlite").write_bytes(b"old")
    before = {key: ChipArchive(archive.root).facts(TILE, "coherence", key) for key in (PAIR, OTHER)}
    assert upgrade_archive(archive.root) > 0
    new = ChipArchive(archive.root)
    assert new.version == 3
    assert new.keys(TILE, "coherence") == [f"VV/{PAIR}", f"VV/{OTHER}"]
    assert (new.keys(TILE, "label"), new.keys(TILE, "mixed")) == (["landcover"], ["own", f"VH/{PAIR}"])
    assert [value(new, key) for key in (PAIR, OTHER)] == [0.25, 0.75]
    assert {key: new.facts(TILE, "coherence", key) for key in (PAIR, OTHER)} == before
    assert new.has(TILE, "coherence", f"VV/{PAIR}", parameters={"window": [3, 5], "polarisation": "VV"})
    assert not (archive.root / "ledger.sqlite").exists()
    assert list(new.verify()) == []
    assert upgrade_archive(archive.root) == 0
    new.write_layers(TILE, "coherence", [layer(f"VH/{PAIR}", 1)], BOX)
