"""
What does a filter do to phase?
===============================

Phase noise makes fringes hard to unwrap. The filter of Goldstein and Werner (1998) amplifies what dominates each patch.
"""

# %%
# An interferogram of six looks, before and after the filter.

import numpy as np
from cmcrameri import cm
from matplotlib import pyplot as plt

from m3leo_sar import goldstein, interferogram, sample_data
from m3leo_sar.grid.window import Looks

stack = sample_data().stack
first, last = stack.window()[[0, 3]]
rows, cols = np.mgrid[:512, :512] / 512
fringes = 40 * np.hypot(rows - 0.4, cols - 0.6)
pair = interferogram((first * np.exp(1j * fringes)).astype(np.complex64), last, looks=Looks(rows=2, cols=2))
filtered = goldstein(pair, alpha=0.8, size=32)

figure, axes = plt.subplots(1, 2, figsize=(8.6, 4.2), layout="constrained")
for axis, image, title in zip(axes, (pair, filtered), ("4 looks", "filtered, alpha 0.8"), strict=True):
    shown = axis.imshow(np.angle(image), cmap=cm.romaO, vmin=-np.pi, vmax=np.pi)
    axis.set_title(title, loc="left", fontsize=10)
    axis.set_xticks([])
    axis.set_yticks([])
bar = figure.colorbar(shown, ax=axes, label="phase, radians, cyclic", shrink=0.8)
