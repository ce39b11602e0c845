import datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from m3leo_sar import GeoBox, Pair, SlcStack
from m3leo_sar.stack.geometry import RadarGeometry
from m3leo_sar.stack.pairs import all_pairs, explicit_pairs, pairs_by_days, season_of, sequential_pairs

FIRST = datetime.date(2022, 11, 25)
DATES = [FIRST + datetime.timedelta(days=12 * index) for index in range(9)]
BOX = GeoBox.from_bounds((0, 0, 70, 50), shape=(5, 7), crs="EPSG:32631")
days = st.lists(st.dates(datetime.date(2014, 1, 1), datetime.date(2030, 1, 1)), min_size=2, max_size=12, unique=True)


@given(dates=days)
def test_all_pairs_are_all_of_them(dates):
    pairs = all_pairs(dates)
    assert len(pairs) == len(set(pairs)) == len(dates) * (len(dates) - 1) // 2
    assert all(pair.days > 0 for pair in pairs)
    assert all(Pair.parse(str(pair)) == pair and pair.swapped().swapped() == pair for pair in pairs)
    assert sequential_pairs(dates, neighbours=len(dates)) == pairs


def test_rules_choose_what_they_say():
    assert [pair.days for pair in sequential_pairs(DATES)] == [12] * 8
    assert {pair.days for pair in all_pairs(DATES, max_days=30)} == {12, 24}
    assert len(pairs_by_days(DATES, days=(48,))) == 5
    winter = pairs_by_days(DATES, season="winter")
    assert winter
    for pair in winter:
        assert season_of(pair.reference + (pair.secondary - pair.reference) / 2) == "winter"


@pytest.mark.parametrize(
    ("month", "season"), [(12, "winter"), (2, "winter"), (3, "spring"), (8, "summer"), (11, "fall")]
)
def test_seasons(month, season):
    assert season_of(datetime.date(2023, month, 15)) == season


def test_a_missing_date_names_the_nearest():
    with pytest.raises(ValueError, match="date 2022-11-26 is not in the stack of 9 dates; nearest: 2022-11-25"):
        explicit_pairs(DATES, ["20221126_20221207"])
    with pytest.raises(ValueError, match="pairs must name at least one pair"):
        explicit_pairs(DATES, [])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: Pair(FIRST, FIRST), ValueError, "a pair needs two different dates"),
        (lambda: Pair("20230101", FIRST), TypeError, "reference must be a datetime.date, got '20230101'"),
        (lambda: Pair.parse("20230101"), ValueError, "^pair must read YYYYMMDD_YYYYMMDD"),
        (lambda: Pair.parse("20230101_20230231"), ValueError, "a date must be a day of the calendar"),
        (lambda: Pair.parse("20230101_2023011"), ValueError, "a date must read YYYYMMDD"),
        (lambda: pairs_by_days(DATES, season="autumn"), ValueError, "season must be one of winter"),
        (lambda: pairs_by_days(DATES, days=()), ValueError, "days must be one or more"),
        (lambda: sequential_pairs(DATES, neighbours=0), ValueError, "neighbours must be at least 1"),
    ],
)
def test_bad_pairs_are_named(call, error, message):
    with pytest.raises(error, match=message):
        call()


def stack_of(array, **options):
    options = {"geometry": BOX, "polarisation": "VV", **options}
    return SlcStack.from_arrays(array, DATES[: len(array)], **options)


def test_windows_and_crops_are_slices(rng):
    array = (rng.standard_normal((3, 5, 7)) + 0j).astype("complex64")
    stack = stack_of(array)
    np.testing.assert_array_equal(stack.window(slice(1, 4), slice(2, 7), dates=[DATES[2]]), array[2:, 1:4, 2:7])
    crop = stack.crop(slice(1, 5), slice(2, 6))
    assert crop.geometry == BOX.crop(slice(1, 5), slice(2, 6))
    np.testing.assert_array_equal(crop.window(slice(1, 3), slice(0, 2)), array[:, 2:4, 2:4])
    assert stack.pair_indices([Pair(DATES[2], DATES[0])]) == [(2, 0)]


def test_a_reader_that_returns_something_else_is_named():
    stack = SlcStack(
        dates=DATES[:1], read=lambda *_: np.zeros((2, 2), "complex64"), geometry=BOX, polarisation="VV", name="wrong"
    )
    with pytest.raises(ValueError, match=r"wrong: reading 2022-11-25 must give complex64 of shape \(5, 7\), got"):
        stack.window()


ONES = np.ones((2, 5, 7), "complex64")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: stack_of(ONES, polarisation="XX"),
            "polarisation must be one of VV, VH, HH, HV, RH, RV, LH, LV, got 'XX'",
        ),
        (lambda: stack_of(ONES, orbit="up"), "orbit must be one of"),
        (lambda: stack_of(ONES.real.astype("int16")), "dtype must be one of complex64, complex128, got 'int16'"),
        (lambda: stack_of(ONES[:, :4]), r"array must have shape \(2, 5, 7\), got \(2, 4, 7\)"),
        (lambda: stack_of(ONES).window(slice(4, 4)), "rows must be a slice with step 1 that holds a pixel"),
        (lambda: stack_of(ONES).window(slice(0, 4, 2)), "rows must be a slice with step 1"),
        (lambda: SlcStack(dates=[], read=None, geometry=BOX, polarisation="VV"), "at least one date"),
        (lambda: SlcStack(dates=DATES[1::-1], read=None, geometry=BOX, polarisation="VV"), "must strictly increase"),
        (lambda: RadarGeometry(np.full((2, 3), 120.0), np.zeros((2, 3))), r"latitude must lie in \[-90, 90\]"),
        (lambda: RadarGeometry(np.zeros((2, 3)), np.zeros((3, 2))), "longitude must have the shape of latitude"),
        (lambda: RadarGeometry(np.zeros(3), np.zeros(3)), r"latitude must be \(rows, cols\)"),
    ],
)
def test_bad_stacks_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_big_endian_arrays_are_read():
    box = GeoBox.from_bounds((500_000, 0, 500_700, 500), shape=(5, 7), crs="EPSG:32631")
    dates = [datetime.date(2023, 1, 1), datetime.date(2023, 1, 13)]
    pixels = np.arange(70).reshape(2, 5, 7) * (1 + 2j)
    for dtype in (">c8", ">c16", "<c8"):
        stack = SlcStack.from_arrays(pixels.astype(dtype), dates, geometry=box, polarisation="VV")
        assert stack.window().dtype == np.dtype(stack.dtype)
        np.testing.assert_array_equal(stack.window(), pixels)


def test_times_are_those_of_the_dates():
    box = GeoBox.from_bounds((500_000, 0, 500_700, 500), shape=(5, 7), crs="EPSG:32631")
    dates = [datetime.date(2022, 12, 14), datetime.date(2022, 12, 25)]
    times = [datetime.datetime(2022, 12, 14), datetime.datetime(2022, 12, 25, 23, 59, 59)]
    facts = {"geometry": box, "polarisation": "VV"}
    pixels = np.ones((2, 5, 7), np.complex64)
    stack = SlcStack.from_arrays(pixels, dates, times=times, **facts)
    assert [pair.days for pair in all_pairs(stack.passings)] == [12]
    assert [pair.swapped().days for pair in all_pairs(stack.passings)] == [-12]
    assert all_pairs(stack.passings) == all_pairs(dates)
    with pytest.raises(ValueError, match="times must hold a time of each of the 2 dates"):
        SlcStack.from_arrays(pixels, dates, times=times[::-1], **facts)
    with pytest.raises(TypeError, match="times must be datetime.datetime in UTC without a time zone"):
        SlcStack.from_arrays(pixels, dates, times=dates, **facts)
