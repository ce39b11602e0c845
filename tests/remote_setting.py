"""Files on servers in a test: short waits, and nothing that another test has opened."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager

from m3leo_sar.io.remote import open_remote, piece_cache, remote_options, remote_transfer


@contextmanager
def quick_transfers(**changed: float) -> Iterator[None]:
    """Three attempts, waits of milliseconds, and a process that has opened nothing yet."""
    before = remote_options.options
    values = {"tries": 3, "first_wait": 0.01, "longest_wait": 5.0, "timeout": 5.0, "connect_timeout": 5.0, **changed}
    remote_options.options = dataclasses.replace(before, **values)
    try:
        yield
    finally:
        open_remote.forget_all()
        remote_transfer.close()
        piece_cache.pieces.clear()
        remote_options.options = before
