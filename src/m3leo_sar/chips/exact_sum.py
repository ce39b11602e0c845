"""Exact sums of doubles, independent of the order of additions."""

from __future__ import annotations

#: Fractional bits: the smallest double is 2^-1074.
_BITS = 1100


class ExactSum:
    """A sum stored as an integer multiple of 2^-1100, as is every finite double.

    Examples
    --------
    >>> seen = ExactSum()
    >>> for number in (1e300, 1.0, -1e300):
    ...     seen.add(number)
    >>> seen.over(1)
    1.0
    """

    def __init__(self, held: int = 0) -> None:
        self._held = held

    def add(self, number: float) -> None:
        """Add a finite number.

        Raises
        ------
        OverflowError, ValueError
            If it is infinite or NaN.
        """
        above, below = number.as_integer_ratio()
        self._held += (above << _BITS) // below

    def merge(self, other: ExactSum) -> None:
        """Add another sum."""
        self._held += other._held

    def over(self, count: int) -> float:
        """Quotient of the sum and a count, rounded once."""
        # Python divides integers of any length, correctly rounded.
        return self._held / (count << _BITS)

    def to_text(self) -> str:
        """Hexadecimal digits."""
        return f"{self._held:x}"

    @classmethod
    def from_text(cls, text: str) -> ExactSum:
        """Read :meth:`to_text`; ValueError for other text."""
        return cls(int(text, 16))
