"""Predefined normalisations by name, for use without computed statistics."""

from __future__ import annotations

from dataclasses import replace

from m3leo_sar.chips.statistics import BandStatistics

#: Preset of each name; :func:`preset` documents the source of the numbers.
PRESETS: dict[str, BandStatistics] = {
    "coherence": BandStatistics("coherence", "linear", 0.0, 1.0, 0.5, 0.25),
    "coherence_fisher": BandStatistics("coherence", "fisher", 0.0, 5.0, 0.5, 0.5),
    "interferogram": BandStatistics("interferogram", "weighted_phasor"),
    "phasor": BandStatistics("interferogram", "phasor"),
    "phase": BandStatistics("phase", "phase"),
    "unwrapped_phase": BandStatistics("unwrapped phase", "deramped", -30.0, 30.0, 0.0, 3.0),
    "vv": BandStatistics("vv", "decibel", -35.0, 15.0, -12.59, 5.26),
    "vh": BandStatistics("vh", "decibel", -40.0, 5.0, -20.26, 5.91),
    "vv_decibel": BandStatistics("vv", "linear", -35.0, 15.0, -12.59, 5.26),
    "vh_decibel": BandStatistics("vh", "linear", -40.0, 5.0, -20.26, 5.91),
    "cross_ratio": BandStatistics("vv / vh", "log_ratio", -10.0, 30.0, 7.67, 4.0),
    "log_ratio": BandStatistics("change of power", "log_ratio", -15.0, 15.0, 0.0, 3.0),
}


def preset(name: str, **changes: object) -> BandStatistics:
    """Normalisation of one band by name.

    Parameters
    ----------
    name : str
        ``"coherence"``: (x - 0.5) x 4 of a coherence; ``"coherence_fisher"``: its Fisher transform, centred at the
        value for a coherence of 0.46; ``"interferogram"``: coherence times the phasor, from both planes; ``"phasor"``
        and ``"phase"`` alone; ``"unwrapped_phase"``: without offset and ramp, in units of 3 rad; ``"vv"``, ``"vh"`` of
        powers and ``"vv_decibel"``, ``"vh_decibel"`` of decibels; ``"cross_ratio"``: VV over VH in dB, from both
        planes; ``"log_ratio"``: change of power between two dates. M3LEO's own rule is ``"m3leo"`` of
        :meth:`m3leo_sar.chips.accumulate.StatisticsAccumulator.finish`.
    **changes
        Fields of :class:`BandStatistics` to change, such as ``equivalent_looks=40``.

    Raises
    ------
    ValueError
        If the name is unknown.

    Notes
    -----
    Means and deviations of VV and VH are those of SSL4EO-S12's ground range products in dB (Wang et al., 2023, IEEE
    GRSM 11), as used by other models trained on Sentinel-1; terrain-corrected products lie about 2 dB higher, so
    statistics of your data (:class:`m3leo_sar.chips.accumulate.StatisticsAccumulator`) are better than these.

    Examples
    --------
    >>> preset("coherence", equivalent_looks=40).scale
    0.25
    """
    if name not in PRESETS:
        raise ValueError(f"name must be one of {', '.join(PRESETS)}, got {name!r}")
    return replace(PRESETS[name], **changes)  # type: ignore[arg-type]
