"""Identifiers of bursts against those that ESA's processor wrote, and around the equator."""

from __future__ import annotations

import csv
import datetime
import re
import zipfile

import pytest

from m3leo_sar.grid.burst_identifier import BEAM_CYCLE, ORBIT_PERIOD, BurstIdentifier, burst_identifier

TIME = datetime.datetime.fromisoformat


def track_of(mission, orbit):
    """By the formula, which holds for the dates of these files; products state it in their manifest."""
    return (orbit - {"S1A": 73, "S1B": 27}[mission]) % 175 + 1


def test_all_annotated_bursts_get_their_numbers(shared_data):
    with open(shared_data / "s1-geometry-truth" / "burst-identifiers.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 195
    for row in rows:
        sensing = TIME(row["sensing_time"])
        found = burst_identifier(
            sensing, ascending_node=TIME(row["ascending_node_time"]), swath=row["swath"],
            track=track_of(row["mission"], int(row["absolute_orbit"])), product_start=sensing,
        )  # fmt: skip
        assert found.number == int(row["burst_id"])
        assert found.track == track_of(row["mission"], int(row["absolute_orbit"]))


def entry(text, name):
    return re.findall(rf"<{name}(?: [^>]*)?>([^<]+)</{name}>", text)


def test_numbers_rise_by_one_around_the_equator_and_in_the_south(shared_data):
    """69 annotations, of which one begins after the node that follows its own, and states the numbers."""
    files = bursts = annotated = 0
    with zipfile.ZipFile(shared_data / "s1-safe-metadata" / "burst-id-hard-cases.zip") as archive:
        texts = [archive.read(name).decode() for name in archive.namelist()]
    for text in texts:
        (node,), (swath, *_) = entry(text, "ascendingNodeTime"), entry(text, "swath")
        (mission,), (orbit,) = entry(text, "missionId"), entry(text, "absoluteOrbitNumber")
        found = [
            burst_identifier(
                TIME(sensing), ascending_node=TIME(node), track=track_of(mission, int(orbit)), swath=swath,
                product_start=TIME(entry(text, "startTime")[0]),
            )
            for sensing in entry(text, "sensingTime")
        ]  # fmt: skip
        numbers = [one.number for one in found]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        stated = [int(number) for number in entry(text, "burstId")]
        assert not stated or numbers == stated
        files, bursts, annotated = files + 1, bursts + len(found), annotated + len(stated)
    assert (files, bursts, annotated) == (69, 649, 9)


def test_a_burst_has_one_number_on_two_platforms(shared_data):
    found = []
    with zipfile.ZipFile(shared_data / "s1-safe-metadata" / "cross-platform-2019.zip") as archive:
        for name in archive.namelist():
            text = archive.read(name).decode()
            track = track_of(entry(text, "missionId")[0], int(entry(text, "absoluteOrbitNumber")[0]))
            times = [TIME(sensing) for sensing in entry(text, "sensingTime")]
            node = TIME(entry(text, "ascendingNodeTime")[0])
            found.append(
                {
                    burst_identifier(time, ascending_node=node, track=track, swath="IW3", product_start=times[0])
                    for time in times
                }
            )
    assert len(found[0]) == 9
    assert found[0] == found[1]


NODE = TIME("2026-01-01T06:00:00")


def at(seconds, *, track=52, swath="IW2", start=None, node=NODE):
    moved = [node + datetime.timedelta(seconds=one) for one in (seconds, seconds if start is None else start)]
    return burst_identifier(moved[0], ascending_node=node, track=track, swath=swath, product_start=moved[1])


def test_the_three_swaths_of_a_cycle_have_one_number():
    base = 1000 * BEAM_CYCLE
    found = {at(base + delay, swath=swath).number for swath, delay in (("IW1", 0), ("IW2", 0.832), ("IW3", 1.91))}
    assert len(found) == 1


def test_a_product_that_crosses_the_node_counts_on_with_the_next_track():
    before, after = at(ORBIT_PERIOD - 5, start=ORBIT_PERIOD - 9), at(ORBIT_PERIOD + 5, start=ORBIT_PERIOD - 9)
    assert (before.track, after.track) == (52, 53)
    assert after.number - before.number in (3, 4)
    # The next slice begins after the node: with the track of its own and the old node, or with both of its own.
    own = at(5, track=53, node=NODE + datetime.timedelta(seconds=ORBIT_PERIOD))
    assert at(ORBIT_PERIOD + 5, track=53, start=ORBIT_PERIOD + 1) == own
    assert own == after


def test_the_repeat_cycle_closes_after_track_175():
    after = at(ORBIT_PERIOD + 30, track=175, start=ORBIT_PERIOD - 9)
    assert after == at(30, track=1)
    assert (after.track, after.number) == (1, 1 + int((30 - 0.832 + 1.371 - 2.299849) / BEAM_CYCLE))


def test_text_and_order():
    burst = BurstIdentifier(8, 5, "IW3")
    assert BurstIdentifier.parse(str(burst)) == burst
    assert sorted([BurstIdentifier(8, 6, "IW1"), burst, BurstIdentifier(7, 9, "IW3")])[0].track == 7
    with pytest.raises(ValueError, match=r"burst must read as T052-110431-IW1 does, got 'T052-IW1'"):
        BurstIdentifier.parse("T052-IW1")


@pytest.mark.parametrize(
    ("track", "number", "swath", "message"),
    [(0, 1, "IW1", "track must be 1 to 175, got 0"), (1, 0, "IW1", "number must be"), (1, 1, "EW1", "swath must be")],
)
def test_values_out_of_range_are_refused(track, number, swath, message):
    with pytest.raises(ValueError, match=message):
        BurstIdentifier(track, number, swath)


def test_a_burst_before_its_node_is_refused():
    with pytest.raises(ValueError, match="ascending_node must be before the burst at"):
        at(-60)
    with pytest.raises(ValueError, match="track must be 1 to 175, got 176"):
        at(60, track=176)
    with pytest.raises(ValueError, match="swath must be one of IW1, IW2, IW3, got 'iw1'"):
        at(60, swath="iw1")
