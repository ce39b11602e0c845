"""The timing that an annotation leaves out of a burst's times and ranges, from its other entries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any, NamedTuple

from m3leo_sar.grid.tops import RangePolynomial, TopsCarrier


class AnnotatedTiming(NamedTuple):
    """Numbers from which the shift between annotated and true positions of an image follows.

    Parameters
    ----------
    middle_time : float
        Two-way time, seconds, for whose echoes the annotated times are right.
    echo_delay : float
        Seconds between a pulse and the reception of its echo's window.
    chirp_rate : float
        Frequency rate of the pulse, Hz per second.
    carrier : TopsCarrier
        Of the image.
    """

    middle_time: float
    echo_delay: float
    chirp_rate: float
    carrier: TopsCarrier

    def crop(self, row: int, col: int) -> AnnotatedTiming:
        """Of the part of the image that begins at a row and column.

        Examples
        --------
        >>> carrier = TopsCarrier(lines=100, azimuth_interval=0.002, range_time=5e-3, range_interval=1.5e-8,
        ...                       middle_time=5.2e-3, steering=6700.0, fm_rate=RangePolynomial(5e-3, (-2200.0,)),
        ...                       doppler=RangePolynomial(5e-3, (20.0, 300.0)))
        >>> timing = AnnotatedTiming(5.8553e-3, 5.1e-3, 1e12, carrier)
        >>> float(timing.crop(7, 11).carrier(3, 4) - carrier(10, 15))
        0.0
        """
        carrier = self.carrier
        # Rows count from the middle of the image, so that fewer lines stand for a later first row.
        moved = replace(
            carrier,
            lines=carrier.lines - 2 * row,
            range_time=carrier.range_time + col * carrier.range_interval,
        )
        return self._replace(carrier=moved)

    def facts(self) -> dict[str, Any]:
        """Plain values."""
        return {**self._asdict(), "carrier": asdict(self.carrier)}

    @classmethod
    def of_facts(cls, facts: Mapping[str, Any]) -> AnnotatedTiming:
        """From :meth:`facts`.

        Raises
        ------
        KeyError, TypeError
            If a value is missing.
        """
        values = dict(facts["carrier"])
        for name in ("fm_rate", "doppler"):
            values[name] = RangePolynomial(values[name]["t0"], tuple(values[name]["coefficients"]))
        return cls(facts["middle_time"], facts["echo_delay"], facts["chirp_rate"], TopsCarrier(**values))
