"""
Which pairs hang together?
==========================

Twelve dates make 66 pairs, but eleven are enough to connect all dates. Their coherence shows which: the link between
two dates is as strong as the coherence of their pair.
"""

# %%
# Mean coherence of every pair. An event on 18 May lowers the coherence of all pairs across it.

import numpy as np
from cmcrameri import cm
from matplotlib import pyplot as plt

from m3leo_sar import Window, all_pairs, coherence, sample_data
from m3leo_sar.stack.networks import spanning_pairs

stack = sample_data().stack.crop(slice(100, 300), slice(100, 300))
pairs = all_pairs(stack.dates)
maps = coherence(stack, pairs=pairs, window=Window(rows=7, cols=7))
strength = dict(zip(pairs, np.nanmean(maps, axis=(1, 2)), strict=True))
tree = spanning_pairs(stack.dates, weight=lambda pair: 1 - strength[pair])

matrix = np.full((len(stack.dates), len(stack.dates)), np.nan)
for pair, value in strength.items():
    first, second = stack.date_index(pair.reference), stack.date_index(pair.secondary)
    matrix[first, second] = matrix[second, first] = value

figure, axis = plt.subplots(figsize=(6.4, 5.6), layout="constrained")
image = axis.imshow(matrix, cmap=cm.batlow, vmin=0, vmax=1)
for pair in tree:
    first, second = stack.date_index(pair.reference), stack.date_index(pair.secondary)
    axis.plot([second, first], [first, second], "o", markersize=9, markerfacecolor="none", color="white")
names = [f"{date:%d %b}" for date in stack.dates]
axis.set_xticks(range(len(names)), names, rotation=90)
axis.set_yticks(range(len(names)), names)
axis.set_title("Mean coherence of 66 pairs of 2023; circles: the strongest network of 11", loc="left", fontsize=10)
bar = figure.colorbar(image, label="coherence, window 7 x 7")
