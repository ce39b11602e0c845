"""Bursts of one track: which one a point takes, and their common dates."""

from __future__ import annotations

import datetime
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import margin_reference

from m3leo_sar import GeoBox, SlcStack
from m3leo_sar.stack.burst_set import BurstSet
from m3leo_sar.stack.geometry import RadarGeometry
from m3leo_sar.stack.valid_area import margin_within, measured_outline, pixel_spacing

DATES = [datetime.date(2023, 3, day) for day in (1, 13, 25)]
BOX = GeoBox.from_bounds((680_000, 5_500_000, 680_450, 5_500_310), shape=(31, 90), crs="EPSG:32631")


def burst(name: str, cols: slice, dates=DATES, **facts) -> SlcStack:
    """A stack that has data in some columns only."""
    pixels = np.full((len(dates), *BOX.shape), np.nan, np.complex64)
    pixels[:, 2:-3, cols] = 1 + len(name)
    options = {"geometry": BOX, "polarisation": "VV", "track": 37, "burst": name, **facts}
    return SlcStack.from_arrays(pixels, dates, **options)


def test_an_outline_is_that_of_the_samples_with_data():
    outline = measured_outline(burst("a", slice(7, 40)))
    assert {(2, 7), (2, 39), (27, 7), (27, 39)} == set(outline)
    slanted = np.full((1, *BOX.shape), np.nan, np.complex64)
    for row in range(5, 25):
        slanted[0, row, row : 2 * row + 9] = 1
    stack = SlcStack.from_arrays(slanted, DATES[:1], geometry=BOX, polarisation="VV")
    assert set(measured_outline(stack)) == {(5, 5), (5, 18), (24, 24), (24, 56)}
    nothing = SlcStack.from_arrays(slanted * np.nan, DATES[:1], geometry=BOX, polarisation="VV")
    with pytest.raises(ValueError, match="must have samples with data on 2023-03-01"):
        measured_outline(nothing)


@given(
    sides=st.integers(3, 7),
    turn=st.floats(0, 6),
    spacing=st.tuples(st.floats(0.5, 20), st.floats(0.5, 20)),
    point=st.tuples(st.floats(-20, 60), st.floats(-20, 60)),
    backwards=st.booleans(),
)
@settings(max_examples=25, deadline=None)
def test_the_margin_is_the_distance_to_the_nearest_side(sides, turn, spacing, point, backwards):
    angles = turn + np.linspace(0, 2 * np.pi, sides, endpoint=False)
    outline = [(20 + 13 * np.sin(angle), 25 + 17 * np.cos(angle)) for angle in angles]
    outline = tuple(outline[::-1] if backwards else outline)
    found = margin_within(outline, np.array([point[0]]), np.array([point[1]]), spacing=spacing)
    assert found[0] == pytest.approx(margin_reference(outline, point, spacing), abs=1e-9)
    assert margin_within(outline, np.array([np.nan]), np.array([1.0]), spacing=spacing)[0] == -np.inf


def test_a_point_takes_the_burst_in_which_it_lies_deepest():
    bursts = BurstSet.of([burst("b", slice(30, 80)), burst("a", slice(5, 52))])
    assert [one.burst for one in bursts.bursts] == ["a", "b"]
    rows, cols = np.meshgrid(np.full(1, 15.0), np.arange(90.0), indexing="ij")
    choice = bursts.choice([(rows, cols)] * 2)[0]
    # Data in columns 5 to 51 and 30 to 79: the overlap's middle is 40.5, and outside all there is none.
    expected = np.where(np.arange(90) <= 40, 0, 1)
    expected[:5], expected[80:] = -1, -1
    np.testing.assert_array_equal(choice, expected)
    # One that is in the middle of both goes to the first by name.
    assert bursts.choice([(np.array([15.0]), np.array([40.5]))] * 2)[0] == 0


@given(order=st.permutations(range(3)), cut=st.integers(1, 88))
@settings(max_examples=10, deadline=None)
def test_the_choice_depends_on_no_order_and_no_block(order, cut):
    stacks = [burst("a", slice(0, 40)), burst("b", slice(25, 70)), burst("c", slice(55, 90))]
    rows, cols = np.meshgrid(np.arange(31.0), np.arange(90.0) + 0.25, indexing="ij")
    whole = BurstSet.of(stacks).choice([(rows, cols)] * 3)
    shuffled = BurstSet.of([stacks[index] for index in order])
    parts = [shuffled.choice([(rows[:, part], cols[:, part])] * 3) for part in (slice(0, cut), slice(cut, 90))]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), whole)


def test_dates_that_not_every_burst_has_are_left_out_and_told():
    with pytest.warns(UserWarning, match=r"not every burst has are left out: a: 2023-03-13"):
        bursts = BurstSet.of([burst("a", slice(0, 50)), burst("b", slice(30, 90), dates=[DATES[0], DATES[2]])])
    assert (bursts.dates, bursts.track, bursts.polarisation) == ((DATES[0], DATES[2]), 37, "VV")
    assert bursts.pair_indices("20230301_20230325") == [(0, 1)]
    assert "bursts: a+b" in repr(bursts)
    assert "<th>burst</th>" in bursts._repr_html_()


@pytest.mark.parametrize(
    ("stacks", "message"),
    [
        ([], "at least one burst"),
        ([burst("a", slice(0, 50)), burst("a", slice(30, 90))], "different names, got a, a"),
        ([burst("a", slice(0, 50)), burst("b", slice(30, 90), track=38)], "bursts must be of one track, a is of 37"),
        ([burst("a", slice(0, 50)), burst("b", slice(9, 90), orbit="ascending")], "bursts must be of one orbit"),
        ([burst("a", slice(0, 50), dates=DATES[:1]), burst("b", slice(9, 90), dates=DATES[1:])], "common date"),
    ],
)
def test_what_is_no_set_of_bursts_is_refused(stacks, message):
    with pytest.raises(ValueError, match=message):
        BurstSet.of(stacks)


def test_phases_are_taken_off_by_burst_and_date():
    bursts = BurstSet.of([burst("a", slice(0, 50)), burst("b", slice(30, 90))])
    turned = bursts.without_steps({"b": {DATES[1]: 0.5}})
    before, after = (one.bursts[1].window(slice(2, 9), slice(40, 60)) for one in (bursts, turned))
    np.testing.assert_allclose(after[1], before[1] * np.exp(-0.5j), rtol=1e-6)
    np.testing.assert_array_equal(after[[0, 2]], before[[0, 2]])
    assert after.dtype == np.complex64
    assert turned.parameters == {"bursts": ["a", "b"], "steps": {"b": {"20230313": 0.5}}}
    with pytest.raises(ValueError, match="bursts of the set, a, b, got c"):
        bursts.without_steps({"c": {}})
    with pytest.raises(ValueError, match="date 2023-03-02 is not in the stack"):
        bursts.without_steps({"a": {DATES[0].replace(day=2): 1}})


def test_spacing_is_in_metres_for_every_geometry():
    assert pixel_spacing(BOX) == pytest.approx((10.0, 5.0))
    x, y = BOX.centres()
    longitude, latitude = BOX.transformer_to("EPSG:4326").transform(x, y)
    assert pixel_spacing(RadarGeometry(latitude, longitude)) == pytest.approx((10.0, 5.0), rel=0.02)
    degrees = replace(BOX, crs="EPSG:4326", affine=(1e-4, 0, 5, 0, -2e-4, 50))
    assert pixel_spacing(degrees) == pytest.approx((22.264, 11.132))
