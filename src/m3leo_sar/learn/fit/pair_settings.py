"""What a configuration says of samples that are computed from a store of SLC tiles while a model trains."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class PairSettings:
    """Which pairs, and how they vary.

    Parameters
    ----------
    store : str
        Folder of the SLC tiles that ``m3leo-sar slc-tiles`` makes; without one, chips of the archive are read.
    days : list of int
        Only pairs so many days apart; empty for each date with the next.
    season : str
        Only pairs whose middle day lies in it; "" for all.
    redraw : bool
        Whether a training sample takes any pair of its tile that is as many days apart, of those that ``days`` and
        ``season`` leave.
    swap : float
        Share of training samples whose dates change places, which turns the phase around.
    flips : list of str
        ``"rows"`` mirrors half of the training samples up and down.
    memory_mib : int
        Memory for tiles, shared by all workers. A worker mixes as many tiles in a batch as its share holds, 16 at most,
        so that each is read once an epoch.
    device : str
        ``"cpu"``, or ``"gpu"``: products are computed where the tiles are held, and torch sees them by DLPack.
    device_mib : int
        Memory of the GPU for tiles, which tells how many are mixed there.
    draw : int
        Training samples that statistics are fitted on.
    """

    store: str = ""
    days: list[int] = field(default_factory=list)
    season: str = ""
    redraw: bool = False
    swap: float = 0.0
    flips: list[str] = field(default_factory=list)
    memory_mib: int = 1024
    device: str = "cpu"
    device_mib: int = 4096
    draw: int = 256
