"""Which bursts, dates and reference a co-registration takes, and the sentences on what it does not."""

from __future__ import annotations

import datetime
import math
from types import SimpleNamespace

import pytest

from m3leo_sar.grid.burst_identifier import BurstIdentifier
from m3leo_sar.insar.spectral_diversity import AzimuthShift
from m3leo_sar.run.coregistration import overlap_shift
from m3leo_sar.run.coregistration.burst_choice import BurstChoice, chosen_passes
from m3leo_sar.run.coregistration.overlap_shift import (
    DateShift,
    Overlap,
    measured_shift,
    partners_of,
    shift_of_overlaps,
    shift_text,
)  # fmt: skip
from m3leo_sar.run.coregistration.reference_date import choose_reference

DAYS = [datetime.date(2023, 3, day) for day in (1, 13, 25)]
ONE, TWO, OTHER = (
    BurstIdentifier(52, 110431, "IW1"),
    BurstIdentifier(52, 110432, "IW1"),
    BurstIdentifier(52, 110431, "IW3"),
)


def passing(*bursts, polarisations=("VV",), processor="003.61"):
    def image(burst, polarisation):
        return SimpleNamespace(
            identifier=burst, polarisation=polarisation, wavelength=0.0555, processor=processor, name="S1A_..."
        )

    return {burst: {one: image(burst, one) for one in polarisations} for burst in bursts}


def test_bursts_dates_and_polarisations_are_chosen():
    passes = {DAYS[0]: passing(ONE, TWO, OTHER, polarisations=("VH", "VV")), DAYS[1]: passing(ONE, OTHER),
              DAYS[2]: passing(ONE, TWO)}  # fmt: skip
    kept, notes = chosen_passes(passes, BurstChoice())
    assert {date: len(bursts) for date, bursts in kept.items()} == {DAYS[0]: 3, DAYS[1]: 2, DAYS[2]: 2}
    assert notes[0] == "2023-03-13, 2023-03-25: without VH"
    assert notes[1].startswith("2023-03-13: without 1 of 3 bursts (T052-110432-IW1); tiles on them have no pair")
    kept, notes = chosen_passes(passes, BurstChoice(swath="iw1", polarisation="VV", start="2023-03-13"))
    assert {date: [str(burst) for burst in bursts] for date, bursts in kept.items()} == {
        DAYS[1]: ["T052-110431-IW1"],
        DAYS[2]: ["T052-110431-IW1", "T052-110432-IW1"],
    }
    kept, _ = chosen_passes(passes, BurstChoice(burst="T052-110431-IW3", stop="2023-03-13"))
    assert [list(bursts) for bursts in kept.values()] == [[OTHER], [OTHER]]
    kept, _ = chosen_passes(passes, BurstChoice(is_inside=lambda image: image.identifier == TWO))
    assert list(kept) == [DAYS[0], DAYS[2]]


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (
            BurstChoice(start="2024-01-01"),
            "start=2024-01-01 leaves no date of the products, which are of 2023-03-01 to",
        ),
        (BurstChoice(polarisation="HH"), "polarisation must be one of VV, which the products hold, got HH"),
        (BurstChoice(swath="IW2"), "swath must be one of IW1, got IW2"),
        (BurstChoice(swath="IW4"), "swath must be one of IW1, IW2, IW3, got 'IW4'"),
        (
            BurstChoice(burst="T052-000001-IW1"),
            "burst must be one of the products' T052-110431-IW1, got T052-000001-IW1",
        ),
        (
            BurstChoice(is_inside=lambda image: False),
            "aoi must touch a burst of the products, T052-110431-IW1; it touches",
        ),
        (BurstChoice(polarisation="VV+VH"), "polarisation must be one of VV, which the products hold, got VH"),
    ],
)
def test_a_choice_that_leaves_nothing_names_what_there_is(choice, message):
    with pytest.raises(ValueError, match=message):
        chosen_passes({DAYS[0]: passing(ONE)}, choice)


def test_passes_that_do_not_fit_are_refused():
    elsewhere = {DAYS[0]: passing(ONE), DAYS[1]: passing(BurstIdentifier(154, 1, "IW1"))}
    with pytest.raises(ValueError, match="of one track, got track 52 on 2023-03-01; track 154 on 2023-03-13"):
        chosen_passes(elsewhere, BurstChoice())
    with pytest.raises(ValueError, match="a common polarisation, got HH on 2023-03-13 and VV on 2023-03-01"):
        chosen_passes({DAYS[0]: passing(ONE), DAYS[1]: passing(ONE, polarisations=("HH",))}, BurstChoice())
    mixed = {DAYS[0]: passing(ONE, processor="002.36"), DAYS[1]: passing(ONE)}
    with pytest.raises(ValueError, match=r"before 2\.43 cannot be mixed with later ones"):
        chosen_passes(mixed, BurstChoice())
    assert len(chosen_passes({DAYS[0]: passing(ONE, processor="002.36")}, BurstChoice())[0]) == 1
    with pytest.raises(ValueError, match="products must hold a burst, got none"):
        chosen_passes({}, BurstChoice())


def test_the_reference_is_in_the_middle_with_a_precise_orbit():
    flat = dict.fromkeys(DAYS, 0.0)
    whole = dict.fromkeys(DAYS, 9)
    assert choose_reference(flat, bursts=whole, precise=DAYS) == DAYS[1]
    assert choose_reference(flat, bursts=whole, precise=[DAYS[0], DAYS[2]]) == DAYS[0]
    assert choose_reference(flat, bursts=whole, precise=[]) == DAYS[1]
    assert choose_reference(flat, bursts={**whole, DAYS[1]: 8}, precise=[DAYS[1]]) == DAYS[0]
    apart = dict(zip(DAYS, (0.0, 300.0, 20.0), strict=True))
    assert choose_reference(apart, bursts=whole, precise=DAYS) == DAYS[2]
    with pytest.raises(ValueError, match="baselines must hold a date"):
        choose_reference({}, bursts={}, precise=[])


def test_dates_are_linked_towards_the_reference_only():
    days = [datetime.date(2023, 1, 1) + datetime.timedelta(days=12 * index) for index in range(6)]
    done = set(days) - {days[4]}
    assert partners_of(days[4], done, days[1]) == [days[3], days[2], days[1]]
    assert partners_of(days[0], done, days[1]) == [days[1]]
    # A date beyond it, added earlier or later, changes nothing.
    assert partners_of(days[4], done - {days[5]}, days[1]) == [days[3], days[2], days[1]]


def overlaps(*lines, swath="IW1"):
    rows = slice(0, 9)
    names = [BurstIdentifier(52, 9 + index, swath) for index in range(len(lines) + 1)]
    return [
        (Overlap(names[index], names[index + 1], rows, rows), AzimuthShift(value, 1e-4, 0.6, 900, 0.05))
        for index, value in enumerate(lines)
    ]


def test_one_shift_serves_all_swaths_and_their_disagreement_is_said():
    found = shift_of_overlaps(overlaps(0.0031, 0.0029, 0.0030), DAYS[0], {"S1A"}, DAYS[1])
    assert (found.lines, found.samples, found.partner) == (pytest.approx(0.003), 2700, DAYS[0])
    assert found.overlaps == {"T052-000009-IW1": 0.0031, "T052-000010-IW1": 0.0029, "T052-000011-IW1": 0.003}
    assert found.note == ""
    text = shift_text(DAYS[1], found)
    assert text == "2023-03-13: azimuth shift +0.00300 line against 2023-03-01, spread 8e-05 over 3 overlaps"
    assert DateShift.of_facts(found.facts()) == found
    other = shift_of_overlaps([*overlaps(0.003), *overlaps(0.0052, swath="IW3")], DAYS[0], {"S1A"}, DAYS[1])
    assert other.note == "swaths disagree: IW1 +0.0030, IW3 +0.0052"
    one = shift_of_overlaps(overlaps(0.003), DAYS[0], {"S1A"}, DAYS[1])
    assert one.spread == 1e-4
    ((overlap, shift),) = overlaps(0.003)
    narrow = shift_of_overlaps([(overlap, shift._replace(spread=math.nan))], DAYS[0], {"S1A"}, DAYS[1])
    assert (narrow.spread, DateShift.of_facts(narrow.facts())) == (None, narrow)
    assert "spread unknown over 1 overlap" in shift_text(DAYS[1], narrow)
    nothing = DateShift(note="no overlap is coherent: orbits alone")
    assert shift_text(DAYS[1], nothing) == "2023-03-13: azimuth shift 0, no overlap is coherent: orbits alone"


def test_a_shift_that_no_orbit_explains_is_refused_but_that_of_two_clocks_is_not():
    with pytest.raises(ValueError, match=r"2023-03-13 lies \+0\.0267 line from its orbit, measured against 2023-03-01"):
        shift_of_overlaps(overlaps(0.0267), DAYS[0], {"S1A"}, DAYS[1])
    assert shift_of_overlaps(overlaps(-0.0267), DAYS[0], {"S1C", "S1D"}, DAYS[1]).lines == -0.0267
    with pytest.raises(ValueError, match="a wrong orbit file, an unknown clock or an ambiguous phase"):
        shift_of_overlaps(overlaps(0.045), DAYS[0], {"S1C", "S1D"}, DAYS[1])


def test_a_single_burst_of_two_clocks_says_what_stays_in_its_phase(monkeypatch):
    monkeypatch.setattr(overlap_shift, "overlaps_of", lambda stacks: [])
    stack = SimpleNamespace(dates=lambda: {DAYS[0]: {"platform": "S1C"}}, is_flattened=True)
    for mission, told in (
        ("S1D", "; the clocks of S1C and S1D differ by 0.027 line, which stays in the phase"),
        ("S1C", ""),
    ):
        images = {ONE: SimpleNamespace(mission=mission)}
        found = measured_shift(DAYS[1], images, {}, {ONE: stack}, reference=DAYS[0])
        assert found == DateShift(note=f"no two consecutive bursts: orbits alone{told}")
