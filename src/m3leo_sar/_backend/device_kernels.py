"""Launch code of every kernel, for any device."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from m3leo_sar._backend.choose import module_of
from m3leo_sar._backend.coherence_request import CoherenceRequest, map_addresses
from m3leo_sar._backend.coregister_request import CARRIER_ROWS, CoregisterRequest, StillLines
from m3leo_sar._backend.device import SHARED_LIMIT, THREADS, Device, kind_of, over_patches, over_pixels, suffix
from m3leo_sar._backend.device_coherence import coherence_pairs
from m3leo_sar._backend.kernel_sizes import BINS, MOMENTS, block_shape
from m3leo_sar._backend.normalise_request import PIXEL_TYPES, NormaliseRequest, pixel_type
from m3leo_sar._backend.places import Places
from m3leo_sar._backend.words import fill_words

#: Maximum number of blocks of a grid along y and z.
_GRID_LIMIT = 65_535
#: Decay fits: numbers per lag and pixel (struct LagSums of decay.h), threads of a block that keeps them in shared
#: memory, maximum bytes of them per launch where they do not fit.
_DECAY_NUMBERS, _DECAY_THREADS = 3, 32
_DECAY_SCRATCH = 64 << 20
#: Rows and columns of the pixels of a block that fits fringes, as in fringe.cu, and of one that resamples, as in
#: resample.cu.
_FRINGE_PATCH, _RESAMPLE_PATCH = (64, 128), (24, 64)
#: Blocks along a channel whose moments the host combines.
_HISTOGRAM_PARTS = 32
#: Pixels per thread of the normalisation kernel, as in normalise.cu.
_NORMALISE_PIXELS = 4

Pairs = Sequence[tuple[int, int]]
Grid = tuple[tuple[int, ...], tuple[int, ...]]


def area_value(device: Device, source: Any, rows: Any, cols: Any, rule: int) -> Any:
    """Mean (0), sum (1), minimum (2) or maximum (3) of (bands, rows, cols) between the corners of each tile pixel."""
    source, out, arguments, grid = _areas(device, source, rows, cols)
    device.launch("area", f"area_{kind_of(out.dtype)}", *grid, (*arguments, np.int32(rule)))
    return out


def area_mode(device: Device, source: Any, rows: Any, cols: Any, nodata: Any) -> Any:
    """Most common label of (bands, rows, cols) between the corners of each tile pixel."""
    source, out, arguments, grid = _areas(device, source, rows, cols)
    kernel = f"area_mode_u{8 * source.dtype.itemsize}"
    device.launch("area", kernel, *grid, (*arguments, fill_words(nodata, source.dtype)))
    return out


def _areas(device: Device, source: Any, rows: Any, cols: Any) -> tuple[Any, Any, tuple[Any, ...], Grid]:
    source = device.contiguous(source)
    corners = [_on_device(device, axis) for axis in (rows, cols)]
    out = device.empty((len(source), rows.shape[0] - 1, rows.shape[1] - 1), source.dtype)
    arguments = (source, *corners, out, *_sizes(source), np.int64(out.shape[1]), np.int64(out.shape[2]))
    return source, out, arguments, over_pixels(out[0].size, threads=64)


def _real(dtype: np.dtype) -> np.dtype:
    return np.dtype(f"f{dtype.itemsize // 2}")


def fringe_coherence(
    device: Device,
    reference: Any,
    secondary: Any,
    frequencies: tuple[Any, Any] | None,
    request: CoherenceRequest,
) -> tuple[dict[str, Any], Any, Any]:
    """Maps, and the frequencies along rows and columns, given or estimated, each (rows, cols)."""
    images = [device.contiguous(image) for image in (reference, secondary)]
    shape, real = images[0].shape, _real(images[0].dtype)
    found = [device.contiguous(axis) for axis in frequencies] if frequencies else []
    found = found or [device.empty(shape, real) for _ in range(2)]
    maps = {name: device.empty(shape, dtype) for name, dtype in request.dtypes(real)}
    sizes = (*(np.int64(size) for size in shape), *(np.int32(size) for size in request.window))
    rule = (np.int32(frequencies is not None), np.float64(request.min_valid), np.int32(request.centred))
    arguments = (*images, *sizes, *rule, *found, device.from_host(map_addresses(maps, device.address)))
    grid = over_patches(shape, patch=_FRINGE_PATCH)
    device.launch("fringe", f"fringe_{suffix(real)}", grid, (THREADS,), arguments)
    return maps, found[0], found[1]


def fit_decay(
    device: Device,
    coherence: Any,
    lag_of_pair: np.ndarray,
    lag_days: np.ndarray,
    table: np.ndarray,
    taus: tuple[float, float],
    scale: float,
) -> Any:
    """rho_inf, tau and rmse, (3, pixels), of coherence (pairs, pixels); ``taus`` is the first tau and the ratio."""
    coherence = device.contiguous(coherence)
    pairs, pixels = coherence.shape
    out = device.empty((3, pixels), coherence.dtype)
    tables = [device.from_host(array) for array in (lag_of_pair, lag_days, table)]
    sizes = (np.int64(pairs), np.int64(pixels), np.int32(table.shape[1]), np.int32(table.shape[0]))
    numbers = (*sizes, *(np.float64(value) for value in (*taus, scale)))
    per_pixel = _DECAY_NUMBERS * table.shape[1]
    shared = _DECAY_THREADS * (8 * per_pixel + (pairs + 3) * coherence.dtype.itemsize)
    fits = shared <= SHARED_LIMIT
    part = pixels if fits else max(1, min(pixels, _DECAY_SCRATCH // (8 * per_pixel)))
    scratch = device.empty((1 if fits else part * per_pixel,), np.float64)
    threads = _DECAY_THREADS if fits else THREADS
    for first in range(0, pixels, part):
        count = min(part, pixels - first)
        place = (np.int64(first), np.int64(count), np.int32(per_pixel), scratch, np.int32(not fits))
        launch = (*over_pixels(count, threads=threads), (coherence, *tables, *numbers, *place, out), shared * fits)
        device.launch("decay", f"decay_{suffix(coherence.dtype)}", *launch)
    return out


def histogram(device: Device, values: Any, mask: Any) -> tuple[Any, Any]:
    """Counts (channels, 4096) int64 over [0, 1] and moments (channels, parts, 7) float64 of (channels, rows, cols)."""
    values, mask = device.contiguous(values), device.contiguous(mask)
    pixels = values.shape[1] * values.shape[2]
    parts = min(_HISTOGRAM_PARTS, -(-pixels // THREADS))
    counts = device.zeros((len(values), BINS), np.int64)
    moments = device.empty((len(values), parts, MOMENTS), np.float64)
    arguments = (values, mask.view(np.uint8), counts, moments, np.int64(pixels))
    device.launch("histogram", "histogram_channels", (parts, len(values)), (THREADS,), arguments)
    return counts, moments


def homogeneous_ks(device: Device, amplitude: Any, limit: int, rows: int, cols: int) -> Any:
    """Mask (rows, cols, words) from amplitudes (dates, rows, cols)."""
    xp = module_of(amplitude)
    # A thread reads all dates of a pixel.
    amplitude = device.contiguous(xp.sort(xp.moveaxis(amplitude, 0, -1), axis=-1))
    high, wide, dates = amplitude.shape
    mask, sizes = _homogeneous_mask(device, (high, wide), rows, cols)
    arguments = (amplitude, np.int32(dates), np.int32(limit), *sizes, mask)
    device.launch("homogeneous", f"homogeneous_ks_{suffix(amplitude.dtype)}", *over_pixels(high * wide), arguments)
    return mask


def homogeneous_glrt(device: Device, intensity: Any, limit: float, rows: int, cols: int) -> Any:
    """Mask (rows, cols, words) from mean intensities (rows, cols)."""
    intensity = device.contiguous(intensity)
    mask, sizes = _homogeneous_mask(device, intensity.shape, rows, cols)
    arguments = (intensity, np.float64(limit), *sizes, mask)
    device.launch("homogeneous", f"homogeneous_glrt_{suffix(intensity.dtype)}", *over_pixels(intensity.size), arguments)
    return mask


def homogeneous_coherence(
    device: Device,
    reference: Any,
    secondary: Any,
    mask: Any,
    min_neighbours: int,
    request: CoherenceRequest,
) -> dict[str, Any]:
    """Maps (rows, cols) over the samples set in the mask, at least ``min_neighbours`` of them valid."""
    images = [device.contiguous(image) for image in (reference, secondary)]
    mask, shape = device.contiguous(mask), images[0].shape
    maps = {name: device.empty(shape, dtype) for name, dtype in request.dtypes(_real(images[0].dtype))}
    sizes = (*(np.int64(size) for size in shape), *(np.int32(size) for size in (*request.window, mask.shape[2])))
    rule = (np.float64(request.min_valid), np.int32(min_neighbours), np.int32(request.centred))
    arguments = (*images, mask, *sizes, *rule, device.from_host(map_addresses(maps, device.address)))
    kernel = f"homogeneous_coherence_{suffix(images[0].dtype)}"
    device.launch("homogeneous", kernel, *over_pixels(images[0].size), arguments)
    return maps


def _homogeneous_mask(device: Device, shape: tuple[int, ...], rows: int, cols: int) -> tuple[Any, tuple[Any, ...]]:
    words = -(-rows * cols // 64)
    sizes = (np.int64(shape[0]), np.int64(shape[1]), np.int32(rows), np.int32(cols), np.int32(words))
    return device.empty((*shape, words), np.uint64), sizes


def interferogram_pairs(
    device: Device,
    slcs: Sequence[Any],
    pairs: Pairs,
    looks: tuple[int, int],
    min_valid: float,
    phases: Sequence[Any],
) -> Any:
    """Mean of reference x conj(secondary) over ``looks`` rows and columns, (pairs, rows, cols).

    ``phases`` is empty, or one plane of radians per pair to subtract first.
    """
    rows, cols = looks
    images = [device.contiguous(slc) for slc in slcs]
    size = images[0].shape
    out = device.empty((len(pairs), size[0] // rows, size[1] // cols), images[0].dtype)
    kernel = f"interferogram_{suffix(out.dtype)}"
    look = (np.int64(size[1]), np.int32(rows), np.int32(cols), np.float64(min_valid))
    sizes = (*look, np.int64(out.shape[1]), np.int64(out.shape[2]))
    for index, (first, second) in enumerate(pairs):
        plane = out[index]
        phase = device.contiguous(phases[index].astype(np.float64, copy=False)) if phases else images[first]
        arguments = (images[first], images[second], phase, np.int32(bool(phases)), plane, *sizes)
        device.launch("interferogram", kernel, *over_pixels(plane.size), arguments)
    return out


def multilook(device: Device, images: Any, rows: int, cols: int, min_valid: float) -> Any:
    """Mean of the valid samples over ``rows`` by ``cols`` looks of (images, rows, cols)."""
    images = device.contiguous(images)
    count, high, wide = images.shape
    out = device.empty((count, high // rows, wide // cols), images.dtype)
    sizes = [np.int64(high), np.int64(wide), np.int32(rows), np.int32(cols), np.float64(min_valid)]
    sizes += [np.int64(out.shape[1]), np.int64(out.shape[2])]
    (across,), block = over_pixels(out.shape[1] * out.shape[2])
    for first in range(0, count, _GRID_LIMIT):
        part = slice(first, min(first + _GRID_LIMIT, count))
        grid = (across, part.stop - part.start)
        device.launch("multilook", f"multilook_{kind_of(out.dtype)}", grid, block, (images[part], out[part], *sizes))
    return out


def normalise(
    device: Device, planes: Sequence[Any], request: NormaliseRequest, out: tuple[Any, Any] | None = None
) -> tuple[Any, Any]:
    """Values (float32) and mask (bool), (channels, rows, cols), of planes (rows, cols)."""
    held = [device.contiguous(plane) for plane in planes]
    values, mask = out if out is not None else (device.empty(request.shape, t) for t in (np.float32, np.bool_))
    addresses = device.from_host(np.array([device.address(plane) for plane in held], np.uint64))
    types = device.from_host(np.array([PIXEL_TYPES[pixel_type(plane)] for plane in held], np.int32))
    pixels = request.shape[1] * request.shape[2]
    double = request.in_double(held)
    for kernel, chosen in (("normalise_f32", ~double), ("normalise_f64", double)):
        if chosen.any():
            tables = [device.from_host(table[chosen]) for table in (request.places, request.recipes)]
            arguments = (addresses, types, *tables, values, mask, np.int64(pixels), np.int64(request.shape[2]))
            (across,), _ = over_pixels(pixels, threads=THREADS * _NORMALISE_PIXELS)
            device.launch("normalise", kernel, (across, int(chosen.sum())), (THREADS,), arguments)
    return values, mask


def resample_image(device: Device, image: Any, table: Any, places: Places, phase: Any) -> Any:
    """Complex image (rows, cols) interpolated at each position by a table of weights, rotated by a phase (radians)."""
    image, table = device.contiguous(image), _on_device(device, table)
    out = device.empty(places.shape, image.dtype)
    turned = phase is not None
    kernel = f"resample_{table.shape[1]}_{suffix(image.dtype)}"
    # Four taps of all lines after another, as resample.cu reads them.
    quads = table.reshape(len(table), -1, 4).swapaxes(0, 1).astype(np.float32)
    weights = device.contiguous(quads)
    turn = _on_device(device, phase) if turned else table
    arguments = (image, table, weights, turn, np.int32(turned), out, *_sizes(image), *_placed(device, places))
    device.launch("resample", kernel, over_patches(places.shape, patch=_RESAMPLE_PATCH), (128,), arguments)
    return out


def still_lines(device: Device, lines: Any, valid: Any, model: Any, first: int, count: int) -> StillLines:
    """Lines ``first`` to ``first + count`` of a burst without their carrier.

    ``lines`` is (rows, cols) complex64 or (rows, cols, 2) int16, ``valid`` (rows, 2) int64 or None.
    """
    lines, table = device.contiguous(lines), _on_device(device, model)
    pixels = device.empty((count, lines.shape[1]), np.complex64)
    masked = valid is not None
    segments = (first + count - 1) // CARRIER_ROWS - first // CARRIER_ROWS + 1
    threads = segments * lines.shape[1]
    sizes = (np.int64(first), np.int64(count), np.int64(lines.shape[1]), pixels, np.int64(threads))
    arguments = (lines, _on_device(device, valid) if masked else table, np.int32(masked), table, *sizes)
    kernel = f"coregister_still_{'i16' if lines.dtype == np.int16 else 'f32'}"
    device.launch("coregister", kernel, *over_pixels(threads, threads=128), arguments)
    return StillLines(pixels, first, None)


def coregister_rows(device: Device, still: StillLines, request: CoregisterRequest, first_row: int, out: Any) -> int:
    """Fill rows of the reference from ``first_row`` on, (rows, cols) complex64 or (rows, cols, 2) int16.

    Returns the number of samples that did not fit into int16.
    """
    model, posts = _on_device(device, request.model), _on_device(device, request.posts)
    tables = [request.down, request.right, request.down.astype(np.float32), request.right.astype(np.float32)]
    stored, full = out.dtype == np.int16, device.zeros((1,), np.int64)
    window = (still.pixels, np.int64(still.first), *_sizes(still.pixels))
    heights = (posts, *_sizes(posts), *(np.int32(step) for step in request.steps))
    place = (np.int64(first_row), np.int64(out.shape[1]), np.float64(request.flatten))
    result = (out, out, np.int32(stored), np.float32(request.inverse), full)
    arguments = (*window, model, *heights, *(_on_device(device, table) for table in tables), *place, *result)
    grid = (out.shape[0] * -(-out.shape[1] // 128),)
    device.launch("coregister", f"coregister_{request.right.shape[1]}", grid, (128,), arguments)
    return int(full[0])


def turn_image(device: Device, image: Any, phase: Any, sign: float) -> Any:
    """Complex image multiplied by exp(j sign phase)."""
    image, phase = device.contiguous(image), _on_device(device, phase)
    out = device.empty(image.shape, image.dtype)
    arguments = (image, phase, np.float64(sign), out, np.int64(image.size))
    device.launch("resample", f"resample_turn_{suffix(image.dtype)}", *over_pixels(image.size), arguments)
    return out


def warp_nearest(device: Device, source: Any, places: Places, fill: Any) -> Any:
    """Nearest pixel of (bands, rows, cols) at each position, ``fill`` outside the source."""
    source = device.contiguous(source)
    out = device.empty((len(source), *places.shape), source.dtype)
    size = source.dtype.itemsize
    kernel = f"warp_nearest_u{8 * min(size, 8)}"
    arguments = (source, fill_words(fill, source.dtype), out, *_sizes(source), np.int32(max(size // 8, 1)))
    device.launch("warp", kernel, over_patches(places.shape), (THREADS,), (*_placed(device, places), *arguments))
    return out


def warp_bilinear(device: Device, source: Any, places: Places) -> Any:
    """Bilinear value of (bands, rows, cols) at each position, NaN outside the source."""
    source = device.contiguous(source)
    out = device.empty((len(source), *places.shape), source.dtype)
    arguments = (*_placed(device, places), source, out, *_sizes(source))
    device.launch("warp", f"warp_bilinear_{kind_of(out.dtype)}", over_patches(places.shape), (THREADS,), arguments)
    return out


def warp_kernel(device: Device, source: Any, places: Places, kind: int, scale: tuple[float, float]) -> Any:
    """Kernel-weighted value of (bands, rows, cols) at each position, NaN outside the source."""
    source = device.contiguous(source)
    out = device.empty((len(source), *places.shape), source.dtype)
    numbers = (np.int32(kind), np.float64(scale[0]), np.float64(scale[1]))
    arguments = (*_placed(device, places), source, out, *_sizes(source), *numbers)
    device.launch("warp", f"warp_kernel_{kind_of(out.dtype)}", over_patches(places.shape), (128,), arguments)
    return out


def _placed(device: Device, places: Places) -> tuple[Any, ...]:
    """Positions in the form used by every kernel of warp.cu; those in host memory are copied."""
    axes = [_on_device(device, axis) for axis in (places.rows, places.cols)]
    origin, shape = (np.float64(value) for value in places.origin), (np.int64(size) for size in places.shape)
    return *axes, np.int32(places.terms), *origin, *shape


def _on_device(device: Device, array: Any) -> Any:
    return device.contiguous(device.from_host(array) if type(array) is np.ndarray else array)


def _sizes(source: Any) -> tuple[Any, ...]:
    return tuple(np.int64(size) for size in source.shape)


def geolocate_inverse(device: Device, tile_row: Any, tile_col: Any, tile_shape: tuple[int, int]) -> tuple[Any, Any]:
    """Radar (row, col) of every tile pixel centre, NaN where no cell contains it."""
    tile_row, tile_col = device.contiguous(tile_row), device.contiguous(tile_col)
    rows, cols = (np.int64(size) for size in tile_row.shape)
    owner = device.zeros(tile_shape, np.int64)
    out_row, out_col = device.empty(tile_shape, np.float64), device.empty(tile_shape, np.float64)
    high, wide = (np.int64(size) for size in tile_shape)
    cells, pixels = (int(rows) - 1) * (int(cols) - 1), int(high) * int(wide)
    claim = (tile_row, tile_col, owner, rows, cols, high, wide)
    device.launch("geolocate", "geolocate_claim_cells", *over_pixels(max(cells, 1)), claim)
    resolve = (tile_row, tile_col, owner, out_row, out_col, rows, cols, wide, np.int64(pixels))
    device.launch("geolocate", "geolocate_resolve_pixels", *over_pixels(pixels), resolve)
    return out_row, out_col


def geometry_points(device: Device, model: Any, points: Any, start: float) -> tuple[Any, Any]:
    """Row and column of points (count, 3), in Earth-fixed metres, in the image; NaN where not seen."""
    table, points = _on_device(device, model), _on_device(device, points)
    row, col = (device.empty((len(points),), np.float64) for _ in range(2))
    arguments = (table, points, np.float64(start), row, col, np.int64(len(points)))
    device.launch("geometry", "geometry_points", *over_pixels(len(points), threads=128), arguments)
    return row, col


def geometry_ground(
    device: Device, model: Any, row: Any, col: Any, height: Any, table: tuple[float, ...]
) -> tuple[Any, Any, Any, Any]:
    """Longitude, latitude (radians), height and incidence of the ground at radar positions, (count,) each.

    ``table`` georeferences the terrain: longitude and latitude of its first pixel, their steps, lowest and highest
    value.
    """
    planes = [_on_device(device, array) for array in (model, row, col, height)]
    found = tuple(device.empty((len(row),), np.float64) for _ in range(4))
    terrain = (*(np.int64(size) for size in height.shape), *(np.float64(value) for value in table))
    arguments = (*planes, *terrain, *found, np.int64(len(row)))
    device.launch("geometry", "geometry_ground", *over_pixels(len(row), threads=128), arguments)
    return found  # type: ignore[return-value]


def geometry_tile(device: Device, model: Any, down: Any, along: Any, height: Any) -> tuple[Any, Any]:
    """Radar row and column of every pixel of a tile of heights, with positions as sums of few terms."""
    row, col = (device.empty(height.shape, np.float64) for _ in range(2))
    tile, count = _tile_ground(device, model, down, along, height)
    grid = over_pixels(int(count), threads=128)
    device.launch("geometry", "geometry_tile", *grid, (*tile, row, col, count))
    return row, col


def geometry_incidence(device: Device, model: Any, down: Any, along: Any, height: Any, row: Any) -> Any:
    """Local incidence of every pixel of a tile, radians."""
    incidence = device.empty(height.shape, np.float64)
    tile, count = _tile_ground(device, model, down, along, height)
    grid = over_pixels(int(count), threads=128)
    device.launch("geometry", "geometry_incidence", *grid, (*tile, _on_device(device, row), incidence, count))
    return incidence


def geometry_sights(device: Device, down: Any, along: Any, height: Any) -> tuple[Any, Any]:
    """Range, metres, and minus the cosine of the look angle of every pixel of a tile; sights are sums of few terms."""
    distance, look = (device.empty(height.shape, np.float64) for _ in range(2))
    (_, *tile), count = _tile_ground(device, down, down, along, height)
    grid = over_pixels(int(count), threads=128)
    device.launch("geometry", "geometry_sights", *grid, (*tile, distance, look, count))
    return distance, look


def geometry_shade(
    device: Device,
    distance: Any,
    look: Any,
    step: tuple[float, float],
    steps: int,
    first: tuple[int, int],
    shape: tuple[int, int],
) -> Any:
    """1 for layover, 2 for shadow, 3 for both, in a part of the ground; ``step`` is one pixel away from the radar."""
    distance, look = _on_device(device, distance), _on_device(device, look)
    sizes = tuple(np.int64(size) for size in distance.shape)
    away = tuple(np.float64(part) for part in step)
    levels, *blocks, planes = block_shape(*distance.shape)
    bounds = device.empty((levels, *blocks, planes), np.float64)
    for level in range(levels):
        count = math.prod(((size - 1) >> level) + 1 for size in blocks)
        grid = over_pixels(count, threads=128)
        arguments = (distance, look, *sizes, np.int32(level), *away, bounds, np.int64(count))
        device.launch("geometry", "geometry_bounds", *grid, arguments)
    out = device.empty(shape, np.uint8)
    search = (np.int32(levels), *away, np.int32(steps))
    place = (*(np.int64(part) for part in first), np.int64(shape[1]))
    grid = over_pixels(out.size, threads=128)
    arguments = (distance, look, bounds, *sizes, *search, *place, out, np.int64(out.size))
    device.launch("geometry", "geometry_shade", *grid, arguments)
    return out


def _tile_ground(device: Device, model: Any, down: Any, along: Any, height: Any) -> tuple[tuple[Any, ...], np.int64]:
    planes = [_on_device(device, array) for array in (model, down, along, height)]
    sizes = (np.int32(along.shape[1]), *(np.int64(size) for size in height.shape))
    return (*planes[:3], *sizes, planes[3]), np.int64(height.size)


def quantise(device: Device, values: Any, levels: int, no_data: int) -> Any:
    """Levels (uint8) of values in [0, 1], ``no_data`` for NaN."""
    values = device.contiguous(values)
    out = device.empty(values.shape, np.uint8)
    if out.size:
        arguments = (values, out, np.int64(out.size), np.int32(levels), np.int32(no_data))
        device.launch("quantise", f"quantise_{suffix(values.dtype)}", *over_pixels(out.size), arguments)
    return out


#: Every kernel by name; a backend binds them to its device.
KERNELS: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        area_mode,
        area_value,
        coherence_pairs,
        coregister_rows,
        fit_decay,
        fringe_coherence,
        geolocate_inverse,
        geometry_ground,
        geometry_incidence,
        geometry_points,
        geometry_shade,
        geometry_sights,
        geometry_tile,
        histogram,
        homogeneous_coherence,
        homogeneous_glrt,
        homogeneous_ks,
        interferogram_pairs,
        multilook,
        normalise,
        quantise,
        resample_image,
        still_lines,
        turn_image,
        warp_bilinear,
        warp_kernel,
        warp_nearest,
    )
}


def bound(device: Device) -> dict[str, Callable[..., Any]]:
    """Every kernel bound to a device."""
    return {name: partial(function, device) for name, function in KERNELS.items()}
