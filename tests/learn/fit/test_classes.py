"""Training on classes of one's own: they are stated once, and a run that would learn nothing does not begin."""

from __future__ import annotations

import json

import numpy as np
import pytest
from matplotlib.text import Text
from tiny_archive import COHERENCE, SPLITS, TILES, make

from m3leo_sar.chips.land_cover import WORLDCOVER
from m3leo_sar.chips.legend import Legend
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.learn.fit.config import checked_config, from_yaml, load_config, to_yaml
from m3leo_sar.learn.fit.fit import fit
from m3leo_sar.learn.fit.fit_config import FitConfig
from m3leo_sar.learn.fit.predict import model_legend, predict
from m3leo_sar.pictures.panel_grid import panel_titles
from m3leo_sar.pictures.tile_picture import plot_tile

OWN = [{"code": 0, "name": "dry", "colour": "#c8b464"}, {"code": 300, "name": "wet", "colour": "#0000ff"}]


@pytest.fixture
def archive(tmp_path):
    """Land cover and, on the same ground, codes of one's own: where the land cover is built-up, the ground is wet."""
    made = make(tmp_path / "chips")
    for tile in TILES:
        chip = made.read(tile, "label", "landcover")
        codes = np.where(chip.array == 50, 300, 0).astype(np.int16)
        codes[chip.array == 0] = -1
        for key, classes in (("flood", {"classes": OWN}), ("mask", {})):
            made.write(tile, "label", key, codes, chip.geobox, metadata={"product": "label", **classes}, nodata=-1)
        shown = np.where(codes == 300, 20, 10).astype(np.uint8)
        made.write(tile, "label", "steps", shown, chip.geobox, metadata={"product": "label"})
    return made


def config_of(archive: ChipArchive, output, **options) -> FitConfig:
    return FitConfig(
        archive=str(archive.root),
        output=str(output),
        input=[COHERENCE],
        splits=SPLITS,
        model={"name": "unet", "widths": [4, 8]},
        batch=2,
        epochs=4,
        learning_rate=1e-2,
        accelerator="cpu",
        threads=1,
        **options,
    )


def test_classes_that_the_labels_state_are_learned_predicted_and_drawn(archive, tmp_path):
    result = fit(config_of(archive, tmp_path / "run", target="flood"))
    assert set(result.metrics["iou"]) == {"dry", "wet"}
    assert result.metrics["miou"] > 0.6
    assert result.metrics["unknown_codes"] == {}
    kept = load_config(tmp_path / "run" / "config.yaml")
    assert kept.classes == OWN
    assert from_yaml(to_yaml(kept)) == kept
    model = tmp_path / "run" / "model.pt"
    codes, legend = predict(model, archive, TILES[-1]), model_legend(model)
    assert legend == Legend.parse(OWN)
    assert set(np.unique(codes)) <= {0, 300}
    assert codes.dtype == legend.dtype
    figure = plot_tile(archive, TILES[-1], predictions={"Prediction": codes}, legend=legend)
    texts = {text.get_text() for text in figure.findobj(Text)}
    assert "Prediction" in panel_titles(figure)
    assert {"wet", "tree cover", "code 20"} <= texts
    assert not any("unknown" in text for text in texts)


def test_codes_that_happen_to_be_worldcovers_are_not_taken_for_them(archive, tmp_path):
    reports = []
    for target in ("steps", "mask"):
        with pytest.raises(
            ValueError, match=rf"label {target} state no classes; tile .* holds the codes (10, 20|0, 300)"
        ):
            fit(config_of(archive, tmp_path / "none", target=target), report=lambda *epoch: reports.append(epoch))
    assert not reports
    assert not (tmp_path / "none").exists()
    named = fit(config_of(archive, tmp_path / "named", target="steps", classes={10: "quiet", 20: "built"}))
    assert set(named.metrics["iou"]) == {"quiet", "built"}


def test_a_run_on_labels_without_a_class_does_not_begin(archive, tmp_path):
    with pytest.raises(ValueError, match="label mask of 8 tiles, first .*, holds no pixel of a class; it holds 0, 300"):
        fit(config_of(archive, tmp_path / "run", target="mask", classes={1: "a", 2: "b"}))
    with pytest.raises(ValueError, match="classes must leave out code -1, which the label declares as no data"):
        fit(config_of(archive, tmp_path / "run", target="mask", classes={-1: "a", 0: "b"}))
    with pytest.raises(ValueError, match="classes must be left out for task regression"):
        fit(config_of(archive, tmp_path / "run", target="mask", task={"name": "regression"}, classes={0: "b"}))
    assert not (tmp_path / "run").exists()


def test_classes_are_written_short_or_whole(tmp_path):
    for text, expected in (
        ("classes=worldcover", ["worldcover"]),
        ("classes={0: dry, 1: wet}", Legend.parse({0: "dry", 1: "wet"}).entries()),
        ("classes=[{code: 0, name: dry, colour: '#c8b464'}, {code: 300, name: wet, colour: '#0000ff'}]", OWN),
    ):
        config = load_config(None, [text])
        assert config.classes == expected
        (tmp_path / "c.yaml").write_text(to_yaml(config))
        assert load_config(tmp_path / "c.yaml") == config
    assert checked_config(FitConfig(classes=WORLDCOVER.entries())).classes == ["worldcover"]
    with pytest.raises(ValueError, match="legend must be one of dynamic_world, worldcover; got 'corine'"):
        load_config(None, ["classes=corine"])


def test_the_classes_stay_when_a_run_goes_on(archive, tmp_path):
    fit(config_of(archive, tmp_path / "run", target="flood"))
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert fit(config_of(archive, tmp_path / "run", target="flood"), resume=True).metrics["iou"] == metrics["iou"]
    other = [OWN[1], OWN[0]]
    with pytest.raises(ValueError, match="was made with classes .*, this run has"):
        fit(config_of(archive, tmp_path / "run", target="flood", classes=other), resume=True)
