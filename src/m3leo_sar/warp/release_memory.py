"""Memory between the steps of a long run."""

from __future__ import annotations

from m3leo_sar._backend.result_memory import release


def release_memory() -> None:
    """Return memory that is free, but kept for reuse, to the system.

    The C library keeps freed arrays of up to 32 MB per thread, and results have a pool. Steps with arrays of other
    sizes cannot use them, so that a run would hold the sum of the memory of its steps. Takes milliseconds.
    """
    release()
