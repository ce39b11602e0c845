"""An entry of the table of stack readers: how a product is recognised, and the function that opens it."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from m3leo_sar.io.remote.remote_address import AnyFile
from m3leo_sar.io.stacks.stack_labels import LabelRaster
from m3leo_sar.stack.geometry import Geometry
from m3leo_sar.stack.slc import SlcStack


class Product(NamedTuple):
    """A file or folder of a stack, and what a list or a table of dates states of it."""

    #: A Path; for kinds that are read from servers also a RemoteFile, which has the words of Path that they use.
    path: Any
    date: datetime.date | None = None
    polarisation: str | None = None
    burst: str | None = None
    orbit: str | None = None
    track: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The part of the products to open; None where there is only one possibility.

    Parameters
    ----------
    burst : str, optional
        Such as ``"T087-185683-IW2"``.
    polarisation : str, optional
        ``"VV"``, ``"VH"``, ``"HH"`` or ``"HV"``.
    frequency : str, optional
        Frequency band of NISAR, ``"A"`` or ``"B"``.
    nodata : float, optional
        No-data value, in addition to NaN and the files' own.
    geometry : GeoBox, RadarGeometry, StoredRadarGeometry or OrbitGeometry, optional
        Positions of the pixels, which replace those that the files state.
    beside : StoredRadarGeometry or RadarGeometry, optional
        Positions found beside the products, for files that state none.
    needs_positions : bool
        False to open images in radar geometry that state no position too, for their dates and pixels.
    """

    burst: str | None = None
    polarisation: str | None = None
    frequency: str | None = None
    nodata: float | None = None
    geometry: Geometry | None = None
    beside: Geometry | None = None
    needs_positions: bool = True


def _no_labels() -> dict[str, LabelRaster]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedStack:
    """A stack and what is behind it.

    Parameters
    ----------
    stack : SlcStack
    products : sequence of Product
        Products that open the same stack again.
    files : callable
        Returns the files behind each date (``YYYYMMDD``), the ``geometry`` and each label (``label-NAME``).
    chosen : Choice
        Choice that opens the same stack again, with the values that were found where none was stated.
    polarisations : tuple of str
        All polarisations of the products.
    labels : callable
        Opens the label rasters by name.
    """

    stack: SlcStack
    products: Sequence[Product]
    files: Callable[[], Mapping[str, tuple[AnyFile, ...]]]
    chosen: Choice
    polarisations: tuple[str, ...] = ()
    labels: Callable[[], Mapping[str, LabelRaster]] = _no_labels


@dataclass(frozen=True, slots=True, kw_only=True)
class StackReader:
    """A kind of product.

    Parameters
    ----------
    name : str
        Unique in the table.
    holds : str
        The kind in words, such as ``"OPERA CSLC-S1"``.
    expects : str
        Files or folders that are recognised, in words.
    find : callable
        ``find(path)`` returns the products of this kind at a file or folder; none if there is none.
    open : callable
        ``open(products, choice)`` opens them as an `OpenedStack`, or raises a ValueError that states why they are no
        stack.
    is_read : bool
        Whether it is a kind that is read, or one that is recognised and refused.
    is_far : bool
        Whether the products may lie on a server: ``find`` and ``open`` then take a
        :class:`m3leo_sar.io.remote.remote_address.RemoteFile` too.
    is_store : bool
        Whether a product is a Zarr store, which a server holds as many files.
    """

    name: str
    holds: str
    expects: str
    find: Callable[[Any], Sequence[Any]]
    open: Callable[[Sequence[Product], Choice], OpenedStack]
    is_read: bool = True
    is_far: bool = False
    is_store: bool = False


def refuse_choice(choice: Choice, names: Sequence[str], kind: str) -> None:
    """Refuse choices that a kind of product does not have; `names` are fields of `Choice`."""
    for name in names:
        value = getattr(choice, name)
        if value is not None:
            raise ValueError(f"{kind} has no {name} to choose, got {name} {value!r}")
