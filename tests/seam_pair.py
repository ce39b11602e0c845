"""A pair of simulated dates around a seam, co-registered with the parts that exist for one image at a time."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any

import numpy as np

from m3leo_sar import resample
from m3leo_sar.app.scene_files import write_safe_scene
from m3leo_sar.grid.orbit import Orbit
from m3leo_sar.io.sentinel1.safe import open_safe
from m3leo_sar.simulate.safe_scene import SafeScene
from m3leo_sar.simulate.sentinel1_pass import PassOptions
from m3leo_sar.warp.range_phase import Acquisition, geometric_offsets

FIRST = datetime.date(2023, 9, 4)


def seam_scene(*later: dict[str, Any], **options: Any) -> SafeScene:
    """Dates of 140 lines on either side of a seam, everywhere coherent and without noise; two unless told."""
    settings: dict[str, Any] = {"lines": 140, "columns": 210, "coherence": 1.0, "noise": None, "relief": 30.0}
    other: dict[str, Any] = {"baseline": 29.0, "burst_lines": -0.03, "range_start": -5.2}
    passes = [
        PassOptions(date=FIRST + datetime.timedelta(days=12 * (index + 1)), **(other | one))
        for index, one in enumerate(later or ({},))
    ]
    return SafeScene(passes=(PassOptions(date=FIRST), *passes), **(settings | options))


@dataclass
class SeamPair:
    """Both bursts of both dates, and the way from pixels to an interferogram, which tests may disturb."""

    scene: SafeScene
    swaths: list[Any]
    #: Index of the secondary date.
    second: int = 1
    #: Columns of a swath.
    width: int = 210

    @classmethod
    def written(cls, scene: SafeScene, folder: Any) -> SeamPair:
        files = write_safe_scene(scene, folder)
        return cls(scene, [open_safe(path, swath="IW1", polarisation="VV") for path in files.products])

    def acquisition(self, date: int, burst: int) -> Acquisition:
        # By formula, not from the annotation: what an orbit file would say.
        flown = self.scene.sentinel1_pass(date)
        times = np.arange(-70.0, 80.0, 10.0) + np.floor(flown.burst("IW1", burst).azimuth_time)
        note = self.swaths[date].annotation
        shift = (flown.midnight - note.epoch).total_seconds()
        return Acquisition(Orbit(times + shift, *flown.vectors(times)), note.radar_grid(burst))

    def rows(self, burst: int) -> slice:
        # Clear of the edges of what is valid, by more than the kernel's reach.
        low, high = self.scene.valid_lines("IW1", burst)
        return slice(low + 8, high - 8)

    @property
    def cols(self) -> slice:
        return slice(20, self.width - 20)

    def offsets(self, burst: int, *, other: int | None = None, dem: Any = None) -> Any:
        reference, secondary = (
            self.acquisition(0, burst),
            self.acquisition(self.second, burst if other is None else other),
        )
        ground = self.scene.ground
        return geometric_offsets(
            reference=reference._replace(radar_grid=reference.radar_grid.crop(self.rows(burst), self.cols)),
            secondary=secondary,
            dem=ground.heights if dem is None else dem,
            dem_geobox=ground.geobox("EPSG:4326"),
            vertical_crs="ellipsoid",
            node_spacing=2,
        )

    def interferogram(self, burst: int, *, offsets: Any = None, other: int | None = None, **disturbed: Any) -> Any:
        """Reference x conj(secondary), and its coherence; what is disturbed is named as in the first lines."""
        way: dict[str, Any] = {"carrier": "own", "flatten": -1.0, "lines": 0.0, "columns": 0.0} | disturbed
        other = burst if other is None else other
        offsets = self.offsets(burst, other=other) if offsets is None else offsets
        first = self.swaths[0].burst(burst)[self.rows(burst), self.cols]
        swath = self.swaths[self.second]
        wave = swath.annotation.carrier(other) if way["carrier"] == "own" else way["carrier"]
        moved = resample(
            swath.burst(other),
            azimuth_offset=offsets.azimuth + way["lines"],
            range_offset=offsets.range + way["columns"],
            carrier=wave,
            doppler=0.0 if wave is None else None,
            flatten=way["flatten"] * offsets.phase,
        )
        product = first * moved.conj()
        known = np.isfinite(product)
        power = np.sqrt((abs(first[known]) ** 2).sum() * (abs(moved[known]) ** 2).sum())
        return product, abs(product[known].sum()) / power

    def moved(self, burst: int, offsets: Any, lines: float = 0.0) -> tuple[Any, Any]:
        """Reference and co-registered secondary of a burst."""
        swath = self.swaths[self.second]
        moved = resample(
            swath.burst(burst),
            azimuth_offset=offsets.azimuth + lines,
            range_offset=offsets.range,
            carrier=swath.annotation.carrier(burst),
            flatten=-offsets.phase,
        )
        return self.swaths[0].burst(burst)[self.rows(burst), self.cols], moved

    def shared(self, planes: Any) -> tuple[Any, Any]:
        """The lines that both bursts see, of a plane of each."""
        starts = [self.scene.sentinel1_pass(0).burst("IW1", burst).azimuth_time for burst in (0, 1)]
        apart = round((starts[1] - starts[0]) / self.swaths[0].annotation.azimuth_interval)
        begin = [self.rows(0).start, self.rows(1).start + apart]
        lines = slice(max(begin), min(self.rows(0).stop, self.rows(1).stop + apart))
        return tuple(plane[lines.start - at : lines.stop - at] for plane, at in zip(planes, begin, strict=True))

    def separation(self) -> Any:
        """Frequency of the first burst less that of the second at the lines both see, Hz."""
        planes = []
        for burst in (0, 1):
            rows, cols = self.rows(burst), self.cols
            carrier = self.swaths[self.second].annotation.carrier(burst)
            planes.append(
                carrier.frequency(np.arange(rows.start, rows.stop)[:, None], np.arange(cols.start, cols.stop))
            )
        first, second = self.shared(planes)
        return first - second

    def seam(self, products: Any) -> float:
        """Phase by which the first burst's interferogram exceeds the second's where both see the ground."""
        one, two = self.shared(products)
        return float(np.angle((one * two.conj()).sum()))
