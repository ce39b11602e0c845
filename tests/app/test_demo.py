"""The demonstration: small in the default suite, whole among the slow ones."""

from __future__ import annotations

import matplotlib.image
import pytest

from m3leo_sar.app.demo import DemoSize, demo
from m3leo_sar.app.safe_demo import SafeDemoSize, safe_demo
from m3leo_sar.io.chips.archive import ChipArchive


def test_a_small_demonstration_goes_all_the_way_and_can_be_repeated(tmp_path):
    size = DemoSize(pixels=1450, dates=2, chip=112, crop=64, crops=2, epochs=1, widths=(4, 8))
    first = demo(tmp_path, size=size)
    assert first.summary.computed == {"coherence": 4, "interferogram": 4, "intensity": 8, "label": 8}
    assert set(first.scores) == {"amplitude", "coherence"}
    assert matplotlib.image.imread(first.figure).shape[1] > 800
    again = demo(tmp_path, size=size)
    assert (again.summary.computed, again.summary.present) == ({}, 24)
    assert again.scores["coherence"]["miou"] == first.scores["coherence"]["miou"]
    assert not list(ChipArchive(tmp_path / "chips").verify())


@pytest.mark.slow
def test_the_demonstration_shows_what_coherence_adds(tmp_path):
    result = demo(tmp_path)
    assert result.summary.computed["coherence"] == 15 * 9
    assert result.scores["coherence"]["miou"] > 0.75
    assert result.scores["amplitude"]["miou"] < 0.45


@pytest.mark.slow
def test_the_demonstration_from_products_goes_all_the_way_and_can_be_repeated(tmp_path):
    size = SafeDemoSize(dates=2, lines=140, columns=320)
    first = safe_demo(tmp_path, size=size)
    assert first.summary.computed["coherence"] >= 1
    assert [text[:25] for text in first.shifts] == ["2023-09-16: azimuth shift"]
    assert all(figure.stat().st_size > 1000 for figure in first.figures)
    again = safe_demo(tmp_path, size=size)
    assert (again.summary.computed, again.shifts) == ({}, ())


def test_the_demonstration_is_refused_before_it_begins_without_the_packages_that_train(tmp_path, monkeypatch):
    monkeypatch.setattr("m3leo_sar._missing_package.find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match=r"torch is not installed: install it with .*m3leo-sar\[train\]"):
        demo(tmp_path / "demo")
    assert not (tmp_path / "demo").exists()
