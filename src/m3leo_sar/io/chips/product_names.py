"""Names of the products of a tile, as an archive stores them."""

from __future__ import annotations

COHERENCE, INTERFEROGRAM, INTENSITY, LABEL = "coherence", "interferogram", "intensity", "label"
#: Intensity of one polarisation over that of another, each the mean of a window.
RATIO = "ratio"
#: Valid samples of both dates in each window of a coherence.
LOOKS = "looks"
#: Terrain-flattened gamma nought of one date, in the unit of the intensity.
GAMMA0 = "gamma0"
