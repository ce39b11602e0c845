"""The scope of process numbers: a machine or container."""

from __future__ import annotations

import hashlib
import os
import socket
from contextlib import suppress
from functools import cache
from pathlib import Path


def host_name() -> str:
    """Name of the scope of our process numbers: a machine since its last start, or a container on it."""
    parts = [socket.gethostname()]
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
    with suppress(OSError):
        parts.append(str(os.stat("/proc/self/ns/pid").st_ino))
    return " ".join(parts)


@cache
def host_tag() -> str:
    """Eight hex digits that identify a :func:`host_name` in the name of a file."""
    return hashlib.sha256(host_name().encode()).hexdigest()[:8]
