"""Training of the paper's UNet on 448 px chips in bfloat16, and how fast pairs made on the device feed it.

python benchmarks/gpu_train.py [--device cuda|cpu] [--pixels 448] [--batch 16] [--steps 30]
"""

from __future__ import annotations

import argparse
import importlib
import itertools
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
import torch
from gpu_way import WINDOW, chips, tile_positions

from m3leo_sar.learn.models.unet import UNet


def model_rate(device: str, *, pixels: int, batch: int, steps: int, channels: int = 6) -> dict[str, float]:
    """Images per second of training and of inference on a resident batch."""
    net = UNet(channels, 11).to(device, memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(net.parameters())
    image = torch.randn(batch, channels, pixels, pixels, device=device).to(memory_format=torch.channels_last)
    target = torch.randint(0, 11, (batch, pixels, pixels), device=device)

    def train() -> None:
        with torch.autocast(device, torch.bfloat16):
            loss = torch.nn.functional.cross_entropy(net(image), target)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()

    def infer() -> None:
        with torch.no_grad(), torch.autocast(device, torch.bfloat16):
            net(image)

    found = {name: batch / _seconds(call, device, steps) for name, call in (("training", train), ("inference", infer))}
    return {f"UNet, {name}, images per s": rate for name, rate in found.items()}


def pairs_rate(device: str, *, pixels: int, steps: int, dates: int = 12) -> dict[str, float]:
    """Chips per second made from samples in device memory, every pair of a tile per step."""
    shape = (dates, pixels + 16, pixels + 40)
    positions = tile_positions(pixels)
    draw = np.random.default_rng(3)
    block: Any = (draw.normal(size=shape) + 1j * draw.normal(size=shape)).astype(np.complex64)
    if device == "cuda":
        block = importlib.import_module("cupy").asarray(block)
    count = len(list(itertools.combinations(range(dates), 2)))
    rate = count / _seconds(lambda: torch.from_dlpack(chips(block, positions).values), device, steps)
    return {f"coherence {WINDOW.rows} x {WINDOW.cols} to tensors, chips per s": rate}


def _seconds(call: Any, device: str, steps: int) -> float:
    wait = torch.cuda.synchronize if device == "cuda" else _nothing
    for _ in range(min(3, steps)):
        call()
    wait()
    started = time.perf_counter()
    for _ in range(steps):
        call()
    wait()
    return (time.perf_counter() - started) / steps


def _nothing() -> None:
    pass


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--pixels", type=int, default=448)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=30)
    options = parser.parse_args()
    sizes = {"pixels": options.pixels, "steps": options.steps}
    print("| " + ", ".join(f"{value} {name}" for name, value in vars(options).items()) + " | |\n|---|---|")
    model = partial(model_rate, batch=options.batch)
    for measure in (model, pairs_rate):
        try:
            for name, rate in measure(options.device, **sizes).items():
                print(f"| {name} | {rate:.1f} |", flush=True)
        except Exception as error:
            print(f"| failed | {' '.join(str(error).split())[:200]} |", flush=True)


if __name__ == "__main__":
    main()
