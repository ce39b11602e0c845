"""Commands on stacks in the layouts of other producers: describe, pairs, and prepare as a function."""

from __future__ import annotations

import numpy as np
import pytest
import stack_layouts
from typer.testing import CliRunner

import m3leo_sar
from m3leo_sar import GeoBox, TileGrid, Window
from m3leo_sar.app.cli import app
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.stacks.open_stack import open_stack
from m3leo_sar.run.prepare import prepare


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    made = {}
    for name in ("nisar frequency B", "gamma", "snap", "miaplpy"):
        made[name] = stack_layouts.LAYOUTS[name].write(tmp_path_factory.mktemp("layout"), stack_layouts.stack_pixels())
    return made


def test_a_stack_is_described(places):
    found = CliRunner().invoke(app, ["describe", str(places["nisar frequency B"]), "--frequency", "B"])
    assert found.exit_code == 0, found.output
    for text in ("NISAR GSLC", "3, 2023-03-01 to 2023-03-25", "EPSG:32615", "20230301 20230313 20230325"):
        assert text in found.output


def test_pairs_of_a_stack_are_listed_and_a_choice_names_its_option(places):
    found = CliRunner().invoke(app, ["pairs", str(places["snap"])])
    assert found.exit_code == 0, found.output
    assert "20230301_20230325" in found.output
    refused = CliRunner().invoke(app, ["pairs", str(places["nisar frequency B"])])
    assert "--frequency must be given, as there are several: A, B" in str(refused.exception)


@pytest.mark.filterwarnings("ignore::m3leo_sar.stack.flatness.UnflattenedWarning")
@pytest.mark.parametrize("name", ["nisar frequency B", "gamma", "snap", "miaplpy"])
def test_chips_are_prepared_and_are_the_coherence_of_the_pixels(places, name, tmp_path):
    stack = open_stack(places[name], **stack_layouts.LAYOUTS[name].options)
    place = stack.geometry
    west, south, east, north = place.bounds_in("EPSG:4326") if isinstance(place, GeoBox) else place.bounds
    inset = (east - west) / 5, (north - south) / 5
    bounds = (west + inset[0], south + inset[1], east - inset[0], north - inset[1])
    window = Window(rows=3, cols=5)
    summary = prepare(stack, tmp_path / "chips", tiles=TileGrid([bounds], pixels=12), window=window, intensities=False)
    assert summary.computed == {"coherence": 3}
    chips = ChipArchive(tmp_path / "chips")
    values = chips.read(chips.identifiers[0], "coherence", "20230301_20230325").array
    whole = m3leo_sar.coherence(*(stack.window()[index] for index in (0, 2)), window=window)
    assert np.isfinite(values).mean() > 0.9
    assert np.nanmin(values) >= np.nanmin(whole) - 1e-6
    assert np.nanmax(values) <= np.nanmax(whole) + 1e-6
