"""Runs cases of ``against_cases.py`` in the build that it imports, as ``against.py`` asks, one line of JSON each."""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))


def cpu_seconds() -> float:
    """Of this process, all threads, and of its children that ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(part.ru_utime + part.ru_stime for part in used)


class Station:
    """Answers requests; holds one case at a time."""

    call: Callable[[], Any] | None = None

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        if request["do"] == "where":
            import m3leo_sar

            return {"module": m3leo_sar.__file__}
        if request["do"] == "prepare":
            return {"error": self._prepare(request["name"], request["size"])}
        if request["do"] == "forget":
            self.call = None
            return {}
        return self._time()

    def _prepare(self, name: str, size: int) -> str | None:
        from against_cases import CASES

        try:
            self.call = CASES[name].prepare(size)
            self.call()
        except Exception as error:  # whatever an older build says to a word or an option that it lacks
            self.call = None
            return f"{type(error).__name__}: {error}"
        return None

    def _time(self) -> dict[str, Any]:
        assert self.call is not None
        cpu, started = cpu_seconds(), time.perf_counter()
        self.call()
        return {"wall": time.perf_counter() - started, "cpu": cpu_seconds() - cpu}


def main() -> None:
    # What a case prints must not mix with the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    station = Station()
    for line in sys.stdin:
        print(json.dumps(station.answer(json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
