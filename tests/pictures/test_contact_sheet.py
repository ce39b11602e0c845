"""Figures by what they hold: panels, titles, keys and the colours of known pixels."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from m3leo_sar import GeoBox, TileGrid
from m3leo_sar.app.stack_commands import pairs
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.chips.chip import Chip
from m3leo_sar.io.chips.chip_pairs import pairs_of
from m3leo_sar.pictures.chip_picture import limits_of, picture_of, plane_of, reduced
from m3leo_sar.pictures.class_colours import label_image
from m3leo_sar.pictures.coherence_rgb import coherence_rgb, rgb_groups
from m3leo_sar.pictures.colours import amplitude_image, coherence_image, phase_image
from m3leo_sar.pictures.contact_sheet import plot_sheet, sheet_figure
from m3leo_sar.pictures.figure import ground_width, png_bytes, round_length, set_heading
from m3leo_sar.pictures.histogram import histogram_figure
from m3leo_sar.pictures.tile_map import archive_outlines, grid_outlines, map_figure, plot_map
from m3leo_sar.pictures.tile_picture import plot_tile, tile_figure
from m3leo_sar.stack.pairs import Pair

pytest.importorskip("matplotlib")

TILES = ("aaa", "bbb", "ccc")
SHORT, MIDDLE, LONG = "20230301_20230313", "20230301_20230325", "20230301_20230418"
SHAPE = (34, 46)


def box(place):
    west = 680_000 + 500 * place
    return GeoBox.from_bounds((west, 5_500_000, west + 460, 5_500_340), shape=SHAPE, crs="EPSG:32631")


def put(archive, tile, dataset, key, array, *, unit="", nodata=None):
    facts = {"product": dataset, "unit": unit, "polarisation": "VH", "orbit": "descending", "track": 88}
    archive.write(tile, dataset, key, array, box(TILES.index(tile)), metadata=facts, nodata=nodata)


@pytest.fixture
def archive(tmp_path, rng):
    made = ChipArchive.create(tmp_path / "chips")
    for number, tile in enumerate(TILES):
        power = rng.gamma(4, 0.01 * 10**number, SHAPE).astype(np.float32)
        power[:5, :7] = np.nan
        put(made, tile, "intensity", "20230301", power, unit="intensity", nodata=np.nan)
        for key in (SHORT, MIDDLE, LONG):
            put(made, tile, "coherence", key, rng.uniform(0, 1, SHAPE).astype(np.float32), unit="1")
        phase = np.exp(1j * rng.uniform(-3, 3, SHAPE)).astype(np.complex64)
        put(made, tile, "interferogram", SHORT, phase, unit="intensity")
        put(made, tile, "label", "landcover", rng.choice([10, 50, 80], SHAPE).astype(np.uint8), unit="class", nodata=0)
        put(made, tile, "slope", "dem", rng.uniform(0, 30, (3, *SHAPE)).astype(np.float32), unit="degree")
    return made


def images(figure):
    """Every image of a figure, those of axes within axes too, in the order of drawing."""
    every = [axis for outer in figure.axes for axis in (outer, *_within(outer))]
    return [np.asarray(image.get_array()) for axis in every for image in axis.images]


def _within(axis):
    return [inner for child in axis.child_axes for inner in (child, *_within(child))]


def texts(figure):
    import matplotlib.text

    return [item.get_text() for item in figure.findobj(matplotlib.text.Text) if item.get_text()]


def test_a_tile_is_drawn_with_all_its_products(archive, tmp_path):
    figure, titles = tile_figure(archive, "bbb")
    assert titles == [
        "Intensity 2023-03-01",
        "Coherence 2023-03-01 / 2023-03-13 (12 days)",
        "Coherence 2023-03-01 / 2023-04-18 (48 days)",
        "Mean coherence of three lags",
        "Phase 2023-03-01 / 2023-03-13 (12 days), mean of 7 x 7",
        "Label landcover",
        "Slope dem, band 1 of 3",
        "Label landcover over intensity 2023-03-01",
        "Missing data",
    ]
    shown = texts(figure)
    assert set(titles) <= set(shown)
    assert "Tile bbb: VH, descending, track 88" in shown
    for word in (
        "intensity (dB)", "coherence (0 to 1)", "phase (rad)", "slope (degree)", "±π", "π/2", "100 m", "tree cover",
        "built-up", "water", "red, 0 to 1: 12 days (1 pair)", "blue, 0 to 1: 48 days (1 pair)",
        "no data in some panel, 2.2%",
    ):  # fmt: skip
        assert word in shown, word
    found = images(figure)
    power = archive.read("bbb", "intensity", "20230301").array
    assert any(np.array_equal(item, amplitude_image(np.sqrt(power))) for item in found)
    for key, there in ((SHORT, True), (MIDDLE, False), (LONG, True)):
        expected = coherence_image(archive.read("bbb", "coherence", key).array)
        assert any(np.array_equal(item, expected) for item in found) is there
    plot_tile(archive, "bbb", tmp_path / "tile.png")
    assert (tmp_path / "tile.png").read_bytes().startswith(b"\x89PNG")


def test_predictions_and_tiles_without_chips(archive, tmp_path):
    codes = np.full(SHAPE, 95, np.uint8)
    figure, titles = tile_figure(archive, "aaa", predictions={"Prediction $x": codes})
    assert titles[-1] == "Prediction $x"
    assert {"mangroves", "Prediction $x"} <= set(texts(figure))
    png_bytes(figure, dpi=30)
    with pytest.raises(ValueError, match="tile zzz of .* has no chip to draw; has: \\[\\]"):
        plot_tile(archive, "zzz", tmp_path / "no.png")
    with pytest.raises(ValueError, match=r"must end in .png, .svg or .pdf \(or .*\), got no.nonsense"):
        plot_tile(archive, "aaa", tmp_path / "no.nonsense")
    assert not list(tmp_path.glob("no*"))


def test_a_sheet_keeps_every_place_and_one_scale(archive):
    archive.path("bbb", "intensity", "20230301").unlink()
    archive.path("aaa", "intensity", "20230301").write_bytes(b"rubbish")
    put(archive, "aaa", "intensity", "20230313", np.full(SHAPE, 0.01, np.float32), unit="intensity")
    put(archive, "ccc", "intensity", "20230313", np.full(SHAPE, 10.0, np.float32), unit="intensity")
    figure = sheet_figure(archive, "intensity", "20230313", identifiers=["ccc", "bbb", "zzz", "aaa"])
    panels = figure.axes[:4]
    assert [axis.get_title() for axis in panels] == ["ccc", "bbb", "zzz", "aaa"]
    assert [len(axis.images) for axis in panels] == [1, 0, 0, 1]
    # One scale: -20 dB is black on it and 10 dB is white, which alone would both be grey.
    assert np.asarray(panels[3].images[0].get_array())[2, 3].tolist() == [0, 0, 0, 255]
    assert np.asarray(panels[0].images[0].get_array())[2, 3].tolist() == [255, 255, 255, 255]
    assert [[text.get_text() for text in axis.texts] for axis in panels] == [[], ["missing"], ["missing"], []]
    assert "Intensity 2023-03-13, 2 of 4 tiles" in texts(figure)
    damaged = sheet_figure(archive, "intensity", "20230301")
    assert [[text.get_text() for text in axis.texts] for axis in damaged.axes[:3]] == [["damaged"], ["missing"], []]
    with pytest.raises(ValueError, match="no tile of .* has intensity 19990101 to draw, of 3 asked for"):
        sheet_figure(archive, "intensity", "19990101")


def test_the_heading_of_a_narrow_sheet_is_whole(archive):
    figure = sheet_figure(archive, "coherence", SHORT)
    heading = next(text for text in figure.texts if text.get_text().startswith("Coherence"))
    assert heading.get_text() == "Coherence 2023-03-01 / 2023-03-13 (12 days), 3 tiles"
    figure = sheet_figure(archive, "coherence", SHORT, identifiers=TILES[:1])
    set_heading(figure, "w" * 60)
    assert figure.texts[-1].get_text() == "w" * 60
    assert figure.texts[-1].get_window_extent().width < figure.bbox.width


def test_only_coherence_has_the_colours_of_coherence():
    values = np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)
    height, coherence = (
        picture_of(plane_of(name, name, Chip(values, box(0), {"product": name, "unit": unit})), "", limits=(0, 1))
        for name, unit in (("height", "m"), ("coherence", "1"))
    )
    assert height.key.label == "height (m)"
    assert (height.image != coherence.image).any(axis=-1).all()


def test_a_sheet_of_phases_is_darkened_in_all_chips_or_none(archive, tmp_path):
    figure = sheet_figure(archive, "interferogram", SHORT)
    values, coherence = (archive.read("ccc", name, SHORT).array for name in ("interferogram", "coherence"))
    np.testing.assert_array_equal(images(figure)[2], phase_image(values, brightness=coherence))
    assert "coherence:\nmiddle 0, rim 1" in texts(figure)
    archive.path("aaa", "coherence", SHORT).unlink()
    figure = sheet_figure(archive, "interferogram", SHORT)
    np.testing.assert_array_equal(images(figure)[2], phase_image(values))
    assert "phase (rad)" in texts(figure)
    plot_sheet(archive, "label", "landcover", tmp_path / "sheet.svg")
    drawn = (tmp_path / "sheet.svg").read_text()
    assert drawn.rstrip().endswith("</svg>")


def test_a_sheet_of_labels_names_the_classes_of_every_chip(archive):
    put(archive, "bbb", "label", "landcover", np.full(SHAPE, 100, np.uint8), unit="class", nodata=0)
    figure = sheet_figure(archive, "label", "landcover")
    assert {"tree cover", "built-up", "water", "moss and lichen"} <= set(texts(figure))
    np.testing.assert_array_equal(images(figure)[0], label_image(archive.read("aaa", "label", "landcover").array))


def test_chips_are_made_small_by_means_of_power_and_complex_numbers(rng):
    phase = np.exp(1j * (np.pi + rng.normal(0, 0.1, (21, 30))))
    phase[:3, :3] = np.nan
    plane = plane_of("phase", "x", Chip(np.angle(phase), box(0), {"unit": "rad"}))
    small = reduced(plane, 10).values
    assert small.shape == (7, 10)
    assert np.isnan(small[0, 0])
    assert np.nanmin(np.abs(np.angle(small))) > 2.8
    power = plane_of("intensity", "x", Chip(np.array([[1.0, 3.0, np.nan, 6.0, 5.0]]), box(0), {}))
    np.testing.assert_allclose(reduced(power, 3).values, [[2.0, 6.0, 5.0]])
    np.testing.assert_allclose(limits_of([power]), np.percentile(10 * np.log10([1, 3, 6, 5]), [2, 98]), rtol=1e-5)
    codes = plane_of("label", "x", Chip(np.array([[10, 20, 30, 40, 50]]), box(0), {}))
    assert set(reduced(codes, 2).values[0]) <= {10, 20, 30, 40, 50}
    with pytest.raises(ValueError, match=r"slope dem has \(4,\)"):
        plane_of("slope", "dem", Chip(np.zeros(4), box(0), {}))


def test_three_lags_or_seasons_are_the_means_of_their_pairs(archive, rng):
    extra = "20230313_20230325"
    values = {key: rng.uniform(0, 1, SHAPE).astype(np.float32) for key in (SHORT, extra, MIDDLE, LONG)}
    values[extra][1, 2] = np.nan
    for key, array in values.items():
        put(archive, "aaa", "coherence", key, array, unit="1", nodata=np.nan)
    drawn = coherence_rgb(archive, "aaa", over="lags")
    red = np.nanmean([values[SHORT], values[extra]], axis=0)
    for band, expected in enumerate((red, values[MIDDLE], values[LONG])):
        assert np.abs(drawn.image[..., band] - 255 * expected).max() <= 0.51
    assert drawn.key.entries[0] == ("red, 0 to 1: 12 days (2 pairs)", "#ff0000")
    with pytest.raises(ValueError, match="tile aaa must have pairs of three seasons, it does not"):
        coherence_rgb(archive, "aaa", over="seasons")
    keys = ["20230101_20230113", "20230401_20230413", "20230701_20230713", "20230713_20230725", "20231001_20231013"]
    pairs = {key: Pair.parse(key) for key in [*keys, "20230105_20230411"]}
    assert rgb_groups(pairs, over="seasons") == [
        ("winter, 12 days", keys[:1]),
        ("spring, 12 days", keys[1:2]),
        ("summer, 12 days", keys[2:4]),
    ]
    with pytest.raises(ValueError, match="over must be 'lags' or 'seasons', got 'years'"):
        rgb_groups(pairs, over="years")


def test_days_of_pictures_are_those_between_passings(archive):
    # Dates at midnight UTC: 11 and 13 days of the calendar, 12 from passing to passing.
    early, late = "20221214_20221225", "20230106_20230119"
    for key, days in ((early, 12), (late, 12), (MIDDLE, 24), (LONG, 48)):
        facts = {"product": "coherence", "unit": "1", "days": days}
        archive.write("aaa", "coherence", key, np.full(SHAPE, 0.5, np.float32), box(0), metadata=facts)
    archive.remove("aaa", "coherence", SHORT)
    groups = rgb_groups(pairs_of(archive, "aaa", "coherence", archive.keys("aaa", "coherence")), over="lags")
    assert groups[0] == ("12 days", [early, late])
    titles = tile_figure(archive, "aaa")[1]
    assert "Coherence 2022-12-14 / 2022-12-25 (12 days)" in titles
    sheet = sheet_figure(archive, "coherence", early)
    assert any("2022-12-14 / 2022-12-25 (12 days)" in text for text in texts(sheet))


def test_a_map_holds_every_tile_in_its_split(archive, tmp_path):
    from matplotlib.colors import to_hex

    outlines = archive_outlines(archive)
    assert list(outlines) == list(TILES)
    west, south, east, north = box(1).bounds_in("EPSG:4326")
    np.testing.assert_allclose([*outlines["bbb"].min(axis=0), *outlines["bbb"].max(axis=0)], [west, south, east, north])
    figure = map_figure(outlines, splits={"aaa": "train", "bbb": "odd $x^{$"}, title="Here")
    axis = figure.axes[0]
    assert axis.get_title() == "Here: 3 tiles"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "train (1)", "odd $x^{$ (1)", "no split (1)"
    ]  # fmt: skip
    faces = [to_hex(item.get_facecolor()[0]) for item in axis.collections]
    assert faces == ["#0072b2", "#cc79a7", "#ffffff"]
    assert [to_hex(patch.get_facecolor()) for patch in figure.legends[0].get_patches()] == faces
    assert {"aaa", "bbb", "ccc"} <= set(texts(figure))
    png_bytes(figure, dpi=30)
    plot_map(outlines, tmp_path / "map.png")
    assert not map_figure(outlines).legends
    with pytest.raises(ValueError, match="outlines must hold at least one tile, got none"):
        map_figure({})


def test_a_map_over_the_antimeridian_stays_small():
    grids = [TileGrid.exact((west, 10.0, west + 0.05, 10.05)) for west in (179.95, -180.0)]
    figure = map_figure({name: ring for grid in grids for name, ring in grid_outlines(grid).items()})
    axis = figure.axes[0]
    low, high = axis.get_xlim()
    assert high - low < 0.4
    figure.canvas.draw()
    labels = [label.get_text() for label in axis.get_xticklabels() if low <= label.get_position()[0] <= high]
    assert {label[-1] for label in labels if label[:3] != "180"} == {"E", "W"}
    assert sum(len(item.get_paths()) for item in axis.collections) == sum(map(len, grids))


def test_tiles_too_small_to_see_are_marked():
    square = np.array([[0, 50], [0, 50.04], [0.04, 50.04], [0.04, 50]])
    squares = {f"t{place}": square + np.array([place, 0]) for place in range(40)}
    axis = map_figure(squares, splits=dict.fromkeys(squares, "val")).axes[0]
    assert axis.get_title() == "40 tiles, marks larger than they are"
    np.testing.assert_allclose(axis.collections[0].get_offsets()[7], [7.02, 50.02])
    near = map_figure(dict(list(squares.items())[:2]), splits={}).axes[0]
    assert near.get_title() == "2 tiles"
    assert len(near.collections[0].get_paths()) == 2


def test_histograms_tell_shares_in_percent(rng):
    figure = histogram_figure(rng.uniform(0.2, 0.4, 4000), kind="coherence", label="coherence (0 to 1)", title="$a")
    axis = figure.axes[0]
    assert axis.get_xlim() == (0, 1)
    counts, edges, _ = axis.patches[0].get_data()
    assert counts.sum() == pytest.approx(100)
    assert edges[:-1][counts > 0].min() > 0.17
    assert edges[1:][counts > 0].max() < 0.43
    bars = histogram_figure(np.array([10, 10, 10, 77]), kind="classes", label="landcover").axes[0]
    assert [patch.get_width() for patch in bars.patches] == [75, 25]
    assert [label.get_text() for label in bars.get_yticklabels()] == ["tree cover", "code 77"]
    png_bytes(figure, dpi=30)
    with pytest.raises(ValueError, match="values must hold a finite value, got none"):
        histogram_figure(np.array([np.nan]), kind="value", label="x")


def test_a_scale_bar_has_a_round_length_on_the_ground():
    degrees = GeoBox.from_bounds((5.0, 59.9, 5.1, 60.1), shape=(13, 21), crs="EPSG:4326")
    # 0.1 degrees along the parallel of 60 degrees on WGS 84.
    assert ground_width(degrees) == pytest.approx(5580, abs=3)
    assert [round_length(value) for value in (1.0, 4999, 5000, 0.3)] == [1, 2000, 5000, 0.2]


def test_the_command_draws_tiles_sheets_maps_and_reports(archive, tmp_path, capsys):
    from m3leo_sar.app.cli import app

    def call(*arguments):
        app([str(argument) for argument in arguments], standalone_mode=False)
        # The terminal breaks long lines wherever it likes.
        return " ".join(capsys.readouterr().out.split())

    splits = tmp_path / "splits.csv"
    splits.write_text("identifier,split\naaa,train\nbbb,test\n")
    assert "Intensity 2023-03-01" in call("plot", archive.root, tmp_path / "tile.png", "--tile", "ccc")
    sheet = ("--sheet", f"coherence:{SHORT}")
    reported = call("plot", archive.root, tmp_path / "sheet.png", *sheet, "--max-tiles", 2)
    assert "2 of 3 tiles" in reported
    assert "3 of 3 tiles" in call("plot", archive.root, tmp_path / "map.svg", "--map", "--splits", splits)
    assert "train (1)" in (tmp_path / "map.svg").read_text()
    call("report", archive.root, tmp_path / "report.html", "--splits", splits)
    assert (tmp_path / "report.html").read_text().count("<img ") > 6
    for options, message in (
        ((*sheet, "--map"), "a picture shows either a tile"),
        ((*sheet, "--tile", "aaa"), "a picture shows either a tile"),
        (("--sheet", "coherence"), "--sheet must read PRODUCT/KEY, .* got 'coherence'"),
        (("--splits", splits), "--splits colours the map"),
    ):
        with pytest.raises(ValueError, match=message):
            call("plot", archive.root, tmp_path / "no.png", *options)
    assert not (tmp_path / "no.png").exists()


def test_the_code_of_the_guide(archive, capsys, monkeypatch):
    guide = (Path(__file__).resolve().parents[2] / "docs" / "pictures.md").read_text()
    assert len(guide.splitlines()) <= 55
    monkeypatch.chdir(archive.root.parent)
    names: dict[str, object] = {}
    for code in re.findall(r"```python\n(.*?)```", guide, re.DOTALL):
        exec(code, names)
    reported = capsys.readouterr().out.splitlines()
    assert reported[0].startswith("['Intensity 2023-03-01', ")
    assert reported[1:] == ["(3, 4, 4)", "[255 255 255 255]", "uint8"]
    assert {path.name for path in Path().iterdir()} == {"chips", "tile.png", "sheet.png", "map.png", "report.html"}


def test_the_hatching_of_a_sheet_is_explained_where_there_is_some(archive):
    words = [text.get_text() for legend in sheet_figure(archive, "intensity", "20230301").legends
             for text in legend.get_texts()]  # fmt: skip
    assert words == ["no data"]
    assert not sheet_figure(archive, "coherence", SHORT).legends


def test_formats_of_pictures_are_named_before_anything_is_drawn(archive, tmp_path):
    for name in ("sheet.xyz", "sheet.raw"):
        with pytest.raises(ValueError, match=rf"output must end in .png, .svg or .pdf \(or .jpg, .*\), got {name}"):
            plot_sheet(archive, "coherence", SHORT, tmp_path / name)
        assert not list(tmp_path.glob("sheet*"))
    with pytest.raises(ValueError, match="figure must end in .png, .svg or .pdf"):
        pairs(tmp_path / "no-stack", figure=Path("network.xyz"))
