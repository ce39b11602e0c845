"""Check of the chips that a run requires, before its first step."""

from __future__ import annotations

from collections.abc import Sequence

from m3leo_sar.chips.stored_unit import StoredUnits
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.chips.chip_name import parse_key
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
    """Raise an error if a tile lacks a chip, or a channel's chips are stored in incompatible units.

    Only the metadata of the chips is read, not their pixels.

    Parameters
    ----------
    archive : ChipArchive
    identifiers : sequence of str
        Tiles of all splits.
    channels : sequence of Channel
    label : LabelKey or None
    missing : str
        As in :class:`m3leo_sar.learn.data.dataset.ChipDataset`; chips are only required for ``"raise"``.

    Raises
    ------
    FileNotFoundError
        If a chip is missing; the message gives the number of missing chips.
    ValueError
        If a chip cannot be opened, two inputs are one chip, or for the reasons of
        :class:`m3leo_sar.chips.stored_unit.StoredUnits`.
    """
    _require_distinct(archive, identifiers, channels)
    wanted: list[tuple[str, str, Channel | None]] = [(item.dataset, item.key, item) for item in channels]
    wanted += [(label.dataset, label.key, None)] if label else []
    lacking, units = [], StoredUnits()
    for identifier in identifiers:
        for dataset, key, channel in wanted:
            try:
                _, metadata = archive.facts(identifier, dataset, key)
            except (FileNotFoundError, ValueError) as error:
                # A chip that cannot be opened counts as missing, which only "raise" does not allow.
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


def _require_distinct(archive: ChipArchive, identifiers: Sequence[str], channels: Sequence[Channel]) -> None:
    """Refuse two names of one chip, such as ``coherence/20230101_20230113`` and the same with its polarisation."""
    for identifier in identifiers[:1]:
        found: dict[tuple[object, ...], Channel] = {}
        for channel in channels:
            try:
                # Zarr keeps several pairs of a product at one path.
                path = archive.path(identifier, channel.dataset, channel.key)
            except ValueError:
                # A name that several chips have is reported where the chip is read.
                continue
            place = path, parse_key(channel.key)[1], channel.encoding
            if place in found:
                raise ValueError(f"input must name each chip once, {found[place]} and {channel} are the same")
            found[place] = channel
