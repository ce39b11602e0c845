"""What is true of a simulated scene: offsets, phase and coherence between two dates at pixels of a burst."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from m3leo_sar.simulate.safe_scene import SafeScene
from m3leo_sar.simulate.swath_numbers import LIGHT, LINE, SAMPLING, WAVELENGTH
from m3leo_sar.simulate.zero_doppler import Place, ground_place, on_earth, zero_doppler


class PairTruth(NamedTuple):
    """True values at pixels of a burst of the reference date.

    Parameters
    ----------
    place : Place
        Ground at the pixels.
    azimuth, range : float64
        Lines and columns to add to find the pixels in the secondary's burst, with the injected shift.
    geometric_azimuth : float64
        Lines without the injected shift: what orbits and annotation tell.
    phase : float64
        Radians of reference x conj(secondary) by the difference of ranges, not wrapped.
    extra : float64
        Radians of the delays that were put in.
    coherence : float64
        Of the ground, without noise and geometry.
    """

    place: Place
    azimuth: NDArray[np.float64]
    range: NDArray[np.float64]
    geometric_azimuth: NDArray[np.float64]
    phase: NDArray[np.float64]
    extra: NDArray[np.float64]
    coherence: NDArray[np.float64]


def pair_truth(
    scene: SafeScene, *, reference: int, secondary: int, swath: str, burst: int, rows: ArrayLike, cols: ArrayLike
) -> PairTruth:
    """True offsets, phase and coherence of two dates, by their indices, at fractional pixels of a burst."""
    rows, cols = np.broadcast_arrays(np.asarray(rows, np.float64), np.asarray(cols, np.float64))
    first, second = scene.sentinel1_pass(reference), scene.sentinel1_pass(secondary)
    starts = [one.burst(swath, burst).azimuth_time for one in (first, second)]
    near = [one.range_time(swath, scene.start_column(swath)) for one in (first, second)]
    late = [one.options.azimuth_shift for one in (first, second)]
    time = starts[0] + (rows - late[0]) * LINE
    distance = (near[0] + cols / SAMPLING) * LIGHT / 2
    place = ground_place(first.orbit, time, distance, scene.ground.height_at)
    seen = zero_doppler(second.orbit, on_earth(*place), near=time)
    geometric = (seen.time - starts[1]) / LINE - (time - starts[0]) / LINE
    delays = [_delay(one.options.phase, place) for one in (first, second)]
    cover = scene.ground.cover_at(place.longitude, place.latitude)
    return PairTruth(
        place=place,
        azimuth=geometric + late[1] - late[0],
        range=(2 * seen.range / LIGHT - near[1]) * SAMPLING - cols,
        geometric_azimuth=geometric,
        phase=-4 * math.pi / WAVELENGTH * (distance - seen.range),
        extra=delays[1] - delays[0],
        coherence=scene.coherence_of(reference, secondary)[cover],
    )


def _delay(phase: Any, place: Place) -> Any:
    return np.zeros(place.height.shape) if phase is None else phase(place.longitude, place.latitude)


def truth_planes(scene: SafeScene, *, row_step: int = 12, col_step: int = 16) -> dict[str, NDArray[Any]]:
    """Arrays by name for a file beside the products: each burst and later date against the first date.

    Names are such as ``IW1/0/20230916/range``; ``IW1/0/rows`` and ``IW1/0/cols`` are the pixels of the first date.
    """
    planes: dict[str, NDArray[Any]] = {}
    left, right = scene.valid_columns
    for swath in scene.swaths:
        for burst in range(scene.bursts):
            rows = np.arange(*scene.valid_lines(swath, burst), row_step)
            cols = np.arange(left, right, col_step)
            name = f"{swath}/{burst}"
            planes[f"{name}/rows"], planes[f"{name}/cols"] = rows, cols
            for date in range(1, len(scene.dates)):
                truth = pair_truth(
                    scene, reference=0, secondary=date, swath=swath, burst=burst, rows=rows[:, None], cols=cols
                )
                fields = truth._asdict()
                place = fields.pop("place")
                fields |= place._asdict()
                planes |= {f"{name}/{scene.dates[date]:%Y%m%d}/{key}": value for key, value in fields.items()}
    return planes


def truth_record(scene: SafeScene) -> dict[str, Any]:
    """Facts of a scene as plain values: per date what was injected."""
    return {
        "dates": {
            str(options.date): {
                "mission": options.mission,
                "perpendicular_baseline": options.baseline,
                "azimuth_shift": options.azimuth_shift,
                "burst_lines": options.burst_lines,
                "range_start": options.range_start,
                "processor": options.processor,
            }
            for options in scene.passes
        },
        "coherence": scene.coherence,
        "classes": [cover.name for cover in scene.classes],
        "bursts": {
            swath: [scene.geometry.first_burst + index for index in range(scene.bursts)] for swath in scene.swaths
        },
        "track": scene.track,
        "lines": scene.lines,
        "columns": scene.columns,
        "polarisations": list(scene.polarisations),
        "seed": scene.seed,
    }
