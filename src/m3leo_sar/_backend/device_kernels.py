"""Launch code of every kernel, for any device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from m3leo_sar._backend.device import Device, kind, over_pixels, suffix
from m3leo_sar._backend.words import fill_words

#: Threads of a coherence block along rows and columns, and what a block may share on every GPU.
_TILE_ROWS, _TILE_COLS, _SHARED_LIMIT = 8, 32, 48 * 1024
_GRID_LIMIT = 65_535

Pairs = Sequence[tuple[int, int]]


def coherence_pairs(
    device: Device, slcs: Sequence[Any], pairs: Pairs, rows: int, cols: int, *, clip: bool = True
) -> Any:
    """Coherence (pairs, rows, cols) of images of one shape and complex dtype in a window of ``rows`` by ``cols``."""
    images = [device.contiguous(slc) for slc in slcs]
    shape, name = images[0].shape, suffix(images[0].dtype)
    real = np.dtype(f"f{images[0].dtype.itemsize // 2}")
    out = device.empty((len(pairs), *shape), real)
    addresses = device.from_host(np.array([device.address(image) for image in images], np.uint64))
    height, width = _TILE_ROWS + rows - 1, _TILE_COLS + cols - 1
    shared = height * (width + _TILE_COLS) * 4 * real.itemsize
    kernel, shared = ("tiled", shared) if shared <= _SHARED_LIMIT else ("direct", 0)
    sizes = (np.int64(shape[0]), np.int64(shape[1]), np.int32(rows), np.int32(cols), np.int32(clip))
    # Grid z holds a limited number of pairs a launch.
    for first in range(0, len(pairs), _GRID_LIMIT):
        part = list(pairs[first : first + _GRID_LIMIT])
        indices = device.from_host(np.array(part, np.int64))
        grid = (-(-shape[1] // _TILE_COLS), -(-shape[0] // _TILE_ROWS), len(part))
        arguments = (addresses, indices, out[first : first + len(part)], *sizes)
        device.launch("coherence", f"coherence_{kernel}_{name}", grid, (_TILE_COLS, _TILE_ROWS), arguments, shared)
    return out


def interferogram_pairs(device: Device, slcs: Sequence[Any], pairs: Pairs, rows: int, cols: int) -> Any:
    """Mean of reference x conj(secondary) over ``rows`` by ``cols`` looks, (pairs, rows, cols)."""
    images = [device.contiguous(slc) for slc in slcs]
    size = images[0].shape
    out = device.empty((len(pairs), size[0] // rows, size[1] // cols), images[0].dtype)
    kernel = f"interferogram_{suffix(out.dtype)}"
    sizes = (np.int64(size[1]), np.int32(rows), np.int32(cols), np.int64(out.shape[1]), np.int64(out.shape[2]))
    for plane, (first, second) in zip(out, pairs, strict=True):
        device.launch("interferogram", kernel, *over_pixels(plane.size), (images[first], images[second], plane, *sizes))
    return out


def multilook(device: Device, images: Any, rows: int, cols: int) -> Any:
    """Mean of the valid samples over ``rows`` by ``cols`` looks of (images, rows, cols)."""
    images = device.contiguous(images)
    count, high, wide = images.shape
    out = device.empty((count, high // rows, wide // cols), images.dtype)
    sizes = [np.int64(high), np.int64(wide), np.int32(rows), np.int32(cols)]
    sizes += [np.int64(out.shape[1]), np.int64(out.shape[2])]
    (across,), block = over_pixels(out.shape[1] * out.shape[2])
    for first in range(0, count, _GRID_LIMIT):
        part = slice(first, min(first + _GRID_LIMIT, count))
        grid = (across, part.stop - part.start)
        device.launch("multilook", f"multilook_{kind(out.dtype)}", grid, block, (images[part], out[part], *sizes))
    return out


def normalise(
    device: Device, chip: Any, encodings: np.ndarray, channels: np.ndarray, scalings: np.ndarray, count: int
) -> tuple[Any, Any]:
    """Values (float32) and mask (bool), (count, rows, cols), of a chip (bands, rows, cols)."""
    chip = device.contiguous(chip)
    values = device.empty((count, *chip.shape[1:]), np.float32)
    mask = device.empty(values.shape, np.uint8)
    pixels = chip.shape[1] * chip.shape[2]
    table = [device.from_host(array) for array in (encodings, channels, scalings)]
    arguments = (chip, *table, values, mask, np.int32(len(chip)), np.int64(pixels))
    device.launch("normalise", f"normalise_{kind(chip.dtype)}", *over_pixels(pixels), arguments)
    return values, mask.view(np.bool_)


def warp_nearest(device: Device, source: Any, rows: Any, cols: Any, fill: Any) -> Any:
    """Nearest pixel of (bands, rows, cols) at each position, ``fill`` off the source."""
    source, rows, cols = device.contiguous(source), device.contiguous(rows), device.contiguous(cols)
    out = device.empty((len(source), *rows.shape), source.dtype)
    size = source.dtype.itemsize
    shape = (np.int64(len(source)), np.int64(source.shape[1]), np.int64(source.shape[2]))
    arguments = (source, rows, cols, fill_words(fill, source.dtype), out, *shape, np.int32(max(size // 8, 1)))
    kernel = f"warp_nearest_u{8 * min(size, 8)}"
    device.launch("warp", kernel, *over_pixels(rows.size), (*arguments, np.int64(rows.size)))
    return out


def warp_bilinear(device: Device, source: Any, rows: Any, cols: Any) -> Any:
    """Bilinear value of (bands, rows, cols) at each position, NaN off the source."""
    source, rows, cols = device.contiguous(source), device.contiguous(rows), device.contiguous(cols)
    out = device.empty((len(source), *rows.shape), source.dtype)
    shape = (np.int64(len(source)), np.int64(source.shape[1]), np.int64(source.shape[2]), np.int64(rows.size))
    arguments = (source, rows, cols, out, *shape)
    device.launch("warp", f"warp_bilinear_{kind(out.dtype)}", *over_pixels(rows.size), arguments)
    return out


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


#: Every kernel by its name; a backend binds them to its device.
KERNELS: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        coherence_pairs,
        geolocate_inverse,
        interferogram_pairs,
        multilook,
        normalise,
        warp_bilinear,
        warp_nearest,
    )
}


def bound(device: Device) -> dict[str, Callable[..., Any]]:
    """Every kernel with its device filled in."""
    return {name: partial(function, device) for name, function in KERNELS.items()}
