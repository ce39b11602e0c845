"""Bursts of many products by date: slices are joined, midnight is no seam, dates that do not fit are refused."""

from __future__ import annotations

import datetime

import pytest
from tiny_safe import FIRST, NODE, write_safe

from m3leo_sar.io.sentinel1.passes import passes, require_comparable
from m3leo_sar.io.sentinel1.product import find_products

DAY = datetime.timedelta(days=12)


def write(folder, numbers, *, days=0, **facts):
    later = days * datetime.timedelta(days=1)
    facts = {"first": FIRST + later, "node": NODE + later} | facts
    return write_safe(folder, swaths={"IW1": numbers}, **facts)


def test_slices_of_a_pass_are_joined_and_the_fuller_burst_is_taken(tmp_path):
    write(tmp_path, [110431, 110432], valid_lines=5, seed=1)
    write(tmp_path, [110432, 110433], valid_lines=6, seed=2)
    write(tmp_path, [110432], days=12, seed=3)
    found = passes(find_products(tmp_path))
    assert [str(date) for date in found] == ["2023-09-04", "2023-09-16"]
    first = found[datetime.date(2023, 9, 4)]
    assert [str(burst) for burst in first] == ["T052-110431-IW1", "T052-110432-IW1", "T052-110433-IW1"]
    assert [planes["VV"].name[-4:] for planes in first.values()] == ["0001", "0002", "0002"]


def test_of_equal_bursts_the_first_name_is_taken(tmp_path):
    for seed in (7, 4, 9):
        write(tmp_path, [110432], seed=seed)
    ((planes,),) = [found.values() for found in passes(find_products(tmp_path)).values()]
    assert planes["VV"].name.endswith("0004")


def test_polarisations_and_swaths_stand_beside_each_other(tmp_path):
    write_safe(tmp_path, swaths={"IW1": [110431], "IW2": [110431]}, polarisations=("VV", "VH"))
    ((date, found),) = passes(find_products(tmp_path)).items()
    assert {str(burst): list(planes) for burst, planes in found.items()} == {
        "T052-110431-IW1": ["VV", "VH"],
        "T052-110431-IW2": ["VV", "VH"],
    }
    assert all(burst.date == date for planes in found.values() for burst in planes.values())


def test_a_pass_has_the_date_of_its_first_burst_beyond_midnight_too(tmp_path):
    first = datetime.datetime(2023, 9, 4, 23, 59, 57, 220799)
    node = first - (FIRST - NODE)
    write(tmp_path, [110431, 110432, 110433], first=first, node=node, seed=1)
    write(tmp_path, [110434, 110435], first=first, node=node, seed=2)
    ((date, found),) = passes(find_products(tmp_path)).items()
    assert str(date) == "2023-09-04"
    assert {burst["VV"].date for burst in found.values()} == {date}
    last = found[max(found)]["VV"]
    assert last.start.date() == datetime.date(2023, 9, 5)
    # Times count from the midnight of the product's own first line.
    assert last.epoch + datetime.timedelta(seconds=last.radar_grid.azimuth_time) == last.start


def test_one_burst_of_two_passes_on_one_date_is_refused(tmp_path):
    write(tmp_path, [110431], seed=1)
    other = FIRST + datetime.timedelta(seconds=0.5)
    write(tmp_path, [110431], seed=2, first=other, name="S1A_IW_SLC__1SDV_OTHER")
    with pytest.raises(ValueError, match=r"both hold T052-110431-IW1 VV on one date, 0.500 s apart: they are of diff"):
        passes(find_products(tmp_path))


def series(tmp_path, processors, **facts):
    for index, processor in enumerate(processors):
        write(tmp_path, [110431], days=12 * index, processor=processor, seed=index, **facts)
    return {date: next(iter(found.values()))["VV"] for date, found in passes(find_products(tmp_path)).items()}


@pytest.mark.parametrize(
    "processors", [("002.36", "002.36"), ("002.43", "003.91"), ("", "003.10"), ("002.90", "004.01")]
)
def test_processors_that_go_together(tmp_path, processors):
    require_comparable(series(tmp_path, processors))


def test_dates_before_the_right_antenna_pattern_are_not_mixed_with_later_ones(tmp_path):
    with pytest.raises(
        ValueError,
        match=r"T052-110431-IW1: dates of IPF before 2.43 cannot be mixed with later.*leave out 2023-09-04 .IPF 002.36",
    ):
        require_comparable(series(tmp_path, ("002.36", "003.10", "003.91")))


def test_bursts_of_two_places_are_no_series(tmp_path):
    write(tmp_path, [110431], seed=1)
    write(tmp_path, [110432], days=12, seed=2)
    bursts = {date: next(iter(found.values()))["VV"] for date, found in passes(find_products(tmp_path)).items()}
    with pytest.raises(ValueError, match="dates must have one identifier, 2023-09-04 has T052-110431-IW1, 2023-09-16"):
        require_comparable(bursts)
