"""User-defined estimators over a sliding window, written in plain Python and compiled."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from typing import Any

from m3leo_sar import _check
from m3leo_sar._backend.choose import backend_of, module_of
from m3leo_sar.doors.blocks import Reach
from m3leo_sar.doors.door import door
from m3leo_sar.grid.window import Window
from m3leo_sar.insar.selection import MIN_VALID, check_min_valid, check_window, per_pair, selected_pairs


@door(
    arrays={"reference": "drc", "secondary": "rc"},
    images=2,
    slcs=("reference", "secondary"),
    stacks=True,
    reach=lambda window, **_: Reach.of(window),
    name="window_map",
)
def window_map(
    function: Callable[..., Any],
    reference: Any,
    secondary: Any = None,
    *,
    window: Window,
    pairs: Any = None,
    terms: Callable[..., Any] | None = None,
    min_valid: float = MIN_VALID,
    fill_gaps: bool = False,
) -> Any:
    """Apply a user-defined estimator of two dates to each window; Numba compiles it for the CPU or the GPU.

    The function is plain Python. Without ``terms`` it receives the samples of the window: any estimator can be written
    this way, at a cost that grows with the window. An estimator based on means is far faster with ``terms``, a function
    of one sample per image: the terms are averaged over the window in two passes, like the library's own coherence.

    Parameters
    ----------
    function : callable
        ``function(reference, secondary)`` of two vectors (samples,) of the images' dtype, the samples of the window
        valid on both dates, row by row; or, with ``terms``, ``function(*means, count)`` of the mean of each term and
        the number of samples. Returns a number, a tuple of numbers or a NamedTuple of numbers. It may use anything that
        Numba compiles: arithmetic, loops, ``math``, ``cmath``, most of NumPy.
    reference : (rows, cols) or (dates, rows, cols) complex64, complex128 or int16, or SlcStack
        Co-registered SLC, or a whole stack when ``pairs`` is given, as in :func:`m3leo_sar.coherence`; a non-finite
        sample is no data.
    secondary : (rows, cols) complex or int16, optional
        The other SLC, of the same shape, dtype and library. Omit it for a stack.
    window : Window
        Full size in samples, without weights, truncated at the image edge; at most twice the size of the image.
    pairs : Pair, str, two dates, two indices, or a sequence of these, optional
        Pairs of dates of a stack; a single pair gives no axis of pairs.
    terms : callable, optional
        ``terms(reference, secondary)`` of one complex sample of each image, returning a number or a tuple of numbers.
    min_valid : float
        Share, in [0, 1], of the window's samples inside the image that must be valid; less gives NaN.
    fill_gaps : bool
        Also estimate at pixels whose own sample is not valid, where ``min_valid`` of their window is: with
        ``min_valid=0`` up to half a window into a gap. They are NaN otherwise.

    Returns
    -------
    (rows, cols) or (pairs, rows, cols) array, or a tuple of such arrays
        One array per number that the function returns, in the images' precision: float, or complex where the function
        returns complex numbers. A NamedTuple is returned as the same NamedTuple. NaN where there is no result.

    Raises
    ------
    ImportError
        If Numba is not installed; the extra ``numba`` installs it.
    TypeError
        If Numba cannot compile a function, or it returns no number; if a dtype is not supported or libraries are mixed.
    ValueError
        If shapes differ, the window is over twice the size of the image or has weights, or ``min_valid`` is outside [0,
        1].

    Notes
    -----
    The order of samples and sums depends on the window alone, so a tile with its halo gives the crop of the
    whole image bit for bit. The first call of a function compiles it, which takes some seconds.
    :mod:`m3leo_sar.insar.window_estimators` has example estimators.

    Examples
    --------
    >>> import numpy as np
    >>> from m3leo_sar import Window
    >>> def strongest(reference, secondary):
    ...     return np.abs(reference).max(), np.abs(secondary).max()
    >>> slc = np.exp(1j * np.arange(35.0)).astype("complex64").reshape(5, 7)
    >>> own, other = window_map(strongest, slc, 2 * slc, window=Window(rows=3, cols=5))
    >>> own.shape, round(float(other[2, 3]), 3)
    ((5, 7), 2.0)
    """
    images, indices = selected_pairs(reference, secondary, pairs)
    request = _request(window, images[0].shape, min_valid=min_valid, fill_gaps=fill_gaps)

    def estimate(_: int, first: int, second: int) -> Any:
        return _estimated(function, (images[first], images[second]), request, terms=terms)

    return per_pair(estimate, indices, stacked=pairs is not None)


@door(
    arrays={"stack": "drc"},
    images=3,
    slcs=("stack",),
    stacks=True,
    reach=lambda window, **_: Reach.of(window),
    name="stack_window_map",
)
def stack_window_map(
    function: Callable[..., Any],
    stack: Any,
    *,
    window: Window,
    min_valid: float = MIN_VALID,
    fill_gaps: bool = False,
) -> Any:
    """Apply a user-defined estimator of all dates to each window, as :func:`window_map` does for two.

    Parameters
    ----------
    function : callable
        ``function(samples)`` of a matrix (dates, samples): the samples of the window valid on all dates, row by row.
    stack : (dates, rows, cols) complex64, complex128 or int16, or SlcStack
        Co-registered SLCs, at least one date.
    window : Window
        Full size in samples, without weights, truncated at the image edge; at most twice the size of the image.
    min_valid, fill_gaps
        As in :func:`window_map`.

    Returns
    -------
    (rows, cols) array, or a tuple of such arrays
        As returned by :func:`window_map` for two images.

    Raises
    ------
    ImportError, TypeError, ValueError
        As :func:`window_map` does.

    Examples
    --------
    >>> import numpy as np
    >>> from m3leo_sar import Window
    >>> from m3leo_sar.insar.window_estimators import log_cumulant_looks
    >>> rng = np.random.default_rng(0)
    >>> speckle = rng.standard_normal((6, 40, 50, 2)).astype("float32").view("complex64")[..., 0]
    >>> looks = stack_window_map(log_cumulant_looks, speckle, window=Window(rows=9, cols=11))
    >>> bool(0.9 < np.nanmean(looks) < 1.1)
    True
    """
    _check.slc_array(stack, "stack", ndim=3)
    images, _ = selected_pairs(stack, None, [(0, 0)])
    request = _request(window, images[0].shape, min_valid=min_valid, fill_gaps=fill_gaps)
    return _estimated(function, tuple(images), request, whole=True)


def _request(window: Window, size: tuple[int, ...], *, min_valid: float, fill_gaps: bool) -> Any:
    if importlib.util.find_spec("numba") is None:
        raise ImportError('Numba is not installed; install it with pip install "m3leo-sar[numba]"')
    from m3leo_sar._backend.window_request import WindowRequest

    check_window(window, size)
    check_min_valid(min_valid)
    return WindowRequest((window.rows, window.cols), min_valid, needs_centre=not fill_gaps)


def _estimated(
    function: Callable[..., Any],
    images: Sequence[Any],
    request: Any,
    *,
    terms: Callable[..., Any] | None = None,
    whole: bool = False,
) -> Any:
    # Imported here: Numba takes a second to import, and nothing else needs it.
    from m3leo_sar._backend import window_estimator

    backend, xp = backend_of(*images).__name__.rpartition(".")[2], module_of(images[0])
    if backend == "simt":
        raise TypeError("the emulation runs the library's own CUDA texts and no function of Numba, got its arrays")
    dtype = images[0].dtype
    if terms is not None:
        arguments = window_estimator.mean_types(terms, dtype)
    else:
        arguments = window_estimator.sample_types(dtype, whole=whole)
    _, returned = window_estimator.compiled(function, arguments, name="function")
    results = window_estimator.results_of(returned, name="function")
    real = xp.empty(0, dtype).real.dtype
    outs = tuple(xp.empty(images[0].shape, dtype if is_complex else real) for is_complex in results.complex)
    images = tuple(xp.ascontiguousarray(image) for image in images)
    engine: Any = window_estimator
    if backend == "gpu":
        from m3leo_sar._backend import window_estimator_cuda

        engine = window_estimator_cuda
    if terms is not None:
        engine.over_means(function, terms, images, outs, request)
    else:
        engine.over_samples(function, images, outs, request, whole=whole)
    if results.container is None:
        return outs[0]
    return tuple(outs) if results.container is tuple else results.container(*outs)
