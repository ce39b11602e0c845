"""A stack at a glance: its dates with platforms and gaps, its grid, size and coverage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from m3leo_sar._display import as_table
from m3leo_sar.grid.antimeridian import in_rfc7946
from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.stack.geometry import OrbitGeometry
from m3leo_sar.stack.ground_spacing import ground_spacing
from m3leo_sar.stack.pairs import span_of
from m3leo_sar.stack.stack_display import facts_of_stack
from m3leo_sar.stack.valid_area import pixel_spacing


@dataclass(frozen=True)
class StackSummary:
    """Properties of a stack; printed as a table.

    Parameters
    ----------
    facts : mapping of str to str
        Name, dates, size, geometry, bounds and so on.
    dates : tuple of mappings
        ``date``, ``days`` since the date before, ``platform`` if one is known, and ``gap``, whether the days are more
        than most.
    """

    facts: Mapping[str, Any]
    dates: tuple[Mapping[str, Any], ...]

    @property
    def gaps(self) -> tuple[Mapping[str, Any], ...]:
        """Dates that follow the date before later than most do."""
        return tuple(row for row in self.dates if row["gap"])

    def __str__(self) -> str:
        width = max(len(name) for name in self.facts)
        lines = [f"{name:<{width}}  {value}" for name, value in self.facts.items() if value is not None]
        for row in self.dates:
            parts = (str(row["days"]) if row["days"] != "" else "-", row.get("platform", ""), "gap" * row["gap"])
            lines.append(f"{row['date']}  {'  '.join(part for part in parts if part)}")
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows = [{name: value for name, value in row.items() if name != "gap"} for row in self.dates]
        return as_table("SlcStack", self.facts, rows=rows)


def summary_of(stack: Any) -> StackSummary:
    """Summary of a stack; no pixel is read."""
    days = [span_of(first, second) for first, second in zip(stack.passings, stack.passings[1:], strict=False)]
    usual = Counter(days).most_common(1)[0][0] if days else 0
    rows = [
        {
            "date": str(date),
            "days": "" if index == 0 else days[index - 1],
            **({"platform": stack.platforms[index] or ""} if stack.platforms else {}),
            "gap": index > 0 and days[index - 1] > usual,
        }
        for index, date in enumerate(stack.dates)
    ]
    missing = [row for row in rows if row["gap"]]
    facts = facts_of_stack(stack) | {
        "repeat": f"{usual} days" if days else None,
        "gaps": f"{len(missing)}, longest {max(days)} days" if missing else None,
        **_ground(stack),
        "size": _size(stack),
    }
    return StackSummary(facts, tuple(rows))


def _ground(stack: Any) -> dict[str, Any]:
    """Spacing of the pixels and the bounds of the grid."""
    geometry = stack.geometry
    spacing = pixel_spacing(geometry)
    bounds = geometry.bounds_in("EPSG:4326") if isinstance(geometry, GeoBox) else geometry.bounds
    on_ground = ground_spacing(geometry)
    area = on_ground[0] * on_ground[1] * stack.shape[1] * stack.shape[2] / 1e6
    found = {"spacing": _spacing_text(geometry, spacing), "area of the grid": f"{area:.4g} km2"}
    if np.isfinite(bounds).all():
        found["bounds"] = ", ".join(f"{edge:.4f}" for edge in in_rfc7946(bounds))
    return found


def _spacing_text(geometry: Any, spacing: tuple[float, float]) -> str:
    """From row to row and from column to column; of an image by its orbit, in range and on the ground."""
    if not isinstance(geometry, OrbitGeometry):
        return f"{spacing[0]:.3g} m x {spacing[1]:.3g} m"
    rows, cols = ground_spacing(geometry)
    return (
        f"{rows:.3g} m in azimuth x {cols:.3g} m in range on the ground ({spacing[0]:.3g} m along the orbit, "
        f"{spacing[1]:.3g} m in slant range)"
    )


def _size(stack: Any) -> str:
    count = len(stack.polarisations) * int(np.prod(stack.shape)) * np.dtype(stack.dtype).itemsize
    return f"{count / 2**30:.2f} GiB" if count >= 2**30 else f"{count / 2**20:.2f} MiB"
