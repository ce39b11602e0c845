"""The page in a real browser without a window: clicks, keyboard, narrow windows, faults, accessibility."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from fake_explorer import FakeExplorer
from playwright import sync_api

from m3leo_sar.view.server import ViewServer, serve

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium")

#: Place on the screen of a point of a figure, in the figure's own coordinates.
PLACE = """([name, x, y]) => {
  const view = [...Bokeh.index.roots].find((view) => view.model.name === name);
  const box = view.el.getBoundingClientRect();
  return [box.x + view.frame.x_scale.compute(x), box.y + view.frame.y_scale.compute(y)];
}"""
#: Visible texts whose contrast with what is behind them is below 4.5.
CONTRAST = """() => {
  const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const linear = (v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => [r, g, b].map((v) => linear(v / 255))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parts(getComputedStyle(at).backgroundColor);
      if (colour.length < 4 || colour[3] > 0.99) return colour;
    }
    return [255, 255, 255];
  };
  const ratio = (one, two) => {
    const [a, b] = [light(one), light(two)].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05);
  };
  const low = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || !element.checkVisibility() || ["SCRIPT", "STYLE", "OPTION"].includes(element.tagName)) continue;
    const found = ratio(parts(getComputedStyle(element).color), behind(element));
    if (found < 4.5) low.push([element.tagName, element.id, element.textContent.slice(0, 30), found]);
  }
  const hex = (text) => [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16));
  const card = parts(getComputedStyle(document.querySelector("section")).backgroundColor);
  for (const view of Bokeh.index.roots) for (const axis of [...(view.model.below ?? []), ...(view.model.left ?? [])]) {
    if (!axis.visible) continue;
    const found = ratio(hex(axis.major_label_text_color), card);
    if (found < 4.5) low.push([view.model.name, axis.type, found]);
  }
  return low;
}"""

#: Controls without a name for those who do not see them.
NAMELESS = """() => [...document.querySelectorAll("input, select, button, [tabindex], [role=application]")].filter(
  (one) => !(one.labels?.length || one.getAttribute("aria-label") || one.getAttribute("aria-labelledby") ||
    (one.tagName === "BUTTON" && one.textContent.trim()))).map((one) => one.outerHTML.slice(0, 80))"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def explorer() -> FakeExplorer:
    return FakeExplorer()


@pytest.fixture
def server(explorer: FakeExplorer) -> Iterator[ViewServer]:
    with serve(explorer, open_browser=False) as server:
        yield server


class Visit:
    """A page in a browser, whose requests and faults are kept."""

    def __init__(self, chromium: Any, server: ViewServer, **options: Any) -> None:
        self.context = chromium.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        self.page = self.context.new_page()
        self.faults: list[str] = []
        self.requests: list[str] = []
        self.page.on(
            "console", lambda said: self.faults.append(said.text) if said.type in ("error", "warning") else None
        )
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("websocket", lambda socket: self.requests.append(socket.url))
        self.page.goto(server.url)
        self.settled()

    def _heard(self, said: Any) -> None:
        if said.type in ("error", "warning"):
            self.faults.append(said.text)

    def settled(self) -> None:
        """Wait until everything asked for is shown."""
        self.page.wait_for_selector("html[data-shown][data-busy=no]", timeout=20_000)

    def shown(self, tile: str, first: int, second: int, window: str = "5 20") -> None:
        """Wait until the maps of a pair are shown."""
        self.page.wait_for_selector(f'html[data-shown="{tile} {first} {second} {window}"]', timeout=20_000)

    def click(self, figure: str, x: float, y: float) -> None:
        """Click a point of a figure, in its own coordinates."""
        part = "matrix" if figure == "matrix" else "maps"
        self.page.locator(f"#{part}-canvas").scroll_into_view_if_needed()
        left, top = self.page.evaluate(PLACE, [figure, x, y])
        self.page.mouse.click(left, top)

    def text(self, place: str) -> str:
        return str(self.page.locator(place).inner_text())


@pytest.fixture
def visit(chromium: Any, server: ViewServer) -> Iterator[Visit]:
    visit = Visit(chromium, server)
    yield visit
    visit.context.close()


def test_a_visit_with_the_mouse(visit, explorer):
    page = visit.page
    visit.shown("tile11", 2, 3)
    assert "2023-01-27 → 2023-02-08, 12 days" in visit.text("#maps-title")
    assert "reading" in visit.text("#timing")
    explorer.calls.clear()
    # Row 1 from the top of seven, column 4.
    visit.click("matrix", 4.5, 5.5)
    visit.shown("tile11", 1, 4)
    assert [call[0] for call in explorer.calls] == ["chip"] * 4
    assert "2023-01-15 → 2023-02-20 · 36 days · baseline" in visit.text("#matrix-readout")
    assert "mean coherence 0.3" in visit.text("#matrix-readout")
    visit.click("phase", 2500, 1000)
    page.wait_for_function("document.getElementById('pixel-readout').textContent.includes('Fitted decay')")
    assert "Row 31, column 29: 21 of 21 pairs" in visit.text("#pixel-readout")
    assert re.search(r"coherence 0\.\d\d · phase −?\d\.\d\d rad · intensity −", visit.text("#readout"))
    page.locator("#event").fill("2023-02-10")
    page.wait_for_selector("#event-canvas:visible")
    page.locator("#tile").select_option("tile02")
    visit.shown("tile02", 1, 4)
    visit.settled()
    assert visit.faults == []
    assert all(re.match(r"(http|ws)://127\.0\.0\.1:|blob:|data:", address) for address in visit.requests)


@pytest.mark.slow
def test_a_visit_with_the_keyboard(visit, explorer):
    page = visit.page
    page.locator("#matrix-canvas").focus()
    for key in ("ArrowRight", "ArrowUp", "Enter"):
        page.keyboard.press(key)
    visit.shown("tile11", 1, 4)
    page.locator("#tiles-canvas").focus()
    page.keyboard.press("ArrowDown")
    visit.shown("tile21", 1, 4)
    page.locator("#maps-canvas").focus()
    for key in ("ArrowRight", "Shift+ArrowDown", "Enter", "+"):
        page.keyboard.press(key)
    page.wait_for_function("document.getElementById('pixel-readout').textContent.includes('Fitted decay')")
    assert "Row 39, column 27" in visit.text("#pixel-readout")
    explorer.calls.clear()
    page.locator("#rows").focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    visit.shown("tile21", 1, 4, "9 20")
    visit.settled()
    # One computation of the last value, not one per key.
    assert [call[0] for call in explorer.calls].count("matrix") == 1
    explorer.calls.clear()
    page.locator("#threshold").focus()
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    assert visit.text("#threshold-value") == "0.99"
    assert explorer.calls == []
    covered = page.evaluate(
        "() => [...Bokeh.index.roots].find((view) => view.model.name === 'coherence')"
        ".model.renderers[1].data_source.data.image[0].reduce((sum, one) => sum + one, 0)"
    )
    assert covered == 40 * 52 - 5 * 9
    assert visit.faults == []


def test_faults_are_told_and_the_page_lives_on(visit, explorer, server):
    page = visit.page
    explorer.broken["tile02"] = OSError("20230115.tif cannot be read: it is cut short")
    page.locator("#tile").select_option("tile02")
    page.wait_for_selector("#problems p")
    assert "cut short" in visit.text("#problems")
    page.locator("#tile").select_option("tile00")
    visit.shown("tile00", 2, 3)
    visit.settled()
    assert visit.text("#problems") == ""
    explorer.gone = True
    visit.click("matrix", 6.5, 6.5)
    page.wait_for_selector("#problems p")
    assert "is gone: it was moved or removed" in visit.text("#problems")
    explorer.gone = False
    visit.click("matrix", 5.5, 6.5)
    visit.shown("tile00", 0, 5)
    assert visit.faults == []
    server.stop()
    page.wait_for_function("document.getElementById('problems').textContent.includes('has ended')")


@pytest.mark.slow
def test_two_pages_at_once(chromium, server, explorer):
    first, second = Visit(chromium, server), Visit(chromium, server)
    first.page.locator("#tile").select_option("tile00")
    second.page.locator("#tile").select_option("tile22")
    first.shown("tile00", 2, 3)
    second.shown("tile22", 2, 3)
    assert first.page.locator("#tile").input_value() == "tile00"
    for visit in (first, second):
        assert visit.faults == []
        visit.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_narrow_window_with_names_of_controls_and_contrast_of_texts(chromium, server, scheme):
    visit = Visit(chromium, server, viewport={"width": 390, "height": 844}, color_scheme=scheme)
    page = visit.page
    page.locator("#maps-canvas").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#pixel-panel:visible")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.evaluate(CONTRAST) == []
    widths = page.evaluate("[...document.querySelectorAll('section')].map((one) => one.getBoundingClientRect().width)")
    assert min(widths) > 340
    assert page.evaluate(NAMELESS) == []
    assert page.evaluate("document.documentElement.lang") == "en"
    assert page.evaluate("[...document.querySelectorAll('h1, h2')].filter((one) => one.tagName === 'H1').length") == 1
    visit.context.close()


@pytest.mark.slow
def test_files(visit, tmp_path):
    page = visit.page
    page.locator("#layer").select_option("phase")
    with page.expect_download() as saved:
        page.locator("#save-tif").click()
    assert saved.value.suggested_filename == "tile11_phase_20230127_20230208.tif"
    saved.value.save_as(tmp_path / "phase.tif")
    from m3leo_sar.io.files.raster import read_raster

    assert read_raster(tmp_path / "phase.tif").array.shape == (40, 52)
    with page.expect_download() as saved:
        page.locator("#save-png").click()
    assert saved.value.suggested_filename == "tile11_phase_20230127_20230208.png"
    saved.value.save_as(tmp_path / "phase.png")
    assert (tmp_path / "phase.png").read_bytes()[:4] == b"\x89PNG"
    visit.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator("#copy").click()
    page.wait_for_function("document.getElementById('copied').textContent === 'Copied.'")
    assert page.evaluate("navigator.clipboard.readText()") == page.locator("#snippet").text_content()
