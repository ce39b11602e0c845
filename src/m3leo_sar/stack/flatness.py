"""Whether the dates of a stack are flat: fringes of flat earth and terrain within a window lower coherence."""

from __future__ import annotations

import warnings

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.stack.burst_set import BurstSet
from m3leo_sar.stack.geometry import OrbitGeometry
from m3leo_sar.stack.slc import SlcStack


class UnflattenedWarning(UserWarning):
    """Samples are averaged over a stack that is not flattened, or does not state whether it is."""


def is_flat(stack: SlcStack | BurstSet) -> bool | None:
    """Whether the phase of flat earth and terrain is taken off the dates of a stack.

    Returns
    -------
    bool or None
        What the stack states; without a word, True on a map grid, as producers flatten before they geocode, and None in
        radar geometry, where it is unknown.
    """
    bursts = [stack] if isinstance(stack, SlcStack) else stack.bursts
    stated = [burst.flattened for burst in bursts]
    if False in stated:
        return False
    on_map = all(isinstance(burst.geometry, GeoBox) for burst in bursts)
    return True if all(stated) or on_map else None


def warn_unless_flat(stack: SlcStack | BurstSet, size: tuple[int, int], *, stacklevel: int = 2) -> None:
    """Warn of a window over a stack that is not flat, or does not say.

    Parameters
    ----------
    stack : SlcStack or BurstSet
    size : (int, int)
        Rows and columns of samples that are averaged.
    stacklevel : int
        As of :func:`warnings.warn`: 2 is the caller.

    Warns
    -----
    UnflattenedWarning
        If it is not known to be flat, and the window has several samples.
    """
    flat = is_flat(stack)
    rows, cols = size
    if flat or rows * cols == 1:
        return
    state = "states that its dates are not flattened" if flat is False else (
        "is in radar geometry and does not state whether its dates are flattened"
    )  # fmt: skip
    warnings.warn(
        f"{stack.name} {state}: the phase of flat earth and terrain within a window of {rows} x {cols} "
        f"samples lowers coherence, over 20 columns of Sentinel-1 by a third at 150 m of baseline; "
        f"{_remedy(stack, flat)}",
        UnflattenedWarning,
        stacklevel=stacklevel + 1,
    )


def _remedy(stack: SlcStack | BurstSet, flat: bool | None) -> str:
    """What to do, in one clause."""
    bursts = [stack] if isinstance(stack, SlcStack) else stack.bursts
    if all(burst.acquisitions and isinstance(burst.geometry, OrbitGeometry) for burst in bursts):
        takes_off = "prepare takes it off, as does m3leo_sar.products.flattening.flat_stack"
        if flat is False:
            return takes_off
        return f"state whether they are (flattened=, --flattened or --not-flattened); if not, {takes_off}"
    remove = "take it off before, or give it as reference_phase (m3leo_sar.range_phase)"
    return remove if flat is False else f"if they are, state it (flattened=True, --flattened); otherwise {remove}"
