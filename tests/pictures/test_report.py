"""The report, read as a browser reads it: whole, alone, and with nothing in it that a file's name could start."""

from __future__ import annotations

import base64
import io
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from m3leo_sar import GeoBox
from m3leo_sar.io.chips.chip import Chip
from m3leo_sar.pictures.report import write_report

image = pytest.importorskip("matplotlib.image")

SHAPE = (26, 38)
HOSTILE = "<script src=//evil.example>alert('$x^{$')</script>\"&amp;\udcff\n"
VOID = {"meta", "img", "br", "link", "input"}


class Chips:
    """An archive in memory, of a class of its own."""

    def __init__(self, chips, *, root="somewhere", faults=()):
        self._chips, self.root, self._faults = chips, root, faults

    @property
    def identifiers(self):
        return sorted({tile for tile, _, _ in self._chips})

    def datasets(self, identifier):
        return sorted({dataset for tile, dataset, _ in self._chips if tile == identifier})

    def keys(self, identifier, dataset):
        return sorted(key for *place, key in self._chips if place == [identifier, dataset])

    def has(self, identifier, dataset, key):
        return (identifier, dataset, key) in self._chips

    def read(self, identifier, dataset, key):
        chip = self._chips[identifier, dataset, key]
        if chip is None:
            raise ValueError(f"{key} is damaged")
        return chip

    def facts(self, identifier, dataset, key):
        chip = self.read(identifier, dataset, key)
        return chip.geobox, chip.metadata

    def verify(self):
        yield from self._faults


class Page(HTMLParser):
    """Tags in order, balanced or not, attributes and text."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.attributes, self.text = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)

    def values(self, tag, name):
        return [value for found, key, value in self.attributes if (found, key) == (tag, name)]

    @property
    def words(self):
        return " ".join(" ".join(self.text).split())


def chip(array, place=0, **facts):
    west = 680_000 + 400 * place
    geobox = GeoBox.from_bounds((west, 5_500_000, west + 380, 5_500_260), shape=SHAPE, crs="EPSG:32631")
    return Chip(array, geobox, {"polarisation": "VV", "orbit": "ascending", **facts})


@pytest.fixture
def chips(rng):
    found = {}
    for place in range(5):
        tile = f"tile{place}"
        for key in ("20230301_20230313", "20230301_20230325"):
            values = rng.uniform(0, 1, SHAPE).astype(np.float32)
            values[:13] = np.nan
            parameters = {"window": [3, 9]}
            found[tile, "coherence", key] = chip(values, place, product="coherence", unit="1", parameters=parameters)
        power = rng.gamma(4, 0.1, SHAPE).astype(np.float32)
        found[tile, "intensity", "20230406"] = chip(power, place, product="intensity", unit="intensity")
        codes = rng.choice([10, 80], SHAPE).astype(np.uint8)
        found[tile, "label", "landcover"] = chip(codes, place, product="label", unit="class")
        found[tile, "label", "height"] = chip(power, place, product="label", unit="m")
    return found


def page(archive, path, **options):
    write_report(archive, path, **options)
    text = path.read_text(encoding="utf-8")
    read = Page(text)
    assert not read.open
    return text, read


def pictures(read):
    return [base64.b64decode(source.partition("base64,")[2], validate=True) for source in read.values("img", "src")]


def test_a_report_tells_what_an_archive_holds(chips, tmp_path):
    del chips["tile3", "label", "height"]
    chips["tile1", "intensity", "20230406"] = None
    faults = [(Path("somewhere/tile1/intensity/20230406.tif"), "it is damaged")]
    _, read = page(Chips(chips, faults=faults), tmp_path / "report.html", splits={"tile0": "test"})
    for words in (
        "Chip archive somewhere",
        "tiles 5",
        "chips 24",
        "dates 4, 2023-03-01 to 2023-04-06",
        "pairs 2, 12 to 24 days apart",
        "polarisation VV",
        "grid 26 x 38 in EPSG:32631",
        "coherence 10 5 of 5 2 1 VV ascending 3 x 9 50.0%, lowest 50.0%",
        "intensity 5 5 of 5 1 intensity VV ascending 100.0%, lowest 100.0%",
        "Facts and shares are those of all tiles.",
        "1 of 5 tiles lack a product that another tile has.",
        # The tile that lacks something stands first.
        "tile coherence intensity label tile3 2 of 2 1 of 1 1 of 2, lacks height tile0 2 of 2",
        "1 chip cannot be read. file fault tile1/intensity/20230406.tif it is damaged",
    ):
        assert words in read.words, words
    assert len(read.values("td", "class")) == 1
    alts = read.values("img", "alt")
    assert alts[0] == "Map of 5 tiles in longitude and latitude, coloured by split"
    assert alts[1] == "Network of 2 pairs between 4 dates"
    assert [alt.partition(",")[0] for alt in alts[2:6]] == [
        "Histogram of coherence",
        "Histogram of intensity (dB)",
        "Histogram of label: height (m)",
        "Histogram of label: landcover",
    ]
    assert len(alts) == 6 + 4
    for png in pictures(read):
        assert image.imread(io.BytesIO(png)).shape[1] > 300


def test_a_report_needs_nothing_else_and_repeats_itself(chips, tmp_path):
    text, read = page(Chips(chips), tmp_path / "a.html")
    assert page(Chips(chips), tmp_path / "b.html")[0] == text
    assert {"script", "link", "iframe", "object"}.isdisjoint(read.tags)
    outside = [value for _, name, value in read.attributes if name in ("src", "href", "srcset", "action", "style")]
    assert all(value.startswith(("data:image/png;base64,", "#")) for value in outside)
    bare = text.translate(str.maketrans("", "", "\n"))
    for word in ("http:", "https:", "url(", "@import", "//", "javascript"):
        shortened = "".join(part.partition('"')[2] for part in bare.split("base64,"))
        assert word not in shortened, word
    assert "default-src 'none'" in read.values("meta", "content")[1]
    assert "prefers-color-scheme: dark" in text
    assert set(read.values("a", "href")) == {f"#{name}" for name in read.values("section", "id")}
    assert "Every chip can be read." in read.words


def test_names_from_files_are_text_and_nothing_else(chips, tmp_path):
    power = next(item for place, item in chips.items() if place[1] == "intensity")
    hostile = {
        (HOSTILE, HOSTILE, HOSTILE): Chip(
            power.array, power.geobox, dict.fromkeys(("unit", "product", "orbit"), HOSTILE)
        ),
        ("_x", "__proto__", "20230301"): Chip(
            power.array, power.geobox, {"parameters": {"window": HOSTILE}, "looks": 3}
        ),
    }
    faults = [(Path("x<b>y"), HOSTILE)]
    archive = Chips(hostile, root=f"/{HOSTILE}", faults=faults)
    text, read = page(archive, tmp_path / "report.html", splits={HOSTILE: HOSTILE})
    assert {"script", "b"}.isdisjoint(read.tags)
    assert "<script" not in text
    shown = HOSTILE.replace("\udcff", "\N{REPLACEMENT CHARACTER}").replace("\n", "\N{REPLACEMENT CHARACTER}")
    assert read.words.count(shown) >= 4
    assert any(shown in alt for alt in read.values("img", "alt"))
    assert {name for _, name, _ in read.attributes} <= {
        "lang", "charset", "name", "content", "http-equiv", "aria-label", "href", "id", "scope", "class", "alt", "src"
    }  # fmt: skip


def test_large_archives_are_sampled_and_it_is_said(chips, tmp_path):
    reads = []

    class Counting(Chips):
        def read(self, identifier, dataset, key):
            reads.append((identifier, dataset))
            return super().read(identifier, dataset, key)

        def facts(self, identifier, dataset, key):
            chip = chips[identifier, dataset, key]
            return chip.geobox, chip.metadata

    _, read = page(Counting(chips), tmp_path / "report.html", max_tiles=2)
    assert "Facts and shares are those of 2 of 5 tiles, evenly chosen." in read.words
    assert "2 of 5 tiles, evenly chosen" in read.words
    assert {tile for tile, dataset in reads if dataset == "intensity"} == {"tile0", "tile4"}
    with pytest.raises(ValueError, match="max_tiles must be at least 1, got 0"):
        write_report(Chips(chips), tmp_path / "other.html", max_tiles=0)
    assert not (tmp_path / "other.html").exists()


def test_days_of_a_report_are_those_between_passings(chips, tmp_path):
    # The first pass was a second after midnight, the last a second before it.
    for (_, dataset, key), one in chips.items():
        if (dataset, key) == ("coherence", "20230301_20230325"):
            one.metadata["days"] = 25
    del chips["tile4", "coherence", "20230301_20230325"]
    _, read = page(Chips(chips), tmp_path / "report.html")
    assert "pairs 2, 12 to 25 days apart" in read.words
    assert "lacks 2023-03-01 / 2023-03-25 (25 days)" in read.words


def test_empty_and_unreadable_archives_have_a_report(tmp_path):
    _, read = page(Chips({}), tmp_path / "empty.html")
    assert "tiles 0" in read.words
    assert not read.values("img", "src")
    unreadable = Chips({("tile0", "coherence", "20230301_20230313"): None})
    _, read = page(unreadable, tmp_path / "unreadable.html")
    assert "pairs 1, 12 days apart" in read.words
    for words in (
        "none could be read",
        "No tile has a chip with a readable grid",
        "has coherence 20230301_20230313 to",
    ):
        assert words in read.words
    nothing = chip(np.full(SHAPE, np.nan, np.float32), product="coherence", unit="1")
    _, read = page(Chips({("tile0", "coherence", "x"): nothing}), tmp_path / "nothing.html")
    assert "coherence: no pixel has data." in read.words
    assert "0.0%, lowest 0.0%" in read.words
