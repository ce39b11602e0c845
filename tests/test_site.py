"""The site: it builds without a warning, names every public word, and needs no network."""

from __future__ import annotations

import ast
import datetime
import importlib.util
import os
import re
import shlex
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType

import pytest
from typer.testing import CliRunner

import m3leo_sar
from m3leo_sar import GeoBox, simulate_scene
from m3leo_sar.app.cli import app
from m3leo_sar.io.stacks.zarr_stack import write_stack

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"


@pytest.fixture(scope="session")
def site(tmp_path_factory) -> Path:
    pytest.importorskip("sphinx")
    output = tmp_path_factory.mktemp("site") / "site"
    done = subprocess.run(
        [sys.executable, DOCS / "build_site.py", "--output", output],
        cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:] + done.stdout[-1000:]
    return output


def reference_pages() -> ModuleType:
    """The script of the reference, which is no module of the package."""
    spec = importlib.util.spec_from_file_location("reference_pages", DOCS / "reference_pages.py")
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)  # type: ignore[union-attr]
    return module


class Links(HTMLParser):
    """What a page loads by itself, the names of its places, and its text of search engines."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.names: set[str] = set()
        self.images: list[dict[str, str | None]] = []
        self.description = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag in ("script", "img", "iframe", "source") and found.get("src"):
            self.loaded.append(str(found["src"]))
        if tag == "link" and found.get("rel") in ("stylesheet", "preload", "icon"):
            self.loaded.append(str(found.get("href")))
        if tag == "img":
            self.images.append(found)
        if tag == "meta" and found.get("name") == "description":
            self.description = found.get("content") or ""
        if found.get("id"):
            self.names.add(str(found["id"]))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_site_builds_loads_nothing_from_elsewhere_and_names_every_word(site):
    found = [path for path in site.rglob("*.html") if "_static" not in path.parts]
    pages = {path.relative_to(site).as_posix(): Links(path.read_text("utf-8")) for path in found}
    assert {f"{page.stem}.html" for page in DOCS.glob("*.md")} - {"README.html"} <= set(pages)
    for name, page in pages.items():
        away = [place for place in page.loaded if re.match(r"(https?:)?//", place)]
        assert not away, f"{name} loads {away}"
        gone = [place for place in page.loaded if not (site / name).parent.joinpath(place.partition("?")[0]).exists()]
        assert not gone, f"{name} lacks {gone}"
        # The gallery's thumbnails stand beside their titles, so their text is empty.
        texts = [image.get("alt") for image in page.images if "_thumb." not in str(image.get("src"))]
        assert all(texts), f"{name} has an image without a text"
    guides = [path.stem for path in DOCS.glob("*.md") if path.stem != "README"]
    assert [name for name in guides if not pages[f"{name}.html"].description] == []
    known = set().union(*(page.names for page in pages.values()))
    wanted = {f"m3leo_sar.{name}" for name in m3leo_sar.__all__}
    homes = {(name, home) for name, home in m3leo_sar._HOMES.items()}
    for modules in reference_pages().rooms().values():
        for module in modules:
            wanted |= {f"m3leo_sar.{module.name}.{name}" for name in module.names if (name, module.name) not in homes}
    assert wanted - known == set()
    assert len(wanted) > 1000
    assert (site / "searchindex.js").stat().st_size > 100_000


def test_every_public_room_and_word_has_a_place_in_the_reference():
    pages = reference_pages()
    assert pages.homes() == m3leo_sar._HOMES
    text = "\n".join(pages.reference_pages().values())
    for name in m3leo_sar.__all__:
        assert re.search(rf":: m3leo_sar\.{name}$", text, re.MULTILINE), name
    folders = {path.parent.name for path in (ROOT / "src" / "m3leo_sar").glob("*/__init__.py")}
    public = {name for name in folders if not name.startswith("_")} - set(pages.INTERNAL)
    assert {room.partition(".")[0] for room in pages.rooms()} == public


def _own_code(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (DOCS / page).read_text("utf-8"), re.DOTALL)


@pytest.mark.parametrize("page", ["own-slcs.md", "own-labels.md", "own-loop.md"])
def test_the_code_of_the_pages_on_own_data(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "slc").mkdir()
    names: dict[str, object] = {}
    blocks = _own_code(page)
    for code in blocks:
        exec(code, names)
    promised = re.findall(r"^print\(.*\)  # (.*)$", "\n".join(blocks), re.MULTILINE)
    assert capsys.readouterr().out.splitlines() == promised
    assert len(promised) >= 2


def _messages() -> str:
    """Texts of the package, one per line, with … for what is filled in."""
    lines = []
    for path in (ROOT / "src" / "m3leo_sar").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.JoinedStr):
                lines.append(
                    "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
                )
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                lines.append(node.value)
    return "\n".join(lines)


def test_the_messages_of_the_troubleshooting_page_are_those_of_the_library():
    titles = re.findall(r"^### `(.+)`$", (DOCS / "troubleshooting.md").read_text("utf-8"), re.MULTILINE)
    assert len(titles) > 30
    known = _messages()
    for title in titles:
        for part in (text.strip(" :;,") for text in title.split("…")):
            assert len(part) < 4 or part in known, f"{part!r} of {title!r} is in no message"


#: Spellings of the field's terms that others use, and those of the glossary.
TERMS = {
    r"\b[Cc]oregist(er|rat)": "co-register, co-registration",
    r"(?<!-)\b[Ii]nsar\b(?![./_`])|\bINSAR\b": "InSAR",
    r"\b[Mm]ulti-look": "multilook",
    r"\b[Pp]olariz": "polarisation",
    r"\b[Nn]ormaliz": "normalise",
    r"\b[Gg]eo-cod": "geocode",
    r"\b[Uu]n-wrap": "unwrap",
    r"\b[Mm]aster\b(?! and slave)|(?<!master and )\b[Ss]lave\b": "reference and secondary",
    r"\b[Dd]e-burst": "deburst",
    r"\b[Ii]nterferogramm": "interferogram",
    r"\bSentinel 1\b|\bsentinel-1\b": "Sentinel-1",
    r"\bM3Leo\b|\bm3leo\b(?![_./-])": "M3LEO",
}


@pytest.mark.parametrize("wrong", TERMS)
def test_pages_spell_the_terms_of_the_field_one_way(wrong):
    found = []
    for path in [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]:
        text = re.sub(
            r"```.*?```|`[^`\n]*`|\]\([^)]*\)|https?://\S+|[\w-]+\.md\b",
            lambda match: "\n" * match[0].count("\n"),
            path.read_text("utf-8"),
            flags=re.DOTALL,
        )
        found += [
            f"{path.name}:{number}: {line.strip()}"
            for number, line in enumerate(text.splitlines(), start=1)
            if re.search(wrong, line)
        ]
    assert not found, f"write {TERMS[wrong]} in\n" + "\n".join(found)


def test_descriptions_for_search_engines_are_of_a_length_that_they_show():
    for path in DOCS.glob("*.md"):
        head = re.match(r"---\n.*?description: (.+?)\n---\n", path.read_text("utf-8"), re.DOTALL)
        assert head is None or 40 <= len(head[1]) <= 162, path.name


@pytest.mark.slow
def test_the_commands_of_the_first_quarter_of_an_hour(tmp_path, monkeypatch):
    """On simulated images in place of the downloaded ones."""
    rows, cols = 700, 1300
    box = GeoBox.from_bounds((681_000, 5_500_000, 694_000, 5_507_000), shape=(rows, cols), crs="EPSG:32631")
    days = [datetime.date(2023, 3, 1) + datetime.timedelta(days=12 * index) for index in range(3)]
    write_stack(simulate_scene(box, dates=days).stack, tmp_path / "cslc")
    monkeypatch.chdir(tmp_path)
    page = (DOCS / "first-steps.md").read_text("utf-8")
    lines = [line for block in re.findall(r"```sh\n(.*?)```", page, re.DOTALL) for line in block.splitlines()]
    assert [line.split()[1] for line in lines] == ["pairs", "prepare", "prepare", "plot", "report"]
    for line in lines:
        done = CliRunner().invoke(app, shlex.split(line)[1:])
        assert done.exit_code == 0, done.output
    for code in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(code, {})
    assert (tmp_path / "tile.png").stat().st_size > 10_000
    assert (tmp_path / "report.html").stat().st_size > 10_000


def test_external_links_are_encrypted():
    for path in [ROOT / "README.md", *DOCS.rglob("*.md")]:
        assert not re.search(r"\]\(http://", path.read_text("utf-8")), path.name
