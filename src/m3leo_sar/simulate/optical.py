"""An optical image of a simulated scene."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from m3leo_sar.simulate.scene import Scene


def optical_image(scene: Scene, reflectance: Mapping[int, float], *, noise: float = 0.03) -> NDArray[np.float32]:
    """Reflectance of the scene's ground in one band, with noise.

    Parameters
    ----------
    scene : Scene
    reflectance : mapping of int to float
        Mean of each class, by its code.
    noise : float
        Standard deviation, independent between pixels.

    Returns
    -------
    (rows, cols) float32
        On the scene's grid; it may fall below 0 where the noise does.

    Raises
    ------
    ValueError
        If a class of the scene has no reflectance, or the noise is negative.

    Examples
    --------
    >>> import datetime
    >>> from m3leo_sar import GeoBox
    >>> from m3leo_sar.simulate.scene import simulate_scene
    >>> box = GeoBox.from_bounds((500000, 0, 500600, 400), shape=(40, 60), crs="EPSG:32631")
    >>> scene = simulate_scene(box, dates=[datetime.date(2023, 1, 1)])
    >>> optical_image(scene, {cover.code: cover.code / 100 for cover in scene.classes}, noise=0.0).shape
    (40, 60)
    """
    if noise < 0:
        raise ValueError(f"noise must be at least 0, got {noise}")
    missing = [cover.code for cover in scene.classes if cover.code not in reflectance]
    if missing:
        raise ValueError(f"reflectance must have the code of every class, it lacks {', '.join(map(str, missing))}")
    codes = scene.labels()["landcover"][0]
    mean = np.zeros(256, np.float64)
    mean[list(reflectance)] = list(reflectance.values())
    drawn = np.random.default_rng((scene.seed, 6)).standard_normal(codes.shape)
    return (mean[codes] + noise * drawn).astype(np.float32)
