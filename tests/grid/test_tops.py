"""The carrier of a burst, written out again from the note that defines it."""

import math

import numpy as np
import pytest

from m3leo_sar.grid.tops import RangePolynomial, TopsCarrier, steering_rate

CARRIER = TopsCarrier(
    lines=1500,
    azimuth_interval=0.002,
    range_time=0.0054,
    range_interval=1.55e-8,
    middle_time=0.00558,
    steering=steering_rate(7590.0, 5.405e9, 1.4),
    fm_rate=RangePolynomial(0.0053, (-2200.0, 4.0e5, -6e7)),
    doppler=RangePolynomial(0.0052, (-40.0, 3.0e5, 1e8)),
)


@pytest.mark.parametrize(("row", "col"), [(0, 0), (1499, 23000), (749.5, 11600), (312.25, 4000.5)])
def test_the_phase_is_that_of_the_definition(row, col):
    tau = 0.0054 + col * 1.55e-8

    def rate(t):
        return -2200.0 + 4.0e5 * (t - 0.0053) - 6e7 * (t - 0.0053) ** 2

    def centroid(t):
        return -40.0 + 3.0e5 * (t - 0.0052) + 1e8 * (t - 0.0052) ** 2

    steering = 2 * 7590.0 / 299792458.0 * 5.405e9 * math.radians(1.4)
    combined = rate(tau) * steering / (rate(tau) - steering)
    crossing = [-centroid(t) / rate(t) for t in (tau, 0.00558)]
    beyond = (row - 749.5) * 0.002 - (crossing[0] - crossing[1])
    expected = math.pi * combined * beyond**2 + 2 * math.pi * centroid(tau) * beyond
    assert float(CARRIER(row, col)) == pytest.approx(expected, rel=1e-12, abs=1e-9)


def test_rows_and_columns_broadcast():
    row, col = np.arange(5)[:, None], np.arange(7)
    whole = CARRIER(row, col)
    assert whole.shape == (5, 7)
    assert whole[3, 4] == CARRIER(3, 4)
