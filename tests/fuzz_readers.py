"""Every reader of the library with a small valid file, and a process that feeds it damaged ones.

Run as ``python tests/fuzz_readers.py FOLDER SEED EXAMPLES SECONDS READER...``: it has to be a process of its own, as
native libraries may crash it, never return or take all memory.
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import random
import resource
import shutil
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import valid_files
from damage import BLOWS, PLACES, damaged
from hypothesis import HealthCheck, Phase, given, seed, settings

from m3leo_sar.io.files import limits

#: Seconds after which one damaged file counts as a hang.
HANG = 30
#: Bytes that a reader may map beside what is mapped when all libraries are loaded.
ROOM = 3 << 30
#: What the limits are while fuzzing, so that a number that passes them still fits.
SMALL = 1 << 26


class Finding(NamedTuple):
    """A way in which a reader let a damaged file through badly."""

    reader: str
    fault: str
    trace: str
    kept: str


class TimeUp(Exception):
    """The time for a reader is over."""


def is_plain(error: BaseException) -> bool:
    """Whether an error is one that readers may raise: a built-in type and a sentence."""
    if type(error) is KeyError:
        return bool(error.args) and " " in str(error.args[0])
    if isinstance(error, OSError):
        return type(error).__module__ == "builtins"
    return type(error) is ValueError and " " in str(error)


def fuzz(name: str, folder: Path, *, start: int, examples: int, seconds: float) -> tuple[int, dict[str, Finding]]:
    """Damaged files read and what was found, one of a kind."""
    place, read = valid_files.READERS[name]
    shutil.rmtree(folder, ignore_errors=True)
    root = folder / "case"
    root.mkdir(parents=True)
    target = place(root)
    read(target)
    whole = {path: path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}
    paths = [path for path in whole if whole[path]]
    found: dict[str, Finding] = {}
    read_files, last = 0, time.monotonic() + seconds

    @seed(start)
    @settings(
        max_examples=examples, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(PLACES, BLOWS)
    def one(which: int, blows: list[Any]) -> None:
        nonlocal read_files
        if time.monotonic() > last:
            raise TimeUp
        path = paths[which * len(paths) >> 24]
        replace(path, damaged(whole[path], blows))
        faulthandler.dump_traceback_later(HANG, exit=True)
        try:
            read(target)
        except Exception as error:
            if not is_plain(error):
                note(error)
        finally:
            faulthandler.cancel_dump_traceback_later()
            read_files += 1
            restore()

    def note(error: BaseException) -> None:
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "m3leo_sar" in frame.filename]
        line = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
        fault = f"{type(error).__name__} at {line}"
        if fault not in found:
            kept = folder / f"kept-{len(found)}"
            shutil.copytree(root, kept, symlinks=True)
            text = "".join(traceback.format_exception(error))[-3000:]
            found[fault] = Finding(name, f"{fault}: {str(error)[:300]}", text, str(kept))

    def restore() -> None:
        there = {path for path in root.rglob("*") if path.is_file()}
        for path in there - whole.keys():
            path.unlink()
        for path, content in whole.items():
            if path not in there or path.read_bytes() != content:
                replace(path, content)

    # A test that returns at once would be given examples without end.
    with contextlib.suppress(TimeUp):
        one()
    return read_files, found


def replace(path: Path, content: bytes) -> None:
    """Another file under the same name: what still has the old one open keeps it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_bytes(content)


def main(folder: str, start: str, examples: str, seconds: str, *names: str) -> None:
    """Fuzz readers one after the other; results are lines of FOLDER/results.jsonl."""
    warnings.simplefilter("error")
    warnings.filterwarnings("ignore", message="Use `@` matmul", category=PendingDeprecationWarning)
    faulthandler.enable()
    for name in [word for word in vars(limits) if word.startswith("LARGEST")]:
        setattr(limits, name, min(SMALL, getattr(limits, name)))
    out = Path(folder)
    with open(out / "results.jsonl", "a", encoding="utf-8") as results:
        for number, name in enumerate(names):
            print(json.dumps({"begins": name}), file=results, flush=True)
            with_room(lambda name=name: valid_files.warm(name, out / "warm"))
            share = float(seconds) / len(names)
            number_read, found = fuzz(
                name, out / name, start=int(start) + number, examples=int(examples), seconds=share
            )
            line = {"ends": name, "files": number_read, "found": [finding._asdict() for finding in found.values()]}
            print(json.dumps(line), file=results, flush=True)


def with_room(load: Callable[[], None]) -> None:
    """Load what a reader needs without a limit, then let the process map so much more."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
    load()
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (mapped + ROOM, hard))


if __name__ == "__main__":
    random.seed(0)
    main(*sys.argv[1:])
