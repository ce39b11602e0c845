"""Stacks in the layouts of other producers, written with h5py, zarr, rasterio and plain bytes, not with the library."""

from __future__ import annotations

import datetime
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import pyproj
import rasterio
import zarr
from rasterio.control import GroundControlPoint

DATES = (datetime.date(2023, 3, 1), datetime.date(2023, 3, 13), datetime.date(2023, 3, 25))
ROWS, COLS = 23, 37
#: Linear positions, which every interpolation reproduces; rows fall in latitude, columns in longitude: mirrored.
LATITUDE, LONGITUDE = (
    start + down * np.arange(ROWS)[:, None] + along * np.arange(COLS)[None]
    for start, down, along in ((9.9, -1e-3, -1e-4), (-68.6, 1e-4, -1e-3))
)


class Layout(NamedTuple):
    """A way to write a stack."""

    #: Writes the pixels below a folder and returns what to type.
    write: Callable[[Path, np.ndarray], Path]
    #: Name of the table entry that reads it.
    reader: str
    #: Whether pixels without data are NaN in the file; otherwise they are zero.
    has_nan: bool = False
    is_map: bool = False
    #: Whether parts of the pixels are whole numbers.
    is_integer: bool = False
    options: dict[str, Any] = {}  # noqa: RUF012
    #: Largest difference of a pixel.
    tolerance: float = 0.0
    #: Name pattern of a file with pixels, whose truncation must be told.
    pixels: str = ""


def stack_pixels(*, is_integer: bool = False) -> np.ndarray:
    """Pixels of three dates, NaN where there is no data; values that float16 holds too."""
    rng = np.random.default_rng(18)
    parts = rng.integers(-900, 900, (3, ROWS, COLS, 2)).astype(np.float32)
    parts[parts == 0] = 5
    # One part alone is zero in a valid sample.
    parts[:, 5, 7, 0] = 0
    pixels = parts.view(np.complex64)[..., 0] / (1 if is_integer else 8)
    pixels[1, 3:5, 2:9] = complex(np.nan, np.nan)
    pixels[:, 20:, :4] = complex(np.nan, np.nan)
    return pixels


def filled(pixels: np.ndarray) -> np.ndarray:
    return np.where(np.isnan(pixels), 0, pixels)


def pairs(pixels: np.ndarray, dtype: str) -> np.ndarray:
    return np.stack([pixels.real, pixels.imag], axis=-1).astype(dtype)


def nisar(root: Path, pixels: np.ndarray, *, half: bool = False, up: bool = False, frequencies: str = "A") -> Path:
    for image, date in zip(pixels, DATES, strict=True):
        with h5py.File(root / f"NISAR_L2_PR_GSLC_004_113_D_065_4005_SHSH_A_{date:%Y%m%d}T010537_"
                              f"{date:%Y%m%d}T010600_P05023_N_F_J_001.h5", "w") as file:  # fmt: skip
            for letter in frequencies:
                group = file.create_group(f"science/LSAR/GSLC/grids/frequency{letter}")
                dtype = np.dtype([("r", "<f2"), ("i", "<f2")]) if half else np.dtype("<c8")
                # The mask hides what the pixels themselves do not.
                shown = np.where(np.isnan(image), 7 + 7j, image)
                data = pairs(shown, "<f2").view(dtype)[..., 0] if half else shown
                group.create_dataset("HH", data=data, chunks=(8, 16), compression="gzip", shuffle=True)
                mask = np.where(np.isnan(image), np.where(np.arange(COLS) % 2, 0, 255), 1 + np.arange(COLS) // 20)
                group.create_dataset("mask", data=mask.astype("u1"), chunks=(8, 16), compression="gzip")
                group["xCoordinates"] = 500_005.0 + 10 * np.arange(COLS)
                group["yCoordinates"] = 5_000_000.0 + 5 * np.arange(ROWS) * (1 if up else -1)
                group["projection"] = np.uint32(32615)
                group["centerFrequency"] = 1239e6 if letter == "A" else 1293.5e6
            place = file.create_group("science/LSAR/identification")
            place["zeroDopplerStartTime"] = f"{date}T01:05:37.000000000"
            place["trackNumber"], place["frameNumber"] = np.uint32(113), np.uint16(65)
            place["orbitPassDirection"], place["compositeReleaseId"] = "Descending", "P05023"
            flags = file.create_group("science/LSAR/GSLC/metadata/processingInformation/parameters")
            flags["ellipsoidalFlatteningApplied"] = flags["topographicFlatteningApplied"] = "True"
    return root


def nisar_product(
    folder: Path,
    image: np.ndarray,
    *,
    date: datetime.date = DATES[0],
    row: float = 0,
    col: float = 0,
    frame: int = 65,
    release: str = "P05023",
    counter: int = 1,
    crs: int = 32615,
    second: int = 37,
    polarisation: str = "HH",
    flattened: str = "True",
) -> Path:
    """A product of one date whose first pixel is the pixel (row, col) of a common lattice."""
    name = f"NISAR_L2_PR_GSLC_004_113_D_{frame:03d}_4005_SHNA_A_{date:%Y%m%d}T0105{second}_{date:%Y%m%d}T010600_"
    path = folder / f"{name}{release}_N_F_J_{counter:03d}.h5"
    rows, cols = image.shape
    with h5py.File(path, "w") as file:
        group = file.create_group("science/LSAR/GSLC/grids/frequencyA")
        group[polarisation] = image.astype("<c8")
        group["mask"] = np.ones(image.shape, "u1")
        group["xCoordinates"] = 500_005.0 + 10 * np.arange(col, col + cols)
        group["yCoordinates"] = 5_000_000.0 - 5 * np.arange(row, row + rows)
        group["projection"] = np.uint32(crs)
        group["centerFrequency"] = 1239e6
        place = file.create_group("science/LSAR/identification")
        place["zeroDopplerStartTime"] = f"{date}T01:05:{second}.000000000"
        # Of one byte before specification 1.2.0.
        place["trackNumber"], place["frameNumber"] = np.uint8(113), np.uint16(frame)
        place["orbitPassDirection"], place["compositeReleaseId"] = "Descending", release
        parameters = file.create_group("science/LSAR/GSLC/metadata/processingInformation/parameters")
        parameters["ellipsoidalFlatteningApplied"] = "True"
        parameters["topographicFlatteningApplied"] = flattened
    return path


def isce_header(path: Path, *, vrt: bool = False, big: bool = False, layer: bool = False) -> None:
    if vrt:
        kind, step = ("Float64", 8) if layer else ("CFloat32", 8)
        Path(f"{path}.vrt").write_text(
            f'<VRTDataset rasterXSize="{COLS}" rasterYSize="{ROWS}"><VRTRasterBand band="1" dataType="{kind}" '
            f'subClass="VRTRawRasterBand"><SourceFilename relativeToVRT="1">{path.name}</SourceFilename>'
            f"<ByteOrder>{'MSB' if big else 'LSB'}</ByteOrder><ImageOffset>0</ImageOffset>"
            f"<PixelOffset>{step}</PixelOffset><LineOffset>{step * COLS}</LineOffset></VRTRasterBand></VRTDataset>"
        )
        return
    facts = {"byte_order": "b" if big else "l", "data_type": "DOUBLE" if layer else "CFLOAT", "length": ROWS,
             "width": COLS, "number_bands": 1}  # fmt: skip
    text = "".join(f'<property name="{key}"><value>{value}</value></property>' for key, value in facts.items())
    Path(f"{path}.xml").write_text(f"<imageFile>{text}</imageFile>")


def isce2(root: Path, pixels: np.ndarray, *, vrt: bool = False, big: bool = False, flat: bool = False) -> Path:
    order = ">" if big else "<"
    for image, date in zip(pixels, DATES, strict=True):
        folder = root / "slcs" if flat else root / "merged" / "SLC" / f"{date:%Y%m%d}"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{date:%Y%m%d}.slc{'' if flat else '.full'}"
        filled(image).astype(f"{order}c8").tofile(path)
        isce_header(path, vrt=vrt, big=big)
    place = root / "slcs" / "geom_reference" if flat else root / "merged" / "geom_reference"
    place.mkdir(parents=True)
    for name, layer in (("lat", LATITUDE), ("lon", LONGITUDE), ("hgt", LATITUDE)):
        path = place / f"{name}.rdr{'' if flat else '.full'}"
        layer.astype(f"{order}f8").tofile(path)
        isce_header(path, vrt=vrt, big=big, layer=True)
    (root / "reference").mkdir()
    (root / "reference" / "IW2.xml").write_text(
        '<productmanager_name><component name="bursts"><property name="passdirection"><value>DESCENDING</value>'
        '</property><property name="radarwavelength"><value>0.05546576</value></property></component>'
        "</productmanager_name>"
    )
    return root / "slcs" if flat else root


_ENVI = {"i2": 2, "f4": 4, "f8": 5}


def envi_image(path: Path, values: np.ndarray, dtype: str) -> None:
    values.astype(dtype).tofile(path)
    path.with_suffix(".hdr").write_text(
        f"ENVI\nsamples = {values.shape[1]}\nlines = {values.shape[0]}\nbands = 1\nheader offset = 0\n"
        f"data type = {_ENVI[dtype[1:]]}\nbyte order = {int(dtype[0] == '>')}\n"
    )


def snap(root: Path, pixels: np.ndarray, *, dtype: str = ">f4", tags: str = "mst slv1 slv2", scale: float = 1.0,
         positions: str = "bands") -> Path:  # fmt: skip
    data = root / "stack.data"
    data.mkdir()
    bands, ties = [], ""
    for image, date, tag in zip(pixels, DATES, tags.split(), strict=True):
        for letter, part in (("i", filled(image).real), ("q", filled(image).imag)):
            name = f"{letter}_IW2_VV_{tag}_{date:%d%b%Y}"
            envi_image(data / f"{name}.img", part / scale, dtype)
            bands.append(
                f"<Spectral_Band_Info><BAND_NAME>{name}</BAND_NAME><SCALING_FACTOR>{scale}</SCALING_FACTOR>"
                "<NO_DATA_VALUE_USED>true</NO_DATA_VALUE_USED><NO_DATA_VALUE>0.0</NO_DATA_VALUE></Spectral_Band_Info>"
            )
    if positions == "bands":
        envi_image(data / "orthorectifiedLat.img", LATITUDE, ">f8")
        envi_image(data / "orthorectifiedLon.img", LONGITUDE, ">f8")
    elif positions == "ties":
        (data / "tie_point_grids").mkdir()
        for name, layer in (("latitude", LATITUDE), ("longitude", LONGITUDE)):
            # Every fourth pixel from the second on; SNAP's centre of the first pixel is 0.5.
            envi_image(data / "tie_point_grids" / f"{name}.img", layer[1::4, 1::4], ">f8")
            ties += (
                f"<Tie_Point_Grid_Info><TIE_POINT_GRID_NAME>{name}</TIE_POINT_GRID_NAME><TIE_POINT_OFFSET_X>1.5"
                "</TIE_POINT_OFFSET_X><TIE_POINT_OFFSET_Y>1.5</TIE_POINT_OFFSET_Y><TIE_POINT_STEP_X>4.0"
                "</TIE_POINT_STEP_X><TIE_POINT_STEP_Y>4.0</TIE_POINT_STEP_Y></Tie_Point_Grid_Info>"
            )
    grid = ""
    if positions == "map":
        grid = (
            "<Coordinate_Reference_System><WKT>" + rasterio.CRS.from_epsg(32631).to_wkt().replace("<", "&lt;")
            + "</WKT></Coordinate_Reference_System><Geoposition><IMAGE_TO_MODEL_TRANSFORM>"
            "10.0,0.0,0.0,-12.0,500000.0,5500000.0</IMAGE_TO_MODEL_TRANSFORM></Geoposition>"
        )  # fmt: skip
    (root / "stack.dim").write_text(
        f'<?xml version="1.0" encoding="ISO-8859-1"?><Dimap_Document><Raster_Dimensions><NCOLS>{COLS}</NCOLS><NROWS>'
        f"{ROWS}</NROWS></Raster_Dimensions>{grid}<Tie_Point_Grids>{ties}</Tie_Point_Grids><Image_Interpretation>"
        f"{''.join(bands)}</Image_Interpretation><Dataset_Sources><MDElem><MDATTR name='PASS'>DESCENDING</MDATTR>"
        "<MDATTR name='REL_ORBIT'>37</MDATTR><MDATTR name='radar_frequency'>5405.000454334350</MDATTR></MDElem>"
        "</Dataset_Sources></Dimap_Document>"
    )
    return root


def znap(root: Path, pixels: np.ndarray, *, has_ties: bool = False) -> Path:
    store = zarr.open_group(root / "stack.znap", mode="w", zarr_format=2)
    layers = {"orthorectifiedLat": LATITUDE, "orthorectifiedLon": LONGITUDE}
    # Every fourth pixel from the second on; SNAP's centre of the first pixel is 0.5.
    layers = {"latitude": LATITUDE[1::4, 1::4], "longitude": LONGITUDE[1::4, 1::4]} if has_ties else layers
    ties = {"offset_x": 1.5, "offset_y": 1.5, "subsampling_x": 4.0, "subsampling_y": 4.0}
    for image, date in zip(pixels, DATES, strict=True):
        layers |= {f"i_VV_{date:%d%b%Y}": filled(image).real, f"q_VV_{date:%d%b%Y}": filled(image).imag}
    for name, values in layers.items():
        dtype = ">f8" if name.startswith(("ortho", "l")) else ">f4"
        array = store.create_array(name, shape=values.shape, chunks=(10, 20), dtype=dtype, fill_value=0.0)
        array[...] = values
        array.attrs.update(ties if name in ("latitude", "longitude") else {})
    return root


def gamma(root: Path, pixels: np.ndarray, *, kind: str = "FCOMPLEX", before: int = 0, table: bool = True) -> Path:
    dtype = {"FCOMPLEX": ">f4", "SCOMPLEX": ">i2"}[kind]
    for image, date in zip(pixels, DATES, strict=True):
        lines = pairs(filled(image), dtype).reshape(ROWS, -1)
        content = b"".join(b"\7" * before + line.tobytes() for line in lines)
        (root / f"{date:%Y%m%d}.rslc").write_bytes(content)
        (root / f"{date:%Y%m%d}.rslc.par").write_text(
            f"Gamma Interferometric SAR Processor (ISP)\n\ntitle:     S1-IW-IW2-VV\nsensor:    S1A IW IW2 VV\n"
            f"date:      {date:%Y %m %d} 22 50 50.0\nline_header_size:  {before}\nrange_samples:  {COLS}\n"
            f"azimuth_lines:  {ROWS}\nimage_format:  {kind}\nradar_frequency:  5.4050005e+09   Hz\n"
            "heading:   -167.0   degrees\n"
        )
    if table:
        # A map finer than the image; the inverse of the linear positions.
        y, x = 9.9005 - 2e-4 * np.arange(140), -68.637 + 2e-4 * np.arange(210)
        matrix = np.array([[-1e-3, -1e-4], [1e-4, -1e-3]])
        ground = np.stack(np.meshgrid(y - 9.9, x + 68.6, indexing="ij"))
        rows, cols = np.einsum("ij,jkl->ikl", np.linalg.inv(matrix), ground)
        np.stack([cols, rows], axis=-1).astype(">f4").tofile(root / "20230301.lt_fine")
        (root / "20230301_dem.par").write_text(
            f"DEM_projection:  EQA\nwidth:  210\nnlines:  140\ncorner_lat:  {y[0]}  decimal degrees\ncorner_lon:  "
            f"{x[0]}  decimal degrees\npost_lat:  -2.0e-04  decimal degrees\npost_lon:  2.0e-04  decimal degrees\n"
        )
    return root


def gmtsar(root: Path, pixels: np.ndarray) -> Path:
    for image, date in zip(pixels, DATES, strict=True):
        pairs(filled(image), "<i2").tofile(root / f"S1_{date:%Y%m%d}_ALL_F2.SLC")
        (root / f"S1_{date:%Y%m%d}_ALL_F2.PRM").write_text(
            f"num_rng_bins = {COLS}\nnum_lines = {ROWS}\nnum_valid_az = {ROWS}\nnum_patches = 1\n"
            "radar_wavelength = 0.0554658\norbdir = D\n"
        )
    (root / "topo").mkdir()
    grid = np.meshgrid(np.arange(-3, ROWS + 3), np.arange(-3, COLS + 3), indexing="ij")
    rows, cols = (axis.ravel() + 0.25 for axis in grid)
    columns = (cols, rows, 0 * rows, -68.6 + 1e-4 * rows - 1e-3 * cols, 9.9 - 1e-3 * rows - 1e-4 * cols)
    np.stack(columns, axis=1).astype("<f8").tofile(root / "topo" / "trans.dat")
    return root


def miaplpy(root: Path, pixels: np.ndarray) -> Path:
    (root / "inputs").mkdir()
    with h5py.File(root / "inputs" / "slcStack.h5", "w") as file:
        file.create_dataset("slc", data=filled(pixels), chunks=(1, 8, 16), compression="lzf")
        file["date"] = np.array([f"{date:%Y%m%d}".encode() for date in DATES])
        file.attrs.update({"ORBIT_DIRECTION": "DESCENDING", "WAVELENGTH": "0.0554658", "POLARIZATION": "VV"})
    with h5py.File(root / "inputs" / "geometryRadar.h5", "w") as file:
        file["latitude"], file["longitude"] = LATITUDE, LONGITUDE
    return root


def doris(root: Path, pixels: np.ndarray, *, version: int = 2, parts: bool = False, counts: bool = False) -> Path:
    store = zarr.open_group(root / "stack.zarr", mode="w", zarr_format=version)
    moved = np.moveaxis(filled(pixels), 0, -1)
    layers: dict[str, tuple[np.ndarray, tuple[str, ...]]] = {
        "lat": (LATITUDE, ("azimuth", "range")), "lon": (LONGITUDE, ("azimuth", "range")),
    }  # fmt: skip
    axes = ("azimuth", "range", "time")
    layers |= {"real": (moved.real, axes), "imag": (moved.imag, axes)} if parts else {"complex": (moved, axes)}
    start = np.datetime64(DATES[0])
    days = np.arange(3) if counts else (np.array(DATES, "M8[D]") - start).astype("i8")
    layers["time"] = (days, ("time",))
    for name, (values, names) in layers.items():
        named = {"dimension_names": names} if version == 3 else {}
        array = store.create_array(
            name, data=np.ascontiguousarray(values), chunks=tuple(map(min, values.shape, (10, 20, 2))), **named
        )
        if version == 2:
            array.attrs["_ARRAY_DIMENSIONS"] = list(names)
        if name == "time" and not counts:
            array.attrs["units"] = f"days since {DATES[0]} 00:00:00"
    if counts:
        lines = "".join(f"stack.zarr/{index},{date}\n" for index, date in enumerate(DATES))
        (root / "dates.csv").write_text(f"file,date\n{lines}")
    return root / "stack.zarr"


def geozarr(root: Path, pixels: np.ndarray, *, version: int = 3, is_map: bool = True) -> Path:
    """As xarray writes a Dataset with the names of CF and GeoZarr."""
    store = zarr.open_group(root / "stack.zarr", mode="w", zarr_format=version)
    axes = ("time", "y", "x") if is_map else ("time", "azimuth", "range")
    seconds = (np.array(DATES, "M8[s]") - np.datetime64(DATES[0])).astype("i8") + 3600
    layers: dict[str, tuple[np.ndarray, tuple[str, ...], dict[str, Any]]] = {
        "VV": (pixels, axes, {"grid_mapping": "spatial_ref"} if is_map else {}),
        "time": (seconds, axes[:1], {"units": f"seconds since {DATES[0]} 00:00:00"}),
    }
    if is_map:
        crs = {"crs_wkt": pyproj.CRS(32615).to_wkt()}
        layers |= {"spatial_ref": (np.array(0), (), crs), "y": (5_000_000.0 - 5 * np.arange(ROWS), axes[1:2], {}),
                   "x": (500_005.0 + 10 * np.arange(COLS), axes[2:], {})}  # fmt: skip
    else:
        layers |= {"latitude": (LATITUDE, axes[1:], {}), "longitude": (LONGITUDE, axes[1:], {})}
    for name, (values, names, attributes) in layers.items():
        named: dict[str, Any] = {"dimension_names": names} if version == 3 else {}
        stated = attributes | ({"_ARRAY_DIMENSIONS": list(names)} if version == 2 else {})
        chunks = tuple(map(min, values.shape, (1, 10, 20)[-values.ndim :])) if values.ndim else ()
        array = store.create_array(name, data=values, chunks=chunks, attributes=stated, **named)
        assert array.shape == values.shape
    return root / "stack.zarr"


def hdf5(root: Path, pixels: np.ndarray, *, kind: str = "c8") -> Path:
    for image, date in zip(pixels, DATES, strict=True):
        with h5py.File(root / f"slc_{date:%Y%m%d}.h5", "w") as file:
            if kind == "native":
                space = h5py.h5s.create_simple(image.shape)
                plist = h5py.h5p.create(h5py.h5p.LINK_CREATE)
                plist.set_create_intermediate_group(True)
                made = h5py.h5d.create(file.id, b"/data/VV", h5py.h5t.COMPLEX_IEEE_F32BE, space, lcpl=plist)
                made.write(h5py.h5s.ALL, h5py.h5s.ALL, np.ascontiguousarray(image), h5py.h5t.COMPLEX_IEEE_F32LE)
            else:
                data = image if kind in ("c8", ">c8") else pairs(image, kind)
                if kind not in ("c8", ">c8"):
                    data = data.view(np.dtype([("r", kind), ("i", kind)]))[..., 0]
                file.create_dataset("data/VV", data=data, dtype=">c8" if kind == ">c8" else None)
            file["data/x_coordinates"] = 500_005.0 + 10 * np.arange(COLS)
            file["data/y_coordinates"] = 5_000_000.0 - 5 * np.arange(ROWS)
            file["data/projection"] = 32631
    return root


def rasters(root: Path, pixels: np.ndarray, *, driver: str = "GTiff", dtype: str = "complex64", up: bool = False,
            order: str = "<") -> Path:  # fmt: skip
    for image, date in zip(pixels, DATES, strict=True):
        path = root / f"slc_{date:%Y%m%d}_VV.{'tif' if driver == 'GTiff' else 'img'}"
        transform = rasterio.Affine(10, 0, 500_000, 0, 12 if up else -12, 5_500_000)
        if order == ">":
            filled(image).astype(">c8").tofile(path)
            path.with_suffix(".hdr").write_text(
                f"ENVI\nsamples = {COLS}\nlines = {ROWS}\nbands = 1\nheader offset = 0\nfile type = ENVI Standard\n"
                "data type = 6\ninterleave = bsq\nbyte order = 1\ndata ignore value = 0\n"
                "map info = {UTM, 1, 1, 500000, 5500000, 10, 12, 31, North, WGS-84}\n"
            )
            continue
        profile = {"driver": driver, "width": COLS, "height": ROWS, "count": 1, "dtype": dtype, "nodata": 0,
                   "crs": "EPSG:32631", "transform": transform}  # fmt: skip
        with rasterio.open(path, "w", **profile) as file:
            file.write(filled(image).astype("complex64"), 1)
    return root


def capella(root: Path, pixels: np.ndarray) -> Path:
    for image, date in zip(pixels, DATES, strict=True):
        collect = {
            "start_timestamp": f"{date}T18:06:19.141436708Z", "image": {"scale_factor": 0.5},
            "radar": {"center_frequency": 9.65e9, "transmit_polarization": "V", "receive_polarization": "V"},
            "state": {"direction": "ascending"},
        }  # fmt: skip
        path = root / f"CAPELLA_C17_SM_SLC_VV_{date:%Y%m%d}180619_{date:%Y%m%d}180628.tif"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
            with rasterio.open(
                path, "w", driver="GTiff", width=COLS, height=ROWS, count=1, dtype="complex_int16"
            ) as file:
                file.write((filled(image) * 2).astype("complex64"), 1)
                file.update_tags(TIFFTAG_IMAGEDESCRIPTION=json.dumps({"collect": collect}))
    return root


def plain_tif(path: Path, values: np.ndarray) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(path, "w", driver="GTiff", width=values.shape[1], height=values.shape[0], count=1,
                           dtype=values.dtype) as file:  # fmt: skip
            file.write(values, 1)


def biomass(root: Path, pixels: np.ndarray, *, tables: bool = True) -> Path:
    phases = np.linspace(0, 40, ROWS)[:, None] + np.linspace(0, 11, COLS)[None]
    for image, date in zip(pixels, DATES, strict=True):
        name = f"BIO_S1_STA__1S_{date:%Y%m%d}T050928_{date:%Y%m%d}T050949_T_G01_M03_C01_T004_F001_02_DSQJ70"
        place = root / name
        (place / "measurement").mkdir(parents=True)
        turned = image * np.exp(-1j * phases) if tables else image
        points = [GroundControlPoint(row, col, LONGITUDE[row, col], LATITUDE[row, col], 50.0)
                  for row in (0, 11, 22) for col in (0, 18, 36)]  # fmt: skip
        for part, values in (("abs", np.abs(image)), ("phase", np.angle(turned))):
            shown = np.where(np.isnan(image), -9999, values).astype("f4")
            path = place / "measurement" / f"{name.lower()}_i_{part}.tiff"
            profile = {"driver": "GTiff", "width": COLS, "height": ROWS, "count": 2, "dtype": "float32",
                       "nodata": -9999, "compress": "LERC", "MAX_Z_ERROR": 0}  # fmt: skip
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
                with rasterio.open(path, "w", **profile, gcps=points, crs="EPSG:4979") as file:
                    for band, (polarisation, factor) in enumerate((("HH", 0.5), ("VV", 1)), start=1):
                        scaled = shown if part == "phase" or factor == 1 else np.where(shown == -9999, shown, shown / 2)
                        file.write(scaled, band)
                        file.update_tags(band, POLARIMETRIC_INTERP=polarisation)
        if not tables:
            continue
        (place / "annotation_coregistered").mkdir()
        stem = place / "annotation_coregistered" / name.lower()
        Path(f"{stem}_annot.xml").write_text(
            "<mainAnnotation><sarImage><azimuthTimeInterval>0.002</azimuthTimeInterval><rangeTimeInterval>1e-7"
            "</rangeTimeInterval></sarImage></mainAnnotation>"
        )
        with h5py.File(f"{stem}_lut.nc", "w") as file:
            file["relativeAzimuthTime"] = 3.5 + 0.002 * np.arange(0, ROWS + 10, 5)
            file["slantRangeTime"] = 0.005 + 1e-7 * np.arange(0, COLS + 8, 6)
            nodes = np.arange(0, ROWS + 10, 5)[:, None], np.arange(0, COLS + 8, 6)[None]
            file["coregistration/flatteningPhaseScreen"] = 40 / 22 * nodes[0] + 11 / 36 * nodes[1]
            file["geometry/latitude"] = 9.9 - 1e-3 * nodes[0] - 1e-4 * nodes[1]
            file["geometry/longitude"] = -68.6 + 1e-4 * nodes[0] - 1e-3 * nodes[1]
    return root


def _with(function: Callable[..., Path], **options: Any) -> Callable[[Path, np.ndarray], Path]:
    return lambda root, pixels: function(root, pixels, **options)


LAYOUTS = {
    "nisar": Layout(nisar, "nisar-gslc", is_map=True, pixels="*.h5"),
    "nisar float16": Layout(_with(nisar, half=True), "nisar-gslc", is_map=True, pixels="*.h5"),
    "nisar rising": Layout(_with(nisar, up=True), "nisar-gslc", is_map=True, pixels="*.h5"),
    "nisar frequency B": Layout(_with(nisar, frequencies="AB"), "nisar-gslc", is_map=True,
                                options={"frequency": "b"}, pixels="*.h5"),
    "isce2": Layout(isce2, "isce2", pixels="*.slc.full"),
    "isce2 vrt": Layout(_with(isce2, vrt=True), "isce2", pixels="*.slc.full"),
    "isce2 big-endian": Layout(_with(isce2, big=True), "isce2", pixels="*.slc.full"),
    "isce2 flat": Layout(_with(isce2, flat=True), "isce2", pixels="*.slc"),
    "snap": Layout(snap, "snap-beam", pixels="i_*.img"),
    "snap ref": Layout(_with(snap, tags="ref sec1 sec2"), "snap-beam", pixels="q_*.img"),
    "snap little-endian": Layout(_with(snap, dtype="<f4"), "snap-beam", pixels="i_*.img"),
    "snap int16": Layout(_with(snap, dtype=">i2", scale=0.125), "snap-beam", pixels="i_*.img"),
    "snap float64": Layout(_with(snap, dtype=">f8"), "snap-beam", pixels="i_*.img"),
    "snap ties": Layout(_with(snap, positions="ties"), "snap-beam", pixels="i_*.img"),
    "snap map": Layout(_with(snap, positions="map"), "snap-beam", is_map=True, pixels="i_*.img"),
    "znap": Layout(znap, "snap-znap", pixels="i_*/0.0"),
    "znap ties": Layout(_with(znap, has_ties=True), "snap-znap", pixels="i_*/0.0"),
    "gamma": Layout(gamma, "gamma", pixels="*.rslc"),
    "gamma int16": Layout(_with(gamma, kind="SCOMPLEX"), "gamma", is_integer=True, pixels="*.rslc"),
    "gamma line header": Layout(_with(gamma, before=6), "gamma", pixels="*.rslc"),
    "gmtsar": Layout(gmtsar, "gmtsar", is_integer=True, pixels="*.SLC"),
    "miaplpy": Layout(miaplpy, "miaplpy", pixels="slcStack.h5"),
    "doris": Layout(doris, "doris-zarr", pixels="complex/0.0.0"),
    "doris parts": Layout(_with(doris, version=3, parts=True), "doris-zarr", pixels="real/c/0/0/0"),
    "doris counts": Layout(_with(doris, counts=True), "doris-zarr", pixels="complex/0.0.0"),
    "geozarr": Layout(geozarr, "geozarr", True, is_map=True, pixels="VV/c/0/0/0"),
    "geozarr radar": Layout(_with(geozarr, version=2, is_map=False), "geozarr", True, pixels="VV/0.0.0"),
    "hdf5": Layout(hdf5, "hdf5", True, is_map=True, pixels="*.h5"),
    "hdf5 big-endian": Layout(_with(hdf5, kind=">c8"), "hdf5", True, is_map=True, pixels="*.h5"),
    "hdf5 float16": Layout(_with(hdf5, kind=">f2"), "hdf5", True, is_map=True, pixels="*.h5"),
    "hdf5 native": Layout(_with(hdf5, kind="native"), "hdf5", True, is_map=True, pixels="*.h5"),
    "geotiff": Layout(rasters, "rasters", is_map=True, pixels="*.tif"),
    "geotiff rising": Layout(_with(rasters, up=True), "rasters", is_map=True, pixels="*.tif"),
    "geotiff int16": Layout(_with(rasters, dtype="complex_int16"), "rasters", is_map=True, is_integer=True,
                            pixels="*.tif"),
    "geotiff complex128": Layout(_with(rasters, dtype="complex128"), "rasters", is_map=True, pixels="*.tif"),
    "envi": Layout(_with(rasters, driver="ENVI"), "rasters", is_map=True, pixels="*.img"),
    "envi big-endian": Layout(_with(rasters, driver="ENVI", order=">"), "rasters", is_map=True, pixels="*.img"),
    "capella": Layout(capella, "capella", is_integer=True, options={"geometry": "radar"}, pixels="*.tif"),
    "biomass": Layout(biomass, "biomass-sta", options={"polarisation": "VV"}, tolerance=2e-3, pixels="*_abs.tiff"),
}  # fmt: skip
