import numpy as np
import pytest

from m3leo_sar import GeoBox
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.pictures.chip_description import COLUMNS, describe

rasterio = pytest.importorskip("rasterio")
BOX = GeoBox.from_bounds((9.0, 50.0, 9.06, 50.04), shape=(40, 50), crs="EPSG:4326")


def test_a_chip_of_the_release(tmp_path):
    folder = tmp_path / "esaworldcover-2021"
    folder.mkdir()
    codes = np.full((40, 50), 10, np.uint8)
    codes[:10] = 0
    codes[20:, 3] = 95
    profile = {"driver": "GTiff", "count": 1, "height": 40, "width": 50, "dtype": "uint8"}
    with rasterio.open(folder / "a.tif", "w", **profile, crs=BOX.crs, transform=BOX.affine) as file:
        file.write(codes, 1)
    found = describe(folder / "a.tif")
    assert found.heading == "esawc, 40 x 50 in EPSG:4326"
    assert len(found.rows[0]) == len(COLUMNS)
    assert found.rows == [("Map", "land cover", "class", "2021", "", "", "", "75.0%", "10 ... 95")]
    assert found.notes == ("classes of Map: 10 tree cover 98.7%, 95 mangroves 1.3%",)


def test_a_chip_of_our_own(tmp_path):
    archive = ChipArchive.create(tmp_path / "chips")
    chip = np.full((40, 50), 0.5, np.float32)
    chip[0] = np.nan
    facts = {
        "product": "coherence",
        "key": "20230301_20230313",
        "polarisation": "VV",
        "orbit": "ascending",
        "unit": "1",
        "parameters": {"window": [5, 20]},
    }
    archive.write("1a1e77399c5bd", "coherence", facts["key"], chip, BOX, metadata=facts)
    found = describe(archive.path("1a1e77399c5bd", "coherence", facts["key"]))
    assert found.rows == [
        ("coherence", "coherence", "1", "20230301_20230313", "VV", "ascending", "100", "97.5%", "0.5 ... 0.5")
    ]
    packed = ChipArchive.create(tmp_path / "packed", storage="zarr")
    packed.write("1a1e77399c5bd", "coherence", facts["key"], chip, BOX, metadata=facts)
    assert describe(packed.path("1a1e77399c5bd", "coherence", facts["key"])) == found
    with pytest.raises(ValueError, match="is a folder, but not a batch of chips"):
        describe(tmp_path)
    with pytest.raises(FileNotFoundError, match="there is no file"):
        describe(tmp_path / "none.tif")


def test_the_classes_of_a_chip_are_named(tmp_path):
    archive = ChipArchive.create(tmp_path / "chips")
    codes = np.full((40, 50), 1, np.uint8)
    codes[:10], codes[0, :10], codes[39] = 7, 255, 0
    facts = {"product": "flood", "key": "map", "unit": "class", "classes": [{"code": 0, "name": "dry"}]}
    facts["classes"] += [{"code": 1, "name": "flooded", "colour": "#0064c8"}]
    archive.write("1a1e77399c5bd", "flood", "map", codes, BOX, metadata=facts, nodata=255)
    found = describe(archive.path("1a1e77399c5bd", "flood", "map"))
    assert found.notes == ("classes of map: 0 dry 2.5%, 1 flooded 72.9%, 7 (no class) 24.6%",)


def test_a_netcdf_chip(tmp_path):
    h5py = pytest.importorskip("h5py")
    folder = tmp_path / "biomass-2019"
    folder.mkdir()
    with h5py.File(folder / "a.nc", "w") as file:
        file["lat"], file["lon"] = 50.0 - 0.001 * np.arange(45), 9.0 + 0.001 * np.arange(50)
        file["agb"], file["agb_se"] = np.full((45, 50), 120.0), np.full((45, 50), 12.0)
    found = describe(folder / "a.nc")
    assert [row[:3] for row in found.rows] == [
        ("agb", "above-ground biomass", "Mg/ha"),
        ("agb_se", "standard error of biomass", "Mg/ha"),
    ]
    assert describe(folder / "a.nc", component="agb") == found
    with pytest.raises(ValueError, match="is not a chip of this component"):
        describe(folder / "a.nc", component="gssic")
    (tmp_path / "other").mkdir()
    with pytest.raises(ValueError, match="folder 'other' is none of gssic, gunw, biomass, agb"):
        describe(tmp_path / "other" / "a.nc")
