"""
Do three phases close?
======================

The phases of three pairs of three dates add up to zero for a surface that only moves. After averaging they need not:
what remains is noise where coherence is low, and a bias where the ground itself changes, as its moisture does.
"""

# %%
# The closure phase of the first three dates, with looks of 8 x 8.

import numpy as np
from cmcrameri import cm
from matplotlib import pyplot as plt

from m3leo_sar import Window, closure_phase, coherence, interferogram, sample_data
from m3leo_sar.grid.window import Looks

stack = sample_data().stack
first, second, third = stack.window()[:3]
looks = Looks(rows=8, cols=8)
pairs = [interferogram(a, b, looks=looks) for a, b in ((first, second), (second, third), (first, third))]
closure = closure_phase(*pairs)
trust = coherence(first, third, window=Window(rows=8, cols=8), step=looks)

figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 4.2), layout="constrained")
shown = left.imshow(closure, cmap=cm.romaO, vmin=-np.pi, vmax=np.pi)
left.set_title("closure phase of three dates", loc="left", fontsize=10)
left.set_xticks([])
left.set_yticks([])
figure.colorbar(shown, ax=left, label="radians, cyclic", shrink=0.8)
right.plot(trust.ravel(), closure.ravel(), ".", markersize=2, color="#1b4f72")
right.set(xlabel="coherence of the long pair", ylabel="closure phase, radians", xlim=(0, 1), ylim=(-np.pi, np.pi))
title = right.set_title("Noise closes, where it is coherent", loc="left", fontsize=10)
