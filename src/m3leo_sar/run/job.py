"""A block of neighbouring tiles as one job: a pure function of plain values, wherever it runs."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.chips.transfer import to_gpu
from m3leo_sar.grid.tiles import Tile
from m3leo_sar.grid.window import Window
from m3leo_sar.io.chips.archive import ChipArchive
from m3leo_sar.io.files.fingerprint import signature
from m3leo_sar.io.remote.open_remote import use_index
from m3leo_sar.io.remote.remote_address import file_at, full_address
from m3leo_sar.products.placement import Placement
from m3leo_sar.products.recipe import Image, Origin, Recipe, images_of_chips, inputs_of
from m3leo_sar.products.tile_maker import Task, TileMaker, WritingFailed
from m3leo_sar.run.catalogue import Catalogue, reopen
from m3leo_sar.run.job_warnings import collected, collecting
from m3leo_sar.run.loop import reason_of
from m3leo_sar.run.plan import Plan
from m3leo_sar.stack.pairs import Pair
from m3leo_sar.stack.slc import SlcStack

#: Most bytes of the stack in memory for all tiles of a block; larger blocks are read tile by tile.
BLOCK_BYTES = 256 << 20
#: Largest ratio of a block's pixels to those of its tiles for which the block is read at once.
_SPREAD = 1.5


def common_values(
    catalogue: Catalogue,
    archive: ChipArchive,
    recipe: Recipe,
    origin: Origin,
    signatures: Mapping[str, str],
    *,
    device: str = "cpu",
    remote_index: Path | None = None,
) -> dict[str, Any]:
    """Common parameters of all jobs of a run, as plain values.

    They may hold addresses with tokens, so that they are never written to a file.
    """
    return {
        "source": dict(catalogue.source),
        "archive": str(archive.root.resolve()),
        # A long-lived process, such as a cluster's, may know an archive of another storage or dtype by this name.
        "storage": archive.storage,
        "dtype": archive.dtype,
        "recipe": {
            "pairs": [[str(pair), pair.days] for pair in recipe.pairs],
            "window": asdict(recipe.window),
            "interferograms": recipe.interferograms,
            "intensities": recipe.intensities,
            "resampling": recipe.resampling,
            "minimum_coverage": recipe.minimum_coverage,
            "min_valid": recipe.min_valid,
            "fill_gaps": recipe.fill_gaps,
            "valid_looks": recipe.valid_looks,
            "cross_polarised": recipe.cross_polarised,
            "gamma0": recipe.gamma0,
            "mask": list(recipe.mask),
        },
        "checksums": dict(origin.checksums),
        "names": dict(origin.names),
        "files": {name: [full_address(path) for path in paths] for name, paths in catalogue.inputs.items()},
        "signatures": dict(signatures),
        "device": device,
        "remote_index": None if remote_index is None else str(remote_index.resolve()),
    }


def job_values(plan: Plan, block: Sequence[int]) -> dict[str, Any]:
    """The job of a block of tiles as plain values; tiles with the same missing chips share one list."""
    lists: dict[tuple[str, ...], int] = {}
    tiles = []
    for position in block:
        names = plan.lacking[position]
        tiles.append({**asdict(plan.grid[position]), "names": lists.setdefault(names, len(lists))})
    return {"tiles": tiles, "names": [list(names) for names in lists]}


def run_job(common: Mapping[str, Any], job: Mapping[str, Any]) -> dict[str, Any]:
    """Compute the missing chips of a block of tiles, and return the result of each tile.

    Parameters
    ----------
    common : mapping
        From :func:`common_values`.
    job : mapping
        From :func:`job_values`.

    Returns
    -------
    dict
        ``tiles``: for each, ``identifier``, ``state`` (``done``, ``skipped`` or ``failed``), ``reason``, ``counts`` of
        chips by product and ``bytes``; ``seconds``; ``warnings``, sentences; and ``fatal``, a sentence, if no other job
        can succeed either.
    """
    with collecting(), collected() as texts:
        result = _run(common, job)
    return result | {"warnings": texts}


def _run(common: Mapping[str, Any], job: Mapping[str, Any]) -> dict[str, Any]:
    started = time.perf_counter()
    result: dict[str, Any] = {"tiles": [], "fatal": ""}
    try:
        opened = _open(json.dumps(common, sort_keys=True))
        for entry in _over_block(opened, job):
            result["tiles"].append(entry)
    except WritingFailed as error:
        result["fatal"] = f"chips cannot be written: {reason_of(error)}"
    except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
        result["fatal"] = reason_of(error)
    return result | {"seconds": time.perf_counter() - started}


def _over_block(maker: TileMaker, job: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    tasks = [Task(_tile(values), job["names"][values["names"]]) for values in job["tiles"]]
    tasks = [Task(task.tile, _still_lacking(maker, task)) for task in tasks]
    places: dict[str, Placement] = {}
    is_read = False
    # A block that cannot be read at once may be readable tile by tile; each tile then reports its own error.
    with suppress(ValueError, OSError, MemoryError):
        places = {task.tile.identifier: maker.place(task.tile) for task in tasks if task.names}
        places, is_read = _read_once(maker, [task for task in tasks if task.names], places)
    for task in tasks:
        entry = {"identifier": task.tile.identifier, "state": "done", "reason": "", "counts": {}, "bytes": 0}
        yield entry | (_made(maker, task, places.get(task.tile.identifier), is_read) if task.names else {})


def _made(maker: TileMaker, task: Task, place: Placement | None, is_read: bool) -> dict[str, Any]:
    try:
        made = maker.make(task, place=place, is_read=is_read and place is not None)
    except WritingFailed:
        raise
    except (ValueError, OSError, MemoryError) as error:
        return {"state": "failed", "reason": reason_of(error)}
    if made.skipped:
        return {"state": "skipped", "reason": made.skipped}
    return {"counts": made.counts, "bytes": made.bytes}


def _still_lacking(maker: TileMaker, task: Task) -> list[str]:
    """Chips still missing; a worker, such as one killed after writing, may have written some since the plan."""
    if not (maker.archive.root / task.tile.identifier).is_dir():
        return list(task.names)
    return [name for name in task.names if not maker.is_there(task.tile, name)]


def _read_once(
    maker: TileMaker, tasks: Sequence[Task], places: Mapping[str, Placement]
) -> tuple[dict[str, Placement], bool]:
    """Placements on stacks in memory for all tiles of a block, and whether they are in memory.

    They stay on disk if the tiles lie too far apart or have too many pixels.
    """
    images = images_of_chips(name for task in tasks for name in task.names)
    parts = [part for place in places.values() if not place.reason for part in place.parts]
    if len(tasks) < 2 or not parts or not images:
        return dict(places), False
    spans: dict[int, list[tuple[slice, slice]]] = {}
    for part in parts:
        spans.setdefault(id(part.stack), []).append(maker.span(part))
    whole = {
        stack: (
            slice(min(rows.start for rows, _ in some), max(rows.stop for rows, _ in some)),
            slice(min(cols.start for _, cols in some), max(cols.stop for _, cols in some)),
        )
        for stack, some in spans.items()
    }
    area = sum(_area(*span) for span in whole.values())
    apart = sum(_area(*span) for some in spans.values() for span in some)
    if area > _SPREAD * apart or area * len(images) * np.dtype(maker.stack.dtype).itemsize > BLOCK_BYTES:
        return dict(places), False
    stacks = {id(part.stack): part.stack for part in parts}
    held = {stack: _in_memory(stacks[stack], *span, images) for stack, span in whole.items()}
    if maker.check:
        maker.check(inputs_of(images))
    return {name: _moved(place, held) for name, place in places.items()}, True


def _area(rows: slice, cols: slice) -> int:
    return int((rows.stop - rows.start) * (cols.stop - cols.start))


def _moved(place: Placement, held: Mapping[int, SlcStack]) -> Placement:
    if place.reason:
        return place
    return place._replace(parts=tuple(part._replace(stack=held[id(part.stack)]) for part in place.parts))


def _in_memory(stack: SlcStack, rows: slice, cols: slice, images: list[Image]) -> SlcStack:
    """The stack with the pixels [rows, cols] of some images in memory; no others can be read."""
    pixels = stack.images(images, rows, cols)
    places = {_index(stack, image): place for place, image in enumerate(images)}
    first_row, first_col = rows.start, cols.start

    def read(index: int, some_rows: slice, some_cols: slice) -> NDArray[Any]:
        inner = (
            slice(some_rows.start - first_row, some_rows.stop - first_row),
            slice(some_cols.start - first_col, some_cols.stop - first_col),
        )
        return np.asarray(pixels[(places[index], *inner)])

    return replace(stack, read=read)


def _index(stack: SlcStack, image: Image) -> int:
    return stack.polarisations.index(image.polarisation) * len(stack.dates) + stack.date_index(image.date)


@lru_cache(maxsize=2)
def _open(common: str) -> TileMaker:
    """Stack, archive and recipe of a run's jobs, opened once per process."""
    values = json.loads(common)
    if values.get("remote_index"):
        use_index(values["remote_index"], is_trusted=True)
    stack, labels = reopen(values["source"])
    recipe = dict(values["recipe"])
    named = [(Pair.parse(text), days) for text, days in recipe["pairs"]]
    recipe["pairs"] = [Pair(pair.reference, pair.secondary, span=days) for pair, days in named]
    recipe["window"] = Window(**recipe["window"])

    def check(names: Collection[str]) -> None:
        for name in sorted(names):
            for path in values["files"].get(name, ()):
                if path in values["signatures"] and signature(path) != values["signatures"][path]:
                    raise ValueError(f"{file_at(path)} was changed while the run was reading it; run again")

    origin = Origin(values["checksums"], values["names"])
    move = to_gpu if values.get("device") == "gpu" else None
    return TileMaker(stack, ChipArchive(values["archive"]), Recipe(**recipe), labels, origin, check, move)


def _tile(values: Mapping[str, Any]) -> Tile:
    square, meridians = values["square"], values["meridians"]
    return Tile(
        values["identifier"],
        tuple(values["bounds"]),
        values["pixels"],
        tuple(square) if square else None,
        values["crs"],
        tuple(meridians) if meridians else None,
    )
