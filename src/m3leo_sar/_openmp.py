"""Start of the OpenMP runtime of the kernels, which reads its settings once, when the first kernel is loaded."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from m3leo_sar import _machine


@contextmanager
def openmp_settings() -> Iterator[None]:
    """Environment in which an OpenMP runtime loads; settings of the user have priority, and none is left behind.

    As many threads as there are CPUs for this process: the runtime itself knows affinity, but no quota of a control
    group. Idle threads sleep: on a machine with other work, spinning ones take the CPUs from those they wait for.
    """
    wanted = {"OMP_NUM_THREADS": str(_machine.available_cpus()), "OMP_WAIT_POLICY": "passive"}
    added = {name: value for name, value in wanted.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)
