"""Kernels for NumPy arrays; ``gpu`` and ``simt`` define the same names and arguments."""

import numpy as np

from m3leo_sar._backend.cpu_area import area_mode, area_value
from m3leo_sar._backend.cpu_chips import histogram, normalise, quantise
from m3leo_sar._backend.cpu_coherence import coherence_pairs
from m3leo_sar._backend.cpu_coregister import coregister_rows, still_lines
from m3leo_sar._backend.cpu_decay import fit_decay
from m3leo_sar._backend.cpu_fringe import fringe_coherence
from m3leo_sar._backend.cpu_geolocate import geolocate_inverse
from m3leo_sar._backend.cpu_geometry import (
    geometry_ground,
    geometry_incidence,
    geometry_points,
    geometry_shade,
    geometry_sights,
    geometry_tile,
)
from m3leo_sar._backend.cpu_homogeneous import homogeneous_coherence, homogeneous_glrt, homogeneous_ks
from m3leo_sar._backend.cpu_interferogram import interferogram_pairs
from m3leo_sar._backend.cpu_multilook import multilook
from m3leo_sar._backend.cpu_resample import resample_image, turn_image
from m3leo_sar._backend.cpu_warp import warp_bilinear, warp_kernel, warp_nearest

__all__ = [
    "area_mode",
    "area_value",
    "coherence_pairs",
    "coregister_rows",
    "fit_decay",
    "fringe_coherence",
    "geolocate_inverse",
    "geometry_ground",
    "geometry_incidence",
    "geometry_points",
    "geometry_shade",
    "geometry_sights",
    "geometry_tile",
    "histogram",
    "homogeneous_coherence",
    "homogeneous_glrt",
    "homogeneous_ks",
    "interferogram_pairs",
    "multilook",
    "normalise",
    "quantise",
    "resample_image",
    "still_lines",
    "to_device",
    "to_host",
    "turn_image",
    "warp_bilinear",
    "warp_kernel",
    "warp_nearest",
]


def to_device(array: np.ndarray) -> np.ndarray:
    """Array of this backend's library from a NumPy array."""
    return array


def to_host(array: np.ndarray) -> np.ndarray:
    """NumPy array from one of this backend's library."""
    return array
