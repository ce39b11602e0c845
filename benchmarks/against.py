"""This build beside an older one: ``python benchmarks/against.py BASE``.

BASE is a commit. It is built once, in a folder of its own, with this Python. Both builds then run the cases of
``against_cases.py`` in turns, each in a process that lives as long as the run, so that a busy machine treats them
alike. One table: median ms per call of each, the median of the ratios of the turns, the same of CPU time (all threads),
and the share of the memory bandwidth that this build reaches, by the bandwidth measured just before the case.

The cases are those of this checkout, for both. ``OMP_NUM_THREADS`` sets the threads of both.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parent))

from against_cases import CASES, Case
from bandwidth import triad_bandwidth

HERE = Path(__file__).resolve().parent
BUILDS = Path(tempfile.gettempdir()) / "m3leo-sar-builds"


def build(commit: str, folder: Path) -> Path:
    """Folder of a built checkout of a commit, made unless it is there."""
    target = folder / f"{commit[:12]}-{sys.implementation.cache_tag}"
    if target.exists():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f"{commit[:12]}-", dir=folder))
    try:
        archived = fresh / "archive.tar"
        _git("archive", "--format=tar", f"--output={archived}", commit)
        with tarfile.open(archived) as archive:
            archive.extractall(fresh, filter="data")
        archived.unlink()
        print(f"building {commit[:12]} in {target}", file=sys.stderr)
        _compile(fresh)
        # The native package lies outside src; an installation maps it, a plain path needs a link.
        native = fresh / "src" / "m3leo_sar" / "_ext"
        if not native.exists():
            native.symlink_to(Path("..", "..", "ext"))
        fresh.rename(target)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    return target


def _compile(folder: Path) -> None:
    """Native code of a checkout, on all CPUs and without debug symbols, which take longer than some kernels do."""
    environment = {**os.environ, "CFLAGS": f"-g0 {os.environ.get('CFLAGS', '')}"}
    command = [sys.executable, "setup.py", "-q", "build_ext", "--inplace", f"--parallel={os.cpu_count()}"]
    subprocess.run(command, cwd=folder, env=environment, check=True)


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=HERE.parent, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.strip()


class Turn(NamedTuple):
    """Seconds of one call by the clock and on all CPUs."""

    wall: float
    cpu: float


class Worker:
    """A process with one of the builds."""

    def __init__(self, source: Path | None) -> None:
        """``source`` is the build's folder, None for what this Python imports."""
        # Threads that spin after a call would take the CPUs from the other build.
        environment = {"OMP_WAIT_POLICY": "passive", **os.environ}
        if source is not None:
            paths = [str(source / "src"), environment.get("PYTHONPATH", "")]
            environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        command = [sys.executable, str(HERE / "against_worker.py")]
        self.process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.module = Path(self._ask(do="where")["module"]).resolve()
        if source is not None and not self.module.is_relative_to(source.resolve()):
            raise RuntimeError(f"the worker of {source} imported {self.module}")

    def prepare(self, name: str, size: int) -> str | None:
        """Prepare a case and call it once; the error where that fails."""
        error: str | None = self._ask(do="prepare", name=name, size=size)["error"]
        return error

    def turn(self) -> Turn:
        """One call of the prepared case."""
        answer = self._ask(do="call")
        return Turn(answer["wall"], answer["cpu"])

    def forget(self) -> None:
        """Release the arrays of the prepared case."""
        self._ask(do="forget")

    def close(self) -> None:
        # Its input ends, and so does it.
        self.process.communicate()

    def _ask(self, **request: Any) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"a worker ended with status {self.process.wait()} on {request}")
        answer: dict[str, Any] = json.loads(line)
        return answer


def in_turns(workers: list[Worker], rounds: int) -> list[list[Turn]]:
    """Turns of each worker, which alternate; who begins a round alternates too."""
    turns: list[list[Turn]] = [[] for _ in workers]
    for round_ in range(rounds):
        order = list(range(len(workers)))
        for index in order[:: -1 if round_ % 2 else 1]:
            turns[index].append(workers[index].turn())
    return turns


def row(name: str, case: Case, base: list[Turn], now: list[Turn], triad: float) -> str:
    """A line of the table."""
    taken = statistics.median(turn.wall for turn in now)
    before, ratio, cpu = "not there", "", ""
    if base:
        before = f"{1e3 * statistics.median(turn.wall for turn in base):.2f}"
        ratio = f"{statistics.median(old.wall / new.wall for old, new in zip(base, now, strict=True)):.2f}"
        cpu = f"{statistics.median(old.cpu / new.cpu for old, new in zip(base, now, strict=True)):.2f}"
    share = f"{case.bytes_per_pixel * case.size**2 / taken / triad:.0%}" if case.bytes_per_pixel else ""
    moved = f"{case.bytes_per_pixel:g}" if case.bytes_per_pixel else ""
    return f"| {name} | {before} | {1e3 * taken:.2f} | {ratio} | {cpu} | {moved} | {share} | {triad / 1e9:.1f} |"


def compare(names: list[str], workers: tuple[Worker, Worker], rounds: int, size: int | None = None) -> None:
    """Print the table; a ``size`` replaces that of each case."""
    print("| case | base ms | now ms | ratio | CPU ratio | B per pixel | of triad | triad GB/s |")
    print("|---|---|---|---|---|---|---|---|")
    base, now = workers
    for name in names:
        case = CASES[name]._replace(size=size or CASES[name].size)
        problem = now.prepare(name, case.size)
        if problem is not None:
            raise RuntimeError(f"case {name!r} fails in this build: {problem}")
        missing = base.prepare(name, case.size)
        if missing is not None:
            print(f"{name} is not compared: {missing}", file=sys.stderr)
        triad = triad_bandwidth(repeats=3)
        turns = in_turns([now] if missing else [now, base], rounds)
        print(row(name, case, [] if missing else turns[1], turns[0], triad), flush=True)
        for worker in workers:
            worker.forget()


def chosen(parts: list[str]) -> list[str]:
    """Names of the cases that contain one of the texts, all for none."""
    names = [name for name in CASES if not parts or any(part in name for part in parts)]
    if not names:
        raise SystemExit(f"no case contains {' or '.join(map(repr, parts))}; there are: {', '.join(CASES)}")
    return names


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base", help="commit to compare with")
    parser.add_argument("--case", action="append", default=[], metavar="TEXT", help="cases whose name contains it")
    parser.add_argument("--size", type=int, help="instead of the size of each case")
    parser.add_argument("--rounds", type=int, default=9, help="calls of each build per case")
    parser.add_argument("--build-folder", type=Path, default=BUILDS, help="where builds are kept (%(default)s)")
    parser.add_argument("--only-build", action="store_true", help="build, print the folder, and end")
    asked = parser.parse_args()
    names = chosen(asked.case)
    commit = _git("rev-parse", "--verify", "--end-of-options", f"{asked.base}^{{commit}}")
    folder = build(commit, asked.build_folder.resolve())
    if asked.only_build:
        print(folder)
        return
    changed = " with changes" if _git("status", "--porcelain", "--untracked-files=no") else ""
    print(f"{datetime.date.today()}, {_git('rev-parse', '--short', 'HEAD')}{changed} beside {commit[:7]}, ", end="")
    threads = os.environ.get("OMP_NUM_THREADS", os.cpu_count())
    print(f"{os.cpu_count()} CPUs, {threads} threads, load {os.getloadavg()[0]:.1f}, {asked.rounds} turns\n")
    workers = Worker(folder), Worker(None)
    try:
        compare(names, workers, asked.rounds, asked.size)
    finally:
        for worker in workers:
            worker.close()


if __name__ == "__main__":
    main()
