"""
What does a second polarisation add?
====================================

VH is weaker than VV over bare ground and relatively strong in forest, whose branches turn the polarisation. Their ratio
separates forest from towns, which are equally bright in VV.
"""

# %%
# The ground of the sample data, in both polarisations.

import numpy as np
from matplotlib import pyplot as plt

from m3leo_sar import multilook, sample_data, simulate_scene
from m3leo_sar.grid.window import Looks
from m3leo_sar.simulate.landcover import LandCover

ground = (
    LandCover(name="forest", code=10, backscatter=-8, rho_inf=0.05, tau=6, cross=-5),
    LandCover(name="crops", code=40, backscatter=-12, rho_inf=0.10, tau=12, cross=-9),
    LandCover(name="town", code=50, backscatter=-8, rho_inf=0.75, tau=200, cross=-12),
)
geobox = sample_data().tile.geobox.crop(slice(0, 256), slice(0, 256))
scenes = {
    name: simulate_scene(geobox, dates=sample_data().stack.dates[:2], classes=ground, polarisation=name, seed=3)
    for name in ("VV", "VH")
}
looks = Looks(rows=8, cols=8)
power = {name: multilook(np.abs(scene.stack.window()[0]) ** 2, looks=looks) for name, scene in scenes.items()}
cover = scenes["VV"].labels()["landcover"][0][4::8, 4::8]

figure, axis = plt.subplots(figsize=(6, 4.6), layout="constrained")
for item, colour, mark in zip(ground, ("#1e6b3a", "#c8a415", "#b03a2e"), "os^", strict=True):
    here = cover == item.code
    axis.plot(
        10 * np.log10(power["VV"][here]),
        10 * np.log10(power["VH"][here]),
        mark,
        color=colour,
        markersize=3,
        label=item.name,
    )
axis.set(xlabel="VV, dB", ylabel="VH, dB")
axis.set_title("Averages of 8 x 8 samples", loc="left", fontsize=10)
legend = axis.legend(frameon=False)
