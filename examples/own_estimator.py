"""An estimator of your own over a window: the share of samples whose power doubled between two dates."""

from __future__ import annotations

import numpy as np

from m3leo_sar import Window
from m3leo_sar.insar.window_map import window_map


def brightened(reference: np.ndarray, secondary: np.ndarray) -> float:
    """Share, in [0, 1], of the window's samples whose power doubled. Plain Python: Numba compiles it."""
    count = 0
    for index in range(len(reference)):
        before = reference[index].real ** 2 + reference[index].imag ** 2
        after = secondary[index].real ** 2 + secondary[index].imag ** 2
        count += after >= 2 * before
    return count / len(reference)


def main() -> None:
    """Simulated speckle that is four times as strong in the right half of the second image."""
    rng = np.random.default_rng(0)
    first, second = rng.standard_normal((2, 60, 80, 2)).astype("float32").view("complex64")[..., 0]
    second[:, 40:] *= 2
    share = window_map(brightened, first, second, window=Window(rows=9, cols=9))
    print(f"left {np.nanmean(share[:, :35]):.2f}, right {np.nanmean(share[:, 45:]):.2f}")


if __name__ == "__main__":
    main()
