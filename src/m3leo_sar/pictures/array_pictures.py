"""Arrays as pictures with titles and keys: coherence, phase, intensity, values, differences, classes and masks."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from m3leo_sar.chips.land_cover import WORLDCOVER
from m3leo_sar.chips.legend import Legend
from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.grid.window import Window
from m3leo_sar.pictures.class_colours import label_image, label_legend
from m3leo_sar.pictures.colour_key import Bar, Classes, Turn
from m3leo_sar.pictures.colour_maps import DIVERGING, GREY, OTHER_VALUES, SEQUENTIAL
from m3leo_sar.pictures.colours import amplitude_image, percentile_limits, phase_image, value_image
from m3leo_sar.pictures.ground_frame import Frame, map_frame
from m3leo_sar.pictures.panel_grid import Picture
from m3leo_sar.pictures.rgba import mask_image, overlay
from m3leo_sar.stack.pairs import Pair

#: Colours of a mask.
TRUE, FALSE = "#d55e00", "#e6e6e6"

Ground = GeoBox | Frame | None


def coherence_picture(
    coherence: ArrayLike,
    *,
    pair: Pair | None = None,
    window: Window | None = None,
    title: str = "",
    ground: Ground = None,
) -> Picture:
    """A coherence in the colours of all coherences, from 0 to 1.

    Parameters
    ----------
    coherence : (rows, cols) float
        0 to 1, NaN without data.
    pair : Pair, optional
        Its days are part of the title, its dates stand below.
    window : Window, optional
        Of the estimate, in the key.
    title : str
        Instead of the product and the days.
    ground : GeoBox or Frame, optional
        The ground below the image: a pixel grid of a map, or :func:`m3leo_sar.pictures.ground_frame.radar_frame`.

    Returns
    -------
    Picture
        For :func:`m3leo_sar.pictures.panel_grid.plot_panels`.

    Examples
    --------
    >>> from m3leo_sar import Pair, Window
    >>> drawn = coherence_picture([[0.2, 0.9]], pair=Pair.parse("20230301_20230313"), window=Window(rows=5, cols=7))
    >>> drawn.title, drawn.subtitle, drawn.key.label
    ('Coherence, 12 days', '2023-03-01 – 2023-03-13', 'coherence, window 5 × 7')
    """
    array = np.asarray(coherence)
    over = f", window {window_text((window.rows, window.cols))}" if window else ""
    key = Bar(0.0, 1.0, f"coherence{over}", SEQUENTIAL)
    return Picture(
        title or product_title("Coherence", pair), value_image(array, limits=(0.0, 1.0)), key, dates_text(pair),
        frame_of(ground),
    )  # fmt: skip


def phase_picture(
    phase: ArrayLike,
    *,
    pair: Pair | None = None,
    coherence: ArrayLike | None = None,
    title: str = "",
    ground: Ground = None,
) -> Picture:
    """A phase in cyclic colours, dark where a coherence is low; as :func:`coherence_picture`.

    The phase is (rows, cols), real in radians or complex; NaN and a complex zero have no data.
    """
    image = phase_image(np.asarray(phase), brightness=coherence)
    key = Turn("coherence" if coherence is not None else "")
    # Neighbouring phases on both sides of ±pi have the same colours, so colours may be mixed as they are.
    return Picture(title or product_title("Phase", pair), image, key, dates_text(pair), frame_of(ground))


def intensity_picture(
    intensity: ArrayLike,
    *,
    date: Any = None,
    limits: tuple[float, float] | None = None,
    title: str = "Intensity",
    label: str = "intensity (dB)",
    ground: Ground = None,
) -> Picture:
    """A backscattered power in dB, grey, between two limits that the key states.

    Parameters
    ----------
    intensity : (rows, cols) float
        Power, not amplitude, linear; NaN without data. Power of zero or below is black.
    date : datetime.date, optional
        Written below the title.
    limits : (float, float), optional
        dB of black and of white; by default the 2nd and 98th percentile.
    title, label : str
        Title, and quantity and unit of the key.
    ground : GeoBox or Frame, optional
        As in :func:`coherence_picture`.
    """
    power = np.asarray(intensity)
    values = 10 * np.log10(power[power > 0])
    limits = limits or _percentiles(values)
    # Noise subtraction can give negative power, which has no value in dB: drawn black like zero.
    image = amplitude_image(np.sqrt(np.maximum(power, 0)), limits=limits)
    key = Bar(
        *limits, f"{label}, {limits[0]:.1f} to {limits[1]:.1f}".replace("-", "−"), GREY, extend_of(values, limits)
    )
    return Picture(title, image, key, f"{date}" if date else "", frame_of(ground))


def value_picture(
    values: ArrayLike,
    *,
    title: str,
    label: str,
    limits: tuple[float, float] | None = None,
    subtitle: str = "",
    ground: Ground = None,
) -> Picture:
    """Values of any unit from dark to light, such as heights.

    Parameters
    ----------
    values : (rows, cols) float
        NaN without data.
    title, label : str
        Title, and quantity with unit of the key.
    limits : (float, float), optional
        Values of the darkest and the lightest colour; by default the 2nd and 98th percentile. Values beyond are shown
        by arrows at the ends of the key.
    subtitle : str
        Below the title.
    ground : GeoBox or Frame, optional
        As in :func:`coherence_picture`.
    """
    array = np.asarray(values)
    limits = limits or _percentiles(array)
    key = Bar(*limits, label, OTHER_VALUES, extend_of(array, limits))
    return Picture(title, value_image(array, limits=limits, colour_map=OTHER_VALUES), key, subtitle, frame_of(ground))


def difference_picture(
    values: ArrayLike,
    *,
    title: str,
    label: str,
    limit: float | None = None,
    subtitle: str = "",
    ground: Ground = None,
) -> Picture:
    """Differences, such as a change of coherence: blue below zero, red above, light at zero.

    Parameters
    ----------
    values : (rows, cols) float
        NaN without data.
    title, label : str
        Title, and quantity with unit of the key.
    limit : float, optional
        Value of the strongest colours; by default the 98th percentile of the magnitudes.
    subtitle : str
        Below the title.
    ground : GeoBox or Frame, optional
        As in :func:`coherence_picture`.
    """
    array = np.asarray(values)
    most = limit or _percentiles(np.abs(array))[1] or 1.0
    limits = (-most, most)
    key = Bar(*limits, label, DIVERGING, extend_of(array, limits))
    return Picture(title, value_image(array, limits=limits, colour_map=DIVERGING), key, subtitle, frame_of(ground))


def class_picture(
    codes: ArrayLike, *, legend: Legend = WORLDCOVER, title: str = "Classes", subtitle: str = "", ground: Ground = None
) -> Picture:
    """Class codes in the colours of their legend, with the classes that are present. As :func:`coherence_picture`."""
    array = np.asarray(codes)
    key = Classes(label_legend(array, legend=legend), "classes")
    return Picture(title, label_image(array, legend=legend), key, subtitle, frame_of(ground), is_smooth=False)


def mask_picture(
    mask: NDArray[np.bool_], *, title: str, names: tuple[str, str], subtitle: str = "", ground: Ground = None
) -> Picture:
    """A mask in two colours; ``names`` are the names of true and of false. As :func:`coherence_picture`."""
    # False has a colour too: empty pixels mean that there are no data.
    image = overlay(mask_image(~mask, colour=FALSE), mask_image(mask, colour=TRUE), opacity=1)
    key = Classes(list(zip(names, (TRUE, FALSE), strict=True)))
    return Picture(title, image, key, subtitle, frame_of(ground), is_smooth=False)


def frame_of(ground: Ground) -> Frame | None:
    """The ground below an image, of a pixel grid or as it is."""
    return map_frame(ground) if isinstance(ground, GeoBox) else ground


def extend_of(values: NDArray[Any], limits: tuple[float, float]) -> str:
    """Ends of a scale beyond which values lie, as a colour bar calls them.

    Examples
    --------
    >>> extend_of(np.array([0.0, 5.0, np.nan]), (1, 5)), extend_of(np.array([1.0]), (0, 2))
    ('min', 'neither')
    """
    finite = values[np.isfinite(values)]
    # Limits of float32 values may be off by rounding.
    margin = 1e-6 * max(abs(limits[0]), abs(limits[1]))
    below, above = (finite < limits[0] - margin).any(), (finite > limits[1] + margin).any()
    return "both" if below and above else "min" if below else "max" if above else "neither"


def product_title(name: str, pair: Pair | None) -> str:
    """Product with the days between the dates of a pair."""
    return f"{name}, {days_text(pair.days)}" if pair else name


def days_text(days: int) -> str:
    """A number of days.

    Examples
    --------
    >>> days_text(1), days_text(-12)
    ('1 day', '−12 days')
    """
    return f"{days} day{'s' * (abs(days) != 1)}".replace("-", "−")


def dates_text(pair: Pair | None) -> str:
    """Both dates of a pair."""
    return f"{pair.reference} – {pair.secondary}" if pair else ""


def window_text(sizes: tuple[int, int]) -> str:
    """A window in pixels.

    Examples
    --------
    >>> window_text((5, 20))
    '5 × 20'
    """
    return f"{sizes[0]} × {sizes[1]}"


def _percentiles(values: NDArray[Any]) -> tuple[float, float]:
    return percentile_limits(values) if np.isfinite(values).any() else (0.0, 1.0)
