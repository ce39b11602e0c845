"""Meaning of one band of a raster: quantity, unit, date, polarisation."""

from __future__ import annotations

from dataclasses import dataclass

SEASONS = ("winter", "spring", "summer", "fall")


@dataclass(frozen=True, slots=True)
class Band:
    """Meaning of one band.

    Parameters
    ----------
    name : str
        Name within the component or the source, such as ``"winter_vvasc"``.
    quantity, unit : str
        Such as ``"sigma0"`` and ``"dB"``; the unit of a code is ``"class"``.
    product : str
        The component or the source.
    year : int, optional
        Year of the data, if known.
    period : str, optional
        Season or month within the year.
    polarisation, orbit_direction : str, optional
        Those of radar bands.
    samples : float, optional
        Samples averaged per value of a coherence or an interferogram, if known.
    kind : str, optional
        Kind of the quantity, a name of :data:`m3leo_sar.io.components.quantity.KINDS`, if unit and names do not
        imply it.
    """

    name: str
    quantity: str
    unit: str
    product: str
    year: int | None = None
    period: str | None = None
    polarisation: str | None = None
    orbit_direction: str | None = None
    samples: float | None = None
    kind: str | None = None
