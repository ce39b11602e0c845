"""A small valid file for every reader, and what reads all of it."""

from __future__ import annotations

import contextlib
import datetime
import itertools
import json
import os
import shutil
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import rasterio
import rslc_product
import stack_layouts
import stack_samples
import tiny_safe

from m3leo_sar import GeoBox, SlcStack, TileGrid, Window
from m3leo_sar.chips.accumulate import StatisticsAccumulator
from m3leo_sar.chips.grouped import GroupedAccumulator, GroupedStatistics
from m3leo_sar.chips.statistics import BandStatistics, Statistics
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.chips.archive_index import read_index, write_index
from m3leo_sar.io.chips.slc_tile_store import SlcTileStore, StackFacts
from m3leo_sar.io.components.component import read_component
from m3leo_sar.io.components.netcdf_components import read_agb, read_gssic, read_gunw
from m3leo_sar.io.components.parquet_release import ParquetRelease, shards_of
from m3leo_sar.io.files.ledger import Ledger
from m3leo_sar.io.files.raster import write_geotiff
from m3leo_sar.io.sentinel1.annotation import read_annotation
from m3leo_sar.io.sentinel1.eopf import open_eopf
from m3leo_sar.io.sentinel1.orbit_file import read_orbit_file
from m3leo_sar.io.sentinel1.passes import passes
from m3leo_sar.io.sentinel1.product import find_products, read_bursts
from m3leo_sar.io.sentinel1.safe import open_safe
from m3leo_sar.io.sources.open_source import open_source
from m3leo_sar.io.sources.terrain import open_terrain
from m3leo_sar.io.stacks.cslc import read_cslc_stack
from m3leo_sar.io.stacks.open_stack import open_stack
from m3leo_sar.io.stacks.raster_stack import read_raster_stack
from m3leo_sar.io.stacks.zarr_stack import read_labels, read_stack, write_stack
from m3leo_sar.io.tables.area_file import read_area
from m3leo_sar.io.tables.split_file import read_split_columns, write_splits
from m3leo_sar.io.tables.tile_file import read_tile_columns, read_tiles, write_tiles
from m3leo_sar.pictures.chip_description import describe
from m3leo_sar.stack.geometry import RadarGeometry
from m3leo_sar.stack.tile_samples import TileFrame

BOX = GeoBox.from_bounds((9.0, 50.0, 9.06, 50.04), shape=(20, 30), crs="EPSG:4326")
TILE = GeoBox.from_bounds((9.02, 50.01, 9.04, 50.03), shape=(9, 11), crs="EPSG:4326")
TILES = TileGrid.legacy((6.0, 49.5, 6.2, 49.6))[:3]
DATES = [datetime.date(2023, 3, 1), datetime.date(2023, 3, 13)]
NAME = "s1a-iw1-slc-vv-20220918t074921-20220918t074946-045056-056232-004"
GRANULE = "S1-GUNW-A-R-064-tops-20200320_20200308-015013-36885N_35006N-PP-a1b9-v2_0_2"


def _numbers(*shape: int) -> np.ndarray:
    return np.random.default_rng(7).uniform(1, 200, shape).astype("f4")


def write_bands(path: Path, bands: np.ndarray, *, names: Any = (), box: GeoBox | None = BOX, **profile: Any) -> Path:
    """A GeoTIFF as others write it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = {"count": len(bands), "height": bands.shape[1], "width": bands.shape[2], "dtype": str(bands.dtype)}
    place = {} if box is None else {"crs": box.crs, "transform": box.affine}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(path, "w", driver="GTiff", **shape, **place, **profile) as file:
            file.write(bands)
            for number, name in enumerate(names, start=1):
                file.set_band_description(number, name)
    return path


def radar(root: Path) -> Path:
    names = [f"{season}_{pol}{way}" for season in ("winter", "spring", "summer", "fall")
             for pol, way in itertools.product(("vv", "vh"), ("asc", "des"))]  # fmt: skip
    return write_bands(root / "s1grd-2020" / "a.tif", _numbers(16, 20, 30).astype("u1"), names=names)


def cover(root: Path, **profile: Any) -> Path:
    codes = np.random.default_rng(7).choice(np.array([10, 50, 95], "u1"), (1, 20, 30))
    return write_bands(root / "esaworldcover-2020" / "a.tif", codes, compress="deflate", **profile)


def _netcdf(path: Path, parts: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for name, values in parts.items():
            packed = {"compression": "gzip", "chunks": True} if np.ndim(values) > 1 else {}
            file.create_dataset(name, data=values, **packed)
    return path


def _axes(west: float, north: float, step: float) -> tuple[np.ndarray, np.ndarray]:
    return west + step * (np.arange(30) + 0.5), north - step * (np.arange(20) + 0.5)


def gssic(root: Path) -> Path:
    x, y = _axes(9.0, 50.04, 0.002)
    return _netcdf(root / "gssic" / "a.nc", {
        "season": np.array([b"summer", b"fall", b"winter", b"spring"]), "polarimetry": np.array([b"vv", b"vh"]),
        "deltadays": np.array([12, 24]), "param": np.array([b"rho", b"tau", b"rmse"]),
        "feature": np.array([b"inc", b"lsmap"]), "x": x, "y": y, "amplitude": _numbers(4, 2, 20, 30),
        "coherence": _numbers(4, 2, 20, 30) / 2, "decaymodel": _numbers(4, 3, 20, 30), "geometry": _numbers(2, 20, 30),
    })  # fmt: skip


def agb(root: Path) -> Path:
    x, y = _axes(9.0, 50.04, 0.002)
    return _netcdf(
        root / "agb-2019" / "a.nc", {"lat": y, "lon": x, "agb": _numbers(20, 30), "agb_se": _numbers(20, 30)}
    )


def gunw(root: Path) -> Path:
    x, y = _axes(9.0, 50.04, 0.002)
    data = {name: _numbers(2, 20, 30) for name in ("unwrappedPhase", "coherence", "amplitude", "connectedComponents")}
    parts = {"longitude": x, "latitude": y, "datepair": np.array([b"20200401_20200308", b"20200206_20200125"]), **data}
    inside = {f"science/grids/data/{name}": values for name, values in parts.items()}
    return _netcdf(root / "gunw" / "a.nc", inside | {"science/extraMetaData/direction": np.array([b"A", b"D"])})


def release(root: Path) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    tiles = TILES.identifiers
    content = cover(root.parent / "unpacked").read_bytes()
    (root / "esaworldcover-2020").mkdir()
    table = pa.table({
        "path": [f"aoi/aoi_partitions_aschips_0/esaworldcover-2020/{tile}.tif" for tile in tiles],
        "ds": ["esaworldcover-2020"] * 3, "content": [content] * 3,
    })  # fmt: skip
    pq.write_table(table, root / "esaworldcover-2020" / "p0.zstd.parquet", compression="zstd", row_group_size=2)
    write_splits(root / "s.csv", dict.fromkeys(tiles, "train"), columns={"parquet_identifier": ["p0"] * 3})
    return root


def _read_release(root: Path) -> None:
    packed = ParquetRelease(root, shards_of(root / "s.csv"))
    for tile in TILES.identifiers:
        packed.chip(tile, "esaworldcover-2020")


def splits(root: Path) -> Path:
    write_splits(root / "s.csv", dict.fromkeys(TILES.identifiers, "val"), columns={"original_index": range(len(TILES))})
    return root / "s.csv"


def _tiles(name: str, grid: TileGrid) -> Callable[[Path], Path]:
    def make(root: Path) -> Path:
        write_tiles(root / name, grid[:3], columns={"original_index": [4, 5, 6]})
        return root / name

    return make


def _read_tiles(path: Path) -> None:
    read_tiles(path)
    read_tile_columns(path)


def area(root: Path) -> Path:
    (root / "a.wkt").write_text("POLYGON ((9 50, 9 51, 10 51, 10 50, 9 50))")
    return root / "a.wkt"


def area_geojson(root: Path) -> Path:
    ring = [[9, 50], [9, 51], [10, 51], [10, 50], [9, 50]]
    feature = {"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [ring]}}
    (root / "a.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    return root / "a.geojson"


def _area_frame(name: str) -> Callable[[Path], Path]:
    def make(root: Path) -> Path:
        import geopandas
        import shapely

        frame = geopandas.GeoDataFrame({"n": [1]}, geometry=[shapely.box(9, 50, 10, 51)], crs="EPSG:4326")
        frame.to_parquet(root / name) if name.endswith("parquet") else frame.to_file(root / name)
        return root / name

    return make


def annotation_text(*, lines: int = 6, samples: int = 8) -> str:
    """An annotation with all that is read of one, and two bursts."""

    def text(entry: str, value: object) -> str:
        return f"<{entry}>{value}</{entry}>"

    def times(start: int, count: int) -> list[str]:
        return [f"2022-09-18T07:49:{start + number:02d}.000000" for number in range(count)]

    valid = " ".join(["1"] * lines), " ".join([str(samples - 2)] * lines)
    bursts = "".join(
        f"<burst>{text('azimuthTime', time)}{text('firstValidSample', valid[0])}"
        f"{text('lastValidSample', valid[1])}</burst>"
        for time in ("2022-09-18T07:49:21.000000", "2022-09-18T07:49:21.010000")
    )
    states = "".join(
        f"<orbit>{text('time', time)}<position><x>{4e6 + 5000 * n}</x><y>{5e6 - 4000 * n}</y>"
        f"<z>{3e6 + 900 * n}</z></position>"
        f"<velocity><x>5000</x><y>-4000</y><z>900</z></velocity></orbit>"
        for n, time in enumerate(times(15, 12))
    )
    rate = f"{text('azimuthTime', times(21, 1)[0])}{text('t0', 0.0053)}"
    point = "".join(text(name, 3) for name in ("line", "pixel", "latitude", "longitude", "height", "incidenceAngle"))
    return (
        "<product><adsHeader>"
        + "".join(text(*entry) for entry in (("missionId", "S1A"), ("productType", "SLC"), ("polarisation", "VV"),
                  ("mode", "IW"), ("swath", "IW1"), ("startTime", times(21, 1)[0])))
        + "</adsHeader><generalAnnotation><productInformation>"
        + "".join(text(*entry) for entry in (("pass", "Descending"), ("rangeSamplingRate", 64345238.125),
                  ("radarFrequency", 5405000454.33), ("azimuthSteeringRate", 1.59)))
        + f"</productInformation><orbitList>{states}</orbitList><azimuthFmRateList><azimuthFmRate>{rate}"
        + "<azimuthFmRatePolynomial>-2330 450000 -7e7</azimuthFmRatePolynomial></azimuthFmRate></azimuthFmRateList>"
        + f"</generalAnnotation><imageAnnotation><imageInformation>{text('azimuthTimeInterval', 0.002)}"
        + f"{text('slantRangeTime', 0.0053)}</imageInformation></imageAnnotation><dopplerCentroid><dcEstimateList>"
        + f"<dcEstimate>{rate}<dataDcPolynomial>-5 100 -1e5</dataDcPolynomial></dcEstimate></dcEstimateList>"
        + f"</dopplerCentroid><swathTiming>{text('linesPerBurst', lines)}{text('samplesPerBurst', samples)}"
        + f"<burstList>{bursts}</burstList></swathTiming><geolocationGrid><geolocationGridPointList>"
        + f"<geolocationGridPoint>{point}</geolocationGridPoint></geolocationGridPointList></geolocationGrid></product>"
    )  # fmt: skip


def annotation(root: Path) -> Path:
    (root / "a.xml").write_text(annotation_text())
    return root / "a.xml"


def _read_annotation(path: Path) -> None:
    note = read_annotation(path)
    note.carrier(0)
    note.radar_grid(0)


def safe(root: Path) -> Path:
    folder = root / "S1A_IW_SLC__1SDV_20220918.SAFE"
    (folder / "annotation" / "calibration").mkdir(parents=True)
    (folder / "annotation" / f"{NAME}.xml").write_text(annotation_text())
    vectors = "".join(
        f"<calibrationVector><line>{line}</line><pixel>0 4 8</pixel><sigmaNought>300 310 320</sigmaNought>"
        "<betaNought>1 1 1</betaNought><gamma>2 2 2</gamma></calibrationVector>"
        for line in (-5, 6, 40)
    )
    text = f"<calibration><calibrationVectorList>{vectors}</calibrationVectorList></calibration>"
    (folder / "annotation" / "calibration" / f"calibration-{NAME}.xml").write_text(text)
    (folder / "manifest.safe").write_text('<a><software name="Sentinel-1 IPF" version="003.52"/></a>')
    write_bands(folder / "measurement" / f"{NAME}.tiff", _numbers(1, 12, 8).astype("c8"), box=None)
    return folder


def safe_zip(root: Path) -> Path:
    outside = root.parent / "outside"
    shutil.rmtree(outside, ignore_errors=True)
    outside.mkdir()
    folder = safe(outside)
    return Path(shutil.make_archive(str(root / "product"), "zip", outside, folder.name))


def _read_safe(path: Path) -> None:
    swath = open_safe(path, swath="IW1", polarisation="VV")
    swath.burst(1)
    swath.calibration_factor(0)
    swath.deburst()


def bursts(root: Path) -> Path:
    return tiny_safe.write_safe(root, swaths={"IW1": [110431, 110432]}, annotated=False)


def _read_bursts(path: Path) -> None:
    products = find_products(path)
    passes(products)
    for burst, _ in read_bursts(products[0].bursts):
        burst.annotated_orbit()
        burst.carrier(0, 0)


def orbit_file(root: Path) -> Path:
    day, name = (
        datetime.timedelta(days=1),
        "S1A_OPER_AUX_POEORB_OPOD_20230919T000000_V20230903T063732_20230905T063732.EOF",
    )
    first = tiny_safe.FIRST
    (root / name).write_text(tiny_safe.eof(first=first, created=first + 15 * day, start=first - day, stop=first + day))
    return root / name


def _read_orbit_file(path: Path) -> None:
    read_orbit_file(path).orbit(tiny_safe.FIRST, tiny_safe.FIRST, tiny_safe.FIRST + datetime.timedelta(seconds=9))


def terrain(root: Path) -> Path:
    for west in (9, 10):
        box = GeoBox.from_bounds((west, 50, west + 1, 51), shape=(20, 30), crs="EPSG:4326")
        write_bands(root / f"N50E{west:03d}.tif", _numbers(1, 20, 30), box=box, nodata=-9, compress="deflate")
    return root


def _read_terrain(path: Path) -> None:
    open_terrain(path, vertical_crs="ellipsoid").window((9.8, 50.2, 10.2, 50.8), minimum_share=0.2)


def cslc(root: Path) -> Path:
    for date in DATES:
        name = f"OPERA_L2_CSLC-S1_T087-185683-IW2_{date:%Y%m%d}T161651Z_20240504T181714Z_S1A_VV_v1.1.h5"
        _netcdf(root / name, {
            "data/x_coordinates": 157_322.5 + 5.0 * np.arange(30),
            "data/y_coordinates": 2_172_295.0 - 10.0 * np.arange(20),
            "data/projection": 32605, "data/VV": _numbers(20, 30).astype("c8"),
            "metadata/orbit/orbit_direction": np.bytes_("Descending"),
            "metadata/processing_information/input_burst_metadata/wavelength": 0.0555,
        })  # fmt: skip
    return root


def _stack() -> SlcStack:
    return SlcStack.from_arrays(_numbers(2, 20, 30).astype("c8"), DATES, geometry=BOX, polarisation="VV", track=37)


def stack(root: Path) -> Path:
    write_stack(_stack(), root / "s", labels={"cover": (np.ones((4, 5), "u1"), BOX.crop(slice(0, 4), slice(0, 5)))})
    return root / "s"


def _read_stack(path: Path) -> None:
    read_stack(path).window()
    read_labels(path)


def slc_tiles(root: Path) -> Path:
    store = SlcTileStore.create(root / "t", StackFacts(window=Window(rows=3, cols=5), polarisation="VV"))
    numbers = np.random.default_rng(4).random
    frame = TileFrame(
        geobox=BOX, rows=slice(0, 9), cols=slice(0, 11), down=numbers((2, BOX.shape[0], 2)),
        along=numbers((2, 2, BOX.shape[1])), terms=2, origin=(0.0, 0.0), error=1e-6, scale=None,
    )  # fmt: skip
    store.write("0000000000001", numbers((len(DATES), 9, 22)).astype("f4").view("c8"), DATES, frame=frame)
    return root / "t"


def _read_slc_tiles(path: Path) -> None:
    store = SlcTileStore(path)
    list(store.faults())
    for identifier in store.identifiers:
        store.frame(identifier)
        store.read(identifier, store.dates(identifier))


def rasters(root: Path) -> Path:
    for date in DATES:
        write_geotiff(root / f"slc_{date:%Y%m%d}.tif", _numbers(20, 30).astype("c8"), BOX)
    return root


def archive(root: Path, *, storage: str = "geotiff") -> Path:
    chips = ChipArchive.create(root / "chips", storage=storage)
    for number, key in enumerate(("20230301_20230313", "20230313_20230325")):
        facts = {
            "product": "coherence",
            "key": key,
            "unit": "1",
            "polarisation": "VV",
            "parameters": {"window": [3, 5]},
        }
        facts |= {"reference": key[:8], "secondary": key[9:]}
        chips.write(TILES.identifiers[number], "coherence", key, _numbers(20, 30), BOX, metadata=facts)
    return root / "chips"


def _zarr_archive(root: Path) -> Path:
    return archive(root, storage="zarr")


def _read_archive(path: Path) -> None:
    chips = ChipArchive(path)
    list(chips.verify())
    for chip in list(chips.chips()):
        chips.has(*chip, parameters={"window": [3, 5]})
        chips.facts(*chip)
        chips.read(*chip)


def _index(root: Path) -> Path:
    chips = archive(root.parent / "indexed")
    write_index(ChipArchive(chips))
    (root / "chips").mkdir()
    shutil.copy(chips / "index.parquet", root / "chips")
    shutil.rmtree(chips.parent)
    return root / "chips"


def _one_chip(root: Path) -> Path:
    return next(archive(root).rglob("*.tif"))


def raster_source(root: Path) -> Path:
    return write_bands(
        root / "dem.tif", _numbers(2, 20, 30), nodata=-9, compress="deflate", tiled=True, blockxsize=16, blockysize=16
    )


def netcdf_source(root: Path) -> Path:
    x, y = _axes(9.0, 50.04, 0.002)
    path = _netcdf(root / "a.nc", {"lat": y, "lon": x, "agb": _numbers(20, 30)})
    with h5py.File(path, "a") as file:
        for name in ("lat", "lon"):
            file[name].make_scale(name)
        for axis, name in enumerate(("lat", "lon")):
            file["agb"].dims[axis].attach_scale(file[name])
        file["agb"].attrs["_FillValue"] = np.float32(-9)
    return path


def zarr_source(root: Path) -> Path:
    import xarray

    x, y = _axes(9.0, 50.04, 0.002)
    data = xarray.Dataset({"agb": (("lat", "lon"), _numbers(20, 30))}, coords={"lat": y, "lon": x})
    data.to_zarr(root / "a.zarr", consolidated=False)
    return root / "a.zarr"


def gssic_source(root: Path) -> Path:
    cell = GeoBox.from_bounds((9, 50, 10, 51), shape=(30, 30), crs="EPSG:4326")
    for name, dtype in (("winter_vv_COH12", "u1"), ("winter_vv_AMP", "u2"), ("124D_lsmap", "u1")):
        write_bands(root / f"N51E009_{name}.tif", _numbers(1, 30, 30).astype(dtype), box=cell)
    return root


def gunw_source(root: Path) -> Path:
    x, y = _axes(9.0, 50.04, 0.002)
    names = ("unwrappedPhase", "coherence", "amplitude", "connectedComponents")
    parts = {"longitude": x, "latitude": y} | {name: _numbers(20, 30) for name in names}
    _netcdf(root / f"{GRANULE}.nc", {f"science/grids/data/{name}": values for name, values in parts.items()})
    return root


def _read_source(path: Path) -> None:
    source = open_source(path)
    source.parameters(TILE)
    source.read(TILE)


def ledger(root: Path) -> Path:
    with Ledger(root / "l.sqlite") as rows:
        for number in range(4):
            rows.record(f"coherence/{number}", "done", digest="1f", outputs=["a", "b"])
    return root / "l.sqlite"


def _read_ledger(path: Path) -> None:
    with Ledger(path) as rows:
        rows.entries()
        rows.counts()
        rows.entry("coherence/1")
        rows.record("coherence/9", "failed", digest="2", reason="why")


def _accumulator() -> StatisticsAccumulator:
    seen = StatisticsAccumulator([BandStatistics("coherence"), BandStatistics("height", "decibel")])
    seen.update(_numbers(2, 20, 30) / 200)
    return seen


def _text(name: str, text: Callable[[], str]) -> Callable[[Path], Path]:
    def make(root: Path) -> Path:
        (root / name).write_text(text())
        return root / name

    return make


def _grouped() -> str:
    seen = GroupedAccumulator({"coherence": "linear"})
    seen.update(_numbers(20, 30) / 200, {"product": "coherence", "polarisation": "VV"})
    return seen.finish().to_json()


def _read_accumulator(path: Path) -> None:
    StatisticsAccumulator.from_json(path.read_text(errors="replace")).finish()


_CONFIG = """archive: chips
task: {name: segmentation}
model: {name: unet}
input: ["coherence:20230101_20230113"]
target: landcover
epochs: 3
batch: 4
learning_rate: 1.0e-3
cells: [4, 4]
optimizer: adamw
schedule: cosine
warmup: 0.1
"""


def _read_config(path: Path) -> None:
    from m3leo_sar.learn.fit.config import load_config, to_yaml

    to_yaml(load_config(path))


def _layout(name: str) -> tuple[Callable[[Path], Path], Callable[[Path], Any]]:
    """A stack in the layout of another producer."""
    layout = stack_layouts.LAYOUTS[name]
    options = dict(layout.options)
    if options.get("geometry"):
        options["geometry"] = RadarGeometry(stack_layouts.LATITUDE, stack_layouts.LONGITUDE)

    def make(root: Path) -> Path:
        return layout.write(root, stack_layouts.stack_pixels(is_integer=layout.is_integer))

    def read(path: Path) -> None:
        with warnings.catch_warnings():
            # A damaged name or date leaves files out with a warning, and zeros look like a gap.
            warnings.simplefilter("ignore", UserWarning)
            open_stack(path, **options).window()

    return make, read


def rslc(root: Path) -> Path:
    """A NISAR RSLC of one date."""
    return rslc_product.product(root)


def _read_rslc(path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        open_stack(path, polarisation="HH").window()


#: Layouts of which one each is damaged.
_LAYOUTS = ("nisar", "isce2", "isce2 vrt", "snap", "snap ties", "znap", "znap ties", "gamma", "gmtsar", "miaplpy",
            "doris counts", "doris parts", "geozarr", "hdf5", "envi", "capella", "biomass")  # fmt: skip


def _sample(name: str) -> tuple[Callable[[Path], Path], Callable[[Path], Any]]:
    """A sample in the layout of a producer."""

    def read(path: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            open_stack(path, **stack_samples.SAMPLES[name].options).window()

    return partial(stack_samples.copied, name), read


def _eopf(root: Path) -> Path:
    """A product of EOPF."""
    store = sorted((stack_samples.FOLDER / "eopf-cpm30").glob("*.zarr"))[0]
    return stack_samples.copied_tree(store, root / store.name)


def _read_eopf(path: Path) -> None:
    for burst in open_eopf(path, swath="IW1", polarisation="VV"):
        burst.read()
        # The state vectors of the sample are no orbit.
        with contextlib.suppress(ValueError):
            burst.orbit()


def _sampled() -> dict[str, tuple[Callable[[Path], Path], Callable[[Path], Any]]]:
    """Layouts that no test writes, where the samples are beside the repository."""
    if not stack_samples.FOLDER.is_dir():
        return {}
    kinds = ("opera-cslc", "compass", "isce2-virtual", "dolphin", "sicd")
    return {"eopf": (_eopf, _read_eopf), **{f"sample-{name}": _sample(name) for name in kinds}}


_EXACT = TileGrid.exact((5.9, 49.5, 6.1, 49.6))

#: Name of a reader to what writes its file below a folder and returns the path to read, and what reads that.
READERS: dict[str, tuple[Callable[[Path], Path], Callable[[Path], Any]]] = {
    "radar": (radar, read_component),
    "cover": (cover, read_component),
    "describe": (_one_chip, describe),
    "gssic": (gssic, read_gssic),
    "agb": (agb, read_agb),
    "gunw": (gunw, read_gunw),
    "release": (release, _read_release),
    "splits": (splits, read_split_columns),
    "tiles-geojson": (_tiles("t.geojson", TILES), _read_tiles),
    "exact-geojson": (_tiles("t.geojson", _EXACT), _read_tiles),
    "tiles-parquet": (_tiles("t.parquet", TILES), _read_tiles),
    "exact-parquet": (_tiles("t.parquet", _EXACT), _read_tiles),
    "area-wkt": (area, read_area),
    "area-geojson": (area_geojson, read_area),
    "area-gpkg": (_area_frame("a.gpkg"), read_area),
    "area-parquet": (_area_frame("a.parquet"), read_area),
    "annotation": (annotation, _read_annotation),
    "safe": (safe, _read_safe),
    "safe-zip": (safe_zip, _read_safe),
    "bursts": (bursts, _read_bursts),
    "orbit-file": (orbit_file, _read_orbit_file),
    "terrain": (terrain, _read_terrain),
    "rslc": (rslc, _read_rslc),
    "cslc": (cslc, lambda path: read_cslc_stack(path).window()),
    "zarr-stack": (stack, _read_stack),
    "raster-stack": (rasters, lambda path: read_raster_stack(path, polarisation="VV").window()),
    "slc-tiles": (slc_tiles, _read_slc_tiles),
    "archive-geotiff": (archive, _read_archive),
    "archive-zarr": (_zarr_archive, _read_archive),
    "archive-index": (_index, read_index),
    "source-raster": (raster_source, _read_source),
    "source-netcdf": (netcdf_source, _read_source),
    "source-zarr": (zarr_source, _read_source),
    "source-gssic": (gssic_source, _read_source),
    "source-gunw": (gunw_source, _read_source),
    "ledger": (ledger, _read_ledger),
    "statistics": (
        _text("s.json", lambda: _accumulator().finish().to_json()),
        lambda path: Statistics.from_json(path.read_text(errors="replace")),
    ),
    "grouped": (_text("g.json", _grouped), lambda path: GroupedStatistics.from_json(path.read_text(errors="replace"))),
    "accumulator": (_text("a.json", lambda: _accumulator().to_json()), _read_accumulator),
    "config": (_text("c.yaml", lambda: _CONFIG), _read_config),
    **{f"stack-{name.replace(' ', '-')}": _layout(name) for name in _LAYOUTS},
    **_sampled(),
}


def warm(name: str, folder: Path) -> None:
    """Write and read the valid file once, so that every library it needs is loaded."""
    place, read = READERS[name]
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder / "case")
    read(place(folder / "case"))
    shutil.rmtree(folder)
