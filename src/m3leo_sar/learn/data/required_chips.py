"""What a run needs of an archive's chips, asked before its first step."""

from __future__ import annotations

from collections.abc import Sequence

from m3leo_sar.chips.stored_unit import StoredUnits
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.learn.data.channel import Channel
from m3leo_sar.learn.data.labels import LabelKey


def require_chips(
    archive: ChipArchive,
    identifiers: Sequence[str],
    channels: Sequence[Channel],
    label: LabelKey | None,
    *,
    missing: str,
) -> None:
    """Refuse to begin where a tile lacks a chip, or a channel's chips are stored in units that do not fit.

    Only what the chips state of themselves is read, not their pixels.

    Parameters
    ----------
    archive : ChipArchive
    identifiers : sequence of str
        Tiles of all splits.
    channels : sequence of Channel
    label : LabelKey or None
    missing : str
        As of :class:`m3leo_sar.learn.data.dataset.ChipDataset`; a chip must be there for ``"raise"`` alone.

    Raises
    ------
    FileNotFoundError
        If a chip is missing; the message counts all of them.
    ValueError
        If a chip cannot be opened, or as :class:`m3leo_sar.chips.stored_unit.StoredUnits`.
    """
    wanted: list[tuple[str, str, Channel | None]] = [(item.dataset, item.key, item) for item in channels]
    wanted += [(label.dataset, label.key, None)] if label else []
    lacking, units = [], StoredUnits()
    for identifier in identifiers:
        for dataset, key, channel in wanted:
            try:
                _, metadata = archive.facts(identifier, dataset, key)
            except (FileNotFoundError, ValueError) as error:
                # What cannot be opened counts as missing, which only "raise" does not allow.
                if missing == "raise" and isinstance(error, ValueError):
                    raise
                lacking.append(f"{dataset}:{key} of tile {identifier}")
                continue
            if channel is not None:
                units.check(str(channel), channel.rule, metadata.get("unit"), where=f"tile {identifier}")
    if lacking and missing == "raise":
        raise FileNotFoundError(
            f"{len(lacking)} chips of the {len(identifiers)} tiles of the splits are missing in {archive.root}, first "
            f"{', '.join(lacking[:3])}; leave the tiles out of the splits, or choose missing=drop, mask or fill"
        )
