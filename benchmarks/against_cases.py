"""What ``against.py`` times in two builds: one function per case.

A case is a function of a size that prepares its arrays and returns the call to be timed. It must run in every build it
is compared with, so it imports the package inside, uses words that both builds have, and passes no option that one of
them lacks. In a build where it cannot be prepared, or fails at its first call, it is left out.
"""

from __future__ import annotations

import importlib
import os
import shutil
import sys
import tempfile
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

Call = Callable[[], Any]


class Case(NamedTuple):
    """One row of the table."""

    #: Arrays of a size (rows = columns, or what else the case counts), and the call over them.
    prepare: Callable[[int], Call]
    #: Size that is timed.
    size: int
    #: Memory traffic per pixel of ``size`` x ``size`` that is compared with the bandwidth; 0 where it is not the bound.
    bytes_per_pixel: float


CASES: dict[str, Case] = {}


def case(
    name: str, *, size: int = 4096, bytes_per_pixel: float = 0
) -> Callable[[Callable[[int], Call]], Callable[[int], Call]]:
    """Register a function as the case ``name``."""

    def register(prepare: Callable[[int], Call]) -> Callable[[int], Call]:
        if name in CASES:
            raise ValueError(f"there are two cases named {name!r}")
        CASES[name] = Case(prepare, size, bytes_per_pixel)
        return prepare

    return register


def complex_pair(size: int, kind: Any = np.float32) -> tuple[np.ndarray, np.ndarray]:
    """Two images of true coherence 0.6."""
    rng = np.random.default_rng(0)
    both = rng.standard_normal((2, size, size, 2), np.float32).astype(kind, copy=False)
    first, noise = both.view(np.result_type(kind, np.complex64))[..., 0]
    return first, 0.6 * first + first.dtype.type(0.8) * noise


def ramp(size: int) -> np.ndarray:
    """A reference phase of thousands of radians."""
    return np.linspace(0, 1e4, size * size).reshape(size, size)


def coherence_call(size: int, *, kind: Any = np.float32, phase: bool = False, **options: Any) -> Call:
    """Coherence of one pair with a window of 5 x 20."""
    from m3leo_sar import Window, coherence

    a, b = complex_pair(size, kind)
    options = {"window": Window(rows=5, cols=20), **options}
    if phase:
        options["reference_phase"] = ramp(size)
    return lambda: coherence(a, b, **options)


@case("coherence", bytes_per_pixel=20)
def coherence_plain(size: int) -> Call:
    return coherence_call(size)


@case("coherence, a gap in every tile", bytes_per_pixel=20)
def coherence_with_gaps(size: int) -> Call:
    from m3leo_sar import Window, coherence

    a, b = complex_pair(size)
    a[::50, ::50] = np.nan
    return lambda: coherence(a, b, window=Window(rows=5, cols=20))


@case("coherence, complex int16", bytes_per_pixel=12)
def coherence_int16(size: int) -> Call:
    from m3leo_sar import Window, coherence
    from m3leo_sar.stack.complex_int16 import to_complex_int16

    a, b = (to_complex_int16(image, scale=1e-3) for image in complex_pair(size))
    return lambda: coherence(a, b, window=Window(rows=5, cols=20))


@case("coherence, reference phase", bytes_per_pixel=20)
def coherence_reference_phase(size: int) -> Call:
    return coherence_call(size, phase=True)


@case("coherence, reference phase, complex128", size=2048, bytes_per_pixel=40)
def coherence_reference_phase_double(size: int) -> Call:
    return coherence_call(size, kind=np.float64, phase=True)


@case("coherence, complex value", bytes_per_pixel=20)
def coherence_complex(size: int) -> Call:
    return coherence_call(size, output="complex")


@case("coherence, complex value and reference phase", bytes_per_pixel=20)
def coherence_complex_reference_phase(size: int) -> Call:
    return coherence_call(size, output="complex", phase=True)


@case("coherence, all maps", bytes_per_pixel=20)
def coherence_all(size: int) -> Call:
    return coherence_call(size, output="all")


@case("coherence, all maps of 1024 x 1024", size=1024, bytes_per_pixel=20)
def coherence_all_of_a_tile(size: int) -> Call:
    return coherence_call(size, output="all")


@case("interferogram, looks 4 x 20", bytes_per_pixel=16)
def interferogram_plain(size: int) -> Call:
    from m3leo_sar import Looks, interferogram

    a, b = complex_pair(size)
    return lambda: interferogram(a, b, looks=Looks(rows=4, cols=20))


@case("interferogram, looks 4 x 20, reference phase", bytes_per_pixel=16)
def interferogram_reference_phase(size: int) -> Call:
    from m3leo_sar import Looks, interferogram

    a, b = complex_pair(size)
    phase = ramp(size)
    return lambda: interferogram(a, b, looks=Looks(rows=4, cols=20), reference_phase=phase)


@case("interferogram, single looks, reference phase", bytes_per_pixel=24)
def interferogram_single_reference_phase(size: int) -> Call:
    from m3leo_sar import interferogram

    a, b = complex_pair(size)
    phase = ramp(size)
    return lambda: interferogram(a, b, reference_phase=phase)


@case("coherence, Gaussian weights", bytes_per_pixel=20)
def coherence_gaussian(size: int) -> Call:
    from m3leo_sar import Window, coherence

    a, b = complex_pair(size)
    return lambda: coherence(a, b, window=Window.gaussian(rows=5, cols=20))


@case("coherence, complex128", size=2048, bytes_per_pixel=40)
def coherence_double(size: int) -> Call:
    return coherence_call(size, kind=np.float64)


@case("coherence, window 3 x 3", bytes_per_pixel=20)
def coherence_small_window(size: int) -> Call:
    from m3leo_sar import Window

    return coherence_call(size, window=Window(rows=3, cols=3))


@case("coherence, window 21 x 81", bytes_per_pixel=20)
def coherence_large_window(size: int) -> Call:
    from m3leo_sar import Window

    return coherence_call(size, window=Window(rows=21, cols=81))


@case("coherence, looks 5 x 20", bytes_per_pixel=16)
def coherence_of_looks(size: int) -> Call:
    from m3leo_sar import Looks

    return coherence_call(size, step=Looks(rows=5, cols=20))


def pairs_call(size: int, dates: int, count: int | None = None) -> Call:
    """Coherence of the first pairs of a stack, or of all."""
    from itertools import combinations

    from m3leo_sar import Window, coherence

    first, _ = complex_pair(size)
    turns = np.exp(1j * np.arange(dates)).astype(np.complex64)
    stack = turns[:, None, None] * first
    pairs = list(combinations(range(dates), 2))[:count]
    return lambda: coherence(stack, pairs=pairs, window=Window(rows=5, cols=20))


@case("coherence, a pair alone of 1024 x 1024", size=1024, bytes_per_pixel=20)
def coherence_alone(size: int) -> Call:
    return pairs_call(size, 2)


# 4 bytes per pixel and pair written, 8 per pixel and date read.
@case("coherence, 435 pairs of 30 dates of 1024 x 1024", size=1024, bytes_per_pixel=4 * 435 + 8 * 30)
def coherence_of_all_pairs(size: int) -> Call:
    return pairs_call(size, 30)


@case("interferogram, single looks", bytes_per_pixel=24)
def interferogram_single(size: int) -> Call:
    from m3leo_sar import interferogram

    a, b = complex_pair(size)
    return lambda: interferogram(a, b)


@case("interferogram, single looks, memory reused by both", size=2048, bytes_per_pixel=24)
def interferogram_single_reused(size: int) -> Call:
    return interferogram_single(size)


#: Modules of today by their names in builds before the rooms were divided.
FORMER = {
    "m3leo_sar.io.stacks.zarr_stack": "m3leo_sar.io.zarr_stack",
    "m3leo_sar.io.chips.archive": "m3leo_sar.io.archive",
    "m3leo_sar.products.recipe": "m3leo_sar.app.tile_chips",
    "m3leo_sar.run.catalogue": "m3leo_sar.app.catalogue",
    "m3leo_sar.run.update": "m3leo_sar.app.run",
}


def with_former_names() -> None:
    """Have an older build answer to the names of today."""
    import m3leo_sar

    root = Path(m3leo_sar.__file__).parent
    for name, former in FORMER.items():
        # Not by an import, which an editable installation would answer with the files of another build.
        if not root.joinpath(*name.split(".")[1:]).with_suffix(".py").is_file():
            sys.modules[name] = importlib.import_module(former)


class Archived:
    """Archives of a temporary folder, removed with this value."""

    def __init__(self, tiles: int, storage: str) -> None:
        with_former_names()
        # That of the build, as an older one writes stacks of an older layout.
        sys.path.insert(0, str(Path(importlib.import_module("m3leo_sar").__file__ or "").parents[2] / "benchmarks"))
        from iw_like import dates, tiles_over, write_iw_like

        from m3leo_sar import Window
        from m3leo_sar.products.recipe import Recipe
        from m3leo_sar.run.catalogue import open_catalogue
        from m3leo_sar.stack.pairs import all_pairs

        self.folder, self.storage = Path(tempfile.mkdtemp()), storage
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        side = int(np.ceil(np.sqrt(tiles))) + 3
        shape = (448 * side, 896 * side)
        stack = write_iw_like(self.folder / "stack", shape, 12)
        self.catalogue, self.grid = open_catalogue(stack), tiles_over(shape, tiles)
        window = Window(rows=5, cols=11)
        self.recipe = Recipe(pairs=all_pairs(dates(12)), window=window, intensities=False, minimum_coverage=1.0)

    def prepare(self, **kind: str) -> Any:
        """All pairs of 12 dates into a new archive."""
        from m3leo_sar.io.chips.archive import ChipArchive
        from m3leo_sar.run.update import bring_up_to_date

        root = self.folder / "chips"
        shutil.rmtree(root, ignore_errors=True)
        archive = ChipArchive.create(root, storage=self.storage, **kind)
        bring_up_to_date(self.catalogue, archive, self.grid, self.recipe)
        return archive

    def smallest(self) -> dict[str, str]:
        """Option for coherence as uint8, in a build that has it."""
        from m3leo_sar.io.chips.archive import ChipArchive

        return {"dtype": "uint8"} if hasattr(ChipArchive, "dtype") else {}

    def reading(self, **kind: str) -> Call:
        """Reading all chips on all CPUs, in a build that does so."""
        archive = self.prepare(**kind)
        names, kept = list(archive.chips()), self

        def read() -> int:
            assert kept.folder.is_dir()
            if hasattr(archive, "read_each"):
                return sum(chip.array.size for chip in archive.read_each(names, threads=os.cpu_count() or 1))
            return sum(archive.read(*name).array.size for name in names)

        return read


@case("prepare, chips in Zarr, uint8 where there is one", size=4)
def prepare_zarr(size: int) -> Call:
    made = Archived(size, "zarr")
    return lambda: made.prepare(**made.smallest())


@case("prepare, chips in GeoTIFF, uint8 where there is one", size=4)
def prepare_geotiff(size: int) -> Call:
    made = Archived(size, "geotiff")
    return lambda: made.prepare(**made.smallest())


@case("prepare, chips in Zarr, float32", size=4)
def prepare_zarr_float32(size: int) -> Call:
    return Archived(size, "zarr").prepare


@case("reading GeoTIFF chips again, float32", size=1)
def reading_float32(size: int) -> Call:
    made = Archived(size, "geotiff")
    return made.reading()


@case("reading GeoTIFF chips again, uint8 where there is one", size=1)
def reading_smallest(size: int) -> Call:
    made = Archived(size, "geotiff")
    return made.reading(**made.smallest())


def noisy_decay(size: int) -> tuple[np.ndarray, list[int]]:
    """Coherence of all pairs of 20 dates, and their days."""
    rng = np.random.default_rng(1)
    days = [12 * (later - first) for first in range(20) for later in range(first + 1, 20)]
    asymptote = rng.uniform(0, 0.6, (size, size)).astype(np.float32)
    tau = np.exp(rng.uniform(2, 5, (size, size))).astype(np.float32)
    noise = rng.standard_normal((len(days), size, size), np.float32)
    truth = [asymptote + (1 - asymptote) * np.exp(-np.float32(day) / tau) for day in days]
    return np.clip(np.stack(truth) + np.float32(0.05) * noise, 0, 1), days


@case("decay fit to 190 pairs, tile", size=448)
def decay_fit(size: int) -> Call:
    from m3leo_sar.insar.decay import fit_decay

    coherence, days = noisy_decay(size)
    return lambda: fit_decay(coherence, days)


def two_grounds(size: int) -> np.ndarray:
    """Amplitudes of 20 dates over stripes of two kinds of ground."""
    scale = np.where(np.arange(size) // 16 % 2, 1.0, 1.6)
    return np.random.default_rng(2).rayleigh(scale, (20, size, size)).astype(np.float32)


@case("homogeneous pixels, ks, 9 x 9, 20 dates, tile", size=448)
def homogeneous_ks(size: int) -> Call:
    from m3leo_sar import Window
    from m3leo_sar.insar.homogeneous import homogeneous_pixels

    amplitude = two_grounds(size)
    return lambda: homogeneous_pixels(amplitude, window=Window(rows=9, cols=9), test="ks")


@case("along the fringe", size=2048, bytes_per_pixel=28)
def along_the_fringe(size: int) -> Call:
    from m3leo_sar import Window
    from m3leo_sar.insar.fringe import fringe_coherence

    a, b = complex_pair(size)
    return lambda: fringe_coherence(a, b, window=Window(rows=5, cols=20))


@case("Goldstein filter", size=1024)
def goldstein_filter(size: int) -> Call:
    from m3leo_sar.insar.goldstein import goldstein

    a, b = complex_pair(size)
    product = a * b.conj()
    return lambda: goldstein(product)


@case("true_coherence of a map", size=448)
def true_coherence_of_a_map(size: int) -> Call:
    from m3leo_sar.insar.bias import true_coherence

    coherence = np.random.default_rng(3).random((size, size), np.float32)
    return lambda: true_coherence(coherence, equivalent_looks=25)


def image_on_hills(size: int) -> tuple[dict[str, Any], Any, dict[str, Any]]:
    """Image, a tile in its middle, and hills of 450 m around it."""
    from importlib import import_module

    from m3leo_sar import GeoBox, TileGrid
    from m3leo_sar.grid.radar_grid import RadarGrid
    from m3leo_sar.warp.geo2rdr import rdr2geo

    try:
        simulated: Any = import_module("m3leo_sar.simulate.circular_orbit")
    except ImportError:
        simulated = import_module("m3leo_sar.simulate.orbit")
    grid = RadarGrid((3000, 20000), -3.0, 0.002, 8.2e5, 2.33, 0.0555)
    image = {"orbit": simulated.circular_orbit(), "radar_grid": grid}
    world = GeoBox.from_bounds((-180, -90, 180, 90), shape=(2, 2), crs="EPSG:4326")
    middle = rdr2geo(**image, dem=np.zeros((2, 2)), dem_geobox=world, rows=[1500], cols=[9000])
    lon, lat = float(middle.longitude[0]), float(middle.latitude[0])
    (tile,) = TileGrid.exact((lon, lat, lon + 1e-6, lat + 1e-6), pixels=size)
    box = GeoBox.from_bounds((lon - 0.3, lat - 0.2, lon + 0.3, lat + 0.2), shape=(1440, 2160), crs="EPSG:4326")
    row, col = np.indices(box.shape)
    return image, tile.geobox, {"dem": 100 + 450 * (1 + np.sin(row / 70) * np.cos(col / 90)), "dem_geobox": box}


@case("radar_view: positions, incidence, layover, shadow", size=448)
def view_of_a_tile(size: int) -> Call:
    from m3leo_sar.warp.geo2rdr import radar_view

    image, tile, terrain = image_on_hills(size)
    return lambda: radar_view(tile, **image, **terrain)


@case("rdr2geo", size=448)
def ground_of_pixels(size: int) -> Call:
    from m3leo_sar.warp.geo2rdr import rdr2geo

    image, _, terrain = image_on_hills(size)
    row, col = np.indices((size, size))
    return lambda: rdr2geo(**image, **terrain, rows=row + 1300.0, cols=col + 8700.0)
