"""Contents of an archive, counted and sampled in one pass."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.chips.legend import Legend
from m3leo_sar.io.chips.chip import Chip
from m3leo_sar.io.chips.chip_pairs import pairs_of
from m3leo_sar.pictures.chip_plane import plane_of, shown_values
from m3leo_sar.pictures.readable_archive import ReadableArchive
from m3leo_sar.stack.pairs import Pair, parse_date

#: Maximum number of keys of a product read per sampled tile, and of values kept per chip.
_KEYS, _VALUES = 24, 20_000
#: Reported properties of chips, in this order.
FACTS = ("unit", "polarisation", "orbit", "track", "window", "looks", "grid", "software")

Item = TypeVar("Item")


@dataclass
class Product:
    """One dataset of an archive.

    Parameters
    ----------
    name : str
        Its name in the archive.
    tiles_by_key : dict of str to list of str
        Tiles that have each key.
    pairs : dict of str to Pair
        Pair of each key that is one, with the days of the first tile that has the chip.
    facts : dict of str to set of str
        Metadata of the sampled chips, by the names of :data:`FACTS`.
    valid : list of float
        Fraction of valid pixels of each sampled chip.
    values : dict of (str, str) to list of (values,) array
        A sample of each chip's values in the units of its key, by kind and label of its plane: labels have several.
    legends : dict of (str, str) to Legend
        All classes of the sampled chips, by the same keys.
    """

    name: str
    tiles_by_key: dict[str, list[str]] = field(default_factory=dict)
    pairs: dict[str, Pair] = field(default_factory=dict)
    facts: dict[str, set[str]] = field(default_factory=dict)
    valid: list[float] = field(default_factory=list)
    values: dict[tuple[str, str], list[NDArray[Any]]] = field(default_factory=dict)
    legends: dict[tuple[str, str], Legend] = field(default_factory=dict)

    @property
    def chips(self) -> int:
        """Number of chips of all tiles."""
        return sum(len(tiles) for tiles in self.tiles_by_key.values())

    @property
    def tiles(self) -> set[str]:
        """Tiles with at least one chip."""
        return {tile for tiles in self.tiles_by_key.values() for tile in tiles}

    def lacking(self, identifier: str) -> list[str]:
        """Keys that other tiles have and this one lacks."""
        return [key for key, tiles in self.tiles_by_key.items() if identifier not in tiles]

    def common_key(self) -> str:
        """The key that most tiles have; among equals the shortest pair, else the first."""

        def rank(key: str) -> tuple[int, int, str]:
            pair = self.pairs.get(key)
            return -len(self.tiles_by_key[key]), abs(pair.days) if pair else 0, key

        return min(self.tiles_by_key, key=rank)

    def take(self, key: str, chip: Chip) -> None:
        """Add the metadata and values of one chip."""
        plane = plane_of(self.name, key, chip)
        for name, value in _facts(chip).items():
            self.facts.setdefault(name, set()).add(value)
        self.valid.append(float(plane.known.mean()))
        shown = shown_values(plane)
        which = plane.kind, plane.label
        self.values.setdefault(which, []).append(shown[:: max(1, shown.size // _VALUES)])
        self.legends[which] = self.legends[which].joined(plane.legend) if which in self.legends else plane.legend


@dataclass
class Survey:
    """Contents of an archive.

    Parameters
    ----------
    identifiers : list of str
        All tiles.
    sampled : list of str
        Tiles whose chips were read.
    products : dict of str to Product
        By name, sorted.
    """

    identifiers: list[str]
    sampled: list[str]
    products: dict[str, Product]

    @property
    def pairs(self) -> list[Pair]:
        """Pairs in the keys, sorted."""
        return sorted({pair for product in self.products.values() for pair in product.pairs.values()})

    @property
    def dates(self) -> list[datetime.date]:
        """Dates in the keys, including those of pairs, sorted."""
        single = {date for key in self._keys() if (date := _as_date(key))}
        return sorted(single | {date for pair in self.pairs for date in (pair.reference, pair.secondary)})

    def values_of(self, name: str) -> list[str]:
        """Values of one of :data:`FACTS` in all sampled chips, sorted."""
        return sorted({value for product in self.products.values() for value in product.facts.get(name, ())})

    def _keys(self) -> Iterable[str]:
        return (key for product in self.products.values() for key in product.tiles_by_key)


def survey(archive: ReadableArchive, *, max_tiles: int) -> Survey:
    """Count all chips of an archive and read those of some evenly chosen tiles; unreadable chips are skipped.

    Raises
    ------
    ValueError
        If ``max_tiles`` is below 1.
    """
    if max_tiles < 1:
        raise ValueError(f"max_tiles must be at least 1, got {max_tiles}")
    identifiers = list(archive.identifiers)
    products: dict[str, Product] = {}
    for identifier in identifiers:
        for dataset in archive.datasets(identifier):
            product = products.setdefault(dataset, Product(dataset))
            for key in archive.keys(identifier, dataset):
                product.tiles_by_key.setdefault(key, []).append(identifier)
    found = Survey(identifiers, evenly(identifiers, max_tiles), {name: products[name] for name in sorted(products)})
    for product in found.products.values():
        product.tiles_by_key = dict(sorted(product.tiles_by_key.items()))
        for key, tiles in product.tiles_by_key.items():
            product.pairs |= pairs_of(archive, tiles[0], product.name, [key])
        _sample(archive, found.sampled, product)
    return found


def evenly(items: Sequence[Item], count: int) -> list[Item]:
    """At most ``count`` evenly spaced items, in their order.

    Examples
    --------
    >>> evenly("abcdefg", 3)
    ['a', 'd', 'g']
    """
    places = np.unique(np.linspace(0, len(items) - 1, min(count, len(items))).round().astype(int))
    return [items[place] for place in places]


def _sample(archive: ReadableArchive, identifiers: Sequence[str], product: Product) -> None:
    for identifier in identifiers:
        for key in evenly(archive.keys(identifier, product.name), _KEYS):
            try:
                product.take(key, archive.read(identifier, product.name, key))
            except (OSError, ValueError):
                # The report lists damaged chips one by one.
                continue


def _facts(chip: Chip) -> dict[str, str]:
    facts = {name: str(chip.metadata[name]) for name in FACTS if chip.metadata.get(name) not in (None, "")}
    parameters = chip.metadata.get("parameters")
    window = parameters.get("window") if isinstance(parameters, dict) else None
    for name, sizes in (("window", chip.metadata.get("window") or window), ("looks", chip.metadata.get("looks"))):
        if isinstance(sizes, list | tuple):
            facts[name] = " x ".join(str(size) for size in sizes)
    rows, cols = chip.geobox.shape
    return {**facts, "grid": f"{rows} x {cols} in {chip.geobox.crs}"}


def _as_date(key: str) -> datetime.date | None:
    try:
        return parse_date(key.rpartition("/")[2])
    except ValueError:
        return None
