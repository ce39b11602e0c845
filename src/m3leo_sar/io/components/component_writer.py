"""Chips written in the format of M3LEO's release, so that its tools read them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.io.components.component import ComponentChip
from m3leo_sar.io.files.netcdf_file import Variables, axes_of, write_netcdf
from m3leo_sar.io.files.raster import write_geotiff

#: Order of the seasons in a GSSIC file.
_GSSIC_SEASONS = ("summer", "fall", "winter", "spring")


def write_component(path: str | os.PathLike[str], chip: ComponentChip, *, encoding: str | None = None) -> None:
    """Write a chip of one of M3LEO's components in the release's own format.

    Parameters
    ----------
    path : path
        ``.../<dataset folder>/<identifier>.tif``, or ``.nc`` for GSSIC, AGB and GUNW.
    chip : ComponentChip
        Physical values and mask; the product of its bands identifies the component, their names the order.
    encoding : str, optional
        For radar chips, ``"uint8"`` (0.118 dB per step over -30 to 0, the default) or ``"uint16"`` (1 dB per step).

    Raises
    ------
    ValueError
        If the component or the encoding is unknown, or a band that the format needs is missing.
    OSError
        If the file cannot be written.

    Notes
    -----
    Unlike the release's own tool, this clips before it casts, so that nothing wraps around. The stored 0 always means
    missing, no value is stored as 0, and the file's no-data value is set accordingly.
    """
    product = chip.bands[0].product
    if product in _NETCDF:
        _NETCDF[product](Path(path), chip)
        return
    if product not in _ENCODERS:
        known = ", ".join(sorted((*_ENCODERS, *_NETCDF)))
        raise ValueError(f"chip must be of one of the components {known}, got {product!r}")
    if encoding not in (None, "uint8", "uint16") or (encoding and product not in ("s1grd", "s1grdm")):
        raise ValueError(f"encoding must be uint8 or uint16 and of a radar component, got {encoding!r} for {product}")
    stored, nodata = _ENCODERS[product](chip.array, chip.mask, encoding or "uint8")
    names = tuple(band.name for band in chip.bands)
    write_geotiff(path, stored, chip.geobox, nodata=nodata, names=names)


Encoded = tuple[NDArray[Any], float | None]


def _decibels(values: NDArray[Any], mask: NDArray[np.bool_], encoding: str) -> Encoded:
    if encoding == "uint8":
        steps = np.clip(np.rint((np.where(mask, values, 0) + 30) * (255 / 30)), 1, 255)
        return np.where(mask, steps, 0).astype(np.uint8), 0
    whole = np.clip(np.rint(np.where(mask, values, -1)), -60, 30).astype(np.int16)
    # 0 means missing; -1 is the nearest free number.
    whole = np.where(whole == 0, np.int16(-1), whole)
    return np.where(mask, whole, np.int16(0)).view(np.uint16), 0


def _reflectance(values: NDArray[Any], mask: NDArray[np.bool_], encoding: str) -> Encoded:
    steps = np.clip(np.rint(np.where(mask, values, 0) * (255 / 0.3)), 1, 255)
    return np.where(mask, steps, 0).astype(np.uint8), 0


def _share(values: NDArray[Any], mask: NDArray[np.bool_], encoding: str) -> Encoded:
    steps = np.clip(np.rint(np.where(mask, values, 0) * 255), 1, 255)
    return np.where(mask, steps, 0).astype(np.uint8), 0


def _codes(values: NDArray[Any], mask: NDArray[np.bool_], encoding: str) -> Encoded:
    return np.where(mask, values, 0).astype(np.uint8), 0


def _percent(values: NDArray[Any], mask: NDArray[np.bool_], encoding: str) -> Encoded:
    return np.where(mask, np.clip(np.rint(np.where(mask, values, 0)), 0, 100), 200).astype(np.uint8), 200


def _amount(values: NDArray[Any], mask: NDArray[np.bool_], encoding: str) -> Encoded:
    return np.where(mask, values, np.nan).astype(np.float32), None


def _terrain(values: NDArray[Any], mask: NDArray[np.bool_], encoding: str) -> Encoded:
    return np.where(mask, np.rint(np.where(mask, values, 0)), -32768).astype(np.int16), -32768


_ENCODERS: Mapping[str, Callable[[NDArray[Any], NDArray[np.bool_], str], Encoded]] = {
    "s1grd": _decibels,
    "s1grdm": _decibels,
    "s2rgb": _reflectance,
    "s2srm": _share,
    "esawc": _codes,
    "modisveg": _percent,
    "ghsbuilts": _amount,
    "srtm": _terrain,
}


def _write_gssic(path: Path, chip: ComponentChip) -> None:
    planes = _by_name(chip)
    pols = list(dict.fromkeys(name.split("_")[1] for name in planes if name.endswith("_amplitude")))
    lags = sorted({int(name.rpartition("_")[2]) for name in planes if "_coherence_" in name})
    parameters, features = ("rho", "tau", "rmse"), ("inc", "lsmap")
    x, y = axes_of(chip.geobox)

    def stack(names: list[list[str]]) -> NDArray[np.float32]:
        return np.stack([np.stack([_band(planes, name) for name in row]) for row in names])

    amplitude = stack([[f"{season}_{pol}_amplitude" for pol in pols] for season in _GSSIC_SEASONS])
    coherence = stack([[f"{season}_coherence_{lag}" for lag in lags] for season in _GSSIC_SEASONS])
    decay = stack([[f"{season}_{name}" for name in parameters] for season in _GSSIC_SEASONS])
    geometry = np.stack([_band(planes, name) for name in features])
    coordinates = {"season": _GSSIC_SEASONS, "polarimetry": pols, "deltadays": lags, "param": parameters,
                   "feature": features, "y": y, "x": x}  # fmt: skip
    variables: Variables = {
        "amplitude": (("season", "polarimetry", "y", "x"), 10 ** ((amplitude + 83) / 20), {}),
        "coherence": (("season", "deltadays", "y", "x"), coherence * 100, {}),
        "decaymodel": (("season", "param", "y", "x"), decay * 1000, {}),
        "geometry": (("feature", "y", "x"), geometry, {}),
    }
    write_netcdf(path, {"": (coordinates, variables)}, geobox=chip.geobox)


def _write_agb(path: Path, chip: ComponentChip) -> None:
    x, y = axes_of(chip.geobox)
    planes = _by_name(chip)
    variables: Variables = {
        name: (("lat", "lon"), _band(planes, name), {"units": "Mg/ha"}) for name in ("agb", "agb_se")
    }
    write_netcdf(path, {"": ({"lat": y, "lon": x}, variables)}, geobox=chip.geobox)


def _write_gunw(path: Path, chip: ComponentChip) -> None:
    x, y = axes_of(chip.geobox)
    planes = _by_name(chip)
    quantities = {"unwrappedPhase": 0.0, "coherence": 0.0, "amplitude": 0.0, "connectedComponents": -1.0}
    pairs = list(dict.fromkeys(band.period for band in chip.bands if band.period))
    ways = {band.period: (band.orbit_direction or "")[:1].upper() for band in chip.bands}
    axes = ("datepair", "latitude", "longitude")
    variables: Variables = {
        name: (axes, np.nan_to_num(np.stack([_band(planes, f"{name}_{pair}") for pair in pairs]), nan=fill), {})
        for name, fill in quantities.items()
    }
    # The later date comes first in these files.
    labels = ["_".join(reversed(pair.split("_"))) for pair in pairs]
    groups: dict[str, Any] = {
        "science/grids/data": ({"datepair": labels, "latitude": y, "longitude": x}, variables),
        "science/extraMetaData": (
            {"datepair": labels},
            {"direction": (("datepair",), [ways[pair] for pair in pairs], {})},
        ),
    }
    write_netcdf(path, groups, geobox=chip.geobox)


_NETCDF: Mapping[str, Callable[[Path, ComponentChip], None]] = {
    "gssic": _write_gssic,
    "agb": _write_agb,
    "gunw": _write_gunw,
}


def _by_name(chip: ComponentChip) -> dict[str, NDArray[Any]]:
    filled = np.where(chip.mask, chip.array, np.float32(np.nan)).astype(np.float32)
    return {band.name: plane for band, plane in zip(chip.bands, filled, strict=True)}


def _band(planes: Mapping[str, NDArray[Any]], name: str) -> NDArray[Any]:
    if name not in planes:
        raise ValueError(f"chip must have a band {name}, it has {', '.join(list(planes)[:6])} ...")
    return planes[name]
