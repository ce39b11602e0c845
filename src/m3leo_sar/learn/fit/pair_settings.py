"""Settings of samples that are computed from a store of SLC tiles during training."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class PairSettings:
    """Selection of pairs, and their augmentation.

    Parameters
    ----------
    store : str
        Folder of SLC tiles created by ``m3leo-sar slc-tiles``; without one, chips of the archive are read.
    polarisation : str
        Polarisation of the samples, if the store holds several.
    days : list of int
        Temporal baselines of the pairs in days; empty for pairs of consecutive dates.
    season : str
        Season of the pairs, by their middle day; "" for all seasons.
    redraw : bool
        Whether a training sample uses a random pair of its tile with the same temporal baseline, among the pairs
        selected by ``days`` and ``season``.
    swap : float
        Share of training samples whose reference and secondary dates are exchanged, which reverses the sign of the
        phase.
    flips : list of str
        ``"rows"`` mirrors half of the training samples vertically.
    memory_mib : int
        Host memory for tiles in MiB, shared by all workers. A worker mixes the samples of as many tiles as its share
        holds, at most 16, so that each tile is read once per epoch.
    device : str
        ``"cpu"`` or ``"gpu"``: where tiles are held and products computed; torch accesses GPU products through DLPack.
    device_mib : int
        GPU memory for tiles in MiB, which determines the number of tiles mixed there.
    draw : int
        Number of training samples to which statistics are fitted.
    """

    store: str = ""
    polarisation: str = ""
    days: list[int] = field(default_factory=list)
    season: str = ""
    redraw: bool = False
    swap: float = 0.0
    flips: list[str] = field(default_factory=list)
    memory_mib: int = 1024
    device: str = "cpu"
    device_mib: int = 4096
    draw: int = 256
