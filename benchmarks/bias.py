"""The law of the sample coherence on a map, and the table it needs first."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from m3leo_sar.insar.bias import coherence_variance, expected_coherence, true_coherence

LOOKS = 25


def jobs(size: int) -> dict[str, Callable[[], Any]]:
    """The mean, its inverse and the variance for every pixel of a map."""
    values = np.random.default_rng(0).uniform(size=(size, size))
    return {
        "true_coherence": lambda: true_coherence(values, equivalent_looks=LOOKS),
        "expected_coherence": lambda: expected_coherence(values, equivalent_looks=LOOKS),
        "coherence_variance": lambda: coherence_variance(values, equivalent_looks=LOOKS),
    }


def main() -> None:
    """Print what the first call and a map of 448 x 448 take of one processor, whatever else the machine does."""
    started = time.process_time()
    true_coherence(0.5, equivalent_looks=LOOKS)
    print(f"first call: {1e3 * (time.process_time() - started):.0f} ms")
    for name, job in jobs(448).items():
        print(f"{name}: {1e3 * statistics.median(processor_seconds(job) for _ in range(9)):.1f} ms")


def processor_seconds(job: Callable[[], Any]) -> float:
    """Seconds of the processor that a job of one thread takes."""
    started = time.process_time()
    job()
    return time.process_time() - started


if __name__ == "__main__":
    main()
