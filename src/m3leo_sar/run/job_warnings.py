"""Warnings of jobs, collected apart for each job whatever thread it runs in."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_texts: ContextVar[list[str] | None] = ContextVar("texts", default=None)


@contextmanager
def collecting() -> Iterator[None]:
    """Inside the block, warnings of users' input go to the :func:`collected` of their thread; others are shown.

    ``warnings.catch_warnings`` alone does not distinguish threads.
    """
    with warnings.catch_warnings():
        show = warnings.showwarning

        def sort(
            message: Warning | str, category: type[Warning], filename: str, lineno: int, *more: Any, **rest: Any
        ) -> None:
            texts = _texts.get()
            if texts is not None and issubclass(category, UserWarning):
                texts.append(str(message))
            else:
                show(message, category, filename, lineno, *more, **rest)

        warnings.showwarning = sort
        yield


@contextmanager
def collected() -> Iterator[list[str]]:
    """The texts of a job's warnings, without repeats once the block ends."""
    texts: list[str] = []
    token = _texts.set(texts)
    try:
        yield texts
    finally:
        _texts.reset(token)
        texts[:] = dict.fromkeys(texts)
