"""Table entries of products that are recognised and refused with a sentence that says why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from m3leo_sar.io.stacks.stack_reader import Choice, OpenedStack, Product, StackReader


def refused_kind(
    name: str,
    holds: str,
    find: Callable[[Any], Sequence[Any]],
    why: str,
    *,
    is_far: bool = False,
    is_store: bool = False,
) -> StackReader:
    """An entry that refuses what it finds.

    Parameters
    ----------
    name, holds : str
        As of a `StackReader`.
    find : callable
        As of a `StackReader`.
    why : str
        Sentence that says why it is not a stack and what to use.
    is_far, is_store : bool
        As of a `StackReader`.
    """

    def refuse(products: Sequence[Product], _choice: Choice) -> OpenedStack:
        raise ValueError(f"{products[0].path} is not a stack: it is {holds}; {why}")

    expects = f"{holds}: recognised, not read"
    return StackReader(
        name=name,
        holds=holds,
        expects=expects,
        find=find,
        open=refuse,
        is_read=False,
        is_far=is_far,
        is_store=is_store,
    )
