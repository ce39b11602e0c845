"""Reading one chip at random, warm: this library's archives beside one file per tile, opened as usual."""

from __future__ import annotations

import tempfile
import warnings
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import rasterio
import xarray as xr
from interleaved import interleaved

from m3leo_sar import GeoBox
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.chips.chip import Layer

TILES, PAIRS, SIDE, READS = 40, 15, 448, 60


def coherence_like(rng: np.random.Generator, pairs: int, side: int) -> np.ndarray:
    """Numbers as smooth as coherence of a window of five by five."""
    noise = rng.random((pairs, side + 4, side + 4)).astype(np.float32)
    for axis in (1, 2):
        noise = sum(np.roll(noise, shift, axis) for shift in range(5)) / 5
    return np.ascontiguousarray(noise[:, 4:, 4:])


def measured(tiles: int, pairs: int, side: int, reads: int) -> tuple[float, dict[str, float]]:
    """Size of the packed archive relative to the numbers alone, and seconds per chip of each way to read it."""
    rng = np.random.default_rng(2)
    keys = [f"p{number:02d}" for number in range(pairs)]
    box = GeoBox.from_bounds((5.5, 49.6, 5.56, 49.64), shape=(side, side), crs="EPSG:4326")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        packed = ChipArchive.create(root / "packed", storage="zarr")
        single = ChipArchive.create(root / "single")
        levels = [ChipArchive.create(root / f"levels-{one}", storage=one, dtype="uint8") for one in ("zarr", "geotiff")]
        profile = {"driver": "GTiff", "width": side, "height": side, "dtype": "float32", "crs": box.crs,
                   "transform": box.affine, "count": pairs}  # fmt: skip
        for tile in range(tiles):
            chips = coherence_like(rng, pairs, side)
            written = [Layer(key, chip, {"product": "coherence"}) for key, chip in zip(keys, chips, strict=True)]
            packed.write_layers(f"t{tile}", "coherence", written, box)
            for archive in levels:
                archive.write_layers(f"t{tile}", "coherence", written, box)
            for layer in written:
                single.write(f"t{tile}", "coherence", layer.key, layer.array, box, metadata=layer.metadata)
            xr.Dataset({"coherence": (("pair", "y", "x"), chips)}).to_netcdf(root / f"{tile}.nc", engine="h5netcdf")
            # As M3LEO's release keeps it: all bands of a tile in one file that is not compressed.
            with rasterio.open(root / f"{tile}.tif", "w", **profile) as target:
                target.write(chips)
        drawn = [(int(rng.integers(tiles)), int(rng.integers(pairs))) for _ in range(reads)]

        def ours(archive: ChipArchive) -> None:
            for tile, pair in drawn:
                _ = archive.read(f"t{tile}", "coherence", keys[pair]).array

        def by_rasterio(name: str) -> None:
            for tile, pair in drawn:
                with rasterio.open(root / name.format(tile=tile, key=keys[pair])) as source:
                    source.read(1 + pair if "{key}" not in name else 1)

        def by_xarray(name: str, **options: str) -> None:
            for tile, pair in drawn:
                with xr.open_dataset(root / name.format(tile=tile), **options) as source:
                    _ = source["coherence" if "nc" in name else "band_data"][pair].values

        jobs = {
            "packed (ours)": lambda: ours(packed),
            "GeoTIFF a chip (ours)": lambda: ours(single),
            "packed, uint8 (ours)": lambda: ours(levels[0]),
            "GeoTIFF a chip, uint8 (ours)": lambda: ours(levels[1]),
            "rasterio, one DEFLATE file per chip": lambda: by_rasterio("single/t{tile}/coherence/{key}.tif"),
            "rasterio, one plain file per tile": lambda: by_rasterio("{tile}.tif"),
            "xarray, netCDF a tile": lambda: by_xarray("{tile}.nc", engine="h5netcdf"),
        }
        if find_spec("rioxarray"):
            jobs["xarray, GeoTIFF a tile"] = lambda: by_xarray("{tile}.tif", engine="rasterio")
        seconds = interleaved(jobs)
        size = sum(path.stat().st_size for path in (root / "packed").rglob("*") if path.is_file())
    return size / (tiles * pairs * side**2 * 4), {name: time / reads for name, time in seconds.items()}


def main() -> None:
    """Print milliseconds per chip and ratios."""
    warnings.simplefilter("ignore")
    share, seconds = measured(TILES, PAIRS, SIDE, READS)
    print(f"packed archive: {share:.0%} of the numbers' own size")
    for name, time in seconds.items():
        print(f"{name}: {time * 1e3:.2f} ms, {time / seconds['packed (ours)']:.1f} x ours")


if __name__ == "__main__":
    main()
