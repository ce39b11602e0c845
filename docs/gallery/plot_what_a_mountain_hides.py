"""
What does a mountain hide?
==========================

A radar looks from the side. Slopes that face it fold over each other (layover), and steep slopes that face away lie in
shadow. Coherence there says nothing about the ground, so masks of both can go with the chips.
"""

# %%
# A mountain of 1500 m on a plain, seen from a circular orbit like that of Sentinel-1.

import numpy as np
from cmcrameri import cm
from matplotlib import pyplot as plt

from m3leo_sar import GeoBox, RadarGrid, TileGrid, radar_view, rdr2geo
from m3leo_sar.simulate.circular_orbit import circular_orbit

orbit = circular_orbit()
radar_grid = RadarGrid((3000, 20000), -3.0, 0.002, 8.2e5, 2.33, 0.0555)
world = GeoBox.from_bounds((-180, -90, 180, 90), shape=(2, 2), crs="EPSG:4326")
place = rdr2geo(orbit=orbit, radar_grid=radar_grid, dem=np.zeros((2, 2)), dem_geobox=world, rows=[1500], cols=[9000])
longitude, latitude = float(place.longitude[0]), float(place.latitude[0])
tile = TileGrid.exact((longitude, latitude, longitude + 1e-6, latitude + 1e-6))[0]
terrain_box = GeoBox.from_bounds(
    (longitude - 0.2, latitude - 0.15, longitude + 0.2, latitude + 0.15), shape=(1080, 1440), crs="EPSG:4326"
)
row, col = np.indices(terrain_box.shape)
terrain = 100 + 1500 * np.exp(-((row - 540) ** 2 + (col - 720) ** 2) / (2 * 25**2))
view = radar_view(tile, orbit=orbit, radar_grid=radar_grid, dem=terrain, dem_geobox=terrain_box)

figure, (left, middle, right) = plt.subplots(1, 3, figsize=(12, 4), layout="constrained")
height = left.imshow(view.height, cmap=cm.lajolla)
left.set_title("height", loc="left", fontsize=10)
figure.colorbar(height, ax=left, label="m above the ellipsoid", shrink=0.8)
incidence = middle.imshow(view.incidence, cmap=cm.batlow, vmin=0, vmax=90)
middle.set_title("local incidence angle", loc="left", fontsize=10)
figure.colorbar(incidence, ax=middle, label="degrees", shrink=0.8)
hidden = np.zeros((*view.layover.shape, 3)) + 0.93
hidden[view.layover] = (0.69, 0.23, 0.18)
hidden[view.shadow] = (0.11, 0.31, 0.45)
right.imshow(hidden)
right.set_title(
    f"layover {view.layover.mean():.1%} (red), shadow {view.shadow.mean():.1%} (blue)", loc="left", fontsize=10
)
for axis in (left, middle, right):
    axis.set_xticks([])
    axis.set_yticks([])
