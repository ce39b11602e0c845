import json
from pathlib import Path

import pytest
import shapely

from m3leo_sar import TileGrid
from m3leo_sar.grid.aoi import aoi_polygon
from m3leo_sar.grid.regions import REGIONS
from m3leo_sar.io.tables.area_file import read_area

BOX = shapely.box(6.0, 49.5, 6.25, 49.7)
COUNTRIES = {
    "conus": ["United States of America"],
    "china": ["China"],
    "pakin": ["Pakistan", "India"],
    "europe": ["Portugal", "Norway", "Finland", "Ukraine", "Greece", "Ireland", "Cyprus"],
    "middleeast": ["Iran", "Yemen", "Turkey", "Israel", "Oman"],
    "southamerica": ["Brazil", "Argentina", "Chile", "Colombia", "Guyana"],
}


@pytest.mark.parametrize("region", REGIONS)
def test_regions_cover_their_countries(region):
    geopandas = pytest.importorskip("geopandas")
    pyogrio = pytest.importorskip("pyogrio")
    file = Path(pyogrio.__file__).parent / "tests/fixtures/naturalearth_lowres/naturalearth_lowres.shp"
    if not file.exists():
        pytest.skip("this pyogrio carries no countries")
    world = geopandas.read_file(file)
    countries = world.geometry[world.name.isin(COUNTRIES[region])].union_all()
    # Without Alaska, Hawaii, Svalbard and French Guiana.
    limits = {"conus": (-126, 24, -66, 50), "europe": (-25, 34, 45, 72)}.get(region, (-180, -90, 180, 90))
    countries = countries.intersection(shapely.box(*limits))
    assert world.name.isin(COUNTRIES[region]).sum() == len(COUNTRIES[region])
    polygon = aoi_polygon(region)
    assert polygon.is_valid
    assert polygon.intersection(countries).area > 0.998 * countries.area
    if region in ("conus", "china", "pakin"):
        assert polygon.area < 1.06 * countries.area


def test_every_form_of_an_area_gives_the_same_polygon(tmp_path):
    feature = {"type": "Feature", "properties": {}, "geometry": json.loads(shapely.to_geojson(BOX))}
    left, right = shapely.box(6.0, 49.5, 6.1, 49.7), shapely.box(6.1, 49.5, 6.25, 49.7)
    collection = {
        "type": "FeatureCollection",
        "features": [{"geometry": json.loads(shapely.to_geojson(p))} for p in (left, right)],
    }
    forms = [BOX, BOX.wkt, BOX.bounds, list(BOX.bounds), feature, feature["geometry"], json.dumps(feature), collection]
    for number, form in enumerate(forms):
        assert aoi_polygon(form).equals(BOX), number
        assert TileGrid.exact(form).identifiers == TileGrid.exact(BOX).identifiers
    (tmp_path / "a.wkt").write_text(BOX.wkt + "\n")
    (tmp_path / "a.geojson").write_text(json.dumps(collection))
    assert read_area(tmp_path / "a.wkt").equals(BOX)
    assert read_area(tmp_path / "a.geojson").equals(BOX)


@pytest.mark.parametrize("suffix", ["gpkg", "shp", "parquet"])
def test_geopandas_files_in_another_crs(tmp_path, suffix):
    geopandas = pytest.importorskip("geopandas")
    frame = geopandas.GeoDataFrame({"name": ["a"]}, geometry=[BOX], crs="EPSG:4326").to_crs("EPSG:3035")
    file = tmp_path / f"area.{suffix}"
    frame.to_parquet(file) if suffix == "parquet" else frame.to_file(file)
    assert read_area(file).symmetric_difference(BOX).area < 1e-8
    assert aoi_polygon(frame).symmetric_difference(BOX).area < 1e-8
    with pytest.raises(ValueError, match="aoi must have a CRS, got a GeoSeries without one"):
        aoi_polygon(geopandas.GeoSeries([BOX]))


def test_bad_areas_are_named(tmp_path):
    with pytest.raises(TypeError, match="a shapely polygon or a geopandas object, got 5"):
        aoi_polygon(5)
    with pytest.raises(ValueError, match="west < east, south < north, got"):
        aoi_polygon((6, 50, 5, 51))
    with pytest.raises(ValueError, match="aoi must be GeoJSON of polygons"):
        aoi_polygon({"type": "Feature", "geometry": 3})
    with pytest.raises(ValueError, match="a polygon that is not empty, got Point"):
        aoi_polygon('{"type": "Point", "coordinates": [5, 50]}')
    with pytest.raises(FileNotFoundError, match="there is no file"):
        read_area(tmp_path / "nothing.wkt")
    (tmp_path / "bad.wkt").write_text("POLYGON ((0 0")
    (tmp_path / "bad.gpkg").write_bytes(b"no database")
    with pytest.raises(ValueError, match="bad.wkt must hold a polygon: aoi must be one of"):
        read_area(tmp_path / "bad.wkt")
    pytest.importorskip("geopandas")
    with pytest.raises(ValueError, match="bad.gpkg must hold a polygon: geopandas cannot read it"):
        read_area(tmp_path / "bad.gpkg")
