"""The data of a benchmark, and the digests that identify them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from m3leo_sar.bench.protocol import BenchTask, Protocol
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.chips.chip import pixel_checksum
from m3leo_sar.io.chips.chip_pairs import pairs_of
from m3leo_sar.io.chips.product_names import COHERENCE
from m3leo_sar.learn.data.channel import Channel
from m3leo_sar.stack.events import Triplet, triplets_of
from m3leo_sar.stack.pairs import parse_date
from m3leo_sar.training.archive_training import input_names
from m3leo_sar.training.pair_training import label_of

#: Mark of a missing chip.
_ABSENT = "absent"


@dataclass
class Ground:
    """Tiles of an archive by split.

    Parameters
    ----------
    archive : ChipArchive
    splits : dict of str to str
        Tile to ``train``, ``val`` or ``test``.
    """

    archive: ChipArchive
    splits: dict[str, str]
    # Most chips are inputs of several tasks; each is examined once.
    _marks: dict[tuple[str, str, str], str] = field(default_factory=dict, repr=False, compare=False)

    @property
    def test(self) -> list[str]:
        """Scored tiles, in order."""
        return sorted(name for name, split in self.splits.items() if split == "test")

    def channels(self, task: BenchTask, wanted: Sequence[str]) -> list[str]:
        """Channels of an input of a protocol; ValueError if a set is empty or an entry is not a channel."""
        names = input_names(self.archive, list(wanted), target=":".join(label_of(task.target)))
        for name in names:
            Channel.parse(name)
        return names

    def triplet(self, task: BenchTask) -> Triplet:
        """Shortest pairs around a task's event that every test tile has; ValueError if there are none."""
        keys = set.intersection(*(set(self.archive.keys(tile, COHERENCE)) for tile in self.test))
        pairs = pairs_of(self.archive, self.test[0], COHERENCE, sorted(keys)).values()
        end = parse_date(task.end) if task.end else None
        for triplet in triplets_of(pairs, start=parse_date(task.start), end=end):
            return triplet
        raise ValueError(f"task {task.name}: the archive has no pair across {task.start} with one of its lag before")

    def digest(self, task: BenchTask, channels: Iterable[str]) -> str:
        """Digest, sixteen hex digits, of the tiles, their splits, and their labels and channels for a task.

        A change task is only scored, so its digest depends on the test tiles alone.

        Raises
        ------
        FileNotFoundError
            If a test tile lacks the label.
        ValueError
            If a chip is damaged.
        """
        label = label_of(task.target)
        for tile in self.test:
            if self._mark(tile, *label) == _ABSENT:
                raise FileNotFoundError(f"tile {tile} is to be scored and has no chip {'/'.join(label)}")
        chips = sorted({label, *(tuple(name.split(":")[:2]) for name in channels)})
        seen = hashlib.sha256(repr(sorted(self.splits.items())).encode())
        for tile in self.test if task.kind == "change" else sorted(self.splits):
            seen.update(repr([tile, *((*chip, self._mark(tile, *chip)) for chip in chips)]).encode())
        return seen.hexdigest()[:16]

    def _mark(self, tile: str, dataset: str, key: str) -> str:
        """Signature of a chip's pixels."""
        place = (tile, dataset, key)
        if place not in self._marks:
            self._marks[place] = _found_mark(self.archive, *place)
        return self._marks[place]


def data_digest(ground: Ground, protocol: Protocol) -> str:
    """Digest, sixteen hex digits, of the tiles, their splits, and all their chips and labels used by a protocol.

    Raises
    ------
    FileNotFoundError
        If a test tile lacks a label.
    ValueError
        If a chip is damaged, or the archive lacks data for an input or an event.
    """
    seen = hashlib.sha256()
    for task in protocol.tasks:
        if task.kind == "change":
            inputs = [[f"{COHERENCE}:{pair}" for pair in ground.triplet(task) if pair is not None]]
        else:
            inputs = [ground.channels(task, wanted) for wanted in protocol.inputs.values()]
        for channels in inputs:
            seen.update(ground.digest(task, channels).encode())
    return seen.hexdigest()[:16]


def _found_mark(archive: ChipArchive, tile: str, dataset: str, key: str) -> str:
    try:
        geobox, metadata = archive.facts(tile, dataset, key)
    except FileNotFoundError:
        return _ABSENT
    # Its stored checksum is trusted: reading all pixels each time a benchmark continues would take long.
    checksum = metadata.get("crc32") or pixel_checksum(archive.read(tile, dataset, key).array)
    return f"{checksum} {geobox.shape} {metadata.get('scale')}"
