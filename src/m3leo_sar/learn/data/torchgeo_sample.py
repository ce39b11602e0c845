"""Samples in the format of torchgeo's trainers and utilities, without requiring torchgeo."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils.data import Dataset


class TorchGeoSamples(Dataset[dict[str, Any]]):
    """Wraps any of this library's data sets to return samples with torchgeo's keys.

    Parameters
    ----------
    data : Dataset
        Such as :class:`m3leo_sar.learn.data.pair_dataset.PairDataset`.
    """

    def __init__(self, data: Dataset[dict[str, Any]]) -> None:
        self.data = data

    def __len__(self) -> int:
        return len(self.data)  # type: ignore[arg-type]

    def __getitem__(self, index: int) -> dict[str, Any]:
        return torchgeo_sample(self.data[index])


def torchgeo_sample(sample: dict[str, Any]) -> dict[str, Any]:
    """Convert a sample to torchgeo's keys.

    Parameters
    ----------
    sample : dict
        ``image`` (channels, rows, cols) float32, ``mask`` (channels, rows, cols) bool, ``bounds``, ``crs`` and, for a
        labelled sample, ``target`` (rows, cols).

    Returns
    -------
    dict
        ``image`` unchanged; ``mask``, in torchgeo's sense the label (rows, cols), if there is one; ``bounds``, (xmin,
        ymin, xmax, ymax) float64 tensor in units of ``crs``; ``crs`` str; ``valid``, this library's mask; and all other
        items under their names. Tensors are not copied.

    Raises
    ------
    ValueError
        If one of the four keys is missing.
    """
    lacking = [name for name in ("image", "mask", "bounds", "crs") if name not in sample]
    if lacking:
        raise ValueError(f"sample must hold image, mask, bounds and crs, {', '.join(lacking)} are missing")
    rest = {name: value for name, value in sample.items() if name not in ("mask", "target", "bounds")}
    label = {"mask": sample["target"]} if "target" in sample else {}
    bounds = torch.tensor([float(edge) for edge in sample["bounds"]], dtype=torch.float64)
    return {**rest, **label, "valid": sample["mask"], "bounds": bounds}
