"""Areas of interest: polygons in longitude and latitude from the common input formats."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from m3leo_sar.grid.antimeridian import on_globe, unbroken
from m3leo_sar.grid.regions import REGIONS

#: Geometry types an area may have.
_POLYGONS = ("Polygon", "MultiPolygon")


def aoi_polygon(aoi: Any) -> Any:
    """Area of interest as a polygon in longitude and latitude.

    Parameters
    ----------
    aoi : str, mapping, sequence of four floats, shapely geometry or geopandas object
        The name of a region of M3LEO (``"conus"``, ``"europe"``, ``"china"``, ``"middleeast"``, ``"pakin"``,
        ``"southamerica"``), WKT, GeoJSON (text or mapping; all features together), (west, south, east, north) in
        degrees, a polygon in degrees, or a GeoDataFrame or GeoSeries in any CRS. Across the 180th meridian, longitudes
        may continue beyond it, parts may lie on both sides, or west may be above east.

    Returns
    -------
    shapely.Polygon or shapely.MultiPolygon
        In degrees within 180, cut at the 180th meridian, valid and not empty; straight edges are straight in longitude
        and latitude.

    Raises
    ------
    TypeError
        If it is none of these.
    ValueError
        If the text is neither a region, WKT nor GeoJSON, the area is empty, invalid, no polygon or not in degrees, or
        a geopandas object has no CRS.

    See Also
    --------
    m3leo_sar.io.tables.area_file.read_area : from a file.

    Examples
    --------
    >>> aoi_polygon((5, 50, 6, 51)).area
    1.0
    >>> aoi_polygon("pakin").bounds
    (60.8, 7.8, 97.5, 37.3)
    >>> aoi_polygon((177, -19, -178, -16)).equals(aoi_polygon((177, -19, 182, -16)))
    True
    """
    polygon = _geometry(aoi)
    import shapely

    if polygon is None or shapely.is_empty(polygon) or polygon.geom_type not in _POLYGONS:
        raise ValueError(f"aoi must be a polygon that is not empty, got {getattr(polygon, 'geom_type', polygon)}")
    if not shapely.is_valid(polygon):
        raise ValueError(f"aoi must be a valid polygon: {shapely.is_valid_reason(polygon)}")
    west, south, east, north = polygon.bounds
    if west < -360 or east > 360 or east - west > 360 or south < -90 or north > 90:
        raise ValueError(f"aoi must be in degrees of longitude and latitude, got bounds {polygon.bounds}")
    return on_globe(polygon)


def _geometry(aoi: Any) -> Any:
    import shapely

    if isinstance(aoi, str):
        return _from_text(aoi)
    if isinstance(aoi, Mapping):
        return _from_geojson(aoi)
    if hasattr(aoi, "to_crs") and hasattr(aoi, "union_all"):
        if aoi.crs is None:
            raise ValueError(f"aoi must have a CRS, got a {type(aoi).__name__} without one")
        return _from_frame(aoi)
    if isinstance(aoi, shapely.Geometry):
        return aoi
    if isinstance(aoi, Sequence) and len(aoi) == 4:
        west, south, east, north = (float(edge) for edge in aoi)
        # Across the 180th meridian GeoJSON's bounds have west above east; a span of over half the globe is an error.
        if 180 < west - east < 360:
            east += 360
        if not (west < east and south < north):
            raise ValueError(f"aoi must be (west, south, east, north) with west < east, south < north, got {aoi}")
        return shapely.box(west, south, east, north)
    raise TypeError(
        f"aoi must be a region's name, WKT, GeoJSON, four bounds, a shapely polygon or a geopandas object, got {aoi!r}"
    )


def _from_frame(frame: Any) -> Any:
    """All polygons of a geopandas object in degrees."""
    if frame.crs.is_geographic:
        return frame.to_crs("EPSG:4326").union_all()
    import shapely

    return shapely.union_all([unbroken(polygon) for polygon in frame.to_crs("EPSG:4326").geometry])


def _from_text(text: str) -> Any:
    import shapely

    if text in REGIONS:
        return shapely.union_all([shapely.from_wkt(f"POLYGON (({ring}))") for ring in REGIONS[text]])
    try:
        return _from_geojson(json.loads(text)) if text.lstrip().startswith("{") else shapely.from_wkt(text)
    except (json.JSONDecodeError, shapely.errors.ShapelyError) as error:
        raise ValueError(
            f"aoi must be one of {', '.join(REGIONS)}, WKT of a polygon, or GeoJSON, got {text[:60]!r}: {error}"
        ) from error


def _from_geojson(document: Mapping[str, Any]) -> Any:
    import shapely

    features = document.get("features") or [document]
    try:
        shapes = [shapely.from_geojson(json.dumps(item.get("geometry", item))) for item in features]
    except (AttributeError, TypeError, shapely.errors.ShapelyError) as error:
        raise ValueError(f"aoi must be GeoJSON of polygons: {error}") from error
    return shapes[0] if len(shapes) == 1 else shapely.union_all(shapes)
