"""Raw files that are shorter than a header says: GDAL reads the rest as zeros, we refuse."""

from __future__ import annotations

import numpy as np
import pytest

from m3leo_sar.io.files.raster import open_raster, read_raster, read_window
from m3leo_sar.io.sources.raster_source import RasterSource
from m3leo_sar.io.stacks.open_stack import open_stack
from m3leo_sar.run.catalogue import open_catalogue

ROWS, COLS = 64, 90
MAP = "map info = {UTM, 1, 1, 500000, 5500000, 10, 10, 31, North, WGS-84}\n"
ENVI = (
    f"ENVI\nsamples = {COLS}\nlines = {ROWS}\nbands = 1\nheader offset = OFFSET\nfile type = ENVI Standard\n"
    "data type = 6\ninterleave = bsq\nbyte order = ORDER\n" + MAP
)
RAW_VRT = (
    f'<VRTDataset rasterXSize="{COLS}" rasterYSize="{ROWS}"><SRS>EPSG:32631</SRS><GeoTransform>500000, 10, 0, 5500000, '
    '0, -10</GeoTransform><VRTRasterBand dataType="CFloat32" band="1" subClass="VRTRawRasterBand"><SourceFilename '
    'relativeToVRT="1">NAME</SourceFilename><ByteOrder>LSB</ByteOrder><ImageOffset>16</ImageOffset><PixelOffset>8'
    f"</PixelOffset><LineOffset>{8 * COLS}</LineOffset></VRTRasterBand></VRTDataset>"
)
SIMPLE_VRT = (
    f'<VRTDataset rasterXSize="{COLS}" rasterYSize="{ROWS}"><SRS>EPSG:32631</SRS><GeoTransform>500000, 10, 0, 5500000, '
    '0, -10</GeoTransform><VRTRasterBand dataType="CFloat32" band="1"><SimpleSource><SourceFilename relativeToVRT="1">'
    "NAME</SourceFilename><SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>"
)
#: The header as ISCE2 writes it.
ISCE = (
    f'<imageFile><property name="WIDTH"><value>{COLS}</value></property><property name="LENGTH"><value>{ROWS}</value>'
    '</property><property name="NUMBER_BANDS"><value>1</value></property><property name="DATA_TYPE"><value>CFLOAT'
    '</value></property><property name="SCHEME"><value>BIP</value></property><property name="BYTE_ORDER"><value>l'
    "</value></property></imageFile>"
)


def envi(folder, pixels, *, name="20230313.slc", offset=0, order="<"):
    """A raw file with the header that ENVI writes beside it."""
    (folder / name).write_bytes(bytes(offset) + pixels.astype(order + "c8").tobytes())
    (folder / f"{name}.hdr").write_text(ENVI.replace("OFFSET", str(offset)).replace("ORDER", "01"[order == ">"]))
    return folder / name


def raw_vrt(folder, pixels):
    (folder / "pixels").write_bytes(bytes(16) + pixels.tobytes())
    (folder / "20230313.vrt").write_text(RAW_VRT.replace("NAME", "pixels"))
    return folder / "20230313.vrt"


def nested(folder, pixels):
    """A VRT over a VRT of a raw file, in another folder: as ISCE2 leaves bursts."""
    (folder / "bursts").mkdir()
    raw_vrt(folder / "bursts", pixels)
    (folder / "20230313.vrt").write_text(SIMPLE_VRT.replace("NAME", "bursts/20230313.vrt"))
    return folder / "20230313.vrt"


def over_envi(folder, pixels):
    (folder / "bursts").mkdir()
    envi(folder / "bursts", pixels, name="burst", offset=7)
    (folder / "20230313.vrt").write_text(SIMPLE_VRT.replace("NAME", "bursts/burst"))
    return folder / "20230313.vrt"


def isce(folder, pixels):
    (folder / "20230313.slc").write_bytes(pixels.tobytes())
    (folder / "20230313.slc.xml").write_text(ISCE)
    return folder / "20230313.slc"


KINDS = {"envi": envi, "vrt": raw_vrt, "nested": nested, "vrt over envi": over_envi, "isce": isce}
DATA = {"envi": "20230313.slc", "vrt": "pixels", "nested": "bursts/pixels", "vrt over envi": "bursts/burst"}


@pytest.fixture
def pixels(rng):
    return (rng.standard_normal((ROWS, COLS)) + 1j * rng.standard_normal((ROWS, COLS))).astype(np.complex64)


@pytest.mark.parametrize("kind", KINDS)
def test_a_short_raw_file_is_refused_when_it_is_opened(tmp_path, pixels, kind):
    path = KINDS[kind](tmp_path, pixels)
    np.testing.assert_array_equal(read_raster(path).array, pixels)
    data = tmp_path / DATA.get(kind, "20230313.slc")
    whole = data.read_bytes()
    for kept in (len(whole) - 1, len(whole) // 2, 9):
        data.write_bytes(whole[:kept])
        message = rf"{data.name} is cut short: .* requires {len(whole)} bytes, it has {kept}"
        with pytest.raises(ValueError, match=message), open_raster(path):
            pass
        with pytest.raises(ValueError, match=message):
            read_window(path, 1, slice(0, 3), slice(0, 5))
    data.write_bytes(b"")
    with pytest.raises(ValueError, match=r"is cut short|cannot be read as a raster"), open_raster(path):
        pass
    # What is longer than its header says is as good.
    data.write_bytes(whole + b"more")
    np.testing.assert_array_equal(read_raster(path).array, pixels)


def test_stacks_catalogues_and_sources_refuse_it_alike(tmp_path, pixels):
    envi(tmp_path, pixels, name="20230301.slc")
    path = envi(tmp_path, pixels)
    path.write_bytes(path.read_bytes()[: 4 * COLS * ROWS])
    for opened in (open_stack, open_catalogue):
        with pytest.raises(ValueError, match="20230313.slc is cut short: its header .* 46080 bytes, it has 23040"):
            opened(tmp_path)
    with pytest.raises(ValueError, match="20230313.slc is cut short"):
        RasterSource(path)


def test_a_vrt_whose_lines_run_backwards_is_measured_by_its_furthest_pixel(tmp_path, pixels):
    path = raw_vrt(tmp_path, pixels)
    size = COLS * ROWS * 8 + 16
    text = path.read_text().replace("<ImageOffset>16", f"<ImageOffset>{16 + 8 * COLS * (ROWS - 1)}")
    path.write_text(text.replace(f"<LineOffset>{8 * COLS}", f"<LineOffset>{-8 * COLS}"))
    np.testing.assert_array_equal(read_raster(path).array, pixels[::-1])
    (tmp_path / "pixels").write_bytes((tmp_path / "pixels").read_bytes()[:-8])
    with pytest.raises(ValueError, match=f"20230313.vrt requires {size} bytes, it has {size - 8}"):
        read_raster(path)


def test_big_endian_rasters_and_arrays_are_read(tmp_path, pixels):
    for date in ("20230301", "20230313"):
        envi(tmp_path, pixels, name=f"{date}.slc", order=">")
    np.testing.assert_array_equal(open_stack(tmp_path).window(), np.stack([pixels, pixels]))
