"""Kernels for NumPy arrays; ``gpu`` and ``simt`` define the same names and arguments."""

from m3leo_sar._backend.cpu_coherence import coherence_pairs

__all__ = ["coherence_pairs"]
