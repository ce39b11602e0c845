"""Display of statistics."""

from __future__ import annotations

from typing import Any


def facts_of_statistics(statistics: Any) -> dict[str, Any]:
    """Facts of statistics by name."""
    return {
        "bands": ", ".join(band.name for band in statistics.bands) or "none",
        "channels": statistics.channels,
        "digest": statistics.digest,
    }


def bands_of_statistics(statistics: Any) -> list[dict[str, Any]]:
    """One row per band."""
    return [
        {"band": band.name, "encoding": band.encoding, "low": f"{band.low:.4g}", "high": f"{band.high:.4g}",
         "centre": f"{band.centre:.4g}", "scale": f"{band.scale:.4g}"}
        for band in statistics.bands
    ]  # fmt: skip
