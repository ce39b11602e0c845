"""Coherence of xarray and dask arrays: the same call block by block, with coordinates and attributes kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from m3leo_sar.grid.window import Looks, Window


def is_labelled(*arrays: Any) -> bool:
    """Whether one of them is an xarray or dask array; neither library is imported to find out."""
    return any(type(array).__module__.partition(".")[0] in ("xarray", "dask") for array in arrays)


def image_size(reference: Any) -> tuple[int, ...]:
    """Rows and columns of an array or a stack; complex int16 has the parts on a last axis."""
    shape = tuple(getattr(reference, "shape", ()))
    shape = shape[:-1] if str(getattr(reference, "dtype", "")) == "int16" else shape
    if len(shape) < 2:
        raise ValueError(f"reference must be (rows, cols) or (dates, rows, cols), got shape {shape}")
    return shape[-2:]


def labelled_coherence(
    function: Callable[..., Any], reference: Any, secondary: Any, *, reference_phase: Any, **options: Any
) -> Any:
    """Call ``function`` on the data of labelled arrays and label its results.

    Raises
    ------
    TypeError
        If labelled and plain arrays are mixed.
    ValueError
        If two labelled arrays do not have the same coordinates.
    """
    arrays = {"reference": reference, "secondary": secondary, "reference_phase": reference_phase}
    given = {name: array for name, array in arrays.items() if array is not None}
    owners = {type(array).__module__.partition(".")[0] for array in given.values()}
    if len(owners) > 1:
        raise TypeError(f"arrays must all be of one library, got {' and '.join(sorted(owners))}")
    if owners == {"dask"}:
        return _blockwise(function, **arrays, **options)
    _same_grid(given)
    data = {name: None if array is None else array.data for name, array in arrays.items()}
    result = function(data["reference"], data["secondary"], reference_phase=data["reference_phase"], **options)
    if isinstance(result, tuple):
        fields: dict[str, Any] = result._asdict()  # type: ignore[attr-defined]
        return type(result)(*(_label(plane, name, reference, options) for name, plane in fields.items()))
    return _label(result, "coherence", reference, options)


def _same_grid(given: dict[str, Any]) -> None:
    """Labels that disagree mean images that are not co-registered; xarray would cut both to what they share."""
    import xarray

    first = given["reference"]
    for name, array in given.items():
        plane = array.dims[-2:] if array.dtype != "int16" or name == "reference_phase" else array.dims[-3:-1]
        for dim in plane:
            if dim in first.coords and dim in array.coords:
                try:
                    xarray.align(first[dim], array[dim], join="exact")
                except ValueError:
                    raise ValueError(f"{name} must have the coordinates of reference along {dim!r}") from None


def _label(plane: Any, name: str, reference: Any, options: dict[str, Any]) -> Any:
    import xarray

    dims = list(reference.dims[:-1] if reference.dtype == "int16" else reference.dims)
    rows, cols = dims[-2:]
    step = options["step"] or Looks(rows=1, cols=1)
    pick = {rows: _picked(plane.shape[-2], step.rows), cols: _picked(plane.shape[-1], step.cols)}
    grid = reference.isel({dim: 0 for dim in reference.dims if dim not in (rows, cols)}, drop=True).isel(pick)
    coords = dict(grid.coords)
    if options["pairs"] is not None:
        coords["pair"] = [_pair_label(pair) for pair in options["pairs"]]
    attributes = {**reference.attrs, "long_name": name.replace("_", " "), "units": "rad" if name == "phase" else "1"}
    if name.startswith("power"):
        attributes.pop("units")
    leading = ["pair"] if options["pairs"] is not None else []
    return xarray.DataArray(plane, dims=[*leading, rows, cols], coords=coords, name=name, attrs=attributes)


def _picked(count: int, step: int) -> slice:
    return slice(step // 2, step // 2 + (count - 1) * step + 1, step)


def _pair_label(pair: Any) -> str:
    return str(pair) if hasattr(pair, "days") else "_".join(str(int(index)) for index in pair)


def _blockwise(
    function: Callable[..., Any], *, reference: Any, secondary: Any, reference_phase: Any, **options: Any
) -> Any:
    """The call on each block with its halo; results are those of the whole, bit for bit."""
    import dask.array
    import numpy as np

    step, pairs = options["step"], options["pairs"]
    images = [array for array in (reference, secondary) if array is not None]
    axes = [_axes(image, stacked=pairs is not None) for image in images]
    if reference_phase is not None:
        images.append(reference_phase)
        axes.append("qrc"[-reference_phase.ndim :])
    grid = {axis: reference.chunks[axes[0].index(axis)] for axis in "rc"}
    depth = dict(zip("rc", zip(options["window"].before, options["window"].after, strict=True), strict=True))
    parts = [_with_halo(image, names, grid, depth) for image, names in zip(images, axes, strict=True)]

    def block(*arrays: Any) -> Any:
        given = list(arrays)
        phase = given.pop() if reference_phase is not None else None
        result = function(*given, reference_phase=phase, **{**options, "step": None})
        return np.stack(result) if isinstance(result, tuple) else result

    # A call on a few samples tells what comes out, and refuses what is to be refused before anything is computed.
    small = [_sample(image, names, options["window"]) for image, names in zip(images, axes, strict=True)]
    phase = small.pop() if reference_phase is not None else None
    probe = function(*small, reference_phase=phase, **{**options, "step": None})
    fields = len(probe) if isinstance(probe, tuple) else 0
    new_axes = ({"f": fields} if fields else {}) | ({"p": len(pairs)} if pairs is not None else {})
    dtype = probe[0].dtype if fields else probe.dtype
    whole = dask.array.blockwise(
        block,
        "".join(new_axes) + "rc",
        *(item for pair in zip(parts, axes, strict=True) for item in pair),
        new_axes=new_axes,
        dtype=dtype,
        concatenate=True,
        align_arrays=False,
        meta=np.empty((0,) * (len(new_axes) + 2), dtype),
    )
    halo = {len(new_axes): depth["r"], len(new_axes) + 1: depth["c"]}
    result = dask.array.overlap.trim_internal(whole, halo, boundary="none")
    if step is not None:
        rows, cols = result.shape[-2] // step.rows, result.shape[-1] // step.cols
        result = result[..., _picked(rows, step.rows), _picked(cols, step.cols)]
    return type(probe)(*result) if fields else result


def _axes(image: Any, *, stacked: bool) -> str:
    """Date, row, column and part, as letters."""
    return "d" * stacked + "rc" + "i" * (str(image.dtype) == "int16")


def _with_halo(image: Any, names: str, grid: dict[str, Any], depth: dict[str, Any]) -> Any:
    import dask.array

    # -1 is one block along an axis: all dates of a tile are read together.
    blocks = image.rechunk({axis: grid.get(name, -1) for axis, name in enumerate(names)})
    reach = {axis: depth.get(name, 0) for axis, name in enumerate(names)}
    return dask.array.overlap.overlap(blocks, depth=reach, boundary="none")


def _sample(image: Any, names: str, window: Window) -> Any:
    import numpy as np

    size = {"r": min(window.rows, image.shape[names.index("r")]), "c": min(window.cols, image.shape[names.index("c")])}
    return np.ones([size.get(name, image.shape[axis]) for axis, name in enumerate(names)], image.dtype)
