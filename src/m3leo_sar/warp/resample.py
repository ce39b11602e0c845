"""Resampling of an SLC onto the grid of another, by offsets in azimuth and range."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from m3leo_sar import _check
from m3leo_sar._backend.choose import backend_of, module_of
from m3leo_sar._backend.places import Places
from m3leo_sar.doors.door import door
from m3leo_sar.doors.prototype import prototype
from m3leo_sar.grid.pixel_polynomial import PixelPolynomial
from m3leo_sar.warp.doppler import azimuth_carrier
from m3leo_sar.warp.kernel_table import kernel_table
from m3leo_sar.warp.pixel_map import sum_of_terms

#: Kernels of the same taps along both axes.
KERNELS = ("sinc", "knab", "cubic")
#: Rows of a result that are computed at once if the image has a carrier.
_BLOCK = 512

Offset = float | PixelPolynomial | np.ndarray
Phase = Callable[[Any, Any], Any]


def _like(slc: Any, azimuth_offset: Any, range_offset: Any, shape: Any, **_: Any) -> Any:
    offsets = {"azimuth_offset": azimuth_offset, "range_offset": range_offset}
    return prototype(slc, _result_shape(slc, offsets, shape))


@door(
    arrays={"slc": "rc", "azimuth_offset": "rc", "range_offset": "rc", "flatten": "rc"},
    like=_like,
    grid=lambda **_: None,
)
def resample(
    slc: Any,
    *,
    azimuth_offset: Any = 0.0,
    range_offset: Any = 0.0,
    shape: tuple[int, int] | None = None,
    resampling: str = "sinc",
    carrier: Phase | None = None,
    doppler: float | Callable[[Any], Any] | None = None,
    flatten: Any = None,
) -> Any:
    """Resample an SLC onto the grid of a reference image.

    Pixel (row, col) of the result is the image at ``(row + azimuth_offset, col + range_offset)``.

    Parameters
    ----------
    slc : (rows, cols) complex64 or complex128
        NumPy, CuPy, torch, dask or xarray, whose coordinates along rows and columns are dropped, as they belong to
        another grid than that of the result. A sample with a NaN or infinite part is no data.
    azimuth_offset, range_offset : float, PixelPolynomial, or (rows, cols) float array
        Pixels; a raster has the shape of the result. :func:`m3leo_sar.grid.pixel_polynomial.bilinear_grid` creates a
        polynomial from offsets on a coarse grid.
    shape : (int, int), optional
        Rows and columns of the result; by default those of an offset raster, or of ``slc``.
    resampling : {"sinc", "knab", "cubic"}
        sinc: 8 x 8 samples under a Kaiser window; knab: 8 x 8 under Knab's sampling window; both for signals that
        occupy up to four fifths of the band. cubic: Keys' 4 x 4, faster, for heavily oversampled images only.
    carrier : callable or PixelPolynomial, optional
        Phase in radians at (row, col) of ``slc``, such as the azimuth carrier of TOPS bursts: removed before resampling
        and restored afterwards, at the resampled position. It is called with float64 NumPy arrays.
    doppler : float or callable, optional
        Doppler centroid in cycles per row (frequency / pulse repetition frequency), or a function of the column: a
        carrier of ``2 pi doppler row``. Without it and without ``carrier``, the carrier is measured
        (:func:`m3leo_sar.warp.doppler.azimuth_carrier`), unless all offsets are integers; 0.0 resamples the image
        without a carrier. A measured carrier depends on the whole image: pass it explicitly if parts of an image must
        be consistent.
    flatten : (rows, cols) float, optional
        Phase in radians to subtract from the result, such as flat earth and topography.

    Returns
    -------
    (rows, cols), dtype and library of ``slc``
        NaN more than half a pixel outside the image, and where less than half of the absolute weight has data;
        otherwise samples without data are ignored and the weights renormalised. Integer offsets without a carrier copy
        samples bit for bit.

    Raises
    ------
    TypeError
        If ``slc`` is not complex64 or complex128, or an offset is none of the above.
    ValueError
        If shapes differ, an offset or phase is not finite, the resampling is unknown, no pixel of the result is on the
        image, or the image has a carrier that cannot be measured, such as that of merged TOPS bursts.

    Notes
    -----
    Weights are real, tabulated at 1024 steps between two samples and interpolated between steps. The weights of cubic
    sum to one; those of sinc and knab preserve the mean power of a signal that occupies four fifths of the band, so
    that speckle is equally bright between samples and on them. Positions and phases are in double precision; phases are
    reduced modulo 2 pi before use.

    References
    ----------
    Knab, 1983, IEEE Transactions on Information Theory 29(1), 112-115; Kaiser, 1974, IEEE ISCAS, 20-23; Keys, 1981,
    IEEE Transactions on Acoustics 29(6), 1153-1160; Prats-Iraola et al., 2012, IEEE TGRS 50(8), 3019-3034 (TOPS
    carriers).

    Examples
    --------
    >>> import numpy as np
    >>> from m3leo_sar import resample
    >>> row, col = np.indices((40, 50))
    >>> slc = np.exp(0.3j * row - 0.2j * col).astype("complex64")
    >>> moved = resample(slc, azimuth_offset=0.4, range_offset=-1.7)
    >>> expected = np.exp(0.3j * (row + 0.4) - 0.2j * (col - 1.7))
    >>> bool(np.abs(np.angle(moved * expected.conj()))[5:-5, 6:-5].max() < 3e-3)
    True
    """
    _check.complex_array(slc, "slc", ndim=2)
    if resampling not in KERNELS:
        raise ValueError(f"resampling must be one of {', '.join(KERNELS)}, got {resampling!r}")
    offsets = {"azimuth_offset": azimuth_offset, "range_offset": range_offset}
    shape = _result_shape(slc, offsets, shape)
    backend = backend_of(slc)
    places = _places(backend, offsets, shape)
    if flatten is not None:
        flatten = _raster(backend, flatten, "flatten", shape)
    phase = _phase(carrier, doppler)
    if carrier is None and doppler is None and not _are_whole(offsets):
        phase = azimuth_carrier(slc)
    table = kernel_table(resampling)
    if phase is None:
        turned = None if flatten is None else -flatten
        result = backend.resample_image(slc, table, places, turned)
    else:
        result = _with_carrier(backend, slc, table, places, phase, flatten)
    # Check a few pixels first: they are rarely all without data.
    if bool((result[::61, ::61] != result[::61, ::61]).all()) and bool((slc == slc).any()):
        _refuse_beyond(backend, places, slc.shape)
    return result


def _are_whole(offsets: dict[str, Any]) -> bool:
    """Whether samples are copied instead of interpolated."""
    return all(np.ndim(offset) == 0 and not callable(offset) and offset % 1 == 0 for offset in offsets.values())


def _result_shape(slc: Any, offsets: dict[str, Any], shape: tuple[int, int] | None) -> tuple[int, int]:
    wanted = None if shape is None else tuple(int(size) for size in shape)
    for name, offset in offsets.items():
        if isinstance(offset, PixelPolynomial) or np.ndim(offset) == 0:
            continue
        came = tuple(offset.shape)
        if len(came) != 2 or 0 in came or (wanted is not None and came != wanted):
            raise ValueError(
                f"{name} must be a number, a PixelPolynomial or of shape {wanted or 'of the result'}, got {came}"
            )
        wanted = came
    wanted = tuple(slc.shape) if wanted is None else wanted
    if len(wanted) != 2 or min(wanted) < 1:
        raise ValueError(f"shape must be (rows, cols), both at least 1, got {shape}")
    return wanted  # type: ignore[return-value]


def _places(backend: Any, offsets: dict[str, Any], shape: tuple[int, int]) -> Places:
    smooth = []
    for name, offset in offsets.items():
        if isinstance(offset, PixelPolynomial):
            smooth.append(offset)
        elif np.ndim(offset) == 0:
            if not np.isfinite(offset):
                raise ValueError(f"{name} must be finite, got {offset}")
            smooth.append(PixelPolynomial([[float(offset)]]))
    if len(smooth) < len(offsets):
        rasters = [
            _raster(backend, _whole(offset, shape), name, shape)
            if isinstance(offset, PixelPolynomial) or np.ndim(offset) == 0
            else _raster(backend, offset, name, shape)
            for name, offset in offsets.items()
        ]
        return Places(rasters[0], rasters[1], -1, shape)
    pixels = [PixelPolynomial([[0.0], [1.0]]), PixelPolynomial([[0.0, 1.0]])]
    factors = [
        tuple(np.concatenate(parts, axis=axis) for axis, parts in ((1, (own[0], more[0])), (0, (own[1], more[1]))))
        for own, more in (
            (pixel.terms(shape), offset.terms(shape)) for pixel, offset in zip(pixels, smooth, strict=True)
        )
    ]
    terms = max(down.shape[1] for down, _ in factors)
    rows = np.stack([np.pad(down, ((0, 0), (0, terms - down.shape[1]))) for down, _ in factors])
    cols = np.stack([np.pad(along, ((0, terms - along.shape[0]), (0, 0))) for _, along in factors])
    return Places(rows, cols, terms, shape)


def _whole(offset: Any, shape: tuple[int, int]) -> np.ndarray:
    row, col = np.ogrid[: shape[0], : shape[1]]
    return np.array(np.broadcast_to(offset(row, col) if callable(offset) else float(offset), shape), np.float64)


def _raster(backend: Any, raster: Any, name: str, shape: tuple[int, int]) -> Any:
    if str(getattr(raster, "dtype", None)) not in ("float32", "float64"):
        raise TypeError(
            f"{name} must be an array of float32 or float64, got {getattr(raster, 'dtype', type(raster).__name__)}"
        )
    if tuple(raster.shape) != shape:
        raise ValueError(f"{name} must have the shape of the result, {shape}, got {tuple(raster.shape)}")
    # The sum shows in one pass whether any value is not finite.
    if not np.isfinite(float(raster.sum())):
        bad = int((~(abs(raster) < np.inf)).sum())
        raise ValueError(f"{name} must be finite, got {bad} of {raster.size} that are not")
    return raster.astype(np.float64, copy=False)


def _phase(carrier: Phase | None, doppler: Any) -> Phase | None:
    if carrier is not None and not callable(carrier):
        raise TypeError(f"carrier must be callable, such as a PixelPolynomial, got {type(carrier).__name__}")
    doppler = 0.0 if doppler is None else doppler
    if not callable(doppler) and not np.isfinite(doppler):
        raise ValueError(f"doppler must be finite cycles per row, got {doppler}")
    if carrier is None and not callable(doppler) and doppler == 0:
        return None

    def phase(row: Any, col: Any) -> Any:
        cycles = doppler(col) if callable(doppler) else doppler
        return (0.0 if carrier is None else carrier(row, col)) + 2 * np.pi * cycles * row

    return phase


def _positions(places: Places, rows: slice) -> tuple[np.ndarray, np.ndarray]:
    """Row and column in the image of a block of rows of the result."""
    if places.terms < 0:
        index = np.arange(rows.start, rows.stop, dtype=np.float64)[:, None]
        return index + places.rows[rows], np.arange(places.shape[1], dtype=np.float64) + places.cols[rows]
    return tuple(sum_of_terms(places.rows[axis][rows], places.cols[axis]) for axis in (0, 1))  # type: ignore[return-value]


def _with_carrier(backend: Any, slc: Any, table: np.ndarray, places: Places, phase: Phase, flatten: Any) -> Any:
    """Process blocks: remove the carrier from the needed samples, resample, and restore it at the new positions."""
    host = places._replace(rows=backend.to_host(places.rows), cols=backend.to_host(places.cols))
    parts = []
    margin = table.shape[1]
    for start in range(0, places.shape[0], _BLOCK):
        block = slice(start, min(start + _BLOCK, places.shape[0]))
        row, col = _positions(host, block)
        first = min(max(int(np.floor(row.min())) - margin, 0), slc.shape[0] - 1)
        last = max(min(int(np.ceil(row.max())) + margin + 1, slc.shape[0]), first + 1)
        index = np.arange(first, last, dtype=np.float64)[:, None], np.arange(slc.shape[1], dtype=np.float64)[None]
        before = _finite(phase(*index), (last - first, slc.shape[1]))
        still = backend.turn_image(slc[first:last], backend.to_device(before), -1.0)
        after = _finite(phase(row, col), row.shape)
        if flatten is not None:
            after = after - backend.to_host(flatten[block])
        at = Places(backend.to_device(row - first), backend.to_device(col), 0, row.shape)
        parts.append(backend.resample_image(still, table, at, backend.to_device(after)))
    return parts[0] if len(parts) == 1 else module_of(slc).concatenate(parts)


def _finite(phase: Any, shape: tuple[int, int]) -> np.ndarray:
    radians = np.array(np.broadcast_to(phase, shape), np.float64)
    if not np.isfinite(radians).all():
        raise ValueError("carrier and doppler must give finite phases everywhere")
    return radians


def _refuse_beyond(backend: Any, places: Places, shape: tuple[int, int]) -> None:
    host = places._replace(rows=backend.to_host(places.rows), cols=backend.to_host(places.cols))
    row, col = _positions(host, slice(0, places.shape[0]))
    inside = (row >= -0.5) & (row <= shape[0] - 0.5) & (col >= -0.5) & (col <= shape[1] - 0.5)
    if not inside.any():
        raise ValueError(
            f"azimuth_offset and range_offset must leave pixels on the image of {tuple(shape)}; rows go to "
            f"{row.min():.6g} ... {row.max():.6g}, columns to {col.min():.6g} ... {col.max():.6g}"
        )
