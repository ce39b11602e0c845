"""Worlds that several gates share, one a seed, made when they are first asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from science import worlds
from science.worlds import World

Maker = Callable[[Path, int], World]


def per_seed(make: Maker) -> Any:
    """Session fixture of a world for each seed, made when it is first asked for."""

    @pytest.fixture(scope="session")
    def found(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], World]:
        made: dict[int, World] = {}

        def world(seed: int) -> World:
            if seed not in made:
                made[seed] = make(tmp_path_factory.mktemp(make.__name__), seed)
            return made[seed]

        return world

    return found


coherent = per_seed(worlds.coherent)
small_blobs = per_seed(worlds.small_blobs)
phase_only = per_seed(worlds.phase_only)
independent_dates = per_seed(worlds.independent_dates)
two_channels = per_seed(worlds.two_channels)
fused = per_seed(worlds.fused)
damaged = per_seed(worlds.damaged)
decaying = per_seed(worlds.decaying)
spread_labels = per_seed(worlds.spread_labels)
