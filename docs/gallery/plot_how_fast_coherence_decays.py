"""
How fast does coherence decay?
==============================

Each kind of ground forgets at its own pace: forest within days, crops within weeks, towns hardly at all. A model of two
numbers per pixel, the time of decay and the coherence that stays, describes all pairs of a stack.
"""

# %%
# Fit the 66 pairs of each pixel, and compare with the medians of each number of days.

import numpy as np
from cmcrameri import cm
from matplotlib import pyplot as plt

from m3leo_sar import Window, all_pairs, coherence, fit_decay, sample_data

stack, _, land_cover, flooded, _ = sample_data()
part = slice(100, 228), slice(100, 228)
pairs = all_pairs(stack.dates[:6])
maps = coherence(stack.crop(*part), pairs=pairs, window=Window(rows=9, cols=9)).values
model = fit_decay(maps, [pair.days for pair in pairs])

figure, (left, middle, right) = plt.subplots(1, 3, figsize=(12, 4), layout="constrained")
names = {10: "tree cover", 30: "grassland", 40: "cropland", 50: "built-up", 60: "bare", 80: "water"}
days = sorted({pair.days for pair in pairs})
for colour, (code, name) in zip(
    ("#1e6b3a", "#8db33a", "#c8a415", "#b03a2e", "#a0785a", "#1b4f72"), names.items(), strict=True
):
    ground = land_cover[part] == code
    medians = [np.nanmedian(maps[[pair.days == lag for pair in pairs]][:, ground]) for lag in days]
    left.plot(days, medians, "o-", color=colour, label=name)
left.set(xlabel="days between the dates", ylabel="median coherence", ylim=(0, 1))
left.set_title("By kind of ground", loc="left", fontsize=10)
left.legend(frameon=False, ncols=2, fontsize=8)
stays = middle.imshow(model.rho_inf, cmap=cm.batlow, vmin=0, vmax=1)
middle.set_title("coherence that stays", loc="left", fontsize=10)
figure.colorbar(stays, ax=middle, shrink=0.8)
pace = right.imshow(model.tau, cmap=cm.lajolla, norm="log", vmin=1, vmax=300)
right.set_title("days to decay to 1 / e", loc="left", fontsize=10)
figure.colorbar(pace, ax=right, shrink=0.8, extend="both")
for axis in (middle, right):
    axis.set_xticks([])
    axis.set_yticks([])
