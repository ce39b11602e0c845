"""The files of a simulated Sentinel-1 product: texts and pixels, by their names inside the product."""

from __future__ import annotations

import datetime
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.simulate.safe_annotation import (
    BurstNote,
    Estimate,
    GridPoint,
    SwathNote,
    annotation_text,
    calibration_text,
    noise_text,
)
from m3leo_sar.simulate.safe_scene import SafeScene
from m3leo_sar.simulate.scene_echoes import GAIN, burst_images
from m3leo_sar.simulate.sentinel1_pass import BurstStart, Sentinel1Pass
from m3leo_sar.simulate.swath_numbers import CYCLE, LIGHT, LINE, SAMPLING, SWATHS
from m3leo_sar.simulate.unannotated_shift import MIDDLE_TIME
from m3leo_sar.simulate.zero_doppler import ground_place, on_earth

#: Columns of the geolocation grid.
_GRID = 5
_EXTRA = "http://www.esa.int/safe/sentinel-1.0"

BurstPixels = dict[tuple[str, str, int], NDArray[np.int16]]


class FileFacts(NamedTuple):
    """Bytes and MD5 checksum of a written file."""

    size: int
    checksum: str


@dataclass(frozen=True, eq=False)
class SafeFiles:
    """One product, ready to be written.

    Parameters
    ----------
    name : str
        Of the folder, ending in ``.SAFE``.
    texts : dict of str to str
        XML files by name inside the folder, all but the manifest.
    images : callable
        Pixels (lines, columns, 2) int16 of each burst of the date, by swath, polarisation and index.
    chosen : tuple of int
        Indices of the bursts in this product.
    notes : tuple of SwathNote
        What the manifest says.
    """

    name: str
    texts: dict[str, str]
    images: Callable[[], BurstPixels]
    chosen: tuple[int, ...]
    notes: tuple[SwathNote, ...]
    track: int

    def measurements(self) -> dict[str, NDArray[np.int16]]:
        """Pixels of all bursts, one below the other, by file name inside the folder; computed when asked for."""
        pixels = self.images()
        return {
            f"measurement/{note.stem}.tiff": np.concatenate(
                [pixels[note.swath, note.polarisation, index] for index in self.chosen]
            )
            for note in self.notes
        }

    def manifest(self, facts: dict[str, FileFacts]) -> str:
        """Text of ``manifest.safe``, which lists the files with their sizes and checksums."""
        note = self.notes[0]
        start, stop = min(one.start for one in self.notes), max(one.stop for one in self.notes)
        objects = "".join(
            f'<dataObject ID="file{index}" repID="s1Level1Schema"><byteStream mimeType="application/octet-stream" '
            f'size="{fact.size}"><fileLocation locatorType="URL" href="./{name}"/>'
            f'<checksum checksumName="MD5">{fact.checksum}</checksum></byteStream></dataObject>'
            for index, (name, fact) in enumerate(sorted(facts.items()))
        )
        channels = "".join(
            f"<s1sarl1:transmitterReceiverPolarisation>{one}</s1sarl1:transmitterReceiverPolarisation>"
            for one in dict.fromkeys(one.polarisation for one in self.notes)
        )
        corners = " ".join(
            f"{float(point.place.latitude):.6f},{float(point.place.longitude):.6f}"
            for point in (note.grid[0], note.grid[_GRID - 1], note.grid[-1], note.grid[-_GRID])
        )
        parts = {
            "processing": f'<safe:processing name="SLC Post Processing" start="{stop.isoformat()}" '
            f'stop="{stop.isoformat()}"><safe:facility country="" name="Simulated" organisation="" site="">'
            f'<safe:software name="Sentinel-1 IPF" version="{note.processor}"/></safe:facility></safe:processing>',
            "platform": "<safe:platform><safe:familyName>SENTINEL-1</safe:familyName>"
            f"<safe:number>{note.mission[-1]}</safe:number><safe:instrument>"
            '<safe:familyName abbreviation="SAR">Synthetic Aperture Radar</safe:familyName><safe:extension>'
            "<s1sarl1:instrumentMode><s1sarl1:mode>IW</s1sarl1:mode></s1sarl1:instrumentMode></safe:extension>"
            "</safe:instrument></safe:platform>",
            "measurementOrbitReference": "<safe:orbitReference>"
            + "".join(
                f'<safe:{name} type="{end}">{value}</safe:{name}>'
                for name, value in (("orbitNumber", note.absolute_orbit), ("relativeOrbitNumber", self.track))
                for end in ("start", "stop")
            )
            + f"<safe:extension><s1:orbitProperties><s1:pass>{'ASCENDING' if note.ascending else 'DESCENDING'}"
            f"</s1:pass><s1:ascendingNodeTime>{note.node_time.isoformat()}</s1:ascendingNodeTime>"
            "</s1:orbitProperties></safe:extension></safe:orbitReference>",
            "generalProductInformation": "<s1sarl1:standAloneProductInformation>"
            f"<s1sarl1:missionDataTakeID>{note.data_take}</s1sarl1:missionDataTakeID>{channels}"
            "<s1sarl1:productType>SLC</s1sarl1:productType></s1sarl1:standAloneProductInformation>",
            "acquisitionPeriod": f"<safe:acquisitionPeriod><safe:startTime>{start.isoformat()}</safe:startTime>"
            f"<safe:stopTime>{stop.isoformat()}</safe:stopTime></safe:acquisitionPeriod>",
            "measurementFrameSet": "<safe:frameSet><safe:frame><safe:footPrint "
            'srsName="http://www.opengis.net/gml/srs/epsg.xml#4326">'
            f"<gml:coordinates>{corners}</gml:coordinates></safe:footPrint></safe:frame></safe:frameSet>",
        }
        metadata = "".join(
            f'<metadataObject ID="{name}"><metadataWrap mimeType="text/xml" vocabularyName="SAFE"><xmlData>{text}'
            "</xmlData></metadataWrap></metadataObject>"
            for name, text in parts.items()
        )
        spaces = "".join(
            f' xmlns:{prefix}="{address}"'
            for prefix, address in (
                ("gml", "http://www.opengis.net/gml"),
                ("xfdu", "urn:ccsds:schema:xfdu:1"),
                ("safe", _EXTRA),
                ("s1", f"{_EXTRA}/sentinel-1"),
                ("s1sarl1", f"{_EXTRA}/sentinel-1/sar/level-1"),
            )
        )
        return (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<xfdu:XFDU{spaces} '
            'version="esa/safe/sentinel-1.0/sentinel-1/sar/level-1/slc/standard/iwdp">'
            f"<informationPackageMap/><metadataSection>{metadata}</metadataSection>"
            f"<dataObjectSection>{objects}</dataObjectSection></xfdu:XFDU>\n"
        )


def safe_products(
    scene: SafeScene,
    date: int,
    *,
    empty_swaths: tuple[str, ...] = (),
    progress: Callable[[], object] | None = None,
) -> Iterator[SafeFiles]:
    """The products of one date, by its index: one, or one per slice.

    Parameters
    ----------
    scene : SafeScene
    date : int
    empty_swaths : tuple of str
        Swaths for which to add an annotation without bursts, as products repacked from single bursts have.
    progress : callable, optional
        Called after each burst whose pixels are made, which is when they are asked for.
    """
    flown = scene.sentinel1_pass(date)

    @cache
    def images() -> BurstPixels:
        found = {}
        for item in burst_images(scene, date):
            found[item.swath, item.polarisation, item.burst] = item.pixels
            if progress is not None:
                progress()
        return found

    for chosen in flown.options.slices or (tuple(range(scene.bursts)),):
        yield _product(scene, flown, chosen, images, empty_swaths)


def _product(
    scene: SafeScene,
    flown: Sentinel1Pass,
    chosen: tuple[int, ...],
    images: Callable[[], BurstPixels],
    empty_swaths: tuple[str, ...],
) -> SafeFiles:
    texts, notes = {}, []
    for number, (polarisation, swath) in enumerate(
        ((polarisation, swath) for polarisation in scene.polarisations for swath in scene.swaths), start=1
    ):
        note = swath_note(scene, flown, swath, polarisation, chosen, number)
        texts[f"annotation/{note.stem}.xml"] = annotation_text(note)
        texts[f"annotation/calibration/calibration-{note.stem}.xml"] = calibration_text(note, GAIN)
        power = 0.0 if scene.noise is None else GAIN**2 * 10 ** (scene.noise / 10)
        texts[f"annotation/calibration/noise-{note.stem}.xml"] = noise_text(note, power)
        notes.append(note)
    for swath in empty_swaths:
        other = notes[0]._replace(swath=swath, image_number=len(notes) + 1)
        texts[f"annotation/{other.stem}.xml"] = annotation_text(other, empty=True)
    return SafeFiles(_name(scene, notes), texts, images, chosen, tuple(notes), scene.track)


def _name(scene: SafeScene, notes: list[SwathNote]) -> str:
    start, stop = min(note.start for note in notes), max(note.stop for note in notes)
    channels = ("D" if len(scene.polarisations) > 1 else "S") + scene.polarisations[0][0]
    note = notes[0]
    body = (
        f"{note.mission}_IW_SLC__1S{channels}_{start:%Y%m%dT%H%M%S}_{stop:%Y%m%dT%H%M%S}_"
        f"{note.absolute_orbit:06d}_{note.data_take:06X}"
    )
    return f"{body}_{zlib.crc32((body + str(notes[0].start)).encode()) & 0xFFFF:04X}.SAFE"


def swath_note(
    scene: SafeScene, flown: Sentinel1Pass, swath: str, polarisation: str, chosen: tuple[int, ...], number: int
) -> SwathNote:
    """What the annotation of one swath says about the chosen bursts."""
    numbers = SWATHS[swath]
    range_time = round(flown.range_time(swath, scene.start_column(swath)), 18)
    bursts = [flown.burst(swath, index) for index in chosen]
    middles = [burst.azimuth_time + (numbers.lines - 1) / 2 * LINE for burst in bursts]
    # Estimates lie near the middle of each burst, with one more at either end.
    near = [middle + 0.012 for middle in (middles[0] - CYCLE, *middles, middles[-1] + CYCLE)]
    times = np.arange(np.floor(bursts[0].azimuth_time) - 70, bursts[-1].azimuth_time + 90, 10.0)
    ahead = 3.0 / 7500 if flown.options.orbit_source == "Downlink" else 0.0
    positions, velocities = flown.vectors(times + ahead)
    return SwathNote(
        mission=flown.options.mission,
        swath=swath,
        polarisation=polarisation,
        numbers=numbers,
        absolute_orbit=flown.absolute_orbit,
        data_take=0x60000 + flown.absolute_orbit,
        image_number=number,
        ascending=scene.ascending,
        processor=flown.options.processor,
        orbit_source=flown.options.orbit_source,
        node_time=flown.moment(flown.track.node_clock),
        columns=scene.columns,
        range_time=range_time,
        bursts=tuple(_burst_note(scene, flown, swath, index) for index in chosen),
        vectors=tuple(zip(map(flown.moment, times), positions, velocities, strict=True)),
        rates=tuple(
            Estimate(flown.moment(at), flown.falling_rate(middle, range_time))
            for at, middle in zip(near, (middles[0] - CYCLE, *middles, middles[-1] + CYCLE), strict=True)
        ),
        centroids=tuple(
            Estimate(flown.moment(at), flown.centroid(middle, range_time))
            for at, middle in zip(near, (middles[0] - CYCLE, *middles, middles[-1] + CYCLE), strict=True)
        ),
        grid=_grid(scene, flown, swath, bursts, range_time),
    )


def _burst_note(scene: SafeScene, flown: Sentinel1Pass, swath: str, index: int) -> BurstNote:
    burst = flown.burst(swath, index)
    low, high = scene.valid_lines(swath, index)
    left, right = scene.valid_columns
    line = np.arange(SWATHS[swath].lines)
    is_valid = (line >= low) & (line < high)
    return BurstNote(
        azimuth_time=flown.moment(burst.azimuth_time),
        since_node=burst.azimuth_time - flown.track.node_clock,
        sensing_time=flown.moment(burst.sensing_time),
        number=burst.number,
        first_valid=np.where(is_valid, left, -1),
        last_valid=np.where(is_valid, right - 1, -1),
    )


def _grid(
    scene: SafeScene, flown: Sentinel1Pass, swath: str, bursts: list[BurstStart], range_time: float
) -> tuple[GridPoint, ...]:
    """Points at mean height at each burst's first line and the last of all; times hold the delay of the echo."""
    size = SWATHS[swath].lines
    begins = [(index * size, burst.azimuth_time) for index, burst in enumerate(bursts)]
    begins.append((len(bursts) * size - 1, bursts[-1].azimuth_time + (size - 1) * LINE))
    found = []
    for line, time in begins:
        for pixel in np.linspace(0, scene.columns - 1, _GRID).astype(int).tolist():
            two_way = range_time + pixel / SAMPLING
            moment = flown.moment(time + (two_way - MIDDLE_TIME) / 2)
            seconds = (moment - flown.midnight).total_seconds()
            place = ground_place(flown.orbit, seconds, two_way * LIGHT / 2, scene.height)
            position, point = flown.orbit.at(seconds).position, on_earth(*place)
            up = on_earth(place.longitude, place.latitude, place.height + 1.0) - point
            away = position - point
            incidence = float(np.degrees(np.arccos((away * up).sum() / np.linalg.norm(away) / np.linalg.norm(up))))
            found.append(GridPoint(moment, two_way, line, pixel, place, incidence))
    return tuple(found)


def orbit_file(
    scene: SafeScene, date: int, *, kind: str = "POEORB", minutes: float = 12.0, created_days: int = 20
) -> tuple[str, str]:
    """Name and text of an orbit file of a date: vectors every 10 s over some minutes before and after the scene."""
    flown = scene.sentinel1_pass(date)
    middle = flown.burst(scene.swaths[0], 0).azimuth_time
    start = np.floor(middle / 10) * 10 - 60 * minutes
    times = np.arange(start, middle + 60 * minutes, 10.0)
    positions, velocities = flown.vectors(times)
    moments = [flown.moment(float(time)) for time in times]
    created = flown.midnight + datetime.timedelta(days=created_days, hours=8)
    span = [f"{moment:%Y%m%dT%H%M%S}" for moment in (moments[0], moments[-1])]
    name = f"{flown.options.mission}_OPER_AUX_{kind}_OPOD_{created:%Y%m%dT%H%M%S}_V{span[0]}_{span[1]}"
    leap = datetime.timedelta(seconds=37)
    vectors = "".join(
        f"<OSV><TAI>TAI={_utc(moment + leap)}</TAI><UTC>UTC={_utc(moment)}</UTC><UT1>UT1={_utc(moment)}</UT1>"
        f"<Absolute_Orbit>+{flown.absolute_orbit}</Absolute_Orbit>"
        + "".join(f'<{axis} unit="m">{value:.6f}</{axis}>' for axis, value in zip("XYZ", position, strict=True))
        + "".join(f'<V{axis} unit="m/s">{value:.6f}</V{axis}>' for axis, value in zip("XYZ", velocity, strict=True))
        + "<Quality>NOMINAL</Quality></OSV>\n"
        for moment, position, velocity in zip(moments, positions, velocities, strict=True)
    )
    header = (
        f"<Earth_Explorer_Header><Fixed_Header><File_Name>{name}</File_Name>"
        f"<Mission>Sentinel-1{flown.options.mission[-1]}</Mission><File_Type>AUX_{kind}</File_Type><Validity_Period>"
        f"<Validity_Start>UTC={moments[0]:%Y-%m-%dT%H:%M:%S}</Validity_Start>"
        f"<Validity_Stop>UTC={moments[-1]:%Y-%m-%dT%H:%M:%S}</Validity_Stop></Validity_Period>"
        f"<Source><Creation_Date>UTC={created:%Y-%m-%dT%H:%M:%S}</Creation_Date></Source></Fixed_Header>"
        "<Variable_Header><Ref_Frame>EARTH_FIXED</Ref_Frame><Time_Reference>UTC</Time_Reference></Variable_Header>"
        "</Earth_Explorer_Header>"
    )
    return f"{name}.EOF", (
        f'<?xml version="1.0" ?>\n<Earth_Explorer_File>{header}<Data_Block type="xml">'
        f'<List_of_OSVs count="{len(times)}">\n{vectors}</List_of_OSVs></Data_Block></Earth_Explorer_File>\n'
    )


def _utc(moment: datetime.datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}"
