"""Functions on tuples of numbers of different types, for Numba's CPU or CUDA compiler.

Numba indexes such a tuple by constants only, so each member has a separate function, which calls the next.
``jit`` is the compiler: ``numba.njit``, or ``numba.cuda.jit(device=True)``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Jit = Callable[[Callable[..., Any]], Any]


def storer(jit: Jit, outputs: int, *, single: bool, at: int = 0) -> Any:
    """Create ``store(outs, row, col, value)``, which writes a number, or a tuple member by member, into arrays."""
    if single:

        @jit
        def store_value(outs: Any, row: int, col: int, value: Any) -> None:
            outs[0][row, col] = value

        return store_value
    if at == outputs:

        @jit
        def store_none(outs: Any, row: int, col: int, value: Any) -> None:
            pass

        return store_none
    rest = storer(jit, outputs, single=False, at=at + 1)

    @jit
    def store(outs: Any, row: int, col: int, value: Any) -> None:
        outs[at][row, col] = value[at]
        rest(outs, row, col, value)

    return store


def filler(jit: Jit, outputs: int, nan: float, *, at: int = 0) -> Any:
    """Create ``fill(outs, row, col)``, which writes NaN into each of a tuple of arrays."""
    if at == outputs:

        @jit
        def fill_none(outs: Any, row: int, col: int) -> None:
            pass

        return fill_none
    rest = filler(jit, outputs, nan, at=at + 1)

    @jit
    def fill(outs: Any, row: int, col: int) -> None:
        outs[at][row, col] = nan
        rest(outs, row, col)

    return fill


def _member(jit: Jit, at: int, *, single: bool) -> Any:
    if single:

        @jit
        def whole(value: Any) -> Any:
            return value

        return whole

    @jit
    def member(value: Any) -> Any:
        return value[at]

    return member


def real_planes(kinds: tuple[bool, ...]) -> int:
    """Real numbers behind a tuple; ``kinds`` specifies the complex members, which take two numbers each."""
    return len(kinds) + sum(kinds)


def spreader(jit: Jit, kinds: tuple[bool, ...], *, single: bool, at: int = 0, plane: int = 0) -> Any:
    """Create ``spread(numbers, value)``, which writes a tuple as real numbers."""
    if at == len(kinds):

        @jit
        def spread_none(numbers: Any, value: Any) -> None:
            pass

        return spread_none
    rest = spreader(jit, kinds, single=single, at=at + 1, plane=plane + 1 + kinds[at])
    pick, following = _member(jit, at, single=single), plane + 1
    if kinds[at]:

        @jit
        def spread_complex(numbers: Any, value: Any) -> None:
            numbers[plane] = pick(value).real
            numbers[following] = pick(value).imag
            rest(numbers, value)

        return spread_complex

    @jit
    def spread_real(numbers: Any, value: Any) -> None:
        numbers[plane] = pick(value)
        rest(numbers, value)

    return spread_real


def gatherer(jit: Jit, kinds: tuple[bool, ...], *, at: int = 0, plane: int = 0) -> Any:
    """Create ``means(sums, share)``, which combines real sums times ``share`` into a tuple."""
    if at == len(kinds):

        @jit
        def nothing(sums: Any, share: Any) -> Any:
            return ()

        return nothing
    rest, following = gatherer(jit, kinds, at=at + 1, plane=plane + 1 + kinds[at]), plane + 1
    if kinds[at]:

        @jit
        def complex_mean(sums: Any, share: Any) -> Any:
            mean = complex(sums[plane] * share, sums[following] * share)
            # Numba can concatenate tuples, but not unpack one into another.
            return (mean,) + rest(sums, share)  # noqa: RUF005

        return complex_mean

    @jit
    def real_mean(sums: Any, share: Any) -> Any:
        return (sums[plane] * share,) + rest(sums, share)  # noqa: RUF005

    return real_mean
