"""
Why are values normalised this way?
===================================

A network learns best from inputs of similar spread. Power is skewed by orders of magnitude, and coherence crowds near
one. Decibels and the Fisher transform make their distributions nearly symmetric.
"""

# %%
# Power and coherence of the sample data, before and after.

import numpy as np
from matplotlib import pyplot as plt

from m3leo_sar import Window, coherence, multilook, normalise, preset, sample_data
from m3leo_sar.chips.statistics import Statistics
from m3leo_sar.grid.window import Looks

stack, _, land_cover, _, _ = sample_data()
power = multilook(np.abs(stack.window()[0]) ** 2, looks=Looks(rows=2, cols=2))
maps = coherence(stack.window(), pairs=[(0, 1)], window=Window(rows=7, cols=7))
town = maps[:, land_cover == 50].reshape(1, 1, -1)
shown = {
    "power": (power.ravel(), preset("vv")),
    "coherence of towns": (town.ravel(), preset("coherence_fisher")),
}

figure, axes = plt.subplots(2, 2, figsize=(9, 5.6), layout="constrained")
for (before, after), (name, (values, band)) in zip(axes, shown.items(), strict=True):
    plane = values[: values.size // 100 * 100].reshape(1, -1, 100).astype(np.float32)
    result = normalise(plane, Statistics((band,)))
    before.hist(values, bins=80, color="#b03a2e")
    before.set_title(f"{name}, as measured", loc="left", fontsize=10)
    after.hist(result.values[result.mask], bins=80, color="#1b4f72")
    after.set_title(f"{name}, normalised: {band.encoding}", loc="left", fontsize=10)
    for axis in (before, after):
        axis.set_yticks([])
