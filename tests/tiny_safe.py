"""Sentinel-1 products of a few pixels: all that a reader of bursts needs, and pixels that state their place."""

from __future__ import annotations

import datetime
import shutil
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import rasterio

TIME = datetime.datetime.fromisoformat
#: Ascending node of the orbit, track 52.
NODE = TIME("2023-09-04T05:56:46.992390")
#: Raw time of a burst of IW1 with the number 110431, and of the same cycle of the beam in the other swaths.
FIRST, CYCLE = TIME("2023-09-04T06:37:32.220799"), 2.758273
DELAY = {"IW1": 0.0, "IW2": 0.832, "IW3": 1.910 - CYCLE}
LINES, SAMPLES = 9, 14


def text(entry: str, value: object) -> str:
    return f"<{entry}>{value}</{entry}>"


def burst_time(swath: str, number: int, *, first: datetime.datetime = FIRST) -> datetime.datetime:
    return first + datetime.timedelta(seconds=DELAY[swath] + CYCLE * (number - 110431))


def annotation(
    *, swath: str, polarisation: str, numbers: Sequence[int], mission: str = "S1A", orbit: int = 50174,
    node: datetime.datetime = NODE, first: datetime.datetime = FIRST, annotated: bool = True, valid_lines: int = 6,
    orbit_source: str = "Auxiliary", is_old: bool = False,
) -> str:  # fmt: skip
    """An annotation; zero-Doppler times are a second before the raw ones."""
    early = datetime.timedelta(seconds=1)
    times = [burst_time(swath, number, first=first) for number in numbers]
    start = (times[0] if times else first) - early
    low = [-1] + [2] * valid_lines + [-1] * (LINES - 1 - valid_lines)
    high = [-1 if column < 0 else SAMPLES - 3 for column in low]
    bursts = "".join(
        "<burst>" + text("azimuthTime", (time - early).isoformat()) + text("sensingTime", time.isoformat())
        + text("firstValidSample", " ".join(map(str, low))) + text("lastValidSample", " ".join(map(str, high)))
        + (text("burstId", number) if annotated else "") + "</burst>"
        for number, time in zip(numbers, times, strict=True)
    )  # fmt: skip
    states = "".join(
        f"<orbit>{text('time', (start + datetime.timedelta(seconds=10 * n - 60)).isoformat())}"
        f"<position><x>{4e6 + 50000 * n}</x><y>{5e6 - 40000 * n}</y><z>{3e6 + 9000 * n}</z></position>"
        "<velocity><x>5000</x><y>-4000</y><z>900</z></velocity></orbit>"
        for n in range(16)
    )
    rates = [text("azimuthTime", (time - early).isoformat()) + text("t0", 0.0053) for time in times or [first]]
    form = (
        "<c0>-2330</c0><c1>450000</c1><c2>-7e7</c2>" if is_old else text("azimuthFmRatePolynomial", "-2330 450000 -7e7")
    )
    fm = "".join(f"<azimuthFmRate>{rate}{form}</azimuthFmRate>" for rate in rates)
    doppler = "".join(f"<dcEstimate>{rate}{text('dataDcPolynomial', '-5 100 -1e5')}</dcEstimate>" for rate in rates)
    header = "".join(text(*entry) for entry in (
        ("missionId", mission), ("productType", "SLC"), ("polarisation", polarisation), ("mode", "IW"),
        ("swath", swath), ("startTime", start.isoformat()), ("absoluteOrbitNumber", orbit)))  # fmt: skip
    product = "".join(text(*entry) for entry in (
        ("pass", "Descending"), ("rangeSamplingRate", 64345238.125), ("radarFrequency", 5405000454.33435),
        ("azimuthSteeringRate", 1.59)))  # fmt: skip
    image = (
        text("ascendingNodeTime", node.isoformat())
        + text("azimuthTimeInterval", 0.0020555563)
        + text("slantRangeTime", 0.0053)
    )
    return (
        f"<product>{text('adsHeader', header)}<generalAnnotation>{text('productInformation', product)}"
        f"{text('orbitList', states)}{text('azimuthFmRateList', fm)}</generalAnnotation><imageAnnotation>"
        f"{text('imageInformation', image)}{text('processingInformation', text('orbitSource', orbit_source))}"
        f"</imageAnnotation><dopplerCentroid>{text('dcEstimateList', doppler)}</dopplerCentroid>"
        f"<swathTiming>{text('linesPerBurst', LINES)}{text('samplesPerBurst', SAMPLES)}"
        f'<burstList count="{len(times)}">{bursts}</burstList></swathTiming><geolocationGrid/></product>'
    )


def manifest(*, track: int, start: datetime.datetime, processor: str) -> str:
    return (
        '<xfdu xmlns:safe="http://www.esa.int/safe/sentinel-1.0">'
        f'<safe:software name="Sentinel-1 IPF" version="{processor}"/>'
        f"<safe:acquisitionPeriod><safe:startTime>{start.isoformat()}</safe:startTime></safe:acquisitionPeriod>"
        f'<safe:relativeOrbitNumber type="start">{track}</safe:relativeOrbitNumber>'
        f'<safe:relativeOrbitNumber type="stop">{track}</safe:relativeOrbitNumber></xfdu>'
    )


def pixels(swath: str, polarisation: str, numbers: Sequence[int], seed: int = 0) -> np.ndarray:
    """Whole numbers that differ from burst to burst and from pixel to pixel."""
    shape = (len(numbers) * LINES, SAMPLES)
    row, col = np.indices(shape)
    label = {"IW1": 1, "IW2": 2, "IW3": 3}[swath] + 4 * ("VV", "VH", "HH", "HV").index(polarisation)
    return (100 * row + col + 1j * (1000 * label + seed)).astype(np.complex64)


def write_safe(
    folder: Path, *, swaths: dict[str, Sequence[int]], polarisations: Sequence[str] = ("VV",), name: str | None = None,
    track: int = 52, processor: str = "003.61", mission: str = "S1A", first: datetime.datetime = FIRST,
    has_pixels: bool = True, seed: int = 0, as_zip: bool = False, compress: str | None = None, **facts: object,
) -> Path:  # fmt: skip
    """Write a product; returns its folder or zip. ``swaths`` gives the numbers of the bursts of each."""
    start = min(
        [burst_time(swath, number, first=first) for swath, held in swaths.items() for number in held], default=first
    )
    name = name or f"{mission}_IW_SLC__1SDV_{start:%Y%m%dT%H%M%S}_{start:%Y%m%dT%H%M%S}_050174_0609E3_{seed:04X}"
    root = folder / f"{name}.SAFE"
    for part in ("annotation/calibration", "measurement"):
        (root / part).mkdir(parents=True)
    (root / "manifest.safe").write_text(
        manifest(track=track, start=start - datetime.timedelta(seconds=2), processor=processor)
    )
    for swath, numbers in swaths.items():
        for polarisation in polarisations:
            stem = f"{mission.lower()}-{swath.lower()}-slc-{polarisation.lower()}-{start:%Y%m%dt%H%M%S}-001"
            note = annotation(
                swath=swath, polarisation=polarisation, numbers=numbers, mission=mission, first=first, **facts
            )
            (root / "annotation" / f"{stem}.xml").write_text(note)
            if has_pixels and numbers:
                write_pixels(
                    root / "measurement" / f"{stem}.tiff", pixels(swath, polarisation, numbers, seed), compress
                )
    if not as_zip:
        return root
    packed = shutil.make_archive(str(folder / name), "zip", folder, root.name)
    shutil.rmtree(root)
    return Path(packed)


def write_pixels(path: Path, values: np.ndarray, compress: str | None = None) -> None:
    """A measurement as ESA's processor writes it: complex int16, a line per strip."""
    profile = {"driver": "GTiff", "height": values.shape[0], "width": values.shape[1], "count": 1}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(
            path, "w", **profile, dtype="complex_int16", blockysize=1, **({"compress": compress} if compress else {})
        ) as file:
            file.write(values, 1)


def eof(
    *,
    first,
    mission="S1A",
    kind="POEORB",
    created,
    start,
    stop,
    quality="NOMINAL",
    step=10,
    count=16,
    frame="EARTH_FIXED",
):
    """Text of an orbit file with vectors from a minute before ``first`` on."""
    states = []
    for index in range(count):
        time = first + datetime.timedelta(seconds=step * index - 60)
        angle = 1e-3 * step * index
        x, y, vx, vy = 7e6 * np.cos(angle), 7e6 * np.sin(angle), -7e3 * np.sin(angle), 7e3 * np.cos(angle)
        states.append(
            f"<OSV><UTC>UTC={time.isoformat()}</UTC><X>{x}</X><Y>{y}</Y><Z>1</Z><VX>{vx}</VX><VY>{vy}</VY><VZ>0</VZ>"
            f"<Quality>{quality if index == 6 else 'NOMINAL'}</Quality></OSV>"
        )
    return (
        "<Earth_Explorer_File><Earth_Explorer_Header><Fixed_Header>"
        f"<Mission>Sentinel-{mission[1:]}</Mission><File_Type>AUX_{kind}</File_Type><Validity_Period>"
        f"<Validity_Start>UTC={start.isoformat()}</Validity_Start><Validity_Stop>UTC={stop.isoformat()}</Validity_Stop>"
        f"</Validity_Period><Source><Creation_Date>UTC={created.isoformat()}</Creation_Date></Source></Fixed_Header>"
        f"<Variable_Header><Ref_Frame>{frame}</Ref_Frame><Time_Reference>UTC</Time_Reference></Variable_Header>"
        f'</Earth_Explorer_Header><Data_Block><List_of_OSVs count="{count}">{"".join(states)}</List_of_OSVs>'
        "</Data_Block></Earth_Explorer_File>"
    )
