"""
Which neighbours are alike?
===========================

A window across an edge mixes two kinds of ground. A test on the amplitudes of all dates finds the neighbours that are
statistically like the pixel in the middle, and only these are averaged (Ferretti et al., 2011, IEEE TGRS 49).
"""

# %%
# The same window, with all samples and with homogeneous ones only.

import numpy as np
from cmcrameri import cm
from matplotlib import pyplot as plt

from m3leo_sar import Window, coherence, homogeneous_coherence, homogeneous_pixels, sample_data
from m3leo_sar.stack.pairs import Pair

stack, _, _, _, scene = sample_data()
part = slice(150, 270), slice(150, 270)
images = stack.crop(*part).window()
pair = Pair(stack.dates[0], stack.dates[1])
window = Window(rows=11, cols=11)
alike = homogeneous_pixels(np.abs(images), window=window)
maps = {
    "all samples": coherence(images[0], images[1], window=window),
    "samples alike": homogeneous_coherence(images[0], images[1], window=window, mask=alike),
    "truth": scene.true_coherence(pair, *part),
}

figure, axes = plt.subplots(1, 3, figsize=(10.5, 3.8), layout="constrained")
for axis, (title, image) in zip(axes, maps.items(), strict=True):
    shown = axis.imshow(image, cmap=cm.batlow, vmin=0, vmax=1)
    axis.set_title(title, loc="left", fontsize=10)
    axis.set_xticks([])
    axis.set_yticks([])
bar = figure.colorbar(shown, ax=axes, label=f"coherence, {pair.days} days, 11 x 11", shrink=0.8)
