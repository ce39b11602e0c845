"""Co-registration of a burst to another acquisition of it, in one pass."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from m3leo_sar._backend.choose import backend_of, module_of
from m3leo_sar._backend.coregister_request import (
    CARRIER_ORIGIN,
    CARRIER_ROWS,
    CARRIER_TERMS,
    CoregisterRequest,
    StillLines,
    coregister_model,
)
from m3leo_sar._check import INT16_NO_DATA
from m3leo_sar.warp.burst_heights import BurstHeights
from m3leo_sar.warp.burst_offsets import BurstOffsets
from m3leo_sar.warp.kernel_table import kernel_table

#: Kernels along columns; along rows it is always "sinc".
KERNELS = ("sinc", "sinc12")
#: Rows of the reference per block; more lines of the burst than its kernel needs that a block reads.
_BLOCK, _MARGIN = 128, 8
#: Largest deviation of a carrier from its polynomial, radians.
_CARRIER_ERROR = 1e-3
#: Units per standard deviation of a part in int16 results, at least.
_LEAST_UNITS = 32

_Table = tuple[NDArray[np.float64], tuple[float, float], tuple[float, float]]


class CoregisteredBurst(NamedTuple):
    """Rows of a burst on the grid of the reference.

    Parameters
    ----------
    pixels : (rows, cols) complex64 or (rows, cols, 2) int16
        Complex, NaN for no data; or both parts in units of ``scale``, -32768 for no data.
    scale : float
        Value of one unit of int16, a power of two; 1.0 for complex pixels.
    saturated : int
        Samples beyond the range of int16, which are clipped.
    """

    pixels: Any
    scale: float
    saturated: int


def coregister(
    slc: Any,
    *,
    offsets: BurstOffsets,
    heights: BurstHeights,
    carrier: Callable[[Any, Any], Any] | None = None,
    valid: NDArray[np.int64] | None = None,
    azimuth_shift: float = 0.0,
    flatten: bool = True,
    resampling: str = "sinc",
    rows: slice | None = None,
    output: str = "complex64",
    scale: float | None = None,
) -> CoregisteredBurst:
    """Resample a burst onto the pixels of a reference acquisition of it.

    Each pixel of the reference, at its height, has a position in the burst. There the carrier is removed from the
    samples, these are interpolated, and the carrier at the position is restored; flattening then adds the phase of
    the range difference, so that the interferogram of any two bursts of one reference has neither flat earth nor
    topography. Memory is that of a block of 128 rows beside the burst and the result.

    Parameters
    ----------
    slc : (lines, samples) complex64, or (lines, samples, 2) int16
        The burst, NumPy or CuPy, or an object with ``shape`` and ``dtype`` that gives lines for a slice, such as a
        :class:`~m3leo_sar.io.sentinel1.burst_lines.BurstLines`, of which only the lines of a block are in memory.
        Samples that are not finite, or -32768 in both parts of int16, are no data.
    offsets : BurstOffsets
        From :func:`m3leo_sar.warp.burst_offsets.burst_offsets`, with this burst as the secondary.
    heights : BurstHeights
        Heights of the reference's pixels (:func:`m3leo_sar.warp.burst_heights.burst_heights`). Pixels of unknown height
        are no data.
    carrier : callable, optional
        Phase in radians at (row, col) of ``slc``, of degree 2 in rows, such as a
        :class:`~m3leo_sar.grid.tops.TopsCarrier`.
    valid : (lines, 2) int64, optional
        First and last valid sample of each line, -1 for a line without any; all other samples are no data, also where
        they are zero.
    azimuth_shift : float
        Lines to add to the azimuth offset: the shift found by spectral diversity.
    flatten : bool
        Whether to multiply by exp(j phase of the range difference).
    resampling : {"sinc", "sinc12"}
        Columns of taps: 8, or 12 for bands that nearly fill the sampling, such as Sentinel-1's IW1. Rows are 8.
    rows : slice, optional
        Rows of the reference to compute, bit for bit those of the whole.
    output : {"complex64", "int16"}
        Type of the result.
    scale : float, optional
        Unit of int16; by default :func:`int16_scale`.

    Returns
    -------
    CoregisteredBurst
        Array library of ``slc``. NaN or no data more than half a pixel outside the burst, and where less than half of
        the absolute weight has data.

    Raises
    ------
    TypeError
        If ``slc`` is neither complex64 nor int16 pairs.
    ValueError
        If ``valid`` has another number of lines than ``slc``, the resampling or output is unknown, a number is not
        finite, the carrier is not of degree 2 in rows, or heights lie outside those that the offsets were fitted for.

    References
    ----------
    Prats-Iraola et al., 2012, IEEE TGRS 50(8), 3019-3034 (co-registration of TOPS bursts).

    Examples
    --------
    >>> import numpy as np
    >>> from m3leo_sar.grid.height_polynomial import HeightPolynomial
    >>> from m3leo_sar.warp.burst_offsets import BurstOffsets, OffsetError
    >>> shift = [HeightPolynomial(np.full((1, 1, 1), lines)) for lines in (1.0, -2.0)]
    >>> offsets = BurstOffsets(*shift, (0.0, 0.0, 0.0), OffsetError(0.0, 0.0, 0.0), (40, 50))
    >>> heights = BurstHeights(np.zeros((2, 2), np.float32), 40, 50)
    >>> burst = np.arange(2000).reshape(40, 50).astype(np.complex64)
    >>> coregister(burst, offsets=offsets, heights=heights).pixels[5, 7] == burst[6, 5]
    np.True_
    """
    _refuse(slc, valid, resampling=resampling, output=output, azimuth_shift=azimuth_shift)
    low, high = _height_range(offsets, heights)
    ends = None if valid is None else np.ascontiguousarray(valid, np.int64)
    unit = 1.0
    if output == "int16":
        unit = int16_scale(slc, valid=valid) if scale is None else float(scale)
        if not (math.isfinite(unit) and unit > 0):
            raise ValueError(f"scale must be finite and above 0, got {scale}")
    request = _request(
        slc, offsets, heights, carrier, azimuth_shift=azimuth_shift, flatten=flatten, resampling=resampling
    )
    request = request._replace(inverse=1 / unit)
    first, stop, _ = (slice(None) if rows is None else rows).indices(offsets.shape[0])
    shape = (max(stop - first, 0), offsets.shape[1])
    like = slc[:1]
    module, backend = module_of(like), backend_of(like)
    stored = output == "int16"
    pixels = module.empty_like(like, shape=(*shape, 2) if stored else shape, dtype=np.int16 if stored else np.complex64)
    full = 0
    for start in range(first, stop, _BLOCK):
        block = slice(start, min(start + _BLOCK, stop))
        lines = _lines(offsets, block, (low, high), azimuth_shift, slc.shape[0])
        out = pixels[block.start - first : block.stop - first]
        # Without a name, so that the lines of a block are gone before those of the next are read.
        full += backend.coregister_rows(_still(backend, slc, ends, request.model, lines), request, start, out)
    return CoregisteredBurst(pixels, unit, full)


def int16_scale(slc: Any, *, valid: NDArray[np.int64] | None = None) -> float:
    """Choose the unit in which a burst is stored as complex int16: a power of two.

    The standard deviation of a part is 32 to 64 units, so that rounding adds noise 41 to 47 dB below the mean
    intensity and targets up to 54 dB above it fit. Measured at every seventh line and fifth sample.

    Parameters
    ----------
    slc, valid
        As for :func:`coregister`.

    Returns
    -------
    float
        1.0 if no sample is valid.

    Examples
    --------
    >>> import numpy as np
    >>> int16_scale(np.full((20, 30), 60 + 60j, np.complex64)), int16_scale(np.full((20, 30), 3 - 3j, np.complex64))
    (1.0, 0.0625)
    """
    # First the lines, as an object that reads them has no other axis.
    lines = slc[::7]
    part = backend_of(lines).to_host(lines[:, ::5])
    if part.dtype == np.int16:
        known = ~(part == INT16_NO_DATA).all(axis=-1)
        power = (part.astype(np.float64) ** 2).sum(axis=-1)
    else:
        known = np.isfinite(part)
        power = np.abs(part.astype(np.complex128)) ** 2
    if valid is not None:
        cols = np.arange(0, slc.shape[1], 5)
        ends = np.asarray(valid)[::7, :, None]
        known &= (ends[:, 0] >= 0) & (cols >= ends[:, 0]) & (cols <= ends[:, 1])
    mean = float(power[known].mean()) if known.any() else 0.0
    return 1.0 if mean == 0.0 else 2.0 ** math.floor(math.log2(math.sqrt(mean / 2) / _LEAST_UNITS))


def _still(backend: Any, slc: Any, ends: Any, model: NDArray[np.float64], lines: slice) -> StillLines:
    """Lines of a burst without their carrier, from no more of the burst than they need.

    The carrier begins anew at every CARRIER_ROWS-th line of the burst. Its origin is a whole or half line, so that
    counting from such a line is exact.
    """
    begin = lines.start // CARRIER_ROWS * CARRIER_ROWS
    moved = model.copy()
    moved[CARRIER_ORIGIN] -= begin
    some = None if ends is None else ends[begin : lines.stop]
    still: StillLines = backend.still_lines(
        slc[begin : lines.stop], some, moved, lines.start - begin, lines.stop - lines.start
    )
    return still._replace(first=lines.start)


def _refuse(slc: Any, valid: Any, *, resampling: str, output: str, azimuth_shift: float) -> None:
    """Refuse arguments of the wrong kind."""
    kind = (str(getattr(slc, "dtype", type(slc).__name__)), *getattr(slc, "shape", ())[2:])
    if kind not in (("complex64",), ("int16", 2)) or slc.ndim < 2 or 0 in slc.shape:
        raise TypeError(
            "slc must be (lines, samples) complex64 or (lines, samples, 2) int16, got "
            f"{kind[0]} of shape {getattr(slc, 'shape', ())}"
        )
    if valid is not None and np.shape(valid) != (slc.shape[0], 2):
        raise ValueError(
            f"valid must be (lines, 2), the first and last sample of {slc.shape[0]} lines, got {np.shape(valid)}"
        )
    if resampling not in KERNELS:
        raise ValueError(f"resampling must be one of {', '.join(KERNELS)}, got {resampling!r}")
    if output not in ("complex64", "int16"):
        raise ValueError(f"output must be complex64 or int16, got {output!r}")
    if not math.isfinite(azimuth_shift):
        raise ValueError(f"azimuth_shift must be finite, got {azimuth_shift}")


def _height_range(offsets: BurstOffsets, heights: BurstHeights) -> tuple[float, float]:
    """Lowest and highest post, which the offsets must have been fitted for; the middle if none is known."""
    middle, half = offsets.range.origin[2], abs(offsets.range.scale[2])
    if (offsets.azimuth.origin, offsets.azimuth.scale) != (offsets.range.origin, offsets.range.scale):
        raise ValueError("offsets must have one origin and scale in azimuth and range")
    known = heights.height[np.isfinite(heights.height)]
    low, high = (float(known.min()), float(known.max())) if known.size else (middle, middle)
    # Polynomials that do not depend on height are valid at any.
    depends = max(table.coefficients.shape[2] for table in (offsets.azimuth, offsets.range)) > 1
    if depends and not (low >= middle - 1.01 * half and high <= middle + 1.01 * half):
        raise ValueError(
            f"heights must lie within those of offsets, {middle - half:g} to {middle + half:g} m, "
            f"got {low:.0f} to {high:.0f} m"
        )
    return low, high


def _request(
    slc: Any,
    offsets: BurstOffsets,
    heights: BurstHeights,
    carrier: Callable[[Any, Any], Any] | None,
    *,
    azimuth_shift: float,
    flatten: bool,
    resampling: str,
) -> CoregisterRequest:
    model = coregister_model(
        origin=offsets.range.origin,
        scale=offsets.range.scale,
        azimuth=offsets.azimuth.coefficients,
        across=offsets.range.coefficients,
        shift=azimuth_shift,
        phase=offsets.phase_terms,
        carrier=_carrier_table(carrier, slc.shape[:2]),
    )
    posts = np.ascontiguousarray(heights.height, np.float32)
    steps = (int(heights.row_step), int(heights.col_step))
    return CoregisterRequest(model, posts, steps, kernel_table("sinc"), kernel_table(resampling), flatten, 1.0)


def _carrier_table(carrier: Callable[[Any, Any], Any] | None, shape: tuple[int, int]) -> _Table:
    """A carrier as a polynomial: coefficients (3, 8), origin and scale of rows and columns."""
    origin = tuple((size - 1) / 2 for size in shape)
    scale = tuple(max(middle, 0.5) for middle in origin)
    terms = np.zeros(CARRIER_TERMS)
    if carrier is None:
        return terms, origin, scale  # type: ignore[return-value]

    def design(down: Any, along: Any) -> Any:
        table = down[:, None, None, None] ** np.arange(3)[:, None] * along[None, :, None, None] ** np.arange(8)
        return table.reshape(down.size * along.size, terms.size)

    def phases(down: Any, along: Any) -> Any:
        row, col = origin[0] + scale[0] * down[:, None], origin[1] + scale[1] * along
        return np.broadcast_to(carrier(row, col), (down.size, along.size)).astype(np.float64).ravel()

    nodes = [np.cos(np.pi * (np.arange(count) + 0.5) / count) for count in (5, 16)]
    between = np.linspace(-1, 1, 7), np.linspace(-1, 1, 23)
    values = phases(*nodes)
    found = np.linalg.lstsq(design(*nodes), values, rcond=None)[0] if np.isfinite(values).all() else terms.ravel()
    error = np.abs(design(*between) @ found - phases(*between)).max()
    if not error <= _CARRIER_ERROR:
        raise ValueError(
            "carrier must be finite, of degree 2 in rows and smooth in columns, such as a TopsCarrier; its polynomial "
            f"deviates by {error:.2g} rad"
        )
    return found.reshape(CARRIER_TERMS), origin, scale  # type: ignore[return-value]


def _lines(offsets: BurstOffsets, rows: slice, heights: tuple[float, float], azimuth_shift: float, size: int) -> slice:
    """Lines of the burst that rows of the reference need; the offsets are smooth, so that a few places suffice."""
    row = np.array([rows.start, (rows.start + rows.stop - 1) / 2, rows.stop - 1.0])[:, None, None]
    col = np.linspace(0, offsets.shape[1] - 1, 17)[:, None]
    position = row + azimuth_shift + offsets.azimuth(row, col, np.linspace(*heights, 3))
    first = min(max(int(np.floor(position.min())) - _MARGIN, 0), size - 1)
    return slice(first, max(min(int(np.ceil(position.max())) + _MARGIN, size), first + 1))
