"""Public functions on xarray arrays and stacks: results keep the coordinates and attributes that are still valid."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from m3leo_sar.doors.call import Given, Word, axes_of
from m3leo_sar.doors.results import leaves, rebuilt
from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.map_coordinates import map_coordinates
from m3leo_sar.stack.pair_choice import PairChoice
from m3leo_sar.stack.pairs import as_date, parse_date, span_of


def dates_along(array: Any) -> list[datetime.date] | None:
    """Dates along the first axis of an xarray array, None if none of its coordinates contains dates."""
    moments = passings_along(array)
    return None if moments is None else [as_date(moment, "dates") for moment in moments]


def passings_along(array: Any) -> list[datetime.date] | None:
    """Acquisition times along the first axis, dates if a coordinate contains no times, or None."""
    dim = array.dims[0]
    candidates = [array.coords[dim]] if dim in array.coords else []
    candidates += [other for name, other in array.coords.items() if name != dim and other.dims == (dim,)]
    for coordinate in candidates:
        moments = [_moment(value) for value in coordinate.values]
        if moments and all(moment is not None for moment in moments):
            return [moment for moment in moments if moment is not None]
    return None


def _moment(value: Any) -> datetime.date | None:
    if isinstance(value, np.datetime64):
        value = value.astype("datetime64[us]").item()
    if isinstance(value, str):
        try:
            return parse_date(value)
        except ValueError:
            return None
    return value if isinstance(value, datetime.date) else None


def stack_template(stack: Any) -> Any:
    """Labels of an SlcStack as an xarray array, without reading its pixels.

    Raises
    ------
    ImportError
        If xarray is not installed.
    """
    try:
        import xarray
    except ImportError as error:
        raise ImportError(
            "a result of an SlcStack is labelled with dates and CRS by xarray: pip install 'm3leo-sar[labels]'; "
            "stack.window() gives plain arrays, whose results have no labels"
        ) from error
    coords: dict[str, Any] = {"date": np.array(stack.dates, "datetime64[ns]")}
    geometry = stack.geometry
    dims = ("date", "y", "x") if isinstance(geometry, GeoBox) else ("date", "azimuth", "range")
    if isinstance(geometry, GeoBox):
        coords |= map_coordinates(geometry)
    elif isinstance(getattr(geometry, "latitude", None), np.ndarray):
        coords |= {name: (dims[1:], getattr(geometry, name)) for name in ("latitude", "longitude")}
    facts = {name: getattr(stack, name) for name in ("polarisation", "orbit", "track", "wavelength")}
    pixels = np.broadcast_to(np.zeros((), stack.dtype), stack.shape)
    attrs = {name: value for name, value in facts.items() if value is not None}
    return xarray.DataArray(pixels, dims=dims, coords=coords, attrs=attrs)


def same_grid(word: Word, given: Sequence[Given]) -> None:
    """Refuse conflicting labels: the images are not co-registered; xarray would intersect them.

    Raises
    ------
    ValueError
        If two arrays have different coordinates along rows or columns.
    """
    import xarray

    first = given[0]
    if word.elementwise:
        return
    planes = [_plane(array, axes_of(word, array)) for array in given]
    for array, dims in zip(given[1:], planes[1:], strict=True):
        for dim in dims:
            if dim in first.value.coords and dim in array.value.coords:
                try:
                    xarray.align(first.value[dim], array.value[dim], join="exact")
                except ValueError:
                    raise ValueError(
                        f"{array.label} must have the coordinates of {first.label} along {dim!r}"
                    ) from None


def _plane(array: Given, letters: str) -> tuple[Any, Any]:
    return array.value.dims[letters.index("r")], array.value.dims[letters.index("c")]


def labelled(
    word: Word, arguments: Mapping[str, Any], given: Sequence[Given], result: Any, choice: PairChoice | None
) -> Any:
    """Result with the labels of the given arrays; a value that is not an array is returned unchanged."""
    first, images = given[0].value, [array.value for array in given[: word.images]]
    attrs = {
        name: value
        for name, value in first.attrs.items()
        if all(name in other.attrs and _equal(other.attrs[name], value) for other in images[1:])
    }
    if word.elementwise:
        dims, coords = list(first.dims), _shared(first, first, images)
        found = [_array(word, leaf, dims, coords, attrs, first) for leaf in leaves(result)]
        return rebuilt(result, iter(found))
    dims, coords = _grid(word, arguments, given, images)
    coords |= _coordinates_of_two(images, choice)
    return rebuilt(result, (_placed(word, leaf, dims, coords, attrs, given[0], choice) for leaf in leaves(result)))


def _grid(
    word: Word, arguments: Mapping[str, Any], given: Sequence[Given], images: Sequence[Any]
) -> tuple[list[Any], dict[str, Any]]:
    """Row and column dimensions of a result, and its coordinates that are independent of other axes."""
    first, letters = given[0].value, axes_of(word, given[0])
    rows, cols = _plane(given[0], letters)
    plane = first.isel({dim: 0 for dim in first.dims if dim not in (rows, cols)}, drop=True)
    if word.grid is not None:
        geobox = word.grid(**arguments)
        kept = {
            name: coordinate
            for name, coordinate in _shared(plane, first, images).items()
            if not {rows, cols} & set(coordinate.dims) and (geobox is None or name != "spatial_ref")
        }
        return (["y", "x"], kept | map_coordinates(geobox)) if geobox is not None else ([rows, cols], kept)
    if word.reach is not None:
        reach = word.reach(**arguments)
        for place, dim in enumerate((rows, cols)):
            plane = _picked(plane, dim, reach.window[place], reach.step[place])
    return [rows, cols], _shared(plane, first, images)


def _picked(plane: Any, dim: Any, window: int, step: int) -> Any:
    """The plane at the centre of each result's window along one dimension."""
    if step == 1:
        return plane
    count = plane.sizes[dim] // step
    after = slice(step // 2, step // 2 + (count - 1) * step + 1, step)
    picked = plane.isel({dim: after})
    if window % 2 == 0:
        # The centre of an even window is halfway between two samples.
        before = plane.isel({dim: slice(after.start - 1, after.stop - 1, step)})
        moved = {}
        for name, coordinate in picked.coords.items():
            if dim in coordinate.dims and coordinate.dtype.kind in "fiumM":
                earlier = before.coords[name].values
                moved[name] = (coordinate.dims, earlier + (coordinate.values - earlier) / 2, coordinate.attrs)
        picked = picked.assign_coords(moved)
    if "spatial_ref" in picked.coords:
        picked = picked.copy(deep=False)
        # It describes the original grid; x and y give the new pixel positions.
        kept = {name: value for name, value in picked.spatial_ref.attrs.items() if name != "GeoTransform"}
        picked = picked.assign_coords(spatial_ref=((), picked.spatial_ref.values, kept))
    return picked


def _shared(plane: Any, first: Any, images: Sequence[Any]) -> dict[str, Any]:
    """Coordinates of the first image that are valid for a result of all images: none that another contradicts.

    A date of one image that another lacks is not a date of their result.
    """
    kept = {}
    for name, coordinate in plane.coords.items():
        if name in first.coords and not first.coords[name].dims:
            others = [other.coords[name] for other in images[1:] if name in other.coords]
            if not all(coordinate.identical(other) or _equal(coordinate.values, other.values) for other in others):
                continue
            if len(others) < len(images) - 1 and coordinate.dtype.kind in "mM":
                continue
        kept[name] = coordinate
    return kept


def _equal(one: Any, other: Any) -> bool:
    try:
        return bool(np.all(np.equal(one, other)))
    except (TypeError, ValueError):
        return False


def _coordinates_of_two(images: Sequence[Any], choice: PairChoice | None) -> dict[str, Any]:
    """Names, dates and days of the pairs, or of two images that both have a date."""
    if choice is None:
        moments = [_scalar_moment(image) for image in images]
        if len(moments) != 2 or moments[0] is None or moments[1] is None:
            return {}
        first, second = f"{moments[0]:%Y%m%d}", f"{moments[1]:%Y%m%d}"
        same = first == second
        return {} if same else _dated([f"{first}_{second}"], [moments[0]], [moments[1]], single=True)
    return pair_coordinates(choice, passings_along(images[0]))


def pair_coordinates(choice: PairChoice, dates: Sequence[datetime.date] | None) -> dict[str, Any]:
    """Coordinates of pairs: ``pair`` as ``YYYYMMDD_YYYYMMDD``, and ``reference``, ``secondary``, ``days`` if known.

    Days are counted between acquisition times, if ``dates`` contains times.
    """
    if dates is None:
        return {"pair": choice.labels[0] if choice.single else ("pair", choice.labels)}
    ends = [[dates[pair[end]] for pair in choice.indices] for end in (0, 1)]
    return _dated(choice.labels, *ends, single=choice.single)


def _dated(labels: Sequence[str], first: list[Any], second: list[Any], *, single: bool) -> dict[str, Any]:
    days = [span_of(earlier, later) for earlier, later in zip(first, second, strict=True)]
    columns = {
        "pair": np.array(labels),
        "reference": np.array([as_date(moment, "dates") for moment in first], "datetime64[ns]"),
        "secondary": np.array([as_date(moment, "dates") for moment in second], "datetime64[ns]"),
        # In days, as plain numbers: netCDF readers would decode a timedelta.
        "days": np.array(days),
    }
    return {name: values[0] if single else ("pair", values) for name, values in columns.items()}


def _scalar_moment(image: Any) -> datetime.date | None:
    scalars = (value for value in image.coords.values() if not value.dims and value.dtype.kind == "M")
    found = [_moment(value.values[()]) for value in scalars]
    known = [moment for moment in found if moment is not None]
    # If both a day and a time of that day exist, the time.
    alike = len(known) == len(found) and len({as_date(moment, "dates") for moment in known}) == 1
    return max(known) if alike else None


def _placed(
    word: Word,
    leaf: Any,
    plane: list[Any],
    coords: Mapping[str, Any],
    attrs: Mapping[str, Any],
    first: Given,
    choice: PairChoice | None,
) -> Any:
    """One array of a result with its dimensions: leading ones, rows and columns, and trailing ones."""
    behind = [f"{leaf.name or word.name}_{letter}" for letter in word.axes.partition("rc")[2]]
    more = getattr(leaf.value, "ndim", 0) - 2 - len(behind)
    if more < 0:
        return leaf.value
    lead: list[Any] = []
    if more:
        if word.lead:
            lead = [word.lead]
        elif choice is not None:
            lead = ["pair"]
        else:
            lead = list(first.value.dims[:more])
            own = {name: c for name, c in first.value.coords.items() if c.dims and set(c.dims) <= set(lead)}
            coords = {**coords, **own}
    dims = [*lead, *plane, *behind]
    kept = {name: c for name, c in coords.items() if name != "pair" or choice is None or choice.single or lead}
    return _array(word, leaf, dims, kept, dict(attrs), first.value)


def _array(word: Word, leaf: Any, dims: list[Any], coords: Any, attrs: dict[str, Any], first: Any) -> Any:
    import xarray

    if getattr(leaf.value, "ndim", -1) != len(dims):
        return leaf.value
    name = leaf.name or word.name or first.name
    unit = word.units.get(name, attrs.get("units")) if isinstance(name, str) else None
    attrs = {key: value for key, value in attrs.items() if key != "units"}
    if leaf.name or word.name:
        attrs["long_name"] = str(name).replace("_", " ")
    if unit is not None:
        attrs["units"] = unit
    result = xarray.DataArray(leaf.value, dims=dims, coords=coords, name=name, attrs=attrs)
    if "spatial_ref" in result.coords:
        result.encoding["grid_mapping"] = "spatial_ref"
    return result
