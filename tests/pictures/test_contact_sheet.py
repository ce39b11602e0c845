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
from m3leo_sar.pictures.chip_picture import picture_of
from m3leo_sar.pictures.chip_plane import limits_of, plane_of, reduced
from m3leo_sar.pictures.class_colours import label_image
from m3leo_sar.pictures.coherence_rgb import coherence_rgb, rgb_groups
from m3leo_sar.pictures.colours import amplitude_image, coherence_image, phase_image
from m3leo_sar.pictures.contact_sheet import plot_sheet
from m3leo_sar.pictures.figure import picture_bytes
from m3leo_sar.pictures.histogram import plot_histogram
from m3leo_sar.pictures.panel_grid import panel_titles
from m3leo_sar.pictures.tile_map import archive_outlines, grid_outlines, plot_map
from m3leo_sar.pictures.tile_picture import plot_tile
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


def panels(figure):
    """Axes of the panels of a figure, in the order of drawing."""
    return [axis for axis in figure.axes if axis.get_gid() == "panel"]


def images(figure):
    """Every image of the panels of a figure, in the order of drawing."""
    return [np.asarray(image.get_array()) for axis in panels(figure) for image in axis.images]


def texts(figure):
    import matplotlib.text

    return [item.get_text() for item in figure.findobj(matplotlib.text.Text) if item.get_text()]


def test_a_tile_is_drawn_with_all_its_products(archive, tmp_path):
    figure = plot_tile(archive, "bbb", path=tmp_path / "tile.png")
    titles = panel_titles(figure)
    assert titles == [
        "Intensity",
        "Coherence, 12 days",
        "Coherence, 48 days",
        "Mean coherence of three lags",
        "Phase, 12 days",
        "Label landcover",
        "Slope dem",
        "Label landcover over intensity",
        "Missing data",
    ]
    shown = texts(figure)
    assert set(titles) <= set(shown)
    assert "Tile bbb" in shown
    assert any(text.startswith("VH · descending · track 88 · 49.6") for text in shown)
    for word in (
        "2023-03-01", "2023-03-01 – 2023-03-13", "2023-03-01 – 2023-04-18", "2023-03-01 – 2023-03-13, mean of 7 × 7",
        "band 1 of 3", "coherence", "phase (rad), dark where coherence is low", "slope (degree)", "−π", "π/2", "100 m",
        "N", "tree cover", "built-up", "water", "red, 0 to 1: 12 days (1 pair)", "blue, 0 to 1: 48 days (1 pair)",
        "no data in some panel", "2.2% of pixels", "no data", "3 classes",
    ):  # fmt: skip
        assert word in shown, word
    found = images(figure)
    power = archive.read("bbb", "intensity", "20230301").array
    assert any(np.array_equal(item, amplitude_image(np.sqrt(power))) for item in found)
    low, high = np.percentile(10 * np.log10(power[~np.isnan(power)]), [2, 98])
    assert f"intensity (dB), {low:.1f} to {high:.1f}".replace("-", "−") in shown
    for key, there in ((SHORT, True), (MIDDLE, False), (LONG, True)):
        expected = coherence_image(archive.read("bbb", "coherence", key).array)
        assert any(np.array_equal(item, expected) for item in found) is there
    assert (tmp_path / "tile.png").read_bytes().startswith(b"\x89PNG")


def test_predictions_stand_beside_their_label_and_errors(archive, tmp_path):
    truth = archive.read("aaa", "label", "landcover").array
    codes = np.where(np.arange(SHAPE[1]) < 23, truth, 95).astype(np.uint8)
    options = {"predictions": {"Prediction $x": codes}, "scores": {"Prediction $x": "test mIoU 0.50"}}
    figure = plot_tile(archive, "aaa", target="landcover", **options)
    assert panel_titles(figure)[-3:] == ["Label landcover", "Prediction $x", "Errors $x"]
    assert {"mangroves", "wrong", "right", "test mIoU 0.50, 50% right here", "50.0% of pixels wrong"} <= set(
        texts(figure)
    )
    wrong = images(figure)[-1][..., 0] < 100
    assert not wrong[:, :23].any()
    assert wrong[:, 23:].all()
    lefts = [axis.get_position().x0 for axis in panels(figure)[-3:]]
    assert lefts == sorted(lefts)
    assert np.ptp([axis.get_position().y0 for axis in panels(figure)[-3:]]) < 1e-9
    assert panel_titles(plot_tile(archive, "aaa", target="none", **options))[-1] == "Prediction $x"


def test_predicted_values_are_compared_by_their_differences(archive):
    height = np.linspace(0, 90, SHAPE[0] * SHAPE[1], dtype=np.float32).reshape(SHAPE)
    put(archive, "aaa", "label", "height", height, unit="m")
    figure = plot_tile(archive, "aaa", predictions={"Prediction": height + 3}, target="height")
    assert panel_titles(figure)[-3:] == ["Label height", "Prediction", "Errors"]
    assert {"RMSE 3 here", "bias +3", "predicted − label: height (m)"} <= set(texts(figure))


def test_tiles_without_chips_and_wrong_names_are_refused(archive, tmp_path):
    with pytest.raises(ValueError, match="tile zzz of .* has no chip to draw; has: \\[\\]"):
        plot_tile(archive, "zzz", path=tmp_path / "no.png")
    with pytest.raises(ValueError, match=r"must end in .png, .svg or .pdf \(or .*\), got no.nonsense"):
        plot_tile(archive, "aaa", path=tmp_path / "no.nonsense")
    assert not list(tmp_path.glob("no*"))


def test_a_sheet_keeps_every_place_and_one_scale(archive):
    archive.path("bbb", "intensity", "20230301").unlink()
    archive.path("aaa", "intensity", "20230301").write_bytes(b"rubbish")
    put(archive, "aaa", "intensity", "20230313", np.full(SHAPE, 0.01, np.float32), unit="intensity")
    put(archive, "ccc", "intensity", "20230313", np.full(SHAPE, 10.0, np.float32), unit="intensity")
    figure = plot_sheet(archive, "intensity", "20230313", identifiers=["ccc", "bbb", "zzz", "aaa"])
    drawn = panels(figure)
    assert panel_titles(figure) == ["ccc", "bbb", "zzz", "aaa"]
    assert [len(axis.images) for axis in drawn] == [1, 0, 0, 1]
    # One scale: -20 dB is black on it and 10 dB is white, which alone would both be grey.
    assert np.asarray(drawn[3].images[0].get_array())[2, 3].tolist() == [0, 0, 0, 255]
    assert np.asarray(drawn[0].images[0].get_array())[2, 3].tolist() == [255, 255, 255, 255]
    assert [[text.get_text() for text in axis.texts] for axis in drawn[1:]] == [["missing"], ["missing"], []]
    assert any(text.startswith("2023-03-13 · 2 of 4 tiles · VH") for text in texts(figure))
    damaged = plot_sheet(archive, "intensity", "20230301")
    marks = [[text.get_text() for text in axis.texts] for axis in panels(damaged)]
    assert marks == [["damaged"], ["missing"], ["100 m", "N"]]
    with pytest.raises(ValueError, match="no tile of .* has intensity 19990101 to draw, of 3 asked for"):
        plot_sheet(archive, "intensity", "19990101")


def test_only_coherence_has_the_colours_of_coherence():
    values = np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)
    height, coherence = (
        picture_of(plane_of(name, name, Chip(values, box(0), {"product": name, "unit": unit})), "", limits=(0, 1))
        for name, unit in (("height", "m"), ("coherence", "1"))
    )
    assert height.key.label == "height (m)"
    assert (height.image != coherence.image).any(axis=-1).all()


def test_a_sheet_of_phases_is_darkened_in_all_chips_or_none(archive, tmp_path):
    figure = plot_sheet(archive, "interferogram", SHORT)
    values, coherence = (archive.read("ccc", name, SHORT).array for name in ("interferogram", "coherence"))
    np.testing.assert_array_equal(images(figure)[2], phase_image(values, brightness=coherence))
    assert "phase (rad), dark where coherence is low" in texts(figure)
    archive.path("aaa", "coherence", SHORT).unlink()
    figure = plot_sheet(archive, "interferogram", SHORT)
    np.testing.assert_array_equal(images(figure)[2], phase_image(values))
    assert "phase (rad)" in texts(figure)
    plot_sheet(archive, "label", "landcover", path=tmp_path / "sheet.svg")
    drawn = (tmp_path / "sheet.svg").read_text()
    assert drawn.rstrip().endswith("</svg>")


def test_a_sheet_of_labels_names_the_classes_of_every_chip(archive):
    put(archive, "bbb", "label", "landcover", np.full(SHAPE, 100, np.uint8), unit="class", nodata=0)
    figure = plot_sheet(archive, "label", "landcover")
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
    figure = plot_tile(archive, "aaa")
    assert "Coherence, 12 days" in panel_titles(figure)
    assert "2022-12-14 – 2022-12-25" in texts(figure)
    sheet = plot_sheet(archive, "coherence", early)
    assert "Coherence, 12 days" in texts(sheet)
    assert any("2022-12-14 – 2022-12-25" in text for text in texts(sheet))


def test_a_map_holds_every_tile_in_its_split(archive, tmp_path):
    from matplotlib.colors import to_hex

    outlines = archive_outlines(archive)
    assert list(outlines) == list(TILES)
    west, south, east, north = box(1).bounds_in("EPSG:4326")
    np.testing.assert_allclose([*outlines["bbb"].min(axis=0), *outlines["bbb"].max(axis=0)], [west, south, east, north])
    figure = plot_map(outlines, splits={"aaa": "train", "bbb": "odd $x^{$"}, heading="Here")
    axis, key = figure.axes
    assert {"Here", "3 tiles · longitude and latitude"} <= set(texts(figure))
    assert [text.get_text() for text in key.texts] == ["train (1)", "odd $x^{$ (1)", "no split (1)"]
    faces = [to_hex(item.get_facecolor()[0]) for item in axis.collections]
    assert faces == ["#0072b2", "#cc79a7", "#ffffff"]
    # The key has the colours as they look on paper.
    on_paper = [1 - 0.65 * (1 - np.array(item.get_facecolor()[0, :3])) for item in axis.collections]
    for patch, expected in zip(key.patches, on_paper, strict=True):
        assert np.abs(np.array(patch.get_facecolor()[:3]) - expected).max() < 0.005
    assert {"aaa", "bbb", "ccc"} <= set(texts(figure))
    picture_bytes(figure, dpi=30)
    plot_map(outlines, path=tmp_path / "map.png")
    assert len(plot_map(outlines).axes) == 1
    with pytest.raises(ValueError, match="outlines must hold at least one tile, got none"):
        plot_map({})


def test_a_map_over_the_antimeridian_stays_small():
    grids = [TileGrid.exact((west, 10.0, west + 0.05, 10.05)) for west in (179.95, -180.0)]
    figure = plot_map({name: ring for grid in grids for name, ring in grid_outlines(grid).items()})
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
    figure = plot_map(squares, splits=dict.fromkeys(squares, "val"))
    axis = figure.axes[0]
    assert "40 tiles · marks larger than the tiles · longitude and latitude" in texts(figure)
    np.testing.assert_allclose(axis.collections[0].get_offsets()[7], [7.02, 50.02])
    near = plot_map(dict(list(squares.items())[:2]), splits={}).axes[0]
    assert len(near.collections[0].get_paths()) == 2


def test_histograms_tell_shares_in_percent(rng):
    figure = plot_histogram(rng.uniform(0.2, 0.4, 4000), kind="coherence", label="coherence (0 to 1)", title="$a")
    axis = figure.axes[0]
    assert axis.get_xlim() == (0, 1)
    counts, edges, _ = axis.patches[-1].get_data()
    assert counts.sum() == pytest.approx(100)
    assert edges[:-1][counts > 0].min() > 0.17
    assert edges[1:][counts > 0].max() < 0.43
    bars = plot_histogram(np.array([10, 10, 10, 77]), kind="classes", label="landcover").axes[0]
    assert [patch.get_width() for patch in bars.patches] == [75, 25]
    assert [label.get_text() for label in bars.get_yticklabels()] == ["tree cover", "code 77"]
    picture_bytes(figure, dpi=30)
    with pytest.raises(ValueError, match="values must hold a finite value, got none"):
        plot_histogram(np.array([np.nan]), kind="value", label="x")


def test_the_command_draws_tiles_sheets_maps_and_reports(archive, tmp_path, capsys):
    from m3leo_sar.app.cli import app

    def call(*arguments):
        app([str(argument) for argument in arguments], standalone_mode=False)
        # The terminal breaks long lines wherever it likes.
        return " ".join(capsys.readouterr().out.split())

    splits = tmp_path / "splits.csv"
    splits.write_text("identifier,split\naaa,train\nbbb,test\n")
    assert "Intensity, Coherence, 12 days" in call("plot", archive.root, tmp_path / "tile.png", "--tile", "ccc")
    sheet = ("--sheet", f"coherence:{SHORT}")
    reported = call("plot", archive.root, tmp_path / "sheet.png", *sheet, "--max-tiles", 2)
    assert "2 of 3 tiles" in reported
    assert "3 of 3 tiles" in call("plot", archive.root, tmp_path / "map.svg", "--map", "--splits", splits)
    assert (tmp_path / "map.svg").read_text().rstrip().endswith("</svg>")
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
    assert len(guide.splitlines()) <= 95
    monkeypatch.chdir(archive.root.parent)
    names: dict[str, object] = {}
    for code in re.findall(r"```python\n(.*?)```", guide, re.DOTALL):
        exec(code, names)
    reported = capsys.readouterr().out.splitlines()
    assert reported[0].startswith("['Intensity', 'Coherence, 12 days', ")
    assert reported[1:] == ["['Coherence, 12 days', 'Change']", "(3, 4, 4)", "[255 255 255 255]", "uint8"]
    written = {"chips", "tile.png", "sheet.png", "map.png", "report.html", "mine.svg"}
    assert {path.name for path in Path().iterdir()} == written


def test_formats_of_pictures_are_named_before_anything_is_drawn(archive, tmp_path):
    for name in ("sheet.xyz", "sheet.raw"):
        with pytest.raises(ValueError, match=rf"path must end in .png, .svg or .pdf \(or .jpg, .*\), got {name}"):
            plot_sheet(archive, "coherence", SHORT, path=tmp_path / name)
        assert not list(tmp_path.glob("sheet*"))
    with pytest.raises(ValueError, match="figure must end in .png, .svg or .pdf"):
        pairs(tmp_path / "no-stack", figure=Path("network.xyz"))
