"""CPUs and memory that this process may use: of the machine's, those that affinity and control groups leave to it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

#: Where Linux states the control groups of this process and their mounts.
_PROCESS = Path("/proc/self")


def available_cpus(process: Path = _PROCESS) -> int:
    """CPUs that this process may use: the smallest of affinity and of the quotas of its control groups, at least 1.

    A quota of 2.5 CPUs counts as 2: a third thread would stop all three for a part of every period.

    Parameters
    ----------
    process : Path
        Folder of ``cgroup`` and ``mountinfo``, version 1 or 2 of control groups; absent on other systems than Linux.
    """
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else machine_cpus()
    quotas = (int(quota) for folder in _groups(process, "cpu") if (quota := _cpu_quota(folder)) is not None)
    return max(1, min([affinity, *quotas]))


def machine_cpus() -> int:
    """CPUs of the machine, whatever share of them this process may use."""
    return os.cpu_count() or 1


def memory_limit(process: Path = _PROCESS) -> int | None:
    """Bytes of memory that this process may use: the smallest of the machine's and its control groups' limits.

    None where neither is known.
    """
    known = [limit for folder in _groups(process, "memory") for limit in _memory_limits(folder)]
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        known.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    return min(known, default=None)


def within_memory(wanted: int, *, parts: int) -> int:
    """``wanted`` bytes, or one of so many equal parts of this process's memory if that is less."""
    limit = memory_limit()
    return wanted if limit is None else min(wanted, limit // parts)


def _groups(process: Path, controller: str) -> Iterator[Path]:
    """Folders of this process's control groups of a controller and of their ancestors, whose limits hold as well."""
    members = dict(_memberships(process))
    for kind, root, mount, options in _mounts(process):
        name = controller if kind == "cgroup" else ""
        if (kind == "cgroup2" or (kind == "cgroup" and controller in options)) and name in members:
            group = PurePosixPath(members[name])
            # A group outside of what is mounted, as in some containers: then the mount itself is the nearest known.
            inside = group.relative_to(root) if group.is_relative_to(root) else PurePosixPath()
            folder = PurePosixPath(mount) / inside
            yield from (Path(place) for place in (folder, *folder.parents) if place.is_relative_to(mount))


def _memberships(process: Path) -> Iterator[tuple[str, str]]:
    """Controllers and the path of their group; the one of version 2 has an empty name."""
    for line in _lines(process / "cgroup"):
        _, names, path = line.split(":", 2)
        yield from ((name, path) for name in names.split(","))


def _mounts(process: Path) -> Iterator[tuple[str, str, str, list[str]]]:
    """Kind, root, mount point and options of each mount of control groups."""
    for line in _lines(process / "mountinfo"):
        place, _, source = line.partition(" - ")
        kind = source.partition(" ")[0]
        if kind in ("cgroup", "cgroup2"):
            root, mount = (part.replace("\\040", " ") for part in place.split(" ")[3:5])
            yield kind, root, mount, source.rpartition(" ")[2].split(",")


def _cpu_quota(folder: Path) -> float | None:
    """CPUs per period of a control group, None if it has no quota."""
    numbers = _numbers(folder / "cpu.max")
    if not numbers:
        numbers = [*_numbers(folder / "cpu.cfs_quota_us"), *_numbers(folder / "cpu.cfs_period_us")]
    # "max" is no number, and version 1 writes -1.
    return numbers[0] / numbers[1] if len(numbers) == 2 and min(numbers) > 0 else None


def _memory_limits(folder: Path) -> Iterator[int]:
    """Limits of a control group in bytes; without one, version 1 states a size that no machine has."""
    for name in ("memory.max", "memory.high", "memory.limit_in_bytes"):
        yield from (number for number in _numbers(folder / name) if number > 0)


def _numbers(file: Path) -> list[int]:
    return [int(word) for line in _lines(file)[:1] for word in line.split() if word.lstrip("-").isdecimal()]


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text().splitlines()
    except OSError:
        return []
