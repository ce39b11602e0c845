"""Seconds of the CPU until the package and its command are there: ``python benchmarks/start_up.py [BASE ...]``.

Each is a process of its own; the smallest of several is shown, as other work only adds. Sources of other builds, such
as a checkout of an older commit with its kernels, are called in turns. The first turn compiles all modules, as an
installation does, into a temporary folder.
"""

from __future__ import annotations

import datetime
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

_COMMAND = "import sys; sys.argv[0] = 'm3leo-sar'; from m3leo_sar.app.command import main; main()"


def starts(stack: Path) -> dict[str, list[str]]:
    """Arguments of Python by what starts."""
    return {
        "Python": ["-c", "pass"],
        "import numpy": ["-c", "import numpy"],
        "import m3leo_sar": ["-c", "import m3leo_sar"],
        "m3leo-sar --help": ["-c", _COMMAND, "--help"],
        "m3leo-sar pairs": ["-c", _COMMAND, "pairs", str(stack)],
    }


def seconds(arguments: list[str], source: Path, compiled: Path) -> float:
    """Seconds of the CPU of one process with a source in front of its path, and a folder of its compiled modules."""
    environment = {**os.environ, "PYTHONPATH": str(source), "PYTHONPYCACHEPREFIX": str(compiled)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], env=environment, cwd="/", stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def small_stack(folder: Path, source: Path, compiled: Path) -> Path:
    """A stack of four dates, written by the build that reads it: earlier ones do not read later formats."""
    words = ["simulate", str(folder), "--rows", "40", "--cols", "60", "--dates", "4"]
    seconds(["-c", _COMMAND, *words], source, compiled)
    return folder


def compare(sources: list[Path], *, rounds: int = 6) -> dict[str, list[float]]:
    """Least seconds of each start, by source."""
    with tempfile.TemporaryDirectory() as folder:
        compiled = Path(folder, "compiled")
        stacks = [small_stack(Path(folder, str(number)), source, compiled) for number, source in enumerate(sources)]
        places = [starts(stack) for stack in stacks]
        return {
            name: [
                min(found)
                for found in zip(
                    *(
                        [seconds(place[name], source, compiled) for place, source in zip(places, sources, strict=True)]
                        for _ in range(rounds)
                    ),
                    strict=True,
                )
            ]
            for name in places[0]
        }


def main() -> None:
    own = Path(__file__).resolve().parents[1] / "src"
    sources = [own, *(Path(name).resolve() for name in sys.argv[1:])]
    print(f"{datetime.date.today()}, load {os.getloadavg()[0]:.1f}; seconds of the CPU, the smallest of 6\n")
    print(f"| | {' | '.join(map(str, ['this build', *sources[1:]]))} |\n|---|{'---|' * len(sources)}")
    for name, found in compare(sources).items():
        print(f"| {name} | {' | '.join(f'{value:.2f}' for value in found)} |")


if __name__ == "__main__":
    main()
