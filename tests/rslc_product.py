"""NISAR RSLC products by their specification, written with h5py alone."""

from __future__ import annotations

import datetime
from typing import Any

import h5py
import numpy as np

NAME = "NISAR_L1_PR_RSLC_004_113_D_065_4005_DHDH_A"
ROWS, COLS = 40, 60
DATES = (datetime.date(2026, 6, 18), datetime.date(2026, 6, 30))
RANGE, STEP, LINE = 850_000.0, 6.25, 0.0005
HEIGHT = 350.0


def speckle(seed: int) -> Any:
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(ROWS, COLS)) + 1j * rng.normal(size=(ROWS, COLS))).astype("c8")


def place_of(row: Any, col: Any, height: Any, shift: float = 0.0) -> Any:
    """Longitude and latitude of a pixel: far from true, but exact where interpolated linearly."""
    return 10 + 1e-4 * col + 2e-5 * height + shift, 45 - 5e-5 * row + 1e-5 * height


def orbit(file: Any, group: str, start: datetime.datetime) -> None:
    time = np.arange(0.0, 80.0, 10.0) - 35
    angle = 0.001 * time
    file[f"{group}/time"] = time
    file[f"{group}/time"].attrs["units"] = np.bytes_(f"seconds since {start:%Y-%m-%dT%H:%M:%S}.000000000")
    circle = [np.cos(angle), np.sin(angle), 0 * angle]
    file[f"{group}/position"] = 7e6 * np.stack(circle, axis=1)
    file[f"{group}/velocity"] = 7e3 * np.stack([-circle[1], circle[0], circle[2]], axis=1)


def product(folder, date=DATES[0], *, kind="RSLC", first=RANGE, line=LINE, shift=0.0, shape=(ROWS, COLS), cube=True,
            half=False, frequencies="A"):  # fmt: skip
    """A product by its specification, written with h5py alone."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{NAME}_{date:%Y%m%d}T010537_{date:%Y%m%d}T010600_P05023_N_F_J_001.h5"
    start = datetime.datetime.combine(date, datetime.time(1, 5))
    pixels = speckle(date.day)[: shape[0], : shape[1]]
    with h5py.File(path, "w") as file:
        root = f"science/LSAR/{kind}"
        file[f"{root}/swaths/zeroDopplerTime"] = 12.0 + line * np.arange(shape[0])
        file[f"{root}/swaths/zeroDopplerTime"].attrs["units"] = np.bytes_(f"seconds since {start:%Y-%m-%dT%H:%M:%S}")
        for letter in frequencies:
            group = file.create_group(f"{root}/swaths/frequency{letter}")
            group["slantRange"] = first + STEP * np.arange(shape[1])
            group["processedCenterFrequency"] = 1239e6
            group["sceneCenterAlongTrackSpacing"] = 3.5
            group["numberOfSubSwaths"] = np.uint8(2)
            spans = np.zeros((2, shape[0], 2), "u4")
            # A line without any, and two sub-swaths with a gap; half open.
            spans[0, 1:], spans[1, 1:] = (2, 30), (33, 57)
            group["validSamplesSubSwath1"], group["validSamplesSubSwath2"] = spans
            group["HH"] = pixels
            group["HV"] = pixels * 2
            if half:
                del group["HH"]
                group["HH"] = pixels.view("f4").astype("f2").view([("r", "f2"), ("i", "f2")])
        if cube:
            grid = file.create_group(f"{root}/metadata/geolocationGrid")
            heights, rows, cols = np.array([-500.0, 0, 1000, 3000]), np.arange(-10, 60, 10), np.arange(-20, 100, 20)
            grid["epsg"] = np.uint32(4326)
            grid["heightAboveEllipsoid"] = heights
            # Another epoch than the image's.
            grid["zeroDopplerTime"] = 72.0 + line * rows
            earlier = start - datetime.timedelta(minutes=1)
            grid["zeroDopplerTime"].attrs["units"] = f"seconds since {earlier:%Y-%m-%d %H:%M:%S}.000000"
            grid["slantRange"] = first + STEP * cols
            x, y = place_of(rows[:, None], cols[None], heights[:, None, None], shift)
            sizes = (heights.size, rows.size, cols.size)
            grid["coordinateX"], grid["coordinateY"] = (np.broadcast_to(part, sizes) for part in (x, y))
            file[f"{root}/metadata/processingInformation/parameters/referenceTerrainHeight"] = np.full(5, HEIGHT)
        orbit(file, f"{root}/metadata/orbit", start)
        facts = file.create_group("science/LSAR/identification")
        facts["zeroDopplerStartTime"] = f"{date}T01:05:12.000000000"
        facts["trackNumber"], facts["frameNumber"] = np.uint32(113), np.uint16(65)
        facts["orbitPassDirection"], facts["lookDirection"] = "Descending", "Left"
    return path
