"""Names of the products of a tile, as an archive stores them."""

from __future__ import annotations

COHERENCE, INTERFEROGRAM, INTENSITY, LABEL = "coherence", "interferogram", "intensity", "label"
#: Valid samples of both dates in each window of a coherence.
LOOKS = "looks"
