"""Bursts of one track: which one a point takes, and their common dates."""

from __future__ import annotations

import datetime
import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import margin_reference

from m3leo_sar import GeoBox, SlcStack
from m3leo_sar.stack.burst_set import BurstSet
from m3leo_sar.stack.geometry import RadarGeometry
from m3leo_sar.stack.valid_area import depth_within, margin_within, measured_outline, pixel_spacing

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


@pytest.mark.parametrize(("turn", "slant", "size"), [(0.0, 0.0, (700, 3900)), (0.2, 0.03, (900, 3100)),
                                                     (2.0, -0.4, (500, 2900))])  # fmt: skip
def test_the_outline_of_a_large_image_is_found_from_few_lines(turn, slant, size):
    """A parallelogram in an image of 54 million samples, of which 2 % are read."""
    shape, turned, taken = (6007, 9011), np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]]), [0]
    corners = np.array([(-1.0, -1.0), (-1.0, 1.0), (1.0, 1.0), (1.0, -1.0)]) * size
    corners[:, 0] += slant * corners[:, 1]
    corners = corners @ turned.T * 0.7 + (3003.2, 4505.4)

    def read(index, rows, cols):
        rows, cols = (np.arange(*part.indices(extent)) for part, extent in zip((rows, cols), shape, strict=True))
        taken[0] += rows.size * cols.size
        row, col = np.meshgrid(rows, cols, indexing="ij")
        inside = margin_within(tuple(map(tuple, corners)), row, col, spacing=(1.0, 1.0)) >= 0
        return np.where(inside, np.complex64(1), np.complex64(np.nan))

    box = GeoBox.from_bounds((0, 0, 90_110, 60_070), shape=shape, crs="EPSG:32631")
    stack = SlcStack(read=read, dates=tuple(DATES[:1]), geometry=box, polarisation="VV", dtype="complex64")
    outline = np.array(measured_outline(stack))
    assert taken[0] < 0.02 * shape[0] * shape[1]
    # Whole samples do not reach into a sharp corner.
    for corner in corners:
        assert margin_within(tuple(map(tuple, outline)), *corner[:, None], spacing=(1.0, 1.0))[0] > -6.0
    assert margin_within(tuple(map(tuple, corners)), *outline.T, spacing=(1.0, 1.0)).min() > -1e-6
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        middle = (start + end) / 2
        assert abs(margin_within(tuple(map(tuple, outline)), *middle[:, None], spacing=(1.0, 1.0))[0]) < 2.0


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


def has_value(outline, rows, cols, window):
    """Whether a sample lies in an outline with at least half of its window."""
    down, across = (np.arange(size) - size // 2 for size in window)
    places = rows[:, None, None] + down[:, None], cols[:, None, None] + across
    inside = margin_within(outline, *np.broadcast_arrays(*places), spacing=(1.0, 1.0)) >= 0
    return inside[:, window[0] // 2, window[1] // 2] & (inside.mean(axis=(1, 2)) >= 0.5)


@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_a_point_takes_a_burst_that_has_a_value_there_if_any_has(data):
    """Random bursts of a swath, whose outer edges agree to half a column; points near them."""
    draw = lambda low, high: data.draw(st.floats(low, high))  # noqa: E731
    lines, overlap, wide = data.draw(st.integers(150, 400)), data.draw(st.integers(40, 120)), draw(60, 900)
    spacing, slant = (draw(8, 16), draw(2, 10)), draw(-0.2, 0.2)
    rng = np.random.default_rng(data.draw(st.integers(0, 2**31)))
    window = data.draw(st.tuples(st.integers(1, 15), st.integers(3, 25)))
    ends = np.array([0.0, 0.0, lines, lines])
    firsts = [index * (lines - overlap) + rng.uniform(-3, 3) for index in range(3)]
    # Corners in the ground's columns; each burst's own count from its own first row and column.
    edges = [np.array([0.0, wide, wide, 0.0]) + rng.uniform(-0.2, 0.2, 4) + slant * (ends + first) for first in firsts]
    outlines = tuple(tuple(zip(ends.tolist(), edge.tolist(), strict=True)) for edge in edges)
    rows = rng.uniform(-9, 3 * lines, 150)
    cols = np.where(rng.random(150) < 0.5, 0.0, wide) + rng.normal(0, 8, 150) + slant * rows
    places = [(rows - first, cols) for first in firsts]
    # A pixel inside, where rounding and the edges' own half a column decide nothing.
    around = list(itertools.product((-1, 1), repeat=2))
    near = [
        np.all([has_value(outline, place[0] + down, place[1] + across, window) for down, across in around], axis=0)
        for outline, place in zip(outlines, places, strict=True)
    ]
    depths = np.stack([depth_within(one, *place, spacing=spacing) for one, place in zip(outlines, places, strict=True)])
    taken = depths.argmax(axis=0)
    values = np.stack([has_value(one, *place, window) for one, place in zip(outlines, places, strict=True)])
    expected = np.any(near, axis=0)
    assert values[taken, np.arange(150)][expected].all()


def test_where_a_seam_meets_the_edge_of_a_swath_the_burst_with_far_edges_is_taken():
    """The first burst ends two lines on; by a fraction of a column it reaches farther out."""
    first, second = (((top, left), (top, 900.0), (top + 300, 900.0), (top + 300, left)) for top, left in
                     ((0.0, 0.0), (200.0, 0.2)))  # fmt: skip
    bursts = replace(BurstSet.of([burst("a", slice(0, 50)), burst("b", slice(30, 90))]), outlines=(first, second))
    rows, cols = np.array([298.0, 202.0, 250.0, 250.0, 250.0]), np.array([2.0, 2.0, 400.0, -0.4, -0.6])
    assert bursts.choice([(rows, cols)] * 2).tolist() == [1, 0, 0, 0, -1]


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
