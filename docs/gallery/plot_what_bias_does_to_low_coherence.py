"""
What does bias do to low coherence?
===================================

The sample coherence of a window is never zero. With few looks, it overestimates low coherence: water, whose true
coherence is zero, appears at 0.4 with five looks. The bias is known and can be removed on average.
"""

# %%
# The expected sample coherence (Touzi et al., 1999, IEEE TGRS 37), for several numbers of looks.

import numpy as np
from matplotlib import pyplot as plt

from m3leo_sar import Window, coherence, expected_coherence, sample_data, true_coherence
from m3leo_sar.stack.pairs import Pair

stack, _, land_cover, _, scene = sample_data()
pair = Pair(stack.dates[0], stack.dates[1])
truth = scene.true_coherence(pair, slice(0, 512), slice(0, 512))
true = np.linspace(0, 1, 101)

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.4), layout="constrained")
for looks, style in ((4, ":"), (9, "-."), (25, "--"), (100, "-")):
    left.plot(true, expected_coherence(true, equivalent_looks=looks), style, color="#1b4f72", label=f"{looks} looks")
left.plot(true, true, color="0.6", linewidth=0.8, label="no bias")
left.set(xlabel="true coherence", ylabel="expected sample coherence", xlim=(0, 1), ylim=(0, 1))
left.set_title("Few looks make low coherence high", loc="left", fontsize=10)
left.legend(frameon=False)

# %%
# The same on the sample data: the mean over each kind of ground before and after the bias is removed, with windows of 9
# samples. The truth is known, because the data are simulated.

names = {10: "tree cover", 30: "grassland", 40: "cropland", 50: "built-up", 60: "bare", 80: "water"}
sampled = coherence(stack, pairs=[pair], window=Window(rows=3, cols=3)).values[0]
corrected = true_coherence(sampled, equivalent_looks=9)
for height, code in enumerate(names):
    ground = land_cover == code
    right.plot(sampled[ground].mean(), height, "o", color="#b03a2e", label="sampled" if height == 0 else None)
    right.plot(corrected[ground].mean(), height, "s", color="#1b4f72", label="bias removed" if height == 0 else None)
    right.plot(truth[ground].mean(), height, "|", markersize=16, color="0.2", label="truth" if height == 0 else None)
right.set_yticks(range(len(names)), names.values())
right.set(xlabel="mean coherence, 12 days", xlim=(0, 1))
right.set_title("Ground by ground, windows of 9 samples", loc="left", fontsize=10)
legend = right.legend(frameon=False, loc="lower right")
