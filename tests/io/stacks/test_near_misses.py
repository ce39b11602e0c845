"""Files that look like a stack and are none: each gets a sentence that says what it is."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
import stack_layouts
from stack_layouts import COLS, DATES, ROWS

from m3leo_sar import GeoBox
from m3leo_sar.io.files.raster import write_geotiff
from m3leo_sar.io.stacks.open_stack import open_stack
from m3leo_sar.io.stacks.registry import recognise

BOX = GeoBox((ROWS, COLS), (10.0, 0.0, 500_000.0, 0.0, -10.0, 5_500_000.0), "EPSG:32631")
PIXELS = stack_layouts.stack_pixels()
FINITE = np.nan_to_num(PIXELS[0])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.abs(FINITE), "got float32; they look like an amplitude or intensity, which has lost its phase"),
        (np.abs(FINITE).astype("uint16"), "got uint16; they look like an amplitude or intensity"),
        (np.angle(FINITE), "got float32; they look like a wrapped phase, which has lost its amplitude"),
        (np.abs(FINITE) / 2000, "got float32; they look like a coherence, which is of pairs"),
        (FINITE.real, "must be a complex raster, got float32$"),
        (np.full((ROWS, COLS), np.nan, "f4"), "must be a complex raster, got float32$"),
    ],
)
def test_real_rasters_are_named_by_their_values(tmp_path, values, message):
    write_geotiff(tmp_path / "20230301.tif", values, BOX)
    with pytest.raises(ValueError, match=message):
        open_stack(tmp_path)


def renamed(folder, old, new):
    for path in sorted(folder.rglob(f"*{old}*"), reverse=True):
        path.rename(path.with_name(path.name.replace(old, new)))
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix in (".dim", ".vrt", ".xml"):
            path.write_text(path.read_text().replace(old, new))


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("geotiff", "20230301", "20230301_20230313"),
        ("isce2 flat", "20230301", "20230301_20230313"),
        ("snap", "mst_01Mar2023", "ifg_01Mar2023_13Mar2023"),
        ("hdf5", "20230301", "20230301_20230313"),
        ("gmtsar", "20230301", "20230301_20230313"),
    ],
)
def test_an_interferogram_is_no_date(tmp_path, name, old, new):
    layout = stack_layouts.LAYOUTS[name]
    place = layout.write(tmp_path, stack_layouts.stack_pixels(is_integer=layout.is_integer))
    renamed(tmp_path, old, new)
    with pytest.raises(
        ValueError, match="has several dates in its name, 2023-03-01 and 2023-03-13, as an interferogram"
    ):
        open_stack(place)


def test_headers_of_real_images_are_named(tmp_path):
    stack_layouts.gamma(tmp_path, PIXELS)
    par = tmp_path / "20230313.rslc.par"
    par.write_text(par.read_text().replace("FCOMPLEX", "FLOAT"))
    with pytest.raises(
        ValueError, match="20230313.rslc.par: image_format must be FCOMPLEX or SCOMPLEX, got FLOAT, real"
    ):
        open_stack(tmp_path)


def test_a_real_isce_image_is_named(tmp_path):
    stack_layouts.isce2(tmp_path, PIXELS)
    header = next(tmp_path.rglob("20230301.slc.full.xml"))
    header.write_text(header.read_text().replace("CFLOAT", "FLOAT"))
    with pytest.raises(ValueError, match="20230301.slc.full must be a complex image, got float32"):
        open_stack(tmp_path)


def test_products_without_complex_bands_are_named(tmp_path):
    stack_layouts.snap(tmp_path, PIXELS)
    document = tmp_path / "stack.dim"
    document.write_text(document.read_text().replace("<BAND_NAME>i_", "<BAND_NAME>Amplitude_"))
    with pytest.raises(ValueError, match=r"stack.dim has no pairs of bands i_\* and q_\*, as a complex product has"):
        open_stack(tmp_path)
    document.unlink()
    with pytest.raises(ValueError, match="it is the .data of a SNAP BEAM-DIMAP product; its .dim, .* is not beside it"):
        open_stack(tmp_path / "stack.data")


def test_a_stack_of_real_numbers_is_named(tmp_path):
    place = stack_layouts.miaplpy(tmp_path, PIXELS)
    with h5py.File(place / "inputs" / "slcStack.h5", "r+") as file:
        values = np.abs(file["slc"][...])
        del file["slc"]
        file["slc"] = values
    with pytest.raises(ValueError, match=r"slcStack.h5: slc must be complex \(dates, rows, cols\) .*, got float32"):
        open_stack(place)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("BIO_S1_SCS__1S_20230301T050928_20230301T050949_T_G01_M03_C01_T004_F001_02_DSQJ70", "is a BIOMASS SCS .L1a."),
        ("S1A_IW_SLC__1SDV_20230301T161651_20230301T161718_047451_05B2A5_1234.SAFE", "is a Sentinel-1 SLC .SAFE."),
    ],
)
def test_products_that_are_not_co_registered_are_named(tmp_path, name, message):
    (tmp_path / name / "measurement").mkdir(parents=True)
    for place in (tmp_path, tmp_path / name):
        with pytest.raises(ValueError, match=f"{message}; .* not co-registered"):
            open_stack(place)


def test_the_geometry_of_a_burst_is_no_date(tmp_path):
    (tmp_path / "OPERA_L2_CSLC-S1-STATIC_T087-185683-IW2_20140403_S1A_v1.0.h5").write_bytes(b"")
    with pytest.raises(ValueError, match="is an OPERA CSLC-S1-STATIC; it holds the geometry of a burst and no date"):
        open_stack(tmp_path)


def test_a_detected_nitf_is_no_sicd(tmp_path):
    import rasterio

    with rasterio.open(
        tmp_path / "a.ntf", "w", driver="NITF", width=COLS, height=ROWS, count=1, dtype="uint8",
        crs="EPSG:4326", transform=rasterio.Affine(0.01, 0, 9, 0, -0.01, 50), ICORDS="G",
    ) as file:  # fmt: skip
        file.write(np.ones((1, ROWS, COLS), "u1"))
    with pytest.raises(
        ValueError, match="a.ntf is not a SICD: it has no SICD segment; a detected NITF image has no phase"
    ):
        open_stack(tmp_path)


def test_shapes_that_differ_are_named(tmp_path):
    stack_layouts.gamma(tmp_path, PIXELS)
    par = tmp_path / "20230313.rslc.par"
    par.write_text(par.read_text().replace(f"azimuth_lines:  {ROWS}", f"azimuth_lines:  {ROWS - 2}"))
    with pytest.raises(
        ValueError, match=r"20230313.rslc has shape \(21, 37\), 20230301.rslc \(23, 37\); .* co-registered"
    ):
        open_stack(tmp_path)


def test_dates_of_the_same_day_are_refused_where_neither_is_newer(tmp_path):
    place = stack_layouts.gmtsar(tmp_path, stack_layouts.stack_pixels(is_integer=True))
    for end in (".SLC", ".PRM"):
        source = place / f"S1_{DATES[0]:%Y%m%d}_ALL_F2{end}"
        (place / source.name.replace("F2", "F3")).write_bytes(source.read_bytes())
    with pytest.raises(ValueError, match="F2.SLC and .*F3.SLC are of the same date, 2023-03-01; keep one"):
        open_stack(place)


def test_a_date_twice_in_one_file_is_refused(tmp_path):
    place = stack_layouts.miaplpy(tmp_path, PIXELS)
    with h5py.File(place / "inputs" / "slcStack.h5", "r+") as file:
        file["date"][1] = file["date"][0]
    with pytest.raises(ValueError, match="slcStack.h5 and slcStack.h5 are of the same date, 2023-03-01; keep one"):
        open_stack(place)


def test_a_geocoded_isce_image_is_a_raster(tmp_path):
    place = stack_layouts.isce2(tmp_path, PIXELS, flat=True)
    for path in place.glob("*.slc.xml"):
        corner = (
            '<component name="coordinate1"><property name="startingvalue"><value>-68.6</value></property></component>'
        )
        path.write_text(path.read_text().replace("</imageFile>", f"{corner}</imageFile>"))
    assert recognise(place)[0].name == "rasters"
