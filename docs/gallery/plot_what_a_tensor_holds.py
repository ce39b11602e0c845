"""
What does a model receive?
==========================

A tile of 448 x 448 pixels, with one channel per product, each normalised, and a mask of what is known. Two lines lead
from a stack to a tensor.
"""

# %%
# Coherence of a short and of a long pair, on the tile.

from cmcrameri import cm
from matplotlib import pyplot as plt

from m3leo_sar import Pair, Window, normalise, preset, sample_data, tile_products
from m3leo_sar.chips.statistics import Statistics

stack, tile, *_ = sample_data()
pairs = [Pair(stack.dates[0], stack.dates[1]), Pair(stack.dates[0], stack.dates[6])]
maps = tile_products(stack, tile, pairs=pairs, window=Window(rows=7, cols=7))
planes = maps.coherence.values
tensor, mask = normalise(planes, Statistics((preset("coherence"), preset("coherence"))))
print(tensor.shape, tensor.dtype, f"{mask.mean():.0%} of the pixels are known")

figure, axes = plt.subplots(1, 2, figsize=(9.4, 4.2), layout="constrained")
for axis, plane, pair in zip(axes, tensor, pairs, strict=True):
    shown = axis.imshow(plane, cmap=cm.batlow, vmin=-2, vmax=2)
    axis.set_title(f"{pair.reference} to {pair.secondary}, {pair.days} days", loc="left", fontsize=10)
    axis.set_xticks([])
    axis.set_yticks([])
bar = figure.colorbar(shown, ax=axes, label="(coherence - 0.5) x 4", shrink=0.8)
