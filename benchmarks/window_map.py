"""A reader's own estimator over windows beside the library's own kernel and SciPy's ``generic_filter``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from interleaved import interleaved
from scipy.ndimage import generic_filter

from m3leo_sar import Window, coherence
from m3leo_sar.insar.window_estimators import coherence_of_means, coherence_terms, entropy_distance
from m3leo_sar.insar.window_map import window_map

WINDOW = Window(rows=5, cols=20)


def jobs(size: int) -> dict[str, Callable[[], Any]]:
    """Coherence by the kernel and by means of terms; an estimator of samples, which takes powers alone."""
    rng = np.random.default_rng(0)
    first, second = rng.standard_normal((2, size, size, 2)).astype("float32").view("complex64")[..., 0]
    return {
        "native coherence": lambda: coherence(first, second, window=WINDOW, output="all"),
        "window_map, terms": lambda: window_map(
            coherence_of_means, first, second, terms=coherence_terms, window=WINDOW
        ),
        "window_map, samples": lambda: window_map(entropy_distance, first, second, window=WINDOW),
    }


def spread(values: np.ndarray) -> float:
    """What ``generic_filter`` is asked for: one pass over the samples of one image."""
    return float((values**2).mean() / values.mean() ** 2)


def filter_job(size: int) -> Callable[[], Any]:
    """``generic_filter`` with a function of NumPy on real values."""
    plane = np.abs(np.random.default_rng(0).standard_normal((size, size))) + 1
    return lambda: generic_filter(plane, spread, size=(WINDOW.rows, WINDOW.cols))


def main() -> None:
    """Print times and ratios; the first call of each compiles and does not count."""
    size, small = 1024, 192
    # In turns with the others, so that a busy machine treats both sides of a ratio alike.
    seconds = interleaved({**jobs(size), "generic_filter": filter_job(small)}, rounds=5)
    filtered = seconds.pop("generic_filter") / small**2
    native = seconds["native coherence"]
    for name, taken in seconds.items():
        print(f"{name}: {1e3 * taken:.0f} ms, {taken / native:.1f} x native")
    own = seconds["window_map, samples"] / size**2
    print(f"generic_filter: {1e6 * filtered:.1f} us per pixel, {filtered / own:.0f} x window_map with samples")


if __name__ == "__main__":
    main()
