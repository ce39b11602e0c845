"""Arrays as colours: every function takes an array and returns a uint8 image with transparency."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from m3leo_sar.pictures.colour_maps import SEQUENTIAL, cyclic_colours, darkened, sequential_colours
from m3leo_sar.pictures.rgba import Rgba, as_plane, opaque_image


def decibels(amplitude: ArrayLike) -> NDArray[np.float64]:
    """Power of an amplitude in dB, 20 log10 of its modulus; zero is -inf, NaN stays NaN.

    Examples
    --------
    >>> decibels([1.0, 0.1, 3 + 4j]).round(2).tolist()
    [0.0, -20.0, 13.98]
    """
    with np.errstate(divide="ignore"):
        result: NDArray[np.float64] = 20 * np.log10(np.abs(np.asarray(amplitude)).astype(np.float64))
    return result


def percentile_limits(values: ArrayLike, *, percentiles: tuple[float, float] = (2.0, 98.0)) -> tuple[float, float]:
    """Limits of a contrast stretch.

    Parameters
    ----------
    values : array of float
        Non-finite values are ignored.
    percentiles : (float, float)
        Lower and upper, 0 to 100.

    Raises
    ------
    ValueError
        If the percentiles are not two increasing numbers from 0 to 100, or no value is finite.

    Examples
    --------
    >>> percentile_limits([float("nan"), *range(101)])
    (2.0, 98.0)
    """
    low, high = percentiles
    if not 0 <= low < high <= 100:
        raise ValueError(f"percentiles must rise and lie within 0 to 100, got {percentiles}")
    array = np.asarray(values, np.float64)
    finite = array[np.isfinite(array)]
    if not finite.size:
        raise ValueError(f"values must hold a finite value, got none among {array.size}")
    found = np.percentile(finite, [low, high])
    return float(found[0]), float(found[1])


def amplitude_image(
    amplitude: ArrayLike,
    *,
    stretch: str = "decibel",
    percentiles: tuple[float, float] = (2.0, 98.0),
    limits: tuple[float, float] | None = None,
) -> Rgba:
    """Draw an amplitude in grey, dark for low values.

    Parameters
    ----------
    amplitude : (rows, cols) float or complex
        Amplitude, not power; the modulus of complex values.
    stretch : str
        ``"decibel"``: grey is linear in dB. ``"sqrt"``: linear in the square root of the amplitude.
    percentiles : (float, float)
        Of the stretched values: the lower is black, the upper is white.
    limits : (float, float), optional
        Black and white levels, in dB or in the root of the amplitude, so that several pictures are comparable.

    Returns
    -------
    (rows, cols, 4) uint8
        Transparent where the amplitude is NaN; zero is black.

    Raises
    ------
    ValueError
        If the array is not (rows, cols), a real amplitude is negative, or an option is none of the above.

    Examples
    --------
    >>> amplitude_image([[0.0, 0.1, 1.0, float("nan")]], limits=(-20, 0))[0].tolist()
    [[0, 0, 0, 255], [0, 0, 0, 255], [255, 255, 255, 255], [0, 0, 0, 0]]
    """
    array = as_plane("amplitude", amplitude)
    if array.dtype.kind != "c" and (array < 0).any():
        raise ValueError(f"amplitude must not be negative, got {np.nanmin(array)}")
    if stretch not in ("decibel", "sqrt"):
        raise ValueError(f"stretch must be 'decibel' or 'sqrt', got {stretch!r}")
    stretched = decibels(array) if stretch == "decibel" else np.sqrt(np.abs(array))
    if limits is None:
        if not np.isfinite(stretched).any():
            return opaque_image(np.zeros((*array.shape, 3)), ~np.isnan(stretched))
        limits = percentile_limits(stretched, percentiles=percentiles)
    grey = _share(stretched, _rising(limits))
    return opaque_image(np.repeat(grey[..., None], 3, axis=2), ~np.isnan(stretched))


def phase_image(phase: ArrayLike, *, brightness: ArrayLike | None = None) -> Rgba:
    """Draw a phase with a perceptually uniform colour wheel, without a seam at ±pi.

    Parameters
    ----------
    phase : (rows, cols) float or complex
        Radians modulo 2 pi; the angle of complex values.
    brightness : (rows, cols) float, optional
        0 (black) to 1, such as a coherence; values outside are clipped.

    Returns
    -------
    (rows, cols, 4) uint8
        Transparent where the phase or the brightness is not finite, or the complex value is zero and has no phase.

    Raises
    ------
    ValueError
        If the array is not (rows, cols), or ``brightness`` has another shape.

    Notes
    -----
    The wheel is the cyclic map romaO (Crameri et al., 2020, Nature Communications 11, 5444), in which phases remain
    distinguishable with red-green colour blindness.

    Examples
    --------
    >>> phase_image([[np.pi, -np.pi, 0.0, np.nan]])[0].tolist()
    [[203, 225, 179, 255], [203, 225, 179, 255], [115, 57, 87, 255], [0, 0, 0, 0]]
    """
    array = as_plane("phase", phase)
    known = np.isfinite(array)
    if array.dtype.kind == "c":
        known = known & (array != 0)
        array = np.angle(array)
    angle = np.where(known, array, 0).astype(np.float64)
    light = np.ones(array.shape)
    if brightness is not None:
        light = np.asarray(brightness, np.float64)
        if light.shape != array.shape:
            raise ValueError(f"brightness must have the shape of phase, {array.shape}, got {light.shape}")
        known = known & np.isfinite(light)
    return opaque_image(darkened(cyclic_colours(angle / (2 * np.pi)), _clipped(light)), known)


def value_image(values: ArrayLike, *, limits: tuple[float, float], colour_map: str = SEQUENTIAL) -> Rgba:
    """Draw values from a dark to a light colour; lightness rises evenly with the value.

    Parameters
    ----------
    values : (rows, cols) float
        Any unit.
    limits : (float, float)
        Values of the darkest and the lightest colour; values beyond are clipped.
    colour_map : str
        Sequential map of the package cmcrameri; by default batlow, from dark blue over green to light pink.

    Returns
    -------
    (rows, cols, 4) uint8
        Transparent where a value is NaN.

    Raises
    ------
    ValueError
        If the array is not (rows, cols), or the limits are not finite or fall.

    Examples
    --------
    >>> value_image([[-1.0, 0.0, 5.0, 10.0]], limits=(0, 10))[0, :, 2].tolist()
    [89, 89, 50, 250]
    """
    array = as_plane("values", values)
    share = _share(array.astype(np.float64), _rising(limits))
    return opaque_image(sequential_colours(share, colour_map), ~np.isnan(array))


def coherence_image(coherence: ArrayLike) -> Rgba:
    """Draw a coherence on the common scale of all coherences, 0 (dark blue) to 1 (light pink).

    Parameters
    ----------
    coherence : (rows, cols) float
        0 to 1.

    Returns
    -------
    (rows, cols, 4) uint8
        Transparent where it is NaN.

    Raises
    ------
    ValueError
        If the array is not (rows, cols).
    """
    return value_image(as_plane("coherence", coherence), limits=(0.0, 1.0))


def rgb_image(bands: ArrayLike, *, limits: tuple[float, float] = (0.0, 1.0)) -> Rgba:
    """Draw three bands as red, green and blue with the same stretch, so that grey means three equal values.

    Parameters
    ----------
    bands : (3, rows, cols) float
        Such as the coherence of three seasons or of three lags.
    limits : (float, float)
        Values of zero and full intensity, the same for all bands; the default is the range of a coherence.

    Returns
    -------
    (rows, cols, 4) uint8
        Transparent where any band is NaN.

    Raises
    ------
    ValueError
        If there are not three bands of one shape, or the limits are not finite or fall.

    Examples
    --------
    >>> rgb_image(np.array([1.0, 0.5, 0.0]).reshape(3, 1, 1)).tolist()
    [[[255, 128, 0, 255]]]
    """
    array = np.asarray(bands, np.float64)
    if array.ndim != 3 or len(array) != 3:
        raise ValueError(f"bands must be (3, rows, cols), got {array.shape}")
    return opaque_image(np.moveaxis(_share(array, _rising(limits)), 0, 2), np.logical_and.reduce(~np.isnan(array)))


def _rising(limits: tuple[float, float]) -> tuple[float, float]:
    if not (np.isfinite(limits).all() and limits[0] <= limits[1]):
        raise ValueError(f"limits must be two finite numbers, the lower first, got {limits}")
    return limits


def _share(values: NDArray[np.float64], limits: tuple[float, float]) -> NDArray[np.float64]:
    """Relative position of values between the limits, 0 to 1; one half if the limits are equal."""
    low, high = limits
    if high == low:
        return np.where(values == low, 0.5, values > low)
    return _clipped((values - low) / (high - low))


def _clipped(values: NDArray[Any]) -> NDArray[np.float64]:
    """Values clipped to 0 and 1; NaN, which is not drawn, becomes 0."""
    return np.clip(np.nan_to_num(values, nan=0.0, posinf=1.0, neginf=0.0), 0, 1)
