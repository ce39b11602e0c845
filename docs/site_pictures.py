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
#: Rows of the plan: rooms in the order in which data flow, left to right, row by row; the last row carries the others.
ROOMS = (
    (
        ("files", "SLCs, orbits, terrain"),
        ("io", "readers and writers"),
        ("stack", "dates and pairs"),
        ("insar", "coherence, phase"),
    ),
    (
        ("warp", "to the grid of a tile"),
        ("chips", "normalise, statistics"),
        ("products", "a pair on a tile"),
        ("run", "prepare, coregister"),
    ),
    (
        ("learn, training", "data sets, models"),
        ("pictures", "figures, report"),
        ("view", "any pair at a click"),
        ("app", "the command"),
    ),
    (
        ("grid", "windows, tiles, orbits"),
        ("doors", "NumPy, torch, dask"),
        ("_backend, ext", "CPU and GPU kernels"),
        ("simulate", "known truth for tests"),
    ),
)
FILLS = ("#dbe9f4", "#e3f1e3", "#f6ead9", "#eef1f4")


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
    stack = _stack(sinking=0.05)
    inner = slice(HALO, -HALO), slice(HALO, -HALO)
    decibel = 10 * np.log10(np.abs(stack[0]) ** 2)[inner]
    yield sequential_colours(np.clip((decibel + 28) / 24, 0, 1), "grayC")
    for pair in ((0, 1), (0, 2)):
        yield sequential_colours(coherence(stack, pairs=pair, window=Window(rows=7, cols=7))[inner].astype(float))
    fringes = coherence(_stack(sinking=1.6), pairs=(0, 1), window=Window(rows=9, cols=9), output="complex")[inner]
    yield cyclic_colours(np.angle(fringes) / (2 * np.pi))


def _stack(*, sinking: float) -> Any:
    """Images of three dates of the scene; its middle sinks by so many metres per year."""
    rows, cols = (size + 2 * HALO for size in SHAPE)
    box = GeoBox.from_bounds((500_000, 0, 500_000 + 10 * cols, 10 * rows), shape=(rows, cols), crs="EPSG:32631")
    dates = [datetime.date(2023, 3, 1) + datetime.timedelta(days=days) for days in (0, 12, 60)]
    scene = simulate_scene(box, dates=dates, seed=1, relief=20.0, sinking=sinking, patch=40.0)
    return scene.stack.window()


def _write_png(path: Path, colours: Any) -> None:
    import matplotlib.image

    matplotlib.image.imsave(path, (255 * np.clip(colours, 0, 1)).round().astype("uint8"))


def _plan() -> Iterator[str]:
    """Lines of the drawing of the rooms."""
    wide, high, gap_x, gap_y = 178, 60, 26, 34
    width, height = 20 + 4 * wide + 3 * gap_x, 36 + 4 * high + 3 * gap_y
    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif">'
    yield f'<rect width="{width}" height="{height}" fill="#ffffff"/>'
    yield '<defs><marker id="tip" markerWidth="9" markerHeight="9" refX="8" refY="4.5" orient="auto">'
    yield '<path d="M0,0 L9,4.5 L0,9 z" fill="#3b5b7a"/></marker></defs>'
    for number, (rooms, fill) in enumerate(zip(ROOMS, FILLS, strict=True)):
        carries = number == len(ROOMS) - 1
        y = 10 + number * (high + gap_y) + 16 * carries
        if carries:
            yield f'<text x="10" y="{y - 9}" font-size="15">What all of them rest on:</text>'
        for place, (name, text) in enumerate(rooms):
            x = 10 + place * (wide + gap_x)
            yield f'<rect x="{x}" y="{y}" width="{wide}" height="{high}" rx="6" fill="{fill}" stroke="#3b5b7a"/>'
            centred = f'<text x="{x + wide / 2}" text-anchor="middle"'
            yield f'{centred} y="{y + 26}" font-size="18" font-weight="bold">{name}</text>'
            yield f'{centred} y="{y + 47}" font-size="15">{text}</text>'
            if place and not carries:
                yield _arrow(f"M{x - gap_x},{y + high / 2} H{x - 1}")
        if number and not carries:
            # From the end of the row above to the beginning of this one.
            yield _arrow(f"M{width - 10 - wide / 2},{y - gap_y} v{gap_y / 2} H{10 + wide / 2} V{y - 1}")
    yield "</svg>"


def _arrow(path: str) -> str:
    return f'<path d="{path}" fill="none" stroke="#3b5b7a" stroke-width="2" marker-end="url(#tip)"/>'


if __name__ == "__main__":
    print(*draw_site_pictures(Path(sys.argv[1])), sep="\n")
