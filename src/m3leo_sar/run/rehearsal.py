"""Jobs of a known length, to measure and to test executors."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any


def sleep(common: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    """Wait, as a job waits for a disk."""
    time.sleep(seconds)
    return {"tiles": []}


def spin(common: Mapping[str, Any], amount: float) -> dict[str, Any]:
    """Compute ``amount`` times ten million additions, some tenths of a second each."""
    total = 0
    for number in range(int(amount * 1e7)):
        total += number
    return {"tiles": [], "total": total}
