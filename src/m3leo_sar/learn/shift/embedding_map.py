"""Two-dimensional maps of embeddings, for visual comparison of regions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def embedding_map(
    embeddings: NDArray[np.floating], *, neighbours: int = 15, least_distance: float = 0.1, seed: int = 0
) -> NDArray[np.float64]:
    """Project embeddings to a plane by UMAP, which preserves neighbourhoods; the paper's figure of regions is one.

    Large distances in the plane are not meaningful: :func:`m3leo_sar.learn.shift.distances.sliced_wasserstein`
    compares the embeddings themselves.

    Parameters
    ----------
    embeddings : (samples, dimensions) float
    neighbours : int
        Size of a neighbourhood in samples, at least 2 and below the number of samples.
    least_distance : float
        Minimum distance of points in the plane, in [0, 1).
    seed : int
        Equal seeds give equal maps.

    Returns
    -------
    (samples, 2) float64

    Raises
    ------
    ImportError
        If umap-learn, which the extra ``umap`` includes, is not installed.
    ValueError
        If an embedding is not finite, or a number is out of range.

    References
    ----------
    McInnes et al., 2018, UMAP: Uniform Manifold Approximation and Projection, arXiv 1802.03426.
    """
    points = np.asarray(embeddings, np.float64)
    if points.ndim != 2 or not np.isfinite(points).all():
        raise ValueError(f"embeddings must be finite (samples, dimensions), got shape {points.shape}")
    if not 2 <= neighbours < len(points):
        raise ValueError(f"neighbours must be 2 to {len(points) - 1} for {len(points)} samples, got {neighbours}")
    if not 0 <= least_distance < 1:
        raise ValueError(f"least_distance must be in [0, 1), got {least_distance}")
    layout: Any = _umap()(n_neighbors=neighbours, min_dist=least_distance, random_state=seed, n_jobs=1)
    return np.asarray(layout.fit_transform(points), np.float64)


def _umap() -> Any:
    # Imported here: its compilation takes seconds, and few users need it.
    try:
        from umap import UMAP
    except ImportError as error:
        raise ImportError('umap-learn is not installed; install it with pip install "m3leo-sar[umap]"') from error
    return UMAP
