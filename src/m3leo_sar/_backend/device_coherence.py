"""Launch code of the coherence kernels, for any device."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from m3leo_sar._backend.coherence_request import CoherenceRequest, map_addresses
from m3leo_sar._backend.device import SHARED_LIMIT, THREADS, Device, suffix

#: Threads per block of the marching kernels from narrow to wide windows, rows of results per block, columns per mark of
#: samples without data.
_WIDTHS, _STRIP_ROWS, _HOLE_COLS = (128, 256, 512), 64, 128
#: Bytes per sum, by kernel and bytes of its real type.
_SUM_BYTES = {("plain", 4): 16, ("plain", 8): 32, ("full", 4): 32, ("full", 8): 64}
#: Columns of a warp of the strip and group kernels, and warps per block, most first.
_STRIP_COLS, _GROUP_COLS, _STRIP_WARPS = 128, 256, (4, 2, 1)
#: Dates and pairs of a group at most, as in coherence_strips.cu, and its rows of results per block.
_GROUP_DATES, _GROUP_PAIRS, _GROUP_ROWS = 7, 12, 128
#: Bytes of one date's row in the shared memory of a group, twice buffered.
_STAGED_BYTES = 2 * 2 * 4 * (2 * 144 - 16)

Pairs = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class _Launch:
    """Kernel without its type, grid, block and shared bytes."""

    kernel: str
    grid: tuple[int, ...]
    block: tuple[int, ...]
    shared: int
    ring: bool = False
    rows: int = _STRIP_ROWS


def coherence_pairs(
    device: Device, slcs: Sequence[Any], pairs: Sequence[tuple[int, int]], request: CoherenceRequest
) -> dict[str, Any]:
    """Maps (pairs, rows, cols) of images of one shape and type; complex int16 is (rows, cols, 2)."""
    images = [_aligned(device, slc) for slc in slcs]
    phases = [device.contiguous(phase.astype(np.float64, copy=False)) for phase in request.phases]
    size, int16 = images[0].shape[:2], images[0].dtype == np.int16
    suffix_, real = ("i16", np.dtype(np.float32)) if int16 else (suffix(images[0].dtype), _real(images[0].dtype))
    shape = request.out_shape(size)
    maps = {name: device.empty((len(pairs), *shape), dtype) for name, dtype in request.dtypes(real)}
    taps = [taps if len(taps) else np.ones(size) for taps, size in zip(request.weights, request.window, strict=True)]
    fixed = [
        _addresses(device, images),
        device.from_host(np.array(pairs, np.int64).reshape(-1, 2)),
        _addresses(device, phases or images),
        device.from_host(map_addresses(maps, device.address)),
        *(device.from_host(np.ascontiguousarray(axis, np.float64)) for axis in taps),
        np.float64(request.min_valid),
        np.int32(bool(phases)),
    ]
    known = tuple((int(one), int(other)) for one, other in pairs)
    first, again = _passes(request, size, known, real.itemsize, device.shared_limit())
    marks = (len(images), -(-shape[0] // _STRIP_ROWS), -(-size[1] // _HOLE_COLS)) if again else (1,)
    holes = device.zeros(marks, np.uint8)
    for redo, one in enumerate((first, again)):
        if one is None:
            continue
        table = device.from_host(_settings(one, request, size, len(pairs)))
        common = (table, *fixed, holes, np.int32(again is not None))
        extra: tuple[Any, ...] = (np.int32(redo),) if one.kernel == "strip" else ()
        if one.kernel == "group":
            extra = _group_arguments(device, common, one, known, suffix_, request, size, len(images))
        arguments = (*common, *extra)
        device.launch(
            _stem(one.kernel), f"coherence_{one.kernel}_{suffix_}", one.grid, one.block, arguments, one.shared
        )
    return maps


def _passes(
    request: CoherenceRequest, size: tuple[int, ...], pairs: Pairs, real: int, shared_limit: int
) -> tuple[_Launch, _Launch | None]:
    """Launch for all pixels, and the one that redoes those near samples without data.

    Kernels of the magnitude alone count no samples, and those of a group add up powers of each date by itself.
    """
    count = len(pairs)
    full = _march("full", request, size, count, real)
    plain = request.wanted == ("magnitude",) and not request.phases
    if not plain or (request.strict and full.kernel == "direct"):
        return full, None
    strip = _strip(request, size, count) if real == 4 else None
    group = _group(request, size, pairs, shared_limit) if real == 4 else None
    alone = strip or _march("plain", request, size, count, real)
    if alone.kernel == "direct":
        return alone, None
    if group:
        return group, full if request.strict else strip
    return alone, full if request.strict else None


def _settings(launch: _Launch, request: CoherenceRequest, size: tuple[int, ...], pairs: int) -> np.ndarray:
    """Enum Setting of ext/insar/coherence_inputs.h."""
    settings = [*size, *request.out_shape(size), *request.window, *request.step, launch.ring, launch.rows]
    settings += [any(len(taps) for taps in request.weights), request.clip, request.centred, _HOLE_COLS, pairs]
    return np.array(settings, np.int64)


def _march(kind: str, request: CoherenceRequest, size: tuple[int, ...], pairs: int, real_bytes: int) -> _Launch:
    """Launch of a kernel whose threads own a column each, or a result each where the window is too wide for a block."""
    rows, cols = request.window
    shape, item = request.out_shape(size), _SUM_BYTES[kind, real_bytes]
    for width in _WIDTHS:
        # A block of threads that mostly computes halo is inefficient; the widest one is used in any case.
        if width >= cols + (width // 2 if width < _WIDTHS[-1] else 32) and 4 * width * item <= SHARED_LIMIT:
            ring = (4 + rows) * width * item <= SHARED_LIMIT
            grid = (pairs, -(-size[1] // (width - cols + 1)), _strips(shape))
            return _Launch(kind, grid, (width,), (4 + rows * ring) * width * item, ring)
    return _Launch("direct", (pairs * -(-shape[0] * shape[1] // THREADS), 1, 1), (THREADS,), 0)


def _strip(request: CoherenceRequest, size: tuple[int, ...], pairs: int) -> _Launch | None:
    """Launch of the kernel whose warps own strips, None where the window does not suit it."""
    rows, cols = request.window
    if cols > _STRIP_COLS // 2 or any(len(taps) for taps in request.weights):
        return None
    for warps in _STRIP_WARPS:
        shared = warps * _rows_kept(rows) * 4 * _STRIP_COLS * 4
        if shared <= SHARED_LIMIT:
            strips = -(-size[1] // _useful(cols, _STRIP_COLS))
            grid = (pairs, -(-strips // warps), _strips(request.out_shape(size)))
            return _Launch("strip", grid, (32 * warps,), shared)
    return None


def _group(request: CoherenceRequest, size: tuple[int, ...], pairs: Pairs, shared_limit: int) -> _Launch | None:
    """Launch of the kernel that shares dates among pairs, None where few pairs or the window do not suit it."""
    rows, cols = request.window
    shared = _GROUP_DATES * _STAGED_BYTES + _GROUP_PAIRS * _rows_kept(rows) * 2 * _GROUP_COLS * 4
    suits = cols <= _STRIP_COLS // 2 and shared <= shared_limit and not any(len(taps) for taps in request.weights)
    if not suits or len(pairs) <= len({date for pair in pairs for date in pair}) or not _strip(request, size, 1):
        return None
    groups = group_table(pairs)
    grid = (len(groups), -(-size[1] // _useful(cols, _GROUP_COLS)), -(-request.out_shape(size)[0] // _GROUP_ROWS))
    return _Launch("group", grid, (32 * _GROUP_PAIRS,), shared, rows=_GROUP_ROWS)


def _group_arguments(
    device: Device,
    common: tuple[Any, ...],
    launch: _Launch,
    pairs: Pairs,
    suffix_: str,
    request: CoherenceRequest,
    size: tuple[int, ...],
    dates: int,
) -> tuple[Any, Any]:
    """Table of groups, and 1 / sqrt(power) of every window of every date, which a kernel of its own finds first."""
    strips = launch.grid[1]
    inverse = device.empty((dates, request.out_shape(size)[0], strips, _GROUP_COLS), np.float32)
    warps = _STRIP_WARPS[0]
    shared = warps * _rows_kept(request.window[0]) * _GROUP_COLS * 4
    one = _Launch("powers", (dates, -(-strips // warps), _strips(request.out_shape(size))), (32 * warps,), shared)
    table = device.from_host(_settings(one, request, size, len(pairs)))
    arguments = (table, *common[1:], inverse)
    device.launch(_stem("powers"), f"coherence_powers_{suffix_}", one.grid, one.block, arguments, shared)
    return device.from_host(group_table(pairs)), inverse


@lru_cache(maxsize=16)
def group_table(pairs: tuple[tuple[int, int], ...]) -> np.ndarray:
    """Groups of pairs among few dates, (groups, 45) int32.

    Each is the numbers of its dates and pairs, its dates, and first and second date (places among its dates) and index
    of each pair.
    """
    found = _groups(pairs)
    table = np.zeros((len(found), 2 + _GROUP_DATES + 3 * _GROUP_PAIRS), np.int32)
    for row, held in zip(table, found, strict=True):
        dates = sorted({date for k in held for date in pairs[k]})
        row[:2] = len(dates), len(held)
        row[2 : 2 + len(dates)] = dates
        members = [(dates.index(pairs[k][0]), dates.index(pairs[k][1]), k) for k in held]
        row[2 + _GROUP_DATES :][: 3 * len(held)] = np.ravel(members)
    return table


def _groups(pairs: tuple[tuple[int, int], ...]) -> list[list[int]]:
    """Indices of the pairs of each group: it grows by the date that most pairs connect with those it has."""
    left: dict[tuple[int, int], list[int]] = {}
    for k in sorted(range(len(pairs)), key=lambda k: sorted(pairs[k])):
        left.setdefault((min(pairs[k]), max(pairs[k])), []).append(k)
    near: dict[int, set[int]] = defaultdict(set)
    for first, second in left:
        near[first].add(second)
        near[second].add(first)
    found = []
    while left:
        dates, inside = set(next(iter(left))), 1
        while len(dates) < _GROUP_DATES and inside < _GROUP_PAIRS:
            links = Counter(date for known in dates for date in near[known] - dates)
            if not links:
                break
            best = max(links, key=lambda date: (links[date], -date))
            dates.add(best)
            inside += links[best]
        edges = [edge for edge in itertools.combinations_with_replacement(sorted(dates), 2) if edge in left]
        held: list[int] = []
        for edge in edges:
            room = _GROUP_PAIRS - len(held)
            held += left[edge][:room]
            left[edge] = left[edge][room:]
            if not left[edge]:
                del left[edge]
                near[edge[0]].discard(edge[1])
                near[edge[1]].discard(edge[0])
        found.append(held)
    return found


def _stem(kernel: str) -> str:
    return "coherence_strips" if kernel in ("strip", "powers", "group") else "coherence"


def _useful(cols: int, width: int) -> int:
    """Columns of whole windows in a strip of a warp, as in coherence_strips.cu."""
    return width - cols + 1 & ~3


def _rows_kept(rows: int) -> int:
    return rows - 4 if rows >= 6 else 0


def _strips(shape: tuple[int, int]) -> int:
    return -(-shape[0] // _STRIP_ROWS)


def _aligned(device: Device, image: Any) -> Any:
    """The image in C order, copied where its samples do not lie at multiples of their size."""
    image = device.contiguous(image)
    return image.copy() if device.address(image) % (4 if image.dtype == np.int16 else image.itemsize) else image


def _addresses(device: Device, arrays: Sequence[Any]) -> Any:
    return device.from_host(np.array([device.address(array) for array in arrays], np.uint64))


def _real(dtype: np.dtype) -> np.dtype:
    return np.dtype(f"f{dtype.itemsize // 2}")
