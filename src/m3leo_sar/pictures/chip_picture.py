"""Rendering of a chip: its colours, key and title."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from m3leo_sar.io.chips.chip_pairs import pair_of
from m3leo_sar.pictures.array_pictures import (
    class_picture,
    coherence_picture,
    dates_text,
    days_text,
    intensity_picture,
    mask_picture,
    phase_picture,
    value_picture,
    window_text,
)
from m3leo_sar.pictures.chip_plane import Plane, limits_of
from m3leo_sar.pictures.ground_frame import Frame
from m3leo_sar.pictures.panel_grid import Picture
from m3leo_sar.stack.pairs import Pair, parse_date


def picture_of(
    plane: Plane,
    title: str = "",
    *,
    subtitle: str = "",
    limits: tuple[float, float] | None = None,
    brightness: NDArray[Any] | None = None,
    frame: Frame | None = None,
) -> Picture:
    """Draw a plane in the colours of its kind.

    Parameters
    ----------
    plane : Plane
        The data to draw.
    title, subtitle : str
        Title above it, and the line below the title.
    limits : (float, float), optional
        As returned by :func:`m3leo_sar.pictures.chip_plane.limits_of`, for comparable pictures; those of the plane
        alone if not given.
    brightness : (rows, cols) float, optional
        Coherence that darkens a phase.
    frame : Frame, optional
        The ground below the image.
    """
    limits, values = limits or limits_of([plane]) or (0.0, 1.0), plane.values
    if plane.kind == "phase":
        picture = phase_picture(values, coherence=brightness, ground=frame)
    elif plane.kind == "classes":
        picture = class_picture(values, legend=plane.legend, ground=frame)
    elif plane.kind == "mask":
        picture = mask_picture(values, title=title, names=(plane.label, f"not {plane.label}"), ground=frame)
    elif plane.kind == "decibel":
        picture = intensity_picture(values, limits=limits, label=plane.label, ground=frame)
    elif plane.kind == "coherence":
        picture = coherence_picture(values, ground=frame)
    else:
        picture = value_picture(values, title=title, label=plane.label, limits=limits, ground=frame)
    return picture._replace(title=title, subtitle=subtitle)


def panel_title(dataset: str, key: str, *, bands: int = 1, pair: Pair | None = None) -> tuple[str, str]:
    """Title of a chip's panel, and the line below it: product with days, and dates.

    Examples
    --------
    >>> panel_title("coherence", "20230301_20230313")
    ('Coherence, 12 days', '2023-03-01 – 2023-03-13')
    >>> panel_title("intensity", "VH/20230301"), panel_title("label", "landcover", bands=3)
    (('Intensity VH', '2023-03-01'), ('Label landcover', 'band 1 of 3'))
    """
    polarisation, _, name = key.rpartition("/")
    words = [f"{dataset[:1].upper()}{dataset[1:]}", *([polarisation] if polarisation else [])]
    band, pair = [f"band 1 of {bands}"] if bands > 1 else [], pair or pair_of(key)
    if pair:
        return f"{' '.join(words)}, {days_text(pair.days)}", ", ".join([dates_text(pair), *band])
    try:
        return " ".join(words), ", ".join([parse_date(name).isoformat(), *band])
    except ValueError:
        return " ".join([*words, name]), ", ".join(band)


def radar_facts(metadata: Mapping[str, Any]) -> dict[str, str]:
    """Polarisation, orbit, track, window and looks of a chip as short texts, where they are known.

    Examples
    --------
    >>> radar_facts({"polarisation": "VV", "track": 15, "parameters": {"window": [5, 20]}})
    {'polarisation': 'VV', 'track': 'track 15', 'window': 'window 5 × 20 pixels'}
    """
    found = {name: str(metadata[name]) for name in ("polarisation", "orbit") if metadata.get(name)}
    if metadata.get("track") is not None:
        found["track"] = f"track {metadata['track']}"
    parameters = metadata.get("parameters")
    window = metadata.get("window") or (parameters.get("window") if isinstance(parameters, Mapping) else None)
    if isinstance(window, list | tuple) and len(window) == 2:
        found["window"] = f"window {window_text(tuple(window))} pixels"
    return found


def chip_title(dataset: str, key: str, *, bands: int = 1, pair: Pair | None = None) -> str:
    """Product with its dates in readable form, and the band if there are several.

    Examples
    --------
    >>> chip_title("coherence", "20230301_20230313")
    'Coherence 2023-03-01 / 2023-03-13 (12 days)'
    >>> chip_title("intensity", "VH/20230301")
    'Intensity VH 2023-03-01'
    >>> chip_title("label", "landcover", bands=3)
    'Label landcover, band 1 of 3'
    """
    name = f"{dataset[:1].upper()}{dataset[1:]} {key_title(key, pair)}"
    return f"{name}, band 1 of {bands}" if bands > 1 else name


def key_title(key: str, pair: Pair | None = None) -> str:
    """A pair, a date or a name in readable form; ``pair`` is that of the key, if its days are known from the chip.

    Examples
    --------
    >>> key_title("20230301_20230313"), key_title("20230301"), key_title("height")
    ('2023-03-01 / 2023-03-13 (12 days)', '2023-03-01', 'height')
    """
    polarisation, _, name = key.rpartition("/")
    before, pair = f"{polarisation} " if polarisation else "", pair or pair_of(key)
    if pair:
        return f"{before}{pair.reference} / {pair.secondary} ({pair.days} days)"
    try:
        return f"{before}{parse_date(name).isoformat()}"
    except ValueError:
        return f"{before}{name}"
