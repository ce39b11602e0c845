"""Any pair when it is viewed: milliseconds from a click to a shown map, and where they go.

``OMP_NUM_THREADS=2 python benchmarks/view.py [DATES]`` serves a stack of 60 dates, 5 m by 10 m, and asks for chips of
448 x 448 pixels through HTTP: warm (positions and dates in memory, another window), cold from the disk (nothing in
memory, files out of the page cache where the system allows it), 20 at once; map tiles of a scene of 20 480 x 70 144
from the whole of it down to pixels; and, where there is a Chromium, clicks in a browser until the picture is drawn.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
from iw_like import geobox, tiles_over, write_iw_like

from m3leo_sar import Window
from m3leo_sar.grid.projection import transformer_between
from m3leo_sar.io.stacks.zarr_group import grid_facts
from m3leo_sar.view import Explorer, serve
from m3leo_sar.view.layers import Layers
from m3leo_sar.view.map_tile import HALF_SIDE
from m3leo_sar.view.server import ViewServer

WINDOW, SCENE = Window(rows=5, cols=20), (20_480, 70_144)
#: Tiles of the small stack along its sides, and turns of each kind.
_SIDE, _TURNS = 5, 40
_STEPS = ("read", "kernel", "warp", "encode", "transfer")


class Times(NamedTuple):
    """Milliseconds of several answers."""

    total: list[float]
    steps: list[dict[str, float]]

    def row(self, name: str) -> str:
        """A line of the table: median, 95th percentile, and the medians of the steps."""
        median, late = np.percentile(self.total, [50, 95])
        steps = [float(np.median([one.get(step, 0.0) for one in self.steps])) for step in _STEPS]
        return f"| {name} | {median:.0f} | {late:.0f} | {' | '.join(f'{value:.1f}' for value in steps)} |"


def stretched(folder: Path, shape: tuple[int, int]) -> Path:
    """Make a stack of one chunk per date the stack of a scene: each chunk is one file under many names."""
    root = json.loads((folder / "zarr.json").read_text())
    root["attributes"] |= grid_facts(geobox(shape))
    (folder / "zarr.json").write_text(json.dumps(root))
    for array in folder.glob("*/VV"):
        facts = json.loads((array / "zarr.json").read_text())
        (array / "zarr.json").write_text(json.dumps({**facts, "shape": list(shape)}))
        size = facts["chunk_grid"]["configuration"]["chunk_shape"]
        for row in range(-(-shape[0] // size[0])):
            (array / "c" / str(row)).mkdir(exist_ok=True)
            for col in range(-(-shape[1] // size[1])):
                if (row, col) != (0, 0):
                    os.link(array / "c" / "0" / "0", array / "c" / str(row) / str(col))
    return folder


def asked(server: ViewServer, path: str) -> tuple[float, dict[str, float]]:
    """Milliseconds of a request, and of its steps; what the server does not account for is the transfer."""
    started = time.perf_counter()
    link = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    link.request("GET", f"/{server.token}/{path}")
    answer = link.getresponse()
    content = answer.read()
    total = 1000 * (time.perf_counter() - started)
    link.close()
    assert answer.status == 200, content
    steps = {}
    for part in answer.headers["Server-Timing"].split(", "):
        name, _, value = part.partition(";")
        if value.startswith("dur="):
            steps[name] = float(value.removeprefix("dur="))
    return total, steps | {"transfer": max(0.0, total - sum(steps.values()))}


def timed(calls: list[Callable[[], tuple[float, dict[str, float]]]], *, at_once: int = 1) -> Times:
    """Answers of some requests, one after the other or at the same time."""
    with ThreadPoolExecutor(at_once) as pool:
        found = list(pool.map(lambda call: call(), calls))
    return Times([total for total, _ in found], [steps for _, steps in found])


def forget(folder: Path) -> None:
    """Take the files of a stack out of the page cache."""
    if not hasattr(os, "posix_fadvise"):
        return
    for path in folder.rglob("c/*/*"):
        handle = os.open(path, os.O_RDONLY)
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(handle)


def chip_times(folder: Path, dates: int, turns: int) -> dict[str, Times]:
    """Chips warm, cold and at once."""
    shape = (448 * (_SIDE + 1), 896 * (_SIDE + 1))
    stack = write_iw_like(folder / "stack", shape, dates)
    explorer = Explorer.open(stack, tiles=tiles_over(shape, _SIDE**2), window=WINDOW, cache_bytes=512 << 20)
    rng = np.random.default_rng(3)
    days, names = explorer.dates, list(explorer.tiles)

    def path(tile: str, first: int, second: int, window: str = "5x20") -> str:
        return f"chips/{tile}.png?pair={days[first]},{days[second]}&window={window}"

    found = {}
    with serve(explorer, open_browser=False, page=False) as server:
        asked(server, path(names[0], 0, 1))
        held = list(range(min(6, dates)))
        for index in held[1:]:
            asked(server, path(names[0], 0, index))
        pairs = [(first, second, rows) for rows in (3, 7, 9) for first in held for second in held if first < second]
        warm = [lambda item=item: asked(server, path(names[0], *item[:2], f"{item[2]}x15")) for item in pairs[:turns]]
        found["another pair of known dates"] = timed(warm)

        def cold() -> tuple[float, dict[str, float]]:
            first, second = sorted(rng.choice(dates, 2, replace=False).tolist())
            explorer.cache.clear()
            forget(stack)
            return asked(server, path(str(rng.choice(names)), first, second))

        found["nothing known, from disk"] = timed([cold] * turns)

        def new(index: int) -> tuple[float, dict[str, float]]:
            return asked(server, path(names[index % len(names)], index % dates, (7 * index + 1) % dates, "5x11"))

        explorer.cache.clear()
        forget(stack)
        picks = [index for index in range(3 * 20) if index % dates != (7 * index + 1) % dates][:20]
        found["20 at once, nothing known"] = timed([lambda index=index: new(index) for index in picks], at_once=20)
    explorer.close()
    return found


def scene_times(folder: Path, shape: tuple[int, int], dates: int = 4) -> dict[str, Times]:
    """Map tiles over the middle of a scene, by zoom; the four of the whole scene are asked for at once."""
    stack = stretched(write_iw_like(folder / "scene", (512, 512), dates), shape)
    explorer = Explorer.open(stack, tiles=tiles_over(shape, 4), window=WINDOW)
    layers, found, days = Layers(explorer), {}, explorer.dates
    with serve(explorer, open_browser=False, page=False) as server:
        for zoom in range(layers.zooms[0] + 2, layers.zooms[1], 2):
            column, row = middle(explorer, zoom)
            tiles = [(column + across, row + down) for down in (0, 1) for across in (0, 1)]
            calls = [
                lambda place=place, zoom=zoom: asked(
                    server, f"tiles/{zoom}/{place[0]}/{place[1]}.png?pair={days[0]},{days[1]}"
                )
                for place in tiles
            ]
            explorer.cache.clear()
            metres = layers._metres(zoom)
            found[f"4 map tiles at once, {metres:.0f} m, {shape[0]} x {shape[1]}"] = timed(calls, at_once=4)
    explorer.close()
    return found


def middle(explorer: Explorer, zoom: int) -> tuple[int, int]:
    """Column and row of the map tile left and above the middle of a scene."""
    west, south, east, north = explorer.bounds
    x, y = transformer_between("EPSG:4326", "EPSG:3857").transform((west + east) / 2, (south + north) / 2)
    side = 2 * HALF_SIDE / 2**zoom
    return max(0, round((x + HALF_SIDE) / side) - 1), max(0, round((HALF_SIDE - y) / side) - 1)


def browser_times(folder: Path, dates: int, turns: int) -> dict[str, Times]:
    """Clicks in a browser until the picture of a chip is drawn; none without a browser."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        return {}
    from playwright.sync_api import sync_playwright

    shape = (448 * (_SIDE + 1), 896 * (_SIDE + 1))
    explorer = Explorer.open(folder / "stack", tiles=tiles_over(shape, _SIDE**2), window=WINDOW)
    days, tile = explorer.dates, next(iter(explorer.tiles))
    draw = """async address => {
        const started = performance.now(), image = new Image();
        image.src = address; document.body.replaceChildren(image); await image.decode();
        await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
        return performance.now() - started; }"""
    found: dict[str, Times] = {}
    with serve(explorer, open_browser=False, page=False) as server, sync_playwright() as play:
        browser = play.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(server.url)

        def shown(first: int, second: int, window: str) -> tuple[float, dict[str, float]]:
            path = f"chips/{tile}.png?pair={days[first]},{days[second]}&window={window}"
            return float(page.evaluate(draw, f"/{server.token}/{path}")), {}

        cold = [shown(2 * index, 2 * index + 1, "5x20") for index in range(min(turns, dates // 2))]
        warm = [shown(0, 1, f"{rows}x{cols}") for rows in (3, 7, 9) for cols in range(5, 5 + -(-turns // 3))]
        for name, some in (("browser, dates not in memory", cold), ("browser, known dates", warm)):
            found[name] = Times([total for total, _ in some], [steps for _, steps in some])
        browser.close()
    explorer.close()
    return found


def table(dates: int = 60, turns: int = _TURNS, scene: tuple[int, int] = SCENE, *, browser: bool = True) -> list[str]:
    """Lines of the table for RESULTS.md."""
    head = "| request | median ms | 95 % ms | " + " | ".join(_STEPS) + " |"
    with tempfile.TemporaryDirectory() as folder:
        times: dict[str, Any] = chip_times(Path(folder), dates, turns)
        times |= browser_times(Path(folder), dates, turns) if browser else {}
        times |= scene_times(Path(folder), scene)
    return [head, "|---" * (3 + len(_STEPS)) + "|", *(some.row(name) for name, some in times.items())]


if __name__ == "__main__":
    print("\n".join(table(*(int(text) for text in sys.argv[1:2]))))
