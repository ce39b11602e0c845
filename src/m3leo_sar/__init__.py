"""Coherence and interferograms of any date pair, on the M3LEO tile grid, from a stack of co-registered SLCs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from m3leo_sar import _missing_package, _rooms

if TYPE_CHECKING:
    from m3leo_sar.chips.accumulate import StatisticsAccumulator
    from m3leo_sar.chips.normalise import denormalise, normalise
    from m3leo_sar.chips.presets import preset
    from m3leo_sar.chips.statistics import BandStatistics, Statistics
    from m3leo_sar.grid.geobox import GeoBox
    from m3leo_sar.grid.orbit import Orbit
    from m3leo_sar.grid.radar_grid import RadarGrid
    from m3leo_sar.grid.splits import banded_split, legacy_split
    from m3leo_sar.grid.tiles import Tile, TileGrid, tile_identifier
    from m3leo_sar.grid.window import Looks, Window
    from m3leo_sar.insar.bias import expected_coherence, true_coherence
    from m3leo_sar.insar.change import change_threshold, coherence_change
    from m3leo_sar.insar.closure import closure_phase, triplets
    from m3leo_sar.insar.coherence import coherence
    from m3leo_sar.insar.decay import fit_decay, median_by_lag
    from m3leo_sar.insar.displacement import line_of_sight_displacement
    from m3leo_sar.insar.equivalent_looks import equivalent_looks
    from m3leo_sar.insar.fringe import fringe_coherence
    from m3leo_sar.insar.goldstein import goldstein
    from m3leo_sar.insar.homogeneous import homogeneous_coherence, homogeneous_pixels
    from m3leo_sar.insar.interferogram import interferogram
    from m3leo_sar.insar.multilook import multilook
    from m3leo_sar.insar.unwrap import unwrap
    from m3leo_sar.io.chips.archive import ChipArchive
    from m3leo_sar.io.sentinel1.safe import open_safe
    from m3leo_sar.io.sources.open_source import open_source
    from m3leo_sar.io.stacks.open_stack import open_stack
    from m3leo_sar.products.tile_products import tile_products
    from m3leo_sar.run.coregistration.coregister_products import coregister_products
    from m3leo_sar.run.prepare import prepare
    from m3leo_sar.simulate.sample_data import sample_data
    from m3leo_sar.simulate.scene import simulate_scene
    from m3leo_sar.stack.events import event_triplets
    from m3leo_sar.stack.pairs import Pair, all_pairs, explicit_pairs, pairs_by_days, sequential_pairs
    from m3leo_sar.stack.slc import SlcStack
    from m3leo_sar.view.view import view
    from m3leo_sar.warp.geo2rdr import geo2rdr, radar_map, radar_view, rdr2geo
    from m3leo_sar.warp.geolocate import geolocate, geolocation_map
    from m3leo_sar.warp.offset_fit import fit_offsets
    from m3leo_sar.warp.offsets import measure_offsets
    from m3leo_sar.warp.pixel_map import pixel_map
    from m3leo_sar.warp.range_phase import range_phase
    from m3leo_sar.warp.reproject import reproject
    from m3leo_sar.warp.resample import resample
    from m3leo_sar.warp.sample import sample

#: Module of each public name, imported on first access.
_HOMES = {
    "StatisticsAccumulator": "chips.accumulate",
    "denormalise": "chips.normalise",
    "normalise": "chips.normalise",
    "preset": "chips.presets",
    "BandStatistics": "chips.statistics",
    "Statistics": "chips.statistics",
    "GeoBox": "grid.geobox",
    "Orbit": "grid.orbit",
    "RadarGrid": "grid.radar_grid",
    "banded_split": "grid.splits",
    "legacy_split": "grid.splits",
    "Tile": "grid.tiles",
    "TileGrid": "grid.tiles",
    "tile_identifier": "grid.tiles",
    "Looks": "grid.window",
    "Window": "grid.window",
    "equivalent_looks": "insar.equivalent_looks",
    "expected_coherence": "insar.bias",
    "true_coherence": "insar.bias",
    "change_threshold": "insar.change",
    "coherence_change": "insar.change",
    "closure_phase": "insar.closure",
    "triplets": "insar.closure",
    "coherence": "insar.coherence",
    "fit_decay": "insar.decay",
    "median_by_lag": "insar.decay",
    "line_of_sight_displacement": "insar.displacement",
    "fringe_coherence": "insar.fringe",
    "goldstein": "insar.goldstein",
    "homogeneous_coherence": "insar.homogeneous",
    "homogeneous_pixels": "insar.homogeneous",
    "interferogram": "insar.interferogram",
    "multilook": "insar.multilook",
    "unwrap": "insar.unwrap",
    "ChipArchive": "io.chips.archive",
    "open_safe": "io.sentinel1.safe",
    "open_source": "io.sources.open_source",
    "open_stack": "io.stacks.open_stack",
    "tile_products": "products.tile_products",
    "coregister_products": "run.coregistration.coregister_products",
    "prepare": "run.prepare",
    "sample_data": "simulate.sample_data",
    "simulate_scene": "simulate.scene",
    "event_triplets": "stack.events",
    "Pair": "stack.pairs",
    "all_pairs": "stack.pairs",
    "explicit_pairs": "stack.pairs",
    "pairs_by_days": "stack.pairs",
    "sequential_pairs": "stack.pairs",
    "SlcStack": "stack.slc",
    "view": "view.view",
    "geo2rdr": "warp.geo2rdr",
    "radar_map": "warp.geo2rdr",
    "radar_view": "warp.geo2rdr",
    "rdr2geo": "warp.geo2rdr",
    "geolocate": "warp.geolocate",
    "geolocation_map": "warp.geolocate",
    "fit_offsets": "warp.offset_fit",
    "measure_offsets": "warp.offsets",
    "pixel_map": "warp.pixel_map",
    "range_phase": "warp.range_phase",
    "reproject": "warp.reproject",
    "resample": "warp.resample",
    "sample": "warp.sample",
}

__all__ = [
    "BandStatistics",
    "ChipArchive",
    "GeoBox",
    "Looks",
    "Orbit",
    "Pair",
    "RadarGrid",
    "SlcStack",
    "Statistics",
    "StatisticsAccumulator",
    "Tile",
    "TileGrid",
    "Window",
    "all_pairs",
    "banded_split",
    "change_threshold",
    "closure_phase",
    "coherence",
    "coherence_change",
    "coregister_products",
    "denormalise",
    "equivalent_looks",
    "event_triplets",
    "expected_coherence",
    "explicit_pairs",
    "fit_decay",
    "fit_offsets",
    "fringe_coherence",
    "geo2rdr",
    "geolocate",
    "geolocation_map",
    "goldstein",
    "homogeneous_coherence",
    "homogeneous_pixels",
    "interferogram",
    "legacy_split",
    "line_of_sight_displacement",
    "measure_offsets",
    "median_by_lag",
    "multilook",
    "normalise",
    "open_safe",
    "open_source",
    "open_stack",
    "pairs_by_days",
    "pixel_map",
    "prepare",
    "preset",
    "radar_map",
    "radar_view",
    "range_phase",
    "rdr2geo",
    "reproject",
    "resample",
    "sample",
    "sample_data",
    "sequential_pairs",
    "simulate_scene",
    "tile_identifier",
    "tile_products",
    "triplets",
    "true_coherence",
    "unwrap",
    "view",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        # Reading the installed metadata takes longer than importing the package.
        from importlib.metadata import version

        return version("m3leo-sar")
    if name not in _HOMES:
        return _room(name)
    word = getattr(_missing_package.imported(f"{__name__}.{_HOMES[name]}"), name)
    # The room `view` is a word itself, and stays: importing it has made it an attribute.
    return globals().setdefault(name, word)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_rooms.folders(__path__), "__version__"})


def _room(name: str) -> Any:
    if name not in _rooms.folders(__path__):
        from m3leo_sar._check import nearest

        raise AttributeError(f"module {__name__!r} has no attribute {name!r}{nearest(name, list(_HOMES))}")
    return _missing_package.imported(f"{__name__}.{name}")
