"""Legends: classes by code, name and colour, published ones and one's own."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from m3leo_sar.chips.land_cover import DYNAMIC_WORLD, LEGENDS, WORLDCOVER, legend_of, read_legend, stated_legend
from m3leo_sar.chips.legend import UNKNOWN_COLOUR, Legend, LegendClass, code_colour

OWN = {0: "dry", 1: "flooded", 7: "permanent water"}


@given(st.lists(st.integers(-300, 70_000), min_size=1, max_size=20, unique=True))
def test_a_legend_reads_what_it_states_and_finds_each_code(codes):
    legend = Legend.parse([{"code": code, "name": f"class {code}"} for code in codes])
    assert Legend.parse(legend.entries()) == read_legend(stated_legend(legend)) == legend
    assert legend.nodata not in legend.codes
    asked = np.array([[*codes, legend.nodata, 80_000]])
    assert legend.positions(asked).tolist() == [[*range(len(codes)), -1, -1]]
    assert np.array([*legend.codes, legend.nodata]).astype(legend.dtype).tolist() == [*codes, legend.nodata]
    assert UNKNOWN_COLOUR not in [entry.colour for entry in legend.classes]


def test_codes_of_any_dtype_find_their_class_and_fractions_none():
    legend = Legend.parse(OWN)
    for dtype in (np.uint8, np.int8, np.uint16, np.int64):
        assert legend.positions(np.array([7, 1, 0, 3], dtype)).tolist() == [2, 1, 0, -1]
    assert legend.positions(np.array([7, 0.5, np.nan, -1])).tolist() == [2, -1, -1, -1]


def test_no_data_is_a_code_that_no_class_has():
    assert (WORLDCOVER.nodata, DYNAMIC_WORLD.nodata) == (0, 255)
    assert (WORLDCOVER.dtype, DYNAMIC_WORLD.dtype) == (np.uint8, np.uint8)
    both = Legend.parse({0: "a", 255: "b"})
    assert (both.nodata, both.dtype) == (-1, np.int16)


def test_published_legends_are_stated_by_name():
    for name, legend in LEGENDS.items():
        assert read_legend(name) == read_legend([name]) == legend
        assert stated_legend(legend) == [name]
    with pytest.raises(ValueError, match="legend must be one of dynamic_world, worldcover; got 'worldcove'; did you"):
        read_legend("worldcove")


def test_a_chip_states_its_classes_or_is_named_after_a_map():
    own = Legend.parse(OWN)
    assert legend_of("label", "landcover", {"classes": own.entries()}) == own
    assert legend_of("label", "flood", {"classes": {str(code): name for code, name in OWN.items()}}) == own
    assert legend_of("label", "x", {"classes": "dynamic_world"}) == DYNAMIC_WORLD
    for dataset, key in (("label", "landcover"), ("label", "esawc_2020"), ("esaworldcover-2020", "Map")):
        assert legend_of(dataset, key, {}) == WORLDCOVER
    assert legend_of("label", "flood", {}) is None


def test_classes_join_once_each():
    assert Legend.parse(OWN).joined(Legend.parse({7: "other", 9: "dry", 4: "mud"})).codes == (0, 1, 7, 4)


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ([], "classes must be 1 to 255, got 0"),
        ([{"code": 1, "name": "a"}, {"code": 1, "name": "b"}], "classes must have a code each, got 1 twice"),
        ([{"code": 1, "name": "a"}, {"code": 2, "name": "a"}], "classes must have a name each, got 'a' twice"),
        ([{"code": 1}], "a class must have code, name and optionally colour"),
        ([{"code": 1, "name": "a", "color": "#ffffff"}], "a class must have code, name and optionally colour"),
        ([{"code": 1.5, "name": "a"}], "code of class 'a' must be a whole number, got 1.5"),
        ([{"code": 2**31, "name": "a"}], "code of class 'a' must be -2147483648 to 2147483647"),
        ([{"code": 1, "name": "a", "colour": "red"}], "colour of class 'a' must read #rrggbb, got 'red'"),
        ("water", "classes must be entries with code, name and colour, got 'water'"),
    ],
)
def test_classes_that_cannot_be_used_are_named(classes, message):
    with pytest.raises(ValueError, match=message):
        Legend.parse(classes)


def test_codes_nobody_named_have_colours_of_their_own():
    legend = Legend.of_codes(np.array([[3, 1], [2, 3]]))
    assert legend.classes[0] == LegendClass(1, "code 1", code_colour(1))
    assert len({code_colour(code) for code in range(64)}) == 64
