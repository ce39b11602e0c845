"""
How does a flood look in three maps?
====================================

One pair before the event, one across it, and the loss of coherence between them. The threshold follows from pairs that
hold no event, for a chosen false-alarm rate, so nobody has to pick it by eye.
"""

# %%
# The event is on 18 May. Quiet changes are those between consecutive pairs before it.

import numpy as np
from cmcrameri import cm
from matplotlib import pyplot as plt
from scipy.ndimage import binary_dilation

from m3leo_sar import Window, change_threshold, coherence, coherence_change, sample_data, sequential_pairs

stack, _, _, flooded, scene = sample_data()
days = [date for date in stack.dates if date < scene.event.date]
before = sequential_pairs(days)
across = sequential_pairs(stack.dates)[len(before)]
maps = coherence(stack, pairs=[*before, across], window=Window(rows=9, cols=9)).values
quiet = np.stack([coherence_change(maps[n], maps[n + 1]) for n in range(len(before) - 1)])
threshold = change_threshold(quiet, false_alarm=0.01)
loss = coherence_change(maps[len(before) - 1], maps[len(before)])

figure, axes = plt.subplots(1, 3, figsize=(11.5, 4.2), layout="constrained")
for axis, image, title in zip(axes[:2], maps[-2:], (before[-1], across), strict=True):
    shown = axis.imshow(image, cmap=cm.batlow, vmin=0, vmax=1)
    axis.set_title(f"{title.reference} to {title.secondary}, {title.days} days", loc="left", fontsize=10)
figure.colorbar(shown, ax=axes[:2], label="coherence", shrink=0.8)
change = axes[2].imshow(loss, cmap=cm.vik, vmin=-1, vmax=1)
axes[2].contour(flooded, levels=[0.5], colors="black", linewidths=0.7)
axes[2].set_title(f"loss; above {threshold:.2f} at 1 % false alarms", loc="left", fontsize=10)
figure.colorbar(change, ax=axes[2], label="loss of coherence", shrink=0.8)
for axis in axes:
    axis.set_xticks([])
    axis.set_yticks([])

# %%
# Found where something could be lost, and false alarms elsewhere. Water and forest have no coherence to lose: there no
# map of coherence finds a flood.

could_lose = flooded & (maps[len(before) - 1] > 0.5)
dry = ~binary_dilation(flooded, np.ones((9, 9)))  # whose window holds no flooded sample
print(f"found {(loss > threshold)[could_lose].mean():.0%} of the flooded pixels that were coherent before")
print(f"false alarms on {(loss > threshold)[dry].mean():.1%} of the dry pixels")
