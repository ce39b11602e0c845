"""The XML annotation of a swath, and its calibration and noise tables, as a Sentinel-1 product has them."""

from __future__ import annotations

import datetime
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.simulate.steered_beam import RangeSeries
from m3leo_sar.simulate.swath_numbers import CYCLE, FREQUENCY, LIGHT, LINE, SAMPLING, SwathNumbers
from m3leo_sar.simulate.zero_doppler import Place

#: First version of the processor that annotates burst identifiers, noise along azimuth, and whole polynomials.
_IDENTIFIERS, _AZIMUTH_NOISE, _POLYNOMIALS = 3.40, 2.90, 2.43


class BurstNote(NamedTuple):
    """Annotated facts of one burst: moments, seconds since the node, identifier and valid pixels per line."""

    azimuth_time: datetime.datetime
    since_node: float
    sensing_time: datetime.datetime
    number: int
    first_valid: NDArray[np.int64]
    last_valid: NDArray[np.int64]


class Estimate(NamedTuple):
    """A polynomial at a moment."""

    moment: datetime.datetime
    series: RangeSeries


class GridPoint(NamedTuple):
    """A point of the geolocation grid."""

    moment: datetime.datetime
    two_way: float
    line: int
    pixel: int
    place: Place
    incidence: float


class SwathNote(NamedTuple):
    """All that the annotation of one swath and polarisation says."""

    mission: str
    swath: str
    polarisation: str
    numbers: SwathNumbers
    absolute_orbit: int
    data_take: int
    image_number: int
    ascending: bool
    processor: str
    orbit_source: str
    node_time: datetime.datetime
    columns: int
    range_time: float
    bursts: tuple[BurstNote, ...]
    vectors: tuple[tuple[datetime.datetime, NDArray[np.float64], NDArray[np.float64]], ...]
    rates: tuple[Estimate, ...]
    centroids: tuple[Estimate, ...]
    grid: tuple[GridPoint, ...]

    @property
    def start(self) -> datetime.datetime:
        """Zero-Doppler time of the first line."""
        return self.bursts[0].azimuth_time

    @property
    def stop(self) -> datetime.datetime:
        """Zero-Doppler time of the last line."""
        return self.bursts[-1].azimuth_time + datetime.timedelta(seconds=(self.numbers.lines - 1) * LINE)

    @property
    def version(self) -> float:
        """Of the processor, as a number."""
        return float(self.processor)

    @property
    def stem(self) -> str:
        """Name of its files without their ending."""
        moments = "-".join(f"{moment:%Y%m%dt%H%M%S}" for moment in (self.start, self.stop))
        return (
            f"{self.mission}-{self.swath}-slc-{self.polarisation}-{moments}-{self.absolute_orbit:06d}-"
            f"{self.data_take:06x}-{self.image_number:03d}"
        ).lower()


def annotation_text(note: SwathNote, *, empty: bool = False) -> str:
    """Text of an annotation; ``empty`` leaves its list of bursts empty, as repacked products do for other swaths."""
    parts = [
        _header(note),
        "<qualityInformation><productQualityIndex>0.0</productQualityIndex></qualityInformation>",
        _general(note),
        _image(note),
        _centroids(note),
        "<antennaPattern/>",
        _timing(note, empty),
        _geolocation(note),
        '<coordinateConversion><coordinateConversionList count="0"/></coordinateConversion>',
        '<swathMerging><swathMergeList count="0"/></swathMerging>',
    ]
    return '<?xml version="1.0" encoding="UTF-8"?>\n<product>' + "\n".join(parts) + "</product>\n"


def calibration_text(note: SwathNote, gain: float) -> str:
    """Text of the calibration tables: ``gain`` is the divisor for sigma nought, constant over the swath."""
    pixels = _pixels(note)
    vectors = []
    for line, moment in _lines(note):
        tables = {"sigmaNought": gain, "betaNought": 237.0, "gamma": 0.927 * gain, "dn": 237.0}
        texts = "".join(_list(name, [f"{value:.6e}"] * len(pixels)) for name, value in tables.items())
        vectors.append(
            f"<calibrationVector><azimuthTime>{_moment(moment)}</azimuthTime><line>{line}</line>"
            f"{_list('pixel', pixels)}{texts}</calibrationVector>"
        )
    constant = "<calibrationInformation><absoluteCalibrationConstant>1.0</absoluteCalibrationConstant>"
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<calibration>{_header(note)}{constant}</calibrationInformation>'
        f'<calibrationVectorList count="{len(vectors)}">{"".join(vectors)}</calibrationVectorList></calibration>\n'
    )


def noise_text(note: SwathNote, power: float) -> str:
    """Text of the noise tables: ``power`` in squared counts."""
    pixels = _pixels(note)
    new = note.version >= _AZIMUTH_NOISE
    name, table = ("noiseRangeVector", "noiseRangeLut") if new else ("noiseVector", "noiseLut")
    vectors = "".join(
        f"<{name}><azimuthTime>{_moment(moment)}</azimuthTime><line>{line}</line>{_list('pixel', pixels)}"
        f"{_list(table, [f'{power:.6e}'] * len(pixels))}</{name}>"
        for line, moment in _lines(note)
    )
    count = len(_lines(note))
    text = f'<{name}List count="{count}">{vectors}</{name}List>'
    if new:
        last = len(note.bursts) * note.numbers.lines - 1
        text += (
            f'<noiseAzimuthVectorList count="1"><noiseAzimuthVector><swath>{note.swath}</swath>'
            f"<firstAzimuthLine>0</firstAzimuthLine><firstRangeSample>0</firstRangeSample><lastAzimuthLine>{last}"
            f"</lastAzimuthLine><lastRangeSample>{note.columns - 1}</lastRangeSample>{_list('line', [0, last])}"
            f"{_list('noiseAzimuthLut', ['1.0', '1.0'])}</noiseAzimuthVector></noiseAzimuthVectorList>"
        )
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<noise>{_header(note)}{text}</noise>\n'


def _moment(moment: datetime.datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}"


def _list(name: str, values: object) -> str:
    words = [str(value) for value in values]  # type: ignore[attr-defined]
    return f'<{name} count="{len(words)}">{" ".join(words)}</{name}>'


def _pixels(note: SwathNote) -> list[int]:
    return [*range(0, note.columns - 1, 40), note.columns - 1]


def _lines(note: SwathNote) -> list[tuple[int, datetime.datetime]]:
    """Line of the image and moment of each burst's first line, one more before them and one after."""
    size = note.numbers.lines
    cycle = datetime.timedelta(seconds=CYCLE)
    found = [(index * size, burst.azimuth_time) for index, burst in enumerate(note.bursts)]
    return [(-size, found[0][1] - cycle), *found, (len(found) * size, found[-1][1] + cycle)]


def _header(note: SwathNote) -> str:
    return (
        f"<adsHeader><missionId>{note.mission}</missionId><productType>SLC</productType>"
        f"<polarisation>{note.polarisation}</polarisation><mode>IW</mode><swath>{note.swath}</swath>"
        f"<startTime>{_moment(note.start)}</startTime><stopTime>{_moment(note.stop)}</stopTime>"
        f"<absoluteOrbitNumber>{note.absolute_orbit}</absoluteOrbitNumber>"
        f"<missionDataTakeId>{note.data_take}</missionDataTakeId>"
        f"<imageNumber>{note.image_number:03d}</imageNumber></adsHeader>"
    )


def _general(note: SwathNote) -> str:
    numbers = note.numbers
    product = (
        f"<productInformation><pass>{'Ascending' if note.ascending else 'Descending'}</pass>"
        "<timelinessCategory>Fast-24h</timelinessCategory><platformHeading>-1.672e+02</platformHeading>"
        f"<projection>Slant Range</projection><rangeSamplingRate>{SAMPLING:.15e}</rangeSamplingRate>"
        f"<radarFrequency>{FREQUENCY:.15e}</radarFrequency>"
        f"<azimuthSteeringRate>{numbers.steering:.15e}</azimuthSteeringRate></productInformation>"
    )
    downlink = (
        f'<downlinkInformationList count="1"><downlinkInformation><swath>{note.swath}</swath>'
        f"<azimuthTime>{_moment(note.start)}</azimuthTime><prf>{numbers.pulse_rate:.15e}</prf><downlinkValues>"
        f"<pri>{1 / numbers.pulse_rate:.15e}</pri><rank>{numbers.rank}</rank>"
        f"<txPulseRampRate>{numbers.ramp:.15e}</txPulseRampRate></downlinkValues></downlinkInformation>"
        "</downlinkInformationList>"
    )
    orbits = "".join(
        f"<orbit><time>{_moment(moment)}</time><frame>Earth Fixed</frame>"
        f"<position>{_axes(position)}</position><velocity>{_axes(velocity)}</velocity></orbit>"
        for moment, position, velocity in note.vectors
    )
    rates = "".join(
        f"<azimuthFmRate><azimuthTime>{_moment(moment)}</azimuthTime><t0>{series.origin:.15e}</t0>"
        f"{_polynomial('azimuthFmRatePolynomial', series, note)}</azimuthFmRate>"
        for moment, series in note.rates
    )
    return (
        f'<generalAnnotation>{product}{downlink}<orbitList count="{len(note.vectors)}">{orbits}</orbitList>'
        f'<azimuthFmRateList count="{len(note.rates)}">{rates}</azimuthFmRateList></generalAnnotation>'
    )


def _axes(vector: NDArray[np.float64]) -> str:
    return "".join(f"<{axis}>{value:.15e}</{axis}>" for axis, value in zip("xyz", vector, strict=True))


def _polynomial(name: str, series: RangeSeries, note: SwathNote) -> str:
    if note.version < _POLYNOMIALS and name == "azimuthFmRatePolynomial":
        return "".join(f"<c{power}>{term:.15e}</c{power}>" for power, term in enumerate(series.terms))
    return _list(name, [f"{term:.15e}" for term in series.terms])


def _image(note: SwathNote) -> str:
    lines = len(note.bursts) * note.numbers.lines
    windows = "".join(
        f"<{name}Processing><windowType>Hamming</windowType><windowCoefficient>{window}</windowCoefficient>"
        f"<totalBandwidth>{width}</totalBandwidth><processingBandwidth>{width}</processingBandwidth>"
        f"<lookBandwidth>{width}</lookBandwidth><numberOfLooks>1</numberOfLooks><lookOverlap>0.0</lookOverlap>"
        f"</{name}Processing>"
        for name, window, width in (
            ("range", note.numbers.range_window, note.numbers.range_band),
            ("azimuth", note.numbers.azimuth_window, note.numbers.azimuth_band),
        )
    )
    information = (
        f"<imageInformation><productFirstLineUtcTime>{_moment(note.start)}</productFirstLineUtcTime>"
        f"<productLastLineUtcTime>{_moment(note.stop)}</productLastLineUtcTime>"
        f"<ascendingNodeTime>{_moment(note.node_time)}</ascendingNodeTime>"
        "<productComposition>Slice</productComposition><sliceNumber>1</sliceNumber>"
        f"<slantRangeTime>{note.range_time:.15e}</slantRangeTime><pixelValue>Complex</pixelValue>"
        "<outputPixels>16 bit Signed Integer</outputPixels>"
        f"<rangePixelSpacing>{LIGHT / 2 / SAMPLING:.6e}</rangePixelSpacing>"
        f"<azimuthPixelSpacing>1.397992e+01</azimuthPixelSpacing>"
        f"<azimuthTimeInterval>{LINE:.15e}</azimuthTimeInterval><azimuthFrequency>{1 / LINE:.15e}</azimuthFrequency>"
        f"<numberOfSamples>{note.columns}</numberOfSamples><numberOfLines>{lines}</numberOfLines>"
        f"<incidenceAngleMidSwath>{note.grid[len(note.grid) // 2].incidence:.6f}</incidenceAngleMidSwath>"
        "</imageInformation>"
    )
    processing = (
        "<processingInformation><dcMethod>Data Analysis</dcMethod>"
        f'<swathProcParamsList count="1"><swathProcParams><swath>{note.swath}</swath>{windows}</swathProcParams>'
        "</swathProcParamsList><ellipsoidName>WGS84</ellipsoidName>"
        "<bistaticDelayCorrectionApplied>true</bistaticDelayCorrectionApplied>"
        f"<orbitSource>{note.orbit_source}</orbitSource></processingInformation>"
    )
    return f"<imageAnnotation>{information}{processing}</imageAnnotation>"


def _centroids(note: SwathNote) -> str:
    estimates = "".join(
        f"<dcEstimate><azimuthTime>{_moment(moment)}</azimuthTime><t0>{series.origin:.15e}</t0>"
        f"{_list('geometryDcPolynomial', ['2.0e+00', '-4.7e+02', '8.7e+04'])}"
        f"{_polynomial('dataDcPolynomial', series, note)}</dcEstimate>"
        for moment, series in note.centroids
    )
    count = len(note.centroids)
    return f'<dopplerCentroid><dcEstimateList count="{count}">{estimates}</dcEstimateList></dopplerCentroid>'


def _timing(note: SwathNote, empty: bool) -> str:
    bursts = []
    for index, burst in enumerate(() if empty else note.bursts):
        identifier = (
            f'<burstId absolute="{107_000_000 + burst.number}">{burst.number}</burstId>'
            if note.version >= _IDENTIFIERS
            else ""
        )
        bursts.append(
            f"<burst><azimuthTime>{_moment(burst.azimuth_time)}</azimuthTime>"
            f"<azimuthAnxTime>{burst.since_node:.15e}</azimuthAnxTime>"
            f"<sensingTime>{_moment(burst.sensing_time)}</sensingTime>"
            f"<byteOffset>{index * note.numbers.lines * note.columns * 4}</byteOffset>"
            f"{_list('firstValidSample', burst.first_valid)}{_list('lastValidSample', burst.last_valid)}"
            f"{identifier}</burst>"
        )
    return (
        f"<swathTiming><linesPerBurst>{0 if empty else note.numbers.lines}</linesPerBurst>"
        f"<samplesPerBurst>{0 if empty else note.columns}</samplesPerBurst>"
        f'<burstList count="{len(bursts)}">{"".join(bursts)}</burstList></swathTiming>'
    )


def _geolocation(note: SwathNote) -> str:
    points = "".join(
        f"<geolocationGridPoint><azimuthTime>{_moment(point.moment)}</azimuthTime>"
        f"<slantRangeTime>{point.two_way:.15e}</slantRangeTime><line>{point.line}</line><pixel>{point.pixel}</pixel>"
        f"<latitude>{float(point.place.latitude):.15e}</latitude>"
        f"<longitude>{float(point.place.longitude):.15e}</longitude>"
        f"<height>{float(point.place.height):.15e}</height><incidenceAngle>{point.incidence:.15e}</incidenceAngle>"
        f"<elevationAngle>{point.incidence - 3.4:.15e}</elevationAngle></geolocationGridPoint>"
        for point in note.grid
    )
    return (
        f'<geolocationGrid><geolocationGridPointList count="{len(note.grid)}">{points}'
        "</geolocationGridPointList></geolocationGrid>"
    )
