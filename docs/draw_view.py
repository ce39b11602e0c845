"""Picture of the page of any pair, from a simulated stack in a browser without a window.

python docs/draw_view.py docs/images/view.png
"""

from __future__ import annotations

import argparse
import datetime
import shutil
from pathlib import Path

from PIL import Image

from m3leo_sar import GeoBox, SlcStack, Window, simulate_scene
from m3leo_sar.simulate.scene import Event
from m3leo_sar.view.view import view

#: Size of the window, in pixels.
WIDTH, HEIGHT = 1280, 1000


def simulated_stack(*, dates: int = 12) -> SlcStack:
    """A stack in memory over 16 tiles of 4480 m, one image every 12 days, with an event after the middle one."""
    box = GeoBox.from_bounds((499_000, 5_500_000, 509_600, 5_510_600), shape=(1060, 1060), crs="EPSG:32631")
    days = [datetime.date(2023, 1, 3) + datetime.timedelta(days=12 * index) for index in range(dates)]
    event = Event(date=days[dates // 2 + 1], share=0.3)
    scene = simulate_scene(box, dates=days, event=event, seed=7, relief=60.0, sinking=2.5, patch=90.0)
    return SlcStack.from_arrays(scene.stack.window(), days, geometry=box, polarisation="VV", name="simulated stack")


def draw(path: Path, *, scheme: str, browser: str, width: int = WIDTH, height: int = HEIGHT) -> None:
    """Write a picture of the page after a visit: a pair, a pixel, an event."""
    from playwright.sync_api import sync_playwright

    stack = simulated_stack()
    event = stack.dates[len(stack.dates) // 2] + datetime.timedelta(days=4)
    with (
        view(stack, lattice="exact", window=Window(rows=7, cols=7), open_browser=False) as page,
        sync_playwright() as play,
    ):
        chromium = play.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        screen = chromium.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
        screen.goto(page.url)
        settled = "html[data-shown][data-busy=no]"
        screen.wait_for_selector(settled, timeout=120_000)
        screen.locator("#maps-canvas").focus()
        for key in ("ArrowRight", "Enter"):
            screen.keyboard.press(key)
        screen.wait_for_selector("#pixel-panel:visible")
        screen.locator("#event").fill(event.isoformat())
        screen.wait_for_selector("#event-canvas:visible", timeout=60_000)
        screen.wait_for_selector(settled, timeout=120_000)
        screen.evaluate("document.activeElement.blur()")
        screen.wait_for_timeout(500)
        path.parent.mkdir(parents=True, exist_ok=True)
        screen.screenshot(path=path, full_page=True)
        chromium.close()
    # Of 256 colours, a quarter of the size.
    Image.open(path).quantize(256).save(path, optimize=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path)
    parser.add_argument("--scheme", choices=("light", "dark"), default="light")
    parser.add_argument("--width", type=int, default=WIDTH)
    parser.add_argument("--browser", default=shutil.which("chromium"))
    chosen = parser.parse_args()
    draw(chosen.path, scheme=chosen.scheme, browser=chosen.browser, width=chosen.width)
