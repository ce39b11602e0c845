import datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from m3leo_sar.insar.change import change_threshold, coherence_change
from m3leo_sar.stack.events import event_triplets


def day(number):
    return datetime.date(2023, 1, 1) + datetime.timedelta(days=number)


@given(days=st.sets(st.integers(0, 120), min_size=2, max_size=9), start=st.integers(0, 120), length=st.integers(0, 20))
def test_a_triplet_crosses_the_event_once(days, start, length):
    event = day(start), day(start + length)
    for triplet in event_triplets([day(number) for number in days], start=event[0], end=event[1], tolerance_days=2):
        assert triplet.before.secondary < event[0]
        assert triplet.across.reference < event[0]
        assert triplet.across.secondary > event[1]
        assert abs(triplet.before.days - triplet.across.days) <= 2
        if triplet.after:
            assert triplet.after.reference > event[1]
            assert abs(triplet.after.days - triplet.across.days) <= 2


def test_a_date_on_the_day_of_the_event_is_not_used():
    dates = [day(12 * index) for index in range(6)]
    triplets = event_triplets(dates, start=day(24))
    assert [str(triplet.across) for triplet in triplets] == ["20230113_20230206"] * 0
    # 24 days from day 12 to day 36 has no pair of its lag before it; with a looser lag it has.
    (looser, *_) = event_triplets(dates, start=day(24), tolerance_days=12)
    assert (looser.before.days, looser.across.days) == (12, 24)


def test_change_kinds(backend):
    before, across = np.array([[0.8, 0.5, 0.0, np.nan]]), np.array([[0.2, 0.6, 0.0, 0.3]])
    expected = {
        "difference": [[0.6, -0.1, 0, np.nan]],
        "ratio": [[0.75, -0.2, np.nan, np.nan]],
        "normalised": [[0.6, -0.1 / 1.1, np.nan, np.nan]],
    }
    for kind, wanted in expected.items():
        got = coherence_change(backend.array(before), backend.array(across), kind=kind)
        np.testing.assert_allclose(backend.numpy(got), wanted, atol=1e-12)


@pytest.mark.parametrize("false_alarm", [0.01, 0.2])
def test_a_threshold_keeps_its_share_of_false_alarms(backend, rng, false_alarm):
    quiet = rng.standard_normal((200, 7, 9))
    quiet[rng.random(quiet.shape) < 0.1] = np.nan
    one = change_threshold(backend.array(quiet), false_alarm=false_alarm)
    assert (quiet > one).sum() / np.isfinite(quiet).sum() == pytest.approx(false_alarm, abs=1e-3)
    each = backend.numpy(change_threshold(backend.array(quiet), false_alarm=false_alarm, per_pixel=True))
    np.testing.assert_allclose(each, np.nanquantile(quiet, 1 - false_alarm, axis=0))


def test_a_pixel_with_too_few_changes_has_no_threshold(backend, rng):
    """The largest of three changes is no quantile that one in twenty passes."""
    quiet = rng.normal(0, 0.1, (40, 2, 3)).astype(np.float32)
    quiet[3:, 0, 1] = quiet[20:, 1, 1] = quiet[19:, 1, 2] = quiet[:, 0, 0] = np.nan
    each = backend.numpy(change_threshold(backend.array(quiet), false_alarm=0.05, per_pixel=True))
    assert each.dtype == np.float32
    np.testing.assert_array_equal(np.isnan(each), [[1, 1, 0], [0, 0, 1]])


def test_bad_input_is_named():
    one = np.ones((3, 4))
    with pytest.raises(ValueError, match="across must have the shape of before"):
        coherence_change(one, one[:2])
    with pytest.raises(ValueError, match="kind must be one of difference, ratio, normalised, got 'log'"):
        coherence_change(one, one, kind="log")
    with pytest.raises(ValueError, match=r"false_alarm must lie in \(0, 1\)"):
        change_threshold(one, false_alarm=1)
    with pytest.raises(ValueError, match="quiet must hold at least one valid change"):
        change_threshold(one * np.nan)
    with pytest.raises(ValueError, match="with at least 100 changes"):
        change_threshold(np.ones((20, 3, 4)), per_pixel=True)
    with pytest.raises(ValueError, match="end must not lie before start"):
        event_triplets([day(1)], start=day(5), end=day(4))
    with pytest.raises(ValueError, match="tolerance_days must be at least 0"):
        event_triplets([day(1)], start=day(5), tolerance_days=-1)
    with pytest.raises(TypeError, match="start must be a datetime.date"):
        event_triplets([day(1)], start="2023")
