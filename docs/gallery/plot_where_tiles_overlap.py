"""
Where do tiles overlap?
=======================

The tiles of M3LEO are placed degree by degree, so neighbours overlap or leave gaps. The exact lattice places them on
whole pixels of a UTM zone, without either.
"""

# %%
# Tiles of one area on both lattices.

import shapely
from matplotlib import pyplot as plt

from m3leo_sar import TileGrid

area = shapely.box(9.0, 50.0, 9.3, 50.2)
lattices = {"M3LEO": TileGrid.legacy(area), "exact": TileGrid.exact(area)}

figure, axes = plt.subplots(1, 2, figsize=(10, 5.2), layout="constrained", sharex=True, sharey=True)
for axis, (name, tiles) in zip(axes, lattices.items(), strict=True):
    outlines = [shapely.box(*tile.geobox.bounds_in("EPSG:32632")) for tile in tiles]
    for outline in outlines:
        axis.fill(*outline.exterior.xy, facecolor="#1b4f72", edgecolor="#1b4f72", alpha=0.25)
    total = sum(outline.area for outline in outlines)
    shared = total - shapely.union_all(outlines).area
    axis.set_title(f"{name}: {len(tiles)} tiles, {shared / total:.1%} of their area twice", loc="left", fontsize=10)
    axis.set(xlabel="easting, m (UTM 32)", aspect="equal")
label = axes[0].set_ylabel("northing, m")
