"""The data of a chip to draw: its quantity, unit and classes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.chips.land_cover import WORLDCOVER, legend_of
from m3leo_sar.chips.legend import Legend
from m3leo_sar.io.chips.chip import Chip
from m3leo_sar.io.chips.product_names import COHERENCE, INTENSITY, LABEL
from m3leo_sar.pictures.colours import percentile_limits


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """The data of a chip to draw.

    Parameters
    ----------
    kind : str
        ``"coherence"``, ``"decibel"``, ``"phase"``, ``"classes"``, ``"mask"`` or ``"value"``.
    values : (rows, cols)
        Power for ``"decibel"``, complex numbers for ``"phase"``, codes for ``"classes"``.
    label : str
        Quantity and unit.
    bands : int
        Number of bands of the chip; the first is drawn.
    legend : Legend
        Of ``"classes"``: pixels with its ``nodata`` code have no data.
    """

    kind: str
    values: NDArray[Any]
    label: str
    bands: int = 1
    legend: Legend = WORLDCOVER

    @property
    def known(self) -> NDArray[np.bool_]:
        """Mask (rows, cols) of the pixels with data."""
        if self.kind == "classes":
            return self.values != self.legend.nodata
        return ~np.isnan(self.values) if self.values.dtype.kind in "fc" else np.ones(self.values.shape, bool)


def plane_of(dataset: str, key: str, chip: Chip) -> Plane:
    """Choose the rendering of a chip from its product, dtype, unit and classes.

    Raises
    ------
    ValueError
        If the chip is neither (rows, cols) nor (bands, rows, cols).
    """
    array = np.asarray(chip.array)
    if array.ndim not in (2, 3) or 0 in array.shape:
        raise ValueError(f"a chip must be (rows, cols) or (bands, rows, cols), {dataset} {key} has {array.shape}")
    first, bands = (chip, 1) if array.ndim == 2 else (chip._replace(array=array[0]), len(array))
    values = first.array
    unit = str(chip.metadata.get("unit") or "")
    quantity = str(chip.metadata.get("product") or dataset)
    if values.dtype.kind == "c":
        return Plane("phase", values, "phase (rad)", bands)
    if values.dtype == bool:
        return Plane("mask", values, key, bands)
    if values.dtype.kind in "iu":
        legend = _legend(dataset, key, first, is_label=unit == "class" or LABEL in (quantity, dataset))
        if legend is not None:
            return Plane("classes", np.where(first.known, values.astype(np.int64), legend.nodata), key, bands, legend)
    values = first.values().astype(np.float32)
    if quantity == COHERENCE:
        return Plane("coherence", values, "coherence", bands)
    if quantity == INTENSITY or unit == "intensity":
        return Plane("decibel", values, f"{quantity} (dB)", bands)
    if unit in ("rad", "radian") and not (np.abs(values) > np.pi + 1e-4).any():
        return Plane("phase", np.exp(1j * values), "phase (rad)", bands)
    return Plane("value", values, f"{key if quantity == LABEL else quantity} ({unit or 'unit not specified'})", bands)


def _legend(dataset: str, key: str, chip: Chip, *, is_label: bool) -> Legend | None:
    """Classes of an integer chip; None if its integers are not class codes."""
    stated = legend_of(dataset, key, chip.metadata)
    if stated is not None or not is_label:
        return stated
    # 0 is the usual no-data code, unless the chip declares another.
    codes = np.unique(chip.array[chip.known & ((chip.array != 0) | (chip.nodata is not None))])
    return Legend.of_codes(codes if len(codes) else np.array([1])) if len(codes) <= 255 else None


def shown_values(plane: Plane) -> NDArray[Any]:
    """Values in the units of the key, one-dimensional: dB of power, radians of complex numbers; without no data."""
    values = plane.values[plane.known]
    if plane.kind == "phase":
        return np.angle(values[values != 0])
    if plane.kind == "decibel":
        return 10 * np.log10(values[values > 0])
    return values


def limits_of(planes: Iterable[Plane]) -> tuple[float, float] | None:
    """Common limits of several planes: the 2nd and 98th percentile of all values; None if the kind needs none."""
    found = [shown_values(plane) for plane in planes if plane.kind in ("decibel", "value")]
    values = np.concatenate(found) if found else np.empty(0)
    return percentile_limits(values) if np.isfinite(values).any() else None


def reduced(plane: Plane, size: int) -> Plane:
    """The plane reduced to at most ``size`` pixels along its longer side: block means, or subsampling for codes.

    Power and complex numbers are averaged, not dB or wrapped phase.
    """
    rows, cols = plane.values.shape
    step = -(-max(rows, cols) // size)
    if step <= 1:
        return plane
    if plane.kind in ("classes", "mask"):
        # The middle of each block; a side shorter than half a block gives its last pixel.
        row, col = (min(step // 2, side - 1) for side in (rows, cols))
        return replace(plane, values=plane.values[row::step, col::step])
    margins = ((0, -rows % step), (0, -cols % step))
    weight = np.pad(plane.known.astype(np.float32), margins)
    values = np.pad(np.where(plane.known, plane.values, 0), margins)
    sums, counts = (
        array.reshape(array.shape[0] // step, step, -1, step).sum(axis=(1, 3)) for array in (values, weight)
    )
    means = np.full(sums.shape, np.nan, sums.dtype)
    np.divide(sums, counts, out=means, where=counts > 0)
    return replace(plane, values=means)


def smoothed(plane: Plane) -> Plane:
    """A phase averaged over 7 x 7 pixels as complex numbers, as single-look phase looks like noise."""
    padded = np.pad(np.where(plane.known, plane.values, 0), 3)
    for axis in (0, 1):
        padded = np.lib.stride_tricks.sliding_window_view(padded, 7, axis=axis).mean(axis=-1)
    return replace(plane, values=np.where(plane.known, padded, np.nan))
