"""Statistics for the inputs of a configuration, from a file written by a run or by the command ``stats``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from m3leo_sar.chips.grouped import GroupedStatistics
from m3leo_sar.chips.statistics import ENCODINGS, BandStatistics, Statistics
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.chips.slc_tile_store import SlcTileStore
from m3leo_sar.learn.data.channel import Channel
from m3leo_sar.learn.data.pair_datamodule import encodings_of
from m3leo_sar.learn.fit.fit_config import FitConfig
from m3leo_sar.stack.pair_product import PairProduct, polarisations_of

#: Metadata of a channel's chips, by which groups are distinguished.
_FactsOf = Callable[[Channel], Mapping[str, Any]]


def given_statistics(config: FitConfig, channels: list[Channel]) -> Statistics:
    """Statistics of a file: one band per input, or groups of bands as written by the command ``stats``.

    The group of an input is that of its chips or, for products of pairs, that of the stack from which the store was
    created.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is damaged, or has no group for an input.
    """
    text = Path(config.statistics).read_text(encoding="utf-8")
    if '"groups"' not in text:
        return Statistics.from_json(text)
    grouped = GroupedStatistics.from_json(text)
    facts_of = _facts_of_store(config) if config.pairs else partial(_facts_of_chips, ChipArchive(config.archive))
    return Statistics(tuple(_band_of(channel, grouped, facts_of) for channel in channels))


def _band_of(channel: Channel, grouped: GroupedStatistics, facts_of: _FactsOf) -> BandStatistics:
    if not ENCODINGS[channel.rule].scaled:
        return BandStatistics(channel.name, channel.rule)
    try:
        band = grouped.band(**{**facts_of(channel), "product": channel.dataset})
    except KeyError as error:
        raise ValueError(f"statistics of the input {channel.name}: {error.args[0]}") from error
    return replace(band, name=channel.name)


def _facts_of_store(config: FitConfig) -> _FactsOf:
    products = [PairProduct.parse(text) for text in config.input]
    wanted = config.pairs.get("polarisation") or "+".join(polarisations_of(products)) or None
    facts = SlcTileStore(config.pairs["store"], polarisation=wanted).facts

    def facts_of(channel: Channel) -> Mapping[str, Any]:
        named = PairProduct.parse(channel.name).polarisation or facts.polarisation.partition("+")[0]
        return {"polarisation": named, "orbit": facts.orbit, "track": facts.track}

    return facts_of


def _facts_of_chips(archive: ChipArchive, channel: Channel) -> Mapping[str, Any]:
    """Metadata of the first chip of an input."""
    for identifier in archive.identifiers:
        if archive.has(identifier, channel.dataset, channel.key):
            return archive.facts(identifier, channel.dataset, channel.key)[1]
    raise ValueError(f"{archive.root} holds no chip {channel.dataset}/{channel.key}")


def check_bands(given: Statistics, config: FitConfig, channels: list[Channel]) -> None:
    """Reject a file whose bands are not those of the input; names without a colon, such as a preset's, are allowed."""
    if len(given.bands) != len(channels):
        raise ValueError(
            f"statistics must hold a band for each of the {len(channels)} inputs, got {len(given.bands)} in "
            f"{config.statistics}"
        )
    names = [channel.name for channel in channels]
    for number, (band, channel) in enumerate(zip(given.bands, channels, strict=True), 1):
        known = encodings_of(channel) if config.pairs else (channel.rule,)
        free = ":" not in band.name and band.name not in names
        if (band.name != channel.name and not free) or band.encoding not in known:
            raise ValueError(
                f"statistics must be those of the inputs in their order: band {number} must be {channel.name}, encoded "
                f"as {' or '.join(known)}, got {band.name} as {band.encoding} in {config.statistics}"
            )
