"""Work on many items by a few threads, with the results in order and few of them waiting."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
#: Items per thread that are begun before their results are taken.
_AHEAD = 2


def in_order(function: Callable[[Item], Result], items: Iterable[Item], *, threads: int) -> Iterator[Result]:
    """Results of a function of each item, in the order of the items.

    Parameters
    ----------
    function : callable
        It must bear several threads, and gains from them as far as it waits or works without the interpreter's lock.
    items : iterable
        Taken as they are needed.
    threads : int
        With 1, the calling thread does the work.

    Raises
    ------
    Exception
        Of the first item, in order, for which the function raises; later items may have been begun.

    Examples
    --------
    >>> from m3leo_sar.io.files.ordered_threads import in_order
    >>> list(in_order(abs, [-3, 2, -1], threads=2))
    [3, 2, 1]
    """
    if threads == 1:
        yield from map(function, items)
        return
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[Future[Any]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) >= _AHEAD * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
