"""
What does a slope hide?
=======================

Steep ground turns the phase within a window, and the sum over the window cancels: stable ground looks changed. Two ways
recover its coherence: subtract a phase that terrain and orbits predict, or estimate the fringe in the window itself.
"""

# %%
# A slope of 0.9 rad per column is put on a pair.

import numpy as np
from cmcrameri import cm
from matplotlib import pyplot as plt

from m3leo_sar import Window, coherence, fringe_coherence, sample_data

stack = sample_data().stack.crop(slice(120, 270), slice(120, 270))
first, second = stack.window()[:2]
slope = np.broadcast_to(np.cumsum(np.linspace(0, 0.9, 150)), first.shape).astype(np.float32)
steep = (first * np.exp(1j * slope)).astype(np.complex64)

window = Window(rows=9, cols=9)
maps = {
    "flat ground": coherence(first, second, window=window),
    "on the slope": coherence(steep, second, window=window),
    "phase of the slope subtracted": coherence(steep, second, window=window, reference_phase=slope),
    "fringe estimated in the window": fringe_coherence(steep, second, window=window).coherence,
}

figure, axes = plt.subplots(1, 4, figsize=(13, 3.6), layout="constrained")
for axis, (title, image) in zip(axes, maps.items(), strict=True):
    shown = axis.imshow(image, cmap=cm.batlow, vmin=0, vmax=1)
    axis.set_title(f"{title}: {np.nanmean(image):.2f}", loc="left", fontsize=10)
    axis.set_xticks([])
    axis.set_yticks([])
bar = figure.colorbar(shown, ax=axes, label="coherence, 9 x 9", shrink=0.8)
