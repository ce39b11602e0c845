"""Transformers between coordinate reference systems, and their kinds; the only module that calls PROJ."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyproj

LONGITUDE_LATITUDE = "EPSG:4326"
#: Longitude, latitude and metres above the WGS 84 ellipsoid.
ELLIPSOIDAL = "EPSG:4979"
#: CRS names of longitude and latitude that are recognised without loading PROJ.
_GEOGRAPHIC = (LONGITUDE_LATITUDE, "OGC:CRS84")


@lru_cache(maxsize=64)
def transformer_between(crs: str, target: str) -> pyproj.Transformer:
    """Transformer between the horizontal parts of two CRS, x before y.

    Cached, as creating one takes longer than locating a tile. Heights are not transformed: see
    :func:`ellipsoidal_transformer`.

    Raises
    ------
    ValueError
        If a CRS is not recognised, or PROJ has no operation between the two.

    Warns
    -----
    UserWarning
        If PROJ has no transformation between the two datums and treats them as equal, so that positions may be off
        by hundreds of metres.
    """
    # Imported here because loading PROJ costs more than the rest of the package.
    from pyproj import Transformer
    from pyproj.exceptions import ProjError

    ends = (_horizontal(crs), _horizontal(target))
    try:
        transformer = Transformer.from_crs(*ends, always_xy=True)
    except ProjError as error:
        raise ValueError(
            f"crs must be known to PROJ and have a transformation to the other CRS, got {crs!r} to {target!r}: {error}"
        ) from error
    try:
        Transformer.from_crs(*ends, always_xy=True, allow_ballpark=False)
    except ProjError:
        warnings.warn(
            f"PROJ has no transformation from the datum of {crs!r} to that of {target!r} and treats them as equal: "
            "positions may be off by hundreds of metres",
            stacklevel=2,
        )
    return transformer


@lru_cache(maxsize=16)
def ellipsoidal_transformer(crs: str) -> pyproj.Transformer:
    """Transformer from x, y and heights of a CRS to longitude, latitude and metres above the WGS 84 ellipsoid.

    Raises
    ------
    ValueError
        If the CRS is not recognised, has no heights, or PROJ lacks its geoid grid; the message names the grid and the
        folder for it. Without the grid, PROJ would return the heights unchanged.
    """
    from pyproj import Transformer
    from pyproj.exceptions import ProjError

    parsed = _parsed(crs)
    if len(parsed.axis_info) != 3:
        raise ValueError(f"crs must specify its vertical datum, such as EPSG:4326+3855 (EGM2008), got {crs!r}")
    try:
        return Transformer.from_crs(parsed, ELLIPSOIDAL, always_xy=True, allow_ballpark=False)
    except ProjError as error:
        raise ValueError(f"heights of {crs!r} cannot be taken to the ellipsoid: {_lacking(parsed)}") from error


def _lacking(crs: pyproj.CRS) -> str:
    """Name of the grid that PROJ lacks, and how to install it."""
    from pyproj.datadir import get_data_dir
    from pyproj.transformer import TransformerGroup

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        operations = TransformerGroup(crs, ELLIPSOIDAL, always_xy=True).unavailable_operations
    grids = [grid for operation in operations for grid in operation.grids if not grid.available]
    if not grids:
        return "PROJ has no operation for them"
    # An available grid is preferred to one of which PROJ only knows the name.
    grid = next((grid for grid in grids if grid.url), grids[0])
    source = f" from {grid.url}" if grid.url else ""
    return (
        f"PROJ lacks the grid {grid.short_name}; put it{source} into {get_data_dir()} or into a folder named by "
        f"PROJ_DATA, for instance with: pyproj sync --file {grid.short_name}"
    )


@lru_cache(maxsize=64)
def has_heights(crs: str) -> bool:
    """Whether a CRS specifies a vertical datum: a compound CRS, or longitude, latitude and ellipsoidal height.

    Raises
    ------
    ValueError
        If the CRS is not understood.
    """
    return crs.upper() not in _GEOGRAPHIC and len(_parsed(crs).axis_info) == 3


@lru_cache(maxsize=64)
def vertical_part(crs: str) -> str | None:
    """Vertical datum that a CRS specifies: ``"ellipsoid"``, an EPSG code or WKT; None if it has no heights.

    Raises
    ------
    ValueError
        If the CRS is not understood.

    Examples
    --------
    >>> vertical_part("EPSG:9707"), vertical_part("EPSG:4979"), vertical_part("EPSG:32631")
    ('EPSG:5773', 'ellipsoid', None)
    """
    if not has_heights(crs):
        return None
    parsed = _parsed(crs)
    if not parsed.is_compound:
        return "ellipsoid"
    part = parsed.sub_crs_list[1]
    code = part.to_epsg(min_confidence=100)
    return f"EPSG:{code}" if code else str(part.to_wkt())


@lru_cache(maxsize=4)
def geoid_grid_transformer(path: str) -> pyproj.Transformer:
    """Transformer from longitude, latitude and heights above the geoid of a grid file to heights above the ellipsoid.

    Raises
    ------
    ValueError
        If PROJ cannot read the file.
    """
    from pyproj import Transformer
    from pyproj.exceptions import ProjError

    if "," in path or '"' in path:
        raise ValueError(f"geoid must be a path without comma and quotation mark, as PROJ lists grids so, got {path}")
    radians, degrees = (
        f"+step +proj=unitconvert +xy_in={one} +xy_out={other}" for one, other in (("deg", "rad"), ("rad", "deg"))
    )
    shift = f'+step +proj=vgridshift +grids="{path}" +multiplier=1'
    try:
        return Transformer.from_pipeline(f"+proj=pipeline {radians} {shift} {degrees}")
    except ProjError as error:
        raise ValueError(
            f"geoid must be a grid that PROJ reads (.gtx or a GeoTIFF of PROJ), got {path}: {error}"
        ) from error


def proj_folders() -> list[str]:
    """Folders in which PROJ searches for grids: pyproj's own, the user's, and those of environment variables."""
    from pyproj.datadir import get_data_dir, get_user_data_dir

    stated = [part for name in ("PROJ_DATA", "PROJ_LIB") for part in os.environ.get(name, "").split(os.pathsep)]
    return list(
        dict.fromkeys(part for part in (*get_data_dir().split(os.pathsep), get_user_data_dir(), *stated) if part)
    )


@lru_cache(maxsize=16)
def compound_crs(crs: str, vertical: str) -> str:
    """A horizontal CRS combined with a vertical CRS.

    Raises
    ------
    ValueError
        If one is not recognised, or ``vertical`` is not a vertical CRS.
    """
    from pyproj.crs import CompoundCRS
    from pyproj.exceptions import CRSError

    upright = _parsed(vertical)
    if not upright.is_vertical or upright.is_compound:
        raise ValueError(f"vertical_crs must be a vertical CRS such as EPSG:3855 (EGM2008), got {vertical!r}")
    try:
        return str(CompoundCRS("compound", [_parsed(crs), upright]).to_wkt())
    except CRSError as error:
        raise ValueError(f"{crs!r} and {vertical!r} make no compound CRS: {error}") from error


@lru_cache(maxsize=64)
def horizontal_crs(crs: str) -> str:
    """The horizontal part of a compound CRS; any other CRS unchanged.

    Raises
    ------
    ValueError
        If the CRS is not understood.

    Examples
    --------
    >>> horizontal_crs("EPSG:32631+3855"), horizontal_crs("EPSG:4326")
    ('EPSG:32631', 'EPSG:4326')
    """
    if not has_heights(crs):
        return crs
    part = _horizontal(crs)
    code = part.to_epsg(min_confidence=100)
    return f"EPSG:{code}" if code else part.to_wkt()


def is_same_horizontal(crs: str, other: str) -> bool:
    """Whether two CRS have the same horizontal part, whatever their heights.

    Raises
    ------
    ValueError
        If one is not understood.

    Examples
    --------
    >>> is_same_horizontal("EPSG:4326+3855", "EPSG:4326"), is_same_horizontal("EPSG:4979", "EPSG:32631")
    (True, False)
    """
    return bool(_horizontal(crs).to_2d().equals(_horizontal(other).to_2d(), ignore_axis_order=True))


@lru_cache(maxsize=64)
def is_geographic(crs: str) -> bool:
    """Whether the coordinates are longitude and latitude in degrees.

    Raises
    ------
    ValueError
        If the CRS is not understood.
    """
    return crs.upper() in _GEOGRAPHIC or bool(_parsed(crs).is_geographic)


def short_name(crs: str) -> str:
    """EPSG code of a CRS if it has one, so that equal grids compare equal; otherwise the CRS as given.

    Raises
    ------
    ValueError
        If the CRS is not understood.
    """
    code = _parsed(crs).to_epsg(min_confidence=100)
    return f"EPSG:{code}" if code else crs


def utm_zone_at(longitude: float, latitude: float) -> str | None:
    """WGS 84 UTM zone of a position in degrees, the first listed by PROJ; None where UTM is not defined."""
    from pyproj.aoi import AreaOfInterest
    from pyproj.database import query_utm_crs_info

    here = AreaOfInterest(longitude, latitude, longitude, latitude)
    zones = query_utm_crs_info(datum_name="WGS 84", area_of_interest=here)
    return f"EPSG:{zones[0].code}" if zones else None


@lru_cache(maxsize=128)
def projection_of(crs: str) -> Any:
    """Map projection of a projected CRS alone, called with longitude and latitude; it provides the scale factors."""
    from pyproj import Proj

    return Proj(crs)


def equal_area_plane(longitude: float, latitude: float) -> Any:
    """Lambert's azimuthal equal-area projection about a position in degrees."""
    from pyproj import Proj

    return Proj(proj="laea", lat_0=latitude, lon_0=longitude, ellps="WGS84")


@lru_cache(maxsize=1)
def ellipsoid() -> pyproj.Geod:
    """Geodesic lengths and areas on the WGS 84 ellipsoid."""
    from pyproj import Geod

    return Geod(ellps="WGS84")


@lru_cache(maxsize=64)
def axis_unit(crs: str) -> tuple[str, float]:
    """Unit of the axes of a projected CRS: its name, and its length in metres.

    Raises
    ------
    ValueError
        If the CRS is not understood.

    Examples
    --------
    >>> axis_unit("EPSG:32631")
    ('metre', 1.0)
    """
    axes = _parsed(crs).axis_info
    return (axes[0].unit_name, float(axes[0].unit_conversion_factor)) if axes else ("metre", 1.0)


def cf_grid_mapping(crs: str) -> dict[str, Any]:
    """Attributes of the CF grid mapping of a CRS, with its WKT as ``crs_wkt``.

    Raises
    ------
    ValueError
        If the CRS is not understood.
    """
    return dict(_parsed(crs).to_cf())


def crs_of_grid_mapping(attributes: Mapping[str, Any]) -> str:
    """WKT of the CRS that the attributes of a CF grid mapping describe, by their WKT or their parameters.

    Raises
    ------
    ValueError
        If they describe none that PROJ knows.
    """
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    try:
        return str(CRS.from_cf(dict(attributes)).to_wkt())
    except (CRSError, KeyError, TypeError) as error:
        raise ValueError(str(error)) from error


def proj_version() -> str:
    """Version of the PROJ library that transforms coordinates."""
    from pyproj import proj_version_str

    return str(proj_version_str)


@lru_cache(maxsize=64)
def _horizontal(crs: str) -> pyproj.CRS:
    parsed = _parsed(crs)
    return parsed.sub_crs_list[0] if parsed.is_compound else parsed


def _parsed(crs: str) -> pyproj.CRS:
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    try:
        return CRS.from_user_input(crs)
    except CRSError as error:
        raise ValueError(f"crs must be known to PROJ, got {crs!r}: {error}") from error
