"""A small training beside busy processes: ``python benchmarks/busy.py [--busy 14] [--steps 20]``.

With one thread, as small networks train, and with two, whose every layer ends with a wait for the other thread. The
fair time is that of a process among equals: seconds of the CPU, times the processes per CPU.
"""

from __future__ import annotations

import argparse
import datetime
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from m3leo_sar._machine import available_cpus


class Training(NamedTuple):
    """Seconds of a training: by the clock, and of the CPU."""

    wall: float
    cpu: float


def trained(steps: int) -> Training:
    """Steps of the demonstration's network in this process, after one to warm up."""
    import torch

    from m3leo_sar.learn.models.unet import SMALL_WIDTHS, UNet

    net = UNet(15, 6, widths=SMALL_WIDTHS)
    optimiser = torch.optim.Adam(net.parameters())
    image, target = torch.randn(4, 15, 64, 64), torch.randint(0, 6, (4, 64, 64))
    for number in range(steps + 1):
        if number == 1:
            wall, cpu = time.perf_counter(), time.process_time()
        loss = torch.nn.functional.cross_entropy(net(image), target)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return Training(time.perf_counter() - wall, time.process_time() - cpu)


def in_process(threads: int, steps: int, *, policy: str) -> Training:
    """The training in a process of its own, with so many threads of torch."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": policy}
    command = [sys.executable, __file__, "--steps", str(steps), "--here"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return Training(*map(float, done.stdout.split()))


@contextmanager
def beside(busy: int) -> Iterator[None]:
    """Processes that compute without end for the time of a block."""
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(busy)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def compare(busy: int, steps: int) -> dict[str, tuple[Training, Training]]:
    """The training alone and beside busy processes, with one thread and with two that sleep or spin."""
    kinds = {
        "one thread": {"threads": 1, "policy": "passive"},
        "two threads that sleep": {"threads": 2, "policy": "passive"},
        "two threads that spin": {"threads": 2, "policy": "active"},
    }
    found = {}
    for name, options in kinds.items():
        alone = in_process(steps=steps, **options)
        with beside(busy):
            found[name] = alone, in_process(steps=steps, **options)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--busy", type=int, default=14)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--here", action="store_true", help="train in this process and print its seconds")
    arguments = parser.parse_args()
    if arguments.here:
        print(*trained(arguments.steps))
        return
    cpus, busy = available_cpus(), arguments.busy
    print(f"{datetime.date.today()}, {cpus} CPUs, load {os.getloadavg()[0]:.1f}, {busy} busy processes\n")
    print("| | alone, s | busy, s | busy over alone | busy over the fair time |\n|---|---|---|---|---|")
    for name, (alone, crowded) in compare(busy, arguments.steps).items():
        fair = alone.cpu * max(1.0, (busy + 1) / cpus)
        print(
            f"| {name} | {alone.wall:.2f} | {crowded.wall:.2f} | {crowded.wall / alone.wall:.1f} "
            f"| {crowded.wall / fair:.2f} |"
        )


if __name__ == "__main__":
    main()
