"""Maps of a pair as files to download."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from m3leo_sar.io.files.raster import geotiff_bytes
from m3leo_sar.view.panels.chip_panel import LAYERS
from m3leo_sar.view.panels.page_state import Choice

#: Unit of each map in its file.
_UNITS = {"coherence": "1", "phase": "radian", "intensity_first": "1", "intensity_second": "1"}


def parcel_of(explorer: Any, choice: Choice, order: Any) -> dict[str, Any]:
    """A map as a cloud-optimised GeoTIFF of float32 values, NaN where there is no data.

    Parameters
    ----------
    explorer : Explorer
    choice : Choice
    order : mapping
        ``layer`` is one of :data:`m3leo_sar.view.panels.chip_panel.LAYERS`.

    Returns
    -------
    dict
        ``name`` of the file, its media ``type`` and its ``content`` in bytes.

    Raises
    ------
    ValueError
        If there is no such layer.
    """
    layer = order.get("layer") if isinstance(order, Mapping) else order
    if layer not in LAYERS:
        raise ValueError(f"layer must be one of {', '.join(LAYERS)}, got {layer!r}")
    chip = explorer.chip(choice.tile, choice.pair, **choice.options, layer=layer)
    first, second = (explorer.dates[index].strftime("%Y%m%d") for index in choice.pair)
    name = f"{choice.tile}_{layer}_{first}_{second}.tif"
    tags = {"tile": choice.tile, "pair": f"{first}_{second}", "window": f"{choice.rows} x {choice.cols}"}
    content = geotiff_bytes(
        name, chip.values, chip.geobox, tags={**tags, "units": _UNITS[layer]}, names=(layer,),
        # The mean of phases has no meaning across their seam.
        overviews="nearest" if layer == "phase" else "average",
    )  # fmt: skip
    return {"name": name, "type": "image/tiff", "content": content}
