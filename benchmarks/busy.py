"""A small training, or the demonstration, beside busy processes: ``python benchmarks/busy.py [--busy 14] [--demo]``.

With one thread, as small networks train, and with two, whose every layer ends with a wait for the other thread. Each
trains in a process that starts once and then takes turns, some seconds alone and some beside the busy processes; times
are those of a step, and the medians of the turns. The fair time is that of a process among equals: seconds of the CPU,
times the processes per CPU. It takes about 90 s; ``--demo`` takes some minutes. Other work on the machine spoils it.
"""

from __future__ import annotations

import argparse
import ctypes
import datetime
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from m3leo_sar._machine import available_cpus

#: Threads of torch, and what those of OpenMP do while they wait.
KINDS = {
    "one thread": {"threads": 1, "policy": "passive"},
    "two threads that sleep": {"threads": 2, "policy": "passive"},
    "two threads that spin": {"threads": 2, "policy": "active"},
}
#: Trainings of the demonstration, which run side by side.
TRAININGS = 2
#: Option of Linux's prctl by which a process adopts what its children leave.
_SUBREAPER = 36


class Training(NamedTuple):
    """Seconds of a step, or of a whole run: by the clock, and of the CPU."""

    wall: float
    cpu: float


def training(seconds: Iterator[float]) -> Iterator[Training]:
    """Time steps of the demonstration's network, after one to warm up, for so many seconds each turn."""
    import torch

    from m3leo_sar.learn.models.unet import SMALL_WIDTHS, UNet

    net = UNet(15, 6, widths=SMALL_WIDTHS)
    optimiser = torch.optim.Adam(net.parameters())
    image, target = torch.randn(4, 15, 64, 64), torch.randint(0, 6, (4, 64, 64))

    def step() -> None:
        loss = torch.nn.functional.cross_entropy(net(image), target)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    step()
    for turn in seconds:
        wall, cpu, steps = time.perf_counter(), time.process_time(), 0
        while not steps or time.perf_counter() - wall < turn:
            step()
            steps += 1
        yield Training((time.perf_counter() - wall) / steps, (time.process_time() - cpu) / steps)


class Trainer:
    """A training in a process of its own that waits for its turns."""

    def __init__(self, threads: int, policy: str) -> None:
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": policy}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen([sys.executable, __file__, "--here"], env=environment, **pipes)  # type: ignore[call-overload]
        # Ready, so that no other start disturbs a turn.
        self.turn(0.0)

    def turn(self, seconds: float) -> Training:
        """Train for so many seconds, and at least a step."""
        print(seconds, file=self.process.stdin, flush=True)
        return Training(*map(float, self.process.stdout.readline().split()))

    def __enter__(self) -> Trainer:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


@contextmanager
def beside(busy: int) -> Iterator[None]:
    """Processes that compute without end for the time of a block."""
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(busy)]
    try:
        # They have started, which takes a moment of the CPU each.
        time.sleep(0.1 * busy)
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def compare(busy: int, *, turns: int, alone: float, crowded: float) -> dict[str, list[tuple[Training, Training]]]:
    """Steps alone and beside busy processes, of each kind in turns of so many seconds."""
    found: dict[str, list[tuple[Training, Training]]] = {name: [] for name in KINDS}
    with ExitStack() as stack:
        trainers = {name: stack.enter_context(Trainer(**options)) for name, options in KINDS.items()}  # type: ignore[arg-type]
        for _ in range(turns):
            quiet = {name: trainer.turn(alone) for name, trainer in trainers.items()}
            with beside(busy):
                for name, trainer in trainers.items():
                    found[name].append((quiet[name], trainer.turn(crowded)))
    return found


def demonstration() -> Training:
    """The whole demonstration in processes of its own."""
    command = "from m3leo_sar.app.command import main; main()"
    with tempfile.TemporaryDirectory() as folder:
        words = ["demo", "--output", folder]
        others, before = _children(), resource.getrusage(resource.RUSAGE_CHILDREN)
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", command, *words], check=True, capture_output=True)
        wall = time.perf_counter() - started
        _wait_for(_children() - others)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Training(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def _adopt() -> None:
    """Have processes whose parents end become children of this one, so that their seconds count here (Linux)."""
    ctypes.CDLL(None).prctl(_SUBREAPER, 1)


def _children() -> set[int]:
    """Processes whose parent this one is."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            # After the name in brackets come the state and the parent.
            state = (process / "stat").read_text().rpartition(")")[2].split()
            found |= {int(process.name)} if int(state[1]) == os.getpid() else set()
    return found


def _wait_for(processes: set[int]) -> None:
    for process in processes:
        os.waitpid(process, 0)


def demonstrations(busy: int) -> tuple[Training, Training]:
    """The demonstration alone, and beside busy processes."""
    _adopt()
    alone = demonstration()
    with beside(busy):
        return alone, demonstration()


def print_steps(found: dict[str, list[tuple[Training, Training]]], share: float) -> None:
    """A table of the medians; ``share`` is the processes per CPU."""
    print("| a step | alone, ms | busy, ms | busy over alone | busy over the fair time |\n|---|---|---|---|---|")
    for name, pairs in found.items():
        middle = statistics.median
        over = middle(crowded.wall / alone.wall for alone, crowded in pairs)
        fair = middle(crowded.wall / (alone.cpu * share) for alone, crowded in pairs)
        walls = [1e3 * middle(pair[place].wall for pair in pairs) for place in (0, 1)]
        print(f"| {name} | {walls[0]:.1f} | {walls[1]:.1f} | {over:.1f} | {fair:.2f} |")


def print_demonstrations(alone: Training, crowded: Training, share: float) -> None:
    """A table of both; ``share`` is the processes per CPU while it trains."""
    print("| demonstration | s | CPU s | over alone | CPU over alone | over the fair time |\n|---|---|---|---|---|---|")
    print(f"| alone | {alone.wall:.0f} | {alone.cpu:.0f} | | | |")
    over, cpu = crowded.wall / alone.wall, crowded.cpu / alone.cpu
    print(f"| busy | {crowded.wall:.0f} | {crowded.cpu:.0f} | {over:.1f} | {cpu:.2f} | {over / share:.2f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--busy", type=int, help="busy processes: 14, or 4 with --demo")
    parser.add_argument("--turns", type=int, default=3, help="turns of each kind of training")
    parser.add_argument("--seconds", type=float, default=7.0, help="seconds of each turn beside busy processes")
    parser.add_argument("--demo", action="store_true", help="time the demonstration instead of steps of a training")
    parser.add_argument("--here", action="store_true", help="train in this process, in turns read from the input")
    arguments = parser.parse_args()
    if arguments.here:
        for step in training(map(float, iter(sys.stdin.readline, ""))):
            print(*step, flush=True)
        return
    cpus, busy = available_cpus(), arguments.busy or (4 if arguments.demo else 14)
    print(f"{datetime.date.today()}, {cpus} CPUs, load {os.getloadavg()[0]:.1f}, {busy} busy processes\n")
    if arguments.demo:
        print_demonstrations(*demonstrations(busy), max(1.0, (busy + TRAININGS) / cpus))
        return
    found = compare(busy, turns=arguments.turns, alone=arguments.seconds / 7, crowded=arguments.seconds)
    print_steps(found, max(1.0, (busy + 1) / cpus))


if __name__ == "__main__":
    main()
