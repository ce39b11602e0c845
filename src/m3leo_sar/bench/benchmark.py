"""A benchmark with a frozen protocol: tasks, inputs, seeds and the treatment of missing chips, in one table."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.bench.bench_results import Results, read_results
from m3leo_sar.bench.change_scores import area_interval, event_scores, ranking_counts
from m3leo_sar.bench.ground import Ground, data_digest
from m3leo_sar.bench.origin import require_origin
from m3leo_sar.bench.protocol import BenchTask, Protocol, ToyGround
from m3leo_sar.bench.training_run import PartialArchive, train_once
from m3leo_sar.bench.world import add_raster, simulated_archive, simulated_ground
from m3leo_sar.grid.aoi import aoi_polygon
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.chips.chip import Chip
from m3leo_sar.io.files.atomic import write_text
from m3leo_sar.simulate.optical import optical_image
from m3leo_sar.simulate.scene import Event, simulate_scene
from m3leo_sar.training.archive_training import default_splits
from m3leo_sar.training.pair_training import label_of

RESULTS, TABLE, MODELS = "results.json", "results.md", "models"
#: Reflectance in the toy's single optical band, which confuses other classes than coherence; tonnes of biomass.
_REFLECTANCE = {10: 0.05, 30: 0.25, 40: 0.25, 50: 0.35, 60: 0.35, 80: 0.05}
_BIOMASS = {10: 150.0, 30: 8.0, 40: 12.0, 50: 3.0, 60: 1.0, 80: 0.0}


def run_bench(
    output: Path,
    protocol: Protocol,
    *,
    archive: ChipArchive | None = None,
    splits: Mapping[str, str] | None = None,
    merge: Sequence[Path] = (),
    report: Callable[[str], None] | None = None,
) -> Results:
    """Run the unfinished parts of a protocol, and write ``results.json`` and ``results.md``.

    Parameters
    ----------
    output : path
        Folder of the results, the models and the toy data.
    protocol : Protocol
    archive : ChipArchive, optional
        Chips and labels; if None, simulated as specified by the protocol's ``toy``.
    splits : mapping of str to str, optional
        Tile to ``train``, ``val`` or ``test``; from west to east if None.
    merge : sequence of path
        Results files of the same protocol and data, whose rows are reused instead of being run.
    report : callable, optional
        Called with a line after each step.

    Returns
    -------
    Results

    Raises
    ------
    ValueError
        If ``output`` or a file to merge contains results of another protocol, other data or an earlier version, a model
        or the toy data in ``output`` have a different origin, or the archive is incomplete.
    FileNotFoundError
        If a scored tile lacks a label.
    OSError
        If the folder is not writable.
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


def hidden_chips(
    tiles: Sequence[str], channels: Sequence[str], track: str, *, drop: float, seed: int = 0
) -> dict[str, dict[str, set[str]]]:
    """Chips ``dataset:key`` hidden from each tile, by name of the track.

    Parameters
    ----------
    tiles : sequence of str
    channels : sequence of str
        ``dataset:key`` or ``dataset:key:encoding``.
    track : str
        ``"all"`` hides nothing; ``"one-missing"`` gives one track per product, none if there is only one product;
        ``"random"`` hides each chip with probability ``drop``, and keeps one for a tile that would have none.
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
    """Simulate the toy archive: coherence, intensity, an optical band, land cover, biomass and an event.

    Raises
    ------
    ValueError
        If ``folder`` contains data of another toy.
    """
    # Existing data are not simulated again, so they must belong to this toy.
    require_origin(folder, asdict(toy))
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
    """A running benchmark."""

    ground: Ground
    output: Path
    results: Results
    report: Callable[[str], None]

    def save(self) -> None:
        self.results.write(self.output / RESULTS)
        write_text(self.output / TABLE, self.results.table())

    def trained(self, task: BenchTask, name: str, seed: int) -> None:
        """Train one model if it does not exist yet, and score it on every track without a score."""
        protocol = self.results.protocol
        channels = self.ground.channels(task, protocol.inputs[name])
        tracks: dict[str, dict[str, set[str]]] = {}
        for track in protocol.tracks:
            tracks |= hidden_chips(self.ground.test, channels, track, drop=protocol.drop)
        key = {"task": task.name, "input": name, "seed": seed}
        lacking = {track: hidden for track, hidden in tracks.items() if not self.results.has(**key, track=track)}
        if not lacking:
            return
        folder = self._model(task, name, channels, seed)
        for track, hidden in lacking.items():
            metric, score = self._score(task, folder / "model.pt", hidden)
            self._note(key | {"track": track, "metric": metric}, score)

    def change(self, task: BenchTask) -> None:
        """Score every coherence change around an event, from the shortest pairs with one before it."""
        archive, tiles, triplet = self.ground.archive, self.ground.test, self.ground.triplet(task)
        truths = event_truths([archive.read(tile, *label_of(task.target)) for tile in tiles], task.target)
        by_tile = [event_scores(archive, tile, triplet) for tile in tiles]
        for name in by_tile[0]:
            key = {"task": task.name, "input": name, "seed": None, "track": "all"}
            if not self.results.has(**key):
                counts = change_counts([scores[name] for scores in by_tile], truths)
                score = area_interval(counts, draws=self.results.protocol.draws, level=self.results.protocol.level)
                self._note(key | {"metric": "AUC"}, score)

    def _model(self, task: BenchTask, name: str, channels: list[str], seed: int) -> Path:
        """Folder of a trained model of exactly this task, input, budget, seed and data."""
        budget, target = self.results.protocol.budget, ":".join(label_of(task.target))
        folder = self.output / MODELS / "-".join([task.name, name.replace(" ", "_"), str(seed)])
        facts = {"task": task.kind, "target": target, "input": channels, "budget": asdict(budget), "seed": seed}
        require_origin(folder, facts | {"data": self.ground.digest(task, channels)})
        if not (folder / "metrics.json").is_file():
            train_once(
                self.ground.archive,
                folder,
                inputs=channels,
                splits=self.ground.splits,
                budget=budget,
                seed=seed,
                task=task.kind,
                target=target,
            )
        return folder

    def _score(
        self, task: BenchTask, checkpoint: Path, hidden: Mapping[str, set[str]]
    ) -> tuple[str, tuple[float, float, float]]:
        from m3leo_sar.learn.fit.predict import predict
        from m3leo_sar.learn.score.tile_bootstrap import miou_interval, rmse_interval

        partial = PartialArchive(self.ground.archive, hidden)
        label, protocol = label_of(task.target), self.results.protocol
        truths = [partial.read(tile, *label).values() for tile in self.ground.test]
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


def event_truths(labels: Sequence[Chip], name: str) -> list[NDArray[Any]]:
    """Labels (rows, cols) of an event, non-zero where it hit, 0 where it did not, and NaN where a chip has no data.

    Raises
    ------
    ValueError
        If the chips declare 0 as no data and so leave no unaffected pixel.
    """
    truths = [chip.values() for chip in labels]
    if any(chip.nodata == 0 for chip in labels) and not any((truth == 0).any() for truth in truths):
        raise ValueError(
            f"label {name} has no pixel that the event left unaffected: its chips declare 0 as no data; write them "
            "anew with 0 as a value, such as truth values or another nodata="
        )
    return truths


def change_counts(scores: Sequence[NDArray[np.floating]], truths: Sequence[NDArray[Any]]) -> NDArray[np.float64]:
    """Histograms of :func:`ranking_counts` from each tile's scores and label, which is non-zero where it was hit.

    NaN in the label means no label, neither hit nor unaffected.

    Raises
    ------
    ValueError
        As :func:`ranking_counts`.
    """
    # Compared here, as a mask of another shape would raise an error that names neither.
    for score, truth in zip(scores, truths, strict=True):
        if score.shape != truth.shape:
            raise ValueError(f"truths must have the shape of their scores, {score.shape}, got {truth.shape}")
    known = [~np.isnan(truth) for truth in truths]
    return ranking_counts(
        [score[there] for score, there in zip(scores, known, strict=True)],
        [truth[there] != 0 for truth, there in zip(truths, known, strict=True)],
    )


def confusions(found: Sequence[NDArray[Any]], truths: Sequence[NDArray[Any]]) -> NDArray[np.int64]:
    """Confusion matrices (tiles, true class, predicted class) of class maps; class 0 and its row: no code, or NaN.

    Raises
    ------
    ValueError
        If two maps of a tile differ in shape.
    """
    found, truths = ([np.where(np.isnan(part), 0, part) for part in maps] for maps in (found, truths))
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
    """Sum of squared errors and number of values (tiles, 2) of value maps; NaN in either is ignored."""
    sums = []
    for guess, truth in zip(found, truths, strict=True):
        # A prediction of infinity is an error, NaN means that the model had no input.
        errors = (np.asarray(guess, np.float64) - truth)[np.isfinite(truth) & ~np.isnan(guess)]
        sums.append((float(np.sum(errors**2)), len(errors)))
    return np.array(sums)


def _ground(output: Path, protocol: Protocol, archive: ChipArchive | None, splits: Mapping[str, str] | None) -> Ground:
    # Checked before any simulation: results of another protocol cannot be continued.
    if (output / RESULTS).is_file():
        Results(protocol, read_results(output / RESULTS)["data"]).merge(output / RESULTS)
    chips = toy_ground(output / "toy", protocol.toy) if archive is None else archive
    wanted = dict(splits) if splits else default_splits(chips, ":".join(label_of(protocol.tasks[0].target)))
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

    west, south, east, north = archive.facts(tile, *label_of(task.target))[0].bounds_in("EPSG:4326")
    return bool(shapely.contains_xy(aoi_polygon("europe"), (west + east) / 2, (south + north) / 2))


def _drawn(chips: Sequence[str], drop: float, rng: np.random.Generator) -> set[str]:
    lost, spared = rng.random(len(chips)) < drop, int(rng.integers(len(chips)))
    if lost.all():
        lost[spared] = False
    return {chip for chip, gone in zip(chips, lost, strict=True) if gone}
