"""Pictures of the site that are no figures of the gallery: those of the first page, and the plan of the rooms.

python docs/site_pictures.py FOLDER
"""

from __future__ import annotations

import datetime
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from m3leo_sar import GeoBox, Window, coherence, simulate_scene
from m3leo_sar.pictures.colour_maps import cyclic_colours, sequential_colours

#: Rows and columns of the simulated scene, and of the strip around it that the window needs.
SHAPE, HALO = (360, 480), 8
#: Rooms of the plan: name, sentence, column and row.
ROOMS = (
    ("files", "SLCs, orbits, terrain, rasters", 0, 0),
    ("io", "readers and writers", 1, 0),
    ("stack", "dates and pairs", 2, 0),
    ("insar", "coherence, interferogram", 3, 0),
    ("warp", "to the grid of a tile", 4, 0),
    ("chips", "normalise, statistics", 5, 0),
    ("grid", "windows, tiles, orbits", 2, 1),
    ("doors", "NumPy, CuPy, torch, dask", 3, 1),
    ("_backend + ext", "kernels on CPU and GPU", 4, 1),
    ("products", "a pair on a tile", 2, 2),
    ("run", "prepare, retile, coregister", 3, 2),
    ("learn + training", "data sets, models, scores", 4, 2),
    ("pictures + view", "figures, report, page", 3, 3),
    ("app", "the command m3leo-sar", 4, 3),
)
#: Arrows of the plan, from the room that gives to the room that takes.
ARROWS = (
    ("files", "io"), ("io", "stack"), ("stack", "insar"), ("insar", "warp"), ("warp", "chips"),
    ("grid", "stack"), ("doors", "insar"), ("_backend + ext", "warp"),
    ("products", "run"), ("run", "learn + training"), ("pictures + view", "app"),
)  # fmt: skip


def draw_site_pictures(folder: Path) -> list[Path]:
    """Draw the pictures that are not there yet, or are older than this file; their paths."""
    paths = [folder / f"{name}.png" for name in ("intensity", "coherence-short", "coherence-long", "phase")]
    paths.append(folder / "rooms.svg")
    made = Path(__file__).stat().st_mtime
    if not all(path.is_file() and path.stat().st_mtime > made for path in paths):
        folder.mkdir(parents=True, exist_ok=True)
        for path, image in zip(paths, _scene_images(), strict=False):
            _write_png(path, image)
        (folder / "rooms.svg").write_text("\n".join(_plan()), "utf-8")
    return paths


def _scene_images() -> Iterator[Any]:
    """Intensity, coherence of a short and of a long pair, and phase of a simulated scene, as colours."""
    rows, cols = (size + 2 * HALO for size in SHAPE)
    box = GeoBox.from_bounds((500_000, 0, 500_000 + 10 * cols, 10 * rows), shape=(rows, cols), crs="EPSG:32631")
    first = datetime.date(2023, 3, 1)
    dates = [first + datetime.timedelta(days=days) for days in (0, 12, 60)]
    stack = simulate_scene(box, dates=dates, seed=1, relief=20.0, sinking=1.6, patch=40.0).stack.window()
    inner = slice(HALO, -HALO), slice(HALO, -HALO)
    decibel = 10 * np.log10(np.abs(stack[0]) ** 2)[inner]
    yield sequential_colours(np.clip((decibel + 28) / 24, 0, 1), "grayC")
    for pair in ((0, 1), (0, 2)):
        yield sequential_colours(coherence(stack, pairs=pair, window=Window(rows=7, cols=7))[inner].astype(float))
    fringes = coherence(stack, pairs=(0, 1), window=Window(rows=9, cols=9), output="complex")[inner]
    yield cyclic_colours(np.angle(fringes) / (2 * np.pi))


def _write_png(path: Path, colours: Any) -> None:
    import matplotlib.image

    matplotlib.image.imsave(path, (255 * np.clip(colours, 0, 1)).round().astype("uint8"))


def _plan() -> Iterator[str]:
    """Lines of the drawing of the rooms."""
    wide, high, gap_x, gap_y = 170, 56, 34, 44
    places = {name: (10 + col * (wide + gap_x), 10 + row * (high + gap_y)) for name, _, col, row in ROOMS}
    width = 20 + 6 * wide + 5 * gap_x
    height = 20 + 4 * high + 3 * gap_y
    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif">'
    yield f'<rect width="{width}" height="{height}" fill="#ffffff"/>'
    yield '<defs><marker id="tip" markerWidth="9" markerHeight="9" refX="8" refY="4.5" orient="auto">'
    yield '<path d="M0,0 L9,4.5 L0,9 z" fill="#3b5b7a"/></marker></defs>'
    for name, text, _, row in ROOMS:
        x, y = places[name]
        fill = ("#dbe9f4", "#eef1f4", "#e3f1e3", "#f6ead9")[row]
        yield f'<rect x="{x}" y="{y}" width="{wide}" height="{high}" rx="6" fill="{fill}" stroke="#3b5b7a"/>'
        centred = f'<text x="{x + wide / 2}" text-anchor="middle"'
        yield f'{centred} y="{y + 23}" font-size="16" font-weight="bold">{name}</text>'
        yield f'{centred} y="{y + 43}" font-size="12.5">{text}</text>'
    for giver, taker in ARROWS:
        (x, y), (to_x, to_y) = places[giver], places[taker]
        if y == to_y:
            ends = (x + wide, y + high / 2, to_x, to_y + high / 2)
        else:
            ends = (x + wide / 2, y, to_x + wide / 2, to_y + high)
        yield '<line x1="{}" y1="{}" x2="{}" y2="{}" stroke="#3b5b7a" stroke-width="2" marker-end="url(#tip)"/>'.format(
            *ends
        )
    yield "</svg>"


if __name__ == "__main__":
    print(*draw_site_pictures(Path(sys.argv[1])), sep="\n")
