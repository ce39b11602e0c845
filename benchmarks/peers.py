"""Coherence beside every peer that is installed, on the same arrays: ``python benchmarks/peers.py``.

scipy, OpenCV (opencv-python-headless) and torch are a few lines around a box filter; moraine and dolphin are called as
their documentation says. What is not installed is left out. Prints one table per task, medians of interleaved runs.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
from bandwidth import triad_bandwidth
from interleaved import interleaved

from m3leo_sar import Looks, Window, coherence

Jobs = dict[str, Callable[[], Any]]
#: Bytes a pixel: two complex64 read and one float32 written.
BYTES_A_PIXEL = 20
#: Seconds between jobs: the pools of OpenCV and torch spin for a while.
REST = 0.05


def pair(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Two images of true coherence 0.6."""
    rng = np.random.default_rng(0)
    first, noise = (rng.standard_normal((size, size, 2), np.float32).view(np.complex64)[..., 0] for _ in range(2))
    return first, 0.6 * first + np.complex64(0.8) * noise


def planes_of(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, ...]:
    cross = a * b.conj()
    return cross.real.copy(), cross.imag.copy(), np.abs(a) ** 2, np.abs(b) ** 2


def ratio(re: Any, im: Any, p: Any, q: Any) -> Any:
    return np.sqrt((re * re + im * im) / (p * q))


def scipy_coherence(a: np.ndarray, b: np.ndarray, window: Window) -> np.ndarray:
    from scipy.ndimage import uniform_filter

    size = (window.rows, window.cols)
    return ratio(*(uniform_filter(plane, size, mode="constant") for plane in planes_of(a, b)))


def opencv_coherence(a: np.ndarray, b: np.ndarray, window: Window) -> np.ndarray:
    import cv2

    size = (window.cols, window.rows)
    return ratio(*(cv2.boxFilter(plane, -1, size, borderType=cv2.BORDER_CONSTANT) for plane in planes_of(a, b)))


def torch_coherence(a: np.ndarray, b: np.ndarray, window: Window) -> np.ndarray:
    import torch
    from torch.nn.functional import avg_pool2d, pad

    planes = torch.stack([torch.from_numpy(plane) for plane in planes_of(a, b)])[:, None]
    (top, left), (bottom, right) = window.before, window.after
    # Along one axis after the other, which is the faster way.
    down = avg_pool2d(pad(planes, (0, 0, top, bottom)), (window.rows, 1), stride=1)
    means = avg_pool2d(pad(down, (left, right, 0, 0)), (1, window.cols), stride=1)
    return ratio(*(plane[0].numpy() for plane in means))


def numpy_looks(a: np.ndarray, b: np.ndarray, looks: Looks) -> np.ndarray:
    rows, cols = looks.reduced(a.shape)
    shape = (rows, looks.rows, cols, looks.cols)
    cut = np.s_[: rows * looks.rows, : cols * looks.cols]
    return ratio(*(plane[cut].reshape(shape).sum((1, 3)) for plane in planes_of(a, b)))


def moraine_looks(a: np.ndarray, b: np.ndarray, looks: Looks) -> np.ndarray:
    import moraine

    return np.abs(moraine.multi_look(a, b, looks=(looks.rows, looks.cols)))


def dolphin_looks(a: np.ndarray, b: np.ndarray, looks: Looks) -> np.ndarray:
    from dolphin import HalfWindow, Strides
    from dolphin.phase_link.covariance import estimate_stack_covariance

    stack, half = np.stack([a, b]), HalfWindow(looks.rows // 2, looks.cols // 2)
    rows, cols = looks.reduced(a.shape)
    alike = np.ones((rows, cols, 2 * half.y + 1, 2 * half.x + 1), bool)
    strides = Strides(looks.rows, looks.cols)
    return np.abs(np.asarray(estimate_stack_covariance(stack, half, strides, alike)))[..., 0, 1]


def full_resolution(size: int, window: Window) -> Jobs:
    """A value at every sample."""
    a, b = pair(size)
    return {
        "m3leo_sar": lambda: coherence(a, b, window=window),
        **_installed(
            {
                "cv2": ("NumPy + OpenCV boxFilter", lambda: opencv_coherence(a, b, window)),
                "scipy": ("NumPy + scipy uniform_filter", lambda: scipy_coherence(a, b, window)),
                "torch": ("NumPy + torch avg_pool2d", lambda: torch_coherence(a, b, window)),
            }
        ),
    }


def decimating(size: int, looks: Looks) -> Jobs:
    """One value per block."""
    a, b = pair(size)
    window = Window(rows=looks.rows, cols=looks.cols)
    return {
        "m3leo_sar": lambda: coherence(a, b, window=window, step=looks),
        "NumPy reshape and sum": lambda: numpy_looks(a, b, looks),
        **_installed(
            {
                "moraine": ("moraine multi_look", lambda: moraine_looks(a, b, looks)),
                "dolphin": ("dolphin covariance", lambda: dolphin_looks(a, b, looks)),
            }
        ),
    }


def _installed(jobs: dict[str, tuple[str, Callable[[], Any]]]) -> Jobs:
    return {name: job for package, (name, job) in jobs.items() if importlib.util.find_spec(package)}


def print_table(title: str, seconds: dict[str, float], pixels: int, triad: float) -> None:
    ours = seconds["m3leo_sar"]
    print(f"\n{title}\n")
    print("| | median s | x ours | GB/s at 20 B per pixel | of triad |\n|---|---|---|---|---|")
    for name, taken in seconds.items():
        speed = BYTES_A_PIXEL * pixels / taken
        print(f"| {name} | {taken:.3f} | {taken / ours:.1f} | {speed / 1e9:.1f} | {speed / triad:.0%} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=4096, help="rows and columns of the pair")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    size, triad = options.size, triad_bandwidth()
    print(
        f"{datetime.date.today()}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}, triad {triad / 1e9:.1f} GB/s"
    )
    full = interleaved(full_resolution(size, Window(rows=5, cols=20)), rounds=options.rounds, rest=REST)
    print_table(f"{size} x {size} complex64, window 5 x 20, every sample", full, size * size, triad)
    for looks in (Looks(rows=5, cols=5), Looks(rows=5, cols=20)):
        taken = interleaved(decimating(size, looks), rounds=options.rounds, rest=REST)
        print_table(f"{size} x {size}, looks {looks.rows} x {looks.cols}, decimating", taken, size * size, triad)


if __name__ == "__main__":
    main()
