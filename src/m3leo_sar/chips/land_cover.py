"""Legends of published land-cover maps, and the legend of a label chip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from m3leo_sar._check import checked
from m3leo_sar.chips.legend import Legend, LegendClass

#: ESA WorldCover, 2020 and 2021; 0 is no data.
WORLDCOVER = Legend(
    (
        LegendClass(10, "tree cover", "#006400"),
        LegendClass(20, "shrubland", "#ffbb22"),
        LegendClass(30, "grassland", "#ffff4c"),
        LegendClass(40, "cropland", "#f096ff"),
        LegendClass(50, "built-up", "#fa0000"),
        LegendClass(60, "bare", "#b4b4b4"),
        LegendClass(70, "snow and ice", "#f0f0f0"),
        LegendClass(80, "water", "#0064c8"),
        LegendClass(90, "wetland", "#0096a0"),
        LegendClass(95, "mangroves", "#00cf75"),
        LegendClass(100, "moss and lichen", "#fae6a0"),
    )
)
#: Google's and WRI's Dynamic World, in which 0 is a class (Brown et al., 2022, Scientific Data 9, table 2).
DYNAMIC_WORLD = Legend(
    (
        LegendClass(0, "water", "#419bdf"),
        LegendClass(1, "trees", "#397d49"),
        LegendClass(2, "grass", "#88b053"),
        LegendClass(3, "flooded vegetation", "#7a87c6"),
        LegendClass(4, "crops", "#e49635"),
        LegendClass(5, "shrub and scrub", "#dfc35a"),
        LegendClass(6, "built", "#c4281b"),
        LegendClass(7, "bare", "#a59b8f"),
        LegendClass(8, "snow and ice", "#b39fe1"),
    )
)
#: Published legends by the name accepted in place of classes in a configuration or chip metadata.
LEGENDS = {"worldcover": WORLDCOVER, "dynamic_world": DYNAMIC_WORLD}
#: Key of a chip's metadata that contains its classes.
CLASSES = "classes"


def read_legend(given: str | Mapping[Any, Any] | Sequence[Any]) -> Legend:
    """Legend from the name of a published map, alone or in a list, or from classes as for :meth:`Legend.parse`.

    Raises
    ------
    ValueError
        If the name is unknown or the classes are invalid.

    Examples
    --------
    >>> read_legend("worldcover") is read_legend(["worldcover"]) is WORLDCOVER
    True
    """
    if isinstance(given, Sequence) and not isinstance(given, str) and len(given) == 1 and isinstance(given[0], str):
        given = given[0]
    if isinstance(given, str):
        return LEGENDS[checked(given, sorted(LEGENDS), what="legend")]
    return Legend.parse(given)


def stated_legend(legend: Legend) -> list[Any]:
    """A legend in the form of a configuration: the name of a published legend, otherwise its classes."""
    name = next((name for name, known in LEGENDS.items() if known == legend), None)
    return [name] if name else legend.entries()


def legend_of(dataset: str, key: str, metadata: Mapping[str, Any]) -> Legend | None:
    """Legend of a label chip: from ``classes`` of its metadata; WorldCover's for a label named after it.

    Parameters
    ----------
    dataset, key : str
        Product and key of the chip. ``landcover``, keys that begin with ``esawc`` and products that begin with
        ``esaworldcover`` are WorldCover's, as ``simulate``, ``import`` and ``retile`` write them.
    metadata : mapping
        Metadata of the chip.

    Returns
    -------
    Legend or None
        None if neither specifies a legend.

    Raises
    ------
    ValueError
        If the classes of the metadata are invalid.
    """
    if metadata.get(CLASSES):
        return read_legend(metadata[CLASSES])
    is_worldcover = key == "landcover" or key.startswith("esawc") or dataset.startswith(("esaworldcover", "esawc"))
    return WORLDCOVER if is_worldcover else None
