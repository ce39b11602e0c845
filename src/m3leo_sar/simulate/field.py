"""Smooth random fields that can be evaluated in any window alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class RandomField:
    """Sum of plane waves with random directions, standard normal in the limit of many waves.

    Parameters
    ----------
    seed : int or sequence of int
        Equal seeds give equal fields.
    scale : float
        Typical size of a hill in pixels.
    waves : int
        Number of waves; more make the field more Gaussian.
    """

    seed: tuple[int, ...]
    scale: float
    waves: int = 96

    def window(self, rows: slice, cols: slice) -> NDArray[np.float64]:
        """Values at the pixels ``[rows, cols]``, (rows, cols)."""
        rng = np.random.default_rng(self.seed)
        wave_row, wave_col = rng.standard_normal((2, self.waves)) / self.scale
        phase = rng.uniform(0, 2 * np.pi, self.waves)
        # cos(r + c + p) is the real part of a product, so the window is one matrix product of two thin factors.
        along_rows = np.exp(1j * np.outer(np.arange(rows.start, rows.stop), wave_row) + 1j * phase)
        along_cols = np.exp(1j * np.outer(wave_col, np.arange(cols.start, cols.stop)))
        return (along_rows @ along_cols).real * np.sqrt(2 / self.waves)
