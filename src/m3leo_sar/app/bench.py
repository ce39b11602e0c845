"""A benchmark by a frozen protocol: tasks, inputs, seeds and what becomes of missing chips, in one table."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.app.bench_protocol import BenchTask, Protocol, Results, ToyGround, read_results
from m3leo_sar.app.bench_training import PartialArchive, train_once
from m3leo_sar.app.bench_world import add_raster, simulated_archive, simulated_ground
from m3leo_sar.app.change_scores import area_interval, event_scores, ranking_counts
from m3leo_sar.app.prepare import LABEL
from m3leo_sar.app.train import default_splits, input_names
from m3leo_sar.grid.aoi import aoi_polygon
from m3leo_sar.io.archive import ChipArchive
from m3leo_sar.io.atomic import write_text
from m3leo_sar.simulate.optical import optical_image
from m3leo_sar.simulate.scene import Event, simulate_scene
from m3leo_sar.stack.events import event_triplets
from m3leo_sar.stack.pairs import Pair, parse_date

RESULTS, TABLE, MODELS = "results.json", "results.md", "models"
#: Reflectance in the toy's one optical band, which merges other classes than coherence does; tonnes of biomass.
_REFLECTANCE = {10: 0.05, 30: 0.25, 40: 0.25, 50: 0.35, 60: 0.35, 80: 0.05}
_BIOMASS = {10: 150.0, 30: 8.0, 40: 12.0, 50: 3.0, 60: 1.0, 80: 0.0}


class Ground(NamedTuple):
    """What a benchmark is run on."""

    archive: ChipArchive
    #: Tile to ``train``, ``val`` or ``test``.
    splits: dict[str, str]

    @property
    def test(self) -> list[str]:
        """Tiles that are scored, in order."""
        return sorted(name for name, split in self.splits.items() if split == "test")


def run_bench(
    output: Path,
    protocol: Protocol,
    *,
    archive: ChipArchive | None = None,
    splits: Mapping[str, str] | None = None,
    merge: Sequence[Path] = (),
    report: Callable[[str], None] | None = None,
) -> Results:
    """Run what of a protocol is not done yet, and write ``results.json`` and ``results.md``.

    Parameters
    ----------
    output : path
        Folder of the results, the models and the toy data.
    protocol : Protocol
    archive : ChipArchive, optional
        Chips and labels; simulated, as the protocol's ``toy`` says, if None.
    splits : mapping of str to str, optional
        Tile to ``train``, ``val`` or ``test``; from west to east if None.
    merge : sequence of path
        Results files of the same protocol and data, whose rows are taken instead of being run.
    report : callable, optional
        Called with a line after each step.

    Returns
    -------
    Results

    Raises
    ------
    ValueError
        If ``output`` or a file to merge has results of another protocol or other data, or the archive lacks something.
    OSError
        If the folder cannot be written to.
    """
    ground = _ground(output, protocol, archive, splits)
    results = Results(protocol, data_digest(ground, protocol))
    if (output / RESULTS).is_file():
        results.merge(output / RESULTS)
    for path in merge:
        results.merge(path)
    run = _Run(ground, output, results, report or (lambda _: None))
    run.save()
    for task in protocol.tasks:
        if task.kind == "change":
            run.change(task)
            continue
        for name in protocol.inputs:
            for seed in protocol.seeds:
                run.trained(task, name, seed)
    return results


def data_digest(ground: Ground, protocol: Protocol) -> str:
    """Sixteen hex digits of the tiles, their splits, and the labels of those that are scored."""
    seen = hashlib.sha256(repr(sorted(ground.splits.items())).encode())
    for task in protocol.tasks:
        for tile in ground.test:
            seen.update(np.ascontiguousarray(ground.archive.read(tile, *_label(task)).array).tobytes())
    return seen.hexdigest()[:16]


def hidden_chips(
    tiles: Sequence[str], channels: Sequence[str], track: str, *, drop: float, seed: int = 0
) -> dict[str, dict[str, set[str]]]:
    """Chips ``dataset:key`` that each tile lacks, by name of the track.

    Parameters
    ----------
    tiles : sequence of str
    channels : sequence of str
        ``dataset:key`` or ``dataset:key:encoding``.
    track : str
        ``"all"`` hides nothing; ``"one-missing"`` gives a track for each product, none if there is only one;
        ``"random"`` hides each chip with probability ``drop``, and spares one of a tile that would have none.
    drop : float
    seed : int

    Examples
    --------
    >>> hidden_chips(["a"], ["coherence:x", "optical:red:linear"], "one-missing", drop=0.5)
    {'without coherence': {'a': {'coherence:x'}}, 'without optical': {'a': {'optical:red'}}}
    """
    chips = [":".join(channel.split(":")[:2]) for channel in channels]
    if track == "all":
        return {"all": {}}
    if track == "random":
        rng = np.random.default_rng((seed, len(chips)))
        return {} if len(chips) < 2 else {"random": {tile: _drawn(chips, drop, rng) for tile in tiles}}
    datasets = list(dict.fromkeys(chip.split(":")[0] for chip in chips))
    if len(datasets) < 2:
        return {}
    of = {name: {chip for chip in chips if chip.split(":")[0] == name} for name in datasets}
    return {f"without {name}": {tile: of[name] for tile in tiles} for name in datasets}


def toy_ground(folder: Path, toy: ToyGround) -> ChipArchive:
    """Simulate the toy's archive: coherence, intensity, an optical band, land cover, biomass and an event."""
    first = datetime.date(2023, 3, 1)
    dates = [first + datetime.timedelta(days=toy.every * number) for number in range(toy.dates)]
    event = Event(date=dates[toy.dates // 2], share=0.3)
    geobox = simulated_ground((toy.rows, toy.cols), chip=toy.chip)
    scene = simulate_scene(geobox, dates=dates, event=event, seed=toy.seed, patch=toy.patch)
    table = np.zeros(256, np.float32)
    table[list(_BIOMASS)] = list(_BIOMASS.values())
    biomass = table[scene.labels()["landcover"][0]], geobox
    archive, tiles = simulated_archive(scene, folder, chip=toy.chip, labels={"biomass": biomass})
    add_raster(archive, tiles, "optical", {"red": optical_image(scene, _REFLECTANCE)}, geobox)
    return archive


@dataclass
class _Run:
    """A benchmark under way."""

    ground: Ground
    output: Path
    results: Results
    report: Callable[[str], None]

    def save(self) -> None:
        self.results.write(self.output / RESULTS)
        write_text(self.output / TABLE, self.results.table())

    def trained(self, task: BenchTask, name: str, seed: int) -> None:
        """Train one model if it is not there, and score it on every track that lacks a score."""
        protocol, archive = self.results.protocol, self.ground.archive
        channels = input_names(archive, list(protocol.inputs[name]), target=":".join(_label(task)))
        tracks: dict[str, dict[str, set[str]]] = {}
        for track in protocol.tracks:
            tracks |= hidden_chips(self.ground.test, channels, track, drop=protocol.drop)
        key = {"task": task.name, "input": name, "seed": seed}
        lacking = {track: hidden for track, hidden in tracks.items() if not self.results.has(**key, track=track)}
        if not lacking:
            return
        folder = self.output / MODELS / "-".join([task.name, name.replace(" ", "_"), str(seed)])
        if not (folder / "metrics.json").is_file():
            train_once(
                archive,
                folder,
                inputs=channels,
                splits=self.ground.splits,
                budget=protocol.budget,
                seed=seed,
                task=task.kind,
                target=":".join(_label(task)),
            )
        for track, hidden in lacking.items():
            metric, score = self._score(task, folder / "model.pt", hidden)
            self._note(key | {"track": track, "metric": metric}, score)

    def change(self, task: BenchTask) -> None:
        """Score every change of coherence about an event, of the shortest pairs that have one before it."""
        archive, tiles = self.ground.archive, self.ground.test
        pairs = set.intersection(*(set(archive.keys(tile, "coherence")) for tile in tiles))
        dates = {date for pair in map(Pair.parse, pairs) for date in (pair.reference, pair.secondary)}
        end = parse_date(task.end) if task.end else None
        triplets = [
            triplet
            for triplet in event_triplets(sorted(dates), start=parse_date(task.start), end=end)
            if {str(pair) for pair in triplet if pair is not None} <= pairs
        ]
        if not triplets:
            raise ValueError(
                f"task {task.name}: the archive has no pair across {task.start} with one of its lag before"
            )
        hits = [archive.read(tile, *_label(task)).array != 0 for tile in tiles]
        by_tile = [event_scores(archive, tile, triplets[0]) for tile in tiles]
        for name in by_tile[0]:
            key = {"task": task.name, "input": name, "seed": None, "track": "all"}
            if not self.results.has(**key):
                counts = ranking_counts([scores[name] for scores in by_tile], hits)
                score = area_interval(counts, draws=self.results.protocol.draws, level=self.results.protocol.level)
                self._note(key | {"metric": "AUC"}, score)

    def _score(
        self, task: BenchTask, checkpoint: Path, hidden: Mapping[str, set[str]]
    ) -> tuple[str, tuple[float, float, float]]:
        from m3leo_sar.learn.predict import predict
        from m3leo_sar.learn.tile_bootstrap import miou_interval, rmse_interval

        partial = PartialArchive(self.ground.archive, hidden)
        label, protocol = _label(task), self.results.protocol
        truths = [partial.read(tile, *label).array for tile in self.ground.test]
        found = [predict(checkpoint, partial, tile) for tile in self.ground.test]
        if task.kind == "segmentation":
            return "mIoU", miou_interval(confusions(found, truths), draws=protocol.draws, level=protocol.level)
        return "RMSE", rmse_interval(square_sums(found, truths), draws=protocol.draws, level=protocol.level)

    def _note(self, row: dict[str, Any], score: tuple[float, float, float]) -> None:
        numbers = dict(zip(("score", "low", "high"), score, strict=True))
        self.results.add([row | numbers | {"tiles": len(self.ground.test)}])
        self.save()
        seed = "" if row["seed"] is None else f", seed {row['seed']}"
        self.report(f"{row['task']}, {row['input']}{seed}, {row['track']}: {row['metric']} {score[0]:.3f}")


def confusions(found: Sequence[NDArray[Any]], truths: Sequence[NDArray[Any]]) -> NDArray[np.int64]:
    """Counts (tiles, true class, predicted class) of maps of codes; class 0, and its row, is what has no code.

    Raises
    ------
    ValueError
        If two maps of a tile differ in shape.
    """
    codes = np.unique(np.concatenate([[0], *(np.unique(part) for part in (*found, *truths))]))
    counts = np.zeros((len(found), len(codes), len(codes)), np.int64)
    for number, (guess, truth) in enumerate(zip(found, truths, strict=True)):
        if guess.shape != truth.shape:
            raise ValueError(f"found must have the shape of its label, {truth.shape}, got {guess.shape}")
        known = truth != 0
        pair = np.searchsorted(codes, truth[known]) * len(codes) + np.searchsorted(codes, guess[known])
        counts[number] = np.bincount(pair, minlength=len(codes) ** 2).reshape(len(codes), len(codes))
    return counts


def square_sums(found: Sequence[NDArray[Any]], truths: Sequence[NDArray[Any]]) -> NDArray[np.float64]:
    """Sum of squared errors and number of values (tiles, 2) of maps of values; NaN of the truth does not count."""
    errors = [np.asarray(guess, np.float64) - truth for guess, truth in zip(found, truths, strict=True)]
    known = [part[np.isfinite(truth)] for part, truth in zip(errors, truths, strict=True)]
    return np.array([(float(np.sum(part**2)), len(part)) for part in known])


def _ground(output: Path, protocol: Protocol, archive: ChipArchive | None, splits: Mapping[str, str] | None) -> Ground:
    # Before anything is simulated: results of another protocol are no place to begin.
    if (output / RESULTS).is_file():
        Results(protocol, read_results(output / RESULTS)["data"]).merge(output / RESULTS)
    chips = toy_ground(output / "toy", protocol.toy) if archive is None else archive
    wanted = dict(splits) if splits else default_splits(chips, ":".join(_label(protocol.tasks[0])))
    if protocol.europe == "excluded":
        wanted = {tile: split for tile, split in wanted.items() if not _in_europe(chips, tile, protocol.tasks[0])}
    ground = Ground(chips, {tile: split for tile, split in wanted.items() if split in ("train", "val", "test")})
    if {"train", "val", "test"} - set(ground.splits.values()):
        raise ValueError(
            f"splits must leave tiles of train, val and test with Europe {protocol.europe}, got "
            f"{len(ground.splits)} tiles of {', '.join(sorted(set(ground.splits.values()))) or 'none'}"
        )
    return ground


def _in_europe(archive: ChipArchive, tile: str, task: BenchTask) -> bool:
    import shapely

    west, south, east, north = archive.facts(tile, *_label(task))[0].bounds_in("EPSG:4326")
    return bool(shapely.contains_xy(aoi_polygon("europe"), (west + east) / 2, (south + north) / 2))


def _label(task: BenchTask) -> tuple[str, str]:
    dataset, _, key = task.target.rpartition(":")
    return dataset or LABEL, key


def _drawn(chips: Sequence[str], drop: float, rng: np.random.Generator) -> set[str]:
    lost, spared = rng.random(len(chips)) < drop, int(rng.integers(len(chips)))
    if lost.all():
        lost[spared] = False
    return {chip for chip, gone in zip(chips, lost, strict=True) if gone}
