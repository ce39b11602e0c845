"""One training run, and the predictions of a trained model with missing chips."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from m3leo_sar.grid.geobox import GeoBox
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.chips.chip import Chip


@dataclass(frozen=True, kw_only=True)
class Budget:
    """Training length and size of a network.

    Parameters
    ----------
    epochs, batch : int
    widths : tuple of int
        Channels of the UNet's levels.
    learning_rate : float
    threads : int
        CPU threads of torch; sums in another order are rounded differently, so they are part of the protocol.
    """

    epochs: int = 15
    batch: int = 7
    widths: tuple[int, ...] = (8, 16, 32)
    learning_rate: float = 5e-3
    threads: int = 1


def train_once(
    archive: ChipArchive,
    output: Path,
    *,
    inputs: Sequence[str],
    splits: Mapping[str, str],
    budget: Budget,
    seed: int,
    task: str = "segmentation",
    target: str = "landcover",
    missing: str = "mask",
    mask: bool = False,
    hide: float = 0.0,
) -> dict[str, Any]:
    """Train a UNet and return its metrics; ``model.pt`` and the other files are written to ``output``.

    Parameters
    ----------
    archive : ChipArchive
    output : path
    inputs : sequence of str
        Channels.
    splits : mapping of str to str
        Tile to ``train``, ``val`` or ``test``.
    budget : Budget
    seed : int
    task, target, missing : str
    mask : bool
        Whether the mask is an input of the network.
    hide : float
        As in :class:`m3leo_sar.learn.fit.fit_config.FitConfig`.

    Raises
    ------
    ValueError
        If the configuration is invalid.
    """
    # Imported here: torch and Lightning take seconds, and only training needs them.
    from m3leo_sar.learn.fit.fit import fit
    from m3leo_sar.learn.fit.fit_config import FitConfig

    config = FitConfig(
        archive=str(archive.root),
        output=str(output),
        task={"name": task},
        model={"name": "unet", "widths": list(budget.widths), "mask": mask},
        input=list(inputs),
        target=target,
        splits=dict(splits),
        missing=missing,
        hide=hide,
        batch=budget.batch,
        epochs=budget.epochs,
        learning_rate=budget.learning_rate,
        threads=budget.threads,
        accelerator="cpu",
        seed=seed,
    )
    return fit(config, resume=True).metrics


class PartialArchive(ChipArchive):
    """An archive in which some chips are treated as missing.

    Parameters
    ----------
    archive : ChipArchive
    hidden : mapping of str to collection of str
        Tile to its hidden channels ``dataset:key``.
    """

    def __init__(self, archive: ChipArchive, hidden: Mapping[str, Collection[str]]) -> None:
        super().__init__(archive.root)
        self.hidden = hidden

    def has(self, identifier: str, dataset: str, key: str, *, parameters: Any = None) -> bool:
        """Whether a chip exists and is not hidden."""
        return not self._hides(identifier, dataset, key) and super().has(
            identifier, dataset, key, parameters=parameters
        )

    def read(self, identifier: str, dataset: str, key: str) -> Chip:
        """Read one chip; FileNotFoundError for a hidden one."""
        if self._hides(identifier, dataset, key):
            raise FileNotFoundError(f"tile {identifier} has no chip {dataset}/{key}")
        return super().read(identifier, dataset, key)

    def facts(self, identifier: str, dataset: str, key: str) -> tuple[GeoBox, dict[str, Any]]:
        """Grid and metadata of one chip; FileNotFoundError for a hidden one."""
        if self._hides(identifier, dataset, key):
            raise FileNotFoundError(f"tile {identifier} has no chip {dataset}/{key}")
        return super().facts(identifier, dataset, key)

    def _hides(self, identifier: str, dataset: str, key: str) -> bool:
        return f"{dataset}:{key}" in self.hidden.get(identifier, ())
