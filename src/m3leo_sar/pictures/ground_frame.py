"""The ground below an image: north, metres per pixel, longitude and latitude along its edges."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.projection import ellipsoid, short_name

#: Longitudes and latitudes (degrees) of columns and rows, of which 0 is the outer edge of the first pixel.
_Places = Callable[[NDArray[np.float64], NDArray[np.float64]], tuple[NDArray[np.float64], NDArray[np.float64]]]
#: Steps of coordinates in degrees, and the most ticks of a side.
_STEPS, _TICKS = tuple(factor * 10.0**power for power in range(-5, 2) for factor in (1, 2, 5)), 5


class EdgeTicks(NamedTuple):
    """Round coordinates along an edge of an image."""

    #: In pixels from the upper or left corner.
    places: tuple[float, ...]
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Frame:
    """The ground below an image.

    Parameters
    ----------
    shape : (int, int)
        Rows and columns of the image.
    metres : (float, float)
        Metres on the ground per row and per column, in the middle of the image.
    north : (float, float) or None
        Direction to the north, (right, up) of unit length where a metre is as long in both directions; None at a pole.
    place : str
        Longitude and latitude of the centre.
    grid : str
        Coordinate reference system and pixel size.
    bottom, left : EdgeTicks
        Coordinates along the lower and the left edge.
    look : str
        ``"right"`` or ``"left"``: the direction in the image in which the radar looks, if the image is in radar
        geometry; empty for a map.
    """

    shape: tuple[int, int]
    metres: tuple[float, float]
    north: tuple[float, float] | None
    place: str
    grid: str
    bottom: EdgeTicks
    left: EdgeTicks
    look: str = ""

    @property
    def aspect(self) -> float:
        """Height of a pixel over its width on the ground."""
        return self.metres[0] / self.metres[1]

    @property
    def width(self) -> float:
        """Metres along the middle row."""
        return self.metres[1] * self.shape[1]


def map_frame(geobox: GeoBox) -> Frame:
    """The ground below a pixel grid of a map.

    Raises
    ------
    ValueError
        If the CRS is invalid.

    Examples
    --------
    >>> box = GeoBox.from_bounds((500_000, 0, 504_480, 4480), shape=(448, 448), crs="EPSG:32631")
    >>> frame = map_frame(box)
    >>> frame.place, frame.grid, frame.bottom.labels
    ('0.020°N 3.020°E', 'EPSG:32631, pixels of 10 m', ('3.01°E', '3.02°E', '3.03°E'))
    """
    transformer = geobox.transformer_to("EPSG:4326")

    def places(cols: NDArray[np.float64], rows: NDArray[np.float64]) -> tuple[Any, Any]:
        a, b, c, d, e, f = tuple(geobox.affine)[:6]
        longitude, latitude = transformer.transform(a * cols + b * rows + c, d * cols + e * rows + f)
        return longitude, latitude

    return _frame(geobox.shape, places, grid=short_name(geobox.crs), look="")


def radar_frame(latitude: ArrayLike, longitude: ArrayLike, *, look: str = "right") -> Frame:
    """The ground below an image in radar geometry, from the positions of its pixels.

    Parameters
    ----------
    latitude, longitude : (rows, cols) float
        Of the pixel centres, degrees; unknown positions are NaN.
    look : str
        Direction in the image in which range increases: ``"right"`` along the columns, or ``"left"``.

    Raises
    ------
    ValueError
        If the arrays are not two of one shape (rows, cols) of at least 2 by 2, hold no finite pair of positions in the
        middle row or column, or ``look`` is another word.
    """
    grids = np.asarray(latitude, np.float64), np.asarray(longitude, np.float64)
    if grids[0].ndim != 2 or min(grids[0].shape) < 2 or grids[0].shape != grids[1].shape:
        raise ValueError(
            f"latitude and longitude must be (rows, cols) of one shape, got {grids[0].shape} and {grids[1].shape}"
        )
    if look not in ("right", "left"):
        raise ValueError(f"look must be 'right' or 'left', got {look!r}")
    # On one side of the 180th meridian, so that no pixel lies between 179 and -179 degrees.
    middle = float(np.nanmedian(grids[1])) if np.isfinite(grids[1]).any() else 0.0
    grids = grids[0], (grids[1] - middle + 180) % 360 - 180 + middle

    def places(cols: NDArray[np.float64], rows: NDArray[np.float64]) -> tuple[Any, Any]:
        found = [_between(grid, np.broadcast_to(rows, cols.shape) - 0.5, cols - 0.5) for grid in grids]
        return found[1], found[0]

    return _frame(grids[0].shape, places, grid="radar geometry", look=look)


def _frame(shape: tuple[int, ...], places: _Places, *, grid: str, look: str) -> Frame:
    rows, cols = float(shape[0]), float(shape[1])
    east_col, east_row = (_moved(places, rows, cols, along) for along in ("cols", "rows"))
    metres = float(np.hypot(*east_row)) / rows, float(np.hypot(*east_col)) / cols
    longitude, latitude = (float(value[0]) for value in places(np.array([cols / 2]), np.array([rows / 2])))
    place = f"{degrees_text(latitude, 3, 'NS')} {degrees_text(longitude, 3, 'EW')}" if np.isfinite(latitude) else ""
    return Frame(
        (int(rows), int(cols)), metres, _north(east_col / cols, east_row / rows, metres), place,
        f"{grid}, pixels of {_sizes(metres)}", _edge(places, cols, lambda t: (t, np.full_like(t, rows))),
        _edge(places, rows, lambda t: (np.zeros_like(t), t)), look,
    )  # fmt: skip


def _moved(places: _Places, rows: float, cols: float, along: str) -> NDArray[np.float64]:
    """Metres to the east and the north from one end of the middle row or column to the other."""
    ends = np.array([0.0, 1.0])
    x = ends * cols if along == "cols" else np.full(2, cols / 2)
    y = ends * rows if along == "rows" else np.full(2, rows / 2)
    longitude, latitude = places(x, y)
    if not np.isfinite([longitude, latitude]).all():
        raise ValueError("positions must be known at the middle of every side of the image, some are not")
    azimuth, back, length = ellipsoid().inv(longitude[0], latitude[0], longitude[1], latitude[1])
    # The direction turns on the way; that of its middle is between both ends'.
    turn = (back + 180 - azimuth + 180) % 360 - 180
    angle = np.radians(azimuth + turn / 2)
    return length * np.array([np.sin(angle), np.cos(angle)])


def _north(
    per_col: NDArray[np.float64], per_row: NDArray[np.float64], metres: tuple[float, float]
) -> tuple[float, float] | None:
    """Direction to the north in the image, from the metres (east, north) per column and per row."""
    matrix = np.stack([per_col, per_row], axis=1)
    if not np.isfinite(matrix).all() or abs(np.linalg.det(matrix)) < 1e-12:
        return None
    cols, rows = np.linalg.solve(matrix, [0.0, 1.0])
    right, up = cols * metres[1], -rows * metres[0]
    length = float(np.hypot(right, up))
    return float(right / length), float(up / length)


def _edge(places: _Places, length: float, line: Callable[[Any], tuple[Any, Any]]) -> EdgeTicks:
    """Round longitudes or latitudes along an edge, of whichever changes more on the ground."""
    way = np.linspace(0, length, 33)
    longitude, latitude = places(*line(way))
    known = np.isfinite(longitude) & np.isfinite(latitude)
    if known.sum() < 2:
        return EdgeTicks((), ())
    way, latitude = way[known], latitude[known]
    longitude = np.degrees(np.unwrap(np.radians(longitude[known])))
    across = abs(np.ptp(longitude)) * np.cos(np.radians(latitude.mean()))
    values, letters = (longitude, "EW") if across >= np.ptp(latitude) else (latitude, "NS")
    steps = np.diff(values)
    if not (np.all(steps > 0) or np.all(steps < 0)):
        return EdgeTicks((), ())
    if steps[0] < 0:
        way, values = way[::-1], values[::-1]
    # Not at the very ends, where the labels of neighbouring panels would meet.
    order = np.argsort(way)
    low, high = sorted(np.interp([0.09 * length, 0.91 * length], way[order], values[order]).tolist())
    step = next((step for step in _STEPS if (high - low) / step < _TICKS), _STEPS[-1])
    found = step * np.arange(np.ceil(low / step), np.floor(high / step) + 1)
    at = np.interp(found, values, way)
    decimals = max(0, int(np.ceil(-np.log10(step) - 1e-9)))
    turned = (found + 180) % 360 - 180 if letters == "EW" else found
    return EdgeTicks(tuple(at.tolist()), tuple(degrees_text(value, decimals, letters) for value in turned))


def degrees_text(value: float, decimals: int, letters: str) -> str:
    """Degrees with the letter of the hemisphere, such as ``5.12°E``.

    Examples
    --------
    >>> degrees_text(-33.9, 2, "NS"), degrees_text(0.0, 0, "EW")
    ('33.90°S', '0°')
    """
    text = f"{abs(value):.{decimals}f}"
    return f"{text}°{letters[int(value < 0)] if float(text) else ''}"


def _sizes(metres: tuple[float, float]) -> str:
    high, wide = (f"{size:.3g}" for size in metres)
    return f"{high} m" if high == wide else f"{high} m × {wide} m"


def _between(grid: NDArray[np.float64], rows: Any, cols: Any) -> NDArray[np.float64]:
    """Values between pixel centres, linear, and beyond the outer ones by the same slope."""
    row = np.clip(np.floor(rows).astype(int), 0, grid.shape[0] - 2)
    col = np.clip(np.floor(cols).astype(int), 0, grid.shape[1] - 2)
    down, right = rows - row, cols - col
    upper = grid[row, col] * (1 - right) + grid[row, col + 1] * right
    lower = grid[row + 1, col] * (1 - right) + grid[row + 1, col + 1] * right
    found: NDArray[np.float64] = upper * (1 - down) + lower * down
    return found


def round_length(longest: float) -> float:
    """The largest 1, 2 or 5 times a power of ten that is at most ``longest``.

    Examples
    --------
    >>> round_length(1493.3), round_length(70.0)
    (1000.0, 50.0)
    """
    power = 10.0 ** np.floor(np.log10(longest))
    return float(power * max(step for step in (1, 2, 5) if step * power <= longest))
