"""Facts as plain JSON values, and a digest of them."""

from __future__ import annotations

import datetime
import hashlib
import json
from typing import Any

import numpy as np


def parameter_digest(parameters: Any) -> str:
    """Sixteen hex digits that change when any parameter does."""
    text = json.dumps(parameters, sort_keys=True, default=plain_value)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def plain_value(value: Any) -> Any:
    """A date or NumPy number as a JSON value; TypeError for values without a plain form."""
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"metadata must be plain values, got {type(value).__name__}")
