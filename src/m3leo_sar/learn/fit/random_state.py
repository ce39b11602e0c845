"""State of a process's random number generators, to save and restore."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch


def random_state() -> dict[str, Any]:
    """State of the generators of torch (all devices), NumPy and Python, as plain values and tensors."""
    name, keys, *rest = np.random.get_state(legacy=True)  # noqa: NPY002  (what other libraries draw from)
    version, words, gauss = random.getstate()
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "numpy": [name, torch.from_numpy(np.asarray(keys, np.int64)), *rest],
        "python": [version, torch.tensor(words, dtype=torch.int64), gauss],
    }


def restore_random_state(state: dict[str, Any]) -> None:
    """Restore the state returned by :func:`random_state`."""
    torch.set_rng_state(state["torch"])
    if state["cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(state["cuda"])
    name, keys, *rest = state["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), *rest))  # noqa: NPY002
    version, words, gauss = state["python"]
    random.setstate((version, tuple(words.tolist()), gauss))
