"""Every layout of other producers, written by other libraries: pixels, positions, dates, damage and near misses."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import stack_layouts
from stack_layouts import DATES, LATITUDE, LAYOUTS, LONGITUDE

from m3leo_sar.io.stacks.open_stack import open_stack
from m3leo_sar.io.stacks.registry import recognise
from m3leo_sar.run.catalogue import open_catalogue, reopen
from m3leo_sar.stack.geometry import RadarGeometry

ROWS, COLS = slice(2, 21), slice(1, 33)


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """Each layout, written when it is first asked for; no test changes it."""
    made = {}

    def place(name):
        if name not in made:
            layout = LAYOUTS[name]
            folder = tmp_path_factory.mktemp("layout")
            made[name] = layout.write(folder, stack_layouts.stack_pixels(is_integer=layout.is_integer))
        return made[name]

    return place


def options_of(layout):
    options = dict(layout.options)
    if options.get("geometry") == "radar":
        options["geometry"] = RadarGeometry(LATITUDE, LONGITUDE)
    return options


@pytest.mark.parametrize("name", LAYOUTS)
def test_pixels_dates_and_positions_are_those_written(places, name):
    layout = LAYOUTS[name]
    place = places(name)
    assert recognise(place)[0].name == layout.reader
    stack = open_stack(place, **options_of(layout))
    assert (stack.dates, stack.polarisation) == (DATES, "HH" if "nisar" in name else "VV")
    wanted = stack_layouts.stack_pixels(is_integer=layout.is_integer)
    pixels = stack.window()
    np.testing.assert_allclose(pixels, wanted, rtol=0, atol=layout.tolerance)
    assert (np.isnan(pixels.real) == np.isnan(pixels.imag)).all()
    again = pickle.loads(pickle.dumps(stack))
    np.testing.assert_array_equal(again.window(ROWS, COLS), pixels[:, ROWS, COLS])
    if layout.is_map:
        x, y = stack.geometry.affine @ (0.5, 0.5)
        assert x == 500_005
        assert y in (5_000_000, 5_500_006, 5_499_994)
        assert (stack.geometry.resolution[1] > 0) == ("rising" in name)
    else:
        known = np.isfinite(stack.geometry.latitude)
        assert known[2:-2, 2:-2].all()
        np.testing.assert_allclose(stack.geometry.latitude[known], LATITUDE[known], atol=2e-7)
        np.testing.assert_allclose(stack.geometry.longitude[known], LONGITUDE[known], atol=2e-7)


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_shorter_file_is_named(places, name, tmp_path):
    layout = LAYOUTS[name]
    place = layout.write(tmp_path, stack_layouts.stack_pixels(is_integer=layout.is_integer))
    cut = sorted(tmp_path.rglob(layout.pixels))[0]
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    # A chunk of a Zarr store is named by its store.
    named = place.name if place.suffix == ".zarr" else "stack.znap" if "znap" in name else cut.name.partition(".")[0]
    with pytest.raises((ValueError, OSError), match=named):
        open_stack(place, **options_of(layout)).window()


@pytest.mark.parametrize("name", ["gamma", "snap", "nisar", "doris counts", "isce2"])
def test_a_run_opens_the_same_stack_again(places, name):
    layout = LAYOUTS[name]
    catalogue = open_catalogue(places(name), **options_of(layout))
    again, labels = reopen(catalogue.source)
    np.testing.assert_array_equal(again.window(), catalogue.stack.window())
    assert not labels
    assert set(catalogue.inputs) - {"geometry"} == {f"{date:%Y%m%d}" for date in DATES}
    assert all(path.exists() for paths in catalogue.inputs.values() for path in paths)


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("nisar", ("descending", 113, 0.24196)),
        ("isce2", ("descending", None, 0.05546576)),
        ("snap", ("descending", 37, 0.0554658)),
        ("gamma", ("descending", None, 0.0554658)),
        ("gmtsar", ("descending", None, 0.0554658)),
        ("miaplpy", ("descending", None, 0.0554658)),
        ("capella", ("ascending", None, 0.031067)),
        ("biomass", (None, None, 0.68918)),
    ],
)
def test_orbit_track_and_wavelength_are_read(places, name, facts):
    layout = LAYOUTS[name]
    stack = open_stack(places(name), **options_of(layout))
    assert (stack.orbit, stack.track) == facts[:2]
    assert stack.wavelength == pytest.approx(facts[2], rel=1e-4)


@pytest.mark.parametrize(
    ("name", "flattened"),
    [("nisar", True), ("isce2", False), ("biomass", True), ("gamma", None), ("snap", None), ("gmtsar", None)],
)
def test_flattening_is_read_where_the_layout_states_it(places, name, flattened):
    layout = LAYOUTS[name]
    assert open_stack(places(name), **options_of(layout)).flattened is flattened
