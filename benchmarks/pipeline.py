"""From an IW-like stack on disk to normalised chips in an archive, beside the same job written plainly.

``python benchmarks/pipeline.py [TILES [DATES]]``, 64 tiles and all pairs of 12 dates if not said; ``steps`` instead
gives the time of each kernel on a tile, ``profile`` where the time of ours goes in one thread.
"""

from __future__ import annotations

import datetime
import os
import shutil
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent))

import h5netcdf
import numpy as np
import rasterio.warp
from interleaved import interleaved
from iw_like import dates, tiles_over, write_iw_like
from numcodecs import blosc
from scipy import ndimage

from m3leo_sar import GeoBox, TileGrid, Window, coherence, normalise
from m3leo_sar._machine import available_cpus
from m3leo_sar.chips.statistics import BandStatistics, Statistics
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.files.fingerprint import checksum, signature
from m3leo_sar.io.stacks.zarr_stack import read_stack
from m3leo_sar.products import tile_images, tile_maker
from m3leo_sar.products.recipe import Recipe, wanted_chips
from m3leo_sar.run.catalogue import Catalogue, open_catalogue
from m3leo_sar.run.job import common_values, job_values, run_job
from m3leo_sar.run.plan import make_plan
from m3leo_sar.run.run_options import RunOptions
from m3leo_sar.run.threads import limit_openmp
from m3leo_sar.run.update import bring_up_to_date
from m3leo_sar.run.update_run import block_size
from m3leo_sar.stack.pairs import Pair, all_pairs
from m3leo_sar.stack.slc import SlcStack
from m3leo_sar.warp.pixel_map import pixel_map
from m3leo_sar.warp.sample import sample

#: Odd, so that SciPy's window and ours lie alike.
WINDOW = Window(rows=5, cols=11)
CENTRE, SCALE = 0.5, 0.25


class Prepared(NamedTuple):
    """What a run took and made."""

    seconds: float
    chips: int
    bytes: int


def scene_for(tiles: int) -> tuple[int, int]:
    """Rows and columns that hold so many tiles well inside."""
    side = int(np.ceil(np.sqrt(tiles))) + 3
    return 448 * side, 896 * side


def prepared(
    *,
    tiles: int,
    dates: int,
    storage: str,
    dtype: str | None = None,
    workers: int | None = None,
    threads: int | None = None,
) -> Prepared:
    """Run ours on a stack that is made for it."""
    with tempfile.TemporaryDirectory() as folder:
        stack = write_iw_like(Path(folder) / "stack", scene_for(tiles), dates)
        grid = tiles_over(scene_for(tiles), tiles)
        started = time.perf_counter()
        options = {"storage": storage, "dtype": dtype, "workers": workers, "threads": threads}
        chips = ours(stack, Path(folder) / "chips", grid, **options)
        seconds = time.perf_counter() - started
        return Prepared(seconds, chips, size_of(Path(folder) / "chips"))


def size_of(folder: Path) -> int:
    """Bytes of all files of a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def ours(
    stack: Path,
    archive: Path,
    grid: TileGrid,
    *,
    storage: str,
    dtype: str | None = None,
    workers: int | None = None,
    threads: int | None = None,
) -> int:
    """Chips in an archive; how many."""
    catalogue = open_catalogue(stack)
    recipe = Recipe(pairs=all_pairs(catalogue.stack.dates), window=WINDOW, intensities=False, minimum_coverage=1.0)
    done = bring_up_to_date(
        catalogue,
        ChipArchive.create(archive, storage=storage, dtype=dtype),
        grid,
        recipe,
        options=RunOptions(workers=workers, threads=threads),
    )
    return sum(done.computed.values())


def normalised(archive: Path) -> int:
    """Read every chip of an archive on all CPUs and normalise it, as a loader does; how many."""
    chips, count = ChipArchive(archive), 0
    for tile in chips.identifiers:
        keys = chips.keys(tile, "coherence")
        statistics = Statistics(tuple(BandStatistics(key, centre=CENTRE, scale=SCALE) for key in keys))
        found = chips.read_each([(tile, "coherence", key) for key in keys], threads=available_cpus())
        normalise([chip.array for chip in found], statistics)
        count += len(keys)
    return count


def plain_map(reference: np.ndarray, secondary: np.ndarray) -> np.ndarray:
    """Coherence of whole images by SciPy's moving means, as it is often written."""
    size = (WINDOW.rows, WINDOW.cols)

    def mean(image: np.ndarray) -> np.ndarray:
        return ndimage.uniform_filter(image, size, mode="constant")

    product = reference * secondary.conj()
    cross = np.hypot(mean(product.real), mean(product.imag))
    power = mean(np.abs(reference) ** 2) * mean(np.abs(secondary) ** 2)
    return cross / np.sqrt(power)


def plain(stack: Path, folder: Path, grid: TileGrid, pairs: list[Pair]) -> int:
    """The same job: a map of the scene a pair, warped to each tile, normalised, one netCDF a tile."""
    opened = read_stack(stack)
    box = opened.geometry
    assert isinstance(box, GeoBox)
    images = {date: opened.window(dates=[date])[0] for date in opened.dates}
    files = [h5netcdf.File(folder / f"{tile.identifier}.nc", "w") for tile in grid]
    for tile, file in zip(grid, files, strict=True):
        file.dimensions = {"pair": len(pairs), "y": tile.pixels, "x": tile.pixels}
        file.create_variable("coherence", ("pair", "y", "x"), "f4", compression="gzip", chunks=(1, 448, 448))
    for index, pair in enumerate(pairs):
        scene = plain_map(images[pair.reference], images[pair.secondary])
        for tile, file in zip(grid, files, strict=True):
            chip, target = np.full(tile.geobox.shape, np.nan, np.float32), tile.geobox
            rasterio.warp.reproject(
                scene,
                chip,
                src_transform=box.affine,
                src_crs=box.crs,
                dst_transform=target.affine,
                dst_crs=target.crs,
                resampling=rasterio.warp.Resampling.bilinear,
                dst_nodata=np.nan,
            )
            file.variables["coherence"][index] = (np.clip(chip, 0, 1) - CENTRE) / SCALE
    for file in files:
        file.close()
    return len(pairs) * len(grid)


def difference(archive: Path, folder: Path, grid: TileGrid, pairs: list[Pair]) -> float:
    """Largest difference of a normalised value between the two."""
    chips, worst = ChipArchive(archive), 0.0
    for tile in grid:
        with h5netcdf.File(folder / f"{tile.identifier}.nc", "r") as file:
            for index, pair in enumerate(pairs):
                mine = (chips.read(tile.identifier, "coherence", str(pair)).array - CENTRE) / SCALE
                worst = max(worst, float(np.abs(file.variables["coherence"][index] - mine).max()))
    return worst


#: Storages and dtypes that are compared; the difference from the plain way is that of the first.
KINDS = (("zarr", "float32"), ("geotiff", "float32"), ("zarr", "uint8"), ("geotiff", "uint8"))


def compare(tiles: int, count: int, *, kinds: tuple[tuple[str, str], ...] = KINDS) -> dict[str, float]:
    """Seconds of each way, ``difference`` of their values, and ``bytes`` of the chips of each archive."""
    seconds, pairs = {}, all_pairs(dates(count))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stack = write_iw_like(folder / "stack", scene_for(tiles), count)
        grid = tiles_over(scene_for(tiles), tiles)
        for storage, dtype in kinds:
            archive, name = folder / f"{storage}-{dtype}", f"{storage} {dtype}"
            seconds[f"ours, {name}"] = _timed(
                lambda: ours(stack, archive, grid, storage=storage, dtype=dtype)  # noqa: B023
            )
            seconds[f"reading and normalising it, {name}"] = _timed(lambda: normalised(archive))  # noqa: B023
            seconds[f"bytes, {name}"] = size_of(archive)
        (folder / "plain").mkdir()
        seconds["plain"] = _timed(lambda: plain(stack, folder / "plain", grid, pairs))
        seconds["difference"] = difference(folder / "-".join(kinds[0]), folder / "plain", grid, pairs)
        shutil.rmtree(folder / "plain")
    return seconds


def steps() -> dict[str, float]:
    """Seconds of each kernel on a tile of 15 pairs."""
    rng = np.random.default_rng(0)
    source = GeoBox.from_bounds((680_000, 5_500_000, 685_000, 5_505_000), shape=(500, 500), crs="EPSG:32631")
    tile = GeoBox.from_bounds((5.501, 49.63, 5.555, 49.67), shape=(448, 448), crs="EPSG:4326")
    stack = rng.standard_normal((6, 500, 500, 2), np.float32).view(np.complex64)[..., 0]
    pairs = [(i, j) for i in range(6) for j in range(i + 1, 6)]
    window, positions = Window(rows=5, cols=20), pixel_map(source, tile)
    maps = coherence(stack, pairs=pairs, window=window)
    chip = sample(maps, positions)
    statistics = Statistics(tuple(BandStatistics(str(pair), centre=0.5, scale=0.25) for pair in pairs))
    return interleaved(
        {
            "coherence of 15 pairs": lambda: coherence(stack, pairs=pairs, window=window),
            "15 maps to the tile": lambda: sample(maps, positions),
            "normalise 15 channels": lambda: normalise(chip, statistics),
        },
        rounds=9,
    )


def profile(storage: str, dtype: str, *, tiles: int = 16, count: int = 12) -> dict[str, float]:
    """Milliseconds of CPU per chip of the parts of ours, in one process."""
    watched = {
        "checksums of the stack": (Catalogue, "origin"),
        "planning": (sys.modules[__name__], "make_plan"),
        "reading the stack": (SlcStack, "images"),
        "coherence": (tile_images, "coherence"),
        "to the tile": (tile_images, "sample"),
        "to levels": (tile_images, "quantise"),
        "looks of each chip": (tile_maker, "looks_facts"),
        "checksums of chips": (tile_maker, "pixel_checksum"),
        "packing and writing": (ChipArchive, "write_layers"),
    }
    spent = dict.fromkeys(watched, 0.0)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as undo:
        limit_openmp(1)
        undo.callback(limit_openmp, available_cpus())
        undo.callback(blosc.set_nthreads, blosc.set_nthreads(1))
        for name, (place, attribute) in watched.items():
            undo.enter_context(_watched(place, attribute, spent, name))
        catalogue = open_catalogue(write_iw_like(Path(folder) / "stack", scene_for(tiles), count))
        # Writing the stack has read it.
        spent["reading the stack"] = 0.0
        recipe = Recipe(pairs=all_pairs(catalogue.stack.dates), window=WINDOW, intensities=False, minimum_coverage=1.0)
        archive = ChipArchive.create(Path(folder) / "chips", storage=storage, dtype=dtype)
        started = time.process_time()
        grid = tiles_over(scene_for(tiles), tiles)
        origin, signatures = catalogue.origin(
            catalogue.inputs,
            lambda path, stop: (signature(path), checksum(path, stop=stop, by_chunks=archive.checks_chunks)),
        )
        wanted = wanted_chips(recipe, polarisation="VV", shape=(448, 448), origin=origin)
        plan = make_plan(grid, wanted, archive=archive)
        common = common_values(catalogue, archive, recipe, origin, signatures)
        for block in plan.blocks(block_size(plan, catalogue.stack, workers=2)):
            answer = run_job(common, job_values(plan, block))
            assert not answer["fatal"]
        spent["all"] = time.process_time() - started
    chips = tiles * len(recipe.pairs)
    return {name: 1e3 * seconds / chips for name, seconds in spent.items()}


@contextmanager
def _watched(place, attribute, spent, name):
    """Count the time in a function, which is to call no other that is watched."""
    function = getattr(place, attribute)

    def timed(*arguments, **options):
        started = time.process_time()
        try:
            return function(*arguments, **options)
        finally:
            spent[name] += time.process_time() - started

    setattr(place, attribute, timed)
    try:
        yield
    finally:
        setattr(place, attribute, function)


def _timed(job) -> float:
    started = time.perf_counter()
    job()
    return time.perf_counter() - started


def main(arguments: list[str]) -> None:
    print(f"{datetime.date.today()}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}")
    if arguments == ["steps"]:
        seconds = steps()
        for name, taken in seconds.items():
            print(f"{name:<24}{1e3 * taken:7.1f} ms per tile")
        total = sum(seconds.values())
        print(f"together{1e3 * total / 15:10.2f} ms per pair and tile, {15 / total:.0f} pair-tiles per second")
        return
    if arguments == ["profile"]:
        for storage, dtype in KINDS:
            print(f"{storage} {dtype}, ms of CPU per chip of all pairs of 12 dates, one thread")
            for name, taken in profile(storage, dtype).items():
                print(f"  {name:<24}{taken:7.2f}")
        return
    tiles = int(arguments[0]) if arguments else 64
    count = int(arguments[1]) if len(arguments) > 1 else 12
    found = compare(tiles, count)
    chips = tiles * count * (count - 1) // 2
    worst = found.pop("difference")
    print(f"{tiles} tiles, all pairs of {count} dates: {chips} chips; normalised values differ by at most {worst:.1e}")
    sizes = {name: found.pop(name) for name in list(found) if name.startswith("bytes")}
    first = next(iter(sizes.values()))
    for name, size in sizes.items():
        print(f"{name:<44}{size / chips / 1e3:8.0f} kB per chip{size / first:7.0%} of the first")
    for name, taken in found.items():
        print(f"{name:<44}{taken:8.1f} s{1e3 * taken / chips:8.2f} ms per chip{found['plain'] / taken:8.1f} x plain")


if __name__ == "__main__":
    main(sys.argv[1:])
