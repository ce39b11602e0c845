"""Kernels for NumPy arrays; ``gpu`` and ``simt`` define the same names and arguments."""

from m3leo_sar._backend.cpu_coherence import coherence_pairs
from m3leo_sar._backend.cpu_interferogram import interferogram_pairs
from m3leo_sar._backend.cpu_multilook import multilook

__all__ = ["coherence_pairs", "interferogram_pairs", "multilook"]
