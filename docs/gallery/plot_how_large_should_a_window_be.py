"""
How large should a window be?
=============================

A small window keeps edges and is noisy and biased. A large one is smooth and mixes what lies side by side.
"""

# %%
# The same pair with three windows, beside the truth.

import numpy as np
from cmcrameri import cm
from matplotlib import pyplot as plt

from m3leo_sar import Window, coherence, sample_data
from m3leo_sar.stack.pairs import Pair

stack, _, _, _, scene = sample_data()
part = slice(150, 300), slice(150, 300)
pair = Pair(stack.dates[0], stack.dates[1])
small = stack.crop(*part)
truth = scene.true_coherence(pair, *part)
windows = [Window(rows=size, cols=size) for size in (3, 7, 21)]
maps = [coherence(small, pairs=[pair], window=window)[0] for window in windows]

figure, axes = plt.subplots(1, 4, figsize=(12.5, 3.6), layout="constrained")
for axis, window, image in zip(axes, windows, maps, strict=False):
    error = np.sqrt(np.nanmean((image - truth) ** 2))
    axis.set_title(f"{window.rows} x {window.cols}: error {error:.2f}", loc="left", fontsize=10)
    axis.imshow(image, cmap=cm.batlow, vmin=0, vmax=1)
shown = axes[3].imshow(truth, cmap=cm.batlow, vmin=0, vmax=1)
axes[3].set_title("truth", loc="left", fontsize=10)
figure.colorbar(shown, ax=axes, label=f"coherence, {pair.days} days", shrink=0.8)
for axis in axes:
    axis.set_xticks([])
    axis.set_yticks([])
