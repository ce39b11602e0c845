"""Annotation of Sentinel-1 IW single-look complex products."""

from __future__ import annotations

import datetime
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.grid.orbit import Orbit
from m3leo_sar.grid.radar_grid import RadarGrid
from m3leo_sar.grid.tops import RangePolynomial, TopsCarrier, steering_rate
from m3leo_sar.io.files import limits
from m3leo_sar.io.files.plain_xml import parse_xml

_LIGHT = 299_792_458.0
_MOTION = ("position", "velocity")


@dataclass(frozen=True, slots=True, eq=False)
class BurstTiming:
    """One burst of a swath.

    Parameters
    ----------
    azimuth_time : float
        Zero-Doppler time of its first row, seconds since the annotation's epoch.
    first_valid, last_valid : (lines,) int
        First and last valid column of each row; -1 for a row without valid pixels.
    sensing_time : datetime.datetime or None
        Raw time of its first row, UTC, which gives the burst's identifier only; None if it is not annotated.
    number : int or None
        ``burstId``, from IPF 3.40 on.
    """

    azimuth_time: float
    first_valid: NDArray[np.int64]
    last_valid: NDArray[np.int64]
    sensing_time: datetime.datetime | None = None
    number: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class SwathAnnotation:
    """The annotation of one swath and polarisation.

    Parameters
    ----------
    swath, polarisation, mission : str
        Such as ``"IW3"``, ``"VV"``, ``"S1A"``.
    orbit_direction : str
        ``"ascending"`` or ``"descending"``.
    epoch : datetime.datetime
        UTC that all times count from in seconds: midnight of the first line's day.
    lines, samples : int
        Rows and columns of a burst.
    bursts : tuple of BurstTiming
        In order of time.
    azimuth_interval : float
        Seconds per row.
    range_time, range_interval : float
        Two-way time of column 0, and seconds per column.
    frequency : float
        Radar frequency, Hz.
    steering : float
        Steering rate of the antenna, degrees per second.
    orbit : Orbit
        State vectors of the annotation.
    fm_rates, dopplers : tuple of (float, RangePolynomial)
        Azimuth FM rates and Doppler centroids, each with its time.
    geolocation : dict of str to (points,) float64
        ``line``, ``pixel``, ``latitude``, ``longitude``, ``height``, ``incidence`` of the geolocation grid;
        ``azimuth_time`` in seconds since the epoch and two-way ``range_time``, NaN where they are not annotated.
    orbit_source : str
        Origin of ``orbit``: ``"Auxiliary"`` (an orbit file), or ``"Downlink"`` (the satellite's own navigation).
    orbit_number : int or None
        Absolute orbit of the first line.
    ascending_node : datetime.datetime or None
        Time of the ascending node that the processor refers to, UTC.
    prf : float or None
        Pulse repetition frequency, Hz.
    rank : int or None
        Pulses in flight between transmission and reception.
    pulse_ramp_rate : float or None
        Frequency rate of the transmitted pulse, Hz per second.
    is_bistatic_corrected : bool
        Whether the processor moved all times by the delay of mid-swath (``bistaticDelayCorrectionApplied``).

    Notes
    -----
    Fields after ``geolocation`` are None, empty or false where the annotation does not state them: products repacked by
    other software leave some empty.
    """

    swath: str
    polarisation: str
    mission: str
    orbit_direction: str
    epoch: datetime.datetime
    lines: int
    samples: int
    bursts: tuple[BurstTiming, ...]
    azimuth_interval: float
    range_time: float
    range_interval: float
    frequency: float
    steering: float
    orbit: Orbit
    fm_rates: tuple[tuple[float, RangePolynomial], ...]
    dopplers: tuple[tuple[float, RangePolynomial], ...]
    geolocation: dict[str, NDArray[np.float64]]
    orbit_source: str = ""
    orbit_number: int | None = None
    ascending_node: datetime.datetime | None = None
    prf: float | None = None
    rank: int | None = None
    pulse_ramp_rate: float | None = None
    is_bistatic_corrected: bool = False

    @property
    def wavelength(self) -> float:
        """Metres."""
        return _LIGHT / self.frequency

    @property
    def date(self) -> datetime.date:
        """Day of the first line."""
        return self.epoch.date()

    def radar_grid(self, burst: int) -> RadarGrid:
        """Azimuth times and ranges of one burst's pixels.

        Raises
        ------
        IndexError
            If there is no such burst.
        """
        return RadarGrid(
            (self.lines, self.samples),
            azimuth_time=self.bursts[burst].azimuth_time,
            azimuth_interval=self.azimuth_interval,
            slant_range=self.range_time * _LIGHT / 2,
            range_spacing=self.range_interval * _LIGHT / 2,
            wavelength=self.wavelength,
        )

    def carrier(self, burst: int) -> TopsCarrier:
        """Azimuth carrier of one burst, from the estimates nearest to its middle.

        Raises
        ------
        IndexError
            If there is no such burst.
        ValueError
            If the nearest estimate is further away than the length of a burst, such as in a truncated list.
        """
        middle = self.bursts[burst].azimuth_time + (self.lines - 1) / 2 * self.azimuth_interval
        _, velocity = self.orbit.at(middle)

        def nearest(estimates: tuple[tuple[float, RangePolynomial], ...], name: str) -> RangePolynomial:
            time, polynomial = min(estimates, key=lambda estimate: abs(estimate[0] - middle))
            if abs(time - middle) > self.lines * self.azimuth_interval:
                raise ValueError(
                    f"burst {burst} must have a {name} near its middle, the nearest is {abs(time - middle):.1f} s away"
                )
            return polynomial

        return TopsCarrier(
            lines=self.lines,
            azimuth_interval=self.azimuth_interval,
            range_time=self.range_time,
            range_interval=self.range_interval,
            middle_time=self.range_time + self.samples / 2 * self.range_interval,
            steering=steering_rate(float(np.linalg.norm(velocity)), self.frequency, self.steering),
            fm_rate=nearest(self.fm_rates, "FM rate"),
            doppler=nearest(self.dopplers, "Doppler centroid"),
        )


class EmptySwath(ValueError):
    """An annotation without bursts: the product does not reach into this swath."""


def read_annotation(source: str | os.PathLike[str] | bytes) -> SwathAnnotation:
    """Read the annotation of a swath: a file, or its bytes.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not XML, has a document type (unlike real ones), is not an IW single-look complex product, lacks an
        entry, or holds another number of entries than its count; the message names it.
    EmptySwath
        If it has no burst, as swaths of short products may.
    """
    if isinstance(source, bytes):
        name, text = "annotation", source
    else:
        path = Path(source)
        if not path.is_file():
            raise FileNotFoundError(f"there is no file {path}")
        limits.require_size(path.name, path.stat().st_size, limits.LARGEST_TEXT)
        name, text = path.name, path.read_bytes()
    root = parse_xml(text, name)
    bursts = root.find("swathTiming/burstList")
    if bursts is not None and len(bursts) == 0:
        raise EmptySwath(f"{name} has no burst: the product does not reach into this swath")
    try:
        return _swath(root)
    except (KeyError, ValueError, TypeError, IndexError, ArithmeticError) as error:
        raise ValueError(f"{name} must be the annotation of an IW SLC product: {error}") from error


def _swath(root: ElementTree.Element) -> SwathAnnotation:
    header, image = _only(root, "adsHeader"), _only(root, "imageAnnotation/imageInformation")
    kind = _text(header, "productType"), _text(header, "mode")
    if kind != ("SLC", "IW"):
        raise ValueError(f"productType and mode must be SLC and IW, got {kind[0]} and {kind[1]}")
    product, timing = _only(root, "generalAnnotation/productInformation"), _only(root, "swathTiming")
    first = utc_time(_text(header, "startTime"))
    epoch = first.replace(hour=0, minute=0, second=0, microsecond=0)

    def seconds(element: ElementTree.Element, entry: str) -> float:
        return (utc_time(_text(element, entry)) - epoch).total_seconds()

    def estimates(path: str, polynomial: str) -> tuple[tuple[float, RangePolynomial], ...]:
        return tuple(
            (seconds(item, "azimuthTime"), RangePolynomial(_number(item, "t0"), _coefficients(item, polynomial)))
            for item in _listed(root, path)
        )

    lines, samples = (int(_text(timing, entry)) for entry in ("linesPerBurst", "samplesPerBurst"))
    bursts = tuple(_burst(item, seconds(item, "azimuthTime"), lines) for item in _listed(timing, "burstList/burst"))
    return SwathAnnotation(
        swath=_text(header, "swath"),
        polarisation=_text(header, "polarisation"),
        mission=_text(header, "missionId"),
        orbit_direction=_text(product, "pass").lower(),
        epoch=epoch,
        lines=lines,
        samples=samples,
        bursts=bursts,
        azimuth_interval=_positive(image, "azimuthTimeInterval"),
        range_time=_positive(image, "slantRangeTime"),
        range_interval=1 / _positive(product, "rangeSamplingRate"),
        frequency=_positive(product, "radarFrequency"),
        steering=_number(product, "azimuthSteeringRate"),
        orbit=_orbit(root, seconds),
        fm_rates=_falling(estimates("generalAnnotation/azimuthFmRateList/azimuthFmRate", "azimuthFmRatePolynomial")),
        dopplers=estimates("dopplerCentroid/dcEstimateList/dcEstimate", "dataDcPolynomial"),
        geolocation=_geolocation(root, seconds),
        **_stated(root),
    )


def _stated(root: ElementTree.Element) -> dict[str, Any]:
    """Entries that not every processor writes, or that a repacked product leaves empty."""
    image, downlink = "imageAnnotation", "generalAnnotation/downlinkInformationList/downlinkInformation"
    entries: dict[str, tuple[str, Any]] = {
        "orbit_source": (f"{image}/processingInformation/orbitSource", str),
        "orbit_number": ("adsHeader/absoluteOrbitNumber", int),
        "ascending_node": (f"{image}/imageInformation/ascendingNodeTime", utc_time),
        "prf": (f"{downlink}/prf", float),
        "rank": (f"{downlink}/downlinkValues/rank", int),
        "pulse_ramp_rate": (f"{downlink}/downlinkValues/txPulseRampRate", float),
        "is_bistatic_corrected": (f"{image}/processingInformation/bistaticDelayCorrectionApplied", _is_true),
    }
    texts = {name: (root.findtext(path) or "").strip() for name, (path, _) in entries.items()}
    return {name: entries[name][1](text) for name, text in texts.items() if text}


def _is_true(text: str) -> bool:
    return text.lower() == "true"


def _falling(estimates: tuple[tuple[float, RangePolynomial], ...]) -> tuple[tuple[float, RangePolynomial], ...]:
    """FM rates, which are below 0: the frequency of a point falls as the satellite passes it."""
    for _, polynomial in estimates:
        if not polynomial.coefficients[0] < 0:
            raise ValueError(f"azimuthFmRate must be below 0 Hz per second, got {polynomial.coefficients[0]}")
    return estimates


def _burst(item: ElementTree.Element, azimuth_time: float, lines: int) -> BurstTiming:
    first, last = (np.array(_numbers(item, entry), np.int64) for entry in ("firstValidSample", "lastValidSample"))
    if len(first) != lines or len(last) != lines:
        raise ValueError(f"firstValidSample must have one entry per line, {lines}, got {len(first)}")
    sensing, number = ((item.findtext(entry) or "").strip() for entry in ("sensingTime", "burstId"))
    return BurstTiming(
        azimuth_time,
        first,
        last,
        sensing_time=utc_time(sensing) if sensing else None,
        number=int(number) if number else None,
    )


def _orbit(root: ElementTree.Element, seconds: Any) -> Orbit:
    states = [
        (seconds(state, "time"), *([_number(state, f"{part}/{axis}") for axis in "xyz"] for part in _MOTION))
        for state in root.findall("generalAnnotation/orbitList/orbit")
    ]
    if not states:
        raise KeyError("generalAnnotation/orbitList is missing")
    # Products assembled from slices may hold a state vector twice.
    states = [state for index, state in enumerate(states) if index == 0 or state != states[index - 1]]
    times, positions, velocities = zip(*states, strict=True)
    return Orbit(times, positions, velocities)


def _geolocation(root: ElementTree.Element, seconds: Any) -> dict[str, NDArray[np.float64]]:
    points = root.findall("geolocationGrid/geolocationGridPointList/geolocationGridPoint")
    names = ("line", "pixel", "latitude", "longitude", "height", "incidenceAngle")
    table = np.array([[_number(point, name) for name in names] for point in points]).reshape(-1, len(names))
    found = dict(zip((*names[:-1], "incidence"), table.T, strict=True))
    found["azimuth_time"] = np.array(
        [seconds(one, "azimuthTime") if one.findtext("azimuthTime") else np.nan for one in points]
    )
    found["range_time"] = np.array([float(one.findtext("slantRangeTime") or np.nan) for one in points])
    return found


def _listed(root: ElementTree.Element, path: str) -> list[ElementTree.Element]:
    """Entries of a list, checked against its count."""
    found = root.findall(path)
    holder = root.find(path.rpartition("/")[0])
    count = None if holder is None else holder.get("count")
    if not found:
        raise KeyError(f"{path} is missing")
    if count is not None and int(count) != len(found):
        raise ValueError(f"{path} must occur {count} times, the count of its list, got {len(found)}")
    return found


def _coefficients(item: ElementTree.Element, name: str) -> tuple[float, ...]:
    """Coefficients of a polynomial: in one entry, or up to IPF 2.36 in c0, c1 and c2."""
    if item.find(name) is None and item.find("c0") is not None:
        return tuple(_number(item, entry) for entry in ("c0", "c1", "c2"))
    return tuple(_numbers(item, name))


def _only(root: ElementTree.Element, path: str) -> ElementTree.Element:
    found = root.find(path)
    if found is None:
        raise KeyError(f"{path} is missing")
    return found


def _text(element: ElementTree.Element, entry: str) -> str:
    text = _only(element, entry).text
    if not text:
        raise KeyError(f"{entry} is empty")
    return text.strip()


def _number(element: ElementTree.Element, entry: str) -> float:
    value = float(_text(element, entry))
    if not np.isfinite(value):
        raise ValueError(f"{entry} must be finite, got {value}")
    return value


def _positive(element: ElementTree.Element, entry: str) -> float:
    value = _number(element, entry)
    if value <= 0:
        raise ValueError(f"{entry} must be above 0, got {value}")
    return value


def _numbers(element: ElementTree.Element, entry: str) -> list[float]:
    values = [float(word) for word in _text(element, entry).split()]
    if not np.isfinite(values).all():
        raise ValueError(f"{entry} must be finite, got {values}")
    return values


def utc_time(text: str) -> datetime.datetime:
    """UTC without a zone, whether or not the text names one."""
    moment = datetime.datetime.fromisoformat(text.strip())
    return moment if moment.tzinfo is None else moment.astimezone(datetime.UTC).replace(tzinfo=None)
