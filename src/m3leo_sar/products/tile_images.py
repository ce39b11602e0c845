"""Images of one stack under a tile, and the planes of products from them on the tile's pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.chips.quantise import quantise
from m3leo_sar.chips.transfer import to_host
from m3leo_sar.grid.window import Window
from m3leo_sar.insar.coherence import coherence
from m3leo_sar.insar.interferogram import interferogram
from m3leo_sar.io.chips.coherence_uint8 import LEVELS, NO_DATA
from m3leo_sar.products.recipe import Image, images_of
from m3leo_sar.products.valid_looks import ValidLooks
from m3leo_sar.warp.pixel_map import PixelMap
from m3leo_sar.warp.sample import sample


class TileImages:
    """Pixels of the images that a tile needs, and planes from them, in host memory.

    Parameters
    ----------
    pixels : (images, rows, cols) complex
        NumPy or CuPy: the part of the stack under the tile.
    images : sequence of Image
        Their names, in order.
    positions : PixelMap
        Of the tile's pixels in them.
    resampling : str
    window : Window
        Of the coherence.
    """

    def __init__(
        self, pixels: Any, images: Sequence[Image], positions: PixelMap, *, resampling: str, window: Window
    ) -> None:
        self.pixels, self.positions, self.resampling = pixels, positions, resampling
        self._place = {image: index for index, image in enumerate(images)}
        self._looks = ValidLooks(pixels, window, self._to_tile)

    @property
    def nbytes(self) -> int:
        """Bytes of one image."""
        return int(self.pixels[0].nbytes)

    def coherence(self, keys: Sequence[str], options: Mapping[str, Any], *, dtype: str = "float32") -> NDArray[Any]:
        """(keys, tile rows, tile cols) in [0, 1], or their levels if the dtype is uint8."""
        maps = coherence(self.pixels, pairs=[self._indices(key) for key in keys], **options)
        planes = sample(maps, self.positions, resampling=self.resampling)
        if dtype == "uint8":
            levels: NDArray[Any] = to_host(quantise(planes, levels=LEVELS, no_data=NO_DATA))
            return levels
        found: NDArray[Any] = to_host(planes)
        # Weights sum to one up to rounding, and those of a cubic kernel overshoot.
        return np.clip(found, 0, 1, out=found)

    def looks(self, key: str) -> NDArray[Any]:
        """Valid samples of both images in the window."""
        return self._looks.of(*self._indices(key))

    def interferogram(self, key: str) -> NDArray[Any]:
        """Single-look interferogram."""
        found: NDArray[Any] = self._to_tile(interferogram(self.pixels, pairs=[self._indices(key)]))[0]
        return found

    def intensity(self, key: str) -> NDArray[Any]:
        """Power of one image."""
        image = self.pixels[self._indices(key)[0]]
        return self._to_tile((image.real**2 + image.imag**2).astype(np.float32))

    def ratio(self, key: str, options: Mapping[str, Any]) -> NDArray[Any]:
        """Mean power of the reference over that of the secondary, of the samples of the window that both have."""
        first, second = (self.pixels[index] for index in self._indices(key))
        maps = coherence(first, second, output="all", **options)
        planes = [self._to_tile(plane) for plane in (maps.power_reference, maps.power_secondary)]
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = (planes[0] / planes[1]).astype(np.float32)
        ratio[~np.isfinite(ratio)] = np.nan
        return ratio

    def _indices(self, key: str) -> tuple[int, int]:
        """Positions of the reference and the secondary of a key; of a single image, twice the same."""
        images = images_of(key)
        return self._place[images[0]], self._place[images[-1]]

    def _to_tile(self, planes: Any) -> NDArray[Any]:
        taken: NDArray[Any] = to_host(sample(planes, self.positions, resampling=self.resampling))
        return taken
