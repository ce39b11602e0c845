"""Writing of a simulated Sentinel-1 scene: products, orbit files, terrain and truth in one folder."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from m3leo_sar.io.files.atomic import atomic_path, write_text
from m3leo_sar.io.files.raster import write_geotiff
from m3leo_sar.io.sentinel1.safe_writer import write_safe
from m3leo_sar.simulate.safe_product import FileFacts, SafeFiles, orbit_file, safe_products
from m3leo_sar.simulate.safe_scene import SafeScene
from m3leo_sar.simulate.safe_truth import truth_planes, truth_record

#: Heights above the ellipsoid, and above the geoid EGM96.
_ELLIPSOID, _GEOID = "EPSG:4979", "EPSG:4326+5773"


class SceneFiles(NamedTuple):
    """What was written.

    Parameters
    ----------
    products : tuple of Path
        SAFE folders or zips.
    orbits : Path
        Folder of orbit files.
    terrain : Path
        GeoTIFF of heights, which states its vertical datum.
    geoid : Path, optional
        Geoid of the heights, if they are above it.
    truth : Path
        Folder of ``truth.npz``, ``truth.json``.
    """

    products: tuple[Path, ...]
    orbits: Path
    terrain: Path
    geoid: Path | None
    truth: Path


def write_safe_scene(
    scene: SafeScene,
    folder: Path,
    *,
    zipped: bool = False,
    geoid: bool = False,
    empty_swaths: tuple[str, ...] = (),
    progress: Callable[[], object] | None = None,
) -> SceneFiles:
    """Write all dates of a scene; dates that are there already are kept.

    Parameters
    ----------
    scene : SafeScene
    folder : Path
        Gets the folders ``products``, ``orbits``, ``terrain`` and ``truth``.
    zipped : bool
        Whether products are zips.
    geoid : bool
        Whether heights are above a made-up geoid, which is written beside them as ``geoid.gtx``.
    empty_swaths : tuple of str
        As for :func:`m3leo_sar.simulate.safe_product.safe_products`.
    progress : callable, optional
        Called after each burst, swath and polarisation of each date: ``images_of(scene)`` times in all.

    Raises
    ------
    ValueError
        If the folder holds another scene.
    """
    record = truth_record(scene)
    _refuse_another_scene(folder / "truth" / "truth.json", record)
    products = []
    for date in range(len(scene.dates)):
        name, text = orbit_file(scene, date)
        write_text(folder / "orbits" / name, text)
        steps = _Steps(progress)
        products += [
            _write(folder / "products", files, zipped)
            for files in safe_products(scene, date, empty_swaths=empty_swaths, progress=steps.add)
        ]
        # Of a date that is there already, no image was made.
        while steps.count < images_of(scene) // len(scene.dates):
            steps.add()
    ground = scene.ground
    heights = ground.heights
    grid = None
    if geoid:
        longitude, latitude = ground.geobox("EPSG:4326").centres()
        heights = (heights - ground.geoid_at(longitude, latitude)).astype(np.float32)
        grid = folder / "terrain" / "geoid.gtx"
        _put(grid, ground.geoid_file())
    terrain = folder / "terrain" / "dem.tif"
    write_geotiff(terrain, heights, ground.geobox(_GEOID if geoid else _ELLIPSOID))
    stream = io.BytesIO()
    planes: dict[str, Any] = truth_planes(scene)
    np.savez_compressed(stream, **planes)
    _put(folder / "truth" / "truth.npz", stream.getvalue())
    write_text(folder / "truth" / "truth.json", json.dumps(record, indent=1) + "\n")
    return SceneFiles(tuple(products), folder / "orbits", terrain, grid, folder / "truth")


def images_of(scene: SafeScene) -> int:
    """Images of a scene: one per date, swath, polarisation and burst."""
    return len(scene.dates) * len(scene.swaths) * len(scene.polarisations) * scene.bursts


class _Steps:
    """Counts the images of a date and reports each."""

    def __init__(self, report: Callable[[], object] | None) -> None:
        self.count, self._report = 0, report

    def add(self) -> None:
        self.count += 1
        if self._report is not None:
            self._report()


def _write(folder: Path, files: SafeFiles, zipped: bool) -> Path:
    def manifest(facts: dict[str, tuple[int, str]]) -> str:
        return files.manifest({name: FileFacts(*fact) for name, fact in facts.items()})

    there = folder / (f"{files.name.removesuffix('.SAFE')}.zip" if zipped else files.name)
    if there.exists():
        return there
    return write_safe(
        folder, files.name, texts=files.texts, measurements=files.measurements(), manifest=manifest, zipped=zipped
    )


def _refuse_another_scene(path: Path, record: dict[str, Any]) -> None:
    if path.is_file():
        held = json.loads(path.read_text())
        differing = [key for key in record if key != "dates" and held.get(key) != record[key]]
        differing += [day for day, facts in held["dates"].items() if record["dates"].get(day, facts) != facts]
        if differing:
            raise ValueError(f"{path.parent.parent} holds another scene, which differs in {', '.join(differing)}")


def _put(path: Path, content: bytes) -> None:
    with atomic_path(path) as partial:
        partial.write_bytes(content)
