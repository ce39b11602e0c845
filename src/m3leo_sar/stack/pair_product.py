"""Products of the pairs of a sample: kind of a plane, its window and its pair or date."""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from m3leo_sar.grid.window import Window
from m3leo_sar.stack.pairs import Pair
from m3leo_sar.stack.polarisation import POLARISATIONS

#: Whether a window must (True) or must not (False) be given; None leaves it to the user.
_WINDOWED = {"coherence": True, "interferogram": None, "intensity": False, "change": True}
KINDS = tuple(_WINDOWED)
DATES = ("reference", "secondary")


@dataclass(frozen=True, slots=True, kw_only=True)
class PairProduct:
    """One plane of a sample; it does not contain the pairs, so that it serves every pair.

    Parameters
    ----------
    kind : str
        ``"coherence"`` in [0, 1]; ``"interferogram"``, complex: reference x conj(secondary) of single looks in the
        square of the stack's unit or, with a window, averaged over it and divided by the root of both powers, so that
        its size is the coherence; ``"intensity"`` of one date in the square of the stack's unit; ``"change"``, the
        coherence of pair ``before`` less that of pair ``pair``, in [-1, 1].
    window : Window, optional
        Boxcar in samples of the stack; of a coherence, a change and a multilooked interferogram.
    pair : int
        Index of the pair within the sample, from 0.
    before : int, optional
        Index of the pair before a change; other than ``pair``.
    date : str, optional
        ``"reference"`` or ``"secondary"``, of an intensity.
    polarisation : str, optional
        Of the samples, such as ``"VH"``; by default the only one, or the first of several.

    Raises
    ------
    ValueError
        If the kind is unknown, or a value is missing or given without need.

    Examples
    --------
    >>> PairProduct.parse("coherence:5x20") == PairProduct(kind="coherence", window=Window(rows=5, cols=20))
    True
    >>> PairProduct.parse("intensity:secondary:1").date
    'secondary'
    >>> str(PairProduct.parse("change:5x20:0-1")), str(PairProduct.parse("coherence/VH:5x20"))
    ('change:5x20:0-1', 'coherence:VH:5x20')
    """

    kind: str
    window: Window | None = None
    pair: int = 0
    before: int | None = None
    date: str | None = None
    polarisation: str | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {self.kind!r}")
        wanted = _WINDOWED[self.kind]
        if wanted is not None and wanted != (self.window is not None):
            raise ValueError(f"window must be {'given' if wanted else 'left out'} for {self.kind}, got {self.window}")
        if self.window is not None and (self.window.row_weights or self.window.col_weights):
            raise ValueError("window of a pair product must have no weights, got a weighted one")
        if (self.date is not None) != (self.kind == "intensity") or self.date not in (None, *DATES):
            raise ValueError(f"date must be reference or secondary of an intensity, got {self.date!r} for {self.kind}")
        if (self.before is not None) != (self.kind == "change") or self.before == self.pair:
            raise ValueError(f"before must name another pair of a change, got {self.before} for {self.kind}")
        if self.polarisation not in (None, *POLARISATIONS):
            raise ValueError(f"polarisation must be one of {', '.join(POLARISATIONS)}, got {self.polarisation!r}")
        if min(self.pair, self.before or 0) < 0:
            raise ValueError(f"pair and before must be at least 0, got {self.pair} and {self.before}")

    @classmethod
    def parse(cls, text: str) -> PairProduct:
        """Read what ``str`` gives: ``coherence:5x20``, ``interferogram``, ``intensity:reference``, ``change:5x20:0-1``.

        A last ``:1`` names the second pair of a sample; a change names the pair before and the pair it is of. A
        polarisation follows the kind: ``coherence/VH:5x20``, or ``coherence:VH:5x20``.

        Raises
        ------
        ValueError
            If the text is none of these.
        """
        kind, *parts = text.strip().replace("/", ":", 1).split(":")
        window, date, before, pair, polarisation = None, None, None, 0, None
        for part in parts:
            if part.upper() in POLARISATIONS and polarisation is None:
                polarisation = part.upper()
            elif size := re.fullmatch(r"(\d+)x(\d+)", part):
                window = Window(rows=int(size[1]), cols=int(size[2]))
            elif part in DATES:
                date = part
            elif numbers := re.fullmatch(r"(?:(\d+)-)?(\d+)", part):
                before, pair = (int(numbers[1]) if numbers[1] else None), int(numbers[2])
            else:
                raise ValueError(
                    "a product must read coherence:5x20, interferogram[:5x20], intensity:reference or "
                    f"change:5x20:0-1, with :1 for the second pair; got {text!r}"
                )
        return cls(kind=kind, window=window, pair=pair, before=before, date=date, polarisation=polarisation)

    def __str__(self) -> str:
        size = [] if self.window is None else [f"{self.window.rows}x{self.window.cols}"]
        of = [self.polarisation] if self.polarisation else []
        which = f"{self.before}-{self.pair}" if self.before is not None else str(self.pair)
        shown = [which] if self.pair or self.before is not None else []
        return ":".join([self.kind, *of, *size, *([self.date] if self.date else []), *shown])

    @property
    def samples(self) -> float:
        """Number of samples averaged into one value."""
        return 1.0 if self.window is None else self.window.samples

    @property
    def pairs(self) -> int:
        """Least number of pairs of a sample."""
        return 1 + max(self.pair, self.before or 0)

    def dates(self, pairs: Sequence[Pair]) -> tuple[datetime.date, ...]:
        """Dates that the product of a sample's pairs needs.

        Raises
        ------
        ValueError
            If the sample has too few pairs.
        """
        if len(pairs) < self.pairs:
            raise ValueError(f"product {self} needs {self.pairs} pairs per sample, got {len(pairs)}")
        if self.date is not None:
            return (getattr(pairs[self.pair], self.date),)
        named = [pairs[self.pair]] if self.before is None else [pairs[self.before], pairs[self.pair]]
        return tuple(date for pair in named for date in (pair.reference, pair.secondary))


def of_product_polarisations(inputs: Sequence[str], polarisations: Sequence[str]) -> list[str]:
    """Products of which each that names no polarisation is there once per polarisation.

    Examples
    --------
    >>> of_product_polarisations(["coherence:5x20", "intensity:VV:reference"], ["VV", "VH"])
    ['coherence:VV:5x20', 'coherence:VH:5x20', 'intensity:VV:reference']
    """
    found: list[str] = []
    for product in map(PairProduct.parse, inputs):
        is_plain = product.polarisation is None and polarisations
        every = [replace(product, polarisation=one) for one in polarisations] if is_plain else [product]
        found += map(str, every)
    return found


def polarisations_of(products: Sequence[PairProduct]) -> tuple[str, ...]:
    """Polarisations that products name, in order."""
    return tuple(dict.fromkeys(product.polarisation for product in products if product.polarisation))
