"""Maps of embeddings: what is apart stays apart, and what cannot be is reported."""

import builtins

import numpy as np
import pytest

from m3leo_sar.learn.shift.embedding_map import embedding_map


@pytest.mark.filterwarnings("ignore")
def test_regions_that_are_apart_stay_apart(rng):
    pytest.importorskip("umap", reason="umap-learn is not installed")
    centres = 8 * np.eye(3, 7)
    points = np.concatenate([centre + 0.3 * rng.standard_normal((40, 7)) for centre in centres])
    plane = embedding_map(points, neighbours=10, seed=1)
    assert plane.shape == (120, 2)
    np.testing.assert_array_equal(plane, embedding_map(points, neighbours=10, seed=1))
    groups = plane.reshape(3, 40, 2)
    spread = np.linalg.norm(groups - groups.mean(axis=1, keepdims=True), axis=2).mean()
    between = np.linalg.norm(groups.mean(axis=1)[:, None] - groups.mean(axis=1), axis=2)[np.triu_indices(3, 1)]
    assert between.min() > 3 * spread


def test_what_cannot_be_is_reported(monkeypatch):
    whole = np.ones((9, 4))
    for points, options, message in (
        (whole[0], {}, r"embeddings must be finite \(samples, dimensions\), got shape \(4,\)"),
        (whole * np.nan, {}, "embeddings must be finite"),
        (whole, {"neighbours": 9}, "neighbours must be 2 to 8 for 9 samples, got 9"),
        (whole, {"neighbours": 3, "least_distance": 1}, "least_distance must be in"),
    ):
        with pytest.raises(ValueError, match=message):
            embedding_map(points, **options)
    imported = builtins.__import__

    def without_umap(name, *rest):
        if name == "umap":
            raise ImportError(name)
        return imported(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without_umap)
    with pytest.raises(ImportError, match=r"install it with pip install \"m3leo-sar\[umap\]\""):
        embedding_map(whole, neighbours=3)
